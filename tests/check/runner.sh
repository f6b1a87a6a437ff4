#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tests/run counts what happened: a passed, a failed, a skipped and a crashed test, each of them once.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp/src" "$tmp/t/tests/lib" "$tmp/t/tests/check" "$tmp/t/tests/system" "$tmp/t/deploy"
cat >"$tmp/t/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(t LANGUAGES NONE)
enable_testing()
add_test(NAME unit/good COMMAND sh -c "echo fine")
add_test(NAME unit/bad+odd COMMAND sh -c "echo broken; exit 3")
add_test(NAME unit/away COMMAND sh -c "echo no such device; exit 77")
add_test(NAME unit/crash COMMAND sh -c "kill -SEGV $$")
add_test(NAME unit/noprogram COMMAND /nonexistent/program)
set_tests_properties(unit/away PROPERTIES SKIP_RETURN_CODE 77)
END
cp "$HR_TOP/tests/run" "$tmp/t/tests/"
cp "$HR_TOP"/tests/lib/* "$tmp/t/tests/lib/"
printf '#!/bin/sh\nexit 0\n' >"$tmp/t/tests/system/fine.sh"
printf '#!/bin/sh\necho needs a moon\nexit 77\n' >"$tmp/t/tests/system/moon.sh"
cat >"$tmp/t/tests/system/undone.sh" <<'END'
#!/bin/bash
. "$(dirname "$0")/../lib/system.sh"
at_exit true
if printf '' | jq -e .answer; then pass "jq is content without an answer"; fi
fail of itself
END
printf '#!/bin/sh\necho wrong >&2\nexit 1\n' >"$tmp/t/tests/check/wrong.sh"
chmod +x "$tmp"/t/tests/*/*.sh
status=0
"$tmp/t/tests/run" --no-install >"$tmp/out" 2>&1 || status=$?
cat "$tmp/out"
fail() { echo "$*"; exit 1; }
[ $status = 1 ] || fail "exit status $status, expected 1"
[ "$(tail -n 1 "$tmp/out")" = '2 passed, 5 failed, 2 skipped' ] || fail "wrong last line"
for line in 'PASS unit/good' 'FAIL unit/bad+odd (broken; log' 'SKIP unit/away: no such device' \
	'FAIL unit/crash' 'FAIL unit/noprogram' 'PASS system/fine' 'SKIP system/moon: needs a moon' \
	'FAIL check/wrong (wrong; log' 'FAIL system/undone (FAILED: of itself; log'; do
	grep -qF -- "$line" "$tmp/out" || fail "no line '$line'"
done
[ "$(cd "$tmp/t" && tests/run --no-install --only 'good|fine' 2>&1 | tail -n 1)" = \
	'2 passed, 0 failed, 0 skipped' ] || fail "--only counts wrongly"
! "$tmp/t/tests/run" --no-install --only nothing_like_it >"$tmp/out" 2>&1 || fail "no match must fail"
echo counted right
