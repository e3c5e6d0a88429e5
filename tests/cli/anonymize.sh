#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# An anonymised recording says the same but for names: no name is left in its pages, and what
# import makes of it differs in names only, which stand for each other one to one.
. "${BASH_SOURCE%/*}/lib.sh"
: "${CAPTURE_TOOL:?}"

# A name that begins with a word of the kernel's or a VMM's, and numbers, stays.
stays='^(swapper/|kthreadd|ksoftirqd/|migration/|kworker/|kcompactd|khugepaged|rcu_preempt|rcu_sched|kvm-nx-lpage-re|CPU )[0-9/:uKVMH]*$'

# facts_without_names DB
facts_without_names() {
	cp "$1" "$scratch/nameless.db"
	sql "$scratch/nameless.db" "UPDATE recording SET path = '', sha256 = ''; UPDATE thread SET comm = NULL"
	sqlite3 "$scratch/nameless.db" .dump
}

# anonymise RECORDING: into anon.dat; what must hold of it.
anonymise() {
	local name

	"$CAPTURE_TOOL" anonymize "$1" anon.dat
	[ ! -e "$1.host.json" ] || cp "$1.host.json" anon.dat.host.json
	import --force "$1" -o open.db
	import --force anon.dat -o anon.db
	facts_without_names open.db > want
	facts_without_names anon.db > got
	cmp -s want got || fail "$1: other facts: $(diff want got | head -5)"
	expect "$(wc -c < anon.dat)" "$(wc -c < "$1")" 'its size'

	sql open.db "SELECT DISTINCT comm FROM thread WHERE comm IS NOT NULL" | grep -Ev "$stays" > names || true
	[ -s names ] || fail "$1: no names to hide"
	"$CAPTURE_TOOL" pages anon.dat > pages
	while read -r name; do
		[ ${#name} -lt 4 ] || ! grep -qaF -- "$name" pages || fail "$1: '$name' is still there"
	done < names
	sql open.db "ATTACH 'anon.db' AS anon;
		SELECT DISTINCT a.comm, b.comm FROM thread a JOIN anon.thread b USING (id) WHERE a.comm IS NOT NULL" > pairs
	expect "$(cut -d'|' -f1 pairs | sort | uniq -d)" '' "$1: a name has one token"
	expect "$(cut -d'|' -f2 pairs | sort | uniq -d)" '' "$1: a token stands for one name"
	expect "$(awk -F'|' '$1 == $2 { print $1 }' pairs | grep -Ev "$stays" || true)" '' "$1: what stays"
	expect "$(awk -F'|' '$1 != $2 { print $2 }' pairs | grep -Ev '^c[0-9a-f]{10}$' || true)" '' "$1: tokens"
}

# --- all sorts of events; a time extend, a page of losses, a long marker, names of all 15 characters

facts='"format":"counterspin-host-facts","version":1'
record small.dat << END
cpus 3
900 2 70 print buf={$facts,"when":"start","vms":[{"tgid":905,"name":"v0123456789"}],"params":{"long":"$(printf %0300d 7)"}}
1000 0 910 sched_switch prev_pid=910 prev_state=0x100 prev_comm=secret-of-bank1 next_comm=CPU_7 next_pid=911 next_prio=120
1500 0 911 kvm_entry vcpu_id=3 rip=0xffffffff81000000
2000 0 911 kvm_exit vcpu_id=3 exit_reason=40 isa=1 guest_rip=0xffffffff80100000 info1=1 info2=2
2001 0 911 kvm_msr write=1 ecx=0x830 data=0x1000000fb
2002 0 911 kvm_apic_ipi icr_low=0xfb dest_id=1
2003 0 911 kvm_apic_accept_irq apicid=1 vec=0xfb
2100 0 911 kvm_exit vcpu_id=3 exit_reason=18 isa=1 guest_rip=0x401000
2101 0 911 kvm_hypercall nr=10 a0=3 a1=0 a2=0 a3=0xfc
2102 0 911 kvm_apic_accept_irq apicid=1 vec=0xfc
2200 0 911 kvm_hv_hypercall code=8 ingpa=0x7fff1234 outgpa=0x7fff5678
900000000 0 911 on_spin vm_pid=905 vcpu_idx=1 vcpu_id=3 last_boosted=-1 n_vcpus=4 kernel_mode=1 state_3=0x0101010000
900000001 0 911 kvm_eoi apicid=3 vector=-1
900000002 0 911 yield_to_ret ret=-3
1500 1 0 sched_waking pid=910 target_cpu=1 comm=secret-of-bank1
lost 1 42
1600 1 0 sched_process_fork parent_comm=secret-of-bank2 parent_pid=910 child_comm=secret-of-bank2 child_pid=912
1700 1 0 sched_switch prev_pid=0 prev_comm=swapper/1 next_comm=kworker/1:2 next_pid=77
END
anonymise small.dat
expect "$(sql anon.db "SELECT name FROM vm WHERE tgid = 905")" v0123456789 'our own marker stays'

# --- what a kernel recorded

if command -v trace-cmd > "$scratch/which"; then
	# whose host facts stand beside them: in markers they are the recorder's to hide
	for name in lock-heavy-instance ipi-heavy-relaxed; do
		trace-cmd convert -i "$DATA/$name.dat" -o $name.dat --file-version 6 > "$scratch/convert" 2>&1
		cp "$DATA/$name.dat.host.json" $name.dat.host.json
		anonymise $name.dat
		rm -f $name.dat* anon.dat*
	done
else
	echo 'no trace-cmd: real recordings left out'
fi
