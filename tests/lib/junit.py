#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""junit.py FILE: ctest's JUnit report as lines 'PASS|FAIL|SKIP <tab> name <tab> why'.

A skip is an exit status of 77; its reason is the last line the test printed, as for our scripts.
ctest also calls a test "skipped" whose program does not exist: that is a failure.
"""
import sys
import xml.etree.ElementTree as ET


def last_line(case):
    """The last non-empty line a test printed, on one line without tabs."""
    text = case.findtext("system-out") or ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].replace("\t", " ")[:300] if lines else ""


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
            print("FAIL", name, last_line(case), sep="\t")


main()
