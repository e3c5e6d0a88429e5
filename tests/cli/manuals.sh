#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The manual: each subcommand has one page, beside its source file, and counterspin(1) is about the
# whole. A page renders without warnings, its SYNOPSIS and OPTIONS are those of --help, and its
# examples run. counterspin(1) and README list the commands that --help does.
set -eu
set -o pipefail
: "${COUNTERSPIN:?}" "${SOURCE:?}" "${DATA:?}"
COUNTERSPIN=$(realpath "$COUNTERSPIN")
SOURCE=$(realpath "$SOURCE")
DATA=$(realpath "$DATA")
export LC_ALL=C.UTF-8
[ "${SANITIZED:-0}" = 0 ] || [ "$SANITIZED" = OFF ] || exit 77	# the examples' commands are run by others there

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/bin" "$scratch/work"
ln -s "$COUNTERSPIN" "$scratch/bin/counterspin"
cp "$DATA"/*.dat "$DATA"/*.dat.host.json "$scratch/work"
cd "$scratch/work"
failures=0

fail() {
	echo "FAIL: manuals.sh: $*" >&2
	failures=$((failures + 1))
}

section() {	# PAGE NAME: its lines, comments left out
	awk -v name="$2" '/^\.\\"/ { next } /^\.Sh / { here = substr($0, 5) == name; next } here' "$1"
}

unescape() {	# the few escapes that our pages use
	sed -e 's/\\\[u2026\]/…/g' -e "s/\\\\(aq/'/g" -e 's/\\-/-/g' -e 's/\\e/\\/g'
}

synopsis() {	# PAGE: as --help has it; macros that it does not know stay and show as a difference
	section "$1" SYNOPSIS |
		sed -E -e 's/^\.Op Ar (.*)/[\1]/' -e 's/^\.(Nm|Ar) //' | unescape | tr '\n' ' ' | words
}

words() {	# white space normalised
	awk '{ $1 = $1; print }'
}

page_options() {	# PAGE: "-o, --output=DB", a line each
	section "$1" OPTIONS | sed -nE -e '/^\.It /!d' -e 's/^\.It //' -e 's/ , /, /g' \
		-e 's/Fl -/--/g' -e 's/Fl /-/g' -e 's/ Ns = Ns Ar /=/' -e p | LC_ALL=C sort
}

help_options() {	# SUBCOMMAND: likewise
	"$COUNTERSPIN" "$1" --help |
		sed -nE 's/^ +((-[[:alnum:]], )?--[[:alnum:]-]+(=[^ ]+)?)( .*)?$/\1/p' | LC_ALL=C sort
}

examples() {	# PAGE: its commands, a line each, continued lines joined
	section "$1" EXAMPLES | unescape | awk '
		!more && /^\$ / { sub(/^\$ /, ""); more = 1 }
		more && sub(/\\$/, "") { line = line $0; next }
		more { print line $0; line = ""; more = 0 }'
}

renderers=0
renders() {	# PAGE
	local said

	if man --version 2>/dev/null | grep -q '^man [0-9]'; then
		renderers=$((renderers + 1))
		said=$(MANWIDTH=80 man --warnings=all,mac -l "$1" 2>&1 >rendered) || fail "man cannot show $1"
		[ -s rendered ] || fail "man shows nothing of $1"
		[ -z "$said" ] || fail "man warns of $1: $said"
	elif command -v groff >/dev/null; then
		renderers=$((renderers + 1))
		said=$(groff -mandoc -k -Tutf8 -wall "$1" 2>&1 >/dev/null) || fail "groff cannot show $1"
		[ -z "$said" ] || fail "groff warns of $1: $said"
	fi
	if command -v mandoc >/dev/null; then
		renderers=$((renderers + 1))
		said=$(mandoc -T lint -W warning "$1") || fail "mandoc warns of $1: $said"
	fi
	rm -f rendered
}

runs() {	# PAGE
	local commands command said

	mapfile -t commands < <(examples "$1")
	[ "${#commands[@]}" -gt 0 ] || fail "$1 has no example"
	for command in "${commands[@]}"; do
		said=$(PATH="$scratch/bin:$PATH" bash -o pipefail -c "$command" 2>&1 </dev/null) ||
			fail "$1: status $? of '$command': $said"
		[ -n "$said" ] || fail "$1: '$command' says nothing"
	done
}

mapfile -t names < <("$COUNTERSPIN" --help | sed -nE 's/^  ([a-z][a-z-]*) +[^ ].*$/\1/p')
[ "${#names[@]}" -gt 0 ] || fail "counterspin --help lists no subcommands"

# the lists of commands
whole=$SOURCE/schema/counterspin.1
section "$whole" COMMANDS | sed -nE '/^\.It Xr counterspin-/{ s/^.* counterspin-(.*) 1$/\1/; N; s/\n/ /; p }' | unescape >listed
"$COUNTERSPIN" --help | sed -nE 's/^  ([a-z][a-z-]*) +([^ ].*)$/\1 \2/p' >commands
diff listed commands >differences || fail "$whole: COMMANDS (<) are not those of --help (>):" "$(cat differences)"
sed -nE 's/^\| `([a-z]+)[ `].*/\1/p' "$SOURCE/README.md" >listed
diff listed <(printf '%s\n' "${names[@]}") >differences ||
	fail "README.md: the table (<) has not the commands of --help (>):" "$(cat differences)"
rm listed commands differences
renders "$whole"
runs "$whole"
rm host17.db

# in the order of --help, which is that of a recording's way: examples use databases of earlier pages
for name in "${names[@]}"; do
	mapfile -t pages < <(ls "$SOURCE"/*/"counterspin-$name.1" "$SOURCE"/*/*/"counterspin-$name.1" 2>/dev/null)
	page=${pages[0]-}
	if [ "${#pages[@]}" -ne 1 ] || [ ! -f "$page" ]; then
		fail "$name has not exactly one page: ${pages[*]}"
		continue
	fi
	grep -qsE "^int cmd_${name//-/_}\(" "$(dirname "$page")"/*.c || fail "$page is not beside cmd_$name()"
	usage=$("$COUNTERSPIN" "$name" --help | sed -n '/^Usage:/{n;p;q}' | words)
	[ "$(synopsis "$page")" = "$usage" ] || fail "$page: SYNOPSIS is '$(synopsis "$page")', --help has '$usage'"
	diff <(page_options "$page") <(help_options "$name") >differences ||
		fail "$page: OPTIONS (<) are not those of --help (>):" "$(cat differences)"
	rm differences
	renders "$page"
	runs "$page"
done

for page in "$SOURCE"/*/counterspin-*.1 "$SOURCE"/*/*/counterspin-*.1; do
	name=$(basename "$page" .1)
	case " ${names[*]} " in
	*" ${name#counterspin-} "*) ;;
	*) fail "$page is of no subcommand" ;;
	esac
done

for page in "$SOURCE"/*/counterspin-*.7; do
	renders "$page"
done

[ $renderers -gt 0 ] || echo "manuals: neither man, groff nor mandoc is installed; rendering was not checked" >&2
[ $failures -eq 0 ] || exit 1
echo "manuals: ok"
