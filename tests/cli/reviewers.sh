#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The views for reviewers of the IPI-aware patches: on recordings worked out by hand, and on real ones
# against counts that are got another way.
. "${BASH_SOURCE%/*}/lib.sh"

high=guest_rip=0xffffffff80100000	# the guest's kernel
preempted=0x0101010000 woken=0x0100010000 asleep=0x010000	# struct kvm_vcpu, as probed

# --- a VM of four vCPUs (threads 10 to 13) on two CPUs; what is known of cgroups

cat > made.dat.host.json << 'END'
{ "format": "counterspin-host-facts", "version": 1, "cgroups": [ { "tid": 10, "path": "/a" },
  { "tid": 11, "path": "/a" }, { "tid": 12, "path": "/b" } ] }
END

# 1 is preempted on CPU 0, 2 on CPU 1; 3 halts. 0 yields to 1, sends to 3, which is woken on CPU 1, yields to
# 2, yields to 3, sends to 1, yields to 3 again.
decision() {	# TIME TARGET STATE_OF_3
	cat << END
$1 0 10 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 $high
$(($1 + 10)) 0 10 on_spin vm_pid=900 vcpu_idx=0 vcpu_id=0 kernel_mode=1 last_boosted=0 n_vcpus=4 state_1=$preempted state_2=$preempted state_3=$3
$(($1 + 20)) 0 10 yield_to vm_pid=900 target_idx=$2 target_id=$2
$(($1 + 30)) 0 10 sched_switch prev_pid=10 prev_state=0 next_pid=11
$(($1 + 40)) 0 11 sched_switch prev_pid=11 prev_state=0 next_pid=10
$(($1 + 50)) 0 10 yield_to_ret ret=1
$(($1 + 60)) 0 10 on_spin_ret
$(($1 + 70)) 0 10 kvm_entry vcpu_id=0
END
}
send() {	# TIME TARGET [EVENT...]
	cat << END
$1 0 10 kvm_exit vcpu_id=0 exit_reason=0x7c isa=2 $high
$(($1 + 10)) 0 10 kvm_apic_ipi icr_low=0x40fb dest_id=$2
$(($1 + 20)) 0 10 kvm_apic_accept_irq apicid=$2 vec=0xfb
END
	[ $# -lt 3 ] || echo "$(($1 + 25)) 0 10 $3"
	cat << END
$(($1 + 30)) 0 10 kvm_msr write=1 ecx=0x830
$(($1 + 40)) 0 10 kvm_entry vcpu_id=0
END
}
{
	cat << END
1000 0 0  sched_switch next_pid=11
1000 1 0  sched_switch next_pid=12
1100 0 11 kvm_entry vcpu_id=1
1100 1 12 kvm_entry vcpu_id=2
1200 0 11 kvm_exit vcpu_id=1 exit_reason=0x60 isa=2 $high
1200 1 12 kvm_exit vcpu_id=2 exit_reason=0x60 isa=2 $high
1300 0 11 sched_switch prev_pid=11 prev_state=0 next_pid=13
1300 1 12 sched_switch prev_pid=12 prev_state=0 next_pid=77
1400 0 13 kvm_entry vcpu_id=3
1500 0 13 kvm_exit vcpu_id=3 exit_reason=0x78 isa=2 $high
1600 0 13 sched_switch prev_pid=13 prev_state=1 next_pid=10
1700 0 10 kvm_entry vcpu_id=0
END
	decision 2000 1 $asleep
	send 2500 3 'sched_waking pid=13 target_cpu=1'
	decision 3000 2 $woken
	decision 4000 3 $woken
	send 4500 1
	decision 5000 3 $woken
	cat << END
6000 1 77 sched_switch prev_pid=77 prev_state=0 next_pid=12
6100 1 12 sched_switch prev_pid=12 prev_state=0 next_pid=13
6200 1 13 sched_switch prev_pid=13 prev_state=0 next_pid=12
END
} | record made.dat
import made.dat
expect "$(sql made.dat.db 'SELECT t, cpu, pick_idx, target_cpu, across_queues, spinner_cgroup, target_cgroup, across_cgroups
	  FROM yield_across ORDER BY t')" \
'2020|0|1|0|0|/a|/a|0
3020|0|2|1|1|/a|/b|1
4020|0|3|1|1|/a|NULL|NULL
5020|0|3|1|1|/a|NULL|NULL' 'across run queues and cgroups'
expect "$(sql made.dat.db 'SELECT t, woken, receiver, rejected FROM yield_woken ORDER BY t')" \
'2020|0|0|0
3020|0|0|0
4020|1|1|0
5020|1|0|1' 'woken targets'
expect "$(sql made.dat.db 'SELECT why, seen, n_sends, n_edges FROM tracker_coverage WHERE seen')" \
	'tracked|2|2|2' 'all is tracked'
expect "$(sql made.dat.db 'SELECT count(*), sum(n_sends), sum(n_sends IS NULL) FROM tracker_coverage')" \
	'10|2|0' 'what was not there is 0'
# the second send came while the first, to another, was not acknowledged
expect "$(sql made.dat.db 'SELECT vector, seen, multi, max_receivers, f_multi, overwritten, f_async FROM ipi_fanout')" \
	'251|2|0|1|0.0|1|NULL' 'one vector'
# what replay would know of a vector
sql made.dat.db 'INSERT INTO ipi_vector VALUES (1, 251, 40, 30, .75), (1, 253, 40, 0, 0)'
expect "$(sql made.dat.db 'SELECT vector, f_wait, f_async FROM ipi_fanout')" '251|0.75|0.25' 'who waits'

# where no probe saw the pick, it is what replay takes it to have been
sql made.dat.db "INSERT INTO outcome SELECT id, pick_idx, 'inferred', 0 FROM decision ORDER BY id LIMIT 1;
	UPDATE decision SET pick_idx = NULL, pick_source = NULL WHERE id IN (SELECT decision FROM outcome)"
expect "$(sql made.dat.db 'SELECT source, pick_idx, count(*) FROM recorded_yield GROUP BY 1, 2 ORDER BY min(t)')" \
'inferred|1|1
probe|2|1
probe|3|2' 'inferred picks'

# A target that waits where it cannot be said: it moved to another CPU before it ran.
{
	cat << END
1000 0 0  sched_switch next_pid=13
1100 0 13 kvm_entry vcpu_id=3
1200 0 13 kvm_exit vcpu_id=3 exit_reason=0x78 isa=2 $high
1300 0 13 sched_switch prev_pid=13 prev_state=1 next_pid=10
1400 0 10 kvm_entry vcpu_id=0
1500 1 0  sched_waking pid=13 target_cpu=1
END
	decision 2000 3 $woken
	echo '2200 0 10 sched_switch prev_pid=10 prev_state=0 next_pid=13'
	echo '2300 0 13 sched_switch prev_pid=13 prev_state=0 next_pid=10'
} | record moved.dat
import moved.dat
expect "$(sql moved.dat.db 'SELECT target_cpu, across_queues, across_cgroups FROM yield_across')" 'NULL|NULL|NULL' 'moved'

# --- IPIs without an event: what was seen is not all there is

cat << 'END' | record virtual.dat
1000 0 0  sched_switch next_pid=10
1000 1 0  sched_switch next_pid=11
1100 0 10 kvm_entry vcpu_id=0
1100 1 11 kvm_entry vcpu_id=1
2000 0 10 kvm_exit vcpu_id=0 exit_reason=0x7c isa=2
2010 0 10 kvm_apic_ipi icr_low=0x40fd dest_id=1
2020 0 10 kvm_apic_accept_irq apicid=1 vec=0xfd
2021 0 10 kvm_apicv_accept_irq apicid=1 vec=0xfd
2030 0 10 kvm_msr write=1 ecx=0x830 data=0x1000040fd
2040 0 10 kvm_entry vcpu_id=0
END
import virtual.dat
expect "$(sql virtual.dat.db "SELECT why, missed, seen, n_sends, n_edges FROM tracker_coverage
	  WHERE why IN ('tracked', 'pv', 'no event') ORDER BY why")" \
'no event|1|0|NULL|NULL
pv|1|0|NULL|NULL
tracked|0|1|NULL|NULL' 'not known is not 0'
expect "$(sql virtual.dat.db 'SELECT seen, multi, f_multi FROM ipi_fanout')" '1|0|NULL' 'nor is the share'

# --- each reason, made of one real edge

cp made.dat.db reasons.db
sql reasons.db "DELETE FROM ipi WHERE id <> (SELECT min(id) FROM ipi); UPDATE ipi SET t_send = 0"
edge() {	# SENDER RECEIVER MODE SHORTHAND PATH N_RECEIVERS TIME
	sql reasons.db "INSERT INTO ipi SELECT (SELECT max(id) + 1 FROM ipi), $1, $2, 251, '$3', '$4', '$5', $6, $7, $7, NULL,
		NULL, 0, 0"
}
edge 1 2 fixed none pv 1 10
edge 1 2 fixed none hyperv 1 20
edge 1 2 fixed none avic 1 30
edge 1 2 nmi none x2apic 1 40
edge 1 2 fixed others x2apic 1 50
for receiver in 2 3 4; do edge 1 $receiver fixed none xapic 3 60; done
edge 1 1 fixed none x2apic 1 70
edge 1 1 fixed self x2apic 1 80
edge 1 NULL fixed none x2apic 0 90
edge 1 2 nmi others pv 2 100
edge 1 3 nmi others pv 2 100
expect "$(sql reasons.db 'SELECT why, missed, n_sends, n_edges FROM tracker_coverage WHERE vm = 1 ORDER BY why')" \
'avic|1|1|1
hyperv|1|1|1
mode|1|1|1
multicast|1|1|3
no event|1|0|0
nobody accepted|0|1|0
pv|1|2|3
self|0|2|2
shorthand|1|1|1
tracked|0|1|1' 'reasons'

# --- real recordings

for r in "$DATA"/*.dat; do
	name=$(basename "$r") db=real.db
	"$COUNTERSPIN" import "$r" -o $db --force 2>/dev/null
	"$COUNTERSPIN" replay $db --policy ipi-aware:series=v3 > /dev/null 2>&1
	count() {
		sql $db "SELECT $1"
	}
	# of sends: as many as KVM traced; all hypercalls of these guests are KVM_HC_SEND_IPI
	expect "$(count "coalesce(sum(n_sends), 0) FROM tracker_coverage WHERE why = 'pv'")" \
		"$(count "coalesce(sum(n), 0) FROM event_type WHERE name = 'kvm_hypercall'")" "$name: PV IPIs"
	expect "$(count "sum(n_sends) FROM tracker_coverage WHERE why <> 'pv'")" \
		"$(count "n FROM event_type WHERE name = 'kvm_apic_ipi'")" "$name: other IPIs"
	expect "$(count "sum(n_edges) FROM tracker_coverage")" "$(count 'count(receiver) FROM ipi')" "$name: edges"
	expect "$(count "sum(n_edges) FROM tracker_coverage WHERE why = 'tracked'")" \
		"$(count 'sum(tracked) FROM ipi')" "$name: tracked edges"
	expect "$(count "sum(seen) FROM ipi_fanout")" "$(count "sum(seen) FROM tracker_coverage")" "$name: sends by vector"
	expect "$(count "sum(multi) FROM ipi_fanout")" "$(count "sum(n) FROM (SELECT 1.0 / n_receivers AS n FROM ipi
		WHERE n_receivers > 1)" | awk '{ printf "%d", $1 + .5 }')" "$name: multi-target sends"

	# the tracker's one slot: the next tracked send of the same vCPU, edge by edge
	expect "$(count 'sum(overwritten) FROM ipi_fanout')" "$(count 'count(*) FROM ipi a JOIN ipi b ON b.id =
		(SELECT id FROM ipi WHERE sender = a.sender AND tracked AND id > a.id ORDER BY id LIMIT 1)
		WHERE a.tracked AND a.receiver <> b.receiver AND (a.t_ack IS NULL OR a.t_ack > b.t_send)')" "$name: overwritten"

	# of yields: those that the kernel was seen to make
	expect "$(count 'count(*) FROM yield_across')|$(count 'count(*) FROM yield_woken')" \
		"$(count 'count(pick_idx) FROM decision')|$(count 'count(pick_idx) FROM decision')" "$name: yields"
	# the run queue, by a walk over all stretches on a CPU
	sql $db "SELECT thread.vcpu, on_cpu.t1, 'b', on_cpu.t0, on_cpu.t_ready, on_cpu.cpu, coalesce(cpu_ready, on_cpu.cpu)
		FROM on_cpu JOIN thread ON thread.id = thread WHERE vcpu NOT NULL
		UNION ALL
		SELECT target.id, t_call, 'a', decision.cpu, NULL, NULL, NULL FROM attempt JOIN decision ON decision.id = decision
		JOIN vcpu v ON v.id = decision.vcpu JOIN vcpu target ON target.vm = v.vm AND target.vcpu_idx = target_idx
		WHERE attempt.result = 1" | sort -t'|' -k1,1n -k2,2nr -k3,3r | awk -F'|' '
		$1 != vcpu { vcpu = $1; t1 = "" }
		$3 == "b" { t0 = $4; ready = $5; cpu = $6; first = $7; t1 = $2; next }
		t1 == "" || (t0 > $2 && (ready == "NULL" || ready > $2)) { unknown++; next }
		t0 <= $2 || first == cpu { across += cpu != $4; next }
		$4 != cpu && $4 != first { across++; next }
		{ unknown++ }
		END { print across + 0 "|" unknown + 0 }' > want
	expect "$(count "coalesce(sum(across_queues), 0), sum(across_queues IS NULL) FROM yield_across
		JOIN decision ON decision.id = decision WHERE decision.source = 'probe'")" "$(cat want)" "$name: run queues"
	[ "$(count 'n_cpu FROM recording')" = 1 ] || [ "$(count 'sum(across_queues) FROM yield_across')" -gt 100 ] ||
		fail "$name: no yield across run queues"
	expect "$(count 'count(*) FROM yield_across WHERE across_cgroups NOT NULL')" 0 "$name: cgroups nobody told of"
	# A woken one waits since a wake-up, as the scheduler shows it; on two CPUs the probe may be early.
	tolerated=$(count '(n_cpu - 1) * 5 FROM recording')
	differ=$(count "count(*) FROM yield_woken y JOIN (SELECT vcpu, t0, t1 FROM vcpu_state WHERE state = 'preempted') s
		ON s.vcpu = y.target AND y.t >= s.t0 AND y.t < s.t1 WHERE woken")
	[ "$differ" -le "$tolerated" ] || fail "$name: $differ woken targets had been preempted"
	[ "$(count 'sum(woken) FROM yield_woken')" -gt 0 ] || fail "$name: no woken target"
	# what the filter passes over the policy does not pick; what is a receiver it does
	expect "$(count 'count(*) FROM yield_woken JOIN verdict USING (decision) WHERE woken AND receiver')" 0 \
		"$name: receivers are taken"
	n=$(count 'count(*) FROM yield_woken LEFT JOIN verdict USING (decision) WHERE rejected AND replay IS NULL')
	[ "$n" -le "$((tolerated / 2))" ] || fail "$name: $n refused targets are picked"
done
