#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every shell script of ours passes shellcheck.
set -eu
cd "$HR_TOP"
command -v shellcheck >/dev/null || { echo "shellcheck is not installed"; exit 77; }
mapfile -t scripts < <(grep -rlE '^#!.*(ba)?sh$' deploy tests .ci)
[ "${#scripts[@]}" -ge 5 ] || { echo "found only ${#scripts[@]} scripts"; exit 1; }
# an EXIT trap of its own loses the status of a test that failed: at_exit of tests/lib/system.sh keeps it
! grep -nE '^[^#]*trap .*EXIT' tests/system/*.sh || { echo "use at_exit instead"; exit 1; }
shellcheck -x -S style "${scripts[@]}"
