# SPDX-License-Identifier: GPL-2.0-or-later
#
# Whatever befalls a recorder: nothing of it stays in the kernel, and what it had is not lost
# without a word. One case is one function; each begins with a clean tracefs and must leave one.
. /lab/job_lib.sh

# it records; at first it only counts, in its instance, too
begun() {
	grep -q 'recording .* kinds of events' record.log
}

# record_start ARGUMENT...: in the background; returns when it has begun. Its process is $recorder.
record_start() {
	: > record.log
	counterspin record "$@" > record.out 2> record.log &
	recorder=$!
	wait_for 20 begun
	sleep 1
}

# ends_within SECONDS: sets 'status' to the recorder's
ends_within() {
	status=none
	wait_for "$1" '! kill -0 $recorder 2> /dev/null' || { kill -9 $recorder; return; }
	wait $recorder
	status=$?
}

children() {
	awk -v parent="$1" '$1 == "Pid:" { pid = $2 } $1 == "PPid:" && $2 == parent { print pid }' \
		/proc/[0-9]*/status 2> /dev/null
}

# clean_within SECONDS WHAT
clean_within() {
	wait_for "$1" '[ -z "$(ls $tracefs/instances; cat $tracefs/dynamic_events)" ]'
	check_tracefs "$2"
	ls -la
}

# A shell without a terminal has what it starts in the background ignore SIGINT: here the one that
# interrupts is in the background.
interrupted() {
	for signal in INT TERM; do
		: > record.log
		(
			wait_for 20 begun
			sleep 1
			kill -$signal "$(cat recorder)"
			sleep 20
			kill -9 "$(cat recorder)"
		) &
		sh -c 'echo $$ > recorder; exec counterspin record -o '$signal.dat 2> record.log
		check "[ $? = 0 ]" "SIG$signal ends a recording, and it is good"
		kill $! 2> /dev/null
		check "[ -s $signal.dat ]" "SIG$signal: what was recorded is there"
		clean_within 1 "after SIG$signal"
	done
}

recorder_killed() {
	record_start -o killed.dat
	kill -9 $recorder
	clean_within 10 'after SIGKILL of the recorder: its supervisor cleans up'
}

both_killed() {
	record_start -o both.dat
	kill -9 $(children $recorder) $recorder
	sleep 1
	check '[ -n "$(ls $tracefs/instances)" ]' 'with nobody left to clean up, an instance stays'
	check '[ "$(cat $tracefs/instances/*/tracing_on)" = 0 ]' 'but the kernel has stopped it'
	counterspin record --recover -o recovered.dat
	check "[ $? = 0 ]" '--recover finds it'
	check '[ -s recovered.dat ]' '--recover saves what it held'
	clean_within 1 'after --recover'

	record_start -o both.dat
	kill -9 $(children $recorder) $recorder
	sleep 1
	counterspin record -d 1s -o next.dat 2> next.log
	check "[ $? = 0 ]" 'the next start copes with an orphan'
	check "grep 'recorder that was killed' next.log" 'and says so'
	clean_within 1 'after the next start'
}

disk_full() {
	mkdir -p disk
	mount -t tmpfs -o size=1m tmp disk
	record_start -o disk/full.dat
	vms --mix ipi-heavy --ms 3000
	ends_within 30
	check "[ $status != none ] && [ $status != 0 ]" 'a full disk ends a recording with an error'
	check 'grep -iE "disk|space" record.log' 'and the error says why'
	ls -la disk
	check '[ -z "$(ls -A disk)" ]' 'no partial file stays'
	umount disk
	clean_within 1 'after a full disk'
}

two_recorders() {
	record_start -d 10s -o first.dat
	counterspin record -d 1s -o second.dat 2> second.log
	check "[ $? != 0 ]" 'a second recorder does not start'
	check "grep -w $recorder second.log" 'and says who is recording'
	check '[ ! -e second.dat ]' 'nor leaves a file'
	ends_within 30
	check "[ $status = 0 ]" 'the first is not disturbed'
	clean_within 1 'after two recorders'
}

vm_vanishes() {
	vms_start --mix ipi-heavy --ms 4000
	record_start -d 4s -o vanished.dat
	kill -9 "$(vms_pid 0)"
	vms_wait
	ends_within 30
	check "[ $status = 0 ]" 'a recording outlives a VM'
	clean_within 1 'after a VM vanished'
}

# Probes that somebody else has in our group are not ours to remove, nor a reason not to record.
foreign_probes() {
	echo 'p:counterspin/on_spin kvm:kvm_vcpu_on_spin' >> $tracefs/dynamic_events
	counterspin record -d 1s --budget 0 -o foreign.dat 2> foreign.log
	check "[ $? = 0 ]" "somebody else's probes do not keep it from recording"
	check 'grep "no probes" foreign.log' 'and that it has none is said'
	check 'grep counterspin/on_spin $tracefs/dynamic_events' 'they stay'
	counterspin record --recover
	check "[ $? = 0 ]" '--recover removes what has our name'
	clean_within 1 "after somebody else's probes"
}

tracefs_remember
for case in interrupted recorder_killed both_killed disk_full two_recorders vm_vanishes foreign_probes; do
	echo "--- $case"
	$case
	rm -f ./*.dat
done
