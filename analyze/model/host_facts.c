// SPDX-License-Identifier: GPL-2.0-or-later
#include "analyze/model/host_facts.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "schema/clean.h"

#define FORMAT "counterspin-host-facts"

typedef cJSON json;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(json, cJSON_Delete)

static void clear_vcpu(void *p)
{
	g_free(((struct host_facts_vcpu *)p)->name);
}

static void clear_vm(void *p)
{
	g_free(((struct host_facts_vm *)p)->name);
}

static void clear_cgroup(void *p)
{
	g_free(((struct host_facts_cgroup *)p)->path);
}

static void clear_param(void *p)
{
	struct host_facts_param *param = p;

	g_free(param->name);
	g_free(param->value);
}

static GArray *array_new(gsize size, GDestroyNotify clear)
{
	GArray *a = g_array_new(FALSE, TRUE, size);

	g_array_set_clear_func(a, clear);
	return a;
}

struct host_facts *host_facts_new(void)
{
	struct host_facts *f = g_new0(struct host_facts, 1);

	f->realtime_offset = INT64_MIN;
	f->vcpus = array_new(sizeof(struct host_facts_vcpu), clear_vcpu);
	f->vms = array_new(sizeof(struct host_facts_vm), clear_vm);
	f->cgroups = array_new(sizeof(struct host_facts_cgroup), clear_cgroup);
	f->params = array_new(sizeof(struct host_facts_param), clear_param);
	f->param_at = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	return f;
}

void host_facts_free(struct host_facts *f)
{
	if (!f)
		return;
	g_free(f->kernel);
	g_free(f->machine);
	g_array_unref(f->vcpus);
	g_array_unref(f->vms);
	g_array_unref(f->cgroups);
	g_array_unref(f->params);
	g_hash_table_unref(f->param_at);
	g_free(f);
}

static int64_t integer(const cJSON *object, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, key);

	/* TIDs and counts: anything a double cannot hold exactly is not one of them */
	if (!cJSON_IsNumber(v) || v->valuedouble < 0 || v->valuedouble > 9e15)
		return -1;
	return (int64_t)v->valuedouble;
}

static char *string(const cJSON *object, const char *key)
{
	return g_strdup(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key)));
}

static struct host_facts_param *find_param(const struct host_facts *f, const char *name, const char *when)
{
	g_autofree char *key = g_strconcat(when, "/", name, NULL);
	guint at = GPOINTER_TO_UINT(g_hash_table_lookup(f->param_at, key));

	return at ? &g_array_index(f->params, struct host_facts_param, at - 1) : NULL;
}

static void note_place(struct host_facts *f, guint i)
{
	const struct host_facts_param *p = &g_array_index(f->params, struct host_facts_param, i);

	g_hash_table_insert(f->param_at, g_strconcat(p->when, "/", p->name, NULL), GUINT_TO_POINTER(i + 1));
}

static void forget_param(struct host_facts *f, const char *name, const char *when)
{
	g_autofree char *key = g_strconcat(when, "/", name, NULL);
	guint at = GPOINTER_TO_UINT(g_hash_table_lookup(f->param_at, key));

	if (!at)
		return;
	g_hash_table_remove(f->param_at, key);
	g_array_remove_index_fast(f->params, at - 1);
	if (at - 1 < f->params->len)	/* the last one has taken its place */
		note_place(f, at - 1);
}

/* Takes value. */
static void set_param(struct host_facts *f, const char *name, const char *when, char *value)
{
	/* two names must not become one in the table */
	struct host_facts_param param = {
		.name = clean_text(name), .value = value, .when = when, .said = ++f->n_said,
	};

	forget_param(f, param.name, when);
	if (!*when) {	/* said of no time in particular, as in a file, it stands for all */
		forget_param(f, param.name, "start");
		forget_param(f, param.name, "stop");
	}
	g_array_append_val(f->params, param);
	note_place(f, f->params->len - 1);
}

static char *value_text(const cJSON *v)
{
	char *printed, *copy;

	if (cJSON_IsString(v))
		return g_strdup(v->valuestring);
	printed = cJSON_PrintUnformatted(v);
	copy = g_strdup(printed);
	cJSON_free(printed);
	return copy;
}

/* A key we know has the type we know, or the document says something we do not understand. */
static bool types_fit(const cJSON *root, const char *where, GError **error)
{
	static const struct { const char *key; int type; const char *name; } keys[] = {
		{ "kernel", cJSON_String, "a string" }, { "machine", cJSON_String, "a string" },
		{ "realtime_offset", cJSON_String, "a string" }, { "params", cJSON_Object, "an object" },
		{ "vcpus", cJSON_Array, "an array of objects" }, { "vms", cJSON_Array, "an array of objects" },
		{ "cgroups", cJSON_Array, "an array of objects" },
	};

	for (unsigned int i = 0; i < G_N_ELEMENTS(keys); i++) {
		const cJSON *v = cJSON_GetObjectItemCaseSensitive(root, keys[i].key), *item = NULL;
		bool fits = !v || (v->type & 0xff) == keys[i].type;

		if (fits && keys[i].type == cJSON_Array)
			cJSON_ArrayForEach(item, v)
				fits &= cJSON_IsObject(item);
		if (!fits) {
			g_set_error(error, HOST_FACTS_ERROR, 0, "%s: host facts: \"%s\" is not %s", where,
				    keys[i].key, keys[i].name);
			return false;
		}
	}
	return true;
}

static void add_key(struct host_facts *f, const cJSON *v, const char *when)
{
	const char *key = v->string;
	const cJSON *item;

	if (!strcmp(key, "params")) {
		cJSON_ArrayForEach(item, v)
			set_param(f, item->string, when, value_text(item));
	} else if (!strcmp(key, "vcpus")) {
		cJSON_ArrayForEach(item, v) {
			struct host_facts_vcpu vcpu = {
				.tgid = integer(item, "tgid"), .tid = integer(item, "tid"),
				.vcpu_id = integer(item, "vcpu_id"),
				.vcpu_idx = integer(item, "vcpu_idx"), .name = string(item, "name"),
			};
			g_array_append_val(f->vcpus, vcpu);
		}
	} else if (!strcmp(key, "vms")) {
		cJSON_ArrayForEach(item, v) {
			struct host_facts_vm vm = {
				.tgid = integer(item, "tgid"), .name = string(item, "name"),
			};
			g_array_append_val(f->vms, vm);
		}
	} else if (!strcmp(key, "cgroups")) {
		cJSON_ArrayForEach(item, v) {
			struct host_facts_cgroup cgroup = {
				.tid = integer(item, "tid"), .path = string(item, "path"),
			};
			g_array_append_val(f->cgroups, cgroup);
		}
	} else {
		set_param(f, key, when, value_text(v));
	}
}

bool host_facts_add(struct host_facts *f, const char *text, gsize len, const char *where, GError **error)
{
	g_autoptr(json) root = cJSON_ParseWithLength(text, len);
	const char *format = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, "format"));
	const char *said = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, "when"));
	const char *when = said && !strcmp(said, "start") ? "start" :
			   said && !strcmp(said, "stop") ? "stop" : "";
	int64_t version = integer(root, "version");
	const cJSON *v;

	if (!root || !cJSON_IsObject(root) || !format || strcmp(format, FORMAT)) {
		g_set_error(error, HOST_FACTS_ERROR, 0, "%s: not host facts: no JSON with \"format\":\""
			    FORMAT "\"", where);
		return false;
	}
	if (version < 0) {
		g_set_error(error, HOST_FACTS_ERROR, 0, "%s: host facts without \"version\"", where);
		return false;
	}
	if (version != HOST_FACTS_VERSION) {
		g_set_error(error, HOST_FACTS_ERROR, 0, "%s: host facts of version %" G_GINT64_FORMAT
			    ", this program reads %d", where, version, HOST_FACTS_VERSION);
		return false;
	}
	if (!types_fit(root, where, error))
		return false;
	f->when = when;
	cJSON_ArrayForEach(v, root) {
		if (!strcmp(v->string, "format") || !strcmp(v->string, "version") ||
		    !strcmp(v->string, "when"))
			continue;
		if (!strcmp(v->string, "kernel")) {
			g_free(f->kernel);
			f->kernel = g_strdup(v->valuestring);
		} else if (!strcmp(v->string, "machine")) {
			g_free(f->machine);
			f->machine = g_strdup(v->valuestring);
		} else if (!strcmp(v->string, "realtime_offset")) {
			/* a string, as doubles do not hold nanoseconds since 1970 */
			f->realtime_offset = g_ascii_strtoll(v->valuestring, NULL, 10);
		} else {
			add_key(f, v, when);
		}
	}
	return true;
}

bool host_facts_is_marker(const char *text, gsize len)
{
	return len && text[0] == '{' && g_strstr_len(text, len, "\"" FORMAT "\"");
}

const char *host_facts_param(const struct host_facts *f, const char *name)
{
	static const char *const whens[] = { "", "start", "stop" };
	const struct host_facts_param *last = NULL;

	for (unsigned int i = 0; i < G_N_ELEMENTS(whens); i++) {
		const struct host_facts_param *p = find_param(f, name, whens[i]);

		if (p && (!last || p->said > last->said))
			last = p;
	}
	return last ? last->value : NULL;
}
