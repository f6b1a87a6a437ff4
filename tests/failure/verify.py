#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# usage: verify.py DB ACKED WINDOWS
# Every acknowledged window of tests/load/gen is in the database exactly once, numbers have no holes, and
# nothing is there that nobody sent: beyond what was acknowledged at most the WINDOWS of one POST per agent.
import os
import sqlite3
import struct
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from windows import windows as windows_of  # noqa: E402

db, acked_path, windows = sys.argv[1], sys.argv[2], int(sys.argv[3])
raw = open(acked_path, "rb").read()
acked = struct.unpack("<%dQ" % (len(raw) // 8), raw)
con = sqlite3.connect("file:%s?mode=ro" % db, uri=True)
bad = []

damage = con.execute("PRAGMA integrity_check").fetchone()[0]
if damage != "ok":
    bad.append("integrity_check: " + damage)
seen = {}

con.execute("CREATE TEMP TABLE w (\"table\", id, boot, seq, last, n, length)")
con.executemany("INSERT INTO w VALUES (?, ?, ?, ?, ?, ?, ?)", windows_of(con))
rows = """SELECT h.id, count(*), count(DISTINCT w.seq), min(w.seq), max(w.last), sum(w.last - w.seq + 1)
    FROM w JOIN host h ON h.no = (w.id & 16777215) GROUP BY h.no"""
for host, n, distinct, first, last, width in con.execute(rows):
    i = struct.unpack("<I", host[:4])[0]
    seen[i] = last + 1
    if n != distinct or width != n:
        bad.append("agent %d: %d rows for %d windows: stored twice" % (i, n, distinct))
    if first != 0 or n != last + 1:
        bad.append("agent %d: windows %d..%d in %d rows: a hole" % (i, first, last, n))
    high = con.execute("SELECT high FROM seen s JOIN host h ON h.no = s.host WHERE h.id = ?", (host,)).fetchall()
    if high != [(last,)]:
        bad.append("agent %d: stored up to %d, dedupe state %s" % (i, last, high))
for i, n in enumerate(acked):
    have = seen.get(i, 0)
    if have < n:
        bad.append("agent %d: %d windows acknowledged, %d stored: LOST" % (i, n, have))
    if have > n + windows:
        bad.append("agent %d: %d windows acknowledged, %d stored" % (i, n, have))
orphans = con.execute("SELECT count(*) FROM quarantine").fetchone()[0]
if orphans:
    bad.append("%d rows in quarantine" % orphans)
for line in bad[:10]:
    print(line)
count = con.execute("SELECT count(*) FROM w WHERE \"table\" = 'w300'").fetchone()[0]
print("%d agents, %d windows acknowledged, %d stored, %d of them packed" % (len(acked), sum(acked), sum(seen.values()), count))
sys.exit(1 if bad else 0)
