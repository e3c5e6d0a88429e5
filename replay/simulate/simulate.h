/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef REPLAY_SIMULATE_SIMULATE_H
#define REPLAY_SIMULATE_SIMULATE_H

/* counterspin simulate: returns the exit status. */
int cmd_simulate(int argc, char **argv);

#endif
