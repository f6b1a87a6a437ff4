#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""attacks.py ADDRESS PORT DIR [NAME...]: attacks on a collector's TLS address, one line of result each.

DIR holds the files read, enrol, agent (credentials), own (host id of agent), other (another host's
id), body (a POST body of the host in other).  Status 1 as soon as one attack gets further than it should.
"""
import base64
import socket
import ssl
import sys
import threading
import time

ADDRESS, PORT, DIR = sys.argv[1], int(sys.argv[2]), sys.argv[3]
ONLY = sys.argv[4:]
failed = []


def item(name, mode="r"):
    with open(f"{DIR}/{name}", mode) as f:
        return f.read() if mode == "rb" else f.read().split("\n")[0]


def tcp():
    s = socket.create_connection((ADDRESS, PORT), timeout=30)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def tls(version=ssl.TLSVersion.TLSv1_3):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
    c.minimum_version = c.maximum_version = version
    return c.wrap_socket(tcp())


def read(s):
    """All that comes until the peer closes or 5 s pass in silence."""
    s.settimeout(5)
    out = b""
    try:
        while True:
            got = s.recv(65536)
            if not got:
                return out
            out += got
            if b"\r\n\r\n" in out:
                s.settimeout(0.3)
    except (TimeoutError, ssl.SSLError, OSError):
        return out


def ask(head, body=b""):
    """Status of one request."""
    with tls() as s:
        s.sendall(head.encode() + b"\r\n" + body)
        answer = read(s)
    return int(answer.split()[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def get(path, *headers, method="GET"):
    return ask(f"{method} {path} HTTP/1.1\r\nHost: x\r\n" + "".join(h + "\r\n" for h in headers))


def post(path, body=b"", *headers, length=None):
    n = len(body) if length is None else length
    kind = "Content-Type: application/x-protobuf\r\n" if path == "/v1/summaries" else ""
    return ask(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {n}\r\n{kind}" + "".join(h + "\r\n" for h in headers), body)


def bearer(token):
    return f"Authorization: Bearer {token}"


def want(what, got, *good):
    if got not in good:
        failed.append(what)
        sys.stdout.write(f"BAD  {what}: {got}, wanted {good}\n")
    else:
        sys.stdout.write(f"held {what}: {got}\n")


def plain_http():
    with tcp() as s:
        s.sendall(b"GET /v1/fleet HTTP/1.1\r\nHost: x\r\n\r\n")
        want("plain HTTP to the TLS port gets no HTTP answer", b"HTTP" in read(s), False)


def old_tls():
    try:
        tls(ssl.TLSVersion.TLSv1_2).close()
        got = "taken"
    except (ssl.SSLError, OSError):
        got = "refused"
    want("TLS 1.2", got, "refused")


def no_token():
    for path in ("/", "/v1/fleet", "/v1/hosts", "/v1/hosts/x/answer", "/metrics", "/readyz"):
        want(f"GET {path} without a token", get(path), 401)
    want("GET /healthz without a token", get("/healthz"), 200)
    want("POST /v1/summaries without a token", post("/v1/summaries", b"x"), 401)
    want("POST /v1/enrol without a token", post("/v1/enrol?host=" + "1" * 32), 401)


def wrong_token():
    good = item("read")
    id_, secret = good.split(".")[1:]
    other = "0" if secret[-1] != "0" else "1"
    for bad in (good[:-1] + other, good.upper(), good + "0", good[:-1], "", " " + good, good + ",", f"hr1a.{id_}.{secret}",
                f"hr1r.{'0' * 32}.{secret}", "x" * 300, good.replace(".", ":"), good + "\x80"):
        want(f"wrong token {bad[:12]!r}...", get("/v1/fleet", bearer(bad)), 401, 400)
    want("right token, other scheme", get("/v1/fleet", f"Authorization: Digest {good}"), 401)
    want("right token twice", get("/v1/fleet", bearer(good), bearer(good)), 401)
    want("right token in the query", get(f"/v1/fleet?token={good}"), 401)


def right_token():
    good = item("read")
    want("GET /v1/fleet with a read token", get("/v1/fleet", bearer(good)), 200)
    password = base64.b64encode(f"anybody:{good}".encode()).decode()
    want("the same as a browser's password", get("/v1/fleet", f"Authorization: Basic {password}"), 200)
    want("GET its own answer with an agent's secret", get(f"/v1/hosts/{item('own')}/answer", bearer(item("agent"))), 200)


def other_kind():
    read_, enrol, agent = item("read"), item("enrol"), item("agent")
    want("read token posts windows", post("/v1/summaries", item("body", "rb"), bearer(read_)), 403)
    want("read token enrols", post("/v1/enrol", b"", bearer(read_)), 403)
    want("enrol token reads", get("/v1/fleet", bearer(enrol)), 403)
    want("enrol token posts windows", post("/v1/summaries", item("body", "rb"), bearer(enrol)), 403)
    want("agent's secret reads the fleet", get("/v1/fleet", bearer(agent)), 403)
    want("agent's secret reads another host", get(f"/v1/hosts/{item('other')}/answer", bearer(agent)), 403)
    want("agent's secret posts windows of another host", post("/v1/summaries", item("body", "rb"), bearer(agent)), 403)
    want("read token deletes a host over TLS", get(f"/v1/hosts/{item('own')}", bearer(read_), method="DELETE"), 405)
    want("read token makes a token over TLS", post("/v1/tokens?kind=read", b"", bearer(read_)), 404)


def body_before_auth():
    at = time.monotonic()
    got = post("/v1/summaries", b"", bearer("x"), length=65536)
    want("64 KiB announced, wrong token, no byte of it sent: answered at once", (got, time.monotonic() - at < 8), (401, True))


def drip(what, make, data, seconds):
    """A byte each half second: how long until the peer has enough?"""
    s, at = make(), time.monotonic()
    try:
        for b in data:
            s.sendall(bytes([b]))
            s.settimeout(0.5)
            try:
                if not s.recv(1):
                    break
            except TimeoutError:
                pass
            if time.monotonic() - at > seconds + 10:
                break
    except OSError:
        pass
    took = time.monotonic() - at
    want(f"{what}, a byte each 0.5 s: closed within {seconds} s", took <= seconds, True)


def slow():
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x11" * 200
    head = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: " + b"y" * 200
    runs = [("TLS handshake", tcp, hello, 13), ("request line", tls, b"GET /" + b"a" * 200, 13), ("headers", tls, head, 18),
            ("nothing at all", tcp, b"", 13)]
    threads = [threading.Thread(target=drip, args=r) for r in runs[:3]]
    for t in threads:
        t.start()
    s, at = tcp(), time.monotonic()
    s.settimeout(20)
    try:
        s.recv(1)
    except OSError:
        pass
    want("a connection that says nothing: closed within 13 s", time.monotonic() - at <= 13, True)
    for t in threads:
        t.join()


def many():
    """With per_address = 16: the 17th and later are closed."""
    held = [tcp() for _ in range(24)]
    time.sleep(1)
    alive = 0
    for s in held:
        s.settimeout(0.05)
        try:
            alive += s.recv(1) != b""
        except TimeoutError:
            alive += 1
        except OSError:
            pass
    for s in held:
        s.close()
    want("24 connections at once from an address that may have 16", alive <= 16, True)
    time.sleep(1)
    want("one more, later", get("/healthz"), 200)


def fast():
    """With connect_rate = 10: a burst of 100, then 10/s.  The burst takes no time, however busy the machine is."""
    for _ in range(150):
        tcp().close()
    refused = 0
    for _ in range(30):
        with tcp() as s:
            s.settimeout(0.02)
            try:
                refused += s.recv(1) == b""
            except TimeoutError:
                pass
            except OSError:
                refused += 1
    want("30 connections behind 150 of an address that may make 100 and 10/s: most closed unanswered", refused > 15, True)


for case in (plain_http, old_tls, no_token, right_token, other_kind, wrong_token, body_before_auth, slow, many, fast):
    if not ONLY or case.__name__ in ONLY:
        case()
sys.exit(1 if failed else 0)
