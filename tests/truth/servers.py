# SPDX-License-Identifier: Apache-2.0
"""
Real servers under an open load: PostgreSQL under pgbench, nginx under http_client.py; latency from the scheduled start is the truth.
"""
import itertools
import json
import math
import os
import pwd
import random
import shutil
import sys
import tempfile
import time

from breaks import Run, find
from http_client import clumps2
from rig import EPS, TOP, Skip, call, cpus_online, load, load_result, measure, need, on_exit, quietly, start, stop, write
from table import Row

LIMIT_MS = 10  # the service level: 1 % of the transactions take longer from their scheduled start
PORT = 54329
FRACTIONS = (0.3, 0.6, 1.25)
HELPS = 1.25  # a larger size is worth it from this gain on (MODEL.md section 8)
LOOPBACK = "127.0.0.1"
NOT_KNOWN = 1.1  # the factor that a break is known to where the runs beside it do not tell


def _as_postgres(*args, **kw):
    return ["runuser", "-u", "postgres", "--", *args], kw


def _server(tcp):
    """(its directory, what its clients ask for as host)"""
    need("pgbench", "runuser", "initdb", "postgres", "pg_ctl")
    try:
        user = pwd.getpwnam("postgres")
    except KeyError as e:
        raise Skip("no user postgres") from e
    home = tempfile.mkdtemp(prefix="truth-pg.")
    on_exit(shutil.rmtree, home, True)
    os.chown(home, user.pw_uid, user.pw_gid)
    os.chdir("/")
    call(*_as_postgres("initdb", "-D", f"{home}/db", "-A", "trust")[0])
    call(*_as_postgres("pg_ctl", "-D", f"{home}/db", "-w", "-l", f"{home}/log", "-o",
                       f"-p {PORT} -k {home} -c listen_addresses={LOOPBACK if tcp else ''} -c fsync=off", "start")[0])
    on_exit(call, *_as_postgres("pg_ctl", "-D", f"{home}/db", "-m", "immediate", "stop")[0])
    call(*_as_postgres("pgbench", "-h", home, "-p", str(PORT), "-i", "-s", "5", "-q", "postgres")[0])
    return home, LOOPBACK if tcp else home


def _pgbench(host, rate, seconds):
    """pgbench with a log of every transaction, in memory where it can be; the log's directory is its attribute @log."""
    log = tempfile.mkdtemp(prefix="truth-pgbench.", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    on_exit(shutil.rmtree, log, True)
    os.chmod(log, 0o777)
    args, _ = _as_postgres("pgbench", "-h", host, "-p", str(PORT), "-S", "-n", "-M", "prepared", "-c", "16", "-j", "2",
                           "-R", f"{rate:.0f}", "-L", str(LIMIT_MS), "-T", str(seconds), "-l", "--log-prefix", f"{log}/l", "postgres")
    p = start(args, stdout=-1, stderr=-3)
    p.log = log
    return p


def steady(lines):
    """
    (late, n, sum of the squares of the rows of late ones) of pgbench's log, without its first second, in which each of its
    servers plans its first statement, and its last 0.2 s, in which they end: both are late at any load.
    """
    seen = []
    for line in lines:
        v = line.split()
        at = int(v[4]) + int(v[5]) / 1e6
        # one that was over its limit before it could begin is not run
        late_ms = LIMIT_MS if v[2] == "skipped" else int(v[2]) / 1e3
        seen.append((at - late_ms / 1e3, v[2] == "skipped" or late_ms > LIMIT_MS))
    seen.sort()
    if not seen:
        return 0, 0, 0
    rows = [late for due, late in seen if seen[0][0] + 1 <= due <= seen[-1][0] - 0.2]
    return sum(rows), len(rows), clumps2(rows)


def _late(p):
    p.communicate(timeout=300)
    if p.returncode:
        raise RuntimeError(f"pgbench ended with status {p.returncode}")
    lines = []
    for name in os.listdir(p.log):
        with open(os.path.join(p.log, name), encoding="ascii") as f:
            lines += f
    shutil.rmtree(p.log, True)
    return steady(lines)


def _break(what, o, run_at, first, lo, hi):
    """The load that breaks the service level, and what is to be said of it in each row."""
    full, known, seen = find(lambda x: quietly(lambda: run_at(x), watch=True)[0], first, lo, hi, 3 if o.quick else 4, o.fine)
    if full is None:
        raise Skip(f"did not break: {seen}")
    print(f"  {what}: {100 * EPS:g} % late at {full:.0f} a second" + (f", known to x{known:.2f}" if known else ""), file=sys.stderr)
    return full, {"search": seen, "break": full, "break_known_to": known}, known or NOT_KNOWN


def _rows(case, full, seen, record, short=(None, None)):
    """
    The question at each fraction of the load that breaks; @short: what is right beyond it, and what binds then.  Whether
    `resize` is right tells only who runs the larger size; without that no more is asked than that it is no `yes`.
    """
    for f in FRACTIONS:
        (answer, info), foreign = quietly(lambda f=f: record(f * full))
        info.update(seen, foreign=foreign)
        want = "yes" if f < 0.5 else short[0] if f > 1.1 else None
        yield Row(case, f, answer, 1 / f, "server", want=want, binding=short[1] if f > 1.1 else None, info=info)


def _gain(o, name, run_at, first, lo, hi):
    """
    (the break of one vCPU, what is to be said of it, what a second one really gains, the factor that is known to).  One vCPU,
    two, and one again: the VM's own clock may drift meanwhile, and what both searches of one differ by is part of the error.
    """
    def search(cpus):
        cpus_online(cpus)
        return _break(f"{name}, {cpus} vCPU", o, run_at, first * cpus / 2, lo, hi)

    (a, seen, known_a), (two, _, known_2), (b, _, known_b) = map(search, (1, 2, 1))
    one = math.sqrt(a * b)
    err = math.exp(math.hypot(*(math.log(x) for x in (known_a, known_b)), math.log(known_2), abs(math.log(a / b)) / 2))
    seen.update({"break": one, "gain": two / one, "gain_known_to": err, "breaks": (a, two, b)})
    return one, seen, two / one, err


def _sized(o, name, run_at, record, first, lo, hi):
    """Rows of one vCPU.  Beyond its break `resize` is right where two really carry more than a larger size has to gain."""
    one, seen, gain, err = _gain(o, name, run_at, first, lo, hi)
    helps = ("resize", "cpu") if gain > HELPS * err ** 2 else (None, None)
    for row in _rows(f"server/c1-{name}", one, seen, record, helps):
        yield row
        told = next((b["gain"] for b in row.answer["bigger"] if b["change"] == "vcpus x2"), None)
        if told and row.fraction > 0.5:
            yield Row(f"gain/{name}", row.fraction, row.answer, gain, "a server's gain", headroom=told, judge="gain",
                      k_max=told["likely"] if told.get("capped") else math.inf, info={"break_known_to": err})


def _measured(o, ask, late):
    """
    The answer while ask(seconds) is the load; late(p) adds what the load itself says.  One that was asked until its answer was
    known, and is stopped then, has nothing to say.
    """
    p = ask(max(o.seconds, 2 * o.until) + 4)
    time.sleep(1)
    answer, info = measure(o.seconds, until=o.until)
    info["until"] = o.until
    if o.until:
        stop(p)
        shutil.rmtree(getattr(p, "log", ""), True)  # it is in memory
    else:
        late(p, info)
    return answer, info


def postgres(o, sized=False, tcp=False):
    """Its clients ask through a UNIX socket; @tcp: through TCP, as those of another machine do."""
    cpus_online(2)
    _, host = _server(tcp)
    via = "tcp-" if tcp else ""

    def run_at(rate):
        return Run(rate, *_late(_pgbench(host, rate, o.seconds)))

    def say(p, info):
        late, n, _ = _late(p)
        info["late"] = late / max(n, 1)

    def record(rate):
        return _measured(o, lambda s: _pgbench(host, rate, s), say)

    if sized:
        yield from _sized(o, f"{via}postgres", run_at, record, 12000, 500, 200000)
        return
    full, seen, _ = _break(f"{via}PostgreSQL", o, run_at, 12000, 500, 200000)
    yield from _rows(f"server/{via}postgres-select", full, seen, record)


HTTP_PORT = 54380
HTTP_WORKERS = 2
NGINX = """
daemon off; worker_processes %d; pid %s/pid; error_log %s/log; events { worker_connections 2048; }
http {
  access_log off; keepalive_requests 1000000; keepalive_timeout 600;
  types { text/plain txt; } gzip on; gzip_comp_level 9; gzip_types text/plain;
  client_body_temp_path %s/b; proxy_temp_path %s/p; fastcgi_temp_path %s/f; uwsgi_temp_path %s/u; scgi_temp_path %s/s;
  server { listen 127.0.0.1:%d reuseport; root %s; }
}
"""


def _nginx():
    """
    nginx with two workers: /text.txt is compressed anew for each request, some milliseconds of work; / is a page of some
    hundred bytes, some ten microseconds.  Without reuseport whichever worker wakes first takes a connection, and one serves
    most of them: another part of the load in each run, so that no load is the one that breaks.
    """
    need("nginx")
    home = tempfile.mkdtemp(prefix="truth-http.")
    on_exit(shutil.rmtree, home, True)
    os.chmod(home, 0o755)
    words = random.Random(7)
    pool = ["".join(words.choices("abcdefghijklmnopqrstuvwxyz", k=words.randint(3, 11))) for _ in range(2000)]
    write(f"{home}/text.txt", " ".join(words.choices(pool, k=12000)))
    write(f"{home}/index.html", " ".join(pool[:40]))
    write(f"{home}/conf", NGINX % ((HTTP_WORKERS,) + (home,) * 7 + (HTTP_PORT, home)))
    p = start(["nginx", "-p", home, "-c", f"{home}/conf"])
    time.sleep(1)
    if p.poll() is not None:
        raise Skip(f"nginx did not start, see {home}/log")


def _requests(rate, seconds, limit, seed):
    return start(["nice", "-n", "-20", sys.executable, os.path.join(TOP, "tests/truth/http_client.py"), HTTP_PORT, f"{rate:.1f}",
                  seconds, f"{limit:.3f}", seed], stdout=-1)


def _answered(p):
    out, _ = p.communicate(timeout=300)
    if p.returncode:
        raise RuntimeError(f"http_client.py ended with status {p.returncode}")
    return json.loads(out)


def http(o, sized=False):
    """Its service level: 1 % of the responses take 10 ms longer than one does on the idle VM."""
    cpus_online(2)
    _nginx()
    alone = _answered(_requests(10, 5, 1000, o.seed))["p50_ms"]
    limit = alone + LIMIT_MS

    seed = itertools.count(o.seed)

    def run_at(rate):
        r = _answered(_requests(rate, o.seconds, limit, next(seed)))  # another load of the kind each time
        return Run(rate, r["late"], r["n"], r["clumps2"])

    def say(p, info):
        info["client"] = _answered(p)
        info["alone_ms"] = alone

    def record(rate):
        return _measured(o, lambda s: _requests(rate, s, limit, next(seed)), say)

    first = 0.5 * HTTP_WORKERS / (alone / 1e3)
    if sized:
        yield from _sized(o, "http-gzip", run_at, record, first, 5, 5000)
        return
    full, seen, _ = _break("nginx", o, run_at, first, 5, 5000)
    # A third of the CPUs is idle beyond its break: there are two workers, and more vCPUs would find nothing more to run.
    yield from _rows("server/http-gzip", full, seen, record, ("no/serial-thread", None))


def http_small(o, sized=False):
    """A page that is there: next to all of its cost is to wake up, to read and to write, not the work itself."""
    cpus_online(2)
    _nginx()
    seed = itertools.count(o.seed)

    def ask(rate, seconds):
        return load("open", "--http-port", HTTP_PORT, "--threads", 128, "--rate", rate, "--for", seconds, "--seed", next(seed))

    def run_at(rate):
        r = load_result(ask(rate, o.seconds))
        if r["failed"]:
            raise RuntimeError(f"{r['failed']} requests failed")
        return Run(rate, r["late"], r["jobs"])

    def say(p, info):
        info["late"] = load_result(p)["late_share"]

    def record(rate):
        return _measured(o, lambda s: ask(rate, s), say)

    if sized:
        yield from _sized(o, "http-small", run_at, record, 16000, 500, 80000)
        return
    full, seen, _ = _break("nginx, small", o, run_at, 16000, 500, 80000)
    yield from _rows("server/http-small", full, seen, record)
