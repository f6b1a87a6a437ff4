#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The collector is away for most of a minute: the agent keeps measuring, spools, and delivers all of it after.
. "$(dirname "$0")/../lib/system.sh"
need_root
need sqlite3 curl

write_conf
windows="SELECT boot, seq, last FROM w10 UNION ALL SELECT boot, seq, last FROM w10x"
total() { sql "SELECT coalesce(sum(last - seq + 1), 0) FROM ($windows)" 2>/dev/null || echo 0; }
at_least() { [ "$(total)" -ge "$1" ]; }
start_collector
start_agent
wait_for 40 "the first window" at_least 1
end "$collector" || fail "the collector did not stop on SIGTERM"
before=$(total)
sleep 45
alive "$agent" || fail "the agent died while the collector was away"
start_collector
# Back-off and posting phase may take their time; all windows of the outage must come.
wait_for 120 "the windows of 45 s without a collector" at_least $((before + 4))
end "$agent" || fail "the agent did not stop on SIGTERM"
gap=$(sql "SELECT max(last) - min(seq) + 1 - sum(last - seq + 1) FROM ($windows)")
[ "$gap" = 0 ] || fail "$gap windows are missing: $(sql "$windows ORDER BY 2" | tr '\n' ' ')"
pass "45 s away: $(total) windows, none missing"
