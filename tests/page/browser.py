#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium driven over the WebDriver protocol, with nothing but the standard library."""
import base64
import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

# The flags without which Chromium asks hosts of its maker at every start.
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update", "--disable-default-apps", "--hide-scrollbars",
         "--disable-dev-shm-usage", "--force-color-profile=srgb"]
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "ArrowDown": "\ue015", "ArrowUp": "\ue013", "Tab": "\ue004"}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Browser:
    """One window; use as a context manager."""

    def __init__(self, width=1280, height=860, dark=False, scale=1):
        self.profile = tempfile.mkdtemp(prefix="hr-chromium-")
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.driver = subprocess.Popen(["chromedriver", f"--port={port}", "--log-level=OFF"],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        args = FLAGS + [f"--user-data-dir={self.profile}", f"--window-size={width},{height}", f"--force-device-scale-factor={scale}"]
        caps = {"browserName": "chrome", "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
                "goog:chromeOptions": {"args": args, "binary": shutil.which("chromium") or "chromium"}}
        for _ in range(100):
            try:
                if self.call("GET", "/status")["ready"]:
                    break
            except OSError:
                time.sleep(0.1)
        self.session = ""
        got = self.call("POST", "/session", {"capabilities": {"alwaysMatch": caps}}, timeout=90)
        self.session = "/session/" + got["sessionId"]
        if dark:
            self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.call("DELETE", self.session)
        except OSError:
            pass
        self.driver.terminate()
        try:
            self.driver.wait(10)
        except subprocess.TimeoutExpired:
            self.driver.kill()
        shutil.rmtree(self.profile, ignore_errors=True)

    def call(self, method, path, body=None, timeout=120):
        data = json.dumps(body).encode() if body is not None else None
        req = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(req, timeout=timeout) as r:
                return json.load(r)["value"]
        except urllib.error.HTTPError as e:
            raise RuntimeError(json.load(e)["value"]["message"].splitlines()[0]) from None

    def cdp(self, cmd, **params):
        return self.call("POST", self.session + "/goog/cdp/execute", {"cmd": cmd, "params": params})

    def open(self, url):
        self.call("POST", self.session + "/url", {"url": url})

    def js(self, script, *args):
        return self.call("POST", self.session + "/execute/sync", {"script": script, "args": list(args)})

    def wait(self, script, what, seconds=10):
        """Until the expression @script is true; its value."""
        end = time.monotonic() + seconds
        while True:
            value = self.js("return " + script)
            if value:
                return value
            if time.monotonic() > end:
                raise AssertionError(f"waited in vain for {what}: {script}")
            time.sleep(0.05)

    def find(self, css):
        return self.call("POST", self.session + "/element", {"using": "css selector", "value": css})[ELEMENT]

    def click(self, css):
        self.call("POST", f"{self.session}/element/{self.find(css)}/click", {})

    def type(self, css, text):
        self.call("POST", f"{self.session}/element/{self.find(css)}/value", {"text": text})

    def key(self, name):
        """A key pressed where the focus is."""
        k = KEYS.get(name, name)
        self.call("POST", self.session + "/actions", {"actions": [{"type": "key", "id": "k", "actions": [
            {"type": "keyDown", "value": k}, {"type": "keyUp", "value": k}]}]})

    def console(self):
        """Messages of level warning and above since the last call."""
        return [m["message"] for m in self.call("POST", self.session + "/se/log", {"type": "browser"})
                if m["level"] in ("WARNING", "SEVERE")]

    def requested(self):
        """URLs requested since the last call."""
        urls = []
        for m in self.call("POST", self.session + "/se/log", {"type": "performance"}):
            e = json.loads(m["message"])["message"]
            if e["method"] == "Network.requestWillBeSent":
                urls.append(e["params"]["request"]["url"])
        return urls

    def shot(self, path, full=False):
        data = self.cdp("Page.captureScreenshot", format="png", captureBeyondViewport=full)["data"]
        with open(path, "wb") as f:
            f.write(base64.b64decode(data))
