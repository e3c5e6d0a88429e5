-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Named answers: what 'counterspin simulate' has found out, and whether 'counterspin replay' says the same.
-- counterspin-views(7) has a query of each. No row, where nothing was simulated.

-- Whether the model may be believed: a row for the recording, and for each other density.
CREATE VIEW simulated_gate AS
	WITH variant AS (
		SELECT *, CASE WHEN count(*) OVER (PARTITION BY what_if) = 1 THEN 'as recorded'
		               WHEN forfeit AND run_to_parity THEN 'forfeit, run to parity'
		               WHEN forfeit THEN 'forfeit' WHEN run_to_parity THEN 'run to parity' ELSE 'neither' END AS name
		  FROM simulation_gate)
	SELECT what_if,                    -- '': as recorded
	       result,                     -- 'PASS', 'WARN' (no more than signs), 'REFUSE' (no gains)
	       -- of the model, as in table simulation_gate
	       work_error, spin_error, latency_error, latency_p99_error, share_error,
	       name AS scheduler,          -- the variant taken: what a yielder and a slice are subject to
	       -- the variants tried that reproduce the recording, too; NULL: none does
	       (SELECT group_concat(name, '; ') FROM variant v WHERE v.what_if = taken.what_if AND v.result <> 'REFUSE')
	       AS passing,
	       reason                      -- limits of PASS that are exceeded, and the likely reason of a refusal; NULL: none
	  FROM variant taken WHERE chosen GROUP BY what_if;

-- What a policy and a scheduler side change, against the recorded policy simulated likewise: table simulation
-- with names.
CREATE VIEW simulated_change AS
	SELECT what_if,                    -- '': as recorded
	       label,                      -- what the policy is called (policy_label)
	       s.policy AS policy, s.parameters AS parameters, scheduler_side,
	       lag_margin,                 -- of lag-credit, slices per queued entity; NULL: other sides
	       vm,                         -- vm.id; NULL: all VMs
	       metric, unit, value, stat_lo, stat_hi, total_lo, total_hi, verdict, reason, -- as in table simulation
	       replay,                     -- replay.id of the same policy and parameters; NULL: not replayed
	       -- place of policy and side, to order by
	       min(s.rowid) OVER (PARTITION BY what_if, s.policy, s.parameters, scheduler_side) AS place
	  FROM simulation s
	  LEFT JOIN policy_label l ON l.nearest AND l.policy = s.policy AND l.parameters = s.parameters;

-- Where both replay and simulate estimate a change: a row for each policy of both, with the same parameters and
-- the plain scheduler side, and metric of both. Not of the recorded policy, of which simulate says 0 without
-- doubt. Never a mean of both: of two methods that contradict each other one is wrong, and nobody knows which.
CREATE VIEW replay_vs_simulate AS
	WITH pair AS (
		-- the sign of a figure: of an interval without 0, and not where the verdict takes it back
		SELECT s.*, e.value AS r_value, e.stat_lo AS r_stat_lo, e.stat_hi AS r_stat_hi, e.total_lo AS r_total_lo,
		       e.total_hi AS r_total_hi, e.verdict AS r_verdict,
		       CASE WHEN e.verdict IN ('gain', 'loss') THEN (e.total_lo > 0) - (e.total_hi < 0) ELSE 0 END AS r_sign,
		       CASE WHEN s.verdict IN ('gain', 'loss') THEN (s.total_lo > 0) - (s.total_hi < 0) ELSE 0 END AS s_sign,
		       (SELECT result = 'PASS' FROM simulated_gate WHERE what_if = '') AS pass
		  FROM simulated_change s JOIN estimate e ON e.replay = s.replay AND e.metric = s.metric AND e.unit = s.unit
		 WHERE s.what_if = '' AND s.scheduler_side = 'plain' AND s.vm IS NULL
		   AND (s.value, s.total_lo, s.total_hi) IS NOT (0, 0, 0))
	SELECT replay,                     -- replay.id
	       label, policy, parameters,  -- the policy
	       metric, unit,               -- as in tables estimate and simulation
	       r_value AS replayed, r_stat_lo AS replayed_stat_lo, r_stat_hi AS replayed_stat_hi,
	       r_total_lo AS replayed_total_lo, r_total_hi AS replayed_total_hi, r_verdict AS replayed_verdict,
	       value AS simulated, stat_lo AS simulated_stat_lo, stat_hi AS simulated_stat_hi,
	       total_lo AS simulated_total_lo, total_hi AS simulated_total_hi, verdict AS simulated_verdict,
	       -- 'agree': both are sure of the sign, and it is the same; 'contradictory': both are, and it is not, or
	       -- total intervals have nothing in common and the gate, with PASS, lets sizes be believed; 'too vague to
	       -- tell': else; 'replay unsupported', 'simulate unsupported', 'both unsupported': no figure
	       CASE WHEN r_value IS NULL AND value IS NULL THEN 'both unsupported'
	            WHEN r_value IS NULL THEN 'replay unsupported'
	            WHEN value IS NULL THEN 'simulate unsupported'
	            WHEN r_sign * s_sign < 0 THEN 'contradictory'
	            WHEN pass AND (r_total_lo > total_hi OR total_lo > r_total_hi) THEN 'contradictory'
	            WHEN r_sign * s_sign > 0 THEN 'agree'
	            ELSE 'too vague to tell' END AS agreement,
	       place                       -- as in simulated_change
	  FROM pair;

-- What each policy and scheduler side gain: a row for each, and for each density.
CREATE VIEW simulated_gain AS
	SELECT c.what_if AS what_if,       -- '': as recorded
	       c.label AS label, c.policy AS policy, c.parameters AS parameters, c.scheduler_side AS scheduler_side,
	       c.lag_margin AS lag_margin, -- as in simulated_change
	       c.value AS throughput_gain, -- percent of useful work; NULL: refused, and reason says why
	       c.stat_lo AS stat_lo, c.stat_hi AS stat_hi, c.total_lo AS total_lo, c.total_hi AS total_hi,
	       c.verdict AS verdict, c.reason AS reason, -- as in table simulation
	       -- as in replay_vs_simulate; NULL: there is none
	       r.replayed AS replayed, r.replayed_stat_lo AS replayed_stat_lo, r.replayed_stat_hi AS replayed_stat_hi,
	       r.replayed_total_lo AS replayed_total_lo, r.replayed_total_hi AS replayed_total_hi,
	       -- of replay_vs_simulate, or why there is none; NULL: at another density
	       CASE WHEN c.what_if <> '' THEN NULL
	            WHEN (c.value, c.total_lo, c.total_hi) IS (0, 0, 0) THEN 'the recorded policy'
	            WHEN c.scheduler_side <> 'plain' THEN 'only simulate can tell'
	            ELSE coalesce(r.agreement, 'not replayed') END AS agreement,
	       c.place AS place            -- as in simulated_change
	  FROM simulated_change c
	  LEFT JOIN replay_vs_simulate r ON c.what_if = '' AND r.place = c.place AND r.metric = c.metric
	 WHERE c.vm IS NULL AND c.metric = 'throughput_gain';

-- Who pays: a row for each VM, policy and scheduler side, and for each density.
CREATE VIEW simulated_vm AS
	WITH gain AS (SELECT * FROM simulated_change WHERE vm NOT NULL AND metric = 'throughput_gain'),
	share AS (SELECT * FROM simulated_change WHERE vm NOT NULL AND metric = 'share_change')
	SELECT gain.what_if AS what_if,    -- '': as recorded
	       gain.label AS label, gain.policy AS policy, gain.parameters AS parameters,
	       gain.scheduler_side AS scheduler_side,
	       gain.lag_margin AS lag_margin, -- as in simulated_change
	       gain.vm AS vm,              -- vm.id
	       vm_label.label AS name,     -- what it is called
	       -- percent of its useful work
	       gain.value AS throughput_gain, gain.stat_lo AS gain_stat_lo, gain.stat_hi AS gain_stat_hi,
	       gain.total_lo AS gain_total_lo, gain.total_hi AS gain_total_hi, gain.verdict AS verdict,
	       -- points of the CPU time of all VMs
	       share.value AS share_change, share.stat_lo AS share_stat_lo, share.stat_hi AS share_stat_hi,
	       share.total_lo AS share_total_lo, share.total_hi AS share_total_hi,
	       gain.place AS place         -- as in simulated_change
	  FROM gain LEFT JOIN share ON share.place = gain.place AND share.vm = gain.vm
	  LEFT JOIN vm_label ON vm_label.vm = gain.vm;

-- What another density itself does to the recorded policy: an extrapolation. A row for each metric, of all VMs
-- and some of each.
CREATE VIEW simulated_density AS
	SELECT d.what_if AS what_if,       -- 'vms=+1', 'cpus=-2', ...
	       result,                     -- of its gate; NULL: not known
	       d.vm AS vm,                 -- vm.id; NULL: all VMs
	       vm_label.label AS name,     -- NULL: all VMs
	       metric, unit, value, stat_lo, stat_hi, total_lo, total_hi, verdict, d.reason AS reason -- as in the table
	  FROM simulation_density d
	  LEFT JOIN simulated_gate g ON g.what_if = d.what_if
	  LEFT JOIN vm_label ON vm_label.vm = d.vm;
