#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What once went wrong. fixtures/*.script become recordings, *.json are host facts of a good one, and those that
# are large are printed by *.sh. Each comes to an end within 10 s and 512 MiB, with a clear message or a database,
# and leaves nothing else behind.
. "${BASH_SOURCE%/*}/../cli/lib.sh"
fixtures=$SOURCE/tests/fuzz/fixtures

record good.dat <<- END
	1000 0 0   sched_switch next_pid=910
	2000 0 910 kvm_entry vcpu_id=0
	3000 0 910 kvm_exit vcpu_id=0 exit_reason=0x78 isa=2
	4000 0 910 sched_switch prev_pid=910 prev_state=1
END

# One line and perhaps a hint, or warnings and a summary: printable all of it.
check_messages() {	# NAME STATUS
	awk -v status="$2" '
		/[^[:print:]]/ { exit 1 }
		status == 3 && (NR > 2 || (NR == 2 && !/^hint: /)) { exit 1 }
		status != 3 && !/^x.db: |^counterspin import: / { exit 1 }
		END { if (!NR) exit 1 }' "$scratch/log" || fail "$1: said $(cat -v "$scratch/log")"
}

import_one() {	# NAME WANTED-STATUSES OPTION...
	local name=$1 want=$2 status=0 left

	shift 2
	ASAN_OPTIONS=quarantine_size_mb=32 timeout 120 "$BUILD/tests/measure" "$COUNTERSPIN" import "$@" -o x.db \
		> "$scratch/measured" 2> "$scratch/log" || status=$?
	[[ $want == *$status* ]] || fail "$name: status $status: $(cat -v "$scratch/log")"
	! grep -Eq 'reading it took more than|the process that read it' "$scratch/log" ||
		fail "$name: said $(cat "$scratch/log")"
	awk '$2 > 10 || $3 > 512 * 1024 { exit 1 }' "$scratch/measured" ||
		fail "$name: took too much: $(cat "$scratch/measured") (s, CPU s, KiB, KiB)"
	check_messages "$name" $status
	[ $status = 3 ] || expect "$(sql x.db 'PRAGMA integrity_check; PRAGMA foreign_key_check;
		SELECT count(*) FROM on_cpu WHERE t1 < t0 OR t_ready > t0 OR guest_ns < 0')" "ok
0" "$name: facts"
	[ $status = 3 ] || rm x.db
	left=$(ls -A)
	expect "$left" "$before" "$name: files left"
}

shopt -s nullglob
for fixture in "$fixtures"/*; do
	name=$(basename "$fixture")
	options=(input.dat)
	case $name in
	*.script) record input.dat < "$fixture" ;;
	*.script.sh) bash "$fixture" | ASAN_OPTIONS=intercept_strstr=0 record input.dat ;;	# else quadratic
	*.dat) cp "$fixture" input.dat ;;
	*.json) cp "$fixture" input.json ;;
	*.json.sh) bash "$fixture" > input.json ;;
	esac
	if [ -e input.json ]; then
		cp good.dat input.dat
		options+=(--host-facts input.json)
	fi
	before=$(ls -A)
	import_one "$name" '0 3' "${options[@]}"
	import_one "$name" '0 1 3' --strict --ignore-probes "${options[@]}"
	rm -f input.dat input.json
done
