# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154  # sourced by run, after boot.sh
# Experiments in guests, whose results are in bpf/README.md.  No part of CI.

# hold_up PID: stops it for 40 of every 100 ms until it is gone; prints which share of the time it was stopped.
hold_up() {
	local from=${EPOCHREALTIME/./} at stopped=0
	while kill -STOP "$1" 2>/dev/null; do
		at=${EPOCHREALTIME/./}
		sleep 0.04
		kill -CONT "$1" 2>/dev/null
		stopped=$((stopped + ${EPOCHREALTIME/./} - at))
		sleep 0.06
	done
	echo "stopped for $((100 * stopped / (${EPOCHREALTIME/./} - from))) % of the time"
}

# experiment NAME PROGRAM...: a guest of each kernel that does what tests/kernels/guest has under that name.
experiment() {
	local name=$1 k log c machine pid
	shift
	local guest_programs=("$@") guest_append=hr.$name
	for k in "${kernels[@]}"; do
		c=${k#*:} k=${k%%:*} log=$cache/$name-$k.log
		[ "$c" != "$k" ] || c=1
		[ "${k##*-}" != arm64 ] || { result SKIP "$name $k" "amd64 only"; continue; }
		fetched "$k" && get_busybox amd64 && make_initramfs "$k" amd64 "$cache/initramfs-$name" || continue
		qemu "$k" amd64 "$c" "$cache/initramfs-$name" "$log" &
		machine=$!
		if [ "$name" = stall ]; then
			for _ in {1..100}; do # a busy host takes its time to start it
				pid=$(pgrep -P "$(pgrep -P $machine timeout | head -n 1)" 2>/dev/null | head -n 1)
				[ -z "$pid" ] || break
				sleep 0.2
			done
			[ -z "$pid" ] || hold_up "$pid"
		fi
		wait $machine
		grep -E '^[|]|^HR: (PASS|FAIL|SKIP)' "$log"
		if grep -q '^HR: end' "$log" && ! grep -q '^HR: FAIL' "$log"; then
			result PASS "$name $k"
		else
			result FAIL "$name $k" "(log $log)"
		fi
		rm -f "$cache/initramfs-$name"
	done
}

# A host that stops its guest, and what late ticks say of that in it (tests/bpf/stall.c): emulated machines have no
# steal clock, and nothing else gives a truth.
stage_stall() { experiment stall tests/bpf_stall; }

# The switch hook while sched_ext schedules all tasks, by one queue for all CPUs.
stage_sched_ext() { experiment sched_ext tests/bpf_scx tests/bpf_test_cpu tests/bpf_accuracy; }
