#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# How much slower a load that does nothing but switch gets (pipe_load) while this machine is recorded:
# by nobody; by 'counterspin record' within its budget; by it without one, so with all events; by
# 'perf record' of the same events. All take turns, some rounds long; figures are ratios to the
# untraced run of the same round. Needs root.
#
# usage: record.sh [--rounds N] [--seconds N]	(5 rounds of 8 s)
. "${BASH_SOURCE%/*}/lib.sh"

rounds=5 seconds=8
while [ $# -gt 0 ]; do
	case $1 in
	--rounds) rounds=${2-}; shift ;;
	--seconds) seconds=${2-}; shift ;;
	*) rounds= ;;
	esac
	shift
done
if ! is_number "$rounds" || ! is_number "$seconds"; then
	sed -n 's/^# usage: /usage: /p' "$here/record.sh" >&2
	exit 2
fi

events=(sched:sched_switch sched:sched_waking sched:sched_wakeup sched:sched_wakeup_new sched:sched_migrate_task
	sched:sched_process_fork sched:sched_process_free kvm:kvm_entry kvm:kvm_exit)
peers=(none budget full)
if command -v perf > found; then
	peers+=(perf)
else
	echo 'perf record: not measured, no perf'
fi
declare -A title=([none]='untraced' [budget]='counterspin record' [full]='counterspin record --budget 0'
	[perf]='perf record')

# Turns that take about so many seconds, untraced.
one=$("$tests/pipe_load" 20000)
turns=$(awk -v s="$seconds" -v one="$one" 'BEGIN { printf "%d", 20000 * s / one }')

wait_for_line() {	# PATTERN FILE
	for _ in $(seq 200); do
		if grep -q "$1" "$2"; then
			return
		fi
		sleep 0.1
	done
	echo "record.sh: $(tail -1 "$2")" >&2
	exit 3
}

traced() {	# MODE: prints the seconds of the load
	local recorder

	rm -f out.dat out.data
	: > "$1.log"
	case $1 in
	none)
		"$tests/pipe_load" "$turns"
		return ;;
	budget)
		# twice as long as the load takes by itself, so that it does not end first
		"$counterspin" record -d $((2 * seconds))s --max-size 4G -o out.dat 2> "$1.log" & ;;
	full)
		"$counterspin" record --budget 0 -d $((4 * seconds))s --max-size 4G -o out.dat 2> "$1.log" & ;;
	perf)
		perf record -q -a -k CLOCK_MONOTONIC -m 8M -o out.data $(printf -- '-e %s ' "${events[@]}") -- \
			sleep $((4 * seconds)) 2> "$1.log" & ;;
	esac
	recorder=$!
	if [ "$1" = perf ]; then
		sleep 1
	elif [ "$1" = budget ]; then
		# it counts first, and is to count the load
		"$tests/pipe_load" $((turns / seconds * 2)) > warm
		wait_for_line 'record: recording' "$1.log"
	else
		wait_for_line 'record: recording' "$1.log"
	fi
	"$tests/pipe_load" "$turns"
	kill -TERM $recorder || true	# SIGINT is ignored in the background of a script
	wait $recorder || true
	if [ "$1" != perf ]; then
		sed -n 's/.*it took about \([^ ]*\) %.*/\1/p' "$1.log" >> "$1.said"
		sed -n 's/.* \([0-9]*\) events were lost.*/\1/p' "$1.log" >> "$1.lost"
	fi
}

about_here
for ((r = 0; r < rounds; r++)); do
	for p in "${peers[@]}"; do
		traced "$p" >> "$p.runs"
	done
done

echo "$turns turns of two processes, $rounds rounds; time, to the untraced run's of the same round"
for p in "${peers[@]}"; do
	[ "$p" != none ] || continue
	paste "$p.runs" none.runs | awk '{ print $1 / $2 }' > ratios
	printf '%-32s %6.3f  (%.3f to %.3f)' "${title[$p]}" "$(column ratios 1)" "$(least ratios 1)" \
		"$(sort -gr ratios | head -1)"
	[ ! -s "$p.said" ] || printf '; said of itself: %.2f %% of the CPU' "$(column "$p.said" 1)"
	[ ! -s "$p.lost" ] || printf '; events lost in %d rounds' "$(wc -l < "$p.lost")"
	echo
done
