# SPDX-License-Identifier: Apache-2.0
"""Memory: a set in use that grows until its service level breaks, by the load's own clock; then asked at parts of that."""
import json
from collections import namedtuple

from breaks import EPS, bracket
from guest import Guest
from rig import resource
from table import Row
from vm import NONE, SWAP_MB, fill_swap, results, slow_file

# MB of the guest beside its swap; MB of a file that is read at random all the time, and does not grow; by two lists, active and
# inactive, instead of multi-generational LRU, whose Active(file) does not have pages that read(2) uses
Grow = namedtuple("Grow", "total file lists", defaults=(False,))
GROW = {"anon": Grow(512, 0), "beside-file": Grow(512, 100), "beside-file-lists": Grow(512, 100, True)}
FRACTIONS = (0.3, 0.6, 0.9, 1.1)  # of the set that breaks the service level
WITHIN = 1.02  # the break is known to half of this
READ_MS = 10  # of a page that is read again: a volume over a network
LATE_MS = 30  # a job of 16 pages that waits for three is late; the product's own bursts are shorter
PER_MB = 1  # jobs a second for each MB in use: more load, more of both


def _load(s, mb, seed, seconds):
    file = f" --read /dev/f --read-mb {s.file}" if s.file else ""
    return (f"load open --touch-mb {mb:.1f}{file} --rate {PER_MB * mb:.0f} --threads 16 --late-ms {LATE_MS} --seed {seed} "
            f"--for {seconds}")


def clear(f):
    """Known to 1 %: what is right beyond doubt."""
    return "yes" if f < 0.5 else "resize" if f > 1.05 else None


def memory_grows(name, o):
    """How large a set is still on time, then what the answer promises at parts of that."""
    s = GROW[name]
    g = Guest(memory_mb=s.total + SWAP_MB, modules=("null_blk",), programs=("dd",))
    if s.lists:
        g.run("echo n >/sys/kernel/mm/lru_gen/enabled")
    fill_swap(g, READ_MS)
    if s.file:
        slow_file(g, READ_MS)
        g.run("exec 9</dev/f")  # its pages go when nobody has it open
    ask = "headroom measure --json " + ("--include f " if s.file else "")  # as a volume is without being told
    again = f"/bin/dd if=/dev/f of=/dev/null bs=1M count={s.file} 2>/dev/null; " if s.file else ""
    runs = []

    def late_at(mb):
        """Beside the product, whose memory is needed, too; it has begun by then."""
        shell = (f"{again}{ask}--for 300s >/tmp/answer & m=$!; sleep {round(g.setup_s) + 3}; "
                 f"{_load(s, mb, o.seed + len(runs), o.seconds)}; kill $m; wait")
        r = results(g.run(shell).split("\n"))[0]
        runs.append((mb, r["late"], r["jobs"]))
        return r["late_share"]

    at, known = bracket(late_at, 0.3 * s.total, 1.1 * s.total, WITHIN, EPS)
    for f in FRACTIONS:
        # ended when the answer is there: the product takes long to begin where memory is short
        text = g.run(f"{again}{_load(s, f * at, o.seed, 300)} & load=$!; sleep 8; {ask}--for {o.seconds}s >/tmp/answer; "
                     "kill $load; wait; cat /tmp/answer")
        answer = json.loads(text)
        r, want = resource(answer, "memory"), clear(f)
        yield Row(f"memory-grows/{name}@guest", f, answer, 1 / f, "memory k", want=want, headroom=(r and r["headroom"]) or NONE,
                  binding="memory" if want == "resize" else None,
                  info={"memory": r, "search": runs, "break_mb": at, "break_known_to": known})
    g.stop()
