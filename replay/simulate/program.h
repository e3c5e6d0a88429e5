/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * program - what the vCPUs of a recording had to do, whoever was yielded to: lists of
 * work and of what work waits for. What it took until a wait was over is not in it,
 * for that is what a policy changes (after Dimemas and SimGrid; estimation.md 3.1, 3.2).
 *
 * Work is measured in ns of progress: time on a CPU without spinning, without
 * interrupt handlers, and without what switches and PAUSE exits cost.
 */
#ifndef REPLAY_SIMULATE_PROGRAM_H
#define REPLAY_SIMULATE_PROGRAM_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum item_kind {
	ITEM_COMPUTE,	/* ns of progress */
	ITEM_SEND,	/* an IPI to each of its receivers, and goes on */
	ITEM_SENDWAIT,	/* the same, and spins until all have run their handler of it */
	ITEM_WAIT,	/* spins until vCPU 'unblocker' has made ns of progress from now: a lock it holds */
	ITEM_SPIN,	/* spins for ns on a CPU, exits in it, whoever runs: what is waited for is not known */
	ITEM_HALT,	/* sleeps for ns: until a timer or a device wakes it */
	ITEM_HALT_IPI,	/* sleeps until an interrupt of a SEND or SENDWAIT has come since its last sleep */
	ITEM_IO,	/* sleeps for ns outside the guest, where no interrupt wakes it */
	N_ITEM_KINDS,
};

extern const char *const item_kind_names[N_ITEM_KINDS];

struct item {
	enum item_kind kind;
	/* ITEM_COMPUTE: the guest is in kernel mode. ITEM_WAIT: its unblocker is, meanwhile. All spinning is */
	bool kernel;
	bool tracked;		/* sends: the IPI-aware tracker would record it */
	uint8_t vector;		/* sends */
	uint16_t unblocker;	/* ITEM_WAIT: vcpu_idx, of its own VM */
	guint first, n;		/* sends: receivers [first, first + n) of program.receivers */
	int64_t ns;
	int64_t t;		/* when it began in the recording, ns from t0; for diagnosis alone */
};

/* One vCPU's. Items in order; a program is never begun again. */
struct program {
	unsigned int vm, idx;	/* index into input.vms; vcpu_idx */
	GArray *items;		/* of struct item */
	GArray *receivers;	/* of uint16_t: vcpu_idx of its own VM */
	int64_t t_start;	/* ns from t0: it does not exist before */
	int cpu;		/* it begins on, or last was; -1: not known */
	int64_t progress;	/* sum of its ITEM_COMPUTE */
};

/* A task that is no vCPU: runs and sleeps in turn, each as long as recorded, whatever else is done. */
struct background {
	int cpu;		/* it first ran on */
	unsigned int nice_weight;	/* 1024 is nice 0 */
	unsigned int group;
	bool realtime;		/* runs before all that is fair */
	GArray *turns;		/* of int64_t: sleep, run, sleep, run ... ns; the first sleep from t0 */
};

/* How a VM's guests and its exits behave. All ns. */
struct program_vm {
	char *name;
	unsigned int n_vcpus;
	unsigned int group;	/* of its vCPU threads, see host.groups */
	unsigned int weight;	/* 1024 is nice 0 */
	int64_t window;		/* on a CPU between PAUSE exits of one spin: the first */
	int64_t window_max;	/* it doubles up to this (PLE of VMX); equal to window: it is constant */
	int64_t handler;	/* of an IPI, of its receiver's time on a CPU: to what the sender waits for */
	int64_t c_exit;		/* host time of a PAUSE exit without a yield, beyond the window */
	int64_t c_yield;	/* more of one that yields */
	bool acks_before_handler;	/* it is acknowledged at the beginning of that; else at the end */
};

enum scheduler { SCHEDULER_CFS, SCHEDULER_EEVDF };

/* The recorded host. Names and rules: scheduler-side.md 1 to 3. */
struct sim_host {
	unsigned int n_cpu;
	enum scheduler scheduler;
	int64_t slice;		/* base_slice_ns; CFS: sched_latency */
	int64_t min_granularity, wakeup_granularity;	/* CFS */
	int64_t tick;		/* TICK_NSEC */
	int64_t c_switch;	/* what a switch costs who comes */
	int64_t c_kick;		/* what it costs a vCPU that runs to be got out for an interrupt, and in again */
	/* features and rules that hang on the version */
	bool gentle_sleepers, last_buddy;	/* CFS */
	bool pick_buddy, run_to_parity, place_lag, delay_dequeue, protect_slice_min;	/* EEVDF */
	bool forfeit;		/* EEVDF: an eligible yielder's vruntime becomes its deadline; else its deadline moves */
	unsigned int n_groups;	/* cgroups with entities of their own below the root; group 0 is the root */
	unsigned int *group_weights;	/* [n_groups], of each on every CPU */
	unsigned int *nodes;	/* [n_cpu]: NUMA node of each CPU; NULL: one node */
	unsigned int stock_variant;	/* enum stock_variant, which the recorded kernel ran */
};

struct program_input {
	struct sim_host host;
	unsigned int n_vms;
	struct program_vm *vms;
	GPtrArray *programs;	/* of struct program, by vm and idx: all vCPUs that ran */
	GPtrArray *backgrounds;	/* of struct background */
	int64_t t0, length;	/* what it is of: from when, ns of the recording's clock, and how much of it, ns */
	/* what extraction could not put into programs, for the gate to say */
	double unmodelled_spin;	/* share of the recorded spinning that is ITEM_SPIN */
	double work_error;	/* |sum of ITEM_COMPUTE - recorded progress| / recorded progress */
	/* as recorded, by VM: what a simulation of the recorded policy is held against */
	struct program_truth {
		/*
		 * ns: progress; on a CPU in waits with PAUSE exits, from beginning to end, with all
		 * that they cost there; on a CPU
		 */
		double work, spin, on_cpu;
		double pauses, yields;		/* PAUSE exits; successful yields */
		GArray *responses;	/* of double, ns: of ITEM_SENDWAITs, until their sender goes on */
	} *truth;		/* [n_vms] */
};

/* For GPtrArrays. */
void program_free(void *program);
void background_free(void *background);

void program_input_free(struct program_input *input);

#endif
