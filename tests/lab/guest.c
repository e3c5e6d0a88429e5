// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * guest - what every vCPU of a micro-VM runs: it draws one thing to do after another until it is
 * told to stop, and where it has to wait for another vCPU it spins with PAUSE, as kernels do.
 *
 * Freestanding, x2APIC, no memory management and no scheduler. It is mapped twice (guest.h):
 * functions named user_* run in CPL3 at low addresses, all others in CPL0 in the high half.
 */
#include <stdbool.h>

#include "guest.h"

#define GUEST ((volatile struct guest *)(uint64_t)GUEST_AT)
#define PARAM (&((const struct guest *)(uint64_t)GUEST_AT)->param)
#define low(pointer) ((uint64_t)(pointer) & LOW_BITS)
#define read_once(x) (*(const volatile __typeof__(x) *)&(x))

enum {
	MSR_X2APIC_EOI = 0x80b,
	MSR_X2APIC_SPURIOUS = 0x80f,
	MSR_X2APIC_ICR = 0x830,
	MSR_X2APIC_TIMER = 0x832,
	MSR_X2APIC_TIMER_COUNT = 0x838,
	MSR_X2APIC_TIMER_DIVIDE = 0x83e,
	MSR_KVM_PV_EOI = 0x4b564d04,
	ICR_ASSERT = 0x4000,
	ICR_OTHERS = 0xc0000,
	KVM_HC_SEND_IPI = 10,
};

enum how { UNICASTS, SHORTHAND, HYPERCALL };

#pragma GCC visibility push(hidden)	/* else they are found by absolute addresses */
extern void enter_user(uint64_t function, uint64_t argument, uint64_t stack);
extern const char exceptions[], user_returned[];
extern const char enter_on_call[], enter_on_resched[], enter_on_timer[], enter_on_spurious[];
void on_call(void);
void on_resched(void);
void on_timer(void);
void on_spurious(void);
void guest_main(uint32_t vcpu);
void guest_fault(const uint64_t *frame);
#pragma GCC visibility pop

static inline void barrier(void)
{
	__asm__ volatile("" ::: "memory");
}

static inline uint64_t rdtsc(void)
{
	uint32_t low_half, high_half;

	__asm__ volatile("rdtsc" : "=a"(low_half), "=d"(high_half));
	return (uint64_t)high_half << 32 | low_half;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" :: "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
}

static inline void outl(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" :: "a"(value), "d"(port));
}

static inline struct vcpu_state *self(void)
{
	struct vcpu_state *me;

	__asm__("mov %%gs:16, %0" : "=r"(me));
	return me;
}

/* xorshift64*; the low bits of the product are the poor ones */
static uint32_t draw(uint64_t *random)
{
	*random ^= *random >> 12;
	*random ^= *random << 25;
	*random ^= *random >> 27;
	return (*random * 2685821657736338717u) >> 32;
}

static uint32_t draw_from(uint64_t *random, struct range range)
{
	return range.lo + draw(random) % (range.hi - range.lo + 1);
}

static void burn(uint32_t n)
{
	for (volatile uint32_t i = 0; i < n; i++)
		;
}

/* --- waiting */

static void pause_for(struct vcpu_state *me, enum op op, uint32_t mask, uint32_t queue)
{
	uint64_t n = me->progress.logn;

	me->progress.pauses[op]++;
	if (PARAM->log && n < LOG_RECORDS) {
		struct pause_record *log = (void *)(uint64_t)(LOGS_AT + me->vcpu * LOG_SIZE);

		log[n] = (struct pause_record){ .tsc = rdtsc(), .op = op, .vcpu = me->vcpu,
			.blocker = __builtin_ctz(mask), .queue = queue, .mask = mask };
		barrier();
		me->progress.logn = n + 1;
	}
	__asm__ volatile("pause" ::: "memory");
}

/* which of 'mask' have not answered me */
static uint32_t unanswered(const struct vcpu_state *me, uint32_t mask)
{
	uint32_t left = 0;

	for (uint32_t i = 0; i < PARAM->n_vcpus; i++)
		if (mask >> i & 1 && GUEST->request[i][me->vcpu])
			left |= 1u << i;
	return left;
}

/* False: told to stop. */
static bool wait_for_answers(struct vcpu_state *me, enum op op, uint32_t mask)
{
	uint64_t t0 = rdtsc();

	for (uint32_t looks = 1; (mask = unanswered(me, mask)); looks++) {
		if (GUEST->stop)
			return false;
		if (looks % PARAM->ple == 0)
			pause_for(me, op, mask, 0);
	}
	me->progress.wait_cycles[op] += rdtsc() - t0;
	return true;
}

static bool lock(struct vcpu_state *me, enum op op, struct ticket_lock *lock)
{
	uint32_t ticket = __atomic_fetch_add(&lock->next, 1, __ATOMIC_SEQ_CST), owner;
	uint64_t t0 = rdtsc();

	lock->holder[ticket % 64] = me->vcpu;
	barrier();
	for (uint32_t looks = 1; (owner = read_once(lock->owner)) != ticket; looks++) {
		if (GUEST->stop)
			return false;
		if (looks % PARAM->ple == 0)
			pause_for(me, op, 1u << read_once(lock->holder[owner % 64]),
				  ticket - owner);
	}
	me->progress.wait_cycles[op] += rdtsc() - t0;
	return true;
}

static void unlock(struct ticket_lock *lock)
{
	__atomic_store_n(&lock->owner, lock->owner + 1, __ATOMIC_RELEASE);
}

/* --- interrupts */

static void eoi(struct vcpu_state *me)
{
	bool done = false;

	if (PARAM->pveoi)
		__asm__ volatile("btrl $0, %0\n\tsetc %1" : "+m"(me->pv_eoi), "=q"(done)
				 :: "cc", "memory");
	if (done) {
		me->progress.eoi_pv++;
	} else {
		me->progress.eoi_msr++;
		wrmsr(MSR_X2APIC_EOI, 0);
	}
}

static void set_timer(uint32_t ns)
{
	wrmsr(MSR_X2APIC_TIMER_COUNT, ns);
}

void on_call(void)
{
	struct vcpu_state *me = self();

	me->progress.rx_call++;
	if (PARAM->eoi_first)
		eoi(me);
	for (uint32_t i = 0; i < PARAM->n_vcpus; i++) {
		if (!GUEST->request[me->vcpu][i])
			continue;
		burn(draw_from(&me->random_irq, PARAM->cb));
		me->progress.rx_cb++;
		GUEST->request[me->vcpu][i] = 0;
	}
	if (!PARAM->eoi_first)
		eoi(me);
}

void on_resched(void)
{
	struct vcpu_state *me = self();

	me->progress.rx_resched++;
	eoi(me);
}

void on_timer(void)
{
	struct vcpu_state *me = self();

	me->progress.ticks++;
	me->idle_over = true;
	eoi(me);
	burn(300);
	set_timer(PARAM->tick_ns);
}

void on_spurious(void)
{
}

void guest_fault(const uint64_t *frame)
{
	for (int i = 0; i < 4; i++)
		GUEST->fault[i] = frame[i];
	GUEST->failed = true;
	outl(PORT_FAULT, frame[0]);
	for (;;)
		__asm__ volatile("cli\n\thlt");
}

static void set_gate(uint32_t vector, const void *handler, uint64_t dpl)
{
	uint64_t at = (uint64_t)handler;

	GUEST->idt[vector][0] = (at & 0xffff) | KERNEL_CS << 16 | (0x8e00 | dpl << 13) << 32 |
				(at >> 16 & 0xffff) << 48;
	GUEST->idt[vector][1] = at >> 32;
}

/* Every vCPU writes the same table, so none has to wait for another's. */
static void set_up_interrupts(struct vcpu_state *me)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) idtr = { sizeof(GUEST->idt) - 1, (uint64_t)GUEST->idt };

	for (uint32_t vector = 0; vector < 32; vector++)
		set_gate(vector, exceptions + 16 * vector, 0);
	set_gate(VECTOR_RETURN, user_returned, 3);
	set_gate(VECTOR_TIMER, enter_on_timer, 0);
	set_gate(VECTOR_CALL, enter_on_call, 0);
	set_gate(VECTOR_CALL_MANY, enter_on_call, 0);
	set_gate(VECTOR_RESCHED, enter_on_resched, 0);
	set_gate(VECTOR_SPURIOUS, enter_on_spurious, 0);
	__asm__ volatile("lidt %0" :: "m"(idtr));
	wrmsr(MSR_X2APIC_SPURIOUS, 0x100 | VECTOR_SPURIOUS);
	wrmsr(MSR_X2APIC_TIMER_DIVIDE, 0xb);	/* by 1, which is a ns in KVM */
	wrmsr(MSR_X2APIC_TIMER, VECTOR_TIMER);
	if (PARAM->pveoi)
		wrmsr(MSR_KVM_PV_EOI, (uint64_t)&me->pv_eoi | 1);
	__asm__ volatile("sti");
}

/* --- things to do; each is false if it was told to stop meanwhile */

static void send(uint32_t vcpu, uint32_t vector)
{
	wrmsr(MSR_X2APIC_ICR, (uint64_t)vcpu << 32 | ICR_ASSERT | vector);
}

/* Have every vCPU of 'mask' run the callback, and wait until all did. */
static bool call_and_wait(struct vcpu_state *me, enum op op, uint32_t mask, enum how how)
{
	uint64_t result;

	for (uint32_t i = 0; i < PARAM->n_vcpus; i++)
		if (mask >> i & 1)
			GUEST->request[i][me->vcpu] = 1;
	barrier();
	switch (how) {
	case UNICASTS:
		for (uint32_t i = 0; i < PARAM->n_vcpus; i++)
			if (mask >> i & 1)
				send(i, mask & (mask - 1) ? VECTOR_CALL_MANY : VECTOR_CALL);
		break;
	case SHORTHAND:
		wrmsr(MSR_X2APIC_ICR, ICR_OTHERS | ICR_ASSERT | VECTOR_CALL_MANY);
		break;
	case HYPERCALL:
		__asm__ volatile("vmmcall" : "=a"(result)
				 : "a"(KVM_HC_SEND_IPI), "b"((uint64_t)mask), "c"(0ull), "d"(0ull),
				   "S"((uint64_t)VECTOR_CALL_MANY) : "memory");
		break;
	}
	return wait_for_answers(me, op, mask);
}

static void user_burn(struct vcpu_state *me)
{
	burn(me->user_amount);
}

static void user_lock(struct vcpu_state *me)
{
	struct ticket_lock *l = (struct ticket_lock *)&GUEST->lock[me->user_lock];

	me->user_done = lock(me, OP_ulock, l);
	if (!me->user_done)
		return;
	burn(me->user_amount);
	unlock(l);
}

static void run_user(struct vcpu_state *me, void (*function)(struct vcpu_state *), uint32_t amount)
{
	me->user_amount = amount;
	enter_user(low(function), (uint64_t)me, STACKS_AT + (2 * me->vcpu + 2) * STACK_SIZE);
}

/* Interrupts are disabled between the look at idle_over and HLT: a tick would be slept through. */
static void idle(struct vcpu_state *me)
{
	__asm__ volatile("cli");
	me->idle_over = false;
	set_timer(draw_from(&me->random, PARAM->idle_ns));
	while (!read_once(me->idle_over) && !GUEST->stop)
		__asm__ volatile("sti\n\thlt\n\tcli" ::: "memory");
	__asm__ volatile("sti");
}

static bool do_op(struct vcpu_state *me, enum op op)
{
	uint32_t n = PARAM->n_vcpus, where = draw(&me->random), which = draw(&me->random), amount;
	uint32_t other = (me->vcpu + 1 + where % (n - 1)) % n;
	uint32_t others = ((1u << n) - 1) & ~(1u << me->vcpu), some = (which | 1u << other) & others;
	struct ticket_lock *l = (struct ticket_lock *)&GUEST->lock[where % PARAM->nlocks];
	bool done;

	switch (op) {
	case OP_ipi:
		return call_and_wait(me, op, 1u << other, UNICASTS);
	case OP_multi:
		return call_and_wait(me, op, some, UNICASTS);
	case OP_bcast:
		return call_and_wait(me, op, others, SHORTHAND);
	case OP_pvipi:
		return call_and_wait(me, op, some, HYPERCALL);
	case OP_resched:
		send(other, VECTOR_RESCHED);
		return true;
	case OP_lock:
		amount = draw_from(&me->random, PARAM->cs);
		if (!lock(me, op, l))
			return false;
		burn(amount);
		me->progress.work += amount;
		unlock(l);
		return true;
	case OP_ulock:
		me->user_lock = where % PARAM->nlocks;
		run_user(me, user_lock, draw_from(&me->random, PARAM->cs));
		me->progress.work += me->user_done ? me->user_amount : 0;
		return me->user_done;
	case OP_lockipi:
		if (!lock(me, op, l))
			return false;
		done = call_and_wait(me, op, 1u << other, UNICASTS);
		unlock(l);
		return done;
	case OP_kcomp:
		amount = draw_from(&me->random, PARAM->kc);
		burn(amount);
		me->progress.work += amount;
		return true;
	case OP_ucomp:
		run_user(me, user_burn, draw_from(&me->random, PARAM->uc));
		me->progress.work += me->user_amount;
		return true;
	case OP_idle:
		idle(me);
		return true;
	default:
		return false;
	}
}

static enum op draw_op(struct vcpu_state *me)
{
	uint32_t sum = 0, at, op;

	for (op = 0; op < N_OPS; op++)
		sum += PARAM->weight[op];
	at = draw(&me->random) % sum;
	for (op = 0; at >= PARAM->weight[op]; op++)
		at -= PARAM->weight[op];
	return op;
}

static bool do_next(struct vcpu_state *me)
{
	struct progress *progress = &me->progress;
	uint32_t bucket;
	uint64_t t0, cycles;
	enum op op;

	if (PARAM->gap.hi) {
		run_user(me, user_burn, draw_from(&me->random, PARAM->gap));
		progress->work += me->user_amount;
	}
	op = draw_op(me);
	t0 = rdtsc();
	if (!do_op(me, op))
		return false;
	cycles = rdtsc() - t0;
	bucket = 63 - __builtin_clzll(cycles | 1);
	progress->op_cycles[op] += cycles;
	progress->histogram[op][bucket < N_BUCKETS ? bucket : N_BUCKETS - 1]++;
	progress->ops[op]++;
	return true;
}

void guest_main(uint32_t vcpu)
{
	struct vcpu_state *me = self();

	me->vcpu = vcpu;
	me->random = PARAM->seed * 0x9e3779b97f4a7c15u ^ (uint64_t)(PARAM->vm + 1) << 40 ^
		     (uint64_t)(vcpu + 1) << 20 ^ 0x1234567;
	me->random_irq = ~me->random;
	for (int i = 0; i < 8; i++) {	/* near seeds begin alike */
		draw(&me->random);
		draw(&me->random_irq);
	}
	set_up_interrupts(me);
	me->started = true;
	set_timer(PARAM->tick_ns / 2 + vcpu * 100000 + 1);
	while (!GUEST->go)
		__asm__ volatile("hlt");
	me->tsc_start = rdtsc();
	while (!GUEST->stop && do_next(me))
		;
	me->tsc_done = rdtsc();
	outl(PORT_END, vcpu);
	for (;;)
		__asm__ volatile("cli\n\thlt");
}
