#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Policies that no series has: numa, adaptive-window and guest-hints, on real recordings, in replay,
# explain, tune and simulate. What each comes to where it has nothing to go by, and where it has.
. "${BASH_SOURCE%/*}/lib.sh"
: "${SANITIZED:?}"
[ "$SANITIZED" = 0 ] || [ "$SANITIZED" = OFF ] || exit 77	# its code is seen to by unit tests there, in less time

for name in balanced ipi-heavy-relaxed lock-heavy-icount; do
	import "$DATA/$name.dat" -o $name.db
done

# replayed DB POLICY...: in a copy, run.db; by policy, what it picks where that is not what was observed
replayed() {
	cp "$1" run.db
	"$COUNTERSPIN" replay run.db "${@:2}" > text 2> "$scratch/log" || fail "replay $*: $(cat "$scratch/log")"
	sql run.db 'CREATE VIEW pick AS SELECT policy, decision, coalesce(pick_idx, -1) AS idx FROM verdict JOIN replay ON replay.id = replay'
}

# differing DB A B: decisions at which policies pick otherwise
differing() {
	replayed "$1" -p "$2" -p "$3"
	sql run.db "WITH a AS (SELECT decision, idx FROM pick WHERE policy = '${2%%:*}'), b AS (SELECT decision, idx FROM pick WHERE policy = '${3%%:*}')
		SELECT count(DISTINCT decision) FROM (SELECT * FROM (SELECT * FROM a EXCEPT SELECT * FROM b)
			UNION ALL SELECT * FROM (SELECT * FROM b EXCEPT SELECT * FROM a))"
}

# figures DB POLICY: all that a simulation says of it
figures() {
	"$COUNTERSPIN" simulate --json --replicates=2 -p "$2" "$1" > out.json 2> "$scratch/log" || fail "simulate $1 $2"
	jq -c '.policies[0].estimates' out.json
}

# --- numa: all nodes one, or not known
for name in balanced ipi-heavy-relaxed lock-heavy-icount; do
	expect "$(differing $name.db numa ipi-aware+relaxed)" 0 "$name: one node"
done
# (not where v2 is what was recorded: of that alone probes saw the ipi_context)
expect "$(differing balanced.db numa:series=v2 ipi-aware+relaxed:series=v2)" 0 'one node, v2'
expect "$(figures ipi-heavy-relaxed.db numa)" "$(figures ipi-heavy-relaxed.db ipi-aware+relaxed)" 'one node, simulated'
cp balanced.db foreign.db
sql foreign.db "DELETE FROM host_param WHERE name GLOB 'topology*'"
for known in ipi-heavy-relaxed balanced foreign; do
	"$COUNTERSPIN" replay --json -p numa $known.db > out.json
	jq -r '.warnings[]' out.json | grep -c 'NUMA nodes' > said || :
	"$COUNTERSPIN" replay --json -p relaxed $known.db > out.json
	jq -r '.warnings[]' out.json | grep -c 'NUMA nodes' >> said || :
	expect "$(paste -sd' ' said)" "$([ $known = foreign ] && echo '1 0' || echo '0 0')" "$known: nodes that are not known"
done

# --- numa: the same recording from a host with each CPU on a node of its own
two_nodes() {
	sql "$1" "DELETE FROM host_param WHERE name GLOB 'topology*';
		INSERT INTO host_param(\"when\", name, value) SELECT 'start', 'topology.cpu' || n, '{\"node\":' || n || '}'
			FROM (SELECT 0 AS n UNION SELECT 1)"
}
# by its last stretch on a CPU; NULL: it had none
last_cpu='(SELECT o.cpu FROM on_cpu o JOIN thread t ON t.id = o.thread
	   WHERE t.vcpu = v.id AND o.t0 <= d.t_start ORDER BY o.t0 DESC LIMIT 1)'
cp ipi-heavy-relaxed.db two.db
two_nodes two.db
[ "$(differing two.db numa ipi-aware+relaxed)" -gt 100 ] || fail 'two nodes make no difference'
# where they differ, numa's pick is near, and the other is not: no round looks farther for less
expect "$(sql run.db "WITH p AS (SELECT d.id, d.t_start, d.cpu, d.vcpu, coalesce(a.idx, d.pick_idx) AS numa, coalesce(b.idx, d.pick_idx) AS other
		FROM decision d LEFT JOIN pick a ON a.decision = d.id AND a.policy = 'numa'
		LEFT JOIN pick b ON b.decision = d.id AND b.policy = 'ipi-aware+relaxed'),
	q AS (SELECT d.cpu, (SELECT $last_cpu FROM vcpu v WHERE v.vcpu_idx = d.numa AND v.vm = me.vm) AS numa,
		(SELECT $last_cpu FROM vcpu v WHERE v.vcpu_idx = d.other AND v.vm = me.vm) AS other
		FROM p d JOIN vcpu me ON me.id = d.vcpu WHERE d.numa <> d.other)
	SELECT count(*) > 100, sum(numa IS NOT cpu), sum(other IS cpu) FROM q")" '1|0|0' 'near before far'
# what explain says of vCPUs is where they last ran
for decision in 100 3000 9000; do
	"$COUNTERSPIN" explain --json -p numa two.db $decision > out.json
	expect "$(jq -c '[.vcpus[].same_node]' out.json)" "$(sql two.db "SELECT json_group_array(json(CASE same WHEN 1 THEN 'true' ELSE 'false' END))
		FROM (SELECT v.vcpu_idx = me.vcpu_idx OR $last_cpu = d.cpu AS same FROM decision d JOIN vcpu me ON me.id = d.vcpu
			JOIN vcpu v ON v.vm = me.vm WHERE d.id = $decision ORDER BY v.vcpu_idx)")" "decision $decision: nodes of vCPUs"
done
for decision in 3000 3001 3002 3003 3004 3005 3006; do "$COUNTERSPIN" explain two.db $decision -p numa; done > text
grep -q 'on another NUMA node' text || fail 'explain does not tell who is far'
# it is not known before the first time that it is seen, nor after events are missing
sql two.db 'DELETE FROM on_cpu WHERE t0 <= (SELECT t_start FROM decision WHERE id = 3000)'
"$COUNTERSPIN" explain --json -p numa two.db 3000 > out.json
expect "$(jq -c '[.vcpu_idx as $me | .vcpus[] | select(.vcpu_idx != $me) | .same_node] | unique' out.json)" '[null]' 'nobody was seen'
cp ipi-heavy-relaxed.db gap.db
two_nodes gap.db
sql gap.db "INSERT INTO gap SELECT NULL, t_start - 2, t_start - 1, 1, 'test' FROM decision WHERE id = 3000"
"$COUNTERSPIN" explain --json -p numa gap.db 3000 > out.json
expect "$(jq -c '[.vcpu_idx as $me | .vcpus[] | select(.vcpu_idx != $me) | .same_node] | unique' out.json)" '[null]' 'behind a gap'
# simulated, too, nodes make a difference to it, and to no other
cp balanced.db two.db
two_nodes two.db
[ "$(figures two.db numa)" != "$(figures two.db ipi-aware+relaxed)" ] || fail 'simulated, two nodes make no difference'

# --- adaptive-window: where there is no room between its least and ipi_window_ns
for window in 0 1000000; do
	expect "$(differing ipi-heavy-relaxed.db adaptive-window:ipi_window_ns=$window ipi-aware+relaxed:ipi_window_ns=$window)" 0 "a window of $window"
done
# with room it is between that of no window and that of the largest: v3 clears alike whatever the window
[ "$(differing balanced.db adaptive-window ipi-aware+relaxed)" -gt 0 ] || fail 'adapting makes no difference'
replayed balanced.db -p adaptive-window -p ipi-aware+relaxed -p relaxed
expect "$(sql run.db "WITH p AS (SELECT DISTINCT decision FROM pick),
	q AS (SELECT (SELECT idx FROM pick WHERE decision = p.decision AND policy = 'adaptive-window') AS adaptive,
		(SELECT idx FROM pick WHERE decision = p.decision AND policy = 'ipi-aware+relaxed') AS widest,
		(SELECT idx FROM pick WHERE decision = p.decision AND policy = 'relaxed') AS none FROM p)
	SELECT count(*) > 1000, sum(widest IS NOT none) > 100, sum(adaptive IS NOT widest AND adaptive IS NOT none) FROM q")" '1|1|0' 'between'
# a curve over windows holds for it: at any of them, what replay says with that window
for window in 2000000 50000000; do
	"$COUNTERSPIN" tune --json -p adaptive-window --default=$window balanced.db > tune.json 2> "$scratch/log" || :
	"$COUNTERSPIN" replay --json -p adaptive-window:ipi_window_ns=$window balanced.db > out.json
	expect "$(jq '.throughput_gain_at_default.value' tune.json)" \
		"$(jq '.policies[] | select(.name == "adaptive-window").estimates[] | select(.metric == "throughput_gain").value' out.json)" \
		"tuned, at $window"
done

# --- guest-hints: without IPIs or with answers that nobody sees a recording knows no hints
cp balanced.db blind.db
sql blind.db 'UPDATE vm SET eoi_virtual = 1'
expect "$(differing blind.db guest-hints ipi-aware+relaxed)" 0 'no hints'
[ "$(differing balanced.db guest-hints ipi-aware+relaxed)" -gt 0 ] || fail 'hints make no difference'
# a hint that does not spin and is ready is taken, whatever the tracker and its window
replayed balanced.db -p guest-hints:ipi_tracking_enabled=0
expect "$(sql run.db "WITH p AS (SELECT d.id, d.vcpu, d.t_start, pick.idx AS pick FROM pick JOIN decision d ON d.id = decision
		WHERE policy = 'guest-hints'),
	one AS (SELECT p.id, p.pick, r.vcpu_idx AS hint FROM p JOIN ipi i ON i.sender = p.vcpu AND i.t_accept <= p.t_start
		AND (i.t_ack IS NULL OR i.t_ack > p.t_start) AND i.receiver <> p.vcpu JOIN vcpu r ON r.id = i.receiver
		GROUP BY p.id HAVING count(*) = 1)
	SELECT count(*) > 20, sum(pick IS NOT hint) FROM one JOIN candidate c ON c.decision = one.id AND c.word = 0
	WHERE c.ready >> hint & 1 AND NOT c.blocking >> hint & 1 AND NOT c.in_spin_loop >> hint & 1 AND NOT c.on_cpu >> hint & 1
		AND c.queued >> hint & 1 AND c.state_known >> hint & c.spin_known >> hint & c.irq_known >> hint & 1
		AND NOT c.racy >> hint & 1")" '1|0' 'hints are taken'
# simulate knows the holders of locks, too
[ "$(figures lock-heavy-icount.db guest-hints)" != "$(figures lock-heavy-icount.db ipi-aware+relaxed)" ] || fail 'simulated, hints make no difference'
