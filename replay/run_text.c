// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/run_text.h"

#include <math.h>
#include <string.h>

#include "replay/policy_spec.h"
#include "replay/run_estimators.h"
#include "schema/text_table.h"

#define REASON_WIDTH 64		/* so that the table fits 120 columns */

static void print_policies(const struct run *run)
{
	static const char *const headings[] = {
		"policy", ">same pick", ">different", ">unknown", ">no target", ">IPI out", ">hits", ">share",
	};
	struct text_table *t = text_table_new(headings, G_N_ELEMENTS(headings));

	for (guint i = 0; i < run->policies->len; i++) {
		const struct run_policy *p = run->policies->pdata[i];

		text_table_cell(t, "%s", p->label);
		text_table_count(t, p->same_pick);
		text_table_count(t, p->different_pick);
		text_table_count(t, p->unknown);
		text_table_count(t, p->no_target);
		text_table_count(t, p->receiver_waits);
		text_table_count(t, p->receiver_hits);
		if (p->receiver_waits)
			text_table_cell(t, "%.1f %%", 100.0 * p->receiver_hits / p->receiver_waits);
		else
			text_table_cell(t, "-");
	}
	text_table_print(t, "  ", stdout);
}

static void print_attempts(const struct run *run, bool probed)
{
	static const char *const headings[] = { "policy", ">yielded (1)", ">not yielded (0)", ">-ESRCH" };
	struct text_table *t = text_table_new(headings, G_N_ELEMENTS(headings));

	for (guint i = 0; i < run->policies->len; i++) {
		const struct run_policy *p = run->policies->pdata[i];

		text_table_cell(t, "%s", p->label);
		text_table_count(t, p->attempts_yielded);
		if (p->policy || probed) {
			text_table_count(t, p->attempts_failed);
			text_table_count(t, p->attempts_esrch);
		} else {	/* only success shows without probes */
			text_table_cell(t, "?");
			text_table_cell(t, "?");
		}
	}
	text_table_print(t, "  ", stdout);
}

static void share_cell(struct text_table *t, int64_t n, int64_t of)
{
	if (of)
		text_table_cell(t, "%.2f %%", 100.0 * n / of);
	else
		text_table_cell(t, "-");
}

static void print_fidelity(const struct run *run)
{
	static const char *const headings[] = {
		"state", ">compared", ">same attempts", ">", ">same target", ">", ">unknown", ">racy",
		">racy, unequal",
	};
	static const char *const why_headings[] = { "state", "differs in", ">decisions", ">of these racy" };
	struct text_table *t = text_table_new(headings, G_N_ELEMENTS(headings));
	struct text_table *why = text_table_new(why_headings, G_N_ELEMENTS(why_headings));
	bool any = false;

	for (unsigned int k = 0; k < N_STATE_KINDS; k++) {
		const struct fidelity *f = &run->fidelity[k];
		int64_t racy = 0;

		for (unsigned int i = 0; i < N_REASONS; i++) {
			racy += f->racy_reasons[i];
			if (!f->reasons[i])
				continue;
			any = true;
			text_table_cell(why, "%s", state_kind_names[k]);
			text_table_cell(why, "%s", reason_names[i]);
			text_table_count(why, f->reasons[i]);
			text_table_count(why, f->racy_reasons[i]);
		}
		text_table_cell(t, "%s", state_kind_names[k]);
		text_table_count(t, f->compared);
		text_table_count(t, f->attempt_lists_equal);
		share_cell(t, f->attempt_lists_equal, f->compared);
		text_table_count(t, f->targets_equal);
		share_cell(t, f->targets_equal, f->compared);
		text_table_count(t, f->unknown);
		text_table_count(t, f->racy);
		text_table_count(t, racy);
	}
	text_table_print(t, "  ", stdout);
	puts("\n  racy: a vCPU's state may have changed while the scan was looking, by the events around it,\n"
	     "        or what differs is a dy_eligible that such a scan left");
	if (any)
		puts("\nWhere the replayed kernel policy did not do what the kernel did:");
	text_table_print(why, "  ", any ? stdout : NULL);
}

static void print_disagreements(const struct run *run)
{
	static const char *const headings[] = { "state", ">decision", "differs in", ">vcpu_idx", "racy" };
	struct text_table *t = text_table_new(headings, G_N_ELEMENTS(headings));

	for (unsigned int k = 0; k < N_STATE_KINDS; k++) {
		for (guint i = 0; i < run->disagreements[k]->len; i++) {
			const struct disagreement *d =
				&g_array_index(run->disagreements[k], struct disagreement, i);

			text_table_cell(t, "%s", state_kind_names[k]);
			text_table_cell(t, "%" G_GINT64_FORMAT, d->decision);
			text_table_cell(t, "%s", reason_names[d->reason]);
			if (d->vcpu_idx >= 0)
				text_table_cell(t, "%d", d->vcpu_idx);
			else
				text_table_cell(t, "-");
			text_table_cell(t, "%s", d->racy ? "yes" : "no");
		}
	}
	puts("\nDecisions not reproduced ('counterspin explain DB DECISION' shows one):");
	text_table_print(t, "  ", stdout);
}

static void print_known(const struct run *run)
{
	const int64_t *n = run->n_outcomes;

	if (n[OUTCOME_PROBED] < run->n_decisions)
		printf("Outcomes: %" G_GINT64_FORMAT " probed, %" G_GINT64_FORMAT " imputed from what followed, %"
		       G_GINT64_FORMAT " inferred by replaying %s\n(its own agreement with those says nothing), %"
		       G_GINT64_FORMAT " not known.\n", n[OUTCOME_PROBED], n[OUTCOME_IMPUTED], n[OUTCOME_INFERRED],
		       run->recorded_policy->name, n[OUTCOME_UNKNOWN]);
	if (run->n_tainted)
		printf("%" G_GINT64_FORMAT " decisions touch a gap or the recording's edge and are left out.\n",
		       run->n_tainted);
}

static void estimate_cell(struct text_table *t, const struct estimate *e)
{
	static const char *const formats[N_METRICS] = {
		[METRIC_THROUGHPUT_GAIN] = "%+.1f [%+.1f, %+.1f]", [METRIC_SPIN_CPU_SAVED] = "%+.2f [%+.2f, %+.2f]",
		[METRIC_IPI_RESPONSE_CHANGE] = "%+.0f [%+.0f, %+.0f]",
		[METRIC_PAUSE_EXITS_CHANGE] = "%+.0f [%+.0f, %+.0f]", [METRIC_YIELDS_CHANGE] = "%+.0f [%+.0f, %+.0f]",
	};

	if (isnan(e->value))
		text_table_cell(t, "-");
	else if (e->value == 0 && e->total[0] == 0 && e->total[1] == 0)
		text_table_cell(t, "0");
	else
		text_table_cell(t, formats[e->metric], e->value, e->total[0], e->total[1]);
}

static void print_estimates(const struct run *run)
{
	static const char *const headings[] = {
		"policy", ">throughput %", ">spin saved CPUs", ">IPI response %", ">PAUSE exits %", ">yields 1/s",
	};
	struct text_table *t = text_table_new(headings, G_N_ELEMENTS(headings));

	for (guint i = 0; i < run->policies->len; i++) {
		const struct run_policy *p = run->policies->pdata[i];

		text_table_cell(t, "%s", p->label);
		for (unsigned int m = METRIC_THROUGHPUT_GAIN; m <= METRIC_YIELDS_CHANGE; m++)
			estimate_cell(t, &p->estimates[m]);
	}
	text_table_print(t, "  ", stdout);
}

/* The end of the first line of text that fits into REASON_WIDTH, at a space if it has one. */
static const char *line_end(const char *text)
{
	const char *end = text + strcspn(text, " ");

	for (const char *next = end; *next && next - text <= REASON_WIDTH; next += 1 + strcspn(next + 1, " "))
		end = next;
	return strlen(text) <= REASON_WIDTH ? text + strlen(text) : end;
}

static void print_verdicts(const struct run *run)
{
	static const char *const headings[] = { "policy", "verdict on throughput", ">support", "why" };
	struct text_table *t = text_table_new(headings, G_N_ELEMENTS(headings));

	for (guint i = 0; i < run->policies->len; i++) {
		const struct run_policy *p = run->policies->pdata[i];
		const struct estimate *head = &p->estimates[METRIC_THROUGHPUT_GAIN];
		const char *why = head->reason ? head->reason : "", *end = line_end(why);

		text_table_cell(t, "%s", p->label);
		text_table_cell(t, "%s", verdict_names[head->verdict]);
		text_table_cell(t, "%.0f %%", 100 * head->support);
		text_table_cell(t, "%.*s", (int)(end - why), why);
		while (*end) {
			why = end + 1;
			end = line_end(why);
			for (unsigned int column = 0; column < 3; column++)
				text_table_cell(t, " ");
			text_table_cell(t, "%.*s", (int)(end - why), why);
		}
	}
	text_table_print(t, "  ", stdout);
}

static void print_outcomes(const struct run *run)
{
	static const char *const headings[] = {
		"policy", ">picks", ">hit", ">nominated", ">scheduler mismatch", ">lost opportunity", ">overboost",
		">nothing to gain", ">unknown",
	};
	static const enum outcome_class order[] = {
		OUTCOME_HIT, OUTCOME_NOMINATED, OUTCOME_SCHEDULER_MISMATCH, OUTCOME_LOST_OPPORTUNITY, OUTCOME_OVERBOOST,
		OUTCOME_NOTHING_TO_GAIN, OUTCOME_CLASS_UNKNOWN,
	};
	struct text_table *t = text_table_new(headings, G_N_ELEMENTS(headings));
	bool any = false;

	for (guint i = 0; i < run->policies->len; i++) {
		const struct run_policy *p = run->policies->pdata[i];

		if (!p->gains->n_changed)
			continue;
		any = true;
		for (unsigned int kernel = 0; kernel < 2; kernel++) {
			const guint *n = kernel ? p->gains->recorded_outcomes : p->gains->outcomes;

			text_table_cell(t, kernel ? "  kernel there" : "%s", p->label);
			text_table_count(t, p->gains->n_changed);
			for (unsigned int c = 0; c < G_N_ELEMENTS(order); c++)
				text_table_count(t, n[order[c]]);
		}
	}
	if (any)
		puts("\nWhat the picks amount to where they differ from the recorded policy's:");
	text_table_print(t, "  ", any ? stdout : NULL);
	if (!any)
		return;
	puts("\n"
	     "  picks               decisions at which they differ; 'kernel there': what the kernel did at the same\n"
	     "  hit                 a vCPU that is waited for, and the scheduler runs it (the kernel's: ran it soon)\n"
	     "  nominated           such a vCPU; what the scheduler does is not known\n"
	     "  scheduler mismatch  such a vCPU, but the scheduler runs another\n"
	     "  lost opportunity    another or nobody, though such a vCPU was ready\n"
	     "  overboost           a vCPU that is not waited for; none that is was ready\n"
	     "  nothing to gain     nobody, or such a vCPU; none that is waited for was ready\n"
	     "  unknown             whom the spinner waits for, or the pick, is not known");
}

static void print_evidence(const struct run *run)
{
	const struct evidence *ev = run->evidence;
	double spin_cpus = observed_of_all(run->observed, OBSERVED_SPIN_CPUS)->value;

	printf("  %u waits with PAUSE exits, %u of them used; %.2f CPUs spent spinning in them "
	       "(shorter waits do not show).\n",
	       ev->episodes->list->len, ev->n_used, isnan(spin_cpus) ? 0 : spin_cpus);
	printf("  Of that: waiting for an IPI %.0f %%, for a preempted lock holder %.0f %%, not known %.0f %%.\n",
	       100 * ev->spin_by_cause[CAUSE_IPI], 100 * ev->spin_by_cause[CAUSE_LOCK],
	       100 * ev->spin_by_cause[CAUSE_UNKNOWN]);
	printf("  95 %% intervals with the method's own error; %d replicates of %u blocks of %.0f ms, "
	       "seed %" G_GUINT64_FORMAT ".\n",
	       RUN_REPLICATES, bootstrap_n_blocks(ev->bootstrap), ev->block_ns / 1e6, run->seed);
}

void run_print_text(const struct run *run, const struct recorded *recorded, bool disagreements)
{
	g_autoptr(GPtrArray) warnings = run_warnings(run, recorded);

	printf("%" G_GINT64_FORMAT " decisions of kvm_vcpu_on_spin() in %u VM%s; kernel %s ran %s",
	       run->n_decisions, recorded->n_vms, recorded->n_vms == 1 ? "" : "s",
	       recorded->kernel ? recorded->kernel : "(unknown)", run->recorded_policy->name);
	if (run->recorded_policy == &policy_stock)
		printf(" (%s)", stock_variant_names[run->recorded_params.stock_variant]);
	else
		printf(", taken as series v%u", run->recorded_params.series);
	printf(".\n");
	for (guint i = 0; i < warnings->len; i++)
		printf("WARNING: %s.\n", (char *)warnings->pdata[i]);
	print_known(run);
	printf("\nWhat each policy would have done, against what the kernel did (%s state):\n",
	       recorded->probes ? state_kind_names[run->state] : "reconstructed");
	print_policies(run);
	puts("\n"
	     "  same pick  the same vCPU, or nobody where the kernel yielded to nobody\n"
	     "  unknown    the policy's or the kernel's pick hangs on something not known\n"
	     "  no target  the policy yields to nobody (counted in the columns before, too)\n"
	     "  IPI out    the spinner has a unicast IPI of its own unacknowledged; hits: the pick is its receiver\n"
	     "  share      hits of IPI out\n"
	     "\nyield_to() calls, by result:");
	print_attempts(run, recorded->probes);
	printf("\nWhat each would have gained, against %s as recorded (its behaviour re-weighted, no feedback):\n",
	       run->recorded_policy->name);
	print_estimates(run);
	puts("");
	print_verdicts(run);
	puts("");
	print_evidence(run);
	run_print_estimators(&run->estimators);
	print_outcomes(run);
	puts("\nFidelity of the replayed kernel policy:");
	if (!run->fidelity[STATE_PROBED].compared && !run->fidelity[STATE_RECONSTRUCTED].compared)
		printf("  cannot be told: %s\n", !run->n_decisions ? "there are no decisions" : recorded->probes ?
		       "no decision has its outcome and state known" : "no probes saw what the kernel tried");
	else
		print_fidelity(run);
	if (disagreements)
		print_disagreements(run);
}
