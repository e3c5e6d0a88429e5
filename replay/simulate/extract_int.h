/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * extract_int - the steps of extract_programs(), in their order. Times t are ns of the
 * recording's clock, r of a vCPU's time on a CPU (timeline_ran()), w of its work (work.h).
 */
#ifndef REPLAY_SIMULATE_EXTRACT_INT_H
#define REPLAY_SIMULATE_EXTRACT_INT_H

#include "replay/estimate/scheduler.h"
#include "replay/simulate/extract.h"
#include "replay/simulate/work.h"

/* An item that is no computing, where the program comes to it. */
struct mark {
	int64_t t, r;
	struct item item;
};

/* [w0, w1) of a vCPU's work, in which it held what another waited for: it was in that mode. */
struct held {
	int64_t w0, w1;
	bool kernel;
};

struct extract_vcpu {
	struct program *program;	/* NULL: it did not run */
	GArray *marks;			/* of struct mark */
	GArray *held;			/* of struct held */
};

/* An episode on the CPU, until the guest could go on; r0 == r1: nothing of it is in the span. */
struct wait {
	int64_t t0, r0, r1;
};

struct extract {
	const struct evidence *ev;
	const struct recorded *recorded;
	const struct timeline *tl;
	const struct episodes *e;
	const struct sends *sends;
	const struct shadow_quality *quality;
	uint64_t seed;
	unsigned int part, n_parts;	/* of the span: which of how many */
	int64_t t0, t1;			/* the span */
	struct work *work;
	struct wait *waits;		/* by episode */
	int *episode_of;		/* by send: the first that waits for it; -1: none */
	int64_t *unseen_until;		/* by send: when its sender, waiting unseen, could go on; 0: it does not wait */
	guint *loop_of;			/* by send that is waited for: the first whose answers are, too */
	GHashTable *groups;		/* cgroup to group */
	unsigned int n_vm_groups;	/* the first, after the root: others may be within them */
	GArray *group_ns;		/* of double, by group: time that its threads were runnable */
	struct extract_vcpu *vcpus;	/* by vcpu.id */
	struct program_input *input;
};

static inline const struct stretch *stretch_at(const struct extract *x, unsigned int vcpu, guint i)
{
	return &g_array_index(x->tl->lines[vcpu], struct stretch, i);
}

static inline unsigned int vm_of(const struct extract *x, unsigned int vcpu)
{
	return x->recorded->vcpus[vcpu].vm;
}

static inline bool extract_waited_for(const struct extract *x, guint send)
{
	return x->episode_of[send] >= 0 || x->unseen_until[send];
}

/* Uniform in [0, 1): of number n of a subject. */
double extract_draw(const struct extract *x, uint64_t subject, uint64_t n);

/* The span, of segments; false: none is long enough. extract_span.c */
bool extract_span(struct extract *x, GError **error);

/* input.host and input.vms; false: it cannot be read. extract_host.c, extract_vms.c */
bool extract_host(struct extract *x, const struct policy_params *recorded, GError **error);
bool extract_vms(struct extract *x, GError **error);

/* The group of a thread; cgroup NULL: the root. After all threads, what hangs on them. */
unsigned int extract_group(struct extract *x, const char *cgroup);
void extract_host_end(struct extract *x);

/* Fill waits and episode_of, then unseen_until; tell work what is lost. extract_waits.c, extract_sends.c */
void extract_waits(struct extract *x);
void extract_sends(struct extract *x);

/* Marks, after work_settle(). extract_sends.c, extract_waits.c, extract_sleep.c */
void extract_mark_sends(struct extract *x);
void extract_mark_waits(struct extract *x);
void extract_mark_sleeps(struct extract *x);

/* Marks of one vCPU, in order: make one of sleeps that nothing was done between. */
void extract_join_sleeps(struct extract *x, unsigned int vcpu);

static inline void extract_mark(struct extract *x, unsigned int vcpu, int64_t t, const struct item *item)
{
	struct mark mark = { t, timeline_ran(x->tl, vcpu, t), *item };

	mark.item.t = t - x->t0;
	g_array_append_val(x->vcpus[vcpu].marks, mark);
}

/* Items from marks and modes. extract_items.c */
void extract_items(struct extract *x);

/* extract_background.c */
bool extract_background(struct extract *x, GError **error);

/* extract_truth.c */
void extract_truth(struct extract *x);

#endif
