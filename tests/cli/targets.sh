#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What import writes, replaces and follows, and what it refuses to; what it makes of the streams
# and signals that it is started with.
. "${BASH_SOURCE%/*}/lib.sh"
: "${INJECT_LIBRARY:?}" "${SANITIZED:?}"

for name in one other; do
	record $name.dat <<- END
		uname $name x86_64
		1000 0 0 sched_switch next_pid=910
		2000 0 910 kvm_entry vcpu_id=0
		3000 0 910 kvm_exit vcpu_id=0 exit_reason=0x78 isa=2
		4000 0 910 sched_switch prev_pid=910 prev_state=1
	END
	import $name.dat -o "$scratch/$name.db"
done

# made_of DB NAME: DB is made of that recording.
made_of() {
	cmp -s "$1" "$scratch/$2.db" || fail "$1 is not made of $2.dat"
}

# --- symbolic links lead to what is written, as they do for '>'

mkdir far
ln -s far/new.db link.db
import one.dat -o link.db
made_of far/new.db one
[ -L link.db ] || fail 'the link is gone'
expect_fails 3 "'link.db' exists|'./far/new.db' exists" "$COUNTERSPIN" import other.dat -o link.db
import other.dat --force -o link.db
made_of far/new.db other
[ -L link.db ] || fail 'the link is gone'
ln -s "$PWD/link.db" far/again.db	# absolute, and a link to a link
import one.dat --force -o far/again.db
made_of far/new.db one
[ -L link.db ] && [ -L far/again.db ] || fail 'a link is gone'

# a journal stands where the database does
sqlite3 link.db 'PRAGMA journal_mode = WAL; CREATE TABLE mine(x)' > "$scratch/out"
: > far/new.db-journal
import one.dat --force -o link.db
made_of far/new.db one
expect "$(ls far)" 'again.db
new.db' 'journals of what was replaced'

ln -s nowhere/new.db dangling.db
expect_fails 3 'cannot write in .*nowhere.*No such file' "$COUNTERSPIN" import one.dat -o dangling.db
ln -s circle.db circle.db
expect_fails 3 "cannot write 'circle.db': Too many levels" "$COUNTERSPIN" import one.dat -o circle.db
ln -s one.dat foreign.db
expect_fails 3 "one.dat' exists and is not one of counterspin's" "$COUNTERSPIN" import one.dat --force -o foreign.db
rm -r far ./*.db

# --- names that cannot be

expect_fails 3 "cannot write ''" "$COUNTERSPIN" import one.dat -o ''
expect_fails 3 "cannot write 'one.dat/a.db': Not a directory" "$COUNTERSPIN" import one.dat -o one.dat/a.db
expect_fails 3 'File name too long' "$COUNTERSPIN" import one.dat -o "$(printf '%0300d' 0).db"
expect_fails 3 "cannot write in 'nowhere': No such file" "$COUNTERSPIN" import one.dat -o nowhere/a.db
expect_fails 3 "'/dev/null' exists and is not one of" "$COUNTERSPIN" import one.dat --force -o /dev/null
mkfifo fifo
expect_fails 3 "'fifo' exists and is not one of" "$COUNTERSPIN" import one.dat --force -o fifo
rm fifo

# --- a database that is in use, or that is not to be written

import one.dat -o a.db
mkfifo "$scratch/fifo"
for mode in DELETE WAL; do
	sqlite3 a.db "PRAGMA journal_mode = $mode" > "$scratch/out"
	sqlite3 a.db < "$scratch/fifo" > "$scratch/said" &
	pid=$!
	exec 8> "$scratch/fifo"
	echo 'BEGIN IMMEDIATE; SELECT 1;' >&8
	until [ -s "$scratch/said" ]; do
		sleep 0.01
	done
	cp a.db "$scratch/used.db"
	status=0
	"$COUNTERSPIN" import other.dat --force -o a.db 2> "$scratch/err" || status=$?
	expect "$status $(cat "$scratch/err")" "3 counterspin import: 'a.db' is in use by another process" 'a database in use'
	cmp a.db "$scratch/used.db" || fail 'a database in use was changed'
	exec 8>&-
	wait $pid
done
import other.dat --force -o a.db
made_of a.db other

# as 'mv -f' would: the directory decides what is replaced
chmod 444 a.db
import one.dat --force -o a.db
made_of a.db one
expect "$(stat -c %a a.db)" 600 'mode of what replaced a read-only database'

# --- where one may not write, or read

as_nobody() {
	setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}
if [ "$(id -u)" != 0 ]; then
	as_nobody() {
		"$@"
	}
elif ! chmod 755 "$scratch" || ! as_nobody "$COUNTERSPIN" --version > "$scratch/out" 2>&1; then
	echo 'not tested: permissions, as root has all and nobody else can run the program' >&2
	as_nobody() {
		false
	}
fi
if as_nobody true; then
	mkdir shut blind
	cp "$scratch/other.db" shut/a.db
	chmod 555 shut
	[ "$(id -u)" != 0 ] || chown -R 65534:65534 shut blind
	for force in '' --force; do
		expect_fails 3 "cannot write in 'shut': Permission denied" as_nobody "$COUNTERSPIN" import $force one.dat -o shut/new.db
	done
	expect_fails 3 "cannot write in 'shut': Permission denied" as_nobody "$COUNTERSPIN" import --force one.dat -o shut/a.db
	chmod 000 shut
	expect_fails 3 "cannot write 'shut/a.db': Permission denied" as_nobody "$COUNTERSPIN" import --force one.dat -o shut/a.db
	chmod 755 shut
	chmod 000 shut/a.db
	expect_fails 3 "'shut/a.db' exists and cannot be read: Permission denied" \
		as_nobody "$COUNTERSPIN" import --force one.dat -o shut/a.db
	# one may write, but not list it: nothing to find orphans by, nor to sync
	chmod 333 blind
	as_nobody "$COUNTERSPIN" import one.dat -o blind/a.db 2> "$scratch/err" || fail "$(cat "$scratch/err")"
	grep -q 'warning: .* cannot sync its directory: Permission denied' "$scratch/err" || fail 'no warning'
	chmod 755 blind
	cmp blind/a.db "$scratch/one.db" || fail 'a.db in a directory that cannot be listed'
	rm -r shut blind
fi

# --- started with streams closed: no file takes their places, and gets what is said there

rm -f a.db
"$COUNTERSPIN" import one.dat -o a.db <&- >&- 2>&- || fail "without streams: status $?"
made_of a.db one
record warned.dat <<- 'END'
	500 0 0 print buf={"format":"counterspin-host-facts","version":1,
	1000 0 0 sched_switch next_pid=910
	2000 0 910 kvm_entry vcpu_id=0
	3000 0 910 kvm_exit vcpu_id=0 exit_reason=0x78 isa=2
	4000 0 910 sched_switch prev_pid=910 prev_state=1
END
import warned.dat
grep -q warning "$scratch/log" || fail 'no warning: this test tests little'
"$COUNTERSPIN" import warned.dat -o a.db --force <&- >&- 2>&- || fail "without streams, with warnings: status $?"
cmp a.db warned.dat.db || fail 'what was said got into the database'

# Nobody listens: the database is made all the same.
rm a.db
{ sleep 0.2; "$COUNTERSPIN" import one.dat -o a.db 2>&1; echo $? > "$scratch/status"; } | true
expect "$(cat "$scratch/status")" 0 'status where nobody listens'
made_of a.db one

# --- started with signals ignored

rm a.db
head -c 20000 one.dat > cut.dat
env --ignore-signal=CHLD "$COUNTERSPIN" import one.dat -o a.db 2> "$scratch/err" || fail "SIGCHLD ignored: status $?"
made_of a.db one
expect_fails 3 "'cut.dat': no scheduler events" env --ignore-signal=CHLD "$COUNTERSPIN" import cut.dat -o b.db
expect_fails 3 'was killed' env --ignore-signal=CHLD LD_PRELOAD="$INJECT_LIBRARY" INJECT=child.pwrite@3=SIGKILL \
	ASAN_OPTIONS=verify_asan_link_order=0 "$COUNTERSPIN" import one.dat -o b.db
