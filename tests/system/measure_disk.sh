#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# machine: alone
# A disk that is throttled below the request layer (as a cloud volume is) and offered more than it carries:
# the disk binds.  The device is a loop device with direct I/O; its backing file's disk is limited for the cgroup
# whose I/O it carries (blkio v1, 300 writes/s), so requests of loopN wait below loopN, unseen by its queue.
. "$(dirname "$0")/../lib/system.sh"
need_root
need jq python3 fio losetup findmnt

new_cgroup blkio
truncate -s 0 "$HR_BUILD/disk.img"
fallocate -l 256M "$HR_BUILD/disk.img" || skip "no room for a 256 MB file in build/"
back=$(findmnt -no MAJ:MIN -T "$HR_BUILD")
disk=$(readlink -f "/sys/dev/block/$back" 2>/dev/null) || skip "build/ is on no block device"
[ ! -e "$disk/partition" ] || back=$(cat "$disk/../dev")
dev=$(losetup --find --show --direct-io=on "$HR_BUILD/disk.img" 2>"$tmp/losetup.log") || skip "no loop device: $(cat "$tmp/losetup.log")"
loops+=("$dev")
rm "$HR_BUILD/disk.img" # the loop device keeps it until the test ends
name=${dev#/dev/}
[ "$(cat "/sys/block/$name/loop/dio")" = 1 ] || skip "no direct I/O below $name: the throttle would not act"
limit=300
echo "$back $limit" >"$group/blkio.throttle.write_iops_device" || skip "no blkio throttle for $back"

# Sixteen writes at a time: by threads that wait for each, as a database's do, and by one that hands them over
# (libaio) and sleeps for completions, which pressure stalls do not count as waiting for I/O.
engine='' window=''
load() { # RATE SECONDS
	local how=(--ioengine=psync --thread --numjobs=16 --group_reporting "--rate_iops=$(($1 / 16))")
	[ "$engine" = psync ] || how=(--ioengine="$engine" --iodepth=16 "--rate_iops=$1")
	in_cgroup "$group" fio --name=load --filename="$dev" --rw=randwrite --bs=4k --direct=1 "${how[@]}" \
		--time_based --runtime="$2" --size=256M --output-format=json
}
loaded() {
	load 800 $((window + 6)) >"$tmp/fio.json" 2>"$tmp/fio.log" &
	register $!
	sleep 2
	measure "$window" --include "$name"
	wait $! || fail "fio failed"
	got=$(jq '.jobs[0].write.iops | floor' "$tmp/fio.json")
	say "$engine: offered 800/s, limit $limit/s, fio got $got/s, mean latency $(jq '.jobs[0].write.clat_ns.mean / 1e6 | floor' "$tmp/fio.json") ms"
	[ "$got" -ge 270 ] && [ "$got" -le 330 ] || skip "the throttle did not act: $got writes/s at a limit of $limit"
}
dev_is="select(.resource == \"disk\" and .device == \"$name\")"
for engine in psync libaio; do
	[ $engine = psync ] && window=12 || window=20
	# a disk of the host that stands still for a second takes as much of the demand
	demand=".resources[] | $dev_is | .demand.mean as \$d | .demand.unit != \"iops\" or (\$d > 270 and \$d < 330)"
	attempts ".binding.resource == \"disk\" and .binding.device == \"$name\" and ($demand)" loaded
	holds ".binding.resource == \"disk\" and .binding.device == \"$name\"" "$engine: the loaded disk binds"
	holds ".resources[] | $dev_is | .saturated" "$engine: the disk is saturated"
	holds ".resources[] | $dev_is | .headroom.likely <= 1.05" "$engine: the disk carries no more"
	holds "$demand" "$engine: its demand is what fio got"
	holds '.answer != "yes"' "$engine: a disk at its limit leaves no headroom"
done
pass "throttled disk: $name binds at $got writes/s"
