# SPDX-License-Identifier: Apache-2.0
"""Closed load, whose threads wait for themselves: what twice the vCPUs give, and pools that wait for a lock."""
import math
import time

from rig import cpus_online, load, load_result, measure, options, quietly
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


def _closed(spec, seconds):
    threads, cpu, sleep, lock = spec
    what = {"threads": threads, "mean-ms": cpu, "sleep-ms": sleep, "lock-ms": lock, "name": "worker"}
    return load("closed", *options(what), "--for", seconds)


def gain(name, o):
    """Measured on one vCPU, then given two: cycles a second against what `bigger` promised."""
    spec = GAIN[name]

    def record():
        cpus_online(1)
        p = _closed(spec, o.seconds + 4)
        time.sleep(0.7)
        answer, info = measure(o.seconds, cpus=1)
        one = load_result(p)["per_s"]
        cpus_online(2)
        info["one"], info["two"] = one, load_result(_closed(spec, o.seconds))["per_s"]
        return answer, info

    (answer, info), foreign = quietly(record)
    info["foreign"] = foreign
    true = info["two"] / info["one"]
    told = next((b["gain"] for b in answer["bigger"] if b["change"] == "vcpus x2"), None)
    yield Row(f"gain/{name}", 1, answer, true, "c -> 2c gain", headroom=told or
              {"at_least": None, "likely": None, "at_most": None}, k_max=math.inf, info=info, judge="gain",
              want=None if true > CANNOT else "no/serial-thread" if spec[0] == 1 else None)


def lock_pool(o):
    """Equal threads that mostly wait for a lock: no single thread is the limit that headroom may name."""
    cpus_online(2)

    def record():
        p = _closed((8, 2, 5, 1), o.seconds + 3)
        time.sleep(0.7)
        answer, info = measure(o.seconds)
        load_result(p)
        return answer, info

    (answer, info), foreign = quietly(record)
    info["foreign"] = foreign
    yield Row("serial/8-behind-a-lock", 1, answer, None, "serial", forbid="serial-thread", info=info)
