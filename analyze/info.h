/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANALYZE_INFO_H
#define ANALYZE_INFO_H

/* counterspin info: see counterspin-info(1). Returns an exit status of schema/command.h. */
int cmd_info(int argc, char **argv);

#endif
