#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The truth suite's machinery: its arithmetic by hand, its load, and its quick cases through the product's own JSON.
# Whether the numbers are good is not judged here: that needs an otherwise idle machine (tests/truth/run).  Others may
# run beside it, but the load must get the CPU time that it asks for: it goes before them.
. "$(dirname "$0")/../lib/system.sh"
need_root
need python3
renice -n -15 $$ >/dev/null || fail "cannot go before others"

python3 "$HR_TOP/tests/truth/selftest.py" || fail "the suite's arithmetic"
timeout 20 "$HR_BUILD/tests/truth_bench" --help | grep -q '^usage: truth_bench' || fail "truth_bench does not say how it is called"

# The load does what it says: 200 jobs/s x 2 ms for 4 s are 800 +- 5 sigma (141) jobs and 0.4 CPU-s a second.
"$HR_BUILD/tests/truth_load" open --rate 200 --mean-ms 2 --for 4 >"$tmp/load.json" || fail "the load program"
jq -e '.jobs > 650 and .jobs < 950 and .cpu_s >= .wanted_s and (.wanted_s / .jobs | . > 0.0016 and . < 0.0024)' \
	"$tmp/load.json" >/dev/null || fail "the load is not what was asked for: $(cat "$tmp/load.json")"
"$HR_BUILD/tests/truth_load" open --rate 200 --mean-ms 2 --for 4 --k 3 >"$tmp/load3.json" || fail "the load program"
jq -e --slurpfile one "$tmp/load.json" '.jobs / $one[0].jobs | . > 2.5 and . < 3.5' "$tmp/load3.json" >/dev/null ||
	fail "three times the load is not three times the jobs"

# quick SECONDS CASE...: rows of these cases, added to rows.json
quick() {
	local seconds=$1 c args=()
	shift
	for c; do args+=(--case "$c"); done
	HR_TRUTH_TRIES=1 HR_BUILD=$HR_BUILD "$HR_TOP/tests/truth/run" --quick --seconds "$seconds" "${args[@]}" \
		--json "$tmp/rows.json" >"$tmp/run.log" 2>&1 || { cat "$tmp/run.log"; fail "the quick cases"; }
	cat "$tmp/run.log"
}
quick 8 serial/pool-of-8 idle
# A search of three runs at least, and a measurement beside the break that it finds.
quick 5 serial/single-server

# Throttled threads are the quota's where vCPUs are free, which others can see to that they are not: then again.
# quota FILTER: of the newest row of half a CPU
quota() { jq -se "map(select(.case == \"quota/50-of-100-ms\"))[-1] | $1" "$tmp/rows.json" >/dev/null; }
for _ in 1 2; do
	quick 8 quota
	quota '.answer.reason == "local-limit"' && break
done
if quota '.info.foreign > 0.5'; then
	echo "others used more than half a CPU: whose limit the quota is was not judged"
else
	quota '.answer.answer == "no" and .answer.reason == "local-limit"' || fail "a quota that throttles is not the answer"
fi

for group in "serial" "cpu quota" "nothing is wrong"; do
	jq -se --arg g "$group" 'map(select(.group == $g)) | length > 0' "$tmp/rows.json" >/dev/null || fail "no row of '$group'"
done
jq -se 'all(.[]; .answer.schema == "headroom.answer/1" and .info.rules["0.8/mean"] > 0)' "$tmp/rows.json" >/dev/null ||
	fail "a row without an answer or without the rules of thumb"
"$HR_TOP/tests/truth/sum" "$tmp/rows.json" | grep -q "^all  *$(wc -l <"$tmp/rows.json") " || fail "the sums are not of all rows"
# Of a queue 10 times the work is broken (limits.py): the break lies between what was not and what was, by a known factor.
jq -se 'map(select(.case == "serial/single-server")) | length == 1 and (.[0]
	| .info.break as $at | .info.search as $runs
	| ($runs | map(select(.[1] > 10)[0]) | min) as $above | ($runs | map(select(.[1] <= 10)[0]) | map(select(. < $above)) | max) as $below
	| ($runs | length >= 3 and all(.[][]; . > 0 and . < 1e6)) and $above != null and $at <= $above
		and ($below == null or ($at >= $below and $above / $below < 6.01))
		and (.truth * .fraction | . > 0.999 and . < 1.001) and (.info.rules | length == 3 and all(.[]; . > 0 and . < 1e6)))' \
	"$tmp/rows.json" >/dev/null || fail "the search of a break is not whole"
# True on any machine: a pool of equals is no serial thread.
jq -se 'map(select(.case == "serial/pool-of-8" and .answer.reason == "serial-thread")) | length == 0' "$tmp/rows.json" >/dev/null ||
	fail "a pool of equal threads was called serial"
pass "quick truth: $(wc -l <"$tmp/rows.json") rows"
