// SPDX-License-Identifier: GPL-2.0-or-later
#include "analyze/source/reader.h"

bool perf_data_open(struct reader *reader, struct input *input, GError **error)
{
	(void)reader;
	g_set_error(error, SOURCE_ERROR, 0, "'%s': a perf.data recording, only trace.dat is read\n"
		    "hint: record with trace-cmd, see counterspin-import(1)", input->files[0].name);
	return false;
}
