# SPDX-License-Identifier: GPL-2.0-or-later
#
# The recordings of tests/data/; README says how they are made and placed. Not a test.
. /lab/job_lib.sh
tracefs_remember

case $LAB_MODE in
realtime-2pcpu)
	record balanced --probes=deep -- --mix balanced --ms 5000 --warm 400 --seed 113
	check "[ $? = 0 ]" balanced
	;;
icount-1pcpu)
	record ipi-heavy-icount --probes=deep -- --mix ipi-heavy --ms 2000 --warm 200 --seed 125
	check "[ $? = 0 ]" ipi-heavy-icount
	record lock-heavy-icount --probes=deep -- --mix lock-heavy --ms 3000 --warm 300 --seed 126
	check "[ $? = 0 ]" lock-heavy-icount
	;;
*)
	skip "no recording is made in mode $LAB_MODE"
	;;
esac
check_tracefs 'after them'
