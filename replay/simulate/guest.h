/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest - a vCPU of a simulation at its program (program.h): it computes, sends IPIs,
 * spins, leaves its loop at every PAUSE exit, handles interrupts and sleeps.
 *
 * What is waited for may come about while the waiting vCPU is off the CPU; it notices
 * when it runs. The counter up to the next PAUSE exit goes on after a preemption, the
 * window begins small again.
 */
#ifndef REPLAY_SIMULATE_GUEST_H
#define REPLAY_SIMULATE_GUEST_H

#include "replay/simulate/program.h"
#include "replay/simulate/simulation.h"
#include "replay/spin.h"

struct sim;
struct sim_task;

/* What a vCPU does with its time on a CPU. */
enum doing { DOING_SWITCH, DOING_HOST, DOING_HANDLER, DOING_WORK, DOING_SPIN, N_DOINGS };

/* An interrupt that was sent and not handled. */
struct sim_interrupt {
	uint16_t sender;	/* vcpu_idx */
	uint8_t vector;
	bool waited_for;	/* the sender spins until it has been handled */
	bool in_service;
};

/* A VM: its vCPUs, and what kvm and the policy know of it. */
struct sim_vm {
	const struct program_vm *is;
	struct sim_guest **guests;		/* [n_vcpus], NULL: it has no program */
	struct spin_state state;	/* kept up to date; all is known */
	struct policy_vm policy;
	int last_boosted_vcpu;
	double yields, futile;
	GArray *responses;
};

struct sim_guest {
	struct sim_task *task;
	struct sim_vm *vm;
	const struct program *program;
	unsigned int idx;
	unsigned int node;		/* of the CPU it is on, or was on last */
	enum doing doing;
	int64_t spent[N_DOINGS];	/* ns on a CPU */
	/* what comes before its program: in this order */
	int64_t owed_switch, owed_host;
	bool to_decide;			/* after owed_host: kvm_vcpu_on_spin() */
	bool in_on_spin;		/* yielded, and has not run since */
	int boosted;			/* what on_spin then stores in last_boosted_vcpu */
	bool handling;
	int64_t handler_left;
	struct sim_interrupt *interrupts;	/* [n_interrupts], in order of arrival */
	unsigned int n_interrupts, size;
	/* its program */
	guint item;
	int64_t left;			/* ITEM_COMPUTE, ITEM_SPIN: ns */
	int64_t progress;		/* made so far */
	int64_t mark;			/* the least progress that is waited for; INT64_MAX: none */
	unsigned int n_held[2];		/* waits for it, by what they say of it: user mode, kernel mode */
	uint64_t n_came, n_used;	/* interrupts: that came; of these, as of the last sleep */
	/* asleep */
	bool asleep;			/* its item, a sleep, has begun */
	int64_t until;
	/* spinning */
	bool waiting;			/* its item, a wait, has begun */
	bool released;			/* what it waits for has come about */
	unsigned int n_awaited;		/* ITEM_SENDWAIT: receivers that have not handled it */
	int64_t wait_for;		/* ITEM_WAIT: progress of the unblocker */
	int64_t sent;
	int64_t spun, window;		/* since the last PAUSE exit; up to the next */
	int64_t wait_on_cpu;		/* ns, all that it did on a CPU since the wait began */
	uint64_t wait_pauses, pauses;
	int64_t spin;			/* of waits with PAUSE exits: sum of wait_on_cpu */
};

void guest_init(struct sim *sim, struct sim_guest *guest, struct sim_task *task,
		const struct program *program);
void guest_release(struct sim_guest *guest);

/* It has run since task->since in what it was doing. */
void guest_progress(struct sim *sim, struct sim_guest *guest);

/* It runs: what does it do, from now on until when? INT64_MAX: it no longer is to run. */
int64_t guest_settle(struct sim *sim, struct sim_guest *guest);

/* By the machine. first: it comes into being. */
void guest_woken(struct sim *sim, struct sim_guest *guest, bool first);
void guest_switched_in(struct sim *sim, struct sim_guest *guest);
void guest_switched_out(struct sim *sim, struct sim_guest *guest);

static inline const struct item *guest_item(const struct sim_guest *guest)
{
	const GArray *items = guest->program->items;

	return guest->item < items->len ? &g_array_index(items, struct item, guest->item) : NULL;
}

/* Does guest spin for want of vCPU idx? False also if what it waits for is not known. */
bool guest_waits_for(const struct sim_guest *guest, unsigned int idx);

/* send.c: interrupts from one to another. */

/* The current item's, to all its receivers. */
void guest_send(struct sim *sim, struct sim_guest *guest, const struct item *item);

/* The first that came, and those that are the same, get their handler. */
void guest_begin_handler(struct sim *sim, struct sim_guest *guest);
void guest_end_handler(struct sim *sim, struct sim_guest *guest);

/* What guest waits for has come about. */
void guest_free_to_go(struct sim *sim, struct sim_guest *guest);

/* kvm_yield.c: kvm_vcpu_on_spin() of a vCPU that runs. True: it has yielded. */
bool kvm_on_spin(struct sim *sim, struct sim_guest *guest);

/* spin_state.hint of a VM's state: whom vCPU idx waits for that is on no CPU. */
int kvm_hint(const struct spin_state *state, unsigned int idx);

/* It runs again after that. */
void kvm_on_spin_returns(struct sim_guest *guest);

#endif
