#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# An import is all or nothing: a database appears whole, under its name, readable
# by its owner alone, or nothing does and what was there before stays as it was.
. "${BASH_SOURCE%/*}/lib.sh"

listing() {
	find . -mindepth 1 | sort
}

for name in one other; do
	record $name.dat <<- END
		uname $name x86_64
		1000 0 0 sched_switch next_pid=910
		2000 0 910 kvm_entry vcpu_id=0
		3000 0 910 kvm_exit vcpu_id=0 exit_reason=0x78 isa=2
		4000 0 910 sched_switch prev_pid=910 prev_state=1
	END
done
head -c 20000 one.dat > bad.dat

# --- an existing database

import one.dat -o a.db
expect "$(sql a.db 'SELECT kernel FROM recording')" one 'a.db is made from one.dat'
cp a.db kept.db
expect_fails 3 "'a.db' exists" "$COUNTERSPIN" import other.dat -o a.db
expect_fails 3 "'bad.dat': no scheduler events .* the file ends before the events do" "$COUNTERSPIN" import --force bad.dat -o a.db
expect_fails 3 'not host facts' "$COUNTERSPIN" import --force --host-facts=bad.dat other.dat -o a.db
cmp a.db kept.db || fail 'a failed import changed the database'
import --force other.dat -o a.db
expect "$(sql a.db 'SELECT kernel FROM recording')" other '--force replaces'
mkdir d.db
for other in d.db one.dat; do
	expect_fails 3 "'$other' exists and is not one of counterspin's databases" "$COUNTERSPIN" import --force one.dat -o $other
done
rmdir d.db

# --- permissions, and the same bytes each time

umask 000
import one.dat -o b.db
umask 022
expect "$(stat -c %a a.db b.db | tr '\n' ' ')" '600 600 ' 'mode of the databases'
cmp b.db kept.db || fail 'two imports of one recording differ'
chmod 644 b.db
import --force one.dat -o b.db
expect "$(stat -c %a b.db)" 600 'mode of a replaced database'
rm ./*.db

# --- a disk that is full after 16 KiB

full_disk() (
	trap '' XFSZ
	ulimit -f 16
	"$COUNTERSPIN" import "$@"
)
expect_fails 3 'disk|full|write|large' full_disk one.dat -o a.db
import one.dat -o a.db
cp a.db "$scratch/kept.db"
expect_fails 3 'disk|full|write|large' full_disk --force other.dat -o a.db
cmp a.db "$scratch/kept.db" || fail 'a full disk harmed the database'

# --- killed half-way, with a recording that takes a while

cp "$DATA/ipi-heavy-icount.dat" long.dat
start=$(date +%s%N)
import long.dat -o "$scratch/long.db"
took=$(($(date +%s%N) - start))
rm ./*.db
n_killed=0 n_nothing=0
for existing in no yes; do
	for ((percent = 0; percent <= 110; percent += 5)); do
		rm -f a.db
		[ $existing = no ] || cp "$scratch/kept.db" a.db
		before=$(listing)
		"$COUNTERSPIN" import --force long.dat -o a.db 2> "$scratch/log" &
		ns=$((took * percent / 100))
		sleep "$(printf "%d.%09d" $((ns / 1000000000)) $((ns % 1000000000)))"
		kill -9 $! 2> "$scratch/kill" || true
		status=0
		wait $! 2> "$scratch/kill" || status=$?
		[ $status -eq 0 ] || n_killed=$((n_killed + 1))
		if [ -e a.db ] && cmp -s a.db "$scratch/long.db"; then
			continue	# done before it was killed
		fi
		n_nothing=$((n_nothing + 1))
		expect "$(listing)" "$before" "files after a kill at $percent % ($existing database before)"
		[ $existing = no ] || cmp a.db "$scratch/kept.db" || fail "a kill at $percent % harmed a.db"
		[ $status -ne 0 ] || fail "the import ended well at $percent %, and made nothing"
	done
done
[ $n_killed -gt 10 ] && [ $n_nothing -gt 10 ] ||
	fail "only $n_killed killed, $n_nothing before the end: this test tests little"
