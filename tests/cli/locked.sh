#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A database that another process keeps locked is said to be in use, not to be damaged or none at all; what was
# reckoned when only writing is kept away is shown all the same. All wait at once: each waits half a minute.
. "${BASH_SOURCE%/*}/lib.sh"

import "$DATA/lock-heavy-icount.dat" -o read.db
"$COUNTERSPIN" replay read.db -p stock > "$scratch/log"
cp read.db written.db
cp read.db other.db

# locked DB SQL: another process has begun so, and goes on until this one ends.
locked() {
	mkfifo "$scratch/fifo"
	sqlite3 "$1" < "$scratch/fifo" > "$scratch/said" &
	exec {holder}> "$scratch/fifo"
	rm "$scratch/fifo"
	echo "$2; SELECT 1;" >&$holder
	until [ -s "$scratch/said" ]; do
		sleep 0.01
	done
	rm "$scratch/said"
}
locked read.db 'BEGIN EXCLUSIVE'
locked written.db 'BEGIN IMMEDIATE'

# begin NAME ARGUMENT...: the program, in the background.
begin() {
	(
		status=0
		"$COUNTERSPIN" "${@:2}" > "$scratch/$1.out" 2> "$scratch/$1.err" || status=$?
		echo $status > "$scratch/$1.status"
	) &
	pids+=($!)
}

readers=(info report compare json html explain perfetto csv replay simulate tune)
pids=()
begin info info read.db
begin report report read.db
begin compare report other.db --compare read.db
begin json report --json read.db
begin html report -o new.html read.db
begin explain explain read.db 1
begin perfetto export --format=perfetto -o new.pftrace read.db
begin csv export --format=csv -o new read.db
begin replay replay read.db
begin simulate simulate read.db
begin tune tune read.db
begin kept_replay replay written.db -p stock
begin kept_tune tune written.db
wait "${pids[@]}"

for name in "${readers[@]}"; do
	expect "$(cat "$scratch/$name.status") $(sed 's/^counterspin [a-z]*: //' "$scratch/$name.err")" \
		"3 'read.db' is in use by another process: database is locked" "$name"
	[ ! -s "$scratch/$name.out" ] || fail "$name: wrote to standard output"
done
expect "$(find . -name 'new*')" '' 'files made of it'
expect "$(sed 's/^counterspin [a-z]*: //' "$scratch"/kept_*.err)" \
	"warning: results are not kept in 'written.db': it is in use by another process: database is locked
warning: the curve is not kept in 'written.db': it is in use by another process: database is locked" 'what is not kept'
for name in replay tune; do
	[ -s "$scratch/kept_$name.out" ] || fail "$name: no results where they cannot be kept"
done
expect "$(cat "$scratch/kept_replay.status")" 0 'replay: status where results cannot be kept'
