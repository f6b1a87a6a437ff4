# SPDX-License-Identifier: Apache-2.0
"""Closed load, whose threads wait for themselves: what twice the vCPUs give, and pools that wait for a lock."""
import itertools
import math
import time

from breaks import Run, find
from rig import cpus_online, load, load_result, measure, options, own_group, quietly
from table import Row

# name: threads, CPU ms and sleep ms of a cycle, CPU ms of it under one lock
GAIN = {
    "hot-thread": (1, 5, 0, 0),
    "busy-2": (2, 5, 0, 0),
    "busy-8": (8, 5, 0, 0),
    "16-often-asleep": (16, 5, 150, 0),
    "16-half-busy": (16, 5, 40, 0),
    "8-behind-a-lock": (8, 4, 0, 3),
}
CANNOT = 1.05  # less gain than this is none
FULL = 0.9  # of the time that one CPU is busy: from it on nobody knows what more would have come
THREADS_MAX = 200


def _what(spec):
    threads, cpu, sleep, lock = spec
    return options({"threads": threads, "mean-ms": cpu, "sleep-ms": sleep, "lock-ms": lock, "name": "worker"})


def _closed(spec, seconds, cpus=None, seed=1):
    """The load; on these CPUs only, if told: others of the machine cannot be told to leave, but hardly count (rig)."""
    return load("closed", *_what(spec), "--for", seconds, "--seed", seed, cpus=cpus)


def _fit(spec, cpus, o):
    """
    How many such threads fit before more than 1 % of their cycles are late, by their own clock, and the factor it is known
    to.  One CPU carries few: two runs of it at a time, other draws on each CPU.  Like counts of cycles either way.
    """
    seed = itertools.count(100 * o.seed)

    def run_at(n):
        n = max(1, min(round(n), THREADS_MAX))
        sets = [{0}, {1}] if cpus == 1 else [{0, 1}]
        running = [_closed((n, *spec[1:]), 2 * o.seconds if cpus == 1 else o.seconds, s, next(seed)) for s in sets]
        got = [load_result(p) for p in running]
        return Run(n, sum(r["late"] for r in got), sum(r["cycles"] for r in got))

    at, known, seen = find(lambda n: quietly(lambda: run_at(n), watch=True)[0], max(2, spec[0] // 4) * cpus ** 2, 1, THREADS_MAX, 4, 4)
    return at, known or THREADS_MAX, seen


def _measured(spec, o):
    cpus_online(1)
    p = _closed(spec, 4 * o.seconds)  # however long the product takes to begin
    time.sleep(0.7)
    answer, info = measure(o.seconds, cpus=1)
    p.terminate()
    load_result(p)
    return answer, info


def _answer(name, spec, o):
    """The row without its truth."""
    if o.guest:
        answer, info = o.guest.measure(o.seconds, ("closed", *_what(spec)))
        o.guest.stop()
    else:
        (answer, info), info["foreign"] = quietly(lambda: _measured(spec, o))
    told = next((b["gain"] for b in answer["bigger"] if b["change"] == "vcpus x2"), None)
    most = told["likely"] if told and told.get("capped") else math.inf  # "more than that", as k is never more than K_MAX
    return Row(f"gain/{name}{'@guest' if o.guest else ''}", 1, answer, None, "c -> 2c gain", headroom=told or
               {"at_least": None, "likely": None, "at_most": None}, k_max=most, info=info, judge="gain")


def gain(name, o):
    """
    Measured on one vCPU (in the guest, where nobody else wants it), then given two of the machine.  Where the one
    had time left, the truth is how many more threads fit; where it had none, how much more they do.
    """
    spec = GAIN[name]
    row = o.told or _answer(name, spec, o)
    if o.answer:
        row.info["open"] = True
        yield row
        return
    row.info.pop("open", None)
    if o.guest:
        own_group()
    cpus_online(2)
    (one, two), after = quietly(lambda: _rates(spec, o.seconds))
    row.info.update(one=one, two=two, foreign=max(row.info.get("foreign", 0), after))
    if one * spec[1] / 1e3 > FULL:
        row.truth = two / one
    else:
        fits = [_fit(spec, c, o) for c in (1, 2)]
        row.truth = fits[1][0] / fits[0][0]
        row.info.update(fit=fits, break_known_to=math.exp(math.hypot(*(math.log(known) for _, known, _ in fits))))
    row.want = None if row.truth > CANNOT else "no/serial-thread" if spec[0] == 1 else None
    yield row


def _rates(spec, seconds):
    per_s = []
    for c in ({0}, {0, 1}):
        per_s.append(load_result(_closed(spec, seconds, c))["per_s"])
    return per_s


def lock_pool(o):
    """Equal threads that mostly wait for a lock: no single thread is the limit that headroom may name."""
    cpus_online(2)

    def record():
        p = _closed((8, 2, 5, 1), 4 * o.seconds)
        time.sleep(0.7)
        answer, info = measure(o.seconds)
        p.terminate()
        load_result(p)
        return answer, info

    (answer, info), foreign = quietly(record)
    info["foreign"] = foreign
    yield Row("serial/8-behind-a-lock", 1, answer, None, "serial", forbid="serial-thread", info=info)
