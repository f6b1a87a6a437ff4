#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# machine: alone
# A memory cgroup that thrashes (a file larger than its limit, read at random) on a VM with memory to spare:
# the answer is the local limit, not the VM's size.
. "$(dirname "$0")/../lib/system.sh"
need_root
need jq python3 fio

new_cgroup memory
# Written past the page cache: pages cached now would be charged to nobody's limit.
dd if=/dev/zero of="$HR_BUILD/set.img" bs=1M count=200 oflag=direct 2>"$tmp/dd.log" || skip "no room for a 200 MB file in build/"
limit=$((100 * 1024 * 1024))
echo $limit >"$group/memory.limit_in_bytes" || skip "no memory limit in cgroup v1 here"
# Two readers through the page cache; --invalidate=0: the first pass fills the cache up to the limit.
( in_cgroup "$group" fio --name=thrash --filename="$HR_BUILD/set.img" --rw=randread --bs=4k --ioengine=psync \
	--invalidate=0 --numjobs=2 --time_based --runtime=100 --size=200M --output-format=json \
	--allow_file_create=0 >"$tmp/fio.json" 2>"$tmp/fio.log" ) &
register $!
refaults() { awk '/^workingset_refault/ { s += $2 } END { print s }' /proc/vmstat; }
sleep 8
rm "$HR_BUILD/set.img" # fio holds it open
thrashing() {
	local before after
	before=$(refaults)
	measure 14
	after=$(refaults)
	say "refaults $before -> $after; usage $(cat "$group/memory.usage_in_bytes") of $limit bytes, failcnt $(cat "$group/memory.failcnt")"
	[ $((after - before)) -ge 1400 ] || skip "no thrashing here: $((after - before)) refaults in 14 s"
}
attempts '.reason == "local-limit" and .answer == "no"' thrashing
holds '.answer == "no" and .reason == "local-limit"' "a cgroup's limit is a local limit"
holds '(.sentence + .advice) | test("cgroup|limit")' "the words say what binds"
holds "(.sentence + .advice + ([.resources[].evidence[].source] | join(\" \"))) | test(\"${group##*/}\")" "the cgroup is named"
holds '[.bigger[] | select(.change | test("memory|ram"; "i")) | select(.gain.likely != null and .gain.likely > 1.1)] | length == 0' \
	"a larger VM is not said to help"
pass "thrashing cgroup: local-limit"
