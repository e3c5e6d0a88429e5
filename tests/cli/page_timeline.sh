#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The timeline of a real recording's page, by pointer and by keyboard: it opens at the moments that are worth
# a look, and shows of a decision what 'counterspin explain' prints.
. "${BASH_SOURCE%/*}/browser_lib.sh"
[ "$SANITIZED" = 0 ] || [ "$SANITIZED" = OFF ] || exit 77	# its code is seen to by others there, in less time

import "$DATA/balanced.dat" -o balanced.db
"$COUNTERSPIN" replay balanced.db > "$scratch/log"
"$COUNTERSPIN" report balanced.db -o page.html
"$COUNTERSPIN" report balanced.db --json > report.json
browser_start
browse page.html

span() {	# ns that are shown
	js 'const v = counterspin.timeline.view(); return Math.round(v.t1 - v.t0)'
}
panel='document.querySelector("#timeline .tl-panel")'
shown() {	# id of the decision in the panel
	js "const h = $panel.querySelector('h3'); return h ? Number(/^Decision ([0-9]+):/.exec(h.textContent)[1]) : null"
}

# --- it opens at the first moment, and at its decision
expect_js 'return [...document.querySelectorAll(".tl-moments strong")].map(e => e.textContent)' \
	"$(jq -c '[.moments[].kind]' report.json)" 'moments'
expect_js 'return [...document.querySelectorAll(".tl-moments span")].map(e => e.textContent)' \
	"$(jq -c '[.moments[].what]' report.json)" 'what moments are'
expect "$(shown)" "$(jq '.moments[0].decision' report.json)" 'the decision of the first moment'
whole=$(span)
expect "$whole" "$(jq '.moments[0].length_ns' report.json)" 'all of the moment'
expect_js 'return counterspin.timeline.decisions()' "$(sql balanced.db "SELECT json_group_array(id) FROM (SELECT decision.id
	FROM decision JOIN vcpu ON vcpu.id = vcpu JOIN moment ON moment.id = (SELECT min(id) FROM moment)
	WHERE t_start >= moment.t0 AND t_start < moment.t1 AND vcpu.vm = (SELECT v.vm FROM decision AS d JOIN vcpu AS v ON v.id = d.vcpu
	WHERE d.id = moment.decision) ORDER BY 1)")" 'decisions that are shown'
expect_js 'const c = document.querySelector("#timeline canvas"), p = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
	return new Set(new Uint32Array(p.buffer)).size > 20' true 'something is drawn'

# --- of the decision of every moment: what explain prints
jq -r '.moments[].decision' report.json | while read -r id; do
	"$COUNTERSPIN" explain balanced.db "$id" --json
done | jq -cs . > explained.json
expect_js 'const complaints = [], name = idx => idx === null ? "nobody" : "vCPU " + idx;
	arg.forEach((e, i) => {
		counterspin.timeline.show(i);
		if (!counterspin.timeline.click(e.decision))
			return complaints.push("no decision " + e.decision);
		const panel = document.querySelector("#timeline .tl-panel"), head = panel.querySelector("h3").textContent;
		const cells = row => [...row.cells].map(c => c.textContent);
		const [kernel, ...policies] = [...panel.querySelector(".tl-policies table, table.tl-policies").tBodies[0].rows].map(cells);
		if (!head.startsWith("Decision " + e.decision + ": vCPU " + e.vcpu_idx + " of ") || !head.endsWith(" spins on CPU " + e.cpu))
			complaints.push(head);
		if (kernel[1] !== (e.observed.source === "unknown" ? "not known" : name(e.observed.pick_idx)))
			complaints.push(e.decision + ": the kernel: " + kernel[1]);
		const got = Object.fromEntries(policies.map(([policy, pick]) => [policy, pick]));
		for (const p of e.policies)
			if (got[p.name] !== name(p.pick_idx) + (p.certain ? "" : " (not certain)"))
				complaints.push(e.decision + ": " + p.name + ": " + got[p.name] + ", wanted " + p.pick_idx);
		const states = panel.querySelector(".tl-states table, table.tl-states");
		const names = cells(states.tHead.rows[0]).slice(1, -1);
		[...states.tBodies[0].rows].map(cells).forEach((row, idx) => names.forEach((state, n) => {
			const want = e.vcpus[idx][state];
			if (row[n + 1] !== (want === null ? "?" : want ? "1" : "\u00b7"))
				complaints.push(e.decision + ": vCPU " + idx + ": " + state + ": " + row[n + 1]);
		}));
		if (names.length < 10 || policies.length < e.policies.length)
			complaints.push(e.decision + ": " + names.length + " states, " + policies.length + " policies");
	});
	return complaints.slice(0, 10)' '[]' 'decisions and what explain prints' explained.json
expect "$(jq 'map(.policies | map(.pick_idx) | unique | length) | max > 2' explained.json)" true 'policies differ'

# --- another moment by its button; clicking a mark there opens its decision
press '.tl-moments li:nth-child(3) button' 0.5 0.5
wait_js "document.querySelector('#timeline').dataset.moment === '2'" 'the third moment'
expect "$(shown)" "$(jq '.moments[2].decision' report.json)" 'its decision'
expect "$(span)" "$(jq '.moments[2].length_ns' report.json)" 'all of it'
# where the pointer turns into a hand there is a mark; the third such place
place '#timeline canvas' 0.5 0.5 > "$scratch/at"
js 'const c = document.querySelector("#timeline canvas"), r = c.getBoundingClientRect(), found = [];
	for (let y = r.height / 4; y < r.height && found.length < 3; y += 4)
		for (let x = 100, last = -9; x < r.width && found.length < 3; x += 3) {
			c.dispatchEvent(new PointerEvent("pointermove", { clientX: r.x + x, clientY: r.y + y, bubbles: true }));
			if (c.style.cursor !== "pointer")
				continue;
			if (x - last > 9)
				found.push([x / r.width, y / r.height]);
			last = x;
		}
	return found.at(-1)' > mark
js "$panel.replaceChildren()" > "$scratch/null"
press '#timeline canvas' $(jq -r '.[]' mark)
wait_js "$panel.querySelector('h3')" 'a click on a mark opens its decision'
expect_js "return counterspin.timeline.decisions().includes($(shown))" true 'which is one that is shown'

# --- the wheel scrolls the page, and with Ctrl zooms to microseconds, at the pointer; dragging moves; a double click shows all again
before=$(span)
js 'document.querySelector("#timeline canvas").scrollIntoView({ block: "center" }); return 0' > "$scratch/null"
top=$(js 'return Math.round(scrollY)')
wheel '#timeline canvas' 0.5 0.5 -240
wait_js "scrollY < $top" 'the wheel scrolls the page'
expect "$(span)" "$before" 'and does not zoom'
zoom_wheel '#timeline canvas' 0.5 0.5 -240
wait_js "counterspin.timeline.view().t1 - counterspin.timeline.view().t0 < 0.7 * $before" 'the wheel zooms with Ctrl'
zoom_wheel '#timeline canvas' 0.5 0.5 -300 16
wait_js 'counterspin.timeline.view().t1 - counterspin.timeline.view().t0 <= 10000' 'to microseconds'
js 'return counterspin.timeline.view().t0' > before
drag '#timeline canvas' 0.7 0.5 0.4 0.5
wait_js "counterspin.timeline.view().t0 > $(cat before)" 'dragging to the left shows what is later'
zoom_wheel '#timeline canvas' 0.5 0.5 240
press '#timeline canvas' 0.9 0.98	# not on a mark: nothing happens
js 'document.querySelector("#timeline canvas").dispatchEvent(new MouseEvent("dblclick", {bubbles: true}))' > "$scratch/null"
wait_js "counterspin.timeline.view().t1 - counterspin.timeline.view().t0 === $before" 'a double click shows all of the moment'

# --- by keyboard
js 'document.querySelector("#timeline canvas").focus()' > "$scratch/null"
keys 2 +
wait_js "Math.abs(4 * (counterspin.timeline.view().t1 - counterspin.timeline.view().t0) - $before) < 9" '+ zooms'
js 'return counterspin.timeline.view().t0' > at
keys 1 '\uE014'
wait_js "counterspin.timeline.view().t0 > $(cat at)" 'right: later'
keys 2 '\uE012'
wait_js "counterspin.timeline.view().t0 < $(cat at)" 'left: earlier'
keys 1 -
wait_js "Math.abs(2 * (counterspin.timeline.view().t1 - counterspin.timeline.view().t0) - $before) < 9" '- zooms out'
keys 1 0
wait_js "counterspin.timeline.view().t1 - counterspin.timeline.view().t0 === $before" '0: all of the moment'
id=$(shown)
keys 1 n
keys 1 '\uE007'
wait_js "$panel.querySelector('h3').textContent.startsWith('Decision ' + counterspin.timeline.decisions()[
	counterspin.timeline.decisions().indexOf($id) + 1] + ':')" 'n and Enter: the next decision'
keys 1 p
wait_js "$panel.querySelector('h3').textContent.startsWith('Decision $id:')" 'p: the one before'
expect_js 'return /, [0-9]+ decisions\. Keys: /.test(document.querySelector("#timeline canvas").getAttribute("aria-label"))' true \
	'what who does not see it is told'

# --- the same as a table
press '#timeline .tl-table summary' 0.02 0.5
wait_js 'document.querySelector("#timeline .tl-decisions tbody")' 'decisions as a table'
expect_js 'return [...document.querySelector("#timeline .tl-decisions tbody").rows].map(r => Number(r.cells[0].textContent))' \
	"$(js 'return counterspin.timeline.decisions()')" 'all decisions of the moment'
expect "$(console)" '' 'console'
expect "$(requests)" '' 'requests'
