# SPDX-License-Identifier: GPL-2.0-or-later
#
# A page as somebody sees it: headless Chromium, which chromedriver steers, spoken to in WebDriver
# (https://www.w3.org/TR/webdriver2/) by curl and jq. Includes lib.sh.
#
# Nothing here takes its time: a page is loaded when 'browse' returns, and what comes later is
# waited for (wait_js).

driver= driver_url= session= page_url=
# the checks that pages share, and functions for scripts
BROWSER_JS=$(realpath "${BASH_SOURCE%/*}/browser_lib.js")
. "${BASH_SOURCE%/*}/lib.sh"

clean_up() {
	[ -z "$session" ] || curl -s --max-time 10 -X DELETE "$driver_url/session/$session" > /dev/null || true
	# whatever is left is of the driver's own session of processes
	[ -z "$driver" ] || { pkill -KILL -s "$driver"; wait "$driver"; } 2> /dev/null || true
}

# wd METHOD PATH [FILE]: what the driver answers to the JSON of FILE; without session where PATH
# begins with '/'.
wd() {
	local path=$2 status=0

	[ "${path#/}" != "$path" ] || path=/session/$session/$path
	curl -s --max-time 120 -X "$1" -H 'Content-Type: application/json' ${3:+--data-binary "@$3"} \
		"$driver_url$path" > "$scratch/wd" || status=$?
	if [ $status -ne 0 ] || ! jq -c 'if (.value | type == "object" and has("error")) then halt_error else .value end' \
			"$scratch/wd" 2> "$scratch/wd.error"; then
		fail "WebDriver: $1 $path: curl $status: $(head -c 600 "$scratch/wd.error")"
		return 1
	fi
}

# What a browser keeps is kept in the scratch directory; it needs neither a sandbox, nor a GPU, nor a bus.
browser_start() {
	local end=$((SECONDS + 120)) program

	for program in chromedriver chromium curl jq; do
		command -v $program > "$scratch/which" || { fail "no $program: tests/setup.sh installs it"; exit 1; }
	done
	mkdir -p "$scratch/home" "$scratch/run"
	: > "$scratch/driver"
	HOME=$scratch/home XDG_RUNTIME_DIR=$scratch/run XDG_CONFIG_HOME=$scratch/home XDG_CACHE_HOME=$scratch/home \
		DBUS_SESSION_BUS_ADDRESS=disabled: TMPDIR=$scratch setsid chromedriver --port=0 > "$scratch/driver" 2>&1 &
	driver=$!
	until driver_url=$(sed -nE 's|.*started successfully on port ([0-9]+).*|http://127.0.0.1:\1|p' "$scratch/driver") &&
			[ "$driver_url" ]; do
		kill -0 "$driver" 2> /dev/null && [ $SECONDS -lt $end ] ||
			{ fail "chromedriver does not start: $(cat "$scratch/driver")"; exit 1; }
		sleep 0.1
	done
	jq -n --arg home "$scratch/home" '{capabilities: {alwaysMatch: {
		"goog:chromeOptions": {args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
			"--no-first-run", "--window-size=1200,900", "--user-data-dir=\($home)/chromium"]},
		"goog:loggingPrefs": {browser: "ALL", performance: "ALL"},
		timeouts: {pageLoad: 120000, script: 120000}}}}' > "$scratch/capabilities"
	wd POST /session "$scratch/capabilities" > "$scratch/session" || exit 1
	session=$(jq -r .sessionId "$scratch/session")
	open_url about:blank	# not what a new browser shows, which asks for a lot
}

# js SCRIPT [FILE]: the JSON of what SCRIPT, the body of a function, returns; 'arg' is the JSON of FILE.
js() {
	jq -n --rawfile common "$BROWSER_JS" --arg script "$1" --rawfile arg "${2:-/dev/null}" \
		'{script: ($common + "const arg = JSON.parse(arguments[0] || null);\n" + $script), args: [$arg]}' > "$scratch/script"
	wd POST execute/sync "$scratch/script"
}

# expect_js SCRIPT WANT WHAT [FILE]
expect_js() {
	expect "$(js "$1" "${4:-/dev/null}")" "$2" "$3"
}

# wait_js EXPRESSION WHAT: until that is so.
wait_js() {
	local end=$((SECONDS + 60)) got

	until got=$(js "return Boolean($1)") && [ "$got" = true ]; do
		[ "$got" ] && [ $SECONDS -lt $end ] || { fail "$2: not within a minute: $1"; return; }
		sleep 0.1
	done
}

# browse FILE: and all that was said or asked for on earlier pages is forgotten.
browse() {
	logged browser > "$scratch/forgotten"
	logged performance > "$scratch/forgotten"
	open_url "file://$(realpath "$1" | jq -sRr '.[:-1] | split("/") | map(@uri) | join("/")')"
}

open_url() {
	page_url=$1
	jq -n --arg url "$1" '{url: $url}' > "$scratch/url"
	wd POST url "$scratch/url" > "$scratch/wd.null"
}

# logged browser|performance: since it was last asked.
logged() {
	jq -n --arg type "$1" '{type: $type}' > "$scratch/type"
	wd POST se/log "$scratch/type"
}

# console: what the console says, a line each.
console() {
	logged browser | jq -r '.[] | "\(.level) \(.source): \(.message)"'
}

# requests: what was asked for since 'browse' but the page itself, a line each.
requests() {
	logged performance | jq -r --arg page "$page_url" '.[].message | fromjson.message |
		select(.method == "Network.requestWillBeSent") | .params.request.url |
		select(. != $page and (startswith("data:") | not))'
}

# mouse ACTIONS: of one mouse; an array of WebDriver's pointer actions, as jq takes it.
mouse() {
	jq -n "{actions: [{type: \"pointer\", id: \"mouse\", parameters: {pointerType: \"mouse\"}, actions: $1}]}" > "$scratch/actions"
	wd POST actions "$scratch/actions" > "$scratch/wd.null"
}

# place SELECTOR FX FY: the point at these shares of the element's width and height, as JSON of an action's
# x and y; scrolled to the middle of the window.
place() {
	jq -n --arg s "$1" --arg x "$2" --arg y "$3" '[$s, ($x | tonumber), ($y | tonumber)]' > "$scratch/place"
	js 'const e = document.querySelector(arg[0]);
		e.scrollIntoView({block: "center", behavior: "instant"});
		const r = e.getBoundingClientRect();
		return {x: Math.round(r.x + arg[1] * r.width), y: Math.round(r.y + arg[2] * r.height)};' "$scratch/place"
}

# hover SELECTOR FX FY; press SELECTOR FX FY; drag SELECTOR FX FY FX FY
hover() {
	mouse "[$(place "$@") + {type: \"pointerMove\", duration: 0}]"
}

press() {
	mouse "[$(place "$@") + {type: \"pointerMove\", duration: 0}, {type: \"pointerDown\", button: 0}, {type: \"pointerUp\", button: 0}]"
}
drag() {
	mouse "[$(place "$1" "$2" "$3") + {type: \"pointerMove\", duration: 0}, {type: \"pointerDown\", button: 0},
		$(place "$1" "$4" "$5") + {type: \"pointerMove\", duration: 100}, {type: \"pointerUp\", button: 0}]"
}

# wheel SELECTOR FX FY DY [N]: turned by DY pixels there, N times.
wheel() {
	jq -n --argjson at "$(place "$1" "$2" "$3")" --argjson dy "$4" --argjson n "${5:-1}" '{actions: [{type: "wheel", id: "wheel",
		actions: [range($n) | $at + {type: "scroll", deltaX: 0, deltaY: $dy, duration: 0, origin: "viewport"}]}]}' > "$scratch/actions"
	wd POST actions "$scratch/actions" > "$scratch/wd.null"
}

# keys N KEY: pressed N times; names of keys are those of WebDriver, as \uE004 for Tab.
keys() {
	jq -n --argjson n "$1" --argjson key "\"$2\"" '{actions: [{type: "key", id: "keyboard",
		actions: [range($n) | {type: "keyDown", value: $key}, {type: "keyUp", value: $key}]}]}' > "$scratch/actions"
	wd POST actions "$scratch/actions" > "$scratch/wd.null"
}

# look light|dark|print: as a screen, or paper, of that kind.
look() {
	jq -n --arg look "$1" '{cmd: "Emulation.setEmulatedMedia", params: (if $look == "print" then {media: "print"} else
		{media: "", features: [{name: "prefers-color-scheme", value: $look}]} end)}' > "$scratch/cdp"
	wd POST goog/cdp/execute "$scratch/cdp" > "$scratch/wd.null"
}

# width PIXELS: of what a page is shown in.
width() {
	jq -n --argjson w "$1" '{cmd: "Emulation.setDeviceMetricsOverride", params: {width: $w, height: 900,
		deviceScaleFactor: 1, mobile: false}}' > "$scratch/cdp"
	wd POST goog/cdp/execute "$scratch/cdp" > "$scratch/wd.null"
}

# print_pdf FILE
print_pdf() {
	jq -n '{background: true, shrinkToFit: true}' > "$scratch/print"
	wd POST print "$scratch/print" | jq -r . | base64 -d > "$1"
}
