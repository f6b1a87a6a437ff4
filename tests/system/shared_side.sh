#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What two collectors on one PostgreSQL share beside windows.  A machine that joined at one is known at the other; a token
# made at one reads at the other and, revoked there, is refused at both; a use of a token is spent once among them.  A change
# is told once, by whoever is elected; when that one is killed the other one goes on from what was told. It also is the
# one that pushes by remote write.
[ -n "${HR_TEST_PG:-}" ] || exec unshare --net "$(dirname "$0")/../lib/with_postgres" "$0" "$@"
. "$(dirname "$0")/../lib/system.sh"
need_root
need ip curl jq python3
[ -f "$bin/headroom-postgresql.so" ] || skip "the build had no libpq-dev"
ip link set lo up && ip addr add 10.9.8.7/32 dev lo || skip "no network namespace of its own"
psql() { "$HR_TEST_PG_BIN/psql" -XAtq -d "$HR_TEST_PG" -c "$1"; }

hook=$((port + 2))
printf '%s\n' 0123456789abcdef0123456789abcdef >"$tmp/secret" && chmod 600 "$tmp/secret"
python3 "$HR_TOP/tests/lib/receiver.py" $hook $((port + 3)) "$tmp/got" 0123456789abcdef0123456789abcdef >"$tmp/receiver.log" 2>&1 &
register $!
at() { [ "$1" = a ] && echo "$port" || echo $((port + 1)); }
for c in a b; do
	mkdir "$tmp/$c"
	cat >"$tmp/$c.conf" <<-END
		[collector]
		listen = 127.0.0.1:$(at $c), 10.9.8.7:$(at $c)
		state = $tmp/$c
		database = $HR_TEST_PG
		[tls]
		loopback_open = no
		[keep]
		answer = 0s
		[alert]
		silent = 5s
		wait = 1s
		remind = 0s
		webhook = http://127.0.0.1:$hook/hook
		webhook_secret_file = $tmp/secret
		[remote_write]
		url = http://127.0.0.1:$((port + 4))/nobody
		interval = 1s
	END
done
ready() { curl -s --max-time 5 -o /dev/null "http://127.0.0.1:$(at "$1")/readyz"; } # 401 is an answer, too
start() { # a|b: pid in $started
	"$bin/headroom-collector" --config "$tmp/$1.conf" >>"$tmp/$1.log" 2>&1 &
	started=$!
	register $started
	wait_for 20 "collector $1 ready" ready "$1"
}
hosts() { "$bin/headroom" hosts "${@:2}" --config "$tmp/$1.conf"; }
# code WHERE TOKEN-FILE [CURL-ARGUMENT...]: of GET /v1/fleet
code() {
	curl -s --max-time 5 -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $(head -n 1 "$2")" "http://127.0.0.1:$(at "$1")/v1/fleet" "${@:3}"
}
is_code() { [ "$(code "$2" "$3")" = "$1" ]; }

start a; a=$started
install -m 600 "$tmp/a/tls.key" "$tmp/b/tls.key" # agents pin one key, whichever collector they reach
start b; b=$started

say "tokens"
umask 077
hosts a token --name dashboard >"$tmp/read" || fail "token"
is_code 200 a "$tmp/read" || fail "the token does not read where it was made: $(code a "$tmp/read")"
wait_for 10 "the token reads at the other one" is_code 200 b "$tmp/read"
echo "hr1r.00000000000000000000000000000000.$(awk -F. 'NR == 1 { print $NF }' "$tmp/read")" >"$tmp/wrong"
is_code 401 b "$tmp/wrong" || fail "a token of nobody reads: $(code b "$tmp/wrong")"
hosts b revoke dashboard >/dev/null || fail "revoke at the other one"
from=$(date +%s%N)
is_code 401 b "$tmp/read" || fail "revoked and not refused where that was done"
wait_for 10 "revoked at one, refused at the other" is_code 401 a "$tmp/read"
say "refused at the other one $((($(date +%s%N) - from) / 1000000)) ms later (waits of 500 ms between questions)"

say "one use, two collectors"
hosts a enrol >"$tmp/join" 2>/dev/null || fail "enrol"
awk -F. '{ print "hr1e." $(NF-1) "." $NF }' "$tmp/join" >"$tmp/enrol"
sleep 2.5 # the token is known at both: from here the database decides
# Machines 1 to 8 at once, half of them at each collector; the secret of machine N is N in each of its 32 bytes.
python3 - "$HR_TOP" "$tmp/enrol" "$port" <<-'END' >"$tmp/race" || fail "the race: $(cat "$tmp/race")"
	import hashlib, http.client, sys, threading
	token, port, got = open(sys.argv[2]).read().strip(), int(sys.argv[3]), {}
	def join(n):
	    c = http.client.HTTPConnection("127.0.0.1", port + n % 2, timeout=20)
	    c.request("POST", f"/v1/enrol?host={bytes([n] * 16).hex()}&hash={hashlib.sha256(bytes([n] * 32)).hexdigest()}&name=racer-{n}",
	        "", {"Authorization": "Bearer " + token})
	    got[n] = c.getresponse().status
	racers = [threading.Thread(target=join, args=(n,)) for n in range(1, 9)]
	for r in racers: r.start()
	for r in racers: r.join()
	won = [n for n in got if got[n] == 200]
	print(*won, sorted(got.values()))
	sys.exit(sorted(got.values()) != [200] + 7 * [401])
END
winner=$(cut -d' ' -f1 "$tmp/race")
say "machine $winner of 8 joined: $(cat "$tmp/race")"
hex() { python3 -c 'import sys; print(bytes([int(sys.argv[1])] * int(sys.argv[2])).hex())' "$1" "$2"; }
echo "hr1a.$(hex "$winner" 16).$(hex "$winner" 32)" >"$tmp/agent"
window() { # SEQ: a window of it that ends now
	python3 - "$HR_TOP" "$tmp/window" "$(hex "$winner" 16)" "$1" <<-'END'
		import sys, time
		sys.path.insert(0, sys.argv[1] + "/tests/lib")
		sys.dont_write_bytecode = True
		import agents
		open(sys.argv[2], "wb").write(agents.batch(bytes.fromhex(sys.argv[3]), 7, int(sys.argv[4]), int(time.time() * 1000)))
	END
}
post() { # WHERE: the status
	curl -s --max-time 10 -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $(cat "$tmp/agent")" \
		-H 'Content-Type: application/x-protobuf' --data-binary @"$tmp/window" "http://127.0.0.1:$(at "$1")/v1/summaries"
}
takes() { [ "$(post "$1")" = 204 ]; }
window 1
wait_for 10 "its secret is good at one" takes a
wait_for 10 "and at the other one" takes b

say "alerts"
got() { [ -e "$tmp/got" ] && jq -s -e "$1" "$tmp/got"; }
alerts() { echo "[.[].body.alerts[] | select(.labels.alertname == \"HeadroomAgentSilent\" and .status == \"$1\")] | length == $2"; }
teller() { grep -q event=alerts_here "$tmp/$1.log"; }
pushes() { grep -q event=remote_write_away "$tmp/$1.log"; } # nobody is there to take it
wait_for 40 "the webhook is told" got "$(alerts firing 1)"
sleep 6 # one more look of both
got "$(alerts firing 1)" >/dev/null || fail "told twice: $(cat "$tmp/got")"
first=a other=b
teller a || { first=b; other=a; }
! { teller a && teller b; } || fail "both were elected"
pushes $first && ! pushes $other || fail "remote write is not by the elected one, and by it alone"
[ $first = a ] && gone=$a || gone=$b
kill -KILL "$gone"
wait "$gone" 2>/dev/null || true
wait_for 20 "the other one is elected" teller $other
wait_for 20 "and pushes" pushes $other
sleep 6
got "$(alerts firing 1)" >/dev/null || fail "the next one told it again: $(cat "$tmp/got")"
window 2
wait_for 10 "a window" takes $other
wait_for 30 "the end is told" got "$(alerts resolved 1)"
start $first
wait_for 30 "it is silent once more: that is told" got "$(alerts firing 2)"
sleep 6
got "$(alerts firing 2)" >/dev/null && got "$(alerts resolved 1)" >/dev/null || fail "told again: $(cat "$tmp/got")"

say "a machine's secret"
hosts $first revoke "racer-$winner" >/dev/null || fail "revoke of a machine"
denied() { [ "$(post "$1")" = 401 ]; }
window 3
denied $first || fail "a revoked machine posts where that was done: $(post $first)"
wait_for 10 "and is refused at the other one" denied $other
for f in read enrol agent; do
	secret=$(head -n 1 "$tmp/$f" | awk -F. '{ print $NF }')
	! psql "SELECT encode(hash,'hex') FROM credential" | grep -q "$secret" || fail "a secret lies in the database"
	! grep -lF "$secret" "$tmp/a.log" "$tmp/b.log" || fail "a secret is in a log"
done
pass "tokens and secrets hold at both collectors, one use is one use, a change is told once"
