#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A kernel without BTF (hidden behind an empty mount in a mount namespace): nothing crashes, each signal falls
# to its next rung or is missing with a reason, and no headroom is claimed from evidence that does not exist.
. "$(dirname "$0")/../lib/system.sh"
need_root
need jq python3 unshare
[ -r /sys/kernel/btf/vmlinux ] || skip "this kernel has no BTF to hide"

hidden() {
	# shellcheck disable=SC2016
	unshare --mount bash -c 'mount -t tmpfs none /sys/kernel/btf && exec "$@"' _ "$@"
}
hidden true 2>"$tmp/unshare.log" || skip "no mount namespaces: $(cat "$tmp/unshare.log")"
"$bin/headroom" doctor --json >"$tmp/with.json" || fail "doctor failed"
hidden "$bin/headroom" doctor --json >"$tmp/without.json" || fail "doctor failed without BTF"
rungs() { jq -r '.. | objects | select(.rung?) | .rung' "$1" | sort | uniq -c | tr -s ' \n' ' '; }
say "rungs with BTF: $(rungs "$tmp/with.json"); without: $(rungs "$tmp/without.json")"
jq -e '[.. | objects | select(.rung? == "tp_btf")] | length > 0' "$tmp/with.json" >/dev/null || fail "no signal uses tp_btf with BTF here"
jq -e '[.. | objects | select(.rung? == "tp_btf")] | length == 0' "$tmp/without.json" >/dev/null || fail "tp_btf without BTF"
jq -e '[.. | objects | select(.rung? == "missing") | select((.reason // "") == "")] | length == 0' "$tmp/without.json" >/dev/null ||
	fail "a signal is missing without a reason"
hidden "$bin/headroom" measure --for 12s --json >"$tmp/answer.json" 2>"$tmp/measure.log" || fail "measure failed without BTF"
validate "$tmp/answer.json"
say "$(ask '"\(.answer) \(.reason): \(.sentence)"')"
holds '.answer != "yes" or ([.resources[] | select(.resource == "cpu") | .headroom.at_least // 0] | max > 0)' \
	"yes needs CPU evidence"
# Steal below its limit claims nothing by definition: the CPU is judged with what was delivered.
holds '[.resources[] | select(.headroom == null and .resource != "steal") | select((.missing | length) == 0)] | length == 0' \
	"a resource without a number says what is missing"
pass "without BTF: $(ask .answer), reasons given"
