# SPDX-License-Identifier: Apache-2.0
"""What the cases share: running load and the product, the truth search, the rules of thumb, cleaning up."""
import atexit
import json
import math
import os
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("HR_BUILD", os.path.join(TOP, "build"))
HEADROOM = os.path.join(BUILD, "bin", "headroom")
LOAD = os.path.join(BUILD, "tests", "truth_load")
HZ = os.sysconf("SC_CLK_TCK")
CPUS = os.cpu_count()
EPS = 0.01  # late share at which the stated service level breaks


class Skip(Exception):
    """This case cannot run here; the text says why."""


# What undoes a change to the machine, newest first; run at exit whatever happens.
_undo = []


def on_exit(f, *args):
    _undo.append((f, args))


def undo():
    while _undo:
        f, args = _undo.pop()
        try:
            f(*args)
        except (OSError, subprocess.SubprocessError) as e:
            print(f"cleaning up: {e}", file=sys.stderr)


atexit.register(undo)


def write(path, text):
    with open(path, "w", encoding="ascii") as f:
        f.write(str(text))


def read(path):
    with open(path, encoding="ascii", errors="replace") as f:
        return f.read()


def call(*args, check=True):
    r = subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=120)
    if check and r.returncode != 0:
        raise Skip(f"{' '.join(str(a) for a in args)}: {r.stderr.strip() or r.stdout.strip()}")
    return r.stdout


def need(*programs):
    for p in programs:
        if subprocess.run(["sh", "-c", f"command -v {p}"], capture_output=True).returncode:
            raise Skip(f"{p} is not installed")


def start(args, group=None, netns=None, cpus=None, **kw):
    """A process of ours, in a cgroup directory or namespace if told; ended at exit if still there."""
    argv = [str(a) for a in args]
    if netns:
        argv = ["ip", "netns", "exec", netns] + argv
    if group:
        argv = ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', group] + argv
    if cpus:
        argv = ["taskset", "-c", ",".join(str(c) for c in sorted(cpus))] + argv
    p = subprocess.Popen(argv, text=True, **kw)
    on_exit(stop, p)
    return p


def stop(p):
    if p.poll() is None:
        p.terminate()
        try:
            p.wait(10)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()


def load(*args, group=None, netns=None, cpus=None):
    """Starts the load program; load_result waits for its JSON."""
    return start([LOAD, *args], group=group, netns=netns, cpus=cpus, stdout=subprocess.PIPE)


def load_result(p):
    out, _ = p.communicate(timeout=600)
    if p.returncode:
        raise RuntimeError(f"load ended with status {p.returncode}")
    return json.loads(out)


def options(d):
    return [x for k, v in d.items() for x in (f"--{k}", v)]


def cgroup(controller, name="suite"):
    root = f"/sys/fs/cgroup/{controller}"
    if not os.path.exists(f"{root}/cgroup.procs"):
        raise Skip(f"no cgroup v1 controller {controller} at {root}")
    path = f"{root}/hr-truth-{os.getpid()}-{name}"
    os.makedirs(path, exist_ok=True)

    def remove():
        for _ in range(50):
            try:
                os.rmdir(path)
                return
            except FileNotFoundError:
                return
            except OSError:
                time.sleep(0.1)

    on_exit(remove)
    return path


def cpus_online(n):
    """The VM's own size, changed: CPUs beyond the first @n go offline until the end."""
    if n > CPUS:
        raise Skip(f"needs {n} CPUs, has {CPUS}")
    for i in range(1, CPUS):
        path = f"/sys/devices/system/cpu/cpu{i}/online"
        want = "1" if i < n else "0"
        if not os.path.exists(path):
            if want == "0":
                raise Skip("CPUs cannot be taken offline here")
            continue
        if read(path).strip() != want:
            on_exit(write, path, "1")
            try:
                write(path, want)
            except OSError as e:
                raise Skip(f"CPU {i} cannot be switched: {e}") from e
    time.sleep(0.5)


# --- the utilisation rules, from the counters every exporter ships ---------


def cpu_times(line=None):
    """Busy, stolen and all CPU time of /proc/stat, in seconds."""
    v = [int(x) for x in (line or read("/proc/stat").split("\n", 1)[0]).split()[1:9]]
    return (v[0] + v[1] + v[2] + v[5] + v[6]) / HZ, v[7] / HZ, sum(v) / HZ


def nearest_rank(v, p):
    s = sorted(v)
    return s[max(0, math.ceil(p * len(s)) - 1)]


class Rules:
    """k by utilisation rules, from one sample of /proc/stat a second, while something else runs."""

    def __init__(self):
        self.at = [(time.monotonic(), *cpu_times())]

    def tick(self):
        self.at.append((time.monotonic(), *cpu_times()))

    @classmethod
    def of_lines(cls, lines):
        """From the first lines of /proc/stat of a VM of one CPU; all its CPU time together is the clock."""
        r = cls.__new__(cls)
        r.at = [(t[2], *t) for t in map(cpu_times, lines)]
        return r

    def k(self, cpus):
        u = [min(1, (b[1] - a[1]) / (b[0] - a[0]) / cpus) for a, b in zip(self.at, self.at[1:])]
        mean = (self.at[-1][1] - self.at[0][1]) / (self.at[-1][0] - self.at[0][0]) / cpus
        peak, p995 = nearest_rank(u, 0.99), nearest_rank(u, 0.995)
        return {
            "0.8/mean": 0.8 / max(mean, 0.001),
            "1/P99": 1 / max(peak, 0.001),
            "P99.5+20%": 1 / max(1.2 * p995, 0.001),
        }, mean * cpus

    def steal(self):
        return self.at[-1][2] - self.at[0][2]


# --- other load ---------------------------------------------------------------

FOREIGN_MAX = 0.12  # CPUs that others may use during a step that counts; a quiet VM uses 0.02
TRIES = int(os.environ.get("HR_TRUTH_TRIES", "4"))
_own = {}


def own_group():
    """A cgroup of the suite's own: its CPU time is told from the rest, and outweighs it 256 times."""
    if not os.path.exists("/sys/fs/cgroup/cpuacct/cgroup.procs") or not os.path.exists("/sys/fs/cgroup/cpu/cpu.shares"):
        print("no cgroup v1: how busy the machine was otherwise is not told", file=sys.stderr)
        return
    for c in ("cpu", "cpuacct"):
        home = f"/sys/fs/cgroup/{c}"
        path = cgroup(c)
        if c == "cpu":
            write(f"{path}/cpu.shares", 262144)
        before = [x.split(":", 2)[2] for x in read("/proc/self/cgroup").split() if c in x.split(":")[1].split(",")]
        on_exit(write, f"{home}{before[0]}/cgroup.procs", os.getpid())
        write(f"{path}/cgroup.procs", os.getpid())
        _own[c] = path


def foreign_s():
    """CPU seconds used so far by everything that is not ours."""
    if "cpuacct" not in _own:
        return 0.0
    usage = int(read("/sys/fs/cgroup/cpuacct/cpuacct.usage")), int(read(f"{_own['cpuacct']}/cpuacct.usage"))
    return (usage[0] - usage[1]) / 1e9


STALLED_MAX = EPS / 5  # share of a run in which a CPU may stand still: all that is due meanwhile is late at any load


def _watch_stalls():
    """Threads that outrank all load look for times in which a CPU stands still, by the hypervisor say; outside our group, where they may."""
    group = "/sys/fs/cgroup/cpu" if "cpu" in _own else None
    return start([LOAD, "stalls", "--for", 3600], group=group, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def _stalled_s(p):
    p.terminate()
    out, _ = p.communicate(timeout=10)
    if p.returncode:
        print("  (whether a CPU stood still is not known: no real-time priority here)", file=sys.stderr)
        return 0.0
    return json.loads(out)["stalled_s"]


def quietly(step, watch=False):
    """
    step() until others used little CPU meanwhile; else the quietest of its results, and how quiet that was.  @watch: nor
    may a CPU have stood still; not beside the product, which would count the watching threads' wake-ups.
    """
    best = None
    for i in range(TRIES):
        if i:
            time.sleep(2)
        p = _watch_stalls() if watch else None
        t, f = time.monotonic(), foreign_s()
        result = step()
        wall = time.monotonic() - t
        foreign, stalled = (foreign_s() - f) / wall, _stalled_s(p) / wall if p else 0
        noise = max(foreign / FOREIGN_MAX, stalled / STALLED_MAX)
        if best is None or noise < best[2]:
            best = (result, foreign, noise)
        if noise <= 1:
            break
        print(f"  (others used {foreign:.2f} CPUs, a CPU stood still {100 * stalled:.2f} %: again)", file=sys.stderr)
    return best[:2]


# --- the product ------------------------------------------------------------


def measure(seconds, include=None, cpus=None, until=0):
    """headroom measure as a user runs it: its JSON, and what the rules of thumb say of the same time."""
    args = [HEADROOM, "measure", "--for", f"{seconds}s", "--json"]
    if until:
        args += ["--until-known", f"{until}s"]
    if include:
        args += ["--include", include]
    p = start(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    rules = Rules()
    deadline = time.monotonic() + max(seconds, 2 * until) + 30  # it rests between two looks
    while p.poll() is None and time.monotonic() < deadline:
        time.sleep(1)
        if p.poll() is None:
            rules.tick()
    out, err = p.communicate(timeout=10)
    if p.returncode:
        raise RuntimeError(f"headroom measure: status {p.returncode}: {err.strip()[-300:]}")
    answer = json.loads(out)
    k, busy = rules.k(cpus or os.cpu_count())
    return answer, {"rules": k, "busy": busy, "steal_s": rules.steal(), "loadavg": read("/proc/loadavg").split()[0]}


def resource(answer, name, device=None):
    for r in answer["resources"]:
        if r["resource"] == name and (device is None or r["device"] == device):
            return r
    return None


def bound(headroom, which):
    return headroom[which] if headroom and headroom[which] is not None else None


# --- truth -------------------------------------------------------------------


def break_point(late_at, first, lo, hi, runs=6, eps=EPS, floor=2e-4):
    """
    The load at which the late share passes @eps: brackets, then interpolates ln f over ln load, in @runs from the first that
    breaks on.  late_at(load) really runs it.  Returns (load, all runs).  None when it does not break below @hi.
    """
    seen = []

    def run(x):
        f = late_at(x)
        seen.append((x, f))
        return f

    def bracket():
        below = [x for x, f in seen if f <= eps]
        above = [x for x, f in seen if f > eps]
        a = max([x for x in below if not above or x < min(above)], default=None)
        return a, min([x for x in above if a is None or x > a], default=None)

    x = first
    left = runs
    while left > 0:
        run(x)
        a, b = bracket()
        left -= b is not None  # on the way up to it, as far as that is, none is spent
        if b is None:
            if a >= hi:
                return None, seen
            x = min(a * 1.5, hi)
        elif a is None:
            x = max(b / 1.6, lo)
            if b <= lo:
                return lo, seen
        else:
            if b / a < 1.06:
                break
            x = _between(seen, a, b, eps, floor)
            if not a * 1.02 < x < b / 1.02:
                x = math.sqrt(a * b)
    a, b = bracket()
    if a is None:
        return b, seen
    if b is None:
        return None, seen
    return _between(seen, a, b, eps, floor), seen


def _between(seen, a, b, eps, floor):
    f = dict(seen)
    fa, fb = math.log(max(f[a], floor)), math.log(max(f[b], floor))
    w = (math.log(eps) - fa) / (fb - fa) if fb > fa else 0.5
    return math.exp(math.log(a) + min(max(w, 0.05), 0.95) * (math.log(b) - math.log(a)))
