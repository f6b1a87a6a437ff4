#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Completion in a real bash: every command and option of --help is offered, and nothing else is.
set -eu
cd "$HR_TOP"
lib=/usr/share/bash-completion/bash_completion
[ -e $lib ] || { echo "bash-completion is not installed"; exit 77; }
bin=$HR_BUILD/bin
[ -x "$bin/headroom" ] || { echo "no $bin/headroom: build first"; exit 77; }
bad=0
say() { echo "$*"; bad=1; }

# offers WORD...: what Tab offers behind these words (the last one is begun), one a line.
offers() {
	# shellcheck disable=SC2016  # for the bash that completes
	HEADROOM_COLLECTOR=http://127.0.0.1:9 PATH=$bin:$PATH bash --norc -c '
		. "$1" && . "$2" && shift 2
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE} COMP_TYPE=9
		"$(complete -p "$1" | sed -E "s/.*-F ([^ ]+).*/\1/")"
		printf "%s\n" "${COMPREPLY[@]}"' _ $lib deploy/completion/headroom "$@"
}
listed() { sort -u | grep -v '^$' || true; }

commands=$("$bin/headroom" --help | sed -nE 's/^  ([a-z]+) .*/\1/p' | listed)
[ "$(offers headroom '' | grep -v '^-' | listed)" = "$commands" ] ||
	say "commands offered: $(offers headroom '' | paste -sd' '), --help has: $(paste -sd' ' <<<"$commands")"
for command in $commands; do
	has=$("$bin/headroom" "$command" --help | grep -oE -- '--[a-z-]+' | grep -vx -- --help | listed)
	[ "$(offers headroom "$command" -- | grep -vxE -- '--|--help' | listed)" = "$has" ] ||
		say "headroom $command offers: $(offers headroom "$command" -- | paste -sd' '), --help has: $(paste -sd' ' <<<"$has")"
done
[ "$(offers headroom st)" = status ] || say "st is not completed to status"
[ "$(offers headroom explain at-c)" = at-ceiling ] || say "reasons are not completed"
[ "$(offers headroom --config /dev/null fleet --answer re)" = resize ] || say "answers are not completed behind --config"
for daemon in agent collector; do
	has=$("$bin/headroom-$daemon" --help | grep -oE -- '--[a-z-]+' | listed)
	[ "$(offers "headroom-$daemon" -- | grep -vx -- -- | listed)" = "$has" ] ||
		say "headroom-$daemon offers: $(offers "headroom-$daemon" -- | paste -sd' '), --help has: $(paste -sd' ' <<<"$has")"
done
[ $bad = 0 ]
