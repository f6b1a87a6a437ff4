#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# headroom hosts forget: deletes all of one host and nothing of another, asks or wants --yes, survives a kill
# in the middle, and only over the socket that the collector's own user can open.
. "$(dirname "$0")/../lib/system.sh"
need python3 sqlite3 curl jq

write_conf
start_collector
hosts() { "$bin/headroom" hosts "$@" --config "$tmp/collector.conf"; }
python3 "$HR_TOP/tests/lib/agents.py" "$url" 3 1 "$tmp/acked" >"$tmp/agents.log" 2>&1 || fail "agents: $(cat "$tmp/agents.log")"
wait_for 10 "three hosts in the list" sh -c "'$bin/headroom' hosts list --config '$tmp/collector.conf' | grep -c ' fake-' | grep -qx 3"
no() { sql "SELECT no FROM host WHERE name='$1'"; }
rows() { sql "SELECT ifnull(sum(last-seq+1),0) FROM (SELECT * FROM w10 UNION ALL SELECT * FROM w10x) WHERE (id&16777215)=$1"; }
mapfile -t name < <(sql "SELECT name FROM host ORDER BY no")
first=$(no "${name[0]}") keep=$(no "${name[1]}") last=$(no "${name[2]}")
kept=$(rows "$keep") was=$(rows "$first")
[ "$was" -gt 0 ] && [ "$kept" -gt 0 ] || fail "no windows to forget"

[ "$(stat -c %a "$tmp/collector/admin.sock")" = 600 ] || fail "admin.sock is open to others: $(stat -c %A "$tmp/collector/admin.sock")"
[ "$(curl -s -o /dev/null -w '%{http_code}' -X DELETE "$url/v1/hosts/${name[0]}")" = 405 ] || fail "DELETE over TCP is not refused"
hosts forget "${name[0]}" </dev/null >"$tmp/out" 2>&1 && fail "forgot without --yes and without a terminal"
grep -q -- '--yes' "$tmp/out" || fail "no word of --yes: $(cat "$tmp/out")"
hosts forget nobody --yes >"$tmp/out" 2>&1 && fail "forgot a host that is not there"
[ "$(rows "$first")" = "$was" ] || fail "something was deleted already"

hosts forget "${name[0]}" --yes --json >"$tmp/forgot.json" || fail "forget"
jq -e --argjson n "$was" '.windows == $n and .boots == 1' "$tmp/forgot.json" >/dev/null || fail "says $(cat "$tmp/forgot.json"), had $was windows"
get "/v1/hosts" | grep -q "${name[0]}" && fail "still in the list"
for t in seen state journal; do
	[ "$(sql "SELECT count(*) FROM $t WHERE host=$first")" = 0 ] || fail "left in $t"
done
[ "$(rows "$first")" = 0 ] || fail "windows left"
[ "$(rows "$keep")" = "$kept" ] || fail "windows of another host went: $kept -> $(rows "$keep")"
sql "SELECT count(*) FROM host WHERE no=$first" | grep -qx 0 || fail "its row is left"

# the last number is not given again while a restart could not know better
hosts forget "${name[2]}" --yes >/dev/null || fail "forget the last"
end "$collector" KILL || true
start_collector
python3 "$HR_TOP/tests/lib/agents.py" "$url" 1 1 "$tmp/acked2" >"$tmp/agents.log" 2>&1 || fail "agent after: $(cat "$tmp/agents.log")"
new=$(sql "SELECT max(no) FROM host")
[ "$new" -gt "$last" ] || fail "number $new was given again after $last"
get /v1/hosts | jq -e '.matches == 2' >/dev/null || fail "expected two hosts: $(get /v1/hosts)"

# a stop between the first transaction and the end: the start goes on with it
end "$collector"
[ -e "$tmp/collector/admin.sock" ] && fail "admin.sock is left after a clean stop"
sqlite3 "$db" "UPDATE host SET id=zeroblob(16), name='', facts=NULL WHERE no=$keep; DELETE FROM seen WHERE host=$keep; DELETE FROM state WHERE host=$keep; DELETE FROM journal WHERE host=$keep"
start_collector
[ "$(rows "$keep")" = 0 ] || fail "windows of a half forgotten host are left"
get /v1/hosts | jq -e '.matches == 1' >/dev/null || fail "half forgotten host is shown"
end "$collector"
pass "forgotten: $was windows and all else of one host; $kept of another kept"
