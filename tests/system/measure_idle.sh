#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# machine: alone
# On an idle VM the answer is yes, with the factor capped at 8.
. "$(dirname "$0")/../lib/system.sh"
need_root
need jq python3

# An idle VM wakes some 25 times a second: 1 % of a window are five bursts, and five that meet in the background are
# enough for an honest 'unknown' (1 of 6 windows here).  One of four must be clear.
export tries=4
attempts '.answer == "yes" and .headroom.capped == true' measure 20
holds '.answer == "yes" and .reason == "headroom-left"' "an idle VM has headroom"
holds '.headroom.capped == true and .headroom.likely == 8' "the factor of an idle VM is capped at 8"
holds '.window.seconds >= 18 and .window.seconds <= 25' "the window is the one asked for"
holds '.window.covered >= 0.9' "the window is covered"
holds '[.resources[] | select(.resource == "cpu")] | length == 1' "CPU is among the resources"
holds '[.resources[] | select(.saturated)] | length == 0' "nothing is saturated"
# Hidden which vCPUs share a core: then it is measured, and on an idle machine it can be.
cpus=$(getconf _NPROCESSORS_ONLN)
"$bin/headroom" doctor --json >"$tmp/doctor.json" || fail "doctor failed"
topology() { jq -r --arg f "$1" '.signals[] | select(.signal == "topology") | .[$f]' "$tmp/doctor.json"; }
say "topology: $(topology rung): $(topology reason)"
if [ "$cpus" -ge 2 ] && [ "$(uname -m)" = x86_64 ]; then
	[ "$(topology rung)" = file ] || fail "which of $cpus vCPUs share a core is neither shown nor measured"
fi
pass "idle: yes, capped at 8"
