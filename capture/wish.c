// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/wish.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "capture/units.h"

#define MIN_FREE_BYTES (1ULL << 30)
#define MIN_FREE_SHARE 0.05
#define NOT_SAID (-1.0)

static gchar *option_output, *option_duration, *option_budget, *option_buffer, *option_max_size, *option_min_free;
static gchar *option_probes;
static gchar **option_vms;
static gdouble option_on_spin_rate = NOT_SAID;
static gboolean option_check, option_json, option_recover, option_anonymize, option_force;

static const GOptionEntry options[] = {
	{ "output", 'o', 0, G_OPTION_ARG_FILENAME, &option_output,
	  "The recording to write (counterspin.dat)", "FILE" },
	{ "duration", 'd', 0, G_OPTION_ARG_STRING, &option_duration,
	  "How long: 500ms, 30s, 5m (until interrupted)", "TIME" },
	{ "vm", 0, 0, G_OPTION_ARG_STRING_ARRAY, &option_vms, "Only this VM; may be given more than once", "PID|NAME" },
	{ "on-spin-rate", 0, 0, G_OPTION_ARG_DOUBLE, &option_on_spin_rate,
	  "Keep the last seconds; write them when the host spins N times a second", "N" },
	{ "probes", 0, 0, G_OPTION_ARG_STRING, &option_probes, "Probes of decisions: auto, off or deep (auto)", "MODE" },
	{ "budget", 0, 0, G_OPTION_ARG_STRING, &option_budget,
	  "Share of the busiest CPU's time that recording may take; 0: any (2%)", "SHARE" },
	{ "buffer", 0, 0, G_OPTION_ARG_STRING, &option_buffer, "Memory for all CPUs' rings together (4M for each, "
	  "5% of what is available at most)", "SIZE" },
	{ "max-size", 0, 0, G_OPTION_ARG_STRING, &option_max_size, "End when so much is recorded (2G)", "SIZE" },
	{ "min-free", 0, 0, G_OPTION_ARG_STRING, &option_min_free,
	  "End when the disk has less room than this (1G, or 5% of the disk if that is less)", "SIZE" },
	{ "anonymize", 0, 0, G_OPTION_ARG_NONE, &option_anonymize, "Replace names and addresses by tokens", NULL },
	{ "force", 'f', 0, G_OPTION_ARG_NONE, &option_force, "Replace FILE if it exists", NULL },
	{ "check", 0, 0, G_OPTION_ARG_NONE, &option_check,
	  "Count for a second, say what recording would cost, record nothing", NULL },
	{ "json", 0, 0, G_OPTION_ARG_NONE, &option_json, "With --check: print JSON", NULL },
	{ "recover", 0, 0, G_OPTION_ARG_NONE, &option_recover,
	  "Save and remove what a killed recorder left", NULL },
	G_OPTION_ENTRY_NULL
};

const struct command record_command = {
	.name = "record",
	.arguments = "[-- COMMAND…]",
	.summary = "Record the scheduler and KVM of this host, within a budget, into FILE.",
	.description = "FILE is a trace.dat, which trace-cmd and KernelShark read, too. 'counterspin import' makes\n"
		       "a database of it.",
	.options = options,
	.max_args = G_MAXINT,
};

static bool parse_size(const char *option, const char *text, uint64_t *bytes)
{
	if (!text || units_size(text, bytes))
		return true;
	command_usage(&record_command, "'%s' is no size for %s; write 64M or 2G", text, option);
	return false;
}

static bool options_fit(const struct wish *w)
{
	const char *why = option_on_spin_rate != NOT_SAID && option_on_spin_rate <= 0 ? "--on-spin-rate is more than 0" :
			  w->on_spin_rate && w->command ? "--on-spin-rate takes no COMMAND" :
			  w->json && !w->check ? "--json goes with --check only" :
			  w->check && w->command ? "--check takes no COMMAND" :
			  w->check && w->recover ? "--check and --recover do not go together" :
			  w->recover && (w->command || w->duration_ms) ? "--recover takes neither COMMAND nor -d" : NULL;

	if (why)
		command_usage(&record_command, "%s", why);
	return !why;
}

static bool read_options(struct wish *w, int argc, char **argv)
{
	*w = (struct wish){
		.path = option_output ? option_output : "counterspin.dat", .path_given = option_output,
		.force = option_force, .anonymize = option_anonymize, .check = option_check, .json = option_json,
		.recover = option_recover, .max_bytes = 2ULL << 30, .budget = 0.02, .probes = PROBES_AUTO,
		.on_spin_rate = MAX(option_on_spin_rate, 0), .vms = option_vms,
		.command = argc > 1 ? argv + 1 : NULL,
	};
	if (option_duration && (!units_time(option_duration, &w->duration_ms) || !w->duration_ms)) {
		command_usage(&record_command, "'%s' is no time; write 500ms, 30s, 5m or 1h", option_duration);
		return false;
	}
	if (option_budget && !units_share(option_budget, &w->budget)) {
		command_usage(&record_command, "'%s' is no share; write 2%% or 0.02", option_budget);
		return false;
	}
	if (!parse_size("--buffer", option_buffer, &w->buffer_bytes) ||
	    !parse_size("--max-size", option_max_size, &w->max_bytes) ||
	    !parse_size("--min-free", option_min_free, &w->min_free_bytes))
		return false;
	if (option_probes && !probes_mode_parse(option_probes, &w->probes)) {
		command_usage(&record_command, "--probes is auto, off or deep, not '%s'", option_probes);
		return false;
	}
	return options_fit(w);
}

bool wish_parse(struct wish *w, int argc, char **argv, int *status)
{
	return command_parse(&record_command, &argc, &argv, status) && read_options(w, argc, argv);
}

/* Somebody else's file, a device above all, is not. */
static bool is_replaceable(const char *path)
{
	static const char magic[] = "\x17\x08\x44tracing";
	char begin[sizeof(magic) - 1];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	bool ok = fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) &&
		  (!st.st_size || (read(fd, begin, sizeof(begin)) == sizeof(begin) &&
				   !memcmp(begin, magic, sizeof(begin))));

	if (fd >= 0)
		close(fd);
	return ok;
}

bool wish_check_output(struct wish *w, GError **error)
{
	g_autofree char *dir = g_path_get_dirname(w->path);
	struct statvfs fs;
	uint64_t room;

	if (!*w->path || g_str_has_suffix(w->path, "/") || g_file_test(w->path, G_FILE_TEST_IS_DIR)) {
		g_set_error(error, WISH_ERROR, 0, "'%s' is no name for a file", w->path);
		return false;
	}
	if (faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) || statvfs(dir, &fs)) {
		g_set_error(error, WISH_ERROR, 0, "cannot make a file in '%s': %s", dir, g_strerror(errno));
		return false;
	}
	room = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (!option_min_free)	/* a file system that is smaller than most gets by with less */
		w->min_free_bytes = MIN(MIN_FREE_BYTES, (uint64_t)(fs.f_blocks * fs.f_frsize * MIN_FREE_SHARE));
	else if (room < w->min_free_bytes) {
		g_set_error(error, WISH_ERROR, 0, "'%s' has less room than --min-free=%s already", dir, option_min_free);
		return false;
	}
	if (access(w->path, F_OK) && errno == ENOENT)
		return true;
	if (!w->force) {
		g_set_error(error, WISH_ERROR, 0, "'%s' exists (--force replaces it)", w->path);
		return false;
	}
	if (is_replaceable(w->path))
		return true;
	g_set_error(error, WISH_ERROR, 0, "'%s' exists and is no trace.dat", w->path);
	return false;
}
