/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANALYZE_IMPORT_H
#define ANALYZE_IMPORT_H

/* counterspin import: see counterspin-import(1). Returns an exit status of schema/command.h. */
int cmd_import(int argc, char **argv);

#endif
