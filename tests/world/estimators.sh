#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The natural experiment on worlds. A world has no races, so from the start index that it had,
# whatever its kernel keeps there, every decision picks what the kernel picked; and the vCPU that
# is waited for is picked as often as start indices make it likely.
. "${BASH_SOURCE%/*}/../cli/lib.sh"
: "${WORLD:?}" "${FIRST_DECISIONS:?}"
WORLD=$(realpath "$WORLD")
FIRST_DECISIONS=$(realpath "$FIRST_DECISIONS")

check() {	# SEED KERNEL
	local w=w$1
	"$WORLD" random "$1" --seconds 3 --replicates 0 --out "$w" || fail "world $1"
	import $w/stock.dat -o $w.db
	expect "$(sql $w.db "SELECT kernel FROM recording")" "$2" "world $1: kernel"
	"$COUNTERSPIN" replay $w.db --json -p stock > $w.json || fail "replay of world $1"
	expect "$(sqlite3 -batch :memory: "SELECT e ->> '\$.unfaithful', e ->> '\$.known' > 500,
			e ->> '\$.treated' > 30 AND e ->> '\$.untreated' > 50, e ->> '\$.tests.T1.passed'
		  FROM (SELECT json_extract(CAST(readfile('$w.json') AS TEXT), '\$.estimators.natural') AS e)")" \
		'0|1|1|1' "world $1: natural experiment"
}

check 2 6.1.0-world	# two passes
check 11 6.19.2-world	# one loop
check 32 6.17.0-world	# one loop, which keeps its counter

# waits are as long as the world says, but for when they are seen to end
"$FIRST_DECISIONS" w2.db > list || fail 'first decisions of world 2'
checked=0
while read -r decision target wait; do
	"$WORLD" random 2 --seconds 3 --override "$decision=$target" > one.json || fail "override $decision=$target"
	expect "$(sqlite3 -batch :memory: "SELECT json_extract(j, '\$.target') <> json_extract(j, '\$.vcpu_idx'),
			json_extract(j, '\$.result'), abs(json_extract(j, '\$.stock.wait_us') - $wait) < 0.3 * $wait + 200
		FROM (SELECT readfile('one.json') AS j)")" '1|1|1' "decision $decision"
	checked=$((checked + 1))
done < <(grep -v '^#' list | head -12)
expect $checked 12 'decisions checked'
