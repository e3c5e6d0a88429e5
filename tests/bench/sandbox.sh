#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the sandbox costs 'counterspin import': a process more, filters of system calls, limits,
# being watched. The peer is import_direct, the same program but for the sandbox: it does the same
# work by itself. Both take turns, and which goes first does, too.
#
# usage: sandbox.sh [--pairs N] [EVENTS]	(20 pairs, 2000000 events)
#
# Figures are medians; in brackets, quartiles of the ratios of each pair. The peer runs twice in
# a turn, and its ratio to itself is what the machine makes of no difference at all.
. "${BASH_SOURCE%/*}/lib.sh"

pairs=20 events=2000000
while [ $# -gt 0 ]; do
	case $1 in
	--pairs) pairs=${2-}; shift ;;
	*) events=$1 ;;
	esac
	shift
done
if ! is_number "$pairs" || ! is_number "$events"; then
	sed -n 's/^# usage: /usage: /p' "$here/sandbox.sh" >&2
	exit 2
fi
direct=$tests/import_direct
[ -x "$direct" ] || {
	echo "${0##*/}: no $direct: build first" >&2
	exit 2
}

n=$(generate raw.dat --events "$events")

one() {
	case $1 in
	with) run with "$counterspin" import --force raw.dat -o with.db ;;
	without) run without "$direct" import --force raw.dat -o without.db ;;
	again) run again "$direct" import --force raw.dat -o without.db ;;
	esac
}

about_here
for w in with without; do	# the file gets into memory, and is not measured yet
	one $w
	rm $w.runs
done
for ((i = 0; i < pairs; i++)); do
	order=(with without again)
	[ $((i % 2)) -eq 0 ] || order=(again without with)
	for w in "${order[@]}"; do
		one "$w"
	done
done

echo "$n events; medians of $pairs pairs"
printf '%-26s %9s %9s %13s\n' '' seconds ns/event 'CPU ns/event'
row() {
	awk -v title="$1" -v n="$n" -v wall="$(column "$2.runs" 1)" -v cpu="$(column "$2.runs" 2)" 'BEGIN {
		printf "%-26s %9.3f %9.0f %13.0f\n", title, wall, wall / n * 1e9, cpu / n * 1e9 }'
}
row 'import' with
row 'import, no sandbox' without

# cost TEXT A B N: by how much column N of A exceeds that of B, pair by pair.
cost() {
	paste "$2.runs" "$3.runs" | awk -v n="$4" '{ print 100 * ($n / $(n + 4) - 1) }' | sort -g |
		awk -v title="$1" '
		function at(q,	i) { i = 1 + q * (NR - 1); return v[int(i)] + (i - int(i)) * (v[int(i) + (i < NR)] - v[int(i)]) }
		{ v[NR] = $1 }
		END { printf "%-44s %+6.1f %%  (%+.1f to %+.1f)\n", title, at(0.5), at(0.25), at(0.75) }'
}
cost 'the sandbox, CPU time' with without 2
cost 'the sandbox, wall time' with without 1
cost 'no difference, CPU time' again without 2
cost 'no difference, wall time' again without 1

if cmp with.db without.db; then
	echo 'both databases are the same'
else
	echo "${0##*/}: the databases differ: these figures compare different work" >&2
	exit 1
fi
