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
	UNIQUE (policy, parameters, state)
);

-- A decision in which the policy's pick differs from the observed one.
CREATE TABLE verdict (
	replay   INTEGER NOT NULL REFERENCES replay(id) ON DELETE CASCADE,
	decision INTEGER NOT NULL REFERENCES decision(id),
	pick_idx INTEGER,                  -- the policy's pick; NULL: nobody
	class    TEXT NOT NULL,            -- 'other target', 'no target' (observed one), 'new target' (observed none)
	attempts INTEGER NOT NULL,         -- yield_to() calls the policy would have made
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
