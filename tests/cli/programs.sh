#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Programs hold all that was recorded in their span, and are what the guests say they did.
. "${BASH_SOURCE%/*}/lib.sh"
: "${PROGRAM_DUMP:?}"
PROGRAM_DUMP=$(realpath "$PROGRAM_DUMP")

# figure NAME: of the last dump
figure() {
	sed -n "s/^$1=//p" dump
}

# near A B PERCENT
near() {
	awk -v a="$1" -v b="$2" -v p="$3" 'BEGIN { exit !(b > 0 && a >= b * (1 - p / 100) && a <= b * (1 + p / 100)) }'
}

# ran WHICH: time on the CPUs in the span, of threads that are vCPUs or not
ran() {
	local t0 length

	t0=$(figure t0) length=$(figure length)
	sql r.db "SELECT sum(min(on_cpu.t1, $t0 + $length) - max(on_cpu.t0, $t0))
		FROM on_cpu JOIN thread ON thread.id = thread
		WHERE vcpu IS $1 NULL AND on_cpu.t1 > $t0 AND on_cpu.t0 < $t0 + $length"
}

# check RECORDING UNMODELLED [PERCENT]: no more of its spinning is unmodelled, and waits for answers
# are as many a second as the guests say, within PERCENT.
check() {
	local name=${1##*/} asked

	import "$1" -f -o r.db
	"$PROGRAM_DUMP" --items r.db > dump 2> log || { fail "$name: $(cat log)"; return; }
	echo "$name: $(sed -n '/^vm[0-9]*\//d; /=/p' dump | paste -sd' ')"
	expect "$(figure compute_ns)" "$(figure work_ns)" "$name: work that is computed"
	expect "$(figure on_cpu_ns)" "$(ran NOT)" "$name: time of vCPUs"
	expect "$(figure background_ns)" "$(ran '')" "$name: time of others"
	awk -v w="$(figure work_ns)" -v s="$(figure spin_seen_ns)" -v c="$(figure on_cpu_ns)" \
		'BEGIN { exit !(w + s <= c && w + s > c * 0.8) }' ||
		fail "$name: work and waits are no good share of the time on CPUs"
	awk -v u="$(figure unmodelled_spin_percent)" -v b="$2" 'BEGIN { exit !(u <= b) }' ||
		fail "$name: $(figure unmodelled_spin_percent) % of spinning is unmodelled"
	[ -n "${3-}" ] || return 0
	asked=$(jq '[.vms[] | .measured_s as $s | .totals.by_op | (.ipi, .multi, .bcast, .pvipi, .lockipi) / $s] | add' \
		"$1.truth.json")
	near "$(figure responses)e9" "$(awk -v a="$asked" -v l="$(figure length)" 'BEGIN { printf "%f", a * l }')" "$3" ||
		fail "$name: $(figure responses) answers, and guests say $asked a second"
}

check "$DATA/balanced.dat" 6 5
check "$DATA/ipi-heavy-icount.dat" 1 5
check "$DATA/lock-heavy-icount.dat" 4 15
check "$DATA/lock-heavy-instance.dat" 1
check "$DATA/ipi-heavy-relaxed.dat" 1

# one seed, one set of programs; another draws other guest modes
"$PROGRAM_DUMP" --items r.db 1 > again 2> log
cmp -s dump again || fail "the same seed: $(diff dump again | head -5)"
"$PROGRAM_DUMP" --items r.db 2 > other 2> log
! cmp -s dump other || fail 'another seed, the same programs'
expect "$(sed -n 's/^compute_ns=//p' other)" "$(figure compute_ns)" 'another seed: work'

traces=$SOURCE/../shared/traces
[ -d "$traces" ] || exit 0
for name in balanced balanced-noprobe-probed eevdf-ipi-heavy ipi-heavy ipi-heavy-ipi lock-heavy mixed-8vcpu; do
	check "$traces/$name.dat" 12 5
done
check "$traces/ab/ipi-heavy-2pcpu/stock-seed3802.dat" 1 5
check "$traces/ab/lock-heavy/stock-seed3201.dat" 1 5
