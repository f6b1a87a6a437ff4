#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""junit.py FILE: ctest's JUnit report as lines 'PASS|FAIL|SKIP <tab> name <tab> why'.

A skip is an exit status of 77; its reason is the last line the test printed, as for our scripts.  A
failure's is the first assertion that cmocka names, else the last line.
ctest also calls a test "skipped" whose program does not exist: that is a failure.
"""
import re
import sys
import xml.etree.ElementTree as ET


def lines_of(case):
    """What a test printed, without empty lines and tabs."""
    text = case.findtext("system-out") or ""
    return [line.strip().replace("\t", " ") for line in text.splitlines() if line.strip()]


def last_line(case):
    """The last line a test printed."""
    return (lines_of(case) or [""])[-1][:300]


def assertion(case):
    """What did not hold and where, as cmocka says it."""
    told = [line.partition(" --- ")[2] for line in lines_of(case) if re.match(r"\[ +(ERROR|LINE) +\] --- ", line)]
    return "; ".join(told[:2])[:300] or last_line(case)


def main():
    """One line per test case, in the report's order."""
    for case in ET.parse(sys.argv[1]).getroot().iter("testcase"):
        name, status = case.get("name"), case.get("status")
        skipped = case.find("skipped")
        if skipped is not None and "SKIP_RETURN_CODE" in (skipped.get("message") or ""):
            print("SKIP", name, last_line(case), sep="\t")
        elif skipped is not None:
            print("FAIL", name, skipped.get("message"), sep="\t")
        elif status == "run" and case.find("failure") is None:
            print("PASS", name, "", sep="\t")
        else:
            print("FAIL", name, assertion(case), sep="\t")


main()
