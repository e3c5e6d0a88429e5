#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Properties that the facts of any recording have, seen through tables and views.
. "${BASH_SOURCE%/*}/lib.sh"

for r in "$DATA"/*.dat; do
	name=$(basename "$r")
	"$COUNTERSPIN" import "$r" -o f.db --force 2>/dev/null
	# every view runs; without replay some are empty
	for view in $(sql f.db "SELECT name FROM sqlite_schema WHERE type = 'view'"); do
		rows=$(sql f.db "SELECT count(*) FROM $view")
		case $view in
		spin_by_cause|policy_label|policy_vs_observed|outcome_by_policy|simulated_*|replay_vs_simulate)
			expect "$rows" 0 "$name: rows of $view without replay" ;;
		*)
			[ "$rows" -gt 0 ] || fail "$name: view $view is empty" ;;
		esac
	done
	none() {	# WHAT QUERY: it counts nothing
		expect "$(sql f.db "$2")" 0 "$name: $1"
	}
	none 'one thread at a time on a CPU' "SELECT count(*) FROM
		(SELECT t0, lag(t1) OVER (PARTITION BY cpu ORDER BY t0) AS before FROM on_cpu) WHERE before > t0"
	none 'a thread on one CPU at a time' "SELECT count(*) FROM
		(SELECT t0, lag(t1) OVER (PARTITION BY thread ORDER BY t0) AS before FROM on_cpu) WHERE before > t0"
	none 'a vCPU in one state at a time' "SELECT count(*) FROM
		(SELECT t0, lag(t1) OVER (PARTITION BY vcpu ORDER BY t0, t1) AS before FROM vcpu_state) WHERE before > t0"
	none 'run queues not shorter than empty' "SELECT count(*) FROM runqueue WHERE nr_running < 0"
	none 'guest time within the stretch' "SELECT count(*) FROM on_cpu WHERE guest_ns > t1 - t0 OR guest_ns < 0"
	none 'ready before running' "SELECT count(*) FROM on_cpu WHERE t_ready > t0"
	none 'ids in order of start' "SELECT count(*) FROM
		(SELECT t0, lag(t0) OVER (ORDER BY id) AS before FROM on_cpu) WHERE before > t0"
	none 'decisions in order of start' "SELECT count(*) FROM
		(SELECT t_start, lag(t_start) OVER (ORDER BY id) AS before FROM decision) WHERE before > t_start"
	none 'threads in order of appearance' "SELECT count(*) FROM
		(SELECT t0, lag(t0) OVER (ORDER BY id) AS before FROM thread) WHERE before > t0"
	none 'a send, an acceptance, an injection, an acknowledgement' "SELECT count(*) FROM ipi
		WHERE t_accept > t_inject OR t_inject > t_ack OR t_accept > t_ack"
	none 'candidates of every word' "SELECT count(*) FROM decision d JOIN vcpu v ON v.id = d.vcpu JOIN vm ON vm.id = v.vm
		WHERE (SELECT count(*) FROM candidate WHERE decision = d.id) <> (vm.n_vcpus + 63) / 64"
	none 'a spinner is no candidate that changes' "SELECT count(*) FROM decision d JOIN vcpu v ON v.id = d.vcpu
		JOIN candidate c ON c.decision = d.id AND c.word = v.vcpu_idx / 64 WHERE c.racy >> (v.vcpu_idx % 64) & 1"
	# kvm_vcpu_wake_up() sets ready after the wake-up, when the vCPU may run already (virt/kvm/kvm_main.c)
	none 'what runs is not ready, but for the instant after a switch, or if its waker was late' "SELECT
		1000 * sum(on_cpu & ready & ~racy <> 0) > count(*) FROM candidate"
	expect "$(sql f.db "SELECT sum(n_exit) FROM on_cpu")" "$(sql f.db "SELECT n FROM event_type WHERE name = 'kvm_exit'")" \
		"$name: exits on CPUs"
	expect "$(sql f.db "SELECT count(*) FROM eoi WHERE how <> 'reset'")" \
		"$(sql f.db "SELECT n FROM event_type WHERE name = 'kvm_eoi'")" "$name: EOIs"
	expect "$(sql f.db "SELECT count(*) FROM decision WHERE source = 'probe'")" \
		"$(sql f.db "SELECT n FROM event_type WHERE name = 'on_spin'")" "$name: decisions"
	expect "$(sql f.db "SELECT sum(n_pause) - sum(n_miss) FROM vcpu")" "$(sql f.db "SELECT count(*) FROM decision")" \
		"$name: a decision per PAUSE exit"
	expect "$(sql f.db "SELECT sum(n) FROM exit_stat")" \
		"$(sql f.db "SELECT sum(value) FROM exit_stat, json_each(histogram)")" "$name: histograms add up"
done
