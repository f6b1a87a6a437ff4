#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every program: --version, --help, a wrong option is usage (2), a wrong key is refused with file:line,
# --check-config accepts what --print-config prints; SIGTERM ends daemons cleanly; a taken port is told.
. "$(dirname "$0")/../lib/system.sh"
need_root
need curl

write_conf
for p in headroom headroom-agent headroom-collector; do
	"$bin/$p" --version | grep -qE "^$p [0-9]+\.[0-9]+" || fail "$p --version: $("$bin/$p" --version 2>&1 | head -n 1)"
	"$bin/$p" --help | grep -q -- --config || fail "$p --help does not tell --config"
	status=0
	"$bin/$p" --no-such-option >"$tmp/out" 2>&1 || status=$?
	[ $status = 2 ] || fail "$p with a wrong option: exit status $status, expected 2"
done

for d in agent collector; do
	"$bin/headroom-$d" --config "$tmp/$d.conf" --check-config >"$tmp/out" 2>&1 || fail "headroom-$d refuses the test's config: $(cat "$tmp/out")"
	"$bin/headroom-$d" --config "$tmp/$d.conf" --print-config >"$tmp/printed.conf" || fail "headroom-$d --print-config"
	"$bin/headroom-$d" --config "$tmp/printed.conf" --check-config || fail "headroom-$d refuses what it printed"
	printf '[%s]\n\nno_such_key = 1\n' "$d" >"$tmp/wrong.conf"
	status=0
	"$bin/headroom-$d" --config "$tmp/wrong.conf" >"$tmp/out" 2>&1 || status=$?
	[ $status = 1 ] || fail "headroom-$d with a wrong key: exit status $status, expected 1"
	grep -q 'wrong.conf:3: .*no_such_key' "$tmp/out" || fail "headroom-$d does not say file:line: $(cat "$tmp/out")"
	"$bin/headroom-$d" --config "$tmp/absent.conf" >"$tmp/out" 2>&1 && fail "headroom-$d starts without the config file it was given"
	grep -q absent.conf "$tmp/out" || fail "headroom-$d does not name the missing file: $(cat "$tmp/out")"
done

start_collector
first=$collector
status=0
sed "s|^state = .*|state = $tmp/second|" "$tmp/collector.conf" >"$tmp/second.conf"
"$bin/headroom-collector" --config "$tmp/second.conf" >"$tmp/out" 2>&1 || status=$?
[ $status = 1 ] || fail "a second collector on the same port: exit status $status, expected 1"
grep -q "$port" "$tmp/out" || fail "the taken port is not named: $(cat "$tmp/out")"
get /readyz >/dev/null || fail "the first collector does not answer any more"

start_agent
wait_for 30 "the agent's first post" grep -q event=collector-reached "$tmp/agent.log"
for d in $agent $first; do
	from=$(date +%s%N)
	kill -TERM "$d"
	status=0
	wait "$d" || status=$?
	took=$((($(date +%s%N) - from) / 1000000))
	[ $status = 0 ] || fail "exit status $status on SIGTERM, expected 0"
	[ $took -le 5000 ] || fail "SIGTERM took $took ms, promised 5 s"
done

nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
cp "$bin/headroom" "$tmp/headroom" && chmod 755 "$tmp" "$tmp/headroom"
status=0
nobody "$tmp/headroom" measure --for 5s >"$tmp/out" 2>"$tmp/err" || status=$?
if [ $status = 0 ]; then
	say "measure without rights answers: $(head -n 1 "$tmp/out")"
else
	[ $status = 1 ] || fail "measure without rights: exit status $status"
	grep -qE 'root|CAP_|sudo' "$tmp/err" || fail "measure without rights does not say what to do: $(cat "$tmp/err")"
fi
status=0
"$bin/headroom" --config "$tmp/none.conf" status >"$tmp/out" 2>&1 || status=$?
[ $status = 1 ] || fail "status with a missing config file: exit status $status, expected 1"
pass "programs behave at the edges"
