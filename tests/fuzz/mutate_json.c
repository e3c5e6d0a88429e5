// SPDX-License-Identifier: GPL-2.0-or-later
/* JSON by its tokens: other types, huge numbers, deep nesting, long strings, control bytes. */
#include "tests/fuzz/mutate_int.h"

enum { MAX_JSON_MUTATIONS = 6, MAX_TEXT = 4 << 20, DEEP = 100000, LONG = 200000 };

struct token {
	size_t from, to;
};

/* A string with its quotes, a number or word, or one other character. */
static GArray *tokens_of(const GByteArray *text)
{
	GArray *tokens = g_array_new(FALSE, FALSE, sizeof(struct token));
	const uint8_t *p = text->data;

	for (size_t i = 0; i < text->len;) {
		struct token t = { i, i + 1 };

		if (p[i] == '"') {
			while (t.to < text->len && p[t.to] != '"')
				t.to += p[t.to] == '\\' ? 2 : 1;
			t.to = MIN(t.to + 1, text->len);
		} else if (g_ascii_isalnum(p[i]) || p[i] == '-') {
			while (t.to < text->len && (g_ascii_isalnum(p[t.to]) || strchr("+-.", p[t.to])))
				t.to++;
		}
		i = t.to;
		if (!g_ascii_isspace(p[t.from]))
			g_array_append_val(tokens, t);
	}
	return tokens;
}

static void replace(GByteArray *text, struct token t, const char *by, size_t n)
{
	g_autoptr(GByteArray) tail = g_byte_array_new();

	if (text->len - (t.to - t.from) + n > MAX_TEXT)
		return;
	g_byte_array_append(tail, text->data + t.to, text->len - t.to);
	g_byte_array_set_size(text, t.from);
	g_byte_array_append(text, (const guint8 *)by, n);
	g_byte_array_append(text, tail->data, tail->len);
}

static void replace_many(GByteArray *text, struct token t, const char *unit, size_t times, const char *end)
{
	g_autoptr(GString) many = g_string_new(NULL);

	for (size_t i = 0; i < times; i++)
		g_string_append(many, unit);
	g_string_append(many, end);
	replace(text, t, many->str, many->len);
}

/* {"a0":N,"a1":N,...: many members, or many of one name */
static void add_members(GByteArray *text, struct token t, struct random *r)
{
	g_autoptr(GString) many = g_string_new_len((char *)text->data + t.from, t.to - t.from);
	bool alike = random_below(r, 2);
	unsigned int n = 1 << random_below(r, 15);

	for (unsigned int i = 0; i < n; i++)
		g_string_append_printf(many, "\"%s%u\":%u,", random_below(r, 8) ? "kvm.a" : "vcpus", alike ? 0 : i, i);
	replace(text, t, many->str, many->len);
}

/* [{...},{...},...: vCPUs of every kind */
static void add_vcpus(GByteArray *text, struct token t, struct random *r)
{
	g_autoptr(GString) many = g_string_new("[");
	unsigned int n = 1 << random_below(r, 14), spread = 1 << random_below(r, 24);

	for (unsigned int i = 0; i < n; i++)
		g_string_append_printf(many, "{\"tgid\":%" G_GUINT64_FORMAT ",\"tid\":%" G_GUINT64_FORMAT
				       ",\"vcpu_id\":%" G_GUINT64_FORMAT ",\"vcpu_idx\":%" G_GUINT64_FORMAT "},",
				       1 + random_below(r, 4), random_below(r, spread), random_below(r, spread),
				       random_below(r, spread));
	replace(text, t, many->str, many->len);
}

static void mutate_token(GByteArray *text, const GArray *tokens, struct random *r)
{
	static const char *const values[] = {
		"null", "true", "{}", "[]", "\"\"", "-1", "0", "1e308", "-1e309", "4294967296", "9223372036854775808",
		"18446744073709551616", "0.5", "NaN", "1e", "--1", "{", "[", "}", "]", ",", ":", "\"", "\"\\u0000\"",
		"\"\\ud800\"", "\"\\", "\"\x01\x1b[2J\"", "\"\xff\xfe\"", "\"a\\nb\"", "\"-9223372036854775809\"",
		"\"vcpus\"", "\"params\"", "\"version\"", "\"when\"", "\"start\"", "\"realtime_offset\"", "/*", "\xef\xbb\xbf",
		"[{}]", "[[]]", "[null]", "\"counterspin-host-facts\"",
	};
	const struct token *t = &g_array_index(tokens, struct token, random_below(r, tokens->len));
	const struct token *o = &g_array_index(tokens, struct token, random_below(r, tokens->len));
	const char *value = values[random_below(r, G_N_ELEMENTS(values))];
	g_autofree char *other = g_strndup((char *)text->data + o->from, o->to - o->from);
	char number[32];

	switch (random_below(r, 16)) {
	case 0:
	case 1:
	case 2:
	case 3:
		replace(text, *t, value, strlen(value));
		break;
	case 4:
		replace(text, *t, other, strlen(other));
		break;
	case 5:
		replace(text, *t, "", 0);
		break;
	case 6:
		replace(text, (struct token){ t->from, t->from }, other, strlen(other));
		break;
	case 7:
	case 8:
		g_snprintf(number, sizeof(number), "%" G_GINT64_FORMAT,
			   (int64_t)(random_next(r) >> random_below(r, 64)) * (random_below(r, 4) ? 1 : -1));
		replace(text, *t, number, strlen(number));
		break;
	case 9:
		replace_many(text, *t, random_below(r, 2) ? "[" : "{\"a\":", random_below(r, DEEP), "");
		break;
	case 10:
		replace_many(text, *t, random_below(r, 2) ? "x" : "\\u00e9", random_below(r, LONG), "\"");
		break;
	case 11:
		if (text->data[t->from] == '{')
			add_members(text, *t, r);
		break;
	case 12:
		if (text->data[t->from] == '[')
			add_vcpus(text, *t, r);
		break;
	case 13:	/* [from here to there) twice */
		if (o->from > t->from) {
			g_autofree char *stretch = g_strndup((char *)text->data + t->from, o->from - t->from);

			replace(text, (struct token){ t->from, t->from }, stretch, strlen(stretch));
		}
		break;
	case 14:	/* ... or not at all */
		if (o->from > t->from)
			replace(text, (struct token){ t->from, o->from }, "", 0);
		break;
	default:
		text->data[t->from + random_below(r, t->to - t->from)] = random_next(r);
		break;
	}
}

GByteArray *mutate_json(const uint8_t *data, size_t size, struct random *random)
{
	unsigned int n = random_below(random, 3) ? 1 : 1 + random_below(random, MAX_JSON_MUTATIONS);
	GByteArray *text = g_byte_array_new();

	g_byte_array_append(text, data, size);
	for (unsigned int i = 0; i < n; i++) {
		g_autoptr(GArray) tokens = tokens_of(text);

		if (tokens->len && random_below(random, 20))
			mutate_token(text, tokens, random);
		else if (random_below(random, 4))
			g_byte_array_append(text, (const guint8 *)"\0", 1);
		else
			g_byte_array_set_size(text, random_below(random, text->len));
	}
	return text;
}
