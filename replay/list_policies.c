// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * counterspin policies - the table of policies, in words.
 */
#include "replay/replay.h"

#include <stdio.h>

#include "replay/policy_spec.h"
#include "schema/command.h"

static gboolean option_json;

static const GOptionEntry options[] = {
	{ "json", 0, 0, G_OPTION_ARG_NONE, &option_json, "Print JSON", NULL },
	G_OPTION_ENTRY_NULL
};

static const struct command command = {
	.name = "policies", .arguments = "", .options = options, .min_args = 0, .max_args = 0,
	.summary = "List the policies that replay knows, what they stand for, and their limits.",
};

/* What a parameter means; the names are the kernel's where it has one. */
static const struct { const char *name, *meaning; } meanings[] = {
	{ "stock_variant", "two-pass-5.12 (to 5.12), two-pass (to 6.12), loop-counter (6.13 to 6.18.2) or "
			   "single-loop (from 6.18.3);\n                        default: by the recorded kernel's release" },
	{ "series", "v1, v2 or v3: which posting of the IPI-aware patches" },
	{ "ipi_tracking_enabled", "record who sent an IPI to whom" },
	{ "ipi_window_ns", "how long a pending IPI counts; adaptive-window: at most" },
	{ "enable_relaxed_boost", "a second round that takes any preempted vCPU" },
};

static void print_text(const struct policy_params *defaults)
{
	for (unsigned int i = 0; i < n_policies; i++) {
		const struct policy *p = policies[i];
		cJSON *parameters = policy_spec_parameters(p, defaults);
		const cJSON *value;

		printf("%s\n  %s\n  stands for: %s\n", p->name, p->summary, p->stands_for);
		cJSON_ArrayForEach(value, parameters) {
			char *text = cJSON_PrintUnformatted(value);

			printf("  parameter:  %s=%s\n", value->string, text);
			cJSON_free(text);
		}
		if (p->inferred)
			printf("  inferred:   %s\n", p->inferred);
		printf("  limits:     %s\n\n", p->limits);
		cJSON_Delete(parameters);
	}
	puts("Parameters:");
	for (unsigned int i = 0; i < G_N_ELEMENTS(meanings); i++)
		printf("  %-21s %s\n", meanings[i].name, meanings[i].meaning);
}

static void print_json(const struct policy_params *defaults)
{
	cJSON *root = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(root, "policies");

	for (unsigned int i = 0; i < n_policies; i++) {
		const struct policy *p = policies[i];
		cJSON *o = cJSON_CreateObject();

		cJSON_AddStringToObject(o, "name", p->name);
		cJSON_AddStringToObject(o, "summary", p->summary);
		cJSON_AddStringToObject(o, "stands_for", p->stands_for);
		cJSON_AddItemToObject(o, "parameters", policy_spec_parameters(p, defaults));
		if (p->inferred)
			cJSON_AddStringToObject(o, "inferred", p->inferred);
		cJSON_AddStringToObject(o, "limits", p->limits);
		cJSON_AddItemToArray(list, o);
	}
	command_print_json(root);
}

int cmd_policies(int argc, char **argv)
{
	const struct policy_params defaults = policy_spec_defaults();
	int status;

	if (!command_parse(&command, &argc, &argv, &status))
		return status;
	if (option_json)
		print_json(&defaults);
	else
		print_text(&defaults);
	return EXIT_FINE;
}
