# SPDX-License-Identifier: GPL-2.0-or-later
#
# What jobs/record.sh recorded, imported and replayed where it was booted from: every decision that
# the guests know of is there, and the replayed kernel does what the kernel did.

# pauses NAME: what the guests counted; a decision each
pauses() {
	cat "$OUT/$1.dat.pauselog".vm* | wc -c | awk '{ print $1 / 16 }'
}

# fidelity NAME STATE COLUMN LEAST: in per cent, of the decisions compared
fidelity() {
	local got=$(sql $1.db "SELECT 100.0 * $3 / compared FROM fidelity WHERE state = '$2'")

	awk -v got="$got" -v least="$4" 'BEGIN { exit got == "" || got == "NULL" || got < least }' ||
		fail "$1: $3 from $2 state: $got %, wanted $4 at least"
}

for name in deep auto off; do
	import "$OUT/$name.dat" -o $name.db
	expect "$(sql $name.db 'SELECT lost FROM recording')" 0 "$name: lost events"
	expect "$(sql $name.db 'SELECT count(*) FROM decision')" "$(pauses $name)" "$name: decisions"
	# without probes only host facts tell of groups of threads; these VMs come and go between them
	[ $name = off ] || expect "$(sql $name.db 'SELECT count(*) FROM vm')" 2 "$name: VMs"
	"$COUNTERSPIN" replay $name.db || fail "$name: replay"
done

# With two CPUs a candidate may change while the scan looks, the more so the busier this machine is;
# that must be the reason then. A second and a half is a small sample, too.
probed=96 reconstructed=94
if [ "$(sql deep.db 'SELECT count(DISTINCT cpu) FROM on_cpu')" = 1 ]; then
	probed=100 reconstructed=100
fi
for column in attempt_lists_equal targets_equal; do
	fidelity deep probed $column $probed
	fidelity deep reconstructed $column $reconstructed
	fidelity auto reconstructed $column 94	# dy_eligible of those not tried is not seen
done
expect "$(sql deep.db "SELECT coalesce(sum(racy) >= 0.9 * count(*), 1) FROM disagreement
	WHERE state = 'probed'")" 1 'deep: of what differs from probed state, nine in ten are races'
