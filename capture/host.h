/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host - what tracepoints cannot say of this host, as documents in the format
 * counterspin-host-facts 1 (counterspin-import(1), HOST FACTS), short enough for
 * trace markers.
 *
 *	kernel, machine, clock ("mono"), n_cpu (online), hz (CONFIG_HZ of /boot/config-RELEASE
 *	or /proc/config.gz; left out if neither is there), realtime_offset
 *	recorder.KEY	what the caller says of itself
 *	vms, vcpus	struct vm_list; vcpu_idx and tid only where they are known
 *	cgroups		of all threads of VMs, workers too
 *	kvm.NAME, kvm_amd.NAME, ...	/sys/module/kvm.../parameters
 *	sched.NAME	/sys/kernel/debug/sched; /proc/sys/kernel/sched_NAME as sched.sched_NAME
 *	sched.preempt_model	the words on it in the kernel's version, where debugfs does not say
 *			sched.preempt
 *	kernel.version, clocksource, cpu.model, cpu.flags (those that change how vCPUs run, not
 *	all), cpu.online, cpu.smt, cpu.isolated, cpu.nohz_full, cpufreq.governor, cpuidle.driver
 *	mitigation.NAME	/sys/devices/system/cpu/vulnerabilities, those that cost at exits
 *	topology.cpuN	{"core":0,"package":0,"node":0,"smt":"0-1"}, of CPUs online
 *
 * What cannot be read is left out. Nothing is cut but single values that do not fit a
 * document; their texts end in an ellipsis.
 *
 * How much that is: some 5 documents of 900 bytes, and for each VM of 8 vCPUs and 20 other
 * threads 3 more; whoever writes hundreds into one ring buffer drains it meanwhile. Kernel
 * threads that work for a VM but are not its own (vhost-PID before Linux 6.4) are not told.
 */
#ifndef CAPTURE_HOST_H
#define CAPTURE_HOST_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/vms.h"

enum { HOST_FACTS_MIN_BYTES = 256 };

/*
 * All that is known of the host below root ("" on a real one), as a NULL-terminated list of
 * JSON documents, each one line of valid UTF-8 without a line feed, complete with format,
 * version and when, and at most max_bytes long without its NUL (at least
 * HOST_FACTS_MIN_BYTES). What matters most comes first. Free with g_strfreev().
 *
 * vms: may be NULL. when: "start" or "stop". recorder: an object or NULL; each member KEY
 * becomes parameter recorder.KEY (a text as it is, else as JSON), each item I of an array
 * recorder.KEY.I (from 0 on) and each member NAME of an object recorder.KEY.NAME, so that lists
 * of probes or of what was shed may have any length. Texts in it must be UTF-8.
 *
 * trace_marker takes 1024 bytes with NUL in kernels before 6.9 (kernel/trace/trace.c,
 * TRACE_BUF_SIZE): more is cut without an error.
 */
char **host_facts(const char *root, const struct vm_list *vms, const char *when, const cJSON *recorder,
		  size_t max_bytes);

/*
 * For the end of a recording: only what is new or different since 'said', documents that
 * host_facts() made at its start. Parameters that differ, VMs, vCPUs and cgroups that were
 * not there, and all of recorder; realtime_offset as a parameter if it moved by more than
 * 1 ms. Where nothing is, one document that says when it was. What has gone is not said.
 */
char **host_facts_changes(const char *root, const struct vm_list *vms, char *const *said,
			  const cJSON *recorder, size_t max_bytes);

/*
 * In between: only what VMs, vCPUs and cgroups there are that said does not have. Of no time in
 * particular (when is empty).
 */
char **host_facts_vms(const struct vm_list *vms, char *const *said, size_t max_bytes);

/* CLOCK_REALTIME - CLOCK_MONOTONIC, ns; from the closest of several looks. */
int64_t host_realtime_offset(void);

#endif
