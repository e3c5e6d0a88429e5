// SPDX-License-Identifier: GPL-2.0-or-later
/* trace.dat 6 and 7: a stream for each CPU of each buffer instance. */
#include <string.h>

#include "analyze/source/reader.h"
#include "analyze/source/ring_buffer.h"
#include "analyze/source/trace_dat_header.h"

/* Clocks that order events across CPUs and count nanoseconds (events.md, formats.md A.4). */
static bool clock_usable(const struct trace_dat_header *h, const char *clock)
{
	static const char *const good[] = { "global", "mono", "mono_raw", "boot", "tai", "perf" };

	for (unsigned int i = 0; i < G_N_ELEMENTS(good); i++)
		if (!strcmp(clock, good[i]))
			return true;
	return !strcmp(clock, "x86-tsc") && h->mult;
}

/* One clock for all; a buffer that does not name one has the top level's. */
static bool check_clocks(const struct trace_dat_header *h, const char *path, GError **error)
{
	const char *clock = h->clock;

	for (guint i = 0; !clock && i < h->buffers->len; i++)
		clock = ((struct trace_dat_buffer *)h->buffers->pdata[i])->clock;
	if (!clock) {
		g_set_error(error, SOURCE_ERROR, 0, "'%s': does not say its trace clock", path);
		return false;
	}
	if (h->shift > 63 || !clock_usable(h, clock)) {
		g_set_error(error, SOURCE_ERROR, 0, "'%s': trace clock '%.32s' does not order events across CPUs\n"
			    "hint: record with the clock 'mono' (trace-cmd record -C mono)", path, clock);
		return false;
	}
	for (guint i = 0; i < h->buffers->len; i++) {
		const struct trace_dat_buffer *b = h->buffers->pdata[i];

		if (b->clock && strcmp(clock, b->clock)) {
			g_set_error(error, SOURCE_ERROR, 0, "'%s': its buffers use different clocks, '%.32s' and '%.32s'",
				    path, clock, b->clock);
			return false;
		}
	}
	return true;
}

/* "Linux HOST RELEASE MACHINE"; HOST may itself hold blanks, so read from the end. */
static void split_uname(struct reader *r, char *uname)
{
	g_auto(GStrv) words = uname ? g_strsplit(g_strstrip(uname), " ", -1) : NULL;
	unsigned int n = words ? g_strv_length(words) : 0;

	if (n < 4)
		return;
	r->kernel = g_strdup(words[n - 2]);
	r->machine = g_strdup(words[n - 1]);
}

static void add_streams(struct reader *r, const struct trace_dat_header *h, const struct trace_dat_buffer *b,
			const uint8_t *file, struct unpacker *unpacker)
{
	struct ring_buffer_clock clock = { .mult = h->mult, .shift = h->shift, .offset = h->ts_offset };

	for (guint i = 0; i < b->cpus->len; i++) {
		const struct trace_dat_cpu *cpu = &g_array_index(b->cpus, struct trace_dat_cpu, i);
		struct ring_buffer_bytes bytes = {
			.data = file + cpu->offset, .size = cpu->size, .page_size = b->page_size,
			.unpacker = b->compressed ? unpacker : NULL, .cut = cpu->cut,
		};

		g_ptr_array_add(r->streams, ring_buffer_stream(cpu->cpu, &bytes, &clock));
	}
}

bool trace_dat_open(struct reader *r, struct input *input, GError **error)
{
	const struct input_file *file = &input->files[0];
	struct trace_dat_header h;
	bool ok = trace_dat_header_read(&h, file, r->formats, error) && check_clocks(&h, file->name, error);

	if (ok) {
		struct unpacker *unpacker = unpacker_new();

		split_uname(r, h.uname);
		r->format = h.version == 6 ? "trace.dat 6" : "trace.dat 7";
		r->clock = g_strdup(h.clock ? h.clock : ((struct trace_dat_buffer *)h.buffers->pdata[0])->clock);
		r->n_cpu = h.n_cpu;
		r->overruns = h.overruns;
		for (guint i = 0; i < h.buffers->len; i++)
			add_streams(r, &h, h.buffers->pdata[i], file->data, unpacker);
		unpacker_unref(unpacker);
	}
	trace_dat_header_release(&h);
	return ok;
}
