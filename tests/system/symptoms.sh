#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What deploy/OPERATIONS.md says under "Troubleshooting by symptom", brought about: the quoted words are those that are printed, and the
# remedy works. Not here, because other scripts have them: hooks shed (budget.sh), disk (disk_full.sh), database (damaged_db.sh),
# alerts (alerts.sh), Permission denied (packages.sh), and clones, which are told after 11 minutes (tests/io/test_rollup.c, test_serve.c).
if [ -z "${HR_SYMPTOMS_INSIDE:-}" ] && [ "$(id -u)" = 0 ]; then
	HR_SYMPTOMS_INSIDE=1 exec unshare --net --mount --propagation private -- "$0" "$@" # an address beyond loopback, and port 7867
fi
. "$(dirname "$0")/../lib/system.sh"
need_root
need curl jq ip
ip link set lo up
ip addr add 192.0.2.5/32 dev lo
table=$(sed -n '/^## Troubleshooting/,$p' "$HR_TOP/deploy/OPERATIONS.md")
# told WORDS FILE...: they stand in the table, and were printed.
told() {
	local words=$1
	shift
	[[ $table == *"$words"* ]] || fail "OPERATIONS.md does not have: $words"
	grep -qF -- "$words" "$@" || fail "not printed: $words, but: $(tail -n 3 "$@")"
}
headroom() { "$bin/headroom" "$@" --config "$tmp/collector.conf" >"$tmp/out" 2>&1; }
agent_conf() { # NUMBER LINE...
	printf '[agent]\nstate = %s/agent%s\nname = vm-%s\n' "$tmp" "$1" "$1" >"$tmp/agent$1.conf"
	head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$tmp/id$1"
	mkdir -p "$tmp/agent$1"
}
as_machine() { # NUMBER ARG...: headroom-agent with this machine-id and configuration
	local n=$1
	shift
	# shellcheck disable=SC2016
	exec unshare --mount --propagation private sh -c 'mount --bind "$1" /etc/machine-id; shift; exec "$@"' _ "$tmp/id$n" "$bin/headroom-agent" --config "$tmp/agent$n.conf" "$@"
}

url=http://127.0.0.1:7867
env -u HEADROOM_COLLECTOR "$bin/headroom" fleet >"$tmp/out" 2>&1 && fail "an answer without a collector"
told 'no collector at http://127.0.0.1:7867: nothing listens there' "$tmp/out"

cat >"$tmp/collector.conf" <<-END
	[collector]
	listen = 127.0.0.1:7867, 192.0.2.5:7868
	state = $tmp/collector
	page = $HR_TOP/collector/page
	plots = $tmp/none
	[limits]
	hosts = 1
	per_address = 200
END
start_collector
say "enrol"
(umask 077; "$bin/headroom" hosts enrol --uses 3 --config "$tmp/collector.conf" 2>"$tmp/err" >"$tmp/join") || fail "hosts enrol: $(cat "$tmp/err")"
for i in 1 2; do
	agent_conf $i
	(as_machine $i --join "$tmp/join") >"$tmp/join.log" 2>&1 || fail "vm-$i does not join: $(cat "$tmp/join.log")"
done
(as_machine 1) >"$tmp/agent1.log" 2>&1 &
first=$!
register $first
has() { get /v1/hosts | jq -e '.hosts | length == 1'; }
wait_for 60 "the first VM" has
(as_machine 2) >"$tmp/agent2.log" 2>&1 &
second=$!
register $second
HEADROOM_COLLECTOR=https://192.0.2.5:7868 "$bin/headroom" fleet >"$tmp/out" 2>&1 && fail "an untrusted certificate is taken"
told 'the certificate of https://' "$tmp/out"
told 'is not trusted' "$tmp/out"
"$bin/headroom" fleet --config "$tmp/agent1.conf" >"$tmp/out" 2>&1 && fail "a VM's secret reads the fleet"
told 'This token is not for this' "$tmp/out"
# the remedy of both: a token of one's own, with the pin
"$bin/headroom" hosts token --name people --config "$tmp/collector.conf" 2>"$tmp/err" >"$tmp/token" || fail "hosts token: $(cat "$tmp/err")"
chmod 600 "$tmp/token"
HEADROOM_TOKEN_FILE=$tmp/token HEADROOM_COLLECTOR=https://192.0.2.5:7868 "$bin/headroom" fleet >"$tmp/out" 2>&1 || fail "a token with its pin: $(cat "$tmp/out")"
grep -q '^vm-1 ' "$tmp/out" || fail "no VM in the fleet: $(cat "$tmp/out")"
headroom status vm-1 || fail "status: $(cat "$tmp/out")"
told '30 h of history' "$tmp/out"
[ "$(curl -s -o /dev/null -w '%{http_code}' $url/dygraph.min.js)" = 404 ] || fail "plots without dygraphs"

say "the table of hosts is full"
wait_for 60 "the second VM's refusal" grep -q collector-unreached "$tmp/agent2.log"
told 'The table of hosts is full' "$tmp/agent2.log"
told 'hosts_full' "$tmp/collector.log"

say "revoked, and joined anew"
end $first
headroom hosts forget vm-1 --revoke --yes || fail "forget: $(cat "$tmp/out")"
(as_machine 1) >"$tmp/agent1.log" 2>&1 &
first=$!
register $first
wait_for 60 "a denied agent" grep -q collector-denied "$tmp/agent1.log"
told 'collector-denied' "$tmp/agent1.log"
grep -q 'status 401: This token is not known' "$tmp/agent1.log" || fail "401: $(cat "$tmp/agent1.log")"
end $first
end $second
# another machine-id under the same secret, as a clone is given one
head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$tmp/id2"
(as_machine 2) >"$tmp/agent3.log" 2>&1 &
third=$!
register $third
wait_for 60 "a secret of another machine" grep -q 'status 403: This secret is of another host' "$tmp/agent3.log"
end $third
(as_machine 2 --join "$tmp/join") >"$tmp/join.log" 2>&1 || fail "not joined anew: $(cat "$tmp/join.log")"
end "$collector"
sed -i 's/^hosts = 1$/hosts = 10/' "$tmp/collector.conf" # the remedy of the full table
say "the collector is away"
(as_machine 2) >"$tmp/agent3.log" 2>&1 &
register $!
wait_for 60 "an agent without collector" grep -q collector-unreached "$tmp/agent3.log"
told 'collector-unreached' "$tmp/agent3.log"
start_collector
wait_for 90 "the same agent when the collector is back" grep -q collector-reached "$tmp/agent3.log"
two() { get /v1/fleet | jq -e '[.hosts[] | select(.host == "vm-2")] | length >= 1'; }
wait_for 30 "the second VM in the fleet" two
pass "symptoms as OPERATIONS.md tells them"
