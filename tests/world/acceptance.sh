#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# acceptance.sh N [FIRST_SEED]	N worlds: generate, import, evaluate, score
# acceptance.sh --score DIR	score what DIR/SEED/truth.json and DIR/SEED/EVALUATE.json say
#
# Holds the gains that 'counterspin replay' or 'counterspin simulate' gives from a world's stock
# recording against what the world's policies really gained: the mean over its runs. Prints, per
# policy and over all, how often the sign is right where the truth is 1 % or more, the rank
# correlation, the mean absolute error and how often the 95 % interval holds the truth; and what
# was refused, and why; of simulate also what its gate said.
# Exit status: 0 the goals are met, 1 they are not, 3 something failed.
#
# From the environment: COUNTERSPIN and WORLD (programs; default: of build/), EVALUATE (replay,
# simulate or both, 'replay simulate'; default: replay), KEEP (directory for
# the JSON, kept; default: a temporary one), JOBS (worlds at a time; default: CPUs), METRIC
# (default: throughput_gain), SECONDS_EACH (of a recording; default: 4), REPLICATES (of a world; default: 6),
# RUNS (replicates of simulate; default: 20),
# GOALS (share of right signs, rank correlation, error in points, coverage; default: 0.95 0.85 1.0 0.9).
set -eu
set -o pipefail
export LC_ALL=C

top=$(realpath "${BASH_SOURCE%/*}/../..")
COUNTERSPIN=${COUNTERSPIN:-$top/build/counterspin}
WORLD=${WORLD:-$top/build/tests/world/world}
METRIC=${METRIC:-throughput_gain}
read -r goal_sign goal_rank goal_error goal_cover <<< "${GOALS:-0.95 0.85 1.0 0.9}"
EVALUATE=${EVALUATE:-replay}
export COUNTERSPIN WORLD EVALUATE

usage() {
	echo 'usage: acceptance.sh N [FIRST_SEED] | --score DIR' >&2
	exit 2
}

# evaluate METHOD DIR: of DIR/db. That a question is not answered (status 1) is an answer, also if
# there is nothing to run again and only a message.
evaluate() {
	local policies=() status=0
	[ "$1" = replay ] || policies=(-p ipi-aware -p relaxed -p ipi-aware+relaxed -p receiver-first
		--replicates="${RUNS:-20}")
	"$COUNTERSPIN" "$1" --json "${policies[@]}" "$2/db" > "$2/$1.json" 2> "$2/$1.log" || status=$?
	if [ "$status" -eq 1 ] && [ ! -s "$2/$1.json" ]; then
		sqlite3 -batch :memory: "SELECT json_object('gate', json_object('result', 'NOT EXTRACTED',
			'reason', trim(CAST(readfile('$2/$1.log') AS TEXT), char(10))))" > "$2/$1.json"
	fi
	[ "$status" -le 1 ]
}

# one DIR SEED: its truth and its estimates; the recording goes away.
one() {
	local dir=$1/$2 method
	"$WORLD" random "$2" --out "$dir" --seconds "${SECONDS_EACH:-4}" --replicates "${REPLICATES:-6}"
	"$COUNTERSPIN" import --force "$dir/stock.dat" -o "$dir/db" 2> "$dir/import.log"
	rm -f "$dir/stock.dat"
	for method in $EVALUATE; do
		evaluate "$method" "$dir"
	done
	rm -f "$dir/db"
	echo "world $2" >&2
}
export -f evaluate one

# cells DIR METHOD: world, policy, truth, its s.e., the recorded run's own gain, estimate, interval, reason, gate.
# What the gate or the extraction refuses has no policies: all of the world's cells have its reason.
cells() {
	local seed json
	for seed in $(cd "$1" && ls | sort -n); do
		json=$1/$seed/$2.json
		[ -e "$json" ] || { echo "world $seed: no estimates" >&2; return 3; }
		sqlite3 -batch -noheader -separator '	' -nullvalue - :memory: "
			WITH truth AS (SELECT value AS t FROM json_each(readfile('$1/$seed/truth.json'), '\$.policies')),
			policy AS (SELECT value AS p FROM json_each(readfile('$json'), '\$.policies')),
			estimate AS (SELECT json_extract(p, '\$.name') AS name, e.value AS e FROM policy,
				json_each(p, '\$.estimates') e WHERE json_extract(e.value, '\$.metric') = '$METRIC'
				  AND json_extract(e.value, '\$.vm') IS NULL)
			SELECT $seed, json_extract(t, '\$.name'), json_extract(t, '\$.throughput_gain.mean'),
			       json_extract(t, '\$.throughput_gain.se'), json_extract(t, '\$.throughput_gain.own'),
			       json_extract(e, '\$.value'), json_extract(e, '\$.total[0]'), json_extract(e, '\$.total[1]'),
			       coalesce(json_extract(e, '\$.reason'), iif(e IS NULL, coalesce(
				json_extract(readfile('$json'), '\$.gate.reason'), 'no such estimate'), json_extract(e, '\$.verdict'))),
			       json_extract(readfile('$json'), '\$.gate.result')
			  FROM truth LEFT JOIN estimate ON name = json_extract(t, '\$.name')
			 WHERE json_extract(t, '\$.name') NOT IN ('stock', 'none')"
	done
}

# Cells in, a table out; status 1: over all the goals are missed.
score() {
	awk -F '\t' -v goal_sign="$goal_sign" -v goal_rank="$goal_rank" -v goal_error="$goal_error" -v goal_cover="$goal_cover" '
	function abs(x) { return x < 0 ? -x : x }
	function sign(x) { return x > 0 ? 1 : x < 0 ? -1 : 0 }
	# ranks of x[1..n] into r[1..n]; equal ones share theirs
	function rank(x, r, n,    i, k, less, same) {
		for (i = 1; i <= n; i++) {
			less = same = 0
			for (k = 1; k <= n; k++) {
				less += x[k] < x[i]
				same += x[k] == x[i]
			}
			r[i] = less + (same + 1) / 2
		}
	}
	function spearman(x, y, n,    rx, ry, i, mean, xx, yy, xy) {
		rank(x, rx, n)
		rank(y, ry, n)
		mean = (n + 1) / 2
		for (i = 1; i <= n; i++) {
			xx += (rx[i] - mean) ^ 2
			yy += (ry[i] - mean) ^ 2
			xy += (rx[i] - mean) * (ry[i] - mean)
		}
		return xx && yy ? xy / sqrt(xx * yy) : 0
	}
	# a world may be so chaotic that its runs do not say what a policy gains
	function vague() { return $4 > 1 && $4 > abs($3) / 5 }
	function add(p) {
		if (vague()) {
			n_vague[p]++
			return
		}
		n_cells[p]++
		if ($6 == "-")
			return
		i = ++n[p]
		truth[p, i] = $3
		value[p, i] = $6
		error[p] += abs($6 - $3)
		bias[p] += $6 - $3
		width[p] += ($8 - $7) / 2
		noise[p] += $4
		covered[p] += $7 <= $3 && $3 <= $8
		covered_own[p] += $7 <= $5 && $5 <= $8
		if (abs($3) >= 1) {
			n_clear[p]++
			right[p] += sign($6) == sign($3)
		}
	}
	function percent(a, b) { return b ? sprintf("%5.1f", 100 * a / b) : "    -" }
	function line(p,    i, x, y, rho) {
		for (i = 1; i <= n[p]; i++) {
			x[i] = truth[p, i]
			y[i] = value[p, i]
		}
		rho = n[p] > 1 ? spearman(x, y, n[p]) : 0
		if (!n[p]) {
			printf "%-20s %5d %6s\n", p, n_cells[p], percent(n_cells[p], n_cells[p])
			return
		}
		printf "%-20s %5d %6s %6s %4d %8.3f %7.2f %+7.2f %7.2f %6s %6s %6.2f\n", p, n_cells[p],
			percent(n_cells[p] - n[p], n_cells[p]), percent(right[p], n_clear[p]), n_clear[p], rho,
			error[p] / n[p], bias[p] / n[p], width[p] / n[p], percent(covered[p], n[p]),
			percent(covered_own[p], n[p]), noise[p] / n[p]
		if (p == "all")
			rho_all = rho
	}
	function goal(what, got, want, met) {
		printf "%-34s %8.3f, wanted %s %s\n", what, got, want, met ? "" : "MISSED"
		missed += !met
	}
	{
		if (!($2 in n_cells))
			order[++n_order] = $2
		add($2)
		add("all")
		if ($10 != "-") {
			if (!($1 in gate))
				n_gate[$10]++
			gate[$1] = $10
			if ($6 != "-")
				add("gate " $10)
		}
		if (vague())
			next
		worlds[$1]
		if ($6 == "-") {
			reasons[$9]++
			refused[$1]++
		}
		in_world[$1]++
	}
	END {
		print "policy               cells refused  sign%    n spearman     MAE    bias   +-95%  cover    own  truth se"
		for (i = 1; i <= n_order; i++)
			line(order[i])
		for (g in n_gate)
			if (n["gate " g])
				line("gate " g)
		line("all")
		for (w in worlds) {
			n_worlds++
			n_refused += refused[w] == in_world[w]
		}
		printf "\nworlds refused entirely: %d of %d\n", n_refused, n_worlds
		for (g in n_gate)
			printf "gate %s: %d worlds\n", g, n_gate[g]
		for (r in reasons)
			printf "refused %d cells: %s\n", reasons[r], r | "sort -k2,2nr"
		close("sort -k2,2nr")
		printf "left out, as the truth is not known (s.e. above 1 point and a fifth): %d cells\n", n_vague["all"]
		print ""
		if (!n["all"]) {
			print "nothing was estimated"
			exit 1
		}
		goal("sign where |truth| >= 1 %", n_clear["all"] ? right["all"] / n_clear["all"] : 0, ">= " goal_sign, \
			n_clear["all"] && right["all"] >= goal_sign * n_clear["all"])
		goal("Spearman", rho_all, ">= " goal_rank, rho_all >= goal_rank + 0)
		goal("mean absolute error, points", error["all"] / n["all"], "<= " goal_error, \
			error["all"] <= goal_error * n["all"])
		goal("truth within the total interval", covered["all"] / n["all"], ">= " goal_cover, \
			covered["all"] >= goal_cover * n["all"])
		exit missed > 0
	}'
}

# The cells that are wrong by most.
worst() {
	awk -F '\t' '$6 != "-" && ($4 <= 1 || 5 * $4 <= ($3 < 0 ? -$3 : $3)) { d = $6 - $3; printf "%.2f\t%s\n", d < 0 ? -d : d, $0 }' | sort -rn | head -12 |
		awk -F '\t' '{ printf "  world %-6s %-20s truth %8.2f (own %.2f)  estimate %8.2f [%.2f, %.2f]\n", $2, $3, $4, $6, $7, $8, $9 }'
}

report_one() {	# DIR METHOD
	local status=0
	cells "$1" "$2" > "$scratch/cells" || exit 3
	echo "$2:"
	score < "$scratch/cells" || status=$?
	echo
	echo "wrong by most:"
	worst < "$scratch/cells"
	return $status
}

report() {	# DIR
	local status=0 method
	for method in $EVALUATE; do
		report_one "$1" "$method" || status=1
		echo
	done
	exit $status
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

if [ "${1-}" = --score ]; then
	[ $# -eq 2 ] || usage
	report "$2"
fi
[ $# -ge 1 ] && [ $# -le 2 ] || usage
case $1${2-} in *[!0-9]*) usage ;; esac
first=${2:-1}
dir=${KEEP:-$scratch/worlds}
mkdir -p "$dir"
seq "$first" $((first + $1 - 1)) | xargs -P "${JOBS:-$(nproc)}" -I SEED bash -euc "one '$dir' SEED" || exit 3
report "$dir"
