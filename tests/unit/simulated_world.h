/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs and hosts made by hand, for tests of the simulation. */
#ifndef TESTS_UNIT_SIMULATED_WORLD_H
#define TESTS_UNIT_SIMULATED_WORLD_H

#include <glib.h>

#include "replay/estimate/prng.h"
#include "replay/policies/policies.h"
#include "replay/simulate/simulation.h"

#define US(x) ((int64_t)((x) * 1000))
#define VECTOR 0xfb

/* Slice 3 ms, tick 1 ms, nothing costs anything, all in the root group. */
static inline struct program_input *world_input(enum scheduler scheduler, unsigned int n_cpu)
{
	struct program_input *input = g_new0(struct program_input, 1);

	input->host = (struct sim_host){
		.n_cpu = n_cpu, .scheduler = scheduler, .slice = US(3000), .min_granularity = US(750),
		.wakeup_granularity = US(1000), .tick = US(1000), .gentle_sleepers = true, .last_buddy = true,
		.pick_buddy = true, .run_to_parity = true, .place_lag = true, .delay_dequeue = true,
		.forfeit = true, .n_groups = 1, .stock_variant = STOCK_SINGLE_LOOP,
	};
	input->programs = g_ptr_array_new();
	input->backgrounds = g_ptr_array_new();
	input->vms = g_new0(struct program_vm, 16);
	return input;
}

/* Window 20 us, handler 5 us. */
static inline struct program_vm *world_vm(struct program_input *input, unsigned int n_vcpus)
{
	struct program_vm *vm = &input->vms[input->n_vms++];

	*vm = (struct program_vm){
		.n_vcpus = n_vcpus, .weight = 1024, .window = US(20), .window_max = US(20), .handler = US(5),
		.acks_before_handler = true,
	};
	return vm;
}

static inline struct program *world_program(struct program_input *input, unsigned int vm, unsigned int idx,
					     int cpu)
{
	struct program *program = g_new0(struct program, 1);

	program->vm = vm;
	program->idx = idx;
	program->cpu = cpu;
	program->items = g_array_new(FALSE, FALSE, sizeof(struct item));
	program->receivers = g_array_new(FALSE, FALSE, sizeof(uint16_t));
	g_ptr_array_add(input->programs, program);
	return program;
}

static inline struct item *add_item(struct program *program, struct item item)
{
	g_array_append_val(program->items, item);
	return &g_array_index(program->items, struct item, program->items->len - 1);
}

static inline void compute(struct program *program, int64_t ns, bool kernel)
{
	add_item(program, (struct item){ .kind = ITEM_COMPUTE, .ns = ns, .kernel = kernel });
	program->progress += ns;
}

static inline void send_to_one(struct program *program, enum item_kind kind, uint16_t receiver, bool tracked)
{
	add_item(program, (struct item){ .kind = kind, .first = program->receivers->len, .n = 1,
					 .vector = VECTOR, .tracked = tracked });
	g_array_append_val(program->receivers, receiver);
}

static inline void send_wait(struct program *program, uint16_t receiver, bool tracked)
{
	send_to_one(program, ITEM_SENDWAIT, receiver, tracked);
}

static inline void rest(struct program *program, enum item_kind kind, int64_t ns)
{
	add_item(program, (struct item){ .kind = kind, .ns = ns });
}

static inline struct background *world_background(struct program_input *input, int cpu, const int64_t *turns,
						   unsigned int n)
{
	struct background *background = g_new0(struct background, 1);

	background->cpu = cpu;
	background->nice_weight = 1024;
	background->turns = g_array_new(FALSE, FALSE, sizeof(int64_t));
	g_array_append_vals(background->turns, turns, n);
	g_ptr_array_add(input->backgrounds, background);
	return background;
}

/* Some of everything: length ns of work for each vCPU, with waits, sends, locks and sleep in between. */
static inline void world_fill(struct program *program, struct prng *prng, unsigned int n_vcpus, int64_t length)
{
	while (program->progress < length) {
		unsigned int what = prng_below(prng, 10);
		uint16_t other = (program->idx + 1 + prng_below(prng, n_vcpus - 1)) % n_vcpus;

		compute(program, US(20) + prng_below(prng, US(280)), prng_below(prng, 2));
		if (what < 4)
			send_wait(program, other, true);
		else if (what < 6)
			send_to_one(program, ITEM_SEND, other, true);
		else if (what < 8)
			add_item(program, (struct item){ .kind = ITEM_WAIT, .ns = US(5) + prng_below(prng, US(95)),
							 .unblocker = other });
		else
			rest(program, what == 8 ? ITEM_HALT : ITEM_SPIN, US(50) + prng_below(prng, US(450)));
	}
}

/* VMs of at least two vCPUs, with costs. */
static inline struct program_input *world_busy(enum scheduler scheduler, unsigned int n_cpu, unsigned int n_vms,
						unsigned int n_vcpus, int64_t length, uint64_t seed)
{
	struct program_input *input = world_input(scheduler, n_cpu);
	struct prng prng = prng_new(seed, 0);

	input->host.c_switch = US(2);
	for (unsigned int v = 0; v < n_vms; v++) {
		struct program_vm *vm = world_vm(input, n_vcpus);

		vm->c_exit = US(2);
		vm->c_yield = US(3);
		for (unsigned int i = 0; i < n_vcpus; i++)
			world_fill(world_program(input, v, i, (v * n_vcpus + i) % n_cpu), &prng, n_vcpus, length);
	}
	return input;
}

static inline void world_free(struct program_input *input)
{
	for (guint i = 0; i < input->programs->len; i++) {
		struct program *program = input->programs->pdata[i];

		g_array_unref(program->items);
		g_array_unref(program->receivers);
		g_free(program);
	}
	for (guint i = 0; i < input->backgrounds->len; i++) {
		struct background *background = input->backgrounds->pdata[i];

		g_array_unref(background->turns);
		g_free(background);
	}
	g_ptr_array_unref(input->programs);
	g_ptr_array_unref(input->backgrounds);
	g_free(input->vms);
	g_free(input);
}

static inline struct simulation_setting world_setting(const char *policy)
{
	struct simulation_setting setting = {
		.policy = policy_by_name(policy),
		.params = { STOCK_SINGLE_LOOP, 3, true, 50000000, true },
	};

	g_assert_nonnull(setting.policy);
	return setting;
}

static inline double response_of(const struct simulated *result, guint i)
{
	return g_array_index(result->vms[0].responses, double, i);
}

struct outcome {
	double pauses, spin, yields, futile;
	int64_t ns;
};

static inline struct outcome outcome_of(struct program_input *input, const struct policy *policy)
{
	struct simulation_setting setting = world_setting("stock");
	struct simulated *result;
	struct outcome o;

	setting.policy = policy;
	result = simulate_run(input, &setting);
	o = (struct outcome){ result->vms[0].pauses, result->vms[0].spin, result->vms[0].yields,
			      result->vms[0].futile, result->ns };
	simulated_free(result);
	world_free(input);
	return o;
}

static inline void wait_for(struct program *program, uint16_t unblocker, int64_t ns, bool kernel)
{
	add_item(program, (struct item){ .kind = ITEM_WAIT, .unblocker = unblocker, .ns = ns, .kernel = kernel });
}

#endif
