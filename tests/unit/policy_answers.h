/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_answers - every policy at hand-made decisions. Tables, one row per case; what is
 * expected was worked out from reference/directed-yield.md (2 to 5), not from the
 * code. What the reference cannot say about series v3 follows its 7.1(a).
 *
 * vcpus: one word each; "64*RPK" is 64 alike; "me" or "me:LETTERS" is the spinner.
 *	R ready		P preempted	K (preempted) in kernel		B blocking
 *	I dy_runnable	Q pending_irq	C on a CPU: yield gives 0	S in_spin_loop
 *	E dy_eligible	. none of these	n (last ran) on another NUMA node
 *	A alone on its run queue; with "me:A" the yield gives -3 (-ESRCH)
 *	=1 =0 =-3	this result was observed; "=?": an attempt, but not its result
 *	R? r?		not known, and read as set, as clear; likewise every letter but A
 * last: last_boosted_vcpu; -1: not known.
 * given: "user" yield_to_kernel_mode is 0, else 1; "mode?" it is not known; "0>2:40@5" vCPU 0 sends
 *	vector 40 to 2 at 5 ns; "eoi2:40@9"; "reset2"; "unknown0@5" what 0 sent up to 5 is not known;
 *	"probed>2@5" the spinner's context as a probe saw it; "now@9" the decision's time; "hint0>2" the guest
 *	says that vCPU 0 waits for 2. Not given:
 *	the vector is 40, the time the previous one's or 0, now is 50. ipi_window_ns is 100 by default.
 * expect: what became of each vCPU looked at, in order: why it was passed over ("1:blocking") or what the
 *	yield gave ("1=0"); "1..3" is 1, 2, 3 alike; "/" begins another round; "?" once it hangs on
 *	something not known. Then "-> pick" ("?": uncertain); "stored=" if last_boosted_vcpu becomes
 *	something else; dy_eligible after the scan: the set ones (E1) and those not known (E1? e1?).
 */
#ifndef TESTS_UNIT_POLICY_ANSWERS_H
#define TESTS_UNIT_POLICY_ANSWERS_H

#include "replay/policy.h"

#define TWO_PASS "stock:stock_variant=two-pass"
#define COUNTER "stock:stock_variant=loop-counter"
#define SINGLE "stock:stock_variant=single-loop"
#define STOCK TWO_PASS " | " COUNTER " | " SINGLE
#define V12(policy) policy ":series=v1 | " policy ":series=v2"
#define V3(policy) policy ":series=v3"
#define SERIES(policy, more) policy ":series=v1" more " | " policy ":series=v2" more " | " V3(policy) more
#define AWARE12 V12("ipi-aware")
#define AWARE3 V3("ipi-aware")
#define AWARE AWARE12 " | " AWARE3
#define ROUNDS12 V12("relaxed") " | " V12("ipi-aware+relaxed")
#define ROUNDS3 V3("relaxed") " | " V3("ipi-aware+relaxed")
#define ROUNDS ROUNDS12 " | " ROUNDS3
#define TRACKER AWARE " | " V12("ipi-aware+relaxed") " | " V3("ipi-aware+relaxed")
#define FIRST V12("receiver-first") " | " V3("receiver-first")
#define CHAIN V12("ipi-chain") " | " V3("ipi-chain")
#define NUMA12 V12("numa")
#define NUMA3 V3("numa")
#define NUMA NUMA12 " | " NUMA3
#define HINTS V12("guest-hints") " | " V3("guest-hints")
#define ADAPTIVE V12("adaptive-window") " | " V3("adaptive-window")
#define PATCHED AWARE " | " ROUNDS
#define ONE_ROUND STOCK " | " AWARE
#define ONE_LOOP SINGLE " | " PATCHED
#define ALL STOCK " | " PATCHED				/* all whose first scan decides alike */
#define ALL_IDX TWO_PASS " | " ONE_LOOP			/* ... and store the index */

struct row {
	const char *name;
	const char *policies;	/* as on the command line; "P on loop-counter": the recorded kernel */
	const char *vcpus;
	int last;
	const char *given, *expect;
};

static const struct row rows[] = {
	/* F1, F2: ready; not blocking unless an interrupt waits */
	{ "f1_not_ready", ALL, "PK RPK me", 2, "", "0:not_ready 1=1 -> 1" },
	{ "f2_blocking", ALL, "RPKB RPK me", 2, "", "0:blocking 1=1 -> 1" },
	{ "f2_interrupt_waits", ALL, "RPKBI RPK me", 2, "", "0=1 -> 0" },
	{ "f1_despite_pending_irq", ALL, "PKQ RPK me", 2, "", "0:not_ready 1=1 -> 1" },

	/* F3: only if preempted, only if yielding to kernel mode, not if an interrupt is pending */
	{ "f3_user_mode", ALL, "RP RPK me", 2, "", "0:user_mode 1=1 -> 1" },
	{ "f3_off_for_user", ALL, "RP RPK me", 2, "user", "0=1 -> 0" },
	{ "f3_pending_irq_exempts", ALL, "RPQ RPK me", 2, "", "0=1 -> 0" },
	{ "f3_woken_passes", STOCK, "R RPK me", 2, "", "0=1 -> 0" },
	{ "f3_woken_passes_user", STOCK, "R RPK me", 2, "user", "0=1 -> 0" },

	/* the order is last+1 ... last, without the spinner */
	{ "order", ONE_ROUND, "P P me P", 1, "", "2:self 3:not_ready 0..1:not_ready -> nobody" },
	{ "order_last_is_last", ALL_IDX, "P RPK me P", 1, "", "2:self 3:not_ready 0:not_ready 1=1 -> 1" },
	{ "order_wraps", ALL_IDX, "RPK RPK me P", 1, "", "2:self 3:not_ready 0=1 -> 0" },
	{ "self_is_skipped", ALL, "me:RPK RPK .", 2, "", "0:self 1=1 -> 1" },
	{ "self_alone_wanted", ONE_ROUND, "me:RPKQ .", 1, "", "0:self 1:not_ready -> nobody" },
	{ "one_vcpu", COUNTER " | " ONE_LOOP, "me", 0, "", "-> nobody" },
	{ "one_vcpu_no_early_return", TWO_PASS, "me", 0, "", "0:self -> nobody" },

	/* results: 1 ends, 0 is free, the third -ESRCH ends */
	{ "on_cpu_gives_0", ALL, "RPKC RPK me", 2, "", "0=0 1=1 -> 1" },
	{ "zeros_are_unlimited", ALL, "5*RPKC RPK me", 6, "", "0..4=0 5=1 -> 5" },
	{ "two_esrch_leave_one", ALL, "2*RPKA RPK me:A", 3, "", "0..1=-3 2=1 -> 2" },
	{ "three_esrch_end", ONE_ROUND, "3*RPKA RPK me:A", 4, "", "0..2=-3 -> nobody" },
	{ "zeros_are_free", ALL, "RPKA RPKC RPKA RPKC RPK me:A", 5, "", "0=-3 1=0 2=-3 3=0 4=1 -> 4" },
	{ "esrch_needs_both_alone", ALL, "RPKA me", 1, "", "0=1 -> 0" },
	{ "esrch_needs_target_alone", ALL, "RPK me:A", 1, "", "0=1 -> 0" },
	{ "esrch_is_tested_before_on_cpu", ONE_ROUND, "RPKAC me:A", 1, "", "0=-3 1:self -> nobody" },
	{ "observed_result_goes_first", ALL, "RPK=-3 RPK=0 RPKC=1 me", 3, "", "0=-3 1=0 2=1 -> 2" },
	{ "observed_result_lost", ALL, "RPKC=? RPK me", 2, "", "0=0 1=1 -> 1" },

	/* F4: a spinning target is refused and armed, then taken and disarmed */
	{ "f4_refused_and_armed", ALL, "RPKS RPK me", 2, "", "0:not_eligible 1=1 -> 1 E0" },
	{ "f4_taken_and_disarmed", ALL, "RPKSE RPK me", 2, "", "0=1 -> 0" },
	{ "f4_disarmed_though_result_0", ALL, "RPKSEC RPK me", 2, "", "0=0 1=1 -> 1" },
	{ "f4_untouched_if_not_spinning", ALL, "RPKE RPK me", 2, "", "0=1 -> 0 E0" },
	{ "f4_only_after_f1_f2_f3", ALL, "PKS RPKBS RPS RPKS RPK me", 5, "",
	  "0:not_ready 1:blocking 2:user_mode 3:not_eligible 4=1 -> 4 E3" },
	{ "f4_stays_armed_before_f4", ALL, "PKSE RPKBSE RPSE RPK me", 4, "",
	  "0:not_ready 1:blocking 2:user_mode 3=1 -> 3 E0 E1 E2" },
	{ "f4_not_after_the_pick", ALL, "RPK RPKS RPKSE me", 3, "", "0=1 -> 0 E2" },
	{ "f4_not_after_third_esrch", ONE_ROUND, "3*RPKA RPKS me:A", 4, "", "0..2=-3 -> nobody" },
	{ "f4_never_of_self", ALL, "me:RPKSE RPK .", 2, "", "0:self 1=1 -> 1 E0" },
	{ "f4_refusal_is_not_charged", ALL, "3*RPKS 2*RPKA RPK me:A", 6, "",
	  "0..2:not_eligible 3..4=-3 5=1 -> 5 E0 E1 E2" },

	/* two passes: the second is entered only if the first ended in 0 or tried nobody */
	{ "passes_esrch_last", TWO_PASS, "RPK me:A . RPKA", 1, "", "2:not_ready 3=-3 -> nobody" },
	{ "passes_esrch_last", ONE_LOOP, "RPK me:A . RPKA", 1, "", "2:not_ready 3=-3 0=1 -> 0" },
	{ "passes_0_then_esrch", TWO_PASS, "RPK me:A RPKC RPKA", 1, "", "2=0 3=-3 -> nobody" },
	{ "passes_0_then_esrch", ONE_LOOP, "RPK me:A RPKC RPKA", 1, "", "2=0 3=-3 0=1 -> 0" },
	{ "passes_esrch_before_refusals", TWO_PASS, "RPK me:A RPKA . RPKS", 1, "",
	  "2=-3 3:not_ready 4:not_eligible -> nobody E4" },
	{ "passes_esrch_then_0", ALL_IDX, "RPK me:A RPKA RPKC", 1, "", "2=-3 3=0 0=1 -> 0" },
	{ "passes_nobody_tried", ALL_IDX, "RPK me . RP", 1, "", "2:not_ready 3:user_mode 0=1 -> 0" },
	{ "passes_budget", ONE_ROUND, "RPKA RPK me:A RPKA RPKA RPKC", 2, "", "3..4=-3 5=0 0=-3 -> nobody" },
	{ "passes_last_0", TWO_PASS, "RPK me:A RPKC RPKA", 0, "", "1:self 2=0 3=-3 -> nobody" },
	{ "passes_last_0", ONE_LOOP, "RPK me:A RPKC RPKA", 0, "", "1:self 2=0 3=-3 0=1 -> 0" },
	{ "passes_last_0_result_0", ALL_IDX, "RPK me RPKC .", 0, "", "1:self 2=0 3:not_ready 0=1 -> 0" },
	{ "passes_last_n-1_are_one", ALL, "RPKA me:A RPKA RPK", 3, "", "0=-3 1:self 2=-3 3=1 -> 3" },

	/* 6.13 to 6.18.2 store how far the scan came; the patches have the fix or its base has */
	{ "distance", COUNTER, "P RPK me P", 1, "", "2:self 3:not_ready 0:not_ready 1=1 -> 1 stored=3" },
	{ "distance_0", COUNTER, "me RPK", 0, "", "1=1 -> 1 stored=0" },
	{ "distance_wrapped", COUNTER, "RPK me:A RPKA RPKC", 1, "", "2=-3 3=0 0=1 -> 0 stored=2" },
	{ "distance_with_self", COUNTER, "me RPK . .", 3, "", "0:self 1=1 -> 1" },
	{ "counter_no_passes", COUNTER, "RPK me:A . RPKA", 1, "", "2:not_ready 3=-3 0=1 -> 0 stored=2" },
	{ "stock_stores_as_recorded", "stock on loop-counter", "me RPK", 0, "", "1=1 -> 1 stored=0" },
	{ "patches_store_idx", "ipi-aware:series=v1 on loop-counter | relaxed:series=v2 on loop-counter",
	  "me RPK", 0, "", "1=1 -> 1" },

	/* the IPI-aware filter in the place of F3 (4.5) */
	{ "receiver_in_user_mode", TRACKER, "me RP RP", 0, "0>2", "1:user_mode 2=1 -> 2" },
	{ "receiver_woken", TRACKER, "me R R", 0, "0>2", "1:not_preempted 2=1 -> 2" },
	{ "filter_is_no_sort", TRACKER, "me RPK RP", 0, "0>2", "1=1 -> 1" },
	{ "receiver_runs", TRACKER, "me C RPK", 0, "0>1", "1:not_ready 2=1 -> 2" },
	{ "receiver_blocks", TRACKER, "me RB RPK", 0, "0>1", "1:blocking 2=1 -> 2" },
	{ "receiver_blocks_irq_waits", TRACKER, "me RBI RPK", 0, "0>1", "1=1 -> 1" },
	{ "receiver_spins", TRACKER, "me RPS RPK", 0, "0>1", "1:not_eligible 2=1 -> 2 E1" },
	{ "receiver_spins_armed", TRACKER, "me RPSE RPK", 0, "0>1", "1=1 -> 1" },
	{ "receiver_stale_ready", TRACKER, "me RC RPK", 0, "0>1", "1=0 2=1 -> 2" },
	{ "woken_is_rejected", PATCHED, "me R RPK", 0, "", "1:not_preempted 2=1 -> 2" },
	{ "woken_is_rejected_user", PATCHED, "me R RP", 0, "user", "1:not_preempted 2=1 -> 2" },
	{ "woken_pending_irq", PATCHED, "me RQ RPK", 0, "", "1=1 -> 1" },
	{ "pending_irq_before_receiver", TRACKER, "me RPQ RP", 0, "0>2", "1=1 -> 1" },
	{ "receiver_of_another", TRACKER, "me RP RPK", 0, "2>1", "1:user_mode 2=1 -> 2" },
	{ "sender_is_no_receiver", TRACKER, "me RP RPK", 0, "1>0", "1:user_mode 2=1 -> 2" },
	{ "window_inclusive", TRACKER, "me RP RPK", 0, "0>1@7 now@107", "1=1 -> 1" },
	{ "window_closed", TRACKER, "me RP RPK", 0, "0>1@7 now@108", "1:user_mode 2=1 -> 2" },
	{ "window_0_at_once", SERIES("ipi-aware", ",ipi_window_ns=0"), "me RP RPK", 0, "0>1@7 now@7",
	  "1=1 -> 1" },
	{ "window_0", SERIES("ipi-aware", ",ipi_window_ns=0"), "me RP RPK", 0, "0>1@7 now@8",
	  "1:user_mode 2=1 -> 2" },
	{ "window_50ms", SERIES("ipi-aware", ",ipi_window_ns=50000000"), "me RP RPK", 0,
	  "0>1@5000000000 now@5050000000", "1=1 -> 1" },
	{ "tracking_off", SERIES("ipi-aware", ",ipi_tracking_enabled=0"), "me RP RP", 0, "0>1",
	  "1..2:user_mode 0:self -> nobody" },
	{ "one_slot", TRACKER, "me RP RP", 0, "0>1 0>2:41@5", "1:user_mode 2=1 -> 2" },
	{ "second_send_renews_the_time", TRACKER, "me RP RPK", 0, "0>1 0>1@90 now@150", "1=1 -> 1" },
	{ "own_receipt_keeps_the_send", TRACKER, "me RP RP", 0, "0>2 1>0:50@5", "1:user_mode 2=1 -> 2" },
	{ "probed_context", TRACKER, "me RP RP", 0, "0>1 probed>2@10", "1:user_mode 2=1 -> 2" },
	{ "relaxed_tracks_nothing", SERIES("relaxed", ""), "me RP RP", 0, "0>2 probed>2@0",
	  "1..2:user_mode 0:self / 1=1 -> 1" },
	{ "stock_tracks_nothing", STOCK, "RP RPK me", 2, "2>0 probed>0@0", "0:user_mode 1=1 -> 1" },

	/* what an EOI does to the next decision (all of it: second table) */
	{ "eoi_by_receiver", AWARE, "me RP RPK", 0, "0>1 eoi1", "1:user_mode 2=1 -> 2" },
	{ "eoi_other_vector", AWARE12, "me RP RPK", 0, "0>1 eoi1:236", "1:user_mode 2=1 -> 2" },
	{ "eoi_other_vector", AWARE3, "me RP RPK", 0, "0>1 eoi1:236", "1=1 -> 1" },
	{ "eoi_by_spinner", AWARE12, "me RP RPK", 0, "0>1 eoi0:236", "1:user_mode 2=1 -> 2" },
	{ "eoi_by_spinner", AWARE3, "me RP RPK", 0, "0>1 eoi0:236", "1=1 -> 1" },
	{ "eoi_then_sent_again", AWARE, "me RP RPK", 0, "0>1 eoi1 0>1@20", "1=1 -> 1" },
	{ "reset_of_spinner", AWARE, "me RP RPK", 0, "0>1 reset0", "1:user_mode 2=1 -> 2" },

	/* the second round (5) */
	{ "round2_after_empty_round1", ROUNDS, "me RP", 0, "", "1:user_mode 0:self / 1=1 -> 1" },
	{ "round2_after_result_0", ROUNDS, "me RPKC RP", 0, "", "1=0 2:user_mode 0:self / 1=0 2=1 -> 2" },
	{ "round2_not_after_success", ROUNDS, "me RP RPK", 0, "", "1:user_mode 2=1 -> 2" },
	{ "round2_order", ROUNDS, "me RP RP RP", 1, "", "2..3:user_mode 0:self 1:user_mode / 2=1 -> 2" },
	{ "round2_f1_f2", ROUNDS, "me PK RPB RPBI", 0, "",
	  "1:not_ready 2:blocking 3:user_mode 0:self / 1:not_ready 2:blocking 3=1 -> 3" },
	{ "round2_woken", ROUNDS, "me R RBI", 0, "",
	  "1..2:not_preempted 0:self / 1..2:not_preempted 0:self -> nobody" },
	{ "round2_woken_user_spinner", ROUNDS, "me R", 0, "user",
	  "1:not_preempted 0:self / 1:not_preempted 0:self -> nobody" },
	{ "round2_woken_irq", ROUNDS, "me RQC", 0, "", "1=0 0:self / 1:not_preempted 0:self -> nobody" },
	{ "round2_woken_receiver", SERIES("ipi-aware+relaxed", ""), "me RC RP", 0, "0>1",
	  "1=0 2:user_mode 0:self / 1:not_preempted 2=1 -> 2" },
	{ "round2_receiver_runs", SERIES("ipi-aware+relaxed", ""), "me C RP", 0, "0>1",
	  "1:not_ready 2:user_mode 0:self / 1:not_ready 2=1 -> 2" },
	{ "round2_takes_armed", ROUNDS, "me RPKS", 0, "", "1:not_eligible 0:self / 1=1 -> 1" },
	{ "round2_arms", ROUNDS, "me RPS", 0, "",
	  "1:user_mode 0:self / 1:not_eligible 0:self -> nobody E1" },
	{ "round2_refuses_tried", ROUNDS, "me:A RPKSEA", 0, "",
	  "1=-3 0:self / 1:not_eligible 0:self -> nobody E1" },
	{ "round2_woken_armed", ROUNDS, "me RQS", 0, "",
	  "1:not_eligible 0:self / 1:not_preempted 0:self -> nobody E1" },
	{ "round2_off", SERIES("ipi-aware+relaxed", ",enable_relaxed_boost=0"), "me RP", 0, "",
	  "1:user_mode 0:self -> nobody" },
	{ "round2_none_in_ipi_aware", AWARE, "me RP", 0, "", "1:user_mode 0:self -> nobody" },
	{ "round2_with_one_left", ROUNDS, "me:A 2*RPKA RPA RP", 0, "",
	  "1..2=-3 3..4:user_mode 0:self / 1=-3 -> nobody" },
	{ "round2_with_none_left", ROUNDS3, "me:A 3*RPKA RP", 0, "", "1..3=-3 -> nobody" },
	{ "round2_with_none_left", ROUNDS12, "me:A 3*RPKA RP", 0, "", "1..3=-3 / 1..3=-3 4=1 -> 4" },
	{ "round2_doubts_what_it_looks_at", ROUNDS12, "me:A 3*RPKA RPk?", 0, "",
	  "1..3=-3 / 1..3=-3 4=1 -> 4" },
	{ "round2_past_zero", ROUNDS12, "me:A 3*RPKA 3*RPA RP", 0, "", "1..3=-3 / 1..6=-3 7=1 -> 7" },
	{ "one_vcpu_no_rounds", ROUNDS " | " FIRST, "me", 0, "", "-> nobody" },

	/* receiver-first, and none */
	{ "first_beats_earlier", FIRST, "me RPK RP", 0, "0>2", "1:not_receiver 2=1 -> 2" },
	{ "first_woken", FIRST, "me RPK R", 0, "0>2", "1:not_receiver 2=1 -> 2" },
	{ "first_not_ready", FIRST, "me RPK C", 0, "0>2", "1:not_receiver 2:not_ready 0:self / 1=1 -> 1" },
	{ "first_spins", FIRST, "me RP RPS", 0, "0>2",
	  "1:not_receiver 2:not_eligible 0:self / 1:user_mode 2=1 -> 2" },
	{ "first_no_ipi", FIRST, "me RPK", 0, "", "1:not_receiver 0:self / 1=1 -> 1" },
	{ "first_too_late", FIRST, "me RPK RP", 0, "0>2 now@101", "1..2:not_receiver 0:self / 1=1 -> 1" },
	{ "first_to_relaxed", FIRST, "me RP", 0, "",
	  "1:not_receiver 0:self / 1:user_mode 0:self / 1=1 -> 1" },
	{ "first_shares_the_budget", V3("receiver-first"), "me:A 2*RPKA RPKA RP", 0, "0>3",
	  "1..2:not_receiver 3=-3 4:not_receiver 0:self / 1..2=-3 -> nobody" },
	{ "first_shares_the_budget", V12("receiver-first"), "me:A 2*RPKA RPKA RP", 0, "0>3",
	  "1..2:not_receiver 3=-3 4:not_receiver 0:self / 1..2=-3 / 1..3=-3 4=1 -> 4" },
	/* ipi-chain: over vCPUs that spin to the first that does not */
	{ "chain_of_one", CHAIN, "me RPK RP", 0, "0>2", "2=1 -> 2" },
	{ "chain_of_two", CHAIN, "me RPK RPS RP", 0, "0>2 2>3", "3=1 -> 3" },
	{ "chain_of_three", CHAIN, "me RPKS RPS RP RPS", 0, "0>2 2>4 4>3", "3=1 -> 3" },
	{ "chain_too_long", CHAIN, "me RPS RPS RPS RPK", 0, "0>1 1>2 2>3 3>4",
	  "/ 1:not_eligible 2..3:user_mode 4=1 -> 4 E1" },
	{ "chain_leads_back", CHAIN, "me RPS RPK", 0, "0>1 1>0", "/ 1:not_eligible 2=1 -> 2 E1" },
	{ "chain_ends_asleep", CHAIN, "me RPKS B RPK", 0, "0>1 1>2", "/ 1:not_eligible 2:not_ready 3=1 -> 3 E1" },
	{ "chain_too_late", CHAIN, "me RP RPK", 0, "0>1 now@101", "/ 1:user_mode 2=1 -> 2" },
	{ "chain_on_cpu", CHAIN, "me RPK RPC", 0, "0>2", "2=0 / 1=1 -> 1" },

	/* guest-hints: the same along hints, however old, after which the tracker counts */
	{ "hint_of_one", HINTS, "me RPK RP", 0, "hint0>2", "2=1 -> 2" },
	{ "hint_beats_the_tracker", HINTS, "me RP RP", 0, "0>1 hint0>2", "2=1 -> 2" },
	{ "hint_wants_no_tracking", V3("guest-hints") ",ipi_tracking_enabled=0", "me RPK RP", 0, "hint0>2", "2=1 -> 2" },
	{ "hint_of_a_spinner", HINTS, "me RPK RPS RP", 0, "hint0>2 hint2>3", "3=1 -> 3" },
	{ "hint_too_long", HINTS, "me RPS RPS RPS RPK", 0, "hint0>1 hint1>2 hint2>3 hint3>4",
	  "/ 1..3:user_mode 4=1 -> 4" },
	{ "hint_leads_back", HINTS, "me RPS RPK", 0, "hint0>1 hint1>0", "/ 1:user_mode 2=1 -> 2" },
	{ "hint_of_another", HINTS, "me RPK RP", 0, "hint1>2", "/ 1=1 -> 1" },
	{ "hint_asleep", HINTS, "me RPK RPB", 0, "hint0>2", "/ 1=1 -> 1" },
	{ "hint_asleep_but_interrupted", HINTS, "me RPK RPBI", 0, "hint0>2", "2=1 -> 2" },
	{ "hint_not_ready", HINTS, "me RPK .", 0, "hint0>2", "/ 1=1 -> 1" },
	{ "hint_then_receiver", HINTS, "me RP RPS", 0, "hint0>2 0>1", "/ 1=1 -> 1" },
	{ "hint_then_relaxed", HINTS, "me RP", 0, "", "/ 1:user_mode 0:self / 1=1 -> 1" },
	{ "hint_unknown_spinning", HINTS, "me RPs?", 0, "hint0>1", "1=1? -> 1?" },
	{ "hint_esrch_is_charged", V3("guest-hints"), "me:A 2*RPKA RPKA RP", 0, "hint0>3", "3=-3 / 1..2=-3 -> nobody" },
	{ "hint_esrch_is_charged", V12("guest-hints"), "me:A 2*RPKA RPKA RP", 0, "hint0>3",
	  "3=-3 / 1..2=-3 / 1..3=-3 4=1 -> 4" },
	{ "hint_in_word_2", HINTS, "me RPK 127*. RP", 0, "hint0>129", "129=1 -> 129" },

	/* numa: in each round those near first, each once */
	{ "numa_near_first", NUMA, "me RPKn RPK", 0, "", "1:other_node 2=1 -> 2" },
	{ "numa_far_if_nobody_near", NUMA, "me RPKn RP", 0, "", "1:other_node 2:user_mode 0:self / 1=1 -> 1" },
	{ "numa_round_before_node", NUMA, "me RPn RPKn RP", 0, "",
	  "1..2:other_node 3:user_mode 0:self / 1:user_mode 2=1 -> 2" },
	{ "numa_far_receiver", NUMA, "me RPn RP", 0, "0>1", "1:other_node 2:user_mode 0:self / 1=1 -> 1" },
	{ "numa_near_in_mode_beats_far_receiver", NUMA, "me RPn RPK", 0, "0>1", "1:other_node 2=1 -> 2" },
	{ "numa_relaxed_near_first", NUMA, "me RPn RP", 0, "",
	  "1:other_node 2:user_mode 0:self / 1:user_mode 0:self / 1:other_node 2=1 -> 2" },
	{ "numa_relaxed_far", NUMA, "me RPn P", 0, "", "1:other_node 2:not_ready 0:self / 1:user_mode 0:self / "
	  "1:other_node 2:not_ready 0:self / 1=1 -> 1" },
	{ "numa_relaxed_off", V3("numa") ",enable_relaxed_boost=0", "me RPn", 0, "",
	  "1:other_node 0:self / 1:user_mode 0:self -> nobody" },
	/* a near spinner that was refused is not asked again in its round */
	{ "numa_toggles_once", NUMA, "me RPKS RPKn", 0, "", "1:not_eligible 2:other_node 0:self / 2=1 -> 2 E1" },
	{ "numa_budget_ends_round", NUMA3, "me:A 3*RPKA RPKn", 0, "", "1..3=-3 -> nobody" },
	{ "numa_budget_over_parts", NUMA3, "me:A 2*RPKA RPKAn RPKn", 0, "",
	  "1..2=-3 3..4:other_node 0:self / 3=-3 -> nobody" },
	{ "numa_budget_spent_v12", NUMA12, "me:A 3*RPKA RPn", 0, "",
	  "1..3=-3 / 1..3=-3 4:other_node 0:self / 4=1 -> 4" },
	{ "numa_unknown_node", NUMA, "me RPKN?", 0, "", "1=1? -> 1?" },
	{ "numa_unknown_node_far", NUMA, "me RPKn?", 0, "", "1:other_node? 0:self? / 1=1? -> 1?" },
	{ "numa_unknown_node_later", NUMA, "me RPK RPKn?", 0, "", "1=1 -> 1" },
	{ "numa_word_2", NUMA, "me RPKn 127*. RPK", 0, "", "1:other_node 2..128:not_ready 129=1 -> 129" },

	/* adaptive-window: 3 times the first answer, which is mean and twice the deviation; the table of windows has more */
	{ "adaptive_as_given_too_late", ADAPTIVE, "me RP RPK", 0, "0>1 now@101", "1:user_mode 2=1 -> 2" },
	{ "adaptive_as_given_at_first", ADAPTIVE, "me RP RPK", 0, "0>1 now@100", "1=1 -> 1" },
	{ "adaptive_learnt", "adaptive-window:ipi_window_ns=50000000", "me RP RPK", 0,
	  "0>1 eoi1@2000000 0>1@10000000 now@16000000", "1=1 -> 1" },
	{ "adaptive_learnt_late", "adaptive-window:ipi_window_ns=50000000", "me RP RPK", 0,
	  "0>1 eoi1@2000000 0>1@10000000 now@16000001", "1:user_mode 2=1 -> 2" },
	{ "adaptive_of_others", "adaptive-window:ipi_window_ns=50000000", "me RP RPK", 0,
	  "2>1 eoi1@2000000 0>1@10000000 now@16000001", "1:user_mode 2=1 -> 2" },

	{ "none_yields_to_nobody", "none", "me RPK RPKQ", 0, "", "-> nobody" },

	/* what is not known: matters if looked at, and not otherwise */
	{ "unknown_ready_set", ALL, "R?PK RPK me", 2, "", "0=1? -> 0?" },
	{ "unknown_ready_clear", ALL, "r?PK RPK me", 2, "", "0:not_ready? 1=1? -> 1?" },
	{ "unknown_after_the_pick", ALL, "RPK R?P?K?B?I?Q?C?S?E? me", 2, "", "0=1 -> 0 E1?" },
	{ "unknown_of_self", ALL, "me:R?P?K?B?I?Q?C?S? RPK .", 2, "", "0:self 1=1 -> 1" },
	{ "unknown_if_not_ready", ALL, "p?k?b?i?q?c?s?e? RPK me", 2, "", "0:not_ready 1=1 -> 1 e0?" },
	{ "unknown_blocking", ALL, "RPKb? RPK me", 2, "", "0=1? -> 0?" },
	{ "unknown_irq_blocking", ALL, "RPKBi? RPK me", 2, "", "0:blocking? 1=1? -> 1?" },
	{ "unknown_irq_awake", ALL, "RPKi? RPK me", 2, "", "0=1 -> 0" },
	{ "unknown_preempted", ALL, "RP? RPK me", 2, "", "0:user_mode? 1=1? -> 1?" },
	{ "unknown_cpl", ALL, "RPk? RPK me", 2, "", "0:user_mode? 1=1? -> 1?" },
	{ "unknown_cpl_user_spinner", ALL, "RPk? RPK me", 2, "user", "0=1 -> 0" },
	{ "unknown_cpl_woken", STOCK, "Rk? RPK me", 2, "", "0=1 -> 0" },
	{ "unknown_cpl_receiver", TRACKER, "me RP?k?q?", 0, "mode? 0>1", "1=1 -> 1" },
	{ "unknown_cpl_pending_irq", ALL, "RPk?Q RPK me", 2, "", "0=1 -> 0" },
	{ "unknown_pending_irq", ALL, "RPq? RPK me", 2, "", "0:user_mode? 1=1? -> 1?" },
	{ "unknown_pending_irq_woken", STOCK, "Rq? RPK me", 2, "", "0=1 -> 0" },
	{ "unknown_cpl_round2", ROUNDS, "me RPk?", 0, "", "1:user_mode? 0:self? / 1=1? -> 1?" },
	{ "unknown_spinning", ALL, "RPKs? RPK me", 2, "", "0=1? -> 0?" },
	{ "unknown_armed", ALL, "RPKSe? RPK me", 2, "", "0:not_eligible? 1=1? -> 1? E0?" },
	{ "unknown_armed_set", ALL, "RPKSE? RPK me", 2, "", "0=1? -> 0? e0?" },
	{ "unknown_armed_not_spinning", ALL, "RPKe? RPK me", 2, "", "0=1 -> 0 e0?" },
	/* woken, but not yet put on its queue: not TASK_RUNNING for yield_to() */
	{ "not_queued_gives_0", ALL, "RPKw RPK me", 2, "", "0=0 1=1 -> 1" },
	{ "unknown_on_cpu", ALL, "RPKC? RPK me", 2, "", "0=0? 1=1? -> 1?" },
	{ "unknown_on_cpu_but_observed", ALL, "RPKC?=1 RPK me", 2, "", "0=1 -> 0" },
	{ "unknown_on_cpu_but_esrch", ALL, "RPKAC? RPK me:A", 2, "", "0=-3 1=1 -> 1" },
	{ "unknown_mode", ALL, "RP RPK me", 2, "mode?", "0:user_mode? 1=1? -> 1?" },
	{ "unknown_mode_in_kernel", ALL, "RPK RPK me", 2, "mode?", "0=1 -> 0" },
	{ "unknown_mode_woken", STOCK, "R RPK me", 2, "mode?", "0=1 -> 0" },
	{ "unknown_mode_unasked", ONE_ROUND, ". RPKB me", 2, "mode?",
	  "0:not_ready 1:blocking 2:self -> nobody" },
	{ "unknown_mode_pending_irq", PATCHED, "RPQ RPK me", 2, "mode?", "0=1 -> 0" },
	{ "unknown_mode_rejected_woken", AWARE, "R me", 1, "mode?", "0:not_preempted 1:self -> nobody" },
	{ "unknown_ipi", TRACKER, "me P RP RPK", 0, "unknown0@0 now@100",
	  "1:not_ready 2:user_mode? 3=1? -> 3?" },
	{ "unknown_ipi_old", TRACKER, "me RP RPK", 0, "unknown0@0 now@101", "1:user_mode 2=1 -> 2" },
	{ "unknown_ipi_until_a_send", TRACKER, "me RP RPK", 0, "unknown0@0 0>1@9", "1=1 -> 1" },
	{ "unknown_ipi_of_another", TRACKER, "me RP RPK", 0, "unknown1@0", "1:user_mode 2=1 -> 2" },
	{ "unknown_ipi_eoi", AWARE12, "me RP RPK", 0, "unknown0@0 eoi0:236", "1:user_mode 2=1 -> 2" },
	{ "unknown_ipi_eoi", AWARE3, "me RP RPK", 0, "unknown0@0 eoi0:236", "1:user_mode? 2=1? -> 2?" },
	{ "unknown_last_one_candidate", ALL_IDX, ". RPK me", -1, "", "1=1 -> 1" },
	{ "unknown_last_two_candidates", ALL_IDX, "RPK RPK me", -1, "", "1=1 -> 1?" },
	{ "unknown_last_second_on_cpu", ALL_IDX, "RPKC RPK me", -1, "", "1=1 -> 1" },
	{ "unknown_last_nobody", ONE_ROUND, ". RP me", -1, "", "1:user_mode 2:self 0:not_ready -> nobody" },
	{ "unknown_last_other_start_looks", ALL_IDX, "r?PK RPK me", -1, "", "1=1 -> 1?" },
	{ "unknown_last_passes_matter", TWO_PASS, "RPK RPKA me:A", -1, "", "1=-3 2:self -> nobody?" },
	{ "unknown_last_receiver", FIRST, "me RPK RPK", -1, "0>2", "1:not_receiver 2=1 -> 2" },

	/* 130 vCPUs: three words */
	{ "big_word_1", ALL_IDX, "me 64*. RPK 64*.", 0, "", "1..64:not_ready 65=1 -> 65" },
	{ "big_word_2", ALL_IDX, "me 128*. RPK", 0, "", "1..128:not_ready 129=1 -> 129" },
	{ "big_bit_64", ALL, "63*. PK RPK 64*. me", 129, "", "0..63:not_ready 64=1 -> 64" },
	{ "big_wraps", ALL_IDX, "me 2*. RPK 126*.", 100, "",
	  "101..129:not_ready 0:self 1..2:not_ready 3=1 -> 3" },
	{ "big_wraps_stored", COUNTER, "me 2*. RPK 126*.", 100, "",
	  "101..129:not_ready 0:self 1..2:not_ready 3=1 -> 3 stored=32" },
	{ "big_toggles", ONE_ROUND, "63*. 2*RPKS 63*. RPKS RPK me", 130, "",
	  "0..62:not_ready 63..64:not_eligible 65..127:not_ready 128:not_eligible "
	  "129=1 -> 129 E63 E64 E128" },
	{ "big_esrch", ONE_ROUND, "64*. 3*RPKA 62*RPK me:A", 129, "",
	  "0..63:not_ready 64..66=-3 -> nobody" },
	{ "big_unknown", ALL, "64*. r?PK 63*. RPK me", 129, "",
	  "0..63:not_ready 64..127:not_ready? 128=1? -> 128?" },
	{ "big_receiver", TRACKER, "me 129*RP", 0, "0>128", "1..127:user_mode 128=1 -> 128" },
	{ "big_unknown_last", ALL_IDX, "me 127*. RPK .", -1, "", "1..127:not_ready 128=1 -> 128" },
};

/*
 * The tracker alone, four vCPUs. After: ">2" an IPI to 2 pending, "(>2)" no longer
 * pending, "<0" the last came from 0; v3 adds the vector.
 */
static const struct context_row {
	const char *name, *policies, *given, *after;
} context_rows[] = {
	{ "send", AWARE12, "0>2", "0:>2 2:<0" },
	{ "send", AWARE3, "0>2", "0:>2v40 2:<0v40" },
	{ "send_again", AWARE12, "0>2 0>3:41@1", "0:>3 2:<0 3:<0" },
	{ "send_crossed", AWARE12, "0>2 2>0:41@1", "0:>2<2 2:>0<0" },
	{ "send_crossed", AWARE3, "0>2 2>0:41@1", "0:>2<2v41 2:>0<0v41" },
	{ "send_not_tracked", SERIES("ipi-aware", ",ipi_tracking_enabled=0"), "0>2", "" },
	{ "eoi_of_nothing", AWARE, "eoi2", "" },
	{ "eoi", AWARE12, "0>2 eoi2", "0:(>2)" },
	{ "eoi", AWARE3, "0>2 eoi2", "0:(>2)v40" },
	{ "eoi_other_vector", AWARE12, "0>2 eoi2:236", "0:(>2)" },
	{ "eoi_other_vector", AWARE3, "0>2 eoi2:236", "0:>2v40 2:<0v40" },
	{ "eoi_spurious", AWARE12, "0>2 eoi2:-1", "0:(>2)" },
	{ "eoi_spurious", AWARE3, "0>2:255@0 eoi2:-1", "0:>2v255 2:<0v255" },
	{ "eoi_by_sender", AWARE12, "0>2 eoi0:236", "2:<0" },
	{ "eoi_by_sender", AWARE3, "0>2 eoi0:236", "0:>2v40 2:<0v40" },
	{ "eoi_by_sender_same_vector", AWARE3, "0>2 eoi0", "0:>2v40 2:<0v40" },
	{ "eoi_by_both", AWARE12, "0>2 eoi0:236 eoi2@10", "" },
	{ "eoi_drops_own_send", AWARE12, "0>2 2>3@5 eoi2", "0:(>2) 3:<2" },
	{ "eoi_keeps_own_send", AWARE3, "0>2 2>3@5 eoi2", "0:(>2)v40 2:>3v40 3:<2v40" },
	{ "eoi_sender_moved_on", AWARE12, "0>2 0>3@5 eoi2", "0:>3 3:<0" },
	{ "eoi_sender_moved_on", AWARE3, "0>2 0>3@5 eoi2", "0:>3v40 3:<0v40" },
	{ "eoi_two_senders", AWARE12, "0>2 1>2@5 eoi2", "0:>2 1:(>2)" },
	{ "eoi_two_senders", AWARE3, "0>2 1>2@5 eoi2", "0:>2v40 1:(>2)v40" },
	{ "eoi_at_the_window", AWARE12, "0>2 eoi2@100", "0:(>2)" },
	{ "eoi_past_the_window", AWARE12, "0>2 eoi2@101", "0:>2" },
	/* the one vector of v3: what the vCPU sends hides what it received, and the reverse */
	{ "vector_lost_by_receiver", AWARE3, "0>2 2>3:50@5 eoi2", "0:>2v40 2:>3<0v50 3:<2v50" },
	{ "vector_lost_by_sender", AWARE3, "0>2 3>0:50@5 eoi2", "0:>2<3v50 3:>0v50" },
	{ "reset_of_sender", AWARE12, "0>2 reset0", "2:<0" },
	{ "reset_of_sender", AWARE3, "0>2 reset0", "2:<0v40" },
	{ "reset_of_receiver", AWARE12, "0>2 reset2", "0:>2" },
	{ "reset_of_receiver", AWARE3, "0>2 reset2", "0:>2v40" },
	{ "reset_of_both_roles", AWARE12, "0>2 2>3:41@5 reset2", "0:>2 3:<2" },
};

/*
 * What adaptive-window has learnt after answers. By RFC 6298, in ns: of the first, R, the mean is R and the
 * deviation R / 2; then deviation = 3/4 deviation + 1/4 |mean - R|, mean = 7/8 mean + 1/8 R; the window
 * is mean + 4 deviations, of 1 ms at least and ipi_window_ns at most.
 */
struct window_row {
	const char *name, *policies, *given;
	struct answer_times after;
};

#define WIDE(series) "adaptive-window:ipi_window_ns=50000000,series=" series
#define WIDE12 WIDE("v1") " | " WIDE("v2")
#define WIDES WIDE12 " | " WIDE("v3")

static const struct window_row window_rows[] = {
	{ "none_yet", WIDES, "0>1", { 0 } },
	/* 1 ms: mean 1 ms, deviation 0.5 ms */
	{ "first", WIDES, "0>1 eoi1@1000000", { 8000000, 2000000, 3000000 } },
	/* then 0.2 ms: deviation 0.375 + 0.2 ms, mean 0.875 + 0.025 ms */
	{ "second_shorter", WIDES, "0>1 eoi1@1000000 0>1@2000000 eoi1@2200000", { 7200000, 2300000, 3200000 } },
	/* or 3 ms: deviation 0.375 + 0.5 ms, mean 0.875 + 0.375 ms */
	{ "second_longer", WIDES, "0>1 eoi1@1000000 2>1@2000000 eoi1@5000000", { 10000000, 3500000, 4750000 } },
	{ "at_least", WIDES, "0>1 eoi1@10000", { 80000, 20000, 1000000 } },
	{ "at_most", WIDES, "0>1 eoi1@20000000", { 160000000, 40000000, 50000000 } },
	{ "at_most_is_less_than_at_least", V3("adaptive-window"), "0>1 eoi1@10000", { 80000, 20000, 100 } },
	/* too late to be a hint, it counts, 100 ms: deviation 0.375 + 24.75 ms, mean 0.875 + 12.5 ms */
	{ "late", WIDES, "0>1 eoi1@1000000 0>1@2000000 eoi1@102000000", { 107000000, 100500000, 50000000 } },
	{ "at_once", WIDES, "0>1 eoi1@0", { 8, 2, 1000000 } },
	{ "answered_once", WIDES, "0>1 eoi1@1000000 eoi1@9000000", { 8000000, 2000000, 3000000 } },
	{ "other_vector", WIDE("v3"), "0>1:40 eoi1:236@1000000", { 0 } },
	{ "other_vector", WIDE12, "0>1:40 eoi1:236@1000000", { 8000000, 2000000, 3000000 } },
	{ "of_nobody", WIDES, "0>1 eoi2@1000000", { 0 } },
	/* the sender has sent to another since: whose answer it was nobody knows */
	{ "sent_to_another", WIDES, "0>1 0>2@500000 eoi1@1000000", { 0 } },
	{ "reset_receiver", WIDES, "0>1 reset1 eoi1@1000000", { 0 } },
	{ "other_policies", "ipi-aware+relaxed | ipi-chain | numa | guest-hints", "0>1 eoi1@1000000", { 0 } },
};

#endif
