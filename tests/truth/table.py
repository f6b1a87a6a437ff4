# SPDX-License-Identifier: Apache-2.0
"""Rows of the truth suite and what they come to."""
import json
import math
from dataclasses import dataclass, field

K_MAX = 8.0
TARGET = 1.3  # the product's default: less than this factor left is a shortage
OVER = 1.25  # a promise this far above the truth is an over-promise


@dataclass
class Row:
    case: str
    fraction: float
    answer: dict
    truth: float  # k, None where the case judges the verdict only
    group: str
    want: str = None  # answer (or answer/reason) that is right; None: the case is not clear
    binding: str = None  # resource that must bind
    forbid: str = None  # reason that would be wrong
    k_max: float = K_MAX  # no claim is larger; infinite where the row is about a rate
    judge: str = "both"  # what the truth speaks about: both (bounds), at_least, gain (of twice the vCPUs, no k)
    headroom: dict = None  # the bounds to judge, the answer's own unless told
    info: dict = field(default_factory=dict)

    @classmethod
    def of_json(cls, text):
        d = json.loads(text)
        d.pop("verdict")
        if d["k_max"] is None:
            d["k_max"] = math.inf
        return cls(**d)

    def bounds(self):
        return self.headroom or self.answer["headroom"]

    def verdict(self):
        """right, wrong, unknown (neither), or None when the case is not clear."""
        got = self.answer["answer"]
        if self.forbid:
            return "wrong" if self.answer["reason"] == self.forbid else "right"
        if self.want is None:
            # Not clear enough to demand an answer, but a wrong one is wrong all the same.
            if self.truth is None or self.judge == "gain":
                return None
            short = got in ("resize", "no")
            return "wrong" if got == "yes" and self.truth < 1.0 or short and self.truth > OVER * TARGET else None
        kind, _, reason = self.want.partition("/")
        if got == "unknown" and kind != "unknown":
            return "unknown"
        if got != kind or (reason and self.answer["reason"] != reason):
            return "wrong"
        if self.binding and self.answer["binding"]["resource"] != self.binding:
            return "wrong"
        return "right"

    def over_promise(self):
        v = self.bounds()["at_least"]
        return None if v is None or self.truth is None else min(v, self.k_max) > OVER * min(self.truth, self.k_max)

    def error(self):
        v = self.bounds()["likely"]
        if v is None or self.truth is None or self.judge == "at_least":
            return None
        return math.log(v / min(self.truth, self.k_max))

    def covered(self):
        b, t = self.bounds(), self.truth
        if t is None or (b["at_least"] is None and b["at_most"] is None):
            return None
        t = min(t, self.k_max)
        near = 1 + 1e-6  # an answer has eight digits
        low = b["at_least"] is None or b["at_least"] <= t * near
        high = b["at_most"] is None or b["at_most"] * near >= t or b["at_most"] >= self.k_max or self.judge == "at_least"
        return low and high

    def seconds(self):
        """Sampled, rests between the looks of --until-known left out."""
        return self.answer["window"]["seconds"] * (self.answer["window"]["covered"] or 0)

    def json(self):
        return json.dumps({"case": self.case, "fraction": self.fraction, "truth": self.truth, "group": self.group,
                           "want": self.want, "verdict": self.verdict(), "binding": self.binding, "judge": self.judge, "forbid": self.forbid, "k_max": None if math.isinf(self.k_max) else self.k_max,
                           "headroom": self.headroom, "info": self.info, "answer": self.answer})


def settled(rows):
    """Without those whose truth came with a later row of the same case."""
    told = {r.case for r in rows if not r.info.get("open")}
    return [r for r in rows if not r.info.get("open") or r.case not in told]


def of_files(names, unsettled=False):
    rows = []
    for name in names:
        with open(name, encoding="utf-8") as text:
            rows += [Row.of_json(x) for x in text]
    return rows if unsettled else settled(rows)


def number(v, width=5):
    return f"{v:{width}.2f}" if v is not None else "-".rjust(width)


HEAD = f"{'case':26} {'load':>5} {'truth':>5} | {'least':>5} {'likely':>6} {'most':>5} | {'error':>5} | " \
       f"{'answer':24} {'binds':8} {'':8}| {'0.8/mean':>8} {'1/P99':>6} {'P99.5':>6} | busy others"


def line(r):
    b, rules = r.bounds(), r.info.get("rules", {})
    e = r.error()
    return (f"{r.case:26} {r.fraction:5.2f} {number(r.truth)} | {number(b['at_least'])} {number(b['likely'], 6)} "
            f"{number(b['at_most'])} | {'x' + format(math.exp(abs(e)), '.2f') if e is not None else '-':>5} | "
            f"{r.answer['answer'] + '/' + r.answer['reason']:24} {(r.answer['binding']['resource'] or '-'):8} "
            f"{r.verdict() or '-':8}| {number(rules.get('0.8/mean'), 8)} {number(rules.get('1/P99'), 6)} "
            f"{number(rules.get('P99.5+20%'), 6)} | {r.info.get('busy', 0):4.2f} {r.info.get('foreign', 0):5.2f}" +
            (f" | truth known to x{r.info['break_known_to']:.2f}" if r.info.get("break_known_to") else "") +
            (f" | after {r.seconds():.0f} s" if r.info.get("until") else ""))


def mean(v):
    return sum(v) / len(v) if v else None


def factor(errors):
    return f"x{math.exp(mean([abs(e) for e in errors])):.2f}" if errors else "-"


def spread(errors):
    s = sorted(errors)
    return f"x{math.exp(s[0]):.2f}..x{math.exp(s[-1]):.2f}" if s else "-"


def share(v):
    v = [x for x in v if x is not None]
    return f"{sum(v)}/{len(v)}" if v else "-"


def _rules(rows):
    """The rules of thumb over the rows whose truth is a k."""
    rules = {}
    for r in rows:
        if r.truth is None:
            continue
        for name, k in r.info.get("rules", {}).items():
            rules.setdefault(name, []).append(math.log(k / min(r.truth, r.k_max)))
    return ", ".join(f"{n} {factor(e)} {share([x > math.log(OVER) for x in e])}" for n, e in rules.items())


def summary(rows, of=None):
    """A line for each group of rows, or for each different name in @of (one a row), and one for all if there are several."""
    of = of or [r.group for r in rows]
    names = list(dict.fromkeys(of))
    width = max(20, *(len(n) for n in names)) if names else 20
    out = [f"{'group':{width}} {'runs':>4} | {'over-promised':>13} | {'likely off':>10} {'spread':>14} | {'covered':>8} | "
           f"{'right':>5} {'wrong':>5} {'unknown':>7} | rules of thumb: off, over-promised"]
    for n in names + (["all"] if len(names) > 1 else []):
        mine = [r for r, name in zip(rows, of) if n in (name, "all")]
        errors = [r.error() for r in mine if r.error() is not None]
        verdicts = [r.verdict() for r in mine]
        out.append(f"{n:{width}} {len(mine):4} | {share([r.over_promise() for r in mine]):>13} | {factor(errors):>10} "
                   f"{spread(errors):>14} | {share([r.covered() for r in mine]):>8} | {verdicts.count('right'):5} "
                   f"{verdicts.count('wrong'):5} {verdicts.count('unknown'):7} | {_rules(mine)}")
    return "\n".join(out)


def to_look_at(rows):
    """(row, why) of those that do not meet what is asked of a row."""
    seen = []
    for r in rows:
        why = [text for text, bad in (("over-promised", r.over_promise()), ("outside of the interval", r.covered() is False),
                                      (r.verdict(), r.verdict() in ("wrong", "unknown"))) if bad]
        if why:
            seen.append((r, ", ".join(why)))
    return seen
