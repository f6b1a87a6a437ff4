# SPDX-License-Identifier: Apache-2.0
"""
Disk, network and memory of a guest with a clock of its own: nothing that runs on this machine reaches them, and every
device in it is of memory, so that no real disk answers in the guest's time.  What limits them is known.
"""
import json
import math
from collections import namedtuple

from guest import NS_PER_INSTRUCTION, Guest
from rig import resource
from table import Row

DISK_CAP = 300  # writes a second
BYTES_CAP = 4e6  # bytes a second
NET_CAP = 40e6 / 8  # bytes a second
NONE = {"at_least": None, "likely": None, "at_most": None}


def results(lines):
    return [json.loads(x) for x in lines if x.startswith("{")]


def _row(case, f, answer, true, group, r, info, **kw):
    return Row(case, f, answer, true, group, headroom=(r and r["headroom"]) or NONE, info=info, **kw)


def _cap(case, r, true, answer, info, group, unit=None):
    """About the learned limit itself; nothing learned, or of another kind, is no number."""
    learned = r and r["capacity"]["source"] == "learned" and unit in (None, r["capacity"]["unit"])
    return Row(case, 1, answer, true, group, headroom={**NONE, "likely": r["capacity"]["value"] if learned else None},
               k_max=math.inf, info=info, judge="gain")


def _invented(r):
    return "-INVENTED" if r and r["capacity"]["source"] == "learned" else ""


def disk(o):
    """A loop device over a RAM disk that the load's cgroup may write to DISK_CAP times a second: a volume's cap."""
    g = Guest(modules=("brd", "loop"), programs=("losetup",))
    g.run("/bin/losetup --direct-io=on /dev/loop0 /dev/ram0")
    group = g.group("capped", io_max=f"1:0 wiops={DISK_CAP}")

    def write(rate, seconds, inside=True):
        move = f"echo $$ >{group}/cgroup.procs; " if inside else ""
        return (f"sh -c '{move}exec load open --disk /dev/loop0 --rate {rate} --threads 16 --seed {o.seed} "
                f"--for {seconds}'")

    got = results(g.run(write(800, 5)).split("\n"))[0]["per_s"]
    if not 0.9 * DISK_CAP < got < 1.15 * DISK_CAP:
        raise RuntimeError(f"the throttle did not act: {got:.0f} writes a second")
    for rate in (60, 180):
        answer, lines = g.beside(o.seconds, write(rate, g.lead(o.seconds)), "loop0")
        r = resource(answer, "disk", "loop0")
        yield _row("disk/below-cap@guest" + _invented(r), rate / DISK_CAP, answer, DISK_CAP / rate, "disk cap", r,
                   {"load": results(lines)})
    # the operator tells it
    answer, lines = g.beside(o.seconds, write(180, g.lead(o.seconds)), f"loop0 --limits loop0={DISK_CAP}")
    r = resource(answer, "disk", "loop0")
    yield _row("disk/told@guest", 180 / DISK_CAP, answer, DISK_CAP / 180, "disk cap", r, {"load": results(lines)}, want="yes")
    answer, lines = g.beside(o.seconds, write(1000, g.lead(o.seconds), False), "loop0")
    r = resource(answer, "disk", "loop0")
    yield _row("disk/no-cap@guest" + _invented(r), 0, answer, None, "disk, no cap", r, {"load": results(lines)},
               forbid="external-limit")
    # three times at the cap, then the answer: how large it is, and whose
    steps = [(60, 4 + round(g.setup_s)), (800, 4), (60, 3), (800, 4), (60, 3), (800, 4), (60, 3), (800, 16)]
    answer, lines = g.beside(30, "; ".join(write(*s) for s in steps), "loop0")
    r = resource(answer, "disk", "loop0")
    info = {"load": results(lines), "disk": r}
    yield _row("disk/at-cap@guest", 1, answer, 1.0, "disk cap", r, info, want="no/external-limit", binding="disk")
    yield _cap("disk/cap-found@guest", r, DISK_CAP, answer, info, "disk cap value")


def credits_gone(o):
    """A volume that carries more for a while: eight times its cap, until what it had saved is used up."""
    g = Guest(modules=("brd", "loop"), programs=("losetup",))
    g.run("/bin/losetup --direct-io=on /dev/loop0 /dev/ram0")
    group = g.group("capped", io_max=f"1:0 wiops={8 * DISK_CAP}")

    def write(rate, seconds):
        return (f"sh -c 'echo $$ >{group}/cgroup.procs; exec load open --disk /dev/loop0 --rate {rate} --threads 16 --seed {o.seed} "
                f"--for {seconds}'")

    steps = [write(60, 4 + round(g.setup_s)), write(800, 4), write(60, 3), f"echo '1:0 wiops={DISK_CAP}' >{group}/io.max",
             *(write(*s) for s in ((800, 4), (60, 3), (800, 4), (60, 3), (800, 4), (60, 3), (800, 13)))]
    answer, lines = g.beside(34, "; ".join(steps), "loop0")
    r = resource(answer, "disk", "loop0")
    info = {"load": results(lines), "disk": r}
    yield _row("disk-credits/gone@guest", 1, answer, 1.0, "disk cap", r, info, want="no/external-limit", binding="disk")
    yield _cap("disk-credits/cap-found@guest", r, DISK_CAP, answer, info, "disk cap value")


def _steps(g, write, times):
    """Loads one after the other: (rate, seconds), the first as long as the product takes to begin, which other load stretches, too."""
    (rate, s), *rest, (last, end) = times
    return "; ".join(write(*t) for t in [(rate, s + round(1.6 * g.setup_s)), *rest, (last, end + round(g.setup_s))])


def disk_qemu(o):
    """A disk that QEMU throttles, as a cloud does; in the machine's time, as that throttle has no other.  Then with bursts."""
    for name, burst in (("", ""), ("-bursts", f",throttling.iops-total-max={2 * DISK_CAP},throttling.iops-total-max-length=3")):
        g = Guest(modules=("virtio_blk",), ns=0, args=(
            "-drive", f"file=null-co://,file.size=256M,format=raw,if=virtio,throttling.iops-total={DISK_CAP}{burst}"))

        def write(rate, seconds):
            return f"load open --disk /dev/vda --rate {rate} --threads 16 --seed {o.seed} --for {seconds}"

        if not burst:
            answer, lines = g.beside(o.seconds, write(180, g.lead(o.seconds)), "vda")
            r = resource(answer, "disk", "vda")
            yield _row("disk-qemu/below-cap" + _invented(r), 180 / DISK_CAP, answer, DISK_CAP / 180, "disk cap", r, {"load": results(lines)})
        top = 12 if burst else 4
        answer, lines = g.beside(5 * top + 14, _steps(g, write, [(60, 4), (800, top), (60, 3), (800, top), (60, 3), (800, top), (60, 3), (800, 2 * top + 4)]), "vda")
        r = resource(answer, "disk", "vda")
        info = {"load": results(lines), "disk": r}
        yield _row(f"disk-qemu/at-cap{name}", 1, answer, 1.0, "disk cap", r, info, want="no/external-limit", binding="disk")
        yield _cap(f"disk-qemu/cap-found{name}", r, DISK_CAP, answer, info, "disk cap value")
        g.stop()


def disk_group(o):
    """Two volumes behind one throttle, as the disk limit of a VM's size is; in the machine's time.  Nobody tells whose limit it is."""
    drive = f"file=null-co://,file.size=256M,format=raw,if=virtio,throttling.iops-total={DISK_CAP},throttling.group=vm"
    g = Guest(modules=("virtio_blk",), ns=0, args=("-drive", drive, "-drive", drive))

    def write(rate, seconds):
        one = f"load open --threads 16 --seed {o.seed} --for {seconds} --rate {rate} --disk /dev/vd"
        return f"sh -c '{one}a & {one}b; wait'"

    answer, lines = g.beside(34, _steps(g, write, [(30, 4), (600, 4), (30, 3), (600, 4), (30, 3), (600, 4), (30, 3), (600, 12)]))
    r = max((resource(answer, "disk", d) for d in ("vda", "vdb")), key=lambda r: r["capacity"]["source"] == "learned")
    yield _row("disk-group/at-cap" + _invented(r), 1, answer, 1.0, "disk cap", r, {"load": results(lines)}, want="unknown", binding="disk")
    g.stop()


def disk_bytes(o):
    """The same where bytes are capped: requests of three sizes reach the cap, so that only bytes are constant there."""
    g = Guest(modules=("brd", "loop"), programs=("losetup",))
    g.run("/bin/losetup --direct-io=on /dev/loop0 /dev/ram0")
    group = g.group("capped", io_max=f"1:0 wbps={BYTES_CAP:.0f}")

    def write(share, kb, seconds):
        return (f"sh -c 'echo $$ >{group}/cgroup.procs; exec load open --disk /dev/loop0 --block-kb {kb} "
                f"--rate {share * BYTES_CAP / 1024 / kb:.0f} --threads 16 --seed {o.seed} --for {seconds}'")

    got = results(g.run(write(3, 16, 5)).split("\n"))[0]["per_s"] * 16384
    if not 0.9 * BYTES_CAP < got < 1.15 * BYTES_CAP:
        raise RuntimeError(f"the throttle did not act: {got:.0f} bytes a second")
    for share, kb in ((0.2, 16), (0.6, 8)):
        answer, lines = g.beside(o.seconds, write(share, kb, g.lead(o.seconds)), "loop0")
        r = resource(answer, "disk", "loop0")
        yield _row("disk-bytes/below-cap@guest" + _invented(r), share, answer, 1 / share, "disk byte cap", r,
                   {"load": results(lines), "disk": r})
    low = (0.06, 4)
    steps = [(*low, 4 + round(g.setup_s)), (3, 8, 4), (*low, 3), (3, 32, 4), (*low, 3), (3, 16, 4), (*low, 3), (3, 8, 8), (3, 32, 8)]
    answer, lines = g.beside(34, "; ".join(write(*s) for s in steps), "loop0")
    r = resource(answer, "disk", "loop0")
    info = {"load": results(lines), "disk": r}
    yield _row("disk-bytes/at-cap@guest", 1, answer, 1.0, "disk byte cap", r, info, want="no/external-limit", binding="disk")
    yield _cap("disk-bytes/cap-found@guest", r, BYTES_CAP, answer, info, "disk byte cap value", "bytes_per_second")


NETWORK = """
mkdir -p /run /var; ln -s /run /var/run; /bin/ip netns add near; /bin/ip netns add far; /bin/ip link set lo up
/bin/ip link add up1 type veth peer name up0 netns near
/bin/ip -n near link add down0 type veth peer name eth0 netns far
/bin/ip addr add 198.51.100.1/30 dev up1; /bin/ip link set up1 up
/bin/ip -n near addr add 198.51.100.2/30 dev up0; /bin/ip -n near link set up0 up
/bin/ip -n near addr add 198.51.100.5/30 dev down0; /bin/ip -n near link set down0 up
/bin/ip -n far addr add 198.51.100.6/30 dev eth0; /bin/ip -n far link set eth0 up
/bin/ip -n far route add default via 198.51.100.5; /bin/ip route add 198.51.100.4/30 via 198.51.100.2
/bin/ip netns exec near sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
"""
TBF = "root tbf rate 40mbit burst 64k latency 60ms"


def network(o):
    """A paced TCP sender to a host behind 40 Mbit/s: on the way, where the sender sees no queue; then on its own NIC."""
    g = Guest(modules=("veth", "sch_tbf", "tcp_diag"), programs=("ip", "tc", "iperf3"))
    for text in NETWORK.strip().split("\n"):
        g.run(text)

    def send(mbit, where):
        on, off = ("/bin/ip netns exec near /bin/tc qdisc %s dev down0 " if where == "far" else "/bin/tc qdisc %s dev up1 ",) * 2
        g.run((on % "add") + TBF)
        shell = ("/bin/ip netns exec far /bin/iperf3 --server --one-off >/dev/null & sleep 1; "
                 f"/bin/iperf3 --client 198.51.100.6 --time {g.lead(o.seconds)} --bitrate {mbit}M --json")
        answer, lines = g.beside(o.seconds, shell, "up1", 1)
        g.run((off % "del") + "root")
        sent = json.loads("\n".join(lines))["end"]["sum_sent"]["bits_per_second"]
        return answer, {"mbit": sent / 1e6}

    for mbit in (15, 30):
        answer, info = send(mbit, "far")
        r = resource(answer, "network", "up1")
        yield _row(f"network/{mbit}-of-40@guest" + _invented(r), mbit / 40, answer, 40 / mbit, "net cap", r, info)
    answer, info = send(200, "far")
    r = resource(answer, "network", "up1")
    yield _row("network/far-shaper@guest", 1, answer, 1.0, "net cap", r, info, want="no/external-limit",
               binding="network")
    yield _cap("network/cap-found@guest", r, NET_CAP, answer, info, "net cap value")
    answer, info = send(200, "own")
    yield Row("network/own-shaper@guest", 1, answer, None, "own shaper", want="no/local-limit", info=info)


# MB of the guest beside its swap, MB of the set, MB of a file read at random, MB its cgroup may have, what is right; ms of a
# read of that file, ns of an instruction, jobs a second, whether the page cache is dropped meanwhile
Set = namedtuple("Set", "total mb file limit want ms ns rate drop", defaults=(0.1, NS_PER_INSTRUCTION, 200, False))
SETS = {
    "fits": Set(512, 200, 0, None, "yes"),
    "too-large": Set(320, 340, 0, None, "resize"),
    "file-too-large": Set(384, 100, 300, None, "resize"),
    "file-quick": Set(256, 30, 220, None, "resize", 1, 1, 80),  # four times as quick, a disk ten times as slow: waits, hardly any reclaim
    "dropped": Set(512, 60, 160, None, None, drop=True),  # somebody drops the caches: all is read again, and fits
    "over-cgroup": Set(640, 150, 0, 100, "no/local-limit"),
    "in-cgroup": Set(640, 50, 0, 100, "yes"),
}
SWAP_MB = 300


def fill_swap(g, ms=0.1):
    """Swap of memory that answers in @ms.  Filled, so that what is swapped out later takes no more memory."""
    g.run("mount -t configfs none /sys/kernel/config; cd /sys/kernel/config/nullb; mkdir s; "
          f"echo {SWAP_MB} >s/size; echo 1 >s/memory_backed; echo 2 >s/irqmode; echo {ms * 1e6:.0f} >s/completion_nsec; "
          "echo 1 >s/power; cd /; sleep 1; d=/dev/s; "
          f"/bin/dd if=/dev/zero of=$d bs=1M count={SWAP_MB} oflag=direct; mkswap $d; swapon $d")
    if "/dev/s" not in g.run("cat /proc/swaps"):
        raise RuntimeError("no swap in the guest")


def slow_file(g, ms=0.1):
    """A device to read whose contents take no memory, @ms a request."""
    g.run("mount -t configfs none /sys/kernel/config")
    g.run(f"cd /sys/kernel/config/nullb; mkdir f; echo 4000 >f/size; echo 2 >f/irqmode; echo {ms * 1e6:.0f} >f/completion_nsec; "
          "echo 1 >f/power; cd /; sleep 1")


def memory(name, o):
    """Pages of a set read at random, where it fits and where it does not."""
    s = SETS[name]
    g = Guest(memory_mb=s.total + SWAP_MB, modules=("null_blk",), programs=("dd",), ns=s.ns)
    fill_swap(g)
    group = g.group("limited", memory_max=f"{s.limit}M") if s.limit else "/sys/fs/cgroup"
    if s.file:
        slow_file(g, s.ms)
    sets = f"--touch-mb {s.mb} " + (f"--read /dev/f --read-mb {s.file} " if s.file else "")
    warm = 4 + round(1.05 * 2 * 256 * s.file * s.ms / 1e3)  # it is read twice first, a page at a time
    shell = (f"sh -c 'echo $$ >{group}/cgroup.procs; exec load open {sets} --rate {s.rate} --threads 4 "
             f"--seed {o.seed} --for {g.lead(o.seconds) + warm}'")
    if s.drop:  # in the middle of what is measured
        shell = f"(sleep {warm + 1 + round(g.setup_s) + o.seconds // 2}; echo 3 >/proc/sys/vm/drop_caches) & {shell}"
    answer, lines = g.beside(o.seconds, shell, "f" if s.file else "", warm)
    info = {"load": results(lines), "memory": resource(answer, "memory")}
    yield Row(f"memory/{name}@guest", (s.mb + s.file) / (s.limit or s.total), answer, None, "memory", want=s.want,
              forbid=None if s.want else "bigger-size-helps", binding="memory" if s.want == "resize" else None, info=info)
    g.stop()


# name: MB of the guest, swap, MB written at random, once, MB of a file read at random, once, MB its cgroup may have,
# MB a second of the rest of that file that something else reads meanwhile, as a backup does; MB after which that begins anew
WORKING_SETS = {
    "mostly-anon": (512, False, 280, 0, 0, 60, None, 0),
    "little-cold": (512, False, 200, 0, 80, 20, None, 0),
    "anon": (512, False, 160, 0, 0, 120, None, 0),
    "file": (512, False, 16, 0, 160, 120, None, 0),
    "both": (512, False, 100, 0, 100, 120, None, 0),
    "reclaimed": (384, False, 60, 0, 80, 500, None, 0),
    "in-cgroup": (640, False, 40, 0, 100, 300, 220, 0),
    "cold-anon": (640, True, 100, 120, 0, 60, None, 0),
    "swapped-out": (320, True, 100, 180, 0, 0, None, 0),
    "backup-anon": (512, False, 280, 0, 0, 0, None, 20),
    "backup-most": (512, False, 350, 0, 0, 0, None, 20),
    "backup-file": (512, False, 60, 0, 160, 0, None, 20),
    "backup-again": (512, False, 200, 0, 0, 0, None, 40, 1500),  # thrice the RAM: what comes back would not have fitted
}


def working_set(name, o):
    """A set of known size that is used, pages beside it that are not: what does the answer say is needed?"""
    total, swap, hot, cold, read, once, limit, scan, *around = WORKING_SETS[name]
    g = Guest(memory_mb=total + (SWAP_MB if swap else 0), modules=("null_blk",), programs=("dd",))
    if swap:
        fill_swap(g)
    slow_file(g)
    # what the kernel and the product need by themselves
    text = g.run(f"headroom measure --for 6s >/tmp/answer & sleep {3 + round(g.setup_s)}; cat /proc/meminfo; wait")
    kb = {x.split(":")[0]: int(x.split()[1]) for x in text.split("\n") if x.startswith("Mem")}
    base = (kb["MemTotal"] - kb["MemAvailable"]) / 1024
    group = g.group("limited", memory_max=f"{limit}M") if limit else "/sys/fs/cgroup"
    sets = (f"--touch-mb {hot} --cold-mb {cold} " +
            (f"--read /dev/f --read-mb {read} --once-mb {once} " if read or once else ""))
    around = around[0] if around else 4000
    warm = 10 + (round(1.3 * around / scan) if around < 4000 else 0)  # the sets are there by then
    shell = (f"sh -c 'echo $$ >{group}/cgroup.procs; exec load open {sets} --rate 200 --threads 4 "
             f"--seed {o.seed} --for {g.lead(o.seconds) + warm}'")
    if scan:  # the device is held open: its pages go when nobody has it open
        shell = (f"(exec 9</dev/f; i=0; while :; do i=$((i+1)); /bin/dd if=/dev/f of=/dev/null bs=1M count={scan} "
                 f"skip=$(({read} + i * {scan} % {around})) 2>/dev/null; sleep 1; done) & scan=$!; {shell}; kill $scan")
    answer, lines = g.beside(o.seconds, shell, "f" if scan else "", before=warm)
    r = resource(answer, "memory")
    told = {e["signal"]: e["value"] / 1048576 for e in r["evidence"] if e["signal"].startswith("need_")}
    yield Row(f"working-set/{name}@guest", (hot + read) / total, answer, base + hot + read, "working set",
              headroom={b: told.get(f"need_{b}") for b in ("at_least", "likely", "at_most")}, k_max=math.inf, judge="gain",
              forbid="bigger-size-helps",  # all of it fits
              info={"load": results(lines), "memory": r, "base_mb": base})
    g.stop()
