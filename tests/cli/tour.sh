#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# counterspin alone shows the way: on standard output, on a screen's few lines, and of the commands in
# it each is one, with options and arguments that it takes.
. "${BASH_SOURCE%/*}/lib.sh"

status=0
"$COUNTERSPIN" > tour 2> said || status=$?
expect $status 2 'status: nothing was asked'
expect "$(cat said)" '' 'on standard error'
[ "$(wc -l < tour)" -le 16 ] || fail "$(wc -l < tour) lines are no tour"
[ "$(wc -L < tour)" -le 100 ] || fail "a line of $(wc -L < tour) columns"

# each step as it stands there, of a recording that is there; record of no host
"$COUNTERSPIN" --help | sed -nE 's/^  ([a-z]+) .*/\1/p' > commands
sed -nE 's/^  (sudo )?counterspin ([a-z]+) (.*[^ ])   *[^ ].*$/\2 \3/p' tour > steps
[ "$(wc -l < steps)" -ge 4 ] || fail "steps: $(cat steps)"
expect "$(head -1 steps)" 'record -d 30s -o host17.dat' 'the first step'
cp "$DATA/ipi-heavy-icount.dat" host17.dat
while read -r command arguments; do
	grep -qx "$command" commands || fail "'$command' is no command"
	[ "$command" != record ] || arguments="$arguments --help"
	"$COUNTERSPIN" $command $arguments > out 2>&1 || fail "counterspin $command $arguments: status $?: $(head -3 out)"
done < steps
