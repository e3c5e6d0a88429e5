-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Views for those who review the IPI-aware patches: what their tracker cannot see, and what becomes of
-- the yields that stock makes. Of facts, and of replay's tables where a comment says so. A NULL is, as
-- everywhere, what the recording does not say.

-- A send of an IPI, whoever accepted it.
CREATE VIEW ipi_send AS
	SELECT min(ipi.id) AS ipi,         -- its first edge
	       vcpu.vm AS vm,
	       sender,                     -- vcpu.id
	       t_send,
	       vector,
	       n_receivers,
	       max(tainted) AS tainted,    -- as ipi.tainted
	       -- 'tracked': the patches' tracker records it; else the first reason that applies why not
	       CASE WHEN n_receivers = 0 THEN 'nobody accepted'
	            WHEN min(receiver) = sender AND max(receiver) = sender THEN 'self'
	            WHEN path IN ('pv', 'hyperv', 'avic') THEN path
	            WHEN mode <> 'fixed' THEN 'mode'
	            WHEN shorthand <> 'none' THEN 'shorthand'
	            WHEN n_receivers > 1 THEN 'multicast'
	            ELSE 'tracked' END AS why
	  FROM ipi JOIN vcpu ON vcpu.id = sender
	 GROUP BY sender, t_send, vector, mode, shorthand, path;

-- What the tracker would miss and why: a row for each VM and reason, also where there was none.
CREATE VIEW tracker_coverage AS
	SELECT vm.id AS vm,
	       reason.why,                 -- as ipi_send.why; 'no event': from vCPU to vCPU by hardware
	       reason.missed,              -- 1: a relation of two vCPUs that the tracker does not know
	       count(s.ipi) AS seen,       -- sends with an event
	       -- sends; NULL: IPIs of this VM reach vCPUs without an event, so there may be more
	       CASE WHEN NOT vm.ipi_virtual THEN count(s.ipi) END AS n_sends,
	       -- interrupts that vCPUs accepted of them; NULL: likewise
	       CASE WHEN NOT vm.ipi_virtual THEN coalesce(sum(s.n_receivers), 0) END AS n_edges,
	       coalesce(sum(s.tainted), 0) AS tainted -- of seen: sends that touch a gap
	  FROM vm
	  JOIN (SELECT column1 AS why, column2 AS missed FROM (VALUES ('tracked', 0), ('pv', 1), ('hyperv', 1),
	       ('avic', 1), ('mode', 1), ('shorthand', 1), ('multicast', 1), ('self', 0), ('nobody accepted', 0),
	       ('no event', 1))) AS reason
	  LEFT JOIN ipi_send s ON s.vm = vm.id AND s.why = reason.why
	 GROUP BY vm.id, reason.why;

-- To how many a vector goes, and whether its senders wait: a row for each VM and vector.
CREATE VIEW ipi_fanout AS
	WITH send AS (                     -- with the next one of its sender that is tracked if this is
		SELECT s.*, ipi.receiver AS receiver, ipi.t_ack AS t_ack,
		       lead(s.t_send) OVER later AS t_next, lead(ipi.receiver) OVER later AS next_receiver
		  FROM ipi_send s JOIN ipi ON ipi.id = s.ipi
		WINDOW later AS (PARTITION BY s.sender, s.why = 'tracked' ORDER BY s.t_send))
	SELECT send.vm,
	       send.vector,
	       count(*) AS seen,           -- sends with an event
	       sum(n_receivers > 1) AS multi, -- of these, accepted by more than one vCPU
	       max(n_receivers) AS max_receivers,
	       -- multi / sends; NULL: the VM has IPIs without an event
	       CASE WHEN NOT vm.ipi_virtual THEN 1.0 * sum(n_receivers > 1) / count(*) END AS f_multi,
	       -- tracked sends that were not acknowledged when their sender's next tracked one went to another
	       -- vCPU: the tracker remembers one. NULL: EOIs are not seen
	       CASE WHEN NOT vm.eoi_virtual THEN sum(coalesce(why = 'tracked' AND NOT tainted AND
	            next_receiver <> receiver AND coalesce(t_ack > t_next, 1), 0)) END AS overwritten,
	       v.f_wait,                   -- ipi_vector.f_wait; NULL also: replay has not estimated it
	       1 - v.f_wait AS f_async     -- share that nobody waits for; NULL: not known
	  FROM send JOIN vm ON vm.id = send.vm
	  LEFT JOIN ipi_vector v ON v.vm = send.vm AND v.vector = send.vector
	 GROUP BY send.vm, send.vector;

-- A yield that the recorded kernel made: a decision whose pick is known and somebody.
CREATE VIEW recorded_yield AS
	SELECT d.id AS decision,
	       spinner.vm AS vm,
	       d.vcpu AS spinner,          -- vcpu.id
	       target.id AS target,        -- vcpu.id
	       target.vcpu_idx AS pick_idx,
	       -- how it is known: 'probe', 'imputed'; by replay (outcome.source): 'inferred' and again 'imputed'
	       coalesce(d.pick_source, outcome.source) AS source,
	       coalesce(a.t_call, d.t_start) AS t, -- of the yield_to(); not seen: of the decision
	       d.cpu AS cpu                -- the spinner's
	  FROM decision d JOIN vcpu spinner ON spinner.id = d.vcpu
	  LEFT JOIN outcome ON outcome.decision = d.id AND d.pick_source IS NULL
	  JOIN vcpu target ON target.vm = spinner.vm AND target.vcpu_idx = coalesce(d.pick_idx, outcome.pick_idx)
	  LEFT JOIN attempt a ON a.decision = d.id AND a.target_idx = target.vcpu_idx AND a.result > 0;

-- A recorded yield: is its target on another run queue, or in another cgroup?
CREATE VIEW yield_across AS
	WITH target_stretch AS (           -- the target's stretch on a CPU: under way at t, else the next
		SELECT decision, stretch FROM (
			SELECT decision, min(stretch) OVER (PARTITION BY vcpu
			       ORDER BY t DESC, stretch NOT NULL ROWS UNBOUNDED PRECEDING) AS stretch
			  FROM (SELECT target AS vcpu, t, NULL AS stretch, decision FROM recorded_yield
				UNION ALL
				SELECT vcpu, on_cpu.t1, on_cpu.id, NULL
				  FROM on_cpu JOIN thread ON thread.id = on_cpu.thread WHERE vcpu NOT NULL))
		 WHERE decision NOT NULL)
	SELECT y.*,
	       -- where the target runs or waits at t; NULL: nowhere, or moved while waiting, or not seen to wait
	       CASE WHEN o.t0 <= y.t OR (o.t_ready <= y.t AND coalesce(o.cpu_ready, o.cpu) = o.cpu)
	            THEN o.cpu END AS target_cpu,
	       -- 1: not the spinner's run queue; NULL: it may have been either
	       CASE WHEN o.t0 <= y.t OR (o.t_ready <= y.t AND coalesce(o.cpu_ready, o.cpu) = o.cpu)
	            THEN o.cpu <> y.cpu
	            WHEN o.t_ready <= y.t AND y.cpu NOT IN (o.cpu, o.cpu_ready) THEN 1 END AS across_queues,
	       sg.cgroup AS spinner_cgroup,
	       tg.cgroup AS target_cgroup,
	       sg.cgroup <> tg.cgroup AS across_cgroups -- NULL: one of them is not known
	  FROM recorded_yield y
	  LEFT JOIN target_stretch USING (decision)
	  LEFT JOIN on_cpu o ON o.id = target_stretch.stretch
	  LEFT JOIN thread sg ON sg.vcpu = y.spinner AND y.t BETWEEN sg.t0 AND sg.t1
	  LEFT JOIN thread tg ON tg.vcpu = y.target AND y.t BETWEEN tg.t0 AND tg.t1;

-- A recorded yield: was its target woken and never preempted, and would the IPI-aware filter refuse it?
CREATE VIEW yield_woken AS
	WITH last_send AS (                -- the spinner's last tracked send before the yield
		SELECT decision, ipi FROM (
			SELECT decision, max(ipi) OVER (PARTITION BY vcpu
			       ORDER BY t, ipi IS NULL ROWS UNBOUNDED PRECEDING) AS ipi
			  FROM (SELECT spinner AS vcpu, t, NULL AS ipi, decision FROM recorded_yield
				UNION ALL
				SELECT sender, t_accept, id, NULL FROM ipi WHERE tracked))
		 WHERE decision NOT NULL),
	seen AS (
		SELECT y.*,
		       -- ready and not preempted, by the probe where there is one
		       CASE WHEN c.probed >> (pick_idx % 64) & 1
		            THEN (c.probed_ready & ~c.probed_preempted) >> (pick_idx % 64) & 1
		            WHEN c.state_known >> (pick_idx % 64) & 1
		            THEN (c.ready & ~c.preempted) >> (pick_idx % 64) & 1 END AS woken,
		       -- candidate.racy: its state may have changed during the scan
		       c.racy >> (pick_idx % 64) & 1 AS racy,
		       CASE WHEN c.irq_known >> (pick_idx % 64) & 1
		            THEN c.pending_irq >> (pick_idx % 64) & 1 END AS pending_irq,
		       -- the spinner's last tracked IPI went to the target and was not acknowledged. Replay of
		       -- ipi-aware heeds also its age, and which EOIs clear the record in which version. NULL:
		       -- IPIs or EOIs are virtualised
		       CASE WHEN NOT (vm.ipi_virtual OR vm.eoi_virtual)
		            THEN coalesce(ipi.receiver = target AND coalesce(ipi.t_ack > t, 1), 0) END AS receiver
		  FROM recorded_yield y JOIN vm ON vm.id = y.vm
		  JOIN candidate c ON c.decision = y.decision AND c.word = pick_idx / 64
		  LEFT JOIN last_send ON last_send.decision = y.decision
		  LEFT JOIN ipi ON ipi.id = last_send.ipi)
	SELECT *,
	       -- 1: stock took it and the filter passes it over; NULL: that hangs on what is not known
	       woken AND NOT receiver AND NOT pending_irq AS rejected
	  FROM seen;
