# SPDX-License-Identifier: GPL-2.0-or-later
#
# What every test of this directory begins with. A test runs in a directory of its
# own, which is empty and goes away at the end; it goes on after a failed
# expectation and fails at the end.
#
# From the environment: COUNTERSPIN and MAKE_RECORDING (programs), DATA (directory
# of recordings), INJECT_LIBRARY (tests/inject.c), SANITIZED (ON: the program is).

set -eu
set -o pipefail
: "${COUNTERSPIN:?}" "${MAKE_RECORDING:?}" "${DATA:?}"
COUNTERSPIN=$(realpath "$COUNTERSPIN")
MAKE_RECORDING=$(realpath "$MAKE_RECORDING")
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
	if [ $status -ne 0 ]; then
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
