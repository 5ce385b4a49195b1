#!/usr/bin/env python3
# top_check.py SCHEMA FILE: each line of copper top --once --json is as docs/top.schema.json says, and no member that
# it describes lacks in all of them.
# SPDX-License-Identifier: BSD-3-Clause
import json
import sys

schema = json.load(open(sys.argv[1]))
KINDS = {"object": dict, "array": list, "integer": int, "string": str, "boolean": bool}
seen = set()


def check(value, rule, where):
    if "$ref" in rule:
        where = rule["$ref"].rsplit("/", 1)[1]
        rule = schema["$defs"][where]
    number = rule["type"] == "number" and type(value) in (int, float)
    assert number or type(value) is KINDS.get(rule["type"]), (where, value)
    if type(value) in (int, float):
        assert value >= rule["minimum"], where
    if isinstance(value, list):
        for item in value:
            check(item, rule["items"], where)
    if isinstance(value, dict):
        assert set(rule["required"]) <= set(value), (where, set(rule["required"]) - set(value))
        for name, member in value.items():
            assert rule["properties"][name], (where, name)
            seen.add((where, name))
            check(member, rule["properties"][name], where if name not in ("rates", "now", "latency") else name)


def described(rule, where):
    for name, member in rule.get("properties", {}).items():
        yield where, name
        yield from described(member, name)


for line in open(sys.argv[2]):
    check(json.loads(line), schema, "top")
left = set(described(schema, "top")) - seen
for name, rule in schema["$defs"].items():
    left |= set(described(rule, name)) - seen
assert not left, left
