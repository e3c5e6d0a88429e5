// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/simulate/simulation.h"

#include <string.h>

#include "replay/simulate/machine.h"

/* A simulation that takes this many times what was recorded goes nowhere. */
#define LENGTHS 16

static void vm_init(struct sim_vm *vm, const struct program_vm *is, const struct policy_params *params)
{
	unsigned int n_words = (is->n_vcpus + 63) / 64;
	struct spin_state *state = &vm->state;

	vm->is = is;
	vm->guests = g_new0(struct sim_guest *, is->n_vcpus);
	vm->responses = g_array_new(FALSE, FALSE, sizeof(double));
	*state = (struct spin_state){
		.n_vcpus = is->n_vcpus, .n_words = n_words, .kernel_mode = true, .kernel_mode_known = true,
		.seen = g_new0(uint64_t, N_SEEN * n_words), .known = g_new(uint64_t, N_SEEN * n_words),
		.rq_single = g_new0(uint64_t, n_words), .dy_eligible = g_new0(uint64_t, n_words),
		.dy_eligible_known = g_new(uint64_t, n_words), .hint = kvm_hint, .hints = vm,
	};
	memset(state->known, 0xff, N_SEEN * n_words * sizeof(uint64_t));
	memset(state->dy_eligible_known, 0xff, n_words * sizeof(uint64_t));
	memset(state->seen + SAME_NODE * n_words, 0xff, n_words * sizeof(uint64_t));
	vm->policy = (struct policy_vm){
		.n_vcpus = is->n_vcpus, .params = params, .ipi = g_new0(struct ipi_context, is->n_vcpus),
	};
	for (unsigned int i = 0; i < is->n_vcpus; i++)
		vm->policy.ipi[i].last_ipi_sender = vm->policy.ipi[i].last_ipi_receiver = -1;
}

static void vm_release(struct sim_vm *vm)
{
	g_free(vm->guests);
	g_free(vm->state.seen);
	g_free(vm->state.known);
	g_free(vm->state.rq_single);
	g_free(vm->state.dy_eligible);
	g_free(vm->state.dy_eligible_known);
	g_free(vm->policy.ipi);
	if (vm->responses)
		g_array_unref(vm->responses);
}

/* Onto the CPU it was on, or that has the fewest so far. */
static unsigned int first_cpu(const struct sim *sim, int cpu, unsigned int *n_on)
{
	unsigned int least = 0;

	if (cpu >= 0 && (unsigned int)cpu < sim->n_cpus) {
		least = cpu;
	} else {
		for (unsigned int c = 1; c < sim->n_cpus; c++)
			if (n_on[c] < n_on[least])
				least = c;
	}
	n_on[least]++;
	return least;
}

static void task_init(struct sim *sim, unsigned int number, unsigned int cpu, unsigned int weight,
		      unsigned int group)
{
	sim->tasks[number] = (struct sim_task){
		.se = { .weight = MAX(weight, 1), .number = number,
			.group = group < sim->host->n_groups ? group : 0 },
		.number = number, .cpu = cpu,
	};
}

/* The next sleep of a background task, and the run after it; it is over if there is none. */
static int64_t next_turn(struct sim_task *task)
{
	const GArray *turns = task->background->turns;
	int64_t sleep;

	if (task->turn + 1 >= turns->len)
		return INT64_MAX;
	sleep = g_array_index(turns, int64_t, task->turn);
	task->left = g_array_index(turns, int64_t, task->turn + 1);
	task->turn += 2;
	return sleep;
}

static void init_tasks(struct sim *sim)
{
	g_autofree unsigned int *n_on = g_new0(unsigned int, sim->n_cpus);

	for (unsigned int i = 0; i < sim->n_guests; i++) {
		const struct program *program = sim->input->programs->pdata[i];
		const struct program_vm *vm = &sim->input->vms[program->vm];
		struct sim_task *task = &sim->tasks[i];

		task_init(sim, i, first_cpu(sim, program->cpu, n_on), vm->weight, vm->group);
		task->guest = &sim->guests[i];
		guest_init(sim, task->guest, task, program);
		/* one with nothing to do is never seen */
		if (program->items->len)
			timers_set(&sim->timers, timer_of_task(task), program->t_start);
	}
	for (unsigned int i = sim->n_guests; i < sim->n_tasks; i++) {
		const struct background *background = sim->input->backgrounds->pdata[i - sim->n_guests];
		struct sim_task *task = &sim->tasks[i];
		int64_t sleep;

		task_init(sim, i, first_cpu(sim, background->cpu, n_on), background->nice_weight,
			  background->group);
		task->background = background;
		task->realtime = background->realtime;
		sleep = next_turn(task);
		if (sleep != INT64_MAX)
			timers_set(&sim->timers, timer_of_task(task), sleep);
	}
}

static void sim_init(struct sim *sim, const struct program_input *input,
		     const struct simulation_setting *setting)
{
	unsigned int words = 1;

	*sim = (struct sim){
		.input = input, .setting = setting, .host = &input->host, .n_cpus = input->host.n_cpu,
		.n_guests = input->programs->len,
		.n_tasks = input->programs->len + (input->backgrounds ? input->backgrounds->len : 0),
	};
	sim->n_words = (sim->n_cpus + 63) / 64;
	sim->touched = g_new0(uint64_t, sim->n_words);
	sim->cpus = g_new0(struct sim_cpu, sim->n_cpus);
	sim->tasks = g_new0(struct sim_task, MAX(sim->n_tasks, 1));
	sim->guests = g_new0(struct sim_guest, MAX(sim->n_guests, 1));
	sim->vms = g_new0(struct sim_vm, MAX(input->n_vms, 1));
	timers_init(&sim->timers, 1 + sim->n_tasks + sim->n_cpus);
	for (unsigned int c = 0; c < sim->n_cpus; c++) {
		struct sim_cpu *cpu = &sim->cpus[c];

		run_queue_init(&cpu->rq, sim->host);
		cpu->number = c;
		cpu->node = sim->host->nodes ? sim->host->nodes[c] : 0;
		cpu->realtime = g_new(struct sim_task *, MAX(sim->n_tasks, 1));
	}
	for (unsigned int i = 0; i < input->n_vms; i++) {
		vm_init(&sim->vms[i], &input->vms[i], &setting->params);
		words = MAX(words, sim->vms[i].state.n_words);
	}
	sim->answer = spin_result_new(words);
	init_tasks(sim);
	timers_set(&sim->timers, timer_of_tick(), sim->host->tick);
}

static void sim_release(struct sim *sim)
{
	for (unsigned int c = 0; c < sim->n_cpus; c++) {
		run_queue_release(&sim->cpus[c].rq);
		g_free(sim->cpus[c].realtime);
	}
	for (unsigned int i = 0; i < sim->n_guests; i++)
		guest_release(&sim->guests[i]);
	for (unsigned int i = 0; i < sim->input->n_vms; i++)
		vm_release(&sim->vms[i]);
	timers_release(&sim->timers);
	spin_result_free(sim->answer);
	g_free(sim->touched);
	g_free(sim->cpus);
	g_free(sim->tasks);
	g_free(sim->guests);
	g_free(sim->vms);
}

static void task_progress(struct sim *sim, struct sim_task *task)
{
	int64_t ns = sim->now - task->since;

	if (task->guest) {
		guest_progress(sim, task->guest);
		return;
	}
	task->since = sim->now;
	task->left -= ns;
	sim->background += ns;
}

/* What the task that runs does until when; INT64_MAX: it does not go on. */
static int64_t task_settle(struct sim *sim, struct sim_task *task)
{
	int64_t sleep;

	if (task->guest)
		return guest_settle(sim, task->guest);
	if (task->left > 0)
		return sim->now + task->left;
	sleep = next_turn(task);
	machine_sleep(sim, task, sleep == INT64_MAX ? INT64_MAX : sim->now + sleep);
	return INT64_MAX;
}

static void settle_cpu(struct sim *sim, struct sim_cpu *cpu)
{
	int64_t t = INT64_MAX;

	if (cpu->curr)
		task_progress(sim, cpu->curr);
	if (cpu->rq.resched)
		machine_schedule(sim, cpu);
	if (cpu->curr)
		t = task_settle(sim, cpu->curr);
	if (t == INT64_MAX)
		timers_clear(&sim->timers, timer_of_cpu(sim, cpu));
	else
		timers_set(&sim->timers, timer_of_cpu(sim, cpu), t);
}

static void settle(struct sim *sim)
{
	for (unsigned int w = 0; w < sim->n_words && !sim->over;) {
		unsigned int c;

		if (!sim->touched[w]) {
			w++;
			continue;
		}
		c = w * 64 + __builtin_ctzll(sim->touched[w]);
		sim->touched[w] &= sim->touched[w] - 1;
		settle_cpu(sim, &sim->cpus[c]);
		w = 0;
	}
}

static void handle(struct sim *sim, uint32_t id)
{
	if (id == timer_of_tick()) {
		machine_tick(sim);
		return;
	}
	sim->events++;
	if (id > sim->n_tasks) {
		machine_touch(sim, &sim->cpus[id - 1 - sim->n_tasks]);
		return;
	}
	timers_clear(&sim->timers, id);
	if (sim->tasks[id - 1].state <= TASK_ASLEEP)
		machine_wake(sim, &sim->tasks[id - 1]);
}

static void run(struct sim *sim)
{
	int64_t limit = sim->input->length > 0 ? LENGTHS * sim->input->length : INT64_MAX;

	while (!sim->over && sim->timers.n) {
		struct timer first = sim->timers.heap[0];

		/* all sleep, and nothing will wake them */
		if (sim->timers.n == 1 && first.id == timer_of_tick())
			break;
		if (first.t > limit)
			break;
		sim->now = first.t;
		handle(sim, first.id);
		settle(sim);
	}
}

static void add_up(struct sim *sim, struct simulated *result)
{
	for (unsigned int i = 0; i < sim->n_guests; i++) {
		const struct sim_guest *guest = &sim->guests[i];
		struct simulated_vm *vm = &result->vms[guest->program->vm];

		vm->work += guest->spent[DOING_WORK];
		vm->spin += guest->spin + (guest->waiting && guest->wait_pauses ? guest->wait_on_cpu : 0);
		vm->spinning += guest->spent[DOING_SPIN];
		vm->handlers += guest->spent[DOING_HANDLER];
		vm->exits += guest->spent[DOING_HOST];
		vm->switches += guest->spent[DOING_SWITCH];
		vm->pauses += guest->pauses;
	}
	for (unsigned int i = 0; i < result->n_vms; i++) {
		struct simulated_vm *vm = &result->vms[i];

		vm->on_cpu = vm->work + vm->spinning + vm->handlers + vm->exits + vm->switches;
		vm->yields = sim->vms[i].yields;
		vm->futile = sim->vms[i].futile;
		vm->responses = g_steal_pointer(&sim->vms[i].responses);
	}
}

struct simulated *simulate_run(const struct program_input *input, const struct simulation_setting *setting)
{
	struct simulated *result = g_new0(struct simulated, 1);
	struct sim sim;

	sim_init(&sim, input, setting);
	run(&sim);
	for (unsigned int c = 0; c < sim.n_cpus; c++) {
		struct sim_cpu *cpu = &sim.cpus[c];

		if (cpu->curr)
			task_progress(&sim, cpu->curr);
		else
			cpu->idle += sim.now - cpu->idle_since;
		result->idle += cpu->idle;
	}
	result->ns = sim.now;
	result->events = sim.events;
	result->exhausted = sim.over;
	result->background = sim.background;
	result->n_vms = input->n_vms;
	result->vms = g_new0(struct simulated_vm, MAX(input->n_vms, 1));
	add_up(&sim, result);
	sim_release(&sim);
	return result;
}

void simulated_free(struct simulated *simulated)
{
	if (!simulated)
		return;
	for (unsigned int i = 0; i < simulated->n_vms; i++)
		g_array_unref(simulated->vms[i].responses);
	g_free(simulated->vms);
	g_free(simulated);
}
