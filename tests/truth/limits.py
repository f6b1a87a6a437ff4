# SPDX-License-Identifier: Apache-2.0
"""Limits that are not the VM's size: a serial thread, a cgroup's quota; and nothing wrong at all."""
import time

from rig import break_point, cgroup, cpus_online, load, load_result, measure, options, quietly, write
from table import Row

QUEUE_FACTOR = 10  # mean response over mean work at which a single server is full: 1 / (1 - 0.9)
SERVER = {"threads": 1, "mean-ms": 2, "size": "exp", "name": "single"}
POOL = {"threads": 8, "mean-ms": 2, "size": "exp", "name": "pool"}
LIGHT = {"threads": 16, "mean-ms": 1, "size": "exp", "name": "light", "rate": 60, "seed": 5}


def single_server(o):
    """One thread serves all; beside it a pool with little to do.  It breaks when responses take 10 x the work."""
    cpus_online(2)

    def run(rate, seconds):
        other = load("open", *options(LIGHT), "--for", seconds)
        r = load_result(load("open", *options(SERVER), "--rate", rate, "--for", seconds))
        load_result(other)
        return r

    def slowdown(rate):
        r, _ = quietly(lambda: run(rate, o.seconds))
        return r["sojourn_mean_s"] / (r["cpu_s"] / r["jobs"])

    full, seen = break_point(slowdown, 430, 100, 600, 3 if o.quick else 5, eps=QUEUE_FACTOR, floor=0.5)

    def record(rate):
        other = load("open", *options(LIGHT), "--for", o.seconds + 3)
        p = load("open", *options(SERVER), "--rate", rate, "--for", o.seconds + 3)
        time.sleep(0.7)
        answer, info = measure(o.seconds)
        load_result(p)
        load_result(other)
        return answer, info

    for f in (0.3, 0.6, 0.95) if not o.quick else (0.95,):
        (answer, info), foreign = quietly(lambda f=f: record(f * full))
        info.update(foreign=foreign, search=seen, **{"break": full})
        want = "yes" if f < 0.6 else "no/serial-thread" if f > 0.9 else None
        yield Row("serial/single-server", f, answer, 1 / f, "serial", want=want,
                  binding="serial" if f >= 0.6 else None, info=info)


def pool_of_equals(o):
    """The same work done by 8 equal threads: whatever the answer, it is not a serial thread."""
    cpus_online(2)
    for rate in (430, 800) if not o.quick else (430,):
        def record(rate=rate):
            p = load("open", *options(POOL), "--rate", rate, "--for", o.seconds + 3)
            time.sleep(0.7)
            answer, info = measure(o.seconds)
            load_result(p)
            return answer, info

        (answer, info), foreign = quietly(record)
        info["foreign"] = foreign
        yield Row("serial/pool-of-8", rate * 0.002 / 2, answer, None, "serial", forbid="serial-thread", info=info)


def cpu_quota(o):
    """Half a CPU allowed, more wanted: the quota is the limit.  Two CPUs allowed: it is not."""
    if o.guest:
        yield from _guest_quota(o)
        return
    cpus_online(2)
    for quota, want in ((50000, "no/local-limit"), (200000, "yes")):
        group = cgroup("cpu", f"quota-{quota}")
        write(f"{group}/cpu.cfs_period_us", 100000)
        write(f"{group}/cpu.cfs_quota_us", quota)

        def record(group=group):
            p = load("open", *options(POOL), "--threads", 32, "--rate", 280, "--for", o.seconds + 3, group=group)
            time.sleep(0.7)
            answer, info = measure(o.seconds)
            r = load_result(p)
            info["late"] = r["late_share"]
            return answer, info

        (answer, info), foreign = quietly(record)
        info["foreign"] = foreign
        yield Row(f"quota/{quota // 1000}-of-100-ms", 0.56, answer, None, "cpu quota", want=want, info=info)


def _guest_quota(o):
    # 60 of such jobs a second are a third of what one CPU carries in time (cpu/c1-poisson-exp): clearly a yes.
    for quota, rate, want in ((20000, 120, "no/local-limit"), (100000, 60, "yes")):
        group = o.guest.group(f"q{quota}", cpu_max=f"{quota} 100000")
        answer, info = o.guest.measure(o.seconds, ("open", *options(POOL), "--threads", 32, "--rate", rate), group)
        yield Row(f"quota/{quota // 1000}-of-100-ms@guest", rate * 0.002, answer, None, "cpu quota", want=want, info=info)


def idle(o):
    if o.guest:
        answer, info = o.guest.measure(o.seconds)
    else:
        cpus_online(2)
        (answer, info), foreign = quietly(lambda: measure(o.seconds))
        info["foreign"] = foreign
    yield Row("idle" + ("@guest" if o.guest else ""), 0, answer, None, "nothing is wrong", want="yes", info=info)
