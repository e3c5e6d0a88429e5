// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where CPU time goes.
 */
#include "analyze/report/sections.h"

static const struct table_spec vm_time = {
	.id = "vm_time", .title = "VMs: what their vCPUs do, in CPUs",
	.about = "CPUs: seconds per second of the recording. Spinning is part of running, and shows only in waits long "
		 "enough for a PAUSE exit; steal is time runnable without a CPU; other: the VM's threads that are no vCPUs.",
	.empty = "No VM was seen.",
	.sql = "SELECT " VM_LABEL("vm") ", n_vcpus, 1.0 * running_ns / span_ns, 1.0 * guest_ns / span_ns, "
	       "1.0 * spin_ns / span_ns, 1.0 * steal_ns / span_ns, 1.0 * blocked_ns / span_ns, "
	       "1.0 * unknown_ns / span_ns, 1.0 * other_ns / span_ns FROM vm_time ORDER BY running_ns DESC, vm",
	.columns = {
		{ "vm", "VM", COLUMN_TEXT }, { "n_vcpus", "vCPUs", COLUMN_COUNT },
		{ "running", "running", COLUMN_NUMBER, 2 }, { "guest", "in guest", COLUMN_NUMBER, 2 },
		{ "spin", "spinning", COLUMN_NUMBER, 2 }, { "steal", "steal", COLUMN_NUMBER, 2 },
		{ "blocked", "blocked", COLUMN_NUMBER, 2 }, { "unknown", "not known", COLUMN_NUMBER, 2 },
		{ "other", "other", COLUMN_NUMBER, 2 },
	},
};

/* A page has room, and the eye colours, for so many. */
#define SHOWN_VMS "8"
#define SHOWN_CPUS "96"

static const struct table_spec cpu_time = {
	.id = "cpu_time", .title = "CPUs: who runs on them (at most " SHOWN_CPUS ", and " SHOWN_VMS " VMs by name)",
	.empty = "Nothing was seen to run.", .page_only = true,
	.sql = "WITH most AS (SELECT vm, row_number() OVER (ORDER BY running_ns DESC, vm) AS rank FROM vm_time) "
	       "SELECT cpu, CASE WHEN cpu_time.vm IS NULL THEN 'other threads' WHEN rank <= " SHOWN_VMS " THEN "
	       VM_LABEL("cpu_time.vm") " ELSE 'further VMs' END AS who, 100.0 * sum(running_ns) / max(span_ns) "
	       "FROM cpu_time LEFT JOIN most USING (vm) WHERE cpu IN (SELECT DISTINCT cpu FROM cpu_time ORDER BY cpu "
	       "LIMIT " SHOWN_CPUS ") GROUP BY cpu, who ORDER BY cpu, min(coalesce(rank, 1e9)), who = 'other threads'",
	.columns = {
		{ "cpu", "CPU", COLUMN_COUNT }, { "vm", "who", COLUMN_TEXT },
		{ "share", "of its time", COLUMN_PERCENT },
	},
};

static const struct table_spec vcpu_steal = {
	.id = "vcpu_steal", .title = "vCPUs that wait most for a CPU",
	.about = "of runnable: steal as a share of the time in which the vCPU could run (observed.steal_share is of all time).",
	.empty = "No vCPU was seen.",
	.sql = "SELECT " VM_LABEL("vm") ", vcpu_idx, running_ns, steal_ns, steal_share, waits, longest_wait_ns "
	       "FROM vcpu_steal ORDER BY steal_share DESC, vm, vcpu_idx LIMIT 16",
	.columns = {
		{ "vm", "VM", COLUMN_TEXT }, { "vcpu_idx", "vCPU", COLUMN_COUNT },
		{ "running_ns", "running", COLUMN_NS }, { "steal_ns", "steal", COLUMN_NS },
		{ "steal_of_runnable", "of runnable", COLUMN_PERCENT }, { "waits", "waits", COLUMN_COUNT },
		{ "longest_wait_ns", "longest", COLUMN_NS },
	},
};

static const struct table_spec observed = {
	.id = "observed", .title = "What was observed, with 95 % intervals for another stretch of the same load",
	.empty = "Not known: no policy has been replayed ('counterspin replay').",
	.sql = "SELECT coalesce(" VM_LABEL("vm") ", 'all VMs'), metric, value, stat_lo, stat_hi, NULL, NULL, unit, n, reason "
	       "FROM observed ORDER BY vm IS NOT NULL, vm, rowid",
	.columns = {
		{ "vm", "VM", COLUMN_TEXT }, { "metric", "metric", COLUMN_TEXT },
		{ "value", "value", COLUMN_ESTIMATE, 2 }, { "unit", "unit", COLUMN_TEXT },
		{ "n", "rests on", COLUMN_COUNT }, { "reason", "why not", COLUMN_TEXT },
	},
};

static const struct table_spec exit_cost = {
	.id = "exit_cost", .title = "Exits that cost most",
	.about = "handling: from kvm_exit to the next kvm_entry, while on a CPU.", .empty = "No exits were seen.",
	.sql = "SELECT " VM_LABEL("vm") ", coalesce(reason, exit_reason), n, handling_ns, mean_ns FROM exit_cost "
	       "ORDER BY handling_ns DESC, vm, exit_reason LIMIT 10",
	.columns = {
		{ "vm", "VM", COLUMN_TEXT }, { "exit_reason", "exit reason", COLUMN_TEXT },
		{ "n", "exits", COLUMN_COUNT }, { "handling_ns", "handling", COLUMN_NS },
		{ "mean_ns", "mean", COLUMN_NS },
	},
};

bool sections_time(struct result *r, sqlite3 *db, GError **error)
{
	struct section *s = result_section(r, "time", "Where CPU time goes");

	return section_query(s, &vm_time, db, error) && section_query(s, &cpu_time, db, error) &&
	       section_query(s, &vcpu_steal, db, error) && section_query(s, &observed, db, error) &&
	       section_query(s, &exit_cost, db, error);
}
