// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/host_pack.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>

#define ELLIPSIS "\xe2\x80\xa6"

enum { NS_PER_MS = 1000000 };

typedef cJSON json;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(json, cJSON_Delete)

struct host_pack {
	GPtrArray *done;
	GString *doc;
	char *head;
	size_t max;
	char *open;		/* key of the array or object under way; NULL: none */
	char close;
	GHashTable *said;	/* "KEY\tTEXT" of all items; NULL: nothing is skipped */
	gint64 offset_said;
};

struct host_pack *host_pack_new(const char *when, size_t max_bytes)
{
	struct host_pack *p = g_new0(struct host_pack, 1);

	g_assert(max_bytes >= 256);
	p->done = g_ptr_array_new();
	p->head = g_strdup_printf("{\"format\":\"counterspin-host-facts\",\"version\":1,\"when\":\"%s\"", when);
	p->doc = g_string_new(p->head);
	p->max = max_bytes;
	return p;
}

static char *print(const cJSON *v)
{
	char *printed = cJSON_PrintUnformatted(v), *copy = g_strdup(printed);

	cJSON_free(printed);
	return copy;
}

/* As it stands in an array, or in an object: "name":value */
static char *item_text(const cJSON *v, bool named)
{
	g_autofree char *value = print(v), *name = NULL;
	g_autoptr(json) key = NULL;

	if (!named)
		return g_steal_pointer(&value);
	key = cJSON_CreateString(v->string);
	name = print(key);
	return g_strconcat(name, ":", value, NULL);
}

static char *said_key(const char *group, const char *text)
{
	return g_strconcat(group, "\t", text, NULL);
}

void host_pack_skip(struct host_pack *p, char *const *said)
{
	p->said = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (; *said; said++) {
		g_autoptr(json) root = cJSON_Parse(*said);
		const cJSON *v, *item;

		cJSON_ArrayForEach(v, root) {
			if (cJSON_IsString(v) && !strcmp(v->string, "realtime_offset"))
				p->offset_said = g_ascii_strtoll(v->valuestring, NULL, 10);
			if (!cJSON_IsArray(v) && !cJSON_IsObject(v)) {
				g_autofree char *text = item_text(v, true);

				g_hash_table_add(p->said, said_key("", text));
			}
			cJSON_ArrayForEach(item, v) {
				g_autofree char *text = item_text(item, cJSON_IsObject(v));

				g_hash_table_add(p->said, said_key(v->string, text));
			}
		}
	}
}

static void end_document(struct host_pack *p)
{
	if (p->open)
		g_string_append_c(p->doc, p->close);
	g_string_append_c(p->doc, '}');
	g_ptr_array_add(p->done, g_strdup(p->doc->str));
	g_string_assign(p->doc, p->head);
	g_clear_pointer(&p->open, g_free);
}

/* Bytes that one of a text takes in JSON */
static size_t printed_size(unsigned char c)
{
	return strchr("\"\\\b\f\n\r\t", c) ? 2 : c < 0x20 ? strlen("\\u0000") : 1;
}

/* Cut the longest text in v by n printed bytes or more, at a character; false: there is none that long. */
static bool cut(cJSON *v, size_t n)
{
	cJSON *longest = cJSON_IsString(v) ? v : NULL, *item;
	char *text;
	size_t len;

	cJSON_ArrayForEach(item, v)
		if (cJSON_IsString(item) &&
		    (!longest || strlen(item->valuestring) > strlen(longest->valuestring)))
			longest = item;
	if (!longest)
		return false;
	text = longest->valuestring;
	len = strlen(text);
	if (g_str_has_suffix(text, ELLIPSIS))
		len -= strlen(ELLIPSIS);
	else
		n += strlen(ELLIPSIS);	/* whose room it has left behind, then */
	for (size_t gone = 0; gone < n; gone += printed_size(text[len]))
		if (!len--)
			return false;
	while (len && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	strcpy(text + len, ELLIPSIS);
	return true;
}

static void add_item(struct host_pack *p, const char *key, const cJSON *item, bool named)
{
	bool top = !*key, same = p->open && !strcmp(p->open, key);
	/* what stands around it in a document of its own */
	size_t around = strlen(p->head) + (top ? strlen(",}") : strlen(",\"\":[]}") + strlen(key));
	g_autofree char *text = item_text(item, named), *known = NULL;
	g_autoptr(json) shorter = NULL;

	while (around + strlen(text) > p->max) {
		if (!shorter)
			shorter = cJSON_Duplicate(item, true);
		if (!cut(shorter, around + strlen(text) - p->max))
			return;
		g_free(text);
		text = item_text(shorter, named);
	}
	known = said_key(key, text);
	if (p->said && g_hash_table_contains(p->said, known))
		return;
	if (p->doc->len + strlen(text) + strlen(same ? ",]}" : "],\"\":[]}") + strlen(key) > p->max) {
		end_document(p);
		same = false;
	}
	if (!same && p->open) {
		g_string_append_c(p->doc, p->close);
		g_clear_pointer(&p->open, g_free);
	}
	g_string_append_c(p->doc, ',');
	if (!same && !top) {
		g_string_append_printf(p->doc, "\"%s\":%c", key, named ? '{' : '[');
		p->open = g_strdup(key);
		p->close = named ? '}' : ']';
	}
	g_string_append(p->doc, text);
}

void host_pack_scalars(struct host_pack *p, const cJSON *object)
{
	const cJSON *v;

	cJSON_ArrayForEach(v, object) {
		bool offset = !strcmp(v->string, "realtime_offset");
		gint64 now = offset ? g_ascii_strtoll(v->valuestring, NULL, 10) : 0;

		if (!offset || !p->said)
			add_item(p, "", v, true);
		else if (ABS(now - p->offset_said) > NS_PER_MS)
			add_item(p, "params", v, true);
	}
}

void host_pack_add(struct host_pack *p, const char *key, const cJSON *items)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, items)
		add_item(p, key, item, cJSON_IsObject(items));
}

char **host_pack_end(struct host_pack *p)
{
	char **docs;

	if (p->doc->len > strlen(p->head) || !p->done->len)
		end_document(p);
	g_ptr_array_add(p->done, NULL);
	docs = (char **)g_ptr_array_free(p->done, FALSE);
	g_string_free(p->doc, TRUE);
	if (p->said)
		g_hash_table_unref(p->said);
	g_free(p->head);
	g_free(p);
	return docs;
}
