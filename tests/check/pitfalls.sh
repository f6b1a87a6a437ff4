#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The table of 25 pitfalls in bpf/README.md names code and tests that exist today: each file, each identifier in
# backticks, each test by its name in one of the files that its row names; a row without a test says "none".
set -eu
cd "$HR_TOP"
exec /usr/bin/python3 - <<'EOF'
import glob, os, re, sys

SHORT = {"cpu": "tests/bpf/test_cpu.c", "io": "tests/bpf/test_io.c", "life": "tests/bpf/test_life.c",
         "accuracy": "tests/bpf/accuracy.c", "boot": "tests/kernels/boot.sh", "host_read": "tests/io/test_host_read.c"}
CODE = [f for d in ("bpf", "agent", "agent/core", "collector/core", "proto", "proto/base") for f in glob.glob(d + "/*.[ch]")]
TEXT = "\n".join(open(f, encoding="utf-8").read() for f in CODE)
KERNEL = {"prev", "preempt", "__state", "recursion_misses", "unknown", "error != 0", "HR_FORCE"}


def place(name):
    """Files that a name in the last column stands for."""
    at = [SHORT.get(name, name), f"tests/unit/{name}.c", f"tests/system/{name}.sh"]
    return [f for f in at if os.path.isfile(f)]


def wrong_code(cell):
    for name in re.findall(r"`([^`]+)`", cell):
        if re.fullmatch(r"[a-z0-9_.]+\.[ch]", name):
            if not any(os.path.basename(f) == name for f in CODE):
                yield f"no file {name}"
        elif re.fullmatch(r"\w+(\(\))?", name) and name not in KERNEL:
            if not re.search(rf"\b{name.removesuffix('()')}\b", TEXT):
                yield f"nothing is called {name}"
    for name in re.findall(r"`[a-z_.]+\.c` (\w+(?:_\w+)+|\w+\(\))", cell):
        if not re.search(rf"\b{name.removesuffix('()')}\b", TEXT):
            yield f"nothing is called {name}"


def wrong_test(cell):
    files = []
    for name in re.findall(r"`([^`]+)`", cell):
        if name == "_Static_assert":
            files.append("bpf/cell.h")
        elif name != "cell.h":
            at = place(name)
            files += at
            if not at:
                yield f"no test {name}"
    bare = re.sub(r"`[^`]*`", " ", cell)
    body = "\n".join(open(f, encoding="utf-8").read() for f in files)
    for name, dots in re.findall(r"\b([a-z0-9]+(?:_[a-z0-9]+){2,}_?)(\.\.\.)?", bare):
        if not re.search(rf"\b{name}" + ("" if dots else r"\b") + r"", body):
            yield f"no test {name} in {files}"
    if not files and "none" not in cell:
        yield "neither a test nor a word that there is none"


def wrong(rows):
    got = {}
    for line in rows:
        m = re.match(r"\| (\d+) \|(.*)\|(.*)\|(.*)\|$", line)
        if m:
            got[int(m[1])] = m
            for w in (*wrong_code(m[3]), *wrong_test(m[4])):
                yield f"row {m[1]}: {w}"
    if sorted(got) != list(range(1, 26)):
        yield f"rows are {sorted(got)}, not 1 to 25"


rows = open("bpf/README.md", encoding="utf-8").read().splitlines()
bad = list(wrong(rows))
for planted in ("| 1 | x | `nowhere.c` | `cpu` |", "| 1 | x | `hr_nothing` | `cpu` |", "| 1 | x | - | `test_nowhere` |",
                "| 1 | x | - | `cpu` a_test_that_is_not |", "| 1 | x | - | some |"):
    if not list(wrong([planted] + [r for r in rows if not r.startswith("| 1 |")])):
        bad.append(f"a planted row passes: {planted}")
print("\n".join(bad))
sys.exit(1 if bad else 0)
EOF
