#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Malformed, truncated, oversized and misdirected requests: each refused with a problem document, no effect
# on the store, and the collector goes on serving.
. "$(dirname "$0")/../lib/system.sh"
need python3 sqlite3 curl

write_conf
start_collector
python3 "$HR_TOP/tests/lib/agents.py" "$url" 1 1 "$tmp/acked" >"$tmp/agents.log" 2>&1 || fail "good agent: $(cat "$tmp/agents.log")"
content() { sql "SELECT count(*), max(n) FROM (SELECT n FROM w10 UNION ALL SELECT n FROM w10x)"; sql "SELECT count(*) FROM host"; }
before=$(content)
python3 "$HR_TOP/tests/lib/hostile.py" "$port" >"$tmp/hostile.log" 2>&1 || fail "$(tail -n 3 "$tmp/hostile.log")"
tail -n 1 "$tmp/hostile.log"
get /readyz >/dev/null || fail "not ready after hostile requests"
alive "$collector" || fail "the collector died"
[ "$(content)" = "$before" ] || fail "the store changed: '$before' -> '$(content)'"
python3 "$HR_TOP/tests/lib/agents.py" "$url" 1 1 "$tmp/acked2" >"$tmp/agents.log" 2>&1 || fail "good agent after: $(cat "$tmp/agents.log")"
[ -s "$tmp/acked2" ] || fail "nothing acknowledged after the hostile requests"
end "$collector" || fail "the collector did not stop on SIGTERM"
pass "hostile requests refused, store untouched"
