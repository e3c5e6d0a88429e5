#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# density.sh N [FIRST_SEED]	N worlds, each at other densities, and what simulate --what-if says
# density.sh --score DIR	score what DIR/SEED holds
#
# A world is recorded as it is, and run with one VM or CPU more or less and with other PAUSE windows.
# Holds what 'counterspin simulate --what-if' makes of the recording against that: the change of
# useful work under stock, of all VMs and of each that was there before, and the gains of other
# policies at the other density. Exit status: 0 the goals are met, 1 they are not, 3 something failed.
#
# From the environment: COUNTERSPIN and WORLD (programs; default: of build/), KEEP (directory for the
# JSON, kept; default: a temporary one), JOBS (worlds at a time; default: CPUs), SECONDS_EACH (of a
# recording; default: 4), REPLICATES (of world and simulate; default: 6), CHANGES (default: all of
# 'vms=+1 vms=-1 cpus=+1 cpus=-1 window=1/4 window=1/2 window=2 window=4', windows as parts of the
# world's own), GOALS (share of truths that intervals hold; mean absolute error of the change of
# work; share of gains' right signs; default: 0.9 3.0 0.9).
set -eu
set -o pipefail
export LC_ALL=C

top=$(realpath "${BASH_SOURCE%/*}/../..")
COUNTERSPIN=${COUNTERSPIN:-$top/build/counterspin}
WORLD=${WORLD:-$top/build/tests/world/world}
CHANGES=${CHANGES:-vms=+1 vms=-1 cpus=+1 cpus=-1 window=1/4 window=1/2 window=2 window=4}
REPLICATES=${REPLICATES:-6}
SECONDS_EACH=${SECONDS_EACH:-4}
read -r goal_cover goal_error goal_sign <<< "${GOALS:-0.9 3.0 0.9}"
export COUNTERSPIN WORLD CHANGES REPLICATES SECONDS_EACH

usage() {
	echo 'usage: density.sh N [FIRST_SEED] | --score DIR' >&2
	exit 2
}

# one DIR SEED: its truths and what is said of them; the recording goes away.
one() {
	local dir=$1/$2 change name value window asked=() status=0

	"$WORLD" random "$2" --out "$dir" --seconds "$SECONDS_EACH" --replicates "$REPLICATES"
	window=$(sqlite3 -batch :memory: "SELECT json_extract(readfile('$dir/truth.json'), '\$.world.ple_window_ns')")
	for change in $CHANGES; do
		name=${change%%=*} value=${change#*=}
		[ "$name" = window ] && value=$((window * ${change#*=}))
		# of 1/2: window * 1 / 2
		"$WORLD" random "$2" --seconds "$SECONDS_EACH" --replicates "$REPLICATES" "--$name=${value#+}" \
			> "$dir/${change//\//:}.json" 2> "$dir/log" || { rm "$dir/${change//\//:}.json"; continue; }
		asked+=("--what-if=$name=$value")
		echo "${change//\//:} $name=$value"
	done > "$dir/asked"
	"$COUNTERSPIN" import --force "$dir/stock.dat" -o "$dir/db" 2> "$dir/log"
	rm -f "$dir/stock.dat"
	"$COUNTERSPIN" simulate --json "$dir/db" --replicates "$REPLICATES" -p ipi-aware -p relaxed -p ipi-aware+relaxed \
		"${asked[@]}" > "$dir/simulate.json" 2> "$dir/log" || status=$?
	rm -f "$dir/db"
	[ $status -le 1 ]
	echo "world $2" >&2
}
export -f one

# cells DIR: seed, change, kind (all, vm, gain), what, truth, its s.e., value, total interval, gates' results
# (as recorded, there), density, unmodelled spin, the two gates' reason
cells() {
	local seed file text
	for seed in $(cd "$1" && ls | sort -n); do
		while read -r file text; do
			sqlite3 -batch -noheader -separator '	' -nullvalue - :memory: "
				CREATE TABLE was AS SELECT readfile('$1/$seed/truth.json') AS j;
				CREATE TABLE there AS SELECT readfile('$1/$seed/$file.json') AS j;
				CREATE TABLE said AS SELECT value AS j FROM json_each(readfile('$1/$seed/simulate.json'), '\$.what_if');
				DELETE FROM said WHERE '$text' <> CASE WHEN j ->> 'what_if' GLOB 'window=*us' THEN replace(j ->> 'what_if', 'us', '000')
					ELSE replace(j ->> 'what_if', 'ns', '') END;
				CREATE TABLE gate AS SELECT json_extract(readfile('$1/$seed/simulate.json'), '\$.gate.result') AS was,
					j ->> '\$.gate.result' AS there, j ->> '\$.gate.density' AS density,
					j ->> '\$.gate.unmodelled_spin' AS unmodelled, j ->> '\$.gate.reason' AS reason FROM said;
				CREATE TABLE estimate AS SELECT e.value AS e FROM said, json_each(said.j, '\$.density') AS e
					WHERE e.value ->> 'metric' = 'throughput_gain';
				CREATE TABLE vm AS SELECT row_number() OVER (ORDER BY e ->> 'vm') - 1 AS k, e, substr(e ->> 'vm', 3) + 0 AS id
					FROM estimate WHERE e ->> 'vm' GLOB 'vm[0-9]*';
				SELECT $seed, '${file//:/\/}', 'all', 'work',
				       100 * (t.j ->> '\$.policies[0].work_cpu.mean') / (w.j ->> '\$.policies[0].work_cpu.mean') - 100,
				       100 * ((t.j ->> '\$.policies[0].work_cpu.se') + (w.j ->> '\$.policies[0].work_cpu.se')) / (w.j ->> '\$.policies[0].work_cpu.mean'),
				       e ->> 'value', e ->> '\$.total[0]', e ->> '\$.total[1]', gate.*
				  FROM was w, there t, gate LEFT JOIN estimate ON e ->> 'vm' IS NULL;
				SELECT $seed, '${file//:/\/}', 'vm', e ->> 'vm',
				       100 * json_extract(t.j, '\$.policies[0].vm_work_cpu[' || k || ']') / json_extract(w.j, '\$.policies[0].vm_work_cpu[' || id || ']') - 100,
				       0, e ->> 'value', e ->> '\$.total[0]', e ->> '\$.total[1]', gate.*
				  FROM was w, there t, gate, vm;
				SELECT $seed, '${file//:/\/}', 'gain', p.value ->> 'name',
				       r.value ->> '\$.throughput_gain.mean', r.value ->> '\$.throughput_gain.se',
				       e.value ->> 'value', e.value ->> '\$.total[0]', e.value ->> '\$.total[1]', gate.*
				  FROM gate, there t, json_each(t.j, '\$.policies') AS r, said, json_each(said.j, '\$.policies') AS p, json_each(p.value, '\$.estimates') AS e
				 WHERE r.value ->> 'name' = p.value ->> 'name' AND e.value ->> 'metric' = 'throughput_gain' AND e.value ->> 'vm' IS NULL"
		done < "$1/$seed/asked"
	done
}

# Cells in, a table out; status 1: over all the goals are missed. What is refused is counted alone.
score() {
	awk -F '\t' -v goal_cover="$goal_cover" -v goal_error="$goal_error" -v goal_sign="$goal_sign" '
	function abs(x) { return x < 0 ? -x : x }
	# a world may be so chaotic that its runs do not say what is true
	$6 > 1 && $6 > abs($5) / 5 { n_vague++; next }
	{ change = $2; sub(/=.*/, "", change); keys[1] = $3 " " $2; keys[2] = $3 " " change; keys[3] = $3 }
	$7 == "-" {
		for (i = 1; i <= 3; i++)
			refused[keys[i]]++
		next
	}
	{
		for (i = 1; i <= 3; i++) {
			k = keys[i]
			n[k]++
			error[k] += abs($7 - $5)
			bias[k] += $7 - $5
			size[k] += abs($5)
			inside[k] += $8 <= $5 && $5 <= $9
			if (abs($5) >= 1) {
				clear[k]++
				right[k] += ($7 > 0) == ($5 > 0)
			}
		}
	}
	function line(k) {
		if (!n[k] && refused[k])
			printf "%-18s     0 %7d\n", k, refused[k]
		if (n[k])
			printf "%-18s %5d %7d %8.2f %6.2f %+6.2f %6.1f %5s %6.1f\n", k, n[k], refused[k], size[k] / n[k],
				error[k] / n[k], bias[k] / n[k], 100 * inside[k] / n[k],
				clear[k] ? sprintf("%.0f", 100 * right[k] / clear[k]) : "-", clear[k]
	}
	function goal(what, got, want, met) {
		printf "%-42s %8.3f, wanted %s %s\n", what, got, want, met ? "" : "MISSED"
		missed += !met
	}
	END {
		print "                   cells refused |truth|    MAE   bias cover% sign% clear"
		split("all vm gain", kinds, " ")
		split("vms=+1 vms=-1 cpus=+1 cpus=-1 window=1/4 window=1/2 window=2 window=4", changes, " ")
		for (i = 1; i <= 3; i++) {
			for (c = 1; c in changes; c++)
				line(kinds[i] " " changes[c])
			line(kinds[i])
		}
		printf "left out, as the truth is not known (s.e. above 1 point and a fifth): %d cells\n\n", n_vague
		if (!n["all"] || !n["gain"]) {
			print "nothing was told"
			exit 1
		}
		goal("change of work within the total interval", inside["all"] / n["all"], ">= " goal_cover,
			inside["all"] >= goal_cover * n["all"])
		goal("its mean absolute error, points", error["all"] / n["all"], "<= " goal_error,
			error["all"] <= goal_error * n["all"])
		goal("sign of gains there where |truth| >= 1 %", clear["gain"] ? right["gain"] / clear["gain"] : 0, ">= " goal_sign,
			clear["gain"] && right["gain"] >= goal_sign * clear["gain"])
		exit missed > 0
	}'
}

report() {	# DIR
	cells "$1" > "$scratch/cells" || exit 3
	score < "$scratch/cells"
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

if [ "${1-}" = --score ]; then
	[ $# -eq 2 ] || usage
	report "$2"
	exit
fi
[ $# -ge 1 ] && [ $# -le 2 ] || usage
case $1${2-} in *[!0-9]*) usage ;; esac
first=${2:-1}
dir=${KEEP:-$scratch/worlds}
mkdir -p "$dir"
seq "$first" $((first + $1 - 1)) | xargs -P "${JOBS:-$(nproc)}" -I SEED bash -euc "one '$dir' SEED" || exit 3
report "$dir"
