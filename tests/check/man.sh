#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Man pages are mandoc-clean, say what they cost, and tell every option and configuration key, with its default.
set -eu
cd "$HR_TOP"
command -v mandoc >/dev/null || { echo "mandoc is not installed"; exit 77; }
bad=0
say() { echo "$*"; bad=1; }
# Whether other pages are installed on this machine is not a fault of ours.
lint() { mandoc -T lint "$@" 2>&1 | grep -vE 'referenced manual not found|outdated mandoc.db'; }
printf '.Dd x\n.Sh NAME\n' | lint >/dev/null || say "mandoc accepts a planted mess"
pages=(deploy/man/*.[158])
lint "${pages[@]}" && say "mandoc complains (above)"
for page in "${pages[@]}"; do
	grep -q '^\.Sh OVERHEAD' "$page" || say "$page: no OVERHEAD"
done
for program in agent collector; do
	bin=$HR_BUILD/bin/headroom-$program page=deploy/man/headroom-$program.8 conf=deploy/man/headroom-$program.conf.5
	if [ -x "$bin" ] && [ -e "$page" ]; then
		for option in $("$bin" --help | grep -oE -- '--[a-z-]+' | sort -u); do
			grep -qE "Fl Fl ${option#--}( |$)" "$page" || say "$page: does not tell $option"
		done
	fi
	if [ -x "$bin" ] && [ -e "$conf" ]; then
		: >"$HR_BUILD/empty.conf"
		while IFS='=' read -r key value; do
			key=${key% } value=${value# }
			line=$(grep -E "^\.It Cm $key No = " "$conf") || { say "$conf: no key $key"; continue; }
			[ -z "$value" ] || [[ $line == *"Pq ${value//\"/}" ]] || say "$conf: $key: default is $value, the page has: $line"
		done < <("$bin" --config "$HR_BUILD/empty.conf" --print-config | grep -E '^[a-z_]+ = ?')
		while read -r key; do
			"$bin" --config "$HR_BUILD/empty.conf" --print-config | grep -qE "^$key =" || say "$conf: $key is no key"
		done < <(sed -nE 's/^\.It Cm ([a-z_]+) No = .*/\1/p' "$conf")
	fi
done
bin=$HR_BUILD/bin/headroom page=deploy/man/headroom.1
if [ -x "$bin" ]; then
	commands=$("$bin" --help | sed -nE 's/^  ([a-z]+) [[<(l].*/\1/p')
	[ "$(wc -w <<<"$commands")" -ge 7 ] || say "headroom --help lists too few commands: $commands"
	for command in $commands; do
		grep -qE "^\.It Cm $command( |$)" "$page" || say "$page: does not tell the command $command"
		for option in $("$bin" "$command" --help | grep -oE -- '--[a-z-]+' | sort -u); do
			[ "$option" = --help ] || grep -qE "Fl Fl ${option#--}( |$)" "$page" || say "$page: does not tell $command $option"
		done
	done
fi
[ $bad = 0 ]
