#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The tree is what the README says: fixed top level, a licence line in every file, relative links that exist,
# no path of one machine, no file generated at build time.
set -eu
cd "$HR_TOP"
bad=0
say() { echo "$*"; bad=1; }
files() { git -c safe.directory='*' ls-files; }
files >/dev/null 2>&1 || { echo "not a git checkout: the tracked files are not known"; exit 77; }

while read -r entry; do
	case $entry in
	.* | CMakeLists.txt | LICENSE | README.md | agent | bpf | proto | collector | tests | deploy) ;;
	*) say "$entry: not part of the fixed top level" ;;
	esac
done < <(files | cut -d/ -f1 | sort -u)

# without_licence LICENCE: those of the files on stdin whose first two lines do not name it.
without_licence() {
	# shellcheck disable=SC2016  # awk's own
	xargs -r -d '\n' awk -v want="SPDX-License-Identifier: $1" '
		function judge() { if (file != "" && !ok) print file ": first lines lack \x27" want "\x27" }
		FNR == 1 { judge(); file = FILENAME; ok = 0 }
		FNR > 2 { nextfile }
		index($0, want) { ok = 1 }
		END { judge() }'
}
kernel_side='(\.bpf\.c|^bpf/(kernel|compat|reads)\.h)$'
ours='(\.([ch]|sh|py|proto|cmake)|CMakeLists\.txt|^tests/run|^deploy/quickstart)$'
found=$(files | grep -E "$kernel_side" | without_licence 'GPL-2.0-only OR BSD-2-Clause'
	files | grep -E "$ours" | grep -vE "$kernel_side" | without_licence Apache-2.0
	files | grep -E "$ours" | while read -r file; do [ -s "$file" ] || echo "$file: empty"; done)
[ -z "$found" ] || say "$found"

while read -r file; do
	while read -r link; do
		[ -e "$(dirname "$file")/${link%%#*}" ] || say "$file: broken link to $link"
	done < <(grep -oE '\]\([^)]+\)' "$file" | sed 's/^](//; s/)$//' | grep -vE '^(https?:|#|mailto:)')
done < <(files | grep '\.md$')

# The pattern is built of pieces so that this file does not match itself.
mine='/(wo''rk|ho''me)/[a-z]'
! files | grep -v '^tests/data/' | xargs -r -d '\n' grep -nIE "$mine" || say "a path of one machine (above)"
! files | grep -E '\.(o|skel\.h|pb-c\.[ch])$' || say "a generated file is tracked (above)"
[ $bad = 0 ]
