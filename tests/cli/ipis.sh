#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Interrupts between vCPUs, who got them, and what became of them. 'tracked' is 1
# for what the IPI-aware patch records: a fixed interrupt, written to the ICR
# without a shorthand, that exactly one other vCPU accepts (directed-yield.md 4.2).
. "${BASH_SOURCE%/*}/lib.sh"

# A VM of three vCPUs (threads 10, 11, 12), each on its CPU, and the events on standard input.
record_vm() {	# NAME
	{
		cat <<- END
			1000 0 0  sched_switch next_pid=10
			1000 1 0  sched_switch next_pid=11
			1000 2 0  sched_switch next_pid=12
			1100 0 10 kvm_entry vcpu_id=0
			1100 1 11 kvm_entry vcpu_id=1
			1100 2 12 kvm_entry vcpu_id=2
			1200 2 12 kvm_exit vcpu_id=2 exit_reason=0x60 isa=2
			1300 2 12 kvm_entry vcpu_id=2
		END
		cat
	} | record "$1"
	import "$1" -o "$1.db"
}

edges() {
	sql "$1.db" 'SELECT s.vcpu_id || " to " || coalesce(r.vcpu_id, "nobody"), vector, mode, shorthand, path,
		n_receivers, t_send, t_accept, t_inject, t_ack, tracked
		FROM ipi JOIN vcpu s ON s.id = sender LEFT JOIN vcpu r ON r.id = receiver ORDER BY ipi.id'
}

eois() {
	sql "$1.db" 'SELECT t, vcpu_id, vector, how FROM eoi JOIN vcpu ON vcpu.id = vcpu ORDER BY eoi.id'
}

# --- unicast

# x2APIC: the send, who accepts it, then (after delivery) the ICR as emulated and the MSR.
record_vm x2apic << 'END'
2000 0 10 kvm_exit vcpu_id=0 exit_reason=0x7c isa=2
2010 0 10 kvm_apic_ipi icr_low=0x40fd dest_id=1
2020 0 10 kvm_apic_accept_irq apicid=1 vec=0xfd
2025 0 10 kvm_apic rw=1 reg=0x300 val=0x1000040fd
2030 0 10 kvm_msr write=1 ecx=0x830 data=0x1000040fd
2040 0 10 kvm_entry vcpu_id=0
2100 1 11 kvm_exit vcpu_id=1 exit_reason=0x60 isa=2
2110 1 11 kvm_inj_virq vector=0xfd
2120 1 11 kvm_entry vcpu_id=1
2200 1 11 kvm_exit vcpu_id=1 exit_reason=0x7c isa=2
2210 1 11 kvm_eoi apicid=1 vector=0xfd
2220 1 11 kvm_msr write=1 ecx=0x80b
2230 1 11 kvm_entry vcpu_id=1
END
expect "$(edges x2apic)" '0 to 1|253|fixed|none|x2apic|1|2010|2020|2110|2210|1' 'x2APIC unicast'
expect "$(eois x2apic)" '2210|1|253|register' 'its EOI'

# xAPIC: the ICR's memory is written, so kvm_apic comes first. It is never injected by an event,
# as in a recording without kvm_inj_virq; the EOI still ends it.
record_vm xapic << 'END'
2000 0 10 kvm_exit vcpu_id=0 exit_reason=0x400 isa=2
2010 0 10 kvm_apic rw=1 reg=0x310 val=0x1000000
2020 0 10 kvm_apic rw=1 reg=0x300 val=0x40fd
2030 0 10 kvm_apic_ipi icr_low=0x40fd dest_id=1
2040 0 10 kvm_apic_accept_irq apicid=1 vec=0xfd
2050 0 10 kvm_entry vcpu_id=0
2200 1 11 kvm_exit vcpu_id=1 exit_reason=0x400 isa=2
2210 1 11 kvm_apic rw=1 reg=0xb0
2220 1 11 kvm_eoi apicid=1 vector=0xfd
2230 1 11 kvm_entry vcpu_id=1
END
expect "$(edges xapic)" '0 to 1|253|fixed|none|xapic|1|2030|2040|NULL|2220|1' 'xAPIC unicast'

# Neither says how it was written. Amid it, a timer of another VM fires on the sender's CPU (hard
# interrupt: common_flags 8): that is not the sender's doing.
record_vm icr << 'END'
2000 0 10 kvm_exit vcpu_id=0 exit_reason=0x7c isa=2
2010 0 10 kvm_apic_ipi icr_low=0x40fd dest_id=1
2015 0 10 kvm_apic_accept_irq apicid=2 vec=0xfd common_flags=8
2020 0 10 kvm_apic_accept_irq apicid=1 vec=0xfd
2040 0 10 kvm_entry vcpu_id=0
END
expect "$(edges icr)" '0 to 1|253|fixed|none|icr|1|2010|2020|NULL|NULL|1' 'unicast by an unknown path'

# The fast path of 6.18: accepted, then traced. The sender's own timer came just before.
record_vm fast << 'END'
2000 0 10 kvm_exit vcpu_id=0 exit_reason=0x7c isa=2
2005 0 10 kvm_apic_accept_irq apicid=0 vec=0xec
2010 0 10 kvm_apic_accept_irq apicid=1 vec=0xfd
2020 0 10 kvm_apic_ipi icr_low=0x40fd dest_id=1
2030 0 10 kvm_msr write=1 ecx=0x830 data=0x1000040fd
2040 0 10 kvm_entry vcpu_id=0
END
expect "$(edges fast)" '0 to 1|253|fixed|none|x2apic|1|2020|2010|NULL|NULL|1' 'fast path'

# Accepted twice in one story: by the vCPU, and (APICv) posted to its hardware. One receiver.
record_vm apicv << 'END'
2000 0 10 kvm_exit vcpu_id=0 exit_reason=0x7c isa=2
2010 0 10 kvm_apic_ipi icr_low=0x40fd dest_id=1
2020 0 10 kvm_apic_accept_irq apicid=1 vec=0xfd
2021 0 10 kvm_apicv_accept_irq apicid=1 vec=0xfd
2030 0 10 kvm_msr write=1 ecx=0x830 data=0x1000040fd
2040 0 10 kvm_entry vcpu_id=0
END
expect "$(edges apicv)" '0 to 1|253|fixed|none|x2apic|1|2010|2020|NULL|NULL|1' 'APICv'
expect "$(sql apicv.db 'SELECT ipi_virtual FROM vm')|$(sql fast.db 'SELECT ipi_virtual FROM vm')" '1|0' \
	'APICv shows in the VM'

# --- to oneself, to several, to nobody

record_vm self << 'END'
2000 0 10 kvm_exit vcpu_id=0 exit_reason=0x7c isa=2
2010 0 10 kvm_apic_ipi icr_low=0x440f1
2020 0 10 kvm_apic_accept_irq apicid=0 vec=0xf1
2030 0 10 kvm_msr write=1 ecx=0x830 data=0x440f1
2040 0 10 kvm_inj_virq vector=0xf1
2050 0 10 kvm_entry vcpu_id=0
END
expect "$(edges self)" '0 to 0|241|fixed|self|x2apic|1|2010|2020|2040|NULL|0' 'to oneself'

record_vm own << 'END'
2000 0 10 kvm_exit vcpu_id=0 exit_reason=0x7c isa=2
2010 0 10 kvm_apic_ipi icr_low=0x40f1 dest_id=0
2020 0 10 kvm_apic_accept_irq apicid=0 vec=0xf1
2050 0 10 kvm_entry vcpu_id=0
END
expect "$(edges own)" '0 to 0|241|fixed|none|icr|1|2010|2020|NULL|NULL|0' 'to oneself by its number'

record_vm others << 'END'
2000 0 10 kvm_exit vcpu_id=0 exit_reason=0x7c isa=2
2010 0 10 kvm_apic_ipi icr_low=0xc40fc
2020 0 10 kvm_apic_accept_irq apicid=1 vec=0xfc
2030 0 10 kvm_apic_accept_irq apicid=2 vec=0xfc
2035 0 10 kvm_msr write=1 ecx=0x830 data=0xc40fc
2040 0 10 kvm_entry vcpu_id=0
2200 2 12 kvm_exit vcpu_id=2 exit_reason=0x7c isa=2
2210 2 12 kvm_eoi apicid=2 vector=0xfc
2220 2 12 kvm_entry vcpu_id=2
END
expect "$(edges others)" \
'0 to 1|252|fixed|others|x2apic|2|2010|2020|NULL|NULL|0
0 to 2|252|fixed|others|x2apic|2|2010|2030|NULL|2210|0' 'to all others; one of them acknowledges'

record_vm logical << 'END'
2000 0 10 kvm_exit vcpu_id=0 exit_reason=0x7c isa=2
2010 0 10 kvm_apic_ipi icr_low=0x48fc dest_id=6
2020 0 10 kvm_apic_accept_irq apicid=1 vec=0xfc
2030 0 10 kvm_apic_accept_irq apicid=2 vec=0xfc
2040 0 10 kvm_entry vcpu_id=0
END
expect "$(edges logical)" \
'0 to 1|252|fixed|none|icr|2|2010|2020|NULL|NULL|0
0 to 2|252|fixed|none|icr|2|2010|2030|NULL|NULL|0' 'to two by a logical destination'

record_vm fast2 << 'END'
2000 0 10 kvm_exit vcpu_id=0 exit_reason=0x7c isa=2
2010 0 10 kvm_apic_accept_irq apicid=1 vec=0xfc
2020 0 10 kvm_apic_accept_irq apicid=2 vec=0xfc
2030 0 10 kvm_apic_ipi icr_low=0x48fc dest_id=6
2040 0 10 kvm_entry vcpu_id=0
END
expect "$(edges fast2)" \
'0 to 1|252|fixed|none|icr|2|2030|2010|NULL|NULL|0
0 to 2|252|fixed|none|icr|2|2030|2020|NULL|NULL|0' 'fast path to two'

record_vm nobody << 'END'
2000 0 10 kvm_exit vcpu_id=0 exit_reason=0x7c isa=2
2010 0 10 kvm_apic_ipi icr_low=0x40fd dest_id=7
2040 0 10 kvm_entry vcpu_id=0
END
expect "$(edges nobody)" '0 to nobody|253|fixed|none|icr|0|2010|NULL|NULL|NULL|0' 'to a vCPU that is not there'

# Not interrupts between vCPUs: one's own timer, and a device of the VM (another thread delivers it).
record_vm devices << 'END'
2000 0 10 kvm_exit vcpu_id=0 exit_reason=0x60 isa=2
2010 0 10 kvm_apic_accept_irq apicid=0 vec=0xec
2020 0 10 kvm_entry vcpu_id=0
2030 0 10 sched_switch prev_pid=10 prev_state=0x100 next_pid=77
2040 0 77 kvm_apic_accept_irq apicid=1 vec=0x31
END
expect "$(edges devices)" '' 'no IPIs'

# --- other modes and paths

record_vm nmi << 'END'
2000 0 10 kvm_exit vcpu_id=0 exit_reason=0x7c isa=2
2010 0 10 kvm_apic_ipi icr_low=0x4400 dest_id=1
2020 0 10 kvm_apic_accept_irq apicid=1 dm=0x400
2030 0 10 kvm_msr write=1 ecx=0x830 data=0x100004400
2040 0 10 kvm_entry vcpu_id=0
END
expect "$(edges nmi)" '0 to 1|0|nmi|none|x2apic|1|2010|2020|NULL|NULL|0' 'NMI'

record_vm lowest << 'END'
2000 0 10 kvm_exit vcpu_id=0 exit_reason=0x7c isa=2
2010 0 10 kvm_apic_ipi icr_low=0x49fc dest_id=6
2020 0 10 kvm_apic_accept_irq apicid=2 dm=0x100 vec=0xfc
2040 0 10 kvm_entry vcpu_id=0
END
expect "$(edges lowest)" '0 to 2|252|lowest|none|icr|1|2010|2020|NULL|NULL|0' 'lowest priority'

# The patch never sees PV IPIs, not even to a single receiver.
record_vm pv << 'END'
2000 0 10 kvm_exit vcpu_id=0 exit_reason=0x81 isa=2
2010 0 10 kvm_hypercall nr=10 a0=6 a3=0xfc
2020 0 10 kvm_apic_accept_irq apicid=1 vec=0xfc
2030 0 10 kvm_apic_accept_irq apicid=2 vec=0xfc
2040 0 10 kvm_entry vcpu_id=0
3000 0 10 kvm_exit vcpu_id=0 exit_reason=0x81 isa=2
3010 0 10 kvm_hypercall nr=10 a0=2 a3=0xfd
3020 0 10 kvm_apic_accept_irq apicid=1 vec=0xfd
3040 0 10 kvm_entry vcpu_id=0
4000 0 10 kvm_exit vcpu_id=0 exit_reason=0x81 isa=2
4010 0 10 kvm_hypercall nr=11 a0=1
4040 0 10 kvm_entry vcpu_id=0
END
expect "$(edges pv)" \
'0 to 1|252|fixed|none|pv|2|2010|2020|NULL|NULL|0
0 to 2|252|fixed|none|pv|2|2010|2030|NULL|NULL|0
0 to 1|253|fixed|none|pv|1|3010|3020|NULL|NULL|0' 'PV IPIs; hypercall 11 is none'

# INIT resets the receiver's context, without an EOI.
record_vm init << 'END'
2000 0 10 kvm_exit vcpu_id=0 exit_reason=0x7c isa=2
2010 0 10 kvm_apic_ipi icr_low=0x4500 dest_id=1
2020 0 10 kvm_apic_accept_irq apicid=1 dm=0x500
2030 0 10 kvm_entry vcpu_id=0
END
expect "$(edges init)" '0 to 1|0|init|none|icr|1|2010|2020|NULL|NULL|0' 'INIT'
expect "$(eois init)" '2020|1|0|reset' 'INIT resets'

# --- acknowledgements

# Two sends of one vector before it is injected are one interrupt: one EOI ends both. The third comes
# while it is being handled, and waits for the next EOI. An EOI of another vector ends none.
record_vm coalesced << 'END'
2010 0 10 kvm_exit vcpu_id=0 exit_reason=0x7c isa=2
2020 0 10 kvm_apic_ipi icr_low=0x40fd dest_id=1
2030 0 10 kvm_apic_accept_irq apicid=1 vec=0xfd
2040 0 10 kvm_entry vcpu_id=0
2100 2 12 kvm_exit vcpu_id=2 exit_reason=0x7c isa=2
2110 2 12 kvm_apic_ipi icr_low=0x40fd dest_id=1
2120 2 12 kvm_apic_accept_irq apicid=1 vec=0xfd
2130 2 12 kvm_entry vcpu_id=2
2200 1 11 kvm_exit vcpu_id=1 exit_reason=0x60 isa=2
2210 1 11 kvm_inj_virq vector=0xfd
2220 1 11 kvm_entry vcpu_id=1
2300 0 10 kvm_exit vcpu_id=0 exit_reason=0x7c isa=2
2310 0 10 kvm_apic_ipi icr_low=0x40fd dest_id=1
2320 0 10 kvm_apic_accept_irq apicid=1 vec=0xfd
2330 0 10 kvm_entry vcpu_id=0
2400 1 11 kvm_exit vcpu_id=1 exit_reason=0x7c isa=2
2410 1 11 kvm_eoi apicid=1 vector=0xfd
2420 1 11 kvm_inj_virq vector=0xfd
2430 1 11 kvm_entry vcpu_id=1
2500 1 11 kvm_exit vcpu_id=1 exit_reason=0x7c isa=2
2510 1 11 kvm_eoi apicid=1 vector=0xec
2520 1 11 kvm_entry vcpu_id=1
2600 1 11 kvm_exit vcpu_id=1 exit_reason=0x7c isa=2
2610 1 11 kvm_eoi apicid=1 vector=0xfd
2620 1 11 kvm_entry vcpu_id=1
END
expect "$(edges coalesced)" \
'0 to 1|253|fixed|none|icr|1|2020|2030|2210|2410|1
2 to 1|253|fixed|none|icr|1|2110|2120|2210|2410|1
0 to 1|253|fixed|none|icr|1|2310|2320|2420|2610|1' 'coalesced sends'

# A PV EOI shows at the next exit: kvm_eoi, and at once kvm_pv_eoi. It ends the IPI as any other.
# vCPU 2 has a spurious one, and one of the register; VMX tells of accelerated ones.
record_vm eois << 'END'
2000 0 10 kvm_exit vcpu_id=0 exit_reason=0x7c isa=2
2010 0 10 kvm_apic_ipi icr_low=0x40fd dest_id=1
2020 0 10 kvm_apic_accept_irq apicid=1 vec=0xfd
2030 0 10 kvm_entry vcpu_id=0
2200 1 11 kvm_exit vcpu_id=1 exit_reason=0x60 isa=2
2210 1 11 kvm_eoi apicid=1 vector=0xfd
2211 1 11 kvm_pv_eoi apicid=1 vector=0xfd
2220 1 11 kvm_entry vcpu_id=1
2300 2 12 kvm_exit vcpu_id=2 exit_reason=0x7c isa=2
2310 2 12 kvm_eoi apicid=2 vector=-1
2320 2 12 kvm_entry vcpu_id=2
2400 2 12 kvm_exit vcpu_id=2 exit_reason=0x7c isa=2
2410 2 12 kvm_eoi apicid=2 vector=0xec
2420 2 12 kvm_entry vcpu_id=2
END
expect "$(edges eois)" '0 to 1|253|fixed|none|icr|1|2010|2020|NULL|2210|1' 'a PV EOI ends an IPI'
expect "$(eois eois)" \
'2210|1|253|pv
2310|2|-1|spurious
2410|2|236|register' 'kinds of EOI'
record_vm accelerated << 'END'
2300 2 12 kvm_exit vcpu_id=2 exit_reason=45 isa=1
2310 2 12 kvm_eoi apicid=2 vector=0x31
2320 2 12 kvm_entry vcpu_id=2
2400 2 12 kvm_exit vcpu_id=2 exit_reason=32 isa=1
2410 2 12 kvm_eoi apicid=2 vector=0xec
2420 2 12 kvm_entry vcpu_id=2
END
expect "$(eois accelerated)" \
'2310|2|49|accelerated
2410|2|236|register' 'EOI-induced exits'
