#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# machine: slow
# The real programs on the oldest and the newest kernel of the matrix, in emulated machines of known size.
. "$(dirname "$0")/../lib/system.sh"
need jq qemu-system-x86_64 cpio
seconds=${HR_KERNELS_SECONDS:-570} status=0
HR_BUILD=$HR_BUILD timeout "$seconds" "$HR_TOP/tests/kernels/run" --no-install boot 5.10-amd64:1 7-amd64:2 || status=$?
[ $status != 77 ] || exit 77
[ $status != 124 ] || skip "not done in $seconds s: the machine is too busy for emulation"
[ $status = 0 ] || fail "a kernel failed"
pass "5.10 and 7: $SECONDS s"
