#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What 'counterspin import' costs, beside what others need to do no more than print the same
# recording. All take turns, some rounds long; figures are medians of rounds.
#
# usage: import.sh [--rounds N] [--profile] [EVENTS]	(5 rounds, 1000000 events)
#
#	--profile	also where one import spends its time (perf)
#
# 'best' is the fastest round; a median far above it says that the machine was busy. CPU time
# includes children. RSS is the largest process's; anon is the memory of all processes that is
# not backed by a file. perf.data is measured if the build has a program perf_recording
# (perf_recording IN.dat OUT.perf.data).
. "${BASH_SOURCE%/*}/lib.sh"

PEERS_AT_MOST=2000000	# events; peers read a recording of 1000000 where there are more

rounds=5 events=1000000 profile=
while [ $# -gt 0 ]; do
	case $1 in
	--rounds) rounds=${2-}; shift ;;
	--profile) profile=yes ;;
	*) events=$1 ;;
	esac
	shift
done
if ! is_number "$rounds" || ! is_number "$events"; then
	sed -n 's/^# usage: /usage: /p' "$here/import.sh" >&2
	exit 2
fi

# Recordings: of one seed, so of the same events.
n=$(generate raw.dat --events "$events")
generate zstd.dat --events "$events" --version 7 --zstd > zstd.n
peer=raw.dat peer_n=$n
if [ "$events" -gt $PEERS_AT_MOST ]; then
	peer=peer.dat
	peer_n=$(generate peer.dat --events 1000000)
fi

what=(raw zstd)
declare -A title=([raw]='import, trace.dat 6' [zstd]='import, trace.dat 7 zstd'
	[report]='trace-cmd report' [perf]='import, perf.data' [script]='perf script')
declare -A size=([raw]=$n [zstd]=$n [report]=$peer_n [perf]=$n [script]=$peer_n)
if command -v trace-cmd > found; then
	what+=(report)
else
	echo 'trace-cmd report: not measured, no trace-cmd'
fi
if [ -x "$tests/perf_recording" ]; then
	"$tests/perf_recording" raw.dat raw.perf.data
	cp raw.dat.host.json raw.perf.data.host.json
	what+=(perf)
	if command -v perf > found; then
		[ $peer = raw.dat ] || "$tests/perf_recording" peer.dat peer.perf.data
		what+=(script)
	else
		echo 'perf script: not measured, no perf'
	fi
else
	echo 'perf.data: not measured, the build has no perf_recording'
fi

one() {
	case $1 in
	raw | zstd) run "$1" "$counterspin" import --force "$1.dat" -o "$1.db" ;;
	perf) run perf "$counterspin" import --force raw.perf.data -o perf.db ;;
	report) run report trace-cmd report "$peer" ;;
	script) run script perf script -i "${peer%.dat}.perf.data" ;;
	esac
}

about_here
for w in "${what[@]}"; do	# files get into memory, and are not measured yet
	one "$w"
	rm "$w.runs"
done
for ((r = 0; r < rounds; r++)); do
	for w in "${what[@]}"; do
		one "$w"
	done
done

echo "$n events; medians of $rounds rounds"
printf '%-26s %11s %9s %9s %13s %9s %9s\n' '' events/s ns/event best 'CPU ns/event' 'RSS MiB' 'anon MiB'
for w in "${what[@]}"; do
	awk -v title="${title[$w]}" -v n="${size[$w]}" -v all="$n" -v wall="$(column "$w.runs" 1)" \
		-v best="$(least "$w.runs" 1)" -v cpu="$(column "$w.runs" 2)" \
		-v rss="$(column "$w.runs" 3)" -v anon="$(column "$w.runs" 4)" 'BEGIN {
		printf "%-26s %11d %9.0f %9.0f %13.0f %9.1f %9.1f%s\n", title, n / wall,
			wall / n * 1e9, best / n * 1e9, cpu / n * 1e9, rss / 1024, anon / 1024,
			n == all ? "" : "  (on " n " events)" }'
done

# ratio TEXT A B: how much longer A takes than B for an event, round by round.
ratio() {
	[ -e "$2.runs" ] && [ -e "$3.runs" ] || return 0
	paste "$2.runs" "$3.runs" | awk -v a="${size[$2]}" -v b="${size[$3]}" \
		'{ print $1 / a / ($5 / b) }' > ratios
	printf '%-52s %6.2f  (%.2f to %.2f)\n' "$1" "$(column ratios 1)" "$(least ratios 1)" \
		"$(sort -gr ratios | head -1)"
}
ratio 'trace-cmd report / import, trace.dat 6' report raw
ratio 'import, trace.dat 7 zstd / import, trace.dat 6' zstd raw
ratio 'perf script / import, perf.data' script perf

for w in raw zstd perf; do
	[ -e $w.db ] || continue
	awk -v title="database, from ${title[$w]#import, }" -v bytes="$(stat -c %s $w.db)" -v n="$n" 'BEGIN {
		printf "%-38s %12d bytes, %.1f per event\n", title, bytes, bytes / n }'
done
for f in raw.dat zstd.dat raw.perf.data; do
	[ ! -e $f ] || awk -v f=$f -v bytes="$(stat -c %s $f)" -v n="$n" 'BEGIN {
		printf "%-38s %12d bytes, %.1f per event\n", "recording " f, bytes, bytes / n }'
done

if [ -n "$profile" ]; then
	command -v perf > found || {
		echo 'no profile: no perf'
		exit 0
	}
	perf record -q -e cpu-clock -g -o profile.data "$counterspin" import --force raw.dat -o raw.db \
		2> profile.log || {
		echo "no profile: $(tail -1 profile.log)"
		exit 0
	}
	echo 'self time of one import, trace.dat 6, by library and by function:'
	for by in dso symbol,dso; do
		perf report -i profile.data --stdio --no-children -g none --sort $by 2> profile.log |
			sed -nE 's/ +(- +)*$//; /^ +[0-9.]+%/p' | head -25
		echo
	done
fi
