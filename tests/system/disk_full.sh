#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A disk that fills up: windows are refused before the disk is full, answers go on, acknowledging resumes by
# itself when space returns; also with the reserve switched off, so that SQLite meets the end of the disk, and
# with a kill while it is full.  Every acknowledged window is stored, once.
. "$(dirname "$0")/../lib/system.sh"
need_root
need python3 sqlite3 curl mkfs.ext4 losetup fallocate

write_conf
truncate -s 96M "$tmp/image"
mkfs.ext4 -q -F -m 0 -b 1024 "$tmp/image" # blocks smaller than a page: the harder case for the index of the log
mkdir "$tmp/disk"
mount -o loop "$tmp/image" "$tmp/disk" || skip "cannot mount a loop device here"
mounts+=("$tmp/disk")
db=$tmp/disk/headroom.db
reserve() { sed -i "s|^state = .*|state = $tmp/disk|; /^\[limits\]/,\$d" "$tmp/collector.conf"; printf '[limits]\nreserve = %s\n' "$1" >>"$tmp/collector.conf"; }
free_mib() { echo $(($(stat -f -c '%a * %S' "$tmp/disk") / 1048576)); }
acked() { wc -l <"$tmp/acked"; }
acks_go_on() { [ "$(acked)" -gt "$1" ]; }
not_ready() { [ "$(curl -s -o "$tmp/ready" -w '%{http_code}' --max-time 5 "$url/readyz")" = 503 ]; }
# Leaves MIB free.  The collector may write meanwhile: then the end of the disk is found by writing up to it.
fill() {
	fallocate -l $(($(free_mib) - $1))M "$tmp/disk/ballast" && return
	[ "$1" = 0 ] || fail "cannot leave $1 MiB free"
	dd if=/dev/zero of="$tmp/disk/ballast" bs=64k 2>/dev/null || true
}
# A commit that finds room in the log may still succeed without a reserve; what counts then is checked at the end.
answers() { # WHAT
	get /v1/fleet | jq -e '.count == 8' >/dev/null || fail "$1: no answers: $(get /v1/fleet | head -c 300)"
	get /healthz >/dev/null || fail "$1: not alive"
	alive "$collector" || fail "$1: the collector died"
}
refuses() { # WHAT: nothing is acknowledged below the reserve, and the fleet is answered
	local before
	sleep 1 # what was under way
	before=$(acked)
	sleep 3
	[ "$(acked)" = "$before" ] || fail "$1: $(($(acked) - before)) windows acknowledged on a full disk"
	answers "$1"
}
resumes() { # WHAT
	local before from=$SECONDS
	before=$(acked)
	rm "$tmp/disk/ballast"
	wait_for 30 "$1: acknowledging resumes by itself" acks_go_on $((before + 8))
	wait_for 5 "$1: ready again" get /readyz
	say "$1: resumed $((SECONDS - from)) s after space returned"
}

reserve 40M
start_collector
python3 "$HR_TOP/tests/lib/agents.py" "$url" 8 90 "$tmp/acked" >"$tmp/agents.log" 2>&1 &
agents=$!
register $agents
touch "$tmp/acked"
wait_for 20 "windows of all hosts" acks_go_on 200
wait_for 15 "8 hosts" sh -c "curl -s $url/v1/fleet | grep -q '\"count\":8,'"

# A log that grows on a full disk has the blocks of its index already: a page that has none ends the process (SIGBUS).
[ $(($(stat -c '%b * %B' "$db-shm"))) -ge 262144 ] || fail "the index of the log has $(stat -c '%b blocks of %B' "$db-shm")"

fill 30
wait_for 10 "503 below the reserve" not_ready
grep -q disk-full "$tmp/ready" || fail "not told why: $(cat "$tmp/ready")"
refuses "below the reserve"
[ "$(free_mib)" -ge 20 ] || fail "only $(free_mib) MiB of the reserve are left"
grep -q 'event=disk_full' "$tmp/collector.log" || fail "no log line"
resumes "below the reserve"

reserve 0
kill -HUP "$collector"
wait_for 5 "the reload" grep -q event=reloaded "$tmp/collector.log"
before=$(acked)
fill 0
wait_for 30 "503 at the end of the disk" not_ready
sleep 2
answers "no reserve"
resumes "no reserve"

fill 0
wait_for 30 "503 at the end of the disk, again" not_ready
kill -KILL "$collector"
wait "$collector" 2>/dev/null || true
# Started on a full disk it answers from what it has; a service manager would not start it for ever.  The index of
# its log is made anew and needs a little room.
truncate -s -160K "$tmp/disk/ballast"
"$bin/headroom-collector" --config "$tmp/collector.conf" >>"$tmp/collector.log" 2>&1 &
collector=$!
register $collector
wait_for 10 "answers of a collector started on a full disk" get /v1/fleet
sleep 2
answers "started on a full disk"
before=$(acked)
rm "$tmp/disk/ballast"
wait_for 20 "acknowledging after a kill on a full disk" acks_go_on $((before + 8))

end $agents || true
end "$collector" || fail "the collector did not stop on SIGTERM"
python3 "$HR_TOP/tests/lib/windows.py" "$db" >"$tmp/windows" || fail "the stored windows cannot be read"
awk '{ print $1, $3 }' "$tmp/windows" | sort >"$tmp/stored"
sort "$tmp/acked" >"$tmp/acked.sorted"
[ -z "$(uniq -d "$tmp/stored")" ] || fail "stored twice: $(uniq -d "$tmp/stored" | head -n 3)"
comm -23 "$tmp/acked.sorted" "$tmp/stored" >"$tmp/missing"
[ ! -s "$tmp/missing" ] || fail "$(wc -l <"$tmp/missing") acknowledged windows are not stored: $(head -n 3 "$tmp/missing")"
[ "$(sql 'PRAGMA integrity_check')" = ok ] || fail "the database is damaged"

# Too little room for the index of the log is told, not met as SIGBUS: SQLite makes sure of the last KiB of each page only.
rm -f "$db-shm"
dd if=/dev/zero of="$tmp/disk/ballast" bs=1k 2>/dev/null || true
truncate -s -10K "$tmp/disk/ballast"
status=0
timeout 10 "$bin/headroom-collector" --config "$tmp/collector.conf" >"$tmp/short.log" 2>&1 || status=$?
[ $status = 1 ] || fail "started with $(stat -f -c %a "$tmp/disk") KiB free it ended with $status: $(tail -n 1 "$tmp/short.log")"
grep -q 'the index of the log needs .*free space on this disk' "$tmp/short.log" || fail "not told why: $(cat "$tmp/short.log")"
rm "$tmp/disk/ballast"
pass "$(acked) windows acknowledged around three full disks, all stored, each once"
