# SPDX-License-Identifier: Apache-2.0
"""A real PostgreSQL under pgbench at a constant rate; its latency from the scheduled start is the truth."""
import os
import pwd
import re
import shutil
import tempfile
import time

from rig import Skip, break_point, call, cpus_online, measure, need, on_exit, quietly, start
from table import Row

LIMIT_MS = 10  # the service level: 1 % of the transactions take longer from their scheduled start
PORT = 54329
FRACTIONS = (0.3, 0.6, 1.25)


def _as_postgres(*args, **kw):
    return ["runuser", "-u", "postgres", "--", *args], kw


def _server():
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
                       f"-p {PORT} -k {home} -c listen_addresses= -c fsync=off", "start")[0])
    on_exit(call, *_as_postgres("pg_ctl", "-D", f"{home}/db", "-m", "immediate", "stop")[0])
    call(*_as_postgres("pgbench", "-h", home, "-p", str(PORT), "-i", "-s", "5", "-q", "postgres")[0])
    return home


def _pgbench(home, rate, seconds):
    args, _ = _as_postgres("pgbench", "-h", home, "-p", str(PORT), "-S", "-n", "-M", "prepared", "-c", "16", "-j", "2",
                           "-R", f"{rate:.0f}", "-L", str(LIMIT_MS), "-T", str(seconds), "postgres")
    return start(args, stdout=-1, stderr=-3)


def _late(p):
    out, _ = p.communicate(timeout=300)
    if p.returncode:
        raise RuntimeError(f"pgbench ended with status {p.returncode}")
    above = re.search(r"above the .*: (\d+)/(\d+)", out)
    skipped = re.search(r"transactions skipped: (\d+)", out)
    late, n = int(above.group(1)), int(above.group(2))
    skipped = int(skipped.group(1)) if skipped else 0
    return (late + skipped) / max(n + skipped, 1)


def postgres(o):
    cpus_online(2)
    home = _server()
    seconds = o.seconds
    full, seen = break_point(lambda r: quietly(lambda: _late(_pgbench(home, r, seconds)))[0], 8000, 500, 60000,
                             3 if o.quick else 6)
    if full is None:
        raise Skip(f"did not break: {seen}")

    def record(rate):
        p = _pgbench(home, rate, seconds + 4)
        time.sleep(1)
        answer, info = measure(seconds)
        info["late"] = _late(p)
        return answer, info

    for f in FRACTIONS:
        (answer, info), foreign = quietly(lambda f=f: record(f * full))
        info["foreign"], info["search"] = foreign, seen
        want = "yes" if f < 0.5 else "resize" if f > 1.1 else None
        yield Row("server/postgres-select", f, answer, 1 / f, "server", want=want,
                  binding="cpu" if f > 1.1 else None, info=info)
