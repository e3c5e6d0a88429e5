#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Moments that replay thinks worth a look: where they lie, that the facts say the same of them, and that
# what is explained there is what explain prints.
. "${BASH_SOURCE%/*}/lib.sh"
[ "$SANITIZED" = 0 ] || [ "$SANITIZED" = OFF ] || exit 77	# its code is seen to by others there, in less time

# check DB [OPTION...]: replayed with these
check() {
	local db=$1

	shift
	"$COUNTERSPIN" replay "$db" "$@" > "$scratch/log" || fail "replay $db $*"
	expect "$(sql "$db" 'SELECT count(*) FROM moment JOIN recording WHERE NOT (recording.t0 <= moment.t0 AND moment.t0 < moment.t1
		AND moment.t1 <= recording.t1)')" 0 "$db: within the recording"
	expect "$(sql "$db" 'SELECT count(*) FROM moment AS a JOIN moment AS b ON a.id < b.id WHERE a.t0 < b.t1 AND b.t0 < a.t1')" 0 \
		"$db: no two overlap"
	expect "$(sql "$db" 'SELECT count(*) FROM moment JOIN gap ON gap.t0 < moment.t1 AND moment.t0 < gap.t1')" 0 "$db: no gap in them"
	expect "$(sql "$db" 'SELECT count(*) = max(id) AND min(id) = 1 AND count(*) <= 12 FROM moment')" 1 "$db: numbered"
	expect "$(sql "$db" "SELECT count(*) FROM moment JOIN episode ON episode.id = episode JOIN decision ON decision.id = decision
		JOIN vcpu ON vcpu.id = episode.vcpu WHERE episode.tainted OR confidence < 2 OR decision.vcpu <> episode.vcpu OR
		decision.id NOT BETWEEN first_decision AND last_decision OR vcpu.vm <> moment.vm OR
		(kind = 'longest IPI wait') > (cause = 'IPI') OR (kind = 'longest lock wait') > (cause = 'lock-holder preemption')")" 0 \
		"$db: waits and decisions that they are about"
	# no less than a margin beside the wait, but for what is cut off by a gap or an end
	expect "$(sql "$db" 'SELECT count(*) FROM moment JOIN episode ON episode.id = episode WHERE moment.t0 > episode.t0 OR
		moment.t1 < episode.t1 OR episode.t0 - moment.t0 > 20000000 OR moment.t1 - episode.t1 > 20000000')" 0 "$db: margins"
	# of each kind the longest first
	expect "$(sql "$db" "SELECT count(*) FROM moment AS a JOIN moment AS b ON b.id = a.id + 1 AND a.kind = b.kind
		JOIN episode AS x ON x.id = a.episode JOIN episode AS y ON y.id = b.episode
		WHERE a.kind GLOB 'longest*' AND x.t1 - x.t0 < y.t1 - y.t0")" 0 "$db: order"
	expect "$(sql "$db" 'SELECT count(*) FROM explanation WHERE NOT EXISTS (SELECT 1 FROM moment JOIN decision ON
		t_start >= t0 AND t_start < t1 JOIN vcpu ON vcpu.id = vcpu WHERE decision.id = explanation.decision AND
		vcpu.vm = moment.vm)')" 0 "$db: what is explained lies in a moment"
	expect "$(sql "$db" 'SELECT count(*) FROM moment WHERE decision NOT IN (SELECT decision FROM explanation)')" 0 \
		"$db: the decision to look at is explained"
	expect "$(sql "$db" 'SELECT max(n) <= 64 FROM (SELECT count(*) AS n FROM moment JOIN decision ON t_start >= t0 AND t_start < t1
		JOIN explanation ON explanation.decision = decision.id GROUP BY moment.id)')" 1 "$db: no more than 64 of each"
	for id in $(sql "$db" 'SELECT decision FROM explanation ORDER BY decision % 97 LIMIT 3'); do
		"$COUNTERSPIN" explain "$db" "$id" "$@" --json > explain.json || fail "explain $id"
		sql "$db" "SELECT key, path, atom FROM explanation, json_tree(explain) WHERE decision = $id" > got
		sqlite3 -nullvalue NULL :memory: "SELECT key, path, atom FROM json_tree(readfile('explain.json'))" > want
		[ "$(wc -l < want)" -gt 100 ] || fail "$db: explanation of $id says little"
		cmp -s want got || fail "$db: explanation of $id: $(diff want got | head -5)"
	done
}

import "$DATA/balanced.dat" -o balanced.db
check balanced.db
expect "$(sql balanced.db 'SELECT group_concat(kind || n) FROM (SELECT kind, count(*) AS n FROM moment GROUP BY kind ORDER BY min(id))')" \
	'longest IPI wait4,lost opportunity2,longest lock wait2,scheduler mismatch2,overboost2' 'kinds'
# the first is the longest there is; waits of both VMs are shown
expect "$(sql balanced.db "SELECT episode.t1 - episode.t0 = (SELECT max(t1 - t0) FROM episode WHERE cause = 'IPI' AND confidence >= 2
	AND NOT tainted) FROM moment JOIN episode ON episode.id = episode WHERE moment.id = 1")" 1 'the longest wait for an IPI'
expect "$(sql balanced.db 'SELECT count(DISTINCT vm) FROM moment WHERE kind = (SELECT kind FROM moment WHERE id = 1)')" 2 'both VMs'
# what the sentence counts
read -r me vector unblocker n others <<< "$(sql balanced.db "SELECT vcpu_idx, printf('0x%02x', vector), unblocker_idx, n_decisions,
	(SELECT count(*) FROM decision WHERE decision.vcpu = episode.vcpu AND decision.id BETWEEN first_decision AND last_decision AND
	 pick_idx <> unblocker_idx) FROM moment JOIN episode ON episode.id = episode JOIN vcpu ON vcpu.id = episode.vcpu
	WHERE what GLOB '* waited * for vCPU * to answer *' AND unblocker_idx NOT NULL ORDER BY moment.id LIMIT 1" | tr '|' ' ')"
expect "$(sql balanced.db "SELECT count(*) FROM moment WHERE what GLOB 'vCPU $me of * waited * ms for vCPU $unblocker to answer vector $vector; $n PAUSE exits, $others yield* to others'")" \
	1 'the sentence on a wait for one vCPU'
# mismatches are what verdicts say
expect "$(sql balanced.db "SELECT count(*), min(EXISTS (SELECT 1 FROM verdict WHERE verdict.decision = moment.decision AND outcome = 'hit' AND
	observed_outcome = 'lost opportunity')) FROM moment WHERE kind = 'lost opportunity'")" '2|1' 'lost opportunities'
expect "$(sql balanced.db "SELECT count(*) FROM moment JOIN verdict USING (decision) WHERE kind IN ('scheduler mismatch', 'overboost') AND
	observed_outcome <> kind")" 0 'what the kernel did'

# --- the policies of the replay, and their parameters; the same again is the same
check balanced.db -p ipi-aware:ipi_window_ns=1000000 -p stock
expect "$(sql balanced.db "SELECT DISTINCT explain ->> '\$.policies[0].name', explain ->> '\$.policies[0].parameters.ipi_window_ns',
	explain -> '\$.policies' ->> '\$[#-1].name' FROM explanation")" 'ipi-aware|1000000|stock' 'policies that are explained'
sqlite3 balanced.db 'SELECT * FROM moment; SELECT * FROM explanation' > first
"$COUNTERSPIN" replay balanced.db -p ipi-aware:ipi_window_ns=1000000 -p stock > "$scratch/log"
sqlite3 balanced.db 'SELECT * FROM moment; SELECT * FROM explanation' > again
cmp -s first again || fail 'the same again is not the same'
# none heeds IPIs: none of them would have seen an opportunity
"$COUNTERSPIN" replay balanced.db -p relaxed --state=reconstructed > "$scratch/log"
expect "$(sql balanced.db "SELECT count(*) FROM moment WHERE kind = 'lost opportunity'")" 0 'opportunities that no policy would have seen'
id=$(sql balanced.db 'SELECT max(decision) FROM explanation')
"$COUNTERSPIN" explain balanced.db "$id" -p relaxed --state=reconstructed --json > explain.json
expect "$(sql balanced.db "SELECT explain = json(readfile('explain.json')), explain ->> 'state' FROM explanation WHERE decision = $id")" \
	'1|reconstructed' 'the state that was shown'

# --- where the recorded kernel is patched; without probes; behind gaps
import "$DATA/ipi-heavy-relaxed.dat" -o patched.db
check patched.db
expect "$(sql patched.db 'SELECT count(*) > 6 FROM moment')" 1 'moments of a patched kernel'
cp balanced.db gaps.db
sqlite3 gaps.db "WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 40)
	INSERT INTO gap SELECT NULL, t0 + i * (t1 - t0) / 41, t0 + i * (t1 - t0) / 41 + 3000000, 1, 'test' FROM recording, k;
	UPDATE decision SET tainted = 1 WHERE EXISTS (SELECT 1 FROM gap WHERE gap.t0 <= t_start AND t_start < gap.t1)"
check gaps.db -p ipi-aware
expect "$(sql gaps.db 'SELECT count(*) > 6 FROM moment')" 1 'moments between gaps'

# --- a VM's name is data, whatever it is, but for what would move a terminal
cp balanced.db names.db
sqlite3 names.db "UPDATE vm SET name = '%s%n</script><b>''\"' || char(10) || name"
"$COUNTERSPIN" replay names.db -p ipi-aware > "$scratch/log"
expect "$(sql names.db "SELECT count(*) FROM moment JOIN vm_label USING (vm) WHERE instr(what, ' of ' || replace(label, char(10), '?') || ' waited ') = 0")" 0 'names'

# --- nothing decided: nothing to look at, and nothing of an earlier run is left
cp balanced.db nothing.db
sqlite3 nothing.db 'DELETE FROM attempt; DELETE FROM candidate; DELETE FROM verdict; DELETE FROM outcome; DELETE FROM disagreement;
	DELETE FROM episode_gain; DELETE FROM episode; DELETE FROM decision'
"$COUNTERSPIN" replay nothing.db > "$scratch/log" || fail 'replay of no decisions'
expect "$(sql nothing.db 'SELECT (SELECT count(*) FROM moment), (SELECT count(*) FROM explanation)')" '0|0' 'no decisions'
