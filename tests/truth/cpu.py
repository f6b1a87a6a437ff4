# SPDX-License-Identifier: Apache-2.0
"""CPU: open load of several kinds, until more than 1 % of its jobs are late by its own clock."""
import time

from breaks import Run, find, is_on_time
from rig import cpus_online, load, load_result, measure, options, quietly, stop
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
KNOWN = 1.06  # the break is run until it is known to this factor, one standard error
FINE = 6  # but no more often
FINE_CPU_S = 15  # of each such run in the guest, where idle time costs nothing: at a low load it is as much longer
FINE_MAX_S = 400
OTHER_SEED = 7919  # each run is another minute of the same kind: one minute's luck is no truth


def fine_seconds(seconds, k, guest):
    return min(max(seconds, round(FINE_CPU_S / (BASE * k))), FINE_MAX_S) if guest else seconds


def clear(fraction, known):
    """The answer that is right beyond doubt: yes, resize, or None.  @known: what the break is known to, one standard error."""
    if known is None:
        return None
    if fraction < 0.5:
        return "yes" if 1 / fraction / known ** 2 >= CLEAR else None
    return "resize" if fraction > known ** 2 else None


def open_load(name, o, fractions=FRACTIONS):
    """One workload: find where it breaks, then measure at fractions of that."""
    cpus, arrive, size, mean_ms, grow = OPEN[name]
    guest, seconds = o.guest, o.seconds
    if guest is None:
        cpus_online(cpus)
    what = {"arrive": arrive, "size": size, "mean-ms": mean_ms, "grow": grow, "seed": o.seed,
            "rate": BASE * cpus / (mean_ms / 1e3)}
    runs = 0

    def run_at(k, length=None, **more):
        nonlocal runs
        runs += 1
        args = ("open", *options({**what, **more, "seed": o.seed + OTHER_SEED * runs}), "--k", f"{k:.4f}", "--for", length or seconds)
        r = guest.load(*args) if guest else quietly(lambda: load_result(load(*args)))[0]
        return Run(k, r["late"], r["jobs"], r["clumps2"])

    def record(k):
        args = ("open", *options(what), "--k", f"{k:.4f}")
        if guest:
            return guest.measure(seconds, args, until=o.until)
        p = load(*args, "--for", max(seconds, 2 * o.until) + 8)
        time.sleep(0.7)
        answer, info = measure(seconds, cpus=cpus, until=o.until)
        stop(p)
        return answer, info

    def coarse_then_fine(k):
        return run_at(k, fine_seconds(seconds, k, guest) if runs >= 4 else None)

    first = {"poisson": 7.5, "mmpp": 3, "batch": 2, "tick": 3}[arrive] * (0.75 if cpus == 1 else 1) * 0.1 / BASE
    k_break, known, seen = find(coarse_then_fine, first, 0.1 * first, 1.05 / BASE, 4, FINE, enough=KNOWN)
    if k_break is None:
        raise RuntimeError(f"did not break: {seen}")

    def fits_inside(k):
        """Would this load, 1.6 times as dense inside its bursts, still be on time?  Then the answer must be yes."""
        return is_on_time(lambda _: run_at(k, fine_seconds(seconds, k, guest), other=CLEAR))

    for f in fractions:
        if guest:
            (answer, info), foreign = record(f * k_break), 0
        else:
            (answer, info), foreign = quietly(lambda f=f: record(f * k_break))
        info.update(search=seen, foreign=foreign, break_known_to=known, until=o.until)
        want = clear(f, known)
        if want == "yes" and grow == "copies":
            # Growth inside the bursts may break what independent growth does not: then unknown is right, and not clear.
            info["fits_inside"] = fits_inside(f * k_break)
            want = want if info["fits_inside"] else None
        inside = grow == "inside" and arrive != "poisson"
        yield Row(f"cpu/{name}{'@guest' if guest else ''}", f, answer, 1 / f, want=want,
                  binding="cpu" if f > 1.1 else None, group="CPU open load", info=info,
                  judge="at_least" if inside else "both")
