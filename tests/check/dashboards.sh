#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Alert rules fire and stay quiet as their tests say; every metric that a rule or a board asks for is one the collector
# has; the boards are whole: fixed names, no panel over another, no query without its data source.
set -eu
cd "$HR_TOP"
for tool in promtool jq; do
	command -v $tool >/dev/null || { echo "$tool is not installed"; exit 77; }
done
bad=0
say() { echo "$*"; bad=1; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

cp deploy/prometheus/headroom.rules.yml tests/data/headroom.rules.test.yml "$tmp/"
promtool check rules "$tmp/headroom.rules.yml" >"$tmp/out" 2>&1 || say "promtool check rules: $(cat "$tmp/out")"
promtool test rules "$tmp/headroom.rules.test.yml" >"$tmp/out" 2>&1 || say "promtool test rules: $(cat "$tmp/out")"
# The tests are tested: another threshold must be seen.
sed -i 's/< 1\.1 /< 1.01 /' "$tmp/headroom.rules.yml"
! promtool test rules "$tmp/headroom.rules.test.yml" >/dev/null 2>&1 || say "a wrong threshold is not noticed"

has=$(grep -hoE '"headroom_[a-z_]+"' collector/core/render_metrics.c collector/core/series.c | tr -d '"' | sort -u)
asked=$(grep -hoE 'headroom_[a-z_]+' deploy/prometheus/headroom.rules.yml deploy/grafana/*.json | sort -u)
for name in $asked; do
	grep -qx "$name" <<<"$has" || say "$name is asked for, and the collector has no such metric"
done
for board in deploy/grafana/*.json; do
	jq -e '.uid and .title and .schemaVersion and (.panels | length > 0) and ([.panels[].id] | length == (unique | length))' "$board" >/dev/null ||
		say "$board: no uid, title, version, or panels of one id"
	jq -e 'all(.panels[]; (.targets | length > 0) and all(.targets[]; (.expr | length > 0) and .datasource.uid == "${DS_PROMETHEUS}"))' "$board" >/dev/null ||
		say "$board: a panel without query or data source"
	jq -e '[.panels[].gridPos] as $p | [range($p | length) as $i | range($i) as $k | select(
		$p[$i].x < $p[$k].x + $p[$k].w and $p[$k].x < $p[$i].x + $p[$i].w and
		$p[$i].y < $p[$k].y + $p[$k].h and $p[$k].y < $p[$i].y + $p[$i].h)] | length == 0' "$board" >/dev/null ||
		say "$board: panels lie over each other"
	# each expression is one that Prometheus can read, its variables filled in
	# shellcheck disable=SC2016  # Grafana's variables
	jq -r '.panels[].targets[].expr' "$board" | sed 's/\$host/h/; s/\$resource/cpu/' | awk '{ gsub(/\047/, "\047\047"); print "      - record: r" NR "\n        expr: \047" $0 "\047" }' |
		{ printf 'groups:\n  - name: g\n    rules:\n'; cat; } >"$tmp/board.yml"
	promtool check rules "$tmp/board.yml" >"$tmp/out" 2>&1 || say "$board: $(cat "$tmp/out")"
done
[ $bad = 0 ]
