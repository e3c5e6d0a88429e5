#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Recordings that are generated for measurements: they say what the generator says, whatever
# the format, and could have happened. Import gives the same facts from all formats.
. "${BASH_SOURCE%/*}/lib.sh"
: "${GENERATE_RECORDING:?}"
GENERATE_RECORDING=$(realpath "$GENERATE_RECORDING")

# generate RECORDING [OPTION...]: what it prints is in RECORDING.counts.
generate() {
	"$GENERATE_RECORDING" "${@:2}" "$1" > "$1.counts"
}

# facts DB: all of them, but for those about the file.
facts() {
	sql "$1" "SELECT kernel, machine, clock, isa, n_cpu, t0, t1, realtime_offset, events, used,
			 ignored, lost, host_facts, probes FROM recording"
	sqlite3 "$1" .dump | grep -v '^INSERT INTO recording VALUES'
}

generate raw.dat --events 200000
generate plain.dat --events 200000 --version 7
generate zstd.dat --events 200000 --version 7 --zstd
for r in raw plain zstd; do
	import $r.dat
	facts $r.dat.db > $r.facts
	expect "$(cat $r.dat.counts)" "$(cat raw.dat.counts)" "events generated, $r"
	expect "$(sql $r.dat.db "SELECT name || ' ' || n FROM event_type WHERE n > 0 UNION ALL
		SELECT 'events ' || events FROM recording" | sort)" "$(sort raw.dat.counts)" \
		"events read, $r"
	cmp -s $r.facts raw.facts || fail "facts from $r.dat: $(diff raw.facts $r.facts | head -5)"
	if command -v trace-cmd > "$scratch/out"; then
		expect "$(trace-cmd report $r.dat 2> "$scratch/log" | grep -cE ' \[[0-9]+\] ')" \
			"$(sed -n 's/^events //p' raw.dat.counts)" "events that trace-cmd reports, $r"
	fi
done
expect "$(sql raw.dat.db 'SELECT format FROM recording') $(sql zstd.dat.db 'SELECT format FROM recording')" \
	'trace.dat 6 trace.dat 7' 'formats'

# One seed, one recording; another seed, another one.
generate again.dat --events 200000 --version 7 --zstd
cmp zstd.dat again.dat || fail 'not the same bytes twice'
generate other.dat --events 200000 --version 7 --zstd --seed 2
! cmp -s zstd.dat other.dat || fail 'the seed makes no difference'

# What cannot have happened did not.
expect "$(sql raw.dat.db "
	SELECT 'lost', lost FROM recording UNION ALL SELECT 'gaps', count(*) FROM gap UNION ALL
	SELECT 'VMs', count(*) FROM vm WHERE n_vcpus = 16 AND membership = 'tgid' AND NOT created
	UNION ALL
	SELECT 'threads in two places', count(*) FROM (
		SELECT t0 < lag(t1) OVER (PARTITION BY thread ORDER BY t0, id) AS wrong FROM on_cpu)
	 WHERE wrong UNION ALL
	SELECT 'CPUs with two threads', count(*) FROM (
		SELECT t0 < lag(t1) OVER (PARTITION BY cpu ORDER BY t0, id) AS wrong FROM on_cpu)
	 WHERE wrong UNION ALL
	SELECT 'IPIs before they were sent', count(*) FROM ipi
	 WHERE t_accept < t_send OR t_inject <= t_accept OR t_ack <= t_inject UNION ALL
	SELECT 'PAUSE exits without a decision', (SELECT sum(n_pause) FROM vcpu) -
		(SELECT count(*) FROM decision)")" \
'lost|0
gaps|0
VMs|20
threads in two places|0
CPUs with two threads|0
IPIs before they were sent|0
PAUSE exits without a decision|0' 'impossible facts'

# Much of what matters is there.
expect "$(sql raw.dat.db "
	SELECT (SELECT count(*) FROM decision WHERE switched_out) > 5000,
	       (SELECT count(*) FROM ipi WHERE t_ack NOT NULL) > 3000,
	       (SELECT count(*) FROM ipi WHERE t_ack IS NULL) < 500,
	       (SELECT count(DISTINCT cpu) FROM on_cpu) = 64")" '1|1|1|1' 'decisions, IPIs, CPUs'

# Probes see what a kernel with the stock policy would do.
generate probed.dat --events 50000 --probes
import probed.dat
expect "$(sql probed.dat.db "SELECT probes FROM recording UNION ALL SELECT DISTINCT source FROM decision
	UNION ALL SELECT count(*) > 1000 FROM attempt WHERE source = 'probe' AND result = 1")" \
'1
probe
1' 'probes'

expect_fails 2 'only version 7 is compressed' "$GENERATE_RECORDING" --zstd x.dat
expect_fails 2 'versions are 6 and 7' "$GENERATE_RECORDING" --version 5 x.dat
expect_fails 2 'out of range' "$GENERATE_RECORDING" --vcpus 257 x.dat
expect_fails 3 'No such file' "$GENERATE_RECORDING" --events 1 missing/x.dat
