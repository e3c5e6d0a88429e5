/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * html - a result as one self-contained page: no network, a strict content
 * security policy, charts drawn by dygraphs from the JSON that the page carries.
 */
#ifndef ANALYZE_REPORT_HTML_H
#define ANALYZE_REPORT_HTML_H

#include "analyze/report/result.h"

/*
 * Write the page to path, mode 0600, all or nothing; where it exists, only if replace is set. Texts
 * are cut shorter in result where the page would be too long.
 * db: where the timeline is drawn from; NULL: there is none.
 */
bool html_write(struct result *result, sqlite3 *db, const char *path, bool replace, GError **error);

#endif
