// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * program_dump - the programs that a recording shows, in figures and in full.
 *
 * usage: program_dump [--items] DB [SEED]
 *
 * Prints NAME=VALUE a line: the span, programs, items of each kind and the sum of their ns; what was
 * recorded in the span, ns (spin_seen_ns: in waits with PAUSE exits); a line a VM; and background.
 * --items: all items, too. How long it took is on stderr.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/run.h"
#include "replay/simulate/extract.h"

G_GNUC_NORETURN static void fail(const GError *error)
{
	fprintf(stderr, "program_dump: %s\n", error->message);
	exit(1);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print_items(const struct program *p)
{
	for (guint i = 0; i < p->items->len; i++) {
		const struct item *item = &g_array_index(p->items, struct item, i);

		printf("vm%u/%u %.6f %s %.3f us%s vector %u unblocker %u%s", p->vm, p->idx, item->t * 1e-9,
		       item_kind_names[item->kind], item->ns * 1e-3, item->kernel ? " kernel" : "", item->vector,
		       item->unblocker, item->tracked ? " tracked" : "");
		for (guint k = 0; k < item->n; k++)
			printf(" ->%u", g_array_index(p->receivers, uint16_t, item->first + k));
		printf("\n");
	}
}

static void print_sums(const struct program_input *input)
{
	double n[N_ITEM_KINDS] = { 0 }, ns[N_ITEM_KINDS] = { 0 }, work = 0, spin = 0, on_cpu = 0, kernel = 0;
	guint responses = 0;

	for (guint i = 0; i < input->programs->len; i++) {
		const struct program *p = input->programs->pdata[i];

		for (guint k = 0; k < p->items->len; k++) {
			const struct item *item = &g_array_index(p->items, struct item, k);

			n[item->kind]++;
			ns[item->kind] += item->ns;
			kernel += item->kind == ITEM_COMPUTE && item->kernel ? item->ns : 0;
		}
	}
	for (unsigned int vm = 0; vm < input->n_vms; vm++) {
		work += input->truth[vm].work;
		spin += input->truth[vm].spin;
		on_cpu += input->truth[vm].on_cpu;
		responses += input->truth[vm].responses->len;
	}
	printf("t0=%" G_GINT64_FORMAT "\nlength=%" G_GINT64_FORMAT "\nprograms=%u\n", input->t0, input->length,
	       input->programs->len);
	for (unsigned int k = 0; k < N_ITEM_KINDS; k++)
		printf("%s=%.0f\n%s_ns=%.0f\n", item_kind_names[k], n[k], item_kind_names[k], ns[k]);
	printf("kernel_percent=%.2f\nwork_ns=%.0f\nspin_seen_ns=%.0f\non_cpu_ns=%.0f\nresponses=%u\n",
	       100 * kernel / MAX(ns[ITEM_COMPUTE], 1), work, spin, on_cpu, responses);
	printf("work_error_percent=%.4f\nunmodelled_spin_percent=%.2f\n", 100 * input->work_error,
	       100 * input->unmodelled_spin);
}

static void print_vm(const struct program_input *input, unsigned int vm)
{
	const struct program_vm *v = &input->vms[vm];
	const struct program_truth *t = &input->truth[vm];
	double median;

	g_array_sort(t->responses, by_value);
	median = t->responses->len ? g_array_index(t->responses, double, t->responses->len / 2) : 0;
	printf("vm%u=group %u weight %u window %.1f..%.1f handler %.1f%s c_exit %.1f c_yield %.1f us; work %.4f "
	       "spin %.4f on_cpu %.4f s, pauses %.0f yields %.0f responses %u median %.1f us\n",
	       vm, v->group, v->weight, v->window * 1e-3, v->window_max * 1e-3, v->handler * 1e-3,
	       v->acks_before_handler ? " after" : "", v->c_exit * 1e-3, v->c_yield * 1e-3, t->work * 1e-9,
	       t->spin * 1e-9, t->on_cpu * 1e-9, t->pauses, t->yields, t->responses->len, median * 1e-3);
}

static void print_background(const struct program_input *input)
{
	double ran = 0;
	guint turns = 0;

	for (guint i = 0; i < input->backgrounds->len; i++) {
		const struct background *b = input->backgrounds->pdata[i];

		for (guint k = 1; k < b->turns->len; k += 2)
			ran += g_array_index(b->turns, int64_t, k);
		turns += b->turns->len / 2;
	}
	printf("backgrounds=%u\nbackground_turns=%u\nbackground_ns=%.0f\n", input->backgrounds->len, turns, ran);
}

static struct program_input *extract(sqlite3 *db, uint64_t seed)
{
	g_autoptr(GError) error = NULL;
	struct recorded *recorded = recorded_open(db, &error);
	struct program_input *input;
	struct run *run;
	gint64 begin;

	if (!recorded)
		fail(error);
	run = run_new(recorded, STATE_PROBED);
	if (!run_execute(run, recorded, &error) || !run_gather(run, seed, &error))
		fail(error);
	begin = g_get_monotonic_time();
	input = extract_programs(run->evidence, &run->rescore->quality, &run->recorded_params, seed, &error);
	if (!input)
		fail(error);
	fprintf(stderr, "extraction took %.3f s\n", (g_get_monotonic_time() - begin) * 1e-6);
	run_free(run);
	recorded_free(recorded);
	return input;
}

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	bool items = argc > 1 && !strcmp(argv[1], "--items");
	const char *path = argv[1 + items];
	g_autoptr(sqlite3) db = path ? db_open(path, &error) : NULL;
	struct program_input *input;

	if (!path) {
		fprintf(stderr, "usage: program_dump [--items] DB [SEED]\n");
		return 2;
	}
	if (!db)
		fail(error);
	input = extract(db, argc > 2 + items ? g_ascii_strtoull(argv[2 + items], NULL, 10) : 1);
	print_sums(input);
	for (unsigned int vm = 0; vm < input->n_vms; vm++)
		print_vm(input, vm);
	print_background(input);
	for (guint i = 0; items && i < input->programs->len; i++)
		print_items(input->programs->pdata[i]);
	program_input_free(input);
	return 0;
}
