/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host_pack - part host facts over JSON documents of a bounded size. Each is complete;
 * import adds them up (counterspin-import(1), HOST FACTS).
 */
#ifndef CAPTURE_HOST_PACK_H
#define CAPTURE_HOST_PACK_H

#include <cjson/cJSON.h>
#include <stddef.h>

struct host_pack;

/* when: "start" or "stop". max_bytes: of a document without its NUL, at least 256. */
struct host_pack *host_pack_new(const char *when, size_t max_bytes);

/*
 * From here on leave out what these documents say, whatever their "when", word for word;
 * NULL-terminated. A realtime_offset within 1 ms of theirs is left out, too, and one that
 * is not becomes a parameter.
 */
void host_pack_skip(struct host_pack *pack, char *const *said);

/* The members of object, at the top of documents. */
void host_pack_scalars(struct host_pack *pack, const cJSON *object);

/* The items of an array or members of an object under key. Texts too long for a document are cut. */
void host_pack_add(struct host_pack *pack, const char *key, const cJSON *items);

/* The documents, NULL-terminated, at least one; frees pack. */
char **host_pack_end(struct host_pack *pack);

#endif
