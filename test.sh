#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Set up, build with and without sanitizers, and run every test in both.
set -euo pipefail
cd "$(dirname "$0")"

tests/setup.sh
for preset in asan+ubsan release; do
	cmake --preset "$preset" -DDEVELOPER=ON >/dev/null
	cmake --build --preset "$preset" --parallel "$(nproc)" >/dev/null
	ctest --preset "$preset" --parallel "$(nproc)"
done
