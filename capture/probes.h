/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probes - the ground truth: dynamic events on kvm_vcpu_on_spin() and
 * kvm_vcpu_yield_to() (virt/kvm/kvm_main.c), in a group of their own.
 *
 *	on_spin		vm_pid vcpu_idx vcpu_id kernel_mode last_boosted n_vcpus; if the kernel is
 *			patched ipi_receiver ipi_pending ipi_time_ns; deep: state_N in_kernel_N
 *	yield_to	vm_pid target_idx target_id preempted ready in_kernel in_spin_loop
 *			dy_eligible
 *	yield_to_ret	ret
 *	on_spin_ret	deep: without fields
 *
 * counterspin-import(1), "Probes", says what they mean. A plan is made of what the kernel says of
 * itself, and is then tried: what the kernel refuses is made in the next way, and each refusal
 * is kept, with its reason and what follows from it.
 *
 * Dynamic events belong to no tracefs instance and outlive the process that made them; nothing
 * else of this group's name is touched. libtracefs finds (or was told) the tracefs directory. No
 * file that lists or sets functions to trace is opened.
 */
#ifndef CAPTURE_PROBES_H
#define CAPTURE_PROBES_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define PROBES_ERROR (g_quark_from_static_string("probes"))
#define PROBES_GROUP "counterspin"

enum probes_error {
	PROBES_ERROR_BUSY,	/* the group has events already, or they cannot be removed as yet */
	PROBES_ERROR_FAILED,
};

enum probes_mode { PROBES_AUTO, PROBES_OFF, PROBES_DEEP };

/* "auto", "off", "deep"; false: none of these. */
bool probes_mode_parse(const char *text, enum probes_mode *mode);

/*
 * How a probe is made, best first.
 *
 * PROBE_FPROBE_BTF  'f:', arguments by name (CONFIG_FPROBE_EVENTS, PROBE_EVENTS_BTF_ARGS; 6.6).
 *	Its returns need room for each thread that sleeps in the function ('fN:', 6.12) before
 *	fprobes moved to the function-graph tracer; some time after, being told how much is an
 *	error. The kernel does not say how many it missed.
 * PROBE_KPROBE_BTF  'p:', arguments by name.
 * PROBE_KPROBE      'p:', arguments by register, members by the offsets that BTF says.
 */
enum probe_way { PROBE_FPROBE_BTF, PROBE_KPROBE_BTF, PROBE_KPROBE, PROBE_N_WAYS };

extern const char *const probe_way_names[PROBE_N_WAYS];

/* One event that is wanted. */
struct probe {
	const char *event;	/* "on_spin" */
	const char *needs;	/* the event without which this one says nothing; NULL */
	const char *lost;	/* what follows if it cannot be had */
	GPtrArray *candidates;	/* struct probe_definition *, as they are tried */
	const struct probe_definition *made;	/* one of these; NULL: not (yet) */
};

/* One way to have it. */
struct probe_definition {
	enum probe_way way;
	char *text;		/* "r256:counterspin/yield_to_ret kvm_vcpu_yield_to ret=$retval:s32" */
};

struct probe_refusal {
	char *what;		/* "yield_to", "on_spin as fprobe with BTF", "state_N" */
	char *why;
	char *consequence;
};

struct probe_set {
	char *group;
	GPtrArray *probes;	/* struct probe *, in the order in which they are made */
	GPtrArray *refusals;	/* struct probe_refusal * */
	GPtrArray *definitions;	/* char *: of those made, for the host facts' "probes" */
};

struct probes_wanted {
	enum probes_mode mode;
	const char *group;	/* NULL: PROBES_GROUP. Letters, digits and _ */
	/*
	 * vCPUs on this host: so many threads may sleep in a probed function at once. More room
	 * than that is asked for, as VMs may be started; the kernel grants 4096 at most.
	 */
	unsigned int n_vcpus;
	/*
	 * vCPUs of the largest VM: for deep, states of so many are in each event, as far as a
	 * definition of 4095 bytes goes. Above 64 (one node of the xarray) deep has none. Those of
	 * a VM with one vCPU are garbage: it has no node; nor has it anybody to yield to.
	 */
	unsigned int n_vcpus_vm;
	/*
	 * The first way to plan for. PROBE_KPROBE_BTF: all that the probes miss is to be counted,
	 * which no kernel does of fprobes.
	 */
	enum probe_way first;
};

/*
 * What to try on this kernel, by tracefs README, root/proc/kallsyms and root/sys/kernel/btf (root:
 * "" but in tests). Changes nothing. Never NULL; with nothing in 'probes' the refusals say
 * why, or the mode is off. Without on_spin nothing is wanted, without yield_to no yield_to_ret.
 */
struct probe_set *probes_plan(const char *root, const struct probes_wanted *wanted);
void probes_free(struct probe_set *set);

/* Add to the refusals of the set; all is copied. */
void probes_refuse(struct probe_set *set, const char *what, const char *why,
		   const char *consequence);

struct tracefs_instance;

/*
 * Make the probes of the plan. Each is switched on and off once in instance, which should not be
 * tracing (NULL: not tried): some kernels hook an fprobe's function only then, and may refuse. A
 * probe that cannot be had in any way joins the refusals and is no error, nor is it if none can.
 * Errors: the group has events already (PROBES_ERROR_BUSY), tracefs cannot be read; then
 * nothing was made. probes_remove() is what undoes it.
 */
bool probes_create(struct probe_set *set, struct tracefs_instance *instance, GError **error);

/*
 * Remove all dynamic events of the group, whoever made them; none is fine. One that is still
 * enabled in some instance is tried again for wait_ms; then PROBES_ERROR_BUSY, and
 * the others are removed all the same.
 */
bool probes_remove(const char *group, unsigned int wait_ms, GError **error);

/* How often one fired. */
struct probe_count {
	char *event;		/* without the group */
	bool is_counted;	/* false: an fprobe, of which the kernel counts nothing */
	uint64_t n_hit, n_missed;
};

/*
 * The counts of the group's events, of struct probe_count, since they were made, from
 * kprobe_profile; g_ptr_array_unref() frees all. NULL with error if tracefs cannot be read.
 * A missed return: no room for another sleeping thread. A missed entry: the probe hit within
 * another one.
 */
GPtrArray *probes_counts(const char *group, GError **error);

#endif
