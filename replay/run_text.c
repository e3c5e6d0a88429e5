// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/run_text.h"

#include <math.h>
#include <string.h>

#include "replay/policy_spec.h"
#include "replay/run_estimators.h"
#include "schema/text_table.h"

enum { WIDTH = 100 };		/* columns of a line, where labels are as short as policies' names */

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
	text_table_fold(t, 0, WIDTH);
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
	text_table_fold(t, 0, WIDTH);
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
		"state", ">compared", ">same attempts", ">", ">same target", ">", ">unknown", ">racy", ">unequal",
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
	puts("\n  racy     a vCPU's state may have changed while the scan was looking, by the events around it,\n"
	     "           or what differs is a dy_eligible that such a scan left\n"
	     "  unequal  racy, and not what the kernel did");
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
		printf("What the kernel did: %" G_GINT64_FORMAT " probed, %" G_GINT64_FORMAT " imputed from what followed, %"
		       G_GINT64_FORMAT " inferred\nby replaying %s (its own agreement with those says nothing), %"
		       G_GINT64_FORMAT " not known.\n", n[OUTCOME_PROBED], n[OUTCOME_IMPUTED], n[OUTCOME_INFERRED],
		       run->recorded_policy->name, n[OUTCOME_UNKNOWN]);
	if (run->n_tainted)
		printf("%" G_GINT64_FORMAT " decisions touch a gap or the recording's edge and are left out.\n",
		       run->n_tainted);
}

static void estimate_cell(struct text_table *t, const struct estimate *e)
{
	static const unsigned int decimals[N_METRICS] = { [METRIC_THROUGHPUT_GAIN] = 1, [METRIC_SPIN_CPU_SAVED] = 2 };
	unsigned int d = decimals[e->metric];

	if (isnan(e->value))
		text_table_cell(t, "-");
	else if (e->value == 0 && e->total[0] == 0 && e->total[1] == 0)
		text_table_cell(t, "0");
	else
		text_table_cell(t, "%+.*f [%+.*f, %+.*f]", d, text_number(e->value, d), d, text_number(e->total[0], d),
				d, text_number(e->total[1], d));
}

/* Metrics first to last; headings: the policy's and theirs. */
static void print_estimates(const struct run *run, const char *const *headings, unsigned int first, unsigned int last)
{
	struct text_table *t = text_table_new(headings, 2 + last - first);

	for (guint i = 0; i < run->policies->len; i++) {
		const struct run_policy *p = run->policies->pdata[i];

		text_table_cell(t, "%s", p->label);
		for (unsigned int m = first; m <= last; m++)
			estimate_cell(t, &p->estimates[m]);
	}
	text_table_fold(t, 0, WIDTH);
	text_table_print(t, "  ", stdout);
}

static void print_gains(const struct run *run)
{
	static const char *const gains[] = { "policy", ">throughput %", ">spin saved CPUs", ">IPI response %" };
	static const char *const rates[] = { "policy", ">PAUSE exits %", ">yields 1/s" };

	printf("\nWhat each would have gained, against %s as recorded\n(its behaviour re-weighted, no feedback):\n",
	       run->recorded_policy->name);
	print_estimates(run, gains, METRIC_THROUGHPUT_GAIN, METRIC_IPI_RESPONSE_CHANGE);
	puts("");
	print_estimates(run, rates, METRIC_PAUSE_EXITS_CHANGE, METRIC_YIELDS_CHANGE);
}

/* What the other columns of the verdicts leave to the reasons. */
static unsigned int reason_width(const struct run *run)
{
	static const char taken[] = "    verdict on throughput  support  ";
	gsize longest = strlen("policy");

	for (guint i = 0; i < run->policies->len; i++)
		longest = MAX(longest, strlen(((struct run_policy *)run->policies->pdata[i])->label));
	return MAX(WIDTH - (int)(longest + strlen(taken)), 32);
}

static void print_verdicts(const struct run *run)
{
	static const char *const headings[] = { "policy", "verdict on throughput", ">support", "why" };
	struct text_table *t = text_table_new(headings, G_N_ELEMENTS(headings));
	unsigned int width = reason_width(run);

	for (guint i = 0; i < run->policies->len; i++) {
		const struct run_policy *p = run->policies->pdata[i];
		const struct estimate *head = &p->estimates[METRIC_THROUGHPUT_GAIN];

		text_table_cell(t, "%s", p->label);
		text_table_cell(t, "%s", verdict_names[head->verdict]);
		if (isnan(head->support))
			text_table_cell(t, "-");
		else
			text_table_cell(t, "%.0f %%", 100 * head->support);
		text_table_wrapped(t, head->reason ? head->reason : "", width);
	}
	text_table_print(t, "  ", stdout);
}

static void print_outcomes(const struct run *run)
{
	static const char *const headings[] = {
		"policy", ">picks", ">hit", ">nominated", ">scheduler", ">lost", ">overboost", ">nothing", ">unknown",
	};
	static const char *const second[] = { "", "", "", "", "mismatch", "opportunity", "", "to gain", "" };
	static const enum outcome_class order[] = {
		OUTCOME_HIT, OUTCOME_NOMINATED, OUTCOME_SCHEDULER_MISMATCH, OUTCOME_LOST_OPPORTUNITY, OUTCOME_OVERBOOST,
		OUTCOME_NOTHING_TO_GAIN, OUTCOME_CLASS_UNKNOWN,
	};
	struct text_table *t = text_table_new(headings, G_N_ELEMENTS(headings));
	bool any = false;

	for (unsigned int c = 0; c < G_N_ELEMENTS(second); c++)
		text_table_cell(t, "%s", second[c]);
	for (guint i = 0; i < run->policies->len; i++) {
		const struct run_policy *p = run->policies->pdata[i];

		for (unsigned int k = 0; p->different_pick && k < N_PICKERS; k++) {
			any = true;
			text_table_cell(t, k == PICKER_KERNEL ? "  kernel there" : "%s", p->label);
			text_table_count(t, p->different_pick);
			for (unsigned int c = 0; c < G_N_ELEMENTS(order); c++)
				text_table_count(t, p->n_outcomes[k][order[c]]);
		}
	}
	if (any)
		puts("\nWhat the picks amount to where they differ from the kernel's:");
	text_table_fold(t, 0, WIDTH);
	text_table_print(t, "  ", any ? stdout : NULL);
	if (!any)
		return;
	puts("\n"
	     "  picks               the different ones; 'kernel there': what the kernel did at the same\n"
	     "  hit                 a vCPU that is waited for, and the scheduler runs it (the kernel's: ran it)\n"
	     "  nominated           such a vCPU; what the scheduler does is not known\n"
	     "  scheduler mismatch  such a vCPU, but the scheduler runs another\n"
	     "  lost opportunity    another or nobody, though such a vCPU was ready\n"
	     "  overboost           a vCPU that is not waited for; none that is was ready\n"
	     "  nothing to gain     nobody, or such a vCPU; none that is waited for was ready\n"
	     "  unknown             whom the spinner waits for is not known, or its wait cannot be used");
}

static void print_evidence(const struct run *run)
{
	const struct evidence *ev = run->evidence;
	double spin_cpus = observed_of_all(run->observed, OBSERVED_SPIN_CPUS)->value;

	printf("  %u waits with PAUSE exits, %u of them used (shorter waits do not show);\n"
	       "  %.2f CPUs spent spinning in them.\n",
	       ev->episodes->list->len, ev->n_used, isnan(spin_cpus) ? 0 : spin_cpus);
	printf("  Of that: waiting for an IPI %.0f %%, for a preempted lock holder %.0f %%, not known %.0f %%.\n",
	       100 * ev->spin_by_cause[CAUSE_IPI], 100 * ev->spin_by_cause[CAUSE_LOCK],
	       100 * ev->spin_by_cause[CAUSE_UNKNOWN]);
	printf("  95 %% intervals with the method's own error; %d replicates of %u blocks of %.0f ms, "
	       "seed %" G_GUINT64_FORMAT ".\n",
	       RUN_REPLICATES, bootstrap_n_blocks(ev->bootstrap), ev->block_ns / 1e6, run->seed);
}

static void print_wrapped(const char *text)
{
	g_autofree char *lines = text_wrap(text, WIDTH, 0);

	puts(lines);
}

static void print_subject(const struct run *run, const struct recorded *recorded)
{
	const struct policy_params *params = &run->recorded_params;
	g_autofree char *how = run->recorded_policy == &policy_stock ?
			       g_strdup_printf(" (%s)", stock_variant_names[params->stock_variant]) :
			       g_strdup_printf(", taken as series v%u", params->series);
	g_autofree char *text = g_strdup_printf(
		"%" G_GINT64_FORMAT " decisions of kvm_vcpu_on_spin() in %u VM%s; kernel %s ran %s%s.", run->n_decisions,
		recorded->n_vms, recorded->n_vms == 1 ? "" : "s", recorded->kernel ? recorded->kernel : "(unknown)",
		run->recorded_policy->name, how);

	print_wrapped(text);
}

void run_print_text(const struct run *run, const struct recorded *recorded, const char *path, bool disagreements)
{
	g_autoptr(GPtrArray) warnings = run_warnings(run, recorded);

	print_subject(run, recorded);
	for (guint i = 0; i < warnings->len; i++) {
		g_autofree char *warning = g_strdup_printf("WARNING: %s.", (char *)warnings->pdata[i]);

		print_wrapped(warning);
	}
	print_known(run);
	printf("\nWhat each policy would have done, against what the kernel did (%s state):\n",
	       recorded->probes ? state_kind_names[run->state] : "reconstructed");
	print_policies(run);
	puts("\n"
	     "  same pick  the same vCPU, or nobody where the kernel yielded to nobody\n"
	     "  unknown    the policy's or the kernel's pick hangs on something not known\n"
	     "  no target  the policy yields to nobody (counted in the columns before, too)\n"
	     "  IPI out    of decisions at which the policy's pick is known: the spinner has a unicast IPI\n"
	     "             of its own unacknowledged; hits: the pick is its receiver; share: hits of IPI out\n"
	     "\nyield_to() calls, by result:");
	print_attempts(run, recorded->probes);
	print_gains(run);
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
	if (path)
		printf("\n'counterspin report %s' says what this comes to.\n", path);
}
