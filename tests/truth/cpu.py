# SPDX-License-Identifier: Apache-2.0
"""CPU: open load of several kinds, until more than 1 % of its jobs are late by its own clock."""
import time

from rig import EPS, break_point, cpus_online, load, load_result, measure, options, quietly
from table import Row

# name: CPUs, arrivals, sizes, mean CPU ms of a job, how the load grows.  Growth inside today's bursts is what
# at_least claims, growth by further independent streams what likely claims; Poisson arrivals are both.
OPEN = {
    "c2-poisson-exp": (2, "poisson", "exp", 2, "inside"),
    "c1-poisson-lognormal": (1, "poisson", "lognormal", 2, "inside"),
    "c2-poisson-bimodal": (2, "poisson", "bimodal", 10, "inside"),
    "c2-bursts-in": (2, "mmpp", "exp", 2, "inside"),
    "c2-bursts-more": (2, "mmpp", "exp", 2, "copies"),
    "c1-bursts-in": (1, "mmpp", "lognormal", 2, "inside"),
    "c1-bursts-more": (1, "mmpp", "bimodal", 2, "copies"),
    "c2-batches-in": (2, "batch", "exp", 1, "inside"),
    "c1-batches-more": (1, "batch", "lognormal", 0.5, "copies"),
    "c2-batches-more": (2, "batch", "exp", 1, "copies"),
    "c1-poisson-exp": (1, "poisson", "exp", 2, "inside"),
    "c1-poisson-bimodal": (1, "poisson", "bimodal", 10, "inside"),
    "c1-batches-in": (1, "batch", "exp", 0.5, "inside"),
    "c1-ticks-in": (1, "tick", "exp", 2, "inside"),
    "c2-ticks-in": (2, "tick", "bimodal", 2, "inside"),
    "c1-ticks-more": (1, "tick", "exp", 2, "copies"),
}
FRACTIONS = (0.15, 0.3, 0.6, 1.25)  # of the load that breaks the service level; the last is past it
CLEAR = 1.3 * 1.25  # the target and the tolerated error of a promise
BASE = 0.05  # load of one stream, share of all CPUs


def open_load(name, seconds, fractions=FRACTIONS, runs=6, seed=1, guest=None):
    """One workload: find where it breaks, then measure at fractions of that."""
    cpus, arrive, size, mean_ms, grow = OPEN[name]
    if guest is None:
        cpus_online(cpus)
    what = {"arrive": arrive, "size": size, "mean-ms": mean_ms, "grow": grow, "seed": seed,
            "rate": BASE * cpus / (mean_ms / 1e3)}

    def late_at(k):
        args = ("open", *options(what), "--k", f"{k:.4f}", "--for", seconds)
        if guest:
            return guest.load(*args)["late_share"]
        return quietly(lambda: load_result(load(*args)))[0]["late_share"]

    def record(k):
        if guest:
            return guest.measure(seconds, ("open", *options(what), "--k", f"{k:.4f}"))
        p = load("open", *options(what), "--k", k, "--for", seconds + 3)
        time.sleep(0.7)
        answer, info = measure(seconds, cpus=cpus)
        info["late"] = load_result(p)["late_share"]
        return answer, info

    first = {"poisson": 7.5, "mmpp": 3, "batch": 2, "tick": 5}[arrive] * (0.75 if cpus == 1 else 1) * 0.1 / BASE
    k_break, seen = break_point(late_at, first, 0.3 * first, 1.05 / BASE, runs)
    if k_break is None:
        raise RuntimeError(f"did not break: {seen}")
    def fits_inside(k):
        """Would this load, 1.6 times as dense inside its bursts, still be on time?  Then the answer must be yes."""
        args = ("open", *options({**what, "other": CLEAR}), "--k", f"{k:.4f}", "--for", seconds)
        late = guest.load(*args) if guest else quietly(lambda: load_result(load(*args)))[0]
        return late["late_share"] <= EPS

    for f in fractions:
        if guest:
            (answer, info), foreign = record(f * k_break), 0
        else:
            (answer, info), foreign = quietly(lambda f=f: record(f * k_break))
        info["search"], info["foreign"] = seen, foreign
        want = "yes" if f < 0.5 else "resize" if f > 1.1 else None
        if want == "yes" and grow == "copies":
            # Growth inside the bursts may break what independent growth does not: then unknown is right, and not clear.
            info["fits_inside"] = fits_inside(f * k_break)
            want = want if info["fits_inside"] else None
        inside = grow == "inside" and arrive != "poisson"
        yield Row(f"cpu/{name}{'@guest' if guest else ''}", f, answer, 1 / f, want=want,
                  binding="cpu" if f > 1.1 else None, group="CPU open load", info=info,
                  judge="at_least" if inside else "both")
