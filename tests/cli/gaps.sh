#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a recording lost is said, counted, and makes unknown what it may have changed.
. "${BASH_SOURCE%/*}/lib.sh"

counts() {
	sql "$1" 'SELECT events, used, ignored, lost FROM recording'
}

gaps() {
	sql "$1" 'SELECT cpu, t0, t1, events FROM gap ORDER BY t0, cpu'
}

# --- five events lost on CPU 1

# vCPU 0 (thread 11) spins on CPU 0 three times; 1 (thread 12) and 2 (thread 13) share CPU 1.
lossy() {	# LOST-DIRECTIVE
	cat <<- END
		1000 0 0  sched_switch next_pid=11
		1000 1 0  sched_switch next_pid=12
		1100 0 11 kvm_entry vcpu_id=0
		1100 1 12 kvm_entry vcpu_id=1
		1200 1 12 kvm_exit vcpu_id=1 exit_reason=0x60 isa=2 guest_rip=-4096
		1300 1 12 sched_switch prev_pid=12 prev_state=0 next_pid=13	# 1 is preempted
		1400 1 13 kvm_entry vcpu_id=2
		2000 0 11 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 guest_rip=-4096
		2100 0 11 kvm_entry vcpu_id=0
		$1
		3000 1 13 kvm_exit vcpu_id=2 exit_reason=0x60 isa=2 guest_rip=-4096
		4000 0 11 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 guest_rip=-4096
		4100 0 11 kvm_entry vcpu_id=0
		5000 1 13 sched_switch prev_pid=13 prev_state=0 next_pid=12	# 2 is preempted
		5100 1 12 kvm_entry vcpu_id=1
		6000 0 11 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 guest_rip=-4096
		6100 0 11 kvm_entry vcpu_id=0
	END
}
decisions='SELECT t_start, state_known, ready & state_known, on_cpu & state_known, irq_known, tainted
	   FROM decision JOIN candidate ON decision = id ORDER BY t_start'

# Nothing lost: 1 is ready from 1300 to 5000, then 2 is. All have entered the guest, so what waits
# for them is known, too.
lossy '' | record whole.dat
import whole.dat
expect "$(counts whole.dat.db)" '16|16|0|0' 'nothing lost'
expect "$(gaps whole.dat.db)" '' 'no gap'
expect "$(sql whole.dat.db "$decisions")" \
'2000|7|2|5|7|0
4000|7|2|5|7|0
6000|7|4|3|7|0' 'candidates, nothing lost'

# From 1400 on nothing is known of 1 and 2, so the decision at 2000 is tainted. 1 may have run and
# slept in the gap: unknown until it is switched in at 5000. 2 shows itself at once, at 3000. 0 ran on the other CPU all the time. Interrupts are known from the next entry on.
lossy 'lost 1 5' | record lossy.dat
import lossy.dat
expect "$(counts lossy.dat.db)" '21|16|0|5' 'events = used + ignored + lost'
expect "$(gaps lossy.dat.db)" '1|1400|3000|5' 'the gap is on CPU 1, between its events around it'
expect "$(sql lossy.dat.db "$decisions")" \
'2000|1|0|1|0|1
4000|5|0|5|0|0
6000|7|4|3|3|0' 'candidates in and after the gap'
# The gap ends the stretch that it interrupts. When 12 became ready again is not known: it may
# have run since 1300.
expect "$(sql lossy.dat.db 'SELECT tid, cpu, t_ready, on_cpu.t0, on_cpu.t1, why FROM on_cpu
	  JOIN thread ON thread.id = thread ORDER BY on_cpu.t0, cpu')" \
'11|0|NULL|1000|6100|NULL
12|1|NULL|1000|1300|R
13|1|NULL|1300|1400|NULL
13|1|NULL|3000|5000|R
12|1|NULL|5000|5100|NULL' 'stretches around the gap'

# An unknown number of events.
lossy 'lost 1 0' | record some.dat
import some.dat
expect "$(counts some.dat.db)" '16|16|0|0' 'an unknown number cannot be counted'
expect "$(gaps some.dat.db)" '1|1400|3000|NULL' 'a gap of unknown size'

# Records missing before a CPU's first event: the gap begins with the recording.
lossy '' | sed '2i lost 1 9' | record first.dat
import first.dat
expect "$(gaps first.dat.db)" '1|1000|1000|9' 'a gap before the first event'

# --- losses that only the recorder's statistics tell of

{ echo 'overrun 0 3'; echo 'overrun 1 4'; lossy ''; } | record overrun.dat
import overrun.dat
expect "$(counts overrun.dat.db)" '23|16|0|7' 'overruns are lost events'
expect "$(gaps overrun.dat.db)" 'NULL|1000|1000|7' 'overruns nobody can place'
{ echo 'overrun 1 7'; lossy 'lost 1 5'; } | record both.dat
import both.dat
expect "$(counts both.dat.db)" '23|16|0|7' 'marks are among the overruns'
expect "$(gaps both.dat.db)" \
'NULL|1000|1000|2
1|1400|3000|5' 'the rest of the overruns has no place'

# --- a decision during which events are lost

record open.dat << 'END'
1000 0 0  sched_switch next_pid=11
1000 1 0  sched_switch next_pid=12
1100 0 11 kvm_entry vcpu_id=0
1100 1 12 kvm_entry vcpu_id=1
2000 0 11 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 guest_rip=-4096
2010 0 11 on_spin vm_pid=900 vcpu_idx=0 vcpu_id=0 kernel_mode=1 n_vcpus=2
2020 0 11 yield_to vm_pid=900 target_idx=1 target_id=1
lost 1 1
3000 1 12 kvm_exit vcpu_id=1 exit_reason=0x60 isa=2 guest_rip=-4096
3010 0 11 yield_to_ret ret=0
3020 0 11 on_spin_ret
3030 0 11 kvm_entry vcpu_id=0
4000 0 11 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 guest_rip=-4096
4010 0 11 on_spin vm_pid=900 vcpu_idx=0 vcpu_id=0 kernel_mode=1 n_vcpus=2
4020 0 11 on_spin_ret
4030 0 11 kvm_entry vcpu_id=0
END
import open.dat
expect "$(sql open.dat.db 'SELECT t_start, source, tainted FROM decision ORDER BY t_start')" \
'2010|probe|1
4010|probe|0' 'the decision across the gap is tainted, the next is not'
# Probes hidden: their six events are ignored, and the decisions are imputed from the exits.
import open.dat --ignore-probes -o hidden.db
expect "$(counts hidden.db)" '16|9|6|1' 'hidden probes are ignored events'
expect "$(sql hidden.db 'SELECT sum(n), sum(used), sum(n - used) FROM event_type')" '15|9|6' 'event types'
expect "$(sql hidden.db "SELECT name, n, used, reason NOT NULL FROM event_type WHERE system = 'counterspin'")" \
'on_spin|2|0|1
on_spin_ret|2|0|1
yield_to|1|0|1
yield_to_ret|1|0|1' 'and it is said why'
expect "$(sql hidden.db 'SELECT t_start, source, tainted FROM decision ORDER BY t_start')" \
'2000|imputed|1
4000|imputed|0' 'the imputed decision across the gap is tainted, too'

# --- what was queued before the gap may be gone after it

record queue.dat << 'END'
1000 0 0  sched_switch next_pid=11
1100 0 11 kvm_entry vcpu_id=0
1200 0 11 sched_wakeup pid=50 target_cpu=0			# 50 waits on CPU 0
lost 0 10							# ... runs, and sleeps
2000 0 11 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 guest_rip=-4096
2010 0 11 kvm_entry vcpu_id=0
2100 0 11 kvm_exit vcpu_id=0 exit_reason=0x78 isa=2 guest_rip=-4096
2200 0 11 sched_switch prev_pid=11 prev_state=1 next_pid=0	# idle: nobody waits
3000 0 0  sched_wakeup pid=11 target_cpu=0
3100 0 0  sched_switch prev_pid=0 next_pid=11
3200 0 11 kvm_entry vcpu_id=0
3300 0 11 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 guest_rip=-4096
3310 0 11 kvm_entry vcpu_id=0
3400 0 11 sched_wakeup pid=50 target_cpu=0			# 50 waits again
3500 0 11 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 guest_rip=-4096
3510 0 11 kvm_entry vcpu_id=0
END
import queue.dat
expect "$(sql queue.dat.db 'SELECT t_start, nr_running FROM decision ORDER BY t_start')" \
'2000|NULL
3300|1
3500|2' 'length of the run queue: not known after the gap until the CPU is idle'

# --- before every CPU has shown its first event, anything may be missing

record late.dat << 'END'
1000 0 0  sched_switch next_pid=11
1100 0 11 kvm_entry vcpu_id=0
2000 0 11 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 guest_rip=-4096
2100 0 11 kvm_entry vcpu_id=0
5000 1 0  sched_switch next_pid=12
6000 0 11 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 guest_rip=-4096
6100 0 11 kvm_entry vcpu_id=0
END
import late.dat
expect "$(sql late.dat.db 'SELECT t0, t1, n_cpu FROM recording')" '5000|6100|2' 'span'
expect "$(sql late.dat.db 'SELECT t_start, tainted FROM decision ORDER BY t_start')" \
'2000|1
6000|0' 'a decision before the latest first event is tainted'
