#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
An open-loop HTTP client: requests at random (Poisson) instants, sent whether or not earlier ones were answered, each by one
of 512 users at random (kept connections; more when all wait); a latency counts from the instant its request was due.  Prints JSON: {"n", "late", "clumps2", "p50_ms",
"p99_ms", "failed"}; clumps2: of each row of late ones, in the order they were due, the square of its length, added up.

usage: http_client.py PORT RATE SECONDS LIMIT_MS [SEED]
"""
import asyncio
import json
import random
import sys
import time

USERS = 512  # the kernel deals them to the server's workers: of few one worker gets a good deal more
REQUEST = b"GET /text.txt HTTP/1.1\r\nHost: truth\r\nAccept-Encoding: gzip\r\n\r\n"


async def _chunked(reader):
    """The body of a response, as long as it says."""
    while True:
        size = int(await reader.readline(), 16)
        await reader.readexactly(size + 2)
        if size == 0:
            return


class Client:
    def __init__(self, port):
        self.port = port
        self.idle = []
        self.latency = []
        self.failed = 0

    async def _ask(self, due, user):
        try:
            if self.idle:
                reader, writer = self.idle.pop(user % len(self.idle))
            else:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(REQUEST)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200 "):
                raise ConnectionError(head[:40])
            await _chunked(reader)
            self.idle.append((reader, writer))
            self.latency.append((due, time.monotonic() - due))
        except (OSError, ValueError, asyncio.IncompleteReadError):
            self.failed += 1

    async def run(self, rate, seconds, seed):
        gaps = random.Random(seed)
        self.idle = [await asyncio.open_connection("127.0.0.1", self.port) for _ in range(USERS)]
        due = start = time.monotonic()
        tasks = set()
        while due < start + seconds:
            due += gaps.expovariate(rate)
            await asyncio.sleep(max(0, due - time.monotonic()))
            task = asyncio.ensure_future(self._ask(due, gaps.randrange(1 << 30)))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        if tasks:
            await asyncio.wait(tasks, timeout=20)
        self.failed += len(tasks)


def clumps2(late):
    """Of each row of true ones the square of its length, added up."""
    total = row = 0
    for is_late in [*late, False]:
        total, row = (total, row + 1) if is_late else (total + row * row, 0)
    return total


def main():
    port, rate, seconds, limit = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
    client = Client(port)
    asyncio.run(client.run(rate, seconds, int(sys.argv[5]) if len(sys.argv) > 5 else 1))
    rows = clumps2(1000 * x > limit for _, x in sorted(client.latency))
    ms = sorted(1000 * x for _, x in client.latency) or [0]
    print(json.dumps({"n": len(client.latency) + client.failed, "late": sum(x > limit for x in ms) + client.failed, "clumps2": rows,
                      "p50_ms": ms[len(ms) // 2], "p99_ms": ms[min(len(ms) - 1, len(ms) * 99 // 100)],
                      "failed": client.failed}))


if __name__ == "__main__":
    main()
