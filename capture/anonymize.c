// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/anonymize.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

enum { TOKEN_DIGITS = 10 };

bool anonymize_key_make(struct anonymize_key *key, GError **error)
{
	/* so few bytes come at once or not at all */
	if (getrandom(key->bytes, sizeof(key->bytes), 0) == sizeof(key->bytes))
		return true;
	g_set_error(error, ANONYMIZE_ERROR, 0, "cannot make a key: %s", g_strerror(errno));
	return false;
}

/* HMAC of kind and bytes; digest has 32 bytes. */
static void digest_of(const struct anonymize_key *key, char kind, const void *bytes, size_t len, guint8 *digest)
{
	GHmac *hmac = g_hmac_new(G_CHECKSUM_SHA256, key->bytes, sizeof(key->bytes));
	gsize size = 32;

	g_hmac_update(hmac, (const guchar *)&kind, 1);
	g_hmac_update(hmac, bytes, len);
	g_hmac_get_digest(hmac, digest, &size);
	g_hmac_unref(hmac);
}

static char *token(const struct anonymize_key *key, enum anonymize_kind kind, const char *text)
{
	GString *t = g_string_new(NULL);
	guint8 digest[32];

	digest_of(key, kind, text, strlen(text), digest);
	g_string_append_c(t, kind);
	for (unsigned int i = 0; i < TOKEN_DIGITS / 2; i++)
		g_string_append_printf(t, "%02x", digest[i]);
	return g_string_free(t, FALSE);
}

/* Is text one of the words, followed by numbers at most? */
static bool is_word_and_numbers(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (g_str_has_prefix(text, *words)) {
			const char *rest = text + strlen(*words);

			if (!rest[strspn(rest, "0123456789/:uUH")])
				return true;
		}
	return false;
}

static bool says_no_name(const char *comm)
{
	static const char *const words[] = {
		/* kernel threads */
		"swapper/", "kthreadd", "ksoftirqd/", "migration/", "cpuhp/", "idle_inject/", "kworker/", "kswapd",
		"kcompactd", "khugepaged", "ksmd", "khungtaskd", "oom_reaper", "watchdog/", "watchdogd", "rcu_preempt",
		"rcu_sched", "rcu_bh", "rcuc/", "rcub/", "rcuog/", "rcuop/", "rcuos/", "ktimers/", "vhost-", "kvm-pit/",
		"kvm-nx-lpage-re",
		/* vCPUs: see vms.c */
		"fc_vcpu ", "vcpu", "crosvm_vcpu", "kvm-vcpu-", NULL
	};

	if (g_str_has_prefix(comm, "CPU ") && g_str_has_suffix(comm, "/KVM"))
		return strspn(comm + strlen("CPU "), "0123456789") == strlen(comm) - strlen("CPU /KVM");
	return is_word_and_numbers(comm, words);
}

static bool is_common_component(const char *component)
{
	static const char *const words[] = { "vcpu", "iothread", NULL };
	static const char *const whole[] = {
		"", "machine.slice", "system.slice", "user.slice", "init.scope", "machine", "libvirt", "emulator",
		"kubepods", "kubepods.slice", NULL
	};

	return g_strv_contains(whole, component) || is_word_and_numbers(component, words);
}

char *anonymize_name(const struct anonymize_key *key, enum anonymize_kind kind, const char *text)
{
	g_auto(GStrv) part = NULL;

	if (!*text || (kind == ANONYMIZE_COMM && says_no_name(text)))
		return g_strdup(text);
	if (kind != ANONYMIZE_CGROUP)
		return token(key, kind, text);
	part = g_strsplit(text, "/", -1);
	for (char **p = part; *p; p++)
		if (!is_common_component(*p)) {
			char *t = token(key, kind, *p);

			g_free(*p);
			*p = t;
		}
	return g_strjoinv("/", part);
}

uint64_t anonymize_address(const struct anonymize_key *key, uint64_t address)
{
	const uint64_t low = (UINT64_C(1) << 47) - 1;
	guint8 digest[32];
	uint64_t t;

	if (!address)
		return 0;
	digest_of(key, 'a', &address, sizeof(address), digest);
	memcpy(&t, digest, sizeof(t));
	return (address >> 63 ? ~low : 0) | (t & low);
}

static void replace(const struct anonymize_key *key, enum anonymize_kind kind, char **text)
{
	char *t = *text ? anonymize_name(key, kind, *text) : NULL;

	g_free(*text);
	*text = t;
}

void anonymize_vms(const struct anonymize_key *key, struct vm_list *list)
{
	for (guint i = 0; i < list->vms->len; i++) {
		struct vm_process *vm = list->vms->pdata[i];

		replace(key, ANONYMIZE_VM, &vm->name);
		replace(key, ANONYMIZE_VM, &vm->uuid);
		for (guint j = 0; j < vm->vcpus->len; j++) {
			struct vm_vcpu *v = &g_array_index(vm->vcpus, struct vm_vcpu, j);

			replace(key, ANONYMIZE_COMM, &v->name);
			replace(key, ANONYMIZE_CGROUP, &v->cgroup);
		}
		for (guint j = 0; j < vm->workers->len; j++) {
			struct vm_worker *w = &g_array_index(vm->workers, struct vm_worker, j);

			replace(key, ANONYMIZE_COMM, &w->name);
			replace(key, ANONYMIZE_CGROUP, &w->cgroup);
		}
	}
}

/* What the texts under a key are: "recorder.command.3" is a "command". 0: no names */
static int kind_of(const char *array, const char *key)
{
	static const struct { const char *array, *key; enum anonymize_kind kind; } kinds[] = {
		{ "vms", "name", ANONYMIZE_VM }, { "vms", "uuid", ANONYMIZE_VM },
		{ "vcpus", "name", ANONYMIZE_COMM }, { "cgroups", "path", ANONYMIZE_CGROUP },
		{ NULL, "vm", ANONYMIZE_VM }, { NULL, "vms", ANONYMIZE_VM }, { NULL, "command", ANONYMIZE_TEXT },
		{ NULL, "output", ANONYMIZE_TEXT }, { NULL, "host", ANONYMIZE_TEXT },
		{ NULL, "user", ANONYMIZE_TEXT }, { NULL, "directory", ANONYMIZE_TEXT },
	};
	const char *word = g_str_has_prefix(key, "recorder.") ? key + strlen("recorder.") : key;
	size_t len = strcspn(word, ".");

	for (unsigned int i = 0; i < G_N_ELEMENTS(kinds); i++)
		if ((!kinds[i].array || (array && !strcmp(array, kinds[i].array))) &&
		    len == strlen(kinds[i].key) && !strncmp(word, kinds[i].key, len))
			return kinds[i].kind;
	return 0;
}

/* array: the key of the array that v is in, directly or by an object; key: its own or the array's */
static void anonymize_value(const struct anonymize_key *key, cJSON *v, const char *array, const char *name)
{
	int kind = name ? kind_of(array, name) : 0;
	cJSON *item;

	if (cJSON_IsString(v)) {
		g_autofree char *t = kind ? anonymize_name(key, kind, v->valuestring) : NULL;

		if (t)
			cJSON_SetValuestring(v, t);
		return;
	}
	cJSON_ArrayForEach(item, v) {
		if (cJSON_IsArray(v))
			anonymize_value(key, item, name, name);
		else
			anonymize_value(key, item, array, item->string);
	}
}

void anonymize_facts(const struct anonymize_key *key, cJSON *facts)
{
	anonymize_value(key, facts, NULL, NULL);
}
