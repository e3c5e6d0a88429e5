#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the recorder finds out about a host arrives in the database, in as many trace markers as
# it takes: nothing is lost between documents.
. "${BASH_SOURCE%/*}/lib.sh"
: "${CAPTURE_TOOL:?}"

# --- a host of eight CPUs and two VMs of four vCPUs

file() {	# PATH TEXT
	mkdir -p "root${1%/*}"
	printf '%s\n' "$2" > "root$1"
}

task() {	# DIRECTORY COMM CGROUP
	file "$1/stat" "1 ($2) S 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 1234 0 0"
	file "$1/comm" "$2"
	file "$1/cgroup" "0::$3"
}

file /proc/sys/kernel/osrelease 6.1.0-made-up
file /proc/sys/kernel/arch x86_64
file /boot/config-6.1.0-made-up CONFIG_HZ=1000
file /sys/devices/system/cpu/online 0-7
for cpu in {0..7}; do
	file /sys/devices/system/cpu/cpu$cpu/topology/core_id $((cpu / 2))
	file /sys/devices/system/cpu/cpu$cpu/topology/core_cpus_list $((cpu / 2 * 2))-$((cpu / 2 * 2 + 1))
done
for i in {1..40}; do
	file /sys/module/kvm/parameters/parameter_$i "value $i"
done
for vm in 100 200; do
	task /proc/$vm qemu /vms/$vm
	mkdir -p root/proc/$vm/fd
	ln -s anon_inode:kvm-vm root/proc/$vm/fd/10
	printf '%s\0' qemu -name guest=vm$vm > root/proc/$vm/cmdline
	for i in 0 1 2 3; do
		ln -s anon_inode:kvm-vcpu:$i root/proc/$vm/fd/$((11 + i))
		task /proc/$vm/task/$((vm + 1 + i)) "CPU $i/KVM" /vms/$vm/vcpu$i
	done
done
"$CAPTURE_TOOL" facts root start 300 > documents
[ "$(wc -l < documents)" -gt 10 ] || fail 'too few documents to test anything'

# --- a recording of one vCPU of each, and of one more that nobody told of

t=1000
while read -r document; do
	echo "$((t++)) 0 70 print buf=$document"
done < documents > script
cat >> script << 'END'
3000 0 0   sched_switch next_pid=102
3100 0 102 kvm_entry vcpu_id=1
3200 0 102 kvm_exit vcpu_id=1 exit_reason=0x78 isa=2
3300 0 102 sched_switch prev_pid=102 prev_state=1 next_pid=204
3400 0 204 kvm_entry vcpu_id=3
3500 0 204 kvm_exit vcpu_id=3 exit_reason=0x78 isa=2
3600 0 204 sched_switch prev_pid=204 prev_state=1 next_pid=0
END
record told.dat < script
import told.dat
expect "$(grep -c warning "$scratch/log" || true)" 0 'nothing to warn of'
expect "$(sql told.dat.db 'SELECT kernel, machine, host_facts, realtime_offset > 1600000000000000000 FROM recording')" \
	'6.1.0-made-up|x86_64|markers|1' 'the recording'
expect "$(sql told.dat.db "SELECT count(*) FROM host_param WHERE name GLOB 'kvm.parameter_*' AND value GLOB 'value *'")" \
	40 'parameters'
expect "$(sql told.dat.db "SELECT name, value FROM host_param WHERE name IN ('hz', 'n_cpu', 'clock') ORDER BY name")" \
'clock|mono
hz|1000
n_cpu|8' 'single facts'
expect "$(sql told.dat.db "SELECT name, value->>'core', value->>'smt' FROM host_param WHERE name GLOB 'topology.*' ORDER BY name")" \
	"$(for cpu in {0..7}; do echo "topology.cpu$cpu|$((cpu / 2))|$((cpu / 2 * 2))-$((cpu / 2 * 2 + 1))"; done)" 'topology'
expect "$(sql told.dat.db 'SELECT vm.name, vm.tgid, n_vcpus, membership, idx_known, vcpu_idx, vcpu_id, tid, comm, cgroup
	  FROM vm JOIN vcpu ON vcpu.vm = vm.id LEFT JOIN thread ON thread.vcpu = vcpu.id WHERE tid ORDER BY tid')" \
'vm100|100|4|tgid|1|1|1|102|CPU 1/KVM|/vms/100/vcpu1
vm200|200|4|tgid|1|3|3|204|CPU 3/KVM|/vms/200/vcpu3' 'VMs'

# --- facts that no kernel can have are said, and not used

with_facts() {	# KEYS: x.db, of a recording with these
	echo "{\"format\":\"counterspin-host-facts\",\"version\":1,$1}" > facts.json
	import -f -o x.db --host-facts=facts.json "$DATA/ipi-heavy-icount.dat"
}

unused() {	# KEYS FACT VALUE: each program says so, and ends
	local command got

	with_facts "$1"
	for command in 'simulate --replicates=2 -p stock' tune replay; do
		got=0
		timeout 300 "$COUNTERSPIN" $command x.db > "$scratch/out" 2> "$scratch/err" || got=$?
		[ $got -le 1 ] || fail "$command with $2 $3: status $got, $(head -c 1000 "$scratch/err")"
		! grep -q 'runtime error' "$scratch/err" || fail "$command with $2 $3: $(head -c 1000 "$scratch/err")"
		cat "$scratch/out" "$scratch/err" | tr '\n' ' ' | tr -s ' ' > "$scratch/all"
		grep -q "the host facts say that $2 is '$3', which is not within .* default is assumed" "$scratch/all" ||
			fail "$command does not say that $2 $3 is not used"
	done
}

unused '"hz":2000000000' hz 2000000000
unused '"params":{"sched.wakeup_granularity_ns":"9223372036854775807"}' sched.wakeup_granularity_ns 9223372036854775807
unused '"params":{"sched.latency_ns":"9223372036854775807"}' sched.latency_ns 9223372036854775807
unused '"params":{"sched.min_granularity_ns":"9223372036854775807"}' sched.min_granularity_ns 9223372036854775807
unused '"kernel":"6.12.0","params":{"sched.features":"PLACE_LAG RUN_TO_PARITY","sched.base_slice_ns":"4611686018427387904"}' \
	sched.base_slice_ns 4611686018427387904
with_facts '"hz":12287,"params":{"sched.latency_ns":"1000000000","sched.min_granularity_ns":"100000","sched.wakeup_granularity_ns":"0"}'
"$COUNTERSPIN" replay x.db > "$scratch/out"
! grep -q 'host facts say' "$scratch/out" || fail 'a warning of what can be'
