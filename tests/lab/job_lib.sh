# SPDX-License-Identifier: GPL-2.0-or-later
#
# What every job begins with: '. /lab/job_lib.sh'. A job is run by the shell of busybox, in an empty
# directory on the host under test; /host is the directory that outlives it. It goes on after a
# failed check and fails at the end.

tracefs=/sys/kernel/tracing
failures=0
n_checks=0
trap 'job_ends $?' EXIT

job_ends() {
	if [ "$1" -eq 77 ]; then
		exit 77
	elif [ "$1" -ne 0 ]; then
		echo "FAIL: the job stopped with status $1"
		exit "$1"
	elif [ "$failures" -ne 0 ]; then
		echo "FAIL: $failures of $n_checks checks"
		exit 1
	elif [ "$n_checks" -eq 0 ]; then
		echo 'FAIL: nothing was checked'
		exit 1
	fi
	echo "$n_checks checks are good"
}

# check CONDITION MESSAGE: the condition is shell.
check() {
	n_checks=$((n_checks + 1))
	if eval "$1"; then
		echo "good: $2"
	else
		failures=$((failures + 1))
		echo "FAIL: $2: $1"
	fi
}

skip() {
	echo "skipped: $*"
	exit 77
}

uptime_s() {
	cut -d . -f 1 /proc/uptime
}

# wait_for SECONDS CONDITION: until that shell is true; false if it never was
wait_for() {
	local end=$(($(uptime_s) + $1))

	while ! eval "$2"; do
		[ "$(uptime_s)" -le $end ] || return 1
		sleep 0.1
	done
}

# --- VMs

# vms ARGUMENT...: run micro-VMs to their end (lab_vmm --help). What it says is kept in vms.log.
vms() {
	lab_vmm --mode "$LAB_MODE" --out /host/truth.json "$@" > vms.log
}

# vms_start ARGUMENT...: in the background; returns when all of them are about to run.
vms_start() {
	: > vms.log
	vms "$@" &
	vms_job=$!
	wait_for 20 'grep -q "^vm .* pid" vms.log'
}

# Its status is that of lab_vmm.
vms_wait() {
	wait $vms_job
}

# vms_pid N: the process of VM N
vms_pid() {
	awk -v vm="$1" '$1 == "vm" && $2 == vm && $3 == "pid" { print $4 }' vms.log
}

# vms_sum WORD: the sum over VMs of the number behind that word ('pauses', 'CPL3', 'ops')
vms_sum() {
	awk -v word="$1" '$3 == "pauses" { for (i = 3; i < NF; i++) if ($i == word) sum += $(i + 1) }
		END { print sum + 0 }' vms.log
}

# --- counterspin

# To go once there is the command: a broken one must not be skipped.
# record NAME [OPTION...] -- ARGUMENT...: record VMs with those arguments. Leaves NAME.dat beside
# NAME.dat.truth.json and NAME.dat.pauselog.vmN in /host, and what was said in record.log.
record() {
	local name=$1 options= status

	shift
	while [ "$1" != -- ]; do
		options="$options $1"
		shift
	done
	shift
	# an event costs ten times as much here as on a real CPU
	counterspin record --budget 0 $options -o "$name.dat" -- lab_vmm --mode "$LAB_MODE" \
		--out "/host/$name.dat.truth.json" --log "/host/$name.dat.pauselog" "$@" \
		> vms.log 2> record.log
	status=$?
	cat vms.log record.log
	# a recording is written to memory: 9p is slow, and would be in it
	[ ! -e "$name.dat" ] || { cp "$name.dat" /host/ && rm "$name.dat"; }
	return $status
}

# --- tracefs

# All that anybody could have left behind in tracefs, as text that can be compared.
tracefs_state() {
	(
		cd $tracefs
		ls -d instances/* 2> /dev/null
		for file in dynamic_events kprobe_events uprobe_events set_event set_event_pid \
			set_ftrace_pid set_ftrace_filter current_tracer tracing_on trace_clock \
			buffer_size_kb events/enable; do
			[ ! -e $file ] || sed "s|^|$file: |; s| (expanded.*||" $file
		done
		grep -lv '^0' events/*/enable events/*/*/enable 2> /dev/null
		grep -v '^#' events/*/*/trigger events/*/*/filter 2> /dev/null | grep -v ':none$'
	)
}

tracefs_remember() {
	tracefs_state > tracefs.before
}

# check_tracefs WHEN: it is as it was when it was remembered.
check_tracefs() {
	tracefs_state > tracefs.after
	diff tracefs.before tracefs.after
	check 'cmp -s tracefs.before tracefs.after' "nothing is left in tracefs $1"
}
