#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The acceptance script's arithmetic, on truths and estimates that are made up.
. "${BASH_SOURCE%/*}/../cli/lib.sh"
acceptance=$SOURCE/tests/world/acceptance.sh

# made DIR SEED TRUTH VALUE LOW HIGH [REASON]: a world with one policy that is estimated.
made() {
	mkdir -p "$1/$2"
	cat > "$1/$2/truth.json" <<-END
		{ "policies": [ { "name": "stock", "throughput_gain": { "own": 0, "mean": 0, "se": 0 } },
		  { "name": "relaxed", "throughput_gain": { "own": $3, "mean": $3, "se": ${SE-0.1} } } ] }
	END
	cat > "$1/$2/replay.json" <<-END
		{ "policies": [ { "name": "observed", "estimates": [] }, { "name": "relaxed", "estimates": [
		  { "metric": "spin_cpu", "unit": "CPUs", "value": 99, "total": [98, 100] },
		  { "metric": "throughput_gain", "unit": "%", "value": $4, "statistical": [$5, $6], "total": [$5, $6],
		    "support": 1, "verdict": "gain", "reason": ${7-null} } ] } ] }
	END
}

# Truths -10 to 9.5; estimates 0.25 higher.
for i in $(seq 0 39); do
	t=$(awk "BEGIN { print ($i - 20) / 2 }")
	v=$(awk "BEGIN { print $t + 0.25 }")
	made good "$i" "$t" "$v" "$(awk "BEGIN { print $v - 1 }")" "$(awk "BEGIN { print $v + 1 }")"
	made narrow "$i" "$t" "$v" "$(awk "BEGIN { print $v - 0.1 }")" "$(awk "BEGIN { print $v + 0.1 }")"
	made wrong "$i" "$t" "$(awk "BEGIN { print 0 - ($t) }")" -100 100
done
bash "$acceptance" --score good > good.txt || fail 'good estimates are not accepted'
expect "$(grep -E '^(relaxed|all) ' good.txt | tr -s ' ')" \
'relaxed 40 0.0 100.0 37 1.000 0.25 +0.25 1.00 100.0 100.0 0.10
all 40 0.0 100.0 37 1.000 0.25 +0.25 1.00 100.0 100.0 0.10' 'good estimates'
expect "$(grep -c MISSED good.txt)" 0 'goals missed by good estimates'

status=0
bash "$acceptance" --score narrow > narrow.txt || status=$?
expect "$status" 1 'status, intervals too narrow'
expect "$(grep MISSED narrow.txt | cut -c1-33 | sed 's/ *$//')" 'truth within the total interval' 'goals missed by narrow intervals'

status=0
bash "$acceptance" --score wrong > wrong.txt || status=$?
expect "$status" 1 'status, wrong signs'
expect "$(grep -c MISSED wrong.txt)" 3 'goals missed by wrong signs'
expect "$(awk '$1 == "Spearman" { print $2 }' wrong.txt)" '-1.000,' 'rank correlation of wrong signs'

# simulate: figures of single VMs are not scored; what the gate refuses has its reason.
for i in $(seq 0 39); do
	sed -e 's/.*"metric": "spin_cpu".*/{ "metric": "throughput_gain", "vm": "vm0", "value": 99, "total": [98, 100] },/' \
		-e 's/^{ "policies"/{ "gate": { "result": "PASS", "reason": null }, "policies"/' \
		"good/$i/replay.json" > "good/$i/simulate.json"
done
mkdir good/40
cp good/39/truth.json good/40
echo '{ "gate": { "result": "REFUSE", "reason": "another scheduler" }, "policies": [] }' > good/40/simulate.json
EVALUATE=simulate bash "$acceptance" --score good > simulate.txt || fail 'good simulations are not accepted'
expect "$(grep -E '^(relaxed|gate PASS|all) ' simulate.txt | tr -s ' ')" \
'relaxed 41 2.4 100.0 37 1.000 0.25 +0.25 1.00 100.0 100.0 0.10
gate PASS 40 0.0 100.0 37 1.000 0.25 +0.25 1.00 100.0 100.0 0.10
all 41 2.4 100.0 37 1.000 0.25 +0.25 1.00 100.0 100.0 0.10' 'good simulations'
expect "$(grep -E '^(gate [A-Z]*:|refused)' simulate.txt | sort)" \
'gate PASS: 40 worlds
gate REFUSE: 1 worlds
refused 1 cells: another scheduler' 'what the gate says'
status=0
EVALUATE='replay simulate' bash "$acceptance" --score good > both.txt 2>&1 || status=$?
expect "$status" 3 'status, a world without estimates of replay'
rm -r good/40

# What is refused is no error, but is counted; nothing but refusals is no success.
made good 40 50 null null null '"too few episodes"'
bash "$acceptance" --score good > refused.txt || fail 'a refusal is no error'
expect "$(grep refused refused.txt | tail -n +2 | tr -s ' ')" \
'worlds refused entirely: 1 of 41
refused 1 cells: too few episodes' 'refusals'
# A truth that is not known is none to judge by.
SE=20 made good 41 50 -50 -51 -49
bash "$acceptance" --score good > vague.txt || fail "an unknown truth was held against an estimate"
expect "$(grep -c "not known.*: 1 cells" vague.txt)" 1 "cells left out"
expect "$(grep "^all" vague.txt | tr -s " ")" "$(grep "^all" refused.txt | tr -s " ")" "the rest"

made none 1 5 null null null '"too few episodes"'
status=0
bash "$acceptance" --score none > none.txt || status=$?
expect "$status" 1 'status, nothing estimated'

expect_fails 2 'acceptance.sh N' bash "$acceptance"
