#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A damaged database: a stored window whose bytes changed goes to quarantine and is counted; a file that is none
# any more is renamed with its log, never removed, and a new one is begun; somebody else's file is refused.
. "$(dirname "$0")/../lib/system.sh"
need python3 sqlite3 curl jq

write_conf
write() { sqlite3 "$db" "$1"; } # only while no collector runs
stop() { end "$collector" "${1:-TERM}" || fail "the collector did not stop"; }
gone() { ! alive "$collector"; }
metric() { get /metrics | sed -n "s/^headroom_collector_$1 //p"; }
stream() { # FILE
	python3 "$HR_TOP/tests/lib/agents.py" "$url" 2 1 "$tmp/$1" >"$tmp/agents.log" 2>&1 || fail "agents: $(cat "$tmp/agents.log")"
	[ -s "$tmp/$1" ] || fail "nothing acknowledged ($1)"
}

# 1. Killed, so that windows are still in the journal; one bit of one body flips.
start_collector
stream acked1
stop KILL
n=$(write "SELECT count(*) FROM w10")
[ "$n" -ge 4 ] || fail "only $n rows"
victim=$(write "SELECT max(n) FROM w10")
write "UPDATE w10 SET body = CAST(substr(body, 1, 3) || char(1 + unicode(substr(body, 4, 1)) % 100) || substr(body, 5) AS BLOB) WHERE n = $victim"
[ "$(write "SELECT count(*) FROM w10 WHERE n = $victim")" = 1 ] || fail "the test damaged nothing"
start_collector
[ "$(metric 'rows_damaged_total')" = 1 ] || fail "damaged rows: $(metric rows_damaged_total), expected 1"
wait_for 10 "the gauge" sh -c "curl -s $url/metrics | grep -q '^headroom_collector_quarantined_rows 1$'"
get /v1/fleet | jq -e '.count == 2' >/dev/null || fail "hosts are missing"
stream acked2
stop
[ "$(write "SELECT count(*) FROM quarantine WHERE n = $victim")" = 1 ] || fail "the row is not in quarantine"
[ "$(write "SELECT count(*) FROM w10 WHERE n = $victim")" = 0 ] || fail "the row is still where it was"
[ "$(write "SELECT count(*) FROM w10")" -ge $((n - 1)) ] || fail "other rows are gone"
say "a changed row: in quarantine, the other $((n - 1)) untouched"

# 2. The file's head is overwritten.
sum=$(dd if="$db" bs=4096 skip=1 2>/dev/null | cksum)
printf 'this is not a database any more' | dd of="$db" conv=notrunc status=none
start_collector
grep -q 'event=database_damaged' "$tmp/collector.log" || fail "no log line"
aside=("$tmp"/collector/headroom.db.damaged-*)
[ -s "${aside[0]}" ] || fail "the damaged file is not kept: $(ls "$tmp/collector")"
[ "$(dd if="${aside[0]}" bs=4096 skip=1 2>/dev/null | cksum)" = "$sum" ] || fail "the kept file changed"
get /v1/fleet | jq -e '.count == 0' >/dev/null || fail "hosts of a database that cannot be read"
stream acked3
stop
say "a file that is none: kept as ${aside[0]##*/}"

# 3. Pages of the index of places, where no start looks: the collector meets them at work, ends with status 1, and the next
# start looks at the whole file.
start_collector
stream acked4
stop
leaves=$(write "SELECT pageno FROM dbstat WHERE name LIKE 'sqlite_autoindex_w10%' AND pagetype = 'leaf'" 2>/dev/null) ||
	{ say "this sqlite3 has no dbstat: damage at work is not tested"; leaves=''; }
if [ -n "$leaves" ]; then
	for page in $leaves; do
		head -c 4096 /dev/urandom | dd of="$db" bs=4096 seek=$((page - 1)) conv=notrunc status=none
	done
	start_collector
	python3 "$HR_TOP/tests/lib/agents.py" "$url" 2 2 "$tmp/acked5" >"$tmp/agents.log" 2>&1 || true
	wait_for 10 "the end of a collector that met damage" gone
	status=0
	wait "$collector" || status=$?
	[ $status = 1 ] || fail "damage met at work: exit status $status, expected 1"
	[ ! -s "$tmp/acked5" ] || fail "windows acknowledged from a damaged table: $(wc -l <"$tmp/acked5")"
	start_collector
	stream acked6
	stop
	[ "$(find "$tmp/collector" -name 'headroom.db.damaged-*' ! -name '*-shm' ! -name '*-wal' | wc -l)" = 2 ] ||
		fail "not set aside: $(ls "$tmp/collector")"
	[ ! -e "$db.suspect" ] || fail "the new file is suspect"
	say "damaged pages: ended, set aside at the next start, serving again"
fi

# 4. Not ours.
rm "$db"*
sqlite3 "$db" "PRAGMA application_id = 7; CREATE TABLE theirs (x)"
status=0
"$bin/headroom-collector" --config "$tmp/collector.conf" >"$tmp/out" 2>&1 || status=$?
[ $status = 1 ] || fail "another program's database: exit status $status, expected 1"
grep -q 'another program' "$tmp/out" || fail "not told: $(cat "$tmp/out")"
[ "$(sqlite3 "$db" "SELECT count(*) FROM theirs")" = 0 ] || fail "it was touched"
pass "damage is set aside and told, nothing is removed"
