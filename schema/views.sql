-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Named answers: where CPU time goes, how long IPIs and waits take, what policies would have done, what
-- was lost. counterspin-views(7) has a query of each. Times are ns, percentiles are by nearest rank; a NULL
-- is, as everywhere, what the recording does not say, or what replay has not found out yet.

-- What was recorded of the time from recording.t0 to t1: one row. Before t0 not every CPU was seen, so
-- whatever is counted by time is counted from there.
CREATE VIEW recorded_time AS
	SELECT t0,                         -- recording.t0
	       t1,                         -- recording.t1
	       -- between them, without pauses between bursts
	       t1 - t0 - coalesce((SELECT sum(t1 - t0) FROM gap
			 WHERE cpu IS NULL AND why LIKE 'between two bursts%'), 0) AS span_ns,
	       (SELECT min(t1 - t0) FROM gap
		 WHERE cpu IS NULL AND why LIKE 'between two bursts%') AS shortest_pause_ns -- NULL: no pauses
	  FROM recording;

-- What a VM is called: by its name, and its number where that is not enough.
CREATE VIEW vm_label AS
	SELECT id AS vm,                   -- vm.id
	       CASE WHEN name IS NULL THEN 'VM ' || id
	            -- the latter stand for several VMs, or none, in reports
	            WHEN count(*) OVER (PARTITION BY name) > 1 OR name IN ('all VMs', 'further VMs', 'other threads')
	            THEN name || ' (VM ' || id || ')'
	            ELSE name END AS label
	  FROM vm;

-- What a policy is called that was replayed, simulated or tuned: by its name alone with the parameters of
-- policy_default, else with what is different. A row for each replay, for each policy that was simulated and not
-- replayed so, and for each that was tuned, whose parameters have no ipi_window_ns.
CREATE VIEW policy_label AS
	WITH run AS (
		SELECT id AS replay, policy, parameters, state,
		       row_number() OVER (PARTITION BY policy, parameters ORDER BY state <> 'probed', id) = 1 AS nearest,
		       count(*) OVER (PARTITION BY policy, parameters) > 1 AS twice
		  FROM replay
		UNION ALL
		SELECT NULL, policy, parameters, 'probed', 1, 0
		  FROM (SELECT policy, parameters FROM simulation UNION SELECT policy, parameters FROM window_choice) s
		 WHERE NOT EXISTS (SELECT * FROM replay r WHERE r.policy = s.policy AND r.parameters = s.parameters))
	SELECT run.replay AS replay,       -- replay.id; NULL: not replayed so
	       run.policy || coalesce(':' || (
		SELECT group_concat(own.key || '=' || own.value, ',')
		  FROM json_each(run.parameters) own
		  LEFT JOIN json_each(usual.parameters) other ON other.key = own.key
		 WHERE own.value IS NOT other.value), '') ||
	       CASE WHEN run.state <> 'probed' AND run.twice
	            THEN ' (' || run.state || ')' ELSE '' END AS label,
	       run.policy AS policy, run.parameters AS parameters,
	       run.nearest AS nearest      -- 1: simulate of the same policy and parameters is held against this
	  FROM run LEFT JOIN policy_default usual ON usual.policy = run.policy;

-- A thread and the VM whose thread group it is of.
CREATE VIEW vm_thread AS
	SELECT thread.id AS thread,        -- thread.id
	       -- NULL: of none, or the group is not known
	       coalesce(vcpu.vm, (SELECT min(id) FROM vm WHERE tgid = coalesce(thread.tgid, thread.tid))) AS vm,
	       vcpu.id AS vcpu             -- vcpu.id; NULL: not a vCPU thread
	  FROM thread LEFT JOIN vcpu ON vcpu.id = thread.vcpu;

-- What becomes of a vCPU's time: a row for each vCPU. What is not in running, steal and blocked is not known.
CREATE VIEW vcpu_steal AS
	WITH stretch AS (
		SELECT thread, running, guest_ns, waited, t_sleep,
		       lead(t_ready) OVER (PARTITION BY thread ORDER BY id) AS t_wake
		  FROM (SELECT o.id, thread, t_ready, max(0, o.t1 - max(o.t0, r.t0)) AS running, guest_ns,
			       o.t0 - max(t_ready, r.t0) AS waited,
			       CASE WHEN why NOT IN ('R', 'R+') THEN max(o.t1, r.t0) END AS t_sleep
			  FROM recording r JOIN on_cpu o)),
	by_thread AS (
		SELECT thread, sum(running) AS running, sum(min(guest_ns, running)) AS guest,
		       sum(CASE WHEN waited > 0 THEN waited END) AS waited,
		       sum(waited > 0) AS waits, max(waited) AS longest,
		       sum(CASE WHEN t_wake > t_sleep THEN t_wake - t_sleep END) AS blocked,
		       -- of blocked: in pauses between bursts, where nothing is known of it
		       sum(CASE WHEN t_wake - t_sleep >= (SELECT shortest_pause_ns FROM recorded_time)
			   THEN (SELECT sum(min(t_wake, gap.t1) - max(t_sleep, gap.t0)) FROM gap
				  WHERE cpu IS NULL AND why LIKE 'between two bursts%'
				    AND gap.t1 > t_sleep AND gap.t0 < t_wake) END) AS paused
		  FROM stretch GROUP BY thread)
	SELECT vm.id AS vm,                -- vm.id
	       vm.name AS name,            -- NULL: not known
	       vcpu.vcpu_idx AS vcpu_idx,  -- its number in the VM
	       coalesce(sum(running), 0) AS running_ns, -- on a CPU
	       coalesce(sum(waited), 0) AS steal_ns, -- runnable and not on a CPU: woken, or preempted
	       coalesce(sum(blocked), 0) - coalesce(sum(paused), 0) AS blocked_ns, -- asleep
	       -- percent of running and steal; NULL: neither was seen
	       100.0 * coalesce(sum(waited), 0) / nullif(sum(running) + coalesce(sum(waited), 0), 0) AS steal_share,
	       coalesce(sum(waits), 0) AS waits, -- stretches that it waited
	       nullif(max(longest), 0) AS longest_wait_ns, -- NULL: it never waited
	       vcpu.id AS vcpu,            -- vcpu.id
	       coalesce(sum(guest), 0) AS guest_ns -- of running: in the guest
	  FROM vcpu JOIN vm ON vm.id = vcpu.vm
	  LEFT JOIN thread ON thread.vcpu = vcpu.id
	  LEFT JOIN by_thread ON by_thread.thread = thread.id
	 GROUP BY vcpu.id;

-- Where CPU time goes: a row for each CPU that a thread was seen on and VM, and one for what is no VM's.
CREATE VIEW cpu_time AS
	WITH by_thread AS (
		SELECT cpu, thread, sum(max(0, o.t1 - max(o.t0, r.t0))) AS running
		  FROM on_cpu o, recorded_time r GROUP BY cpu, thread)
	SELECT cpu,                        -- CPU number
	       vm,                         -- vm.id; NULL: threads of no VM, or whose group is not known
	       sum(running) AS running_ns, -- of all threads of the VM
	       (SELECT span_ns FROM recorded_time) AS span_ns, -- less all rows of the CPU: idle, or lost
	       sum(CASE WHEN vcpu NOT NULL THEN running ELSE 0 END) AS vcpu_ns -- of running: the VM's vCPUs
	  FROM (SELECT cpu, vm, vcpu, running FROM by_thread JOIN vm_thread USING (thread)
		UNION ALL
		SELECT DISTINCT cpu, NULL, NULL, 0 FROM by_thread)
	 GROUP BY cpu, vm;

-- What becomes of a VM's time: a row for each.
CREATE VIEW vm_time AS
	WITH other_thread AS MATERIALIZED (
		SELECT thread, vm FROM vm_thread WHERE vm NOT NULL AND vcpu IS NULL),
	other AS (
		SELECT vm, sum(o.t1 - max(o.t0, r.t0)) AS running
		  FROM recording r CROSS JOIN on_cpu o CROSS JOIN other_thread USING (thread)
		 WHERE o.t1 > r.t0 GROUP BY vm),
	spin AS (
		SELECT vm, sum(spin_ns) AS ns FROM episode JOIN vcpu ON vcpu.id = episode.vcpu GROUP BY vm)
	SELECT vm.id AS vm,                -- vm.id
	       vm.name AS name,            -- NULL: not known
	       vm.n_vcpus AS n_vcpus,      -- vCPUs known
	       coalesce(sum(running_ns), 0) AS running_ns, -- its vCPUs on a CPU
	       coalesce(sum(guest_ns), 0) AS guest_ns, -- of running: in the guest
	       -- of running: in waits with PAUSE exits; NULL: not replayed
	       CASE WHEN EXISTS (SELECT * FROM replay) THEN coalesce(spin.ns, 0) END AS spin_ns,
	       coalesce(sum(steal_ns), 0) AS steal_ns, -- its vCPUs runnable and not on a CPU
	       coalesce(sum(blocked_ns), 0) AS blocked_ns, -- its vCPUs asleep
	       -- other threads of its group on a CPU; NULL: the group is not known
	       CASE WHEN vm.tgid NOT NULL THEN coalesce(other.running, 0) END AS other_ns,
	       recorded_time.span_ns AS span_ns, -- recorded
	       -- of all vCPUs: in none of these states, as far as is known
	       vm.n_vcpus * recorded_time.span_ns - coalesce(sum(running_ns + steal_ns + blocked_ns), 0) AS unknown_ns
	  FROM vm JOIN recorded_time
	  LEFT JOIN vcpu_steal ON vcpu_steal.vm = vm.id
	  LEFT JOIN other ON other.vm = vm.id
	  LEFT JOIN spin ON spin.vm = vm.id
	 GROUP BY vm.id;

-- A send of an IPI that another vCPU accepted, and its answer.
CREATE VIEW ipi_response AS
	SELECT min(ipi.id) AS ipi,         -- its first edge
	       vcpu.vm AS vm,              -- vm.id
	       sender,                     -- vcpu.id
	       vector,                     -- of the interrupt
	       t_send,                     -- when
	       count(*) AS receivers,      -- other vCPUs that accepted it
	       max(t_ack) AS t_answer,     -- last acknowledgement; NULL: none seen
	       -- from the send to the last acknowledgement; NULL: not all were seen, or a gap is between
	       CASE WHEN NOT max(tainted) AND count(t_ack) = count(*) THEN max(t_ack) - t_send END AS response_ns,
	       max(tainted) AS tainted     -- as ipi.tainted
	  FROM ipi JOIN vcpu ON vcpu.id = sender
	 WHERE receiver <> sender AND mode IN ('fixed', 'lowest')
	 GROUP BY sender, t_send, vector, mode, shorthand, path;

-- How long IPIs take: a row for each VM and vector.
CREATE VIEW ipi_latency AS
	WITH ranked AS (
		SELECT vm, vector, response_ns, tainted,
		       row_number() OVER (PARTITION BY vm, vector ORDER BY response_ns) AS k, -- NULLs first
		       count(*) OVER (PARTITION BY vm, vector) AS sends,
		       count(response_ns) OVER (PARTITION BY vm, vector) AS n
		  FROM ipi_response)
	SELECT ranked.vm AS vm,            -- vm.id
	       ranked.vector AS vector,    -- of the interrupt
	       sends,                      -- with an event, and accepted by another vCPU
	       -- acknowledged by all, untainted; NULL: EOIs are not seen
	       CASE WHEN NOT vm.eoi_virtual OR n > 0 THEN n END AS answered,
	       -- from the send to the last acknowledgement; NULL: no answer was seen
	       max(CASE WHEN k - sends + n = (n * 50 + 99) / 100 THEN response_ns END) AS p50_ns,
	       max(CASE WHEN k - sends + n = (n * 90 + 99) / 100 THEN response_ns END) AS p90_ns,
	       max(CASE WHEN k - sends + n = (n * 99 + 99) / 100 THEN response_ns END) AS p99_ns,
	       max(response_ns) AS max_ns,
	       f_wait AS waited_share,     -- ipi_vector.f_wait: share that is waited for; NULL: not known
	       sum(ranked.tainted) AS tainted, -- sends that touch a gap
	       vm.name AS name             -- NULL: not known
	  FROM ranked JOIN vm ON vm.id = ranked.vm
	  LEFT JOIN ipi_vector v ON v.vm = ranked.vm AND v.vector = ranked.vector
	 GROUP BY ranked.vm, ranked.vector;

-- Why vCPUs spin: a row for each VM and cause. By the last replay; none before.
CREATE VIEW spin_by_cause AS
	WITH ranked AS (
		SELECT vm, cause, n_decisions, spin_ns, wall,
		       row_number() OVER (PARTITION BY vm, cause ORDER BY wall) AS k, -- NULLs first
		       count(*) OVER (PARTITION BY vm, cause) AS episodes,
		       count(wall) OVER (PARTITION BY vm, cause) AS n
		  FROM (SELECT vcpu.vm, cause, n_decisions, spin_ns, CASE WHEN NOT tainted THEN t1 - t0 END AS wall
			  FROM episode JOIN vcpu ON vcpu.id = episode.vcpu))
	SELECT vm,                         -- vm.id
	       cause,                      -- as episode.cause
	       episodes,                   -- waits with PAUSE exits
	       sum(n_decisions) AS decisions, -- in them
	       sum(ranked.spin_ns) AS spin_ns, -- on a CPU in these waits
	       -- percent of the VM's spinning
	       100.0 * sum(ranked.spin_ns) / nullif(sum(sum(ranked.spin_ns)) OVER (PARTITION BY vm), 0) AS spin_share,
	       -- length of the waits that touch no gap; NULL: there is none
	       avg(wall) AS mean_wall_ns,
	       max(CASE WHEN k - episodes + n = (n * 50 + 99) / 100 THEN wall END) AS p50_wall_ns,
	       max(CASE WHEN k - episodes + n = (n * 99 + 99) / 100 THEN wall END) AS p99_wall_ns,
	       max(wall) AS max_wall_ns,
	       episodes - n AS tainted,    -- episodes that touch a gap
	       (SELECT name FROM vm WHERE vm.id = ranked.vm) AS name -- NULL: not known
	  FROM ranked GROUP BY vm, cause;

-- What each policy would have done and gained: a row for each replay.
CREATE VIEW policy_vs_observed AS
	SELECT replay.id AS replay,        -- replay.id
	       -- as in table replay
	       policy, parameters, state,
	       decisions, same_pick, different_pick, unknown, no_target, receiver_waits, receiver_hits,
	       value AS throughput_gain,   -- percent of useful work; NULL: refused, and reason says why
	       stat_lo, stat_hi, total_lo, total_hi, support, verdict, reason -- as in table estimate
	  FROM replay LEFT JOIN estimate ON estimate.replay = replay.id AND metric = 'throughput_gain';

-- What picks amount to where a policy's differs from the kernel's: a row for each replay, for whose, outcome.
-- n of a replay's rows sum up to its different_pick, for whose either way.
CREATE VIEW outcome_by_policy AS
	WITH pair AS MATERIALIZED (
		SELECT replay, outcome, observed_outcome, count(*) AS n FROM verdict GROUP BY 1, 2, 3)
	SELECT replay.id AS replay,        -- replay.id
	       policy,                     -- its policy
	       whose,                      -- 'policy', 'kernel there': at the same decisions
	       picks.outcome AS outcome,   -- as verdict.outcome; 'unknown' for NULL
	       sum(n) AS n                 -- decisions
	  FROM (SELECT replay, 'policy' AS whose, coalesce(outcome, 'unknown') AS outcome, n FROM pair
		UNION ALL
		SELECT replay, 'kernel there', coalesce(observed_outcome, 'unknown'), n FROM pair) AS picks
	  JOIN replay ON replay.id = picks.replay
	 GROUP BY replay.id, whose, picks.outcome;

-- A decision, the wait that it is in, and whether its yield went to a vCPU that is not waited for.
CREATE VIEW decision_wait AS
	WITH placed AS (                   -- episodes are numbered by vCPU and time
		SELECT d.id, d.vcpu, t_start, pick_idx, pick_source,
		       max(e.id) OVER (PARTITION BY d.vcpu ORDER BY d.id) AS episode
		  FROM decision d LEFT JOIN episode e ON e.first_decision = d.id)
	SELECT d.id AS decision,           -- decision.id
	       vcpu.vm AS vm,              -- vm.id
	       d.vcpu AS vcpu,             -- vcpu.id of the spinner
	       d.t_start AS t,             -- its start
	       e.id AS episode,            -- episode.id; NULL: none, or not replayed
	       coalesce(d.pick_idx, outcome.pick_idx) AS pick_idx, -- the kernel's; NULL: nobody, or not known
	       -- as in judged_yield: 1: a yield to a vCPU that is not waited for, 0: to one that is; NULL: no yield, or
	       -- whom the spinner waits for is not known
	       judged_yield.wasted AS wasted
	  FROM placed d
	  JOIN vcpu ON vcpu.id = d.vcpu
	  LEFT JOIN episode e ON e.id = d.episode AND d.id <= e.last_decision
	  LEFT JOIN outcome ON outcome.decision = d.id AND d.pick_source IS NULL
	  LEFT JOIN judged_yield ON judged_yield.decision = d.id;

-- Spinning over time: a row for each VM and second of the recording, but for pauses between bursts.
CREATE VIEW spin_rate AS
	WITH RECURSIVE tick(second, t0, t1, last) AS (
		SELECT 0, t0, min(t0 + 1000000000, t1), t1 FROM recording
		UNION ALL
		SELECT second + 1, t1, min(t1 + 1000000000, last), last FROM tick WHERE t1 < last),
	recorded_second AS (
		SELECT second, t1 - t0 - coalesce((SELECT sum(min(tick.t1, gap.t1) - max(tick.t0, gap.t0)) FROM gap
			 WHERE cpu IS NULL AND why LIKE 'between two bursts%'
			   AND gap.t1 > tick.t0 AND gap.t0 < tick.t1), 0) AS span_ns
		  FROM tick),
	pause AS (
		SELECT vm, second, sum(n) AS n
		  FROM exit_stat JOIN vcpu ON vcpu.id = exit_stat.vcpu
		 WHERE exit_reason = (SELECT CASE isa WHEN 'vmx' THEN 40 WHEN 'svm' THEN 119 END FROM recording)
		 GROUP BY vm, second),
	yield AS (
		SELECT vm, (t - t0) / 1000000000 AS second, count(pick_idx) AS n, count(wasted) AS judged,
		       sum(wasted) AS wasted
		  FROM decision_wait, (SELECT t0 FROM recording) WHERE t >= t0 GROUP BY 1, 2),
	ipis AS (
		SELECT vm, (t_send - t0) / 1000000000 AS second, count(*) AS n, avg(response_ns) AS response
		  FROM ipi_response, (SELECT t0 FROM recording) WHERE t_send >= t0 GROUP BY 1, 2)
	SELECT vm.id AS vm,                -- vm.id
	       s.second AS second,         -- since recording.t0
	       coalesce(pause.n, 0) AS pause_exits, -- PAUSE exits
	       coalesce(yield.n, 0) AS yields, -- that yield_to() accepted, as far as is known
	       -- of these: to a vCPU that is not waited for; NULL: not replayed
	       CASE WHEN EXISTS (SELECT * FROM replay) THEN coalesce(yield.wasted, 0) END AS wasted_yields,
	       coalesce(ipis.n, 0) AS ipi_sends, -- as in ipi_latency
	       ipis.response AS ipi_response_ns, -- mean of the answered; NULL: none
	       -- of yields: those of which it is known whether they are wasted; NULL: not replayed
	       CASE WHEN EXISTS (SELECT * FROM replay) THEN coalesce(yield.judged, 0) END AS judged_yields,
	       s.span_ns AS span_ns,       -- recorded of this second
	       vm.name AS name             -- NULL: not known
	  FROM vm JOIN recorded_second s ON s.span_ns > 0
	  LEFT JOIN pause ON pause.vm = vm.id AND pause.second = s.second
	  LEFT JOIN yield ON yield.vm = vm.id AND yield.second = s.second
	  LEFT JOIN ipis ON ipis.vm = vm.id AND ipis.second = s.second;

-- What exits cost: a row for each VM and exit reason.
CREATE VIEW exit_cost AS
	SELECT vcpu.vm AS vm,              -- vm.id
	       exit_reason,                -- as in exit_stat
	       sum(n) AS n,                -- exits
	       sum(handling_ns) AS handling_ns, -- from the exit to the next entry, while on a CPU
	       1.0 * sum(handling_ns) / sum(n) AS mean_ns, -- of one
	       -- the kernel's name of the common ones; NULL: of another
	       CASE WHEN isa = 'vmx' THEN CASE exit_reason
	            WHEN 0 THEN 'EXCEPTION_NMI' WHEN 1 THEN 'EXTERNAL_INTERRUPT' WHEN 7 THEN 'INTERRUPT_WINDOW'
	            WHEN 8 THEN 'NMI_WINDOW' WHEN 10 THEN 'CPUID' WHEN 12 THEN 'HLT' WHEN 18 THEN 'VMCALL'
	            WHEN 28 THEN 'CR_ACCESS' WHEN 29 THEN 'DR_ACCESS' WHEN 30 THEN 'IO_INSTRUCTION'
	            WHEN 31 THEN 'MSR_READ' WHEN 32 THEN 'MSR_WRITE' WHEN 36 THEN 'MWAIT_INSTRUCTION'
	            WHEN 40 THEN 'PAUSE_INSTRUCTION' WHEN 44 THEN 'APIC_ACCESS' WHEN 45 THEN 'EOI_INDUCED'
	            WHEN 48 THEN 'EPT_VIOLATION' WHEN 49 THEN 'EPT_MISCONFIG' WHEN 52 THEN 'PREEMPTION_TIMER'
	            WHEN 54 THEN 'WBINVD' WHEN 55 THEN 'XSETBV' WHEN 56 THEN 'APIC_WRITE' END
	            WHEN isa = 'svm' THEN CASE exit_reason
	            WHEN 96 THEN 'interrupt' WHEN 97 THEN 'nmi' WHEN 100 THEN 'vintr' WHEN 114 THEN 'cpuid'
	            WHEN 119 THEN 'pause' WHEN 120 THEN 'hlt' WHEN 121 THEN 'invlpg' WHEN 123 THEN 'io'
	            WHEN 124 THEN 'msr' WHEN 129 THEN 'vmmcall' WHEN 137 THEN 'wbinvd' WHEN 139 THEN 'mwait'
	            WHEN 141 THEN 'xsetbv' WHEN 1024 THEN 'npf' WHEN 1025 THEN 'avic_incomplete_ipi'
	            WHEN 1026 THEN 'avic_unaccelerated_access' WHEN 1027 THEN 'vmgexit' END END AS reason
	  FROM exit_stat JOIN vcpu ON vcpu.id = exit_stat.vcpu JOIN recording
	 GROUP BY vcpu.vm, exit_reason;

-- What was lost or cannot be known: a row for each kind, also where there is nothing of it.
CREATE VIEW loss AS
	WITH hole AS (                     -- gaps and by how much each is longer than what earlier ones hide
		SELECT events, max(0, t1 - max(t0, coalesce(max(t1) OVER (ORDER BY t0, t1
		       ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), t0))) AS ns
		  FROM gap WHERE why NOT LIKE 'between two bursts%'),
	seen AS (SELECT count(*) AS n, coalesce(sum(tainted), 0) AS tainted,
		       -- where replay has a word on it, it is the last
		       coalesce(sum(CASE WHEN outcome.decision IS NULL THEN pick_source ELSE outcome.source END IS NULL), 0)
		       AS unknown
		  FROM decision d LEFT JOIN outcome ON outcome.decision = d.id)
	SELECT 'lost events' AS what,      -- what there is n of
	       lost AS n,                  -- NULL: not known
	       -- of how many, how long, or what
	       printf('of %,d events%s', events, CASE WHEN EXISTS (SELECT * FROM hole WHERE events IS NULL)
		      THEN ', and more where the recording does not say how many' ELSE '' END) AS detail
	  FROM recording
	UNION ALL
	SELECT 'gaps', count(*), printf('%.3f ms in all, %.2f %% of the recording', total(ns) / 1e6,
	       coalesce(100.0 * total(ns) / nullif((SELECT span_ns FROM recorded_time), 0), 0)) FROM hole
	UNION ALL
	SELECT 'pauses between bursts', count(*), printf('%.3f s in which nothing was recorded', total(t1 - t0) / 1e9)
	  FROM gap WHERE why LIKE 'between two bursts%'
	UNION ALL
	SELECT 'tainted decisions', tainted, printf('of %,d: they touch a gap, and estimates do without them', n)
	  FROM seen
	UNION ALL
	SELECT 'decisions of unknown outcome', unknown,
	       printf('of %,d: whom the kernel yielded to is not known%s', n, CASE WHEN unknown = 0 THEN ''
		      WHEN EXISTS (SELECT * FROM replay) THEN ', and replay cannot infer it'
		      ELSE ' by what followed alone; replay infers what it can' END) FROM seen
	UNION ALL
	SELECT 'unusable episodes', CASE WHEN EXISTS (SELECT * FROM replay) THEN count(*) - coalesce(sum(used), 0) END,
	       CASE WHEN EXISTS (SELECT * FROM replay)
	            THEN printf('of %,d waits: they touch a gap, or an outcome in them is not known', count(*))
	            ELSE 'not replayed' END
	  FROM episode
	UNION ALL
	SELECT 'unknowable', count(*), coalesce(group_concat(what, '; '), 'nothing') FROM unknowable;
