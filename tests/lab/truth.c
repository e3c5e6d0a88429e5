// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * truth - what the guests themselves say of a run. README beside this file describes the keys.
 */
#include <cjson/cJSON.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "vm.h"

static void add_ops(cJSON *to, const char *name, const uint64_t *values)
{
	cJSON *object = cJSON_AddObjectToObject(to, name);

	for (int op = 0; op < N_OPS; op++)
		cJSON_AddNumberToObject(object, op_names[op], values[op]);
}

static void add_range(cJSON *to, const char *name, struct range range)
{
	cJSON *array = cJSON_AddArrayToObject(to, name);

	cJSON_AddItemToArray(array, cJSON_CreateNumber(range.lo));
	cJSON_AddItemToArray(array, cJSON_CreateNumber(range.hi));
}

static void add_param(cJSON *to, const struct vm *vm)
{
	const struct param *param = &vm->guest->param;
	cJSON *object = cJSON_AddObjectToObject(to, "params"), *weights;

	cJSON_AddNumberToObject(object, "seed", param->seed);
#define ADD_RANGE(name, ...) add_range(object, #name, param->name);
#define ADD_NUMBER(name, value) cJSON_AddNumberToObject(object, #name, param->name);
	RANGES(ADD_RANGE)
	NUMBERS(ADD_NUMBER)
	cJSON_AddStringToObject(object, "kbase", vm->run->low ? "0x0" : "0xffffffff80000000");
	weights = cJSON_AddObjectToObject(object, "weights");
	for (int op = 0; op < N_OPS; op++)
		cJSON_AddNumberToObject(weights, op_names[op], param->weight[op]);
}

/* how often each happened while it counted */
static void counted_ops(const struct vcpu *vcpu, uint64_t ops[N_OPS])
{
	for (int op = 0; op < N_OPS; op++)
		ops[op] = vcpu->at_stop.ops[op] - vcpu->at_warm.ops[op];
}

static void add_totals(cJSON *to, const struct vm *vm, double seconds)
{
	uint64_t by_op[N_OPS] = { 0 }, ops[N_OPS], n_ops = 0, work = 0, pauses = 0;
	cJSON *object = cJSON_AddObjectToObject(to, "totals");

	for (unsigned int i = 0; i < vm->run->n_vcpus; i++) {
		const struct vcpu *vcpu = &vm->vcpus[i];

		counted_ops(vcpu, ops);
		work += vcpu->at_stop.work - vcpu->at_warm.work;
		for (int op = 0; op < N_OPS; op++) {
			by_op[op] += ops[op];
			n_ops += ops[op];
			pauses += vcpu->at_stop.pauses[op] - vcpu->at_warm.pauses[op];
		}
	}
	cJSON_AddNumberToObject(object, "ops", n_ops);
	cJSON_AddNumberToObject(object, "work_units", work);
	cJSON_AddNumberToObject(object, "pauses", pauses);
	cJSON_AddNumberToObject(object, "ops_per_s", seconds > 0 ? n_ops / seconds : 0);
	cJSON_AddNumberToObject(object, "work_per_s", seconds > 0 ? work / seconds : 0);
	add_ops(object, "by_op", by_op);
}

static void add_histograms(cJSON *to, const struct progress *progress)
{
	cJSON *object = cJSON_AddObjectToObject(to, "hist_log2cycles");

	for (int op = 0; op < N_OPS; op++) {
		int n = N_BUCKETS;
		cJSON *array;

		while (n > 0 && !progress->histogram[op][n - 1])
			n--;
		if (n == 0)
			continue;
		array = cJSON_AddArrayToObject(object, op_names[op]);
		for (int i = 0; i < n; i++)
			cJSON_AddItemToArray(array, cJSON_CreateNumber(progress->histogram[op][i]));
	}
}

static cJSON *vcpu_json(const struct vcpu *vcpu)
{
	const struct vcpu_state *state = &vcpu->vm->guest->vcpus[vcpu->idx];
	const struct progress *progress = &state->progress;
	cJSON *object = cJSON_CreateObject(), *sched;
	uint64_t ops[N_OPS];

	counted_ops(vcpu, ops);
	cJSON_AddNumberToObject(object, "idx", vcpu->idx);
	cJSON_AddNumberToObject(object, "tid", vcpu->tid);
	add_ops(object, "ops", ops);
	cJSON_AddNumberToObject(object, "work", vcpu->at_stop.work - vcpu->at_warm.work);
	add_ops(object, "pauses", progress->pauses);
	add_ops(object, "wait_cycles", progress->wait_cycles);
	add_ops(object, "op_cycles", progress->op_cycles);
#define ADD(from, name) cJSON_AddNumberToObject(object, #name, (from)->name)
	ADD(progress, ticks);
	ADD(progress, rx_call);
	ADD(progress, rx_cb);
	ADD(progress, rx_resched);
	ADD(progress, eoi_msr);
	ADD(progress, eoi_pv);
	ADD(progress, logn);
	ADD(state, tsc_start);
	ADD(state, tsc_done);
#undef ADD
	sched = cJSON_AddObjectToObject(object, "sched");
	cJSON_AddNumberToObject(sched, "cpu_ns", vcpu->cpu_ns);
	cJSON_AddNumberToObject(sched, "wait_ns", vcpu->wait_ns);
	cJSON_AddNumberToObject(sched, "slices", vcpu->slices);
	cJSON_AddNumberToObject(sched, "nvcsw", vcpu->nvcsw);
	cJSON_AddNumberToObject(sched, "nivcsw", vcpu->nivcsw);
	add_histograms(object, progress);
	return object;
}

static cJSON *vm_json(const struct vm *vm)
{
	cJSON *object = cJSON_CreateObject(), *calibration, *vcpus;
	double seconds = (vm->t_stop_ns - vm->t_warm_ns) / 1e9;

	cJSON_AddNumberToObject(object, "vm", vm->number);
	cJSON_AddNumberToObject(object, "pid", vm->pid);
	cJSON_AddStringToObject(object, "mix", vm->mix);
	cJSON_AddNumberToObject(object, "vcpus", vm->run->n_vcpus);
	cJSON_AddNumberToObject(object, "fail", vm->failed);
	cJSON_AddNumberToObject(object, "t_go_ns", vm->t_go_ns);
	cJSON_AddNumberToObject(object, "t_warm_ns", vm->t_warm_ns);
	cJSON_AddNumberToObject(object, "t_stop_ns", vm->t_stop_ns);
	cJSON_AddNumberToObject(object, "measured_s", seconds);
	cJSON_AddNumberToObject(object, "pin", vm->run->pin);
	calibration = cJSON_AddObjectToObject(object, "tsc_cal");
	cJSON_AddNumberToObject(calibration, "tsc0", vm->tsc[0]);
	cJSON_AddNumberToObject(calibration, "mono0", vm->mono[0]);
	cJSON_AddNumberToObject(calibration, "tsc1", vm->tsc[1]);
	cJSON_AddNumberToObject(calibration, "mono1", vm->mono[1]);
	add_param(object, vm);
	add_totals(object, vm, seconds);
	vcpus = cJSON_AddArrayToObject(object, "vcpu");
	for (unsigned int i = 0; i < vm->run->n_vcpus; i++)
		cJSON_AddItemToArray(vcpus, vcpu_json(&vm->vcpus[i]));
	return object;
}

static bool write_json(const cJSON *json, const char *path)
{
	char *text = cJSON_PrintUnformatted(json);
	FILE *file = fopen(path, "w");
	bool good;

	if (!file) {
		free(text);
		return false;
	}
	good = fprintf(file, "%s\n", text) > 0;
	free(text);
	return fclose(file) == 0 && good;
}

bool truth_write(const struct run *run, const char *path, const char *arguments, const char *mode)
{
	cJSON *object = cJSON_CreateObject(), *vms;
	g_autofree char *recording = g_path_get_basename(path);
	bool failed = false, good;
	struct utsname host;

	uname(&host);
	for (unsigned int i = 0; i < run->n_vms; i++)
		failed |= run->vms[i].failed;
	cJSON_AddStringToObject(object, "format", "counterspin-lab-truth");
	cJSON_AddNumberToObject(object, "version", 1);
	if (g_str_has_suffix(path, ".truth.json"))
		recording[strlen(recording) - strlen(".truth.json")] = '\0';
	cJSON_AddStringToObject(object, "recording", recording);
	cJSON_AddStringToObject(object, "kernel", host.release);
	cJSON_AddStringToObject(object, "kvm_module", "stock");
	cJSON_AddStringToObject(object, "policy", "stock");
	cJSON_AddObjectToObject(object, "policy_params");
	cJSON_AddStringToObject(object, "mode", mode);
	cJSON_AddStringToObject(object, "labvmm_args", arguments);
	cJSON_AddNumberToObject(object, "seed", run->vms[0].guest->param.seed);
	cJSON_AddNumberToObject(object, "rc", failed ? 3 : 0);
	vms = cJSON_AddArrayToObject(object, "vms");
	for (unsigned int i = 0; i < run->n_vms; i++)
		cJSON_AddItemToArray(vms, vm_json(&run->vms[i]));
	good = write_json(object, path);
	cJSON_Delete(object);
	return good;
}

bool truth_write_log(const struct vm *vm, const char *path)
{
	FILE *file = fopen(path, "wb");

	if (!file)
		return false;
	for (unsigned int i = 0; i < vm->run->n_vcpus; i++)
		fwrite(vm->memory + LOGS_AT + i * LOG_SIZE,
		       sizeof(struct pause_record), vm->guest->vcpus[i].progress.logn, file);
	return fclose(file) == 0;
}
