#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A database may come from anybody: what report and export make of it is valid, of bounded size and where it was
# asked for, or there is one clear line and nothing else.
. "${BASH_SOURCE%/*}/lib.sh"

import "$DATA/lock-heavy-icount.dat" -o good.db
"$COUNTERSPIN" replay good.db > "$scratch/log"
simulated good.db

# changed SQL: a good.db after that, as x.db.
changed() {
	cp good.db x.db
	sqlite3 x.db "$1" > "$scratch/null"
}

# --- tables beside ours

changed 'CREATE TABLE "../evil"(x); CREATE TABLE "a""b"(x); INSERT INTO "../evil" VALUES (1); CREATE VIEW "/tmp/v" AS SELECT 1'
mkdir dir
"$COUNTERSPIN" export x.db --format=csv -o dir/csv 2> "$scratch/log" || fail "tables beside ours: $(cat "$scratch/log")"
expect "$(ls dir)" csv 'written beside the directory'
"$COUNTERSPIN" export good.db --format=csv -o dir/good 2> "$scratch/log"
diff -r dir/csv dir/good > "$scratch/diff" || fail "other files with tables beside ours: $(cat "$scratch/diff")"
for table in ../evil 'a"b' /tmp/v; do
	expect_fails 2 'no table or view' "$COUNTERSPIN" export x.db --format=csv --table="$table" -o other
done

# --- what is in ours

# fine WHAT: a report of x.db in every form, and a trace; each is whole, and what is in it.
fine() {
	forms_fine "$1" 'report x.db' 'report x.db --json' 'report x.db --compare good.db' 'report good.db --compare x.db --json' \
		'export x.db -f --format=perfetto -o x.pftrace' 'export x.db -f --format=csv -o csv'
	page_fine "$1"
}

# forms_fine WHAT ARGUMENTS...: the program with these arguments, each a command.
forms_fine() {
	local form

	for form in "${@:2}"; do
		"$COUNTERSPIN" $form > "$scratch/out" 2> "$scratch/err" || fail "$1: $form: $(head -c 2000 "$scratch/err")"
		iconv -f utf-8 -t utf-8 "$scratch/out" > "$scratch/null" || fail "$1: $form: not UTF-8"
		case $form in
		*--json) jq . "$scratch/out" > "$scratch/null" || fail "$1: $form: not JSON" ;;
		esac
	done
}

page_fine() {
	forms_fine "$1" 'report x.db -f -o x.html'
	iconv -f utf-8 -t utf-8 x.html > "$scratch/null" || fail "$1: the page is not UTF-8"
	sed -n 's|.*<script type="application/json" id="[^"]*">\(.*\)</script>$|\1|p' x.html > "$scratch/data"
	expect "$(wc -l < "$scratch/data")" 2 "$1: data in the page"
	jq . "$scratch/data" > "$scratch/null" || fail "$1: the page's data"
	sed '/<script/,$d' x.html > "$scratch/body"
	! grep -Eq '="[^"]*(nan|inf)[^"]*"' "$scratch/body" || fail "$1: $(grep -Eom1 '="[^"]*(nan|inf)[^"]*"' "$scratch/body")"
	[ "$(stat -c %s x.html)" -le 1000000 ] || fail "$1: a page of $(stat -c %s x.html) bytes"
}

# damaged WHAT: one line says so.
damaged() {
	local form

	for form in 'report x.db' 'report x.db --json' 'report x.db -o new.html' 'report good.db --compare x.db' \
		'export x.db --format=perfetto -o new' 'export x.db --format=csv -o new'; do
		expect_fails 3 "x\\.db' is damaged: $1" "$COUNTERSPIN" $form
	done
}

"$COUNTERSPIN" tune good.db > "$scratch/log"
changed ''
fine 'nothing changed'

bytes="CAST(x'fffe41c3' AS TEXT)"
changed "UPDATE vm SET name = $bytes; UPDATE thread SET comm = $bytes; UPDATE moment SET what = $bytes, kind = $bytes;
	UPDATE verdict SET outcome = $bytes, observed_outcome = $bytes; UPDATE estimate SET verdict = $bytes, reason = $bytes;
	INSERT INTO warning VALUES ($bytes); UPDATE episode SET cause = $bytes; UPDATE recording SET path = $bytes, kernel = $bytes;
	UPDATE outcome SET source = $bytes; UPDATE decision SET pick_source = $bytes; UPDATE observed SET unit = $bytes;
	UPDATE replay SET policy = $bytes || id; UPDATE simulation SET policy = $bytes || rowid, scheduler_side = $bytes, reason = $bytes,
	verdict = $bytes, unit = $bytes; UPDATE simulation_gate SET what_if = $bytes, result = $bytes, reason = $bytes;
	INSERT INTO simulation_density VALUES ($bytes, 1, $bytes, $bytes, 1, 0, 2, 0, 3, $bytes, $bytes); UPDATE window_choice SET verdict = $bytes, policy = $bytes;
	UPDATE explanation SET explain = replace(explain, 'ready', $bytes); INSERT INTO gap SELECT 0, t0, t1, 1, $bytes FROM recording"
fine 'text that is no UTF-8'

# the other programs: a terminal shows it, and does nothing else
bytes="CAST(x'ff1b5b33316d0a41c3' AS TEXT)"
changed "UPDATE vm SET name = $bytes; UPDATE recording SET path = $bytes, format = $bytes, kernel = $bytes || '6.1', machine = $bytes,
	clock = $bytes, isa = $bytes, host_facts = $bytes; UPDATE event_type SET reason = $bytes, name = $bytes || name, used = 0, n = 1;
	UPDATE thread SET comm = $bytes, cgroup = $bytes; INSERT INTO gap SELECT 0, t0, t0, 1, $bytes FROM recording;
	INSERT INTO unknowable VALUES ($bytes, $bytes); INSERT INTO host_param VALUES ('hz', '~', $bytes), ('recorder.tool', '~', 'counterspin ' || $bytes)"
for form in 'info x.db' 'replay x.db' 'explain x.db 1' 'tune x.db' 'simulate --replicates=2 x.db'; do
	for json in '' --json; do
		"$COUNTERSPIN" $form $json > "$scratch/out" 2> "$scratch/err" || [ $? = 1 ] || fail "$form $json: $(cat "$scratch/err")"
		[ -s "$scratch/out" ] || fail "$form $json: nothing"
		iconv -f utf-8 -t utf-8 "$scratch/out" "$scratch/err" > "$scratch/all" || fail "$form $json: not UTF-8"
		! grep -q $'[\x01-\x08\x0b-\x1f\x7f]' "$scratch/all" || fail "$form $json: a control character"
	done
done

changed "UPDATE vm SET name = printf('%.*c', 20000, '<') || id; UPDATE moment SET what = printf('%.*c', 20000, '\"');
	UPDATE thread SET comm = printf('%.*c', 20000, '&'); UPDATE estimate SET reason = printf('%.*c', 200000, 'x');
	UPDATE simulation SET reason = printf('%.*c', 200000, '<'), scheduler_side = scheduler_side || printf('%.*c', 20000, '&');
	UPDATE simulation_gate SET reason = printf('%.*c', 200000, '\"');
	WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
	INSERT INTO simulation_density SELECT 'vms=+' || i, i, printf('%.*c', 20000, '<'), 'percent', 1, 1, 1, 1, 1, printf('%.*c', 20000, '&'), '' FROM n;
	WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
	INSERT INTO observed SELECT i + 10, 'spin_cpus', 'CPUs', 1, 1, 1, i, printf('%.*c', 20000, '\"') FROM n;
	WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
	INSERT INTO unknowable SELECT printf('%.*c', 20000, '\"'), printf('%.*c', 20000, '<') FROM n"
fine 'long texts'

for value in 9e999 1e308; do
	changed "UPDATE window_step SET gain = $value, lo = -($value); UPDATE window_choice SET held_out = $value, over_default = $value;
		UPDATE observed SET value = $value, stat_hi = $value; UPDATE estimate SET value = $value, stat_lo = -($value),
		stat_hi = $value, total_lo = $value, total_hi = -($value), support = $value;
		UPDATE simulation SET value = $value, stat_lo = -($value), stat_hi = $value, total_lo = $value, total_hi = -($value);
		UPDATE simulation_gate SET work_error = $value, share_error = -($value);
		UPDATE estimator SET us = $value, hi = -($value); UPDATE ipi_vector SET f_wait = $value;
		UPDATE episode_gain SET wall_ns = $value"
	fine "reals of $value"
done

# of other shapes than explain prints
for json in '[]' '"x"' '{}' '7' '{' '{"vcpus":[{"known_by":["ready",{"a":1}]}],"policies":[[],{"name":7,"parameters":[],"scan":{"a":{"step":"x"}}}]}' \
	'{"vcpus":{"a":{"known_by":"x"}},"unacknowledged_receivers":{"b":1},"policies":{"c":{"name":"n","scan":7}},"nr_running":1e999}' \
	'{"vcpus":[7,null,"x",{"known_by":{"ready":7}}],"policies":[null,{"scan":[7,[],{"round":1e14,"vcpu_idx":-1e14,"step":[]}]}]}'; do
	changed "UPDATE explanation SET explain = '$json'"
	page_fine "an explanation $json"
done
changed "UPDATE explanation SET explain = replace(printf('{\"vcpus\":[{\"known_by\":{\"%.*c\":\"x\"}}],\"policies\":[{\"name\":\"%.*c\"}]}',
	50000, 'k', 50000, 'n'), 'q', '\"')"
page_fine 'long words in explanations'

# CPUs that the host has not: none is made up for them
for column in cpu cpu_ready; do
	changed "UPDATE on_cpu SET $column = 5000 WHERE id = (SELECT id FROM on_cpu WHERE thread = 2 AND cpu_ready NOT NULL LIMIT 1)"
	for command in replay tune simulate; do
		expect_fails 3 'damaged: on_cpu of thread 2: CPU 5000, and the recording is of 1$' "$COUNTERSPIN" $command x.db
	done
done
for n in 0 60000 9223372036854775807; do
	changed "UPDATE recording SET n_cpu = $n"
	for command in replay tune simulate; do
		expect_fails 3 "damaged: a recording of $n CPUs\$" "$COUNTERSPIN" $command x.db
	done
done

# times and numbers at both ends
for n in -9223372036854775808 9223372036854775807 4611686018427387904 1e300 "'x'"; do
	changed "UPDATE on_cpu SET t0 = $n WHERE id % 3 = 0; UPDATE on_cpu SET t1 = $n WHERE id % 5 = 0;
		UPDATE on_cpu SET t_ready = $n WHERE id % 7 = 0"
	"$COUNTERSPIN" export x.db -f --format=perfetto -o x.pftrace 2> "$scratch/err" || fail "on_cpu $n: $(cat "$scratch/err")"
	got=0
	"$COUNTERSPIN" report x.db -f -o x.html > "$scratch/out" 2> "$scratch/err" || got=$?
	[ $got = 0 ] || grep -q "x\\.db' is damaged: .*overflow" "$scratch/err" || fail "on_cpu $n: $(head -c 2000 "$scratch/err")"
	changed "UPDATE moment SET t0 = $n WHERE id % 2; UPDATE moment SET t1 = 9223372036854775807 WHERE id % 3 = 0;
		UPDATE exit_stat SET second = $n WHERE n = (SELECT max(n) FROM exit_stat);
		UPDATE ipi SET t_ack = $n, t_inject = $n WHERE id % 50 = 0; UPDATE ipi SET t_send = $n WHERE id = 7;
		UPDATE episode SET t0 = $n WHERE id % 50 = 0; UPDATE episode SET t1 = $n WHERE id % 50 = 9;
		UPDATE decision SET t_start = $n WHERE id % 50 = 3; UPDATE decision SET t_end = $n WHERE id % 50 = 4;
		INSERT INTO gap VALUES (0, $n, 5, 1, 'a'), (NULL, 5, $n, $n, 'b');
		UPDATE vcpu SET vcpu_idx = $n WHERE id = 1; UPDATE vm SET n_vcpus = $n WHERE id = 1; UPDATE replay SET unknown = $n"
	"$COUNTERSPIN" export x.db -f --format=perfetto -o x.pftrace 2> "$scratch/err" || fail "times $n: $(head -c 2000 "$scratch/err")"
	got=0
	"$COUNTERSPIN" report x.db -f -o x.html > "$scratch/out" 2> "$scratch/err" || got=$?
	[ $got = 0 ] || grep -q "x\\.db' is damaged: .*overflow" "$scratch/err" || fail "times $n: $(head -c 2000 "$scratch/err")"
done
changed 'UPDATE vcpu SET n_pause = 9223372036854775807'
expect_fails 3 "x\\.db' is damaged: .*integer overflow" "$COUNTERSPIN" report x.db

for change in 't0 = -9223372036854775807' 't0 = -9223372036854775808' 't1 = 9223372036854775807' 't1 = t0 - 1' "t0 = 'x'" \
	't1 = 1e300' 't0 = 9e18, t1 = 9e18'; do
	changed "UPDATE recording SET $change"
	damaged 'no recording can be from'
done
changed 'DELETE FROM recording'
damaged 'it holds no recording'
changed 'INSERT INTO recording SELECT * FROM recording'
damaged 'it holds several recordings'

# --- rows of what is not there

changed 'DELETE FROM vm'
fine 'no VMs'
expect "$("$COUNTERSPIN" report x.db --json | jq -r '[.observed[].vm] | unique | join(",")')" \
	"$("$COUNTERSPIN" report x.db --json | jq -r '["VM 1", "VM 2", "all VMs"] | join(",")')" 'VMs that are not there'
for table in vcpu thread replay decision episode simulation simulation_gate; do
	changed "PRAGMA foreign_keys = OFF; DELETE FROM $table"
	page_fine "no rows in $table"
done

# columns that are never NULL are
changed "PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '') WHERE type = 'table';
	PRAGMA writable_schema = RESET;
	UPDATE replay SET policy = NULL, parameters = '{}'; UPDATE moment SET what = NULL, kind = NULL; UPDATE explanation SET explain = NULL;
	UPDATE episode SET cause = NULL; UPDATE observed SET metric = NULL, unit = NULL; UPDATE window_choice SET verdict = NULL;
	UPDATE simulation SET policy = NULL, scheduler_side = NULL, verdict = NULL WHERE rowid % 2; UPDATE simulation SET metric = NULL,
	what_if = NULL WHERE rowid % 3 = 0; UPDATE simulation_gate SET result = NULL;
	UPDATE estimate SET verdict = NULL; UPDATE recording SET path = NULL, clock = NULL; UPDATE on_cpu SET t0 = NULL WHERE id % 9 = 0;
	UPDATE gap SET why = NULL; UPDATE ipi SET path = NULL, mode = NULL WHERE id % 9 = 0; INSERT INTO warning VALUES (NULL)"
sqlite3 x.db "PRAGMA writable_schema = 1" > "$scratch/null"
sqlite3 good.db "SELECT printf('UPDATE sqlite_schema SET sql = %Q WHERE name = %Q;', sql, name) FROM sqlite_schema
	WHERE type = 'table' AND sql NOT NULL" > "$scratch/schema"
{ echo 'PRAGMA writable_schema = 1;'; cat "$scratch/schema"; } | sqlite3 x.db > "$scratch/null"
fine 'NULL where there is none'
