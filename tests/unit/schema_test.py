#!/usr/bin/python3 -I
# Each counter is described in docs/stats.schema.json, and nothing else is there. tests/system/see.bats looks at what
# copper stats prints.
#
# usage: schema_test.py TOP
# SPDX-License-Identifier: BSD-3-Clause
import json
import re
import sys

top = sys.argv[1]
source = open(f"{top}/src/core/counters.h").read()
table = source[source.index("#define CU_COUNTERS(X)"):source.index("/* clang-format on */")]
counters = re.findall(r"\bX\((\w+)", re.sub(r"/\*.*?\*/", "", table, flags=re.S))
with open(f"{top}/docs/stats.schema.json") as file:
    described = json.load(file)["$defs"]["counters"]["properties"]
others = ["rss_bytes", "cpu_user_ms", "cpu_system_ms"]  # of the process (src/control/results.c)
if len(counters) < 60:
    sys.exit(f"src/core/counters.h is not understood: {counters}")
bad = [f"docs/stats.schema.json: describe the counter {name}" for name in counters + others if name not in described]
bad += [f"docs/stats.schema.json: {name} is no counter" for name in described if name not in counters + others]
bad += [f"docs/stats.schema.json: {name} has no description" for name in described if not described[name].get("description")]
if list(described) != counters + others and not bad:
    bad = ["docs/stats.schema.json: the counters are not in the order of src/core/counters.h"]
sys.exit("\n".join(bad) or 0)
