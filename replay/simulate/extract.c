// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/simulate/extract.h"

#include <math.h>

#include "replay/estimate/prng.h"
#include "replay/simulate/extract_int.h"

/* Work may not differ by more than this from what was recorded. */
#define WORK_ERROR 0.005

#define SHORTEST_PART_NS 500000000

double extract_draw(const struct extract *x, uint64_t subject, uint64_t n)
{
	struct prng prng = prng_new(x->seed ^ subject << 32, n);

	return prng_unit(&prng);
}

/* Empty yet: where and when it begins; NULL: it did not run in the span. */
static struct program *begin_program(const struct extract *x, unsigned int vcpu)
{
	const GArray *line = x->tl->lines[vcpu];
	int i = timeline_find(x->tl, vcpu, x->t0);
	struct program *p;
	const struct stretch *st;

	if (i < 0 || stretch_at(x, vcpu, i)->t1 <= x->t0)
		i++;
	st = i < (int)line->len ? stretch_at(x, vcpu, i) : NULL;
	if (!st || st->t0 >= x->t1)
		return NULL;
	p = g_new0(struct program, 1);
	*p = (struct program){
		.vm = vm_of(x, vcpu), .idx = x->recorded->vcpus[vcpu].idx, .cpu = st->cpu,
		.items = g_array_new(FALSE, FALSE, sizeof(struct item)),
		.receivers = g_array_new(FALSE, FALSE, sizeof(uint16_t)),
	};
	/* one that was there before is asleep, or waits for a CPU; else it comes into being */
	if (!i)
		p->t_start = MAX((st->t_ready == DB_NULL ? st->t0 : st->t_ready) - x->t0, 0);
	return p;
}

static void begin_programs(struct extract *x)
{
	for (unsigned int vm = 0; vm < x->recorded->n_vms; vm++)
		for (unsigned int idx = 0; idx < x->recorded->vms[vm].n_vcpus; idx++) {
			unsigned int vcpu = x->recorded->vms[vm].vcpus[idx];

			if (!vcpu)
				continue;
			x->vcpus[vcpu].program = begin_program(x, vcpu);
			if (x->vcpus[vcpu].program)
				g_ptr_array_add(x->input->programs, x->vcpus[vcpu].program);
		}
}

/* Is all the work that was recorded in the programs, and no other? */
static bool conserved(struct extract *x, GError **error)
{
	double done = 0, computed = 0;

	for (unsigned int vm = 0; vm < x->input->n_vms; vm++)
		done += x->input->truth[vm].work;
	for (guint i = 0; i < x->input->programs->len; i++) {
		const struct program *p = x->input->programs->pdata[i];

		for (guint k = 0; k < p->items->len; k++) {
			const struct item *item = &g_array_index(p->items, struct item, k);

			computed += item->kind == ITEM_COMPUTE ? item->ns : 0;
		}
	}
	if (!done) {
		g_set_error(error, EXTRACT_ERROR, 0, "nothing was done: no vCPU ran, or all that did only waited");
		return false;
	}
	x->input->work_error = fabs(computed - done) / done;
	if (x->input->work_error <= WORK_ERROR)
		return true;
	g_set_error(error, EXTRACT_ERROR, 0, "programs have %.6f s of work, and %.6f s were recorded", computed * 1e-9,
		    done * 1e-9);
	return false;
}

/* To the part that is asked for. */
static bool narrow(struct extract *x, GError **error)
{
	int64_t length = (x->t1 - x->t0) / x->n_parts;

	if (x->n_parts > 1 && length < SHORTEST_PART_NS) {
		g_set_error(error, EXTRACT_ERROR, 0, "%.2f s are too short to be parted", (x->t1 - x->t0) * 1e-9);
		return false;
	}
	x->t0 += x->part * length;
	x->t1 = x->t0 + length;
	return true;
}

static bool extract(struct extract *x, const struct policy_params *recorded, GError **error)
{
	if (!extract_span(x, error) || !narrow(x, error) || !extract_host(x, recorded, error) || !extract_vms(x, error))
		return false;
	x->input->t0 = x->t0;
	x->input->length = x->t1 - x->t0;
	extract_waits(x);
	extract_sends(x);
	work_settle(x->work);
	begin_programs(x);
	extract_mark_sends(x);
	extract_mark_waits(x);
	extract_mark_sleeps(x);
	extract_items(x);
	if (!extract_background(x, error))
		return false;
	extract_host_end(x);
	extract_truth(x);
	return conserved(x, error);
}

static struct program_input *input_new(unsigned int n_vms)
{
	struct program_input *input = g_new0(struct program_input, 1);

	input->n_vms = n_vms;
	input->vms = g_new0(struct program_vm, n_vms + 1);
	input->truth = g_new0(struct program_truth, n_vms + 1);
	for (unsigned int vm = 0; vm < n_vms; vm++)
		input->truth[vm].responses = g_array_new(FALSE, FALSE, sizeof(double));
	input->programs = g_ptr_array_new_with_free_func(program_free);
	input->backgrounds = g_ptr_array_new_with_free_func(background_free);
	return input;
}

static void init(struct extract *x)
{
	double none = 0;

	x->input = input_new(x->recorded->n_vms);
	x->work = work_new(x->tl);
	x->waits = g_new0(struct wait, x->e->list->len + 1);
	x->episode_of = g_new(int, x->sends->sends->len + 1);
	x->unseen_until = g_new0(int64_t, x->sends->sends->len + 1);
	x->loop_of = g_new0(guint, x->sends->sends->len + 1);
	x->groups = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	x->group_ns = g_array_new(FALSE, FALSE, sizeof(double));
	g_array_append_val(x->group_ns, none);
	x->vcpus = g_new0(struct extract_vcpu, x->tl->n_vcpus + 1);
	for (unsigned int v = 0; v <= x->tl->n_vcpus; v++) {
		x->vcpus[v].marks = g_array_new(FALSE, FALSE, sizeof(struct mark));
		x->vcpus[v].held = g_array_new(FALSE, FALSE, sizeof(struct held));
	}
}

static void clear(struct extract *x)
{
	for (unsigned int v = 0; v <= x->tl->n_vcpus; v++) {
		g_array_unref(x->vcpus[v].marks);
		g_array_unref(x->vcpus[v].held);
	}
	g_free(x->vcpus);
	g_array_unref(x->group_ns);
	g_hash_table_unref(x->groups);
	g_free(x->loop_of);
	g_free(x->unseen_until);
	g_free(x->episode_of);
	g_free(x->waits);
	work_free(x->work);
	program_input_free(x->input);
}

struct program_input *extract_programs(const struct evidence *ev, const struct shadow_quality *quality,
				       const struct policy_params *recorded, uint64_t seed, GError **error)
{
	return extract_part(ev, quality, recorded, seed, 0, 1, error);
}

struct program_input *extract_part(const struct evidence *ev, const struct shadow_quality *quality,
				   const struct policy_params *recorded, uint64_t seed, unsigned int i,
				   unsigned int n, GError **error)
{
	struct extract x = {
		.ev = ev, .recorded = ev->scores->recorded, .tl = ev->timeline, .e = ev->episodes, .sends = ev->sends,
		.quality = quality, .seed = seed, .part = i, .n_parts = n,
	};
	struct program_input *input = NULL;

	init(&x);
	if (extract(&x, recorded, error))
		input = g_steal_pointer(&x.input);
	clear(&x);
	return input;
}
