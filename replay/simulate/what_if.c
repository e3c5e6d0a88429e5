// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay/simulate/what_if.h"

#include <string.h>

/* Beyond these nothing is asked in earnest, and one simulation takes all memory. */
enum { MOST_VMS = 100, MOST_CPUS = 4096 };
#define LEAST_WINDOW G_GINT64_CONSTANT(100)
#define MOST_WINDOW G_GINT64_CONSTANT(1000000000)

G_DEFINE_QUARK(counterspin-what-if-error-quark, what_if_error)

static bool parse_change(const char *name, const char *value, int most, int *change, GError **error)
{
	guint64 n;

	if (*change) {
		g_set_error(error, WHAT_IF_ERROR, 0, "--what-if has '%s' twice", name);
		return false;
	}
	if ((*value != '+' && *value != '-') ||
	    !g_ascii_string_to_unsigned(value + 1, 10, 1, most, &n, NULL)) {
		g_set_error(error, WHAT_IF_ERROR, 0,
			    "--what-if %s=+N or %s=-N, with N from 1 to %d, not '%s'", name, name,
			    most, value);
		return false;
	}
	*change = *value == '+' ? (int)n : -(int)n;
	return true;
}

static bool parse_window(const char *value, int64_t *window, GError **error)
{
	g_autofree char *digits = g_strdup(value);
	bool us = g_str_has_suffix(digits, "us");
	gint64 n;

	if (*window) {
		g_set_error(error, WHAT_IF_ERROR, 0, "--what-if has 'window' twice");
		return false;
	}
	if (us || g_str_has_suffix(digits, "ns"))
		digits[strlen(digits) - 2] = '\0';
	if (!g_ascii_string_to_signed(digits, 10, 0, MOST_WINDOW / (us ? 1000 : 1), &n, NULL) ||
	    n * (us ? 1000 : 1) < LEAST_WINDOW) {
		g_set_error(error, WHAT_IF_ERROR, 0,
			    "--what-if window= is 100 to 10^9 ns, 'us' after it for us, not '%s'",
			    value);
		return false;
	}
	*window = n * (us ? 1000 : 1);
	return true;
}

bool what_if_parse(const char *text, struct what_if *w, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(text, ",", -1);

	*w = (struct what_if){ 0 };
	for (char **part = parts; *part; part++) {
		bool ok;

		if (g_str_has_prefix(*part, "vms="))
			ok = parse_change("vms", *part + 4, MOST_VMS, &w->vms, error);
		else if (g_str_has_prefix(*part, "cpus="))
			ok = parse_change("cpus", *part + 5, MOST_CPUS, &w->cpus, error);
		else if (g_str_has_prefix(*part, "window="))
			ok = parse_window(*part + 7, &w->window, error);
		else
			ok = false;
		if (!ok) {
			if (error && !*error)
				g_set_error(error, WHAT_IF_ERROR, 0,
					    "--what-if is of vms=, cpus= and window=, not '%s'",
					    *part);
			return false;
		}
	}
	if (w->vms || w->cpus || w->window)
		return true;
	g_set_error(error, WHAT_IF_ERROR, 0, "--what-if is empty");
	return false;
}

char *what_if_text(const struct what_if *w)
{
	GString *text = g_string_new(NULL);

	if (w->vms)
		g_string_append_printf(text, ",vms=%+d", w->vms);
	if (w->cpus)
		g_string_append_printf(text, ",cpus=%+d", w->cpus);
	if (w->window)
		g_string_append_printf(text, ",window=%" G_GINT64_FORMAT "%s",
				       w->window % 1000 ? w->window : w->window / 1000,
				       w->window % 1000 ? "ns" : "us");
	g_string_erase(text, 0, 1);
	return g_string_free(text, FALSE);
}

bool what_if_possible(const struct what_if *w, const struct program_input *input, GError **error)
{
	if (w->vms < 0 && (unsigned int)-w->vms >= input->n_vms) {
		g_set_error(error, WHAT_IF_ERROR, 0, "--what-if vms=%d leaves none of %u VMs",
			    w->vms, input->n_vms);
		return false;
	}
	if (w->cpus < 0 && (unsigned int)-w->cpus >= input->host.n_cpu) {
		g_set_error(error, WHAT_IF_ERROR, 0, "--what-if cpus=%d leaves none of %u CPUs",
			    w->cpus, input->host.n_cpu);
		return false;
	}
	return true;
}
