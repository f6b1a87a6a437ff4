#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every program: --version, --help, a wrong option is usage (2), a wrong key is refused with file:line,
# --check-config accepts what --print-config prints; SIGTERM ends daemons cleanly; a taken port is told.
. "$(dirname "$0")/../lib/system.sh"
need_root
need curl python3 jq

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
	# the command line reads either's file to find its collector
	"$bin/headroom" --config "$tmp/$d.conf" --check-config >"$tmp/out" 2>&1 || fail "headroom refuses $d.conf: $(cat "$tmp/out")"
	"$bin/headroom" --config "$tmp/$d.conf" --print-config >"$tmp/out" || fail "headroom --print-config of $d.conf"
	grep -qx "# from $tmp/$d.conf" "$tmp/out" && grep -qx "collector = $url" "$tmp/out" || fail "of $d.conf: $(cat "$tmp/out")"
	"$bin/headroom" --config "$tmp/wrong.conf" --check-config 2>"$tmp/out" && fail "headroom accepts a wrong key of headroom-$d"
	grep -q 'wrong.conf:3: .*no_such_key' "$tmp/out" || fail "headroom does not say file:line: $(cat "$tmp/out")"
done

# A section of single hosts: printed as it stands, taken again, and as one host is judged with it.
{ cat "$tmp/collector.conf"; printf '[host "db-*"]\ntarget = 2\n[host "db-1"]\ntarget = 3\n'; } >"$tmp/hosts.conf"
"$bin/headroom-collector" --config "$tmp/hosts.conf" --print-config >"$tmp/printed.conf" || fail "--print-config with hosts"
"$bin/headroom-collector" --config "$tmp/printed.conf" --check-config || fail "headroom-collector refuses the hosts it printed"
for host in web-1=1.3 db-2=2 db-1=3; do
	[ "$("$bin/headroom-collector" --config "$tmp/printed.conf" --print-config --host "${host%=*}" | grep -E '^(target =|\[host)')" = "target = ${host#*=}" ] ||
		fail "--print-config --host ${host%=*} has no target = ${host#*=} alone"
done
status=0
"$bin/headroom-collector" --config "$tmp/hosts.conf" --check-config --host db-1 >"$tmp/out" 2>&1 || status=$?
[ $status = 2 ] || fail "--host without --print-config: exit status $status, expected 2"

# not_written COMMAND...: what cannot be written is told, and is no success.
not_written() {
	status=0
	"$@" >/dev/full 2>"$tmp/out" || status=$?
	[ $status = 1 ] || fail "$* to a full disk: exit status $status, expected 1"
	[ "$(grep -c 'cannot write the output' "$tmp/out")" = 1 ] || fail "$* to a full disk does not say so: $(cat "$tmp/out")"
}
for p in headroom headroom-agent headroom-collector; do
	for option in --help --version; do not_written "$bin/$p" $option; done
done
not_written "$bin/headroom-agent" --config "$tmp/agent.conf" --print-config
not_written "$bin/headroom" --config "$tmp/agent.conf" --print-config

start_collector
first=$collector
not_written "$bin/headroom" hosts tokens --json --config "$tmp/collector.conf"
not_written "$bin/headroom" hosts token --json --config "$tmp/collector.conf"
status=0
sed "s|^state = .*|state = $tmp/second|" "$tmp/collector.conf" >"$tmp/second.conf"
"$bin/headroom-collector" --config "$tmp/second.conf" >"$tmp/out" 2>&1 || status=$?
[ $status = 1 ] || fail "a second collector on the same port: exit status $status, expected 1"
grep -q "$port" "$tmp/out" || fail "the taken port is not named: $(cat "$tmp/out")"
get /readyz >/dev/null || fail "the first collector does not answer any more"

# refused STATE LISTEN PATTERN: does not start, and one line says what and what to do.
refused() {
	printf '[collector]\nstate = %s\nlisten = %s\n' "$1" "$2" >"$tmp/refused.conf"
	status=0
	"$bin/headroom-collector" --config "$tmp/refused.conf" >"$tmp/out" 2>&1 || status=$?
	[ $status = 1 ] || fail "state=$1 listen=$2: exit status $status, expected 1: $(cat "$tmp/out")"
	[ "$(grep -vc '^<' "$tmp/out")" = 1 ] || fail "state=$1 listen=$2: more than one line: $(cat "$tmp/out")"
	grep -q "$3" "$tmp/out" || fail "state=$1 listen=$2: no '$3' in: $(cat "$tmp/out")"
}
refused "$tmp/collector" 127.0.0.1:0 'another headroom-collector uses this database'
touch "$tmp/file"
refused "$tmp/file/state" 127.0.0.1:0 'set state= in'
refused "$tmp/other" 192.0.2.1:7867 'this machine has no such address'
printf '[collector]\nstate = %s\nlisten = somewhere\n' "$tmp/other" >"$tmp/refused.conf"
"$bin/headroom-collector" --config "$tmp/refused.conf" --check-config >"$tmp/out" 2>&1 && fail "--check-config accepts 'somewhere' as an address"
grep -q 'expected ADDRESS:PORT' "$tmp/out" || fail "what an address looks like is not told: $(cat "$tmp/out")"

# what the agent would not start with
printf '[agent]\ncollector = http://127.0.0.1:1\n[measure]\nlimits = vda\n' >"$tmp/limits.conf"
"$bin/headroom-agent" --config "$tmp/limits.conf" --check-config >"$tmp/out" 2>&1 && fail "--check-config accepts 'vda' as a limit"
grep -q 'expected DEVICE=REQUESTS:BYTES' "$tmp/out" || fail "what a limit looks like is not told: $(cat "$tmp/out")"

# SIGHUP: a valid file is taken over, an invalid one changes nothing.
said() { grep -c "event=$1" "$tmp/collector.log" || true; }
says() { [ "$(said "$1")" -gt "$2" ]; }
before=$(said reloaded)
printf '[ingest]\nbacklog = 7\n' >>"$tmp/collector.conf"
kill -HUP "$first"
wait_for 5 "the reload" says reloaded "$before"
python3 "$HR_TOP/tests/lib/agents.py" "$url" 1 0.3 "$tmp/acked" >"$tmp/agents.log" 2>&1 || fail "an agent after the reload: $(cat "$tmp/agents.log")"
before=$(said reload_refused)
printf 'backlog = many\n' >>"$tmp/collector.conf"
kill -HUP "$first"
wait_for 5 "the refusal of a reload" says reload_refused "$before"
grep 'event=reload_refused' "$tmp/collector.log" | grep -q 'collector.conf:[0-9]*:' || fail "a refused reload does not say where: $(tail -n 1 "$tmp/collector.log")"
get /readyz >/dev/null || fail "not serving after a refused reload"
sed -i '/backlog/d' "$tmp/collector.conf"

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
cp "$bin/headroom" "$bin/headroom-agent" "$tmp/" && chmod 755 "$tmp" "$tmp/headroom" "$tmp/headroom-agent"
nobody timeout -s TERM 3 "$tmp/headroom-agent" >"$tmp/out" 2>&1 || true # the state directory is not its own: windows stay in memory
grep -q 'event=not-measured signals=cpu_slots,.* why="needs CAP_BPF' "$tmp/out" || fail "an agent without rights does not say what it lacks: $(cat "$tmp/out")"
status=0
nobody "$tmp/headroom" measure --for 5s >"$tmp/out" 2>"$tmp/err" || status=$?
if [ $status = 0 ]; then
	say "measure without rights answers: $(head -n 1 "$tmp/out")"
else
	[ $status = 1 ] || fail "measure without rights: exit status $status"
	grep -qE 'root|CAP_|sudo' "$tmp/err" || fail "measure without rights does not say what to do: $(cat "$tmp/err")"
fi
# Files only never tell: asked after 5 s, again after 10 and, with the rest between the two left out, once more after 12.
env HR_FORCE=file "$bin/headroom" measure --for 5s --until-known 12s --json >"$tmp/answer.json" 2>"$tmp/err" || fail "measure --until-known: $(cat "$tmp/err")"
jq -e '.answer == "unknown" and .window.seconds >= 13 and (.window.seconds * .window.covered | . >= 11 and . < 13)' "$tmp/answer.json" >/dev/null ||
	fail "measure --until-known 12s: $(jq -c '[.answer, .window]' "$tmp/answer.json")"
env HR_FORCE=file "$bin/headroom" measure --for 6s --until-known 5s --json >"$tmp/answer.json" 2>"$tmp/err" || fail "measure --until-known: $(cat "$tmp/err")"
jq -e '.window.seconds < 7' "$tmp/answer.json" >/dev/null || fail "measure --until-known goes on although its time is over"
status=0
"$bin/headroom" measure --until-known 6m >"$tmp/out" 2>&1 || status=$?
[ $status = 2 ] || fail "measure --until-known 6m: exit status $status, expected 2"
status=0
"$bin/headroom" --config "$tmp/none.conf" status >"$tmp/out" 2>&1 || status=$?
[ $status = 1 ] || fail "status with a missing config file: exit status $status, expected 1"
pass "programs behave at the edges"
