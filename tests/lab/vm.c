// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vm - one micro-VM on the raw KVM API: in-kernel irqchip, vCPUs that start in 64-bit mode with
 * x2APIC on, no devices. It goes when all VMs of the run are ready, and stops by the clock.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "vm.h"

#define MS 1000000ull

#define read_once(x) (*(const volatile __typeof__(x) *)&(x))

static uint64_t mono_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void sleep_ms(unsigned int ms)
{
	g_usleep(ms * 1000);
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "lab_vmm: %s: %s\n", what, strerror(errno));
	exit(3);
}

static int kvm(int fd, unsigned long request, uintptr_t argument, const char *name)
{
	int result = ioctl(fd, request, argument);

	if (result < 0)
		die(name);
	return result;
}
#define KVM(fd, request, argument) kvm(fd, request, (uintptr_t)(argument), #request)

/* --- a vCPU's thread */

static void read_sched(struct vcpu *vcpu)
{
	g_autofree char *path = g_strdup_printf("/proc/self/task/%d/schedstat", vcpu->tid);
	g_autofree char *text = NULL;
	struct rusage usage;

	if (g_file_get_contents(path, &text, NULL, NULL))
		sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNu64, &vcpu->cpu_ns,
		       &vcpu->wait_ns, &vcpu->slices);
	getrusage(RUSAGE_THREAD, &usage);
	vcpu->nvcsw = usage.ru_nvcsw;
	vcpu->nivcsw = usage.ru_nivcsw;
}

/* There is but one exit to user space in a vCPU's life, its end. */
static void handle_exit(struct vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;
	const uint64_t *fault = vcpu->vm->guest->fault;
	struct kvm_regs regs;

	if (run->exit_reason == KVM_EXIT_IO && run->io.port == PORT_END)
		return;
	vcpu->vm->failed = true;
	if (run->exit_reason == KVM_EXIT_IO && run->io.port == PORT_FAULT) {
		fprintf(stderr, "lab_vmm: vm%u/%u: exception %" PRIu64 " in the guest: %" PRIx64
			" %" PRIx64 " %" PRIx64 "\n", vcpu->vm->number, vcpu->idx, fault[0],
			fault[1], fault[2], fault[3]);
		return;
	}
	KVM(vcpu->fd, KVM_GET_REGS, &regs);
	fprintf(stderr, "lab_vmm: vm%u/%u: exit for reason %u, suberror %u, at %llx\n",
		vcpu->vm->number, vcpu->idx, run->exit_reason, run->internal.suberror, (unsigned long long)regs.rip);
}

static void *vcpu_main(void *argument)
{
	struct vcpu *vcpu = argument;
	struct vm *vm = vcpu->vm;
	g_autofree char *name = g_strdup_printf("vm%u/%u", vm->number, vcpu->idx);
	int result;

	pthread_setname_np(pthread_self(), name);
	if (vm->run->pin) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET((vcpu->idx + vm->number) % g_get_num_processors(), &set);
		sched_setaffinity(0, sizeof(set), &set);
	}
	__atomic_store_n(&vcpu->tid, gettid(), __ATOMIC_RELEASE);
	while (!read_once(vm->run->go))
		sleep_ms(1);
	do
		result = ioctl(vcpu->fd, KVM_RUN, 0);
	while (result < 0 && (errno == EINTR || errno == EAGAIN));
	if (result < 0) {
		perror("lab_vmm: KVM_RUN");
		vm->failed = true;
	} else {
		handle_exit(vcpu);
	}
	read_sched(vcpu);
	__atomic_store_n(&vcpu->ended, true, __ATOMIC_RELEASE);
	return NULL;
}

/* --- set-up */

static void make_tables(struct vm *vm)
{
	uint64_t *gdt = (uint64_t *)(vm->memory + GDT_AT), *top = (uint64_t *)(vm->memory + TABLES_AT);
	uint64_t *low = top + 512, *high = top + 1024, *directory = top + 1536;
	const uint64_t kernel = 3, user = 7;	/* present and writable; and accessible from CPL3 */

	gdt[KERNEL_CS / 8] = 0x00af9b000000ffff;
	gdt[KERNEL_DS / 8] = 0x00cf93000000ffff;
	gdt[USER_CS / 8] = 0x00affb000000ffff;
	gdt[USER_DS / 8] = 0x00cff3000000ffff;
	top[0] = (TABLES_AT + 0x1000) | user;
	top[511] = (TABLES_AT + 0x2000) | kernel;
	low[0] = high[510] = (TABLES_AT + 0x3000) | user;
	for (uint64_t i = 0; i < 512; i++)
		directory[i] = i << 21 | 0x80 | user;
}

static struct kvm_segment segment(uint16_t selector, uint8_t type, bool code)
{
	return (struct kvm_segment){ .selector = selector, .type = type, .dpl = selector & 3,
		.s = 1, .present = 1, .l = code, .db = !code, .g = 1, .limit = 0xffffffff };
}

static void set_registers(const struct vcpu *vcpu)
{
	struct kvm_sregs s;
	struct kvm_regs r = {
		.rip = (vcpu->vm->run->low ? 0 : KERNEL_HALF) + IMAGE_AT,
		.rflags = 2,
		.rdi = vcpu->idx,
		.rsp = STACKS_AT + (2 * vcpu->idx + 1) * STACK_SIZE,
	};

	KVM(vcpu->fd, KVM_GET_SREGS, &s);
	s.cs = segment(KERNEL_CS, 11, true);
	s.ss = segment(KERNEL_DS, 3, false);
	s.ds = s.es = s.fs = s.gs = segment(USER_DS, 3, false);
	s.gs.base = vcpu->vm->guest->vcpus[vcpu->idx].self;
	s.tr = (struct kvm_segment){ .base = TSS_AT + vcpu->idx * TSS_SIZE, .limit = 0x67,
		.type = 11, .present = 1, .selector = 0x28 };
	s.ldt = (struct kvm_segment){ .unusable = 1, .type = 2 };
	s.gdt.base = GDT_AT;
	s.gdt.limit = 0x3f;
	s.cr0 = 0x80010033;	/* PG WP NE ET MP PE */
	s.cr3 = TABLES_AT;
	s.cr4 = 0x220;		/* OSFXSR PAE */
	s.efer = 0x500;		/* LMA LME */
	s.apic_base = 0xfee00c00 | (vcpu->idx == 0 ? 0x100 : 0);	/* x2APIC; the first is BSP */
	KVM(vcpu->fd, KVM_SET_SREGS, &s);
	KVM(vcpu->fd, KVM_SET_REGS, &r);
}

static void make_vcpu(struct vcpu *vcpu, struct kvm_cpuid2 *cpuid, size_t run_size)
{
	const struct kvm_mp_state runnable = { KVM_MP_STATE_RUNNABLE };	/* without INIT and SIPI */
	uint64_t tsc_offset = 0;
	const struct kvm_device_attr tsc = { .group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET, .addr = (uintptr_t)&tsc_offset };

	vcpu->fd = KVM(vcpu->vm->fd, KVM_CREATE_VCPU, vcpu->idx);
	vcpu->run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		die("mmap of a vCPU");
	for (uint32_t i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

		if (entry->function == 1) {
			entry->ebx = (entry->ebx & 0xffff) | MAX_VCPUS << 16 | vcpu->idx << 24;
			entry->ecx |= 1 << 21;	/* x2APIC */
		} else if (entry->function == 0xb || entry->function == 0x1f) {
			entry->edx = vcpu->idx;
		}
	}
	KVM(vcpu->fd, KVM_SET_CPUID2, cpuid);
	set_registers(vcpu);
	KVM(vcpu->fd, KVM_SET_MP_STATE, &runnable);
	/* the guest's TSC is the host's, so that its log can be laid beside a recording */
	if (ioctl(vcpu->fd, KVM_SET_DEVICE_ATTR, &tsc) < 0)
		perror("lab_vmm: TSC offset");
}

static void make_vm(struct vm *vm)
{
	enum { N_CPUID = 128 };
	g_autofree struct kvm_cpuid2 *cpuid =
		g_malloc0(sizeof(*cpuid) + N_CPUID * sizeof(cpuid->entries[0]));
	const struct kvm_userspace_memory_region memory = { .memory_size = MEMORY_SIZE,
		.userspace_addr = (uintptr_t)vm->memory };
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC), run_size;

	if (fd < 0)
		die("/dev/kvm");
	vm->fd = KVM(fd, KVM_CREATE_VM, 0);
	KVM(vm->fd, KVM_SET_TSS_ADDR, 0xfffbd000);
	KVM(vm->fd, KVM_CREATE_IRQCHIP, 0);
	make_tables(vm);
	memcpy(vm->memory + IMAGE_AT, vm->run->image, vm->run->image_size);
	if (vm->guest->param.log)	/* no page faults at a PAUSE */
		memset(vm->memory + LOGS_AT, 0, vm->run->n_vcpus * LOG_SIZE);
	KVM(vm->fd, KVM_SET_USER_MEMORY_REGION, &memory);
	cpuid->nent = N_CPUID;
	KVM(fd, KVM_GET_SUPPORTED_CPUID, cpuid);
	run_size = KVM(fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	for (unsigned int i = 0; i < vm->run->n_vcpus; i++) {
		vm->guest->vcpus[i].self = GUEST_AT + offsetof(struct guest, vcpus[i]);
		vm->guest->vcpus[i].tss = TSS_AT + i * TSS_SIZE;
		vm->vcpus[i] = (struct vcpu){ .vm = vm, .idx = i };
		make_vcpu(&vm->vcpus[i], cpuid, run_size);
	}
}

/* --- the run */

static void calibrate(struct vm *vm, int when)
{
	vm->tsc[when] = __rdtsc();
	vm->mono[when] = mono_ns();
}

static bool all_started(const struct vm *vm)
{
	for (unsigned int i = 0; i < vm->run->n_vcpus; i++)
		if (!read_once(vm->guest->vcpus[i].started))
			return false;
	return true;
}

static bool all_ended(const struct vm *vm)
{
	for (unsigned int i = 0; i < vm->run->n_vcpus; i++)
		if (!read_once(vm->vcpus[i].ended))
			return false;
	return true;
}

/* Or until something fails, here or in another VM. Seldom looks: what it takes is recorded, too. */
static void sleep_until(const struct vm *vm, uint64_t t_ns)
{
	uint64_t now;

	while ((now = mono_ns()) < t_ns && !read_once(vm->failed) && !read_once(vm->run->stop))
		g_usleep(MIN(t_ns - now, 10 * MS) / 1000 + 1);
}

static void let_run(struct vm *vm)
{
	for (uint64_t end = mono_ns() + 5000 * MS; !all_started(vm) && mono_ns() < end; )
		sleep_ms(1);
	vm->guest->go = true;
	vm->t_go_ns = mono_ns();
	calibrate(vm, 0);
	sleep_until(vm, vm->t_go_ns + vm->run->warm_ms * MS);
	for (unsigned int i = 0; i < vm->run->n_vcpus; i++)
		vm->vcpus[i].at_warm = vm->guest->vcpus[i].progress;
	vm->t_warm_ns = mono_ns();
	sleep_until(vm, vm->t_warm_ns + vm->run->ms * MS);
	for (unsigned int i = 0; i < vm->run->n_vcpus; i++)
		vm->vcpus[i].at_stop = vm->guest->vcpus[i].progress;
	vm->t_stop_ns = mono_ns();
	vm->guest->stop = true;
	calibrate(vm, 1);
}

static void wait_for_end(struct vm *vm)
{
	for (uint64_t end = mono_ns() + 5000 * MS; !all_ended(vm) && mono_ns() < end; )
		sleep_ms(1);
	if (all_ended(vm))
		return;
	fprintf(stderr, "lab_vmm: vm%u does not end\n", vm->number);
	vm->failed = true;
}

void vm_main(struct vm *vm)
{
	pthread_t thread;

	prctl(PR_SET_PDEATHSIG, SIGKILL);	/* no VM outlives the run */
	vm->pid = getpid();
	make_vm(vm);
	for (unsigned int i = 0; i < vm->run->n_vcpus; i++)
		if (pthread_create(&thread, NULL, vcpu_main, &vm->vcpus[i]))
			die("pthread_create");
	for (unsigned int i = 0; i < vm->run->n_vcpus; i++)
		while (!__atomic_load_n(&vm->vcpus[i].tid, __ATOMIC_ACQUIRE))
			sleep_ms(1);
	__atomic_fetch_add(&vm->run->n_ready, 1, __ATOMIC_SEQ_CST);
	while (!read_once(vm->run->go))
		sleep_ms(1);
	let_run(vm);
	wait_for_end(vm);
	exit(vm->failed ? 3 : 0);
}
