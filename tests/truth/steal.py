# SPDX-License-Identifier: Apache-2.0
"""CPU time that the hypervisor does not deliver: a guest in the guest, of whose CPU the outer one holds back a part."""
import json
import os
import sys
from collections import namedtuple

from guest import Nested
from rig import TOP, Skip, options
from table import Row

JOBS = {"threads": 32, "mean-ms": 2, "size": "exp", "name": "pool"}

NS = 2  # for each instruction
TRIES, PATIENCE_S = 4, 90  # now and then the inner guest stands still for good; a row takes some ten seconds, a boot thirty

# jobs a second; us of CPU that the outer guest gives in each period, all of it without; what is right
Theft = namedtuple("Theft", "rate us period want", defaults=("max", 100000, None))
THEFTS = {
    "light": Theft(60, want="yes"),  # a third of what one CPU carries in time (cpu/c1-poisson-exp)
    "half": Theft(300, 50000, want="no/steal"),  # more than half of a CPU, and half of one is given
    "none": Theft(300),  # the load of half: nothing is stolen, so whatever it is short of, it is not that
}


def _measure(g, t, o):
    jobs = " ".join(str(a) for a in options({**JOBS, "rate": t.rate, "seed": o.seed}))
    text = g.run(f"sh /theft {o.seconds} {round(g.setup_s) + 1} {t.us} {t.period} {jobs}", PATIENCE_S)
    load, answer = text.strip().split("\n", 1)
    load = json.loads(load)
    return json.loads(answer), {"load": load, "late": load["late_share"], "guest": True}


def _row(t, o):
    for _ in range(TRIES):
        g = Nested(files=[(os.path.join(TOP, "tests/truth/theft.sh"), "/theft")], ns=NS)
        try:
            return _measure(g, t, o)
        except RuntimeError as e:
            print(f"  (the inner guest stands still, again: {e})", file=sys.stderr)
        finally:
            g.stop()
    raise Skip(f"the inner guest stood still {TRIES} times")


def steal(o):
    """Each row says of its load's own clock how much was late (info's load)."""
    for name, t in THEFTS.items():
        answer, info = _row(t, o)
        yield Row(f"steal/{name}@guest", t.rate * 0.002, answer, None, "steal", want=t.want, forbid=None if t.want else "steal",
                  binding="steal" if t.want == "no/steal" else None, info=info)
