# SPDX-License-Identifier: Apache-2.0
"""What issue 6 asks of the suite's rows, and what they say to it."""
import math

from table import Row, mean


def _count(rows, f):
    """(how many of these rows do, of how many) where f says True, False or None."""
    v = [x for x in map(f, rows) if x is not None]
    return sum(v), len(v)


class Aims:
    """Lines of (what, aim, seen, reached)."""

    def __init__(self):
        self.lines = []

    def say(self, what, aim, seen, ok):
        self.lines.append((what, aim, seen, "yes" if ok else "no"))

    def promised(self, what, rows, most=0.0):
        n, total = _count(rows, Row.over_promise)
        if total:
            self.say(what, f"promised > 25 % too much: <= {100 * most:g} %", f"{n} of {total}", n <= most * total)

    def likely(self, what, rows, most, loads=(0, math.inf)):
        """@loads: those that are asked for, as shares of the one that breaks; beside them what all rows say."""
        told = [(r.fraction, abs(r.error())) for r in rows if r.error() is not None]
        e = [x for at, x in told if loads[0] <= at <= loads[1]]
        if told and not e:
            self.say(what, f"likely off by <= x{most:g}", "none at such a load", False)
        if e:
            beside = f"; at any load x{math.exp(mean([x for _, x in told])):.2f} over {len(told)}" if len(told) > len(e) else ""
            self.say(what, f"likely off by <= x{most:g}", f"x{math.exp(mean(e)):.2f} over {len(e)}{beside}", mean(e) <= math.log(most))

    def near(self, what, aim, rows, factor):
        """All of them that close; a row without a likely has none."""
        far = [r.error() for r in rows]
        n = sum(e is not None and abs(e) <= math.log(factor) for e in far)
        if rows:
            self.say(what, aim, f"{n} of {len(rows)}: " + ", ".join("none" if e is None else f"x{math.exp(abs(e)):.3f}" for e in far), n == len(rows))

    def covered(self, what, rows, least=0.85):
        n, total = _count(rows, Row.covered)
        if total:
            self.say(what, f"interval holds the truth >= {100 * least:g} %", f"{n} of {total}", n >= least * total)

    def clear(self, what, rows):
        v = [r.verdict() for r in rows if r.verdict()]
        if v:
            self.say(what, "clear cases right: all", f"{v.count('right')} of {len(v)}, {v.count('unknown')} unknown, {v.count('wrong')} wrong",
                     v.count("right") == len(v))

    def none(self, what, aim, rows, bad):
        if rows:
            n = sum(map(bad, rows))
            self.say(what, aim, f"{n} of {len(rows)}", n == 0)


LOADS = (0.1, 0.6)  # "load fractions 10-60 % of the truth"
VALUES = ("disk cap value", "disk byte cap value", "net cap value")  # rows about a limit, not about k


def aims(rows):
    a = Aims()

    def of(*groups):
        return [r for r in rows if r.group in groups]

    for what, group, over, off in (("CPU open load", "CPU open load", 0.03, 1.25), ("serial", "serial", 0.03, 1.15),
                                   ("servers (as open load)", "server", 0.03, 1.25)):
        a.promised(what, of(group), over)
        a.likely(what, of(group), off, LOADS)
        a.clear(what, of(group))
    gain = [r for r in of("c -> 2c gain") if r.truth is not None]
    a.covered("c -> 2c gain", gain)
    a.near("c -> 2c gain", "likely within 15 %: all", gain, 1.15)
    a.clear("\"cannot help\"", gain)
    a.covered("a server's gain, measured by resizing", of("a server's gain"))
    a.likely("a server's gain, measured by resizing", of("a server's gain"), 1.25, (0, math.inf))
    for what, values, caps in (("disk", VALUES[:2], ("disk cap", "disk byte cap", "disk, no cap")), ("network", VALUES[2:], ("net cap", "own shaper"))):
        a.near(what, "cap found, within 5 %: all", of(*values), 1.05)
        a.promised(what, of(*caps))
        a.none(what, "a cap invented: none", of(*caps), lambda r: "INVENTED" in r.case)
        a.clear(what, of(*caps))
    a.clear("memory: short, and not", of("memory"))
    a.promised("memory that grows", of("memory k"))
    a.covered("memory that grows", of("memory k"))
    a.clear("memory that grows", of("memory k"))
    a.none("memory: sets that fit", "called a shortage: none", of("working set"), lambda r: r.verdict() == "wrong")
    a.covered("working set", of("working set"))
    a.likely("working set", of("working set"), 1.2)
    a.clear("quota", of("cpu quota"))
    a.clear("nothing is wrong", of("nothing is wrong"))
    a.covered("all k", [r for r in rows if r.judge != "gain" and r.group not in VALUES])
    a.none("all", "a wrong yes: none", rows, lambda r: r.answer["answer"] == "yes" and r.verdict() == "wrong")
    return a.lines


def aims_table(rows):
    """In Markdown."""
    return "\n".join(["| what | to reach (issue 6) | seen | reached |", "|---|---|---|---|"] + ["| " + " | ".join(x) + " |" for x in aims(rows)])
