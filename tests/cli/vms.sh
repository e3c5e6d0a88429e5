#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Which threads are vCPUs, of which VM, and at which vcpu_idx.
. "${BASH_SOURCE%/*}/lib.sh"

# Every vCPU thread: VM, how that is known, vcpu_idx, vcpu_id, TID.
members() {
	sql "$1" "SELECT coalesce(vm.name, vm.tgid), membership, vcpu_idx, vcpu_id, tid FROM thread
		  JOIN vcpu ON vcpu.id = thread.vcpu JOIN vm ON vm.id = vcpu.vm ORDER BY tid"
}

# --- two VMs with the same vcpu_ids; thread groups from host facts

# VM 100 has threads 101 (vCPU 0) and 102 (vCPU 1), VM 200 has 201 (vCPU 0) and 202 (vCPU 1).
two_vms() {
	cat <<- END
		1000 0 0   sched_switch next_pid=101
		1050 1 0   sched_switch next_pid=202
		1100 0 101 kvm_entry vcpu_id=0
		1110 1 202 kvm_entry vcpu_id=1
		1200 0 101 kvm_exit vcpu_id=0 exit_reason=0x60 isa=2 guest_rip=0xffffffff80100000
		1300 0 101 sched_switch prev_pid=101 prev_state=0 next_pid=102	# 100/0 is preempted
		1400 0 102 kvm_entry vcpu_id=1
		1500 0 102 kvm_exit vcpu_id=1 exit_reason=0x7c isa=2 guest_rip=0xffffffff80100000
		1510 0 102 kvm_apic_ipi icr_low=0x40fd dest_id=0		# from 100/1 to 100/0
		1520 0 102 kvm_apic_accept_irq apicid=0 vec=0xfd
		1530 0 102 kvm_entry vcpu_id=1
		1600 1 202 kvm_exit vcpu_id=1 exit_reason=0x60 isa=2 guest_rip=0xffffffff80100000
		1700 1 202 sched_switch prev_pid=202 prev_state=0 next_pid=201	# 200/1 is preempted
		1800 1 201 kvm_entry vcpu_id=0
		1900 1 201 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 guest_rip=0xffffffff80100000
		1990 1 201 kvm_entry vcpu_id=0					# 200/0 has spun
	END
}
two_vms | record two.dat
cat > two.dat.host.json << 'END'
{ "format": "counterspin-host-facts", "version": 1,
  "vms": [ {"tgid": 100, "name": "red"}, {"tgid": 200, "name": "blue"} ],
  "vcpus": [ {"tgid": 100, "tid": 101, "vcpu_id": 0}, {"tgid": 100, "tid": 102, "vcpu_id": 1},
             {"tgid": 200, "tid": 201, "vcpu_id": 0}, {"tgid": 200, "tid": 202, "vcpu_id": 1} ] }
END
import two.dat
expect "$(members two.dat.db)" \
'red|tgid|0|0|101
red|tgid|1|1|102
blue|tgid|0|0|201
blue|tgid|1|1|202' 'members by thread group'
expect "$(sql two.dat.db "SELECT s.tid, r.tid, n_receivers FROM ipi JOIN thread s ON s.vcpu = sender
	  JOIN thread r ON r.vcpu = receiver")" '102|101|1' 'an IPI stays in its VM'
# Bit 0 is the spinner 200/0, bit 1 its sibling 202. Of VM 100 nothing shows, though 101 is ready, too.
expect "$(sql two.dat.db "SELECT vm.name, d.n_vcpus, word, ready, preempted, on_cpu, state_known
	  FROM decision d JOIN candidate ON decision = d.id JOIN vcpu ON vcpu.id = d.vcpu
	  JOIN vm ON vm.id = vcpu.vm")" 'blue|2|0|2|2|1|3' 'candidates are of the own VM'
expect "$(sql two.dat.db 'SELECT DISTINCT idx_known FROM vm')" 0 'the host facts here give no vcpu_idx'

# --- the same without host facts: thread groups from the vm_pid of probes

two_vms | sed -e 's/^1300/1210 0 101 on_spin vm_pid=100 vcpu_idx=0 vcpu_id=0 n_vcpus=2\n1220 0 101 on_spin_ret\n1300/' \
	-e 's/^1510/1501 0 102 on_spin vm_pid=100 vcpu_idx=1 vcpu_id=1 n_vcpus=2\n1502 0 102 on_spin_ret\n1510/' \
	-e 's/^1700/1610 1 202 on_spin vm_pid=200 vcpu_idx=1 vcpu_id=1 n_vcpus=3\n1620 1 202 on_spin_ret\n1700/' \
	-e 's/^1990/1910 1 201 on_spin vm_pid=200 vcpu_idx=0 vcpu_id=0 n_vcpus=3\n1920 1 201 on_spin_ret\n1990/' |
	record probed.dat
import probed.dat
expect "$(members probed.dat.db)" \
'100|tgid|0|0|101
100|tgid|1|1|102
200|tgid|0|0|201
200|tgid|1|1|202' 'members by vm_pid'
expect "$(sql probed.dat.db "SELECT tgid, n_vcpus, idx_known, created FROM vm ORDER BY tgid")" \
'100|2|1|0
200|3|1|0' 'the probe counts vCPUs that never ran'
expect "$(sql probed.dat.db "SELECT tid, ready FROM thread JOIN decision d ON d.vcpu = thread.vcpu
	  JOIN candidate ON decision = d.id ORDER BY tid")" \
'101|0
102|1
201|2
202|0' 'each decision sees its own VM'

# --- no thread groups at all: who wakes whom with an interrupt shares a VM

# 11 wakes 22 and 21 wakes 12, so the VMs are {11, 22} and {12, 21}, against the order of TIDs.
woken() {
	cat <<- END
		1000 0 0  sched_switch next_pid=11
		1000 1 0  sched_switch next_pid=21
		1100 0 11 kvm_entry vcpu_id=0
		1100 1 21 kvm_entry vcpu_id=0
		1200 0 11 kvm_exit vcpu_id=0 exit_reason=0x7c isa=2
		1300 0 11 kvm_apic_ipi icr_low=0x40fd dest_id=1
		1310 0 11 kvm_apic_accept_irq apicid=1 vec=0xfd
		1320 0 11 sched_waking pid=22 target_cpu=0
		1400 0 11 kvm_entry vcpu_id=0
		1500 1 21 kvm_exit vcpu_id=0 exit_reason=0x7c isa=2
		1600 1 21 kvm_apic_ipi icr_low=0x40fd dest_id=1
		1610 1 21 kvm_apic_accept_irq apicid=1 vec=0xfd
		1620 1 21 sched_waking pid=12 target_cpu=1
		1700 1 21 kvm_entry vcpu_id=0
		2000 0 11 sched_switch prev_pid=11 prev_state=0 next_pid=22
		2000 1 21 sched_switch prev_pid=21 prev_state=0 next_pid=12
		2100 0 22 kvm_entry vcpu_id=1
		2100 1 12 kvm_entry vcpu_id=1
	END
}
woken | record woken.dat
import woken.dat
# A VM's name is NULL here; its first thread stands in for it.
vms() {
	sql "$1" "SELECT group_concat(tid), membership, tgid FROM (SELECT tid, vm.id, membership, vm.tgid
		  FROM thread JOIN vcpu ON vcpu.id = thread.vcpu JOIN vm ON vm.id = vcpu.vm ORDER BY tid)
		  GROUP BY id ORDER BY 1"
}
expect "$(vms woken.dat.db)" \
'11,22|inferred|NULL
12,21|inferred|NULL' 'members by wake-ups'
expect "$(sql woken.dat.db "SELECT s.tid, r.tid FROM ipi JOIN thread s ON s.vcpu = sender
	  JOIN thread r ON r.vcpu = receiver ORDER BY s.tid")" \
'11|22
21|12' 'their IPIs go where the wake-ups went'
# Without the wake-ups, {11, 12} {21, 22} and {11, 22} {12, 21} are as good: nothing is joined.
{ echo 'no-event sched_waking'; woken; } | record lone.dat
import lone.dat
expect "$(vms lone.dat.db)" \
'11|unknown|NULL
12|unknown|NULL
21|unknown|NULL
22|unknown|NULL' 'no evidence, no VM'
# So whom a spinner could have yielded to is not known either: 22, in kernel mode, would take nobody that was preempted
# in user mode, and 12 would take 21, but each may have siblings that nobody knows of.
spinning() {
	woken
	cat <<- END
		3200 0 22 kvm_exit vcpu_id=1 exit_reason=0x77 isa=2 guest_rip=-4096
		3200 1 12 kvm_exit vcpu_id=1 exit_reason=0x77 isa=2
		3300 0 22 kvm_entry vcpu_id=1
		3300 1 12 sched_switch prev_pid=12 prev_state=0 next_pid=21
		3400 1 21 kvm_entry vcpu_id=0
	END
}
outcomes() {
	sql "$1" "SELECT tid, pick_idx, pick_source, result, (SELECT count(*) FROM attempt WHERE decision = d.id)
		  FROM decision d JOIN thread ON thread.vcpu = d.vcpu ORDER BY tid"
}
spinning | record spinning.dat
import spinning.dat
expect "$(outcomes spinning.dat.db)" \
'12|0|imputed|1|1
22|NULL|imputed|NULL|0' 'outcomes where members are known'
{ echo 'no-event sched_waking'; spinning; } | record spinning_lone.dat
import spinning_lone.dat
expect "$(outcomes spinning_lone.dat.db)" \
'12|NULL|NULL|NULL|0
22|NULL|NULL|NULL|0' 'no outcome where members are not known'
# One vCPU 0 in all: there is but one VM, nothing to be told apart.
woken | awk '$2 == 0' | record single.dat
import single.dat
expect "$(vms single.dat.db)" '11,22|inferred|NULL' 'a single VM'

# --- a TID that comes back as another thread

record reuse.dat << 'END'
1000 0 0  sched_switch next_pid=50 next_comm=worker
2000 0 50 sched_switch prev_pid=50 prev_comm=worker prev_state=0x20 next_pid=60 next_comm=other
2500 0 60 sched_switch prev_pid=60 prev_comm=other prev_state=0 next_pid=50 next_comm=vcpu
2600 0 50 kvm_entry vcpu_id=0
2700 0 50 kvm_exit vcpu_id=0 exit_reason=0x60 isa=2
3000 0 50 sched_switch prev_pid=50 prev_comm=vcpu prev_state=0x20 next_pid=60 next_comm=other
3500 0 60 sched_process_fork parent_pid=60 child_pid=50
3600 0 60 sched_wakeup_new pid=50 comm=child
4000 0 60 sched_switch prev_pid=60 prev_comm=other prev_state=1 next_pid=50 next_comm=child
5000 0 50 sched_switch prev_pid=50 prev_comm=child prev_state=1
END
import reuse.dat
expect "$(sql reuse.dat.db 'SELECT id, tid, comm, vcpu, t0, t1 FROM thread ORDER BY id')" \
'1|50|worker|NULL|1000|2000
2|60|other|NULL|2000|4000
3|50|vcpu|1|2500|3000
4|50|child|NULL|3500|5000' 'lives of TID 50'
expect "$(sql reuse.dat.db 'SELECT thread, t0, t1, why FROM on_cpu ORDER BY id')" \
'1|1000|2000|Z
2|2000|2500|R
3|2500|3000|Z
2|3000|4000|S
4|4000|5000|S' 'stretches belong to lives, not to TIDs'

# --- 130 vCPUs, vcpu_idx against the order of vcpu_id

# vCPUs run one after the other, in the order of vcpu_idx; vcpu_id is 129 - vcpu_idx, TID 1000 + vcpu_idx.
# Each goes to sleep but for 0, 63, 64, 127 and 128, which are preempted. vCPU 129 comes last, and spins.
{
	prev='prev_pid=0'
	for idx in {0..129}; do
		t=$((1000 * idx + 1000)) tid=$((1000 + idx)) id=$((129 - idx))
		case $idx in
		0 | 63 | 64 | 127 | 128) state=0 ;;
		*) state=1 ;;
		esac
		reason=0x60
		[ $idx -ne 129 ] || reason=0x77
		echo "$t 0 ${prev#prev_pid=} sched_switch $prev prev_state=${prev_state:-0} next_pid=$tid"
		echo "$((t + 100)) 0 $tid kvm_entry vcpu_id=$id"
		echo "$((t + 200)) 0 $tid kvm_exit vcpu_id=$id isa=2 exit_reason=$reason guest_rip=-4096"
		prev="prev_pid=$tid" prev_state=$state
	done
	echo "$((t + 300)) 0 $tid kvm_entry vcpu_id=$id"
} | record big.dat
{
	echo '{"format":"counterspin-host-facts","version":1,"vcpus":['
	for idx in {0..129}; do
		echo "{\"tgid\":999,\"tid\":$((1000 + idx)),\"vcpu_id\":$((129 - idx)),\"vcpu_idx\":$idx},"
	done | sed '$s/,$//'
	echo ']}'
} > big.facts
import big.dat --host-facts=big.facts
expect "$(sql big.dat.db "SELECT count(*), min(vcpu_idx), max(vcpu_idx), sum(vcpu_idx + vcpu_id = 129),
	  sum(vcpu_idx + 1000 = tid) FROM vcpu JOIN thread ON thread.vcpu = vcpu.id")" '130|0|129|130|130' \
	'vcpu_idx from host facts'
expect "$(sql big.dat.db 'SELECT n_vcpus, idx_known FROM vm')" '130|1' 'VM of 130 vCPUs'
# Word 0 has vCPUs 0 to 63, word 1 has 64 to 127, word 2 has 128 (bit 0) and the spinner 129 (bit 1).
expect "$(sql big.dat.db "SELECT word, printf('%x %x %x %x', ready, blocking, on_cpu, state_known)
	  FROM candidate ORDER BY word")" \
'0|8000000000000001 7ffffffffffffffe 0 ffffffffffffffff
1|8000000000000001 7ffffffffffffffe 0 ffffffffffffffff
2|1 0 2 3' 'three words of candidates'
import big.dat -o plain.db
expect "$(sql plain.db "SELECT idx_known, (SELECT sum(vcpu_idx = vcpu_id) FROM vcpu),
	  (SELECT count(*) FROM unknowable WHERE what LIKE 'vcpu_idx%') FROM vm")" '0|130|1' \
	'without facts, the rank of vcpu_id stands in, and it is said'
