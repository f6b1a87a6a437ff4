# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154  # sourced by run, after boot.sh
# Guests that are no part of CI: experiments, whose results are in bpf/README.md, and machines of many possible CPUs.

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

# boot_as "NAME [PARAMETER...]" KERNEL CPUS: a guest that does what tests/kernels/guest has under that name, its kernel told
# these parameters; its console in $log.
boot_as() {
	local guest_append="$guest_append hr.$1"
	qemu "$2" "${2##*-}" "$3" "$cache/initramfs-${1%% *}" "$log"
	grep -q '^HR: end' "$log" && ! grep -q '^HR: FAIL' "$log" && return
	tail -n 15 "$log"
	result FAIL "$title" "did not come to its end (log $log)"
	return 1
}

# guest_for NAME KERNEL: its initramfs, or a skip or failure has been counted.
guest_for() {
	local arch=${2##*-}
	case $1-$arch in
	*-amd64) ;;
	pages-arm64) arm64_ready || return 1 ;;
	*) result SKIP "$1 $2" "amd64 only"; return 1 ;;
	esac
	fetched "$2" && get_busybox "$arch" || return 1
	make_initramfs "$2" "$arch" "$cache/initramfs-$1" || { result FAIL "$1 $2" "no initramfs"; return 1; }
}

# The sample of page frames alone, on a machine as it is and on a larger one.  On amd64 that is one whose kernel lives
# above 64 GiB, 20 GiB in all: memory from 4 GiB to 1 MiB above 64 is taken away, and so the frame at 64 GiB is a reserved
# one, just where frame 0 would be if struct pages began 1 GiB later.  On the third machine 256 MiB at 72 GiB are plugged
# in while it runs (amd64: without firmware QEMU's arm64 has them from the start).
stage_pages() {
	local k size log title guest_append guest_mem guest_qemu guest_programs=(headroom tests/bpf_test_pages)
	for k in "${kernels[@]%%:*}"; do
		guest_for pages "$k" || continue
		for size in 320M $([ "${k##*-}" = arm64 ] && echo 6G || echo 80G plugged); do
			log=$cache/pages-$k-$size.log title="$k, $size, page frames" guest_mem=$size guest_append='' guest_qemu=()
			case $size in
			80G) guest_append='memmap=61441M$4G' ;;&
			*G) guest_qemu=(-object "memory-backend-ram,id=ram,size=$size,reserve=off" -machine memory-backend=ram) ;;
			plugged)
				guest_mem=320M,slots=1,maxmem=80G guest_append=memhp_default_state=offline
				guest_qemu=(-object memory-backend-ram,id=more,size=256M -device "pc-dimm,memdev=more,addr=$((72 << 30))")
				;;
			esac
			boot_as pages "$k" 1 || continue
			judge_tests
			judge_pages
		done
		rm -f "$cache/initramfs-pages"
	done
}

# Time of one tick and memory of the maps by possible CPUs, of which one is there.  The time is that of an emulated CPU:
# read how it grows.  For kernels up to 6.8: later ones believe in CPUs that are not there only under a hypervisor they
# know.  The machine has 255 at most (QEMU without KVM has no x2APIC), the kernel's parameter makes them 256.
stage_scale() {
	local k n log title least last rows guest_append='' guest_disks=1 guest_mem=512M guest_possible guest_programs=(headroom tests/cost_tick)
	for k in "${kernels[@]%%:*}"; do
		guest_for scale "$k" || continue
		rows='' last=''
		for n in 2 8 64 256; do
			guest_possible=$((n < 255 ? n : 255)) log=$cache/scale-$k-$n.log title="$k, $n possible CPUs"
			boot_as "scale possible_cpus=$n" "$k" 1 || continue
			expects "are possible" tick ".possible == $n and .online == 1"
			expects "maps within 32 KiB a possible CPU and 512 KiB" tick ".map_bytes <= $((n * 32768 + 524288))"
			expects "the doctor says the same of them" doctor ".cost.map_bytes == $(of tick | jq .map_bytes)"
			rows+=$(of tick | jq -r "\"| $n | \\(.tick_us.median | round) [\\(.tick_us.least | round), \\(.tick_us.largest | round)] | \\(.map_bytes) | $((n * 32768 + 524288)) |\"")$'\n'
			least=$(of tick | jq '.tick_us.least | round')
			if [ "$n" = 256 ]; then # 4 times the CPUs; by their square it would be 16
				if [ -n "$last" ] && [ "$least" -le $((6 * last)) ]; then
					result PASS "$k: a tick grows no faster than the CPUs"
				else
					result FAIL "$k: a tick grows no faster than the CPUs" "$least us, $last with 64"
				fi
			fi
			last=$least
		done
		printf '| possible CPUs | tick, us [least, largest] | map bytes | at most |\n|---|---|---|---|\n%s' "$rows"
		rm -f "$cache/initramfs-scale"
	done
}
