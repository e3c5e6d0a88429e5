#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: predict.sh DIRECTORY...
#
# What counterspin predicts from recordings of the stock policy, by replay and by simulate, beside
# what each policy really gained on the same kernel. A DIRECTORY holds ab.json (measured, untraced, by seed) and
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

# ask METHOD: of r.db. That nothing is estimated (status 1) is an answer.
ask() {
	local status=0

	"$COUNTERSPIN" "$1" --json "${options[@]}" "$scratch/r.db" > "$scratch/$1-$name.json" 2> "$scratch/log" ||
		status=$?
	[ $status -le 1 ] && [ -s "$scratch/$1-$name.json" ] || { cat "$scratch/log" >&2; return 1; }
}

predict() {	# DIRECTORY: a JSON of each method for each of its recordings
	local recording name

	rm -f "$scratch"/*.json
	for recording in "$1"/stock-seed*.dat; do
		name=$(basename "$recording" .dat)
		"$COUNTERSPIN" import -f -o "$scratch/r.db" "$recording" 2> "$scratch/log" ||
			{ cat "$scratch/log" >&2; return 1; }
		ask replay
		ask simulate
	done
}

# The figures are merged as they are; of simulate only those of recordings that its gate lets pass.
table() {	# DIRECTORY
	sqlite3 -batch -noheader -separator ' ' :memory: "
		CREATE TABLE policy (lab, ours);
		CREATE TABLE file (method, json);
		$(sed "s/\(.*\)|\(.*\)/INSERT INTO policy VALUES('\1', '\2');/" "$scratch/policies")
		$(for f in "$scratch"/*.json; do
			echo "INSERT INTO file VALUES('$(basename "$f" | cut -d - -f 1)', readfile('$f'));"
		done)
		-- replay puts 'observed' before what it was asked for
		CREATE TABLE predicted AS
			SELECT method, policy.lab, e.value ->> 'metric' AS metric,
			       coalesce(file.json ->> '\$.evidence.seconds', file.json ->> '\$.seconds') AS w,
			       e.value ->> 'value' AS v, e.value ->> '\$.statistical[0]' AS lo, e.value ->> '\$.statistical[1]' AS hi,
			       e.value ->> '\$.total[0]' AS total_lo, e.value ->> '\$.total[1]' AS total_hi,
			       e.value ->> 'verdict' AS verdict
			  FROM file, json_each(file.json, '\$.policies') AS p
			  JOIN policy ON policy.rowid = p.key + (method = 'simulate'),
			       json_each(p.value, '\$.estimates') AS e
			 WHERE e.value ->> 'vm' IS NULL;
		CREATE TABLE merged AS
			SELECT method, lab, metric, count(v) AS n, sum(w * v) / sum(w) AS v,
			       sqrt(sum(w * (v - lo) * w * (v - lo))) / sum(w) AS below,
			       sqrt(sum(w * (hi - v) * w * (hi - v))) / sum(w) AS above,
			       sum(w * sqrt(max(0, (v - total_lo) * (v - total_lo) - (v - lo) * (v - lo)))) / sum(w) AS model_below,
			       sum(w * sqrt(max(0, (total_hi - v) * (total_hi - v) - (hi - v) * (hi - v)))) / sum(w) AS model_above
			  FROM predicted WHERE v NOT NULL GROUP BY method, lab, metric;
		CREATE TABLE total AS
			SELECT *, v - sqrt(below * below + model_below * model_below) AS lo,
			       v + sqrt(above * above + model_above * model_above) AS hi FROM merged;
		CREATE TABLE measured AS
			SELECT r.value ->> 'policy' AS lab, CASE r.value ->> 'metric' WHEN 'work_Miter_per_s' THEN 'throughput_gain'
				WHEN 'pauses_per_s' THEN 'pause_exits_change' WHEN 'ipi_wait_us_per_op' THEN 'ipi_response_change' END AS metric,
			       100 * (r.value ->> 'mean_change') AS v, 100 * (r.value ->> '\$.ci95[0]') AS lo, 100 * (r.value ->> '\$.ci95[1]') AS hi
			  FROM json_each(readfile('$1/ab.json'), '\$.rows') AS r;
		CREATE TABLE cell AS
			SELECT m.lab, m.metric, method.value AS method, iif(t.v IS NULL,
			       format('refused (%s) | ', coalesce((SELECT group_concat(DISTINCT verdict) FROM predicted AS p
				WHERE p.method = method.value AND p.lab = m.lab AND p.metric = m.metric), 'gate')),
			       format('%+.1f [%+.1f, %+.1f], %d | %s', t.v, t.lo, t.hi, t.n,
				CASE WHEN sign(t.v) <> sign(m.v) THEN 'sign NO' WHEN m.v BETWEEN t.lo AND t.hi THEN 'yes' ELSE 'NO' END)) AS text
			  FROM measured AS m, json_each('[\"replay\", \"simulate\"]') AS method
			  LEFT JOIN total AS t ON t.method = method.value AND t.lab = m.lab AND t.metric = m.metric;
		SELECT format('| %s | %s | %s | %+.1f [%+.1f, %+.1f] | %s | %s |', '$(basename "$1")', ours,
			      CASE metric WHEN 'throughput_gain' THEN 'work' WHEN 'pause_exits_change' THEN 'PAUSE exits'
				ELSE 'IPI response' END,
			      v, lo, hi, r.text, s.text)
		  FROM measured JOIN policy USING (lab) JOIN cell AS r USING (lab, metric) JOIN cell AS s USING (lab, metric)
		 WHERE metric NOT NULL AND r.method = 'replay' AND s.method = 'simulate'
		 ORDER BY metric <> 'throughput_gain', metric, policy.rowid;
		SELECT format('%s: the gate of simulate: %s', '$(basename "$1")', group_concat(text, '; ')) FROM (
			SELECT format('%d %s%s', count(*), result, iif(reason IS NULL, '', ' (' || reason || ')')) AS text FROM (
				SELECT json ->> '\$.gate.result' AS result, json ->> '\$.gate.reason' AS reason
				  FROM file WHERE method = 'simulate') GROUP BY result, reason ORDER BY result);"
}

echo '| workload | policy | figure, % | measured [95 %] | replay [95 % total], recordings | measured in it | simulate | measured in it |'
echo '|---|---|---|---|---|---|---|---|'
for directory; do
	predict "$directory"
	table "$directory"
done
