#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# report on what simulate has found out, and on whether replay says the same: every state of that, what the
# answers make of it, and that all figures are those of simulate.
. "${BASH_SOURCE%/*}/lib.sh"

# report DB: as text in out.txt, every line of which fits a terminal, flat in flat; as JSON in out.json.
report() {
	"$COUNTERSPIN" report "$1" > out.txt
	"$COUNTERSPIN" report "$1" --json > out.json
	! LC_ALL=C.UTF-8 grep -nE -m3 '^.{101}' out.txt > "$scratch/long" || fail "$1: longer than 100 columns: $(cat "$scratch/long")"
	tr -s ' \n' ' ' < out.txt > flat
}

says() {	# SENTENCE...: the text
	local sentence

	for sentence; do
		grep -qF -- "$sentence" flat || fail "the text does not say '$sentence'"
	done
}

answer() {	# ID: kind and sentence
	jq -r --arg id "$1" '.answers[] | select(.id == $id) | .answer + ": " + .sentence' out.json
}

answer_says() {	# ID KIND PART...
	local got part

	got=$(answer "$1")
	expect "${got%%:*}" "$2" "answer $1: $got"
	for part in "${@:3}"; do
		[[ $got == *"$part"* ]] || fail "answer $1 lacks '$part': $got"
	done
}

# changed SQL: good.db after that, as x.db.
changed() {
	cp good.db x.db
	sqlite3 x.db "$1"
}

import "$DATA/ipi-heavy-icount.dat" -o good.db
"$COUNTERSPIN" replay good.db > "$scratch/log"
tables=$(echo simulated_{gate,refusals,gains,verdicts,effects,side_effects,responses,vms,density,density_reasons} replay_vs_simulate extrapolated_gains)

# --- not simulated: one line says how to
report good.db
expect "$(sed -n '/^== The closed loop/,/^== Which/p' out.txt | grep -c .)" 4 'lines on what was not simulated'
says "Nothing has been simulated yet: 'counterspin simulate DB' does it."
expect "$(jq -c --arg tables "$tables" '[.[$tables | split(" ")[]] | length] | unique' out.json)" '[0]' 'tables before simulate'
answer_says helps yes 'The scheduler'\''s side is not in this: only simulate can tell'
[[ $(answer sure) != *'closed loop'* ]] || fail 'what was not simulated is called sure or not'

# --- as simulated: all figures of the report are those of simulate
"$COUNTERSPIN" simulate good.db --json --replicates=5 -p stock -p ipi-aware -p relaxed -p ipi-aware+relaxed \
	-p ipi-aware:ipi_window_ns=1000 > simulate.json
report good.db
of_simulate() {	# FILTER: of simulate.json with a policy as $p; of the same estimate a line
	jq -r "def show: if . == null then \"-\" else [.value, .statistical[], .total[] | . * 1e9 | round] | join(\" \") end;
		.policies[] | . as \$p | $1" simulate.json
}
of_report() {	# FILTER
	jq -r "def show: if . == null then \"-\" else [.value, .statistical[], .total[] | . * 1e9 | round] | join(\" \") end; $1" out.json
}
names='(if $p.parameters.ipi_window_ns == 1000 then $p.name + ":ipi_window_ns=1000" else $p.name end)'
metric() {	# METRIC: of a policy in simulate.json
	echo "(\$p.estimates[] | select(.metric == \"$1\" and .vm == null) | show)"
}
expect "$(of_report '.simulated_gains[] | [.policy, .scheduler_side, (.simulated | show)] | join("|")')" \
	"$(of_simulate "[$names, .scheduler_side, $(metric throughput_gain)] | join(\"|\")")" 'gains'
expect "$(of_report '.simulated_verdicts[] | [.policy, .verdict, .reason] | join("|")')" \
	"$(of_simulate "[$names, (.estimates[] | select(.metric == \"throughput_gain\" and .vm == null) | .verdict, .reason)] | join(\"|\")")" \
	'verdicts'
expect "$(of_report '.simulated_effects[] | [.policy, (.spin_cpu_saved, .ipi_response_change | show)] | join("|")')" \
	"$(of_simulate "[$names, $(metric spin_cpu_saved), $(metric ipi_response_change)] | join(\"|\")")" 'effects'
expect "$(of_report '.simulated_side_effects[] | [.policy, (.pause_exits_change, .yields_change | show)] | join("|")')" \
	"$(of_simulate "[$names, $(metric pause_exits_change), $(metric yields_change)] | join(\"|\")")" 'side effects'
expect "$(of_report '.simulated_responses[] | [.policy, (.ipi_response_p50_change, .ipi_response_p95_change,
	.ipi_response_p99_change | show)] | join("|")')" \
	"$(of_simulate "[$names, $(metric ipi_response_p50_change), $(metric ipi_response_p95_change),
		$(metric ipi_response_p99_change)] | join(\"|\")")" 'responses'
expect "$(of_report '.simulated_vms[] | [.policy, (.throughput_gain, .share_change | show)] | join("|")' | sort)" \
	"$(of_simulate "[.estimates[] | select(.vm != null and .metric == \"throughput_gain\") | show] as \$gain |
		[.estimates[] | select(.vm != null and .metric == \"share_change\") | show] as \$share |
		range(\$gain | length) | [$names, \$gain[.], \$share[.]] | join(\"|\")" | sort)" 'VMs'
expect "$(jq -c '[.simulated_gate[0] | .result, .work_error, .spin_error, .latency_error, .latency_p99_error, .share_error | if type == "number"
	then . * 1e9 | round else . end]' out.json)" "$(jq -c '[.gate | .result, .work_error, .spin_error, .latency_error, .latency_p99_error,
	.share_error | if type == "number" then . * 1e9 | round else . end]' simulate.json)" 'gate'
expect "$(jq -c '.simulated_gate[0] | [.what_if, .scheduler, .passing]' out.json)" '["as recorded","as recorded","as recorded"]' 'variants'
# what is beside them is replay's, of the same parameters alone
expect "$(jq -c '.gains as $g | [.simulated_gains[] | . as $s | select(.replayed) | .replayed == ($g[] | select(.policy == $s.policy)).throughput_gain] |
	[length, all]' out.json)" '[3,true]' 'replayed'
expect "$(jq -c '[.simulated_gains[] | select(.replayed == null) | [.policy, .agreement]]' out.json)" \
	'[["stock","the recorded policy"],["ipi-aware:ipi_window_ns=1000","not replayed"]]' 'not replayed'
expect "$(jq -c '[.replay_vs_simulate[].metric] | unique' out.json)" \
	'["ipi_response_change","pause_exits_change","spin_cpu_saved","throughput_gain","yields_change"]' 'metrics of both'
result=$(jq -r .gate.result simulate.json)
[ "$result" != REFUSE ] || fail "this test does not see gains: $result"
[[ $(answer sure) == *"gate $result"* ]] || fail "the gate is not in: $(answer sure)"

# --- whether they agree, by what each says of ipi-aware: LOW VALUE HIGH VERDICT
agreement() {	# GATE REPLAY SIMULATE WANT
	local r s

	read -r -a r <<< "$2"
	read -r -a s <<< "$3"
	changed "UPDATE simulation_gate SET result = '$1';
		UPDATE estimate SET total_lo = ${r[0]}, value = ${r[1]}, total_hi = ${r[2]}, stat_lo = ${r[1]}, stat_hi = ${r[1]}, verdict = '${r[*]:3}'
		 WHERE metric = 'throughput_gain' AND replay IN (SELECT id FROM replay WHERE policy IN ('ipi-aware', 'ipi-aware+relaxed'));
		UPDATE simulation SET total_lo = ${s[0]}, value = ${s[1]}, total_hi = ${s[2]}, stat_lo = ${s[1]}, stat_hi = ${s[1]}, verdict = '${s[*]:3}'
		 WHERE metric = 'throughput_gain' AND vm IS NULL AND policy IN ('ipi-aware', 'ipi-aware+relaxed')"
	expect "$(sql x.db "SELECT agreement FROM replay_vs_simulate WHERE label = 'ipi-aware' AND metric = 'throughput_gain'
		UNION ALL SELECT agreement FROM simulated_gain WHERE label = 'ipi-aware' AND what_if = ''")" "$4
$4" "$1, replay $2, simulate $3"
}
for gate in PASS WARN; do
	agreement $gate '1 2 3 gain' '2 4 6 gain' agree
	agreement $gate '-3 -2 -1 loss' '-6 -4 -2 loss' agree
	agreement $gate '1 2 3 gain' '-3 -2 -1 loss' contradictory
	agreement $gate '-3 -2 -1 loss' '1 2 3 gain' contradictory
	agreement $gate '1 2 3 gain' '-2 1 4 no clear effect' 'too vague to tell'
	agreement $gate '-1 0 1 no clear effect' '-2 1 4 no clear effect' 'too vague to tell'
	# the verdict takes back what the interval says: of a doubted model, or chance among many policies
	agreement $gate '1 2 3 gain' '1 3 5 no clear effect' 'too vague to tell'
	agreement $gate 'NULL NULL NULL not identifiable' '1 2 3 gain' 'replay unsupported'
	agreement $gate '1 2 3 gain' 'NULL NULL NULL insufficient data' 'simulate unsupported'
	agreement $gate 'NULL NULL NULL refused' 'NULL NULL NULL insufficient data' 'both unsupported'
	agreement $gate 'NULL 2 NULL gain' '1 2 3 gain' 'too vague to tell'
done
# sizes count only if the gate says so
agreement PASS '5 6 7 gain' '1 2 3 gain' contradictory
agreement WARN '5 6 7 gain' '1 2 3 gain' agree
agreement PASS '5 6 7 gain' '-2 1 4 no clear effect' contradictory
agreement WARN '5 6 7 gain' '-2 1 4 no clear effect' 'too vague to tell'
agreement WARN '1 2 3 gain' '-3 -2 -1 no clear effect' 'too vague to tell'

# --- the answers pick neither of two that contradict each other
agreement PASS '1 2 3 gain' '-6 -5 -4 loss' contradictory
report x.db
answer_says helps 'not known' 'replay and simulate contradict each other' 'ipi-aware is contradictory: replay says +2.0 [+1.0, +3.0] %, simulate -5.0 [-6.0, -4.0] %' \
	'ipi-aware+relaxed is contradictory'
[[ $(answer helps) != *-1.5* ]] || fail "a mean: $(answer helps)"
n=$(jq '[.replay_vs_simulate[] | select(.agreement == "contradictory")] | length' out.json)
[ "$n" -ge 2 ] || fail "$n contradictions"
answer_says sure partly "replay and simulate contradict each other in $n of 15 figures"
says 'Contradictory: ipi-aware, throughput_gain (percent): replay says +2.00 [+1.00, +3.00], simulate -5.00 [-6.00, -4.00].'
grep -qE '^ +ipi-aware +plain +-5\.0 .* contradictory$' out.txt || fail 'the table of gains does not say contradictory'
# of the size alone: that it is a gain is known
agreement PASS '5 6 7 gain' '1 2 3 gain' contradictory
report x.db
answer_says helps yes 'how much ipi-aware changes is contradictory: replay says +6.0 [+5.0, +7.0] %, simulate +2.0 [+1.0, +3.0] %'
# a gain that one is sure of, and the other is sure that there is none of that size
agreement PASS '5 6 7 gain' '-2 1 4 no clear effect' contradictory
report x.db
answer_says helps 'not known' 'ipi-aware is contradictory'
# one of the two policies is not contradicted
sqlite3 x.db "UPDATE simulation SET total_lo = 5, value = 6, total_hi = 7, verdict = 'gain' WHERE policy = 'ipi-aware'
	AND metric = 'throughput_gain'"
report x.db
answer_says helps yes 'ipi-aware +6.0 [+5.0, +7.0] %, and simulate agrees' 'ipi-aware+relaxed is contradictory'
agreement PASS '1 2 3 gain' '2 4 6 gain' agree
report x.db
answer_says helps yes 'and simulate agrees'
answer_says sure partly 'the closed loop reproduces the recording (gate PASS: work is off by '
agreement PASS 'NULL NULL NULL not identifiable' '1 2 3 gain' 'replay unsupported'
report x.db
answer_says helps 'not known' 'ipi-aware cannot be told (not identifiable' 'and simulate alone says +2.0 [+1.0, +3.0] %'
agreement PASS '1 2 3 gain' 'NULL NULL NULL insufficient data' 'simulate unsupported'
report x.db
answer_says helps yes 'ipi-aware +2.0 [+1.0, +3.0] %;'
# simulated and not replayed
changed 'DELETE FROM replay; DELETE FROM estimate'
report x.db
answer_says helps 'not known' 'ipi-aware was not replayed, and simulate alone says '
expect "$(jq -c '[.simulated_gains[] | [.policy, .agreement]]' out.json)" \
	'[["stock","the recorded policy"],["ipi-aware","not replayed"],["relaxed","not replayed"],["ipi-aware+relaxed","not replayed"],["ipi-aware:ipi_window_ns=1000","not replayed"]]' \
	'simulated and not replayed'
# a replay of both states of the vCPUs: simulate is held against that of the probed one
changed "UPDATE replay SET id = id + 100; UPDATE estimate SET replay = replay + 100;
	INSERT INTO replay SELECT id - 100, policy, parameters, 'reconstructed', decisions, same_pick, different_pick, unknown, no_target,
	receiver_waits, receiver_hits, attempts_yielded, attempts_failed, attempts_esrch, importer, summary FROM replay"
expect "$(sql x.db "SELECT min(replay) > 100, count(DISTINCT label) FROM replay_vs_simulate
	UNION ALL SELECT count(*), count(DISTINCT label) FROM policy_label WHERE policy = 'ipi-aware'")" '1|3
3|3' 'two states'

# --- many contradictions: some by name
changed "UPDATE simulation_gate SET result = 'PASS'; UPDATE simulation SET total_lo = 1000, value = 1001, total_hi = 1002 WHERE policy <> 'stock'"
report x.db
expect "$(jq '[.notes.closed_loop[] | select(startswith("Contradictory: "))] | length' out.json)" 8 'contradictions by name'
says "Contradictory, too: $(($(jq '.replay_vs_simulate | length' out.json) - 8)) more figures."

# --- sides of the scheduler, of which replay knows nothing
changed "INSERT INTO simulation SELECT what_if, policy, parameters, 'debooster-v2', NULL, vm, metric, unit, 7, 6, 8, 5, 9, 'gain', NULL
	FROM simulation WHERE policy = 'ipi-aware+relaxed'"
report x.db
[[ $(answer helps) == *"Only simulate can tell of the scheduler's side: ipi-aware+relaxed with debooster-v2 +7.0 [+5.0, +9.0] %."* ]] ||
	fail "a side: $(answer helps)"
expect "$(jq -c '[.simulated_gains[] | select(.scheduler_side != "plain") | [.policy, .simulated.value, .replayed, .agreement]]' out.json)" \
	'[["ipi-aware+relaxed",7,null,"only simulate can tell"]]' 'a side'
expect "$(jq '[.replay_vs_simulate[].simulated.value == 7] | any' out.json)" false 'a side is not held against replay'
sqlite3 x.db "UPDATE simulation SET value = NULL, verdict = 'not identifiable', reason = 'it has CFS' WHERE scheduler_side <> 'plain'"
report x.db
[[ $(answer helps) == *"The scheduler's side cannot be told: it has CFS."* ]] || fail "a side that is refused: $(answer helps)"

# --- refused: errors and the reason, and no more
reason='the recorded host is unlike any that is modelled'
changed "DELETE FROM simulation; UPDATE simulation_gate SET result = 'REFUSE', reason = '$reason'"
report x.db
says 'REFUSE, as recorded: the model does not reproduce it, so there are no gains.' "as recorded: $reason"
answer_says sure partly "the closed loop does not reproduce the recording (gate REFUSE: $reason)"
[[ $(answer helps) == *"The scheduler's side cannot be told: the model does not reproduce the recording."* ]] || fail "refused: $(answer helps)"
expect "$(jq -c '[.simulated_gains, .replay_vs_simulate, .simulated_vms | length]' out.json)" '[0,0,0]' 'refused: no gains'
expect "$(jq -c '.simulated_gate[0] | [.result, (.work_error | type), .passing]' out.json)" '["REFUSE","number",null]' 'refused: the gate'
# variants of a scheduler by name; passing are all that reproduce the recording
changed "DELETE FROM simulation_gate; INSERT INTO simulation_gate SELECT '', column1, column2, 0, column3, column4, 1, 1, 1, 1, 1, 1, 1, NULL
	FROM (VALUES (0, 0, 0, 'REFUSE'), (0, 1, 0, 'REFUSE'), (1, 0, 1, 'WARN'), (1, 1, 0, 'PASS'))"
expect "$(sql x.db 'SELECT result, scheduler, passing FROM simulated_gate')" 'WARN|forfeit|forfeit; forfeit, run to parity' 'variants'

# --- at another density: an extrapolation, never among what is as recorded
changed "INSERT INTO simulation_gate SELECT 'vms=+1', 0, 0, 1, 1, 'WARN', 4, 5, 6, 7, 1, 5, 1, NULL FROM simulation_gate;
	INSERT INTO simulation SELECT 'vms=+1', policy, parameters, scheduler_side, lag_margin, vm, metric, unit, 33, 32, 34, 31, 35, 'gain', NULL FROM simulation;
	INSERT INTO simulation_density VALUES ('vms=+1', NULL, 'throughput_gain', 'percent', -11, -12, -10, -13, -9, 'loss', NULL)"
report x.db
says 'WARN, vms=+1: an extrapolation on weak ground' 'EXTRAPOLATION: gain in throughput there' 'EXTRAPOLATION: the same work at another density'
expect "$(jq -c '[.simulated_gate[] | [.what_if, .result]] | .[1]' out.json)" '["vms=+1","WARN"]' 'its gate'
expect "$(jq -c '[.extrapolated_gains[] | [.policy, .throughput_gain.total]] | .[1]' out.json)" '["ipi-aware",[31,35]]' 'gains there'
expect "$(jq -c '[.simulated_density[] | [.what_if, .vm, .metric, .value.value, .unit, .verdict]]' out.json)" \
	'[["vms=+1","all VMs","throughput_gain",-11,"percent","loss"]]' 'what it does itself'
expect "$(jq '[.simulated_gains[].simulated.value, .replay_vs_simulate[].simulated.value] | any(. == 33)' out.json)" false \
	'an extrapolation among gains as recorded'
# CPUs are few, and are shown; what is to be said against a figure is said
sqlite3 x.db "INSERT INTO simulation_density VALUES ('vms=+1', NULL, 'spin_cpu_saved', 'CPUs', -0.028, -0.03, -0.02, -0.045, -0.012, 'loss', 'too few'),
	('vms=+1', 1, 'throughput_gain', 'percent', NULL, NULL, NULL, NULL, NULL, 'refused', 'its share is off')"
report x.db
says 'throughput_gain -11.0 [-13.0, -9.0] percent loss' 'spin_cpu_saved -0.028 [-0.045, -0.012] CPUs loss'
says 'vms=+1: its share is off' 'vms=+1: too few'
