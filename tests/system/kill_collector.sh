#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 of the collector, again and again, under a stream of POSTs: every acknowledged window is in the
# store, none is there twice, and the collector comes up each time.
. "$(dirname "$0")/../lib/system.sh"
need python3 sqlite3 curl

write_conf
start_collector
python3 "$HR_TOP/tests/lib/agents.py" "$url" 8 22 "$tmp/acked" >"$tmp/agents.log" 2>&1 &
agents=$!
register $agents
kills=0
while alive $agents && [ $kills -lt 6 ]; do
	sleep "$((1 + RANDOM % 2)).$((RANDOM % 10))"
	kill -KILL "$collector"
	wait "$collector" 2>/dev/null || true
	kills=$((kills + 1))
	start_collector
done
wait $agents || fail "an agent was refused: $(cat "$tmp/agents.log")"
end "$collector" || fail "the collector did not stop on SIGTERM"
acked=$(wc -l <"$tmp/acked")
say "$(cat "$tmp/agents.log"); $kills kills"
[ $kills = 6 ] || fail "only $kills kills"
[ "$acked" -ge 100 ] || fail "only $acked windows in 22 s: nothing was streaming"

python3 "$HR_TOP/tests/lib/windows.py" "$db" >"$tmp/windows" || fail "the stored windows cannot be read"
awk '{ print $1, $3 }' "$tmp/windows" | sort >"$tmp/stored"
sort "$tmp/acked" >"$tmp/acked.sorted"
uniq -d "$tmp/stored" >"$tmp/twice"
[ ! -s "$tmp/twice" ] || fail "stored twice: $(head -n 3 "$tmp/twice")"
comm -23 "$tmp/acked.sorted" "$tmp/stored" >"$tmp/missing"
[ ! -s "$tmp/missing" ] || fail "$(wc -l <"$tmp/missing") acknowledged windows are not stored: $(head -n 3 "$tmp/missing")"
[ "$(sql 'PRAGMA integrity_check')" = ok ] || fail "the database is damaged"
# At most one window per host can be stored and not acknowledged: the one under way at the end.
extra=$(($(wc -l <"$tmp/stored") - acked))
[ $extra -le 8 ] || fail "$extra windows stored that nobody was told about"
pass "$acked windows acknowledged over $kills kills, all stored, each once"
