/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sections - the sections of a report, each filled from one database.
 */
#ifndef ANALYZE_REPORT_SECTIONS_H
#define ANALYZE_REPORT_SECTIONS_H

#include "analyze/report/result.h"

/*
 * What a VM is called, by an SQL expression for its id, in which a column of the view would be meant first;
 * by its number if it is none of those in the database.
 */
#define VM_LABEL(id) \
	"coalesce((SELECT label FROM (SELECT vm AS labelled, label FROM vm_label) WHERE labelled = " id "), " \
	"'VM ' || " id ")"

/* What a row of table replay is called: its policy, with those parameters that are not its defaults. */
#define POLICY_LABEL(id) "(SELECT label FROM (SELECT replay AS labelled, label FROM policy_label) WHERE labelled = " id ")"

/* The order to show policies in: as they were replayed, the recorded one first. */
#define POLICY_ORDER "replay.id"

/* IPIs that are waited for, a row each: t_send, response_ns. All, where it is not known which vectors are. */
#define WAITED_RESPONSE \
	"(SELECT t_send, response_ns FROM ipi_response LEFT JOIN ipi_vector USING (vm, vector) " \
	"WHERE response_ns NOT NULL AND coalesce(f_wait, 1) >= 0.5)"

typedef bool section_fill(struct result *result, sqlite3 *db, GError **error);

section_fill sections_recording;	/* what was recorded; what was lost or cannot be known */
section_fill sections_time;		/* where CPU time goes, per VM, CPU and vCPU */
section_fill sections_over_time;
section_fill sections_waits;		/* causes, response times, their distributions */
section_fill sections_policies;		/* outcomes, gains, fidelity */
section_fill sections_closed_loop;
section_fill sections_window;
section_fill sections_moments;
section_fill sections_reviewers;

/* One sentence for each question. After the sections. */
bool answers_add(struct result *result, sqlite3 *db, GError **error);

#endif
