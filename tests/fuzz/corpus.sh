#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: corpus.sh BUILD DIR
#
# What fuzz_import begins with, into DIR: the small recordings of corpus/ and its scripts as recordings; all of
# them as perf would have made them; and as trace.dat 6 and 7, as far as trace-cmd is there to convert them.
set -euo pipefail
here=$(realpath "${BASH_SOURCE%/*}")
build=$(realpath "$1")
mkdir -p "$2"
cd "$2"

cp "$here"/corpus/*.dat "$here"/corpus/*.data "$here"/corpus/*.json .
for script in "$here"/corpus/*.script; do
	"$build/tests/make_recording" "$script" "$(basename "$script" .script).dat"
done
for whole in *.dat; do
	name=${whole%.dat}
	for variant in --rounds=200 --pipe --zstd --zstd2; do
		"$build/tests/perf_recording" $variant "$whole" "$name.perf$variant.data"
	done
	command -v trace-cmd > /dev/null || continue
	for variant in "6 none" "7 none" "7 zstd"; do
		set -- $variant
		trace-cmd convert -i "$whole" -o "$name.$1-$2.dat" --file-version "$1" --compression "$2" > /dev/null 2>&1 ||
			rm -f "$name.$1-$2.dat"
	done
done
