#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Calls of kvm_vcpu_on_spin(): when, by whom, what they saw and what came of them;
# told by probes, or imputed from the exits.
. "${BASH_SOURCE%/*}/lib.sh"

high=guest_rip=0xffffffff80100000	# the guest's kernel
low=guest_rip=0x1000			# its user mode

# --- with probes

# One CPU, a VM of four vCPUs, threads 10 to 13. 1 is preempted in the kernel. 2 spins in user mode,
# yields to 1, and stays in that call to the end. 3 halts. 0 then spins four times.
record probed.dat << END
1000 0 0  sched_switch next_pid=11
1100 0 11 kvm_entry vcpu_id=1
1200 0 11 kvm_exit vcpu_id=1 exit_reason=0x60 isa=2 $high
1300 0 11 sched_switch prev_pid=11 prev_state=0 next_pid=12
1400 0 12 kvm_entry vcpu_id=2
1500 0 12 kvm_exit vcpu_id=2 exit_reason=0x77 isa=2 $low
1510 0 12 on_spin vm_pid=900 vcpu_idx=2 vcpu_id=2 kernel_mode=0 last_boosted=3 n_vcpus=4
1520 0 12 yield_to vm_pid=900 target_idx=1 target_id=1
1600 0 12 sched_switch prev_pid=12 prev_state=0 next_pid=13
1700 0 13 kvm_entry vcpu_id=3
1800 0 13 kvm_exit vcpu_id=3 exit_reason=0x78 isa=2 $high
1900 0 13 sched_switch prev_pid=13 prev_state=1 next_pid=10
2000 0 10 kvm_entry vcpu_id=0
# its first: 1 is tried and runs; it returns when 0 runs again
2100 0 10 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 $high
2105 0 10 kvm_ple_window_update vcpu_id=0 old=3000 new=6000
2110 0 10 on_spin vm_pid=900 vcpu_idx=0 vcpu_id=0 kernel_mode=1 last_boosted=3 n_vcpus=4 state_1=0x0101010000 in_kernel_1=1 state_2=0x0101010101 state_3=0x010000
2120 0 10 yield_to vm_pid=900 target_idx=1 target_id=1 preempted=1 ready=1 in_kernel=1
2130 0 10 sched_switch prev_pid=10 prev_state=0 next_pid=11
2200 0 11 kvm_entry vcpu_id=1
2300 0 11 kvm_exit vcpu_id=1 exit_reason=0x60 isa=2 $high
2400 0 11 sched_switch prev_pid=11 prev_state=0 next_pid=10
2405 0 10 kvm_ple_window_update vcpu_id=0 old=6000 new=3000
2410 0 10 yield_to_ret ret=1
2420 0 10 on_spin_ret
2430 0 10 kvm_entry vcpu_id=0
# between: two other exits, an EOI
2500 0 10 kvm_exit vcpu_id=0 exit_reason=0x60 isa=2 $high
2510 0 10 kvm_entry vcpu_id=0
2600 0 10 kvm_exit vcpu_id=0 exit_reason=0x7c isa=2 $high
2610 0 10 kvm_eoi apicid=0 vector=0xec
2620 0 10 kvm_entry vcpu_id=0
# its second: 1 is alone on its queue, then 2 is refused
3100 0 10 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 $high
3110 0 10 on_spin vm_pid=900 vcpu_idx=0 vcpu_id=0 kernel_mode=1 last_boosted=1 n_vcpus=4
3120 0 10 yield_to vm_pid=900 target_idx=2 target_id=2
3130 0 10 yield_to_ret ret=-3
3140 0 10 yield_to vm_pid=900 target_idx=1 target_id=1
3150 0 10 yield_to_ret ret=0
3160 0 10 on_spin_ret
3170 0 10 kvm_entry vcpu_id=0
# its third, from user mode: nobody is tried, and on the way back the timer preempts it
4100 0 10 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 $low
4110 0 10 on_spin vm_pid=900 vcpu_idx=0 vcpu_id=0 kernel_mode=0 last_boosted=1 n_vcpus=4
4120 0 10 on_spin_ret
4130 0 10 sched_switch prev_pid=10 prev_state=0 next_pid=77
4200 0 77 sched_switch prev_pid=77 prev_state=1 next_pid=10
4300 0 10 kvm_entry vcpu_id=0
# its fourth: the probe missed it
5100 0 10 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 $high
5110 0 10 kvm_entry vcpu_id=0
END
import probed.dat
outcome() {	# DB
	sql "$1" 'SELECT vcpu_idx, t_start, t_end, source, trigger, pick_idx, pick_source, result, switched_out, next_idx
		  FROM decision d JOIN vcpu ON vcpu.id = d.vcpu ORDER BY t_start'
}
# 2's call never returned, so what came of it is not known; 13 (idx 3) ran next, not its target.
expect "$(outcome probed.dat.db | head -4)" \
'2|1510|NULL|probe|pause|NULL|NULL|NULL|NULL|3
0|2110|2420|probe|pause|1|probe|1|1|1
0|3110|3160|probe|pause|NULL|probe|0|0|NULL
0|4110|4120|probe|pause|NULL|probe|NULL|0|NULL' 'outcomes by probe'
# The missed one is imputed from its exit, and begins there. With 1 ready and in the kernel, what came of it
# is not known.
expect "$(outcome probed.dat.db | tail -1)" '0|5100|5110|imputed|pause|NULL|NULL|NULL|0|NULL' 'the missed decision'
expect "$(sql probed.dat.db 'SELECT vcpu_idx, n_pause, n_miss FROM vcpu ORDER BY 1')" \
'0|4|1
1|0|0
2|1|0
3|0|0' 'PAUSE exits, and those the probe missed'
expect "$(sql probed.dat.db "SELECT t_start, yield_to_kernel_mode, probed_kernel_mode, last_boosted, n_vcpus,
	  n_exit, n_eoi, ple_window, tainted FROM decision WHERE source = 'probe' ORDER BY t_start")" \
'1510|0|0|3|4|0|0|NULL|0
2110|1|1|3|4|0|0|3000|0
3110|1|1|1|4|2|1|3000|0
4110|0|0|1|4|0|0|3000|0' 'circumstances'
expect "$(sql probed.dat.db "SELECT yield_to_kernel_mode, probed_kernel_mode, last_boosted, n_vcpus, n_exit, n_eoi,
	  ple_window, tainted FROM decision WHERE source = 'imputed'")" '1|NULL|NULL|4|0|0|3000|1' 'of the missed one'
expect "$(sql probed.dat.db "SELECT t_start, n, target_idx, attempt.result, t_call, t_ret, attempt.source
	  FROM attempt JOIN decision d ON d.id = decision ORDER BY t_call")" \
'1510|0|1|NULL|1520|NULL|probe
2110|0|1|1|2120|2410|probe
3110|0|2|-3|3120|3130|probe
3110|1|1|0|3140|3150|probe' 'attempts'
# At 2110: 1 and 2 are preempted (bits 1, 2: 6), 1 of them in the kernel (2); 3 halts (8); 0 runs (1);
# 2 is inside on_spin (4). The probe says the same, and that 2 has been passed over once (dy_eligible).
expect "$(sql probed.dat.db "SELECT state_known, ready, preempted, blocking, on_cpu, in_kernel, in_kernel_known,
	  in_spin_loop & ~1 FROM candidate JOIN decision d ON d.id = decision WHERE t_start = 2110")" \
	'15|6|6|8|1|2|6|4' 'candidates as reconstructed'
expect "$(sql probed.dat.db "SELECT probed, probed_ready, probed_preempted, probed_in_kernel, probed_in_spin_loop,
	  probed_dy_eligible FROM candidate JOIN decision d ON d.id = decision WHERE t_start = 2110")" \
	'15|6|6|2|4|4' 'candidates as probed'
# 2 still is in its call at 3110; 1 has been in the guest since, and preempted again.
expect "$(sql probed.dat.db "SELECT state_known, ready, in_spin_loop & ~1 FROM candidate
	  JOIN decision d ON d.id = decision WHERE t_start = 3110")" '15|6|4' 'candidates of the second'

# Of a kernel where kvm_vcpu_yield_to() cannot be probed: that nobody was seen to be tried says nothing.
record spin-only.dat << END
no-event yield_to
no-event yield_to_ret
1000 0 0  sched_switch next_pid=11
1100 0 11 kvm_entry vcpu_id=1
1200 0 11 kvm_exit vcpu_id=1 exit_reason=0x60 isa=2 $high
1300 0 11 sched_switch prev_pid=11 prev_state=0 next_pid=10
1400 0 10 kvm_entry vcpu_id=0
2100 0 10 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 $high
2110 0 10 on_spin vm_pid=900 vcpu_idx=0 vcpu_id=0 kernel_mode=1 last_boosted=0 n_vcpus=2
2130 0 10 sched_switch prev_pid=10 prev_state=0 next_pid=11
2200 0 11 kvm_entry vcpu_id=1
2300 0 11 kvm_exit vcpu_id=1 exit_reason=0x60 isa=2 $high
2400 0 11 sched_switch prev_pid=11 prev_state=0 next_pid=10
2430 0 10 kvm_entry vcpu_id=0
END
import spin-only.dat
expect "$(outcome spin-only.dat.db)" '0|2110|2430|probe|pause|NULL|NULL|NULL|1|1' 'outcome without a probe on yield_to'
# 'no-event' hides the return probe: the call ends with the next event that is not part of it.
{ echo 'no-event on_spin_ret'; cat; } << END | record noret.dat
1000 0 0  sched_switch next_pid=10
1100 0 10 kvm_entry vcpu_id=0
2100 0 10 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 $high
2110 0 10 on_spin vm_pid=900 vcpu_idx=0 vcpu_id=0 kernel_mode=1 n_vcpus=4
2120 0 10 on_spin_ret
2130 0 10 kvm_entry vcpu_id=0
END
import noret.dat
expect "$(outcome noret.dat.db)" '0|2110|2130|probe|pause|NULL|probe|NULL|0|NULL' 'no return probe'

# --- without probes

# A VM of three vCPUs on one CPU, threads 10 to 12; the state of 1 and 2 when 0 spins at 2000:
# prev_state 0 leaves them ready and preempted, 1 asleep.
imputed() {	# NAME, STATE and RIP at the last exit of 1, STATE and RIP of 2; then events from 1900 on
	{
		cat <<- END
			1000 0 0  sched_switch next_pid=11
			1100 0 11 kvm_entry vcpu_id=1
			1200 0 11 kvm_exit vcpu_id=1 exit_reason=${6:-0x60} isa=2 $3
			1300 0 11 sched_switch prev_pid=11 prev_state=$2 next_pid=12
			1400 0 12 kvm_entry vcpu_id=2
			1500 0 12 kvm_exit vcpu_id=2 exit_reason=0x60 isa=2 $5
			1600 0 12 sched_switch prev_pid=12 prev_state=$4 next_pid=10
			1700 0 10 kvm_entry vcpu_id=0
			1800 0 10 kvm_exit vcpu_id=0 exit_reason=0x60 isa=2 $high
			1810 0 10 kvm_entry vcpu_id=0
		END
		cat
	} | record "$1.dat"
	import "$1.dat" -o "$1.db"
}
first() {	# of vCPU 0: its outcome
	outcome "$1.db" | grep '^0|' | head -1
}

# Switched out runnable with one it could have taken: that one. It returns when it runs again.
imputed pick 0 $high 1 $high << END
2000 0 10 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 $high
2100 0 10 sched_switch prev_pid=10 prev_state=0 next_pid=11
2200 0 11 kvm_entry vcpu_id=1
2300 0 11 kvm_exit vcpu_id=1 exit_reason=0x60 isa=2 $high
2400 0 11 sched_switch prev_pid=11 prev_state=0 next_pid=10
2500 0 10 kvm_entry vcpu_id=0
END
expect "$(first pick)" '0|2000|2400|imputed|pause|1|imputed|1|1|1' 'one candidate, switched out'
expect "$(sql pick.db 'SELECT n, target_idx, result, t_call, t_ret, source FROM attempt')" \
	'0|1|1|2100|2400|imputed' 'the imputed attempt'
expect "$(sql pick.db 'SELECT yield_to_kernel_mode, n_vcpus, n_exit, probed_kernel_mode, last_boosted, ipi_pending
	  FROM decision')" '1|3|1|NULL|NULL|NULL' 'circumstances of an imputed decision'
expect "$(sql pick.db 'SELECT ready, preempted, in_kernel, blocking, probed, probed_ready FROM candidate')" \
	'2|2|2|4|NULL|NULL' 'candidates of an imputed decision'

# ... with two: either may have been it, though one of them ran next.
imputed either 0 $high 0 $high << END
2000 0 10 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 $high
2100 0 10 sched_switch prev_pid=10 prev_state=0 next_pid=12
2400 0 12 sched_switch prev_pid=12 prev_state=0 next_pid=10
2500 0 10 kvm_entry vcpu_id=0
END
expect "$(first either)" '0|2000|2400|imputed|pause|NULL|NULL|NULL|1|2' 'two candidates, switched out'

# ... with none: it was preempted on its way back.
imputed preempted 1 $high 1 $high << END
2000 0 10 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 $high
2100 0 10 sched_switch prev_pid=10 prev_state=0 next_pid=77
2400 0 77 sched_switch prev_pid=77 prev_state=0 next_pid=10
2500 0 10 kvm_entry vcpu_id=0
END
expect "$(first preempted | cut -d'|' -f 4-)" 'imputed|pause|NULL|imputed|NULL|1|NULL' 'no candidate, switched out'

# It enters the guest again, and nobody could have been taken.
spin="2000 0 10 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 $high
2100 0 10 kvm_entry vcpu_id=0"
nobody='0|2000|2100|imputed|pause|NULL|imputed|NULL|0|NULL'
unknown='0|2000|2100|imputed|pause|NULL|NULL|NULL|0|NULL'
imputed sleepers 1 $high 1 $high <<< "$spin"
expect "$(first sleepers)" "$nobody" 'no candidate, entered again'
# One could have been: taken, and 0 picked again at once? Tried, and refused? Not known.
imputed one 0 $high 1 $high <<< "$spin"
expect "$(first one)" "$unknown" 'one candidate, entered again'
# It spins itself (its last exit was a PAUSE), and so was refused in its turn.
imputed spins 0 $high 1 $high 0x77 <<< "$spin"
expect "$(first spins)" "$nobody" 'the only candidate spins itself'
# Preempted in user mode it is not taken by a spinner in the kernel ...
imputed user 0 $low 1 $high <<< "$spin"
expect "$(first user)" "$nobody" 'the only candidate was preempted in user mode'
# ... but it is by one in user mode.
imputed users 0 $low 1 $high <<< "2000 0 10 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 $low
2100 0 10 kvm_entry vcpu_id=0"
expect "$(first users)" "$unknown" '... the spinner, too'
# Woken without an interrupt (its timer) it stays out until it runs ...
imputed timer 1 $high 1 $high <<< "1900 0 10 sched_waking pid=11 target_cpu=0
$spin"
expect "$(first timer)" "$nobody" 'the only candidate woke by its timer'
expect "$(sql timer.db 'SELECT ready, blocking, dy_runnable, irq_known FROM candidate')" '2|6|0|7' 'its state'
# ... with an interrupt it is taken.
imputed woken 1 $high 1 $high <<< "1820 0 10 kvm_exit vcpu_id=0 exit_reason=0x7c isa=2 $high
1830 0 10 kvm_apic_ipi icr_low=0x40fd dest_id=1
1840 0 10 kvm_apic_accept_irq apicid=1 vec=0xfd
1850 0 10 sched_waking pid=11 target_cpu=0
1860 0 10 kvm_entry vcpu_id=0
$spin"
expect "$(first woken)" "$unknown" 'the only candidate woke by an interrupt'
expect "$(sql woken.db 'SELECT ready, blocking, dy_runnable, irq_known FROM candidate')" '2|6|2|7' 'its state'

# --- kernel mode

modes() {	# NAME: events of one vCPU on standard input; its decisions
	{
		echo '1000 0 0  sched_switch next_pid=10'
		echo '1100 0 10 kvm_entry vcpu_id=0'
		cat
	} | record "$1.dat"
	import "$1.dat" -o "$1.db"
	sql "$1.db" 'SELECT t_start, trigger, yield_to_kernel_mode FROM decision ORDER BY t_start'
	sql "$1.db" 'SELECT isa, cpl_known FROM recording, vm'
}

# SVM: the sign of guest_rip; a guest that never shows a high one has its kernel low, too.
expect "$(modes svm <<- END
	2000 0 10 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 $high
	2100 0 10 kvm_entry vcpu_id=0
	3000 0 10 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 $low
	3100 0 10 kvm_entry vcpu_id=0
	4000 0 10 kvm_exit vcpu_id=0 exit_reason=40 isa=2 $high
	4100 0 10 kvm_entry vcpu_id=0
END
)" '2000|pause|1
3000|pause|0
svm|1' 'SVM'
expect "$(modes svmlow <<- END
	2000 0 10 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 $low
	2100 0 10 kvm_entry vcpu_id=0
END
)" '2000|pause|NULL
svm|0' 'SVM guest whose kernel may lie low'
# VMX: PAUSE exits come from CPL 0 alone, wherever guest_rip is; a low one shows that its sign says nothing.
expect "$(modes vmx <<- END
	2000 0 10 kvm_exit vcpu_id=0 exit_reason=40 isa=1 $high
	2100 0 10 kvm_entry vcpu_id=0
	3000 0 10 kvm_exit vcpu_id=0 exit_reason=0x77 isa=1 $high
	3100 0 10 kvm_entry vcpu_id=0
END
)" '2000|pause|1
vmx|1' 'VMX'
expect "$(modes vmxlow <<- END
	2000 0 10 kvm_exit vcpu_id=0 exit_reason=40 isa=1 $low
	2100 0 10 kvm_entry vcpu_id=0
	3000 0 10 kvm_exit vcpu_id=0 exit_reason=1 isa=1 $high
	3100 0 10 kvm_entry vcpu_id=0
END
)" '2000|pause|1
vmx|0' 'VMX guest whose kernel lies low'
# Hyper-V: long spin wait is code 8, and not a rep call; it counts as kernel mode.
expect "$(modes hyperv <<- END
	2000 0 10 kvm_exit vcpu_id=0 exit_reason=0x81 isa=2 $low
	2010 0 10 kvm_hv_hypercall code=8
	2100 0 10 kvm_entry vcpu_id=0
	3000 0 10 kvm_exit vcpu_id=0 exit_reason=0x81 isa=2 $high
	3010 0 10 kvm_hv_hypercall code=8 rep_cnt=1
	3100 0 10 kvm_entry vcpu_id=0
	4000 0 10 kvm_exit vcpu_id=0 exit_reason=0x81 isa=2 $high
	4010 0 10 kvm_hv_hypercall code=8 var_cnt=1
	4100 0 10 kvm_entry vcpu_id=0
	5000 0 10 kvm_exit vcpu_id=0 exit_reason=0x81 isa=2 $high
	5010 0 10 kvm_hv_hypercall code=2
	5100 0 10 kvm_entry vcpu_id=0
END
)" '2010|hyperv|1
svm|1' 'Hyper-V long spin wait'
