#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Whatever call of an import fails, whenever it is interrupted or killed: a database as it should
# be or none, one that was there before untouched, no other file left, and a line that says why.
# Calls fail by tests/inject.c, also on file systems that cannot hold files without a name.
. "${BASH_SOURCE%/*}/lib.sh"
: "${INJECT_LIBRARY:?}" "${SANITIZED:?}"
shopt -s dotglob nullglob

# In every nth place only, where it takes ten times as long.
every=1
[ "$SANITIZED" = 0 ] || every=4

for name in one other; do
	record $name.dat <<- END
		uname $name x86_64
		1000 0 0 sched_switch next_pid=910
		2000 0 910 kvm_entry vcpu_id=0
		3000 0 910 kvm_exit vcpu_id=0 exit_reason=0x78 isa=2
		4000 0 910 sched_switch prev_pid=910 prev_state=1
	END
	import $name.dat -o "$scratch/$name.db"
	mv $name.dat "$scratch"
done
one=$scratch/one.dat other=$scratch/other.dat

UNNAMED='' NAMED='tmpfile@1+=EOPNOTSUPP'

# fresh EXISTING: no file but a.db, made of the other recording, if EXISTING is yes.
fresh() {
	rm -f ./*
	[ "$1" = no ] || cp "$scratch/other.db" a.db
}

# as_before EXISTING WHAT: no files but those of fresh.
as_before() {
	local files=(*)

	expect "${files[*]}" "$([ "$1" = no ] || echo a.db)" "files after $2" 
	[ "$1" = no ] || cmp -s a.db "$scratch/other.db" || fail "$2: a.db has changed"
}

# complete WHAT: a.db is there, with the facts of the one recording, and nothing else.
complete() {
	local files=(*)

	expect "${files[*]}" a.db "files after $1"
	cmp -s a.db "$scratch/one.db" || cmp -s <(sqlite3 a.db .dump) <(sqlite3 "$scratch/one.db" .dump) ||
		fail "$1: a.db is not what it should be"
}

# next_start: of the program, in this directory; it does not get far.
next_start() {
	! "$COUNTERSPIN" import "$scratch/none" -o a.db 2> "$scratch/log" || fail 'imported nothing'
}

# one_line PATTERN WHAT: so it said, and no more. (GLib itself says so where it has no memory for a lock.)
one_line() {
	grep -Eq -- "^counterspin import: .*($1)" "$scratch/err" || fail "$2: said '$(cat "$scratch/err")', wanted /$1/"
	awk '/^hint: |^GLib \(gthread-posix.c\): / { next } { n++ } END { exit n != 1 }' "$scratch/err" ||
		fail "$2: said '$(cat "$scratch/err")'"
}

# calls ROLE EXISTING RULES: as many calls the parent or the child makes then in an import with --force.
calls() {
	fresh "$2"
	rm -f "$scratch/calls"
	INJECT_LOG=$scratch/calls injected "$3" --force "$one" -o a.db 2> "$scratch/err"
	grep -c "^$1 " "$scratch/calls"
}

# nobody_left WHAT: no process is at work in this directory, or soon none is.
nobody_left() {
	local dir=$PWD left

	for _ in {1..200}; do
		left=$(cd / && find /proc/[0-9]*/cwd -maxdepth 0 -lname "$dir" 2> /dev/null | grep -v "^/proc/$$/" || true)
		[ -n "$left" ] || return 0
		sleep 0.01
	done
	fail "$1: still at work: $left"
}

# every_way FUNCTION...: with and without a database there, files without names and with.
every_way() {
	local existing names

	for existing in no yes; do
		for names in "$UNNAMED" "$NAMED"; do
			"$@" $existing "$names"
		done
	done
}

# --- a call fails, and that is said

refused() {	# RULES PATTERN EXISTING NAMES
	fresh "$3"
	expect_fails 3 "^counterspin import: .*($2)" injected "$1 $4" --force "$one" -o a.db
}

refuse() {	# RULES PATTERN
	every_way refused "$@"
}

refuse 'child.pwrite@16384b=ENOSPC' 'database or disk is full'
refuse 'child.pwrite@16384b=EDQUOT' 'Disk quota exceeded'
refuse 'child.pwrite@16384b=EIO' 'Input/output error'
refuse 'child.pwrite@1+=EFBIG' 'File too large'
refuse 'child.pread@1+=EIO' 'disk I/O error'
refuse 'parent.pread@1+=EIO' 'disk I/O error'
refuse 'parent.fsync@1=EIO' "cannot write 'a.db': Input/output error"
refuse 'parent.fsync@1=ENOSPC' "cannot write 'a.db': No space left"
refuse 'linkat@1+=EIO rename@1+=EIO' "cannot write 'a.db': Input/output error"
refuse 'linkat@1+=EACCES rename@1+=EACCES' "cannot write 'a.db': Permission denied"
refuse 'tmpfile@1+=EROFS open@3+=EROFS' "cannot write in '.': Read-only file system"
refuse 'parent.mmap@1=ENODEV' "cannot read '$one': No such device"
refuse 'fork@1=EAGAIN' 'cannot make a process: Resource temporarily unavailable'
refuse 'thread@1=EAGAIN' 'thread.*Resource temporarily unavailable'
refuse 'thread@2=EAGAIN' 'thread.*Resource temporarily unavailable'
if [ "$SANITIZED" = 0 ]; then
	refuse 'seccomp_init@1=EIO' "'$one': the process that reads it cannot be confined: Cannot allocate memory"
	refuse 'seccomp_load@1=EIO' "'$one': the process that reads it cannot be confined: Input/output error"
fi
for n in 1 5 20; do
	refuse "child.pwrite@$n=SIGKILL" "'$one': the process that read it was killed"
	refuse "child.pwrite@$n=SIGTERM" 'ended by signal 15 \(Terminated\)'
	refuse "child.pwrite@$n=SIGSEGV" 'ended by signal 11 \(Segmentation fault\)'
	refuse "child.pwrite@$n=SIGABRT" 'ended by signal 6 \(Aborted\)'
	refuse "child.pwrite@$n=SIGBUS" 'cut short, or could not be read'
	refuse "child.pwrite@$n=SIGXCPU" 'more than 20 s of CPU time'
done

# Without --force it comes to a name in another way.
fresh no
for names in "$UNNAMED" "$NAMED"; do
	expect_fails 3 "cannot write 'a.db': Input/output error" \
		injected "linkat@1=EIO rename@1=EIO $names" "$one" -o a.db
	expect_fails 3 "'a.db' exists" injected "linkat@1=EEXIST rename@1=EEXIST $names" "$one" -o a.db
done
for rules in "$NAMED" "$NAMED rename@1=EINVAL" "$NAMED rename@1=EINVAL linkat@1=EPERM"; do
	fresh no
	injected "$rules" "$one" -o a.db 2> "$scratch/err"
	complete "names by $rules"
done

# What is not vital is done without.
for rules in 'parent.fsync@2=EINVAL' 'flock@1+=ENOLCK' 'fcntl@9999=EIO'; do
	fresh yes
	injected "$rules" --force "$one" -o a.db 2> "$scratch/err"
	complete "$rules"
	expect "$(cat "$scratch/err")" 'a.db: 4 events, 0 decisions, 0 lost, 0 gaps' "words of $rules"
done
fresh no
injected 'parent.fsync@2=EIO' "$one" -o a.db 2> "$scratch/err"
complete 'a directory that cannot be synced'
expect "$(grep -c "warning: 'a.db' is complete, but .* cannot sync its directory: Input/output error" "$scratch/err")" \
	1 'its warning'
if [ "$SANITIZED" = 0 ]; then
	fresh no
	injected 'child.prctl@2=EINVAL' "$one" -o a.db 2> "$scratch/err"
	complete 'a kernel without filters'
	expect "$(grep -c 'warning: this kernel has no seccomp filters' "$scratch/err")" 1 'its warning'
fi

# --- any call fails: it does, or does not matter

fail_anywhere() {	# ROLE EXISTING NAMES
	local n total what

	total=$(calls "$1" "$2" "$3")
	for ((n = 1; n <= total; n += every)); do
		what="$1.any@$n=EIO ($(sed -n "s/^$1 $n //p" "$scratch/calls"), database before: $2)"
		fresh "$2"
		status=0
		injected "$1.any@$n=EIO $3" --force "$one" -o a.db 2> "$scratch/err" || status=$?
		[[ $what != *unlink* ]] || next_start
		case $status in
		0) complete "$what" ;;
		3) as_before "$2" "$what"
		   one_line . "$what" ;;
		*) fail "$what: status $status" ;;
		esac
	done
}

every_way fail_anywhere parent
every_way fail_anywhere child

# --- killed at any call, parent or child; what has a name is gone after the next start

kill_anywhere() {	# ROLE EXISTING NAMES
	local n total what

	total=$(calls "$1" "$2" "$3")
	for ((n = 1; n <= total; n += every)); do
		what="$1.any@$n=SIGKILL ($(sed -n "s/^$1 $n //p" "$scratch/calls"), database before: $2)"
		fresh "$2"
		status=0
		injected "$1.any@$n=SIGKILL $3" --force "$one" -o a.db 2> "$scratch/err" || status=$?
		if [ "$1" = child ]; then
			expect $status 3 "status of $what"
			one_line killed "$what"
			as_before "$2" "$what"
			continue
		fi
		expect $status 137 "status of $what"
		nobody_left "$what"
		next_start
		if cmp -s a.db "$scratch/one.db"; then
			complete "$what"
		else
			as_before "$2" "$what"
		fi
	done
}

every_way kill_anywhere parent
every_way kill_anywhere child

# --- interrupted at any call of the parent: the child's moments are below

interrupt_anywhere() {	# EXISTING NAMES
	local n total what

	total=$(calls parent "$1" "$2")
	for ((n = 4; n <= total; n += every)); do	# while it looks at its streams it does not yet know what it is to do
		what="parent.any@$n=SIGINT ($(sed -n "s/^parent $n //p" "$scratch/calls"), database before: $1)"
		fresh "$1"
		status=0
		injected "parent.any@$n=SIGINT $2" --force "$one" -o a.db 2> "$scratch/err" || status=$?
		expect $status 130 "status of $what"
		nobody_left "$what"
		if grep -q '0 gaps' "$scratch/err"; then
			complete "$what"
		else
			as_before "$1" "$what"
			one_line 'interrupted$' "$what"
		fi
	done
}

every_way interrupt_anywhere
for s in INT:130 TERM:143 HUP:129; do
	fresh yes
	expect_fails ${s#*:} '^counterspin import: interrupted$' \
		injected "parent.flock@2=SIG${s%:*}" --force "$one" -o a.db
done
fresh no	# whoever has it ignored, as nohup does, is not interrupted
(trap '' HUP && INJECT=parent.flock@2=SIGHUP LD_PRELOAD=$INJECT_LIBRARY ASAN_OPTIONS=verify_asan_link_order=0 \
	"$COUNTERSPIN" import "$one" -o a.db) 2> "$scratch/err" || fail "an ignored signal: status $?"
complete 'an ignored signal'

# --- signals while the child is at work; it stops itself there

# begin RULES [ARGUMENT...]: an import that goes on in the background, as $pid.
begin() {
	exec_injected "$@" 2> "$scratch/err" &
	pid=$!
}

# stopped PID: wait until it is.
stopped() {
	for _ in {1..1000}; do
		[[ ! $(< "/proc/$1/stat") =~ ^[0-9]+\ \(.*\)\ [tT] ]] || return 0
		sleep 0.01
	done
	fail "process $1 does not stop"
}

child_of() {	# PID, once it has one
	local child

	for _ in {1..1000}; do
		read -r child _ < "/proc/$1/task/$1/children" || true	# it ends without a newline
		[ -z "$child" ] || break
		sleep 0.01
	done
	echo "$child"
}

# ended WHAT STATUS: it does, with this status.
ended() {
	local status=0

	wait $pid 2> "$scratch/wait" || status=$?
	expect $status "$2" "status of $1"
	nobody_left "$1"
}

while_working() {	# EXISTING NAMES
	local at s what

	for at in child.open@1 child.pwrite@1 child.pwrite@20; do
		for s in INT:130 TERM:143 HUP:129; do
			what="SIG${s%:*} at $at"
			fresh "$1"
			begin "$at=SIGSTOP $2" --force "$one" -o a.db
			stopped "$(child_of $pid)"
			kill -${s%:*} $pid
			ended "$what" ${s#*:}
			as_before "$1" "$what"
			one_line 'interrupted$' "$what"
		done

		what="SIGKILL to the child at $at"
		fresh "$1"
		begin "$at=SIGSTOP $2" --force "$one" -o a.db
		child=$(child_of $pid)
		stopped $child
		kill -KILL $child
		ended "$what" 3
		as_before "$1" "$what"
		one_line 'killed' "$what"

		what="SIGKILL to the parent at $at"
		fresh "$1"
		begin "$at=SIGSTOP $2" --force "$one" -o a.db
		stopped "$(child_of $pid)"
		kill -KILL $pid
		ended "$what" 137
		next_start
		as_before "$1" "$what"

		what="both stopped for a while at $at"
		fresh "$1"
		begin "$at=SIGSTOP $2" --force "$one" -o a.db
		child=$(child_of $pid)
		stopped $child
		kill -STOP $pid
		stopped $pid
		kill -INT $child	# a terminal's, that the parent ignored
		sleep 0.2
		kill -CONT $child
		sleep 0.2
		kill -CONT $pid
		ended "$what" 0
		complete "$what"
	done
}

every_way while_working

# The parent dies before the child is bound to die with it.
fresh no
begin child.prctl@1=SIGSTOP "$one" -o a.db
child=$(child_of $pid)
stopped $child
kill -KILL $pid
wait $pid 2> "$scratch/wait" || true
kill -CONT $child
nobody_left 'an orphan from its start'
as_before no 'an orphan from its start'

# --- memory

# no_memory RULE: fails for it, or comes to a good end without.
no_memory() {
	fresh no
	status=0
	injected "$1=ENOMEM $NAMED" "$one" -o a.db 2> "$scratch/err" || status=$?
	case $status in
	0) complete "$1" ;;
	3) as_before no "$1"
	   one_line '[Oo]ut of memory|Cannot allocate memory' "$1" ;;
	*) fail "$1: status $status, said '$(cat "$scratch/err")'" ;;
	esac
}

if [ "$SANITIZED" = 0 ]; then
	for role in parent child; do
		for ((n = 30; n < 100000; n += n / 20)); do
			no_memory "$role.malloc@$n"
			no_memory "$role.malloc@$n+"
			[ $status = 3 ] || break	# it makes no more than n
		done
		no_memory "$role.malloc@>100000"
	done
	for bytes in 1000000 100000 10000 1000 100; do
		no_memory "child.malloc@>$bytes"
		[ $status = 3 ] || fail "the child can do with little memory: this test tests little"
	done
else
	echo 'not tested: want of memory, as sanitizers have an allocator of their own' >&2
fi

# --- two at once

for names in "$UNNAMED" "$NAMED"; do
	# what one is at is no orphan to another
	fresh no
	begin "child.pwrite@5=SIGSTOP $names" "$one" -o a.db
	child=$(child_of $pid)
	stopped $child
	injected "$names" "$other" -o b.db 2> "$scratch/log"
	kill -CONT $child
	ended 'one beside another' 0
	cmp b.db "$scratch/other.db" || fail 'the other one is not what it should be'
	rm b.db
	complete 'one beside another'

	# nor what one has made, but not locked yet: it takes another
	fresh no
	begin "parent.flock@2=SIGSTOP $names" "$one" -o a.db
	stopped $pid
	injected "$names" "$other" -o b.db 2> "$scratch/log"
	kill -CONT $pid
	ended 'one before it has locked its file' 0
	rm b.db
	complete 'one before it has locked its file'

	# only the first can have the name, or they replace each other
	for force in '' --force; do
		fresh no
		pids=()
		for _ in {1..8}; do
			exec_injected "$names child.pwrite@9=100ms" $force "$one" -o a.db 2>> "$scratch/many" &
			pids+=($!)
		done
		good=0
		for pid in "${pids[@]}"; do
			status=0
			wait "$pid" || status=$?
			[ $status = 3 ] || good=$((good + 1))
		done
		expect $good $([ -z "$force" ] && echo 1 || echo 8) "good ones of eight at once $force"
		complete "eight at once $force"
	done
done
expect "$(grep -c "'a.db' exists" "$scratch/many")" 14 'those that came too late'

# --- what is replaced, and what is not

# A journal, and what it holds, belongs to the database until another is in its place.
for mode in DELETE WAL; do
	total=$(calls parent yes '')
	status=137
	for ((n = total - 25; status; n++)); do
		fresh yes
		rm -f "$scratch/fifo"
		mkfifo "$scratch/fifo"
		sqlite3 a.db < "$scratch/fifo" > "$scratch/out" &
		pid=$!
		cat > "$scratch/fifo" <<- END
			CREATE TABLE mine(x);
			INSERT INTO mine SELECT value FROM generate_series(1, 9999);
			PRAGMA journal_mode = $mode;
			PRAGMA cache_size = 1; PRAGMA cache_spill = 1;
			PRAGMA wal_autocheckpoint = 0;
			BEGIN;
			UPDATE mine SET x = x + 1;
			$([ $mode = DELETE ] || echo 'COMMIT;')
			.shell kill -9 $pid
		END
		wait $pid 2> "$scratch/wait" || true
		[ -s a.db-journal ] || [ -s a.db-wal ] || fail 'no journal'
		status=0
		injected "parent.any@$n=SIGKILL" --force "$one" -o a.db 2> "$scratch/err" || status=$?
		nobody_left "$mode"
		next_start
		if cmp -s a.db "$scratch/one.db"; then
			complete "$mode journal, parent.any@$n=SIGKILL"
			continue
		fi
		expect "$(sqlite3 a.db 'SELECT sum(x) FROM mine; PRAGMA integrity_check')" \
			"$([ $mode = DELETE ] && echo 49995000 || echo 50004999)
ok" "what was in a.db and its journal, parent.any@$n=SIGKILL"
	done
done
