#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# After its start the agent allocates nothing: not while sampling, not while it packs, stores and sends a window.
# Asserted with a collector present, over two windows (six outside CI): no call of malloc and its kin from the agent,
# from libbpf or from glibc.  Exempt is what libcurl and its TLS library allocate for each POST; of that nothing may
# stay.  HR_ALLOC_SECONDS: how long to count.
. "$(dirname "$0")/../lib/system.sh"
need_root
need jq curl python3
[ -e "$HR_BUILD/tests/alloc_count.so" ] || skip "no $HR_BUILD/tests/alloc_count.so (a build with sanitizers has none)"

[ "${HR_CI:-0}" = 0 ] && seconds=60 || seconds=21
seconds=${HR_ALLOC_SECONDS:-$seconds}
write_conf
start_collector
truncate -s 16384 "$tmp/table"
HR_ALLOC_TABLE=$tmp/table LD_PRELOAD=$HR_BUILD/tests/alloc_count.so \
	"$bin/headroom-agent" --config "$tmp/agent.conf" >>"$tmp/agent.log" 2>&1 &
agent=$!
register "$agent"
wait_for 60 "the agent's first summary" eval 'get /v1/hosts | jq -e ".. | objects | select(.id? // .host?)" >/dev/null'
sleep 2 # the answer to the first POST is read at the next tick
posts() { awk '/collector-reached/ { n++ } END { print n + 0 }' "$tmp/agent.log"; }
[ "$(posts)" -ge 1 ] || fail "the first window was not acknowledged"

switch() { printf '%b' "\\x$1" | dd of="$tmp/table" bs=1 conv=notrunc status=none; }
live() { od -An -td8 -j8 -N8 "$tmp/table" | tr -d ' '; }
windows() { sql 'SELECT ifnull(sum(last-seq+1),0) FROM w10' 2>/dev/null || echo 0; }
before=$(live) w0=$(windows)
switch 01
sleep "$seconds"
switch 00
after=$(live) w1=$(windows)
alive "$agent" || fail "the agent is gone"

status=0
/usr/bin/python3 - "$tmp/table" "/proc/$agent/maps" "$seconds" <<'END' || status=$?
import os, struct, subprocess, sys
table = open(sys.argv[1], 'rb').read()
maps = [line.split() for line in open(sys.argv[2])]
maps = [([int(x, 16) for x in m[0].split('-')], int(m[2], 16), m[5]) for m in maps if len(m) > 5]
ours, transport = 0, {}
for at in range(16, len(table) - 24, 24):
    caller, n, size = struct.unpack_from('<QQQ', table, at)
    if not caller:
        break
    for (start, end), offset, path in maps:
        if start <= caller < end:
            break
    else:
        start, offset, path = 0, 0, '?'
    name = os.path.basename(path)
    if not name.startswith(('headroom-agent', 'libbpf', 'libc.so', 'libelf', 'libz', 'ld-', '?')):
        calls, total = transport.get(name, (0, 0))
        transport[name] = (calls + n, total + size)
        continue
    ours += n
    where = subprocess.run(['addr2line', '-fpe', path, hex(caller - start + offset)], capture_output=True, text=True)
    print(f'{n} calls, {size} bytes: {name}+{caller - start + offset:#x} {where.stdout.strip()}')
for name, (n, size) in sorted(transport.items()):
    print(f'exempt: {name}: {n} calls, {size} bytes in {sys.argv[3]} s')
print(f'calls from the agent, libbpf and glibc: {ours}')
if not ours and not transport:
    print('nothing was counted at all, and each POST allocates: the count does not work')
sys.exit(ours != 0 or not transport)
END
say "$((w1 - w0)) windows stored while counting; live heap $before bytes before, $after after"
[ "$w1" -gt "$w0" ] || fail "no window was stored while allocations were counted"
[ "$status" = 0 ] || fail "the agent allocates after its start, or nothing was counted"
# a POST under way holds its buffers; the connection stays
[ "$after" -le $((before + 65536)) ] || fail "the heap grew from $before to $after bytes"
pass "no allocation in $seconds s"
