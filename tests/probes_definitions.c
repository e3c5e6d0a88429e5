// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * probes_definitions [--root=DIR] [--tracing=DIR] [--mode=auto|off|deep] [--vcpus=N] [--way=N]
 *	[--create | --counts | --remove]
 * What the recorder's probes would be on a kernel, from its kallsyms, BTF and tracefs README: one
 * line per candidate, refusals on stderr. --create makes them (--way=N: from that way on), --counts and
 * --remove do what they say. For the lab, and for a look at files from another host.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tracefs.h>

#include "capture/probes.h"

static char *root, *tracing, *mode_name, *group, *instance_name;
static int vcpus = 8, way;
static gboolean create, counts, remove_all;

static const GOptionEntry options[] = {
	{ "root", 0, 0, G_OPTION_ARG_FILENAME, &root, "has proc/kallsyms, sys/kernel/btf", "DIR" },
	{ "tracing", 0, 0, G_OPTION_ARG_FILENAME, &tracing, "tracefs", "DIR" },
	{ "mode", 0, 0, G_OPTION_ARG_STRING, &mode_name, "auto, off, deep", "MODE" },
	{ "group", 0, 0, G_OPTION_ARG_STRING, &group, "of the events", "NAME" },
	{ "instance", 0, 0, G_OPTION_ARG_STRING, &instance_name, "where to try them", "NAME" },
	{ "vcpus", 0, 0, G_OPTION_ARG_INT, &vcpus, "of each VM", "N" },
	{ "way", 0, 0, G_OPTION_ARG_INT, &way, "the first to try", "N" },
	{ "create", 0, 0, G_OPTION_ARG_NONE, &create, "make them", NULL },
	{ "counts", 0, 0, G_OPTION_ARG_NONE, &counts, "how often they fired", NULL },
	{ "remove", 0, 0, G_OPTION_ARG_NONE, &remove_all, "remove them", NULL },
	{ NULL },
};

static int fail(GError *error)
{
	fprintf(stderr, "probes_definitions: %s\n", error->message);
	g_error_free(error);
	return EXIT_FAILURE;
}

static int print_counts(void)
{
	GError *error = NULL;
	GPtrArray *all = probes_counts(group ? group : PROBES_GROUP, &error);

	if (!all)
		return fail(error);
	for (guint i = 0; i < all->len; i++) {
		const struct probe_count *c = g_ptr_array_index(all, i);

		if (c->is_counted)
			printf("%s %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT "\n", c->event, c->n_hit, c->n_missed);
		else
			printf("%s not counted\n", c->event);
	}
	g_ptr_array_unref(all);
	return EXIT_SUCCESS;
}

static int print_plan(const struct probes_wanted *wanted)
{
	struct probe_set *set = probes_plan(root ? root : "", wanted);
	struct tracefs_instance *instance = instance_name ? tracefs_instance_create(instance_name) : NULL;
	GError *error = NULL;

	for (guint i = 0; i < set->probes->len; i++) {
		const struct probe *probe = g_ptr_array_index(set->probes, i);

		for (guint k = 0; k < probe->candidates->len; k++) {
			const struct probe_definition *d = g_ptr_array_index(probe->candidates, k);

			if (!create)
				printf("%d %s\n", d->way, d->text);
		}
	}
	if (create && !probes_create(set, instance, &error))
		return fail(error);
	for (guint i = 0; i < set->definitions->len; i++)
		puts(g_ptr_array_index(set->definitions, i));
	for (guint i = 0; i < set->refusals->len; i++) {
		const struct probe_refusal *r = g_ptr_array_index(set->refusals, i);

		fprintf(stderr, "%s: %s; %s\n", r->what, r->why, r->consequence);
	}
	if (instance) {
		tracefs_instance_destroy(instance);
		tracefs_instance_free(instance);
	}
	probes_free(set);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	GOptionContext *context = g_option_context_new(NULL);
	struct probes_wanted wanted = { 0 };
	GError *error = NULL;

	g_option_context_add_main_entries(context, options, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error))
		return fail(error);
	g_option_context_free(context);
	if (tracing && tracefs_set_tracing_dir(tracing))
		return EXIT_FAILURE;
	if (counts)
		return print_counts();
	if (remove_all)
		return probes_remove(group ? group : PROBES_GROUP, 500, &error) ? EXIT_SUCCESS : fail(error);
	if (mode_name && !probes_mode_parse(mode_name, &wanted.mode))
		return EXIT_FAILURE;
	wanted.group = group;
	wanted.first = way;
	wanted.n_vcpus = wanted.n_vcpus_vm = vcpus;
	return print_plan(&wanted);
}
