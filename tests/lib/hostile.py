#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hostile.py PORT: requests that a collector must refuse, each with the status it must give.

Raw sockets: what is sent is what stands here.  A status of 0 means: closed without an answer is
right, too.  Every refusal is application/problem+json.
"""
import json
import os
import random
import socket
import sys

PORT = int(sys.argv[1])
SEED = int(os.environ.get("HR_SEED", random.randrange(1 << 32)))
RANDOM = random.Random(SEED)
TYPE = b"Content-Type: application/x-protobuf\r\n"


def ask(request, hang_up=False):
    """(status, headers, body) of the first answer; status 0 if the connection was closed on us."""
    with socket.create_connection(("127.0.0.1", PORT), timeout=15) as s:
        try:
            s.sendall(request)
            if hang_up:
                s.shutdown(socket.SHUT_WR)
            data = b""
            while chunk := s.recv(65536):
                data += chunk
                head, sep, body = data.partition(b"\r\n\r\n")
                if not sep:
                    continue
                fields = dict((k.strip().lower(), v.strip()) for k, _, v in
                              (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:]))
                if len(body) >= int(fields.get("content-length", 0)):
                    return int(head.split()[1]), fields, body
        except (ConnectionError, TimeoutError):
            pass
    return 0, {}, b""


def post(body, extra=b"", length=None, kind=TYPE):
    """A POST to /v1/summaries."""
    length = len(body) if length is None else length
    return b"POST /v1/summaries HTTP/1.1\r\nHost: x\r\n" + kind + extra + b"Content-Length: %d\r\n\r\n" % length + body


def cases():
    """(name, request, allowed statuses, hang up after sending)"""
    get = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"
    yield "unknown path", get % b"/v1/nothing", (404,), False
    yield "wrong method", b"DELETE /v1/fleet HTTP/1.1\r\nHost: x\r\n\r\n", (405,), False
    yield "GET of the post path", get % b"/v1/summaries", (405,), False
    yield "unknown host", get % (b"/v1/hosts/" + b"0" * 32 + b"/answer"), (404,), False
    yield "bad host id", get % b"/v1/hosts/..%2f..%2fetc/answer", (400, 404), False
    yield "empty body", post(b""), (400,), False
    yield "body of zeros", post(bytes(100)), (400,), False
    yield "text body", post(b"hello"), (400,), False
    yield "wrong type", post(b"x", kind=b"Content-Type: text/plain\r\n"), (415,), False
    yield "no type", post(b"x", kind=b""), (415,), False
    yield "encoded", post(b"x", b"Content-Encoding: gzip\r\n"), (415,), False
    yield "too large", post(bytes(70000)), (413,), False
    yield "announced too large", post(b"", length=1 << 40), (413, 400), False
    yield "no length", b"POST /v1/summaries HTTP/1.1\r\nHost: x\r\n" + TYPE + b"\r\n", (411,), False
    yield "chunked", b"POST /v1/summaries HTTP/1.1\r\nHost: x\r\n" + TYPE + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", (411,), False
    yield "two lengths", post(b"ab", b"Content-Length: 2\r\n"), (400,), False
    yield "negative length", b"POST /v1/summaries HTTP/1.1\r\nHost: x\r\n" + TYPE + b"Content-Length: -1\r\n\r\n", (400,), False
    yield "two hosts", b"GET /v1/fleet HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", (400,), False
    yield "truncated body", post(b"\x0a\x10abc", length=500), (0, 400), True
    yield "huge header", b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 40000 + b"\r\n\r\n", (0, 400, 413, 431), False
    yield "not HTTP", b"\x16\x03\x01\x02\x00" + bytes(64), (0, 400), True
    empty = b"\x2a\x00"  # field 5, an empty Summary: 2 bytes that unpack to hundreds
    yield "amplification", post(empty * 30000), (400, 413), False
    yield "deep unknown groups", post(b"\x33" * 60000), (400,), False
    for i in range(200):
        yield f"random {i}", post(RANDOM.randbytes(RANDOM.randrange(1, 2000))), (400,), False


def main():
    """Runs every case; the first wrong answer ends it."""
    print("HR_SEED", SEED)
    n = 0
    for name, request, allowed, hang_up in cases():
        status, fields, body = ask(request, hang_up)
        if status not in allowed:
            sys.exit(f"{name}: answered {status} {body[:200]!r}, expected {allowed}")
        if status >= 400 and status != 431 and not (name in ("huge header", "not HTTP", "two hosts", "negative length")):
            if not fields.get("content-type", "").startswith("application/problem+json"):
                sys.exit(f"{name}: {status} with type {fields.get('content-type')}, expected application/problem+json")
            problem = json.loads(body)
            if problem.get("status") != status or not problem.get("title"):
                sys.exit(f"{name}: problem document {problem}")
        n += 1
    print(n, "hostile requests refused")


main()
