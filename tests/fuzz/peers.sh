#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: peers.sh [--seed S] [--count N] BUILD [DIR]	(seed 1, 3000 files)
#
# What mutated recordings do to the programs that read such files: 'trace-cmd report' (trace.dat), 'perf script'
# (perf.data) and 'counterspin import' (both), of BUILD, which has no sanitizers. The files stay in DIR, if that is
# given (a new one), and what came of each: DIR/results, lines of program, format, status, file.
#
# A file is of the format that it was of before it was mutated, whatever is left of that. Recordings that one of the
# others does not read undamaged are left out. Each run may take 10 s and 2 GiB of addresses, and who cannot cope with
# that dies of it. 'signal' has those of the process that import lets read the file, too, its failed assertions, and
# its want of memory.
set -euo pipefail
export LC_ALL=C.UTF-8
here=$(realpath "${BASH_SOURCE%/*}")
SECONDS_EACH=10 KIB_EACH=$((2 << 20))

seed=1 count=3000 arguments=()
while [ $# -gt 0 ]; do
	case $1 in
	--seed) seed=${2-}; shift ;;
	--count) count=${2-}; shift ;;
	*) arguments+=("$1") ;;
	esac
	[ $# -eq 0 ] || shift
done
if ! [[ $seed =~ ^[0-9]+$ && $count =~ ^[1-9][0-9]*$ && ${#arguments[@]} =~ ^[12]$ ]]; then
	sed -n 's/^# usage: /usage: /p' "$here/peers.sh" >&2
	exit 2
fi
build=$(realpath "${arguments[0]}")
for program in "$build/counterspin" "$build/tests/fuzz_import"; do
	[ -x "$program" ] || {
		echo "peers.sh: no $program: build first" >&2
		exit 2
	}
done
if grep -q '^SANITIZE:BOOL=ON' "$build/CMakeCache.txt"; then
	echo "peers.sh: $build has sanitizers, which need more memory than programs get here" >&2
	exit 2
fi

scratch=$(mktemp -d "${TMPDIR:-/tmp}/counterspin-peers.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
dir=${arguments[1]:-$scratch/files}
mkdir "$dir"
dir=$(realpath "$dir")
cd "$scratch"
export HOME=$scratch		# nobody's settings

programs=(counterspin)
declare -A title=([counterspin]='counterspin import' [trace-cmd]='trace-cmd report' [perf]='perf script')
declare -A reads=([counterspin]='trace.dat perf.data' [trace-cmd]=trace.dat [perf]=perf.data)
for program in trace-cmd perf; do
	if command -v $program > found; then
		programs+=("$program")
	else
		echo "${title[$program]}: not run, no $program"
	fi
done

format_of() {
	case $1 in
	*.data) echo perf.data ;;
	*) echo trace.dat ;;
	esac
}

# Status of PROGRAM on FILE: 124 took too long, 129 to 159 died of a signal, as of a shell's.
status_of() {	# PROGRAM FILE
	local command status=0 since=$SECONDS

	case $1 in
	counterspin) command=("$build/counterspin" import --force -o x.db "$2") ;;
	trace-cmd) command=(trace-cmd report "$2") ;;
	perf) command=(perf script -i "$2") ;;
	esac
	(
		ulimit -c 0 -v $KIB_EACH
		exec timeout --kill-after=2 $SECONDS_EACH "${command[@]}"
	) > /dev/null 2> said < /dev/null || status=$?
	if [ "$1" = counterspin ] && [ $status -eq 3 ]; then
		if grep -q 'reading it took more than' said; then
			status=124
		elif grep -Eq 'the process that read it|while it was used|assertion failed|not be reached|out of memory' said
		then
			status=134
		fi
	fi
	[ $status -ne 137 ] || [ $((SECONDS - since)) -lt $SECONDS_EACH ] || status=124
	echo $status
}

bash "$here/corpus.sh" "$build" corpus > log
rm corpus/*.json	# peers do not know host facts, and nothing else is to be mutated
for file in corpus/*; do
	format=$(format_of "$file")
	[ "$(status_of counterspin "$file")" = 0 ] || {
		echo "peers.sh: undamaged ${file#*/}: $(cat said)" >&2
		exit 1
	}
	for program in "${programs[@]:1}"; do
		[[ ${reads[$program]} == *$format* ]] || continue
		[ "$(status_of "$program" "$file" 2> log)" != 0 ] || continue
		echo "left out: ${file#*/}, which ${title[$program]} does not read undamaged"
		rm "$file"
		break
	done
done
recordings=$(find corpus -type f | wc -l)
"$build/tests/fuzz_import" --seed "$seed" --count "$count" --write "$dir" corpus/*

for file in "$dir/$seed"-*; do
	format=$(format_of "$file")
	for program in "${programs[@]}"; do
		[[ ${reads[$program]} == *$format* ]] || continue
		echo "$program $format $(status_of "$program" "$file" 2> log) ${file##*/}"
	done
done > "$dir/results"

echo "$count mutations of $recordings recordings, seed $seed"
printf '%-20s %-10s %7s %9s %9s %9s %9s\n' '' format files 'status 0' other signal 'timed out'
for format in trace.dat perf.data; do
	for program in "${programs[@]}"; do
		[[ ${reads[$program]} == *$format* ]] || continue
		awk -v program="$program" -v format=$format -v title="${title[$program]}" '
			$1 != program || $2 != format { next }
			{ n++ }
			$3 == 0 { fine++; next }
			$3 == 124 { late++; next }
			$3 > 128 && $3 < 160 { died++; by[$3 - 128]++; next }
			{ other++ }
			END {
				for (s = 1; s < 32; s++)
					if (s in by)
						which = which (which ? ", " : "  (") by[s] " of signal " s
				printf "%-20s %-10s %7d %9d %9d %9d %9d%s\n", title, format, n, fine, other, died,
					late, which (which ? ")" : "")
			}' "$dir/results"
	done
done
