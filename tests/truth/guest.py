# SPDX-License-Identifier: Apache-2.0
"""
The same measurements in a guest with a clock of its own (QEMU, instructions counted as time): a real kernel and the
real programs, and a machine that is quiet whatever else runs here.  Slower than life, one vCPU only: with counted
instructions several vCPUs take turns, which no real machine does.

Needs qemu-system-x86_64, a static busybox and a kernel image with BTF: HR_TRUTH_KERNEL and HR_TRUTH_BUSYBOX name them.
Cases with devices also need that kernel's modules, in lib/modules beside the image.
"""
import glob
import gzip
import json
import lzma
import os
import re
import select
import shutil
import subprocess
import tempfile
import time

from rig import HEADROOM, LOAD, Rules, Skip, need, on_exit, stop

NS_PER_INSTRUCTION = 4  # a vCPU of 250 million instructions a second: about what emulation keeps up with
INIT = """#!/bin/sh
mount -t proc none /proc; mount -t sysfs none /sys; mount -t tmpfs none /tmp; mount -t devtmpfs none /dev
mkdir -p /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup
echo 0 >/proc/sys/kernel/printk
stty raw -echo </dev/ttyS0
exec >/dev/ttyS0 2>/dev/null </dev/ttyS0
echo "@@READY"
while read -r line; do eval "$line"; echo "@@DONE $?"; done
poweroff -f
"""


def _copy(root, path, to):
    shutil.copy2(path, os.path.join(root, to))
    for lib in re.findall(r"(/\S+)", subprocess.run(["ldd", path], capture_output=True, text=True).stdout):
        there = root + lib
        os.makedirs(os.path.dirname(there), exist_ok=True)
        if not os.path.exists(there):
            shutil.copy2(os.path.realpath(lib), there)


def _modules(root, kernel, names):
    """These modules and what they need, as /mod/N-NAME.ko in the order of loading."""
    top = glob.glob(os.path.join(os.path.dirname(kernel), "lib", "modules", "*"))
    if not top:
        raise Skip("no lib/modules beside the kernel image")
    depends = {}
    with open(os.path.join(top[0], "modules.dep"), encoding="ascii") as f:
        for text in f:
            path, _, rest = text.partition(":")
            depends[re.sub(r"\.ko.*", "", os.path.basename(path))] = (path, rest.split())
    paths = []
    for n in names:
        if n not in depends:
            raise Skip(f"the kernel has no module {n}")
        path, rest = depends[n]
        paths += [p for p in [*reversed(rest), path] if p not in paths]
    os.makedirs(os.path.join(root, "mod"))
    for i, p in enumerate(paths):
        with open(os.path.join(top[0], p), "rb") as f:
            data = f.read()
        name = re.sub(r"\.ko.*", "", os.path.basename(p))
        with open(os.path.join(root, "mod", f"{i}-{name}.ko"), "wb") as f:
            f.write(lzma.decompress(data) if p.endswith(".xz") else data)


def _images():
    """Kernel and busybox of HR_TRUTH_*."""
    paths = [os.environ.get(name, "") for name in ("HR_TRUTH_KERNEL", "HR_TRUTH_BUSYBOX")]
    for name, path in zip(("HR_TRUTH_KERNEL", "HR_TRUTH_BUSYBOX"), paths):
        if not os.path.isfile(path):
            raise Skip(f"{name} names no file")
    return paths


def _initrd(where, modules=(), programs=(), trees=(), files=()):
    """@files: pairs of a path here and one there."""
    kernel, busybox = _images()
    root = os.path.join(where, "root")
    for d in ("bin", "proc", "sys", "tmp", "dev"):
        os.makedirs(os.path.join(root, d))
    shutil.copy2(busybox, os.path.join(root, "bin", "busybox"))
    for a in "sh mount sleep cat head stty mkdir echo poweroff rm kill insmod mkswap swapon start-stop-daemon mkfifo".split():
        os.symlink("busybox", os.path.join(root, "bin", a))
    _copy(root, HEADROOM, "bin/headroom")
    _copy(root, LOAD, "bin/load")
    for p in programs:
        _copy(root, os.path.realpath(shutil.which(p) or p), f"bin/{os.path.basename(p)}")
    for t in trees:
        shutil.copytree(t, root + t, symlinks=True, ignore_dangling_symlinks=True)
    for path, to in files:
        os.makedirs(os.path.dirname(root + to), exist_ok=True)
        shutil.copy2(path, root + to)
    if modules:
        _modules(root, kernel, modules)
    with open(os.path.join(root, "init"), "w", encoding="ascii") as f:
        f.write(INIT)
    os.chmod(os.path.join(root, "init"), 0o755)
    names = subprocess.run(["find", "."], cwd=root, capture_output=True, check=True).stdout
    cpio = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=root, input=names, capture_output=True, check=True)
    path = os.path.join(where, "initrd")
    with gzip.open(path, "wb", 1) as f:
        f.write(cpio.stdout)
    shutil.rmtree(root)
    return path


class Guest:
    """A booted guest; run() gives it a line of shell and returns what it printed."""

    def __init__(self, memory_mb=512, modules=(), programs=(), trees=(), ns=NS_PER_INSTRUCTION, args=()):
        """@ns 0: its clock is the machine's; @args: more of QEMU's."""
        self._boot(_initrd(self._place(), modules, programs, trees), memory_mb, ns, args)
        if modules:
            self.run("for m in /mod/*; do insmod $m; done; rm -r /mod")
        self._settle()

    @staticmethod
    def _place():
        need("qemu-system-x86_64", "cpio", "ldd")
        where = tempfile.mkdtemp(prefix="hr-truth.")
        on_exit(shutil.rmtree, where)
        return where

    def _boot(self, initrd, memory_mb, ns=NS_PER_INSTRUCTION, args=()):
        self.qemu = subprocess.Popen(
            ["qemu-system-x86_64", "-M", "pc", "-cpu", "max", "-smp", "1", "-m", str(memory_mb), "-accel", "tcg",
             *(["-icount", f"shift={ns.bit_length() - 1},sleep=off"] if ns else []), *args, "-kernel", _images()[0], "-initrd",
             initrd, "-append", "console=ttyS0 quiet panic=-1 mitigations=off", "-display", "none", "-nic", "none",
             "-no-reboot", "-monitor", "none", "-serial", "stdio"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        on_exit(stop, self.qemu)
        self._rest = b""
        self._until("@@READY", 1500)

    def _settle(self):
        self.run("sleep 10")  # what a fresh kernel does by itself
        up = self.run("cat /proc/uptime; headroom measure --for 5s --json >/tmp/answer; cat /proc/uptime").split()
        self.setup_s = max(0.0, float(up[2]) - float(up[0]) - 5)  # verifying BPF programs takes long here

    def _until(self, tag, timeout):
        left, lines = timeout, []
        while left > 0:
            while b"\n" in self._rest:
                raw, self._rest = self._rest.split(b"\n", 1)
                text = raw.decode(errors="replace").rstrip("\r")
                if tag in text:
                    return "\n".join(lines)
                lines.append(text)
            at = time.monotonic()
            said = select.select([self.qemu.stdout], [], [], 1)[0]
            left -= min(time.monotonic() - at, 2)  # who stops the suite for a while stops the guest, too
            if not said:
                continue
            more = os.read(self.qemu.stdout.fileno(), 65536)
            if not more:
                break
            self._rest += more
        raise RuntimeError("the guest said nothing more; last: " + " | ".join(lines[-5:]))

    def stop(self):
        stop(self.qemu)

    def run(self, line, timeout=3000):
        self.qemu.stdin.write(line.encode() + b"\n")
        return self._until("@@DONE", timeout)

    def group(self, name, **files):
        """A cgroup (v2) with these limits."""
        path = f"/sys/fs/cgroup/{name}"
        self.run("for c in +cpu +io +memory; do echo $c >/sys/fs/cgroup/cgroup.subtree_control; done; mkdir " + path)
        for f, text in files.items():
            self.run(f"echo '{text}' >{path}/{f.replace('_', '.')}")
        return path

    def load(self, *args):
        return json.loads(self.run("load " + " ".join(str(a) for a in args)))

    def beside(self, seconds, shell, include="", before=0):
        """headroom measure while a line of shell runs, @before seconds after it began; what that printed, by lines."""
        text = self.run(
            f"({shell}) >/tmp/load & job=$!; sleep {before + 1}; "
            f"headroom measure --for {seconds}s --json {include and '--include ' + include} >/tmp/answer; "
            "wait $job; cat /tmp/load; echo @@ANSWER; cat /tmp/answer")
        printed, _, answer = text.partition("@@ANSWER\n")
        return json.loads(answer), printed.split("\n")

    def lead(self, seconds):
        """How long a load must last that covers beside(seconds)."""
        return seconds + round(self.setup_s) + 6

    def measure(self, seconds, load_args=None, group=None, until=0):
        """
        headroom measure while the load runs; /proc/stat once a second for the rules of thumb.  With @until it goes on up to
        that many seconds while its answer is unknown, and load and /proc/stat end with it.
        """
        wait = round(self.setup_s) + 1
        load = "echo '{\"late_share\": 0}'"
        if load_args:
            # told to end, see below; what is late in a load that ends early is not told
            length = (2 * until + wait + 60 if until else seconds + wait + 3) if load_args[0] == "open" else 3600
            load = f"load {' '.join(str(a) for a in load_args)} --for {length}"
        if group:
            load = f"sh -c 'echo $$ >{group}/cgroup.procs; exec {load}'"
        # Against threads that never sleep the product takes long to begin: the load stays as long.
        end = "kill $load $stat;" if until else "kill $load;" if load_args and load_args[0] == "closed" else ""
        text = self.run(
            f"{load} >/tmp/load & load=$!; "
            f"(sleep {wait}; exec load stat --for {2 * until + 60 if until else seconds} >/tmp/stat) & stat=$!; "
            f"sleep 1; headroom measure --for {seconds}s {until and f'--until-known {until}s' or ''} --json >/tmp/answer; "
            f"{end} wait; "
            "cat /tmp/load; echo; cat /tmp/stat /tmp/answer")
        load_text, _, rest = text.partition("\n")
        stat, brace, answer = rest.partition("{")
        rules = Rules.of_lines(stat.strip().split("\n"))
        k, busy = rules.k(1)
        return json.loads(brace + answer), {"rules": k, "busy": busy, "foreign": 0.0, "guest": True,
                                            "late": json.loads(load_text)["late_share"] if load_text.strip() else None}


class Nested(Guest):
    """
    A guest in the guest, by KVM on the SVM that QEMU emulates: its kernel is told what of its CPU was stolen.  Its clock is
    the outer one's, which counts the instructions of both.  run() speaks to the inner one, in short lines: one of 600
    characters never came through both consoles.  What the inner one writes to /dev/ttyS1 the outer one does.
    """

    FIRMWARE = "bios-256k.bin", "kvmvapic.bin", "linuxboot_dma.bin"
    START = (
        "mkfifo /tmp/outer.in /tmp/outer.out; (while read -r line; do eval \"$line\"; done </tmp/outer.out) >/tmp/said 2>&1 & "
        "echo +cpu >/sys/fs/cgroup/cgroup.subtree_control; mkdir /sys/fs/cgroup/inner; "
        "exec sh -c 'echo $$ >/sys/fs/cgroup/inner/cgroup.procs; exec /bin/qemu-system-x86_64 -M pc -L /inner -accel kvm -cpu host "
        "-m %d -nodefaults -no-user-config -display none -serial stdio -serial pipe:/tmp/outer -no-reboot -kernel /inner/kernel "
        "-initrd /inner/initrd -append \"console=ttyS0 quiet panic=-1 mitigations=off\"'\n")

    def __init__(self, memory_mb=400, files=(), ns=NS_PER_INSTRUCTION):
        where = self._place()
        os.mkdir(os.path.join(where, "inner"))
        inner = _initrd(os.path.join(where, "inner"), files=files)
        files = [(_images()[0], "/inner/kernel"), (inner, "/inner/initrd"), *((self._firmware(f), f"/inner/{f}") for f in self.FIRMWARE)]
        self._boot(_initrd(where, ("kvm-amd",), ("qemu-system-x86_64",), (), files), memory_mb + 700, ns)
        said = super().run("for m in /mod/*; do insmod $m; done; test -c /dev/kvm || dmesg | tail -3")
        if said:
            raise Skip("no KVM in the guest: " + said.replace("\n", " | "))
        self.qemu.stdin.write((self.START % memory_mb).encode())
        self._until("@@READY", 300)
        self.run("stty -F /dev/ttyS1 raw -echo")
        self._settle()

    @staticmethod
    def _firmware(name):
        for place in subprocess.run(["qemu-system-x86_64", "-L", "help"], capture_output=True, text=True).stdout.split():
            if os.path.isfile(os.path.join(place, name)):
                return os.path.join(place, name)
        raise Skip(f"QEMU has no {name}")
