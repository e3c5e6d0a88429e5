/* SPDX-License-Identifier: GPL-2.0-or-later */
/* html_int - between the files that make a page. */
#ifndef ANALYZE_REPORT_HTML_INT_H
#define ANALYZE_REPORT_HTML_INT_H

#include "analyze/report/result.h"

/* Append text so that it is text and nothing else, in an element or in a quoted attribute. */
void html_text(GString *page, const char *text);

/* Append what is printed, its strings made text. */
void html_printf(GString *page, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* The figure of a table, where it has one; false: it has none. VMs have colours by their place among the labels in vms. */
bool html_figure(GString *page, const struct table *table, const GPtrArray *vms);

#endif
