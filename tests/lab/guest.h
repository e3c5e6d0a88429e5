/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the micro-VMM and the program in its guests agree on: guest physical memory, and what
 * lies in it. The VMM fills 'param', the guest the rest; the VMM reads that while it runs.
 */
#ifndef LAB_GUEST_H
#define LAB_GUEST_H

#include <stdint.h>

#define MAX_VCPUS 16
#define N_LOCKS 4
#define N_BUCKETS 40
#define LOG_RECORDS 65536
#define LOG_SIZE (LOG_RECORDS * 16)

/* guest physical addresses; the first GiB is mapped one to one, for CPL3 too */
#define GDT_AT 0x1000
#define TSS_AT 0x2000		/* TSS_SIZE a vCPU */
#define TSS_SIZE 0x100
#define TABLES_AT 0x10000
#define IMAGE_AT 0x100000
#define GUEST_AT 0x200000	/* struct guest */
#define STACKS_AT 0x400000	/* two of STACK_SIZE a vCPU: CPL0's, CPL3's */
#define STACK_SIZE 0x8000
#define LOGS_AT 0x600000	/* LOG_SIZE a vCPU */
#define MEMORY_SIZE (LOGS_AT + MAX_VCPUS * LOG_SIZE)

/* The same GiB, for CPL0 only: as in real kernels bit 63 of a RIP tells the level. */
#define KERNEL_HALF 0xffffffff80000000u
#define LOW_BITS 0x7fffffffu

#define KERNEL_CS 0x08
#define KERNEL_DS 0x10
#define USER_CS 0x1b
#define USER_DS 0x23

#define VECTOR_RETURN 0x80	/* CPL3 is done */
#define VECTOR_TIMER 0xec
#define VECTOR_CALL 0xfb	/* the sender waits for the answer */
#define VECTOR_CALL_MANY 0xfc	/* so it does */
#define VECTOR_RESCHED 0xfd	/* nobody waits */
#define VECTOR_SPURIOUS 0xff

#define PORT_FAULT 0xe9
#define PORT_END 0xf4

/* What a vCPU may do next. The numbers are those of pause_record.op. */
#define OPS(X) X(ipi) X(multi) X(bcast) X(pvipi) X(resched) X(lock) X(ulock) X(lockipi) \
	X(kcomp) X(ucomp) X(idle)
/* how much, drawn evenly: iterations of burn(), ns for idle_ns */
#define RANGES(X) X(cb, 200, 4000) X(cs, 2000, 40000) X(kc, 20000, 200000) \
	X(uc, 20000, 400000) X(idle_ns, 200000, 3000000) X(gap, 2000, 60000)
/* 'ple': plain looks between two PAUSEs, as there is no PAUSE filter here that counts them */
#define NUMBERS(X) X(ple, 4000) X(tick_ns, 10000000) X(nlocks, 2) X(pveoi, 0) \
	X(eoi_first, 1) X(log, 0)

#define AS_OP(name) OP_##name,
#define AS_RANGE(name, least, most) struct range name;
#define AS_NUMBER(name, value) uint32_t name;

enum op { OPS(AS_OP) N_OPS };

struct range {
	uint32_t lo, hi;
};

struct param {
	uint64_t seed;
	uint32_t vm, n_vcpus;
	uint32_t weight[N_OPS];
	RANGES(AS_RANGE)
	NUMBERS(AS_NUMBER)
};

/* Written just before a PAUSE. */
struct pause_record {
	uint64_t tsc;
	uint8_t op, vcpu;
	uint8_t blocker;	/* the first of mask */
	uint8_t queue;		/* tickets ahead of ours; 0 if no lock */
	uint32_t mask;		/* vCPUs whose progress we wait for */
};

/* What is counted, so that it can be copied when counting begins and when it ends. */
struct progress {
	uint64_t ops[N_OPS], pauses[N_OPS], wait_cycles[N_OPS], op_cycles[N_OPS];
	uint64_t work;		/* iterations of burn() that were no wait */
	uint64_t ticks, rx_call, rx_cb, rx_resched, eoi_msr, eoi_pv, logn;
	uint32_t histogram[N_OPS][N_BUCKETS];	/* by log2 of op_cycles */
};

/* %gs points at it, at both levels; entry.S knows the first two. */
struct vcpu_state {
	uint64_t kernel_rsp;	/* of the caller of enter_user() */
	uint64_t tss;
	uint64_t self;
	uint64_t random, random_irq;	/* apart: when interrupts come changes not what is drawn */
	uint32_t vcpu, idle_over;
	uint32_t user_amount, user_lock, user_done;
	uint32_t pv_eoi;	/* shared with KVM */
	uint32_t started;
	uint64_t tsc_start, tsc_done;
	struct progress progress;
} __attribute__((aligned(64)));

struct ticket_lock {
	uint32_t next, owner;
	uint32_t holder[64];	/* vCPU by ticket */
} __attribute__((aligned(64)));

struct guest {
	struct param param;
	uint32_t go, stop, failed;
	uint64_t fault[4];	/* vector, and the first words of its stack frame */
	struct ticket_lock lock[N_LOCKS];
	uint32_t request[MAX_VCPUS][MAX_VCPUS];	/* [receiver][sender]: not answered yet */
	struct vcpu_state vcpus[MAX_VCPUS];
	uint64_t idt[256][2];
};

_Static_assert(sizeof(struct pause_record) == 16, "a record of the pause log is 16 bytes");
_Static_assert(GUEST_AT + sizeof(struct guest) <= STACKS_AT, "struct guest ends below the stacks");

#endif
