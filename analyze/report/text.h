/* SPDX-License-Identifier: GPL-2.0-or-later */
/* text - a result on a terminal: at most 100 columns, colour if asked for. */
#ifndef ANALYZE_REPORT_TEXT_H
#define ANALYZE_REPORT_TEXT_H

#include <stdio.h>

#include "analyze/report/result.h"

void text_print(const struct result *result, bool colour, FILE *to);

#endif
