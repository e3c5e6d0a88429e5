/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef REPLAY_TUNE_H
#define REPLAY_TUNE_H

/* counterspin tune: see its manual page. Returns an exit status of schema/command.h. */
int cmd_tune(int argc, char **argv);

#endif
