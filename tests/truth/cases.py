# SPDX-License-Identifier: Apache-2.0
"""All cases by name: a function of the options that yields rows."""
from collections import namedtuple

import closed
import cpu
import devices
import limits
import servers

Options = namedtuple("Options", "seconds quick guest seed")

ALL = {}
QUICK = set()
GUEST = {f"cpu/{n}" for n, w in cpu.OPEN.items() if w[0] == 1}

for _name in cpu.OPEN:
    ALL[f"cpu/{_name}"] = lambda o, n=_name: cpu.open_load(n, o.seconds, seed=o.seed, guest=o.guest)
ALL["serial/single-server"] = limits.single_server
ALL["serial/pool-of-8"] = limits.pool_of_equals
ALL["serial/lock-pool"] = closed.lock_pool
for _name in closed.GAIN:
    ALL[f"gain/{_name}"] = lambda o, n=_name: closed.gain(n, o)
ALL["server/postgres"] = servers.postgres
ALL["quota"] = limits.cpu_quota
ALL["idle"] = limits.idle
ALL["disk"] = devices.disk
ALL["network"] = devices.network
ALL["memory"] = devices.memory
GUEST |= {"quota", "idle"}
QUICK |= {"serial/pool-of-8", "quota", "idle"}
