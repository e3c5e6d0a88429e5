# SPDX-License-Identifier: GPL-2.0-or-later
#
# What every test of this directory begins with. A test runs in a directory of its
# own, which is empty and goes away at the end; it goes on after a failed
# expectation and fails at the end.
#
# From the environment: COUNTERSPIN, MAKE_RECORDING and PERF_RECORDING (programs), DATA
# (directory of recordings), INJECT_LIBRARY (tests/inject.c), SANITIZED (the program is).
# With PERF_TWIN every recording that a test imports is imported as perf.data, too, and
# must give the same facts.

set -eu
set -o pipefail
: "${COUNTERSPIN:?}" "${MAKE_RECORDING:?}" "${PERF_RECORDING:?}" "${DATA:?}"
COUNTERSPIN=$(realpath "$COUNTERSPIN")
MAKE_RECORDING=$(realpath "$MAKE_RECORDING")
PERF_RECORDING=$(realpath "$PERF_RECORDING")
DATA=$(realpath "$DATA")
[ -z "${INJECT_LIBRARY-}" ] || INJECT_LIBRARY=$(realpath "$INJECT_LIBRARY")
export LC_ALL=C
umask 022

scratch=$(mktemp -d)
mkdir "$scratch/work"
cd "$scratch/work"
failures=0

clean_up() {	# for tests to say what else is to be done at the end
	:
}

at_exit() {
	status=$?
	cd /
	clean_up
	rm -rf "$scratch"
	if [ $status -eq 77 ]; then
		return
	elif [ $status -ne 0 ]; then
		echo "FAIL: ${0##*/} stopped with status $status" >&2
	elif [ $failures -ne 0 ]; then
		echo "FAIL: ${0##*/}: $failures expectations failed" >&2
		exit 1
	fi
}
trap at_exit EXIT

# fail WHAT: one expectation failed.
fail() {
	echo "FAIL: ${0##*/}:${BASH_LINENO[-2]}: $1" >&2
	failures=$((failures + 1))
}

# expect GOT WANT WHAT
expect() {
	[ "$1" = "$2" ] || fail "$3
--- wanted
$2
--- got
$1
---"
}

# sql DB QUERY: its rows, a line each, columns parted by '|', 'NULL' for NULL.
sql() {
	sqlite3 -batch -noheader -nullvalue NULL "$1" "$2"
}

# record NAME: make a recording of the script on standard input.
record() {
	"$MAKE_RECORDING" - "$1"
}

# import RECORDING [OPTION...]: into RECORDING.db; talk goes to $scratch/log.
import() {
	if ! "$COUNTERSPIN" import "$@" > "$scratch/out" 2> "$scratch/log"; then
		fail "counterspin import $*: $(cat "$scratch/log")"
		return 1
	fi
	[ ! -s "$scratch/out" ] || fail "counterspin import $* wrote to standard output"
	[ -z "${PERF_TWIN:-}" ] || compare_twin "$@"
}

# simulated DB: after a replay, as if simulated, with gains a tenth above those of replay: whether a model reproduces
# a recording is no matter of tests of what is shown.
simulated() {
	sqlite3 "$1" "DELETE FROM simulation; DELETE FROM simulation_gate;
		INSERT INTO simulation_gate VALUES ('', 0, 1, 1, 1, 'WARN', 1.5, -8, 12, -17, 0.2, 20, 1, NULL);
		WITH r AS (SELECT * FROM replay WHERE policy IN ('stock', 'ipi-aware', 'relaxed', 'ipi-aware+relaxed') ORDER BY id LIMIT 9),
		shown(metric, vm) AS (VALUES ('throughput_gain', NULL), ('spin_cpu_saved', NULL), ('ipi_response_change', NULL),
			('pause_exits_change', NULL), ('yields_change', NULL), ('throughput_gain', 1), ('throughput_gain', 2))
		INSERT INTO simulation SELECT '', policy, parameters, 'plain', NULL, vm, e.metric, unit, 1.1 * value, 1.1 * stat_lo, 1.1 * stat_hi,
			1.1 * total_lo, 1.1 * total_hi, verdict, reason
		  FROM r CROSS JOIN shown CROSS JOIN estimate e ON e.replay = r.id AND e.metric = shown.metric
		UNION ALL SELECT '', policy, parameters, 'plain', NULL, column2, column1, 'percent', 3.5, 3, 4, 1, 6, 'no clear effect', 'made up'
		  FROM r, (VALUES ('ipi_response_p50_change', NULL), ('ipi_response_p95_change', NULL), ('ipi_response_p99_change', NULL),
			('share_change', 1), ('share_change', 2))"
}

# facts DB: its rows, but for what a perf.data has otherwise than a trace.dat of the same events:
# recording.path, sha256 and format; and the groups of threads, which a trace.dat does not say.
facts() {
	cp "$1" "$scratch/facts.db"
	sql "$scratch/facts.db" "UPDATE recording SET path = '', sha256 = '', format = ''; UPDATE thread SET tgid = NULL"
	sqlite3 "$scratch/facts.db" .dump
}

# compare_twin RECORDING... [OPTION...]: what import made of them against the same in perf.data.
compare_twin() {
	local db= paths=() args=() n=0 arg

	while [ $# -gt 0 ]; do
		arg=$1
		shift
		case $arg in
		-o) db=$1; shift ;;
		-f|--force) ;;
		-*) args+=("$arg") ;;
		*) paths+=("$arg") ;;
		esac
	done
	db=${db:-${paths[0]}.db}
	# of a damaged file libtracecmd may see less
	[ "$(sql "$db" "SELECT count(*) FROM gap WHERE why GLOB '*damaged*' OR why GLOB '*zeros*' OR why GLOB '*file ends*'
		OR why GLOB '*stepped*'")" = 0 ] || return 0
	# libtracecmd tells neither uname, nor clock, nor what the recorder counted as lost
	local clock=-1 lost=$(sql "$db" 'SELECT lost FROM recording')
	[ "$(sql "$db" 'SELECT clock FROM recording')" = perf ] || clock=1
	for arg in "${paths[@]}"; do
		"$PERF_RECORDING" --no-groups --clockid=$clock --lost-samples="$lost" \
			--release="$(sql "$db" 'SELECT kernel FROM recording')" "$arg" "$scratch/twin$n"
		[ ! -e "$arg.host.json" ] || cp "$arg.host.json" "$scratch/twin$n.host.json"
		lost=0
		args+=("$scratch/twin$((n++))")
	done
	if "$COUNTERSPIN" import -f -o "$scratch/twin.db" "${args[@]}" 2> "$scratch/twin.log"; then
		facts "$db" > "$scratch/want"
		facts "$scratch/twin.db" > "$scratch/got"
		cmp -s "$scratch/want" "$scratch/got" || fail "${paths[*]}: as perf.data: other facts
$(diff "$scratch/want" "$scratch/got" | head -5)"
	else
		fail "${paths[*]}: as perf.data: $(cat "$scratch/twin.log")"
	fi
	rm -f "$scratch"/twin*
	echo "twin of ${paths[*]}" >&2
}

# injected RULES ARGUMENT...: 'counterspin import', some of whose calls fail (tests/inject.c). Its
# status is that of the program, without a word of the shell's if a signal ends it.
injected() {
	exec_injected "$@" &
	wait $! 2> /dev/null
}

# As the last command of a process. Nothing is ignored, as SIGINT is in the background; signals end
# a sanitized program, too.
exec_injected() {
	exec env --default-signal LD_PRELOAD="$INJECT_LIBRARY" INJECT="$1" \
		ASAN_OPTIONS=verify_asan_link_order=0:handle_segv=0:handle_sigbus=0 \
		"$COUNTERSPIN" import "${@:2}"
}

# Files and what tells that one was changed, or is another; of directories, that they are there.
listing_of_all() {
	find . -type d -printf '%p\n' -o -printf '%p %s %i %T@\n' | sort
}

# expect_fails STATUS PATTERN COMMAND...: it exits with STATUS, says one line (and
# perhaps a hint) that matches PATTERN (grep -E), writes nothing and leaves no file.
expect_fails() {
	local want=$1 pattern=$2 got=0 before after

	shift 2
	before=$(listing_of_all)
	"$@" > "$scratch/out" 2> "$scratch/err" || got=$?
	after=$(listing_of_all)
	[ $got = "$want" ] || fail "${*##*/}: status $got, wanted $want"
	[ ! -s "$scratch/out" ] || fail "${*##*/}: wrote to standard output"
	grep -Eq -- "$pattern" "$scratch/err" ||
		fail "${*##*/}: said '$(cat "$scratch/err")', wanted /$pattern/"
	awk 'NR > 2 || (NR == 2 && !/^hint: /) { exit 1 }' "$scratch/err" ||
		fail "${*##*/}: said more than a line and a hint: $(cat "$scratch/err")"
	[ "$before" = "$after" ] || fail "${*##*/}: changed files:
$(diff <(echo "$before") <(echo "$after"))"
}
