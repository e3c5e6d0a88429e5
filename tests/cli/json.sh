#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The keys that scripts rely on, and that they say what the text says.
set -eu
. "$(dirname "$0")/lib.sh"

json() {	# FILE PATH
	sqlite3 :memory: "SELECT json_extract(CAST(readfile('$1') AS TEXT), '$2')"
}
keys() {	# FILE PATH
	sqlite3 :memory: "SELECT group_concat(key, ' ') FROM json_each(CAST(readfile('$1') AS TEXT), '$2')"
}

"$COUNTERSPIN" import "$DATA/balanced.dat" -o b.db 2>/dev/null
"$COUNTERSPIN" info b.db --json > info.json
for key in path kernel events used ignored lost; do
	[ -n "$(json info.json "\$.recording.$key")" ] || fail "info: no recording.$key"
done
for key in name tgid n_vcpus; do
	case " $(keys info.json '$.vms[0]') " in *" $key "*) ;; *) fail "info: no vms[].$key" ;; esac
done
expect "$(json info.json '$.decisions') $(json info.json '$.attempts') $(json info.json '$.ipis') $(json info.json '$.gaps')" \
	"$(sql b.db "SELECT (SELECT count(*) FROM decision) || ' ' || (SELECT count(*) FROM attempt) || ' ' ||
	   (SELECT count(*) FROM ipi) || ' ' || (SELECT count(*) FROM gap)")" "info: counts"
expect "$(json info.json '$.recording.path')" balanced.dat "info: path"
expect "$(json info.json '$.vms[1].n_vcpus')" 4 "info: vCPUs"

"$COUNTERSPIN" replay b.db --json > replay.json
for key in name parameters decisions same_pick different_pick no_target receiver_hits receiver_waits; do
	case " $(keys replay.json '$.policies[1]') " in *" $key "*) ;; *) fail "replay: no policies[].$key" ;; esac
done
for state in probed reconstructed; do
	for key in compared attempt_lists_equal targets_equal; do
		[ "$(json replay.json "\$.fidelity.$state.$key")" -gt 0 ] || fail "replay: no fidelity.$state.$key"
	done
done
expect "$(json replay.json '$.policies[1].parameters.stock_variant')" two-pass "stock variant of 6.1"
"$COUNTERSPIN" replay b.db --json -p ipi-aware:ipi_window_ns=1000,series=v2 > one.json
expect "$(json one.json '$.policies[1].parameters.ipi_window_ns') $(json one.json '$.policies[1].parameters.series')" \
	"1000 v2" "parameters as given"
# a window of nothing leaves the filter without its first tier
"$COUNTERSPIN" replay b.db --json -p ipi-aware:ipi_window_ns=0 -p ipi-aware:ipi_tracking_enabled=0 > off.json
expect "$(json off.json '$.policies[1].different_pick')" "$(json off.json '$.policies[2].different_pick')" \
	"no window and no tracking do the same"

id=$(sql b.db "SELECT min(id) FROM decision WHERE id > 100 AND pick_idx NOT NULL")
"$COUNTERSPIN" explain b.db "$id" --json > explain.json
expect "$(json explain.json '$.decision')" "$id" "explain: decision"
expect "$(json explain.json '$.observed.pick_idx')" "$(sql b.db "SELECT pick_idx FROM decision WHERE id = $id")" "explain: pick"
"$COUNTERSPIN" policies --json > policies.json
expect "$(sqlite3 :memory: "SELECT count(*) FROM json_each(CAST(readfile('policies.json') AS TEXT), '\$.policies')")" 10 "policies"

expect_fails 2 "no policy 'nonesuch'" "$COUNTERSPIN" replay b.db -p nonesuch
expect_fails 2 "has no parameter 'ipi_window_ns'" "$COUNTERSPIN" replay b.db -p stock:ipi_window_ns=5
expect_fails 2 "is no value of parameter" "$COUNTERSPIN" replay b.db -p stock:stock_variant=three-pass
expect_fails 2 "a parameter of 'ipi-aware:series=v2,' is empty" "$COUNTERSPIN" replay b.db -p ipi-aware:series=v2,
expect_fails 2 "parameter 'ipi_window_ns' is given twice" "$COUNTERSPIN" replay b.db -p ipi-aware:ipi_window_ns=1,ipi_window_ns=2
expect_fails 2 "'stock' is given twice" "$COUNTERSPIN" replay b.db -p stock -p stock
expect_fails 2 "'ipi-aware:series=v3' is given twice, as 'ipi-aware' before" "$COUNTERSPIN" replay b.db -p ipi-aware -p relaxed -p ipi-aware:series=v3
expect_fails 2 "is given twice" "$COUNTERSPIN" explain b.db 1 -p none -p none
expect_fails 2 "needs a value" "$COUNTERSPIN" replay b.db -p ipi-aware:ipi_window_ns
expect_fails 2 "state is 'probed'" "$COUNTERSPIN" replay b.db --state=guessed
expect_fails 2 "missing argument" "$COUNTERSPIN" replay
expect_fails 2 "unexpected argument" "$COUNTERSPIN" info b.db b.db
expect_fails 2 "Unknown option" "$COUNTERSPIN" info --nonesuch b.db
expect_fails 2 "did you mean 'replay'" "$COUNTERSPIN" repaly b.db
expect_fails 2 "is not a command" "$COUNTERSPIN" xyzzy
expect_fails 3 "has no decision 99999999" "$COUNTERSPIN" explain b.db 99999999
expect_fails 2 "not the number of a decision" "$COUNTERSPIN" explain b.db -- -1
expect_fails 3 "cannot read 'nonesuch.db'" "$COUNTERSPIN" replay nonesuch.db
expect "$("$COUNTERSPIN" --version | cut -d' ' -f1)" counterspin "--version"

# a database that cannot be written is replayed all the same
chmod 400 b.db
if [ "$(id -u)" -ne 0 ]; then
	"$COUNTERSPIN" replay b.db > /dev/null 2> err
	grep -q 'results are not kept' err || fail "no warning that results are not kept"
fi
# output that cannot be written is not success
if "$COUNTERSPIN" policies > /dev/full 2> err; then fail "a full disk looks like success"; fi
for command in "info b.db" "replay b.db -p stock" "tune b.db" "explain b.db 1 --json" policies --version "replay --help"; do
	status=0
	"$COUNTERSPIN" $command >&- 2> err || status=$?
	expect "$status" 3 "$command: status where standard output is closed"
	grep -q 'cannot write to standard output' err || fail "$command: does not say that standard output is closed"
done
"$COUNTERSPIN" policies >&- <&- 2>&- && fail "without any stream, no results look like success"
"$COUNTERSPIN" info b.db <&- 2>&- > out || fail "with the other streams closed: status $?"
[ -s out ] || fail "no results with the other streams closed"
