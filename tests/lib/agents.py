#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""agents.py URL[,URL] HOSTS SECONDS FILE: many small agents that post as fast as they are answered.

Each posts windows 1, 2, 3 ... of its own boot and goes on to the next only when the last one is
acknowledged (204 with Headroom-Ack); until then it sends the very same bytes again, as ours does.
Every acknowledged window is a line 'host seq' in FILE, written after the answer arrived: what
stands there must be in the store, once.  Refusals end the run with status 1; SIGTERM ends it early, as SECONDS do.

With several URLs (collectors on one database) an agent moves to the next one when its connection is lost
and now and then by itself, as behind a balancer; one window in five goes to all of them at once, and one
in seven again to another after it was acknowledged.
"""
import http.client
import os
import signal
import sys
import threading
import time
from urllib.parse import urlsplit

DUR_MS = 10000


def varint(n):
    """Protobuf's base-128 number."""
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def num(field, n):
    """A varint field."""
    return varint(field << 3) + varint(n)


def blob(field, data):
    """A length-delimited field."""
    return varint(field << 3 | 2) + varint(len(data)) + data


def batch(host, boot, seq, t_end_ms):
    """SummaryBatch with one Summary (proto/headroom.proto) and the facts, as a first POST has them."""
    facts = num(1, 1) + blob(2, b"fake-" + host[:4].hex().encode()) + num(8, 2) + num(9, 2) + num(11, 1 << 31)
    summary = num(1, seq) + num(2, seq) + num(3, t_end_ms) + num(4, DUR_MS) + num(6, 1) + num(7, 2) + num(8, 0)
    return blob(1, host) + varint(2 << 3 | 1) + boot.to_bytes(8, "little") + num(3, 1) + blob(4, facts) + blob(5, summary)


class Agent(threading.Thread):
    """One host; .acked counts, .refused holds the first answer that is not to be retried."""

    def __init__(self, url, until, log, lock):
        super().__init__()
        self.urls, self.until, self.log, self.lock = [urlsplit(u) for u in url.split(",")], until, log, lock
        self.at = 0
        self.host, self.boot = os.urandom(16), int.from_bytes(os.urandom(8), "little") | 1
        self.acked, self.resent, self.refused = 0, 0, None

    def connect(self, i=0):
        """To the collector in use, or the i-th after it."""
        url = self.urls[(self.at + i) % len(self.urls)]
        return http.client.HTTPConnection(url.hostname, url.port, timeout=5)

    def everywhere(self, body):
        """Sends to all collectors before any answer is read; True: one acknowledged, none refused."""
        conns, acked = [], False
        for i in range(len(self.urls)):
            try:
                conns.append(self.connect(i))
                self.send(conns[-1], body)
            except OSError:
                conns.pop()
        for conn in conns:
            try:
                acked |= self.answer(conn)
            except (OSError, http.client.HTTPException):
                pass
            conn.close()
        return acked

    def send(self, conn, body):
        """The request alone."""
        conn.request("POST", "/v1/summaries", body, {"Content-Type": "application/x-protobuf"})

    def post(self, conn, body):
        """True: acknowledged; False: send again."""
        self.send(conn, body)
        return self.answer(conn)

    def answer(self, conn):
        """What the collector says."""
        answer = conn.getresponse()
        text = answer.read()
        if answer.status == 204 and answer.getheader("Headroom-Ack"):
            return True
        if answer.status in (429, 503):
            time.sleep(0.05)
            return False
        self.refused = f"{answer.status} {text[:300]!r}"
        return False

    def run(self):
        start_ms = int(time.time() * 1000) - 6 * 3600 * 1000
        conn, seq = None, 1
        while time.monotonic() < self.until and self.refused is None and seq < 2000:
            body = batch(self.host, self.boot, seq, start_ms + seq * DUR_MS)
            several = len(self.urls) > 1
            try:
                if several and seq % 11 == 0:
                    conn, self.at = None, self.at + 1
                conn = conn or self.connect()
                if not (self.everywhere(body) if several and seq % 5 == 0 else self.post(conn, body)):
                    continue
                if several and seq % 7 == 0:
                    self.everywhere(body)
            except (OSError, http.client.HTTPException):
                conn, self.resent, self.at = None, self.resent + 1, self.at + 1
                time.sleep(0.02)
                continue
            with self.lock:
                print(self.host.hex(), seq, file=self.log, flush=True)
            self.acked, seq = self.acked + 1, seq + 1


def main():
    """Runs HOSTS agents for SECONDS."""
    url, hosts, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    with open(sys.argv[4], "w", encoding="ascii") as log:
        lock = threading.Lock()
        agents = [Agent(url, time.monotonic() + seconds, log, lock) for _ in range(hosts)]
        signal.signal(signal.SIGTERM, lambda *_: [setattr(a, "until", 0) for a in agents])
        for a in agents:
            a.start()
        for a in agents:
            a.join()
    refused = [a.refused for a in agents if a.refused]
    print(f"{sum(a.acked for a in agents)} acknowledged, {sum(a.resent for a in agents)} connections lost")
    if refused:
        sys.exit("refused: " + refused[0])


if __name__ == "__main__":
    main()
