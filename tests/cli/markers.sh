#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Host facts in the trace markers of a recording: one file is enough.
. "${BASH_SOURCE%/*}/lib.sh"

facts='"format":"counterspin-host-facts","version":1'
guest='1000 0 0   sched_switch next_pid=910
1100 0 910 kvm_entry vcpu_id=3
1200 0 910 kvm_exit vcpu_id=3 exit_reason=0x78 isa=2
1300 0 910 sched_switch prev_pid=910 prev_state=1 next_pid=70'

params() {
	sql "$1" 'SELECT name, "when", value FROM host_param ORDER BY name, "when"'
}

# --- facts that come in pieces, among messages of somebody else

record pieces.dat << END
$guest
1400 0 70 print buf={$facts,"when":"start","kernel":"6.9.9-real","hz":250,"params":{"kvm.ple_gap":"128","x":"1"}}
1410 0 70 print buf=hello from somebody else
1420 0 70 print buf={"format":"somebody-elses-facts","version":1,"hz":1000}
1430 0 70 print buf={$facts,"when":"start","vcpus":[{"tgid":900,"tid":910,"vcpu_id":3,"vcpu_idx":2}]}
1440 0 70 print buf={$facts,"vms":[{"tgid":900,"name":"guest"}],"params":{"y":"2"}}
1500 0 70 print buf={$facts,"when":"stop","params":{"kvm.ple_gap":"0"},"colour":{"of":["sky",3]}}
1510 0 70 print buf={$facts,"when":"stop","params":{"kvm.ple_gap":"64"}}
1520 0 70 print buf={$facts,"realtime_offset":"1700000000123456789","cgroups":[{"tid":910,"path":"/vm/guest"}]}
END
import pieces.dat
expect "$(cat "$scratch/log" | grep -c warning || true)" 0 'nothing to warn of'
# The kernel is what the host said, the machine what the file's uname says.
expect "$(sql pieces.dat.db 'SELECT host_facts, kernel, machine, realtime_offset FROM recording')" \
	'markers|6.9.9-real|x86_64|1700000000123456789' 'recording'
# Unknown keys (hz, colour) are kept. At stop ple_gap was said twice: the later word counts.
expect "$(params pieces.dat.db)" \
'colour|stop|{"of":["sky",3]}
hz|start|250
kvm.ple_gap|start|128
kvm.ple_gap|stop|64
x|start|1
y||2' 'host parameters'
# vCPU 3 is the VM's third (vcpu_idx 2), so the VM has at least three.
expect "$(sql pieces.dat.db 'SELECT name, vm.tgid, n_vcpus, membership, idx_known, vcpu_idx, vcpu_id, tid, cgroup
	  FROM vm JOIN vcpu ON vcpu.vm = vm.id JOIN thread ON thread.vcpu = vcpu.id')" \
	'guest|900|3|tgid|1|2|3|910|/vm/guest' 'the VM'
expect "$(sql pieces.dat.db "SELECT count(*) FROM unknowable WHERE why = 'the recording has no host facts'")" \
	0 'host facts are there'

# --- none at all

record none.dat << END
$guest
1410 0 70 print buf=hello from somebody else
END
import none.dat
expect "$(sql none.dat.db 'SELECT host_facts, kernel FROM recording')" 'NULL|6.1.0-test' 'no host facts'
expect "$(params none.dat.db)" '' 'no parameters'
expect "$(sql none.dat.db "SELECT count(*) FROM unknowable WHERE why = 'the recording has no host facts'")" \
	1 'and it is said'

# --- a marker that is damaged, or of a later version: a warning, the rest counts

record damaged.dat << END
$guest
1400 0 70 print buf={$facts,"hz":
1410 0 70 print buf={"format":"counterspin-host-facts","version":2,"hz":1000}
1420 0 70 print buf={$facts,"hz":250}
END
import damaged.dat
grep -q "warning: 'damaged.dat': trace marker at 0.000001400: not host facts" "$scratch/log" ||
	fail "no warning of the damaged marker: $(cat "$scratch/log")"
expect "$(params damaged.dat.db)" 'hz||250' 'the marker that is whole'

# --- a file wins over markers

echo "{$facts,\"when\":\"start\",\"kernel\":\"6.8.8-file\",\"params\":{\"x\":\"3\"}}" > pieces.dat.host.json
import --force pieces.dat
expect "$(sql pieces.dat.db 'SELECT host_facts, kernel FROM recording')" 'file|6.8.8-file' 'the file beside it wins'
expect "$(params pieces.dat.db | grep '^[xy]')" \
'x|start|3
y||2' 'parameters of both'
echo "{$facts,\"kernel\":\"6.7.7-option\"}" > named.json
import --force --host-facts=named.json pieces.dat
expect "$(sql pieces.dat.db 'SELECT kernel FROM recording')" '6.7.7-option' 'the file named wins'

# --- what the recorder could not have, or gave up

record lacks.dat << END
$guest
1400 0 70 print buf={$facts,"when":"start","params":{"recorder.tool":"counterspin 0.1.0","recorder.budget":0.02,"recorder.shed":0,"recorder.lacks.0":{"what":"on_spin","why":"it is there twice","without":"what was tried"}}}
1500 0 70 print buf={$facts,"when":"stop","params":{"recorder.shed":1,"recorder.overhead":0.013,"recorder.n_bursts":3,"recorder.lacks.0":{"what":"on_spin","why":"it is there twice","without":"what was tried"},"recorder.lacks.1":{"what":"kvm_inj_virq","why":"given up","without":"when IPIs were injected"},"recorder.lacks.2":"no object"}}
END
import lacks.dat
expect "$(sql lacks.dat.db "SELECT what, why FROM unknowable WHERE why LIKE 'the recorder did%' ORDER BY what")" \
'what was tried|the recorder did not have on_spin: it is there twice
when IPIs were injected|the recorder did not have kvm_inj_virq: given up' 'what the recorder lacked'
"$COUNTERSPIN" info lacks.dat.db > info.txt
grep -q "recorded by counterspin 0.1.0, which took about 1.3 % of the busiest CPU's time (budget 2 %); in 3 bursts; events were given up" info.txt ||
	fail "info does not say how it was recorded: $(grep recorded info.txt)"
"$COUNTERSPIN" replay lacks.dat.db > replay.txt 2> "$scratch/log" || true
grep -q 'WARNING: the recorder gave up events' replay.txt || fail 'replay does not say that events were given up'
