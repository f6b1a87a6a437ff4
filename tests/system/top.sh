#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# headroom top in a real terminal of 80x24 (tmux): the fleet and one VM are readable, keys work, and it ends cleanly on
# q, on Ctrl-C, when the terminal goes, and is told why without one. Completion offers the names of the fleet's VMs.
. "$(dirname "$0")/../lib/system.sh"
need tmux python3 curl jq
export HEADROOM_COLLECTOR=$url TERM=xterm-256color

python3 "$HR_TOP/tests/page/fleet.py" "$port" 300 "$HR_TOP/collector/page" /nonexistent >"$tmp/fleet.log" 2>&1 &
fixture=$!
register $fixture
wait_for 20 "the made-up fleet" get '/v1/fleet?limit=1'
get '/v1/fleet?limit=3' >"$tmp/fleet.json"
first=$(jq -r '.hosts[0].host' "$tmp/fleet.json") third=$(jq -r '.hosts[2].host' "$tmp/fleet.json")

# A server of its own for every window: one that is told to end may still answer the next client.
window=0
t() { tmux -S "$tmp/tmux$window" "$@"; }
# What is on the screen, and whether a line of it matches.
screen() { t capture-pane -p -t top; }
shows() { screen | grep -qE -- "$1"; }
# begin ARG...: headroom top in a new window; what it left behind is in $tmp/left.
begin() {
	rm -f "$tmp/left"
	t kill-server 2>/dev/null || true
	window=$((window + 1))
	t -f /dev/null new-session -d -s top -x 80 -y 24 "stty -g >$tmp/before; $bin/headroom top $* 2>$tmp/err; echo \$? >$tmp/left; stty -g >$tmp/after; sleep 60"
}
at_exit 't kill-server 2>/dev/null'
# ended STATUS: it did, with that status, and the terminal is as before.
ended() {
	wait_for 10 "the end of headroom top" test -s "$tmp/left"
	[ "$(cat "$tmp/left")" = "$1" ] || fail "exit status $(cat "$tmp/left"), expected $1: $(cat "$tmp/err")"
	sleep 0.3
	cmp -s "$tmp/before" "$tmp/after" || fail "the terminal's settings are not as before"
}

begin
wait_for 10 "the fleet" shows '^300 VMs: '
screen >"$tmp/screen"
[ "$(wc -l <"$tmp/screen")" -le 24 ] || fail "more than 24 lines"
sed -n 4p "$tmp/screen" | grep -qF "${first:0:18}" || fail "the tightest VM is not first: $(sed -n 4p "$tmp/screen")"
[ "$(grep -cE '^[^ ]+ +(no|resize|yes|unknown) ' "$tmp/screen")" = 20 ] || fail "not 20 VMs on 24 lines: $(cat "$tmp/screen")"
t send-keys -t top Down Down Enter
wait_for 10 "the third VM" shows "\(${third:0:18}"
wait_for 10 "its resources" shows '^[ >]memory +[0-9.>x-]+ +[0-9.>x-]+ [].|=o>[-]{25} 9.0 GiB of 16 GiB'
shows '^Next: ' || fail "no advice on the screen: $(screen)"
screen >"$tmp/screen"
t send-keys -t top Escape
wait_for 10 "the fleet again" shows '^300 VMs: '
t send-keys -t top End
wait_for 10 "the last VM" shows "$(get '/v1/fleet?limit=1&cursor=299' | jq -r '.hosts[0].host' | cut -c1-18) "
t resize-window -t top -x 60 -y 12
wait_for 10 "a smaller window drawn anew" shows '^ q quit'
[ "$(screen | wc -l)" -le 12 ] || fail "more lines than the smaller window has"
t resize-window -t top -x 80 -y 24
end $fixture
wait_for 10 "that the collector is away is told" shows '^no collector at '
t send-keys -t top q
ended 0

python3 "$HR_TOP/tests/page/fleet.py" "$port" 300 "$HR_TOP/collector/page" /nonexistent >"$tmp/fleet.log" 2>&1 &
register $!
wait_for 20 "the made-up fleet" get '/v1/fleet?limit=1'
begin "$third" --every 1s
wait_for 10 "one VM" shows "\(${third:0:18}"
t send-keys -t top C-c
ended 0
begin
wait_for 10 "the fleet" shows '^300 VMs: '
pid=$(pgrep -f "^$bin/headroom top" | head -n 1)
t kill-server
gone() { ! alive "$pid"; }
wait_for 10 "the end with its terminal" gone

status=0
"$bin/headroom" top </dev/null >"$tmp/out" 2>"$tmp/err" || status=$?
[ $status = 1 ] && grep -q 'no terminal here' "$tmp/err" && [ ! -s "$tmp/out" ] || fail "without a terminal: status $status, $(cat "$tmp/err")"
begin no-such-vm
ended 1
grep -q no-such-vm "$tmp/err" || fail "an unknown VM is not named: $(cat "$tmp/err")"

if [ -e /usr/share/bash-completion/bash_completion ]; then
	# shellcheck disable=SC2016
	PATH=$bin:$PATH bash --norc -c '. /usr/share/bash-completion/bash_completion; . "$1"
		COMP_WORDS=(headroom status "$2") COMP_CWORD=2 COMP_LINE="headroom status $2" COMP_POINT=${#COMP_LINE}
		_headroom headroom; printf "%s\n" "${COMPREPLY[@]}"' _ "$HR_TOP/deploy/completion/headroom" "${third:0:6}" >"$tmp/out"
	grep -qxF "$third" "$tmp/out" || fail "names of VMs are not completed: $(cat "$tmp/out")"
fi
pass "headroom top at 80x24"
