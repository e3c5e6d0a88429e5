// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer's view of the target. An input is a recording or, if it begins with a
 * brace, host facts of the recording that stands beside this file.
 */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/mutate.h"
#include "tests/fuzz/target.h"

/* libFuzzer's names for what it calls */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

static char *scratch, *recording;
static gsize recording_size;

static void begin(void)
{
	scratch = g_strdup("/dev/shm/fuzz_import-XXXXXX");
	if (!g_mkdtemp(scratch) || !g_file_get_contents(FUZZ_RECORDING, &recording, &recording_size, NULL))
		g_error("cannot make '%s' or read '%s'", scratch, FUZZ_RECORDING);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct target_result result;

	if (!scratch)
		begin();
	if (size && data[0] == '{')
		import_target((uint8_t *)recording, recording_size, data, size, scratch, &result);
	else
		import_target(data, size, NULL, 0, scratch, &result);
	if (result.outcome > REFUSED) {
		fprintf(stderr, "%s\n", result.message);
		abort();
	}
	return 0;
}

/* Half by structure, half as libFuzzer does, which knows what was compared. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	struct random random = random_seeded(seed, 0);
	g_autoptr(GByteArray) mutated = NULL;

	if (random_below(&random, 2))
		return LLVMFuzzerMutate(data, size, max_size);
	mutated = mutate(data, size, &random);
	size = MIN(mutated->len, max_size);
	if (size)
		memcpy(data, mutated->data, size);
	return size;
}
