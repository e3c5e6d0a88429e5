#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The page of a real recording as a browser shows it: it needs nothing but itself, says what 'report --json'
# says, and its charts do what a pointer asks of them.
. "${BASH_SOURCE%/*}/browser_lib.sh"
[ "$SANITIZED" = 0 ] || [ "$SANITIZED" = OFF ] || exit 77	# its code is seen to by others there, in less time

import "$DATA/balanced.dat" -o balanced.db
"$COUNTERSPIN" replay balanced.db > "$scratch/log"
"$COUNTERSPIN" tune balanced.db > "$scratch/log"
simulated balanced.db
"$COUNTERSPIN" report balanced.db -o page.html
"$COUNTERSPIN" report balanced.db --json > report.json
browser_start

# --- what these tests rest on: a page that is not as it should be is noticed
cat > bad.html <<- 'END'
	<!DOCTYPE html><html><head><meta http-equiv="Content-Security-Policy" content="script-src 'none'">
	<link rel=icon href="data:,"></head><body><p style="color: #999" id=a>faint</p><svg id=a></svg><h3>deep</h3>
	<img src="file:///nowhere.png"><script>1</script></body></html>
END
browse bad.html
console > said
grep -q '^SEVERE security: .*Content Security Policy' said || fail "a violation of the page's policy is not noticed: $(cat said)"
grep -q '^SEVERE network: .*nowhere' said || fail "what is not found is not noticed: $(cat said)"
expect "$(requests)" 'file:///nowhere.png' 'what a page asks for'
expect_js 'return inaccessible().length' 4 'what is inaccessible is noticed'
expect_js 'return tablesDiffer({ x: [] }, ["x"]).length' 1 'a missing table is noticed'

# --- one file, which asks for nothing and may ask for nothing
browse page.html
[ "$(stat -c %s page.html)" -le 1000000 ] || fail "$(stat -c %s page.html) bytes"
expect "$(console)" '' 'console'
expect "$(requests)" '' 'requests'
expect_js 'return performance.getEntriesByType("resource").map(e => e.name)' '[]' 'resources'
expect_js 'return [...document.querySelectorAll("[src], [href]")].map(e => e.getAttribute("src") || e.getAttribute("href"))
	.filter(to => !to.startsWith("#") && to !== "data:,")' '[]' 'nothing leads out of the page'
expect_js 'const parts = document.querySelector("meta[http-equiv=Content-Security-Policy]").content.split(/; */);
	return parts.filter(p => !/^(default-src|base-uri|form-action) '\''none'\''$/.test(p) && p !== "img-src data:" &&
		!/^(script|style)-src( '\''sha256-[A-Za-z0-9+\/]{43}='\'')+$/.test(p)).concat(parts[0])' \
	"[\"default-src 'none'\"]" "the page's policy"
expect_js 'return document.title' '"balanced.db"' 'title'

# --- every table, and what is said
expect_js 'const tables = Object.keys(arg).filter(id => Array.isArray(arg[id]) && id !== "answers" && id !== "warnings");
	return tables.length < 25 ? tables : tablesDiffer(arg, tables)' '[]' 'tables' report.json
for id in simulated_gains replay_vs_simulate gains verdicts policies outcomes vm_time fidelity window_choice percentiles; do
	expect_js "return pageTable('$id').rows.length" "$(jq ".$id | length" report.json)" "rows of $id"
done
expect_js 'return arg.gains.filter(row => row.throughput_gain).length > 3 &&
	tablesDiffer({ gains: arg.gains.map((row, i) => i !== 2 ? row : Object.assign(row, { throughput_gain:
		Object.assign(row.throughput_gain, { value: row.throughput_gain.value + 1 }) })) }, ["gains"]).length' \
	1 'another figure is noticed' report.json
expect_js 'return [...document.querySelectorAll(".answer")].map(e => ({ id: e.id.slice(2),
	question: e.querySelector("dt").textContent, sentence: e.querySelector("dd").textContent }))' \
	"$(jq -c '[.answers[] | {id, question, sentence}]' report.json)" 'answers'
expect_js 'return [...document.querySelectorAll(".warnings li")].map(e => e.textContent)' "$(jq -c .warnings report.json)" 'warnings'
expect_js 'return Object.entries(arg.notes).filter(([id, notes]) => notes.some(note =>
	![...document.getElementById(id).querySelectorAll("p")].some(p => p.textContent === note)))' '[]' 'notes' report.json

# --- the charts have the numbers of the tables, and a dot stands where its gain is
expect_js 'return chartsDiffer(arg)' '[]' "the charts' numbers" report.json
expect_js 'return Object.keys(counterspin.charts).sort()' \
	'["by-vm","length-histogram","rate","response","response-histogram","wasted","window"]' 'charts'
expect_js 'const n = id => counterspin.charts[id].numRows();
	return [n("rate"), n("response"), n("wasted"), n("by-vm") * new Set(arg.over_time_by_vm.map(r => r.vm)).size,
		n("response-histogram") - 1, n("length-histogram") - 1]' \
	"$(jq -c '[(.over_time | length | (., ., .)), (.over_time_by_vm, .ipi_response_histogram, .episode_length_histogram | length)]' \
		report.json)" 'rows of charts' report.json
expect_js 'return counterspin.charts.rate.getValue(7, 1) === Number(arg.over_time[7].pause_exits.toPrecision(6))' true \
	'a point' report.json
expect_js 'const dots = [...document.querySelectorAll("#f-gains circle")].map(e => Number(e.getAttribute("cx")));
	const gains = arg.gains.filter(row => row.throughput_gain).map(row => row.throughput_gain.value);
	const unit = (dots.at(-1) - dots[0]) / (gains.at(-1) - gains[0]);
	return dots.length === gains.length && unit > 0 && gains.every((v, i) => Math.abs(dots[0] + (v - gains[0]) * unit - dots[i]) < 0.2)' \
	true 'dots stand where their gains are' report.json

# what simulate says above what replay does
expect_js 'const at = (s, key) => [...document.querySelectorAll("#f-simulated_gains " + s)].map(e => Number(e.getAttribute(key)));
	const dots = at("circle", "cx"), squares = at("rect.square", "x").map(x => x + 4);
	const gains = key => arg.simulated_gains.filter(row => row[key]).map(row => row[key].value);
	const simulated = gains("simulated"), replayed = gains("replayed");
	const unit = (dots.at(-1) - dots[0]) / (simulated.at(-1) - simulated[0]);
	const stands = (x, v) => Math.abs(dots[0] + (v - simulated[0]) * unit - x) < 0.2;
	return [dots.length, squares.length, unit > 0 && simulated.every((v, i) => stands(dots[i], v)) &&
		replayed.every((v, i) => stands(squares[i], v))]' '[4,3,true]' 'dots and squares stand where their gains are' report.json

# --- zoomed by dragging, those that are linked follow; the button shows all again
window='counterspin.charts.rate.xAxisRange()'
js "return $window" > whole
drag '#c-rate' 0.4 0.5 0.6 0.5
wait_js "String($window) !== '$(jq -r 'map(tostring) | join(",")' whole)'" 'zooming by dragging'
js "return $window" > zoomed
expect "$(jq -c --slurpfile zoomed zoomed '$zoomed[0] as $z | ($z[1] - $z[0]) / (.[1] - .[0]) | . > 0.15 and . < 0.3' whole)" true \
	"a fifth of the chart: $(cat whole zoomed)"
for id in response wasted by-vm; do
	expect_js "return counterspin.charts['$id'].xAxisRange()" "$(cat zoomed)" "$id follows"
done
expect_js 'return overlaps()' '[]' 'labels of zoomed charts'
drag '#c-wasted' 0.3 0.5 0.7 0.5
wait_js "String($window) !== '$(jq -r 'map(tostring) | join(",")' zoomed)'" 'zooming another'
press '#f-over_time button' 0.5 0.5
wait_js "String($window) === '$(jq -r 'map(tostring) | join(",")' whole)'" 'the whole recording again'
for id in response wasted by-vm; do
	expect_js "return counterspin.charts['$id'].xAxisRange()" "$(cat whole)" "$id follows back"
done

# --- under the pointer values are shown
legend='document.querySelector("#c-rate").previousElementSibling'
expect_js "return $legend.textContent" '"PAUSE exits 1/syields 1/s"' 'legend'
hover '#c-rate' 0.5 0.5
wait_js "/^PAUSE exits 1\\/s [0-9.,]+yields 1\\/s [0-9.,]+at [0-9.]+ s\$/.test($legend.textContent)" 'values under the pointer'
expect_js "const row = arg.over_time.find(r => (r.t / 1e9).toFixed(3) === /at (.*) s/.exec($legend.textContent)[1]);
	return reads(/s ([0-9.,]+)yields/.exec($legend.textContent)[1], Number(row.pause_exits.toPrecision(3)))" true \
	'the values of that time' report.json
hover 'h1' 0.5 0.5
wait_js "$legend.textContent === 'PAUSE exits 1/syields 1/s'" 'no pointer, no values'

for id in response wasted by-vm response-histogram length-histogram window; do
	hover "#c-$id" 0.5 0.5
	wait_js "/ [-0-9.,]+( %| [mun]?s)?(at|from).* [mun]?s\$/.test(document.querySelector('#c-$id').previousElementSibling.textContent)" \
		"$id: values under the pointer"
done
expect "$(console)" '' 'console after all this'
expect "$(requests)" '' 'requests after all this'
