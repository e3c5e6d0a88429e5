/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * timeline - the data of the HTML page's timeline: what went on in each moment of
 * table moment, compactly. timeline.js draws it.
 *
 * The page inlines timeline.js and every timeline_*.js, in any order, and timeline.css; then
 * it calls counterspinTimeline(section, data) with an empty <section>.
 *
 * {
 *   "vms": [[id, label]...], "vcpus": [[place in vms, vcpu_idx, vcpu_id]...],
 *   "threads": [[tid, comm, place in vcpus or null]...],
 *   "policies": [{"name", "parameters"}...],
 *   "states": [name...],	of a vCPU, as explain names them
 *   "known": [how...],		a state is a digit, 2 * place in known + value, or '?'
 *   "steps": [name...],	of a scan; 'a' is the first, 'A' the 27th
 *   "names": [text...],	which numbers marked * stand for
 *   "moments": [{
 *     "id", "kind", "what", "vm": place in vms, "decision", "episode": ids,
 *     "t0": ns from the recording's start, "len": ns; all other times are ns from t0
 *     "run": [[cpu, [thread, t, len...]]...],
 *     "waits": [[vcpu, [kind, t, len, cpu or null...]]...],	kind: enum wait_kind
 *     "episodes": [[id, vcpu_idx, t, len, cause*, unblocker_idx, confidence, vector, ipi,
 *                   first_decision, last_decision, n_decisions, tainted]...],
 *     "ipis": [[id, sender_idx, receiver_idx, vector, how*, t_send, t_accept, t_inject, t_ack,
 *               tracked, tainted]...],
 *     "gaps": [[cpu, t, len, events, why*]...],
 *     "decisions": [[id, vcpu_idx, cpu, t, len, source*, pick_idx, tried*, tainted, picks*,
 *                    outcomes*, explained]...],
 *     "omitted": {"picture": bool, "ns": n, "cpus": n, "explanations": n}
 *   }...],
 *   "omitted": {"moments": n}	beyond the first MAX_MOMENTS
 * }
 *
 * NULL is null. tried is '0-2+': yield_to(0) gave 0, yield_to(2) gave 1; '!' is -ESRCH, '?' not seen.
 * picks has a word for each policy: vcpu_idx, '-' nobody, '=' as recorded or not known; '?' after it:
 * not certain. outcomes are verdict.observed_outcome and then each policy's, between bars. explained is
 * [yield_to_kernel_mode, last_boosted_vcpu, nr_running, [unacknowledged receivers],
 * [a state word* for each vCPU, '!' after it: racy], [a scan* for each policy]]; a scan is '2c3a/0h+':
 * vcpu_idx and step, '+', '-' or '!' by result, '?' if not certain, '/' where the next round begins.
 */
#ifndef ANALYZE_REPORT_TIMELINE_H
#define ANALYZE_REPORT_TIMELINE_H

#include <cjson/cJSON.h>
#include <glib.h>
#include <sqlite3.h>

enum { TIMELINE_BUDGET = 350000 };	/* bytes: what a page has room for */

/*
 * All that the script needs, as above. Detail is left out, from the last moments first, until
 * the text has no more than budget_bytes, or nothing but sentences are left; room that this
 * makes goes to the first moments. What is left out, "omitted" says. NULL with error set if the
 * database cannot be read; without moments an object with an empty list.
 */
cJSON *timeline_json(sqlite3 *db, size_t budget_bytes, GError **error);

#endif
