-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Facts: what a recording shows, written by 'counterspin import'.
--
-- Times are integer nanoseconds on the recording's clock; intervals are half open, [t0, t1).
-- A NULL is something the recording does not say; nothing here is guessed. Ids ascend in start time.
-- vcpu_idx is the kernel's vcpu_idx (rank of creation), the bit number in every bitmap; vcpu_id is
-- the number that tracepoints carry. A bitmap is one 64-bit word; bit b of word w is vcpu_idx 64*w+b.

-- The file. One row.
CREATE TABLE recording (
	path            TEXT NOT NULL,     -- file name, without its directory
	sha256          TEXT NOT NULL,     -- of the file's bytes
	format          TEXT NOT NULL,     -- 'trace.dat 6', 'trace.dat 7', 'perf.data'
	kernel          TEXT,              -- release (uname -r); NULL: the file does not say
	machine         TEXT,              -- uname -m
	clock           TEXT NOT NULL,     -- trace clock ('mono', 'x86-tsc', ...)
	isa             TEXT,              -- 'vmx' or 'svm'; NULL: no kvm_exit seen
	n_cpu           INTEGER NOT NULL,  -- CPUs with a buffer in the file
	t0              INTEGER NOT NULL,  -- latest first event over CPUs that have events
	t1              INTEGER NOT NULL,  -- last event
	realtime_offset INTEGER,           -- ns to add to get CLOCK_REALTIME; NULL: not recorded
	events          INTEGER NOT NULL,  -- used + ignored + lost
	used            INTEGER NOT NULL,  -- events that facts were made from
	ignored         INTEGER NOT NULL,  -- events of types that no fact needs (see event_type)
	lost            INTEGER NOT NULL,  -- events that the recording says are missing (see gap)
	host_facts      TEXT,              -- 'markers', 'file', or NULL: none found
	probes          INTEGER NOT NULL,  -- 1: decisions come from the on_spin probe
	importer        TEXT NOT NULL      -- program and version that wrote this database
);

-- Event types in the recording, one row each. Sum of n = recording.used + recording.ignored.
CREATE TABLE event_type (
	system TEXT NOT NULL,
	name   TEXT NOT NULL,
	n      INTEGER NOT NULL,           -- events read
	used   INTEGER NOT NULL,           -- of these, events that facts were made from
	reason TEXT,                       -- why the rest was ignored; NULL: all were used
	PRIMARY KEY (system, name)
) WITHOUT ROWID;

-- What could not be known, one sentence a row.
CREATE TABLE unknowable (
	what TEXT NOT NULL,
	why  TEXT NOT NULL
);

-- A setting of the recorded host, as its facts give it. 'when' is 'start', 'stop', or '' (not said).
CREATE TABLE host_param (
	name   TEXT NOT NULL,              -- 'kvm.ple_window', 'sched.features', 'hz', 'topology.cpu0', ...
	"when" TEXT NOT NULL,
	value  TEXT NOT NULL,
	PRIMARY KEY (name, "when")
) WITHOUT ROWID;

-- A guest: one thread group that runs vCPUs.
CREATE TABLE vm (
	id          INTEGER PRIMARY KEY,
	name        TEXT,                  -- from host facts; NULL: not known
	tgid        INTEGER,               -- thread group; NULL: not known, members were inferred
	n_vcpus     INTEGER NOT NULL,      -- vCPUs known (from probes or host facts: all; else those seen)
	membership  TEXT NOT NULL,         -- how vCPUs were assigned to VMs: 'tgid', 'inferred', 'unknown'
	idx_known   INTEGER NOT NULL,      -- 1: vcpu_idx given by facts or probes; 0: rank of vcpu_id
	created     INTEGER NOT NULL,      -- 1: created while recording, to all appearance: every vCPU thread was
	                                   -- forked; or first seen switched in unwoken, and 50 ms after the start
	                                   -- or slept before its first KVM event
	cpl_known   INTEGER NOT NULL,      -- 1: sign of guest_rip tells kernel mode; 0: it does not
	ipi_virtual INTEGER NOT NULL,      -- 1: IPIs reach vCPUs without an event (APICv, AVIC)
	eoi_virtual INTEGER NOT NULL       -- 1: interrupts are accepted but (almost) no EOI is seen
);

CREATE TABLE vcpu (
	id       INTEGER PRIMARY KEY,
	vm       INTEGER NOT NULL REFERENCES vm(id),
	vcpu_idx INTEGER NOT NULL,
	vcpu_id  INTEGER NOT NULL,
	n_pause  INTEGER NOT NULL,         -- PAUSE exits
	n_miss   INTEGER NOT NULL,         -- PAUSE exits that the on_spin probe missed (0 without probes)
	UNIQUE (vm, vcpu_idx)
);

-- A life of one TID. TIDs are reused, so everything else refers to thread.id.
CREATE TABLE thread (
	id     INTEGER PRIMARY KEY,
	tid    INTEGER NOT NULL,
	tgid   INTEGER,                    -- NULL: not known
	comm   TEXT,                       -- last name seen
	vcpu   INTEGER REFERENCES vcpu(id),-- NULL: not a vCPU thread
	cgroup TEXT,                       -- from host facts
	t0     INTEGER NOT NULL,           -- first and last event that names it
	t1     INTEGER NOT NULL
);

-- A thread's stretch on a CPU. The idle thread has none.
CREATE TABLE on_cpu (
	id         INTEGER PRIMARY KEY,
	thread     INTEGER NOT NULL REFERENCES thread(id),
	cpu        INTEGER NOT NULL,
	t_ready    INTEGER,                -- became runnable; NULL: before the recording, or lost
	cpu_ready  INTEGER,                -- CPU on whose queue it waited first
	waker      INTEGER REFERENCES thread(id), -- NULL: not woken but preempted, or unknown
	t0         INTEGER NOT NULL,
	t1         INTEGER NOT NULL,
	prio       INTEGER,                -- kernel priority at t0: 0-99 RT, 100-139 fair; NULL: not seen
	why        TEXT,                   -- prev_state letter at t1: 'R', 'R+' (preempted in the kernel),
	                                   -- 'S', 'D', 'X' ...; NULL: recording or gap ended it
	in_kvm_run INTEGER,                -- at t1, vCPU threads only: 1 inside ioctl(KVM_RUN), 0 not
	in_kernel  INTEGER,                -- at t1, vCPU threads only: guest in kernel mode at last exit
	guest_ns   INTEGER NOT NULL,       -- time between kvm_entry and kvm_exit in this stretch
	n_exit     INTEGER NOT NULL        -- kvm_exit events in this stretch
);

-- Exits of one vCPU for one reason in one second.
CREATE TABLE exit_stat (
	vcpu        INTEGER NOT NULL REFERENCES vcpu(id),
	second      INTEGER NOT NULL,      -- (t - recording.t0) / 1e9, rounded down
	exit_reason INTEGER NOT NULL,      -- VMX: low 16 bits; SVM: exit code; -1: beyond the first 1000 reasons
	n           INTEGER NOT NULL,
	handling_ns INTEGER NOT NULL,      -- sum of kvm_exit to next kvm_entry, while on a CPU
	histogram   TEXT NOT NULL,         -- JSON array: element b counts handling in [2^b, 2^(b+1)) ns
	PRIMARY KEY (vcpu, second, exit_reason)
) WITHOUT ROWID;

-- One edge of an interprocessor interrupt: sender to one receiver. Ids ascend in the time of
-- acceptance, as events show it; across a gap no edge is acknowledged.
CREATE TABLE ipi (
	id          INTEGER PRIMARY KEY,
	sender      INTEGER NOT NULL REFERENCES vcpu(id),
	receiver    INTEGER REFERENCES vcpu(id), -- NULL: nobody accepted
	vector      INTEGER NOT NULL,
	mode        TEXT NOT NULL,         -- 'fixed', 'lowest', 'smi', 'remrd', 'nmi', 'init', 'sipi', 'extint'
	shorthand   TEXT NOT NULL,         -- 'none', 'self', 'all', 'others'
	path        TEXT NOT NULL,         -- 'x2apic', 'xapic', 'icr' (which of them is not known), 'pv', 'hyperv', 'avic'
	n_receivers INTEGER NOT NULL,      -- vCPUs that accepted this send
	t_send      INTEGER NOT NULL,
	t_accept    INTEGER,               -- kvm_apic_accept_irq
	t_inject    INTEGER,               -- kvm_inj_virq of the vector at the receiver
	t_ack       INTEGER,               -- EOI of the vector at the receiver; NULL: none seen
	tracked     INTEGER NOT NULL,      -- 1: the IPI-aware patch's tracker would record it
	tainted     INTEGER NOT NULL       -- 1: from t_send on it touches a gap
);

-- An end of interrupt, or a reset of a vCPU's interrupt context.
CREATE TABLE eoi (
	id     INTEGER PRIMARY KEY,
	t      INTEGER NOT NULL,
	vcpu   INTEGER NOT NULL REFERENCES vcpu(id),
	vector INTEGER NOT NULL,           -- -1: spurious; for a reset 0
	how    TEXT NOT NULL               -- 'register', 'pv', 'accelerated', 'spurious', 'reset'
);

-- One call of kvm_vcpu_on_spin(). Where the on_spin probe missed one, t_start is the exit's time, and
-- the id the next one when that showed.
CREATE TABLE decision (
	id                   INTEGER PRIMARY KEY,
	vcpu                 INTEGER NOT NULL REFERENCES vcpu(id), -- the spinner
	t_start              INTEGER NOT NULL,
	t_end                INTEGER,      -- return of the call; NULL: lost
	cpu                  INTEGER NOT NULL,
	trigger              TEXT NOT NULL,-- 'pause', 'hyperv' (long spin wait), 'xen' (sched_op), 'unknown'
	source               TEXT NOT NULL,-- 'probe': on_spin fired; 'imputed': from the exit alone
	yield_to_kernel_mode INTEGER,      -- as derived from the exit; NULL: CPL not known
	n_vcpus              INTEGER NOT NULL, -- online vCPUs of the VM
	ple_window           INTEGER,      -- PLE window in force; NULL: no update seen yet
	n_exit               INTEGER NOT NULL, -- other exits of the vCPU since its previous decision
	n_eoi                INTEGER NOT NULL, -- its EOIs since then
	nr_running           INTEGER,      -- tasks on the local run queue; NULL: not known
	tainted              INTEGER NOT NULL, -- 1: touches a gap; left out of estimates
	switched_out         INTEGER,      -- 1: switched out runnable before t_end; NULL: lost
	next_idx             INTEGER,      -- ... and this vCPU of the VM ran next on the CPU; NULL: another thread
	pick_idx             INTEGER,      -- vcpu_idx that yield_to() accepted; NULL: nobody, or not known
	pick_source          TEXT,         -- 'probe', 'imputed'; NULL: outcome not known
	result               INTEGER,      -- last yield_to() result: 1, 0, -3; NULL: none tried, or not known
	-- the probe's truth, NULL where it was not probed
	probed_kernel_mode   INTEGER,
	last_boosted         INTEGER,      -- kvm->last_boosted_vcpu at entry
	ipi_pending          INTEGER,      -- spinner's ipi_context (patched kernels)
	ipi_receiver         INTEGER,
	ipi_time_ns          INTEGER
);

-- What the decision saw: state of the VM's vCPUs when its scan ended (at the first yield_to(), else at
-- the spinner's next event), 64 a row. Bitmaps by vcpu_idx. The probe's truth is from t_start.
CREATE TABLE candidate (
	decision            INTEGER NOT NULL REFERENCES decision(id),
	word                INTEGER NOT NULL,
	-- reconstructed from scheduler and KVM events
	ready               INTEGER NOT NULL, -- vcpu->ready
	preempted           INTEGER NOT NULL, -- vcpu->preempted
	in_kernel           INTEGER NOT NULL, -- vcpu->arch.preempted_in_kernel
	blocking            INTEGER NOT NULL, -- kvm_vcpu_is_blocking()
	dy_runnable         INTEGER NOT NULL, -- kvm_arch_dy_runnable(): an interrupt waits since the last entry
	pending_irq         INTEGER NOT NULL, -- kvm_arch_dy_has_pending_interrupt() (VMX with APICv)
	on_cpu              INTEGER NOT NULL, -- its thread runs
	queued              INTEGER NOT NULL, -- its thread runs or waits on a run queue
	in_spin_loop        INTEGER NOT NULL, -- it is inside kvm_vcpu_on_spin() itself
	rq_single           INTEGER NOT NULL, -- its thread's run queue holds one task
	-- which of them are known
	state_known         INTEGER NOT NULL, -- ready, preempted, blocking, on_cpu, queued, rq_single
	in_kernel_known     INTEGER NOT NULL,
	irq_known           INTEGER NOT NULL, -- dy_runnable, pending_irq
	spin_known          INTEGER NOT NULL, -- in_spin_loop
	racy                INTEGER NOT NULL, -- its state may have changed while the scan was looking: it was
	                                      -- switched or woken then, or spun while another scan went on
	-- the probe's truth, NULL where it was not probed
	probed              INTEGER,          -- vCPUs for which the following are known
	probed_ready        INTEGER,
	probed_preempted    INTEGER,
	probed_in_kernel    INTEGER,
	probed_in_spin_loop INTEGER,
	probed_dy_eligible  INTEGER,          -- vcpu->spin_loop.dy_eligible; no event shows it otherwise
	PRIMARY KEY (decision, word)
) WITHOUT ROWID;

-- One kvm_vcpu_yield_to() made by a decision. Without probes only a successful one can be imputed.
CREATE TABLE attempt (
	decision   INTEGER NOT NULL REFERENCES decision(id),
	n          INTEGER NOT NULL,       -- 0, 1, ... in the order of the calls
	target_idx INTEGER NOT NULL,
	result     INTEGER,                -- 1 yielded, 0 not, -3 (-ESRCH); NULL: return not seen
	t_call     INTEGER NOT NULL,
	t_ret      INTEGER,                -- when the caller ran again; NULL: not seen
	source     TEXT NOT NULL,          -- 'probe', 'imputed'
	PRIMARY KEY (decision, n)
) WITHOUT ROWID;

-- Something the recording lost, or cannot be trusted about.
CREATE TABLE gap (
	cpu    INTEGER,                    -- NULL: all
	t0     INTEGER NOT NULL,           -- last event before, first after
	t1     INTEGER NOT NULL,
	events INTEGER,                    -- events lost; NULL: not known
	why    TEXT NOT NULL
);

-- States of vCPU threads between and during their stretches on a CPU.
CREATE VIEW vcpu_state AS
	WITH stretch AS (
		SELECT thread.vcpu, on_cpu.thread, cpu, t_ready, cpu_ready, waker, on_cpu.t0, on_cpu.t1, why,
		       lead(t_ready) OVER (PARTITION BY on_cpu.thread ORDER BY on_cpu.t0) AS t_next_ready
		  FROM on_cpu JOIN thread ON thread.id = on_cpu.thread WHERE thread.vcpu NOT NULL)
	SELECT vcpu, t0, t1, 'running' AS state, cpu FROM stretch
	UNION ALL
	SELECT vcpu, t_ready, t0, CASE WHEN waker IS NULL THEN 'preempted' ELSE 'waking' END, cpu_ready
	  FROM stretch WHERE t_ready < t0
	UNION ALL
	SELECT vcpu, t1, t_next_ready, 'blocked', NULL FROM stretch
	 WHERE why NOT IN ('R', 'R+') AND t_next_ready > t1;

-- Depth of each run queue: tasks running or waiting, from t until the next row of that CPU.
CREATE VIEW runqueue AS
	SELECT cpu, t, sum(d) OVER (PARTITION BY cpu ORDER BY t RANGE UNBOUNDED PRECEDING) AS nr_running FROM (
		SELECT cpu, t, sum(d) AS d FROM (
			SELECT coalesce(cpu_ready, cpu) AS cpu, coalesce(t_ready, t0) AS t, 1 AS d FROM on_cpu
			UNION ALL
			SELECT cpu, t0, 1 FROM on_cpu WHERE cpu_ready <> cpu
			UNION ALL
			SELECT cpu_ready, t0, -1 FROM on_cpu WHERE cpu_ready <> cpu
			UNION ALL
			SELECT cpu, t1, -1 FROM on_cpu)
		GROUP BY cpu, t);
