// SPDX-License-Identifier: GPL-2.0-or-later
/* mix - what the guests do how often. */
#include <glib.h>
#include <string.h>

#include "vm.h"

#define AS_NAME(name) #name,
const char *const op_names[N_OPS] = { OPS(AS_NAME) };

static const struct mix {
	const char *name;
	uint32_t weight[N_OPS];
} mixes[] = {
	{ "ipi-heavy", {
		[OP_ipi] = 60, [OP_multi] = 8, [OP_bcast] = 3, [OP_pvipi] = 2, [OP_resched] = 6,
		[OP_lock] = 4, [OP_lockipi] = 2, [OP_kcomp] = 5, [OP_ucomp] = 8, [OP_idle] = 2 } },
	{ "lock-heavy", {
		[OP_ipi] = 2, [OP_multi] = 1, [OP_resched] = 4, [OP_lock] = 60, [OP_ulock] = 10,
		[OP_lockipi] = 1, [OP_kcomp] = 8, [OP_ucomp] = 12, [OP_idle] = 2 } },
	{ "balanced", {
		[OP_ipi] = 20, [OP_multi] = 4, [OP_bcast] = 2, [OP_pvipi] = 2, [OP_resched] = 8,
		[OP_lock] = 20, [OP_ulock] = 4, [OP_lockipi] = 4, [OP_kcomp] = 12, [OP_ucomp] = 20,
		[OP_idle] = 4 } },
	/* nobody waits: no PAUSE */
	{ "compute", { [OP_kcomp] = 10, [OP_ucomp] = 14, [OP_idle] = 1 } },
};

bool mix_set(struct param *param, const char *mix)
{
#define SET_RANGE(name, least, most) .name = { least, most },
#define SET_NUMBER(name, value) .name = value,
	*param = (struct param){ RANGES(SET_RANGE) NUMBERS(SET_NUMBER) };
	for (size_t i = 0; i < G_N_ELEMENTS(mixes); i++) {
		if (strcmp(mix, mixes[i].name) == 0) {
			memcpy(param->weight, mixes[i].weight, sizeof(param->weight));
			return true;
		}
	}
	return false;
}

char *mix_names(void)
{
	GString *names = g_string_new(mixes[0].name);

	for (size_t i = 1; i < G_N_ELEMENTS(mixes); i++)
		g_string_append_printf(names, ", %s", mixes[i].name);
	return g_string_free(names, FALSE);
}

bool mix_change(struct param *param, const char *change)
{
	g_auto(GStrv) parts = g_strsplit(change, "=", 2);
	g_auto(GStrv) bounds = NULL;
	guint64 least, most;

	if (g_strv_length(parts) != 2)
		return false;
	bounds = g_strsplit(parts[1], ":", 2);
	if (!bounds[0] || !g_ascii_string_to_unsigned(bounds[0], 10, 0, G_MAXUINT32, &least, NULL))
		return false;
	most = least;
	if (bounds[1] &&
	    !g_ascii_string_to_unsigned(bounds[1], 10, least, G_MAXUINT32, &most, NULL))
		return false;
#define CHANGE_RANGE(name, ...) if (strcmp(parts[0], #name) == 0) { \
		param->name = (struct range){ least, most }; return true; }
#define CHANGE_NUMBER(name, value) if (strcmp(parts[0], #name) == 0 && !bounds[1]) { \
		param->name = least; return true; }
	RANGES(CHANGE_RANGE)
	NUMBERS(CHANGE_NUMBER)
	for (int op = 0; op < N_OPS; op++) {
		if (strcmp(parts[0], op_names[op]) == 0 && !bounds[1]) {
			param->weight[op] = least;
			return true;
		}
	}
	return false;
}
