#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# machine: slow
# Two machines (network namespaces with their own machine-id): one enrols over TLS at the collector of the other
# and its answer appears; then what an attacker would try, and what an operator takes back.
. "$(dirname "$0")/../lib/system.sh"
need_root
need ip unshare python3 curl jq sqlite3

ns=hr-auth-$$ net=10.213.$(($$ % 250))
ip netns add "$ns" 2>/dev/null || skip "cannot make a network namespace"
netns+=("$ns")
ip link add "hra$$" type veth peer name eth0 netns "$ns" || skip "cannot make a veth pair"
ip addr add "$net.1/24" dev "hra$$" && ip link set "hra$$" up
ip -n "$ns" addr add "$net.2/24" dev eth0 && ip -n "$ns" link set eth0 up && ip -n "$ns" link set lo up
for vm in 2 3 4; do printf '%032x\n' $((0x1a2b3c4d5e6f7 + $$ * 10 + vm)) >"$tmp/machine-id-$vm"; done

# in_vm N COMMAND...: on the second machine, with the machine-id of VM N.
in_vm() {
	local id=$tmp/machine-id-$1
	shift
	# shellcheck disable=SC2016
	exec ip netns exec "$ns" unshare -m bash -c 'mount --bind "$1" /etc/machine-id; shift; exec "$@"' _ "$id" "$@"
}
vm() { (in_vm "$@"); }
agent_conf() { # N STATE
	printf '[agent]\nstate = %s\nname = vm-%s\ntimeout = 5s\n' "$tmp/$2" "$1" >"$tmp/$2.conf"
}
collector_answers() { [ "$(vm 2 curl -ks --max-time 5 -o /dev/null -w '%{http_code}' "https://$net.1:$port/healthz")" = 200 ]; }

write_conf
cat >"$tmp/collector.conf" <<-END
	[collector]
	listen = 127.0.0.1:$port, $net.1:$port
	state = $tmp/collector
	[limits]
	per_address = 16
	connect_rate = 0
END
hosts() { "$bin/headroom" hosts "$@" --config "$tmp/collector.conf"; }
start_collector
wait_for 10 "TLS at $net.1:$port" collector_answers
for f in tls.key auth.db admin.sock; do
	[ "$(stat -c %a "$tmp/collector/$f")" = 600 ] || fail "$f is open to others: $(stat -c %A "$tmp/collector/$f")"
done
vm 2 curl -s --max-time 5 "http://$net.1:$port/healthz" >/dev/null && fail "plain HTTP beyond loopback is answered"

# --- joining ---
umask 077
hosts enrol >"$tmp/join" 2>"$tmp/enrol.err" || fail "enrol: $(cat "$tmp/enrol.err")"
grep -qE "^hr1\.$net\.1:$port\.[0-9a-f]{64}\.[0-9a-f]{32}\.[0-9a-f]{64}$" "$tmp/join" || fail "no join string"
agent_conf 2 two
agent_conf 2 clone
agent_conf 3 three
agent_conf 4 four
join() { vm "$1" "$bin/headroom-agent" --config "$tmp/$2.conf" --join "$3" >"$tmp/out" 2>&1; }
refused() { # WHAT PATTERN COMMAND...
	local what=$1 pattern=$2
	shift 2
	"$@" && fail "$what: taken"
	grep -qE -- "$pattern" "$tmp/out" || fail "$what: $(cat "$tmp/out")"
	say "refused: $what: $(tail -n 1 "$tmp/out" | cut -c1-140)"
}
refused "join string as an argument" "wants a file" join 2 two "$(cat "$tmp/join")"
awk -F. -v OFS=. '{ $6 = ($6 ~ /^0/ ? "1" : "0") substr($6, 2) } 1' "$tmp/join" >"$tmp/wrong-pin"
[ "$(awk -F. '{ print length($6) }' "$tmp/wrong-pin")" = 64 ] || fail "the pin was not where it was looked for"
refused "wrong pin" "its key is another one" join 2 two "$tmp/wrong-pin"
chmod 644 "$tmp/join"
refused "join string that others may read" "chmod 600" join 2 two "$tmp/join"
chmod 600 "$tmp/join"
join 2 two - <"$tmp/join" || fail "join: $(cat "$tmp/out")"
[ "$(stat -c %a "$tmp/two/enrolled")" = 600 ] || fail "the secret is open to others"
refused "token used up" "401" join 3 three "$tmp/join"
hosts enrol --expires 1s >"$tmp/short" 2>/dev/null || fail "enrol --expires"
sleep 1.2
refused "token expired" "401" join 3 three "$tmp/short"
hosts enrol --uses 3 >"$tmp/join3" 2>/dev/null || fail "enrol --uses"
refused "clone of an enrolled machine" "409.*known here already" join 2 clone "$tmp/join3"
grep -q 'event=clone_or_thief.*known_as="vm-2"' "$tmp/collector.log" || fail "the clone is not named in the log"

(in_vm 2 "$bin/headroom-agent" --config "$tmp/two.conf") >"$tmp/agent.log" 2>&1 &
agent=$!
register "$agent"
wait_for 40 "vm-2 in the fleet" eval "curl -fsS $url/v1/hosts | jq -e '.hosts[] | select(.host == \"vm-2\")'"
own=$(get /v1/hosts | jq -r '.hosts[] | select(.host == "vm-2").host_id')
vm 2 "$bin/headroom" status --config "$tmp/two.conf" --json >"$tmp/answer.json" 2>"$tmp/out" || fail "status on vm-2: $(cat "$tmp/out")"
validate "$tmp/answer.json"
holds '.host == "vm-2"' "the answer is about another host"
say "enrolled over TLS; its answer: $(ask .answer)"

# --- attacks ---
hosts token --name dashboard >"$tmp/read" || fail "token"
sed -n 2p "$tmp/read" | grep -q '^sha256//' || fail "no pin with the token"
awk -F. '{ print "hr1e." $(NF-1) "." $NF }' "$tmp/join3" >"$tmp/enrol"
sed -n 3p "$tmp/two/enrolled" >"$tmp/agent-secret"
mkdir -p "$tmp/keys"
cp "$tmp/read" "$tmp/keys/read"; cp "$tmp/enrol" "$tmp/keys/enrol"; cp "$tmp/agent-secret" "$tmp/keys/agent"
echo "$own" >"$tmp/keys/own"; printf 'c%.0s' {1..32} >"$tmp/keys/other"
python3 - "$HR_TOP" "$tmp/keys/body" <<-'END'
	import sys, time
	sys.path.insert(0, sys.argv[1] + "/tests/lib")
	sys.dont_write_bytecode = True
	import agents
	open(sys.argv[2], "wb").write(agents.batch(b"\xcc" * 16, 7, 1, int(time.time() * 1000) - 5000))
END
hosts_before=$(sql 'SELECT count(*) FROM host')
attack() { vm 2 env PYTHONDONTWRITEBYTECODE=1 python3 "$HR_TOP/tests/lib/attacks.py" "$net.1" "$port" "$tmp/keys" "$@"; }
attack plain_http old_tls no_token right_token other_kind wrong_token body_before_auth slow many >"$tmp/attacks.log" 2>&1 ||
	fail "$(grep -m 3 -E 'BAD|Error' "$tmp/attacks.log")"
grep -c '^held' "$tmp/attacks.log" | sed 's/$/ attacks held/'
[ "$(sql 'SELECT count(*) FROM host')" = "$hosts_before" ] || fail "an attack made a host"
vm 2 env HEADROOM_COLLECTOR="https://$net.1:$port" HEADROOM_TOKEN_FILE="$tmp/read" "$bin/headroom" fleet >"$tmp/out" 2>&1 ||
	fail "fleet with a read token: $(cat "$tmp/out")"
# loopback is open, but not for windows of a machine that has a secret of its own
python3 - "$HR_TOP" "$tmp/forged" "$own" <<-'END'
	import sys, time
	sys.path.insert(0, sys.argv[1] + "/tests/lib")
	sys.dont_write_bytecode = True
	import agents
	open(sys.argv[2], "wb").write(agents.batch(bytes.fromhex(sys.argv[3]), 7, 1, int(time.time() * 1000) - 5000))
END
[ "$(curl -s -o /dev/null -w '%{http_code}' -H 'Content-Type: application/x-protobuf' --data-binary @"$tmp/forged" "$url/v1/summaries")" = 403 ] ||
	fail "loopback posts as an enrolled machine"

# --- taking back, and restart ---
end "$collector"
sed -i 's/connect_rate = 0/connect_rate = 10/' "$tmp/collector.conf"
start_collector
wait_for 10 "TLS again" collector_answers
hosts tokens | grep -q dashboard || fail "the read token is gone after a restart"
vm 2 env HEADROOM_COLLECTOR="https://$net.1:$port" HEADROOM_TOKEN_FILE="$tmp/read" "$bin/headroom" fleet >/dev/null || fail "the read token does not work after a restart"
attack fast >>"$tmp/attacks.log" 2>&1 || fail "$(grep -m 3 -E 'BAD|Error' "$tmp/attacks.log")"
hosts revoke dashboard >/dev/null || fail "revoke"
hosts forget vm-2 --revoke --yes >"$tmp/out" || fail "forget --revoke"
grep -q 'its secret is revoked' "$tmp/out" || fail "$(cat "$tmp/out")"
wait_for 60 "the agent is denied" grep -q event=collector-denied "$tmp/agent.log"
get /v1/hosts | jq -e '.matches == 0' >/dev/null || fail "a revoked agent came back: $(get /v1/hosts)"
sleep 3
refused "revoked read token" "token is not known" sh -c "ip netns exec $ns env HEADROOM_COLLECTOR=https://$net.1:$port HEADROOM_TOKEN_FILE=$tmp/read $bin/headroom fleet >$tmp/out 2>&1"

# --- no secret anywhere but where it belongs ---
for f in "$tmp/join" "$tmp/join3" "$tmp/read" "$tmp/agent-secret"; do
	secret=$(head -n 1 "$f" | awk -F. '{ print $NF }')
	grep -lF "$secret" "$tmp"/*.log "$tmp/out" && fail "a secret of $f is in a log"
	for d in "$tmp/collector"/*; do
		[ -S "$d" ] || ! grep -qaF "$secret" "$d" || fail "a secret of $f is in $d"
		[ -S "$d" ] || ! python3 -c 'import sys; sys.exit(bytes.fromhex(sys.argv[1]) in open(sys.argv[2], "rb").read())' "$secret" "$d" && [ ! -S "$d" ] && fail "a secret of $f is in $d as bytes"
	done
done
end "$agent" && end "$collector"
pass "enrolled over TLS, attacks refused, revoked"
