#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Stages meet in files only: no stage includes another's headers, schema includes nobody's,
# a policy includes replay/policy.h and nothing else of ours.
set -eu

includes() {	# DIR...: "FILE:HEADER" for every #include "..." of ours
	grep -rhoE --include='*.[ch]' -H '^[[:space:]]*#[[:space:]]*include[[:space:]]*"[^"]+"' "$@" |
		sed -E 's/:[[:space:]]*#[[:space:]]*include[[:space:]]*"/:/; s/"$//'
}

check() {	# ROOT: print what is wrong in the tree below it
	local root=$1 stage other
	cd "$root"
	for stage in capture analyze replay; do
		[ -d "$stage" ] || continue
		for other in capture analyze replay; do
			[ "$stage" = "$other" ] || includes "$stage" | grep -E ":(\.\./)*$other/" || true
		done
	done
	includes schema | grep -vE ':schema/' || true
	includes replay/policies | grep -vE ':replay/policy\.h$|^replay/policies/policies\.[ch]:' || true
	includes capture analyze replay 2>/dev/null | grep -E ':\.\./' || true
}

wrong=$(check "$SOURCE")
if [ -n "$wrong" ]; then
	echo "includes that design forbids:" "$wrong"
	exit 1
fi

# the check itself must be able to fail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch"/{capture,analyze/model,replay/policies,schema}
echo '#include "replay/policy.h"' > "$scratch/replay/policies/good.c"
echo '#include "schema/db.h"' > "$scratch/analyze/good.c"
[ -z "$(check "$scratch")" ] || { echo "complains of a tree that is right"; exit 1; }
for bad in 'analyze/x.c replay/spin.h' 'replay/x.h analyze/info.h' 'capture/x.c analyze/info.h' \
	   'schema/x.c replay/spin.h' 'replay/policies/x.c replay/spin.h' 'analyze/model/x.c ../../replay/spin.h'; do
	set -- $bad
	echo "#include \"$2\"" > "$scratch/$1"
	[ -n "$(check "$scratch")" ] || { echo "does not see $2 in $1"; exit 1; }
	rm "$scratch/$1"
done
echo "includes: ok"
