# SPDX-License-Identifier: BSD-3-Clause
"""Prints one line a test of a ctest report: pass, skip or fail, a tab, its name.

usage: junit.py REPORT MODE    in mode "ci" a skipped unit or system test has failed
A report that is missing or holds no test is one failed line: silence must not pass.
"""
import sys
import xml.etree.ElementTree as ET


def main():
    report, mode = sys.argv[1:3]
    try:
        cases = list(ET.parse(report).getroot().iter("testcase"))
    except (OSError, ET.ParseError) as error:
        print(f"fail\tno report: {error}")
        return
    if not cases:
        print("fail\tno test ran")
    for case in cases:
        name = case.get("name")
        output = case.findtext("system-out") or ""
        partly = " # skip" in output  # a bats file in which single tests were skipped
        if case.get("status") == "run" and not (partly and mode == "ci"):
            print(f"pass\t{name}")
        elif case.get("status") in ("notrun", "disabled") or case.find("skipped") is not None:
            kind = "fail" if mode == "ci" and name.startswith(("system", "unit")) else "skip"
            print(f"{kind}\t{name}")
        else:
            why = " (skipped tests inside)" if partly and case.get("status") == "run" else ""
            print(f"fail\t{name}{why}")


main()
