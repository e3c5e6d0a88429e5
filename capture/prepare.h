/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * prepare - the kernel made ready to record what was wished for: the instance, the
 * VMs, the probes, and the plan of events. Nothing is recorded yet.
 */
#ifndef CAPTURE_PREPARE_H
#define CAPTURE_PREPARE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "capture/plan.h"
#include "capture/probes.h"
#include "capture/session.h"
#include "capture/vms.h"
#include "capture/wish.h"

#define PREPARE_ERROR (g_quark_from_static_string("prepare"))

/* Zeros: nothing is prepared. */
struct prepared {
	struct vm_list *all_vms;
	GPtrArray *vms;		/* chosen ones, of all_vms; NULL: all */
	struct probe_set *probes;
	struct plan *plan;
	double cost_ns;		/* of an event; 0: not known, and a lack of the plan */
	uint64_t buffer_bytes;
};

/*
 * What of it is in the kernel is the session's to remove, also after an error; what cannot be
 * had is a lack of the plan, and no error.
 */
bool prepare(struct prepared *prepared, const struct wish *wish, struct session *session, GError **error);
void prepared_clear(struct prepared *prepared);

#endif
