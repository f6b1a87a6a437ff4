#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# machine: alone
# Agent, collector and command line under a real load: the service says unknown, and what is missing, while its
# history is short; then the loaded resource binds.  min_history is 30 s here instead of 30 h.
. "$(dirname "$0")/../lib/system.sh"
need_root
need jq python3 stress-ng curl sqlite3

write_conf
printf 'page = %s\n[model]\nmin_history = 30s\n' "$HR_TOP/collector/page" >>"$tmp/collector.conf"
headroom() { "$bin/headroom" "$@" --config "$tmp/collector.conf"; }

status=0
headroom status >"$tmp/out" 2>"$tmp/err" || status=$?
[ $status = 1 ] || fail "status without a collector: exit status $status, expected 1"
[ "$(wc -l <"$tmp/err")" = 1 ] && grep -q "$url" "$tmp/err" && grep -q 'headroom measure' "$tmp/err" ||
	fail "an absent collector is not explained: $(cat "$tmp/err")"

start_collector
headroom fleet | grep -q '^0 VMs' || fail "an empty fleet is not told"
status=0
headroom status >"$tmp/out" 2>"$tmp/err" || status=$?
[ $status = 1 ] && grep -q 'headroom-agent' "$tmp/err" || fail "a VM that does not report is not explained: $(cat "$tmp/err")"

stress-ng --cpu $((2 * $(nproc))) --timeout 120 >"$tmp/stress.log" 2>&1 &
register $!
start_agent
answered() { headroom status --json >"$tmp/answer.json" 2>"$tmp/err"; }
wait_for 40 "the first answer" answered
validate "$tmp/answer.json"
say "first: $(ask .sentence)"
holds '.answer == "unknown" and .reason == "missing-evidence"' "a short history is unknown"
holds '[.missing[] | select(.evidence | test("history")) | select(.available_at != null)] | length == 1' \
	"the history that is missing is named, and when it will be there"
status=0
headroom check >"$tmp/out" 2>"$tmp/err" || status=$?
[ $status = 3 ] && [ ! -s "$tmp/err" ] && grep -q '^HEADROOM UNKNOWN' "$tmp/out" ||
	fail "check with a short history: status $status, $(cat "$tmp/out" "$tmp/err")"

decided() { answered && [ "$(ask .answer)" != unknown ]; }
wait_for 100 "an answer from 30 s of history" decided
validate "$tmp/answer.json"
say "then: $(ask '"\(.answer) \(.reason): \(.sentence)"')"
holds '.binding.resource == "cpu"' "the loaded resource binds"
holds '.answer == "resize" or .answer == "no"' "a saturated VM has no headroom"
holds '.headroom.at_least <= 1 and .headroom.likely <= 1' "it carries no more"
holds '.window.covered > 0.9' "the window is covered"

"$bin/headroom" --config "$tmp/collector.conf" >"$tmp/out" || fail "headroom alone failed"
grep -q '^> cpu' "$tmp/out" || fail "the binding resource is not marked: $(cat "$tmp/out")"
LC_ALL=C grep -q "$(printf '\033')" "$tmp/out" && fail "colour without a terminal"
headroom fleet | grep -qE '^tested +(resize|no) ' || fail "the VM is not in the fleet: $(headroom fleet)"
headroom fleet --answer yes --json | jq -e '.hosts | length == 0' >/dev/null || fail "--answer does not filter"
headroom hosts list | grep -q ' tested ' || fail "hosts list does not show it"
if command -v promtool >/dev/null; then
	get /metrics >"$tmp/metrics" && grep -q '^headroom_ratio{' "$tmp/metrics" || fail "/metrics has no headroom of the VM"
	promtool check metrics <"$tmp/metrics" >"$tmp/out" 2>&1 || fail "promtool check metrics: $(cat "$tmp/out")"
fi
# the history judges the same minutes, and knows the threshold
get '/v1/hosts/tested/history?from=-5m&step=10s' >"$tmp/history.json"
jq -e '.threshold == 1.3 and ([.headroom.at_least[] | numbers] | length > 0 and min <= 1)
	and .tightest.resource == "cpu" and .tightest.slots_all_busy > 0.5 * .tightest.slots
	and (.series[] | select(.resource == "cpu") | [.p99[] | numbers] | length >= 3)' "$tmp/history.json" >/dev/null ||
	fail "the history does not show the load: $(head -c 3000 "$tmp/history.json")"
headroom report >"$tmp/report.html" 2>"$tmp/err" || fail "report: $(cat "$tmp/err")"
! grep -qE '^@[a-z.]+@$|(src|href)="?https?:' "$tmp/report.html" && grep -q '"slots_all_busy":' "$tmp/report.html" && [ ! -s "$tmp/err" ] ||
	fail "the report is not whole: $(grep -nE '^@[a-z.]+@$|https?:' "$tmp/report.html" | head -n 3)"
headroom explain tested >"$tmp/explain" || fail "explain failed"
for word in 'late bursts = ' 'k(cpu) = ' 'K of the VM = ' 'verdict = ' 'sched_switch'; do
	grep -qF "$word" "$tmp/explain" || fail "explain does not say '$word'"
done
status=0
headroom check tested >"$tmp/out" 2>"$tmp/err" || status=$?
[ $status = 2 ] && [ ! -s "$tmp/err" ] && grep -qE "^HEADROOM CRITICAL - [^|]{1,60}\| 'headroom'=[0-9.]+;1.5:;1.2:;0;8 'cpu'=" "$tmp/out" ||
	fail "check of a saturated VM: status $status, $(cat "$tmp/out" "$tmp/err")"
[ "$(wc -l <"$tmp/out")" = 1 ] || fail "check prints more than one line"
longest=$(python3 "$HR_TOP/tests/lib/windows.py" "$db" | awk '$5 > n { n = $5 } END { print n }')
say "summaries: at most $longest bytes"
[ -n "$longest" ] && [ "$longest" -le 900 ] || fail "a summary of this busy VM takes $longest bytes, promised <= 900"
end "$agent" || fail "the agent did not stop on SIGTERM"
end "$collector" || fail "the collector did not stop on SIGTERM"
pass "loaded CPU: $(ask '"\(.answer) \(.reason)"'), told by every command"
