// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/policy_spec.h"

#include <stddef.h>
#include <string.h>

const char *const stock_variant_names[] = { "two-pass-5.12", "two-pass", "loop-counter", "single-loop", NULL };
static const char *const series_names[] = { "v1", "v2", "v3", NULL };

/* Is name among the policy's blank-separated parameters? */
static bool heeds(const struct policy *policy, const char *name)
{
	g_auto(GStrv) list = g_strsplit(policy->parameters, " ", -1);

	return g_strv_contains((const char *const *)list, name);
}

static int index_of(const char *const *names, const char *value)
{
	for (int i = 0; names[i]; i++)
		if (!strcmp(names[i], value))
			return i;
	return -1;
}

static bool parse_bool(const char *value, bool *out)
{
	static const char *const on[] = { "1", "Y", "y", "true", NULL }, *const off[] = { "0", "N", "n", "false", NULL };

	*out = g_strv_contains(on, value);
	return *out || g_strv_contains(off, value);
}

static bool set(struct policy_params *p, const char *key, const char *value)
{
	int i;

	if (!strcmp(key, "stock_variant")) {
		i = index_of(stock_variant_names, value);
		p->stock_variant = MAX(i, 0);
		return i >= 0;
	}
	if (!strcmp(key, "series")) {
		i = index_of(series_names, value);
		p->series = i + 1;
		return i >= 0;
	}
	if (!strcmp(key, "ipi_window_ns"))
		return g_ascii_string_to_unsigned(value, 10, 0, INT64_MAX, &p->ipi_window_ns, NULL);
	if (!strcmp(key, "ipi_tracking_enabled"))
		return parse_bool(value, &p->ipi_tracking_enabled);
	if (!strcmp(key, "enable_relaxed_boost"))
		return parse_bool(value, &p->enable_relaxed_boost);
	return false;
}

static bool fail(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
static bool fail(GError **error, const char *format, ...)
{
	va_list args;
	g_autofree char *message = NULL;

	va_start(args, format);
	message = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error_literal(error, POLICY_SPEC_ERROR, 0, message);
	return false;
}

static bool parse_parameter(const struct policy *policy, const char *text, struct policy_params *params,
			    GError **error)
{
	g_auto(GStrv) pair = g_strsplit(text, "=", 2);

	if (!heeds(policy, pair[0]))
		return fail(error, "policy '%s' has no parameter '%s', it has: %s", policy->name, pair[0],
			    *policy->parameters ? policy->parameters : "none");
	if (!pair[1])
		return fail(error, "parameter '%s' of policy '%s' needs a value", pair[0], policy->name);
	if (!set(params, pair[0], pair[1]))
		return fail(error, "'%s' is no value of parameter '%s'", pair[1], pair[0]);
	return true;
}

/* Is there a parameter at s, and none of its name before? */
static bool check_name(char **settings, char **s, const char *spec, GError **error)
{
	size_t n = strcspn(*s, "=");

	if (!**s)
		return fail(error, "a parameter of '%s' is empty", spec);
	for (char **other = settings; other < s; other++)
		if (strcspn(*other, "=") == n && !strncmp(*other, *s, n))
			return fail(error, "parameter '%.*s' is given twice in '%s'", (int)n, *s, spec);
	return true;
}

struct policy_params policy_spec_defaults(void)
{
	return (struct policy_params){
		.stock_variant = STOCK_SINGLE_LOOP, .series = 3, .ipi_tracking_enabled = true,
		.ipi_window_ns = 50000000, .enable_relaxed_boost = true,
	};
}

struct policy_params policy_spec_defaults_for(const struct policy *policy, const struct policy_params *recorded)
{
	struct policy_params params = policy_spec_defaults();

	if (heeds(policy, "stock_variant"))
		params.stock_variant = recorded->stock_variant;
	return params;
}

const struct policy *policy_spec_parse(const char *spec, const struct policy_params *recorded,
				       struct policy_params *params, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(spec, ":", 2);
	g_auto(GStrv) settings = g_strsplit(parts[0] && parts[1] ? parts[1] : "", ",", -1);
	const struct policy *policy = policy_by_name(parts[0] ? parts[0] : "");

	if (!policy) {
		fail(error, "no policy '%s', counterspin policies lists them", parts[0] ? parts[0] : "");
		return NULL;
	}
	*params = policy_spec_defaults_for(policy, recorded);
	if (parts[1] && !*parts[1]) {
		fail(error, "no parameter after '%s'", spec);
		return NULL;
	}
	for (char **s = settings; *s; s++)
		if (!check_name(settings, s, spec, error) || !parse_parameter(policy, *s, params, error))
			return NULL;
	return policy;
}

cJSON *policy_spec_parameters(const struct policy *policy, const struct policy_params *p)
{
	cJSON *o = cJSON_CreateObject();

	if (heeds(policy, "stock_variant"))
		cJSON_AddStringToObject(o, "stock_variant", stock_variant_names[p->stock_variant]);
	if (heeds(policy, "series"))
		cJSON_AddStringToObject(o, "series", series_names[p->series - 1]);
	if (heeds(policy, "ipi_tracking_enabled"))
		cJSON_AddBoolToObject(o, "ipi_tracking_enabled", p->ipi_tracking_enabled);
	if (heeds(policy, "ipi_window_ns"))
		cJSON_AddNumberToObject(o, "ipi_window_ns", p->ipi_window_ns);
	if (heeds(policy, "enable_relaxed_boost"))
		cJSON_AddBoolToObject(o, "enable_relaxed_boost", p->enable_relaxed_boost);
	return o;
}
