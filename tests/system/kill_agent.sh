#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 of the agent mid-stream, while every third answer is lost on the way: what it measured before is
# sent by its successor, nothing is stored twice, and the window it died in is the only one missing.
. "$(dirname "$0")/../lib/system.sh"
need_root
need python3 sqlite3 curl

write_conf
start_collector
proxy=$((port + 1))
python3 "$HR_TOP/tests/lib/proxy.py" $proxy "$port" 3 "$tmp/posts" >"$tmp/proxy.log" 2>&1 &
register $!
sed -i "s|^collector = .*|collector = http://127.0.0.1:$proxy|" "$tmp/agent.conf"
windows="SELECT boot, seq, last FROM w10 UNION ALL SELECT boot, seq, last FROM w10x"
covered() { [ "$(sql "SELECT coalesce(sum(last - seq + 1), 0) FROM ($windows)" 2>/dev/null)" -ge "$1" ]; }

start_agent
wait_for 60 "two windows stored" covered 2
for n in 1 2; do
	sleep $((RANDOM % 5))
	kill -KILL "$agent"
	wait "$agent" 2>/dev/null || true
	before=$(sql "SELECT sum(last - seq + 1) FROM ($windows)")
	start_agent
	wait_for 75 "two more windows after kill $n" covered $((before + 2))
done
end "$agent" || fail "the agent did not stop on SIGTERM"
end "$collector" || fail "the collector did not stop on SIGTERM"
say "posts: $(sort "$tmp/posts" | uniq -c | tr -s ' \n' ' ')"
grep -q lost "$tmp/posts" || fail "the proxy lost no answer: the test tested nothing"
sql "SELECT DISTINCT boot, seq, last FROM ($windows) ORDER BY boot, seq" >"$tmp/spans"
say "windows (boot|first|last): $(tr '\n' ' ' <"$tmp/spans")"
[ "$(sql "SELECT count(*) FROM host")" = 1 ] || fail "one agent, several hosts: its identity did not survive"
[ "$(sql "SELECT count(DISTINCT boot) FROM ($windows)")" = 1 ] || fail "one boot of the VM counts as several"
twice=$(sql "$windows ORDER BY 1, 2" | awk -F"|" '$1 == b && $2 <= l { n++ } { b = $1; l = $3 } END { print n + 0 }')
[ "$twice" = 0 ] || fail "$twice windows are stored twice"
# Two deaths cost at most the window each happened in and the one its successor began late.
missing=$(sql "SELECT max(last) - min(seq) + 1 - sum(last - seq + 1) FROM ($windows)")
[ "$missing" -le 4 ] || fail "$missing windows lost over two kills"
pass "two kills, answers lost: $missing windows missing (the ones it died in), none twice"
