#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: predict.sh DIRECTORY...
#
# What counterspin predicts from recordings of the stock policy, beside what each policy really
# gained on the same kernel. A DIRECTORY holds ab.json (measured, untraced, by seed) and
# stock-seedN.dat (recorded runs of the stock policy); README tells more. Estimates of several
# recordings are merged: means by recorded time, statistical intervals in quadrature, and the method's own error,
# which is the same in all of them, as it is.
set -eu
set -o pipefail
COUNTERSPIN=$(realpath "${COUNTERSPIN:-${BASH_SOURCE%/*}/../../build/counterspin}")
[ $# -gt 0 ] || { echo "usage: predict.sh DIRECTORY..." >&2; exit 2; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# the lab's name of a policy, and ours
cat > "$scratch/policies" <<-'END'
	ipi|ipi-aware
	relaxed|ipi-aware+relaxed
	relaxedonly|relaxed
	ipifirst|receiver-first:enable_relaxed_boost=0
END
options=()
while IFS='|' read -r _ policy; do
	options+=(-p "$policy")
done < "$scratch/policies"

predict() {	# DIRECTORY: one JSON for each of its recordings
	local recording name

	rm -f "$scratch"/*.json
	for recording in "$1"/stock-seed*.dat; do
		name=$(basename "$recording" .dat)
		"$COUNTERSPIN" import -f -o "$scratch/r.db" "$recording" 2> "$scratch/log" ||
			{ cat "$scratch/log" >&2; return 1; }
		"$COUNTERSPIN" replay --json "${options[@]}" "$scratch/r.db" > "$scratch/$name.json"
	done
}

# What is merged is the saved share D of CPU time, of which a gain is D / (1 - D).
table() {	# DIRECTORY
	sqlite3 -batch -noheader -separator ' ' :memory: "
		CREATE TABLE policy (lab, ours);
		CREATE TABLE file (json);
		$(sed "s/\(.*\)|\(.*\)/INSERT INTO policy VALUES('\1', '\2');/" "$scratch/policies")
		$(for f in "$scratch"/*.json; do echo "INSERT INTO file VALUES(readfile('$f'));"; done)
		CREATE TABLE predicted AS
			SELECT policy.lab, e.value ->> 'metric' AS metric, file.json ->> '\$.evidence.seconds' AS w,
			       e.value ->> 'value' AS v, e.value ->> '\$.statistical[0]' AS lo, e.value ->> '\$.statistical[1]' AS hi,
			       e.value ->> '\$.total[0]' AS total_lo, e.value ->> '\$.total[1]' AS total_hi,
			       e.value ->> 'verdict' AS verdict
			  FROM file, json_each(file.json, '\$.policies') AS p JOIN policy ON p.key = policy.rowid,
			       json_each(p.value, '\$.estimates') AS e;
		CREATE TABLE merged AS
			SELECT lab, metric, count(v) AS n, count(*) AS of, sum(w * v) / sum(w) AS v,
			       sqrt(sum(w * (v - lo) * w * (v - lo))) / sum(w) AS below,
			       sqrt(sum(w * (hi - v) * w * (hi - v))) / sum(w) AS above,
			       sum(w * sqrt(max(0, (v - total_lo) * (v - total_lo) - (v - lo) * (v - lo)))) / sum(w) AS model_below,
			       sum(w * sqrt(max(0, (total_hi - v) * (total_hi - v) - (hi - v) * (hi - v)))) / sum(w) AS model_above
			  FROM predicted WHERE v NOT NULL GROUP BY lab, metric;
		CREATE TABLE measured AS
			SELECT r.value ->> 'policy' AS lab, CASE r.value ->> 'metric' WHEN 'work_Miter_per_s' THEN 'throughput_gain'
				WHEN 'pauses_per_s' THEN 'pause_exits_change' WHEN 'ipi_wait_us_per_op' THEN 'ipi_response_change' END AS metric,
			       100 * (r.value ->> 'mean_change') AS v, 100 * (r.value ->> '\$.ci95[0]') AS lo, 100 * (r.value ->> '\$.ci95[1]') AS hi
			  FROM json_each(readfile('$1/ab.json'), '\$.rows') AS r;
		CREATE TABLE compared AS
			SELECT policy.rowid AS i, policy.lab, ours, metric, p.v AS pv, p.v - hypot AS plo, p.v + hypot2 AS phi, m.v AS mv, m.lo AS mlo,
			       m.hi AS mhi, p.n, p.of
			  FROM (SELECT *, sqrt(below * below + model_below * model_below) AS hypot,
			               sqrt(above * above + model_above * model_above) AS hypot2 FROM merged) AS p
			  JOIN measured AS m USING (lab, metric) JOIN policy USING (lab)
			 WHERE metric IN ('throughput_gain', 'pause_exits_change', 'ipi_response_change');
		SELECT format('| %s | %s | %s | %+.1f [%+.1f, %+.1f] | %+.1f [%+.1f, %+.1f] | %s | %s |', '$(basename "$1")', ours,
			      replace(replace(replace(metric, 'throughput_gain', 'work'), 'pause_exits_change', 'PAUSE exits'), 'ipi_response_change', 'IPI response'),
			      pv, plo, phi, mv, mlo, mhi, CASE WHEN sign(pv) = sign(mv) THEN 'yes' ELSE 'NO' END,
			      CASE WHEN mv BETWEEN plo AND phi THEN 'yes' ELSE 'NO' END)
		  FROM compared ORDER BY metric <> 'throughput_gain', metric, i;
		SELECT format('| %s | %s | work | refused (%s) | | | |', '$(basename "$1")', ours, verdict)
		  FROM predicted JOIN policy USING (lab) WHERE metric = 'throughput_gain' AND v IS NULL GROUP BY lab;"
}

echo '| workload | policy | figure, % | predicted [95 % total] | measured [95 %] | sign | measured in interval |'
echo '|---|---|---|---|---|---|---|'
for directory; do
	predict "$directory"
	table "$directory"
done
