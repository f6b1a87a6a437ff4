#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
What one message more seems to cost in a queue where each costs the same (1 is right), by when both it and its work are counted:
when it arrives, or when it is read.  One first-come-first-served queue, Poisson arrivals, exponential work; groups and blocks as in
agent/core/marginal.h.  See collector/MODEL.md, section 3.
"""
import random

SLOT = 8.388608e-3
GROUP, BLOCK = 4, 4
SECONDS = 40


def run(cpus, busy, mean, rng):
    """(messages by arrival, work from arrival on, messages by when they are read, work when it is done) by slot"""
    n = int(SECONDS / SLOT)
    out = [[0.0] * n for _ in range(4)]
    free, t = [0.0] * cpus, 0.0

    def spread(to, a, b):
        for i in range(int(a / SLOT), min(int(b / SLOT), n - 1) + 1):
            to[i] += max(min(b, (i + 1) * SLOT) - max(a, i * SLOT), 0)

    while True:
        t += rng.expovariate(busy * cpus / mean)
        work = rng.expovariate(1 / mean)
        cpu = min(range(cpus), key=free.__getitem__)
        start = max(t, free[cpu])
        free[cpu] = start + work
        if max(t, start) >= n * SLOT:
            return out
        out[0][int(t / SLOT)] += 1
        out[2][int(start / SLOT)] += 1
        spread(out[1], t, t + work)
        spread(out[3], start, start + work)


def marginal(messages, work):
    def groups(v):
        return [sum(v[i:i + GROUP]) for i in range(0, len(v) - GROUP + 1, GROUP)]

    x, y = groups(messages), groups(work)
    xx = xy = 0.0
    for i in range(0, len(x) - BLOCK + 1, BLOCK):
        ax, ay = sum(x[i:i + BLOCK]) / BLOCK, sum(y[i:i + BLOCK]) / BLOCK
        xx += sum((v - ax) ** 2 for v in x[i:i + BLOCK])
        xy += sum((v - ax) * (w - ay) for v, w in zip(x[i:i + BLOCK], y[i:i + BLOCK]))
    return xy / xx * sum(x) / sum(y)


def main():
    print("CPUs  busy   job us | marginal cost by arrival, by reading")
    rng = random.Random(1)
    for mean in (200e-6, 1e-3):
        for cpus in (1, 2):
            for busy in (0.3, 0.6, 0.8, 0.97):
                a, b, c, d = run(cpus, busy, mean, rng)
                print(f"{cpus:4}  {busy:4.2f}  {mean * 1e6:7.0f} | {marginal(a, b):19.2f} {marginal(c, d):10.2f}")


if __name__ == "__main__":
    main()
