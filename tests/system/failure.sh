#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The bounded part of tests/failure/run: kill -9 at random points under load, power cuts by filesystem shutdown, a
# full disk; whatever was acknowledged is stored, once.  The simulation is a ctest of its own (sim/conservation).
set -eu
HR_TOP=${HR_TOP:-$(cd "$(dirname "$0")/../.." && pwd)}
cuts=2 full=1
if [ "$(id -u)" != 0 ] || [ ! -e /dev/loop-control ]; then
	echo "power cuts and full disks are left out: they need root and loop devices"
	cuts=0 full=0
fi
exec "$HR_TOP/tests/failure/run" --events 0 --faults 0 --kills 40 --cuts $cuts --full $full
