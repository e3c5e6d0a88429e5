-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Results: what policies would have done, written by 'counterspin replay'. Any number of runs; a run
-- of the same policy with the same parameters replaces the earlier one.

-- One policy over all decisions of the recording.
CREATE TABLE replay (
	id                INTEGER PRIMARY KEY,
	policy            TEXT NOT NULL,
	parameters        TEXT NOT NULL,   -- JSON object, the kernel's names
	state             TEXT NOT NULL,   -- 'probed' or 'reconstructed': which state the policy was shown
	decisions         INTEGER NOT NULL,-- same_pick + different_pick + unknown
	same_pick         INTEGER NOT NULL,
	different_pick    INTEGER NOT NULL,
	unknown           INTEGER NOT NULL,-- the policy's or the kernel's pick is not known
	-- of decisions at which the policy's own pick is known:
	no_target         INTEGER NOT NULL,-- the policy yields to nobody
	receiver_waits    INTEGER NOT NULL,-- decisions whose vCPU has an unacknowledged unicast IPI of its own out
	receiver_hits     INTEGER NOT NULL,-- of these, picks that are a receiver of such an IPI
	attempts_yielded  INTEGER NOT NULL,-- yield_to() results of the policy's attempts: 1
	attempts_failed   INTEGER NOT NULL,-- 0
	attempts_esrch    INTEGER NOT NULL,-- -ESRCH
	importer          TEXT NOT NULL,
	summary           TEXT NOT NULL,   -- what the policy does, in a line
	UNIQUE (policy, parameters, state)
);

-- The parameters that a policy's name alone stands for: by the last replay, simulate or tune.
CREATE TABLE policy_default (
	policy     TEXT PRIMARY KEY,
	parameters TEXT NOT NULL           -- as replay.parameters
) WITHOUT ROWID;

-- A decision in which the policy's pick differs from the observed one.
CREATE TABLE verdict (
	replay   INTEGER NOT NULL REFERENCES replay(id) ON DELETE CASCADE,
	decision INTEGER NOT NULL REFERENCES decision(id),
	pick_idx INTEGER,                  -- the policy's pick; NULL: nobody
	class    TEXT NOT NULL,            -- 'other target', 'no target' (observed one), 'new target' (observed none)
	attempts INTEGER NOT NULL,         -- yield_to() calls the policy would have made
	-- What the two picks amount to: 'hit' (a vCPU that is waited for, and the scheduler runs it), 'scheduler
	-- mismatch' (it does not), 'nominated' (what it does is not known), 'lost opportunity' (such a vCPU was
	-- left aside), 'overboost' (one that is not waited for, as none was ready), 'nothing to gain'. NULL: whom
	-- the spinner waits for is not known, or episode.used is 0. The kernel's by what was seen to follow, the policy's by the shadow.
	outcome          TEXT,
	observed_outcome TEXT,
	PRIMARY KEY (replay, decision)
) WITHOUT ROWID;

-- What replay takes the kernel to have done where no probe saw it: one row per unprobed decision.
CREATE TABLE outcome (
	decision     INTEGER PRIMARY KEY REFERENCES decision(id),
	pick_idx     INTEGER,              -- NULL: nobody, or not known
	source       TEXT,                 -- 'imputed': by import; 'inferred': from the kernel's policy and
	                                   -- the switch that followed; NULL: not known
	last_boosted INTEGER               -- as carried along to this decision; NULL: not known
);

-- How well the recorded kernel's own policy, replayed, reproduces what the kernel did.
CREATE TABLE fidelity (
	state               TEXT PRIMARY KEY, -- 'probed', 'reconstructed'
	policy              TEXT NOT NULL,
	compared            INTEGER NOT NULL, -- decisions whose attempts and whose state are known
	attempt_lists_equal INTEGER NOT NULL, -- the same targets tried in the same order
	targets_equal       INTEGER NOT NULL, -- the same vCPU yielded to, or nobody by both
	racy                INTEGER NOT NULL, -- of compared: a candidate's state changed during the scan
	unknown             INTEGER NOT NULL  -- not compared: the outcome hangs on a state not known
) WITHOUT ROWID;

-- A decision whose attempts the replayed policy does not reproduce.
CREATE TABLE disagreement (
	state    TEXT NOT NULL,               -- as fidelity.state
	decision INTEGER NOT NULL REFERENCES decision(id),
	reason   TEXT NOT NULL,               -- which state the difference hangs on
	vcpu_idx INTEGER,                     -- the vCPU it is about; NULL: none in particular
	racy     INTEGER NOT NULL,            -- 1: a candidate's state changed during the scan, or it differs
	                                      -- in a dy_eligible that such a scan left
	PRIMARY KEY (state, decision)
) WITHOUT ROWID;

-- Do senders of this vector wait? Estimated from how they go on while the acknowledgement takes its
-- time -- written by replay.
CREATE TABLE ipi_vector (
	vm      INTEGER NOT NULL REFERENCES vm(id),
	vector  INTEGER NOT NULL,
	visible INTEGER NOT NULL,          -- sends acknowledged so late that a wait would have shown
	waited  INTEGER NOT NULL,          -- of these, followed by a wait for them
	f_wait  REAL,                      -- waited / visible, 0 to 1; NULL: too few are visible
	PRIMARY KEY (vm, vector)
) WITHOUT ROWID;

-- One wait with PAUSE exits, from the first to progress: an inference, by the last replay. Waits that end
-- before the first PAUSE exit do not show. [t0, t1) with t1 in [t_lo, t_hi].
CREATE TABLE episode (
	id             INTEGER PRIMARY KEY,-- by vCPU and time
	vcpu           INTEGER NOT NULL REFERENCES vcpu(id), -- the spinner
	t0             INTEGER NOT NULL,
	t1             INTEGER NOT NULL,
	t_lo           INTEGER NOT NULL,   -- last PAUSE exit
	t_hi           INTEGER NOT NULL,   -- had it still spun, another PAUSE exit would have come
	spin_ns        INTEGER NOT NULL,   -- on the CPU in [t0, t1)
	first_decision INTEGER NOT NULL REFERENCES decision(id),
	last_decision  INTEGER NOT NULL REFERENCES decision(id), -- those of the vCPU from first to last are its
	n_decisions    INTEGER NOT NULL,
	cause          TEXT NOT NULL,      -- 'IPI', 'lock-holder preemption', 'unknown'
	unblocker_idx  INTEGER,            -- vcpu_idx whose progress ended it; NULL: no idea
	confidence     INTEGER NOT NULL,   -- in cause and unblocker: 3 seen, 2 inferred, 1 guessed, 0 none
	vector         INTEGER,            -- of the IPI; NULL: another cause
	ipi            INTEGER REFERENCES ipi(id), -- the edge that was answered last
	parent         INTEGER REFERENCES episode(id), -- the wait that it interrupted
	tainted        INTEGER NOT NULL,   -- 1: touches a gap
	used           INTEGER NOT NULL    -- 1: estimates rest on it; 0: tainted, or an outcome is not known
);

-- What a policy changes in one episode, all else as recorded: by the one decision that counts. Never summed
-- with what the chain of episodes says (table estimate). A row only where a pick differs.
CREATE TABLE episode_gain (
	replay   INTEGER NOT NULL REFERENCES replay(id) ON DELETE CASCADE,
	episode  INTEGER NOT NULL REFERENCES episode(id),
	decision INTEGER NOT NULL REFERENCES decision(id), -- the one that counts, else the first that differs
	class    TEXT NOT NULL,            -- 'hit', 'futile hit', 'loss', 'release', 'miss-miss', ...
	wall_ns  REAL,                     -- by how much the wait is shorter; NULL: unsupported
	spin_ns  REAL,                     -- CPU time of the spinner given back
	PRIMARY KEY (replay, episode)
) WITHOUT ROWID;

-- One figure. value and intervals are NULL where it is refused, and reason says why.
CREATE TABLE estimate (
	replay  INTEGER NOT NULL REFERENCES replay(id) ON DELETE CASCADE,
	metric  TEXT NOT NULL,             -- 'throughput_gain', 'spin_cpu_saved', ...
	unit    TEXT NOT NULL,             -- 'percent', 'CPUs', 'us', '1/s'
	method  TEXT NOT NULL,             -- 'episode chain', or 'per decision, no feedback'
	value   REAL,
	stat_lo REAL, stat_hi REAL,        -- 95 %, of the recording's own variation
	total_lo REAL, total_hi REAL,      -- 95 %, with the method's own error
	worst   REAL, best REAL,           -- if what is not known is at its worst, at its best; NULL: none
	support REAL,                      -- share of the evidence that it rests on, 0 to 1; NULL: refused
	verdict TEXT NOT NULL,             -- 'gain', 'no clear effect', 'loss', 'not identifiable', ...
	reason  TEXT,
	PRIMARY KEY (replay, metric)
) WITHOUT ROWID;

-- A step of the exact gain curve over ipi_window_ns, by the last 'counterspin tune': from this window on,
-- until the next row's, the policy gains this much by single decisions. The first row is no window at all.
CREATE TABLE window_step (
	policy        TEXT NOT NULL,
	parameters    TEXT NOT NULL,       -- JSON object, without ipi_window_ns
	statistic     TEXT NOT NULL,       -- 'ipi_window_ns', or 'ppm of mean response' (adaptive windows)
	ipi_window_ns INTEGER NOT NULL,    -- or ppm; -1: no hint is young enough
	spin_ns       REAL NOT NULL,       -- CPU time given back in the whole recording
	wall_ns       REAL NOT NULL,
	gain          REAL NOT NULL,       -- spin_ns as useful work, percent against the recorded policy
	lo            REAL, hi REAL,       -- 95 % band of gain, which holds the whole curve at once
	PRIMARY KEY (policy, parameters, statistic, ipi_window_ns)
) WITHOUT ROWID;

-- What the last 'counterspin tune' of a policy makes of its curve, the latest run with the highest rowid. Gains are percent of useful work against
-- the recorded policy; windows are ns, or ppm as window_step.statistic says.
CREATE TABLE window_choice (
	policy         TEXT NOT NULL,
	parameters     TEXT NOT NULL,      -- as in window_step
	statistic      TEXT NOT NULL,
	default_window INTEGER NOT NULL,
	chosen         INTEGER,            -- NULL: no choice, and reason says why; then all that follows from it is NULL
	fold_lo        INTEGER, fold_hi INTEGER, -- windows chosen in replicates, 95 %
	held_out       REAL, held_out_lo REAL, held_out_hi REAL, -- gain on data that did not choose it
	by_default     REAL, by_default_lo REAL, by_default_hi REAL, -- of the default, there
	over_default   REAL, over_default_stat_lo REAL, over_default_stat_hi REAL, -- the difference
	over_default_total_lo REAL, over_default_total_hi REAL,
	-- by the episode chain (estimate.metric 'throughput_gain'), total interval
	throughput_at_chosen REAL, throughput_at_chosen_lo REAL, throughput_at_chosen_hi REAL,
	throughput_at_default REAL, throughput_at_default_lo REAL, throughput_at_default_hi REAL,
	hints_live     INTEGER NOT NULL,   -- decisions at which a hint changes the pick
	hints_inert    INTEGER NOT NULL,   -- at which it does not
	verdict        TEXT NOT NULL,
	reason         TEXT,
	PRIMARY KEY (policy, parameters, statistic)
);

-- What was recorded, as it would vary in another stretch of the same load: by the last replay.
CREATE TABLE observed (
	vm      INTEGER REFERENCES vm(id), -- NULL: all VMs
	-- 'spin_cpus' (CPUs): spent in waits with PAUSE exits; 'spin_share' (percent): of the vCPUs' time on a
	-- CPU; 'steal_share' (percent): of the vCPUs' time, runnable and not on a CPU; 'pause_exits' (1/s);
	-- 'yields' (1/s): accepted by yield_to(); 'wasted_yields' (percent): of the yields of which it is known,
	-- those that table judged_yield says are wasted; 'ipi_response' (us): mean, from the send to the last
	-- acknowledgement, of IPIs that are waited for; 'episode_length' (us): mean wait with PAUSE exits
	metric  TEXT NOT NULL,
	unit    TEXT NOT NULL,
	value   REAL,                      -- NULL: not known, and reason says why
	stat_lo REAL, stat_hi REAL,        -- 95 %; NULL: too little was recorded for an interval
	n       INTEGER NOT NULL,          -- episodes, exits, yields or IPIs that it rests on
	reason  TEXT,
	UNIQUE (vm, metric)
);

-- A yield of which it is known whom the spinner waited for: by the last replay.
CREATE TABLE judged_yield (
	decision INTEGER PRIMARY KEY REFERENCES decision(id),
	wasted   INTEGER NOT NULL          -- 1: to a vCPU that is not waited for, or has answered by then; 0: to one that is
);

-- What a reader must know before believing a figure, one sentence a row: by the last replay.
CREATE TABLE warning (
	sentence TEXT NOT NULL
);

-- By how much a wait is longer because its first decision does not yield to the vCPU that is waited for,
-- though it is ready, by several methods: by the last replay.
CREATE TABLE estimator (
	name      TEXT PRIMARY KEY,        -- 'direct method', 'natural experiment', 'doubly robust'
	us        REAL,                    -- NULL: refused, and reason says why
	lo        REAL, hi REAL,           -- 95 %
	decisions INTEGER NOT NULL,
	reason    TEXT
) WITHOUT ROWID;

-- What the natural experiment has to pass before it is believed: by the last replay.
CREATE TABLE natural_test (
	name   TEXT PRIMARY KEY,           -- 'T1' ...
	what   TEXT NOT NULL,
	found  TEXT NOT NULL,
	passed INTEGER                     -- NULL: it cannot be told
) WITHOUT ROWID;

-- A stretch of the recording worth a look, the most telling first: by the last replay.
CREATE TABLE moment (
	id       INTEGER PRIMARY KEY,      -- 1, 2, ... in the order to show them
	kind     TEXT NOT NULL,            -- 'longest IPI wait', 'longest lock wait', 'lost opportunity', ...
	vm       INTEGER NOT NULL REFERENCES vm(id),
	episode  INTEGER NOT NULL REFERENCES episode(id),
	decision INTEGER NOT NULL REFERENCES decision(id), -- to look at first
	t0       INTEGER NOT NULL,         -- to show
	t1       INTEGER NOT NULL,
	what     TEXT NOT NULL             -- one sentence
);

-- A decision in a moment as each policy of the last replay makes it.
CREATE TABLE explanation (
	decision INTEGER PRIMARY KEY REFERENCES decision(id),
	explain  TEXT NOT NULL             -- JSON, as 'counterspin explain --json' prints it
);

-- Does the closed loop reproduce the recording? The recorded policy simulated, against what was recorded: a
-- row for each variant of the scheduler that the host may have had -- by the last 'counterspin simulate'.
-- With what_if: may the extrapolation to it be believed?
CREATE TABLE simulation_gate (
	what_if       TEXT NOT NULL,       -- '': as recorded; 'vms=+1', 'cpus=-2', ...: the same work at another density
	forfeit       INTEGER NOT NULL,    -- 1: a yielder gives up its slice; 0: its deadline moves (EEVDF)
	run_to_parity INTEGER NOT NULL,    -- 1: a slice is protected up to its end (EEVDF)
	as_recorded   INTEGER NOT NULL,    -- 1: what the recording and the kernel's release say
	chosen        INTEGER NOT NULL,    -- 1: table simulation is under this one
	result        TEXT NOT NULL,       -- 'PASS', 'WARN' (no more than signs), 'REFUSE' (no gains)
	-- means over replicates, of the model against the recording; NULL: there is nothing to hold it against
	work_error    REAL,                -- percent: useful work
	spin_error    REAL,                -- percent: time on a CPU in waits with PAUSE exits
	latency_error REAL,                -- percent: median response to IPIs that are waited for
	latency_p99_error REAL,            -- percent
	share_error   REAL,                -- points: the VM whose share of CPU time is farthest off
	replicates    INTEGER NOT NULL,
	seed          INTEGER NOT NULL,
	reason        TEXT,                -- limits of PASS that are exceeded; and the likely reason of a refusal
	PRIMARY KEY (what_if, forfeit, run_to_parity)
) WITHOUT ROWID;

-- What a policy and a scheduler side change against the recorded policy simulated likewise, never against the
-- recording itself: by the last 'counterspin simulate'. Empty if the model does not reproduce the recording.
CREATE TABLE simulation (
	what_if        TEXT NOT NULL,      -- as in simulation_gate: both policies are simulated so
	policy         TEXT NOT NULL,
	parameters     TEXT NOT NULL,      -- JSON object, the kernel's names
	scheduler_side TEXT NOT NULL,      -- 'plain', 'debooster-v1', 'debooster-v2', 'lag-credit'
	lag_margin     REAL,               -- of 'lag-credit', as assumed: slices per queued entity; NULL: other sides
	vm             INTEGER REFERENCES vm(id), -- NULL: all VMs
	-- 'throughput_gain', 'ipi_response_change', 'ipi_response_p50_change', ... 'pause_exits_change' (percent);
	-- 'spin_cpu_saved' (CPUs); 'yields_change' (1/s); 'share_change' (points of the VMs' CPU time; of all VMs:
	-- the largest change of any, unsigned)
	metric         TEXT NOT NULL,
	unit           TEXT NOT NULL,
	value          REAL,               -- NULL: there is none, and reason says why
	stat_lo        REAL, stat_hi REAL, -- 95 %, over replicates with work 1 % longer or shorter
	total_lo       REAL, total_hi REAL,-- 95 %, with the model's own error
	verdict        TEXT NOT NULL,      -- 'gain', 'no clear effect', 'loss', 'not identifiable', ...
	reason         TEXT,
	UNIQUE (what_if, policy, parameters, scheduler_side, vm, metric)
);

-- What a what_if itself does to the recorded policy, against that policy simulated as recorded.
CREATE TABLE simulation_density (
	what_if        TEXT NOT NULL,
	vm             INTEGER REFERENCES vm(id), -- NULL: all VMs
	metric         TEXT NOT NULL,      -- as in simulation
	unit           TEXT NOT NULL,
	value          REAL,
	stat_lo        REAL, stat_hi REAL,
	total_lo       REAL, total_hi REAL,
	verdict        TEXT NOT NULL,
	reason         TEXT,
	UNIQUE (what_if, vm, metric)
);
