/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * counterspin record - see counterspin-record(1).
 */
#ifndef CAPTURE_RECORD_H
#define CAPTURE_RECORD_H

int cmd_record(int argc, char **argv);

#endif
