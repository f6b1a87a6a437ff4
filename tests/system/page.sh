#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The page in a real browser (tests/page/check.py): 10 000 VMs and 10, search and filters in the URL, keyboard, phone, dark mode,
# contrast, hostile names, no request to anybody else, no complaint on the console; history, cone and bursts; CSV and JSON;
# reports; and once with the real collector.  1 s until usable is asked of the best of eight loads: other tests run beside it.
# In a network namespace of its own: a browser ends its requests when an interface comes or goes, and others' tests make some.
if [ -z "${HR_PAGE_INSIDE:-}" ] && [ "$(id -u)" = 0 ]; then
	HR_PAGE_INSIDE=1 exec unshare --net -- "$0" "$@"
fi
. "$(dirname "$0")/../lib/system.sh"
need_root
need chromium chromedriver curl python3
ip link set lo up
plots=/usr/share/javascript/dygraphs
[ -e $plots/dygraph.min.js ] || skip "libjs-dygraphs is not installed"

write_conf
printf 'page = %s\nplots = %s\n' "$HR_TOP/collector/page" $plots >>"$tmp/collector.conf"
start_collector
start_agent
curl -fsSI -X GET --max-time 5 "$url/" >"$tmp/head.txt"
for want in "content-security-policy: default-src 'none'" 'x-content-type-options: nosniff' 'referrer-policy: no-referrer'; do
	grep -qi "^$want" "$tmp/head.txt" || fail "GET / lacks the header: $want"
done
get /dygraph.min.js | cmp - $plots/dygraph.min.js || fail "dygraphs is not served"

fixture=$((port + 1))
python3 "$HR_TOP/tests/page/fleet.py" "$fixture" 10000 "$HR_TOP/collector/page" $plots >"$tmp/fleet.log" 2>&1 &
register $!
wait_for 60 "the made-up fleet" curl -fsS --max-time 5 -o /dev/null "http://127.0.0.1:$fixture/v1/fleet?limit=1"
python3 "$HR_TOP/tests/page/fleet.py" $((port + 2)) 10 "$HR_TOP/collector/page" $plots 2 >"$tmp/few.log" 2>&1 &
register $!
wait_for 60 "a fleet of ten" curl -fsS --max-time 5 -o /dev/null "http://127.0.0.1:$((port + 2))/v1/fleet?limit=1"
FEW=http://127.0.0.1:$((port + 2)) HEADROOM=$bin/headroom timeout "${AXE:+1}420" python3 "$HR_TOP/tests/page/check.py" "http://127.0.0.1:$fixture" "$url" >"$tmp/check.log" 2>&1 ||
	fail "$(tail -n 1 "$tmp/check.log")"
cat "$tmp/check.log"
pass "the page in a browser"
