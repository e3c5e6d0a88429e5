#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the exact curve over all windows costs: 'counterspin tune', beside one 'counterspin replay'
# of the same policy on the same database. Both take turns, and which goes first does, too.
#
# usage: tune.sh [--pairs N] [RECORDING]	(10 pairs, tests/data/balanced.dat)
#
# CPU seconds are medians; in brackets, quartiles of the ratios of each pair.
. "${BASH_SOURCE%/*}/lib.sh"

invoked=$OLDPWD pairs=10 recording=$here/../data/balanced.dat
while [ $# -gt 0 ]; do
	case $1 in
	--pairs) pairs=${2-}; shift ;;
	*) recording=$(realpath "$invoked/$1" 2> /dev/null || realpath "$1") ;;
	esac
	shift
done
is_number "$pairs" || {
	sed -n 's/^# usage: /usage: /p' "$here/tune.sh" >&2
	exit 2
}

"$counterspin" import --force "$recording" -o bench.db 2> /dev/null
one() {
	case $1 in
	tune) run tune "$counterspin" tune --policy=ipi-aware+relaxed bench.db ;;
	replay) run replay "$counterspin" replay --policy=ipi-aware+relaxed bench.db ;;
	esac
}
about_here
for ((i = 0; i < pairs; i++)); do
	if [ $((i % 2)) -eq 0 ]; then one tune; one replay; else one replay; one tune; fi
done
steps=$("$counterspin" tune --json bench.db | grep -c '"ipi_window_ns":.*[0-9],$' || true)
echo "$(basename "$recording"): $steps windows; medians of $pairs pairs, CPU seconds"
awk -v tune="$(column tune.runs 2)" -v replay="$(column replay.runs 2)" 'BEGIN {
	printf "tune %.3f, replay %.3f\n", tune, replay }'
paste tune.runs replay.runs | awk '{ print $2 / $(NF / 2 + 2) }' | sort -g | awk '{ r[NR] = $1 } END {
	printf "tune / replay %.2fx [%.2f, %.2f] (goal: 2)\n", r[int((NR + 1) / 2)], r[int((NR + 3) / 4)], r[int((3 * NR + 3) / 4)] }'
