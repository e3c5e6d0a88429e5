#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# record on this machine's own kernel: what it writes, what it leaves, and what it says
# where it cannot. Real VMs and probes: tests/lab.
. "${BASH_SOURCE%/*}/lib.sh"

tracing=/sys/kernel/tracing
skip() {
	echo "SKIP: $1"
	exit 77
}
[ "$(id -u)" -eq 0 ] || skip 'recording needs root'
[ -w $tracing/instances ] || skip "no $tracing/instances that can be written to"
[ -e $tracing/events/kvm/kvm_exit ] || skip 'this kernel has no events of KVM'
[ ! -e $tracing/instances/counterspin ] || skip 'somebody is recording on this machine'

record() {
	"$COUNTERSPIN" record "$@" > "$scratch/out" 2> "$scratch/log"
}

nothing_left() {	# WHAT
	[ ! -e $tracing/instances/counterspin ] || fail "$1: the instance is still there"
	[ ! -e $tracing/dynamic_events ] || ! grep -q counterspin/ $tracing/dynamic_events ||
		fail "$1: probes are still there"
	[ -z "$(find . -name '.counterspin-*')" ] || fail "$1: unfinished files are still there"
}

# Wait until COMMAND succeeds. How long that takes is the machine's affair.
soon() {
	for _ in $(seq 600); do
		if "$@"; then
			return
		fi
		sleep 0.1
	done
	fail "not within a minute: $*"
}

tracing_is_on() {
	[ "$(cat $tracing/instances/counterspin/tracing_on 2> /dev/null)" = 1 ]
}

tracing_is_off() {
	[ "$(cat $tracing/instances/counterspin/tracing_on 2> /dev/null)" = 0 ]
}

clean_up() {
	pkill -9 -f "$scratch/work" || true
	"$COUNTERSPIN" record --recover -o "$scratch/left.dat" > "$scratch/out" 2>&1 || true
}

# begin OPTION...: in the background, its process in $recorder, when it has begun. Without a budget: a
# recorder that keeps one switches tracing off by itself, which is not to be mistaken for what is tested.
begin() {
	# what runs in the background of a script ignores SIGINT
	env --default-signal=INT "$COUNTERSPIN" record "$@" --budget 0 > "$scratch/out" 2> "$scratch/log" &
	recorder=$!
	soon grep -q 'record: recording' "$scratch/log"
	soon tracing_is_on
}

is_running() {
	[ -e "/proc/$1" ] && ! grep -q '^State:.*zombie' "/proc/$1/status" 2> /dev/null
}

ended() {	# its status in $status
	for _ in $(seq 600); do
		is_running $recorder || break
		sleep 0.1
	done
	if is_running $recorder; then
		fail "it does not end: $(cat "$scratch/log")"
		kill -9 $recorder
	fi
	status=0
	wait $recorder 2> "$scratch/job" || status=$?
}

# Both until unload, however long a recorder takes to begin; their process in $loader.
load() {	# two processes wake each other
	perl -e 'pipe(A, B); pipe(C, D);
		if (!fork) { close(B); while (sysread(A, $_, 1)) { syswrite(D, $_) } exit }
		close(A); while (syswrite(B, "x")) { sysread(C, $_, 1) }' > /dev/null 2>&1 &
	loader=$!
}

load_hidden() {
	./comm-to-hide -e 'while (1) { select(undef, undef, undef, 0.002) }' > /dev/null 2>&1 &
	loader=$!
}

unload() {
	kill $loader
	wait $loader 2> "$scratch/job" || true
}

# --- what it writes

load
record -d 1s -o a.dat --budget 0 || fail "record: $(cat "$scratch/log")"
unload
[ ! -s "$scratch/out" ] || fail 'record wrote to standard output'
expect "$(stat -c %a a.dat)" 600 'mode of the recording'
nothing_left 'a duration'
trace-cmd report a.dat > "$scratch/report" 2> "$scratch/report.log" || fail 'trace-cmd cannot read it'
events=$(grep -c ' sched_switch:' "$scratch/report" || true)
[ "$events" -gt 10 ] || fail "trace-cmd sees $events switches"
grep -q '"recorder.tool":"counterspin' "$scratch/report" || fail 'the recording does not say who made it'
said=$(sed -n 's/.* s, \([0-9]*\) events, .*/\1/p' "$scratch/log")
expect "$(grep -cE '^ +[^ ].*\[[0-9]+\]' "$scratch/report")" "$said" 'events in the file, and events said'
expect_fails 3 'no KVM events|no scheduler events' "$COUNTERSPIN" import a.dat

# --- a real VM, as far as this machine's KVM can run one

vmm=$BUILD/tests/lab
if [ -w /dev/kvm ] && [ -x "$vmm/lab_vmm" ]; then
	record --budget 0 -o vm.dat -- "$vmm/lab_vmm" --guest "$vmm/lab_guest.bin" --vms 1 --vcpus 2 --ms 300 ||
		fail "around a VM: $(cat "$scratch/log")"
	trace-cmd report vm.dat > "$scratch/report" 2> "$scratch/report.log" || fail 'trace-cmd cannot read it'
	grep -q ' kvm_' "$scratch/report" || fail 'no event of KVM'
else
	echo 'no VM: no /dev/kvm, or no lab_vmm'
fi

# --- names

cp "$(command -v perl)" ./comm-to-hide
load_hidden
record -d 500ms --budget 0 -o open.dat || fail 'record'
record -d 500ms --budget 0 --anonymize -o hidden.dat || fail "--anonymize: $(cat "$scratch/log")"
unload
grep -aq comm-to-hide open.dat || fail 'the name is in no recording'
for word in comm-to-hide "Linux $(uname -n) "; do
	grep -aq -- "$word" hidden.dat && fail "'$word' is in the anonymised recording"
done
trace-cmd report hidden.dat > "$scratch/report" 2> "$scratch/report.log" || fail 'trace-cmd cannot read it anonymised'
grep -q ' sched_switch:' "$scratch/report" || fail 'nothing is in the anonymised recording'

# --- what is exactly as it was

before=$(cat $tracing/set_event $tracing/tracing_on $tracing/trace_clock $tracing/buffer_size_kb $tracing/current_tracer)
if command -v strace > "$scratch/found"; then
	# leaks cannot be looked for by a process that is traced
	ASAN_OPTIONS=detect_leaks=0 strace -f -e trace=open,openat,openat2,creat -o opened "$COUNTERSPIN" record -d 300ms -o b.dat 2> "$scratch/log" ||
		fail "under strace: $(cat "$scratch/log")"
	grep -E 'ftrace_filter|filter_functions|set_graph|current_tracer|function_|stack_trace|ftrace_pid|enabled_functions' opened &&
		fail 'it opens files of the function tracer'
	grep -E 'O_WRONLY|O_RDWR' opened | grep /tracing/ | grep -v ENOENT |
		grep -vE '/instances/counterspin/|/dynamic_events"|/kprobe_events"' && fail 'it writes outside its instance'
fi
expect "$(cat $tracing/set_event $tracing/tracing_on $tracing/trace_clock $tracing/buffer_size_kb $tracing/current_tracer)" \
	"$before" 'what is global'

# --- around a command, and by interrupt

record -o c.dat -- sh -c 'sleep 0.3; exit 7' || fail "around a command: $(cat "$scratch/log")"
grep -q 'ended as the command ended' "$scratch/log" || fail 'why it ended'
grep -q 'the command ended with status 7' "$scratch/log" || fail "the command's status"
nothing_left 'a command'
record -o d.dat -- ./no-such-program && fail 'a command that does not exist'
grep -q "cannot run './no-such-program'" "$scratch/log" || fail 'does not say that it cannot be run'
[ ! -e d.dat ] || fail 'a command that was not run was recorded'
nothing_left 'a command that cannot be run'

for signal in INT TERM HUP; do
	begin -o "s$signal.dat"
	kill -$signal $recorder
	ended
	expect "$status" 0 "status after SIG$signal"
	[ -s "s$signal.dat" ] || fail "nothing is kept after SIG$signal"
	nothing_left "SIG$signal"
done

# --- killed

begin -o e.dat
kill -9 $recorder
soon test -s e.dat
ended
expect "$status" 137 'status after SIGKILL'
soon grep -q 'its keeper wrote' "$scratch/log"
soon test ! -e $tracing/instances/counterspin
nothing_left SIGKILL
trace-cmd report e.dat > "$scratch/report" 2>&1 || fail 'trace-cmd cannot read what the keeper wrote'
grep -q sched_switch "$scratch/report" || fail 'the keeper saved nothing'

begin -o f.dat
keeper=$(pgrep -P $recorder)
kill -9 $keeper
soon grep -q 'its keeper was killed' "$scratch/log"
kill -9 $recorder
soon test -s f.dat
ended
nothing_left 'keeper, then recorder killed'

begin -o g.dat
kill -STOP $recorder		# or it starts another keeper
kill -9 "$(pgrep -P $recorder)" $recorder
ended
expect "$(cat $tracing/instances/counterspin/tracing_on)" 0 'tracing when recorder and keeper were killed'
[ ! -e g.dat ] || fail 'who wrote g.dat?'
record --recover -o g.dat || fail "recover: $(cat "$scratch/log")"
grep -q "what it held is in 'g.dat'" "$scratch/log" || fail 'recover does not say what it saved'
trace-cmd report g.dat > "$scratch/report" 2>&1 || fail 'trace-cmd cannot read what was recovered'
nothing_left recover
record --recover || fail 'recover where nothing is'
grep -q 'nothing was left behind' "$scratch/log" || fail 'recover does not say that nothing is'

begin -o h.dat
kill -STOP $recorder
kill -9 "$(pgrep -P $recorder)" $recorder
ended
record -d 200ms -o h.dat || fail "the next start: $(cat "$scratch/log")"
grep -q 'a recorder that was killed has left' "$scratch/log" || fail 'the next start does not speak of the orphan'
[ -s h.dat ] || fail 'the next start has not recorded'
ls h.dat.recovered-*.dat > "$scratch/found" || fail 'the next start has not saved the orphan'
nothing_left 'next start'

# what is hidden stays so when somebody else saves it
begin -o hidden2.dat --anonymize
load_hidden
sleep 1
unload
kill -STOP $recorder
kill -9 "$(pgrep -P $recorder)" $recorder
ended
record --recover -o hidden3.dat || fail "recover: $(cat "$scratch/log")"
grep -aq comm-to-hide hidden3.dat && fail 'what was to be hidden is not when it is recovered'
grep -aq sched_switch hidden3.dat || fail 'nothing was recovered'
nothing_left 'recover of what is hidden'

# a command that waits to begin does not keep the rings open
"$COUNTERSPIN" record -o late.dat -- true > "$scratch/out" 2> "$scratch/log" &
recorder=$!
soon test -e $tracing/instances/counterspin
kill -9 $recorder
ended
soon test ! -e $tracing/instances/counterspin
nothing_left 'killed before the command began'

# one that is stopped does not go on tracing
begin -o stopped.dat
kill -TSTP $recorder
soon grep -q 'cannot be stopped' "$scratch/log"
kill -STOP $recorder
soon tracing_is_off
kill -CONT $recorder
ended
[ -s stopped.dat ] || fail 'what was recorded before it was stopped is lost'
nothing_left stopped

# --- a ring that has wrapped keeps its host facts, and marks pages after a loss

load
record --on-spin-rate 1e9 -d 2s --buffer 256K --budget 0 -o flight.dat || fail "flight recorder: $(cat "$scratch/log")"
trace-cmd report flight.dat > "$scratch/report" 2> "$scratch/report.log" || fail 'trace-cmd cannot read a flight'
grep -q '"clock":"mono"' "$scratch/report" || fail 'the host facts are overwritten'
switches=$(grep -c ' sched_switch:' "$scratch/report")
read=$("$COUNTERSPIN" import flight.dat 2>&1 | grep -c 'damaged' || true)
expect "$read" 0 'pages that are taken for damaged'
[ "$switches" -gt 100 ] || fail "$switches switches in a full ring"
record -d 2s --buffer 128K --budget 0 -o small.dat || fail "a small ring: $(cat "$scratch/log")"
unload
nothing_left 'flight recorder'

# --- two

begin -o i.dat
expect_fails 3 "process $recorder is recording: .*record -o i.dat" "$COUNTERSPIN" record -o j.dat
expect_fails 3 "process $recorder is recording" "$COUNTERSPIN" record --recover -o j.dat
tracing_is_on || fail 'the second one stopped the first'
kill $recorder
ended
expect "$status" 0 'status of the first of two'
[ ! -e j.dat ] || fail 'the second one wrote a file'

# --- budget

"$BUILD/tests/pipe_load" 1000000000 > "$scratch/load" 2>&1 &
loader=$!
record -d 3s --budget 0.0001% -o k.dat && fail 'a budget that cannot be kept'
grep -q 'cannot be kept' "$scratch/log" || fail "why it cannot: $(cat "$scratch/log")"
nothing_left 'no budget'
record -d 20s --budget 3% -o l.dat || fail "bursts: $(cat "$scratch/log")"
pkill -P $loader || true
kill $loader
bursts=$(sed -n 's/.*, in \([0-9]*\) bursts.*/\1/p' "$scratch/log")
[ "${bursts:-0}" -gt 1 ] || fail "no bursts: $(cat "$scratch/log")"
took=$(sed -n 's/.*it took about \([0-9.e-]*\) %.*/\1/p' "$scratch/log")
awk -v took="$took" 'BEGIN { exit !(took > 0 && took < 6) }' || fail "a budget of 3 %, and it took $took"
trace-cmd report l.dat > "$scratch/report" 2> "$scratch/report.log" || fail 'trace-cmd cannot read bursts'
[ "$(grep -c '"when":"stop"' "$scratch/report")" -gt 1 ] || fail 'pauses are not marked'

# --- size, disk, memory

begin -o m.dat --max-size 1
ended
grep -q 'reached --max-size' "$scratch/log" || fail "--max-size: $(cat "$scratch/log")"
expect_fails 3 'less room than --min-free' "$COUNTERSPIN" record -o n.dat --min-free 1000T
nothing_left '--min-free'
if mkdir small && mount -t tmpfs -o size=6m tmpfs small 2> "$scratch/log"; then
	load
	"$COUNTERSPIN" record -d 2m --budget 0 --min-free 0 -o small/o.dat 2> "$scratch/log" && status=0 || status=$?
	unload
	expect "$status" 3 'status when the disk is full'
	grep -q 'No space left' "$scratch/log" || fail "a full disk: $(cat "$scratch/log")"
	trace-cmd report small/o.dat > "$scratch/report" 2> "$scratch/report.log" || fail 'what was recorded before is lost'
	grep -q sched_switch "$scratch/report" || fail 'nothing was recorded before'
	nothing_left 'a full disk'
	umount small
fi
expect_fails 3 'cannot make|refuses' "$COUNTERSPIN" record -d 1s --budget 0 -o /proc/p.dat
nothing_left 'no file can be made'
expect_fails 3 'more than half of the memory' "$COUNTERSPIN" record -d 1s --budget 0 --buffer 100000T -o p.dat
nothing_left 'too much memory'

# --- check

record --check || fail "--check: $(cat "$scratch/log")"
for word in 'events/s' MB/s Overhead Spinning 'Nothing was recorded'; do
	grep -q "$word" "$scratch/out" || fail "--check does not say: $word"
done
"$COUNTERSPIN" record --check --json > check.json 2> "$scratch/log" || fail '--check --json'
expect "$(sqlite3 :memory: "WITH c (j) AS (SELECT readfile('check.json'))
	SELECT abs(j ->> 'events_per_s' - (SELECT sum(value ->> 'per_s') FROM json_each(j, '\$.events'))) < 1,
		j ->> 'seconds' > 0.9, j ->> 'n_cpu' > 0, coalesce(j ->> 'overhead', 0) >= 0 FROM c")" '1|1|1|1' 'JSON of --check'
nothing_left check

# --- what is refused

touch exists.dat
echo precious > notes.txt
mknod device c 1 3
expect_fails 3 "'exists.dat' exists" "$COUNTERSPIN" record -d 1s -o exists.dat
record -d 200ms --force -o exists.dat || fail '--force'
[ -s exists.dat ] || fail '--force wrote nothing'
record -d 200ms --force -o exists.dat || fail '--force, of a recording'
for name in notes.txt device; do
	expect_fails 3 "'$name' exists and is no trace.dat" "$COUNTERSPIN" record -d 1s --force -o $name
done
for name in '' . new/; do
	expect_fails 3 'is no name for a file' "$COUNTERSPIN" record -d 1s --force -o "$name"
done
expect_fails 3 'cannot make a file in' "$COUNTERSPIN" record -d 1s -o no/such/directory.dat
expect_fails 2 'is no time' "$COUNTERSPIN" record -d soon
expect_fails 2 'is no time' "$COUNTERSPIN" record -d 0
expect_fails 2 'is no share' "$COUNTERSPIN" record --budget 200%
expect_fails 2 "'many' is no size for --buffer" "$COUNTERSPIN" record --buffer many
expect_fails 2 'more than 0' "$COUNTERSPIN" record --on-spin-rate 0
expect_fails 2 'auto, off or deep' "$COUNTERSPIN" record --probes=some
expect_fails 2 'takes no COMMAND' "$COUNTERSPIN" record --check -- true
expect_fails 2 'with --check only' "$COUNTERSPIN" record --json
expect_fails 3 "no-such-vm" "$COUNTERSPIN" record -d 1s --vm no-such-vm -o q.dat
[ ! -e q.dat ] || fail 'a VM that is not there was recorded'
if command -v setpriv > "$scratch/found"; then
	chmod 755 "$scratch" "$scratch/work"
	expect_fails 3 'recording needs root' setpriv --reuid=65534 --regid=65534 --clear-groups "$COUNTERSPIN" record -d 1s
	expect "$(wc -l < "$scratch/err")" 1 'lines that say what is needed'
fi
nothing_left 'in the end'
