#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: test.sh JOB KERNEL [OPTION of lab.sh...]
#
# A job of jobs/ as a test: it is run in the lab, then JOB.after.sh, if there is one, looks at what
# it left in $OUT, with the words of cli/lib.sh.
job=${BASH_SOURCE%/*}/jobs/$1 kernel=$2
shift 2
OUT=$BUILD/lab/out/test-${job##*/}-$kernel
"${BASH_SOURCE%/*}/lab.sh" --kernel "$kernel" --build "$BUILD" --out "$OUT" "$@" "$job.sh" || exit
[ -e "$job.after.sh" ] || exit 0
after=$(realpath "$job.after.sh")
. "${BASH_SOURCE%/*}/../cli/lib.sh"
. "$after"
