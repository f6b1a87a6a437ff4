# SPDX-License-Identifier: Apache-2.0
"""What a call of the suite runs, and what of it is already in its file."""
from dataclasses import dataclass

import cases
import closed
import grow
import vm


@dataclass
class Todo:
    name: str
    guest: bool  # in a guest, where other load does not reach it
    seconds: int  # of a measurement
    minutes: float = 0  # that it takes, about
    fine: int = 6
    answer: bool = False  # of gain: the answer only; the machine finds the truth, when it is quiet

    def label(self):
        return self.name + ("@guest" if self.guest else "")

    def in_two(self):
        """The second half of a case: the truth to an answer of the guest."""
        return not self.guest and self.name.startswith("gain/")

    def told(self, rows, seed):
        """The row in need of a truth that this finds, if there is one."""
        if not self.in_two():
            return None
        return next((r for r in reversed(rows) if r.case == self.name + "@guest" and r.info.get("open") and r.info["seed"] == seed), None)


def _named(name, names):
    return not names or any(name.startswith(n) for n in names)


def chosen(names, quick, guest, seconds):
    """By name: a prefix of it will do."""
    return [Todo(n, guest, seconds or (16 if quick else cases.seconds(n)), fine=0 if quick else 6) for n in cases.ALL
            if _named(n, names) and (not quick or n in cases.QUICK) and n in (cases.GUEST if guest else cases.HOST)]


# What --all runs: case, seconds of a measurement, minutes that it takes (about, one guest at nice 19 beside other work); what tells most first.
# Other load does not reach the guest's, the machine's want quiet: there the minutes are of quiet.
IN_GUEST = (*((f"memory/{n}", 12, 2) for n in vm.SETS), ("working-set/backup-file", 12, 2), ("working-set/backup-most", 12, 2), ("working-set/reclaimed", 12, 2),
            ("working-set/backup-again", 12, 2), ("disk", 15, 3), ("network", 35, 4), ("quota", 20, 2), ("idle", 20, 1), ("steal", 16, 5),
            *((f"memory-grows/{n}", 12, 5) for n in grow.GROW), *((f"gain/{n}", 10, 2) for n in closed.GAIN), ("disk-bytes", 15, 3), ("disk-credits", 15, 2),
            *((f"cpu/c1-{n}", 60, 6) for n in ("poisson-exp", "bursts-more", "ticks-more", "batches-in", "poisson-lognormal", "bursts-in", "batches-more")),
            *((f"working-set/{n}", 12, 2) for n in ("mostly-anon", "little-cold", "cold-anon", "swapped-out", "file")))
ON_HOST = (("serial/single-server", 10, 2), ("serial/pool-of-8", 10, 0.5), ("serial/lock-pool", 10, 0.3), ("gain/16-often-asleep", 10, 4.5),
           *((f"gain/{n}", 8, 0.4) for n in closed.GAIN if n != "16-often-asleep"), ("server/postgres", 10, 2.2), ("server/small", 8, 1.8),
           ("idle", 14, 0.3), ("quota", 14, 0.7), ("server/http", 10, 2.2), ("cpu/c2-poisson-exp", 10, 2.2), ("cpu/c2-bursts-more", 10, 2.5),
           ("server/c1-postgres", 8, 6), ("server/c1-small", 8, 6), ("server/c1-http", 8, 6),
           ("disk", 14, 1.7), ("disk-qemu", 15, 3), ("disk-group", 15, 1.2), ("network", 14, 0.8), ("memory", 12, 0.9))


def of_all(where, names=None, seconds=None):
    """--all, or its part, and of that what is named."""
    todos = []
    if where != "host":
        todos += [Todo(n, True, seconds or s, m, 2, n.startswith("gain/")) for n, s, m in IN_GUEST]
    if where != "guest":
        todos += [Todo(n, False, seconds or s, m, 2) for n, s, m in ON_HOST]
    return [t for t in todos if _named(t.name, names)]


def left_of(todos, rows, seed):
    """What @rows, of earlier calls, have not."""
    done = {r.info.get("of") for r in rows if r.info.get("seed") == seed}
    return [t for t in todos if t.label() not in done]
