#!/usr/bin/python3 -I
# SPDX-License-Identifier: BSD-3-Clause
"""Each test that docs/guarantees.md names exists, and no guarantee stands there twice.

usage: guarantees_test.py TOP
"""
import os
import re
import sys

top = sys.argv[1]
with open(os.path.join(top, "docs/guarantees.md"), encoding="utf-8") as page:
    text = page.read()


def read(path):
    """The file with the headers of its own directory that it includes: tests may stand in them."""
    with open(path, encoding="utf-8") as file:
        lines = file.read()
    for header in re.findall(r'^#include "([a-z0-9_]+\.h)"', lines, re.M):
        header = os.path.join(os.path.dirname(path), header)
        if os.path.exists(header):
            lines += read(header)
    return lines


def source(name):
    for path in ("tests/system/%s.bats" % name, "tests/unit/%s_test.c" % name):
        if os.path.exists(os.path.join(top, path)):
            return read(os.path.join(top, path))
    if name == "sim":
        return read(os.path.join(top, "sim/CMakeLists.txt"))
    return "" if name == "fuzz" else None


def exists(name, test, text):
    if name == "fuzz":
        return os.path.isdir(os.path.join(top, "tests/fuzz/corpus", test))
    if name == "sim":
        return re.search(r"cu_sim_(test|plant|plant_driver)\(%s\b" % test.split(".")[-1], text)
    # Tests are put into the list by cmocka_unit_test or by a macro of the file's own.
    return '@test "%s"' % test in text or re.search(r"[A-Za-z_]+\(%s[,)]" % test, text)


named = wrong = 0
rows = set()
for line in text.splitlines():
    if not line.startswith("| "):
        continue
    row = line.split("|")[1].strip()
    if row in rows and row != "guarantee":
        wrong += 1
        print("twice: %s" % row)
    rows.add(row)
    for name, tests in re.findall(r'`([a-z_]+)`: ((?:"[^"]+"(?:, )?)+)', line):
        for test in re.findall(r'"([^"]+)"', tests):
            named += 1
            if source(name) is None or not exists(name, test, source(name)):
                wrong += 1
                print('%s: "%s" does not exist' % (name, test))
print(named, "tests named")
sys.exit(wrong > 0 or named < 50)
