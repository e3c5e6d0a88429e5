#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A small sample of what acceptance.sh does, with goals that so few worlds and so short recordings can
# be held to: an estimator or a simulation that has gone wrong misses them.
set -eu
if [ "${SANITIZED:-0}" = 1 ]; then
	echo 'SKIP: figures are the same with sanitizers, and slower'
	exit 77
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
EVALUATE='replay simulate' RUNS=4 JOBS=1 SECONDS_EACH=2 REPLICATES=4 KEEP=$scratch GOALS='0.8 0.6 2 0.7' bash "${BASH_SOURCE%/*}/acceptance.sh" 8 301
EVALUATE=simulate GOALS='0.85 0.75 1.2 0.8' bash "${BASH_SOURCE%/*}/acceptance.sh" --score "$scratch"
