# SPDX-License-Identifier: Apache-2.0
"""A disk throttled below its request queue, and a network behind a shaper on the far side."""
import json
import math
import os
import subprocess
import sys
import tempfile
import threading
import time

from rig import BUILD, TRIES, Skip, call, cgroup, measure, need, on_exit, quietly, read, resource, start, stop, write
from table import Row

DISK_CAP = 300  # writes a second
NET_CAP = 40e6 / 8  # bytes a second
READ_MS = 10  # the tolerated wait (MODEL.md section 2)
LATE_MS = 20  # 1 % of fio's own writes at most; a smooth throttle that is 0.6 busy makes some 10 ms of them


def _loop_disk(group):
    """A loop device whose backing file's disk is throttled for @group: its requests wait unseen, as in a cloud."""
    need("fio", "losetup", "findmnt", "fallocate")
    image = os.path.join(BUILD, f"truth-{os.getpid()}.img")
    call("fallocate", "-l", "256M", image)
    on_exit(lambda: os.path.exists(image) and os.remove(image))
    back = call("findmnt", "-no", "MAJ:MIN", "-T", BUILD).strip()
    disk = os.path.realpath(f"/sys/dev/block/{back}")
    if not os.path.isdir(disk):
        raise Skip("the build directory is on no block device")
    if os.path.exists(f"{disk}/partition"):
        back = read(f"{disk}/../dev").strip()
    dev = call("losetup", "--find", "--show", "--direct-io=on", image).strip()
    on_exit(call, "losetup", "-d", dev)
    name = os.path.basename(dev)
    if read(f"/sys/block/{name}/loop/dio").strip() != "1":
        raise Skip("no direct I/O below a loop device: the throttle would not act")
    try:
        write(f"{group}/blkio.throttle.write_iops_device", f"{back} {DISK_CAP}")
    except OSError as e:
        raise Skip(f"no blkio throttle for {back}: {e}") from e
    return dev, name


def _fio(dev, group, rate, seconds, **kw):
    return start(["fio", "--name=load", f"--filename={dev}", "--rw=randwrite", "--bs=4k", "--direct=1",
                  "--ioengine=libaio", "--iodepth=16", f"--rate_iops={rate}", "--rate_process=poisson", "--time_based",
                  f"--runtime={seconds}", "--size=256M", "--output-format=json"], group=group, stdout=subprocess.PIPE,
                 stderr=subprocess.DEVNULL, **kw)


def _got(p):
    out, _ = p.communicate(timeout=300)
    w = json.loads(out)["jobs"][0]["write"]
    return w["iops"], w["clat_ns"]["mean"] / 1e6, w["clat_ns"]["percentile"]["99.000000"] / 1e6


def _cap_row(case, r, true, answer, info, group):
    """A row about the learned limit itself; nothing learned is no number."""
    learned = r and r["capacity"]["source"] == "learned"
    value = r["capacity"]["value"] if learned else None
    return Row(case, 1, answer, true, group, headroom={"at_least": None, "likely": value, "at_most": None},
               k_max=math.inf, info=info, judge="gain")


def disk(o):
    group = cgroup("blkio")
    dev, name = _loop_disk(group)
    got = _got(_fio(dev, group, 800, 5))[0]
    if not 0.9 * DISK_CAP < got < 1.1 * DISK_CAP:
        raise Skip(f"the throttle did not act: {got:.0f} writes a second")

    # Never queued: a lower bound, no cap invented, no promise beyond the cap.
    for rate in (60, 180) if not o.quick else (180,):
        def below(rate=rate):
            p = _fio(dev, group, rate, o.seconds + 6)
            time.sleep(1)
            answer, info = measure(o.seconds, include=name)
            info["got"] = _got(p)
            return answer, info

        for _ in range(TRIES):
            (answer, info), foreign = quietly(below)
            if info["got"][2] <= LATE_MS:
                break
        else:  # the disk below was late by itself: what it would carry is not known
            print(f"  (1 % of fio's own writes took {info['got'][2]:.0f} ms at {rate}/s: void)", file=sys.stderr)
            continue
        r = resource(answer, "disk", name)
        info["foreign"] = foreign
        invented = r["capacity"]["source"] == "learned"
        yield Row("disk/below-cap" + ("-INVENTED" if invented else ""), rate / DISK_CAP, answer, DISK_CAP / rate,
                  "disk cap", headroom=r["headroom"] or {"at_least": None, "likely": None, "at_most": None}, info=info)

    # Three episodes at the cap, then the answer: the cap and whose it is.
    def episodes():
        loads = []

        def feed():
            for rate, s in ((60, 4), (800, 4), (60, 3), (800, 4), (60, 3), (800, 4), (60, 3), (800, 9)):
                loads.append(_got(_fio(dev, group, rate, s)))

        t = threading.Thread(target=feed, daemon=True)
        t.start()
        time.sleep(1)
        answer, info = measure(30, include=name)
        t.join(120)
        info["episodes"] = loads
        return answer, info

    (answer, info), foreign = quietly(episodes)
    info["foreign"] = foreign
    r = resource(answer, "disk", name)
    yield Row("disk/at-cap", 1, answer, 1.0, "disk cap", want="no/external-limit", binding="disk",
              headroom=r["headroom"], info=info)
    yield _cap_row("disk/cap-found", r, DISK_CAP, answer, info, "disk cap value")


def _far_shaper():
    """Two namespaces in a row: the first forwards to the second through 40 Mbit/s.  Device and far namespace."""
    need("iperf3", "ip", "tc")
    near, far = f"hr-truth-{os.getpid()}-a", f"hr-truth-{os.getpid()}-b"
    dev = f"hrv{os.getpid() % 100000}"
    for ns in (near, far):
        call("ip", "netns", "add", ns)
        on_exit(call, "ip", "netns", "del", ns)
    call("ip", "link", "add", dev, "type", "veth", "peer", "name", "up0", "netns", near)
    call("ip", "-n", near, "link", "add", "down0", "type", "veth", "peer", "name", "eth0", "netns", far)
    call("ip", "addr", "add", "198.51.100.1/30", "dev", dev)
    call("ip", "link", "set", dev, "up")
    for ns, device, address in ((near, "up0", "198.51.100.2/30"), (near, "down0", "198.51.100.5/30"),
                                (far, "eth0", "198.51.100.6/30")):
        call("ip", "-n", ns, "addr", "add", address, "dev", device)
        call("ip", "-n", ns, "link", "set", device, "up")
    call("ip", "-n", far, "route", "add", "default", "via", "198.51.100.5")
    call("ip", "route", "add", "198.51.100.4/30", "via", "198.51.100.2")  # gone with the device
    call("ip", "netns", "exec", near, "sysctl", "-qw", "net.ipv4.ip_forward=1")
    call("ip", "netns", "exec", near, "tc", "qdisc", "add", "dev", "down0", "root", "tbf", "rate", "40mbit",
         "burst", "64k", "latency", "60ms")
    return dev, far


def network(o):
    """
    A TCP sender to a host behind a shaper on the way: the sender sees no queue of its own.  CUBIC fills the shaper's queue,
    BBR does not: there round trips tell nothing, and the answer may say no more than that it does not know.
    """
    dev, far = _far_shaper()
    loads = ((15, "cubic", None), (200, "cubic", "no/external-limit"), (200, "bbr", "unknown"))
    for mbit, control, want in loads if not o.quick else loads[1:2]:
        if control not in read("/proc/sys/net/ipv4/tcp_available_congestion_control").split():
            print(f"  ({mbit} Mbit/s by {control} is left out: the kernel has none)", file=sys.stderr)
            continue

        def record(mbit=mbit, control=control):
            server = start(["iperf3", "--server", "--one-off"], netns=far, stdout=subprocess.DEVNULL)
            time.sleep(0.5)
            p = start(["iperf3", "--client", "198.51.100.6", "--time", o.seconds + 6, "--bitrate", f"{mbit}M", "--json",
                       "--congestion", control],
                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            time.sleep(1)
            answer, info = measure(o.seconds, include=dev)
            out, _ = p.communicate(timeout=60)
            stop(server)
            end = json.loads(out)["end"]
            if "sum_sent" not in end:
                raise Skip(f"iperf3: {json.loads(out).get('error')}")
            info["mbit"] = end["sum_sent"]["bits_per_second"] / 1e6
            return answer, info

        (answer, info), foreign = quietly(record)
        info["foreign"] = foreign
        r = resource(answer, "network", dev)
        yield Row(f"network/{mbit}-of-40-mbit{'-bbr' if control == 'bbr' else ''}", mbit / 40, answer, max(40 / mbit, 1), "net cap",
                  want=want, binding="network" if want == "no/external-limit" else None, headroom=r["headroom"] or
                  {"at_least": None, "likely": None, "at_most": None}, info=info)
        if want == "no/external-limit":
            yield _cap_row("network/cap-found", r, NET_CAP, answer, info, "net cap value")


def memory(o):
    """
    A file read at random under a cgroup's limit: larger than the limit it thrashes, smaller it fits.  Where a disk is so quick
    that 99 % of the reads are on time all the same, by fio's own clock, nothing is short for sure.
    """
    need("fio", "dd")
    for ratio, want in ((2.0, "no/local-limit"), (0.5, "yes")):
        group = cgroup("memory", f"m{ratio}")
        limit = 100 << 20
        size = int(ratio * 100)
        write(f"{group}/memory.limit_in_bytes", limit)
        directory = tempfile.mkdtemp(prefix="truth.", dir=BUILD)
        on_exit(call, "rm", "-rf", directory)
        # Past the page cache: pages cached now would be charged to nobody's limit.
        call("dd", "if=/dev/zero", f"of={directory}/set", "bs=1M", f"count={size}", "oflag=direct")

        def record(group=group, directory=directory, size=size):
            p = start(["fio", "--name=set", f"--filename={directory}/set", "--rw=randread", "--bs=4k",
                       "--ioengine=psync", "--invalidate=0", "--time_based", f"--runtime={o.seconds + 12}",
                       f"--size={size}M", "--allow_file_create=0", "--thinktime=200us", "--output-format=json"],
                      group=group, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            time.sleep(8)  # the first pass fills the cache
            answer, info = measure(o.seconds)
            out, _ = p.communicate(timeout=90)
            took = json.loads(out)["jobs"][0]["read"]["clat_ns"]
            info["read_us"], info["read_p99_us"] = took["mean"] / 1e3, took["percentile"]["99.000000"] / 1e3
            return answer, info

        (answer, info), foreign = quietly(record)
        info["foreign"] = foreign
        if ratio > 1 and info["read_p99_us"] < 1e3 * READ_MS:
            want = None
        yield Row(f"memory/{size}-of-100-mb", ratio, answer, None, "memory", want=want, info=info)
