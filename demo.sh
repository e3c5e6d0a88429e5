#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Set up, build, and run the main job on a real recording.
set -euo pipefail
cd "$(dirname "$0")"

tests/setup.sh
cmake --preset release >/dev/null
cmake --build --preset release --parallel "$(nproc)" >/dev/null

out=build/demo
mkdir -p "$out"
build/counterspin import tests/data/balanced.dat -o "$out/balanced.db" --force
echo
build/counterspin info "$out/balanced.db"
echo
build/counterspin replay "$out/balanced.db"

# the first decision where the kernel yielded to nobody and the patches would have found the IPI's receiver
decision=$(sqlite3 "$out/balanced.db" "SELECT decision FROM verdict JOIN replay ON replay.id = replay
	WHERE policy = 'ipi-aware+relaxed' AND class = 'new target' ORDER BY decision LIMIT 1")
build/counterspin explain "$out/balanced.db" "$decision" --policy stock --policy ipi-aware+relaxed > "$out/explain.txt"

cat <<END

Results:
  $out/balanced.db   facts and verdicts; open it with sqlite3, the tables are described in schema/*.sql
  $out/explain.txt   decision $decision, vCPU by vCPU, as stock and as the patches make it
END
