// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/simulate/program.h"

const char *const item_kind_names[N_ITEM_KINDS] = {
	"compute", "send", "sendwait", "wait", "spin", "halt", "halt_ipi", "io",
};

void program_free(void *p)
{
	struct program *program = p;

	if (!program)
		return;
	g_array_unref(program->items);
	g_array_unref(program->receivers);
	g_free(program);
}

void background_free(void *p)
{
	struct background *background = p;

	if (!background)
		return;
	g_array_unref(background->turns);
	g_free(background);
}

void program_input_free(struct program_input *input)
{
	if (!input)
		return;
	for (unsigned int vm = 0; vm < input->n_vms; vm++) {
		g_free(input->vms[vm].name);
		if (input->truth && input->truth[vm].responses)
			g_array_unref(input->truth[vm].responses);
	}
	g_free(input->vms);
	g_free(input->truth);
	g_free(input->host.group_weights);
	g_free(input->host.nodes);
	if (input->programs)
		g_ptr_array_unref(input->programs);
	if (input->backgrounds)
		g_ptr_array_unref(input->backgrounds);
	g_free(input);
}
