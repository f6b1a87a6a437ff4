#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# usage: windows.py DB
# Every stored window of an SQLite store, a line each: host's id, boot's number, first and last sequence, bytes of its
# Summary, n.  A row holds several (collector/core/pack.h).
import sqlite3
import sys


def packed(body):
    """The windows that a pack says it holds: boot, first and last sequence, n, length."""
    at, seq, n = 2, 0, 0

    def number():
        nonlocal at
        v = shift = 0
        while True:
            b = body[at]
            v |= (b & 127) << shift
            at, shift = at + 1, shift + 7
            if b < 128:
                return v

    for _ in range(body[1]):
        at += 1  # slot
        boot = number()
        v = number()
        first = seq + (v >> 1 ^ -(v & 1))
        last = first + number()
        v = number()
        n += v >> 1 ^ -(v & 1)
        seq = last + 1
        yield boot, first, last, n, number()


def windows(con):
    """Table, place and windows of each row: (table, id, boot, first, last, n, length)."""
    for table in "w10", "w10x":
        rows = con.execute("SELECT id, boot, seq, last, n, body FROM " + table).fetchall()
        for place, boot, first, last, n, body in rows:
            if body[0] > 2:
                yield table, place, boot, first, last, n, len(body) - 4
                continue
            inside = list(packed(body))
            assert (inside[0][1], inside[-1][2]) == (first, last), "a row that says something else than its windows"
            for w in inside:
                yield (table, place, *w)
    for place, body in con.execute("SELECT id, body FROM w300").fetchall():
        for w in packed(body):
            yield ("w300", place, *w)


if __name__ == "__main__":
    db = sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True)
    host = {no: i.hex() for no, i in db.execute("SELECT no, id FROM host")}
    for _, place, boot, first, last, n, length in windows(db):
        print(host[place & 16777215], boot, first, last, length, n)
