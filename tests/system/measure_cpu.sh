#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# machine: alone
# Under stress-ng --cpu with two workers per CPU, CPU is saturated, binds, and the factor is at most 1.
. "$(dirname "$0")/../lib/system.sh"
need_root
need jq python3 stress-ng

new_unified_cgroup
( in_cgroup "$group" stress-ng --cpu $((2 * $(nproc))) --timeout 90 ) >"$tmp/stress.log" 2>&1 &
register $!
sleep 2
attempts '.binding.resource == "cpu"' measure 13
holds '.binding.resource == "cpu"' "the loaded resource binds"
holds '.resources[] | select(.resource == "cpu") | .saturated' "CPU is saturated"
holds '.resources[] | select(.resource == "cpu") | .headroom.likely <= 1' "CPU carries no more"
holds '.headroom.at_least <= 1 and .headroom.likely <= 1' "the VM carries no more"
holds '.answer != "yes"' "a saturated VM has no headroom"
holds '[.resources[] | select(.resource == "cpu") | .evidence[] | select(.source | test("sched|schedstat"))] | length > 0' \
	"the evidence names the scheduler"
holds ".groups[0].cgroup == \"${group##*/}\" and .groups[0].share > 0.5 and .groups[0].wait > .groups[0].share / 2" \
	"the busiest cgroup is named, with as many waiting as running"
pass "two spinning workers per CPU: cpu binds, factor <= 1"
