/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run_text - the result of a replay for people, on standard output.
 */
#ifndef REPLAY_RUN_TEXT_H
#define REPLAY_RUN_TEXT_H

#include "replay/run.h"

/*
 * path: of the database that keeps it, NULL if none does. disagreements: list the decisions that the
 * replayed kernel policy does not reproduce.
 */
void run_print_text(const struct run *run, const struct recorded *recorded, const char *path, bool disagreements);

#endif
