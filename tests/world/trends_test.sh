#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The table of trends.sh, on truths and estimates that are made up.
. "${BASH_SOURCE%/*}/../cli/lib.sh"
trends=$SOURCE/tests/world/trends.sh

# made SHAPE VMS TRUTH ESTIMATE: of ipi-aware+relaxed with lag-credit; an estimate '-': the gate refuses.
made() {
	local policies="{ \"name\": \"ipi-aware+relaxed\", \"scheduler_side\": \"lag-credit\", \"estimates\": [ { \"value\": $4 } ] }"
	local gate=PASS

	[ "$4" != - ] || policies='' gate=REFUSE
	mkdir -p "all/$1-$2"
	cat > "all/$1-$2/truth.json" <<-END
		{ "policies": [ { "name": "stock", "scheduler_side": "plain", "throughput_gain": { "mean": 0 } },
		  { "name": "ipi-aware+relaxed", "scheduler_side": "lag-credit", "throughput_gain": { "mean": $3 } } ] }
	END
	echo "{ \"gate\": { \"result\": \"$gate\" }, \"policies\": [ $policies ] }" > "all/$1-$2/simulate.json"
}

made dedup 2 9 6
made dedup 3 11 5.7
made dedup 4 18 7
made vips 2 11 11
made vips 3 7 -1
made vips 4 12 4.7
made dbench 2 -6 -
made dbench 3 5 5
made dbench 4 -7 7
bash "$trends" --table all > table
expect "$(grep -E 'gate|lag-credit' table)" \
'| dedup | gate | PASS | PASS | PASS |  | |  |
| dedup | ipi-aware+relaxed, lag-credit: truth | +9.0 | +11.0 | +18.0 | yes | yes | yes |
| dedup | ipi-aware+relaxed, lag-credit: simulate | +6.0 | +5.7 | +7.0 | yes | yes | no |
| vips | gate | PASS | PASS | PASS |  | |  |
| vips | ipi-aware+relaxed, lag-credit: truth | +11.0 | +7.0 | +12.0 | yes | no | no |
| vips | ipi-aware+relaxed, lag-credit: simulate | +11.0 | -1.0 | +4.7 | no | yes | no |
| dbench | gate | REFUSE | PASS | PASS |  | |  |
| dbench | ipi-aware+relaxed, lag-credit: truth | -6.0 | +5.0 | -7.0 | no | no | no |
| dbench | ipi-aware+relaxed, lag-credit: simulate | - | +5.0 | +7.0 | - | - | - |' 'rows'
expect "$(grep -c published table)" 3 'published rows'
expect_fails 2 'trends.sh' bash "$trends" --nothing
