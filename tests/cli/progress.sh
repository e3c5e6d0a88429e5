#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Progress: on a terminal, of what takes longer than a second, and wiped when that is over, or
# something else is to be said. Nowhere else.
. "${BASH_SOURCE%/*}/lib.sh"
: "${INJECT_LIBRARY:?}" "${GENERATE_RECORDING:?}" "${SANITIZED:?}"
GENERATE_RECORDING=$(realpath "$GENERATE_RECORDING")
command -v script > "$scratch/out" || {
	echo 'no script(1)' >&2
	exit 77
}

# on_terminal RULES [ARGUMENT...]: the program there, to import if nothing else is said; what it would
# show is in the file screen. Keys are read from standard input.
on_terminal() {
	local rules=$1

	shift
	[ $# -gt 0 ] || set -- import --force one.dat
	status=0
	SHELL=/bin/sh script -qefc "env LD_PRELOAD='$INJECT_LIBRARY' INJECT='$rules' \
		ASAN_OPTIONS=verify_asan_link_order=0 '$COUNTERSPIN' $*" screen > "$scratch/out" ||
		status=$?
	sed -i '/^Script started on /d; /^Script done on /d; /^$/d' screen
}

bars() {	# FILE: how many
	{ tr '\r' '\n' < "$1" | grep -cE '^import \[#* *\] +[0-9]+ %'; } || true
}

# What the last line shows in the end: what comes after it was wiped.
remains() {
	stays | tail -1
}

# What stays on the terminal: of each line what comes after it was wiped.
stays() {
	sed 's/\r$//; s/.*\r\x1b\[K//' screen
}

export TERM=xterm
# it goes on, and never back
"$GENERATE_RECORDING" --events $((SANITIZED ? 400000 : 3000000)) one.dat > "$scratch/out"
on_terminal "child.pwrite@1=1100ms$(printf ' child.pwrite@%d=200ms' 1000 2000 3000 4000 5000)" < /dev/null
tr '\r' '\n' < screen | sed -n 's/^import \[.*\] *\([0-9]*\) %.*/\1/p' > percents
sort -nc percents || fail "it goes back: $(tr '\n' ' ' < percents)"
[ "$(sort -nu percents | wc -l)" -gt 3 ] || fail "it does not go on: $(tr '\n' ' ' < percents)"
rm one.dat* percents

record one.dat <<- END
	1000 0 0 sched_switch next_pid=910
	2000 0 910 kvm_entry vcpu_id=0
	3000 0 910 kvm_exit vcpu_id=0 exit_reason=0x78 isa=2
	4000 0 910 sched_switch prev_pid=910 prev_state=1
END

on_terminal child.pwrite@1=2500ms < /dev/null
expect $status 0 'status on a terminal'
[ "$(bars screen)" -gt 3 ] || fail "$(bars screen) bars in 2.5 s: $(cat -v screen)"
expect "$(remains)" 'one.dat.db: 4 events, 0 decisions, 0 lost, 0 gaps' 'what remains on the line'

# none for a moment, whatever the terminal; none where nobody looks, or can be shown it
begin=$EPOCHREALTIME
on_terminal '' < /dev/null
took=$(((${EPOCHREALTIME/./} - ${begin/./}) / 1000))
[ $took -gt 900 ] || expect "$(cat screen | tr -d '\r')" 'one.dat.db: 4 events, 0 decisions, 0 lost, 0 gaps' \
	'a short import'
TERM=dumb on_terminal child.pwrite@1=1500ms < /dev/null
expect "$(tr -d '\r' < screen)" 'one.dat.db: 4 events, 0 decisions, 0 lost, 0 gaps' 'a terminal that can do nothing'
injected child.pwrite@1=1500ms --force one.dat 2>&1 | cat > piped
expect "$(cat piped)" 'one.dat.db: 4 events, 0 decisions, 0 lost, 0 gaps' 'a pipe'

# ^C: the line is wiped, and says so; the shell sees a signal
rm one.dat.db
on_terminal child.pwrite@1=5000ms < <(sleep 2; printf '\003'; sleep 1)
expect $status 130 'status after ^C'
[ "$(bars screen)" -gt 2 ] || fail "no bars: $(cat -v screen)"
expect "$(remains)" 'counterspin import: interrupted' 'words after ^C'
expect "$(ls)" 'one.dat
piped
screen' 'files after ^C'

# replay, tune, simulate and report: what they work on, on one line that is wiped; of the result nothing but itself
rm -f one.dat* piped screen
cp "$DATA/ipi-heavy-icount.dat" one.dat
import one.dat
slow=pread@1+=20ms	# some 170 pages
for command in replay 'report --json' simulate tune; do
	"$COUNTERSPIN" $command one.dat.db > want 2>&1 || true
	on_terminal "$slow" $command one.dat.db < /dev/null
	[ "$(stays)" = "$(cat want)" ] || fail "$command: what stays is not its result: $(diff <(stays) want | head -5)"
	lines=$(tr '\r' '\n' < screen | grep -cE '^[a-z]+ [a-z ]+( \[#* *\] +[0-9]+ %.*)?'$'\e''\[K$' || true)
	[ "$lines" -gt 1 ] || fail "$command shows no progress: $(head -c 1000 screen | cat -v)"
done
env LD_PRELOAD="$INJECT_LIBRARY" INJECT="$slow" ASAN_OPTIONS=verify_asan_link_order=0 \
	"$COUNTERSPIN" tune one.dat.db > got 2>&1 || true
cmp got want || fail 'tune into a file says something else'

# a warning in between has a line of its own
on_terminal "$slow pwrite@1+=EIO" replay one.dat.db < /dev/null
expect "$(stays | head -1 | cut -d: -f1-3)" "counterspin replay: warning: results are not kept in 'one.dat.db'" \
	'a warning'
