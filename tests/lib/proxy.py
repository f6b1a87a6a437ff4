#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""proxy.py LISTEN_PORT TARGET_PORT LOSE FILE: forwards HTTP on loopback and loses answers.

Of the POSTs, each LOSE-th answer is swallowed after the collector gave it, and the connection is
closed: the collector has stored, the agent does not know.  One line per POST goes to FILE:
'passed' or 'lost', and the answer's status.
"""
import http.client
import http.server
import sys

LISTEN, TARGET, LOSE = (int(a) for a in sys.argv[1:4])
LOG = open(sys.argv[4], "a", encoding="ascii", buffering=1)  # pylint: disable=consider-using-with


class Handler(http.server.BaseHTTPRequestHandler):
    """Forwards one request."""
    protocol_version = "HTTP/1.1"
    posts = 0

    def do_POST(self):  # pylint: disable=invalid-name
        """Forward, then pass the answer on or lose it."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            to = http.client.HTTPConnection("127.0.0.1", TARGET, timeout=10)
            to.request("POST", self.path, body, {"Content-Type": self.headers["Content-Type"]})
            answer = to.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            self.close_connection = True
            return
        Handler.posts += 1
        lost = Handler.posts % LOSE == 0
        print("lost" if lost else "passed", answer.status, file=LOG)
        self.close_connection = lost
        if lost:
            return
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("date", "server", "connection", "content-length"):
                self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):  # pylint: disable=arguments-differ
        """Quiet."""


http.server.ThreadingHTTPServer(("127.0.0.1", LISTEN), Handler).serve_forever()
