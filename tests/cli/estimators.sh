#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The estimators side by side, on real recordings: what is counted adds up, what the start index
# explains is what the kernel did, and no figure is given of an experiment that failed a test.
set -eu
. "$(dirname "$0")/lib.sh"

json() {	# FILE PATH
	sqlite3 -nullvalue null :memory: "SELECT json_extract(CAST(readfile('$1') AS TEXT), '$2')"
}

true_of() {	# FILE SQL-CONDITION WHAT: e, d, n and r stand for the estimators, its parts
	local e="json_extract(CAST(readfile('$1') AS TEXT), '\$.estimators')"
	expect "$(sqlite3 -nullvalue null :memory: "WITH x AS (SELECT $e AS e),
		y AS (SELECT e, e ->> '\$.natural.reason' AS reason, e -> '\$.natural.tests' AS tests FROM x),
		f AS (SELECT (SELECT group_concat(key, ', ') FROM json_each(tests)
			WHERE NOT value ->> '\$.passed') AS failed FROM y)
		SELECT $2 FROM y, f")" 1 "$1: $3"
}

check() {	# NAME: replayed to NAME.json and NAME.txt
	local name=$1
	"$COUNTERSPIN" import "$DATA/$name.dat" -o $name.db 2>/dev/null || fail "import of $name"
	"$COUNTERSPIN" replay $name.db -p ipi-aware > $name.txt || fail "replay of $name"
	"$COUNTERSPIN" replay $name.db -p ipi-aware --json > $name.json || fail "replay of $name"

	expect "$(json $name.json '$.estimators.waits')" "$(json $name.json '$.evidence.episodes_used')" "$name: waits"
	true_of $name.json "e ->> '\$.ready' BETWEEN 100 AND e ->> '\$.waits'" 'waits for a vCPU that is ready'
	true_of $name.json "e ->> '\$.direct.decisions' + e ->> '\$.direct.unsupported' BETWEEN 1
		AND e ->> '\$.ready' - e ->> '\$.uncertain'" 'those that did not pick it'
	true_of $name.json "e ->> '\$.direct.value' BETWEEN e ->> '\$.direct.statistical[0]' AND
		e ->> '\$.direct.statistical[1]'" 'direct method in its interval'
	# as with fidelity: the policy, from where the scan began, does what the kernel did
	true_of $name.json "e ->> '\$.natural.unfaithful' <= $2 * e ->> '\$.natural.known'" 'start index explains pick'
	true_of $name.json "e ->> '\$.natural.treated' + e ->> '\$.natural.untreated' <=
		round(e ->> '\$.natural.overlap_share' * e ->> '\$.natural.known')" 'overlap'
	# a figure, or why there is none; and which tests it names
	true_of $name.json "(e -> '\$.natural.value' = 'null') = (reason NOT NULL)" 'natural experiment or a reason'
	true_of $name.json "tests = 'null' OR (reason IS NULL AND failed IS NULL) OR
		reason = 'natural experiment rejected (' || failed || ')'" 'tests and reason'
	true_of $name.json "reason IS NULL OR (e -> '\$.doubly_robust.value' = 'null' AND
		e ->> '\$.doubly_robust.reason' = 'no check without a natural experiment')" 'no check of nothing'
	expect "$(grep -c 'FAILED$' $name.txt || :)" \
		"$(sqlite3 :memory: "SELECT count(*) FROM json_each(CAST(readfile('$name.json') AS TEXT), '\$.estimators.natural.tests')
			WHERE NOT value ->> '\$.passed'")" "$name: failed tests in the text"
	# the observed picks agree with themselves
	expect "$(sqlite3 :memory: "SELECT value ->> '\$.agreement_share' FROM
		json_each(CAST(readfile('$name.json') AS TEXT), '\$.policies') WHERE value ->> '\$.name' = 'observed'")" 1 \
		"$name: agreement with itself"
	expect "$(sqlite3 :memory: "SELECT count(*) FROM json_each(CAST(readfile('$name.json') AS TEXT), '\$.policies')
		WHERE value ->> '\$.agreement_share' NOT BETWEEN 0 AND 1 OR value ->> '\$.agreement_share' IS NULL")" 0 \
		"$name: agreement is a share"
}

check balanced 0.02
check ipi-heavy-relaxed 0.04
# with one CPU there are no races
check ipi-heavy-icount 0
check lock-heavy-icount 0

# enough of either kind, of real kernels, to be tested; too little to be
for name in balanced ipi-heavy-relaxed; do
	true_of $name.json "json_type(tests) = 'object' AND reason LIKE 'natural experiment rejected (%'" 'tested'
	grep -q '^  T4 ' $name.txt || fail "$name: no tests in the text"
done
true_of lock-heavy-icount.json "tests = 'null' AND reason LIKE 'too few: %'" 'not tested'
! grep -q '^  T1 ' lock-heavy-icount.txt || fail 'tests of too few decisions'

"$COUNTERSPIN" replay balanced.db -p ipi-aware --json > again.json
cmp balanced.json again.json || fail 'the same again gives other bytes'
# intervals are the seed's, figures are not
"$COUNTERSPIN" replay balanced.db -p ipi-aware --json --seed 2 > seed.json
expect "$(json seed.json '$.estimators.direct.value')" "$(json balanced.json '$.estimators.direct.value')" 'figure by seed'
[ "$(json seed.json '$.estimators.direct.statistical')" != "$(json balanced.json '$.estimators.direct.statistical')" ] ||
	fail 'the seed makes no difference'
