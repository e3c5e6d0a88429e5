#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What replay says of the recording itself: figures agree with the facts that they are made of, tables
# with JSON and text.
. "${BASH_SOURCE%/*}/lib.sh"

value() {	# DB METRIC [VM]: to nine digits
	sql "$1" "SELECT printf('%.9g', value) FROM observed WHERE metric = '$2' AND vm IS ${3:-NULL}"
}
facts_say() {	# DB QUERY
	sql "$1" "WITH seconds AS (SELECT ((SELECT t1 - t0 FROM recording) - (SELECT total(t1 - t0) FROM gap)) / 1e9 AS s)
		SELECT printf('%.9g', $2) FROM seconds"
}

# check DB: whose gaps do not overlap
check() {
	local db=$1 vm in

	for vm in NULL $(sql "$db" 'SELECT id FROM vm'); do
		in="(SELECT id FROM vcpu WHERE $vm IS NULL OR vm = $vm)"
		expect "$(value "$db" pause_exits "$vm")" "$(facts_say "$db" "(SELECT count(*) FROM decision JOIN recording
			WHERE NOT tainted AND t_start >= t0 AND t_start < t1 AND vcpu IN $in) / s")" "$db, VM $vm: PAUSE exits"
		expect "$(value "$db" spin_cpus "$vm")" "$(facts_say "$db" "(SELECT total(spin_ns) FROM episode
			WHERE NOT tainted AND vcpu IN $in) / s / 1e9")" "$db, VM $vm: spinning"
		expect "$(value "$db" episode_length "$vm")" "$(facts_say "$db" "(SELECT avg(t1 - t0) / 1000 FROM episode
			WHERE NOT tainted AND vcpu IN $in)")" "$db, VM $vm: waits"
		expect "$(sql "$db" "SELECT n FROM observed WHERE vm IS $vm AND metric = 'episode_length'")" \
			"$(sql "$db" "SELECT count(*) FROM episode WHERE NOT tainted AND vcpu IN $in")" "$db, VM $vm: number of waits"
	done
	expect "$(sql "$db" 'SELECT count(*) FROM observed')" "$(sql "$db" 'SELECT 8 * (count(*) + 1) FROM vm')" "$db: metrics by VM"
	expect "$(sql "$db" 'SELECT count(*) FROM observed WHERE (value IS NULL) <> (reason NOT NULL) OR NOT stat_lo <= value
		OR NOT value <= stat_hi OR value IS NULL AND stat_lo NOT NULL')" 0 "$db: intervals and reasons"
}

import "$DATA/balanced.dat" -o balanced.db
"$COUNTERSPIN" replay balanced.db -p ipi-aware --json > out.json 2> "$scratch/log" || fail "replay: $(cat "$scratch/log")"
check balanced.db
expect "$(sql balanced.db 'SELECT count(*) FROM observed WHERE stat_lo < value AND value < stat_hi')" 24 'intervals of a long recording'

# --- what has another source in the facts
for vm in NULL 1 2; do
	in="(SELECT thread.id FROM thread JOIN vcpu ON vcpu.id = thread.vcpu WHERE $vm IS NULL OR vm = $vm)"
	expect "$(value balanced.db spin_share $vm)" "$(facts_say balanced.db "100.0 * (SELECT sum(spin_ns) FROM episode JOIN vcpu
		ON vcpu.id = vcpu WHERE $vm IS NULL OR vm = $vm) / (SELECT sum(t1 - t0) FROM on_cpu WHERE thread IN $in)")" "VM $vm: share"
	expect "$(value balanced.db steal_share $vm)" "$(facts_say balanced.db "100 * (SELECT sum(min(on_cpu.t0, recording.t1) -
		max(t_ready, recording.t0)) FROM on_cpu JOIN recording WHERE t_ready < on_cpu.t0 AND on_cpu.t0 > recording.t0
		AND thread IN $in) / 1e9 / s / (SELECT count(DISTINCT thread) FROM on_cpu WHERE thread IN $in)")" "VM $vm: steal"
	expect "$(value balanced.db yields $vm)" "$(facts_say balanced.db "(SELECT count(*) FROM decision JOIN vcpu ON vcpu.id = vcpu
		WHERE pick_idx NOT NULL AND ($vm IS NULL OR vm = $vm)) / s")" "VM $vm: yields"
done
# from send to acknowledgement; many are sent to one vCPU, and alone
expect "$(sql balanced.db "SELECT abs(value / (SELECT avg(t) / 1000 FROM (SELECT max(t_ack) - t_send AS t FROM ipi JOIN vcpu ON
	vcpu.id = sender JOIN ipi_vector USING (vm, vector) WHERE f_wait >= 0.5 GROUP BY sender, vector, t_send
	HAVING min(t_ack NOT NULL))) - 1) < 0.1 FROM observed WHERE metric = 'ipi_response' AND vm IS NULL")" 1 'response to IPIs'
# with the verdicts on the kernel's own picks at hand it can be told which yields went to one that is not waited for
expect "$(sql balanced.db "SELECT value > 100.0 * (SELECT count(*) FROM verdict JOIN decision ON decision.id = decision
	JOIN vcpu ON vcpu.id = vcpu WHERE pick_source = 'probe' AND decision.pick_idx NOT NULL AND observed_outcome = 'overboost') / n
	FROM observed WHERE metric = 'wasted_yields' AND vm IS NULL")" 1 'wasted yields'

# one definition of it, whoever says it
expect "$(sql balanced.db "SELECT vm, n, abs(value - (SELECT 100.0 * sum(wasted) / count(wasted) FROM decision_wait d
	WHERE o.vm IS NULL OR d.vm = o.vm)) < 1e-9, n = (SELECT count(wasted) FROM decision_wait d WHERE o.vm IS NULL OR d.vm = o.vm),
	n = (SELECT sum(judged_yields) FROM spin_rate s WHERE o.vm IS NULL OR s.vm = o.vm)
	FROM observed o WHERE metric = 'wasted_yields' ORDER BY 1" | cut -d'|' -f1,3-)" 'NULL|1|1|1
1|1|1|1
2|1|1|1' 'wasted yields, by the table and by views'

# --- the table is what JSON says, and both what the text says
sqlite3 :memory: "SELECT value ->> 'vm', value ->> 'metric', value ->> 'unit', value ->> 'value', value ->> '\$.statistical[0]',
	value ->> '\$.statistical[1]', value ->> 'n', value ->> 'reason' FROM json_each(readfile('out.json'), '\$.observed')
	ORDER BY 1, 2" > json.out
sql balanced.db "SELECT label, metric, unit, value, stat_lo, stat_hi, n, reason
	FROM observed LEFT JOIN vm_label USING (vm) ORDER BY 1, 2" | sed 's/NULL//g' > table.out
cmp -s json.out table.out || fail "JSON and table: $(diff json.out table.out | head -4)"
expect "$(sqlite3 :memory: "SELECT json_extract(readfile('out.json'), '\$.evidence.spin_cpus')")" \
	"$(sql balanced.db "SELECT value FROM observed WHERE metric = 'spin_cpus' AND vm IS NULL")" 'one name, one figure'
"$COUNTERSPIN" replay balanced.db -p ipi-aware > text
grep -q "^  $(sql balanced.db "SELECT printf('%.2f', value) FROM observed WHERE metric = 'spin_cpus' AND vm IS NULL") CPUs spent" text ||
	fail 'spinning in the text'
expect "$(sql balanced.db 'SELECT sentence FROM warning')" "$(sed -n 's/^WARNING: \(.*\)\.$/\1/p' text)" 'warnings'
expect "$(sql balanced.db 'SELECT count(*) FROM warning')" 1 'a warning'
# without thousands marked, and without the breaks of lines
sed ':a; s/\([0-9]\),\([0-9]\{3\}\)/\1\2/; ta' text | tr -s ' \n' ' ' > squeezed
while IFS='|' read -r name us lo hi decisions reason; do
	[ "$us" = NULL ] && figure=- || figure=$(printf '%+.1f [%+.1f, %+.1f]' "$us" "$lo" "$hi")
	grep -qF -- " $name $figure $decisions $reason" squeezed || fail "the text has no: $name $figure $decisions $reason"
done < <(sql balanced.db 'SELECT * FROM estimator')
expect "$(sql balanced.db 'SELECT count(*), count(us) FROM estimator')" '3|1' 'estimators'
expect "$(sql balanced.db "SELECT name, what, found, iif(passed, 'passed', 'FAILED') FROM natural_test" | tr '|' ' ')" \
	"$(grep '^  T[1-4] ' text | sed 's/^ *//; s/  */ /g')" 'tests'

# --- a later run takes the place of an earlier one; what is refused says why
"$COUNTERSPIN" replay balanced.db -p relaxed > "$scratch/log"
expect "$(sql balanced.db 'SELECT (SELECT count(*) FROM observed), (SELECT count(*) FROM warning), (SELECT count(*) FROM estimator),
	(SELECT count(*) FROM natural_test)')" '24|1|3|4' 'rows after another run'
cp balanced.db gaps.db
sqlite3 gaps.db "WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 40)
	INSERT INTO gap SELECT NULL, t0 + i * (t1 - t0) / 41, t0 + i * (t1 - t0) / 41 + 3000000, 1, 'test' FROM recording, k;
	UPDATE decision SET tainted = 1 WHERE EXISTS (SELECT 1 FROM gap WHERE gap.t0 <= t_start AND t_start < gap.t1)"
"$COUNTERSPIN" replay gaps.db -p relaxed > "$scratch/log"
expect "$(sql gaps.db 'SELECT count(*) > 20 FROM episode WHERE tainted')" 1 'waits that touch gaps'
check gaps.db
cp balanced.db short.db
sqlite3 short.db 'DELETE FROM decision WHERE id > 400; UPDATE recording SET t1 = (SELECT max(t_start) + 1 FROM decision)'
"$COUNTERSPIN" replay short.db -p relaxed > "$scratch/log"
expect "$(sql short.db 'SELECT count(*), count(value) > 20, count(stat_lo) FROM observed')" '24|1|0' 'a short recording'
expect "$(sql short.db 'SELECT count(*) FROM natural_test')" 0 'no test of too little'
cp balanced.db nothing.db
sqlite3 nothing.db 'DELETE FROM attempt; DELETE FROM candidate; DELETE FROM verdict; DELETE FROM outcome; DELETE FROM disagreement;
	DELETE FROM episode_gain; DELETE FROM episode; DELETE FROM decision'
"$COUNTERSPIN" replay nothing.db > "$scratch/log" || fail 'replay of no decisions'
expect "$(sql nothing.db "SELECT metric, value, stat_hi, reason FROM observed WHERE vm IS NULL AND metric IN ('spin_cpus', 'pause_exits', 'yields',
	'wasted_yields', 'episode_length') ORDER BY 1")" \
'episode_length|NULL|NULL|no waits with PAUSE exits
pause_exits|0.0|0.0|NULL
spin_cpus|0.0|0.0|NULL
wasted_yields|NULL|NULL|of no yield is it known whom the spinner waited for
yields|0.0|0.0|NULL' 'no decisions'
expect "$(sql nothing.db 'SELECT count(*) FROM estimator WHERE us NOT NULL OR reason IS NULL')" 0 'estimators of nothing'
