#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What 'counterspin simulate' costs: how fast its engine is, beside another simulator of the same
# host; how that grows with CPUs and vCPUs; and how long a long recording takes as a whole.
#
# usage: simulate.sh [--pairs N] [--long SECONDS]	(5 pairs; no long recording)
#
# The peer is the simulator of tests/world that made the recording: stock on the host of shape
# 'vips' (16 CPUs, 3 VMs of 16 vCPUs, EEVDF), the same seconds of it. Both take turns; what a run
# takes is the CPU time of many runs less that of few, so that reading and extracting do not count.
#
# --long: so many seconds of that host, five policies, all replicates. 30 seconds are 40 million
# events, 1.3 GB of recording and 2 GB of database for a while.
. "${BASH_SOURCE%/*}/lib.sh"

world=$tests/world/world pairs=5 long=
while [ $# -gt 0 ]; do
	case $1 in
	--pairs) pairs=${2-}; shift ;;
	--long) long=${2-x}; shift ;;
	*) pairs= ;;
	esac
	shift
done
if ! is_number "$pairs" || { [ -n "$long" ] && ! is_number "$long"; } || [ ! -x "$world" ]; then
	sed -n 's/^# usage: /usage: /p' "$here/simulate.sh" >&2
	exit 2
fi

# runs NAME DB REPLICATES: CPU seconds of it into NAME.runs. Status 1: the gate refuses, having run it all.
runs() {
	run "$1" sh -c "'$counterspin' simulate --json -p stock --replicates=$3 '$2' > $1.json || [ \$? -eq 1 ]"
}

# per_run DB FEW MANY: CPU seconds of one run, and of what comes before any
per_run() {
	local lanes

	rm -f few.runs many.runs
	for ((r = 0; r < 3; r++)); do
		runs few "$1" "$2"
		runs many "$1" "$3"
	done
	lanes=$(sqlite3 :memory: "SELECT json_array_length(readfile('few.json'), '\$.variants')")
	awk -v few="$(column few.runs 2)" -v many="$(column many.runs 2)" -v a="$2" -v b="$3" -v lanes="$lanes" 'BEGIN {
		run = (many - few) / (b - a) / lanes
		printf "%.6f %.3f\n", run, few - run * (a + 1) * lanes }'
}

engine() {
	echo 'Made-up programs, one run each:'
	"$tests/simulate" 1000
}

# The peer's two runs of stock; ours of the four variants of EEVDF.
peer() {
	local seconds=2

	"$world" shape vips 3 1 --seconds $seconds --replicates 0 --out peer
	"$counterspin" import --force peer/stock.dat -o peer.db 2> import.log
	rm -rf peer
	rm -f ratio.runs
	for ((i = 0; i < pairs; i++)); do
		rm -f peer.runs few.runs many.runs
		run peer "$world" shape vips 3 1 --seconds $seconds --override=1=-1
		runs few peer.db 2
		runs many peer.db 12
		awk -v peer="$(column peer.runs 2)" -v few="$(column few.runs 2)" -v many="$(column many.runs 2)" \
			'BEGIN { printf "%.4f %.4f %.4f\n", peer / 2, (many - few) / 40, peer / 2 / ((many - few) / 40) }' >> ratio.runs
	done
	awk -v peer="$(column ratio.runs 1)" -v ours="$(column ratio.runs 2)" -v ratio="$(column ratio.runs 3)" \
		-v least="$(least ratio.runs 3)" -v s=$seconds -v events="$(sqlite3 :memory: \
		"SELECT json_extract(readfile('many.json'), '\$.events')")" 'BEGIN {
		printf "\n%d s of 16 CPUs and 48 vCPUs, CPU seconds a run: peer %.3f, simulate %.3f (%.1f M events/s); ", s, peer,
			ours, events / ours / 1e6
		printf "simulate is %.2f times as fast (least %.2f)\n", ratio, least }'
}

# row CPUS VMS VCPUS: about 1.5 s of a generated host
row() {
	local events time

	events=$(generate r.dat --probes --cpus "$1" --vms "$2" --vcpus "$3" --events $(($1 * 90000 + 60000)))
	"$counterspin" import --force r.dat -o r.db 2> import.log
	rm -f r.dat r.dat.host.json
	time=$(per_run r.db 2 8)
	awk -v cpus="$1" -v shape="$2x$3" -v time="$time" -v recorded="$events" -v rss="$(column many.runs 3)" \
		-v result="$(sqlite3 -separator ' ' :memory: "SELECT json_extract(j, '\$.events'), json_extract(j, '\$.seconds')
			FROM (SELECT readfile('many.json') AS j)")" 'BEGIN {
		split(time, t, " ")
		split(result, r, " ")
		printf "%4d %8s %9.2f %12d %12d %11.3f %13.2f %13.3f %9.1f\n", cpus, shape, r[2], recorded, r[1], t[1],
			r[1] / t[1] / 1e6, t[2], rss / 1024 }'
	rm -f r.db
}

growth() {
	echo
	echo 'Generated recordings, 4 vCPUs to a CPU, then others; CPU seconds:'
	printf '%4s %8s %9s %12s %12s %11s %13s %13s %9s\n' CPUs VMs seconds 'rec. events' 'sim. events' 'of one run' \
		'M events/s' 'before them' 'RSS MiB'
	for shape in 1x1x4 2x2x4 4x2x8 8x2x16 16x4x16 32x8x16 64x16x16 16x2x16 16x8x16; do
		row ${shape//x/ }
	done
}

whole() {
	echo
	"$world" shape vips 3 1 --seconds "$long" --replicates 0 --out long
	run import "$counterspin" import --force long/stock.dat -o long.db
	rm -rf long
	run whole sh -c "'$counterspin' simulate --json -p stock -p ipi-aware -p relaxed -p ipi-aware+relaxed \
		-p receiver-first long.db > whole.json || [ \$? -eq 1 ]"
	awk -v s="$long" -v wall="$(column whole.runs 1)" -v cpu="$(column whole.runs 2)" -v rss="$(column whole.runs 3)" \
		-v import="$(column import.runs 2)" -v result="$(sqlite3 -separator ' ' :memory: "SELECT json_extract(j, '\$.events'),
			json_extract(j, '\$.gate.result') FROM (SELECT readfile('whole.json') AS j)")" 'BEGIN {
		split(result, r, " ")
		printf "%d s of 16 CPUs and 48 vCPUs, five policies, 20 replicates: import %.0f CPU s; simulate %.0f s, %.0f CPU s, ", s,
			import, wall, cpu
		printf "RSS %.0f MiB; %.1f M events a run; gate %s\n", rss / 1024, r[1] / 1e6, r[2] }'
}

about_here
engine
peer
growth
[ -z "$long" ] || whole
