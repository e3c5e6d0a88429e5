// SPDX-License-Identifier: GPL-2.0-or-later
/* Tokens: stable, fitting, and nothing of what they stand for left in a page. */
#include "capture/anonymize.h"

#include <event-parse.h>

#include "tests/unit/made_up_host.h"

typedef cJSON json;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(json, cJSON_Delete)

static const struct anonymize_key key = { "a key for tests, of 32 bytes: 32" };

static void expect_token(const char *token, char kind)
{
	g_assert_cmpint(strlen(token), ==, 11);
	g_assert_cmpint(token[0], ==, kind);
	g_assert_cmpint(strspn(token + 1, "0123456789abcdef"), ==, 10);
}

static void test_names(void)
{
	static const char *const stay[] = {
		"", "swapper/0", "kworker/u8:2", "kworker/3:1H", "ksoftirqd/12", "rcu_preempt", "vhost-4711",
		"CPU 0/KVM", "CPU 12/KVM", "fc_vcpu 3", "vcpu0", "migration/1",
	};
	static const char *const go[] = {
		"bash", "swapper/x", "kworker/R-nvme", "CPU 0/KVMx", "CPU x/KVM", "CPU /KVM 1", "vhost-web", "irq/24-eth0",
		"\xff\xfe", "vcpus-of-bank", "a name that is much longer than comm",
	};
	g_autofree char *again = anonymize_name(&key, ANONYMIZE_COMM, "bash");
	g_autofree char *vm = anonymize_name(&key, ANONYMIZE_VM, "bash");
	struct anonymize_key a, b;
	g_autofree char *x = NULL, *y = NULL;

	for (unsigned int i = 0; i < G_N_ELEMENTS(stay); i++) {
		g_autofree char *t = anonymize_name(&key, ANONYMIZE_COMM, stay[i]);

		g_assert_cmpstr(t, ==, stay[i]);
	}
	for (unsigned int i = 0; i < G_N_ELEMENTS(go); i++) {
		g_autofree char *t = anonymize_name(&key, ANONYMIZE_COMM, go[i]);

		expect_token(t, 'c');
		g_assert_cmpint(!strcmp(t, again), ==, i == 0);
	}
	expect_token(vm, 'v');
	g_assert_cmpstr(vm + 1, !=, again + 1);
	g_assert_true(anonymize_key_make(&a, NULL) && anonymize_key_make(&b, NULL));
	x = anonymize_name(&a, ANONYMIZE_COMM, "bash");
	y = anonymize_name(&b, ANONYMIZE_COMM, "bash");
	g_assert_cmpstr(x, !=, y);
}

static void test_paths(void)
{
	g_autofree char *t = anonymize_name(&key, ANONYMIZE_CGROUP, "/machine.slice/bank/libvirt/vcpu3");
	g_autofree char *bank = anonymize_name(&key, ANONYMIZE_CGROUP, "bank");
	g_autofree char *want = g_strconcat("/machine.slice/", bank, "/libvirt/vcpu3", NULL);
	g_autofree char *root = anonymize_name(&key, ANONYMIZE_CGROUP, "/");

	expect_token(bank, 'g');
	g_assert_cmpstr(t, ==, want);
	g_assert_cmpstr(root, ==, "/");
}

static void test_addresses(void)
{
	uint64_t user = anonymize_address(&key, 0x401000), kernel = anonymize_address(&key, 0xffffffff81000000);

	g_assert_cmpuint(anonymize_address(&key, 0), ==, 0);
	g_assert_cmpuint(user, ==, anonymize_address(&key, 0x401000));
	g_assert_cmpuint(user, !=, 0x401000);
	g_assert_cmpuint(user, !=, anonymize_address(&key, 0x401001));
	g_assert_cmpuint(user >> 47, ==, 0);
	g_assert_cmpuint(kernel >> 47, ==, 0x1ffff);
	g_assert_cmpuint(kernel, !=, 0xffffffff81000000);
}

static void test_facts(void)
{
	g_autoptr(json) facts = cJSON_Parse(
		"{\"kernel\":\"6.1\",\"vms\":[{\"tgid\":1,\"name\":\"bank\",\"uuid\":\"u-u\"}],"
		"\"vcpus\":[{\"tid\":2,\"name\":\"CPU 0/KVM\"},{\"tid\":3,\"name\":\"bank\"}],"
		"\"cgroups\":[{\"tid\":2,\"path\":\"/bank\"}],"
		"\"params\":{\"recorder.vms.0\":\"bank\",\"recorder.tool\":\"counterspin\",\"recorder.command\":\"bank\"},"
		"\"recorder\":{\"vm\":\"bank\",\"vms\":[\"bank\"],\"command\":[\"run\",\"bank\"],\"shed\":[\"kvm_msr\"]}}");
	g_autofree char *bank = anonymize_name(&key, ANONYMIZE_VM, "bank"), *printed = NULL, *text = NULL;
	const cJSON *recorder;

	anonymize_facts(&key, facts);
	text = cJSON_PrintUnformatted(facts);
	g_assert_null(strstr(text, "bank"));
	g_assert_null(strstr(text, "u-u"));
	g_assert_nonnull(strstr(text, "\"kernel\":\"6.1\""));
	g_assert_nonnull(strstr(text, "CPU 0/KVM"));
	g_assert_nonnull(strstr(text, "kvm_msr"));
	g_assert_nonnull(strstr(text, "\"recorder.tool\":\"counterspin\""));
	recorder = cJSON_GetObjectItem(facts, "recorder");
	g_assert_cmpstr(cJSON_GetStringValue(cJSON_GetObjectItem(recorder, "vm")), ==, bank);
	g_assert_cmpstr(cJSON_GetStringValue(cJSON_GetArrayItem(cJSON_GetObjectItem(recorder, "vms"), 0)), ==, bank);
}

static void test_vms(void)
{
	char *root = host_new();
	struct vm_list *list;
	struct vm_process *vm;

	host_task(root, "/proc/50", "bank", 7, "0::/bank\n");
	host_task(root, "/proc/50/task/51", "bank", 7, "0::/bank\n");
	host_fd(root, "/proc/50", 7, "anon_inode:kvm-vm");
	list = vms_find(root, NULL);
	vm = list->vms->pdata[0];
	anonymize_vms(&key, list);
	expect_token(vm->name, 'v');
	g_assert_null(vm->uuid);
	expect_token(g_array_index(vm->workers, struct vm_worker, 0).name, 'c');
	expect_token(g_array_index(vm->workers, struct vm_worker, 0).cgroup + 1, 'g');
	g_assert_true(vms_still_there(vm));
	vms_free(list);
	host_free(root);
}

#define COMMON "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n" \
	"\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n" \
	"\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n" \
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"
#define FORMAT(name, id, fields) "name: " name "\nID: " #id "\nformat:\n" COMMON fields "\nprint fmt: \"\"\n"
#define FIELD(decl, offset, size) "\tfield:" decl ";\toffset:" #offset ";\tsize:" #size ";\tsigned:0;\n"

enum { ID_MIGRATE = 10, ID_WAKING, ID_EXIT, ID_MSR, ID_CALL, ID_PRINT, ID_SECRET };

static struct tep_handle *formats(void)
{
	static const struct { const char *system, *format; } all[] = {
		/* as in 6.18 */
		{ "sched", FORMAT("sched_migrate_task", 10, FIELD("__data_loc char[] comm", 8, 4) FIELD("pid_t pid", 12, 4)) },
		{ "sched", FORMAT("sched_waking", 11, FIELD("char comm[16]", 8, 16) FIELD("pid_t pid", 24, 4)) },
		{ "kvm", FORMAT("kvm_exit", 12, FIELD("unsigned int exit_reason", 8, 4) FIELD("unsigned long guest_rip", 16, 8)
				FIELD("u32 isa", 24, 4) FIELD("u64 info1", 32, 8) FIELD("u64 info2", 40, 8)
				FIELD("unsigned int vcpu_id", 48, 4)) },
		{ "kvm", FORMAT("kvm_msr", 13, FIELD("unsigned write", 8, 4) FIELD("u32 ecx", 12, 4) FIELD("u64 data", 16, 8)) },
		{ "kvm", FORMAT("kvm_hypercall", 14, FIELD("unsigned long nr", 8, 8) FIELD("unsigned long a0", 16, 8)
				FIELD("unsigned long a1", 24, 8)) },
		{ "ftrace", FORMAT("print", 15, FIELD("unsigned long ip", 8, 8) FIELD("char buf[]", 16, 0)) },
		{ "vendor", FORMAT("secret", 16, FIELD("char comm[16]", 8, 16)) },
	};
	struct tep_handle *tep = tep_alloc();

	tep_set_loglevel(TEP_LOG_NONE);
	for (unsigned int i = 0; i < G_N_ELEMENTS(all); i++)
		g_assert_cmpint(tep_parse_event(tep, all[i].format, strlen(all[i].format), all[i].system), ==, 0);
	return tep;
}

struct page {
	unsigned char bytes[4096];
	unsigned int at;
};

/* What the pages held before is in every byte that nobody writes. */
static void page_init(struct page *p)
{
	for (unsigned int i = 0; i < sizeof(p->bytes); i++)
		p->bytes[i] = "bank"[i % 4];
	memset(p->bytes, 1, 8);
	memset(p->bytes + 8, 0, 8);
	p->at = 16;
}

static void end_page(struct page *p, uint32_t flags)
{
	uint64_t commit = (p->at - 16) | flags;

	memcpy(p->bytes + 8, &commit, sizeof(commit));
}

/* Room for an event of size bytes, as its length says; its common fields are written. */
static unsigned char *event(struct page *p, uint16_t id, uint32_t size)
{
	unsigned char *data = p->bytes + p->at + 4;
	uint32_t head = size / 4 | 3 << 5;

	g_assert_cmpint(size % 4, ==, 0);
	if (size > 112) {
		uint32_t length = size + 4;

		head = 3 << 5;
		memcpy(data, &length, 4);
		data += 4;
		p->at += 4;
	}
	memcpy(data - 4 - (size > 112 ? 4 : 0), &head, 4);
	memcpy(data, &id, 2);
	memset(data + 2, 0, 6);
	p->at += 4 + size;
	return data;
}

static void put(unsigned char *data, unsigned int offset, uint64_t v, unsigned int size)
{
	memcpy(data + offset, &v, size);
}

static uint64_t get(const unsigned char *data, unsigned int offset, unsigned int size)
{
	uint64_t v = 0;

	memcpy(&v, data + offset, size);
	return v;
}

static unsigned char *exit_event(struct page *p, uint32_t isa, uint32_t reason, uint64_t info1, uint64_t info2)
{
	unsigned char *e = event(p, ID_EXIT, 52);

	put(e, 8, reason, 4);
	put(e, 16, 0xffffffff81234567, 8);
	put(e, 24, isa, 4);
	put(e, 32, info1, 8);
	put(e, 40, info2, 8);
	put(e, 48, 3, 4);
	return e;
}

static void test_page(void)
{
	g_autofree struct page *p = g_new(struct page, 1);
	struct tep_handle *tep = formats();
	struct anonymizer *a = anonymizer_new(&key, tep);
	g_autofree char *token = anonymize_name(&key, ANONYMIZE_COMM, "bank");
	unsigned char *waking, *brief, *shorter, *npf, *pause, *msr, *apic, *ipi, *other, *print, *secret, *large, *behind;
	uint32_t discarded[2] = { 29 | 5 << 5, 24 };

	page_init(p);
	waking = event(p, ID_WAKING, 28);
	strcpy((char *)waking + 8, "bank");
	put(waking, 24, 4711, 4);
	brief = event(p, ID_MIGRATE, 24);
	put(brief, 8, 16 | 5 << 16, 4);
	put(brief, 12, 4711, 4);
	strcpy((char *)brief + 16, "bank");
	shorter = event(p, ID_MIGRATE, 20);
	put(shorter, 8, 16 | 2 << 16, 4);
	put(shorter, 12, 4711, 4);
	strcpy((char *)shorter + 16, "b");
	npf = exit_event(p, 2, 0x400, 0x14, 0x6b6e6162);
	pause = exit_event(p, 2, 0x77, 0x6b6e6162, 0);
	msr = event(p, ID_MSR, 24);
	put(msr, 8, 1, 4);
	put(msr, 12, 0xc0000102, 4);
	put(msr, 16, 0xffff88806b6e6162, 8);
	apic = event(p, ID_MSR, 24);
	put(apic, 8, 1, 4);
	put(apic, 12, 0x830, 4);
	put(apic, 16, 0x1000000fb, 8);
	ipi = event(p, ID_CALL, 32);
	put(ipi, 8, 5, 8);
	put(ipi, 16, 0, 8);
	put(ipi, 24, 7, 8);
	other = event(p, ID_CALL, 32);
	put(other, 8, 12, 8);
	put(other, 16, 0x6b6e6162, 8);
	memcpy(p->bytes + p->at, discarded, sizeof(discarded));
	p->at += 28;
	secret = event(p, ID_SECRET, 28);
	large = event(p, 4000, 200);	/* not even declared */
	print = event(p, ID_PRINT, 32);
	strcpy((char *)print + 16, "{\"a\":1}\n");
	end_page(p, 1U << 31 | 1U << 30);
	behind = p->bytes + p->at;
	put(behind, 0, 42, 8);
	g_assert_true(anonymize_page(a, p->bytes, sizeof(p->bytes)));

	g_assert_cmpstr((char *)waking + 8, ==, token);
	g_assert_cmpuint(get(waking, 24, 4), ==, 4711);
	g_assert_cmpmem(brief + 16, 4, token, 4);
	g_assert_cmpint(brief[20], ==, 0);
	g_assert_cmpuint(get(brief, 12, 4), ==, 4711);
	g_assert_cmpint(shorter[16], ==, 'c');
	g_assert_cmpint(shorter[17], ==, 0);
	g_assert_cmpuint(get(npf, 16, 8) >> 47, ==, 0x1ffff);
	g_assert_cmpuint(get(npf, 16, 8), ==, get(pause, 16, 8));
	g_assert_cmpuint(get(npf, 8, 4), ==, 0x400);
	g_assert_cmpuint(get(npf, 32, 8), ==, 0x14);
	g_assert_cmpuint(get(npf, 40, 8), ==, anonymize_address(&key, 0x6b6e6162));
	g_assert_cmpuint(get(pause, 32, 8), ==, anonymize_address(&key, 0x6b6e6162));
	g_assert_cmpuint(get(pause, 40, 8), ==, 0);
	g_assert_cmpuint(get(pause, 48, 4), ==, 3);
	g_assert_cmpuint(get(msr, 16, 8), ==, anonymize_address(&key, 0xffff88806b6e6162));
	g_assert_cmpuint(get(apic, 16, 8), ==, 0x1000000fb);
	g_assert_cmpuint(get(ipi, 24, 8), ==, 7);
	g_assert_cmpuint(get(other, 8, 8), ==, 12);
	g_assert_cmpuint(get(other, 16, 8), ==, anonymize_address(&key, 0x6b6e6162));
	g_assert_cmpuint(get(secret, 0, 8), ==, ID_SECRET);
	g_assert_cmpuint(get(secret, 8, 8), ==, 0);
	g_assert_cmpuint(get(large, 0, 8), ==, 4000);
	g_assert_cmpstr((char *)print + 16, ==, "{\"a\":1}\n");
	g_assert_cmpuint(get(behind, 0, 8), ==, 42);
	for (unsigned int i = 16; i + 4 <= sizeof(p->bytes); i++)
		g_assert_cmpint(memcmp(p->bytes + i, "bank", 4), !=, 0);
	anonymizer_free(a);
	tep_free(tep);
}

/* Whatever a page holds: no byte outside of it is touched, and what makes no sense is said. */
static void test_damaged(void)
{
	struct tep_handle *tep = formats();
	struct anonymizer *a = anonymizer_new(&key, tep);
	g_autofree struct page *p = g_new(struct page, 1);
	unsigned char *e;

	page_init(p);
	end_page(p, 0);
	g_assert_true(anonymize_page(a, p->bytes, sizeof(p->bytes)));	/* empty is fine */
	g_assert_false(anonymize_page(a, p->bytes, 15));
	put(p->bytes, 8, 5000, 8);
	g_assert_false(anonymize_page(a, p->bytes, sizeof(p->bytes)));
	page_init(p);
	event(p, ID_EXIT, 20);	/* shorter than its format */
	end_page(p, 0);
	g_assert_false(anonymize_page(a, p->bytes, sizeof(p->bytes)));
	page_init(p);
	e = event(p, ID_MIGRATE, 20);
	put(e, 8, 16 | 100 << 16, 4);	/* a name that ends elsewhere */
	end_page(p, 0);
	g_assert_false(anonymize_page(a, p->bytes, sizeof(p->bytes)));
	page_init(p);
	event(p, ID_WAKING, 28);
	p->at -= 4;
	end_page(p, 0);
	g_assert_false(anonymize_page(a, p->bytes, sizeof(p->bytes)));
	for (unsigned int n = 0; n < 20000; n++) {
		g_autofree unsigned char *exact = NULL;
		size_t size = g_test_rand_int_range(0, 400);

		page_init(p);
		while (p->at < 600)
			event(p, g_test_rand_int_range(8, 18), 4 * g_test_rand_int_range(2, 40));
		end_page(p, 0);
		for (unsigned int i = g_test_rand_int_range(0, 8); i; i--)
			p->bytes[g_test_rand_int_range(8, 400)] = g_test_rand_int_range(0, 256);
		if (size >= 16)
			put(p->bytes, 8, size - 16, 8);
		exact = g_memdup2(p->bytes, size);
		anonymize_page(a, exact, size);
	}
	anonymizer_free(a);
	tep_free(tep);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/anonymize/names", test_names);
	g_test_add_func("/anonymize/paths", test_paths);
	g_test_add_func("/anonymize/addresses", test_addresses);
	g_test_add_func("/anonymize/facts", test_facts);
	g_test_add_func("/anonymize/vms", test_vms);
	g_test_add_func("/anonymize/page", test_page);
	g_test_add_func("/anonymize/damaged", test_damaged);
	return g_test_run();
}
