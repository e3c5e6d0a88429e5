#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Install what building and testing need on Debian 12. Does nothing where it is all there.
set -euo pipefail

packages=(
	build-essential cmake pkg-config
	libglib2.0-dev libsqlite3-dev libcjson-dev libzstd-dev zlib1g-dev libseccomp-dev nettle-dev
	libtraceevent-dev libtracefs-dev libtracecmd-dev libbpf-dev
	libprotobuf-c-dev protobuf-c-compiler libjs-dygraphs
	sqlite3 trace-cmd man-db procps strace protobuf-compiler	# the tests' own
	dpkg-dev binutils fakeroot	# and cli/package.sh
	chromium chromium-driver curl jq	# pages, as somebody sees them
	qemu-system-x86 busybox-static cpio xz-utils	# tests/lab, which fetches kernels itself
)

missing=()
for package in "${packages[@]}"; do
	dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || missing+=("$package")
done
[ "${#missing[@]}" -eq 0 ] && exit 0

as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
echo "installing: ${missing[*]}" >&2
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
