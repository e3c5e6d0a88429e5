#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# perf.data: the same events give the same facts as in a trace.dat, in whatever mode perf
# wrote them; what perf lost, and damage, is told; what cannot be used is refused.
. "${BASH_SOURCE%/*}/lib.sh"

perf_of() {	# IN.dat OUT [OPTION...]: as perf would have recorded it; OUT.host.json, too
	local in=$1 out=$2

	shift 2
	rm -rf "$out"
	"$PERF_RECORDING" "$@" "$in" "$out" || fail "perf_recording $* $in"
	[ ! -e "$in.host.json" ] || cp "$in.host.json" "$out.host.json"
}

same() {	# WHAT: p.data has the facts in 'want'
	import -f p.data || return 0
	facts p.data.db > got
	cmp -s want got || fail "$1: other facts
$(diff want got | head -5 | cut -c 1-300)"
}

gaps() {
	sql "$1" 'SELECT cpu, t0, t1, events, why FROM gap ORDER BY t0, cpu'
}

# --- every scripted recording of these tests, in both formats

for test in decisions gaps ipis markers vms; do
	PERF_TWIN=1 bash "$SOURCE/tests/cli/$test.sh" > "$scratch/log" 2>&1 || fail "$test.sh: $(cat "$scratch/log")"
	[ "$(grep -c '^twin ' "$scratch/log")" -gt 0 ] || fail "$test.sh: nothing was compared"
done

# --- real recordings, in every mode

# whose host facts stand beside them: perf.data has no trace markers
for name in lock-heavy-instance ipi-heavy-relaxed; do
	cp "$DATA/$name.dat" "$DATA/$name.dat.host.json" .
	import $name.dat
	kernel=--release=$(sql $name.dat.db 'SELECT kernel FROM recording')
	facts $name.dat.db > want
	modes=('' --pipe --zstd --directory '--pipe --zstd2' '--directory --zstd' --guest --shuffle=63 --rounds=100)
	[ $name != ipi-heavy-relaxed ] || modes=(--zstd '--directory --guest --shuffle=40')
	for mode in "${modes[@]}"; do
		perf_of $name.dat p.data "$kernel" $mode
		same "$name $mode"
		case $mode in
		*--pipe*) format='perf.data pipe' ;;
		*--directory*) format='perf.data directory' ;;
		*) format='perf.data' ;;
		esac
		expect "$(sql p.data.db 'SELECT format, clock, lost FROM recording')" "$format|mono|0" "$name $mode"
	done
done
rm -f ipi-heavy-relaxed*
recording=lock-heavy-instance.dat
facts $recording.db > want
kernel=--release=$(sql $recording.db 'SELECT kernel FROM recording')
of_real() {	# OPTION...: p.data from the real recording
	perf_of $recording p.data "$kernel" "$@"
}

# Each CPU's records in one piece, and a write after every event.
of_real --rounds=9999999
same 'one round'
of_real --rounds=1
same 'rounds of one event'
# Fields before the raw data, some of variable length; the event is told by ID instead of IDENTIFIER.
for type in 0x107ff 0x5c7 0x105a7 0x10597; do
	of_real --sample-type=$type
	same "sample_type $type"
done
# Other clocks; perf's own needs no name in the file.
for clock in -1:perf 4:mono_raw 7:boot 11:tai; do
	of_real --clockid=${clock%:*}
	import -f p.data
	expect "$(sql p.data.db 'SELECT clock FROM recording')" "${clock#*:}" "clock ${clock%:*}"
done
# Thread groups come with samples and COMM records; not if the recorder's ids are of another namespace.
of_real
import -f --no-host-facts p.data
expect "$(sql p.data.db 'SELECT count(DISTINCT tgid), count(*) FILTER (WHERE tgid IS NULL) FROM thread WHERE vcpu NOT NULL')" \
	'2|0' 'thread groups'
expect "$(sql p.data.db 'SELECT DISTINCT membership FROM vm')" tgid 'VMs are known by them'
of_real --foreign-ids
import -f --no-host-facts p.data
expect "$(sql p.data.db 'SELECT count(*) FROM thread WHERE tgid < 30000')" \
	"$(sql p.data.db 'SELECT count(*) FROM thread WHERE tgid NOT NULL')" 'thread groups of another namespace'

# perf itself reads what these tests are made of.
if command -v perf > "$scratch/out"; then
	n=$(sql $recording.db 'SELECT events FROM recording')
	for mode in '' --pipe --zstd '--directory --zstd'; do
		of_real $mode
		expect "$(perf script -F event -i p.data 2> "$scratch/log" | grep -vc dummy)" "$n" "perf script, $mode"
	done
fi

# --- out of order

# More places late than are looked ahead: what comes too late is left out, and told.
of_real --shuffle=300
import -f p.data
expect "$(sql p.data.db "SELECT lost > 0, lost = (SELECT sum(events) FROM gap WHERE why = 'the clock stepped back')
	  FROM recording")" '1|1' 'too late: counted'
expect "$(sql p.data.db 'SELECT events FROM recording')" "$(sql $recording.db 'SELECT events FROM recording')" \
	'too late: none missed'

# --- lost events

cat > lossy << 'END'
uname 6.1.0-test x86_64
1000 0 0  sched_switch next_pid=11
1000 1 0  sched_switch next_pid=12
1100 0 11 kvm_entry vcpu_id=0
1100 1 12 kvm_entry vcpu_id=1
2000 0 11 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 guest_rip=-4096
2100 0 11 kvm_entry vcpu_id=0
lost 1 5
3000 1 12 kvm_exit vcpu_id=1 exit_reason=0x60 isa=2 guest_rip=-4096
3100 1 12 kvm_entry vcpu_id=1
4000 0 11 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 guest_rip=-4096
4100 0 11 kvm_entry vcpu_id=0
5000 1 12 kvm_exit vcpu_id=1 exit_reason=0x60 isa=2 guest_rip=-4096
6000 0 11 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 guest_rip=-4096
6100 0 11 kvm_entry vcpu_id=0
END
record lossy.dat < lossy
lossy() {	# OPTION...: p.data from it
	perf_of lossy.dat p.data --no-groups "$@"
}
lossy
import -f p.data
expect "$(gaps p.data.db)" '1|1100|3000|5|the recorder lost events' 'LOST'
# What the kernel counted at the end includes what LOST records told.
lossy --lost-samples=5
import -f p.data
expect "$(gaps p.data.db)" '1|1100|3000|5|the recorder lost events' 'LOST_SAMPLES, all told'
lossy --lost-samples=8
import -f p.data
expect "$(gaps p.data.db | sed 's/|the events.*//')" \
'NULL|1000|6100|3|the recorder counted them as lost, the events do not show where
1|1100|3000|5|the recorder lost events' 'LOST_SAMPLES, the rest'

# --- damage

damaged() {	# GAPS DECISIONS-OR-EVENTS-QUERY WANT WHAT
	"$COUNTERSPIN" import -f p.data 2> "$scratch/log" || fail "$4: $(cat "$scratch/log")"
	expect "$(gaps p.data.db)" "$1" "$4: gaps"
	expect "$(sql p.data.db "$2")" "$3" "$4"
}
sed '/^lost/d' lossy | record lossy.dat
used='SELECT used FROM recording'
# Records are in the order of CPU 0, then 1, within a round: rounds of four events here.
of=--rounds=4
lossy $of --damage=size:9
damaged '0|2100|3100|NULL|a record is damaged, what follows cannot be found
1|3100|3100|NULL|a record is damaged, what follows cannot be found' "$used" 8 'a record without a size'
for what in id cpu time; do
	lossy $of --damage=$what:8
	damaged '1|3000|5000|1|a record is damaged' "$used" 12 "a sample with an impossible $what"
done
of_real --zstd --damage=zstd:30000
"$COUNTERSPIN" import -f p.data 2> "$scratch/log" || fail "a damaged zstd stream: $(cat "$scratch/log")"
expect "$(sql p.data.db 'SELECT cpu, t1 = (SELECT t1 FROM recording), why FROM gap')" \
	'0|1|a record is damaged, what follows cannot be found' 'a damaged zstd stream'
# One with a time far ahead is not believed when hundreds that came later are earlier.
of_real --damage=future:20000
import -f p.data
expect "$(sql p.data.db 'SELECT events, why FROM gap')" '1|the clock stepped back' 'a sample from the future'
expect "$(sql p.data.db 'SELECT t1 FROM recording')" "$(sql $recording.db 'SELECT t1 FROM recording')" 'the end is as it was'

# --- cut short

# A file has its formats behind the records; cut anywhere it cannot be read.
lossy
size=$(stat -c %s p.data)
cp p.data whole
for ((at = 8; at < size; at += 97)); do
	head -c $at whole > p.data
	expect_fails 3 "'p.data': (truncated|the recorder did not finish|damaged header)" "$COUNTERSPIN" import -f p.data -o new.db
done
# A pipe has them in front: what is there counts.
cut_pipe() {	# OPTION...
	of_real --pipe "$@"
	mv p.data whole
	size=$(stat -c %s whole)
	for part in 2 3 4; do
		head -c $((size * part / 5)) whole > p.data
		"$COUNTERSPIN" import -f p.data 2> "$scratch/log" || fail "cut pipe: $(cat "$scratch/log")"
		expect "$(sql p.data.db "SELECT DISTINCT cpu, t1 = (SELECT t1 FROM recording), why FROM gap")" \
			'0|1|the file ends before the events do' "pipe $*, $part fifths"
	done
	head -c $((size / 200)) whole > p.data
	expect_fails 3 "'p.data': (no|has no event formats)" "$COUNTERSPIN" import -f p.data -o new.db
}
cut_pipe
cut_pipe --zstd
# A directory: one CPU's file.
lossy --directory --rounds=4
head -c -40 p.data/data.1 > short
mv short p.data/data.1
damaged '1|3100|6100|NULL|the file ends before the events do' "$used" 12 'a file of the directory'
expect_fails 3 'one file of a recording in a directory' "$COUNTERSPIN" import p.data/data -o new.db
rm -r p.data p.data.db

# --- what cannot be used

refuse() {	# PATTERN: p.data
	expect_fails 3 "'p.data': $1" "$COUNTERSPIN" import p.data -o new.db
}
bytes() {	# OFFSET BYTES: in p.data
	printf '%b' "$2" | dd of=p.data bs=1 seek="$1" conv=notrunc status=none
}
rm -f new.db
lossy
bytes 0 PERFFILE
refuse 'perf.data version 1'
bytes 0 2ELIFREP
refuse 'recorded on a big-endian machine'
bytes 0 'PERFILE2\x50'
refuse 'damaged header: its size is 80'
lossy
bytes 48 '\0\0\0\0\0\0\0\0'
refuse 'the recorder did not finish it'
lossy --sample-type=0x10583
refuse 'its samples have no time'
lossy --sample-type=0x10507
refuse 'its samples do not say their CPU'
lossy --sample-type=0x10187
refuse 'recorded without raw data'
lossy --sample-type=0x587
refuse 'its samples do not say which event'
lossy --clockid=0
refuse 'clock 0, CLOCK_REALTIME'
lossy --clockid=5
refuse 'clock 5 does not order events'
lossy --every=100
refuse 'holds a sample of the events'
lossy --frequency
refuse 'holds a sample of the events'
lossy --backward
refuse 'its buffers were written backward'

# --- real perf recordings

if [ -d "$SOURCE/../shared/traces" ]; then
	traces=$SOURCE/../shared/traces
	# Seven thousand of these samples are in interrupts of guests, which perf script leaves out.
	"$COUNTERSPIN" import "$traces/ipi-heavy-both.perf.data" -o p.db 2> "$scratch/log" || fail 'a real one'
	expect "$(sql p.db 'SELECT events, lost, (SELECT count(*) FROM gap), clock FROM recording')" '66076|0|0|mono' 'all samples'
	# the same run, recorded by trace-cmd and perf at once; perf began later
	"$COUNTERSPIN" import "$traces/ipi-heavy-both.dat" -o t.db 2> "$scratch/log" || fail 'its twin'
	for query in "SELECT * FROM event_type WHERE system != 'sched' ORDER BY name" \
		     "SELECT yield_to_kernel_mode, n_vcpus, source, switched_out, pick_idx, result FROM decision ORDER BY id" \
		     "SELECT tid, tgid FROM thread WHERE vcpu NOT NULL ORDER BY tid"; do
		expect "$(sql p.db "$query" | md5sum)" "$(sql t.db "$query" | md5sum)" "$query"
	done
	# two CPUs: no record is out of its CPU's order beyond what is looked ahead, without heed of FINISHED_ROUND
	"$COUNTERSPIN" import "$traces/lock-heavy.perf.data" -o l.db 2> "$scratch/log" || fail 'a real one of two CPUs'
	expect "$(sql l.db 'SELECT events, lost, n_cpu, (SELECT count(*) FROM gap), (SELECT count(*) FROM decision) FROM recording')" \
		'35701|0|2|0|2827' 'two CPUs'
fi
