#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A PostgreSQL server that hangs (stopped, its connections stay open): windows are refused, answers, health and the end
# of the program do not wait for it, and what was acknowledged is stored once when it goes on.
[ -n "${HR_TEST_PG:-}" ] || exec "$(dirname "$0")/../lib/with_postgres" "$0" "$@"
. "$(dirname "$0")/../lib/system.sh"
need python3 curl jq
[ -f "$bin/headroom-postgresql.so" ] || skip "the build had no libpq-dev"
psql() { "$HR_TEST_PG_BIN/psql" -XAtq -d "$HR_TEST_PG" -c "$1"; }
write_conf
sed -i "s|^state = .*collector|&\ndatabase = $HR_TEST_PG|" "$tmp/collector.conf"

# every process of the server; it is stopped first, so that it makes no other
server() { kill -s "$1" "$HR_TEST_PG_PID" && pkill -"$1" -P "$HR_TEST_PG_PID" || true; }
at_exit 'server CONT'
status() { curl -s --max-time 5 -o "$tmp/body" -w '%{http_code}' "$url$1"; }
away() { [ "$(status /readyz)" = 503 ] && grep -q database-away "$tmp/body"; }
stream() { python3 "$HR_TOP/tests/lib/agents.py" "$url" 3 "$1" "$tmp/$2" >"$tmp/agents.log" 2>&1; }

start_collector
stream 2 acked1 || fail "an agent was refused: $(cat "$tmp/agents.log")"
server STOP
stream 1 acked2 &
agents=$!
register $agents
wait_for 60 "the collector notices that its database hangs" away
[ "$(status /healthz)" = 200 ] || fail "alive, but /healthz says $(cat "$tmp/body")"
get '/v1/fleet?limit=10' | jq -e '.count == 3' >/dev/null || fail "no answers while the database hangs"
kill -HUP "$collector"
wait_for 30 "a reload while the database hangs" grep -q 'event=reloaded' "$tmp/collector.log"
server CONT
wait_for 60 "the collector takes windows again" get /readyz
wait $agents || true
stream 2 acked3 || fail "an agent was refused after it: $(cat "$tmp/agents.log")"
server STOP
kill -TERM "$collector"
gone() { ! alive "$collector"; }
wait_for 90 "the end of the collector beside a database that hangs" gone
server CONT
psql "SELECT encode(h.id,'hex'), w.seq FROM (SELECT id, seq FROM w10 UNION ALL SELECT id, seq FROM w10x) w
	JOIN host h ON h.no = (w.id & 16777215)" | tr '|' ' ' | sort >"$tmp/stored"
sort "$tmp"/acked? >"$tmp/acked"
say "$(wc -l <"$tmp/acked") windows acknowledged, $(wc -l <"$tmp/stored") stored"
[ "$(wc -l <"$tmp/acked")" -gt 10 ] || fail "nothing was streaming"
[ -z "$(uniq -d "$tmp/stored")" ] || fail "stored twice: $(uniq -d "$tmp/stored" | head -n 3)"
[ -z "$(comm -23 "$tmp/acked" "$tmp/stored")" ] || fail "not stored: $(comm -23 "$tmp/acked" "$tmp/stored" | head -n 3)"
pass "a database that hangs holds up neither answers nor signals"
