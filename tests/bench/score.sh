#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# How fast decisions are scored under all policies, beside a plain loop that looks at one vCPU
# after the other (tests/scalar_scan.h) and gives the same answers; what else a replay of a long
# recording spends its time on; and whether that grows with its length and no more.
#
# usage: score.sh [--rounds N] [--decisions N] [DB...]	(9 rounds, about 100000 decisions)
#
# DB: databases to score beside tests/data/balanced.dat and a generated host of 16 vCPUs to a VM.
# CPU time of one thread counts, so a busy machine disturbs little; ratios still less.
. "${BASH_SOURCE%/*}/lib.sh"

rounds=9 decisions=100000 more=()
while [ $# -gt 0 ]; do
	case $1 in
	--rounds) rounds=${2-}; shift ;;
	--decisions) decisions=${2-}; shift ;;
	-*) rounds= ;;
	*) more+=("$1") ;;
	esac
	shift
done
if ! is_number "$rounds" || ! is_number "$decisions"; then
	sed -n 's/^# usage: /usage: /p' "$here/score.sh" >&2
	exit 2
fi

# database NAME EVENTS [OPTION...]: of the generator
database() {
	generate "$1.dat" --events "$2" "${@:3}" > "$1.n"
	"$counterspin" import --force "$1.dat" -o "$1.db" > "$1.log" 2>&1
	rm "$1.dat"
}

about_here
"$counterspin" import "$here/../data/balanced.dat" -o balanced.db > balanced.log 2>&1
database 16 2000000 --probes
database 256 500000 --probes --vms 4 --vcpus 256 --cpus 205

declare -A title=([balanced]='tests/data/balanced.dat, 4 vCPUs to a VM'
	[16]='generated, 16 vCPUs to a VM'
	[256]='generated, 256 vCPUs to a VM')
for db in balanced 16 256; do
	echo
	echo "${title[$db]}:"
	"$tests/score" --rounds "$rounds" $db.db
done
echo
echo "${title[balanced]}, every decision fetched from memory:"
"$tests/score" --rounds "$rounds" --keep 1000000 balanced.db
for db in "${more[@]}"; do
	echo
	echo "$db:"
	"$tests/score" --rounds "$rounds" "$(cd "$OLDPWD" && realpath "$db")"
done

# about 23 events to a decision
for n in $((decisions / 4)) "$decisions"; do
	for probes in --probes ''; do
		database long $((n * 23)) $probes
		echo
		echo "one replay of a generated recording, ${probes:-no probes}:"
		"$tests/score" --split long.db
	done
done
