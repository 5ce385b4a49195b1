#!/usr/bin/env python3
# report_check.py DOCS JOB.JSON [STATS.JSON]: the report is as docs/report.schema.json says, agrees with itself, with the
# tables beside it, and with the answer of copper stats --all --json just before the stop.
# SPDX-License-Identifier: BSD-3-Clause
import csv
import json
import pathlib
import sys

docs, name = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
schemas = {n: json.load(open(docs / n)) for n in ("report.schema.json", "stats.schema.json")}
KINDS = {"object": dict, "array": list, "integer": int, "string": str, "boolean": bool, "null": type(None)}


def resolve(rule, home):
    while "$ref" in rule:
        file, path = rule["$ref"].split("#/")
        home = file or home
        rule = schemas[home]
        for part in path.split("/"):
            rule = rule[part]
    return rule, home


def check(value, rule, home, where):
    rule, home = resolve(rule, home)
    kinds = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
    assert any(type(value) in (int, float) if k == "number" else type(value) is KINDS[k] for k in kinds), (where, value)
    if type(value) in (int, float):
        assert value >= rule["minimum"], where
    if isinstance(value, list) and "items" in rule:
        for item in value:
            check(item, rule["items"], home, where + "[]")
    if isinstance(value, dict):
        for member in rule.get("required", []):
            assert member in value, (where, member)
        for member, inner in value.items():
            inner_rule = rule.get("properties", {}).get(member) or rule["additionalProperties"]
            assert inner_rule, (where, member)
            check(inner, inner_rule, home, f"{where}.{member}")


def column(table, title):
    at = table["columns"].index(title)
    return [row[at] for row in table["rows"]]


report = json.load(open(name))
check(report, schemas["report.schema.json"], "report.schema.json", "report")
nodes, lines, counters = report["nodes"], report["timeline"], report["counters"]
for table in nodes, lines:
    assert all(len(row) == len(table["columns"]) for row in table["rows"])

# MOUNT/.copper is a node's own: nothing below it is ever asked of a cache, a parent or storage.
shown = [row["path"] for entry in report["paths"].values() for row in entry["rows"] if "path" in row]
assert shown and not any(path.startswith("/.copper") for path in shown), shown

# Nodes: all are there, by rank, and those that answered make up the sums.
assert column(nodes, "rank") == list(range(report["node_count"]))
states = column(nodes, "state")
for state, key in ("missing", "missing"), ("left out", "left_out"):
    found = [(r, h) for r, h, s in zip(column(nodes, "rank"), column(nodes, "host"), states) if s == state]
    assert found == [(n["rank"], n["host"]) for n in report[key]], key
assert states.count("up") == report["answered"]
assert report["answered"] + len(report["missing"]) + len(report["left_out"]) == report["node_count"]


def total(title):
    return sum(value for value in column(nodes, title) if value is not None)


for title, names in {
    "here": ["hit_here"], "flight": ["hit_flight"], "parent": ["hit_parent"], "storage": ["hit_storage"],
    "negative": ["hit_negative"], "child_wants": ["child_wants"], "storage_bytes": ["storage_bytes"],
    "kernel_bytes": ["kernel_bytes"], "bypass_bytes": ["bypass_bytes"], "asked_again": ["asked_again"],
    "storage_operations": ["storage_" + n for n in "stat readdir readlink open read xattr statfs revalidate holes".split()],
}.items():
    assert total(title) == sum(counters[n] for n in names), title
up = [row for row in nodes["rows"] if row[2] == "up"]
for tree in range(report["options"]["trees"]):
    at, level = nodes["columns"].index("parents"), nodes["columns"].index("levels")
    ranks = {row[0]: (row[at][tree], row[level][tree]) for row in up}
    assert sum(parent == -1 for parent, _ in ranks.values()) == 1, ranks
    for parent, depth in ranks.values():
        assert (parent == -1) == (depth == 0)
        if depth:
            assert parent not in ranks or ranks[parent][1] == depth - 1

# The time line and the classes have all requests; storage is asked outside of them, too.
requests = sum(column(lines, "requests"))
assert requests == report["paths"]["by_requests"]["total"] == sum(c["requests"] for c in report["classes"])
assert sum(column(lines, "wait_us")) == report["paths"]["by_wait"]["total"] == sum(c["wait_us"] for c in report["classes"])
assert sum(sum(column(lines, n)) for n in ("here", "flight", "parent", "storage")) == requests
assert sum(column(lines, "storage_operations")) == total("storage_operations")
assert sum(column(lines, "storage_bytes")) == counters["storage_bytes"]
assert sum(column(lines, "kernel_bytes")) == counters["kernel_bytes"]
ends = [begin + width for begin, width in zip(column(lines, "begin_ms"), column(lines, "width_ms"))]
assert all(end <= begin for end, begin in zip(ends, column(lines, "begin_ms")[1:]))
assert not ends or ends[-1] - column(lines, "width_ms")[-1] <= report["seconds"] * 1000

# -I: what the counters have grown by, all of it.
assert ("interval" in report) == (report["options"]["snapshot_s"] > 0)
if "interval" in report:
    grown = report["interval"]
    assert grown["seconds"] == report["options"]["snapshot_s"] and grown["columns"][:2] == ["begin_s", "width_s"]
    assert all(len(row) == len(grown["columns"]) and any(row[2:]) for row in grown["rows"])
    for title in grown["columns"][2:]:
        assert sum(column(grown, title)) == counters[title], title
    assert {n for n in counters if n.startswith(("fuse_", "hit_", "storage_read")) and counters[n]} <= set(grown["columns"])
    ends = [begin + width for begin, width in zip(column(grown, "begin_s"), column(grown, "width_s"))]
    assert all(end <= begin for end, begin in zip(ends, column(grown, "begin_s")[1:]))
    assert ends and ends[-1] - grown["rows"][-1][1] <= report["seconds"]
    with open(name.parent / "interval.csv", newline="") as file:
        assert [[int(v) for v in row] for row in list(csv.reader(file))[1:]] == grown["rows"]
else:
    assert not (name.parent / "interval.csv").exists()

# Lists: heaviest first, and they add up where nothing was cut.
for key, found in report["paths"].items():
    values = [row["value"] for row in found["rows"]]
    assert values == sorted(values, reverse=True), key
    if found["error"] == 0 and len(values) < 100:
        assert sum(values) == found["total"], key
assert counters["read_ahead"] == report["read_ahead"]["sent"]

with open(name.parent / "nodes.csv", newline="") as file:
    rows = list(csv.reader(file))
assert rows[0] == nodes["columns"] and len(rows) == report["node_count"] + 1
with open(name.parent / "timeline.csv", newline="") as file:
    assert [[int(v) for v in row] for row in list(csv.reader(file))[1:]] == lines["rows"]
with open(name.parent / "paths.csv", newline="") as file:
    assert len(list(csv.reader(file))) == 1 + sum(len(found["rows"]) for found in report["paths"].values())
assert (name.parent / "summary.md").read_text().startswith("# Copper job " + report["job"][:8])

if len(sys.argv) > 3:
    stats = json.load(open(sys.argv[3]))
    moving = ("cpu_", "rss_", "loop_", "inode_", "recovery_", "peer_", "fuse_statfs", "fuse_getattr", "hit_here", "children")
    for key, value in stats["sum"].items():
        if not key.startswith(moving):
            assert counters[key] == value, (key, counters[key], value)
    rows = {(r["op"], r["answer"]): r for r in report["latency"]}
    for row in stats["latency"]:
        if row["op"] in ("read", "lookup", "readdir") or row["op"].startswith("storage_"):
            assert rows[row["op"], row["answer"]] == row
