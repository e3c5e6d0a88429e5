#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Whatever a recorded host names its VMs and threads is shown as text and does nothing.
. "${BASH_SOURCE%/*}/browser_lib.sh"

script='</script><script>window.pwned=1</script>' img='"><img src=x onerror=window.pwned=1>' link="'><a href=javascript:window.pwned=1>"
db="$img <b>${link//\//}.db"
import "$DATA/balanced.dat" -o "$db"
"$COUNTERSPIN" replay "$db" -p ipi-aware > "$scratch/log"
"$COUNTERSPIN" report "$db" -o harmless.html
sqlite3 "$db" "UPDATE vm SET name = CASE id WHEN 1 THEN '$script<!--<script>' ELSE '$img' || printf('%.*c', 300, 'W') END;
	UPDATE thread SET comm = CASE id % 3 WHEN 0 THEN '$script' WHEN 1 THEN '$img' ELSE '\${alert(1)}\"' || char(10, 8232) END;
	UPDATE recording SET path = '$img$script', kernel = '6.1.0${link//\'/}';
	UPDATE host_param SET value = '$img' WHERE typeof(value) = 'text';
	INSERT INTO gap SELECT NULL, t0 + 1000, t0 + 2000, 1, '$img' FROM recording"
"$COUNTERSPIN" replay "$db" > "$scratch/log"	# whose sentences have the names
"$COUNTERSPIN" tune "$db" > "$scratch/log"
simulated "$db"
sqlite3 "$db" "UPDATE simulation SET policy = policy || '$img', scheduler_side = '$script', reason = '$img' WHERE policy = 'relaxed';
	UPDATE simulation SET reason = '$script', verdict = '$img' WHERE policy <> 'relaxed';
	INSERT INTO simulation_gate SELECT '$img', forfeit, run_to_parity, as_recorded, chosen, '$script', 1, 1, 1, 1, 1, 1, 1, '$script'
	FROM simulation_gate; INSERT INTO simulation_density VALUES ('$img', 1, '$script', '$img', 1, 0, 2, 0, 3, '$img', '$script')"
"$COUNTERSPIN" report "$db" -o page.html
"$COUNTERSPIN" report "$db" --json > report.json
expect "$(jq '[.vm_time[].vm | contains("pwned")] | all' report.json)" true 'names are those'
expect "$(jq '[.moments[].what | contains("pwned")] | any' report.json)" true 'they are in sentences'
browser_start

elements='const count = {}; for (const e of document.querySelectorAll("script, style, img, iframe, object, embed, base, link, meta, b"))
	count[e.localName] = (count[e.localName] || 0) + 1; return count'
browse harmless.html
js "$elements" > harmless
browse page.html
expect_js 'return window.pwned === undefined' true 'nothing was run'
expect_js "$elements" "$(cat harmless)" 'elements'
expect_js 'return [...document.querySelectorAll("*")].filter(e => [...e.attributes].some(a => a.name.startsWith("on")) ||
	(e.getAttribute("href") || "#").startsWith("javascript")).map(e => e.outerHTML)' '[]' 'handlers'
expect_js 'return document.title === arg.title && document.querySelector("h1").textContent === arg.title &&
	arg.title.includes("onerror")' true 'title' report.json
expect_js 'const tables = Object.keys(arg).filter(id => Array.isArray(arg[id]) && id !== "answers" && id !== "warnings");
	return tablesDiffer(arg, tables).concat(chartsDiffer(arg))' '[]' 'tables show the names as they are' report.json
expect_js 'const names = arg.vm_time.map(r => r.vm), legend = document.querySelector("#c-by-vm").previousElementSibling.textContent;
	const timeline = document.querySelector("#timeline").textContent;
	return names.filter(name => !legend.includes(name) || !timeline.includes(name))' '[]' 'legends' report.json
expect_js 'return arg.moments.filter((m, i) => document.querySelectorAll(".tl-moments span")[i].textContent !== m.what)' '[]' \
	'moments' report.json
expect_js 'return tooWide()' '[]' 'long names have room'

# --- nor when it is touched
hover '#c-by-vm' 0.5 0.5
wait_js 'document.querySelector("#c-by-vm").previousElementSibling.textContent.includes(" s")' 'values'
js 'for (const d of document.querySelectorAll("details")) d.open = true;
	const c = document.querySelector("#timeline canvas"), r = c.getBoundingClientRect();
	for (let i = 0; i < arg.moments.length; i++) {
		counterspin.timeline.show(i);
		counterspin.timeline.decisions().slice(0, 20).forEach(id => counterspin.timeline.click(id));
		for (let y = 1; y < r.height; y += 9)
			for (let x = 1; x < r.width; x += 31)
				c.dispatchEvent(new PointerEvent("pointermove", { clientX: r.x + x, clientY: r.y + y, bubbles: true }));
	}' report.json > "$scratch/null"
hover '#timeline canvas' 0.5 0.4
expect_js 'return window.pwned === undefined' true 'nothing was run'
expect_js "$elements" "$(cat harmless)" 'elements after all that'
expect "$(console)" '' 'console'
expect "$(requests)" '' 'requests'

# --- text that is none
sqlite3 "$db" "UPDATE vm SET name = CAST(x'fffe3c0d0a011b5b316d' AS TEXT) WHERE id = 1"
"$COUNTERSPIN" report "$db" -f -o page.html
browse page.html
expect_js 'return pageTable("vm_time").rows.length' 2 'a name that is no UTF-8'
expect "$(console)" '' 'console of that'
