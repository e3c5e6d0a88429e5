#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Traces for the Perfetto UI and tables as CSV say what the database says, all of it; and a file is
# there whole or not at all.
. "${BASH_SOURCE%/*}/lib.sh"
: "${SOURCE:?}"
SOURCE=$(realpath "$SOURCE")

# events TRACE: read as Perfetto's importer does, into the tables of TRACE.events (trace_events.awk).
events() {
	mkdir "$scratch/tsv"
	protoc --proto_path="$SOURCE/analyze/report" --decode=perfetto.protos.Trace perfetto.proto < "$1" > "$scratch/text"
	expect "$(awk -f "$SOURCE/tests/cli/trace_events.awk" -v dir="$scratch/tsv" "$scratch/text")" '' "$1: what is wrong"
	rm -f "$1.events"
	sqlite3 "$1.events" <<- END
		CREATE TABLE track(uuid INTEGER PRIMARY KEY, parent INTEGER, name, counter);
		CREATE TABLE event(n INTEGER PRIMARY KEY, t INTEGER, track INTEGER, type, name, value INTEGER);
		CREATE TABLE flow(n INTEGER, id INTEGER, "end" INTEGER);
		CREATE TABLE detail(n INTEGER, dict, key, value, PRIMARY KEY(n, dict, key)) WITHOUT ROWID;
		.mode tabs
		.import $scratch/tsv/track track
		.import $scratch/tsv/event event
		.import $scratch/tsv/flow flow
		.import $scratch/tsv/detail detail
		CREATE VIEW place AS SELECT t.uuid AS track, t.name, p.name AS parent, g.name AS grandparent FROM track t
			LEFT JOIN track p ON p.uuid = t.parent LEFT JOIN track g ON g.uuid = p.parent;
		CREATE VIEW slice AS SELECT b.n, b.track, b.t AS t0, e.t AS t1, b.name, p.name AS lane, parent, grandparent
			FROM event b JOIN event e ON e.n = b.n + 1 AND e.track = b.track AND e.type = 'SLICE_END'
			JOIN place p ON p.track = b.track WHERE b.type = 'SLICE_BEGIN';
		CREATE VIEW instant AS SELECT n, t, event.name, p.name AS lane, parent, grandparent
			FROM event JOIN place p USING (track) WHERE type = 'INSTANT';
	END
	rm -r "$scratch/tsv"
}

# same DB WHAT ROWS-OF-TRACE ROWS-OF-DB: two queries of the same rows, and some. vcpus is where a vCPU is in
# the trace (grandparent, parent); marks are details of an event.
same() {
	local head="ATTACH '$1.pftrace.events' AS e; CREATE TEMP VIEW vcpus AS SELECT vcpu.id AS vcpu, 'vCPU ' || vcpu_idx AS parent,
		label AS grandparent FROM vcpu JOIN vm_label USING (vm);
		CREATE TEMP VIEW marks AS SELECT n, key, value FROM e.detail WHERE dict = '';"

	expect "$(sql "$1" "$head SELECT count(*) > 0 FROM ($4)")" 1 "$1: $2: there are some"
	expect "$(sql "$1" "$head SELECT count(*) FROM ($3)")" "$(sql "$1" "$head SELECT count(*) FROM ($4)")" "$1: $2: how many"
	expect "$(sql "$1" "$head SELECT * FROM ($3) EXCEPT SELECT * FROM ($4) LIMIT 3")" '' "$1: $2: only in the trace"
	expect "$(sql "$1" "$head SELECT * FROM ($4) EXCEPT SELECT * FROM ($3) LIMIT 3")" '' "$1: $2: not in the trace"
}

export_trace() {	# DB
	"$COUNTERSPIN" export "$1" --format=perfetto -o "$1.pftrace" 2> "$scratch/log" || fail "$1: $(cat "$scratch/log")"
	events "$1.pftrace"
}

# --- a real recording, with its probes and without

recording=$DATA/ipi-heavy-icount.dat
"$COUNTERSPIN" import "$recording" -o probed.db 2> "$scratch/log"
"$COUNTERSPIN" import "$recording" --ignore-probes -o unprobed.db 2> "$scratch/log"
for db in probed.db unprobed.db; do
	"$COUNTERSPIN" replay $db > "$scratch/out"
	export_trace $db

	same $db 'stretches on CPUs' "SELECT lane, t0, t1 FROM slice WHERE parent = 'pCPUs'" \
		"SELECT 'CPU ' || cpu, t0, t1 FROM on_cpu"
	same $db 'vCPUs on CPUs' "SELECT name, t0, t1 FROM slice WHERE parent = 'pCPUs' AND name LIKE '% vCPU %'" \
		"SELECT grandparent || ' ' || parent, o.t0, o.t1 FROM on_cpu o JOIN thread ON thread.id = thread JOIN vcpus USING (vcpu)"
	same $db 'states' "SELECT grandparent, parent, t0, t1, name FROM slice WHERE lane = 'state'" \
		"SELECT grandparent, parent, t0, t1, state FROM vcpu_state JOIN vcpus USING (vcpu)"
	same $db 'waits' "SELECT grandparent, parent, t0, t1, CAST(value AS INTEGER) FROM slice JOIN marks USING (n)
		WHERE lane = 'waits' AND key = 'episode'" \
		"SELECT grandparent, v.parent, t0, t1, id FROM episode JOIN vcpus v USING (vcpu)"
	same $db 'who is waited for' "SELECT DISTINCT name FROM slice WHERE lane = 'waits'" \
		"SELECT DISTINCT 'waits' || coalesce(' for vCPU ' || unblocker_idx, '') || ' (' || cause || coalesce(' ' || vector, '') || ')'
		FROM episode"
	same $db 'decisions' "SELECT grandparent, parent, t, CAST(value AS INTEGER) FROM instant JOIN marks USING (n)
		WHERE lane = 'decisions' AND key = 'decision'" \
		"SELECT grandparent, parent, t_start, id FROM decision JOIN vcpus USING (vcpu)"
	for key in n_vcpus nr_running result cpu; do
		same $db "decisions: $key" "SELECT d.value + 0 AS decision, m.value + 0 FROM marks d JOIN marks m USING (n)
			WHERE d.key = 'decision' AND m.key = '$key'" \
			"SELECT id, $key FROM decision WHERE $key NOT NULL"
	done
	same $db 'picks observed' "SELECT d.value + 0 AS decision, m.value, name FROM marks d JOIN marks m USING (n) JOIN instant USING (n)
		WHERE d.key = 'decision' AND m.key = 'pick_idx'" \
		"SELECT id, pick, CASE pick WHEN 'not known' THEN 'outcome not known' WHEN 'nobody' THEN 'yields to nobody'
		ELSE 'yields to vCPU ' || pick END FROM
		(SELECT d.id, CASE WHEN coalesce(d.pick_source, o.source) IS NULL THEN 'not known'
		ELSE coalesce(d.pick_idx, o.pick_idx, 'nobody') || '' END AS pick
		FROM decision d LEFT JOIN outcome o ON o.decision = d.id)"
	# a policy's pick is its verdict's, else the one observed
	same $db 'picks of policies' "SELECT m.value + 0 AS decision, d.dict, d.value FROM e.detail d JOIN marks m USING (n)
		WHERE d.dict <> '' AND d.key = 'pick_idx' AND m.key = 'decision'" \
		"SELECT d.id, policy, CASE WHEN v.replay NOT NULL THEN coalesce(v.pick_idx || '', 'nobody')
		WHEN tainted OR iif(o.decision IS NULL, d.pick_source, o.source) IS NULL THEN 'not known'
		ELSE coalesce(iif(o.decision IS NULL, d.pick_idx, o.pick_idx), 'nobody') || '' END
		FROM decision d JOIN replay LEFT JOIN outcome o ON o.decision = d.id
		LEFT JOIN verdict v ON v.decision = d.id AND v.replay = replay.id WHERE policy <> 'observed'"
	same $db 'outcomes of picks that differ' "SELECT m.value + 0, d.dict, d.value FROM e.detail d JOIN marks m USING (n)
		WHERE d.dict <> '' AND d.key = 'outcome' AND m.key = 'decision' AND (m.value + 0, d.dict) IN
		(SELECT decision, policy FROM verdict JOIN replay ON replay.id = replay)" \
		"SELECT decision, policy, outcome FROM verdict JOIN replay ON replay.id = replay WHERE outcome NOT NULL"
	same $db 'IPIs sent' "SELECT i.grandparent, i.parent, t, flow.id FROM instant i JOIN e.flow USING (n)
		WHERE NOT \"end\" AND lane = 'IPIs'" \
		"SELECT grandparent, parent, t_send, id FROM ipi JOIN vcpus ON vcpu = sender WHERE receiver NOT NULL"
	same $db 'IPIs received' "SELECT i.grandparent, i.parent, t, flow.id FROM instant i JOIN e.flow USING (n)
		WHERE \"end\" AND lane = 'IPIs'" \
		"SELECT grandparent, parent, coalesce(t_inject, t_accept), id FROM ipi JOIN vcpus ON vcpu = receiver"
	same $db 'a mark for a send' "SELECT t FROM instant WHERE lane = 'IPIs' AND name LIKE 'sends IPI %'" \
		"SELECT t_send FROM ipi_send"
	expect "$(sql $db.pftrace.events "SELECT count(*) FROM flow b JOIN flow e USING (id) JOIN event eb ON eb.n = b.n
		JOIN event ee ON ee.n = e.n WHERE NOT b.\"end\" AND e.\"end\" AND (eb.n > ee.n OR eb.t > ee.t)")" 0 "$db: arrows lead on"
	same $db 'PAUSE exits' "SELECT sum(value) FROM e.event WHERE type = 'COUNTER'" "SELECT sum(n_pause) FROM vcpu"
done
# without probes a policy's pick may not be known, and where is not said
expect "$(sql unprobed.db.pftrace.events "SELECT DISTINCT dict, value FROM detail WHERE key = 'unless' AND dict IN ('stock', 'none')")" \
	'stock|not known' 'no verdict, and perhaps not known'
expect "$(sql probed.db.pftrace.events "SELECT count(*) FROM detail WHERE key = 'unless'")" 0 'with probes all is known'

# the clock, and when that was
grep -A12 clock_snapshot "$scratch/text" | tr -s ' \n' ' ' | grep -q "clocks { clock_id: 3 timestamp: $(sql unprobed.db \
	'SELECT t0 FROM recording') } clocks { clock_id: 1 timestamp: $(sql unprobed.db 'SELECT t0 + realtime_offset FROM recording'
	) } primary_trace_clock: BUILTIN_CLOCK_MONOTONIC" || fail 'the clocks'
grep -q 'timestamp_clock_id: 3$' "$scratch/text" || fail 'the clock of the packets'

# to standard output, and once more: the same bytes
"$COUNTERSPIN" export probed.db --format=perfetto -o - | cmp - probed.db.pftrace || fail 'another trace on standard output'

# one policy in two ways
"$COUNTERSPIN" replay probed.db --policy=ipi-aware:ipi_window_ns=1000 > "$scratch/out"
"$COUNTERSPIN" export probed.db --format=perfetto --force -o probed.db.pftrace 2> "$scratch/log"
events probed.db.pftrace
expect "$(sql probed.db.pftrace.events "SELECT DISTINCT dict FROM detail WHERE dict GLOB 'ipi-aware' OR dict GLOB 'ipi-aware:*'
	ORDER BY 1")" $'ipi-aware\nipi-aware:ipi_window_ns=1000' 'each by its parameters'

# the check can fail
mkdir bad
for damage in 's/TYPE_SLICE_END/TYPE_SLICE_BEGIN/' 's/track_uuid: [0-9]*$/&000000/' 's/timestamp: [0-9]*$/timestamp: 5/' \
	's/name_iid: [0-9]*$/&000000/' 's/TYPE_SLICE_BEGIN/TYPE_SLICE_END/' 's/flags: 2/flags: 0/'; do
	sed "30000,\$s/^/ /; 2000,30000 { $damage; }; 30000,\$s/^ //" "$scratch/text" |
		awk -f "$SOURCE/tests/cli/trace_events.awk" -v dir=bad > said || true
	[ -s said ] || fail "does not see $damage"
done
rm -r bad said
rm -f ./*.pftrace*

# --- names from anywhere, what was lost, a clock of another kind

facts='"format":"counterspin-host-facts","version":1'
record hostile.dat << END
clock boot
1000 0 0  sched_switch next_pid=11
1000 1 0  sched_switch next_pid=12
1100 0 11 kvm_entry vcpu_id=0
1100 1 12 kvm_entry vcpu_id=1
1110 0 11 print buf={$facts,"vms":[{"tgid":10,"name":"guest"}],"vcpus":[{"tgid":10,"tid":11,"vcpu_id":0,"vcpu_idx":0},{"tgid":10,"tid":12,"vcpu_id":1,"vcpu_idx":1}]}
2000 0 11 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 guest_rip=-4096
2100 0 11 kvm_entry vcpu_id=0
2200 0 11 sched_switch prev_pid=11 prev_state=1 next_pid=70
lost 1 5
3000 1 12 kvm_exit vcpu_id=1 exit_reason=0x60 isa=2 guest_rip=-4096
3100 1 12 kvm_entry vcpu_id=1
4000 0 70 sched_switch prev_pid=70 prev_state=0 next_pid=11
4100 0 11 kvm_entry vcpu_id=0
2500001000 0 11 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 guest_rip=-4096
2500002000 0 11 kvm_entry vcpu_id=0
4000001000 1 12 kvm_exit vcpu_id=1 exit_reason=0x60 isa=2 guest_rip=-4096
4000002000 1 12 kvm_entry vcpu_id=1
END
import hostile.dat
mv hostile.dat.db hostile.db
sqlite3 hostile.db "UPDATE vm SET name = 'a \"quoted\",' || char(10, 13) || 'name <script>alert(1)</script>';
	UPDATE thread SET comm = '\"<script>\"' WHERE tid = 70"
export_trace hostile.db
expect "$(sql hostile.db.pftrace.events "SELECT name FROM place WHERE name GLOB '*script*' OR parent = 'lost'")" \
'a \"quoted\",\n\rname <script>alert(1)</script>
all CPUs
CPU 1' 'the names of the tracks'
expect "$(sql hostile.db.pftrace.events "SELECT lane, t0, t1, value FROM slice JOIN detail USING (n) WHERE parent = 'lost' AND key = 'events'")" \
	"$(sql hostile.db "SELECT 'CPU ' || cpu, t0, t1, events FROM gap WHERE events NOT NULL")" 'what was lost'
expect "$(sql hostile.db.pftrace.events "SELECT name FROM slice WHERE name LIKE '%70'")" '\"<script>\" 70' 'the name of a thread'
grep -q 'primary_trace_clock: BUILTIN_CLOCK_BOOTTIME' "$scratch/text" || fail 'the clock boot'
expect "$(grep -c 'clock_id: [^6]' "$scratch/text")" 0 'no other is known'

expect "$(sql hostile.db.pftrace.events "SELECT t, value FROM event WHERE type = 'COUNTER' ORDER BY n")" \
'1000|1
1000001000|0
2000001000|1
3000001000|0' 'PAUSE exits, by the second'

# bytes that are no UTF-8, and slices of one track that cross
sqlite3 hostile.db "UPDATE vm SET name = CAST(x'ff3cc3' AS TEXT);
	INSERT INTO gap VALUES(1, 500, 1500, NULL, 'one'), (1, 1000, 2500, NULL, 'other'), (NULL, 1000, 1000, 0, 'all')"
"$COUNTERSPIN" export hostile.db --format=perfetto -f -o hostile.db.pftrace 2> "$scratch/log"
events hostile.db.pftrace
expect "$(sql hostile.db.pftrace.events "SELECT count(*) FROM track WHERE name = '\\357\\277\\275<\\357\\277\\275'")" 1 'they are replaced'
expect "$(sql hostile.db.pftrace.events "SELECT lane, t0, t1, name FROM slice WHERE parent = 'lost' ORDER BY t0, t1, lane")" \
	"$(sql hostile.db "SELECT coalesce('CPU ' || cpu, 'all CPUs') AS c, t0, t1, why FROM gap ORDER BY t0, t1, c")" 'all gaps are there'
expect "$(sql hostile.db.pftrace.events "SELECT count(DISTINCT track) FROM slice WHERE lane = 'CPU 1' AND parent = 'lost'")" 3 \
	'on three tracks of one name'
sqlite3 hostile.db "UPDATE vm SET name = 'a \"quoted\",' || char(10, 13) || 'name <script>'"

# --- CSV

"$COUNTERSPIN" export hostile.db --format=csv -o tables 2> "$scratch/log"
expect "$(ls tables)" "$(sql hostile.db "SELECT name || '.csv' FROM sqlite_schema WHERE type = 'table' ORDER BY name")" 'a file a table'
expect "$(stat -c %a tables tables/vm.csv | tr '\n' ' ')" '700 600 ' 'for their owner alone'
expect "$(head -1 tables/vm.csv)" 'id,name,tgid,n_vcpus,membership,idx_known,created,cpl_known,ipi_virtual,eoi_virtual'$'\r' 'a line of names'
expect "$(grep -c '"a ""quoted"",$' tables/vm.csv)" 1 'quotes'
expect "$(grep '^1,500,' tables/gap.csv)" $'1,500,1500,,one\r' 'NULL is nothing'
expect "$(sqlite3 hostile.db "UPDATE gap SET why = '' WHERE t0 = 500"; "$COUNTERSPIN" export hostile.db --format=csv --table=gap -o - |
	grep '^1,500,')" $'1,500,1500,,""\r' 'an empty text is not'
sqlite3 hostile.db "UPDATE gap SET why = 'one' WHERE t0 = 500"
# back into a database of such tables; SQLite takes both "" and nothing for an empty text
round_trip() {	# DB DIRECTORY
	local table columns

	rm -f back.db
	for table in $(cd "$2" && ls -- *.csv); do
		table=${table%.csv}
		columns=$(sql "$1" "SELECT group_concat(printf('coalesce(\"%w\", '''')', name)) FROM pragma_table_info('$table')")
		sqlite3 back.db "$(sql "$1" "SELECT printf('CREATE TABLE \"%w\"(%s)', '$table', group_concat(printf('\"%w\" %s', name, type)))
			FROM pragma_table_info('$table')")" ".import --csv --skip 1 $2/$table.csv $table" 2> "$scratch/log" ||
			fail "$table: $(cat "$scratch/log")"
		expect "$(sql back.db "SELECT $columns FROM $table" | sort)" "$(sql "$1" "SELECT $columns FROM $table" | sort)" \
			"$1: $table, there and back"
	done
}
round_trip hostile.db tables
"$COUNTERSPIN" export probed.db --format=csv -o probed 2> "$scratch/log"
round_trip probed.db probed
[ "$(sql probed.db "SELECT count(*) FROM estimate WHERE value <> round(value, 3)")" -gt 0 ] || fail 'no real number was tried'

# named ones: views, too, and to standard output
"$COUNTERSPIN" export probed.db --format=csv --table=vcpu_state --table=vm -o named/ 2> "$scratch/log"
expect "$(ls named)" $'vcpu_state.csv\nvm.csv' 'the tables that were named'
expect "$(tail -n +2 named/vcpu_state.csv | wc -l)" "$(sql probed.db 'SELECT count(*) FROM vcpu_state')" 'rows of a view'
"$COUNTERSPIN" export probed.db --format=csv --table=decision -o - | cmp - probed/decision.csv || fail 'a table on standard output'

# --- wrong calls

x() {
	"$COUNTERSPIN" export "$@"
}
expect_fails 2 'no format: --format=perfetto or --format=csv' x probed.db -o a
expect_fails 2 "'xml' is not a format" x probed.db --format=xml -o a
expect_fails 2 'no Parquet: .*counterspin-export' x probed.db --format=parquet -o a
expect_fails 2 'where to\? --output=FILE' x probed.db --format=perfetto
expect_fails 2 'where to\? --output=DIRECTORY' x probed.db --format=csv
expect_fails 2 '--table is for csv' x probed.db --format=perfetto --table=vm -o a
expect_fails 2 'standard output takes one table' x probed.db --format=csv -o -
expect_fails 2 'standard output takes one table' x probed.db --format=csv --table=vm --table=vcpu -o -
expect_fails 2 '--force replaces files' x probed.db --format=perfetto -f -o -
expect_fails 2 "no table or view 'nothing'" x probed.db --format=csv --table=vm --table=nothing -o a
expect_fails 2 "no table or view 'sqlite_schema'" x probed.db --format=csv --table=sqlite_schema -o a
expect_fails 3 "cannot read 'none.db'" x none.db --format=csv -o a
if command -v script > "$scratch/out"; then
	status=0
	SHELL=/bin/sh script -qefc "'$COUNTERSPIN' export probed.db --format=perfetto -o -" typescript < /dev/null > "$scratch/out" || status=$?
	expect "$status $(grep -c 'no text for a terminal' typescript)" '2 1' 'no trace on a terminal'
	rm typescript
fi

# --- whole, or not at all

mkdir there
echo mine > there/vm.csv
echo mine > mine
cp probed.db kept.db
expect_fails 3 "'mine' exists" x probed.db --format=perfetto -o mine
expect_fails 3 "'there/vm.csv' exists" x probed.db --format=csv -o there
expect_fails 3 "'mine' exists and is not a directory" x probed.db --format=csv --force -o mine
expect_fails 3 "'there' exists and is not a file" x probed.db --format=perfetto --force -o there
expect_fails 3 "'/dev/full' exists and is not a file" x probed.db --format=perfetto --force -o /dev/full
expect_fails 3 "'probed.db' exists and is one of counterspin's databases" x probed.db --format=perfetto --force -o probed.db
expect_fails 3 "cannot write in 'nowhere'" x probed.db --format=perfetto -o nowhere/a
expect_fails 3 "cannot write in 'nowhere'" x probed.db --format=csv -o nowhere/a
x probed.db --format=csv --force -o there 2> "$scratch/log"
cmp there/vm.csv named/vm.csv || fail '--force replaces a table'
ln -s mine link
x probed.db --format=perfetto --force -o link 2> "$scratch/log"
[ -L link ] && [ "$(stat -c %s mine)" -gt 1000 ] || fail 'a link is followed'
cmp probed.db kept.db || fail 'an export changed the database'

full_disk() (
	trap '' XFSZ
	ulimit -f 16
	"$COUNTERSPIN" export "$@"
)
expect_fails 3 "cannot write '(new)': File too large" full_disk probed.db --format=perfetto -o new
expect_fails 3 "cannot write 'new/[a-z_]*.csv': File too large" full_disk probed.db --format=csv -o new
expect_fails 3 "cannot write 'mine': File too large" full_disk probed.db --format=perfetto -f -o mine
full() {
	"$COUNTERSPIN" export "$@" -o - > /dev/full
}
expect_fails 3 'cannot write to standard output: No space left' full probed.db --format=perfetto
expect_fails 3 'cannot write to standard output: No space left' full probed.db --format=csv --table=vm

# a file system that cannot hold files without a name
: "${INJECT_LIBRARY:?}"
named() {
	env LD_PRELOAD="$INJECT_LIBRARY" INJECT='tmpfile@1+=EOPNOTSUPP' ASAN_OPTIONS=verify_asan_link_order=0 \
		"$COUNTERSPIN" export "$@"
}
x probed.db --format=perfetto -o - > whole
named probed.db --format=perfetto -o a 2> "$scratch/log"
cmp a whole || fail 'by way of a hidden name'
expect_fails 3 "'a' exists" named probed.db --format=perfetto -o a
echo mine > a
named probed.db --format=perfetto --force -o a 2> "$scratch/log"
cmp a whole || fail 'replaced by way of a hidden name'
named probed.db --format=csv -o all 2> "$scratch/log"
diff -r all probed || fail 'tables by way of hidden names'
expect "$(find . -name '.counterspin-*')" '' 'nothing hidden is left'

# --- little to show: no decision, no IPI

record empty.dat <<- END
	1000 0 0 sched_switch next_pid=910
	2000 0 910 kvm_entry vcpu_id=0
	3000 0 910 kvm_exit vcpu_id=0 exit_reason=0x78 isa=2
	4000 0 910 sched_switch prev_pid=910 prev_state=1
END
import empty.dat -o empty.db
"$COUNTERSPIN" replay empty.db > "$scratch/out" 2>&1 || true
export_trace empty.db
same empty.db 'stretches on CPUs' "SELECT lane, t0, t1 FROM slice" "SELECT 'CPU ' || cpu, t0, t1 FROM on_cpu UNION ALL
	SELECT 'state', t0, t1 FROM vcpu_state"
