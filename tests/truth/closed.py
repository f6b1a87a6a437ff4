# SPDX-License-Identifier: Apache-2.0
"""Closed load, whose threads wait for themselves: what twice the vCPUs give, and pools that wait for a lock."""
import math
import time

from rig import EPS, cpus_online, load, load_result, measure, options, own_group, quietly
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


def _closed(spec, seconds, cpus=None):
    """The load; on these CPUs only, if told: others of the machine cannot be told to leave, but hardly count (rig)."""
    return load("closed", *_what(spec), "--for", seconds, cpus=cpus)


def _fit(spec, cpus, seconds):
    """How many such threads fit before more than 1 % of their cycles are late, by their own clock."""
    cpus = set(range(cpus))
    below, above = 0, None
    n = max(2, spec[0] // 2) * len(cpus)
    while above is None or above - below > max(1, below // 8):
        late = load_result(_closed((n, *spec[1:]), seconds, cpus))["late_share"]
        below, above = (n, above) if late <= EPS else (below, n)
        n = (below + above) // 2 if above else min(n * 2, THREADS_MAX)
        if below == THREADS_MAX or above == 1:
            return None
    return (below + above) / 2


def _measured(spec, o):
    cpus_online(1)
    p = _closed(spec, 4 * o.seconds)  # however long the product takes to begin
    time.sleep(0.7)
    answer, info = measure(o.seconds, cpus=1)
    p.terminate()
    load_result(p)
    return answer, info


def gain(name, o):
    """
    Measured on one vCPU (in the guest, where nobody else wants it), then given two of the machine.  Where the one
    had time left, the truth is how many more threads fit; where it had none, how much more they do.
    """
    spec = GAIN[name]
    if o.guest:
        (answer, info), during = o.guest.measure(o.seconds, ("closed", *_what(spec))), 0
        o.guest.stop()
        own_group()
    else:
        (answer, info), during = quietly(lambda: _measured(spec, o))
    cpus_online(2)
    (one, two), after = quietly(lambda: _rates(spec, o.seconds))
    info.update(one=one, two=two, foreign=max(during, after))
    if one * spec[1] / 1e3 > FULL:
        true = two / one
    else:
        info["fit"] = [_fit(spec, c, o.seconds) for c in (1, 2)]
        true = info["fit"][1] / info["fit"][0]
    told = next((b["gain"] for b in answer["bigger"] if b["change"] == "vcpus x2"), None)
    yield Row(f"gain/{name}{'@guest' if o.guest else ''}", 1, answer, true, "c -> 2c gain", headroom=told or
              {"at_least": None, "likely": None, "at_most": None}, k_max=math.inf, info=info, judge="gain",
              want=None if true > CANNOT else "no/serial-thread" if spec[0] == 1 else None)


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
