#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# simulate --what-if: another density, labelled as an extrapolation, with a gate of its own; what is
# said of the recording as it was stays the same.
. "${BASH_SOURCE%/*}/lib.sh"

simulate() {	# STATUS DB [OPTION...]: JSON into out.json
	local want=$1 got=0

	shift
	"$COUNTERSPIN" simulate --json "$@" > out.json 2> "$scratch/log" || got=$?
	expect "$got" "$want" "status of simulate $*: $(cat "$scratch/log")"
}

import "$DATA/lock-heavy-icount.dat" -o lock.db
simulate 0 lock.db --replicates=3 -p stock -p relaxed
expect "$(jq -c '.what_if' out.json)" '[]' 'nothing was asked'
jq -S 'del(.what_if)' out.json > alone.json

# --- several questions, and one of several changes; as recorded nothing is changed
simulate 0 lock.db --replicates=3 -p stock -p relaxed --what-if vms=+1 --what-if cpus=+1,window=300us --what-if vms=-1
jq -S 'del(.what_if)' out.json | cmp alone.json - || fail 'what is as recorded is other with --what-if'
cp out.json first.json
expect "$(jq -c '[.what_if[] | [.what_if, .extrapolation, .gate.result]]' out.json)" \
	'[["vms=+1",true,"WARN"],["cpus=+1,window=300us",true,"WARN"],["vms=-1",true,"WARN"]]' 'what was asked'
expect "$(jq -c '[.what_if[].gate | [.density, .complete]]' out.json)" '[[1.5,true],[0.5,true],[0.5,true]]' 'gates'
expect "$(jq -r '[.gate.result] + [.what_if[].gate.reason] | unique[]' out.json)" \
	'WARN
the model only just reproduces the recording as it was: take no more than signs' 'a doubt that is inherited'
expect "$(jq -c '[.what_if[] | [.density[] | .vm // "" | sub("lab_vmm.*"; "VM")]] | map(unique)' out.json)" \
	'[["","VM","copy of VM"],["","VM"],["","VM"]]' 'VMs there'
expect "$(jq -c '[.what_if[].density[] | .metric] | unique | length' out.json)" 8 'metrics of a density'
expect "$(jq '[.what_if[].density[], .what_if[].policies[].estimates[] | select(.value != null) | .total[0] <= .statistical[0] and
	.statistical[0] <= .value and .value <= .statistical[1] and .statistical[1] <= .total[1]] | all' out.json)" true 'intervals'
expect "$(jq -c '[.what_if[].policies[0].estimates[] | .value] | unique' out.json)" '[0]' 'the recorded policy against itself, there'
# two VMs on one CPU, which three share and one has alone: a VM's work is a third less, or far more
expect "$(jq '[.what_if[0].density[] | select(.vm != null).value | . < -20 and . > -45] | all' out.json)" true 'one VM more'
expect "$(jq '[.what_if[2].density[] | select(.vm != null).value | . > 60] | all' out.json)" true 'one VM less'
simulate 0 lock.db --replicates=3 -p stock -p relaxed --what-if vms=+1 --what-if window=300,cpus=+1 --what-if vms=-1
jq -c '.what_if[0]' out.json | cmp - <(jq -c '.what_if[0]' first.json) || fail 'the same is asked, another answer'

# --- kept beside what is as recorded; replaced with it
simulate 0 lock.db --replicates=3 -p stock -p relaxed --what-if vms=+1 --what-if vms=-1
expect "$(sql lock.db "SELECT what_if, count(*), sum(vm NOT NULL), count(DISTINCT policy) FROM simulation GROUP BY 1")" \
	'|26|8|2
vms=+1|26|8|2
vms=-1|22|4|2' 'rows of policies'
expect "$(sql lock.db "SELECT what_if, count(*), sum(vm NOT NULL), count(DISTINCT metric) FROM simulation_density GROUP BY 1")" \
	'vms=+1|10|2|8
vms=-1|9|1|8' 'rows of densities'
expect "$(sql lock.db "SELECT what_if, result, work_error NOT NULL FROM simulation_gate")" '|'"$(jq -r .gate.result out.json)"'|1
vms=+1|WARN|0
vms=-1|WARN|0' 'gates kept'
expect "$(sql lock.db "SELECT printf('%.9f', value) FROM simulation_density WHERE what_if = 'vms=+1' AND metric = 'pause_exits_change'")" \
	"$(jq -r '.what_if[0].density[] | select(.metric == "pause_exits_change").value' out.json | xargs printf '%.9f')" 'a figure kept'
simulate 0 lock.db --replicates=3 -p stock
expect "$(sql lock.db "SELECT (SELECT count(*) FROM simulation), (SELECT count(*) FROM simulation_density)")" '13|0' 'replaced'

# --- beyond what the recording supports: refused, and why; the rest is told all the same
simulate 0 lock.db --replicates=2 -p stock -p relaxed --what-if vms=+9 --what-if window=1us
expect "$(jq -c '[.what_if[] | [.gate.result, .density, .policies, (.gate.reason | type)]]' out.json)" \
	'[["REFUSE",[],[],"string"],["REFUSE",[],[],"string"]]' 'refused'
expect "$(sql lock.db "SELECT count(*) FROM simulation WHERE what_if <> ''")" 0 'no rows of what is refused'
expect "$(sql lock.db "SELECT count(*) FROM simulation_gate WHERE what_if <> '' AND result = 'REFUSE' AND reason NOT NULL")" 2 'refusals kept'

# --- nothing of a model that does not reproduce the recording
cp lock.db wrong.db
sql wrong.db "UPDATE recording SET kernel = '6.19.0'; DELETE FROM host_param WHERE name GLOB '*sched*';
	UPDATE on_cpu SET t1 = t0 + (t1 - t0) / 2 WHERE id % 3 = 0"
"$COUNTERSPIN" simulate --json wrong.db --replicates=2 --what-if vms=+1 > out.json 2> "$scratch/log" || true
if [ "$(jq -r .gate.result out.json)" = REFUSE ]; then
	expect "$(jq -c '.what_if[0] | [.gate.result, .density]' out.json)" '["REFUSE",[]]' 'refused with the model'
fi

# --- the text says that it is an extrapolation, and fits
"$COUNTERSPIN" simulate --replicates=2 lock.db --what-if vms=+2,window=300us --what-if vms=+9 > text
expect "$(LC_ALL=C.UTF-8 awk 'length > 100' text)" '' 'fits 100 columns'
grep -q '^What if vms=+2,window=300us? May that be extrapolated? WARN' text || fail 'no answer'
grep -q '^An extrapolation: 16 vCPUs of 4 VMs on 1 CPU' text || fail 'not called an extrapolation'
grep -q '^What if vms=+9? May that be extrapolated? REFUSE:' text || fail 'no refusal'

# --- wrong calls
for wrong in vms=+0 vms=1 vms=-2 cpus=-1 cpus= window=0 window=5ms vms=+1,vms=+2 'vms=+1 --what-if vms=+1' memory=+1 ''; do
	expect_fails 2 . "$COUNTERSPIN" simulate lock.db --what-if=${wrong}
done
