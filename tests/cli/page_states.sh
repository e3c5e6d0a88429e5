#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a database does not have, the page says in words: no decisions, gaps, estimates that are refused,
# policies that were not replayed, a window that was not looked for.
. "${BASH_SOURCE%/*}/browser_lib.sh"
[ "$SANITIZED" = 0 ] || [ "$SANITIZED" = OFF ] || exit 77	# its code is seen to by others there, in less time
browser_start

# page DB: in the browser; whatever the state, it is quiet, accessible, and says what JSON says.
page() {
	"$COUNTERSPIN" report "$1" -o "$1.html"
	"$COUNTERSPIN" report "$1" --json > "$1.json"
	browse "$1.html"
	expect_js 'return inaccessible().concat(overlaps(), tooWide(), chartsDiffer(arg), tablesDiffer(arg,
		Object.keys(arg).filter(id => Array.isArray(arg[id]) && id !== "answers" && id !== "warnings")))' '[]' "$1" "$1.json"
	expect_js 'return [...document.querySelectorAll(".answer dd")].map(e => e.textContent)' \
		"$(jq -c '[.answers[].sentence]' "$1.json")" "$1: answers"
	js 'return document.body.innerText' | jq -r . > "$1.text"
	expect "$(console)" '' "$1: console"
	expect "$(requests)" '' "$1: requests"
}

# says DB SENTENCE...: where they can be seen.
says() {
	local db=$1 sentence

	shift
	for sentence; do
		grep -qF -- "$sentence" "$db.text" || fail "$db: the page does not say '$sentence'"
	done
}

# says_not DB SENTENCE: that would be wrong.
says_not() {
	! grep -F -- "$2" "$1.text" > "$scratch/wrong" || fail "$1: the page says '$2': $(cat "$scratch/wrong")"
}

charts='return Object.keys(counterspin.charts).sort().join(" ")'

# --- vCPUs ran and none spun
record quiet.dat <<- END
	1000000 0 0  sched_switch next_pid=11
	1100000 0 11 kvm_entry vcpu_id=0
	4000000 0 11 kvm_exit vcpu_id=0 exit_reason=0x78 isa=2 guest_rip=-4096
	5000000 0 11 sched_switch prev_pid=11 prev_state=0 next_pid=12
	5100000 0 12 kvm_entry vcpu_id=1
	9000000 0 12 kvm_exit vcpu_id=1 exit_reason=0x78 isa=2 guest_rip=-4096
END
import quiet.dat -o quiet.db
page quiet.db
says quiet.db 'No: no PAUSE exit was recorded.' 'There is nothing to be sure of: no decision was recorded' \
	"No policy has been replayed yet: 'counterspin replay' does it." "No window has been looked for yet: 'counterspin tune' does it."
"$COUNTERSPIN" replay quiet.db > "$scratch/log"
rm quiet.db.html
page quiet.db
says quiet.db 'No: no PAUSE exit was recorded.' 'no decision was recorded' 'No IPI was seen.' 'No waits are known' 'No VM spins.' \
	'None: there are no waits, or no policy has been replayed.' 'There are no gaps.' 'cannot be told' 'No answered IPI was seen.' 'Of no yield is it known whether it was wasted.'
says_not quiet.db 'No policy has been replayed'
expect_js "$charts" '"rate"' 'no decisions: charts'

# --- of less than a millisecond
record short.dat <<- END
	1000 0 0  sched_switch next_pid=11
	1100 0 11 kvm_entry vcpu_id=0
	4000 0 11 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 guest_rip=-4096
	5100 0 11 kvm_entry vcpu_id=0
END
import short.dat -o short.db
"$COUNTERSPIN" replay short.db > "$scratch/log"
page short.db
says short.db 'Too short to be drawn over time.'
expect_js "$charts" '""' 'a short recording: charts'

# --- events were lost
record lossy.dat <<- END
	1000000  0 0  sched_switch next_pid=11
	1000000  1 0  sched_switch next_pid=12
	1100000  0 11 kvm_entry vcpu_id=0
	1100000  1 12 kvm_entry vcpu_id=1
	2000000  0 11 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 guest_rip=-4096
	2100000  0 11 kvm_entry vcpu_id=0
	lost 1 5
	9000000  1 12 kvm_exit vcpu_id=1 exit_reason=0x60 isa=2 guest_rip=-4096
	9500000  0 11 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 guest_rip=-4096
	9600000  0 11 kvm_entry vcpu_id=0
	12000000 0 11 kvm_exit vcpu_id=0 exit_reason=0x77 isa=2 guest_rip=-4096
	12100000 0 11 kvm_entry vcpu_id=0
END
import lossy.dat -o lossy.db
"$COUNTERSPIN" replay lossy.db > "$scratch/log"
page lossy.db
expect "$(jq -c '[([.gaps[].events] | add), (.loss[] | select(.what == "lost events") | .n), ([.over_time[].lost] | any)]' lossy.db.json)" \
	'[5,5,true]' 'events are lost'
says lossy.db '5 events were lost in 1 gaps' 'Stripes: steps of time that touch a gap.' 'tainted decisions'
says_not lossy.db 'No policy has been replayed'
expect_js 'const g = counterspin.charts.rate, t = arg.over_time, i = t.findIndex(row => row.lost), k = t.findIndex(row => !row.lost);
	const at = n => [...g.hidden_ctx_.getImageData((g.toDomXCoord(t[n].t / 1e9) + 3) * devicePixelRatio, 20 * devicePixelRatio, 1, 1).data];
	return i >= 0 && k >= 0 && at(i)[3] > 0 && at(k)[3] === 0' true 'stripes are where events were lost' lossy.db.json

# --- estimates are refused
import "$DATA/lock-heavy-instance.dat" -o refused.db
"$COUNTERSPIN" replay refused.db > "$scratch/log"
page refused.db
says_not refused.db 'No policy has been replayed'
says refused.db 'Not known: ipi-aware cannot be told (not identifiable: ' "Not known: no window has been looked for ('counterspin tune' does it)."
expect_js 'const none = arg.gains.filter(row => !row.throughput_gain).length;
	return none > 0 && [...document.querySelectorAll("#f-gains .none")].filter(e => e.textContent === "cannot be told").length === none' \
	true 'refused: so says the figure' refused.db.json
expect "$(jq '[.verdicts[] | select(.verdict == "not identifiable") | .reason | length > 20] | length > 0 and all' refused.db.json)" true \
	'refused: why'
"$COUNTERSPIN" tune refused.db > "$scratch/log" || [ $? -eq 1 ]
rm refused.db.html
page refused.db
says refused.db "$(jq -r '.answers[] | select(.id == "window") | .sentence' refused.db.json)"
[ "$(jq '.window_choice[0].chosen' refused.db.json)" != null ] || says refused.db 'None can be chosen: '

# --- imported, and no more
import "$DATA/ipi-heavy-icount.dat" -o imported.db
page imported.db
says imported.db "as no policy has been replayed ('counterspin replay' does it)" "No policy has been replayed yet: 'counterspin replay' does it." \
	"Not known: the IPI-aware policies have not been replayed ('counterspin replay' does it)." \
	"Not known: no window has been looked for ('counterspin tune' does it)."
says imported.db 'Of no yield is it known whether it was wasted.'
expect_js "$charts" '"by-vm rate response response-histogram"' 'imported: charts'
# --- replayed, not tuned
"$COUNTERSPIN" replay imported.db > "$scratch/log"
rm imported.db.html
page imported.db
says imported.db "Not known: no window has been looked for ('counterspin tune' does it)." "No window has been looked for yet: 'counterspin tune' does it."
says_not imported.db 'No policy has been replayed'
expect_js "$charts" '"by-vm length-histogram rate response response-histogram wasted"' 'not tuned: charts'

# --- the closed loop: not simulated, agreeing, contradictory, refused
cp imported.db loop.db
says imported.db "Nothing has been simulated yet: 'counterspin simulate DB' does it."
expect_js 'return [...document.querySelectorAll("#closed_loop > *")].filter(e => e.checkVisibility()).length' 2 'not simulated: one line, and a title'
simulated loop.db
page loop.db
expect "$(jq -c '[.simulated_gains[1:][].agreement] | unique' loop.db.json)" '["agree"]' 'agreeing'
says_not loop.db 'Contradictory: '
words='return [...document.querySelectorAll("#f-simulated_gains text.soft, #f-simulated_gains text.contradictory")].map(e => e.textContent)'
expect_js "$words" '["the recorded policy","agree","agree","agree"]' 'agreeing: words'
sqlite3 loop.db "UPDATE simulation SET value = -value, stat_lo = -stat_hi, stat_hi = -stat_lo, total_lo = -total_hi, total_hi = -total_lo,
	verdict = CASE verdict WHEN 'gain' THEN 'loss' ELSE verdict END WHERE policy LIKE 'ipi-aware%' AND metric = 'throughput_gain'
	AND vm IS NULL"
rm loop.db.html
page loop.db
says loop.db 'Not known, as replay and simulate contradict each other' 'Contradictory: ipi-aware, throughput_gain' \
	'replay and simulate contradict each other in 2 of '
expect_js "$words" '["the recorded policy","contradictory","agree","contradictory"]' 'contradictory: words'
sqlite3 loop.db "DELETE FROM simulation; UPDATE simulation_gate SET result = 'REFUSE', reason = 'the recorded host is unlike any other'"
rm loop.db.html
page loop.db
says loop.db 'REFUSE, as recorded: the model does not reproduce it, so there are no gains.' 'the recorded host is unlike any other' \
	'the closed loop does not reproduce the recording (gate REFUSE'
says_not loop.db 'Nothing has been simulated'
expect_js 'return document.querySelector("#f-simulated_gains")' null 'refused: no figure'
