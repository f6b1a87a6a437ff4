#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The purity test: pure libraries call nothing that reads a clock, a file or a global, and keep no
# state.  Two proofs over the archives of a plain build (sanitizers add symbols of their own):
#   1. each undefined symbol is defined by one of the archives or stands in purity.allow for that object;
#   2. no object has anything in a mutable data section, or runs code before main.
# usage: purity.sh ALLOW ARCHIVE...    exit 0 pure, 1 not, 2 the test itself could not run
set -euo pipefail
[ $# -ge 2 ] || { echo "usage: purity.sh ALLOW ARCHIVE..." >&2; exit 2; }
allow=$1
shift
for f in "$allow" "$@"; do
  [ -r "$f" ] || { echo "purity: cannot read $f" >&2; exit 2; }
done

# Object of an archive member: num for num.c.o
undefined() { nm -A -u "$@" | awk 'NF >= 2 && $(NF - 1) ~ /^[Uwv]$/ { n = split($1, p, ":"); o = p[n - 1]; sub(/\.c\.o$|\.o$/, "", o); print o, $NF }'; }
defined() { nm --defined-only -g "$@" | awk 'NF == 3 { print $3 }'; }
# object section size
sections() {
  local a
  for a in "$@"; do
    objdump -h "$a" | awk '/file format/ { o = $1; sub(/:$/, "", o); sub(/\.c\.o$|\.o$/, "", o) }
      $1 ~ /^[0-9]+$/ { print o, $2, $3 }'
  done
}
# object symbol section
symbols() {
  nm -A -f sysv "$@" | awk -F'|' 'NF >= 7 { n = split($1, p, ":"); o = p[n - 1]; sub(/\.c\.o$|\.o$/, "", o)
    gsub(/ /, "", p[n]); gsub(/ /, "", $7); print o, p[n], $7 }'
}

# one by one, so that a tool that fails stops the test
facts=$(
  set -e
  defined "$@" | sed 's/^/D /'
  awk '!/^#/ && NF { print "A", $0 }' "$allow"
  undefined "$@" | sed 's/^/U /'
  sections "$@" | sed 's/^/S /'
  symbols "$@" | sed 's/^/V /'
) || { echo "purity: nm, objdump or awk failed" >&2; exit 2; }
for kind in A S V; do
  grep -q "^$kind " <<< "$facts" || { echo "purity: nothing read (kind $kind)" >&2; exit 2; }
done

bad=$(
  awk '
    function mutable(s) { return s ~ /^\.t?(data|bss)/ && s !~ /^\.data\.rel\.ro/ || s == "*COM*" }
    $1 == "D" { def[$2] = 1 }
    $1 == "A" && NF < 4 { print "purity.allow: \"" $2 "\": expected: symbol objects reason"; next }
    $1 == "A" && ($2 in ok) { print "purity.allow: " $2 " stands there twice"; next }
    $1 == "A" { ok[$2] = "," $3 "," }
    $1 == "U" && !($3 in def) && $3 != "_GLOBAL_OFFSET_TABLE_" {
      if (!($3 in ok)) print $2 ": calls " $3 ", which is not in purity.allow"
      else if (ok[$3] != ",*," && !index(ok[$3], "," $2 ",")) print $2 ": calls " $3 ", which purity.allow has for" ok[$3] " only"
    }
    $1 == "S" && $3 ~ /^\.(init_array|fini_array|ctors|dtors|preinit_array)/ { print $2 ": has code that runs outside main (" $3 ")" }
    $1 == "S" && mutable($3) && $4 !~ /^0+$/ { print $2 ": has mutable data (section " $3 ", 0x" $4 " bytes)" }
    $1 == "V" && mutable($4) && $3 !~ /^\./ { print $2 ": " $3 " is mutable data (" $4 ")" }
  ' <<< "$facts" | sort -u
)
if [ -n "$bad" ]; then
  echo "$bad"
  echo "purity: not pure. Pass it in as an argument, or move it to an I/O file (CONTRIBUTING, pure files)."
  exit 1
fi
awk '$1 == "S" { o[$2] = 1 } $1 == "U" { n++ } END { for (i in o) k++
  print "purity: " k " objects, " n + 0 " outside references, all allowed; no mutable data" }' <<< "$facts"
