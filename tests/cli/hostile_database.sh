#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A database may come from anybody: what report and export make of it is valid, of bounded size and where it was
# asked for, or there is one clear line and nothing else.
. "${BASH_SOURCE%/*}/lib.sh"

import "$DATA/balanced.dat" -o good.db
"$COUNTERSPIN" replay good.db > "$scratch/log"

# changed SQL: a good.db after that, as x.db.
changed() {
	cp good.db x.db
	sqlite3 x.db "$1" > "$scratch/null"
}

# --- tables beside ours

changed 'CREATE TABLE "../evil"(x); CREATE TABLE "a""b"(x); INSERT INTO "../evil" VALUES (1); CREATE VIEW "/tmp/v" AS SELECT 1'
mkdir dir
"$COUNTERSPIN" export x.db --format=csv -o dir/csv 2> "$scratch/log" || fail "tables beside ours: $(cat "$scratch/log")"
expect "$(ls dir)" csv 'written beside the directory'
"$COUNTERSPIN" export good.db --format=csv -o dir/good 2> "$scratch/log"
diff -r dir/csv dir/good > "$scratch/diff" || fail "other files with tables beside ours: $(cat "$scratch/diff")"
for table in ../evil 'a"b' /tmp/v; do
	expect_fails 2 'no table or view' "$COUNTERSPIN" export x.db --format=csv --table="$table" -o other
done
