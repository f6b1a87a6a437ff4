#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every C file is formatted as .clang-format says, by the one version (14) the tree is decided on.
set -eu
cd "$HR_TOP"
command -v clang-format-14 >/dev/null || { echo "clang-format-14 is not installed"; exit 77; }
printf 'int  f( void ){return 0;}\n' | clang-format-14 --dry-run --Werror --assume-filename=x.c 2>/dev/null &&
	{ echo "clang-format accepts a planted mess"; exit 1; }
said=$(mktemp)
trap 'rm -f "$said"' EXIT
find agent bpf proto collector tests -name '*.[ch]' -print0 |
	xargs -0 clang-format-14 --dry-run --Werror >"$said" 2>&1 || {
	sed -n 's/:[0-9:]* .*code should be clang-formatted.*//p' "$said" | sort | uniq -c
	echo "run: clang-format-14 -i on the files above"
	exit 1
}
