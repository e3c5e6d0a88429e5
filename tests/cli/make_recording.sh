#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The recordings that the other tests are made from are recordings to trace-cmd, too,
# and hold what their scripts say.
. "${BASH_SOURCE%/*}/lib.sh"

if ! command -v trace-cmd > "$scratch/out"; then
	echo 'skipped: no trace-cmd'
	exit 77
fi

# As a script has them: TIME CPU TID EVENT field=value ..., time in seconds.
report() {
	trace-cmd report -R -t -i "$1" 2> "$scratch/log" |
		sed -En 's/^ *.+-([0-9]+) +\[0*([0-9]+)\] +([0-9.]+): +([a-z_]+): +(.*[^ ]) *$/\3 \2 \1 \4 \5/p
			 s/^(CPU:.*DROPPED.*)$/\1/p'
}

# Zeros, signs and texts; a time extend (more than 2^27 ns between events); an event of more than
# 112 bytes; losses of a known and of an unknown number; an event left out; 'reason' is 32 bits.
record r.dat << 'END'
cpus 3
no-event kvm_msr
1000 0 910 sched_switch prev_pid=910 prev_state=0x100 prev_comm=a next_comm=b next_pid=911 next_prio=120
2000 0 911 kvm_exit vcpu_id=3 exit_reason=0xffffffff isa=1 guest_rip=0xffffffff80100000
2001 0 911 kvm_msr write=1 ecx=0x830				# not recorded
900000000 0 911 on_spin vm_pid=905 vcpu_id=1 last_boosted=-1 n_vcpus=16 state_15=0x0101010000 in_kernel_15=1
900000001 0 911 kvm_eoi apicid=1 vector=-1
900000002 0 911 yield_to_ret ret=-3
1500 1 0 sched_waking pid=910 target_cpu=1 comm=hello
lost 1 42
1600 1 0 kvm_userspace_exit reason=4294967295 errno=-4
lost 1 0
1700 1 7 kvm_apic_accept_irq apicid=2 dm=0x400 tm=0x8000 vec=255
END
states=
for i in {0..14}; do
	states+=" state_$i=0x0 in_kernel_$i=0"
done
expect "$(report r.dat)" \
"0.000001000 0 910 sched_switch prev_comm=a prev_pid=910 prev_prio=0 prev_state=256 next_comm=b next_pid=911 next_prio=120
0.000001500 1 0 sched_waking comm=hello pid=910 prio=0 target_cpu=1
CPU:1 [42 EVENTS DROPPED]
0.000001600 1 0 kvm_userspace_exit reason=4294967295 errno=-4
CPU:1 [EVENTS DROPPED]
0.000001700 1 7 kvm_apic_accept_irq apicid=2 dm=1024 tm=32768 vec=255
0.000002000 0 911 kvm_exit exit_reason=4294967295 guest_rip=0xffffffff80100000 isa=1 info1=0x0 info2=0x0 intr_info=0 error_code=0 vcpu_id=3
0.900000000 0 911 on_spin __probe_ip=0x0 vm_pid=905 vcpu_idx=0 vcpu_id=1 kernel_mode=0 last_boosted=-1 n_vcpus=16$states state_15=0x101010000 in_kernel_15=1
0.900000001 0 911 kvm_eoi apicid=1 vector=-1
0.900000002 0 911 yield_to_ret __probe_func=0x0 __probe_ret_ip=0x0 ret=-3" 'what trace-cmd reads'

# Six hundred events of 64 bytes need ten pages.
for i in {100..699}; do
	echo "1000000$i 0 77 kvm_exit vcpu_id=$i exit_reason=$i isa=2"
done > pages
record pages.dat < pages
expect "$(report pages.dat | sed -E 's/^1.000000([0-9]+) 0 77 kvm_exit exit_reason=([0-9]+) .* vcpu_id=([0-9]+)$/\1 \2 \3/')" \
	"$(for i in {100..699}; do echo $i $i $i; done)" 'several pages'

# What a script cannot mean is refused, by line.
refused() {	# PATTERN: the script on standard input
	expect_fails 2 "$1" "$MAKE_RECORDING" - bad.dat
}
refused "-:2: 'kvm_exits' is not an event" <<< '# one
1000 0 0 kvm_exits'
refused "-:1: event 'kvm_exit' has no field 'rip'" <<< '1000 0 0 kvm_exit rip=1'
refused '-:1: vec=256 does not fit its 1 bytes' <<< '1000 0 0 kvm_apic_accept_irq vec=256'
refused '-:2: time goes back' <<< '1000 0 0 kvm_exit
999 0 0 kvm_exit'
refused "-:1: 'nonsense' with 1 words is not a directive" <<< 'nonsense 1'
refused 'CPU 0 lost events, but has none after' <<< '1000 0 0 kvm_exit
lost 0 1'
