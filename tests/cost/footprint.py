#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: footprint.py SECONDS NAME=PID...

What processes (with their children and threads) take over a time: CPU in % of one, wake-ups a second
(voluntary switches), and at its end private and proportional memory and BPF maps, from /proc."""
import os
import re
import sys
import time


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def tree(pid):
    """The process and all its descendants."""
    parent = {}
    for p in filter(str.isdigit, os.listdir("/proc")):
        stat = read(f"/proc/{p}/stat").rpartition(")")[2].split()
        if len(stat) > 1:
            parent[int(p)] = int(stat[1])
    found, todo = set(), [pid]
    while todo:
        p = todo.pop()
        if p not in found:
            found.add(p)
            todo += [c for c, up in parent.items() if up == p]
    return found


def used(pid):
    """(CPU ns, voluntary switches) so far, of each thread by its id."""
    out = {}
    for p in tree(pid):
        try:
            tasks = os.listdir(f"/proc/{p}/task")
        except OSError:
            continue
        for t in tasks:
            sched = read(f"/proc/{p}/task/{t}/schedstat").split()
            status = read(f"/proc/{p}/task/{t}/status")
            switches = re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.M)
            if sched and switches:
                out[int(t)] = (int(sched[0]), int(switches.group(1)))
    return out


def memory(pid):
    """(private, proportional, BPF map) bytes."""
    private = shared = maps = 0
    for p in tree(pid):
        for key, kib in re.findall(r"^(\w+):\s+(\d+) kB", read(f"/proc/{p}/smaps_rollup"), re.M):
            private += int(kib) * 1024 if key in ("Private_Clean", "Private_Dirty") else 0
            shared += int(kib) * 1024 if key == "Pss" else 0
        try:
            fds = os.listdir(f"/proc/{p}/fdinfo")
        except OSError:
            continue
        for fd in fds:
            info = read(f"/proc/{p}/fdinfo/{fd}")
            if re.search(r"^map_id:", info, re.M):
                maps += int(re.search(r"^memlock:\s+(\d+)", info, re.M).group(1))
    return private, shared, maps


def main():
    seconds = float(sys.argv[1])
    what = [(name, int(pid)) for name, pid in (a.split("=") for a in sys.argv[2:])]
    before, start = {n: used(p) for n, p in what}, time.monotonic()
    time.sleep(seconds)
    after, took = {n: used(p) for n, p in what}, time.monotonic() - start
    print(f"{'':24s} {'CPU %':>8s} {'wakeups/s':>10s} {'private KiB':>12s} {'PSS KiB':>9s} {'maps KiB':>9s}")
    for name, pid in what:
        cpu = wake = 0
        for t, (ns, switches) in after[name].items():
            was = before[name].get(t, (0, 0))
            cpu += ns - was[0]
            wake += switches - was[1]
        private, shared, maps = memory(pid)
        print(f"{name:24s} {cpu / took / 1e7:8.3f} {wake / took:10.2f} {private // 1024:12d} {shared // 1024:9d} {maps // 1024:9d}")


main()
