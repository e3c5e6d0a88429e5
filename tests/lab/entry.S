/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ways into the guest's program: its start, from CPL0 to CPL3 and back, interrupts, exceptions. */

	.section .text.entry, "ax"
	.globl _start
_start:					/* %edi: which vCPU */
	call	guest_main
1:	cli
	hlt
	jmp	1b

	.text
	.hidden	guest_main, guest_fault

/* void enter_user(function, argument, end of stack): as if called, in CPL3; low addresses */
	.globl	enter_user
	.hidden	enter_user
enter_user:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, %gs:0
	mov	%gs:8, %rax
	mov	%rsp, 4(%rax)		/* TSS.RSP0: interrupts out of CPL3 push below all this */
	lea	user_return(%rip), %rax
	and	$0x7fffffff, %eax
	sub	$8, %rdx
	mov	%rax, (%rdx)
	pushq	$0x23			/* USER_DS */
	push	%rdx
	pushq	$0x202			/* interrupts enabled */
	pushq	$0x1b			/* USER_CS */
	push	%rdi
	mov	%rsi, %rdi
	iretq
user_return:
	int	$0x80			/* VECTOR_RETURN */

	.globl	user_returned
	.hidden	user_returned
user_returned:
	mov	%gs:0, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	sti
	ret

/* An interrupt, handled by a function of C. */
	.macro	interrupt function
	.globl	enter_\function
	.hidden	enter_\function, \function
enter_\function:
	.irp	register, rax, rcx, rdx, rsi, rdi, r8, r9, r10, r11
	push	%\register
	.endr
	call	\function
	.irp	register, r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax
	pop	%\register
	.endr
	iretq
	.endm

	interrupt	on_call
	interrupt	on_resched
	interrupt	on_timer
	interrupt	on_spurious

/* one of 16 bytes for each exception */
	.globl	exceptions
	.hidden	exceptions
	.balign	16
exceptions:
	.set	vector, 0
	.rept	32
	.balign	16
	pushq	$vector
	jmp	exception
	.set	vector, vector + 1
	.endr
exception:
	mov	%rsp, %rdi
	and	$-16, %rsp
	call	guest_fault

	.section .note.GNU-stack, "", @progbits
