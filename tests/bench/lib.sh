# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the measurements have in common. Recordings are generated in a directory of their own
# below TMPDIR, which goes away at the end.
#
# From the environment: BUILD (build directory; build/ of this tree).

set -euo pipefail
export LC_ALL=C.UTF-8

here=$(realpath "${BASH_SOURCE%/*}")
BUILD=$(realpath "${BUILD:-$here/../../build}")
counterspin=$BUILD/counterspin
tests=$BUILD/tests

for program in "$counterspin" "$tests/generate_recording" "$tests/measure"; do
	[ -x "$program" ] || {
		echo "${0##*/}: no $program: build first, or set BUILD" >&2
		exit 2
	}
done
if grep -q '^SANITIZE:BOOL=ON' "$BUILD/CMakeCache.txt" 2>/dev/null ||
   ! grep -q '^CMAKE_BUILD_TYPE:STRING=Release' "$BUILD/CMakeCache.txt" 2>/dev/null; then
	echo "${0##*/}: WARNING: not a release build, times mean nothing" >&2
fi

scratch=$(mktemp -d "${TMPDIR:-/tmp}/counterspin-bench.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

# generate RECORDING [OPTION...]: prints how many events it has.
generate() {
	"$tests/generate_recording" "${@:2}" "$1" | sed -n 's/^events //p'
}

# run NAME COMMAND...: a line of 'measure' more in NAME.runs.
run() {
	"$tests/measure" "${@:2}" 2> "$1.log" >> "$1.runs" || {
		echo "${0##*/}: ${*:2}: $(tail -1 "$1.log")" >&2
		exit 3
	}
}

# column FILE N: the median of its Nth column.
column() {
	awk -v n="$2" '{ print $n }' "$1" | sort -g | awk '{ v[NR] = $1 }
		END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

least() {
	awk -v n="$2" '{ print $n }' "$1" | sort -g | head -1
}

is_number() {
	[[ $1 =~ ^[1-9][0-9]*$ ]]
}

about_here() {
	echo "$(nproc) CPUs, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1);" \
		"load $(cut -d ' ' -f 1 /proc/loadavg) at the start"
}
