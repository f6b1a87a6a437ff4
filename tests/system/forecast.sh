#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The forecast through a real collector, with stored demand made by tests/forecast/story.c: whatif --load --size --add against
# the arithmetic of what was recorded, and what more vCPUs and another limit of a disk make of the days before.
. "$(dirname "$0")/../lib/system.sh"
need jq curl awk
story=$HR_BUILD/tests/forecast_story
[ -x "$story" ] || skip "$story is not built"

# post NAME FILE...: in order, over one connection; every one acknowledged.
post() {
	local f next=''
	for f; do
		printf '%surl = "%s/v1/summaries"\ndata-binary = "@%s"\nheader = "Content-Type: application/x-protobuf"\noutput = "%s"\nwrite-out = "%%{http_code}\\n"\n' \
			"$next" "$url" "$f" "$tmp/refused"
		next=$'next\n'
	done >"$tmp/posts"
	curl -sS --max-time 60 -K "$tmp/posts" >"$tmp/codes" || fail "posting failed"
	[ "$(sort -u "$tmp/codes")" = 204 ] || fail "not acknowledged: $(sort "$tmp/codes" | uniq -c) $(cat "$tmp/refused")"
}
tell() { # NAME SCENE
	"$story" "$tmp" "$1" "$2" "$now" || fail "no story of $1"
	post "$tmp/$1"-[0-9]*.post
}
hr() { "$bin/headroom" "$@" --config "$tmp/collector.conf" --json; }
near() { # WHAT IS SHOULD TOLERANCE
	awk -v is="$2" -v should="$3" -v eps="$4" 'BEGIN { exit !(is != "null" && is - should <= eps && should - is <= eps) }' ||
		fail "$1 is $2, by hand $3"
}

write_conf
# The operator's own ladder: own.l has twice the vCPUs and the same disk limits, own.xl four times those, own.h as much as its host.
own() { printf 'own\tvm\t%s\t%s\t%s\tamd64\t1\t-\t-\t%s\t-\t%s\t-\tO\t2026-11-01\n' "$@"; }
{
	grep -m 1 '^provider' "$HR_TOP/deploy/sizes.tsv"
	own own.s 1 4096 2000 100000000
	own own.m 2 8192 2000 100000000
	own own.l 4 16384 2000 100000000
	own own.xl 8 32768 8000 400000000
	own own.h 32 131072 8000 400000000
} >"$tmp/ladder.tsv"
printf 'own\town.m\t0.10\tEUR/h\nown\town.l\t0.20\tEUR/h\n' >"$tmp/prices.tsv"
printf '[sizes]\ncatalogue = %s\nladder = %s\nprices = %s\n' "$HR_TOP/deploy/sizes.tsv" "$tmp/ladder.tsv" "$tmp/prices.tsv" >>"$tmp/collector.conf"
start_collector
now=$(date +%s)
tell alice day
tell bob night

# --- a merger: alice's load doubled, bob's on top
# an answer is made anew after 5 s at most: until then it may be of the first windows alone
told() {
	hr status alice >"$tmp/a.json" && hr status bob >"$tmp/b.json" &&
		jq -es 'length == 2 and all(.window.seconds == 172800)' "$tmp/a.json" "$tmp/b.json"
}
wait_for 30 "answers from both days" told
hr whatif alice --load x2 >"$tmp/alone.json"
hr whatif alice --load x2 --add bob >"$tmp/both.json"
hr whatif alice --load x2 --size m5.2xlarge --add bob >"$tmp/larger.json"
of() { jq -r "$2" "$tmp/$1.json"; }
[ "$(of both .added)" = bob ] && [ "$(of both .load)" = 2 ] || fail "the plan is not told: $(cat "$tmp/both.json")"
# requests: 2 x 500 + 250 by day, 2 x 100 + 900 by night, alone 1000; cores 2.25 and 2.25 of 2: the disk's 1000 / 1250.
# Peak on peak would be 1000 / 1900 of the disk.
near "ratio of the tight minutes" "$(of both .tight_minutes_ratio)" 0.8 0.001
near "minutes of both" "$(of both .minutes)" 2880 70
near "likely" "$(of both .size.headroom.likely)" \
	"$(of alone '.size.headroom.likely * 0.8')" 0.005
# both at their tightest at once: 1 / (1 / k_a + C_b / C_a / k_b) of CPU or memory, and what of it is left of the VM's k
k() { jq -r --arg r "$2" '.resources[] | select(.resource == $r) | '"$3" "$tmp/$1.json"; }
merged=$(for r in cpu memory; do
	echo "$(k a $r .headroom.at_least) $(k b $r .headroom.at_least) $(k a $r .capacity.value) $(k b $r .capacity.value)"
done | awk '{ v = 1 / (1 / $1 + $4 / $3 / $2); if (NR == 1 || v < m) m = v } END { print m }')
near "at_least" "$(of both .size.headroom.at_least)" \
	"$(of alone .size.headroom.at_least | awk -v m="$merged" -v n="$(of a .headroom.at_least)" '{ print $1 * (m < n ? m / n : 1) }')" 0.005
[ "$(of larger .size.name)" = m5.2xlarge ] || fail "another size than asked for: $(of larger .size.name)"
near "the ratio on a larger size" "$(of larger .tight_minutes_ratio)" 0.8 0.001
hr whatif bob --load 1 --add alice >"$tmp/turned.json"
near "bob with alice" "$(of turned .tight_minutes_ratio)" 0.875 0.001 # cores by night, 1.75 / 2; requests 900 / 1000
"$bin/headroom" whatif alice --load x2 --add bob --config "$tmp/collector.conf" >"$tmp/text" || fail "whatif in words"
grep -qF "need 1.25x what they need alone" <(tr '\n' ' ' <"$tmp/text" | tr -s ' ') || fail "in words: $(cat "$tmp/text")"

# --- a load on the VM as it is: no catalogue is needed, and the figures are the same
sed 's/^catalogue = .*/catalogue = \/nonexistent/; /^ladder = /d; /^prices = /d' "$tmp/collector.conf" >"$tmp/bare.conf"
bare() { "$bin/headroom" "$@" --config "$tmp/bare.conf"; }
bare whatif alice --load x2 --json >"$tmp/bare.json" || fail "whatif without a catalogue"
[ "$(of bare .size.name)" = null ] && [ "$(of bare .size.headroom)" = "$(of alone .size.headroom)" ] ||
	fail "whatif without a catalogue: $(cat "$tmp/bare.json" "$tmp/alone.json")"
bare whatif alice --load x2 >"$tmp/text" && grep -q 'alice at 2x its load on the VM as it is (2 vCPUs):' "$tmp/text" ||
	fail "in words: $(cat "$tmp/text")"
for w in 'whatif alice --load x2 --size own.l' 'whatif alice --load x2 --as own.l' 'sizes alice'; do
	# shellcheck disable=SC2086 # words
	if bare $w >"$tmp/text" 2>&1; then fail "$w without a catalogue"; fi
	grep -q 'no sizes are known: /nonexistent is not there' "$tmp/text" || fail "$w: $(cat "$tmp/text")"
done

# --- sizes: recognised by name, or told; per resource, up to the largest
hr sizes alice >"$tmp/sizes.json"
of sizes '[.size, .sizes[.next].name, .sizes[.ceiling].name] | @tsv' | grep -qx -- $'m5.large\tm5.xlarge\tm5.24xlarge' ||
	fail "the ladder of m5.large: $(of sizes '[.size, .next, .ceiling, [.sizes[].name]]')"
hr sizes alice --as own.m >"$tmp/sizes.json"
of sizes '[.sizes[].name, .sizes[.next].name, .sizes[.ceiling].name] | @tsv' | grep -qx -- $'own.s\town.m\town.l\town.xl\town.h\town.l\town.h' ||
	fail "the operator's ladder: $(cat "$tmp/sizes.json")"
of sizes '[.sizes[].price | if . then "\(.value) \(.unit)" else "-" end] | @tsv' | grep -qx -- $'-\t0.1 EUR/h\t0.2 EUR/h\t-\t-' ||
	fail "the operator's prices: $(of sizes '[.sizes[].price]')"
# per resource: vCPUs count, the disk's at_least stays as it is here and its likely goes with its limits
least() { printf '%s\n' "$@" | sort -g | head -n 1; }
near "at_least of own.l" "$(of sizes '.sizes[2].headroom.at_least')" \
	"$(least "$(k a cpu '.headroom.at_least * 2')" "$(k a disk .headroom.at_least)")" 0.001
near "at_least of own.xl" "$(of sizes '.sizes[3].headroom.at_least')" \
	"$(least "$(k a cpu '.headroom.at_least * 4')" "$(k a disk .headroom.at_least)")" 0.001
near "likely of own.xl" "$(of sizes '.sizes[3].headroom.likely')" \
	"$(least "$(k a cpu '.headroom.likely * 4')" "$(k a disk '.headroom.likely * 4')" 8)" 0.01
[ "$(of sizes '.sizes[3].binding')" = disk ] || fail "four times the vCPUs leave the disk as what binds: $(of sizes '.sizes[3]')"

# --- known events
days() { # NAME: k of the last closed days, as the history tells
	get "/v1/hosts/$1/history?step=1d&from=$((now - 9 * 86400))&to=$now" | jq -c '.headroom.at_least | map(select(. != null)) | .[-6:-1]'
}
id() { get /v1/hosts | jq -r --arg n "$1" '.hosts[] | select(.host == $n) | .host_id'; }
is_true() { [ -n "$1" ] && jq -e "$2" <<<"$1" >/dev/null; } # jq -e of nothing is content
answer() { get "/v1/hosts/$1/answer" >"$tmp/answer.json"; }
tell carol full
tell dave disk
carol=$(id carol) dave=$(id dave)
one=$(days "$carol") # nothing fits beside it, less the model's error
is_true "$one" 'length == 5 and all(. > 0.7 and . < 0.801)' || fail "k of a full CPU: $one"
is_true "$(days "$dave")" 'length == 5 and all(. > 1.817 and . < 1.819)' || fail "k at 500 of 1000: $(days "$dave")"
below_now() { answer "$carol" && [ "$(ask .outlook.probability_30d)" = 1 ]; } # an answer is made anew after 5 s
wait_for 30 "the answer that it is below the target now" below_now
# cone: least and most of the next week's hours in cores, and how many.  28 days at two cores, to 3 %; a resize changes neither.
cone() {
	get "/v1/hosts/$carol/history?step=1h&from=$((now - 86400))&to=$now&resource=cpu" |
		jq -c '.series[0].forecast | [.shape, (.values | length), (.values | min), (.values | max)]'
}
is_two='.[0] == "flat" and .[1] == 168 and .[2] > 1.94 and .[3] < 2.1'
is_true "$(cone)" "$is_two" || fail "the next week by hour: $(cone)"
post "$tmp/carol-change.post" "$tmp/dave-change.post"
is_true "$(cone)" "$is_two" || fail "the next week by hour, resized: $(cone)"
# shellcheck disable=SC2016 # jq's variables
twice='.[0] as $was | .[1] | length == 5 and all(. / $was[0] > 1.999 and . / $was[0] < 2.001)'
is_true "[$one,$(days "$carol")]" "$twice" || fail "k with twice the vCPUs: $(days "$carol"), with as many $one"
is_true "$(days "$dave")" 'length == 5 and all(. > 5.453 and . < 5.456)' || fail "k at 500 of 3000: $(days "$dave")"
resized() { answer "$carol" && [ "$(ask .size.vcpus)" = 4 ]; }
wait_for 30 "the answer of four vCPUs" resized
holds '.outlook.probability_30d > 0 and .outlook.probability_30d < 0.5 and .days_left == null' "a resize is no trend and no certainty"
holds '[.missing[].evidence] | any(contains("since its size or a limit of it changed"))' "history begins anew"
raised() { answer "$dave" && ask '.missing[].evidence' | grep -qF "a limit of it changed"; }
wait_for 30 "the answer of the other limit" raised
holds '.outlook.probability_30d < 0.1 and .days_left == null' "a larger limit is no trend"
validate "$tmp/answer.json"
# a restart of the collector keeps what was rescaled
end "$collector"
start_collector
is_true "[$one,$(days "$carol")]" "$twice" || fail "after a restart: $(days "$carol")"
pass "whatif as by hand, $(of both .minutes) minutes; days before a change are told on the new scale"
