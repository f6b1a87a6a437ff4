#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# machine: alone
# What the agent costs on an idle VM: <= 0.2 % of one CPU all told (its own time and that of its BPF programs),
# private memory <= 6 MB, BPF maps <= 4 MB, a summary <= 500 bytes; checked from outside, and what it reports itself
# must agree.
. "$(dirname "$0")/../lib/system.sh"
need_root
need jq curl bpftool python3 sqlite3

[ "${HR_CI:-0}" = 0 ] && seconds=60 || seconds=20
seconds=${HR_COST_SECONDS:-$seconds}
hz=$(getconf CLK_TCK)
write_conf
start_collector
start_agent
# Starting is not idling: loading and verifying BPF programs takes its second once.
wait_for 60 "the agent's first summary" eval 'get /v1/hosts | jq -e ".. | objects | select(.id? // .host?)" >/dev/null'
sleep 5

# The kernel's own account of what this agent holds: each BPF map and program is a descriptor of it.
# held FIELD KIND: sum of a field over descriptors of maps (map_id) or programs (prog_id, without links).
held() {
	awk -v field="$1:" -v kind="$2:" 'FNR == 1 { flush(); is = link = v = 0 }
		function flush() { if (is && !link) sum += v }
		$1 == kind { is = 1 } $1 == "link_type:" { link = 1 } $1 == field { v = $2 }
		END { flush(); printf "%d\n", sum }' "/proc/$agent/fdinfo/"*
}
objects() { grep -lE "^$1:" "/proc/$agent/fdinfo/"* | xargs -r grep -LE '^link_type:' | wc -l; }
cpu_ns() { awk '{ print $1 }' "/proc/$agent/schedstat" 2>/dev/null || awk -v hz="$hz" '{ print ($14 + $15) * 1e9 / hz }' "/proc/$agent/stat"; }
bpf_ns() { held run_time_ns prog_id; }
stats=/proc/sys/kernel/bpf_stats_enabled
was=$(cat $stats 2>/dev/null || echo none)
[ "$was" = none ] || echo 1 >$stats
[ "$was" = none ] || at_exit "echo $was >$stats"

progs=$(objects prog_id)
[ "$progs" -ge 1 ] || fail "the agent holds no BPF program: its BPF time cannot be summed"
ids=$(grep -hE '^prog_id:' "/proc/$agent/fdinfo/"* | awk '{ print $2 }' | sort -u | paste -sd' ')
over=0
for try in 1 2 3; do
	b0=$(busy_ticks) a0=$(cpu_ns) p0=$(bpf_ns) t0=$(date +%s%N)
	sleep "$seconds"
	b1=$(busy_ticks) a1=$(cpu_ns) p1=$(bpf_ns) t1=$(date +%s%N)
	read -r agent_pct bpf_pct busy < <(awk -v a=$((a1 - a0)) -v p=$((p1 - p0)) -v t=$((t1 - t0)) -v b=$((b1 - b0)) -v hz="$hz" \
		'BEGIN { printf "%.4f %.4f %.3f\n", 100 * a / t, 100 * p / t, b / hz / (t / 1e9) }')
	say "over $seconds s: agent $agent_pct %, its $progs BPF programs $bpf_pct % of one CPU; all of the VM $busy CPUs, load $(cut -d' ' -f1 /proc/loadavg)"
	awk -v a="$agent_pct" -v p="$bpf_pct" 'BEGIN { exit !(a + p > 0.2) }' || break
	# BPF time grows with the switches of others: the promise is about an idle VM.
	# A slow host makes all of it dearer for a while: once is chance.
	awk -v b="$busy" -v n="$(nproc)" 'BEGIN { exit !(b > 0.08 * n) }' || over=$((over + 1))
	[ $over -lt 2 ] || fail "agent and BPF take more than 0.2 % of one CPU on an idle VM, twice"
	[ "$try" -lt 3 ] || skip "the VM was never idle: $busy CPUs busy; agent $agent_pct %, BPF $bpf_pct % of one CPU"
done

# Private memory = pages this process wrote (Private_Dirty: heap, stack, relocations, its BPF mappings).  Clean
# pages of library files are the page cache's: the kernel drops them at will and shares them with the next reader.
rollup() { awk -v k="$1:" '$1 == k { print $2 * 1024 }' "/proc/$agent/smaps_rollup"; }
private=$(rollup Private_Dirty) rss=$(rollup Rss) maps=$(held memlock map_id)
say "private dirty $((private / 1024)) KiB, private clean $(($(rollup Private_Clean) / 1024)) KiB, PSS $(($(rollup Pss) / 1024)) KiB," \
	"RSS $((rss / 1024)) KiB; $(objects map_id) BPF maps $((maps / 1024)) KiB"
[ "$private" -gt 0 ] && [ "$private" -le $((6 * 1024 * 1024)) ] || fail "private memory $private bytes, promised <= 6 MB"
[ "$maps" -gt 0 ] && [ "$maps" -le $((4 * 1024 * 1024)) ] || fail "BPF maps $maps bytes, promised <= 4 MB"

# Of the last two the shorter: somebody's job may make the VM busy in one.
sizes=$(python3 "$HR_TOP/tests/lib/windows.py" "$db" | sort -k3n | tail -n 2 | awk '{ print $5 }' | sort -n | paste -sd' ')
say "summaries: $sizes bytes"
[ -n "$sizes" ] && [ "${sizes%% *}" -le 500 ] && [ "${sizes##* }" -le 900 ] ||
	fail "summaries take $sizes bytes, promised <= 500 of an idle VM and <= 900 of any"

id=$(get /v1/hosts | jq -r '[.. | objects | (.id // .host) | strings] | first')
get "/v1/hosts/$id/answer" >"$tmp/answer.json"
say "it says of itself: $(ask '.cost | tojson')"
holds '.cost.cpu_ratio != null and .cost.cpu_ratio > 0 and .cost.cpu_ratio < 0.02' "its own CPU share is reported"
holds '.cost.rss_bytes != null and .cost.map_bytes != null' "its own memory is reported"
said=$(ask '.cost.rss_bytes')
awk -v a="$said" -v b="$rss" 'BEGIN { exit !(a > b / 2 && a < b * 2) }' || fail "reports RSS $said, /proc says $rss"
said=$(ask '.cost.map_bytes')
awk -v a="$said" -v b="$maps" 'BEGIN { exit !(a > b / 2 && a < b * 2) }' || fail "reports $said bytes of maps, the kernel says $maps"
end "$agent" || fail "the agent did not stop on SIGTERM"
for id in $ids; do
	! bpftool prog show id "$id" >/dev/null 2>&1 || fail "BPF program $id is left behind"
done
pass "agent $agent_pct % + BPF $bpf_pct % of one CPU, private $((private / 1024)) KiB, maps $((maps / 1024)) KiB"
