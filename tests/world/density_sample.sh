#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Two worlds of density.sh, with goals that so few can be held to: what has gone wrong misses them.
set -eu
if [ "${SANITIZED:-0}" = 1 ]; then
	echo 'SKIP: figures are the same with sanitizers, and slower'
	exit 77
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
JOBS=1 SECONDS_EACH=2 REPLICATES=3 KEEP=$scratch CHANGES='vms=+1 cpus=-1 window=4' GOALS='0.7 5 0.7' \
	bash "${BASH_SOURCE%/*}/density.sh" 2 508
