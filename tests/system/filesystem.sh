#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A small file system on a loop device that fills: sampled by agent and measure, its numbers those of df, saturated
# and named in the advice when it is full; inodes too.  Dates need days: tests/unit/test_stocks.c.
. "$(dirname "$0")/../lib/system.sh"
need_root
need jq python3 curl losetup mkfs.ext4 df

dir=$tmp/small
mkdir "$dir"
truncate -s 64M "$tmp/image"
mkfs.ext4 -q -m 5 -N 2048 "$tmp/image" || skip "mkfs.ext4 failed"
loop=$(losetup --find --show "$tmp/image") || skip "no loop device to be had"
loops+=("$loop")
mount "$loop" "$dir" || skip "cannot mount a loop device here"
mounts+=("$dir")

of() { jq -r --arg d "$dir" '.resources[] | select(.resource == "'"$1"'" and .device == $d) | '"$2" "$tmp/answer.json"; }
same_as_df() {
	local used avail
	sync -f "$dir"
	read -r used avail < <(df -B1 --output=used,avail "$dir" | tail -n 1)
	[ "$(of filesystem .demand.max)" = "$used" ] || fail "used: $(of filesystem .demand.max), df says $used"
	[ "$(of filesystem .capacity.value)" = $((used + avail)) ] ||
		fail "usable: $(of filesystem .capacity.value), df says $used + $avail"
	[ "$(of filesystem .headroom)" = null ] || fail "a stock has a factor"
}

write_conf
start_collector
start_agent
measure 12
same_as_df
[ "$(of filesystem .saturated)" = false ] || fail "an empty file system is saturated"
[ -z "$(of inodes .device)" ] || fail "inodes hardly used are told"

answered() { "$bin/headroom" status --config "$tmp/collector.conf" --json >"$tmp/answer.json" && [ -n "$(of filesystem .device)" ]; }
wait_for 60 "the file system in the service's answer" answered
validate "$tmp/answer.json"
[ "$(of filesystem '.missing[0].evidence')" = "14 more days of samples until it can be dated" ] ||
	fail "what a date needs is not told: $(of filesystem .missing)"
"$bin/headroom" doctor --json >"$tmp/doctor.json" || true
jq -e '.. | objects | select(.signal? == "filesystems" or .name? == "filesystems")' "$tmp/doctor.json" >/dev/null ||
	fail "doctor does not name the signal"

# as an unprivileged program would see it: full, though root could go on
dd if=/dev/zero of="$dir/data" bs=1M 2>/dev/null || true
for ((i = 0; i < 1500; i++)); do : >"$dir/f$i" || break; done 2>/dev/null
measure 12
same_as_df
[ "$(of filesystem .saturated)" = true ] || fail "a full file system is not saturated"
[ "$(of inodes .demand.max)" = "$(df --output=iused "$dir" | tail -n 1 | tr -d ' ')" ] || fail "inodes are not those of df"
ask .advice | grep -qF "file system $dir is" || fail "the advice does not name it: $(ask .advice)"
pass "a file system that fills is seen with df's numbers: $(of filesystem '"\(.demand.max) of \(.capacity.value) bytes"')"
