#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What is not a recording, or not one that can be used, is refused: status 3 (2 for
# the wrong use of the command), one line that says why, and no file is made.
. "${BASH_SOURCE%/*}/lib.sh"

events='1000 0 0 sched_switch next_pid=910
2000 0 910 kvm_entry vcpu_id=0
3000 0 910 kvm_exit vcpu_id=0 exit_reason=0x78 isa=2
4000 0 910 sched_switch prev_pid=910 prev_state=1'

refuse() {	# STATUS PATTERN: of the recording bad.dat
	expect_fails "$1" "$2" "$COUNTERSPIN" import bad.dat
}

refuse_script() {	# PATTERN: the recording of the script on standard input
	record bad.dat
	refuse 3 "$1"
}

# The recording that the bad ones below are bent from is good.
record good.dat <<< "$events"
import good.dat
expect "$(sql good.dat.db 'SELECT events, used, ignored, lost FROM recording')" '4|4|0|0' 'the good one'

# --- the command line

expect_fails 2 'missing argument' "$COUNTERSPIN" import
expect_fails 2 "unexpected argument 'b'" "$COUNTERSPIN" info a b
expect_fails 3 "cannot read 'b': No such file" "$COUNTERSPIN" import good.dat b
expect_fails 2 '--nonsense' "$COUNTERSPIN" import --nonsense good.dat
expect_fails 2 "'imprt' is not a command; did you mean 'import'" "$COUNTERSPIN" imprt

# --- not a recording

refuse 3 'No such file'
mkdir bad.dat
refuse 3 "'bad.dat'.*[Dd]irectory"
rmdir bad.dat
: > bad.dat
refuse 3 'not a recording, neither trace.dat nor perf.data'
echo 'once upon a time there was a trace' > bad.dat
refuse 3 'not a recording, neither trace.dat nor perf.data'
head -c 9 good.dat > bad.dat
refuse 3 'not a recording, neither trace.dat nor perf.data'
cp good.dat.db bad.dat
refuse 3 'a database, not a recording'
printf 'PERFILE2\150' > bad.dat
refuse 3 "'bad.dat': truncated in its header"

# --- another machine, another format

refuse_script "version '8'" <<< "version 8
$events"
refuse_script 'big-endian' <<< "endian big
$events"
refuse_script '32-bit' <<< "long 4
$events"

# --- clocks that do not order events across CPUs

refuse_script "clock 'local'" <<< "clock local
$events"
refuse_script "clock 'counter'" <<< "clock counter
$events"
refuse_script "clock 'x86-tsc'" <<< "clock x86-tsc
$events"
refuse_script 'trace clock' <<< "clock -
$events"

# --- events missing

refuse_script 'no KVM events' <<< '1000 0 0 sched_switch next_pid=910'
refuse_script 'no KVM events' <<< "no-event kvm_exit
$events"
refuse_script 'no KVM events' <<< "no-event kvm_entry
$events"
refuse_script 'no scheduler events' <<< "no-event sched_switch
$events"
refuse_script "'bad.dat'" <<< 'cpus 2'

# --- cut short

cut_everywhere() {	# FILE STEP: up to the first cut that is not refused as it should be
	local size at before=$failures

	size=$(stat -c %s "$1")
	for ((at = 10; at < size && failures == before; at += $2)); do
		head -c $at "$1" > bad.dat
		refuse 3 "'bad.dat': (truncated|not a recording|damaged|no .* and the file ends before the events do)"
	done
	[ $failures = $before ] || echo "($1 cut to $((at - $2)) of $size bytes)" >&2
	head -c $((size - 1)) "$1" > bad.dat
	refuse 3 "'bad.dat': (truncated|no scheduler events .* and the file ends before the events do)"
}

cut_everywhere good.dat 97
for whole in "$DATA"/*.dat; do
	cut_everywhere "$whole" $(($(stat -c %s "$whole") / 30))
done

# --- what a terminal would obey is not kept

printf '%s' '{"format":"counterspin-host-facts","version":1,"kernel":"6.1\u001b[31m\nX","kvm.x":"a\u0007\u009bb"}' > facts.json
import -f --host-facts=facts.json -o names.db good.dat
expect "$("$COUNTERSPIN" info names.db | LC_ALL=C grep -c "$(printf '[\001-\010\013-\037\177]')")" 0 'control characters in info'
expect "$(sql names.db "SELECT kernel, (SELECT value FROM host_param WHERE name = 'kvm.x') FROM recording")" '6.1?[31m?X|a??b' 'names kept'
rm names.db facts.json

# --- host facts

rm bad.dat
refuse_facts() {	# PATTERN: host facts on standard input
	cat > facts.json
	expect_fails 3 "facts.json.*$1" "$COUNTERSPIN" import --host-facts=facts.json -o new.db good.dat
	mv facts.json good.dat.host.json
	expect_fails 3 "host.json.*$1" "$COUNTERSPIN" import -o new.db good.dat
	rm good.dat.host.json
}
refuse_facts 'not host facts' <<< 'vCPU 0 is thread 910'
refuse_facts 'not host facts' <<< '{"format":"counterspin-host-facts","version":1'
refuse_facts 'not host facts' <<< '[]'
refuse_facts 'not host facts' <<< '{"format":"somebody-elses-facts","version":1}'
refuse_facts 'version 2' <<< '{"format":"counterspin-host-facts","version":2}'
refuse_facts 'not host facts' < /dev/null
expect_fails 3 "^counterspin import: cannot read '\.': Is a directory$" "$COUNTERSPIN" import --host-facts=. -o new.db good.dat
expect_fails 3 'nowhere.json.*No such file' "$COUNTERSPIN" import --host-facts=nowhere.json -o new.db good.dat
expect_fails 3 "cannot write in 'nowhere'" "$COUNTERSPIN" import -o nowhere/new.db good.dat

# --- databases that are none of ours

refuse_db() {	# PATTERN: of the database bad.db
	for command in info replay; do
		expect_fails 3 "'bad.db'.*$1" "$COUNTERSPIN" $command bad.db
	done
}
refuse_db 'No such file'
mkdir bad.db
refuse_db '[Dd]irectory'
rmdir bad.db
echo 'once upon a time there was a table' > bad.db
refuse_db 'not a database'
: > bad.db
refuse_db 'not'
rm bad.db
sqlite3 bad.db 'CREATE TABLE recording (path TEXT)'
refuse_db "not one of counterspin's"
version=$(sql good.dat.db 'PRAGMA user_version')
cp good.dat.db bad.db
sqlite3 bad.db "PRAGMA user_version = $((version + 1))"
refuse_db 'newer counterspin'
sqlite3 bad.db "PRAGMA user_version = $((version - 1))"
refuse_db 'older counterspin'
sqlite3 bad.db "PRAGMA user_version = $version; DROP TABLE gap"
refuse_db 'damaged'
head -c 5000 good.dat.db > bad.db
refuse_db ''
"$COUNTERSPIN" info good.dat.db > "$scratch/out" || fail 'info refuses a good database'
