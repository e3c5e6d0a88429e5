#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# report: text that fits and harms no terminal, JSON that has the rows of the tables and the figures
# of replay and tune, a comparison that agrees with plain SQL, and what it says where there is little
# or nothing to say, or nowhere to write.
. "${BASH_SOURCE%/*}/lib.sh"
: "${INJECT_LIBRARY:?}" "${SANITIZED:?}"

report() {	# OPTION...: into out.txt, or out.json
	local to=out.txt

	case " $* " in *" --json "*) to=out.json ;; esac
	"$COUNTERSPIN" report "$@" > $to 2> "$scratch/err" || fail "report $*: status $?: $(cat "$scratch/err")"
	[ ! -s "$scratch/err" ] || fail "report $*: said '$(cat "$scratch/err")'"
}

query() {	# SQL: about the JSON in out.json as r, replay.json as p, tune.json as t
	sqlite3 -batch -noheader -nullvalue NULL :memory: "
		CREATE TABLE f AS SELECT CAST(readfile('out.json') AS TEXT) AS r, CAST(readfile('replay.json') AS TEXT) AS p,
			CAST(readfile('tune.json') AS TEXT) AS t;
		$1"
}

# fits WHAT: out.txt, no line longer than a terminal's, none of its bytes a control's
fits() {
	local long

	long=$(LC_ALL=C.UTF-8 grep -nE -m5 '^.{101}' out.txt | cut -c1-200 || true)
	[ -z "$long" ] || fail "$1: longer than 100 columns:
$long"
	no_controls out.txt "$1"
	iconv -f UTF-8 -t UTF-8 out.txt > "$scratch/same" 2>&1 || fail "$1: not UTF-8"
	[ -s out.txt ] || fail "$1: nothing"
}

# no_controls FILE WHAT: C0 but for line ends (and tabs, which cJSON indents with), DEL, C1, direction marks
no_controls() {
	local c0='[\x00-\x1f\x7f]'

	[ "${1##*.}" != json ] || c0='[\x00-\x08\x0b-\x1f\x7f]'
	LC_ALL=C grep -naP "$c0|\xc2[\x80-\x9f]|\xe2\x80[\x8e\x8f\xaa-\xae]|\xe2\x81[\xa6-\xa9]" "$1" > "$scratch/controls" || return 0
	fail "$2: controls: $(head -c 300 "$scratch/controls" | od -c | head -8)"
}

# --- a real recording
import "$DATA/balanced.dat" -o balanced.db
"$COUNTERSPIN" replay --json balanced.db > replay.json 2> "$scratch/log" || fail "replay: $(cat "$scratch/log")"
"$COUNTERSPIN" tune --json balanced.db > tune.json 2> "$scratch/log" || fail "tune: $(cat "$scratch/log")"
cp balanced.db before.db
report balanced.db
fits balanced.db
cp out.txt first.txt
report --json balanced.db
no_controls out.json 'JSON'
cp out.json first.json
expect "$(query "SELECT json_valid(r) FROM f")" 1 'valid JSON'
report balanced.db
report --json balanced.db
cmp -s out.txt first.txt || fail 'the same again is not the same text'
cmp -s out.json first.json || fail 'the same again is not the same JSON'
cmp -s balanced.db before.db || fail 'a report has written to the database'

# every question is answered, with a kind that scripts can rely on
expect "$(query "SELECT group_concat(value ->> 'id'), min(value ->> 'answer' IN ('yes', 'no', 'partly', 'not known')),
	min(length(value ->> 'sentence') > 0) FROM f, json_each(r, '\$.answers')")" 'problem,helps,window,sure|1|1' 'answers'
expect "$(query "SELECT value FROM f, json_each(r, '\$.warnings')")" "$(sql balanced.db 'SELECT sentence FROM warning')" 'warnings'

# --- JSON has the rows of the tables
rows() {	# TABLE COLUMN...: of the JSON
	local table=$1 columns=

	shift
	for column; do
		columns="$columns, value ->> '\$.$column'"
	done
	query "SELECT ${columns#, } FROM f, json_each(r, '\$.$table')"
}
expect "$(rows recording path kernel n_cpu vms vcpus duration_ns decisions probes)" \
	"$(sql balanced.db 'SELECT path, kernel, n_cpu, (SELECT count(*) FROM vm), (SELECT count(*) FROM vcpu), t1 - t0,
		(SELECT count(*) FROM decision), probes FROM recording')" 'recording'
expect "$(rows observed metric value.value value.statistical[0] value.statistical[1] unit n reason)" \
	"$(sql balanced.db 'SELECT metric, value, stat_lo, stat_hi, unit, n, reason FROM observed ORDER BY vm NOT NULL, vm, rowid')" 'observed'
expect "$(rows loss what n detail)" "$(sql balanced.db 'SELECT what, CAST(n AS INTEGER), detail FROM loss')" 'loss'
expect "$(rows policies policy decisions same_pick different_pick unknown no_target receiver_waits receiver_hits)" \
	"$(sql balanced.db 'SELECT policy, decisions, same_pick, different_pick, unknown, no_target, receiver_waits, receiver_hits
		FROM replay ORDER BY id')" 'policies'
expect "$(rows fidelity state policy compared attempt_lists_equal unknown racy)" \
	"$(sql balanced.db 'SELECT state, policy, compared, attempt_lists_equal, unknown, racy FROM fidelity')" 'fidelity'
expect "$(rows spin_by_cause cause episodes decisions spin_ns | sort)" \
	"$(sql balanced.db 'SELECT cause, count(*), sum(n_decisions), sum(spin_ns) FROM episode JOIN vcpu ON vcpu.id = vcpu
		GROUP BY vm, cause' | sort)" 'causes'
expect "$(rows estimators name us.value us.statistical[0] decisions reason | sort)" \
	"$(sql balanced.db 'SELECT name, us, lo, decisions, reason FROM estimator' | sort)" 'estimators'
expect "$(rows natural_tests name what found passed)" "$(sql balanced.db 'SELECT * FROM natural_test')" 'natural tests'
expect "$(rows moments kind decision what)" "$(sql balanced.db 'SELECT kind, decision, what FROM moment ORDER BY id')" 'moments'
expect "$(query "SELECT printf('%.6f', sum(value ->> 'running')) FROM f, json_each(r, '\$.vm_time')")" \
	"$(sql balanced.db "SELECT printf('%.6f', 1.0 * sum(min(o.t1, r.t1) - max(o.t0, r.t0)) / (r.t1 - r.t0)) FROM on_cpu o
		JOIN recording r JOIN thread ON thread.id = o.thread WHERE vcpu NOT NULL AND o.t1 > r.t0")" 'CPU time of vCPUs'
# figures of one thing in several tables
expect "$(query "SELECT sum(value ->> 'n'), printf('%.6f', sum(value ->> 'share')) FROM f, json_each(r, '\$.episode_length_histogram')
	UNION ALL SELECT sum(value ->> 'n'), printf('%.6f', sum(value ->> 'share')) FROM f, json_each(r, '\$.ipi_response_histogram')")" \
	"$(query "SELECT value ->> 'n', '100.000000' FROM f, json_each(r, '\$.percentiles') ORDER BY value ->> 'what' DESC")" \
	'histograms hold what percentiles are of'
steps="WITH step AS (SELECT key, value ->> 't' AS t, value ->> 'pause_exits' AS rate, lead(value ->> 't', 1, d) OVER (ORDER BY key) AS t1
	FROM f, json_each(r, '\$.over_time'), (SELECT r ->> '\$.recording[0].duration_ns' AS d FROM f))"
expect "$(query "$steps SELECT count(*) BETWEEN 100 AND 400, round(sum(rate * (t1 - t) / 1e9)) FROM step")" \
	"$(sql balanced.db 'SELECT 1, count(*) || ".0" FROM decision, recording WHERE t_start >= t0')" 'steps hold every decision'
expect "$(query "SELECT sum(value ->> 'lost') FROM f, json_each(r, '\$.over_time')")" 0 'no gaps'

# --- the figures of replay and tune
expect "$(query "SELECT row.value ->> 'policy', g.key, g.value ->> 'value', g.value ->> 'statistical', g.value ->> 'total' FROM f,
	(SELECT value FROM f, json_each(r, '\$.gains') UNION ALL SELECT value FROM f, json_each(r, '\$.side_effects')) AS row,
	json_each(row.value) AS g WHERE g.key <> 'policy' ORDER BY 1, 2")" \
	"$(query "SELECT p.value ->> 'name', e.value ->> 'metric', e.value ->> 'value', CASE WHEN e.value ->> '\$.statistical[0]' NOT NULL
		THEN e.value ->> 'statistical' END, CASE WHEN e.value ->> '\$.total[0]' NOT NULL THEN e.value ->> 'total' END
		FROM f, json_each(p, '\$.policies') AS p, json_each(p.value, '\$.estimates') AS e
		WHERE e.value ->> 'metric' IN (SELECT DISTINCT g.key FROM f, json_each(r, '\$.gains') AS row, json_each(row.value) AS g
		UNION SELECT DISTINCT g.key FROM f, json_each(r, '\$.side_effects') AS row, json_each(row.value) AS g) ORDER BY 1, 2" |
		sed 's/|\[null,null\]/|NULL/g')" 'gains and side effects are those of replay'
expect "$(query "SELECT count(*), count(DISTINCT value ->> 'policy') FROM f, json_each(r, '\$.gains')")" \
	"$(query "SELECT json_array_length(p, '\$.policies'), json_array_length(p, '\$.policies') FROM f")" 'a row of gains for each policy'
expect "$(rows verdicts policy verdict reason)" "$(query "SELECT p.value ->> 'name', e.value ->> 'verdict', e.value ->> 'reason'
	FROM f, json_each(p, '\$.policies') AS p, json_each(p.value, '\$.estimates') AS e
	WHERE e.value ->> 'metric' = 'throughput_gain'")" 'verdicts are those of replay'
expect "$(rows window_choice policy chosen default_window held_out.value over_default.value over_default.statistical[0] over_default.total[1] verdict)" \
	"$(query "SELECT t ->> 'policy', t ->> 'chosen', t ->> 'default', t ->> '\$.held_out.value', t ->> '\$.over_default.value',
		t ->> '\$.over_default.lo', t ->> '\$.over_default.total[1]', t ->> 'verdict' FROM f")" 'the choice is that of tune'
# the curve is decimated, and what is there is tune's: at every window shown, and over its whole range
expect "$(query "WITH c AS (SELECT value ->> 'ipi_window_ns' AS w, value ->> 'gain' AS gain, value ->> 'lo' AS lo, value ->> 'hi' AS hi
	FROM f, json_each(t, '\$.curve')), s AS (SELECT value ->> 'ipi_window_ns' AS w, value ->> 'gain' AS gain, value ->> 'lo' AS lo,
	value ->> 'hi' AS hi FROM f, json_each(r, '\$.window_curve'))
	SELECT (SELECT count(*) FROM s WHERE NOT EXISTS (SELECT * FROM c WHERE (c.w, c.gain, c.lo, c.hi) = (s.w, s.gain, s.lo, s.hi))),
	(SELECT count(*) BETWEEN 20 AND 1200 FROM s), (SELECT min(w) FROM s) = (SELECT min(w) FROM c),
	(SELECT max(w) FROM s) = (SELECT max(w) FROM c), (SELECT max(gain) - min(gain) FROM s) > 0.98 * (SELECT max(gain) - min(gain) FROM c)")" \
	'0|1|1|1|1' 'the curve'
expect "$(query "WITH c AS (SELECT value ->> 'ipi_window_ns' AS w, value ->> 'gain' AS gain FROM f, json_each(t, '\$.curve'))
	SELECT count(*) > 5, sum((value ->> '\$.gain.value') <> (SELECT gain FROM c WHERE w <= value ->> 'ipi_window_ns' ORDER BY w DESC LIMIT 1))
	FROM f, json_each(r, '\$.window_at')")" '1|0' 'gains at given windows'

# --- text says what JSON does
for policy in ipi-aware relaxed ipi-aware+relaxed; do
	line=$(query "SELECT printf('%+.1f [%+.1f, %+.1f]', value ->> '\$.throughput_gain.value', value ->> '\$.throughput_gain.total[0]',
		value ->> '\$.throughput_gain.total[1]') FROM f, json_each(r, '\$.gains') WHERE value ->> 'policy' = '$policy'")
	grep -E "^ +$(sed 's/+/\\+/' <<< "$policy") +" out.txt | grep -qF -- " $line " || fail "the text has not '$policy $line'"
done
none=$(query "SELECT value ->> '\$.throughput_gain' FROM f, json_each(r, '\$.gains') WHERE value ->> 'policy' = 'none'")
expect "$none" NULL 'a refused estimate is null in JSON'
grep -qE '^ +none +- +- +-$' out.txt || fail "the text has not '-' for what is refused"
for word in "$(sql balanced.db "SELECT printf('%,d', count(*)) FROM decision")" "$(sql balanced.db "SELECT printf('%,d', events) FROM recording")" \
	"$(sql balanced.db 'SELECT kernel FROM recording')" "$(sql balanced.db "SELECT printf('%.2f s', (t1 - t0) / 1e9) FROM recording")" \
	"$(query "SELECT printf('%.1f %%', value ->> '\$.value.value') FROM f, json_each(r, '\$.observed') WHERE value ->> 'metric' = 'spin_share' LIMIT 1")"
do
	grep -qF -- "$word" out.txt || fail "the text has not '$word'"
done
query "SELECT value ->> 'question' FROM f, json_each(r, '\$.answers')" | while read -r question; do
	grep -qF "$question" out.txt || echo "$question"
done > "$scratch/missing"
[ ! -s "$scratch/missing" ] || fail "the text does not ask: $(cat "$scratch/missing")"
# nothing is cut: sentences of the answers are there to the last word, however they are broken into lines
tr -s ' \n' ' ' < out.txt > "$scratch/flat"
query "SELECT value ->> 'sentence' FROM f, json_each(r, '\$.answers') UNION ALL SELECT value FROM f, json_each(r, '\$.warnings')
	UNION ALL SELECT value ->> 'reason' FROM f, json_each(r, '\$.verdicts') WHERE value ->> 'reason' NOT NULL
	UNION ALL SELECT value ->> 'detail' FROM f, json_each(r, '\$.loss')" | while read -r sentence; do
	grep -qF -- "$(tr -s ' ' <<< "$sentence")" "$scratch/flat" || echo "$sentence"
done > "$scratch/missing"
[ ! -s "$scratch/missing" ] || fail "the text does not say: $(cat "$scratch/missing")"

# --- colour on a terminal alone, unless it is not wanted
coloured() {	# VARIABLE=VALUE...: how many lines
	SHELL=/bin/sh script -qefc "env $* '$COUNTERSPIN' report balanced.db 2> /dev/null" "$scratch/typescript" < /dev/null > "$scratch/terminal" ||
		fail "report on a terminal, $*: status $?"
	grep -c $'\033\\[[0-9;]*m' "$scratch/terminal" || true
}
[ "$(coloured TERM=xterm)" -ge 4 ] || fail 'no colour on a terminal'
expect "$(coloured TERM=xterm NO_COLOR=1)" 0 'colour with NO_COLOR'
expect "$(coloured TERM=dumb)" 0 'colour on a terminal that has none'
coloured TERM=xterm > "$scratch/out"
sed -E -e 's/\x1b\[[0-9;]*m//g' -e 's/\r//' "$scratch/terminal" | LC_ALL=C.UTF-8 grep -nE '^.{101}' > "$scratch/long" &&
	fail "longer than 100 columns on a terminal: $(cat "$scratch/long")"

# --- before and after
import "$DATA/ipi-heavy-icount.dat" -o ipi.db
"$COUNTERSPIN" replay ipi.db > "$scratch/log"
report balanced.db --compare balanced.db --json
expect "$(query "SELECT (SELECT count(*) > 0 AND max(abs(value ->> '\$.difference.value')) = 0 AND
	min(value ->> 'verdict' = 'no clear difference') FROM f, json_each(r, '\$.observed_difference')),
	(SELECT count(*) FROM f, json_each(r, '\$.gains_difference') WHERE value ->> 'verdict' NOT IN ('no clear difference')),
	r ->> '\$.answers[0].answer' FROM f")" '1|0|no' 'a database and itself'
expect "$(query "SELECT sum(abs((value ->> '\$.difference.statistical[1]') + (value ->> '\$.difference.statistical[0]')) > 1e-6),
	min(value ->> '\$.difference.statistical[1]' > 0) FROM f, json_each(r, '\$.observed_difference')")" '0|1' 'its interval is about 0'
report balanced.db --compare balanced.db
fits 'a database and itself'
report balanced.db --compare ipi.db --json
expect "$(query "SELECT value ->> 'which', value ->> 'n_cpu', value ->> 'decisions' FROM f, json_each(r, '\$.recordings')")" \
	"before|$(sql balanced.db 'SELECT n_cpu, (SELECT count(*) FROM decision) FROM recording')
after|$(sql ipi.db 'SELECT n_cpu, (SELECT count(*) FROM decision) FROM recording')" 'the recordings'
want=$(sqlite3 -batch -noheader :memory: "ATTACH 'balanced.db' AS a; ATTACH 'ipi.db' AS b;
	SELECT x.metric, x.value, y.value, y.value - x.value, CASE WHEN y.value - x.value > sqrt(pow(y.value - y.stat_lo, 2) +
	pow(x.stat_hi - x.value, 2)) THEN 'higher' WHEN x.value - y.value > sqrt(pow(y.stat_hi - y.value, 2) +
	pow(x.value - x.stat_lo, 2)) THEN 'lower' ELSE 'no clear difference' END FROM a.observed AS x JOIN b.observed AS y USING (metric)
	WHERE x.vm IS NULL AND y.vm IS NULL ORDER BY 1")
expect "$(query "SELECT value ->> 'metric', value ->> 'before', value ->> 'after', value ->> '\$.difference.value', value ->> 'verdict'
	FROM f, json_each(r, '\$.observed_difference') WHERE value ->> 'vm' = 'all VMs' ORDER BY 1")" "$want" 'differences by plain SQL'
for verdict in higher lower 'no clear difference'; do
	grep -qF "|$verdict" <<< "$want" || fail "this test does not see what is $verdict"
done
expect "$(query "SELECT value ->> 'policy', printf('%.9g', value ->> '\$.difference.value') FROM f,
	json_each(r, '\$.gains_difference') ORDER BY 1")" \
	"$(sqlite3 -batch -noheader :memory: "ATTACH 'balanced.db' AS a; ATTACH 'ipi.db' AS b;
	SELECT ra.policy, printf('%.9g', eb.value - ea.value) FROM a.estimate AS ea JOIN a.replay AS ra ON ra.id = ea.replay JOIN b.replay AS rb
	ON rb.policy = ra.policy JOIN b.estimate AS eb ON eb.replay = rb.id AND eb.metric = ea.metric
	WHERE ea.metric = 'throughput_gain' AND ea.value NOT NULL AND eb.value NOT NULL ORDER BY 1")" 'differences of gains'
[ "$(query "SELECT count(*) FROM f, json_each(r, '\$.warnings') WHERE value LIKE '%number%of CPUs%'")" = 1 ] ||
	fail 'no warning that the hosts differ'
report balanced.db --compare ipi.db
fits 'a comparison'
report balanced.db --compare ipi.db -o page.html
[ ! -s out.txt ] || fail 'a page and text'
for text in '<!DOCTYPE html>' 'balanced.db' 'ipi.db' '</html>'; do
	grep -qF "$text" page.html || fail "the page of a comparison has not '$text'"
done
expect "$(stat -c %a page.html)" 600 'mode of a page'
cp page.html first.html
report balanced.db --compare ipi.db -o page.html --force
cmp -s page.html first.html || fail 'the same again is not the same page'
rm first.html
# the same policy is one with the same parameters
cp ipi.db window.db
sqlite3 window.db "UPDATE replay SET parameters = json_set(parameters, '\$.ipi_window_ns', 1000) WHERE policy = 'ipi-aware';
	UPDATE replay SET parameters = '{\"stock_variant\":\"fixed\"}' WHERE policy = 'stock'"
report ipi.db --compare window.db --json
expect "$(query "SELECT group_concat(value ->> 'policy' IN ('ipi-aware')), sum(value ->> 'policy' = 'stock') FROM f, json_each(r, '\$.gains_difference')")" \
	'0,0,0,0,0,0,0,0,0|1' 'a policy with other parameters'
[ "$(query "SELECT count(*) FROM f, json_each(r, '\$.notes.difference') WHERE value LIKE '%ipi-aware%'")" = 2 ] ||
	fail 'it is not said that ipi-aware is not compared'
# what is known on one side only
cp ipi.db less.db
sqlite3 less.db "UPDATE observed SET stat_lo = NULL, stat_hi = NULL WHERE metric = 'yields';
	UPDATE observed SET value = NULL, stat_lo = NULL, stat_hi = NULL WHERE metric = 'spin_cpus'; UPDATE vm SET name = 'new' WHERE id = 2"
report ipi.db --compare less.db --json
expect "$(query "SELECT value ->> 'metric', value ->> '\$.difference.value', value ->> '\$.difference.statistical', value ->> 'verdict'
	FROM f, json_each(r, '\$.observed_difference') WHERE value ->> 'vm' = 'all VMs' AND value ->> 'metric' IN ('yields', 'spin_cpus')")" \
	'spin_cpus|NULL|NULL|not known after
yields|0|NULL|too little for an interval' 'what is known on one side only'
[ "$(query "SELECT count(*) FROM f, json_each(r, '\$.notes.difference') WHERE value LIKE '%new%'")" = 1 ] ||
	fail 'it is not said that a VM is not compared'

# --- not replayed, not tuned, nothing to decide
import "$DATA/lock-heavy-icount.dat" -o lock.db
report lock.db
fits 'not replayed'
[ "$(grep -c "counterspin replay" out.txt)" -ge 2 ] || fail 'it is not said that nothing was replayed'
grep -q "counterspin tune" out.txt || fail 'it is not said that nothing was tuned'
report lock.db --json
expect "$(query "SELECT r ->> '\$.answers[1].answer', r ->> '\$.answers[2].answer', json_array_length(r, '\$.gains'),
	json_array_length(r, '\$.window_choice'), json_array_length(r, '\$.vm_time') > 0 FROM f")" 'not known|not known|0|0|1' 'not replayed'
report balanced.db --compare lock.db
fits 'a comparison with what is not replayed'
grep -q "counterspin replay" out.txt || fail 'it is not said that one was not replayed'
report lock.db --compare balanced.db --json
expect "$(query "SELECT json_array_length(r, '\$.observed_difference'), r ->> '\$.answers[0].answer' FROM f")" '0|not known' \
	'one was not replayed'
"$COUNTERSPIN" replay lock.db > "$scratch/log"
"$COUNTERSPIN" tune lock.db > "$scratch/log"
report lock.db
fits lock.db

record quiet.dat <<- END
	uname one x86_64
	1000 0 0 sched_switch next_pid=910
	2000 0 910 kvm_entry vcpu_id=0
	3000 0 910 kvm_exit vcpu_id=0 exit_reason=0x78 isa=2
	4000 0 910 sched_switch prev_pid=910 prev_state=1
END
import quiet.dat
report quiet.dat.db
fits 'no decisions'
cp out.txt unreplayed.txt
report quiet.dat.db --json
expect "$(query "SELECT r ->> '\$.answers[0].answer', r ->> '\$.answers[3].answer', r ->> '\$.recording[0].decisions' FROM f")" \
	'no|not known|0' 'no decisions'
"$COUNTERSPIN" replay quiet.dat.db > "$scratch/log" 2>&1 || fail "replay of nothing: $(cat "$scratch/log")"
report quiet.dat.db
fits 'no decisions, replayed'
cmp -s out.txt unreplayed.txt && fail 'replayed or not makes no difference'
report quiet.dat.db --compare quiet.dat.db
fits 'a comparison of nothing'

# --- a name alone is a policy with its defaults, in whatever order they were replayed, simulated and tuned
import "$DATA/ipi-heavy-icount.dat" -o variants.db
"$COUNTERSPIN" replay -p ipi-aware:ipi_window_ns=300000 -p ipi-aware+relaxed:series=v1,ipi_window_ns=1000 \
	-p stock:stock_variant=loop-counter variants.db > "$scratch/log"
variants='ipi-aware:ipi_window_ns=300000
ipi-aware+relaxed:series=v1,ipi_window_ns=1000
stock:stock_variant=loop-counter'
report variants.db --json
for table in gains verdicts summaries side_effects policies; do
	expect "$(query "SELECT value ->> 'policy' FROM f, json_each(r, '\$.$table') WHERE value ->> 'policy' <> 'observed'")" "$variants" \
		"$table without defaults"
done
expect "$(query "SELECT r ->> '\$.answers[1].sentence' LIKE '%; ipi-aware+relaxed:series=v1,ipi_window_ns=1000 +%' FROM f")" 1 'the answer without defaults'
report variants.db
fits 'parameters'
for name in $variants; do	# of some tables on several lines
	[ "$(tr -s ' \n' ' ' < out.txt | grep -oF -- "$name" | wc -l)" -ge 2 ] || fail "the text does not name $name"
done
"$COUNTERSPIN" replay variants.db -p ipi-aware -p ipi-aware+relaxed -p stock > "$scratch/log"
report variants.db --json
expect "$(rows gains policy)" "$(printf 'observed\n%s\nipi-aware\nipi-aware+relaxed\nstock' "$variants")" 'defaults after variants'
expect "$(query "SELECT r ->> '\$.answers[1].sentence' GLOB '*: ipi-aware +*; ipi-aware+relaxed +*' FROM f")" 1 'the answer with defaults'
"$COUNTERSPIN" simulate --replicates=2 -p relaxed:series=v2 -p relaxed variants.db > "$scratch/log"
report variants.db --json
expect "$(rows simulated_gains policy)" 'relaxed:series=v2
relaxed' 'simulated'

# --- moments are of the last replay, and it is said of which policies that was
expect "$(query "SELECT value FROM f, json_each(r, '\$.notes.moments')")" "Moments are of the last replay, which was of ipi-aware, \
ipi-aware+relaxed, stock; what was replayed before has no part in them: ${variants//$'\n'/, }." 'whose moments'
report balanced.db --json
expect "$(query "SELECT r ->> '\$.notes.moments' FROM f")" '[]' 'moments of all policies'

"$COUNTERSPIN" tune --json variants.db > tune.json
report variants.db --json
cp out.json default.json
for parameters in ipi_tracking_enabled=0 series=v1; do
	"$COUNTERSPIN" tune -p ipi-aware+relaxed:$parameters variants.db > "$scratch/log" || true
done
"$COUNTERSPIN" tune -p ipi-aware variants.db > "$scratch/log"
report variants.db --json
for part in '.answers[] | select(.id == "window")' .window_curve .window_at '.window_choice[0]' '.window_throughput[0]'; do
	expect "$(jq -c "$part" out.json)" "$(jq -c "$part" default.json)" "variants that are tuned do not stand for the default: $part"
done
expect "$(rows window_choice policy)" 'ipi-aware+relaxed
ipi-aware+relaxed:series=v1
ipi-aware+relaxed:ipi_tracking_enabled=0
ipi-aware' 'what was tuned, the default first, then the last'
expect "$(rows window_throughput policy)" "$(rows window_choice policy)" 'its throughput'
expect "$(rows window_reasons policy)" "$(sql variants.db "SELECT label FROM window_choice JOIN policy_label USING (policy, parameters)
	WHERE reason NOT NULL")" 'its reservations'
expect "$(query "SELECT value FROM f, json_each(r, '\$.notes.window')")" 'The curve, and the answer above, are those of ipi-aware+relaxed.' \
	'whose curve'
report variants.db
fits 'what was tuned'
sqlite3 variants.db "DELETE FROM window_choice WHERE parameters LIKE '%\"v3\",\"ipi_tracking_enabled\":true%'"
report variants.db --json
expect "$(query "SELECT r ->> '\$.answers[2].sentence' LIKE 'For ipi-aware+relaxed:series=v1 %' FROM f")" 1 'without the default, the last'

# --- gaps
cp ipi.db gaps.db
sql gaps.db "WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 40)
	INSERT INTO gap SELECT i % 2, t0 + i * (t1 - t0) / 41, t0 + i * (t1 - t0) / 41 + 5000, 1, 'a reason that takes a good many words to say, '
	|| 'as there are some, and more than a line has room for, so that it must be broken, number ' || i % 50 FROM recording, k;
	UPDATE recording SET lost = 40"
"$COUNTERSPIN" replay gaps.db > "$scratch/log"
report gaps.db
fits gaps.db
report gaps.db --json
expect "$(query "SELECT sum(value ->> 'gaps'), sum(value ->> 'events') FROM f, json_each(r, '\$.gaps')
	UNION ALL SELECT sum(value ->> 'lost') BETWEEN 35 AND 45, NULL FROM f, json_each(r, '\$.over_time')
	UNION ALL SELECT value ->> 'n', NULL FROM f, json_each(r, '\$.loss') WHERE value ->> 'what' = 'lost events'")" '40|40
1|NULL
40|NULL' 'gaps'

# --- text from a recording is harmless: escape sequences, ends of lines, direction marks, markup, length
cp ipi.db hostile.db
sqlite3 hostile.db "UPDATE vm SET name = char(27) || ']0;title' || char(7) || char(27) || '[2J' || char(10, 13, 9, 8, 127, 0x9b) || '31m'
		|| char(0x202e, 0x2066, 0x200f) || '<script>' WHERE id = 1;
	UPDATE vm SET name = replace(printf('%400c', ' '), ' ', 'long ') || char(0x65e5, 0x672c, 0x5d0) WHERE id = 2;
	UPDATE recording SET kernel = char(27) || '[5m' || replace(printf('%200c', ' '), ' ', 'x'), path = char(27) || 'c' || CAST(x'fffe80f0' AS TEXT);
	INSERT INTO warning VALUES (char(10, 27) || '[31mred' || replace(printf('%300c', ' '), ' ', 'y'));
	INSERT INTO gap SELECT NULL, t0, t0 + 1, NULL, char(27, 10, 9) || 'why' FROM recording;
	INSERT INTO unknowable VALUES (char(27) || 'what', replace(printf('%300c', ' '), ' ', 'z'));
	UPDATE moment SET what = char(27, 10) || what"
report hostile.db
fits 'hostile text'
report hostile.db --json
no_controls out.json 'hostile text in JSON'
expect "$(query "SELECT json_valid(r), (SELECT count(*) > 0 FROM json_each(r, '\$.vm_time') WHERE value ->> 'vm' LIKE char(27) || ']0;title%<script>'
	AND instr(value ->> 'vm', char(0x9b)) AND instr(value ->> 'vm', char(0x202e))) FROM f")" '1|1' 'hostile text in JSON is itself'
report hostile.db --compare hostile.db
fits 'hostile text compared'
report hostile.db --compare ipi.db
fits 'hostile text against other'
report hostile.db --compare ipi.db -o page.html -f
grep -qF ']0;title' page.html || fail 'the page does not name a VM that is not compared'
grep -q '<script>' <(grep -v '^<script>' page.html | grep -F ']0;title') && fail 'markup in a name is markup'
evil=$(printf 'a\033[31m\nb.db')
cp ipi.db "$evil"
report "$evil"
fits 'a hostile name of a file'
rm "$evil"
sqlite3 hostile.db "UPDATE vm SET name = 'all VMs' WHERE id = 1; UPDATE vm SET name = '' WHERE id = 2"
report hostile.db --json
expect "$(query "SELECT count(*) FROM f, json_each(r, '\$.observed') WHERE value ->> 'vm' = 'all VMs'")" 8 "a VM called 'all VMs'"

# --- a database that may only be read
cp balanced.db ro.db
chmod 400 ro.db
report ro.db
sed 's/^ro\.db/balanced.db/' out.txt | cmp -s - first.txt || fail 'a database that may only be read: another report'
if unshare --mount mount --bind -r . . 2> "$scratch/log"; then
	unshare --mount sh -c 'mount --bind . . && mount -o remount,bind,ro . && cd "$PWD" && "$0" report ro.db' "$COUNTERSPIN" > "$scratch/out" ||
		fail 'on a file system that may only be read'
	cmp -s "$scratch/out" out.txt || fail 'on a file system that may only be read: another report'
fi

# --- no database of ours
expect_fails 3 no-such.db "$COUNTERSPIN" report no-such.db
expect_fails 3 no-such.db "$COUNTERSPIN" report balanced.db --compare no-such.db
expect_fails 3 no-such.db "$COUNTERSPIN" report no-such.db --compare balanced.db -o new.html
head -c 5000 balanced.db > cut.db
expect_fails 3 'cut.db' "$COUNTERSPIN" report cut.db
size=$(stat -c %s balanced.db)
head -c $((size / 2)) balanced.db > half.db
expect_fails 3 'damaged|malformed|not a database' "$COUNTERSPIN" report half.db
expect_fails 3 'damaged|malformed|not a database' "$COUNTERSPIN" report half.db -o new.html
expect_fails 3 'damaged|malformed|not a database' "$COUNTERSPIN" report balanced.db --compare half.db
expect_fails 3 'not a database' "$COUNTERSPIN" report "$DATA/balanced.dat"
sqlite3 foreign.db 'CREATE TABLE t (x)'
expect_fails 3 "not one of counterspin's" "$COUNTERSPIN" report foreign.db
cp quiet.dat.db newer.db
sqlite3 newer.db 'PRAGMA user_version = 99'
expect_fails 3 'newer counterspin' "$COUNTERSPIN" report newer.db
cp quiet.dat.db older.db
sqlite3 older.db 'PRAGMA user_version = 1'
expect_fails 3 'older counterspin' "$COUNTERSPIN" report older.db
cp quiet.dat.db other.db
sqlite3 other.db 'DROP VIEW loss'
expect_fails 3 'damaged' "$COUNTERSPIN" report other.db
# damage that the schema does not show
cp ipi.db page.db
pages=$(sql page.db "SELECT group_concat(rootpage, ' ') FROM sqlite_schema WHERE name IN ('on_cpu', 'decision', 'ipi', 'estimate')")
bytes=$(sql page.db 'PRAGMA page_size')
for page in $pages; do
	cp ipi.db page.db
	head -c 512 /dev/zero | tr '\0' '\377' | dd of=page.db bs=1 seek=$(((page - 1) * bytes)) conv=notrunc status=none
	expect_fails 3 'malformed' "$COUNTERSPIN" report page.db
	expect_fails 3 'malformed' "$COUNTERSPIN" report page.db -o new.html
done

# --- usage
expect_fails 2 'json' "$COUNTERSPIN" report balanced.db --json -o new.html
expect_fails 2 'force' "$COUNTERSPIN" report balanced.db --force
expect_fails 2 'missing argument' "$COUNTERSPIN" report
expect_fails 2 'unexpected argument' "$COUNTERSPIN" report balanced.db ipi.db
expect_fails 2 'nonesuch' "$COUNTERSPIN" report balanced.db --nonesuch

# --- nowhere to write: nothing is half-written, what was there stays
echo kept > old.html
expect_fails 3 'exists' "$COUNTERSPIN" report ipi.db -o old.html
expect_fails 3 'no-such.db' "$COUNTERSPIN" report no-such.db -o old.html --force
expect_fails 3 "one of counterspin's databases" "$COUNTERSPIN" report ipi.db -o balanced.db --force
expect_fails 3 'not a file' "$COUNTERSPIN" report ipi.db -o /dev/full --force
expect_fails 3 'not a file' "$COUNTERSPIN" report ipi.db -o . --force
expect_fails 3 'no-such-directory' "$COUNTERSPIN" report ipi.db -o no-such-directory/new.html
expect_fails 3 'cannot write' "$COUNTERSPIN" report ipi.db -o /proc/new.html
for rule in 'pwrite@1=ENOSPC' 'pwrite@1+=EIO' 'fsync@1=EIO' 'pwrite@100000b=ENOSPC'; do
	for target in new.html old.html; do
		expect_fails 3 'cannot write' env LD_PRELOAD="$INJECT_LIBRARY" INJECT="$rule" ASAN_OPTIONS=verify_asan_link_order=0 \
			"$COUNTERSPIN" report ipi.db -o $target --force
	done
done
expect "$(cat old.html)" kept 'what was there'
report ipi.db -o old.html --force
grep -q '</html>' old.html || fail 'with --force it is not replaced'
status=0
"$COUNTERSPIN" report ipi.db > /dev/full 2> "$scratch/err" || status=$?
expect "$status" 3 'a full disk under standard output'
status=0
"$COUNTERSPIN" report ipi.db --json > /dev/full 2> "$scratch/err" || status=$?
expect "$status" 3 'a full disk under JSON'
