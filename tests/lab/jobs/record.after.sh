# SPDX-License-Identifier: GPL-2.0-or-later
#
# What jobs/record.sh recorded, imported and replayed where it was booted from: every decision that
# the guests know of is there, and the replayed kernel does what the kernel did.

# pauses NAME: what the guests counted; a decision each
pauses() {
	cat "$OUT/$1.dat.pauselog".vm* | wc -c | awk '{ print $1 / 16 }'
}

for name in deep auto off; do
	import "$OUT/$name.dat" -o $name.db
	expect "$(sql $name.db 'SELECT lost FROM recording')" 0 "$name: lost events"
	expect "$(sql $name.db 'SELECT count(*) FROM decision')" "$(pauses $name)" "$name: decisions"
	expect "$(sql $name.db 'SELECT count(*) FROM vm')" 2 "$name: VMs"
	"$COUNTERSPIN" replay $name.db > $name.txt || fail "$name: replay"
	cat $name.txt
done
# TODO with counterspin record: fidelity of 'deep' and 'auto' as cli/fidelity.sh wants it
