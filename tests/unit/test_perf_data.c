// SPDX-License-Identifier: GPL-2.0-or-later
/* perf.data: which records come out of which, in what order; and whatever the bytes are, nothing worse. */
#include <glib.h>
#include <linux/perf_event.h>
#include <string.h>

#include "analyze/source/reader.h"

enum {
	HEADER_ATTR = 64, TRACING_DATA = 66,
	SAMPLE_TYPE = PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU | PERF_SAMPLE_RAW,
	TYPE = 100, ID = 7,
	SAMPLE_ID_ALL = 1 << 18, USE_CLOCKID = 1 << 25,
	MUTATIONS = 4000,
};

static void put(GByteArray *to, uint64_t value, unsigned int bytes)
{
	g_byte_array_append(to, (uint8_t *)&value, bytes);
}

static void put_text(GByteArray *to, const char *text)
{
	g_byte_array_append(to, (const uint8_t *)text, strlen(text) + 1);
}

static void put_record(GByteArray *to, unsigned int type, const GByteArray *body)
{
	put(to, type, 4);
	put(to, PERF_RECORD_MISC_KERNEL, 2);
	put(to, 8 + body->len, 2);
	g_byte_array_append(to, body->data, body->len);
}

static void put_attr(GByteArray *to, const uint64_t *ids, unsigned int n)
{
	g_autoptr(GByteArray) b = g_byte_array_new();

	put(b, PERF_TYPE_TRACEPOINT, 4);
	put(b, 128, 4);
	put(b, TYPE, 8);
	put(b, 1, 8);
	put(b, SAMPLE_TYPE, 8);
	put(b, 0, 8);
	put(b, SAMPLE_ID_ALL | USE_CLOCKID, 8);
	while (b->len < 128)
		put(b, b->len == 92 ? 1 : 0, 4);
	g_byte_array_append(b, (const uint8_t *)ids, 8 * n);
	put_record(to, HEADER_ATTR, b);
}

static void put_formats(GByteArray *to)
{
	static const char format[] = "name: x\nID: 100\nformat:\n"
				     "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n";
	g_autoptr(GByteArray) b = g_byte_array_new(), data = g_byte_array_new();

	g_byte_array_append(data, (const uint8_t *)"\x17\x08\x44tracing0.6\0\0\x08\0\x10\0\0", 20);
	put_text(data, "header_page");
	put(data, 0, 8);
	put_text(data, "header_event");
	put(data, 0, 8);
	put(data, 0, 4);
	put(data, 1, 4);
	put_text(data, "test");
	put(data, 1, 4);
	put(data, strlen(format), 8);
	g_byte_array_append(data, (const uint8_t *)format, strlen(format));
	put(b, data->len, 8);
	put_record(to, TRACING_DATA, b);
	g_byte_array_append(to, data->data, data->len);
}

/* A pipe's recording, without records yet. */
static GByteArray *begin(void)
{
	GByteArray *to = g_byte_array_new();

	g_byte_array_append(to, (const uint8_t *)"PERFILE2", 8);
	put(to, 16, 8);
	put_attr(to, (uint64_t[]){ ID }, 1);
	put_formats(to);
	return to;
}

static void put_trailer(GByteArray *to, int64_t t, unsigned int cpu)
{
	put(to, 0, 8);
	put(to, t, 8);
	put(to, cpu, 8);
	put(to, ID, 8);
}

/* tid tells which of several of one time it was */
static void sample(GByteArray *to, unsigned int cpu, int64_t t, int tid)
{
	g_autoptr(GByteArray) b = g_byte_array_new();

	put(b, ID, 8);
	put(b, 3, 4);
	put(b, tid, 4);
	put(b, t, 8);
	put(b, cpu, 8);
	put(b, 12, 4);
	put(b, TYPE, 4);
	put(b, tid, 4);
	put(b, 0, 4);
	put_record(to, PERF_RECORD_SAMPLE, b);
}

static void lost(GByteArray *to, unsigned int cpu, int64_t t, uint64_t n)
{
	g_autoptr(GByteArray) b = g_byte_array_new();

	put(b, ID, 8);
	put(b, n, 8);
	put_trailer(b, t, cpu);
	put_record(to, PERF_RECORD_LOST, b);
}

static void comm(GByteArray *to, unsigned int cpu, int64_t t, int tgid, int tid, const char *name)
{
	g_autoptr(GByteArray) b = g_byte_array_new();

	put(b, tgid, 4);
	put(b, tid, 4);
	put_text(b, name);
	while (b->len % 8)
		put(b, 0, 1);
	put_trailer(b, t, cpu);
	put_record(to, PERF_RECORD_COMM, b);
}

static void fork_of(GByteArray *to, unsigned int cpu, int64_t t, int tgid, int tid)
{
	g_autoptr(GByteArray) b = g_byte_array_new();

	put(b, tgid, 8);
	put(b, tid, 8);
	put(b, t, 8);
	put_trailer(b, t, cpu);
	put_record(to, PERF_RECORD_FORK, b);
}

/* --- reading --- */

struct reading {
	struct input_file file;
	struct input input;
	struct reader reader;
};

static bool open_bytes(struct reading *r, const uint8_t *bytes, size_t size, GError **error)
{
	*r = (struct reading){
		.file = { .name = "test", .data = g_memdup2(bytes, size), .size = size },
		.input = { .path = "test", .n_files = 1, .scratch = -1 },
		.reader = { .formats = event_format_new(false), .streams = g_ptr_array_new() },
	};
	r->input.files = &r->file;
	return perf_data_open(&r->reader, &r->input, error);
}

static void release(struct reading *r)
{
	for (guint i = 0; i < r->reader.streams->len; i++) {
		struct stream *s = r->reader.streams->pdata[i];

		s->free(s);
	}
	g_ptr_array_unref(r->reader.streams);
	event_format_free(r->reader.formats);
	g_free(r->reader.kernel);
	g_free(r->reader.machine);
	g_free(r->reader.clock);
	g_free((void *)r->file.data);
}

static void put_time(GString *to, int64_t t)
{
	if (t == T_BEFORE || t == T_AFTER)
		g_string_append(to, t == T_BEFORE ? "-" : "+");
	else
		g_string_append_printf(to, "%" G_GINT64_FORMAT, t);
}

static void show_record(GString *to, const struct record *r, struct event_format *formats)
{
	struct event ev;

	switch ((enum record_kind)r->kind) {
	case RECORD_LOSS:
		g_assert_cmpint(r->t0, <=, r->t);
		g_string_append(to, " [");
		put_time(to, r->t0);
		g_string_append_c(to, ' ');
		put_time(to, r->t);
		g_string_append_printf(to, " %" G_GINT64_FORMAT " %s]", r->events, loss_text(r->why));
		break;
	case RECORD_TASK:
		g_string_append_printf(to, " %s%d/%d=%.16s", r->t == T_BEFORE + 1 ? "" : "later ", r->tid, r->tgid,
				       r->data ? (char *)r->data : "");
		break;
	case RECORD_EVENT:
		for (unsigned int i = 0; i < r->size; i++)
			g_assert_cmpuint(r->data[i], <, 256);	/* it can be read */
		event_format_decode(formats, r->data, r->size, UINT64_MAX, &ev);
		g_string_append_printf(to, " %" G_GINT64_FORMAT ":%d", r->t, ev.tid);
		break;
	}
}

/* All records of a stream; checks what every stream promises. */
static void show(GString *to, struct stream *s, struct event_format *formats)
{
	int64_t last = T_BEFORE;

	s->rewind(s);
	for (s->refill(s); s->n; s->refill(s)) {
		g_assert_cmpuint(s->n, <=, STREAM_RECORDS);
		for (s->next = 0; s->next < s->n; s->next++) {
			g_assert_cmpint(s->records[s->next].t, >=, last);
			last = s->records[s->next].t;
			show_record(to, &s->records[s->next], formats);
		}
	}
	s->refill(s);
	g_assert_cmpuint(s->n, ==, 0);
}

/* A line for each stream that has records; twice the same, as it can be read again. */
static char *shown(struct reading *r)
{
	GString *texts[] = { g_string_new(NULL), g_string_new(NULL) };

	for (unsigned int pass = 0; pass < 2; pass++) {
		for (guint i = 0; i < r->reader.streams->len; i++) {
			struct stream *s = r->reader.streams->pdata[i];
			g_autoptr(GString) line = g_string_new(NULL);

			show(line, s, r->reader.formats);
			if (line->len)
				g_string_append_printf(texts[pass], "%u:%s\n", s->cpu, line->str);
		}
	}
	g_assert_cmpstr(texts[0]->str, ==, texts[1]->str);
	g_string_free(texts[1], TRUE);
	return g_string_free(texts[0], FALSE);
}

static void expect(const GByteArray *bytes, const char *want)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *got = NULL;
	struct reading r;

	open_bytes(&r, bytes->data, bytes->len, &error);
	g_assert_no_error(error);
	got = shown(&r);
	g_assert_cmpstr(got, ==, want);
	release(&r);
}

/* --- order --- */

static void test_runs(void)
{
	g_autoptr(GByteArray) b = begin();

	sample(b, 1, 100, 1);
	sample(b, 1, 300, 1);
	sample(b, 0, 150, 2);
	sample(b, 0, 250, 2);
	sample(b, 1, 300, 3);
	sample(b, 5, 120, 4);
	expect(b, "0: 150:2 250:2\n1: 100:1 300:1 300:3\n5: 120:4\n");
}

static void test_interrupted(void)
{
	g_autoptr(GByteArray) b = begin();

	sample(b, 0, 100, 1);
	sample(b, 0, 130, 2);
	sample(b, 0, 140, 3);
	sample(b, 0, 120, 4);		/* took its time before the others did */
	sample(b, 0, 130, 5);
	sample(b, 0, 150, 6);
	expect(b, "0: 100:1 120:4 130:2 130:5 140:3 150:6\n");
}

/* Looked ahead are 64 records; older than what was given out is told as lost. */
static void test_late(void)
{
	g_autoptr(GByteArray) b = begin();
	g_autoptr(GString) want = g_string_new("0:");

	for (int i = 1; i <= 300; i++) {
		sample(b, 0, 1000 * i, i);
		g_string_append_printf(want, " %d:%d", 1000 * i, i);
	}
	sample(b, 0, 5500, 7);
	sample(b, 0, 6500, 7);
	sample(b, 0, 301000, 8);
	g_string_append(want, " [300000 301000 2 the clock stepped back] 301000:8\n");
	expect(b, want->str);
}

/* What hundreds of later ones come before is not of its time; losses at it are told where it was. */
static void test_future(void)
{
	g_autoptr(GByteArray) b = begin();
	g_autoptr(GString) want = g_string_new("0:");

	for (int i = 1; i <= 600; i++) {
		if (i == 10) {
			lost(b, 0, 9900, 4);
			sample(b, 0, T_LATEST, 9);
		}
		sample(b, 0, 1000 * i, i);
		if (i == 267)		/* 257 came before it, then */
			g_string_append_printf(want, " [266000 267000 5 %s]", "the clock stepped back");
		g_string_append_printf(want, " %d:%d", 1000 * i, i);
	}
	g_string_append_c(want, '\n');
	expect(b, want->str);
}

/* --- losses and threads --- */

static void test_lost(void)
{
	g_autoptr(GByteArray) b = begin();

	lost(b, 0, 90, 1);
	sample(b, 0, 100, 1);
	sample(b, 1, 110, 2);
	sample(b, 0, 200, 1);
	lost(b, 0, 305, 3);
	lost(b, 0, 306, 4);
	sample(b, 0, 300, 1);
	lost(b, 1, 400, 5);
	expect(b, "0: [- 100 1 the recorder lost events] 100:1 200:1 [200 300 7 the recorder lost events] 300:1\n"
		  "1: 110:2 [110 + 5 the recorder lost events]\n");
}

static void test_threads(void)
{
	g_autoptr(GByteArray) b = begin();

	fork_of(b, 0, 0, 10, 11);
	comm(b, 0, 0, 10, 11, "CPU 0/KVM");
	sample(b, 1, 100, 11);
	fork_of(b, 1, 150, 10, 12);
	sample(b, 1, 200, 11);
	comm(b, 1, 250, 10, 12, "CPU 1/KVM");
	comm(b, 0, 0, 20, 20, "late");
	expect(b, "0: 11/10= 11/10=CPU 0/KVM 20/20=late\n"
		  "1: 100:11 later 12/10= 200:11 later 12/10=CPU 1/KVM\n");
}

/* --- hostile bytes --- */

/* Ids that all hash to one place would make every look-up slow. */
static void test_colliding_ids(void)
{
	g_autoptr(GByteArray) b = g_byte_array_new();
	g_autoptr(GError) error = NULL;
	uint64_t ids[200], inverse = 1;
	struct reading r;

	for (int i = 0; i < 6; i++)	/* Newton: of the hash's factor, modulo 2^64 */
		inverse *= 2 - 0x9e3779b97f4a7c15 * inverse;
	for (unsigned int i = 0; i < G_N_ELEMENTS(ids); i++)
		ids[i] = i * inverse;
	g_byte_array_append(b, (const uint8_t *)"PERFILE2", 8);
	put(b, 16, 8);
	put_attr(b, ids, G_N_ELEMENTS(ids));
	g_assert_false(open_bytes(&r, b->data, b->len, &error));
	g_assert_nonnull(strstr(error->message, "one of its events makes no sense"));
	release(&r);
}

/* Bytes changed at random, and cut: refused with a line, or read without breaking a promise. */
static void test_mutations(void)
{
	g_autoptr(GByteArray) b = begin();
	g_autoptr(GRand) random = g_rand_new_with_seed(1);

	fork_of(b, 0, 0, 10, 11);
	comm(b, 0, 0, 10, 11, "CPU 0/KVM");
	for (int i = 1; i <= 40; i++) {
		sample(b, i / 7 % 3, 1000 * i - i % 5 * 900, i);
		if (i % 9 == 0)
			lost(b, i / 7 % 3, 1000 * i, i);
	}
	for (int i = 0; i < MUTATIONS; i++) {
		g_autofree uint8_t *bytes = g_memdup2(b->data, b->len);
		g_autoptr(GError) error = NULL;
		g_autofree char *text = NULL;
		struct reading r;

		for (int k = g_rand_int_range(random, 1, 8); k; k--)
			bytes[g_rand_int_range(random, 16, b->len)] = g_rand_int(random) >> g_rand_int_range(random, 0, 32);
		if (open_bytes(&r, bytes, i % 3 ? b->len : (size_t)g_rand_int_range(random, 16, b->len), &error))
			text = shown(&r);
		else
			g_assert_true(error && g_str_has_prefix(error->message, "'test': "));
		release(&r);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/perf_data/runs", test_runs);
	g_test_add_func("/perf_data/interrupted", test_interrupted);
	g_test_add_func("/perf_data/late", test_late);
	g_test_add_func("/perf_data/future", test_future);
	g_test_add_func("/perf_data/lost", test_lost);
	g_test_add_func("/perf_data/threads", test_threads);
	g_test_add_func("/perf_data/colliding_ids", test_colliding_ids);
	g_test_add_func("/perf_data/mutations", test_mutations);
	return g_test_run();
}
