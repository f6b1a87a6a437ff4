#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The budget guard: under a load far over a tiny budget the first hook of the order goes within a minute,
# and the answer names it, with the evidence that went with it.
. "$(dirname "$0")/../lib/system.sh"
need_root
need jq curl

write_conf
printf '[measure]\nbudget = 0.05%%\n' >>"$tmp/agent.conf"
start_collector
start_agent
"$HR_BUILD/tests/cost_hooks" switch -o "$HR_BUILD/bpf/skel" -e "$HR_BUILD/tests/cost/skel/empty.bpf.o" \
	-n 16 -s 6000 none >"$tmp/load.log" 2>&1 &
register $!
shed() {
	id=$(get /v1/hosts | jq -r '[.. | objects | (.id // .host) | strings] | first') &&
		get "/v1/hosts/$id/answer" >"$tmp/answer.json" && jq -e '.cost.shed | index("burst") != null' "$tmp/answer.json"
}
wait_for 75 "the burst recorder to be shed" shed
say "cost: $(ask '.cost | tojson')"
holds '.cost.shed[0] == "burst"' "the burst recorder goes first"
holds '.cost.cpu_ratio > 0.0005' "the cost it was shed for is reported"
"$bin/headroom" doctor --json --agent-config "$tmp/agent.conf" >"$tmp/doctor.json" || fail "doctor failed"
jq -e --argjson pid "$agent" '.agent | .pid == $pid and .budget_ratio > 0.0004 and .cpu_ratio > 0 and
	.hook_ratio > 0 and .shed[0] == "burst" and (.shed_reason | startswith("shed: ")) and .map_bytes > 0 and .rss_bytes > 0' \
	"$tmp/doctor.json" >/dev/null || fail "doctor does not say what the running agent costs and has shed: $(jq -c .agent "$tmp/doctor.json")"
end "$agent" || fail "the agent did not stop"
"$bin/headroom" doctor --json --agent-config "$tmp/agent.conf" | jq -e '.agent == null' >/dev/null || fail "doctor sees an agent that has ended"
pass "over a budget of 0.05 % shed: $(ask '.cost.shed | join(" ")')"
