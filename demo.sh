#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Set up, build, and run the main job on a real recording.
set -euo pipefail
cd "$(dirname "$0")"

echo 'setting up'
tests/setup.sh
echo 'building'
cmake --preset release >/dev/null
cmake --build --preset release --parallel "$(nproc)" >/dev/null

out=build/demo
mkdir -p "$out"
build/counterspin import tests/data/balanced.dat -o "$out/balanced.db" --force
echo
build/counterspin info "$out/balanced.db"
echo
build/counterspin replay "$out/balanced.db"
build/counterspin tune "$out/balanced.db" > "$out/tune.txt"
build/counterspin simulate "$out/balanced.db" > "$out/simulate.txt" || [ $? -eq 1 ]	# 1: refused, as it says there
build/counterspin report "$out/balanced.db" -o "$out/balanced.html" --force

# the first decision where the kernel yielded to nobody and the patches would have found the IPI's receiver
decision=$(sqlite3 "$out/balanced.db" "SELECT min(d.id) FROM verdict v JOIN replay r ON r.id = v.replay
	JOIN decision d ON d.id = v.decision JOIN ipi ON ipi.sender = d.vcpu AND ipi.n_receivers = 1
	 AND ipi.t_accept < d.t_start AND ipi.t_ack > d.t_start JOIN vcpu ON vcpu.id = ipi.receiver
	WHERE r.policy = 'ipi-aware' AND v.class = 'new target' AND v.pick_idx = vcpu.vcpu_idx")
build/counterspin explain "$out/balanced.db" "$decision" --policy stock --policy ipi-aware+relaxed > "$out/explain.txt"

cat <<END

Results:
  $out/balanced.html the report: open it in a browser ('build/counterspin report $out/balanced.db' is the same as text)
  $out/balanced.db   facts and verdicts; open it with sqlite3, the tables are described in schema/*.sql
  $out/tune.txt      the gain for every ipi_window_ns
  $out/simulate.txt  the same work run again under each policy, on a model of the host
  $out/explain.txt   decision $decision, vCPU by vCPU, as stock and as the patches make it
END
