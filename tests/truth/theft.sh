#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# theft.sh SECONDS WAIT QUOTA PERIOD LOAD-OPTIONS...: in the inner guest of guest.py's Nested.  Load and theft begin when the
# product has begun, which it would take long to under them; the outer guest gives QUOTA us of CPU in each PERIOD meanwhile.
seconds=$1 wait=$2 quota=$3 period=$4
shift 4

give() {
	echo "echo $1 $2 >/sys/fs/cgroup/inner/cpu.max" >/dev/ttyS1
}

headroom measure --for "${seconds}s" --json >/tmp/answer &
job=$!
sleep "$wait"
give "$quota" "$period"
load open --counted "$@" --for "$seconds" >/tmp/load
give max 100000
wait "$job"
cat /tmp/load
echo
cat /tmp/answer
