#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# simulate: gains only where the model reproduces the recording, as differences from the recorded
# policy simulated likewise; the same bytes whoever runs it.
. "${BASH_SOURCE%/*}/lib.sh"

# simulate STATUS DB [OPTION...]: JSON into out.json
simulate() {
	local want=$1 got=0

	shift
	"$COUNTERSPIN" simulate --json "$@" > out.json 2> "$scratch/log" || got=$?
	expect "$got" "$want" "status of simulate $*: $(cat "$scratch/log")"
}

for name in balanced ipi-heavy-relaxed lock-heavy-icount; do
	import "$DATA/$name.dat" -o $name.db
done

# --- the shape, and that a figure lies in its intervals
simulate 0 balanced.db --replicates=5
expect "$(jq -c '[.policies[] | [.name, .scheduler_side, .recorded]]' out.json)" \
	'[["stock","plain",true],["ipi-aware","plain",false],["relaxed","plain",false],["ipi-aware+relaxed","plain",false]]' 'policies'
expect "$(jq -c '[.policies[1].estimates[] | select(.vm == null) | .metric + " " + .unit]' out.json)" \
	'["throughput_gain percent","spin_cpu_saved CPUs","ipi_response_change percent","ipi_response_p50_change percent","ipi_response_p95_change percent","ipi_response_p99_change percent","pause_exits_change percent","yields_change 1/s","share_change points"]' 'metrics'
expect "$(jq -c '[.policies[1].estimates[] | select(.vm != null) | .metric] | group_by(.) | map([.[0], length])' out.json)" \
	'[["share_change",2],["throughput_gain",2]]' 'metrics by VM'
expect "$(jq '[.policies[].estimates[] | .total[0] <= .statistical[0] and .statistical[0] <= .value and
	.value <= .statistical[1] and .statistical[1] <= .total[1]] | all' out.json)" true 'intervals'
expect "$(jq '[.policies[1].estimates[] | keys] | unique | length' out.json)" 1 'estimates have one shape'
expect "$(jq -c '.gate | keys' out.json)" \
	'["complete","latency_error","latency_p99_error","reason","result","share_error","spin_error","unjittered","work_error"]' 'gate'
expect "$(jq '[.policies[1:][].estimates[] | select(.metric == "share_change" and .vm != null).value] | map(. * 1e6 | round) |
	[.[0] + .[1], .[2] + .[3], .[4] + .[5]] | map(fabs <= 1) | all' out.json)" true 'shares of two VMs'
expect "$(jq '.policies[1].estimates | (map(select(.metric == "share_change" and .vm == null).value)[0] ==
	(map(select(.metric == "share_change" and .vm != null).value | fabs) | max))' out.json)" true 'fairness is the largest change'

# --- fifths of the recording are asked, too, if they are not too short
expect "$(jq .jackknife_parts out.json)" 5 'parts'
import "$DATA/ipi-heavy-icount.dat" -o brief.db
cp out.json balanced.json
simulate 0 brief.db --replicates=3
expect "$(jq .jackknife_parts out.json)" 0 'parts of two seconds'
mv balanced.json out.json
"$COUNTERSPIN" simulate --replicates=3 brief.db | grep -q 'Chance is that of the replicates alone' || fail 'that there are no parts is not said'

# --- the recorded policy changes nothing, exactly; another does
expect "$(jq -c '[.policies[0].estimates[] | .value, .statistical[], .total[]] | unique' out.json)" '[0]' 'stock against stock'
expect "$(jq '.policies[3].estimates[0].value > 0' out.json)" true 'another policy'
simulate 0 ipi-heavy-relaxed.db --replicates=3 -p ipi-aware+relaxed:series=v2 -p stock
expect "$(jq -r '.recorded.name + " " + .recorded.parameters.series' out.json)" 'ipi-aware+relaxed v2' 'what was recorded'
expect "$(jq -c '[.policies[0].estimates[] | .value] | unique' out.json)" '[0]' 'the recorded policy against itself'
expect "$(jq -c '.policies[1].estimates[0].value < 0' out.json)" true 'stock on a patched host'

# --- same seed, same bytes, on however many CPUs; another seed, other figures
simulate 0 lock-heavy-icount.db --replicates=4 --seed=3
cp out.json first.json
taskset -c "$(taskset -cp $$ | sed -E 's/.*: ([0-9]+).*/\1/')" "$COUNTERSPIN" simulate --json --replicates=4 --seed=3 lock-heavy-icount.db > one.json
cmp first.json one.json || fail 'another number of CPUs, another result'
simulate 0 lock-heavy-icount.db --replicates=4 --seed=4
cmp -s first.json out.json && fail 'the seed makes no difference'
for text in balanced lock-heavy-icount; do
	"$COUNTERSPIN" simulate --replicates=2 $text.db > text
	expect "$(LC_ALL=C.UTF-8 awk 'length > 100' text)" '' "$text fits 100 columns"
done
"$COUNTERSPIN" simulate --replicates=2 lock-heavy-icount.db > again
cmp text again || fail 'the same is printed otherwise'

# policies that differ in the last of many parameters are shown whole, here and in the report
long=receiver-first:enable_relaxed_boost=0,ipi_window_ns
"$COUNTERSPIN" simulate --replicates=2 -p stock -p $long=1000000 -p $long=1000001 balanced.db > text
"$COUNTERSPIN" report balanced.db > report.txt
for text in text report.txt; do
	expect "$(LC_ALL=C.UTF-8 awk 'length > 100' $text)" '' "$text of long names fits 100 columns"
done
expect "$(tr -d ' \n' < text | grep -o 'ipi_window_ns=100000[01]' | sort -u)" 'ipi_window_ns=1000000
ipi_window_ns=1000001' 'names that differ at the end'
# the report names the first by its policy, and of the others what differs
expect "$(grep -c '1000001$\|1000001 ' report.txt)" "$(grep -c '^  receiver-first ' report.txt)" 'names in the report'

# --- kept, and replaced
simulate 0 balanced.db --replicates=2 -p relaxed
expect "$(sql balanced.db "SELECT policy, scheduler_side, count(*), sum(vm IS NULL), count(value) FROM simulation GROUP BY 1, 2")" \
	'relaxed|plain|13|9|13' 'rows kept'
expect "$(sql balanced.db "SELECT count(*), sum(chosen), result IN ('PASS', 'WARN'), typeof(work_error), replicates FROM simulation_gate")" \
	'1|1|1|real|2' 'the gate, kept'
expect "$(sql balanced.db "SELECT printf('%.9f', value) FROM simulation WHERE metric = 'throughput_gain' AND vm IS NULL")" \
	"$(jq -r '.policies[0].estimates[0].value' out.json | xargs printf '%.9f')" 'a figure kept'
chmod a-w balanced.db
if [ ! -w balanced.db ]; then
	simulate 0 balanced.db --replicates=2 -p relaxed
	grep -q 'not kept' "$scratch/log" || fail 'that it cannot be kept is not said'
fi
chmod u+w balanced.db

# --- sides are changes of EEVDF, and this host has CFS: no figures, and why
simulate 1 balanced.db --replicates=2 -p stock --side debooster-v2
expect "$(jq -c '.policies[0].estimates[0] | [.value, .verdict]' out.json)" '[null,"not identifiable"]' 'a side on CFS'
expect "$(jq -r '.policies[0].estimates[0].reason' out.json)" \
	'this scheduler side is a change of EEVDF, and the recorded host has CFS' 'a side on CFS, why'
simulate 0 balanced.db --replicates=2 -p stock --side plain --side lag-credit --lag-margin=0.2
expect "$(jq -c '[.policies[] | [.scheduler_side, .lag_margin]]' out.json)" '[["plain",null],["lag-credit",0.2]]' 'two sides'
expect "$(sql balanced.db "SELECT scheduler_side, lag_margin, count(*) > 1 FROM simulation GROUP BY 1, 2 ORDER BY 1")" \
	'lag-credit|0.2|1
plain|NULL|1' 'the margin, kept'
"$COUNTERSPIN" report --json balanced.db > report.json
expect "$(jq -c '[.simulated_verdicts[] | [.scheduler_side, .lag_margin]] | unique' report.json)" \
	'[["lag-credit",0.2],["plain",null]]' 'the margin, in the report'

# --- of EEVDF four variants are tried
cp balanced.db eevdf.db
sql eevdf.db "UPDATE recording SET kernel = '6.19.0'; DELETE FROM host_param WHERE name GLOB '*sched*'"
"$COUNTERSPIN" simulate --json --replicates=2 -p stock eevdf.db > out.json 2> "$scratch/log" || true
expect "$(jq -c '[.variants | length, (map(select(.chosen)) | length), (map(select(.as_recorded)) | length)]' out.json)" '[4,1,1]' \
	'variants'

# --- the same facts as of a host with twice the CPUs are not reproduced: no gains
cp balanced.db wrong.db
sql wrong.db "UPDATE recording SET n_cpu = 4"
simulate 1 wrong.db --replicates=2
expect "$(jq -c '[.gate.result, .policies, (.gate.reason | type), (.variants | length)]' out.json)" '["REFUSE",[],"string",1]' 'refused'
expect "$(sql wrong.db 'SELECT count(*), (SELECT count(*) FROM simulation_gate WHERE reason NOT NULL) FROM simulation')" '0|1' \
	'a refusal leaves no gains of an earlier run'
status=0
"$COUNTERSPIN" simulate --replicates=2 wrong.db > text || status=$?
expect "$status" 1 'status of a refusal'
grep -q '^No gains: the model does not reproduce the recording' text || fail 'a refusal is not said'
grep -q '^Useful work' text && fail 'gains in spite of a refusal'

# --- where IPIs reach vCPUs without an event nobody knows what is waited for
cp balanced.db hidden.db
sql hidden.db "UPDATE vm SET ipi_virtual = 1"
simulate 1 hidden.db --replicates=2
expect "$(jq -c '[.gate.result, (.gate.reason | test("APICv")), .policies]' out.json)" '["REFUSE",true,[]]' 'hidden IPIs'

# --- too little to run again
cp balanced.db short.db
sql short.db "WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 40)
	INSERT INTO gap SELECT NULL, t0 + i * (t1 - t0) / 41, t0 + i * (t1 - t0) / 41 + 5000, 1, 'test' FROM recording, k"
expect_fails 1 'without gaps' "$COUNTERSPIN" simulate short.db

# --- wrong calls
for wrong in '--replicates=1' '--replicates=x' '--seed=-1' '--side=none' '--side=plain --side=plain' '--lag-margin=1' \
	'--side=lag-credit --lag-margin=-1' '--side=lag-credit --lag-margin=nan' '-p nobody' '-p stock -p stock' '-p none:x=1' 'another.db'; do
	expect_fails 2 . "$COUNTERSPIN" simulate balanced.db $wrong
done
expect_fails 3 . "$COUNTERSPIN" simulate missing.db
