#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A short run of fuzz_import, the same every time.
. "${BASH_SOURCE%/*}/../cli/lib.sh"

bash "$SOURCE/tests/fuzz/corpus.sh" "$BUILD" corpus
"$BUILD/tests/fuzz_import" --count "${FUZZ_COUNT:-1500}" --save "$scratch/failures" corpus/* || fail 'see above'
