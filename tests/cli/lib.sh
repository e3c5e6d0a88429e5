# SPDX-License-Identifier: GPL-2.0-or-later
#
# What every test of this directory begins with. A test runs in a directory of its
# own, which is empty and goes away at the end; it goes on after a failed
# expectation and fails at the end.
#
# From the environment: COUNTERSPIN and MAKE_RECORDING (programs), DATA (directory
# of recordings).

set -eu
set -o pipefail
: "${COUNTERSPIN:?}" "${MAKE_RECORDING:?}" "${DATA:?}"
COUNTERSPIN=$(realpath "$COUNTERSPIN")
MAKE_RECORDING=$(realpath "$MAKE_RECORDING")
DATA=$(realpath "$DATA")
export LC_ALL=C
umask 022

scratch=$(mktemp -d)
mkdir "$scratch/work"
cd "$scratch/work"
failures=0

at_exit() {
	status=$?
	cd /
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

# expect_fails STATUS PATTERN COMMAND...: it exits with STATUS, says one line (and
# perhaps a hint) that matches PATTERN (grep -E), writes nothing and leaves no file.
expect_fails() {
	local want=$1 pattern=$2 got=0 before after

	shift 2
	before=$(find . -printf '%p %s %i %T@\n' | sort)
	"$@" > "$scratch/out" 2> "$scratch/err" || got=$?
	after=$(find . -printf '%p %s %i %T@\n' | sort)
	[ $got = "$want" ] || fail "${*##*/}: status $got, wanted $want"
	[ ! -s "$scratch/out" ] || fail "${*##*/}: wrote to standard output"
	grep -Eq -- "$pattern" "$scratch/err" ||
		fail "${*##*/}: said '$(cat "$scratch/err")', wanted /$pattern/"
	awk 'NR > 2 || (NR == 2 && !/^hint: /) { exit 1 }' "$scratch/err" ||
		fail "${*##*/}: said more than a line and a hint: $(cat "$scratch/err")"
	[ "$before" = "$after" ] || fail "${*##*/}: changed files:
$(diff <(echo "$before") <(echo "$after"))"
}
