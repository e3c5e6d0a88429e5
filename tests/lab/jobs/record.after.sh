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
	expect "$(sql $name.db 'SELECT count(*) FROM vm')" 2 "$name: VMs"
	"$COUNTERSPIN" replay $name.db || fail "$name: replay"
done

# differs NAME STATE MOST: decisions, in per cent, that differ though nothing changed while they were made
differs() {
	local got=$(sql $1.db "SELECT 100.0 * (SELECT count(*) FROM disagreement AS d WHERE d.state = f.state AND NOT racy)
		/ compared FROM fidelity AS f WHERE state = '$2'")

	awk -v got="$got" -v most="$3" 'BEGIN { exit got == "" || got == "NULL" || got > most }' ||
		fail "$1: $got % differ from $2 state without a race, wanted $3 at most"
}

# With two CPUs a candidate may change while the scan looks, the more often the busier the machine below is.
probed=95 reconstructed=94 auto=92
if [ "$(sql deep.db 'SELECT count(DISTINCT cpu) FROM on_cpu')" = 1 ]; then
	probed=100 reconstructed=100 auto=94
fi
for column in attempt_lists_equal targets_equal; do
	fidelity deep probed $column $probed
	fidelity deep reconstructed $column $reconstructed
	fidelity auto reconstructed $column $auto	# dy_eligible of those not tried is not seen
done
differs deep probed 0.1
differs deep reconstructed 0.5
differs auto reconstructed 2
