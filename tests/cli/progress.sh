#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The progress bar: on a terminal, of an import that takes long, and wiped when that is over.
# Nowhere else.
. "${BASH_SOURCE%/*}/lib.sh"
: "${INJECT_LIBRARY:?}" "${GENERATE_RECORDING:?}" "${SANITIZED:?}"
GENERATE_RECORDING=$(realpath "$GENERATE_RECORDING")
command -v script > "$scratch/out" || {
	echo 'no script(1)' >&2
	exit 77
}

# on_terminal RULES: import there; what it would show is in the file screen. Keys are read from
# standard input.
on_terminal() {
	status=0
	SHELL=/bin/sh script -qefc "env LD_PRELOAD='$INJECT_LIBRARY' INJECT='$1' \
		ASAN_OPTIONS=verify_asan_link_order=0 '$COUNTERSPIN' import --force one.dat" screen > "$scratch/out" ||
		status=$?
	sed -i '/^Script started on /d; /^Script done on /d; /^$/d' screen
}

bars() {	# FILE: how many
	{ tr '\r' '\n' < "$1" | grep -cE '^import \[#* *\] +[0-9]+ %'; } || true
}

# What the last line shows in the end: what comes after it was wiped.
remains() {
	tail -1 screen | sed 's/\r$//; s/.*\r\x1b\[K//'
}

export TERM=xterm
# it goes on, and never back
"$GENERATE_RECORDING" --events $((SANITIZED ? 400000 : 3000000)) one.dat > "$scratch/out"
on_terminal '' < /dev/null
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

on_terminal child.pwrite@1=1500ms < /dev/null
expect $status 0 'status on a terminal'
[ "$(bars screen)" -gt 3 ] || fail "$(bars screen) bars in 1.5 s: $(cat -v screen)"
expect "$(remains)" 'one.dat.db: 4 events, 0 decisions, 0 lost, 0 gaps' 'what remains on the line'

# none for a moment, whatever the terminal; none where nobody looks, or can be shown it
begin=$EPOCHREALTIME
on_terminal '' < /dev/null
took=$(((${EPOCHREALTIME/./} - ${begin/./}) / 1000))
[ $took -gt 250 ] || expect "$(cat screen | tr -d '\r')" 'one.dat.db: 4 events, 0 decisions, 0 lost, 0 gaps' \
	'a short import'
TERM=dumb on_terminal child.pwrite@1=800ms < /dev/null
expect "$(tr -d '\r' < screen)" 'one.dat.db: 4 events, 0 decisions, 0 lost, 0 gaps' 'a terminal that can do nothing'
injected child.pwrite@1=800ms --force one.dat 2>&1 | cat > piped
expect "$(cat piped)" 'one.dat.db: 4 events, 0 decisions, 0 lost, 0 gaps' 'a pipe'

# ^C: the line is wiped, and says so; the shell sees a signal
rm one.dat.db
on_terminal child.pwrite@1=5000ms < <(sleep 1; printf '\003'; sleep 1)
expect $status 130 'status after ^C'
[ "$(bars screen)" -gt 2 ] || fail "no bars: $(cat -v screen)"
expect "$(remains)" 'counterspin import: interrupted' 'words after ^C'
expect "$(ls)" 'one.dat
piped
screen' 'files after ^C'
