#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# machine: slow
# deploy/quickstart --once: exit 0, an answer within 30 s of the start, nothing left running; its errors say
# what, why and what to do.  A copy of the tree is used, so that build/ of this run is left alone.
. "$(dirname "$0")/../lib/system.sh"
need_root
need git setpriv
[ -z "$(deploy=$HR_TOP/deploy && "$deploy/packages" missing build)" ] || skip "build packages are missing: $("$HR_TOP/deploy/packages" missing build | paste -sd' ')"

copy=$tmp/tree
mkdir "$copy"
(cd "$HR_TOP" && git -c safe.directory='*' ls-files -z | xargs -0 cp --parents -t "$copy")
export CCACHE_BASEDIR=$copy # the same paths, seen from the copy
left() { pgrep -f "$copy/build/bin/" || true; }

status=0
"$copy/deploy/quickstart" --once --no-install --port "$port" >"$tmp/out.log" 2>"$tmp/err.log" || status=$?
[ $status = 0 ] || fail "exit status $status"
cat "$tmp/out.log"
[ -z "$(left)" ] || fail "left running: $(left)"
grep -qiE '^(yes|no|resize|unknown)|headroom' "$tmp/out.log" || fail "no answer was printed"
after=$(grep -oE 'printed [0-9]+ s after' "$tmp/out.log" | grep -oE '[0-9]+')
[ "$after" -le 30 ] || fail "the first answer came $after s after the start, promised 30 s"
[ -z "$(cd "$copy" && find . -newer "$tmp/out.log" -not -path './build*' -type f)" ] || fail "it wrote outside build/"

# The port is taken: who has it, and how to choose another.
write_conf
start_collector
! "$copy/deploy/quickstart" --once --no-install --port "$port" >"$tmp/out" 2>&1 || fail "a taken port must fail"
grep -q "pid=$collector" "$tmp/out" && grep -q -- '--port' "$tmp/out" || fail "a taken port is not explained: $(cat "$tmp/out")"
end "$collector"

# Not root.
chmod -R a+rX "$tmp"
! setpriv --reuid 65534 --regid 65534 --clear-groups "$copy/deploy/quickstart" --once --no-install >"$tmp/out" 2>&1 || fail "not root must fail"
grep -q 'not root' "$tmp/out" && grep -q sudo "$tmp/out" || fail "not root is not explained: $(cat "$tmp/out")"

# Interrupted while it measures: all is stopped.
"$copy/deploy/quickstart" --no-install --port "$port" >"$tmp/out.log" 2>"$tmp/err.log" &
quick=$!
register $quick
wait_for 60 "quickstart measures" grep -q measuring "$tmp/err.log"
sleep 2
kill -TERM $quick
wait $quick && fail "interrupted, and exit status 0"
[ -z "$(left)" ] || { sleep 1; [ -z "$(left)" ] || fail "left running after SIGTERM: $(left)"; }

# Killed outright: its daemons follow it.
"$copy/deploy/quickstart" --no-install --port "$port" >"$tmp/out.log" 2>"$tmp/err.log" &
quick=$!
register $quick
wait_for 60 "quickstart measures" grep -q measuring "$tmp/err.log"
sleep 2
kill -KILL $quick
sleep 3
daemons=$(pgrep -f "$copy/build/bin/headroom-(agent|collector)" | while read -r p; do ! alive "$p" || echo "$p"; done)
[ -z "$daemons" ] || fail "daemons outlive a killed quickstart: $daemons"
pass "quickstart: answer $after s after the start, nothing left running"
