#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The replayed kernel policy against what real kernels did. With one CPU there are no races, so
# every decision is reproduced; with two, floors. "observed" repeats the recording, and everything
# done twice gives the same bytes.
set -eu
. "$(dirname "$0")/lib.sh"
[ "$SANITIZED" = 0 ] || [ "$SANITIZED" = OFF ] || exit 77	# its code is seen to by others there, in less time

least() {	# GOT WANT WHAT: GOT is at least WANT
	awk -v got="$1" -v want="$2" 'BEGIN { exit !(got >= want) }' || fail "$3: $1, wanted at least $2"
}

check() {	# RECORDING
	local r=$1 db=r.db name
	name=$(basename "$r")
	"$COUNTERSPIN" import "$r" -o $db --force 2>err || { cat err; fail "import of $name"; }
	[ "$(sql $db "SELECT probes FROM recording")" = 1 ] || return 0
	"$COUNTERSPIN" replay $db -p stock -p ipi-aware > out.txt || fail "replay of $name"

	local policy floor_probed=99.5 floor_reconstructed=98.5
	policy=$(sql $db "SELECT policy FROM fidelity LIMIT 1")
	[ "$policy" = stock ] || { floor_probed=98.8; floor_reconstructed=98; }
	if [ "$(sql $db "SELECT count(DISTINCT cpu) FROM on_cpu")" = 1 ]; then
		floor_probed=100 floor_reconstructed=100
	fi
	local state lists targets
	for state in probed reconstructed; do
		local floor=floor_$state
		lists=$(sql $db "SELECT 100.0 * attempt_lists_equal / compared FROM fidelity WHERE state = '$state'")
		targets=$(sql $db "SELECT 100.0 * targets_equal / compared FROM fidelity WHERE state = '$state'")
		printf '%-32s %-18s %-14s attempts %7.3f %%  target %7.3f %%\n' "$name" "$policy" $state "$lists" "$targets"
		least "$lists" "${!floor}" "$name, equal attempts from $state state"
		least "$targets" "${!floor}" "$name, equal targets from $state state"
		# none is left out of the comparison
		least 0 "$(sql $db "SELECT unknown FROM fidelity WHERE state = '$state'")" "$name, decisions not compared"
	done
	# what the policy does not reproduce from probed state is what changed while the scan was looking
	least "$(sql $db "SELECT coalesce(100.0 * sum(racy) / count(*), 100) FROM disagreement WHERE state = 'probed'")" 90 \
		"$name, racy among disagreements from probed state"
	expect "$(sql $db "SELECT decisions = same_pick AND unknown = 0 FROM replay WHERE policy = 'observed'")" 1 \
		"$name: observed repeats the recording"
	expect "$(sql $db "SELECT count(*) FROM replay WHERE decisions <> same_pick + different_pick + unknown")" 0 \
		"$name: counts add up"
	expect "$(sql $db "SELECT count(*) FROM replay r WHERE different_pick <> (SELECT count(*) FROM verdict WHERE replay = r.id)")" 0 \
		"$name: a verdict per different pick"
}

recordings=("$DATA"/*.dat)
if [ -d "$SOURCE/../shared/traces" ]; then
	recordings+=("$SOURCE"/../shared/traces/*.dat "$SOURCE"/../shared/traces/ab/*/*.dat)
fi
for r in "${recordings[@]}"; do
	check "$r"
done

"$COUNTERSPIN" import "$DATA/balanced.dat" -o a.db 2>/dev/null
"$COUNTERSPIN" import "$DATA/balanced.dat" -o b.db 2>/dev/null
cmp a.db b.db || fail "two imports differ"
"$COUNTERSPIN" replay a.db --json > a.json
"$COUNTERSPIN" replay b.db --json > b.json
cmp a.json b.json || fail "two replays print different results"
cmp a.db b.db || fail "two replays keep different results"
cp a.db once.db
"$COUNTERSPIN" replay a.db --json > again.json
cmp a.json again.json || fail "a second replay of one database prints other results"
for table in replay verdict fidelity disagreement; do
	expect "$(sql a.db "SELECT * FROM $table")" "$(sql once.db "SELECT * FROM $table")" "$table after a second replay"
done
