#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: initramfs.sh KERNEL BUILD PROGRAM...
#
# An initramfs of busybox, the modules of KERNEL (as kernel.sh left it), the lab's own files and the
# programs with their libraries; prints its path. One that is there is kept while its inputs stay.
# Not compressed: that would cost an emulated CPU more than the bytes cost us.
set -euo pipefail

kernel=$1 build=$2
shift 2
lab=$(dirname "$0")
image=$build/lab/$(basename "$kernel").cpio

# PATH in the image, and where it comes from
add() {
	contents+="$1"$'\t'"$(realpath "$2")"$'\n'
}

contents=
add init "$lab/init"
add lab/job_lib.sh "$lab/job_lib.sh"
add lab/lab_guest.bin "$build/tests/lab/lab_guest.bin"
while read -r module; do
	add "lab/modules/$(basename "$module")" "$module"
done < "$kernel/order"
add lab/modules/order "$kernel/order"
for program in busybox "$@"; do
	at=$(command -v "$program") || { echo "lab: there is no program '$program'" >&2; exit 2; }
	add "bin/$(basename "$at")" "$at"
	while read -r library; do
		add "${library#/}" "$library"
	done < <(ldd "$at" 2> /dev/null | grep -o '/[^ ]*' || true)
done
contents=$(sort -u <<< "$contents" | sed '/^$/d')
inputs=$(cut -f 2 <<< "$contents" | xargs -d '\n' stat -c '%n %s %y'; echo "$contents")
if [ ! -e "$image" ] || [ "$inputs" != "$(cat "$image.inputs" 2> /dev/null)" ]; then
	root=$(mktemp -d)
	trap 'rm -rf "$root"' EXIT
	mkdir -p "$root"/{dev,host,proc,sys,tmp,usr/bin,usr/lib,usr/lib64}
	ln -s usr/bin usr/lib usr/lib64 "$root"
	while IFS=$'\t' read -r path from; do
		mkdir -p "$root/$(dirname "$path")"
		cp "$from" "$root/$path"
	done <<< "$contents"
	chmod +x "$root/init"
	(cd "$root" && find . | cpio --quiet -o -H newc -R 0:0) > "$image.new"
	mv "$image.new" "$image"
	echo "$inputs" > "$image.inputs"
fi
echo "$image"
