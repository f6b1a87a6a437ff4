# SPDX-License-Identifier: Apache-2.0
"""Where a service level breaks, from all runs near it together, and how well that is known."""
import math

from rig import EPS, break_point

NEAR = (1 / 8, 8)  # runs whose late share is within these factors of the limit (or of no late ones) are fitted
STEPS = (0.92, 1.08, 0.85, 1.17)  # where more is run, of the break as known so far: to and fro, so that a drift cancels


class Run:
    """A run at @load: @late of @n, and the sum of the squares of the lengths of their rows: late ones come together."""

    def __init__(self, load, late, n, clumps2=None):
        self.load, self.late, self.n = load, late, n
        self.clump = max(1.0, clumps2 / late) if clumps2 and late else 1.0

    def share(self):
        return self.late / max(self.n, 1)


def fit(runs, eps=EPS):
    """
    ln share = a + b ln load, by maximum likelihood of Poisson counts.  Returns the load at @eps and the factor that it
    is known to (one standard error); the counts' scatter is that of clumps, or of the runs about the line if that is more.
    """
    xs = [math.log(r.load) for r in runs]
    a, b = math.log(eps), 3.0
    mid = sum(xs) / len(xs)
    xs = [x - mid for x in xs]
    for _ in range(100):
        g0 = g1 = h00 = h01 = h11 = 0.0
        for r, x in zip(runs, xs):
            mu = max(r.n, 1) * math.exp(min(a + b * x, 0))
            d = r.late - mu
            g0, g1 = g0 + d, g1 + d * x
            h00, h01, h11 = h00 + mu, h01 + mu * x, h11 + mu * x * x
        h11 += 1e-3  # a single load does not tell a slope
        det = h00 * h11 - h01 * h01
        if not det > 0:
            return None
        da, db = (h11 * g0 - h01 * g1) / det, (h00 * g1 - h01 * g0) / det
        step = min(1.0, 1.0 / max(abs(da), abs(db), 1e-12))
        a, b = a + step * da, b + step * db
        if abs(da) + abs(db) < 1e-9:
            break
    if not b > 0.2:  # the late share does not grow with the load: noise
        return None
    x = (math.log(eps) - a) / b
    lates = sum(r.late for r in runs)
    scatter = sum(r.clump * r.late for r in runs) / lates if lates else 1.0
    if len(runs) > 2:
        chi2 = sum((r.late - mu) ** 2 / mu for r, mu in
                   ((r, max(r.n, 1) * math.exp(min(a + b * v, 0))) for r, v in zip(runs, xs)))
        scatter = max(scatter, chi2 / (len(runs) - 2))
    # x = (ln eps - a) / b, so dx = -(da + x db) / b; the inverse of h is the covariance of a and b
    var = scatter * (h11 - 2 * x * h01 + x * x * h00) / det / (b * b)
    return math.exp(x + mid), math.exp(math.sqrt(max(var, 0)))


def find(run_at, first, lo, hi, coarse=4, fine=4, eps=EPS, enough=1):
    """
    run_at(load) really runs it and returns a Run.  A search brackets the break, then up to @fine more runs beside it, until
    it is known to @enough; the fit of all that are near tells it.  Returns (load or None, factor it is known to or None,
    [(load, late, n)]).
    """
    runs = []

    def late_at(x):
        runs.append(run_at(x))
        return runs[-1].share()

    at, _ = break_point(late_at, first, lo, hi, coarse, eps)
    known = None

    def refit():
        near = [r for r in runs if NEAR[0] * eps <= r.share() <= NEAR[1] * eps or
                (r.share() < NEAR[0] * eps and at and r.load > at / 1.5)]
        return fit(near, eps) if len(near) > 1 else None

    for i in range(fine if at else 0):
        if known and known[1] <= enough:
            break
        runs.append(run_at(at * STEPS[i % len(STEPS)]))
        known = refit() or known
        # a fit far outside of what was run is an extrapolation
        if known and min(r.load for r in runs) <= known[0] <= max(r.load for r in runs):
            at = known[0]
    return at, known[1] if known else None, [(r.load, r.late, r.n) for r in runs]


def bracket(late_at, lo, hi, within, eps=EPS):
    """
    Where late_at(load) passes @eps, if it does so in one step, as memory does that no longer fits: halved until it is
    known to @within.  Returns (load, half of that factor).
    """
    if late_at(lo) > eps or late_at(hi) <= eps:
        raise RuntimeError(f"does not break between {lo:.4g} and {hi:.4g}")
    while hi / lo > within:
        mid = math.sqrt(lo * hi)
        lo, hi = (mid, hi) if late_at(mid) <= eps else (lo, mid)
    return math.sqrt(lo * hi), math.sqrt(hi / lo)


def is_on_time(run_at, most=4, eps=EPS):
    """
    Is the load of run_at(i), its i-th run, late no more than @eps in the long run?  True or False by two standard errors of
    all runs together, late ones in clumps; None: @most runs do not tell.
    """
    late = n = squares = 0
    for i in range(most):
        r = run_at(i)
        late, n, squares = late + r.late, n + r.n, squares + r.clump * r.late
        # where few are late the scatter is that of as many as the limit has
        off, scatter = late - eps * n, (squares / late if late else 1.0) * max(late, eps * n)
        if off * off > 4 * scatter:
            return off < 0
    return None
