#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Run a job on a stock Debian kernel with KVM, in QEMU. See README beside this file.
#
# Exits as the job does; 77 if the lab cannot be had here, with the reason; 124 if it hung.
set -euo pipefail

usage() {
	cat << END
usage: lab.sh [OPTION...] JOB.sh [ARGUMENT...]
  --kernel SERIES  Debian's newest of that series (6.1)
  --cpus N         virtual CPUs of the host under test (2)
  --icount         one CPU in virtual time: what else runs on this machine is not seen
  --build DIR      where counterspin is built, and where kernels are kept (build)
  --out DIR        what the job knows as /host (BUILD/lab/out/JOB-SERIES); emptied first
  --with PROGRAM   pack it too, with its libraries; may be repeated
  --timeout S      of a boot and the job (240)
  --stall S        without a word from kernel or job it hangs (60)
END
}

lab=$(realpath "$(dirname "$0")")
source=${lab%/tests/lab}
series=6.1 cpus=2 icount= build=$source/build out= programs=() timeout=240 stall=60
while [ $# -gt 0 ]; do
	case $1 in
	--kernel) series=$2; shift 2 ;;
	--cpus) cpus=$2; shift 2 ;;
	--icount) icount=yes cpus=1; shift ;;
	--build) build=$2; shift 2 ;;
	--out) out=$2; shift 2 ;;
	--with) programs+=("$2"); shift 2 ;;
	--timeout) timeout=$2; shift 2 ;;
	--stall) stall=$2; shift 2 ;;
	-h|--help) usage; exit 0 ;;
	-*) usage >&2; exit 2 ;;
	*) break ;;
	esac
done
[ $# -ge 1 ] && [ -f "$1" ] || { usage >&2; exit 2; }
job=$1
shift
mkdir -p "$build/lab"
build=$(realpath "$build")
out=${out:-$build/lab/out/$(basename "$job" .sh)-$series}

say() {
	echo "lab: $*" >&2
}

skip() {
	say "skipped: $*"
	exit 77
}

[ "$(uname -m)" = x86_64 ] || skip 'it wants an x86-64 host'
for program in qemu-system-x86_64 busybox cpio xz strace; do
	command -v $program > /dev/null || skip "there is no $program (tests/setup.sh installs it)"
done

# --- kernel, programs, initramfs

[ -f "$build/CMakeCache.txt" ] || cmake -S "$source" -B "$build" > /dev/null
cmake --build "$build" --target counterspin lab_vmm lab_guest > "$build/lab/build.log" 2>&1 ||
	{ cat "$build/lab/build.log" >&2; exit 3; }
exec 9> "$build/lab/lock"	# two labs at once make nothing twice
flock 9
kernel=$("$lab/kernel.sh" "$series" "$build/lab")
release=$(basename "$kernel"/lib/modules/*)
initramfs=$("$lab/initramfs.sh" "$kernel" "$build" "$build/counterspin" "$build/tests/lab/lab_vmm" \
	"$(command -v strace)" "${programs[@]}")
exec 9>&-

# --- one boot

mkdir -p "$out"
out=$(realpath "$out")
[ -z "$(ls -A "$out")" ] || [ -e "$out/console.log" ] ||
	{ say "'$out' is not empty, and no lab made what is in it"; exit 2; }
find "$out" -mindepth 1 -delete
cp "$job" "$out/job.sh"
printf '%s\n' "$@" > "$out/arguments"

# The TSC is good, but QEMU does not say so; 'nokaslr', so that addresses of two boots compare.
# TCG has no PAUSE filter: KVM, told that there is one, does what it does with one, but each PAUSE
# exits.
mode=realtime-${cpus}pcpu accelerator=(-accel "tcg,thread=multi,tb-size=512")
if [ -n "$icount" ]; then
	mode=icount-1pcpu
	accelerator=(-accel "tcg,tb-size=512" -icount "shift=1,sleep=off,align=off")
fi
command_line="console=ttyS0 loglevel=5 panic=-1 mitigations=off nokaslr tsc=reliable"
command_line+=" clocksource=tsc nowatchdog LAB_MODE=$mode"
cpu=qemu64,family=23,model=1,stepping=2,+svm,+npt,+pause-filter,+pfthreshold,x-force-features=on
cpu+=,+fsgsbase,+pdpe1gb,+rdtscp,+ssse3,+sse4.1,+sse4.2,+popcnt,+cx16

qemu=
trap '[ -z "$qemu" ] || kill -KILL $qemu 2> /dev/null || true' EXIT

# Sets 'ended' to the status of the job, or to what befell it.
boot() {
	local start=$SECONDS heard=$SECONDS size= now tail

	rm -f "$out/status"
	: > "$out/console.log"
	: > "$out/output.log"
	qemu-system-x86_64 -machine q35 "${accelerator[@]}" -cpu "$cpu" -smp "$cpus" -m 2G \
		-display none -nodefaults -no-reboot \
		-kernel "$kernel"/boot/vmlinuz-* -initrd "$initramfs" -append "$command_line" \
		-serial "file:$out/console.log" -serial "file:$out/output.log" \
		-fsdev "local,id=host,path=$out,security_model=none" \
		-device virtio-9p-pci,fsdev=host,mount_tag=host < /dev/null 2> "$out/qemu.log" &
	qemu=$!
	tail -n +1 -f --pid=$qemu "$out/output.log" &
	tail=$!
	while kill -0 $qemu 2> /dev/null; do
		sleep 0.5
		now=$(stat -c %s "$out/console.log" "$out/output.log")
		[ "$now" = "$size" ] || heard=$SECONDS
		size=$now
		if [ $((SECONDS - heard)) -ge "$stall" ]; then
			ended="no word for $stall s"
			break
		elif [ $((SECONDS - start)) -ge "$timeout" ]; then
			ended=timeout
			break
		fi
	done
	kill -KILL $qemu 2> /dev/null || true
	wait $qemu 2> /dev/null || true
	wait $tail
	qemu=
	if [ -s "$out/status" ]; then
		ended=$(cat "$out/status")
	elif [ -z "$ended" ]; then
		ended="QEMU ended before the job did $(sed '/warning:/d' "$out/qemu.log" | tail -1)"
	fi
}

# QEMU 7.2 with two virtual CPUs loses an interrupt now and then, or its guest dies of a triple
# fault: nobody's fault here, and seldom twice.
for attempt in 1 2 3; do
	ended=
	boot
	case $ended in
	[0-9]*) exit "$ended" ;;
	timeout) say "the job took more than $timeout s; see $out/console.log"; exit 124 ;;
	esac
	say "attempt $attempt of 3 on $release: $ended"
	cp "$out/console.log" "$out/console.$attempt.log"
done
exit 124
