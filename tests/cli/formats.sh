#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# trace.dat 6 and 7, compressed or not: the same facts. Every event accounted for: counts by type
# equal trace-cmd's, buffer instances included.
set -eu
. "$(dirname "$0")/lib.sh"
command -v trace-cmd >/dev/null || { echo "trace-cmd is not installed"; exit 77; }

facts() {	# DB: all facts but the file's own name, format and checksum
	sqlite3 "$1" .dump | grep -v '^INSERT INTO recording VALUES'
	sql "$1" "SELECT kernel, machine, clock, isa, n_cpu, t0, t1, events, used, ignored, lost, probes FROM recording"
}

for name in lock-heavy-instance lock-heavy-icount ipi-heavy-icount; do
	cp "$DATA/$name.dat"* .		# with host facts, if they are not in it
	"$COUNTERSPIN" import $name.dat -o zstd7.db 2>/dev/null
	facts zstd7.db > want
	for variant in "6 none" "7 none" "7 zstd"; do
		set -- $variant
		trace-cmd convert -i $name.dat -o v.dat --file-version "$1" --compression "$2" >/dev/null 2>&1
		[ ! -e $name.dat.host.json ] || cp $name.dat.host.json v.dat.host.json
		"$COUNTERSPIN" import v.dat -o v.db --force 2>/dev/null || fail "import of $name as version $1, $2"
		facts v.db > got
		cmp want got || fail "$name: version $1 with compression $2 gives other facts"
		expect "$(sql v.db "SELECT format FROM recording")" "trace.dat $1" "format"
		rm -f v.dat* v.db
	done
	rm -f zstd7.db
done

recordings=("$DATA"/*.dat)
[ ! -d "$SOURCE/../shared/traces" ] || recordings+=("$SOURCE"/../shared/traces/{balanced-v6,mixed-8vcpu,balanced-noprobe}.dat)
for r in "${recordings[@]}"; do
	"$COUNTERSPIN" import "$r" -o c.db --force 2>/dev/null
	sql c.db "SELECT name, sum(n) FROM event_type GROUP BY name ORDER BY name" | tr '|' ' ' > ours
	# TASK-TID [CPU] TIME: EVENT: ..., after 'INSTANCE:' for a buffer instance
	LC_ALL=C trace-cmd report -R "$r" 2>/dev/null |
		sed -nE 's/^.*\[[0-9]+\] +[0-9]+\.[0-9]+: ([a-zA-Z0-9_]+): .*/\1/p' | LC_ALL=C sort | uniq -c |
		awk '{ print $2, $1 }' > theirs
	diff <(LC_ALL=C sort ours) theirs || fail "$(basename "$r"): counts differ from trace-cmd's"
	expect "$(sql c.db "SELECT events = used + ignored + lost, events = (SELECT sum(n) FROM event_type) + lost,
		used = (SELECT sum(used) FROM event_type) FROM recording")" "1|1|1" "$(basename "$r"): events add up"
done

# --- cycles as nanoseconds, as trace-cmd has them

record tsc.dat << 'END'
clock x86-tsc
tsc2nsec 1431655765 32 1000
3000000 0 0 sched_switch next_pid=910
6000000 0 910 kvm_entry vcpu_id=0
9000000 0 910 kvm_exit vcpu_id=0 exit_reason=0x78 isa=2
12000000 0 910 sched_switch prev_pid=910 prev_state=1
END
import tsc.dat
expect "$(sql tsc.dat.db 'SELECT t0, t1 FROM recording')" '999999|3999999' 'times of the TSC'
expect "$(trace-cmd report -t tsc.dat | sed -nE 's/.* 0\.00*([0-9]+): .*/\1/p' | sed '1p;$!d' | tr '\n' ' ')" \
	'999999 3999999 ' "trace-cmd's times"
