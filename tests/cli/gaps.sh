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
expect "$(gaps overrun.dat.db)" 'NULL|1000|6100|7' 'overruns nobody can place'
{ echo 'overrun 1 7'; lossy 'lost 1 5'; } | record both.dat
import both.dat
expect "$(counts both.dat.db)" '23|16|0|7' 'marks are among the overruns'
expect "$(gaps both.dat.db)" \
'NULL|1000|6100|2
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

cat > late.script << 'END'
1000 0 0  sched_switch next_pid=11
1100 0 11 kvm_entry vcpu_id=0
2000 0 11 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 guest_rip=-4096
2100 0 11 kvm_entry vcpu_id=0
5000 1 12 sched_switch prev_pid=12 next_pid=13
6000 0 11 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 guest_rip=-4096
6100 0 11 kvm_entry vcpu_id=0
END
record late.dat < late.script
import late.dat
expect "$(sql late.dat.db 'SELECT t0, t1, n_cpu FROM recording')" '5000|6100|2' 'span'
expect "$(sql late.dat.db 'SELECT t_start, tainted FROM decision ORDER BY t_start')" \
'2000|1
6000|0' 'a decision before the latest first event is tainted'

# An idle CPU that shows nothing has nothing to show.
sed -i 's/5000 1 12 sched_switch prev_pid=12/5000 1 0 sched_switch prev_pid=0/' late.script
record slept.dat < late.script
import slept.dat
expect "$(sql slept.dat.db 'SELECT t0, t1, n_cpu FROM recording')" '1000|6100|2' 'span'
expect "$(sql slept.dat.db 'SELECT t_start, tainted FROM decision ORDER BY t_start')" \
'2000|0
6000|0' 'a decision before an idle CPU wakes up'

# --- damage: what the file itself lost

# Two CPUs, three pages each, 4096 bytes a page; vCPU 0 spins on CPU 0 between the pages of CPU 1.
pages() {	# [DIRECTIVE for CPU 1's second page]
	cat <<- END
		1000 0 0  sched_switch next_pid=11
		1000 1 0  sched_switch next_pid=12
		1100 0 11 kvm_entry vcpu_id=0
		1100 1 12 kvm_entry vcpu_id=1
		2000 0 11 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 guest_rip=-4096
		2100 0 11 kvm_entry vcpu_id=0
		page 1
		${1:-3000} 1 12 kvm_exit vcpu_id=1 exit_reason=0x60 isa=2 guest_rip=-4096
		$((${1:-3000} + 100)) 1 12 kvm_entry vcpu_id=1
		4000 0 11 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 guest_rip=-4096
		4100 0 11 kvm_entry vcpu_id=0
		page 1
		5000 1 12 kvm_exit vcpu_id=1 exit_reason=0x60 isa=2 guest_rip=-4096
		5100 1 12 kvm_entry vcpu_id=1
		6000 0 11 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 guest_rip=-4096
		6100 0 11 kvm_entry vcpu_id=0
	END
}
pages | record pages.dat
import pages.dat
expect "$(counts pages.dat.db) $(gaps pages.dat.db)" '14|14|0|0 ' 'whole pages'
size=$(stat -c %s pages.dat)
page1=$((size - 3 * 4096))	# the first of CPU 1

damage() {	# NAME OFFSET BYTES...: a copy of pages.dat with the bytes (printf) at OFFSET
	cp pages.dat "$1"
	printf '%b' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
damaged() {	# NAME EVENTS GAP...: what is found in it
	"$COUNTERSPIN" import -f "$1" 2> "$scratch/log" || fail "$1: $(cat "$scratch/log")"
	grep -q 'warning: the recording has gaps' "$scratch/log" || fail "$1: no warning"
	expect "$(sql "$1.db" 'SELECT used FROM recording')" "$2" "$1: events"
	expect "$(sql "$1.db" 'SELECT cpu, t0, t1, events, why FROM gap ORDER BY t0')" "$3" "$1: gaps"
	expect "$(sql "$1.db" 'SELECT t_start, tainted FROM decision ORDER BY t_start')" "${4:-2000|1
4000|1
6000|0}" "$1: decisions"
	"$COUNTERSPIN" info "$1.db" > "$scratch/out" || fail "info $1"
	grep -q 'Gaps' "$scratch/out" || fail "info $1 shows no gap"
	status=0
	"$COUNTERSPIN" import -f --strict "$1" 2> "$scratch/log" || status=$?
	expect "$status" 1 "$1: --strict"
}

cp pages.dat zeroed.dat
dd if=/dev/zero of=zeroed.dat bs=1 seek=$((page1 + 4096)) count=4096 conv=notrunc status=none
damaged zeroed.dat 12 '1|1100|5000|NULL|a page holds nothing but zeros'
damage commit.dat $((page1 + 4096 + 8)) '\xff\xff'
damaged commit.dat 12 '1|1100|5000|NULL|a page is damaged'
damage overlong.dat $((page1 + 4096 + 16)) '\x1c'	# the page's first event now ends outside it
damaged overlong.dat 12 '1|1100|5000|NULL|a page is damaged'
damage future.dat $((page1 + 4096 + 7)) '\x20'		# 2^61 ns from now, but the next page is as it should be
damaged future.dat 12 '1|1100|5000|NULL|a page is damaged'
damage never.dat $((page1 + 2 * 4096 + 7)) '\x20'	# the last page's: no clock gets there, and no page follows
damaged never.dat 12 '1|3100|6100|NULL|a page is damaged' '2000|0
4000|1
6000|1'
damage past.dat $((page1 + 2 * 4096)) '\x10\x00'	# the last page's clock is at 16 ns
damaged past.dat 12 '1|3100|6100|2|the clock stepped back' '2000|0
4000|1
6000|1'
pages 900 | record back.dat				# ... the second's at 900: until the third nothing can be believed
damaged back.dat 12 '1|1100|5000|2|the clock stepped back'
head -c $((size - 100)) pages.dat > cut.dat
damaged cut.dat 12 '1|3100|6100|NULL|the file ends before the events do' '2000|0
4000|1
6000|1'
# With the page before it gone, too, nothing is left to trust.
head -c $((size - 4096 - 100)) pages.dat > all.dat
expect_fails 3 "'all.dat': no facts to trust: each of its 3 decisions touches a gap" "$COUNTERSPIN" import all.dat

# Several pages in a row of times that cannot be, as where a chunk is decompressed to something else: those after
# them are as they were.
cp "$DATA/ipi-heavy-icount.dat" pages_never.dat
head -c 8 /dev/zero | dd of=pages_never.dat bs=1 seek=188319 conv=notrunc status=none
import pages_never.dat
expect "$(sql pages_never.dat.db "SELECT t1 - t0 < 3000000000, used > 50000 FROM recording")" '1|1' 'pages of no time'
expect "$(sql pages_never.dat.db "SELECT count(*), sum(events), max(t1 - t0) < 1000000 FROM gap WHERE why = 'a page is damaged'")" \
	'1|1183|1' 'the gap there'
"$COUNTERSPIN" report pages_never.dat.db > "$scratch/log" 2>&1 || fail "a report of it: $(cat "$scratch/log")"

# A chunk of a compressed buffer: what is before it and after it is used.
cp "$DATA/ipi-heavy-icount.dat" chunk.dat
printf '\xff\xff\xff\xff' | dd of=chunk.dat bs=1 seek=$(($(stat -c %s chunk.dat) * 3 / 5)) conv=notrunc status=none
import -f "$DATA/ipi-heavy-icount.dat" -o whole.db
"$COUNTERSPIN" import chunk.dat 2> "$scratch/log" || fail "chunk.dat: $(cat "$scratch/log")"
expect "$(sql chunk.dat.db 'SELECT cpu, events, why FROM gap')" '0|NULL|a compressed chunk is damaged' 'a damaged chunk'
expect "$(sql chunk.dat.db "ATTACH 'whole.db' AS w; SELECT used < (SELECT used FROM w.recording),
	used > (SELECT used FROM w.recording) * 0.9, t1 = (SELECT t1 FROM w.recording) FROM recording")" '1|1|1' 'the rest of it is used'

# --- CPUs that are silent: nobody runs a vCPU for over a second without an event

silent() {	# CPU-1-FIRST CPU-1-LAST: two CPUs from 1 ms to 9 s, the second with fewer events
	for ((ms = 1; ms <= 9001; ms += 500)); do
		echo "$((ms * 1000000)) 0 11 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 guest_rip=-4096"
		echo "$((ms * 1000000 + 1000)) 0 11 kvm_entry vcpu_id=0"
		((ms >= $1 && ms <= $2)) || continue
		echo "$((ms * 1000000)) 1 12 kvm_exit vcpu_id=1 exit_reason=0x60 isa=2 guest_rip=-4096"
		echo "$((ms * 1000000 + 1000)) 1 12 kvm_entry vcpu_id=1"
	done
	echo '9500000000 0 11 sched_switch prev_pid=11 prev_state=1 next_pid=0'
}
why() {
	sql "$1" "SELECT cpu, t0 / 1000000, t1 / 1000000, why FROM gap ORDER BY t0"
}
silent 0 9999 | record regular.dat
import regular.dat
expect "$(why regular.dat.db)" '' 'half a second without an event is no gap'
silent 3000 9999 | record late.dat
import -f late.dat
expect "$(why late.dat.db)" '1|1|3001|the CPU ran a vCPU, but its events begin late' 'a CPU that starts late'
silent 0 6000 | record early.dat
import early.dat
expect "$(why early.dat.db)" '1|5501|9500|the CPU ran a vCPU, but its events end early' 'a CPU that ends early'
silent 0 9999 | awk '$1 < 3000000000 || $1 > 6000000000' | record silent.dat
import silent.dat
expect "$(why silent.dat.db)" 'NULL|2501|6001|vCPUs ran, but no CPU has events' 'a silent recording'
# An idle CPU has nothing to show.
{ echo '1000 1 0 sched_waking pid=11'; silent 9000 9999 | sed 's/^\([0-9]*\) 1 12 kvm_exit.*/\1 1 0 sched_switch next_pid=12/'; } |
	record idle.dat
import idle.dat
expect "$(why idle.dat.db)" '' 'an idle CPU'

# --- bursts

silent 0 9999 | awk '$1 < 3000000000' > one
silent 0 9999 | awk '$1 > 6000000000' > two
record one.dat < one
record two.dat < two
import two.dat one.dat -o both.db
expect "$(why both.db)" 'NULL|2501|6001|between two bursts of the recording' 'two files'
grep -q ' 0 lost, 0 gaps, 1 planned pause$' "$scratch/log" || fail "a pause, counted: $(cat "$scratch/log")"
grep -q 'has gaps' "$scratch/log" && fail 'a pause is taken for a loss'
import -f --strict two.dat one.dat -o both.db
grep -q 'no VM is seen' "$scratch/log" && fail 'a VM that goes on is not seen on both sides of a pause'
# Other VMs after the pause: perhaps the host was booted in between.
sed 's/\b11\b/21/g; s/\b12\b/22/g' two | record booted.dat
import one.dat booted.dat -o booted.db
expect "$(grep -c 'warning: no VM is seen both before and after the pause at 2.5.. s: these are no bursts' "$scratch/log")" 1 \
	'bursts without a VM in common'
expect "$(sql both.db 'SELECT path, events, (SELECT count(*) FROM decision), (SELECT sum(n) FROM event_type) FROM recording')" \
	"two.dat one.dat|$(cat one two | wc -l)|$(grep -c 0x77 <(cat one two))|$(cat one two | wc -l)" 'both files are in it'
{
	cat one
	echo '2800000000 0 11 print buf={"format":"counterspin-host-facts","version":1,"when":"stop"}'
	echo '5900000000 0 11 print buf={"format":"counterspin-host-facts","version":1,"when":"start"}'
	cat two
} | record marked.dat
import marked.dat
expect "$(why marked.dat.db)" 'NULL|2800|5900|between two bursts of the recording' 'bursts in one file, marked'
import -f --strict marked.dat
grep -q ' 0 gaps, 1 planned pause$' "$scratch/log" || fail "a marked pause, counted: $(cat "$scratch/log")"
# What a burst lacks at its end is missing there, not until the end of all.
head -c $(($(stat -c %s one.dat) - 100)) one.dat > short.dat
"$COUNTERSPIN" import -f short.dat two.dat -o short.db 2> "$scratch/log" || fail "short.dat: $(cat "$scratch/log")"
grep -q ' 1 gap, 1 planned pause$' "$scratch/log" || fail "a gap and a pause, counted: $(cat "$scratch/log")"
grep -q 'warning: the recording has gaps' "$scratch/log" || fail 'a gap beside a pause: no warning'
expect "$(why short.db)" '1|1|2501|the file ends before the events do
NULL|2501|6001|between two bursts of the recording' 'a burst cut short'
expect_fails 3 "'one.dat': begins before 'one.dat' ends" "$COUNTERSPIN" import one.dat one.dat -o new.db
sed '1i clock boot' two | record other.dat
expect_fails 3 'are not bursts of one recording: another clock' "$COUNTERSPIN" import one.dat other.dat -o new.db
sed '1i cpus 3' two | record other.dat
expect_fails 3 'are not bursts of one recording: another number of CPUs' "$COUNTERSPIN" import one.dat other.dat -o new.db

# --- what only the rest of the recording shows

# A compressed buffer whose count of chunks says less than there is; CPU 1 not in the file at all, but
# threads are queued there.
cp "$DATA/balanced.dat" count.dat
at=$(trace-cmd dump --options -i count.dat | sed -nE 's/^[ \t]*0[ \t]+([0-9]+)[ \t]+[0-9]+[ \t]+\[id.*/\1/p')
printf '\1\0\0\0' | dd of=count.dat bs=1 seek=$at conv=notrunc status=none
"$COUNTERSPIN" import count.dat 2> "$scratch/log" || fail "count.dat: $(cat "$scratch/log")"
expect "$(sql count.dat.db "SELECT DISTINCT why FROM gap WHERE why NOT LIKE 'a return probe%'")" 'a compressed chunk is damaged' 'chunks that are not counted'
record absent.dat <<- END
	1000 0 0  sched_switch next_pid=11
	1100 0 11 kvm_entry vcpu_id=0
	2000 0 11 kvm_exit vcpu_id=0 exit_reason=0x60 isa=2 guest_rip=-4096
	2010 0 11 sched_wakeup pid=50 target_cpu=1
	2100 0 11 kvm_entry vcpu_id=0
END
"$COUNTERSPIN" import absent.dat 2> "$scratch/log" || fail "absent.dat: $(cat "$scratch/log")"
expect "$(sql absent.dat.db 'SELECT cpu, t0, t1, why FROM gap')" \
	'1|1000|2100|threads were queued on the CPU, but it has no events' 'a CPU that is missing'
