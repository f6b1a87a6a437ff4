# SPDX-License-Identifier: Apache-2.0
"""All cases by name: a function of the options that yields rows."""
from collections import namedtuple

import cpu

Options = namedtuple("Options", "seconds quick")

ALL = {}
QUICK = set()

for _name in cpu.OPEN:
    ALL[f"cpu/{_name}"] = lambda o, n=_name: cpu.open_load(n, o.seconds)
