/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef REPLAY_REPLAY_H
#define REPLAY_REPLAY_H

/* counterspin replay, explain, policies: see their manual pages. Return an exit status of schema/command.h. */
int cmd_replay(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_policies(int argc, char **argv);

#endif
