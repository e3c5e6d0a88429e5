#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The named answers of schema/views.sql and simulated.sql: the manual page has each view, its columns and a query that
# gives rows; the figures are those of other ways to them; nothing fails where nothing is known.
. "${BASH_SOURCE%/*}/lib.sh"
: "${SOURCE:?}"
page=$SOURCE/schema/counterspin-views.7

views() {
	sed -n 's/^CREATE VIEW \([a-z_]*\) AS$/\1/p' "$SOURCE/schema/views.sql" "$SOURCE/schema/simulated.sql"
}

page_columns() {	# as the page has them: "VIEW COLUMN", a line each
	awk '/^\.Ss / { view = $2 } /^\.Sh / { view = "" }
		view && /^\.It Cm / { for (i = 3; i <= NF; i++) if ($i != ",") print view, $i }' "$page" | sort
}

query_of() {	# VIEW: its example
	awk -v view="$1" '/^\.Ss / { here = $2 == view } here && /^\.Ed/ { exit }
		here && text { print } here && /^\.Bd/ { text = 1 }' "$page" | sed -e "s/\\\\(aq/'/g" -e 's/\\-/-/g' -e 's/\\e/\\/g'
}

all_views_run() {	# DB WHAT
	local view

	for view in $(views); do
		sql "$1" "SELECT * FROM $view" > rows 2>&1 || fail "$2: $view: $(cat rows)"
		sql "$1" "$(query_of "$view")" > rows 2>&1 || fail "$2: query of $view: $(cat rows)"
	done
}

# nearest_rank PERCENT: of the numbers on standard input; nothing if there are none.
nearest_rank() {
	sort -n | awk -v p="$1" '{ x[NR] = $1 } END { k = int((NR * p + 99) / 100); if (NR) print x[k] }'
}

same() {	# DB WHAT QUERY QUERY: both give the same rows
	expect "$(sql "$1" "$3")" "$(sql "$1" "$4")" "$2"
}

check() {	# DB: figures by other ways
	local db=$1 vm vector cause causes p

	same "$db" 'running' 'SELECT vm, running_ns, guest_ns FROM vm_time' \
		'SELECT vcpu.vm, sum(on_cpu.t1 - on_cpu.t0), sum(guest_ns) FROM on_cpu JOIN thread ON thread.id = thread
		 JOIN vcpu ON vcpu.id = thread.vcpu WHERE on_cpu.t0 >= (SELECT t0 FROM recording) GROUP BY 1'
	same "$db" 'waiting and asleep' 'SELECT vcpu, running_ns, steal_ns, blocked_ns, waits FROM vcpu_steal' \
		"SELECT vcpu, sum(CASE state WHEN 'running' THEN t1 - t0 END),
			sum(CASE WHEN state IN ('waking', 'preempted') THEN t1 - t0 END),
			sum(CASE state WHEN 'blocked' THEN t1 - t0 END), sum(state IN ('waking', 'preempted'))
		 FROM vcpu_state GROUP BY vcpu"
	expect "$(sql "$db" 'SELECT count(*) FROM vm_time WHERE unknown_ns < 0 OR guest_ns > running_ns
		OR spin_ns > running_ns')" 0 'parts are no more than the whole'
	expect "$(sql "$db" 'SELECT count(*) FROM (SELECT sum(running_ns) AS n, span_ns FROM cpu_time GROUP BY cpu)
		WHERE n > span_ns')" 0 'no CPU runs longer than was recorded'
	same "$db" 'all that ran' 'SELECT sum(running_ns) FROM cpu_time' 'SELECT sum(t1 - t0) FROM on_cpu'
	same "$db" 'a VM on all CPUs' 'SELECT vm, sum(running_ns), sum(vcpu_ns) FROM cpu_time WHERE vm NOT NULL GROUP BY vm' \
		'SELECT vm, running_ns + other_ns, running_ns FROM vm_time'
	for vector in $(sql "$db" 'SELECT vm || ":" || vector FROM ipi_latency WHERE answered > 0'); do
		vm=${vector%:*} vector=${vector#*:}
		sql "$db" "SELECT max(t_ack) - t_send FROM ipi JOIN vcpu ON vcpu.id = sender WHERE vm = $vm AND
			vector = $vector AND receiver <> sender AND mode IN ('fixed', 'lowest')
			GROUP BY sender, t_send, path, shorthand HAVING count(t_ack) = count(*) AND NOT max(tainted)" > times
		expect "$(sql "$db" "SELECT answered, p50_ns, p90_ns, p99_ns, max_ns FROM ipi_latency
			WHERE vm = $vm AND vector = $vector")" \
			"$(wc -l < times)|$(for p in 50 90 99 100; do nearest_rank $p < times; done | paste -sd'|')" \
			"vector $vector of VM $vm"
	done
	mapfile -t causes < <(sql "$db" 'SELECT vm || "|" || cause FROM spin_by_cause')
	for cause in "${causes[@]}"; do
		vm=${cause%|*} cause=${cause#*|}
		sql "$db" "SELECT t1 - t0 FROM episode JOIN vcpu ON vcpu.id = vcpu WHERE vm = $vm AND cause = '$cause'
			AND NOT tainted" > times
		expect "$(sql "$db" "SELECT episodes - tainted, p50_wall_ns, p99_wall_ns, max_wall_ns, round(mean_wall_ns)
			FROM spin_by_cause WHERE vm = $vm AND cause = '$cause'")" \
			"$(wc -l < times)|$(for p in 50 99 100; do nearest_rank $p < times; done | paste -sd'|')|$(awk '{ s += $1 }
				END { printf "%.1f", int(s / NR + 0.5) }' times)" "$cause in VM $vm"
	done
	same "$db" 'spinning' 'SELECT vm, sum(spin_ns), sum(decisions), round(sum(spin_share), 6) FROM spin_by_cause GROUP BY vm' \
		'SELECT vm.id, spin_ns, (SELECT count(*) FROM decision JOIN vcpu ON vcpu.id = vcpu WHERE vcpu.vm = vm.id), 100.0
		 FROM vm JOIN vm_time ON vm = vm.id WHERE spin_ns > 0'
	same "$db" 'over time' 'SELECT vm, sum(pause_exits), sum(yields), sum(ipi_sends) FROM spin_rate GROUP BY vm' \
		'SELECT id, (SELECT sum(n_pause) FROM vcpu WHERE vm = vm.id), (SELECT count(*) FROM recorded_yield WHERE vm = vm.id),
			(SELECT sum(sends) FROM ipi_latency WHERE vm = vm.id) FROM vm'
	same "$db" 'the seconds' 'SELECT DISTINCT sum(span_ns) FROM spin_rate GROUP BY vm' 'SELECT t1 - t0 FROM recording'
	expect "$(sql "$db" 'SELECT count(*) FROM spin_rate WHERE wasted_yields > judged_yields OR judged_yields > yields')" 0 \
		'wasted yields are yields'
	# a yield that replay says went to a vCPU that is waited for is not wasted
	expect "$(sql "$db" "SELECT count(*) FROM decision_wait WHERE wasted AND decision IN (SELECT decision FROM verdict
		WHERE observed_outcome IN ('hit', 'nominated', 'scheduler mismatch'))")" 0 'hits are not wasted'
	same "$db" 'whose outcomes' 'SELECT replay, whose, sum(n) FROM outcome_by_policy GROUP BY 1, 2' \
		"SELECT replay, column1, count(*) FROM verdict, (VALUES ('kernel there'), ('policy')) GROUP BY 1, 2"
	same "$db" 'outcomes by policy' "SELECT policy, outcome, n FROM outcome_by_policy WHERE whose = 'policy' ORDER BY 1, 2" \
		"SELECT policy, coalesce(outcome, 'unknown'), count(*) FROM verdict JOIN replay ON id = replay GROUP BY 1, 2 ORDER BY 1, 2"
	# and it is what replay counts and prints
	same "$db" 'different picks' "SELECT replay, n FROM (SELECT replay, sum(n) AS n FROM outcome_by_policy WHERE whose = 'policy' GROUP BY 1)" \
		'SELECT id, different_pick FROM replay WHERE different_pick > 0'
	same "$db" 'exits' 'SELECT sum(n), sum(handling_ns) FROM exit_cost' 'SELECT sum(n), sum(handling_ns) FROM exit_stat'
	expect "$(sql "$db" "SELECT reason FROM exit_cost GROUP BY exit_reason HAVING sum(n) = (SELECT sum(n_pause) FROM vcpu)")" \
		pause 'the exits for PAUSE'
	same "$db" 'what was lost' "SELECT n FROM loss WHERE what IN ('lost events', 'gaps', 'tainted decisions', 'unknowable')" \
		'SELECT lost FROM recording UNION ALL SELECT count(*) FROM gap UNION ALL SELECT sum(tainted) FROM decision
		 UNION ALL SELECT count(*) FROM unknowable'
	same "$db" 'unusable episodes' "SELECT n FROM loss WHERE what = 'unusable episodes'" \
		'SELECT count(*) FROM episode WHERE NOT used'
}

# gains_fit DB: views of simulations have each row of the tables once.
gains_fit() {
	same "$1" 'simulated changes' 'SELECT count(*), round(total(value), 9) FROM simulated_change' 'SELECT count(*), round(total(value), 9) FROM simulation'
	same "$1" 'simulated gains' 'SELECT policy, scheduler_side, throughput_gain, total_lo, total_hi FROM simulated_gain ORDER BY 1, 2' \
		"SELECT policy, scheduler_side, value, total_lo, total_hi FROM simulation WHERE metric = 'throughput_gain' AND vm IS NULL
		 ORDER BY 1, 2"
	same "$1" 'simulated VMs' 'SELECT policy, vm, throughput_gain, share_change FROM simulated_vm ORDER BY 1, 2' \
		"SELECT policy, vm, a.value, b.value FROM simulation a JOIN simulation b USING (policy, parameters, scheduler_side, vm)
		 WHERE a.metric = 'throughput_gain' AND b.metric = 'share_change' ORDER BY 1, 2"
	same "$1" 'replayed beside simulated' 'SELECT replay, metric, replayed, simulated FROM replay_vs_simulate ORDER BY 1, 2' \
		"SELECT replay, s.metric, e.value, s.value FROM simulation s JOIN replay r USING (policy, parameters)
		 JOIN estimate e ON e.replay = r.id AND e.metric = s.metric WHERE s.vm IS NULL AND s.total_lo <> s.total_hi ORDER BY 1, 2"
	same "$1" 'the gate' 'SELECT result, work_error FROM simulated_gate' 'SELECT result, work_error FROM simulation_gate WHERE chosen'
}

# as_json DB JSON: what replay printed of policies is what the views have, to 9 digits.
as_json() {
	sql "$1" "SELECT policy, parameters, state, decisions, same_pick, different_pick, unknown, no_target, receiver_waits,
			receiver_hits, printf('%.9g %.9g %.9g %.9g %.9g', throughput_gain, stat_lo, stat_hi, total_lo, total_hi),
			verdict, reason
		FROM policy_vs_observed ORDER BY policy" > got
	sql :memory: "SELECT p ->> 'name', p -> 'parameters', j ->> 'state', p ->> 'decisions', p ->> 'same_pick',
			p ->> 'different_pick', p ->> 'unknown', p ->> 'no_target', p ->> 'receiver_waits',
			p ->> 'receiver_hits', printf('%.9g %.9g %.9g %.9g %.9g', e ->> 'value', e ->> '$.statistical[0]',
			e ->> '$.statistical[1]', e ->> '$.total[0]', e ->> '$.total[1]'), e ->> 'verdict', e ->> 'reason'
		FROM (SELECT j, policy.value AS p, estimate.value AS e
			FROM (SELECT CAST(readfile('$2') AS TEXT) AS j), json_each(j, '$.policies') AS policy,
			json_each(policy.value, '$.estimates') AS estimate)
		WHERE e ->> 'metric' = 'throughput_gain' ORDER BY p ->> 'name'" > want
	expect "$(cat got)" "$(cat want)" "$1: policies as replay --json has them"
	[ -s want ] || fail "$2 has no policies"
}

for name in balanced ipi-heavy-icount lock-heavy-instance; do
	import "$DATA/$name.dat" -o "$name.db"
	all_views_run "$name.db" "$name, not replayed"
	expect "$(sql "$name.db" 'SELECT count(*) FROM vm_time WHERE spin_ns NOT NULL')" 0 "$name: spinning without replay"
	"$COUNTERSPIN" replay --json "$name.db" > "$name.json"
	# the gate does not let every recording through; of another density nothing was asked
	"$COUNTERSPIN" simulate --replicates=2 "$name.db" > "$scratch/log" || [ $? -eq 1 ]
	gains_fit "$name.db"
	[ -n "$(sql "$name.db" 'SELECT * FROM simulation')" ] || sqlite3 "$name.db" "INSERT INTO simulation SELECT '', policy, parameters,
		'plain', NULL, column1, column2, 'percent', 1, 0, 2, -1, 3, 'gain', NULL FROM replay, (VALUES (NULL, 'throughput_gain'),
		(NULL, 'ipi_response_p99_change'), (1, 'throughput_gain'), (1, 'share_change'))"
	sqlite3 "$name.db" "INSERT INTO simulation_density VALUES ('vms=+1', NULL, 'throughput_gain', 'percent', -1, -2, 0, -3, 1, 'gain', NULL)"
	check "$name.db"
	as_json "$name.db" "$name.json"
	for view in $(views); do
		[ -n "$(sql "$name.db" "$(query_of "$view")")" ] || fail "$name: the query of $view gives nothing"
	done
done

# The page has the views and columns that there are.
expect "$(page_columns)" "$(for view in $(views); do
	sql balanced.db "SELECT '$view ' || name FROM pragma_table_info('$view')"; done | sort)" 'views and columns in the page'
expect "$(awk '/^\.Ss / { print $2 }' "$page" | sort)" "$(views | sort)" 'sections of the page'

# A host without a VM, and one with nothing at all.
cp balanced.db hollow.db
{
	echo 'PRAGMA foreign_keys = OFF;'
	sql hollow.db "SELECT 'DELETE FROM ' || name || ';' FROM sqlite_schema WHERE type = 'table' AND
		name NOT IN ('recording', 'thread', 'on_cpu') AND name NOT LIKE 'sqlite%'"
	echo 'UPDATE thread SET vcpu = NULL;'
} | sqlite3 hollow.db
all_views_run hollow.db 'no VM'
expect "$(sql hollow.db 'SELECT count(*) FROM cpu_time WHERE vm NOT NULL OR vcpu_ns <> 0')" 0 'CPUs without VMs'
expect "$(sql hollow.db "SELECT sum(n) FROM loss WHERE what <> 'unusable episodes'")" 0 'nothing lost of nothing'
sqlite3 hollow.db 'DELETE FROM on_cpu; DELETE FROM thread'
all_views_run hollow.db 'nothing'

# Two bursts, with a second between them that is in no figure, though vCPU 0 sleeps before and after.
record one.dat << 'END'
1000 0 0 sched_switch next_pid=11
1000 1 0 sched_switch next_pid=12
2000 0 11 kvm_exit vcpu_id=0 exit_reason=0x78 isa=2 guest_rip=-4096
2000 1 12 kvm_exit vcpu_id=1 exit_reason=0x77 isa=2 guest_rip=-4096
2100 0 11 kvm_entry vcpu_id=0
2100 1 12 kvm_entry vcpu_id=1
4000 0 11 sched_switch prev_pid=11 prev_state=1 next_pid=0
5000 1 12 sched_waking pid=11 target_cpu=0
5500 0 0 sched_switch next_pid=11
7000 0 11 sched_switch prev_pid=11 prev_state=1 next_pid=0
8000 1 12 kvm_exit vcpu_id=1 exit_reason=0x77 isa=2 guest_rip=-4096
END
record two.dat << 'END'
1000001000 1 12 kvm_entry vcpu_id=1
1000001000 0 0 sched_waking pid=13 target_cpu=1
1000003000 1 12 sched_waking pid=11 target_cpu=0
1000004000 0 0 sched_switch next_pid=11
1000006000 0 11 kvm_exit vcpu_id=0 exit_reason=0x78 isa=2 guest_rip=-4096
END
import one.dat two.dat -o bursts.db
expect "$(sql bursts.db 'SELECT t0, t1, span_ns, shortest_pause_ns FROM recorded_time')" '1000|1000006000|12000|999993000' 'bursts'
expect "$(sql bursts.db 'SELECT running_ns, steal_ns, blocked_ns, waits, longest_wait_ns FROM vcpu_steal WHERE vcpu_idx = 0')" \
	'6500|1500|4000|2|1000' 'a vCPU in two bursts'
expect "$(sql bursts.db 'SELECT second, span_ns FROM spin_rate')" '0|7000
1|5000' 'seconds that were recorded'
expect "$(sql bursts.db "SELECT n FROM loss WHERE what IN ('gaps', 'pauses between bursts')")" '0
1' 'a pause is no gap'
all_views_run bursts.db 'bursts'
