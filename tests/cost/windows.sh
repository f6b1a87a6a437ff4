#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: tests/cost/windows.sh
# How long real windows are: agent and collector of the build, one load after the other, the bytes of each stored
# summary.  Part of tests/cost/run (windows).  Aims: 500 idle, 900 busy.  Needs root and two minutes and a half.
. "$(dirname "$0")/../lib/system.sh"
need_root
need sqlite3 stress-ng fio

write_conf
start_collector
start_agent
first_window() { [ "$(sqlite3 -readonly "$db" "select count(*) from w10")" -gt 0 ]; }
wait_for 30 "the first window" first_window
# sizes LABEL N: bytes of the last N windows
sizes() {
	local list
	list=$(python3 "$HR_TOP/tests/lib/windows.py" "$db" | sort -k3n | tail -n "$2" | awk '{ print $5 }' | sort -n | paste -sd' ')
	printf '%-48s %s\n' "$1" "$list"
}
fio_load() {
	fio --name=load --filename="$tmp/file" --size=64m --rw=randrw --bs=4k --iodepth=4 --ioengine=libaio --direct=1 \
		--time_based --runtime=27 "$@" >"$tmp/fio.log" 2>&1 &
	register $!
}
stress() {
	stress-ng -q --timeout 27 "$@" &
	register $!
}
sleep 22
sizes "idle, three windows" 3
stress --cpu 2
sleep 28
sizes "two CPU hogs" 2
fio_load --rate_iops=500
sleep 28
sizes "fio, 1000 requests a second" 2
stress --cpu 2 --cpu-load 50
fio_load --rate_iops=500
sleep 28
sizes "fio and half of both CPUs" 2
stress --cpu 2 --cpu-load 60
stress --switch 1 --sock 1 --udp 1
fio_load
sleep 28
sizes "everything at once" 2
