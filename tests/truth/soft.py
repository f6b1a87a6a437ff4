#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Would a soft curve tell a disk's limit before it is met?  In a queue of one server 1 / latency = L - rate, so the line through
(rate, 1 / latency) of the windows is zero at L (Theil-Sen; asked for: latency above 1.5 times the unloaded, slope negative).
Simulated devices of known limit, 30 windows of 10 s up to a share of it, against the lower bound (the best window).

  tests/truth/soft.py [SEEDS]      some 40 s of CPU for 20
"""
import heapq
import random
import statistics
import sys

LIMIT = 300.0  # requests a second, of each device
WINDOWS, WINDOW_S = 30, 10.0


def arrivals(r, rate, batch):
    t = 0.0
    while t < WINDOW_S:
        t += r.expovariate(rate / batch)
        for _ in range(batch):
            yield t


def served(r, times, servers, cv0=False):
    """Mean latency of a first-come queue of @servers, together LIMIT; @cv0: each request takes as long."""
    mean = servers / LIMIT
    free = [0.0] * servers
    total = n = 0
    for t in times:
        start = max(t, heapq.heappop(free))
        end = start + (mean if cv0 else r.expovariate(1 / mean))
        heapq.heappush(free, end)
        total, n = total + end - t, n + 1
    return total / max(n, 1)


def throttled(r, times):
    """0.5 ms, and LIMIT with 0.1 s saved: a cloud's volume."""
    tokens, last, total, n = LIMIT / 10, 0.0, 0.0, 0
    for t in times:
        tokens = min(tokens + (t - last) * LIMIT, LIMIT / 10) - 1
        last = t
        total, n = total + max(-tokens, 0) / LIMIT + r.expovariate(2000), n + 1
    return total / max(n, 1)


def neighbours(r, times):
    """One server, a third of which others take, now more and now less."""
    share = r.uniform(0.5, 1) / 0.75
    return served(r, (t * share for t in times), 1) / share


DEVICES = {  # latency of a window, requests that come at once, unloaded latency
    "one server": (lambda r, a: served(r, a, 1), 1, 1 / LIMIT),
    "one, constant": (lambda r, a: served(r, a, 1, True), 1, 1 / LIMIT),
    "eight servers": (lambda r, a: served(r, a, 8), 1, 8 / LIMIT),
    "in fours": (lambda r, a: served(r, a, 1), 4, 2.5 / LIMIT),
    "neighbours": (neighbours, 1, 1 / LIMIT),
    "throttle": (throttled, 1, 0.0005),
}


def soft(points, l0):
    if max(y for _, y in points) < 1.5 * l0:
        return None
    pts = [(x, 1 / y) for x, y in points]
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for i, a in enumerate(pts) for b in pts[i + 1:] if b[0] != a[0]]
    m = statistics.median(slopes)
    return -statistics.median(y - m * x for x, y in pts) / m if m < 0 else None


def main():
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    print(f"{'device':14} {'up to':>5} | {'claims':>6} {'L/true, median':>14} {'range':>11} {'> 1.1':>6} | {'best window':>11}")
    for name, (latency, batch, l0) in DEVICES.items():
        for top in (0.3, 0.6, 0.8):
            claims, best = [], []
            for seed in range(seeds):
                r = random.Random(f"{name} {top} {seed}")
                points = []
                for _ in range(WINDOWS):
                    a = list(arrivals(r, LIMIT * top * r.uniform(0.1, 1), batch))
                    points.append((len(a) / WINDOW_S, latency(r, a)))
                best.append(max(x for x, _ in points) / LIMIT)
                k = soft(points, l0)
                if k is not None:
                    claims.append(k / LIMIT)
            c = sorted(claims) or [float("nan")]
            over = sum(k > 1.1 for k in claims)
            print(f"{name:14} {top:5.1f} | {len(claims):3}/{seeds:<2} {statistics.median(c):14.2f} {c[0]:5.2f}-{c[-1]:5.2f} "
                  f"{over:3}/{seeds:<2} | {statistics.median(best):11.2f}")


main()
