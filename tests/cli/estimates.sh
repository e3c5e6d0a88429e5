#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What replay says of gains: figures, intervals, refusals; in text, JSON and tables alike.
. "${BASH_SOURCE%/*}/lib.sh"
[ "$SANITIZED" = 0 ] || [ "$SANITIZED" = OFF ] || exit 77	# its code is seen to by others there, in less time

# query SQL: one answer about the JSON in out.json, as j; e are its estimates with their policy.
query() {
	sqlite3 -batch -noheader -nullvalue NULL :memory: "
		CREATE TABLE f AS SELECT readfile('out.json') AS j;
		CREATE TABLE e AS SELECT p.value ->> 'name' AS policy, m.value ->> 'metric' AS metric, m.value ->> 'unit' AS unit,
			m.value ->> 'value' AS value, m.value ->> '\$.statistical[0]' AS stat_lo, m.value ->> '\$.statistical[1]' AS stat_hi,
			m.value ->> '\$.total[0]' AS lo, m.value ->> '\$.total[1]' AS hi, m.value ->> 'support' AS support,
			m.value ->> 'verdict' AS verdict, m.value ->> 'reason' AS reason
		  FROM f, json_each(j, '\$.policies') AS p, json_each(p.value, '\$.estimates') AS m;
		$1"
}

replay() {	# DB [OPTION...]
	"$COUNTERSPIN" replay --json "$@" > out.json 2> "$scratch/log" || fail "replay $*: $(cat "$scratch/log")"
}

import "$DATA/balanced.dat" -o balanced.db
replay balanced.db

# --- every policy has every metric, in its unit
expect "$(query 'SELECT count(DISTINCT policy), count(DISTINCT metric), count(*) = count(DISTINCT policy) * count(DISTINCT metric) FROM e')" \
	'11|9|1' 'policies, metrics'
expect "$(query "SELECT group_concat(DISTINCT metric || ' ' || unit) FROM e WHERE metric IN ('throughput_gain', 'spin_cpu_saved',
	'ipi_response_change', 'pause_exits_change', 'yields_change')")" \
	'throughput_gain percent,spin_cpu_saved CPUs,ipi_response_change percent,pause_exits_change percent,yields_change 1/s' 'units'

# --- the recorded policy, and what was observed, gain exactly nothing
expect "$(query "SELECT count(*), sum(value = 0 AND stat_lo = 0 AND stat_hi = 0 AND lo = 0 AND hi = 0) FROM e
	WHERE policy IN ('observed', 'stock')")" '18|18' 'the recorded policy'
# and so does one with the same picks
replay balanced.db -p ipi-aware+relaxed:enable_relaxed_boost=0 -p ipi-aware
expect "$(query "SELECT count(DISTINCT value) FROM e WHERE metric = 'throughput_gain' AND policy <> 'observed'")" 1 'the same policy under two names'

# --- intervals hold the value and each other; what is significant is on one side
replay balanced.db
expect "$(query 'SELECT count(*) FROM e WHERE NOT (lo <= stat_lo AND stat_hi <= hi AND lo <= value AND value <= hi)')" 0 'intervals'
expect "$(query "SELECT count(*) FROM e WHERE metric = 'throughput_gain' AND
	(verdict = 'gain') <> (lo > 0) AND verdict NOT IN ('not identifiable', 'insufficient data')")" 0 'verdicts'
# what was measured on this host under these policies is far from no gain
expect "$(query "SELECT group_concat(policy || ' ' || verdict) FROM e WHERE metric = 'throughput_gain' AND
	policy IN ('ipi-aware', 'ipi-aware+relaxed', 'receiver-first')")" \
	'ipi-aware gain,ipi-aware+relaxed gain,receiver-first gain' 'the patches in a lab'
# never to be added, so never mixed: each says how it was come by
expect "$(query "SELECT count(*) FROM f, json_each(j, '\$.policies') AS p, json_each(p.value, '\$.estimates') AS m
	WHERE (m.value ->> 'metric' IN ('episode_spin_saved', 'episode_response_change', 'yield_cost', 'displaced')) <>
	      (m.value ->> 'method' = 'per decision, no feedback')")" 0 'methods'

# --- the same seed, the same bytes; another seed, other intervals alone
cp out.json first.json
replay balanced.db
cmp -s first.json out.json || fail 'the same again is not the same'
replay balanced.db --seed 2
expect "$(query "SELECT j ->> '\$.evidence.seed' FROM f")" 2 'seed'
expect "$(query "SELECT (SELECT value FROM e WHERE policy = 'relaxed' AND metric = 'throughput_gain') =
	(SELECT m.value ->> 'value' FROM json_each(readfile('first.json'), '\$.policies') AS p, json_each(p.value, '\$.estimates') AS m
	  WHERE p.value ->> 'name' = 'relaxed' AND m.value ->> 'metric' = 'throughput_gain')")" 1 'the value does not depend on the seed'
cmp -s first.json out.json && fail 'the intervals do not depend on the seed'

# --- tables say the same
expect "$(sql balanced.db "SELECT count(*) FROM estimate")" 108 'estimates kept'
expect "$(sql balanced.db "SELECT count(*) FROM estimate WHERE replay NOT IN (SELECT id FROM replay)")" 0 'orphans'
expect "$(sql balanced.db 'SELECT count(*) > 3000, min(t0 <= t_lo AND t_lo <= t1 AND t1 <= t_hi), sum(n_decisions) = (SELECT count(*) FROM decision)
	FROM episode')" '1|1|1' 'episodes'
expect "$(sql balanced.db 'SELECT count(*) FROM episode JOIN decision ON decision.vcpu = episode.vcpu AND decision.id BETWEEN
	first_decision AND last_decision')" "$(sql balanced.db 'SELECT count(*) FROM decision')" 'decisions of episodes'
expect "$(sql balanced.db "SELECT count(*) > 0, sum(wall_ns IS NULL) = sum(class IN ('unsupported', 'pick not known')) FROM episode_gain")" \
	'1|1' 'gains of episodes'
expect "$(sql balanced.db "SELECT count(*) FROM ipi_vector WHERE vector = 253 AND f_wait > 0.5")" 0 'nobody waits for a reschedule IPI'
expect "$(sql balanced.db "SELECT min(f_wait) > 0.8 FROM ipi_vector WHERE vector IN (251, 252)")" 1 'function calls are waited for'
n=$(sql balanced.db 'SELECT count(*) FROM verdict')
"$COUNTERSPIN" replay balanced.db > text
expect "$(sql balanced.db 'SELECT count(*) FROM verdict')" "$n" 'verdicts after another run'
for word in 'What each would have gained' 'support' 'What the picks amount to' 'lost opportunity' 'seed 1'; do
	grep -q "$word" text || fail "the text does not say: $word"
done

# --- without probes the same, less surely
import "$DATA/balanced.dat" -o hidden.db
sqlite3 hidden.db "DELETE FROM attempt; UPDATE decision SET source = 'imputed', probed_kernel_mode = NULL, last_boosted = NULL,
	result = NULL; UPDATE candidate SET probed = NULL; UPDATE recording SET probes = 0;
	INSERT INTO attempt SELECT id, 0, pick_idx, 1, t_start, t_end, 'imputed' FROM decision WHERE pick_idx NOT NULL;
	UPDATE decision SET pick_source = 'imputed', result = iif(pick_idx NOT NULL, 1, NULL) WHERE pick_source NOT NULL"
replay hidden.db -p relaxed
expect "$(query "SELECT j ->> '\$.evidence.outcomes_observed' FROM f")" 0 'outcomes observed'
expect "$(query "SELECT hi - lo > 1.2 * (SELECT (m.value ->> '\$.total[1]') - (m.value ->> '\$.total[0]')
	  FROM json_each(readfile('first.json'), '\$.policies') AS p, json_each(p.value, '\$.estimates') AS m
	 WHERE p.value ->> 'name' = 'relaxed' AND m.value ->> 'metric' = 'throughput_gain')
	FROM e WHERE policy = 'relaxed' AND metric = 'throughput_gain'")" 1 'without probes the interval is wider'

# --- refusals
# too short
cp balanced.db short.db
sqlite3 short.db 'DELETE FROM decision WHERE id > 400'
replay short.db -p relaxed
expect "$(query "SELECT group_concat(DISTINCT verdict), max(value) FROM e WHERE policy = 'relaxed'")" 'insufficient data|NULL' 'a short recording'
expect "$(query "SELECT reason GLOB '*episodes can be used, of 200 that are needed' FROM e WHERE metric = 'throughput_gain' AND policy = 'relaxed'")" \
	1 'why that is too little'
# what is needed is counted for each figure
import "$DATA/lock-heavy-icount.dat" -o locks.db
replay locks.db -p relaxed -p ipi-aware
expect "$(query "SELECT count(*) FROM e WHERE value IS NULL AND reason IS NULL OR value IS NULL AND verdict IN ('gain', 'loss', 'no clear effect')")" \
	0 'a refusal without a reason'
# IPIs that leave no events
cp balanced.db apicv.db
sqlite3 apicv.db 'UPDATE vm SET ipi_virtual = 1'
replay apicv.db -p relaxed -p ipi-aware
expect "$(query "SELECT group_concat(DISTINCT verdict) FROM e WHERE policy = 'ipi-aware'")" 'not identifiable' 'IPIs virtualised'
expect "$(query "SELECT group_concat(DISTINCT reason) FROM e WHERE policy = 'ipi-aware'")" \
	'IPIs are virtualised: which were out leaves no event' 'why not'
expect "$(query "SELECT verdict FROM e WHERE policy = 'relaxed' AND metric = 'throughput_gain'")" gain 'a policy that needs none'
# most of it lost
cp balanced.db lost.db
sqlite3 lost.db "INSERT INTO gap SELECT NULL, t0 + (t1 - t0) / 2, t1 - 1000000000, NULL, 'a test' FROM recording"
replay lost.db -p relaxed
expect "$(query "SELECT group_concat(DISTINCT verdict) FROM e WHERE policy = 'relaxed'")" 'not identifiable' 'much is lost'
grep -q '% of the recording is lost' out.json || fail 'does not say that much is lost'
# a pause between bursts is no loss
cp balanced.db paused.db
sqlite3 paused.db "INSERT INTO gap SELECT NULL, t0 + (t1 - t0) / 2, t1 - 1000000000, NULL, 'between two bursts of the recording'
	FROM recording"
replay paused.db -p relaxed
expect "$(query "SELECT j ->> '\$.evidence.lost' FROM f")" 0 'lost in a pause'
expect "$(query "SELECT e.value BETWEEN m.value ->> '\$.total[0]' AND m.value ->> '\$.total[1]' FROM e,
	json_each(readfile('first.json'), '\$.policies') AS p, json_each(p.value, '\$.estimates') AS m
	WHERE e.policy = 'relaxed' AND e.metric = 'throughput_gain' AND p.value ->> 'name' = 'relaxed' AND
	m.value ->> 'metric' = e.metric")" 1 'two bursts gain what all of it does'
"$COUNTERSPIN" tune paused.db > text || fail 'tune of two bursts'
sqlite3 paused.db "INSERT INTO gap SELECT NULL, t0 + 500000000, t0 + 700000000, NULL, 'a test' FROM recording"
replay paused.db -p relaxed
expect "$(query "SELECT abs((j ->> '\$.evidence.lost') - $(sql paused.db 'SELECT 2e8 / span_ns FROM recorded_time')) < 1e-9 FROM f")" 1 \
	'lost of what was recorded'
# picks that hang on what is not known: up to a fifth of them is less support, more is no figure
blind() {	# DB [WHERE]: what no probe saw, there and in user mode or not is not known
	cp balanced.db "$1"
	sqlite3 "$1" "UPDATE candidate SET in_kernel_known = 0, probed = NULL, probed_ready = NULL, probed_preempted = NULL,
		probed_in_kernel = NULL, probed_in_spin_loop = NULL, probed_dy_eligible = NULL ${2:-}"
}
unknown="'whom the policy and the recorded one would yield to is known at only * % of decisions'"
blind tenth.db 'WHERE decision % 10 = 0'
replay tenth.db -p stock -p ipi-aware
expect "$(query "SELECT policy, value NOT NULL, support BETWEEN 0.85 AND 0.95 FROM e WHERE metric = 'throughput_gain'")" \
'observed|1|1
stock|1|1
ipi-aware|1|1' 'a tenth of the picks not known'
blind third.db 'WHERE decision % 3 = 0'
blind blind.db
cp balanced.db members.db
sqlite3 members.db "UPDATE vm SET membership = 'unknown'"
import "$DATA/lock-heavy-instance.dat" --ignore-probes --no-host-facts -o lone.db
for db in third.db blind.db members.db lone.db; do
	replay $db -p stock -p ipi-aware -p none
	expect "$(query "SELECT group_concat(DISTINCT policy), group_concat(DISTINCT verdict), count(value), count(support),
		min(reason GLOB $unknown) FROM e")" 'observed,stock,ipi-aware,none|not identifiable|0|0|1' "picks not known in $db"
	"$COUNTERSPIN" report $db | tr -s '\n ' ' ' > text || fail "report of $db"
	grep -qF "whom the kernel's own policy would yield to is known at too few decisions" text ||
		fail "report does not say that picks are not known in $db"
	grep -qE 'of the waits can be used|no policy has been replayed, so|In its favour: the kernel' text &&
		fail "report of $db is sure of what is not known: $(grep -o 'How sure.*== What was' text)"
done
{ "$COUNTERSPIN" tune third.db || :; } | tr -s '\n ' ' ' | grep -qE 'No choice: not identifiable: whom the policy and the recorded one' ||
	fail 'tune with picks that are not known'
expect "$(sql lone.db "SELECT (SELECT count(*) FROM decision WHERE pick_source NOT NULL), (SELECT count(*) FROM attempt),
	(SELECT count(*) FROM outcome WHERE source NOT NULL)")" '0|0|0' 'outcomes where nobody knows the members'
# a kernel that did something else
cp balanced.db other.db
sqlite3 other.db "UPDATE attempt SET target_idx = (target_idx + 1) % 4; UPDATE decision SET pick_idx = (pick_idx + 1) % 4"
replay other.db -p relaxed
expect "$(query "SELECT group_concat(DISTINCT verdict) FROM e WHERE policy = 'relaxed'")" 'not identifiable' 'infidelity'
grep -q "of the kernel's own attempts" out.json || fail 'does not say that replay does not reproduce it'

# --- text fits 100 columns, refusals and their reasons, too; nothing is less than nothing; and support is a share
import "$DATA/lock-heavy-instance.dat" -o instance.db
import "$DATA/ipi-heavy-relaxed.dat" -o patched.db
for db in balanced.db instance.db patched.db; do
	"$COUNTERSPIN" replay "$db" > text || fail "replay $db"
	"$COUNTERSPIN" tune "$db" > tuned || [ $? -eq 1 ] || fail "tune $db"
	expect "$(awk 'length > 100' text tuned)" '' "width of the text of $db"
	expect "$(grep -E -- '-0(\.0+)?([^.0-9]|$)' text tuned)" '' "less than nothing in $db"
	expect "$(tail -n 1 text)" "'counterspin report $db' says what this comes to." "what is next after $db"
	expect "$(sql "$db" "SELECT count(*) FROM estimate WHERE (support IS NULL) <> (value IS NULL) OR support < 0 OR support > 1")" 0 \
		"support in $db"
	expect "$(grep -c 'not identifiable' text)" "$(sql "$db" "SELECT count(*) FROM estimate JOIN replay ON replay.id = replay
		WHERE metric = 'throughput_gain' AND verdict = 'not identifiable'")" "refusals in the text of $db"
done
# where the kernel ran what is tuned, the two are told apart
tr '\n' ' ' < tuned | grep -q "Gain of ipi-aware+relaxed over the recorded kernel's ipi-aware+relaxed (ipi_window_ns=[0-9]*) in" ||
	fail "what the gain is over: $(head -n 2 tuned)"
expect "$(sql patched.db "SELECT count(*) > 0, count(support) FROM estimate WHERE reason GLOB 'no gain can be worked out*'")" '1|0' \
	'support of no figure'

# --- nothing decided: nothing to compare
cp balanced.db nothing.db
sqlite3 nothing.db 'DELETE FROM attempt; DELETE FROM candidate; DELETE FROM verdict; DELETE FROM outcome; DELETE FROM disagreement;
	DELETE FROM episode_gain; DELETE FROM episode; DELETE FROM decision'
"$COUNTERSPIN" replay nothing.db > text || fail 'replay of no decisions'
# and nothing that supports a figure
expect "$(sql nothing.db "SELECT count(*), sum(support = 0), sum(value = 0), group_concat(DISTINCT reason) FROM estimate
	WHERE metric = 'throughput_gain' AND replay IN (SELECT id FROM replay WHERE decisions = 0)")" '11|11|11|no spinning' 'support by nothing'
expect "$(grep -c '100 %' text || :)" 0 'support by nothing, in the text'
# no wait that can be used: whatever is changed, it cannot be told; but nothing changes if picks are the same
cp balanced.db useless.db
sqlite3 useless.db 'UPDATE decision SET tainted = 1; DELETE FROM estimate'
replay useless.db -p stock -p relaxed
expect "$(query "SELECT policy, verdict, value FROM e WHERE metric = 'throughput_gain' ORDER BY 1")" \
'observed|no clear effect|0
relaxed|insufficient data|NULL
stock|no clear effect|0' 'no use in any wait'
grep -q 'cannot be told: there are no decisions' text || fail 'what fidelity says of no decisions'

# --- several policies compared: a verdict has to hold for all of them together
import "$DATA/ipi-heavy-icount.dat" -o heavy.db
windows() {	# MS...: verdicts on ipi-aware with these windows, compared with each other
	local args=()

	for ms; do
		args+=(-p "ipi-aware:ipi_window_ns=$ms"000000)
	done
	replay heavy.db -p stock "${args[@]}"
	query "SELECT group_concat(verdict) FROM e WHERE metric = 'throughput_gain' AND policy = 'ipi-aware'"
}
for ms in 2 3 4 9; do
	[ $ms = 2 ] && verdict='no clear effect' || verdict=gain
	expect "$(windows $ms)" "$verdict" "a window of $ms ms alone"
done
# p values of 0.014 and 0.032 bear two comparisons; 0.027, 0.032 and 0.079 not three
expect "$(windows 3 9)" gain,gain 'two gains'
expect "$(windows 2 3 4)" 'no clear effect,no clear effect,no clear effect' 'three'
expect "$(query "SELECT group_concat(lo > 0), sum(reason GLOB 'among 3 policies compared chance makes one such gain with p = 0.0* (Holm)'),
	sum(reason NOT NULL) FROM e WHERE metric = 'throughput_gain' AND policy = 'ipi-aware'")" '0,1,1|2|2' 'figures and reasons'
expect "$(sql heavy.db "SELECT count(*) FROM estimate WHERE metric = 'throughput_gain' AND verdict = 'no clear effect' AND total_lo > 0 AND
	reason GLOB '*(Holm)'")" 2 'as kept'
# other figures are no part of the comparison
expect "$(query "SELECT count(*) FROM e WHERE reason GLOB '*Holm*' AND metric <> 'throughput_gain'")" 0 'other metrics'
