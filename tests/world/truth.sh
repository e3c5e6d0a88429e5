#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Recordings of worlds, as counterspin sees them. A world has no races, so every decision that the
# probes tell of is reproduced, and nothing is out of order or missing.
. "${BASH_SOURCE%/*}/../cli/lib.sh"
: "${WORLD:?}"
WORLD=$(realpath "$WORLD")

json() {	# FILE PATH
	sqlite3 -batch :memory: "SELECT json_extract(readfile('$1'), '$2')"
}

check() {	# NAME WORLD-ARGUMENT...
	local w=w$1 r=w$1/stock.dat decisions
	"$WORLD" "${@:2}" --replicates 0 --out "$w" || fail "world $1"
	import $r -o $w.db
	"$COUNTERSPIN" replay $w.db > "$scratch/out" || fail "replay of world $1"

	decisions=$(json $w/truth.json '$.policies[0].decisions')
	expect "$(sql $w.db "SELECT lost, probes, host_facts, isa FROM recording")" '0|1|file|vmx' "world $1: recording"
	expect "$(sql $w.db "
		SELECT 'gaps', count(*) FROM gap UNION ALL
		SELECT 'not understood', count(*) FROM unknowable UNION ALL
		SELECT 'tainted', count(*) FROM decision, recording r
		 WHERE tainted AND t_start >= r.t0 UNION ALL
		SELECT 'missed by the probe', sum(n_miss) FROM vcpu UNION ALL
		SELECT 'PAUSE exits without a decision',
			(SELECT sum(n_pause) FROM vcpu) - (SELECT count(*) FROM decision) > 8 UNION ALL
		SELECT 'threads in two places', count(*) FROM (
			SELECT t0 < lag(t1) OVER (PARTITION BY thread ORDER BY t0, id) AS wrong FROM on_cpu)
		 WHERE wrong UNION ALL
		SELECT 'CPUs with two threads', count(*) FROM (
			SELECT t0 < lag(t1) OVER (PARTITION BY cpu ORDER BY t0, id) AS wrong FROM on_cpu)
		 WHERE wrong UNION ALL
		SELECT 'IPIs out of order', count(*) FROM ipi
		 WHERE t_accept < t_send OR t_inject < t_accept OR t_ack < t_inject UNION ALL
		SELECT 'unanswered IPIs', count(*) > 64 FROM ipi WHERE t_ack IS NULL")" \
'gaps|0
not understood|0
tainted|0
missed by the probe|0
PAUSE exits without a decision|0
threads in two places|0
CPUs with two threads|0
IPIs out of order|0
unanswered IPIs|0' "world $1: facts"
	expect "$(sql $w.db "SELECT count(*) FROM decision")" "$decisions" "world $1: decisions"
	expect "$(sql $w.db "SELECT compared - attempt_lists_equal, compared - targets_equal FROM fidelity WHERE state = 'probed'")" \
		'0|0' "world $1: decisions not reproduced"
	# what events show is near it; where they do not agree something changed while the scan looked
	expect "$(sql $w.db "SELECT count(*) FROM fidelity f WHERE state = 'reconstructed' AND 200 * (SELECT count(*)
		FROM disagreement d WHERE d.state = f.state AND NOT d.racy) > f.compared")" 0 "world $1: reconstructed state"
	# until every vCPU has run once, the state of some is not known
	expect "$(sql $w.db "SELECT count(*) FROM replay WHERE policy = 'stock' AND unknown > 50 + (SELECT count(*) FROM decision WHERE t_start < (SELECT max(first) FROM (
			SELECT min(o.t0) AS first FROM on_cpu o JOIN thread t ON t.id = o.thread WHERE t.vcpu NOT NULL GROUP BY t.id)))")" \
		0 "world $1: decisions not compared"
	total=$((total + decisions))
}

# A decision made as it was changes nothing, another way changes something.
override() {	# SEED
	local w=w$1 n pick
	IFS='|' read -r n pick <<< "$(sql $w.db "SELECT d.id, pick_idx FROM decision d
		JOIN candidate c ON c.decision = d.id JOIN vcpu v ON v.id = d.vcpu
		WHERE d.id > 20 AND pick_idx NOT NULL AND NOT (in_spin_loop & ~(1 << v.vcpu_idx))
		  AND (SELECT count(*) FROM attempt WHERE decision = d.id) = 1 LIMIT 1" | head -1)"
	[ -n "$n" ] || { fail "world $1 has no plain decision"; return; }
	"$WORLD" random "$1" --seconds 0.5 --override "$n=$pick" > same.json || fail "override $n=$pick of world $1"
	"$WORLD" random "$1" --seconds 0.5 --override "$n=-1" > none.json || fail "override $n=-1 of world $1"
	expect "$(json same.json '$.override')" "$(json same.json '$.stock')" "world $1: decision $n as it was"
	[ "$(json none.json '$.override')" != "$(json none.json '$.stock')" ] || fail "world $1: decision $n made no difference"
}

total=0
for seed in $(seq 1 8); do
	check "$seed" random "$seed" --seconds 0.5
done
check vips shape vips 2 1 --seconds 0.1	# VMs of 16 vCPUs
[ $total -gt 5000 ] || fail "only $total decisions"
override 4

# One seed, the same bytes.
"$WORLD" random 3 --seconds 0.5 --replicates 0 --out again
for f in stock.dat stock.dat.host.json truth.json; do
	cmp w3/$f again/$f || fail "$f: other bytes"
done
! cmp -s w3/stock.dat w4/stock.dat || fail 'the seed makes no difference'
expect "$(sqlite3 -batch :memory: "SELECT json_extract(value, '\$.name') FROM json_each(readfile('w3/truth.json'), '\$.policies')
	WHERE json_extract(value, '\$.throughput_gain.own') = 0")" stock 'policies that gain nothing'

# Scheduler sides: of EEVDF; what is plain is as it was; what they do differs.
for world in 'random 1' 'random 2' 'random 3' 'random 4'; do
	"$WORLD" $world --seconds 0.5 --replicates 0 > plain.json
	if "$WORLD" $world --seconds 0.5 --replicates 0 --sides > sides.json 2> log; then
		expect "$(json sides.json '$.policies[1].throughput_gain.own')" "$(json plain.json '$.policies[1].throughput_gain.own')" \
			"$world: plain beside sides"
		expect "$(sqlite3 -batch :memory: "SELECT group_concat(value ->> 'scheduler_side') FROM
			json_each(readfile('sides.json'), '\$.policies') WHERE value ->> 'name' = 'stock'")" \
			'plain,debooster-v1,debooster-v2,lag-credit' "$world: sides"
		with_sides=1
	else
		grep -q 'has CFS' log || fail "$world with sides: $(cat log)"
	fi
done
[ "${with_sides-}" = 1 ] || fail 'no world has EEVDF'
"$WORLD" shape vips 2 1 --seconds 0.2 --replicates 0 --sides > sides.json
expect "$(sqlite3 -batch :memory: "SELECT count(DISTINCT value ->> '\$.throughput_gain.own') FROM
	json_each(readfile('sides.json'), '\$.policies') WHERE value ->> 'name' = 'ipi-aware+relaxed'
		AND value ->> 'scheduler_side' <> 'debooster-v1'")" 3 'sides that differ'

expect_fails 2 'wanted: random SEED' "$WORLD" random
expect_fails 2 'shapes are' "$WORLD" shape none 2 1
expect_fails 2 'shapes are' "$WORLD" shape vips 5 1
expect_fails 2 'out of range' "$WORLD" random 1 --seconds 0
expect_fails 2 'DECISION=TARGET' "$WORLD" random 1 --override 1
expect_fails 1 'no decision of this number' "$WORLD" random 1 --seconds 0.01 --override 100000000=1
