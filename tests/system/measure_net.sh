#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# machine: alone
# iperf3 between namespaces through a traffic shaper on this VM: the limit is local (the shaper), not the VM.
. "$(dirname "$0")/../lib/system.sh"
need_root
need jq python3 iperf3 ip tc

ns=hr-test-$$
ip netns add $ns 2>"$tmp/ip.log" || skip "no network namespaces: $(cat "$tmp/ip.log")"
netns+=("$ns")
dev=hrt$(($$ % 100000))
ip link add $dev type veth peer name eth0 netns $ns || skip "no veth"
ip addr add 198.18.77.1/30 dev $dev
ip link set $dev up
ip -n $ns addr add 198.18.77.2/30 dev eth0
ip -n $ns link set eth0 up
ip -n $ns link set lo up
tc qdisc add dev $dev root tbf rate 40mbit burst 32k latency 50ms 2>"$tmp/tc.log" || skip "no tbf shaper: $(cat "$tmp/tc.log")"

listens() { ip netns exec "$ns" ss -Hltn 'sport = :5201' | grep -q 5201; }
shaped() {
	local load
	ip netns exec "$ns" iperf3 --server --one-off >"$tmp/server.log" 2>&1 &
	register $!
	wait_for 20 "iperf3 listens" listens
	iperf3 --client 198.18.77.2 --time 20 --parallel 2 --json >"$tmp/iperf.json" 2>&1 &
	load=$!
	register "$load"
	sleep 2
	measure 14 --include "$dev"
	wait "$load" && jq -e '.error | not' "$tmp/iperf.json" >/dev/null || fail "iperf3 failed: $(jq -c .error "$tmp/iperf.json")"
	mbit=$(jq '.end.sum_sent.bits_per_second / 1e6 | floor' "$tmp/iperf.json")
	say "iperf3 sent $mbit Mbit/s through a shaper of 40"
	[ "$mbit" -ge 30 ] && [ "$mbit" -le 45 ] || skip "the shaper did not act: $mbit Mbit/s"
}
# On a VM whose CPUs are short besides, a larger one would help with those.
attempts '.reason == "local-limit" and ([.bigger[] | select(.gain.likely != null and .gain.likely > 1.1)] | length == 0)' shaped
holds ".binding.resource == \"network\" and .binding.device == \"$dev\"" "the loaded device binds"
holds '.answer == "no" and .reason == "local-limit"' "a shaper on this VM is a local limit"
holds '[.bigger[] | select(.gain.likely != null and .gain.likely > 1.1)] | length == 0' "a larger VM is not said to help"
pass "shaped veth: local-limit on $dev"
