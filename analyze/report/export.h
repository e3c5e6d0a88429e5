/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANALYZE_REPORT_EXPORT_H
#define ANALYZE_REPORT_EXPORT_H

/* counterspin export: see counterspin-export(1). Returns an exit status of schema/command.h. */
int cmd_export(int argc, char **argv);

#endif
