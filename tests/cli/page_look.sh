#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The page as people meet it: light and dark, on a narrow window, on paper, by keyboard, and by ear.
. "${BASH_SOURCE%/*}/browser_lib.sh"
[ "$SANITIZED" = 0 ] || [ "$SANITIZED" = OFF ] || exit 77	# its code is seen to by others there, in less time

import "$DATA/balanced.dat" -o balanced.db
"$COUNTERSPIN" replay balanced.db > "$scratch/log"
"$COUNTERSPIN" tune balanced.db > "$scratch/log"
simulated balanced.db
"$COUNTERSPIN" report balanced.db -o page.html
browser_start

# --- that the checks see what they look for
cat > bad.html <<- 'END'
	<!DOCTYPE html><html><head><link rel=icon href="data:,"><style>body { color: #888; background: #fff }</style></head><body>
	<p>faint</p><svg><text x=0 y=9>one</text><text x=3 y=9>other</text></svg><div style="width: 3000px">wide</div></body></html>
END
browse bad.html
expect_js 'for (let i = 0; i < 120; i++) document.body.append(document.createElement("p")), document.body.lastChild.textContent = "f";
	return faintText().length' 2 'faint text is noticed'	# of div and p; SVG text is black
expect_js 'return [overlaps().length, tooWide().length > 0]' '[1,true]' 'overlaps and width are noticed'

# --- each look is another, and can be read
browse page.html
for look in light dark; do
	look $look
	wait_js "matchMedia('(prefers-color-scheme: $look)').matches" "$look"
	wait_js 'Object.values(counterspin.charts).every(g => g.getOption("gridLineColor") ===
		getComputedStyle(document.documentElement).getPropertyValue("--line").trim())' "$look: charts"
	js 'return { body: getComputedStyle(document.body).backgroundColor, ink: getComputedStyle(document.body).color,
			grid: counterspin.charts.rate.getOption("gridLineColor"), lines: counterspin.charts.rate.getColors() }' > $look
	js 'for (const d of document.querySelectorAll("details")) d.open = true' > "$scratch/null"
	expect_js 'return faintText()' '[]' "$look: text"
	js 'for (const d of document.querySelectorAll("details")) d.open = false' > "$scratch/null"
	expect_js 'return overlaps()' '[]' "$look: labels"
done
expect "$(jq -c --slurpfile dark dark '[.body != $dark[0].body, .ink != $dark[0].ink, .grid != $dark[0].grid, .lines != $dark[0].lines]' light)" \
	'[true,true,true,true]' 'light and dark differ'

# --- half a screen, and a phone
for width in 700 400; do
	width $width
	wait_js "document.documentElement.clientWidth <= $width && counterspin.charts.rate.size().width < $width" "$width pixels"
	expect_js 'return tooWide()' '[]' "$width pixels: nothing sticks out"
	expect_js 'return overlaps()' '[]' "$width pixels: labels"
done
width 1200

# --- from a dark screen to paper: light, the tables of figures unfolded, but for those of hundreds of rows
print_pdf page.pdf
expect "$(head -c 5 page.pdf)" '%PDF-' 'a PDF'
[ "$(stat -c %s page.pdf)" -gt 100000 ] || fail "the PDF has $(stat -c %s page.pdf) bytes"
sheets=$(grep -ac '/Type */Page\b' page.pdf)
[ "$sheets" -ge 5 ] && [ "$sheets" -le 30 ] || fail "$sheets sheets of paper"
expect_js 'return document.querySelectorAll("main details[open]").length' 0 'folded again'
look print
wait_js 'matchMedia("print").matches' 'as printed'
expect_js 'return getComputedStyle(document.body).backgroundColor' "$(jq .body light)" 'paper is white'
wait_js "counterspin.charts.rate.getColors().join() === '$(jq -r '.lines | join(",")' light)'" 'charts as on a light screen'
expect_js 'return ["nav", "button", "footer"].filter(s => [...document.querySelectorAll(s)].some(e => e.getClientRects().length))' \
	'[]' 'what is of no use on paper'
js 'dispatchEvent(new Event("beforeprint"))' > "$scratch/null"
expect_js 'return ["cpu_time", "ipi_response_histogram", "over_time"].map(id => document.getElementById("t-" + id).closest("details").open)' \
	'[true,true,false]' 'unfolded'
expect_js 'return faintText()' '[]' 'text on paper'
js 'dispatchEvent(new Event("afterprint"))' > "$scratch/null"
look light

# --- what is seen is also said; and all that can be done can be done by keyboard
expect_js 'return inaccessible()' '[]' 'accessibility'
js 'window.reached = new Set();
	addEventListener("focusin", e => window.reached.add(e.target));
	document.activeElement.blur()' > "$scratch/null"
keys "$(js 'return document.querySelectorAll("a, button, summary, input, select, canvas, [tabindex]").length + 40')" '\uE004'
expect_js 'return [...document.querySelectorAll("a, button, summary, input, select, canvas[tabindex]")].filter(e =>
	e.checkVisibility() && !window.reached.has(e)).map(e => e.outerHTML.slice(0, 80))' '[]' 'reached by Tab'
expect_js 'return window.reached.size > 30' true 'stops of Tab'
js 'document.querySelector("main summary").focus()' > "$scratch/null"
keys 1 '\uE007'
wait_js 'document.querySelector("main details").open' 'Enter unfolds a table'
expect "$(console)" '' 'console'
expect "$(requests)" '' 'requests'
