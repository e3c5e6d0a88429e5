# SPDX-License-Identifier: GPL-2.0-or-later
#
# counterspin record around VMs, with each kind of probes. What is in the recordings is looked at
# outside (record.after.sh).
. /lab/job_lib.sh

# recorded NAME: the last 'record' ended well and left what it should, and nothing else
recorded() {
	check "[ $? = 0 ]" "$1: recorder and VMs ended well"
	check "[ -s /host/$1.dat ]" "$1: there is a recording"
	check "[ \$(vms_sum pauses) -gt 500 ]" "$1: the guests spun"
	check_tracefs "after $1"
}

tracefs_remember

counterspin record --check > check.out 2> check.log
check "[ $? = 0 ]" '--check says something of a host without VMs'
cat check.out check.log
check_tracefs 'after --check'

record deep --probes=deep -- --mix ipi-heavy --ms 1500 --seed 211
recorded deep
record auto -- --mix balanced --ms 1500 --seed 212
recorded auto
record off --probes=off -- --mix lock-heavy --ms 1500 --seed 213
recorded off

# The files of function tracing are locked on some hosts, and an open alone may fail or cost.
strace -f -e trace=open,openat,openat2 -o strace.log counterspin record -d 1s -o strace.dat
check "[ $? = 0 ]" 'it runs under strace'
function_tracing='ftrace_filter|ftrace_notrace|ftrace_pid|available_filter_functions'
check "! grep -E '/tracing/.*($function_tracing)' strace.log" 'no file of function tracing is opened'
own='instances/|kprobe_events|dynamic_events'
check "! grep -E '/tracing/[^ ]*, O_(WRONLY|RDWR)' strace.log | grep -vE '/tracing/($own)'" \
	"nothing is written to tracefs' own instance"
check '[ "$(stat -c %a strace.dat)" = 600 ]' 'a recording is its owner'"'"'s alone'
check_tracefs 'after a recording under strace'
