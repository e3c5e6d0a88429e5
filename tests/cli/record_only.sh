#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The program for production hosts: record alone, and no SQLite, not even its headers.
. "${BASH_SOURCE%/*}/lib.sh"

[ "$SANITIZED" = 0 ] || [ "$SANITIZED" = OFF ] || exit 77	# once is enough
mkdir hidden
echo '#error no SQLite here' > hidden/sqlite3.h
CFLAGS="-I$PWD/hidden" cmake -S "$SOURCE" -B build -DRECORD_ONLY=ON -DDEVELOPER=ON > "$scratch/log" 2>&1 &&
	cmake --build build --parallel >> "$scratch/log" 2>&1 || fail "it does not build: $(tail -20 "$scratch/log")"
"$PWD/build/counterspin" --help > help
grep -q '^  record' help || fail 'no record'
grep -qE '^  (import|replay)' help && fail 'more than record'
ldd build/counterspin > libraries
grep -q libsqlite3 libraries && fail 'it needs SQLite'
expect_fails 2 "'import' is not a command" "$PWD/build/counterspin" import x.dat

# its package: without what it does not need, and never beside the whole
command -v dpkg-shlibdeps > "$scratch/out" || exit 0
(cd build && cpack) > "$scratch/log" 2>&1 || fail "no package: $(tail -5 "$scratch/log")"
package=$(echo build/counterspin-record_*.deb)
expect "$(dpkg-deb -f "$package" Package Conflicts Replaces)" 'Package: counterspin-record
Conflicts: counterspin
Replaces: counterspin' 'its name, and what it excludes'
dpkg-deb -f "$package" Depends | grep -q libtracefs1 || fail "it needs $(dpkg-deb -f "$package" Depends)"
dpkg-deb -f "$package" Depends | grep -qE 'libsqlite3|libseccomp' && fail "it needs $(dpkg-deb -f "$package" Depends)"
expect "$(dpkg-deb -c "$package" | sed -n 's|.*/man1/||p' | grep . | sort)" 'counterspin-record.1.gz
counterspin.1.gz' 'its manual'
