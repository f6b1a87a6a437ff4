#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Whether one message more costs more where messages are dear.  Usage: price.py SERVER CPUS LOAD [SECONDS] | price.py FILE...
Runs SERVER under a steady LOAD as ask.py does and counts slots beside it (truth_slots); a FILE has what that printed.  Blocks of
16 slots (agent/core/marginal.h) are sorted by what a message cost in them; of each part of them: that price and the slope of work
over messages within blocks, both in medians of a run's prices; then at which load 1 % of the wakes of one CPU would find 10 ms of
backlog, if all work of a slot grew with the load, or its messages at the usual price.  Root; see servers.py.
"""
import math
import os
import subprocess
import sys
import time

SLOT_NS = 1 << 23
PARTS = (0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 1)


def record(server, cpus, load, seconds):
    import ask
    import rig
    rig.cpus_online(cpus)
    if "postgres" in server:
        p = ask.ask_postgres(server == "tcp-postgres", load, seconds + 8)
    else:
        p = ask.ask_nginx(server == "small", load, seconds + 8)
    time.sleep(1.5)
    tool = os.path.join(os.path.dirname(os.path.dirname(rig.HEADROOM)), "tests", "truth_slots")
    out = subprocess.run([tool, str(seconds)], check=True, capture_output=True, text=True).stdout
    rig.stop(p)
    return out.splitlines()


def blocks(slots):
    """(price, work and messages of four groups) of each block with messages; prices in the median's"""
    found = []
    for i in range(0, len(slots) - 15, 16):
        groups = [[sum(s[c] for s in slots[i + 4 * g:i + 4 * g + 4]) for c in (0, 1)] for g in range(4)]
        if sum(n for _, n in groups):
            found.append((sum(w for w, _ in groups) / sum(n for _, n in groups), groups))
    median = sorted(p for p, _ in found)[len(found) // 2]
    return [(p / median, [(w / median, n) for w, n in g]) for p, g in found]


def say_part(lo, hi, part):
    n2 = both = w2 = 0
    for _, groups in part:
        w0, n0 = (sum(g[c] for g in groups) / 4 for c in (0, 1))
        n2 += sum((n - n0) ** 2 for _, n in groups)
        w2 += sum((w - w0) ** 2 for w, _ in groups)
        both += sum((w - w0) * (n - n0) for w, n in groups)
    slope = both / n2
    rest = max(w2 - slope * both, 0) / (3 * len(part) - 1)
    work, n = (sum(g[c] for _, groups in part for g in groups) for c in (0, 1))
    print(f"{100 * lo:3.0f} to {100 * hi:3.0f} % of the blocks: {n / len(part) / 16:5.1f} messages a slot at {work / n:.2f}, "
          f"one more {slope:.2f} +- {math.sqrt(rest / n2):.2f}")


def reach(slots, grow):
    """largest k at which one CPU leaves at most 1 % of the wakes more than 10 ms; @grow(slot): what as much load again brings"""
    def late(k):
        v = bad = 0
        for s in slots:
            v = max(0, v + s[0] + (k - 1) * grow(s) - SLOT_NS)
            bad += s[2] if v > 1e7 else 0
        return bad / sum(s[2] for s in slots)
    lo, hi = 1, 8
    for _ in range(14):
        k = math.sqrt(lo * hi)
        lo, hi = (lo, k) if late(k) > 0.01 else (k, hi)
    return lo


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__.strip())
    if os.path.exists(sys.argv[1]):
        runs = [open(f).readlines() for f in sys.argv[1:]]
    else:
        runs = [record(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]) if len(sys.argv) > 4 else 40)]
    runs = [[[int(x) for x in line.split()[:3]] for line in r] for r in runs]
    found = sorted((b for r in runs for b in blocks(r)), key=lambda b: b[0])
    for lo, hi in zip(PARTS, PARTS[1:]):
        say_part(lo, hi, found[int(lo * len(found)):int(hi * len(found))])
    for r in runs:
        price = sum(s[0] for s in r) / sum(s[1] for s in r)
        print(f"{sum(s[0] for s in r) / len(r) / SLOT_NS:.2f} CPUs: k = {reach(r, lambda s: s[0]):.2f} if all work grows, "
              f"{reach(r, lambda s: price * s[1]):.2f} if messages do")


if __name__ == "__main__":
    main()
