#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Completion in bash, without a terminal: what is offered for a line that ends at the cursor. It is
# held against what the program says of itself.
. "${BASH_SOURCE%/*}/lib.sh"
. "$SOURCE/schema/counterspin.bash"
COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'

# offered WORD...: for these words, as bash parts them; the last is under the cursor.
offered() {
	COMP_WORDS=(counterspin "$@")
	COMP_CWORD=$#
	COMPREPLY=()
	_counterspin "$COUNTERSPIN" "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}"
	[ ${#COMPREPLY[@]} -eq 0 ] || printf '%s\n' "${COMPREPLY[@]}"
}

commands() {
	"$COUNTERSPIN" --help | sed -nE 's/^  ([a-z]+) .*/\1/p'
}

policies() {
	"$COUNTERSPIN" policies | grep '^[a-z]'
}

[ "$(complete -p counterspin)" = 'complete -F _counterspin counterspin' ] || fail "$(complete -p counterspin)"
expect "$(offered '')" "$(commands; printf '%s\n' help --help --version)" 'commands'
expect "$(offered rep | head -1)" "$(commands | grep '^rep' | head -1)" 'a command that is begun'
expect "$(offered help tu)" tune 'help of a command'
expect "$(offered nonsense '')" '' 'what is no command has nothing'

for command in $(commands); do
	expect "$(offered "$command" -- | sed 's/=$//')" \
		"$("$COUNTERSPIN" "$command" --help | sed -nE 's/^ +(-., )?(--[a-z-]+).*/\2/p')" "options of $command"
done
expect "$(offered replay --js)" --json 'an option that is begun'
expect "$(offered replay --pol)" --policy= 'one that takes a value'

# policies and their parameters, in all the ways to write them
expect "$(offered replay -p '')" "$(policies)" 'after -p'
expect "$(offered replay --policy '')" "$(policies)" 'after --policy'
expect "$(offered replay --policy =)" "$(policies)" 'after --policy='
expect "$(offered replay --policy = ipi-)" "$(policies | grep '^ipi-')" 'a policy that is begun'
expect "$(offered explain a.db 1 -p ipi-)" "$(policies | grep '^ipi-')" 'behind arguments'
wanted='series=
ipi_tracking_enabled=
ipi_window_ns='
expect "$(offered replay -p ipi-aware :)" "$wanted" 'parameters'
expect "$(offered replay --policy = ipi-aware : ipi_w)" ipi_window_ns= 'a parameter that is begun'
expect "$(offered tune -p ipi-aware : ipi_window_ns =)" 50000000 'its default'
expect "$(offered tune -p ipi-aware : series = v2,ipi_w)" v2,ipi_window_ns= 'the second'
expect "$(offered tune -p none :)" '' 'no parameters'
expect "$(COMP_WORDBREAKS=' ' offered replay --policy=ipi-aware:ipi_w)" \
	--policy=ipi-aware:ipi_window_ns= 'where bash parts nothing'

# choices and files
expect "$(offered replay --state =)" 'probed
reconstructed' 'states'
expect "$(offered explain --state recon)" reconstructed 'a state that is begun'
expect "$(offered record --probes =)" 'auto
off
deep' 'modes'
for mode in $(offered record --probes =); do
	"$COUNTERSPIN" record --help | grep -qw "$mode" || fail "--probes=$mode is not in --help"
done
mkdir dir
touch host17.db 'with space.db' a.dat perf.data other.txt
expect "$(offered info '' | sort)" 'dir
host17.db
with space.db' 'databases'
expect "$(offered info --json ho)" host17.db 'behind an option'
expect "$(offered replay --seed 1 h)" host17.db 'behind an option with a value'
expect "$(offered info 'with\ ')" 'with space.db' 'a name with a blank'
expect "$(offered import '' | sort)" 'a.dat
dir
perf.data' 'recordings'
expect "$(offered import a.dat p)" perf.data 'a second recording'
expect "$(offered import -o '' | sort)" "$(offered info '' | sort)" 'the database to write'
expect "$(offered import --output = ho)" host17.db 'after ='
expect "$(offered replay host17.db '')" '' 'one database is enough'
expect "$(offered explain host17.db '')" '' 'numbers are not offered'
expect "$(offered record -o ot)" other.txt 'any file'
offered record -- tru | grep -x true > /dev/null || fail 'commands to run'
expect "$(offered record -- true ot)" other.txt 'their arguments'

# asked once: a program that is gone says the same
cp "$COUNTERSPIN" gone 2> /dev/null || ln "$COUNTERSPIN" gone
COUNTERSPIN=./gone
offered replay -- > before
_counterspin ./gone > /dev/null
rm gone
expect "$(offered replay --)" "$(cat before)" 'asked again'
