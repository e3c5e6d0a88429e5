/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * loop_parts - the question of a loop (loop.h) asked of fifths of the recording, each taken for
 * itself: a block jackknife, which tells how much the answer hangs on what happened to be recorded
 * (estimation.md 4.4).
 */
#ifndef REPLAY_SIMULATE_LOOP_PARTS_H
#define REPLAY_SIMULATE_LOOP_PARTS_H

#include "replay/simulate/loop.h"

/* Under the chosen variant: all policies that are simulated, and the recorded one. loop->parts is set. */
void loop_parts_run(struct loop *loop);

/* 95 %, half the width, of a figure of p; vm < 0: of all. 0: there are no parts. NaN: too few have one. */
double loop_parts_half(const struct loop *loop, const struct loop_policy *p, enum loop_metric m, int vm);

#endif
