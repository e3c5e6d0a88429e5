/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANALYZE_REPORT_REPORT_H
#define ANALYZE_REPORT_REPORT_H

/* The subcommand; returns an exit status (schema/command.h). */
int cmd_report(int argc, char **argv);

#endif
