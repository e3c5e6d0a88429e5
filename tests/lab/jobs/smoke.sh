# SPDX-License-Identifier: GPL-2.0-or-later
#
# The lab itself: guests spin, each PAUSE exits, kvm_vcpu_on_spin() is called for it, and what the
# kernel says agrees with what the guests say. Plain tracefs, none of counterspin.
. /lab/job_lib.sh

tracefs_remember
instance=$tracefs/instances/smoke
mkdir $instance
echo 8192 > $instance/buffer_size_kb
echo 'p:lab/on_spin kvm:kvm_vcpu_on_spin kernel_mode=$arg2:u8' > $tracefs/kprobe_events
echo 'exit_reason == 0x77' > $instance/events/kvm/kvm_exit/filter	# PAUSE
for event in kvm/kvm_exit lab/on_spin; do
	echo 1 > $instance/events/$event/enable
done

vms --vms 2 --vcpus 4 --mix ipi-heavy,lock-heavy --ms 1000 --warm 100 --log /host/pauselog
check "[ $? = 0 ]" 'the VMs ended well'
cat vms.log

echo 0 > $instance/tracing_on
cat $instance/trace > trace
lost=$(cat $instance/per_cpu/cpu*/stats | awk '/overrun|dropped/ { sum += $NF } END { print sum }')
rmdir $instance
echo > $tracefs/kprobe_events
check_tracefs 'after a recording by hand'

# of each thread the RIP of the last PAUSE exit tells what its on_spin() has to be told
awk '
	{ thread = $1; sub(/.*-/, "", thread) }
	/kvm_exit:/ {
		for (i = 1; i < NF; i++)
			if ($i == "rip")
				rip = $(i + 1)
		sub(/^0x/, "", rip)
		high[thread] = length(rip) == 16 && rip ~ /^f/
		if (high[thread])
			n_high++
		else if (length(rip) == 6 && rip ~ /^10/)
			n_low++
		else
			n_elsewhere++
	}
	/on_spin:/ {
		n_on_spin++
		if (($NF == "kernel_mode=1") != high[thread])
			n_wrong++
	}
	END {
		print "high=" n_high + 0, "low=" n_low + 0, "elsewhere=" n_elsewhere + 0,
			"on_spin=" n_on_spin + 0, "wrong=" n_wrong + 0
	}' trace > counts
cat counts
. ./counts

check "[ $lost = 0 ]" 'no event was lost'
check "[ $on_spin -gt 500 ]" 'there are decisions'
check "[ $high = $(vms_sum CPL0) ]" 'as many PAUSE exits in the high half as PAUSEs in CPL0'
check "[ $low = $(vms_sum CPL3) ]" 'as many in the low half as in CPL3'
check "[ $elsewhere = 0 ]" 'and none elsewhere'
check "[ $on_spin = $((high + low)) ]" 'a decision for each'
check "[ $wrong = 0 ]" 'kernel_mode is what the RIP says'
check '[ $(cat /host/pauselog.vm* | wc -c) = $((16 * $(vms_sum pauses))) ]' 'the guests logged each PAUSE'
