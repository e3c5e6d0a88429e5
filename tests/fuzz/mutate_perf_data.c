// SPDX-License-Identifier: GPL-2.0-or-later
/* The map of perf.data (tools/perf/Documentation/perf.data-file-format.txt), and what is done to its records. */
#include "tests/fuzz/mutate_int.h"

void map_perf_data(struct image *image)
{
	(void)image;
}

void mutate_record(struct image *image, size_t from, size_t to)
{
	(void)image;
	(void)from;
	(void)to;
}

void mutate_all_records(struct image *image)
{
	(void)image;
}

bool mutate_perf_stream(struct image *image)
{
	(void)image;
	return false;
}
