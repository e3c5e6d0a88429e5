/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * model - folds events into facts: who ran where, which interrupt went to whom,
 * and what every kvm_vcpu_on_spin() saw. One pass, constant cost per event.
 *
 * Kernel state is followed as reference describes for 5.10 to 7.2:
 * kvm_sched_out()/kvm_sched_in() (virt/kvm/kvm_main.c) set and clear ready and
 * preempted at context switches inside KVM_RUN, kvm_vcpu_block() makes a vCPU
 * blocking, kvm_vcpu_wake_up() makes it ready again.
 */
#ifndef ANALYZE_MODEL_MODEL_H
#define ANALYZE_MODEL_MODEL_H

#include "analyze/model/facts.h"
#include "analyze/model/identity.h"
#include "analyze/source/event.h"

struct model;

/* What the recording holds, as it decides what can be known. */
struct model_input {
	bool probes;		/* on_spin fired at least once */
	bool on_spin_ret;	/* ... and so did on_spin_ret */
	bool yield_to;		/* a probe that shows whom a call tried was recorded */
	bool patched;		/* the host facts have a parameter of the IPI-aware patches */
	bool accepts;		/* kvm_apic_accept_irq was recorded */
	bool wakeups, wakings;	/* sched_wakeup, sched_waking was recorded: either can do for both */
};

struct model_result {
	int64_t lost;		/* events known to be lost */
	int64_t gaps, pauses;	/* rows of gap: of what is missing, and between bursts, where nothing was to be */
	const char *isa;	/* "vmx", "svm"; NULL: no kvm_exit */
	int64_t decisions, tainted;	/* tainted: those that touch a gap */
};

/* identity is settled and outlives the model. */
struct model *model_new(struct facts *facts, struct identity *identity,
			const struct model_input *input);

/* Take one event, in time order. */
void model_event(struct model *model, const struct event *ev);

/* Close what is open at the end of the recording, write the rows of VMs, vCPUs and threads. */
void model_finish(struct model *model, struct model_result *result);
void model_free(struct model *model);

#endif
