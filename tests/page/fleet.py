#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fleet.py PORT HOSTS PAGE PLOTS [TARGET]: the page's files and a fleet with every answer in it, for looking at the page.

The collector itself needs a day and a half of history before it says anything but unknown; here its API is spoken
with made-up machines, so that every answer, reason, gap and length of text is on the page at once.
"""
import json
import math
import os
import random
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

CSP = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
       "form-action 'none'; frame-ancestors 'none'")
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".svg": "image/svg+xml"}
REASONS = ["headroom-left", "bigger-size-helps", "serial-thread", "steal", "local-limit", "external-limit", "at-ceiling", "missing-evidence"]
KIND = dict(zip(REASONS, ["yes", "resize", "no", "no", "no", "no", "no", "unknown"]))
BINDS = {"headroom-left": ("cpu", None), "bigger-size-helps": ("memory", None), "serial-thread": ("serial", None), "steal": ("steal", None),
         "local-limit": ("cpu", None), "external-limit": ("disk", "vdb"), "at-ceiling": ("cpu", None), "missing-evidence": (None, None)}

TARGET = float(sys.argv[5]) if len(sys.argv) > 5 else 1.3
ADVICE = {"headroom-left": "Nothing to do.", "bigger-size-helps": "Take the next size (vcpus x2) before anything else.",
          "serial-thread": "Split that thread's work; keep the number of vCPUs.", "steal": "Leave this host or family; keep the size.",
          "at-ceiling": "This is the largest size: reduce the work per request, or distribute the load.",
          "missing-evidence": "Let the agent run on; the missing evidence comes by itself."}


def stamp(t):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t))


def bounds(low, likely, high):
    cut = [None if v is None else round(min(8, max(0.125, v)), 3) for v in (low, likely, high)]
    b = dict(zip(("at_least", "likely", "at_most"), cut))
    if cut[0] == 8:
        b["capped"] = True
    return b


class Vm:
    """One made-up machine; the same number gives the same machine."""

    def __init__(self, i):
        r = random.Random(i)
        self.i, self.id = i, f"{i:032x}"
        role = r.choice(["web", "db", "queue", "cache", "build", "mail", "auth", "search"])
        self.host = f"{role}-{r.choice(['fra', 'ams', 'waw'])}-{i}"
        self.reason = r.choices(REASONS, [70, 9, 4, 2, 3, 3, 1, 8])[0] if i >= len(REASONS) else REASONS[i]
        if i == 1:
            self.host = "a-very-long-host-name-that-somebody-generated-0123456789.internal.example"
        if i == 3:
            self.host = '<img src=x onerror="alert(1)">&amp;'
        low = {"yes": r.uniform(1.3, 5), "resize": r.uniform(0.6, 1.2), "no": r.uniform(0.5, 1.2)}.get(KIND[self.reason])
        self.headroom = None if low is None else bounds(low, low * r.uniform(1.05, 1.8), None if r.random() < 0.4 else low * 2.2)
        if self.reason == "headroom-left" and i % 7 == 0:
            self.headroom = bounds(8, 8, None)
        self.days = None if low is None or r.random() < 0.5 else {"at_least": round(r.uniform(3, 400), 1), "likely": None, "at_most": round(r.uniform(401, 700), 1) if i % 2 else None}

    def row(self, now):
        res, dev = BINDS[self.reason]
        return {"host": self.host, "host_id": self.id, "at": stamp(now - 4), "heard_at": stamp(now - (900 if self.i % 97 == 5 else 4)),
                "answer": KIND[self.reason], "reason": self.reason, "binding": {"resource": res, "device": dev},
                "headroom": self.headroom, "days_left": self.days}

    def answer(self, now):
        a = self.row(now)
        h = self.headroom
        res = []
        for name, dev, unit, cap, use in (("cpu", None, "cores", 4, 1.7), ("serial", None, "ratio", 0.9, 0.4), ("steal", None, "ratio", 0.05, 0.002),
                                          ("memory", None, "bytes", 16 << 30, 9 << 30), ("disk", "vda", "iops", 3000, 410), ("disk", "vdb", "iops", None, 2),
                                          ("network", "ens3", "bytes_per_second", 1.25e8, 2.1e6), ("softirq", None, "ratio", 0.9, 0.04)):
            binds = h is not None and BINDS[self.reason] == (name, dev)
            k = h if binds else None if cap is None else bounds(2 + len(res) * 0.6, 3 + len(res) * 0.7, None if name == "memory" else 4.5 + len(res))
            res.append({"resource": name, "device": dev, "headroom": k, "saturated": bool(binds and h["at_least"] < 1),
                        "demand": {"mean": use, "p50": use, "p99": use * 2, "max": use * 2.4, "unit": unit},
                        "capacity": {"value": cap, "unit": unit, "source": "unknown" if cap is None else "lower-bound" if name == "disk" else "known"},
                        "confidence": "none" if cap is None else "medium",
                        "missing": [] if cap else [{"evidence": "the volume's limit: it was never seen under load", "available_at": None}],
                        "evidence": [{"signal": "runq_wait_p99", "value": 1.2, "unit": "ms", "source": "tp_btf/sched_switch"},
                                     {"signal": "late_bursts", "value": 12345, "unit": "count", "source": "tp_btf/sched_switch"}]})
        a.update(schema="headroom.answer/1", window={"from": stamp(now - 604800), "to": stamp(now), "seconds": 604800, "covered": 0.98},
                 sentence=f"{self.host} carries at least {h['at_least']:.2f}x of today's load; {BINDS[self.reason][0]} binds in 80 % of the tight minutes." if h
                 else "Not enough was measured for an answer: 30 h of history are needed, 4 h exist.",
                 advice=ADVICE.get(self.reason, "Raise that limit; keep the size."),
                 resources=res, bigger=[{"change": "vcpus x2", "gain": bounds(1.6, 1.9, 2)}] if a["answer"] == "resize" else [],
                 missing=[] if h else [{"evidence": "30 h of history", "available_at": stamp(now + 93600)}],
                 top=[{"resource": "cpu", "process": "postgres", "pid": 42, "thread": "postgres", "tid": 42, "share": 0.61},
                      {"resource": "cpu", "process": "java", "pid": 77, "thread": "C2 CompilerThre", "tid": 81, "share": 0.2}],
                 cost={"cpu_ratio": 0.0008, "rss_bytes": 9 << 20, "map_bytes": 230000, "ns_per_event": {"all": 61.0}, "shed": []})
        a["binding"]["share"] = 0.8 if h else None
        a["size"] = self.size() if self.i % 5 else None
        a["outlook"] = {"history_days": 31, "need_days": 0, "probability_30d": 0.2, "trend": "no trend in 31 days", "next_week": []}
        if a["days_left"]:
            a["days_left"] = {**a["days_left"], "resource": "cpu"}
        return a

    def gap(self, n, i):
        return n * 0.3 < i < n * 0.34

    def claims(self, n):
        """Headroom over @n steps that ends near today's."""
        if self.headroom is None:
            return {"at_least": [None] * n, "likely": [None] * n}
        r = random.Random(self.i * 31)
        low = [None if self.gap(n, i) else round(min(8, max(0.125, self.headroom["at_least"] * (1 + 0.25 * (n - i) / n + 0.12 * math.sin(i / 5) + 0.08 * r.random()))), 3) for i in range(n)]
        return {"at_least": low, "likely": [None if v is None else min(8, round(v * 1.35, 3)) for v in low]}

    def history(self, now, span, step):
        n = span // step
        f = lambda base, i: None if self.gap(n, i) else base * (1 + 0.4 * math.sin(i / 9) + 0.2 * random.Random(self.i * 997 + i).random())
        series = []
        for r, w, u, b in (("cpu", "demand", "cores", 1.7), ("memory", "available", "bytes", 7 << 30), ("disk", "demand", "iops", 400), ("network", "demand", "bytes_per_second", 2e6)):
            one = {"resource": r, "what": w, "unit": u, "values": [f(b, i) for i in range(n)]}
            if w == "demand":
                one.update(over="1 s" if r == "cpu" else "100 ms, busiest device", p99=[v and v * 1.5 for v in one["values"]], max=[v and v * 1.9 for v in one["values"]])
            if r in ("cpu", "memory") and self.i % 2:
                one["forecast"] = {"from": stamp(now), "step_seconds": 3600, "shape": "hour-of-day", "share": 0.9, "bound": "at_most" if r == "cpu" else "at_least",
                                   "values": [b * (1.2 + 0.3 * math.sin(h * math.pi / 12)) for h in range(168)], "hours_held": 151, "hours": 168}
            else:
                one["forecast"] = None
            series.append(one)
        tight = None
        if self.headroom:
            poisson = lambda m, k: math.exp(-m) * m ** k / math.factorial(k)
            tight = {"from": stamp(now - 1500), "to": stamp(now - 1440), "headroom": self.headroom, "resource": BINDS[self.reason][0], "device": BINDS[self.reason][1], "cpus": 4,
                     "slot_ms": 8.388608, "slots": 7152, "slots_all_busy": 1180,
                     "busy_cores": [[k, k + 0.99, int(7152 * poisson(2.4, k)) + 1] for k in range(4)] + [[4, 4, 1180]],
                     "busy_cores_1s": [[1.8, 1.99, 9], [2, 2.24, 31], [2.25, 2.49, 17], [2.5, 2.6, 3]],
                     "runnable": [[k, k + 0.99, int(7152 * poisson(2.9, k)) + 1] for k in range(13)],
                     "burst_cpu_ms": [[0.1, 0.11, 9000], [0.5, 0.6, 12000], [2, 2.2, 4000], [14, 15.9, 300]],
                     "burst_wait_ms": [[0, 0.01, 20000], [1, 1.1, 4000], [16, 17.9, 500]]}
        return {"schema": "headroom.history/1", "host": self.host, "from": stamp(now - span), "to": stamp(now), "step_seconds": step, "threshold": TARGET,
                "headroom": self.claims(n), "series": series, "tightest": tight}

    def days_kept(self, now):
        n, end = 91, now // 86400 * 86400
        k = self.claims(n)
        load = lambda base: [None if self.gap(n, i) else base * (1 + 0.1 * math.sin(i * 0.9) + i / 300) for i in range(n)]
        return {"schema": "headroom.history/1", "host": self.host, "from": stamp(end - n * 86400), "to": stamp(end), "step_seconds": 86400, "threshold": TARGET,
                "headroom": {"at_least": [None if v is None else min(v, 6.3) for v in k["at_least"]], "at_cap": 6.3},
                "series": [{"resource": r, "what": "demand", "unit": "ratio", "p95": load(b)} for r, b in (("cpu", 0.52), ("memory", 0.61))], "tightest": None}

    # the family: vCPUs, GiB and how the headroom scales
    LADDER = [("m.small", 1, 4, 0.22), ("m.medium", 2, 8, 0.6), ("m.large", 4, 16, 1), ("m.xlarge", 8, 32, 1.9), ("m.2xlarge", 16, 64, 3.4), ("m.4xlarge", 32, 128, 5), ("m.8xlarge", 64, 256, 6)]

    def rung(self, i, *more):
        name, vcpus, gib, f = self.LADDER[i]
        h = self.headroom or bounds(None, None, None)
        k = bounds(*(None if h[b] is None else h[b] * f for b in ("at_least", "likely", "at_most")))
        return {"name": name, "vcpus": vcpus, "memory_bytes": gib << 30, "binding": "cpu", "unknown": ["disk"] if f != 1 else [], "headroom": k, **dict(more)}

    def top(self):
        """This VM's size is the largest there is, where that is its answer."""
        return 2 if self.reason == "at-ceiling" else 6

    def size(self):
        ceiling = self.reason == "at-ceiling"
        return {"provider": "example", "name": "m.large", "vcpus": 4, "memory_bytes": 16 << 30, "in_catalogue": True,
                "next": None if ceiling else self.rung(3), "largest": None if ceiling else self.rung(6), "smaller": self.rung(1) if self.reason == "headroom-left" else None}

    def sizes(self):
        if self.i % 5 == 0:
            return {"schema": "headroom.sizes/1", "host": self.host, "size": None, "target": TARGET, "next": None, "smaller": None, "ceiling": None, "sizes": []}
        price = lambda i: {"value": round(0.0192 * 2 ** i, 4), "unit": "EUR/h"} if self.i % 2 else None
        rungs = [self.rung(i, ("current", i == 2), ("price", price(i))) for i in range(self.top() + 1)]
        for r in rungs:
            r["enough"] = r["headroom"]["at_least"] is not None and r["headroom"]["at_least"] >= TARGET
        ceiling = self.reason == "at-ceiling"
        return {"schema": "headroom.sizes/1", "host": self.host, "size": "m.large", "target": TARGET, "next": None if ceiling else 3, "ceiling": None if ceiling else 6,
                "smaller": next((i for i in (0, 1) if rungs[i]["enough"]), None), "sizes": rungs}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send(self, body, kind, status=200):
        self.send_response(status)
        for k, v in (("Content-Type", kind), ("Content-Length", len(body)), ("Content-Security-Policy", CSP), ("X-Content-Type-Options", "nosniff")):
            self.send_header(k, str(v))
        self.end_headers()
        try:
            self.wfile.write(body)
        except BrokenPipeError:
            pass  # the page gave up a request it no longer wants

    def do_GET(self):
        u = urlsplit(self.path)
        q = {k: v[-1] for k, v in parse_qs(u.query).items()}
        now = time.time()
        part = u.path.strip("/").split("/")
        if u.path == "/v1/fleet":
            return self.send(fleet(now, int(q.get("limit", 1000)), int(q.get("cursor", 0))), "application/json")
        if len(part) == 4 and part[:2] == ["v1", "hosts"]:
            vm = next((v for v in vms if part[2] in (v.id, v.host)), None)
            if vm is None:
                return self.json({"status": 404, "detail": "No host of this id or name reports to this collector."}, 404)
            if part[3] == "answer":
                return self.json(vm.answer(now))
            if part[3] == "sizes":
                return self.json(vm.sizes())
            if part[3] == "explain":
                return self.send(f"service level and steps of {vm.host}\n".encode(), "text/plain; charset=utf-8")
            if q["step"] == "1d":
                return self.json(vm.days_kept(now))
            return self.json(vm.history(now, {"-10m": 600, "-1h": 3600, "-6h": 21600}[q["from"]], {"10s": 10, "30s": 30, "2m": 120}[q["step"]]))
        name = part[0] or "index.html"
        path = os.path.join(plots if name.startswith("dygraph") else page, os.path.basename(name))
        kind = TYPES.get(os.path.splitext(name)[1])
        if not kind or not os.path.isfile(path):
            return self.json({"status": 404, "detail": "There is nothing at this path."}, 404)
        with open(path, "rb") as f:
            return self.send(f.read(), kind)

    def json(self, doc, status=200):
        return self.send(json.dumps(doc).encode(), "application/json" if status == 200 else "application/problem+json", status)


def prepare():
    """Rows and counts once: a Python that writes 10 000 rows anew for each request would be what is timed."""
    global rows, counts
    rows = [json.dumps(v.row(0)).replace(stamp(-4), "@HEARD@").replace(stamp(-900), "@OLD@") for v in vms]
    counts = json.dumps({"schema": "headroom.fleet/1", "count": len(vms), "answers": {k: sum(KIND[v.reason] == k for v in vms) for k in ("unknown", "yes", "resize", "no")},
                         "reasons": {r: sum(v.reason == r for v in vms) for r in REASONS}, "least": None, "target": TARGET, "matches": len(vms)})[:-1]


def fleet(now, limit, cursor):
    part = rows[cursor:cursor + limit]
    after = cursor + len(part)
    body = f'{counts}, "at": "{stamp(now)}", "next": {after if after < len(vms) else "null"}, "hosts": [{",".join(part)}]}}'
    return body.replace("@HEARD@", stamp(now - 4)).replace("@OLD@", stamp(now - 900)).encode()


if __name__ == "__main__":
    page, plots = sys.argv[3], sys.argv[4]
    vms = sorted((Vm(i) for i in range(int(sys.argv[2]))), key=lambda v: v.headroom["at_least"] if v.headroom else 99)
    prepare()
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
