/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * target - what fuzzing calls: bytes go through import as files would, without a
 * command line and, with sanitizers, without another process.
 */
#ifndef TESTS_FUZZ_TARGET_H
#define TESTS_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

enum outcome {
	IMPORTED,	/* nothing was lost */
	IMPORTED_GAPS,
	REFUSED,
	UNCLEAR,	/* refused without a message, or with one that does not tell a user what is wrong */
	WRONG,		/* the database that was made is refused, or contradicts itself */
	DIED,		/* only where another process reads: with sanitizers this one dies */
	N_OUTCOMES,
};

struct target_result {
	enum outcome outcome;
	char message[2048];	/* all but IMPORTED, IMPORTED_GAPS: why */
};

/*
 * Import a recording, with host facts if facts is not NULL. The database is made in
 * the directory scratch and removed.
 */
void import_target(const uint8_t *recording, size_t size, const uint8_t *facts, size_t facts_size,
		   const char *scratch, struct target_result *result);

#endif
