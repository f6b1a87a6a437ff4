# SPDX-License-Identifier: Apache-2.0
"""All cases by name: a function of the options that yields rows."""
from collections import namedtuple

import closed
import cpu
import devices
import grow
import limits
import servers
import steal
import vm

# until: of `measure --until-known`, 0 without; fine: runs beside the break that a search found; told: the row of gain whose truth is still
# to be found; answer: that row only
Options = namedtuple("Options", "seconds quick guest seed until fine told answer", defaults=(0, False, None, False))

SECONDS = {"cpu": 60, "network": 35, "gain": 10}  # where another length than 16 s is needed, or is enough


def seconds(name):
    return SECONDS.get(name.split("/")[0], 16)


def until(name):
    return 300 if name.startswith("cpu/") else 0


ALL = {}
QUICK = set()
GUEST = {f"cpu/{n}" for n, w in cpu.OPEN.items() if w[0] == 1}

for _name in cpu.OPEN:
    ALL[f"cpu/{_name}"] = lambda o, n=_name: cpu.open_load(n, o)
ALL["serial/single-server"] = limits.single_server
ALL["serial/pool-of-8"] = limits.pool_of_equals
ALL["serial/lock-pool"] = closed.lock_pool
for _name in closed.GAIN:
    ALL[f"gain/{_name}"] = lambda o, n=_name: closed.gain(n, o)
SERVERS = {"postgres": servers.postgres, "tcp-postgres": lambda o, sized=False: servers.postgres(o, sized, tcp=True),
           "http": servers.http, "small": servers.http_small}
for _name, _case in SERVERS.items():
    ALL[f"server/{_name}"] = _case
    ALL[f"server/c1-{_name}"] = lambda o, c=_case: c(o, sized=True)
ALL["quota"] = limits.cpu_quota
ALL["steal"] = steal.steal
ALL["idle"] = limits.idle
ALL["disk"] = lambda o: (vm if o.guest else devices).disk(o)
ALL["disk-bytes"] = vm.disk_bytes
ALL["disk-credits"] = vm.credits_gone
ALL["disk-qemu"] = vm.disk_qemu
ALL["disk-group"] = vm.disk_group
ALL["network"] = lambda o: (vm if o.guest else devices).network(o)
for _name in vm.WORKING_SETS:
    ALL[f"working-set/{_name}"] = lambda o, n=_name: vm.working_set(n, o)
for _name in vm.SETS:
    ALL[f"memory/{_name}"] = lambda o, n=_name: vm.memory(n, o)
for _name in grow.GROW:
    ALL[f"memory-grows/{_name}"] = lambda o, n=_name: grow.memory_grows(n, o)
ALL["memory"] = devices.memory
SETS = {f"working-set/{n}" for n in vm.WORKING_SETS} | {f"memory/{n}" for n in vm.SETS} | {f"memory-grows/{n}" for n in grow.GROW}
GUEST |= SETS | {"quota", "idle", "disk", "disk-bytes", "disk-credits", "network", "steal", *(f"gain/{n}" for n in closed.GAIN)}
HOST = ALL.keys() - SETS - {"disk-bytes", "disk-credits", "steal"}
QUICK |= {"serial/single-server", "serial/pool-of-8", "quota", "idle"}
