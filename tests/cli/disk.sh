#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Disks that are full, out of inodes or read-only: small real ones (tmpfs; ext4 on a loop device),
# mounted where nobody else sees them. Skipped where nothing can be mounted.

if [ "${1-}" != mounted ]; then
	for how in --mount '--mount --map-root-user'; do
		if unshare $how mount -t tmpfs none /mnt 2> /dev/null; then
			exec unshare $how bash "$0" mounted
		fi
	done
	echo 'nothing can be mounted here' >&2
	exit 77
fi
. "${BASH_SOURCE%/*}/lib.sh"
: "${INJECT_LIBRARY:?}" "${SANITIZED:?}"

clean_up() {
	while umount -q "$scratch/work/disk"; do
		:
	done
}

record one.dat <<- END
	uname one x86_64
	1000 0 0 sched_switch next_pid=910
	2000 0 910 kvm_entry vcpu_id=0
	3000 0 910 kvm_exit vcpu_id=0 exit_reason=0x78 isa=2
	4000 0 910 sched_switch prev_pid=910 prev_state=1
END
import one.dat
cp "$DATA/balanced.dat" larger.dat
import larger.dat
mkdir disk

# fill KIB: all but so much.
fill() {
	local bytes

	rm -f disk/filler
	for bytes in 128k 1k; do	# the last corners with small ones
		dd if=/dev/zero bs=$bytes >> disk/filler 2> "$scratch/log" || true
	done
	sync -f disk
	truncate -s "-$(($1 * 1024))" disk/filler
	sync -f disk
}

# try RECORDING EXISTING RULES: with less room than it takes, and then with enough.
try() {
	local recording=$1 existing=$2 size step free tried=0

	size=$(($(stat -c %s "$recording.db") / 1024))
	step=$((size / 12))
	rm -f disk/*
	[ "$existing" = no ] || cp one.dat.db disk/a.db
	for ((free = 0; free < size; free += step)); do
		fill $free
		expect_fails 3 "disk/a\\.db': cannot write the database: database or disk is full|No space left" injected "$3" --force "$recording" -o disk/a.db
		tried=$((tried + 1))
	done
	fill $((size + size / 8 + 64))
	injected "$3" --force "$recording" -o disk/a.db 2> "$scratch/err" || fail "with enough room: $(cat "$scratch/err")"
	cmp disk/a.db "$recording.db" || fail 'not the same as elsewhere'
	[ $tried -gt 5 ] || fail 'this test tests little'
}

try_all() {
	for existing in no yes; do
		for names in '' 'tmpfile@1+=EOPNOTSUPP'; do
			try one.dat $existing "$names"
			try larger.dat $existing "$names"
		done
	done
}

room=$(($(stat -c %s larger.dat.db) / 1024 * 2 + 4096))
mount -t tmpfs -o size=${room}k none disk
try_all

# --- results that find no room

rm -f disk/*
cp larger.dat.db disk/a.db
fill 16
"$COUNTERSPIN" replay disk/a.db > "$scratch/out" 2> "$scratch/err" || fail "replay on a full disk: $(cat "$scratch/err")"
expect "$(cat "$scratch/err")" \
	"counterspin replay: warning: results are not kept in 'disk/a.db': cannot write the database: database or disk is full" \
	'results without room'

# --- no more files

mount -t tmpfs -o nr_inodes=4 none disk
for i in 1 2 3; do
	: > disk/$i
done
expect_fails 3 "cannot write in 'disk': No space left" "$COUNTERSPIN" import one.dat -o disk/a.db

# --- read-only

rm disk/*
cp one.dat.db wal.db
sqlite3 wal.db 'PRAGMA journal_mode = WAL' > "$scratch/log"
mv wal.db disk
cp one.dat.db one.dat disk
mount -o remount,ro disk
for force in '' --force; do
	expect_fails 3 "cannot write in 'disk': Read-only file system" "$COUNTERSPIN" import $force one.dat -o disk/a.db
done
expect_fails 3 "cannot write in 'disk': Read-only file system" "$COUNTERSPIN" import --force larger.dat -o disk/one.dat.db
expect_fails 3 "cannot write in 'disk': Read-only file system" "$COUNTERSPIN" import --force disk/one.dat
expect_fails 3 "'disk/wal.db' is in SQLite's WAL mode" "$COUNTERSPIN" info disk/wal.db
import disk/one.dat -o here.db
rm here.db
umount disk
umount disk

# --- a file system that allocates late

truncate -s $((room * 2))k "$scratch/image"
if mkfs.ext4 -q -m 0 "$scratch/image" 2> "$scratch/log" && mount -o loop "$scratch/image" disk 2>> "$scratch/log"; then
	rmdir disk/lost+found
	try_all
else
	echo "not tested: ext4: $(tail -1 "$scratch/log")" >&2
fi
