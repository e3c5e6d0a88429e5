#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# tune: the curve over ipi_window_ns agrees with replay at any window, a choice is made on held-out
# data, and refused where there is too little.
. "${BASH_SOURCE%/*}/lib.sh"
[ "$SANITIZED" = 0 ] || [ "$SANITIZED" = OFF ] || exit 77	# its code is seen to by others there, in less time

tune() {	# DB [OPTION...]
	"$COUNTERSPIN" tune --json "$@" > out.json 2> "$scratch/log" || fail "tune $*: $(cat "$scratch/log")"
}

query() {	# SQL: about the JSON in out.json, as j; c is its curve
	sqlite3 -batch -noheader -nullvalue NULL :memory: "
		CREATE TABLE f AS SELECT readfile('out.json') AS j;
		CREATE TABLE c AS SELECT key, value ->> 'ipi_window_ns' AS window, value ->> 'gain' AS gain, value ->> 'lo' AS lo,
			value ->> 'hi' AS hi FROM f, json_each(j, '\$.curve');
		$1"
}

import "$DATA/balanced.dat" -o balanced.db
tune balanced.db

expect "$(query 'SELECT count(*) > 100, min(lo <= gain AND gain <= hi), (SELECT window FROM c WHERE key = 0),
	(SELECT count(*) FROM c AS a JOIN c AS b ON b.key = a.key + 1 WHERE b.window <= a.window) FROM c')" '1|1|0|0' 'the curve'
expect "$(query "SELECT count(*) FROM f, c WHERE window = j ->> 'chosen'")" 1 'the chosen window is a step of the curve'
expect "$(query "SELECT typeof(j ->> 'held_out_gain'), j ->> 'verdict' IN ('no evidence against the default', 'better than the default',
	'worse than the default'), json_array_length(j, '\$.fold_windows') FROM f")" 'real|1|5' 'the choice'

# --- at any window it is what replay says of that window: the exact curve, not a grid
gain_at() {	# WINDOW
	query "SELECT printf('%.6f', gain) FROM c WHERE window <= $1 ORDER BY window DESC LIMIT 1"
}
spin_at() {	# WINDOW: as replay has it, in the unit of the curve
	"$COUNTERSPIN" replay --json -p "ipi-aware+relaxed:ipi_window_ns=$1" balanced.db > replay.json
	sqlite3 :memory: "WITH e AS (SELECT m.value ->> 'metric' AS metric, m.value ->> 'value' AS value
		  FROM json_each(readfile('replay.json'), '\$.policies') AS p, json_each(p.value, '\$.estimates') AS m WHERE p.key = 1),
		s AS (SELECT (SELECT value FROM e WHERE metric = 'episode_spin_saved') AS saved,
		             (SELECT json_extract(readfile('replay.json'), '\$.evidence.seconds')) AS seconds)
		SELECT printf('%.6f', 100 * d / (1 - d)) FROM (SELECT saved * seconds * 1e9 / $on_cpu AS d FROM s)"
}
on_cpu=$(sql balanced.db 'SELECT sum(on_cpu.t1 - on_cpu.t0) FROM on_cpu JOIN thread ON thread.id = thread WHERE vcpu NOT NULL')
for window in 0 100000 1000000 7654321 50000000; do
	expect "$(gain_at $window)" "$(spin_at $window)" "gain at $window ns"
done

# --- behind gaps, too, where it is not known for a while whether an IPI is pending
cp balanced.db whole.db
sql balanced.db "WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 40)
	INSERT INTO gap SELECT NULL, t0 + i * (t1 - t0) / 41, t0 + i * (t1 - t0) / 41 + 5000, 1, 'test' FROM recording, k"
"$COUNTERSPIN" tune balanced.db > "$scratch/log" || true
for window in 100000 1000000 50000000; do
	"$COUNTERSPIN" replay -p "ipi-aware+relaxed:ipi_window_ns=$window" balanced.db > "$scratch/log"
	expect "$(sql balanced.db "SELECT printf('%.0f', spin_ns) FROM window_step WHERE ipi_window_ns <= $window ORDER BY ipi_window_ns DESC LIMIT 1")" \
		"$(sql balanced.db "SELECT printf('%.0f', sum(spin_ns)) FROM episode_gain JOIN replay ON replay.id = replay
			WHERE parameters ->> 'ipi_window_ns' = $window")" "gain at $window ns behind gaps"
done
mv whole.db balanced.db

# --- kept, replaced by the next run
expect "$(sql balanced.db 'SELECT count(*) FROM window_step')" "$(query 'SELECT count(*) FROM c')" 'steps kept'
tune balanced.db
expect "$(sql balanced.db 'SELECT count(*) FROM window_step')" "$(query 'SELECT count(*) FROM c')" 'steps after another run'
cp out.json first.json
choice="SELECT default_window, chosen, held_out, held_out_lo, held_out_hi, by_default, by_default_lo, by_default_hi, over_default,
	over_default_stat_lo, over_default_stat_hi, over_default_total_lo, over_default_total_hi, throughput_at_chosen,
	throughput_at_chosen_lo, throughput_at_chosen_hi, throughput_at_default, throughput_at_default_lo,
	throughput_at_default_hi, hints_live, hints_inert, verdict, reason FROM window_choice"
expect "$(sql balanced.db "$choice")" "$(query "SELECT j ->> 'default', j ->> 'chosen', j ->> '\$.held_out.value', j ->> '\$.held_out.lo',
	j ->> '\$.held_out.hi', j ->> '\$.by_default.value', j ->> '\$.by_default.lo', j ->> '\$.by_default.hi',
	j ->> '\$.over_default.value', j ->> '\$.over_default.lo', j ->> '\$.over_default.hi', j ->> '\$.over_default.total[0]',
	j ->> '\$.over_default.total[1]', j ->> '\$.throughput_gain_at_chosen.value', j ->> '\$.throughput_gain_at_chosen.lo',
	j ->> '\$.throughput_gain_at_chosen.hi', j ->> '\$.throughput_gain_at_default.value', j ->> '\$.throughput_gain_at_default.lo',
	j ->> '\$.throughput_gain_at_default.hi', j ->> 'hints_live', j ->> 'hints_inert', j ->> 'verdict', j ->> 'reason' FROM f")" \
	'the choice that is kept'
expect "$(sql balanced.db "SELECT fold_lo <= fold_hi, fold_lo >= 0, count(*) FROM window_choice JOIN window_step USING (policy, parameters, statistic)
	WHERE ipi_window_ns = chosen")" '1|1|1' 'windows of replicates, and the chosen one, which is a step of the curve'
tune balanced.db
cmp -s first.json out.json || fail 'the same again is not the same'

# --- windows that adapt have a curve of their own
tune balanced.db --adaptive
expect "$(query "SELECT j ->> 'statistic', j ->> 'default' FROM f")" 'ppm of mean response|2000000' 'adaptive windows'
expect "$(query "SELECT count(*) > 100 FROM c")" 1 'steps of adaptive windows'
expect "$(sql balanced.db 'SELECT count(DISTINCT statistic) FROM window_step')" 2 'both are kept'
expect "$(sql balanced.db 'SELECT statistic, default_window FROM window_choice ORDER BY 1')" \
	'ipi_window_ns|50000000
ppm of mean response|2000000' 'choices of both'
# with no hint, and with all, they are the same policy
all=$(query 'SELECT printf("%.6f", gain) FROM c WHERE key = 0')
expect "$all" "$(sqlite3 :memory: "SELECT printf('%.6f', json_extract(readfile('first.json'), '\$.curve[0].gain'))")" 'no window at all'

# --- another policy, and text
"$COUNTERSPIN" tune -p receiver-first:series=v2 balanced.db > text || fail 'tune receiver-first'
for word in 'Gain of receiver-first over stock' 'the default' 'Chosen:' 'Verdict:' 'By the episode chain'; do
	grep -q "$word" text || fail "the text does not say: $word"
done

# --- refusals: status 1, the reason, and the curve all the same
cp balanced.db apicv.db
sqlite3 apicv.db 'UPDATE vm SET ipi_virtual = 1'
"$COUNTERSPIN" tune --json apicv.db > out.json 2> "$scratch/log" && status=0 || status=$?
expect "$status" 1 'status of a refusal'
expect "$(query "SELECT j ->> 'chosen', j ->> 'held_out_gain', j ->> 'verdict', j ->> 'reason' FROM f")" \
	'NULL|NULL|not identifiable|IPIs are virtualised: which were out leaves no event' 'a refusal'
expect "$(sql apicv.db "SELECT chosen, fold_lo, held_out, over_default_total_hi, throughput_at_chosen, throughput_at_default_hi, verdict,
	reason, hints_live > 0 FROM window_choice WHERE policy = 'ipi-aware+relaxed' AND statistic = 'ipi_window_ns'")" \
	'NULL|NULL|NULL|NULL|NULL|NULL|not identifiable|IPIs are virtualised: which were out leaves no event|1' 'a refusal that is kept'
"$COUNTERSPIN" tune apicv.db > text && fail 'a refusal in text'
grep -q 'No choice: not identifiable' text || fail 'the text does not refuse'
expect_fails 2 "no ipi_window_ns" "$COUNTERSPIN" tune -p stock balanced.db
expect_fails 2 'several vCPUs' "$COUNTERSPIN" tune -p ipi-chain balanced.db
expect_fails 2 "no policy|unknown policy|is no policy" "$COUNTERSPIN" tune -p nonsense balanced.db
expect_fails 2 'is a window' "$COUNTERSPIN" tune --default=-5 balanced.db
cp balanced.db damaged.db
sqlite3 damaged.db 'UPDATE decision SET t_start = -9223372036854775807 WHERE id = 1'
expect_fails 3 'damaged: decision 1 is at no time' "$COUNTERSPIN" tune damaged.db
cp balanced.db damaged.db
sqlite3 damaged.db 'UPDATE on_cpu SET t1 = 9223372036854775807 WHERE id = (SELECT max(id) FROM on_cpu)'
timeout 60 "$COUNTERSPIN" tune damaged.db > "$scratch/log" || fail 'a stretch without end'
expect_fails 3 'no-such.db' "$COUNTERSPIN" tune no-such.db

# --- one policy, without the window; 0 is a window; seeds are those that JSON can hold
expect_fails 2 'given twice' "$COUNTERSPIN" tune -p ipi-aware -p receiver-first balanced.db
expect_fails 2 'ipi_window_ns is what is tuned' "$COUNTERSPIN" tune -p ipi-aware:ipi_window_ns=1000 balanced.db
expect_fails 2 'seed is 0 to' "$COUNTERSPIN" tune --seed=-1 balanced.db
expect_fails 2 'seed is 0 to' "$COUNTERSPIN" replay --seed=9007199254740993 balanced.db
tune balanced.db --default=0
expect "$(query "SELECT j ->> 'default', j ->> '\$.parameters.ipi_window_ns' FROM f")" '0|NULL' 'no window at all as the default'
