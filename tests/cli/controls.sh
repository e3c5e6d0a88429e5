#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What estimates must be where it is known: nothing where nothing changes or nobody spins, less
# where what they rest on is wrong, and much the same of both halves of a recording.
. "${BASH_SOURCE%/*}/lib.sh"
[ "$SANITIZED" = 0 ] || [ "$SANITIZED" = OFF ] || exit 77	# its code is seen to by others there, in less time
: "${ESTIMATE_CONTROLS:?}"
ESTIMATE_CONTROLS=$(realpath "$ESTIMATE_CONTROLS")

json() {	# FILE QUERY: of a table 'e' with a row an estimate
	sqlite3 -batch -noheader -nullvalue NULL :memory: "CREATE TEMP TABLE replay AS
			SELECT CAST(readfile('$1') AS TEXT) AS j;
		CREATE TEMP TABLE e AS
		SELECT p.value ->> 'name' AS policy, p.value -> 'parameters' AS parameters, m.value ->> 'metric' AS metric,
		       m.value ->> 'value' AS value, m.value ->> 'reason' AS reason, m.value ->> 'verdict' AS verdict,
		       m.value -> 'statistical' AS statistical, m.value -> 'total' AS total
		  FROM replay, json_each(j, '\$.policies') AS p, json_each(p.value, '\$.estimates') AS m;
		$2"
}

# is_true WHAT EXPRESSION: of numbers
is_true() {
	[ "$(sqlite3 :memory: "SELECT $2")" = 1 ] || fail "$1: not $2"
}

# --- the recorded policy, and what it did: exactly nothing
same() {	# NAME POLICY
	import "$DATA/$1.dat" -o "$1.db"
	"$COUNTERSPIN" replay "$1.db" --json -p "$2" > same.json
	expect "$(json same.json "SELECT policy, count(*), value, statistical, total, verdict, reason FROM e, replay
		WHERE policy = 'observed' OR (policy = j ->> '\$.fidelity.policy' AND parameters = j -> '\$.fidelity.parameters')
		GROUP BY 1, 3, 4, 5, 6, 7")" \
"$(printf '%s|9|0|[0,0]|[0,0]|no clear effect|its picks are the recorded policy'"'"'s\n' observed "${2%:*}" | sort)" "$1: the recorded policy"
}
same balanced stock
same ipi-heavy-icount stock
same lock-heavy-instance stock
same ipi-heavy-relaxed ipi-aware+relaxed:series=v2
for r in balanced ipi-heavy-icount; do	# to others it is not nothing
	"$COUNTERSPIN" replay $r.db --json > $r.json
	is_true "$r: others" "$(json $r.json "SELECT count(*) FROM e WHERE metric = 'spin_cpu_saved' AND abs(value) > 0.001") >= 4"
done

# --- no PAUSE exits: nobody spins, whatever the policy
record idle.dat << 'END'
1000 0 0  sched_switch next_pid=11
1100 0 11 kvm_entry vcpu_id=0
9001100 0 11 kvm_exit vcpu_id=0 exit_reason=0x60 isa=2 guest_rip=0xffffffff80100000
9001200 0 11 sched_switch prev_pid=11 prev_state=0 next_pid=12
9001300 0 12 kvm_entry vcpu_id=1
90001100 0 12 kvm_exit vcpu_id=1 exit_reason=0x60 isa=2 guest_rip=0xffffffff80100000
90001200 0 12 sched_switch prev_pid=12 prev_state=1 next_pid=11
90001300 0 11 kvm_entry vcpu_id=0
2000000000 0 11 kvm_exit vcpu_id=0 exit_reason=0x60 isa=2 guest_rip=0xffffffff80100000
END
import idle.dat
"$COUNTERSPIN" replay idle.dat.db --json > idle.json
expect "$(json idle.json "SELECT count(DISTINCT policy) > 5, value, statistical, total, reason FROM e GROUP BY 2, 3, 4, 5;
	SELECT j ->> '\$.evidence.episodes', j ->> '\$.evidence.spin_cpus' FROM replay")" '1|0|[0,0]|[0,0]|no spinning
0|0' 'nobody spins'

# --- wrong receivers of IPIs, wrong unblockers
for r in balanced ipi-heavy-icount lock-heavy-instance; do
	"$ESTIMATE_CONTROLS" $r.db > $r.controls
	echo "$r: $(paste -sd' ' $r.controls)"
	. ./$r.controls
	is_true "$r: a gain" "$gain > 1 AND $hits > 0"
	case $r in
	lock*)	# few IPIs, and any vCPU that ran meanwhile may have had the lock
		is_true "$r: wrong unblockers" "abs($hits_wrong_unblockers) < 0.7 * $hits"
		continue ;;
	esac
	is_true "$r: wrong receivers" "$gain_wrong_receivers < 0.8 * $gain"
	is_true "$r: wrong unblockers" "abs($hits_wrong_unblockers) < $hits / 3.0"
done

# --- either half of a recording: the intervals of each have something in common
# half DB BEGIN END: what is from BEGIN on, and over by END (ns; of the recording)
half() {
	sqlite3 "$1" "DELETE FROM candidate WHERE decision IN (SELECT id FROM decision WHERE t_start < $2 OR t_start >= $3);
		DELETE FROM attempt WHERE decision IN (SELECT id FROM decision WHERE t_start < $2 OR t_start >= $3);
		DELETE FROM decision WHERE t_start < $2 OR t_start >= $3;
		UPDATE decision SET t_end = NULL WHERE t_end > $3;
		DELETE FROM ipi WHERE t_send < $2 OR t_send >= $3 OR t_accept >= $3;
		UPDATE ipi SET t_inject = NULL WHERE t_inject > $3; UPDATE ipi SET t_ack = NULL WHERE t_ack > $3;
		DELETE FROM eoi WHERE t < $2 OR t >= $3;
		DELETE FROM on_cpu WHERE t1 <= $2 OR t0 >= $3;
		UPDATE on_cpu SET t0 = $2 WHERE t0 < $2; UPDATE on_cpu SET t1 = $3, why = NULL WHERE t1 > $3;
		UPDATE vm SET created = created AND $2 = (SELECT t0 FROM recording);
		UPDATE recording SET t0 = $2, t1 = $3"
	"$COUNTERSPIN" replay "$1" --json > "$1.json"
}
traces=$SOURCE/../shared/traces
recordings=balanced
for r in ipi-heavy.dat ab/ipi-heavy/stock-seed3101.dat; do
	[ -e "$traces/$r" ] || continue
	import "$traces/$r" -o "$(basename "$r").db"
	"$COUNTERSPIN" replay "$(basename "$r").db" --json > "$(basename "$r").json"
	recordings+=" $(basename "$r")"
done
for r in $recordings; do
	IFS='|' read -r begin middle end <<< "$(sql $r.db "SELECT t0, (t0 + t1) / 2, t1 FROM recording")"
	cp $r.db first
	cp $r.db second
	half first "$begin" "$middle"
	half second "$middle" "$end"
	for policy in ipi-aware relaxed ipi-aware+relaxed receiver-first; do
		one="SELECT value, statistical ->> '\$[0]', statistical ->> '\$[1]' FROM e
		     WHERE policy = '$policy' AND metric = 'throughput_gain'"
		IFS='|' read -r value lo hi <<< "$(json $r.json "$one")"
		IFS='|' read -r value1 lo1 hi1 <<< "$(json first.json "$one")"
		IFS='|' read -r value2 lo2 hi2 <<< "$(json second.json "$one")"
		echo "$r: $policy: $value [$lo, $hi]; halves: $value1 [$lo1, $hi1] and $value2 [$lo2, $hi2]"
		is_true "$r: $policy: halves" "max($lo1, $lo2) <= min($hi1, $hi2)"
		is_true "$r: $policy: the whole is between" "$value >= min($lo1, $lo2) AND $value <= max($hi1, $hi2)"
	done
done

# --- what is not yet known changes nothing: without all that came after it, each decision is as it was
for r in balanced ipi-heavy-icount; do
	middle=$(sql $r.db "SELECT (t0 + t1) / 2 FROM recording")
	cp $r.db past.db
	sql past.db "DELETE FROM ipi WHERE t_accept > $middle; UPDATE ipi SET t_ack = NULL WHERE t_ack > $middle;
		DELETE FROM eoi WHERE t > $middle; DELETE FROM gap WHERE t1 > $middle"
	"$COUNTERSPIN" replay past.db > past.txt
	# what a pick amounts to, though, is told with hindsight
	verdicts="SELECT replay.policy, decision, verdict.pick_idx, class, attempts FROM verdict JOIN replay ON replay.id = verdict.replay
		JOIN decision ON decision.id = verdict.decision WHERE t_start <= $middle ORDER BY 1, verdict.decision"
	sql $r.db "$verdicts" > want
	sql past.db "$verdicts" > got
	[ "$(wc -l < want)" -gt 500 ] || fail "$r: only $(wc -l < want) verdicts"
	cmp -s want got || fail "$r: what came later has changed verdicts: $(diff want got | head -4)"
done
