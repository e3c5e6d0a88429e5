/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A micro-VM and what is known of it afterwards. All of it, the guest's memory included, is shared
 * by the processes of a run: each VM is one, so that each is a thread group as on real hosts.
 */
#ifndef LAB_VM_H
#define LAB_VM_H

#include <stdbool.h>
#include <sys/types.h>

#include "guest.h"

struct vcpu {
	struct vm *vm;
	unsigned int idx;
	int fd;
	struct kvm_run *run;
	pid_t tid;
	bool ended;
	struct progress at_warm, at_stop;	/* counted is what lies between */
	uint64_t cpu_ns, wait_ns, slices, nvcsw, nivcsw;	/* of its thread, whole run */
};

struct vm {
	struct run *run;
	unsigned int number;
	const char *mix;
	pid_t pid;
	int fd;
	bool failed;
	struct guest *guest;
	char *memory;		/* MEMORY_SIZE, 'guest' lies in it */
	uint64_t t_go_ns, t_warm_ns, t_stop_ns;		/* CLOCK_MONOTONIC */
	uint64_t tsc[2], mono[2];	/* read at once: when it went, when it stopped */
	struct vcpu vcpus[MAX_VCPUS];
};

struct run {
	/* options */
	unsigned int n_vms, n_vcpus;
	uint64_t warm_ms, ms;
	bool pin, low;
	const void *image;
	size_t image_size;
	/* between the processes */
	unsigned int n_ready;
	bool go, stop;
	struct vm vms[];
};

extern const char *const op_names[N_OPS];

/* Fills 'param' for a mix by that name. False: there is none. */
bool mix_set(struct param *param, const char *mix);

/* The mixes' names in one line, the caller's to free. */
char *mix_names(void);

/* One KEY=VALUE, or KEY=LEAST:MOST, of those in guest.h and the weights of ops. */
bool mix_change(struct param *param, const char *change);

/* The whole life of a VM; ends the process. */
_Noreturn void vm_main(struct vm *vm);

/* What happened, as JSON. NAME.truth.json is of the recording NAME; 'arguments' are lab_vmm's. */
bool truth_write(const struct run *run, const char *path, const char *arguments, const char *mode);

/* The VM's vCPUs' logs, one after the other. */
bool truth_write_log(const struct vm *vm, const char *path);

#endif
