/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host_facts - what a recording's tracepoints cannot say of its host: the
 * "counterspin-host-facts" JSON, from trace markers or from a file beside the
 * recording. Every key but "format" and "version" is optional; unknown keys are
 * kept as host parameters.
 */
#ifndef ANALYZE_MODEL_HOST_FACTS_H
#define ANALYZE_MODEL_HOST_FACTS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define HOST_FACTS_ERROR (g_quark_from_static_string("host-facts"))
#define HOST_FACTS_VERSION 1

struct host_facts_vcpu {
	int64_t tgid, tid, vcpu_id, vcpu_idx;	/* -1: not said */
	char *name;
};

struct host_facts_vm {
	int64_t tgid;
	char *name;
};

struct host_facts_cgroup {
	int64_t tid;
	char *path;
};

struct host_facts_param {
	char *name, *value;
	const char *when;	/* "start", "stop", "" */
	uint64_t said;		/* the higher, the later */
};

struct host_facts {
	char *kernel, *machine;	/* NULL: not said */
	int64_t realtime_offset;/* ns; INT64_MIN: not said */
	GArray *vcpus, *vms, *cgroups, *params;	/* of the structs above */
	const char *when;	/* of the document added last: "start", "stop", "" */
	GHashTable *param_at;	/* "when/name" -> index in params + 1 */
	uint64_t n_said;
};

struct host_facts *host_facts_new(void);
void host_facts_free(struct host_facts *facts);

/*
 * Add what the JSON document in text says. where names the document in errors.
 * Called once for a file, once per line for trace markers; later values of a
 * parameter replace earlier ones of the same "when".
 */
bool host_facts_add(struct host_facts *facts, const char *text, gsize len, const char *where,
		    GError **error);

/* Does a trace marker hold host facts (and not somebody else's message)? */
bool host_facts_is_marker(const char *text, gsize len);

/* Value of a parameter, the last one said; NULL: not known. */
const char *host_facts_param(const struct host_facts *facts, const char *name);

#endif
