#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Two collectors on one PostgreSQL under a stream of POSTs that goes to both: one is killed, comes back, then the
# other is killed.  Every acknowledged window is stored, none twice, the sums of the tiers account for all of
# them, and whoever is left answers for every host.  With an argument: seconds of streaming (default 12).
[ -n "${HR_TEST_PG:-}" ] || exec "$(dirname "$0")/../lib/with_postgres" "$0" "$@"
. "$(dirname "$0")/../lib/system.sh"
need python3 curl jq
seconds=${1:-12} hosts=10 slowest=90
[ -f "$bin/headroom-postgresql.so" ] || skip "the build had no libpq-dev"
psql() { "$HR_TEST_PG_BIN/psql" -XAtq -d "$HR_TEST_PG" -c "$1"; }

for c in a b; do
	mkdir "$tmp/$c"
	cat >"$tmp/$c.conf" <<-END
		[collector]
		listen = 127.0.0.1:1
		state = $tmp/$c
		database = $HR_TEST_PG
		[keep]
		save = 2s
		answer = 0s
	END
done
port_b=$((port + 1))
sed -i "s/^listen.*/listen = 127.0.0.1:$port/" "$tmp/a.conf"
sed -i "s/^listen.*/listen = 127.0.0.1:$port_b/" "$tmp/b.conf"
ready() { curl -fsS --max-time 5 "http://127.0.0.1:$1/readyz"; }
# start NAME PORT: pid in $started
start() {
	"$bin/headroom-collector" --config "$tmp/$1.conf" >>"$tmp/$1.log" 2>&1 &
	started=$!
	register $started
	wait_for 20 "collector $1 ready" ready "$2"
}
crash() { kill -KILL "$1"; wait "$1" 2>/dev/null || true; }
fleet() { curl -fsS --max-time 5 "http://127.0.0.1:$1/v1/fleet?limit=100" | jq -r '.hosts[].id' | sort; }
answers_all() { [ "$(fleet "$1" | wc -l)" = $hosts ]; }
metric() { curl -fsS --max-time 5 "http://127.0.0.1:$1/metrics" | awk -v m="headroom_collector_$2" '$1 == m { print $2 }'; }

start a "$port"; a=$started
start b "$port_b"; b=$started
python3 "$HR_TOP/tests/lib/agents.py" "$url,http://127.0.0.1:$port_b" $hosts "$((seconds + slowest))" "$tmp/acked" >"$tmp/agents.log" 2>&1 &
agents=$!
register $agents
# on a busy machine one of them may have stored nothing in the first seconds
has_stored() { awk -v n="$(metric "$1" summaries_stored_total)" 'BEGIN { exit !(n > 50) }'; }
third=$(awk "BEGIN { print $seconds / 3 }")
sleep "$third"
wait_for $slowest "windows stored by a" has_stored "$port"
stored_a=$(metric "$port" summaries_stored_total)
crash $a
sleep 1
answers_all "$port_b" || wait_for 10 "the survivor answers for every host" answers_all "$port_b"
start a "$port"; a=$started
sleep "$third"
wait_for $slowest "windows stored by b" has_stored "$port_b"
stored_b=$(metric "$port_b" summaries_stored_total)
crash $b
sleep "$third"
kill $agents
wait $agents || fail "an agent was refused: $(cat "$tmp/agents.log")"
wait_for 10 "the survivor answers for every host" answers_all "$port"
say "$(cat "$tmp/agents.log"); stored by a $stored_a before its end, by b $stored_b"

# the survivor is the keeper now, and has rolled up what is closed
wait_for 15 "the survivor keeps house" grep -q 'keeper' "$tmp/a.log"
end $a || fail "the collector did not stop on SIGTERM"
psql "SELECT encode(h.id,'hex'), w.seq FROM (SELECT id, seq FROM w10 UNION ALL SELECT id, seq FROM w10x) w
	JOIN host h ON h.no = (w.id & 16777215)" | tr '|' ' ' | sort >"$tmp/stored"
sort "$tmp/acked" >"$tmp/acked.sorted"
acked=$(wc -l <"$tmp/acked")
[ "$acked" -ge 200 ] || fail "only $acked windows in $seconds s: nothing was streaming"
uniq -d "$tmp/stored" >"$tmp/twice"
[ ! -s "$tmp/twice" ] || fail "stored twice: $(head -n 3 "$tmp/twice")"
comm -23 "$tmp/acked.sorted" "$tmp/stored" >"$tmp/missing"
[ ! -s "$tmp/missing" ] || fail "$(wc -l <"$tmp/missing") acknowledged windows are not stored: $(head -n 3 "$tmp/missing")"
extra=$(($(wc -l <"$tmp/stored") - acked))
[ $extra -le $hosts ] || fail "$extra windows stored that nobody was told about"
"$bin/headroom-collector" --config "$tmp/a.conf" --check-store >"$tmp/check" 2>&1 || fail "--check-store: $(cat "$tmp/check")"
[ "$(psql 'SELECT count(*) FROM host')" = $hosts ] || fail "$(psql 'SELECT count(*) FROM host') hosts"
say "$(grep -c ^ok "$tmp/check") sums hold; $(psql "SELECT in_windows FROM tally WHERE tier=1") windows in the 5 min tier"
pass "$acked windows acknowledged by two collectors, both killed once: all stored, each once"
