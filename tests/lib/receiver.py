#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""receiver.py PORT SMTP_PORT FILE SECRET: takes alerts by HTTP and mail, checks signatures, writes what came to FILE.

POST /slow answers after 60 s, /refuse 400 at once, /later 503 the first two times. One JSON line per message: {path, signature, body}.
"""
import hashlib
import hmac
import json
import socketserver
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

out, secret = sys.argv[3], sys.argv[4].encode()
lock, later = threading.Lock(), [2]


def write(doc):
    with lock, open(out, "a", encoding="utf-8") as f:
        f.write(json.dumps(doc) + "\n")


def check(header, body):
    """What the signature is: absent, good or wrong."""
    if not header:
        return "absent"
    part = dict(p.split("=", 1) for p in header.split(","))
    want = hmac.new(secret, part["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    fresh = abs(time.time() - int(part["t"])) < 300
    return "good" if fresh and hmac.compare_digest(want, part["v1"]) else "wrong"


class Http(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = 200
        if self.path == "/slow":
            time.sleep(60)
        elif self.path == "/refuse":
            status = 400
        elif self.path == "/later" and later[0] > 0:
            later[0] -= 1
            status = 503
        write({"path": self.path, "status": status, "signature": check(self.headers.get("Headroom-Signature"), body), "body": json.loads(body)})
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


class Smtp(socketserver.StreamRequestHandler):
    """The few verbs a mail takes."""

    def handle(self):
        say = lambda s: self.wfile.write(s + b"\r\n")
        to, data = [], None
        say(b"220 test")
        for line in self.rfile:
            if data is not None:
                if line == b".\r\n":
                    write({"path": "mail", "to": to, "body": b"".join(data).decode()})
                    data = None
                    say(b"250 taken")
                else:
                    data.append(line[1:] if line.startswith(b".") else line)
                continue
            verb = line[:4].upper()
            if verb == b"EHLO":
                say(b"250-test")
                say(b"250 STARTTLS")  # as exim on Debian offers it: with a certificate that nobody can check
            elif verb == b"STAR":
                say(b"220 go on")
                return
            elif verb == b"DATA":
                data = []
                say(b"354 go on")
            elif verb == b"QUIT":
                say(b"221 bye")
                return
            else:
                if verb == b"RCPT":
                    to.append(line.decode().split(":", 1)[1].strip())
                say(b"250 ok")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads = True, True


threading.Thread(target=Server(("127.0.0.1", int(sys.argv[2])), Smtp).serve_forever, daemon=True).start()
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Http).serve_forever()
