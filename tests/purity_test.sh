#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The purity test is tested: planted impure files must make it fail, and say which; clean ones pass.
# usage: purity_test.sh CC
set -euo pipefail
cc=${1:?usage: purity_test.sh CC}
here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
n=0

# plant NAME WANTED_STATUS WANTED_TEXT < source
plant() {
  local status=0 out
  cat > "$tmp/$1.c"
  rm -f "$tmp/$1.a"
  "$cc" -std=gnu17 -O2 -fPIC -c "$tmp/$1.c" -o "$tmp/$1.c.o"
  ar rcs "$tmp/$1.a" "$tmp/$1.c.o"
  out=$("$here/purity.sh" "${allow:-$here/purity.allow}" "$tmp/$1.a") || status=$?
  if [ "$status" != "$2" ] || [[ "$out" != *"$3"* ]]; then
    echo "FAIL $1: expected exit $2 with '$3', got exit $status:" && echo "$out" && exit 1
  fi
  n=$((n + 1))
}

plant clean 0 "all allowed" <<'C'
#include <string.h>
static const char *const names[] = {"a", "b"};
const char *hr_name(unsigned i) { return strlen(names[i & 1]) ? names[i & 1] : "?"; }
C
plant clock 1 "clock: calls time," <<'C'
#include <time.h>
long hr_now(void) { return time(0); }
C
plant file 1 "file: calls open," <<'C'
#include <fcntl.h>
int hr_file(void) { return open("/proc/stat", O_RDONLY); }
C
plant counter 1 "mutable data (.bss)" <<'C'
int hr_count(void) { static int n; return ++n; }
C
plant global 1 "hr_level is mutable data (.data)" <<'C'
int hr_level = 3;
C
plant table 1 "names is mutable data (.data" <<'C'
static const char *names[] = {"a", "b"};
void hr_set(const char *s) { names[0] = s; }
const char *hr_get(unsigned i) { return names[i]; }
C
plant local 1 "mutable data (.tbss)" <<'C'
static __thread int n;
int hr_local(void) { return ++n; }
C
plant constructor 1 "runs outside main" <<'C'
__attribute__((constructor)) static void early(void) { __asm__ volatile(""); }
C
plant other 1 "other: calls strtod, which purity.allow has for,num, only" <<'C'
#include <stdlib.h>
double hr_other(const char *s) { return strtod(s, 0); }
C
plant num 0 "all allowed" <<'C'
#include <stdlib.h>
double hr_num(const char *s) { return strtod(s, 0); }
C
printf 'strlen\n' > "$tmp/short.allow"
allow=$tmp/short.allow plant unexplained 1 "expected: symbol objects reason" <<'C'
int hr_one(void) { return 1; }
C
echo "purity_test: $n planted files judged rightly"
