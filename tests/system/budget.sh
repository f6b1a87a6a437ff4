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
	-n 8 -s 12000 none >"$tmp/load.log" 2>&1 &
register $!
shed() {
	id=$(get /v1/hosts | jq -r '[.. | objects | (.id // .host) | strings] | first') &&
		get "/v1/hosts/$id/answer" >"$tmp/answer.json" && jq -e '.cost.shed | index("burst") != null' "$tmp/answer.json"
}
wait_for 75 "the burst recorder to be shed" shed
say "cost: $(ask '.cost | tojson')"
holds '.cost.shed[0] == "burst"' "the burst recorder goes first"
holds '.cost.cpu_ratio > 0.0005' "the cost it was shed for is reported"
pass "over a budget of 0.05 % shed: $(ask '.cost.shed | join(" ")')"
