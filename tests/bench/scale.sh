#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# How the cost of 'counterspin import' per event, its memory and its database grow: with the
# length of a recording, then with the number of VMs and vCPUs.
#
# usage: scale.sh [--shapes EVENTS] [EVENTS...]	(shapes of 1000000; 1000000 10000000)
#
# 100000000 events take 10 GB of disk for a while. Shapes all have five vCPUs to a CPU, so that
# as many of them wait. Short imports are repeated, and the median counts.
. "${BASH_SOURCE%/*}/lib.sh"

shape_events=1000000 sizes=()
while [ $# -gt 0 ]; do
	case $1 in
	--shapes) shape_events=${2-}; shift ;;
	*) sizes+=("$1") ;;
	esac
	shift
done
[ ${#sizes[@]} -gt 0 ] || sizes=(1000000 10000000)
for number in "$shape_events" "${sizes[@]}"; do
	is_number "$number" || {
		sed -n 's/^# usage: /usage: /p' "$here/scale.sh" >&2
		exit 2
	}
done

head_of_table() {
	printf '%-12s %11s %9s %9s %9s %13s %9s %9s %12s %12s %11s\n' "$1" events 'rec. MiB' seconds \
		ns/event 'CPU ns/event' 'RSS MiB' 'anon MiB' 'database MiB' 'bytes/event' 'PAUSE/1000'
}

# row TITLE EVENTS [OPTION...]: of the generator
row() {
	local title=$1 events=$2 rounds n

	rounds=$((events < 3000000 ? 3 : 1))
	n=$(generate r.dat --events "$events" "${@:3}")
	rm -f import.runs
	for ((r = 0; r < rounds; r++)); do
		run import "$counterspin" import --force r.dat -o r.db
	done
	awk -v title="$title" -v n="$n" -v recording="$(stat -c %s r.dat)" -v db="$(stat -c %s r.db)" \
		-v wall="$(column import.runs 1)" -v cpu="$(column import.runs 2)" -v rss="$(column import.runs 3)" \
		-v anon="$(column import.runs 4)" \
		-v pause="$(sqlite3 r.db 'SELECT sum(n_pause) FROM vcpu')" 'BEGIN {
		printf "%-12s %11d %9.1f %9.2f %9.0f %13.0f %9.1f %9.1f %12.1f %12.1f %11.1f\n", title, n,
			recording / 1048576, wall, wall / n * 1e9, cpu / n * 1e9, rss / 1024, anon / 1024,
			db / 1048576, db / n, 1000 * pause / n }'
	rm -f r.dat r.dat.host.json r.db
}

about_here
head_of_table length
for size in "${sizes[@]}"; do
	row 20x16 "$size"
done
echo
head_of_table 'VMs x vCPUs'
for shape in 1x4 5x16 20x16 80x16 4x256; do
	vms=${shape%x*} vcpus=${shape#*x}
	row $shape "$shape_events" --vms "$vms" --vcpus "$vcpus" --cpus $(((vms * vcpus + 4) / 5))
done
