// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * perf_recording - a trace.dat as perf record -a would have written it.
 *
 * usage: perf_recording [OPTION...] IN.dat OUT
 *
 * The trace.dat is read through libtracecmd. Each CPU's events go to a buffer of its own,
 * and the buffers are written out in rounds, as perf does; a mark of lost events becomes a
 * LOST record. Threads are known from samples, FORK and COMM records: the thread group
 * is what an on_spin probe says of a thread, else the thread's own.
 *
 * Modes, as perf has them:
 *	--pipe			to a pipe
 *	--zstd			compressed (-z)
 *	--zstd2			the same in COMPRESSED2 records, which perf has since 6.16, and with
 *				blocks of zstd that span several
 *	--directory		a directory (--threads), a file per CPU
 *	--clockid=N		clock (-k; 1, CLOCK_MONOTONIC); -1: perf's own
 *	--rounds=N		a round is written every N events (1000)
 *	--sample-type=N		fields of samples (0x10587); also ADDR, ID, STREAM_ID, READ and
 *				CALLCHAIN can be had
 *	--release=R, --machine=M	uname of the host
 *	--no-groups		nothing tells thread groups
 *	--every=N, --frequency, --backward
 *				sampling (-c, -F), and buffers written backward (--overwrite),
 *				by the events' attributes alone
 *
 * What happens to recordings:
 *	--guest			samples in interrupts say that a guest ran
 *	--shuffle=N		an event in ten comes up to N places late in its CPU's buffer
 *	--foreign-ids		the recorder had a PID namespace of its own
 *	--lost-samples=N	at its end the recorder counts N events as lost
 *	--damage=WHAT:N		sample N has an impossible 'size', 'id', 'cpu', 'time', or one of
 *				'future'; or the zstd stream is damaged there ('zstd')
 */
#include "tests/perf_recording.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <zstd.h>

enum {
	FILE_HEADER = 104,
	MAX_PIECE = 20001,	/* of bytes, compressed at a time */
	MAX_CHUNK = 3000,	/* of compressed bytes in a record */
};

struct mode mode = {
	.clockid = 1, .rounds = 1000, .sample_type = 0x10587, .every = 1,
	.release = "6.1.0-test", .machine = "x86_64",
};

static const GOptionEntry options[] = {
	{ "pipe", 0, 0, G_OPTION_ARG_NONE, &mode.pipe, "", NULL },
	{ "zstd", 0, 0, G_OPTION_ARG_NONE, &mode.zstd, "", NULL },
	{ "zstd2", 0, 0, G_OPTION_ARG_NONE, &mode.zstd2, "", NULL },
	{ "directory", 0, 0, G_OPTION_ARG_NONE, &mode.directory, "", NULL },
	{ "clockid", 0, 0, G_OPTION_ARG_INT64, &mode.clockid, "", "N" },
	{ "rounds", 0, 0, G_OPTION_ARG_INT64, &mode.rounds, "", "N" },
	{ "sample-type", 0, 0, G_OPTION_ARG_INT64, &mode.sample_type, "", "N" },
	{ "release", 0, 0, G_OPTION_ARG_STRING, &mode.release, "", "R" },
	{ "machine", 0, 0, G_OPTION_ARG_STRING, &mode.machine, "", "M" },
	{ "no-groups", 0, 0, G_OPTION_ARG_NONE, &mode.no_groups, "", NULL },
	{ "every", 0, 0, G_OPTION_ARG_INT64, &mode.every, "", "N" },
	{ "frequency", 0, 0, G_OPTION_ARG_NONE, &mode.frequency, "", NULL },
	{ "backward", 0, 0, G_OPTION_ARG_NONE, &mode.backward, "", NULL },
	{ "guest", 0, 0, G_OPTION_ARG_NONE, &mode.guest, "", NULL },
	{ "shuffle", 0, 0, G_OPTION_ARG_INT64, &mode.shuffle, "", "N" },
	{ "foreign-ids", 0, 0, G_OPTION_ARG_NONE, &mode.foreign_ids, "", NULL },
	{ "lost-samples", 0, 0, G_OPTION_ARG_INT64, &mode.lost_samples, "", "N" },
	{ "damage", 0, 0, G_OPTION_ARG_STRING, &mode.damage, "", "WHAT:N" },
	G_OPTION_ENTRY_NULL
};

/* --- buffers and rounds --- */

/* An event out of ten swaps places with one up to shuffle places later: it was interrupted there. */
static void shuffle_buffer(GArray *buffer)
{
	guint32 random = 12345;

	for (guint i = 0; mode.shuffle && i + mode.shuffle < buffer->len; i++) {
		guint to;
		struct event e = g_array_index(buffer, struct event, i);

		random = random * 1103515245 + 12345;
		/* which of two came first at one time could not be told any more */
		if ((random >> 16) % 10 || e.missed || e.moved || g_array_index(buffer, struct event, i + 1).t == e.t)
			continue;
		to = i + 1 + (random >> 24) % mode.shuffle;
		for (guint k = i + 1; k <= to; k++)
			if (g_array_index(buffer, struct event, k).missed)
				to = k - 1;
		e.moved = true;
		memmove(&g_array_index(buffer, struct event, i), &g_array_index(buffer, struct event, i + 1),
			(to - i) * sizeof(e));
		g_array_index(buffer, struct event, to) = e;
	}
}

/* What a write of a CPU's buffer becomes: pieces that end anywhere within records. */
static void compress(GByteArray *to, ZSTD_CCtx *context, const GByteArray *plain)
{
	ZSTD_inBuffer in = { plain->data, mode.zstd2 ? plain->len : 0, 0 };
	guint8 room[MAX_PIECE * 2];
	gsize left;

	do {
		ZSTD_outBuffer out = { room, mode.zstd2 ? MAX_CHUNK : sizeof(room), 0 };
		gsize at = begin_record(to, mode.zstd2 ? COMPRESSED2 : COMPRESSED, 0);

		if (!mode.zstd2)
			in.size = MIN(in.size + MAX_PIECE, plain->len);
		left = ZSTD_compressStream2(context, &out, &in, ZSTD_e_flush);
		if (mode.zstd2)
			put(to, out.pos, 8);
		put_bytes(to, room, out.pos);
		while (mode.zstd2 && (to->len - at) % 8)
			put(to, 0, 1);
		end_record(to, at);
		if (mode.damage && g_str_has_prefix(mode.damage, "zstd:") && n_samples >= atoll(mode.damage + 5))
			memset(to->data + at + 16, 0xff, out.pos - 8);
	} while (left || in.pos < plain->len);
}

struct output {
	GByteArray *main;	/* the file, or the pipe, or 'data' in the directory */
	GByteArray **of_cpu;	/* where each CPU's buffer goes */
	ZSTD_CCtx **context;
	GArray **buffer;	/* events of the round */
};

static void write_round(struct output *o)
{
	for (unsigned int cpu = 0; cpu < n_cpus; cpu++) {
		g_autoptr(GByteArray) plain = g_byte_array_new();

		for (guint i = 0; i < o->buffer[cpu]->len; i++)
			put_event(plain, &g_array_index(o->buffer[cpu], struct event, i));
		g_array_set_size(o->buffer[cpu], 0);
		if ((mode.zstd || mode.zstd2) && plain->len)
			compress(o->of_cpu[cpu], o->context[cpu], plain);
		else
			put_bytes(o->of_cpu[cpu], plain->data, plain->len);
	}
	put_mark(o->main, FINISHED_ROUND);
}

static void put_records(struct output *o)
{
	g_autofree GArray **whole = g_new0(GArray *, n_cpus);
	g_autofree guint *next = g_new0(guint, n_cpus);

	for (unsigned int cpu = 0; cpu < n_cpus; cpu++)
		whole[cpu] = g_array_new(FALSE, FALSE, sizeof(struct event));
	for (guint i = 0; i < events->len; i++)
		g_array_append_val(whole[g_array_index(events, struct event, i).cpu],
				   g_array_index(events, struct event, i));
	for (unsigned int cpu = 0; cpu < n_cpus; cpu++)
		shuffle_buffer(whole[cpu]);
	put_tasks(o->main);
	put_mark(o->main, FINISHED_INIT);
	for (guint i = 0; i < events->len; i++) {
		unsigned int cpu = g_array_index(events, struct event, i).cpu;

		g_array_append_val(o->buffer[cpu], g_array_index(whole[cpu], struct event, next[cpu]++));
		if ((i + 1) % mode.rounds == 0)
			write_round(o);
	}
	write_round(o);
	for (unsigned int cpu = 0; cpu < n_cpus; cpu++)
		g_array_unref(whole[cpu]);
}

/* --- files --- */

static void save(const char *path, const GByteArray *bytes)
{
	if (!g_file_set_contents(path, (char *)bytes->data, bytes->len, NULL))
		die("cannot write");
}

static void save_in(const char *dir, const char *name, const GByteArray *bytes)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);

	save(path, bytes);
}

static GByteArray *file_header(void)
{
	GByteArray *to = g_byte_array_new();
	gsize entry = ATTR_SIZE + 16;

	put_bytes(to, "PERFILE2", 8);
	put(to, FILE_HEADER, 8);
	put(to, entry, 8);
	while (to->len < FILE_HEADER)
		put(to, 0, 8);
	for (guint i = 0; i <= types->len; i++)
		put_ids(to, i);
	put_at(to, 24, to->len, 8);
	put_at(to, 32, entry * (types->len + 1), 8);
	for (guint i = 0; i <= types->len; i++) {
		put_attr(to, i);
		put(to, FILE_HEADER + 8 * n_cpus * i, 8);
		put(to, 8 * n_cpus, 8);
	}
	put_at(to, 40, to->len, 8);
	return to;
}

static void put_features(GByteArray *to)
{
	GByteArray *features[256] = { NULL };
	gsize at = to->len, offset = at;

	for (unsigned int bit = 0; bit < 256; bit++) {
		features[bit] = g_byte_array_new();
		if (!put_feature(features[bit], bit)) {
			g_clear_pointer(&features[bit], g_byte_array_unref);
			continue;
		}
		to->data[72 + bit / 8] |= 1 << bit % 8;
		offset += 16;
	}
	for (unsigned int bit = 0; bit < 256; bit++) {
		if (!features[bit])
			continue;
		put(to, offset, 8);
		put(to, features[bit]->len, 8);
		offset += features[bit]->len;
	}
	for (unsigned int bit = 0; bit < 256; bit++) {
		if (!features[bit])
			continue;
		put_bytes(to, features[bit]->data, features[bit]->len);
		g_byte_array_unref(features[bit]);
	}
}

static GByteArray *pipe_header(void)
{
	GByteArray *to = g_byte_array_new();
	g_autoptr(GByteArray) formats = tracing_data();
	gsize at;

	put_bytes(to, "PERFILE2", 8);
	put(to, 16, 8);
	for (guint i = 0; i <= types->len; i++) {
		at = begin_record(to, HEADER_ATTR, 0);
		put_attr(to, i);
		put_ids(to, i);
		end_record(to, at);
	}
	for (unsigned int bit = 0; bit < 256; bit++) {
		gsize before = to->len;

		at = begin_record(to, HEADER_FEATURE, 0);
		put(to, bit, 8);
		if (put_feature(to, bit)) {
			pad(to, 8);
			end_record(to, at);
		} else {
			g_byte_array_set_size(to, before);
		}
	}
	pad(formats, 8);
	at = begin_record(to, HEADER_TRACING_DATA, 0);
	put(to, formats->len, 4);
	put(to, 0, 4);
	end_record(to, at);
	put_bytes(to, formats->data, formats->len);
	return to;
}

static void write_recording(const char *path)
{
	static struct output o;		/* not freed, but no leak */
	gsize begin;

	o.main = mode.pipe ? pipe_header() : file_header();
	begin = o.main->len;
	o.of_cpu = g_new0(GByteArray *, n_cpus);
	o.context = g_new0(ZSTD_CCtx *, n_cpus);
	o.buffer = g_new0(GArray *, n_cpus);
	for (unsigned int cpu = 0; cpu < n_cpus; cpu++) {
		o.of_cpu[cpu] = mode.directory ? g_byte_array_new() : o.main;
		o.context[cpu] = mode.directory || !cpu ? ZSTD_createCCtx() : o.context[0];
		o.buffer[cpu] = g_array_new(FALSE, FALSE, sizeof(struct event));
	}
	put_records(&o);
	if (mode.lost_samples)
		put_lost_samples(o.main);
	if (!mode.pipe) {
		put_at(o.main, 48, o.main->len - begin, 8);
		put_features(o.main);
	}
	if (!mode.directory) {
		save(path, o.main);
		return;
	}
	if (g_mkdir(path, 0777))
		die(g_strerror(errno));
	save_in(path, "data", o.main);
	for (unsigned int cpu = 0; cpu < n_cpus; cpu++) {
		g_autofree char *name = g_strdup_printf("data.%u", cpu);

		save_in(path, name, o.of_cpu[cpu]);
	}
}

int main(int argc, char **argv)
{
	g_autoptr(GOptionContext) context = g_option_context_new("IN.dat OUT");
	g_autoptr(GError) error = NULL;

	g_option_context_add_main_entries(context, options, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error))
		die(error->message);
	if (argc != 3)
		die("usage: perf_recording [OPTION...] IN.dat OUT");
	read_trace(argv[1]);
	write_recording(argv[2]);
	return 0;
}
