#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# trends.sh		shapes at 2, 3 and 4 VMs: generate, import, simulate, and the table
# trends.sh --table DIR	the table of what DIR/SHAPE-VMS/{truth,simulate}.json say
#
# What the series on KVM directed yield reports of Dedup, VIPS and Dbench on a host of 16 cores with
# 2, 3 and 4 VMs of 16 vCPUs, beside what worlds whose guests are of that shape (shapes.c) really
# gain, and what 'counterspin simulate' makes of their recordings. Gains in work, %: a run time that
# falls by r is a gain of 1 / (1 - r) - 1. Of each row: is its sign at each density, its trend from 2
# to 4 VMs and its size, within a factor of 2 at each density, as published?
#
# From the environment: COUNTERSPIN and WORLD (programs; default: of build/), KEEP (directory for the
# JSON, kept; default: a temporary one), SECONDS_EACH (2), REPLICATES (of the truth: 2; of simulate
# twice as many), SEED (1).
set -eu
set -o pipefail
export LC_ALL=C

top=$(realpath "${BASH_SOURCE%/*}/../..")
COUNTERSPIN=${COUNTERSPIN:-$top/build/counterspin}
WORLD=${WORLD:-$top/build/tests/world/world}
replicates=${REPLICATES:-2}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

one() {	# DIR SHAPE VMS
	local dir=$1/$2-$3 status=0
	"$WORLD" shape "$2" "$3" "${SEED:-1}" --out "$dir" --seconds "${SECONDS_EACH:-2}" --replicates "$replicates" \
		--sides
	"$COUNTERSPIN" import --force "$dir/stock.dat" -o "$dir/db" 2> "$dir/import.log"
	rm -f "$dir/stock.dat"
	"$COUNTERSPIN" simulate --json --replicates=$((2 * replicates)) -p stock -p relaxed -p ipi-aware+relaxed \
		--side plain --side debooster-v1 --side debooster-v2 --side lag-credit "$dir/db" \
		> "$dir/simulate.json" 2> "$dir/simulate.log" || status=$?
	rm -f "$dir/db"
	[ $status -le 1 ] && [ -s "$dir/simulate.json" ]
}

# Rows are shape, VMs, what, gain.
rows() {	# DIR
	local shape vms
	# changes of run time (of Dbench: of throughput), %, with the whole third series
	cat <<-'END'
		dedup	2	published	9.7
		dedup	3	published	11.5
		dedup	4	published	18.5
		vips	2	published	11.4
		vips	3	published	7.1
		vips	4	published	4.7
		dbench	2	published	6.65
		dbench	3	published	4.80
		dbench	4	published	7.59
	END
	for shape in dedup vips dbench; do
		for vms in 2 3 4; do
			sqlite3 -batch -noheader -separator '	' -nullvalue - :memory: "
				WITH truth AS (SELECT value AS t FROM json_each(readfile('$1/$shape-$vms/truth.json'), '\$.policies')),
				s AS (SELECT readfile('$1/$shape-$vms/simulate.json') AS s),
				estimate AS (SELECT e.value AS e FROM s, json_each(s.s, '\$.policies') AS e),
				course AS (SELECT t ->> 'name' AS name, t ->> 'scheduler_side' AS side, t FROM truth
				  WHERE name IN ('stock', 'relaxed', 'ipi-aware+relaxed') AND name || side <> 'stockplain')
				SELECT '$shape', $vms, 'gate', s ->> '\$.gate.result' FROM s
				UNION ALL SELECT '$shape', $vms, format('%s, %s: truth', name, side), t ->> '\$.throughput_gain.mean'
				  FROM course
				UNION ALL SELECT '$shape', $vms, format('%s, %s: simulate', name, side), e ->> '\$.estimates[0].value'
				  FROM course LEFT JOIN estimate ON name = e ->> 'name' AND side = e ->> 'scheduler_side'"
		done
	done
}

table() {
	awk -F '\t' '
	function abs(x) { return x < 0 ? -x : x }
	function gain(shape, what, n) { return value[shape, what, n] }
	function known(shape, what,    n) {
		for (n = 2; n <= 4; n++)
			if (gain(shape, what, n) == "" || gain(shape, what, n) == "-")
				return 0
		return 1
	}
	function as_published(shape, what,    n, signs, sizes, p, g) {
		if (!known(shape, what))
			return "- | - | -"
		signs = sizes = 1
		for (n = 2; n <= 4; n++) {
			p = gain(shape, "published", n)
			g = gain(shape, what, n)
			signs = signs && g * p > 0
			sizes = sizes && g * p > 0 && abs(g) >= abs(p) / 2 && abs(g) <= 2 * abs(p)
		}
		p = gain(shape, "published", 4) - gain(shape, "published", 2)
		g = gain(shape, what, 4) - gain(shape, what, 2)
		return (signs ? "yes" : "no") " | " (p * g > 0 ? "yes" : "no") " | " (sizes ? "yes" : "no")
	}
	function shown(x) { return x == "" || x == "-" ? "-" : x ~ /^[A-Z]/ ? x : sprintf("%+.1f", x) }
	function line(shape, what) {
		printf "| %s | %s | %s | %s | %s | %s |\n", shape, what, shown(gain(shape, what, 2)),
			shown(gain(shape, what, 3)), shown(gain(shape, what, 4)),
			what == "published" || what == "gate" ? " | | " : as_published(shape, what)
	}
	{
		if (!($3 in seen)) {
			seen[$3]
			order[++n_order] = $3
		}
		value[$1, $3, $2] = $4
	}
	END {
		print "| shape | gain in work, % | 2 VMs | 3 VMs | 4 VMs | sign | trend | size |"
		print "|---|---|---|---|---|---|---|---|"
		n = split("dedup vips dbench", shapes, " ")
		for (i = 1; i <= n; i++)
			for (k = 1; k <= n_order; k++)
				line(shapes[i], order[k])
	}'
}

usage() {
	echo 'usage: trends.sh | --table DIR' >&2
	exit 2
}

dir=${KEEP:-$scratch}
if [ $# -eq 2 ] && [ "$1" = --table ]; then
	dir=$2
elif [ $# -ne 0 ]; then
	usage
else
	for shape in dedup vips dbench; do
		for vms in 2 3 4; do
			one "$dir" $shape $vms
			echo "$shape with $vms VMs" >&2
		done
	done
fi
rows "$dir" > "$scratch/rows"
table < "$scratch/rows"
