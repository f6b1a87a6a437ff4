#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Remote write into the real Prometheus: what it has is what /metrics and the JSON say, label by label; what was said while it
# was away is there afterwards; a forgotten host ends at once; a configuration that cannot be right is refused.
. "$(dirname "$0")/../lib/system.sh"
need curl jq python3 prometheus

at=$((port + 1))
write_conf
cat >>"$tmp/collector.conf" <<-END
	[model]
	min_history = 10s
	[remote_write]
	url = http://127.0.0.1:$at/api/v1/write
	interval = 2s
	labels = cluster=tested
END
printf 'global: {}\n' >"$tmp/prometheus.yml"
start_prometheus() {
	prometheus --config.file="$tmp/prometheus.yml" --storage.tsdb.path="$tmp/prometheus" --web.listen-address=127.0.0.1:$at \
		--web.enable-remote-write-receiver --log.level=warn >>"$tmp/prometheus.log" 2>&1 &
	prometheus=$!
	register $prometheus
	wait_for 30 "Prometheus ready" curl -fsS --max-time 2 "http://127.0.0.1:$at/-/ready"
}
# ask_prometheus QUERY: the vector, as JSON
ask_prometheus() { curl -fsS --max-time 5 --data-urlencode "query=$1" "http://127.0.0.1:$at/api/v1/query" | jq -c .data.result; }
own() { get /metrics | sed -n "s/^headroom_collector_remote_write_$1 //p"; }
more_than() { [ "$(own "$1")" -gt "$2" ]; }

start_prometheus
start_collector
"$HR_BUILD/tests/gen" --port "$port" --agents 3 --seconds 17 >"$tmp/gen.log" 2>&1 || fail "the generator failed"

say "the same numbers"
# same: no window has come for a while, so both sides stand still: every series of a host that /metrics has, with its value
cat >"$tmp/same.py" <<-'END'
	import json, re, sys, urllib.parse, urllib.request
	collector, prometheus = sys.argv[1:]
	load = lambda u: urllib.request.urlopen(u, timeout=5).read().decode()
	query = urllib.parse.quote('{__name__=~"headroom_.+",cluster="tested"}')
	there = {}
	for r in json.loads(load(f"{prometheus}/api/v1/query?query={query}"))["data"]["result"]:
	    m = r["metric"]
	    there[tuple(sorted(m.items()))] = float(r["value"][1])
	scraped = {}
	for line in load(f"{collector}/metrics").splitlines():
	    m = re.match(r'(headroom_\w+)\{(.*host=".*)\} (\S+)$', line) or re.match(r'(headroom_fleet_hosts)\{(.*)\} (\S+)$', line)
	    if m:
	        labels = {k: v for k, v in re.findall(r'(\w+)="([^"]*)"', m[2]) if v} | {"__name__": m[1], "cluster": "tested"}
	        scraped[tuple(sorted(labels.items()))] = float(m[3])
	assert len(scraped) > 60, f"only {len(scraped)} series in /metrics"
	near = lambda a, b: abs(a - b) <= 1e-12 * abs(a) # the text has 15 digits
	wrong = [(k, v, there.get(k)) for k, v in scraped.items() if k not in there or not near(v, there[k])]
	assert not wrong, f"{len(wrong)} of {len(scraped)} series differ, the first: {wrong[0]}"
	host_only = [dict(k) for k in there if "host" in dict(k) and k not in scraped]
	assert all(re.match("headroom_(demand|capacity|saturated)", k["__name__"]) for k in host_only), "a series that /metrics has not"
	checked = 0
	for info in [dict(k) for k in scraped if dict(k)["__name__"] == "headroom_answer_info"]:
	    host = info["host"] # all three have one name, so it is name@id
	    answer = json.loads(load(f"{collector}/v1/hosts/{info['host_id']}/answer"))
	    for r in answer["resources"]:
	        ident = {"host": host, "resource": r["resource"], "cluster": "tested"} | ({"device": r["device"]} if r["device"] else {})
	        wanted = [(f"headroom_demand_{r['demand']['unit']}", {"stat": s}, r["demand"][s]) for s in ("mean", "p50", "p99", "max")]
	        wanted += [(f"headroom_capacity_{r['capacity']['unit']}", {"source": r["capacity"]["source"]}, r["capacity"]["value"])]
	        for name, more, v in wanted:
	            got = there.get(tuple(sorted((ident | more | {"__name__": name}).items())))
	            assert (v is None) == (got is None), f"{name} of {ident}: JSON {v}, Prometheus {got}"
	            assert v is None or abs(v - got) <= 1e-6 * max(1, abs(v)), f"{name} of {ident}: JSON {v}, Prometheus {got}"
	            checked += v is not None
	assert checked > 10, f"only {checked} measurements"
	print(f"{len(scraped)} series of /metrics, {checked} measurements of the JSON")
END
same() { python3 "$tmp/same.py" "$url" "http://127.0.0.1:$at" >"$tmp/same.log" 2>&1; }
wait_for 30 "Prometheus has what the collector says" same
say "$(cat "$tmp/same.log")"
sent=$(own samples_total)
[ "$sent" -gt 500 ] || fail "only $sent samples sent"

say "away, and back"
end "$prometheus" || fail "Prometheus does not stop"
from=$(date +%s)
wait_for 20 "a failure is counted" more_than failures_total 0
wait_for 20 "requests wait" more_than queue_bytes 9000
get /readyz >/dev/null || fail "the collector is not ready while the receiver is away"
long_enough() { [ "$(date +%s)" -ge $((from + 11)) ]; } # five rounds, of which two may be late
wait_for 20 "rounds without a receiver" long_enough
till=$(date +%s)
start_prometheus
empty() { [ "$(own queue_bytes)" = 0 ]; }
wait_for 60 "the queue is empty again" empty
n=$(ask_prometheus "max(count_over_time(headroom_answer_info[$((till - from))s] @ $till))" | jq -r '.[0].value[1] // 0')
[ "$n" -ge $(((till - from) / 2 - 2)) ] && [ "$n" -gt 1 ] || fail "of $((till - from)) s without Prometheus it has $n samples of a series"
get /metrics | grep '^headroom_collector_remote_write_dropped_total' | grep -v ' 0$' && fail "samples were given up"

say "forgotten"
id=$(get '/v1/hosts?limit=1' | jq -r '.hosts[0].host_id')
host=$(get '/v1/hosts?limit=1' | jq -r '.hosts[0].host')@$id
[ "$(ask_prometheus "headroom_answer_info{host=\"$host\"}" | jq length)" = 1 ] || fail "the answer of $host is not there once"
"$bin/headroom" hosts forget "$id" --yes --config "$tmp/collector.conf" >"$tmp/out" 2>&1 || fail "forget: $(cat "$tmp/out")"
gone() { [ "$(ask_prometheus "{host=\"$host\"}" | jq length)" = 0 ]; }
wait_for 20 "its series end" gone

say "configuration"
conf=$tmp/wrong.conf
for line in 'url = ftp://x/y' 'url = http://a:b@x/y' $'url = http://x/y\nlabels = host=z' 'interval = 10m'; do
	printf '[remote_write]\n%s\n' "$line" >"$conf"
	! "$bin/headroom-collector" --check-config --config "$conf" >"$tmp/out" 2>&1 || fail "taken: $line"
done
sed -i 's/^labels = .*/labels = bound=x/' "$tmp/collector.conf"
kill -HUP "$collector"
wait_for 10 "the reload is refused" grep -q 'reload_refused.*bound' "$tmp/collector.log"
sed -i 's/^labels = .*/labels = cluster=other/' "$tmp/collector.conf"
kill -HUP "$collector"
other() { [ "$(ask_prometheus 'headroom_fleet_hosts{cluster="other",answer="yes"}' | jq length)" = 1 ]; }
wait_for 20 "the new label is in use" other
grep -q 'event=remote_write_refused' "$tmp/collector.log" && fail "a request was refused"
end "$collector" || fail "the collector does not stop"
pass "$(cat "$tmp/same.log"); $n samples of one series from the time without a receiver"
