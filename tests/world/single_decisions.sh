#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# single_decisions.sh SEED [N]
#
# The truth of single decisions, beside what the estimators say: of up to N (300) first decisions
# of waits that the natural experiment compares and that did not pick the vCPU they wait for, each
# is made anew, alone, with that vCPU as its target; by how much was the wait shorter?
#
# From the environment: COUNTERSPIN, WORLD, FIRST_DECISIONS (programs; default: of build/),
# SECONDS_EACH (of the recording; default: 8).
set -eu
set -o pipefail
export LC_ALL=C

top=$(realpath "${BASH_SOURCE%/*}/../..")
COUNTERSPIN=${COUNTERSPIN:-$top/build/counterspin}
WORLD=${WORLD:-$top/build/tests/world/world}
FIRST_DECISIONS=${FIRST_DECISIONS:-$top/build/tests/world/world_first_decisions}
[ $# -ge 1 ] || { echo 'usage: single_decisions.sh SEED [N]' >&2; exit 2; }
seed=$1 n=${2:-300}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

"$WORLD" random "$seed" --out "$dir" --seconds "${SECONDS_EACH:-8}" --replicates 0
"$COUNTERSPIN" import "$dir/stock.dat" -o "$dir/db" 2> /dev/null
"$FIRST_DECISIONS" "$dir/db" > "$dir/list"
sed -n 's/^# //p' "$dir/list"
# evenly over the recording; a run need not go on for long after its decision
grep -v '^#' "$dir/list" | awk -v n="$n" -v total="$(grep -cv '^#' "$dir/list")" \
	'int(NR * n / total) > int((NR - 1) * n / total) || total <= n' > "$dir/chosen"
while read -r decision target wait; do
	seconds=$(sqlite3 -batch "$dir/db" "SELECT printf('%.3f', (t_start - (SELECT min(t_start) FROM decision)) / 1e9 + 0.15)
		FROM decision WHERE id = $decision")
	"$WORLD" random "$seed" --seconds "$seconds" --override "$decision=$target" > "$dir/one.json"
	sqlite3 -batch -noheader -separator ' ' :memory: "
		SELECT min(json_extract(j, '\$.stock.wait_us'), 20000), min(json_extract(j, '\$.override.wait_us'), 20000),
		       min($wait, 20000)
		  FROM (SELECT readfile('$dir/one.json') AS j)
		 WHERE json_extract(j, '\$.stock.wait_us') + json_extract(j, '\$.override.wait_us') NOT NULL"
done < "$dir/chosen" | awk '
	{ d = $1 - $2; sum += d; squares += d * d; was += $1; seen += $3; n++ }
	END {
		if (n < 2) { print "truth: too few"; exit 1 }
		printf "truth %.1f, s.e. %.1f, of %d; their waits %.1f, as estimated %.1f\n", sum / n,
			sqrt((squares - sum * sum / n) / (n - 1) / n), n, was / n, seen / n
	}'
