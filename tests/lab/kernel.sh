#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: kernel.sh SERIES CACHE
#
# Debian's newest kernel of that series, as packaged; nothing is installed. Prints the directory
# under CACHE that holds boot/vmlinuz-* and the modules that the lab needs, all unpacked.
# Status 77: it is not to be had here.
set -euo pipefail

series=$1 cache=$2
modules=(netfs fscache 9pnet virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev
	virtio_pci 9pnet_virtio 9p irqbypass ccp kvm kvm-amd)	# in this order; some are built in

skip() {
	echo "lab: skipped: $*" >&2
	exit 77
}

newest() {
	sort -V | tail -1
}

package=$(apt-cache search --names-only "^linux-image-${series//./\\.}\.[0-9].*-amd64\$" |
	cut -d ' ' -f 1 | grep -vE -- '-(cloud|rt|unsigned)-' | newest) || true
if [ -z "$package" ]; then
	package=$(cd "$cache" && ls -d "linux-image-$series".*/ 2> /dev/null | newest) || true
	[ -n "$package" ] ||
		skip "the package sources configured here offer no linux-image-$series.*-amd64"
fi
directory=$cache/${package%/}
if [ ! -e "$directory/order" ]; then
	rm -rf "$directory"
	mkdir -p "$directory/lib"
	(cd "$directory" && apt-get download -qq -o APT::Sandbox::User=root "$package") \
		> "$directory/apt.log" 2>&1 ||
		skip "$package cannot be downloaded: $(tail -1 "$directory/apt.log")"
	wanted=('./boot/vmlinuz-*')
	for module in "${modules[@]}"; do
		wanted+=("./lib/modules/*/$module.ko" "./lib/modules/*/$module.ko.xz")
	done
	dpkg-deb --fsys-tarfile "$directory"/*.deb |
		tar -x -C "$directory" --wildcards "${wanted[@]}" 2> "$directory/tar.log" || true
	rm "$directory"/*.deb
	find "$directory" -name '*.ko.xz' -exec xz -d {} +
	for module in "${modules[@]}"; do
		find "$directory" -name "$module.ko"
	done > "$directory/order.new"
	[ -n "$(ls "$directory"/boot/vmlinuz-*)" ] && grep -q kvm-amd.ko "$directory/order.new"
	mv "$directory/order.new" "$directory/order"
fi
echo "$directory"
