# copper report: the page in a real browser, of a made-up job of 10,624 nodes. see.bats has that of a real job.
# SPDX-License-Identifier: BSD-3-Clause

# All pages are looked at by one browser: it takes a second to start.
setup_file() {
    load lib.bash
    command -v chromium >/dev/null || return 0
    local report=$BATS_TEST_DIRNAME/../report i
    cd "$BATS_FILE_TMPDIR" || return 1
    "$report/make_job" 10624 >job.json
    "$COPPER_BIN/copper" report job.json -o page.html
    # Code of somebody else.
    "$report/make_job" 3 >three.json
    "$COPPER_BIN/copper" report -o foreign.html three.json
    sed -i 's|<footer>|<footer><script>document.title = "run"</script>|' foreign.html
    # Any file may be given: what is not of the right type is left out, not shown wrongly.
    python3 - "$BATS_TEST_DIRNAME/../report" <<'EOF'
import json, random, subprocess, sys
job = json.loads(subprocess.run([sys.argv[1] + "/make_job", "20"], stdout=subprocess.PIPE, check=True).stdout)
rng = random.Random(7)

def spoil(value, depth=0):
    if depth > 0 and rng.random() < 0.15:
        return rng.choice([None, True, -1, 1e300, "x", [], {}, [[]], [None], {"rows": 3}, 2**62])
    if isinstance(value, dict):
        return {k: spoil(v, depth + 1) for k, v in value.items()}
    if isinstance(value, list):
        return [spoil(v, depth + 1) for v in value]
    return value

# A tree that is a circle, ranks that are none.
rows = job["nodes"]["rows"]
circle = json.loads(json.dumps(job))
for row in circle["nodes"]["rows"]:
    if row[2] == "up":
        row[4] = [(row[0] + 1) % 20, row[0]]
circle["nodes"]["rows"][5][0] = -3
circle["nodes"]["rows"][6][0] = 1 << 60
jobs = [{"report": 1, "counters": {}}, circle] + [{**spoil(job), "report": 1, "counters": spoil(job["counters"])} for _ in range(6)]
for i, j in enumerate(jobs):
    json.dump(j, open("job%d.json" % i, "w"))
EOF
    for i in $(seq 0 7); do
        "$COPPER_BIN/copper" report -o "page$i.html" --csv "csv$i" "job$i.json"
    done
    "$report/look" page.html foreign.html page0.html page1.html page2.html page3.html page4.html page5.html page6.html page7.html >seen.json
}

setup() {
    load lib.bash
    bats_require_minimum_version 1.5.0
    command -v chromium >/dev/null || skip "chromium is not installed"
    report=$BATS_TEST_DIRNAME/../report
    cd "$BATS_TEST_TMPDIR" || return 1
}

@test "a page of 10,624 nodes: no word on the console, figures of the job, nothing beyond a phone's width, names stay text" {
    cd "$BATS_FILE_TMPDIR"
    [ "$(stat -c %s page.html)" -lt 4000000 ]
    run -0 grep -c '<script' page.html
    [ "$output" = 2 ]
    python3 - <<'EOF'
import json
job, seen = json.load(open("job.json")), json.load(open("seen.json"))[0]
assert seen["console"] == [], seen["console"]
assert seen["ready"] == "yes" and seen["frame"] == 390
assert seen["scroll_width"] <= seen["width"], "beyond the frame"
counters = job["counters"]
assert seen["counters"] == {k: v for k, v in counters.items() if v}
objects = sum(v for k, v in counters.items() if k.startswith("hit_"))
operations = counters["storage_stat"] + counters["storage_read"]
cards = seen["cards"]
assert (cards["operations_without"], cards["operations_with"]) == (objects, operations)
assert (cards["bytes_without"], cards["bytes_with"]) == (counters["kernel_bytes"], counters["storage_bytes"])
calls = job["latency"][-1]
answers = sum(r["count"] * r["mean_us"] for r in job["latency"] if not r["op"].startswith("storage_"))
assert abs(cards["time_call"] - calls["mean_us"] / 1e6) < 1e-9
assert abs(cards["time_with"] - answers / 1e6 / job["answered"]) < 1e-6
assert abs(cards["time_without"] - objects * calls["mean_us"] / 1e6 / job["answered"]) < 1e-6
assert len(seen["pictures"]) >= 2 and min(seen["pictures"]) > 10000 and seen["charts"] == 5
assert seen["unnamed"] == 0 and seen["foreign"] == 0 and seen["scripts"] == 2
assert seen["elements"] < 5000
# What the attacker's names say is on the page, as text.
for name in ("/lus/</script><img src=x onerror=alert(1)>", "/lus/<!--<script>"):
    assert name in [row[0] for row in seen["tables"]["Slowest: time that processes waited"]["rows"]], name
assert "<b>x.so" in seen["text"] and "/lus/env/<i>c" in seen["text"]
# Each heading sorts, by the keyboard, too.
for caption, table in seen["tables"].items():
    for i, column in enumerate(table["sorts"]):
        assert column["focus"], (caption, i)
        (first, one), (second, two) = column["order"]
        assert {first, second} == {"ascending", "descending"}, (caption, i)
        for direction, rows in column["order"]:
            values = [row[i] for row in rows]
            if values and isinstance(values[0], (int, float)):
                assert values == sorted(values, reverse=direction == "descending"), (caption, i)
# The worst of all nodes, not of those that are shown.
nodes = [dict(zip(job["nodes"]["columns"], row)) for row in job["nodes"]["rows"]]
worst = max(n["p99_us"] for n in nodes if n["state"] == "up")
table = seen["tables"]["Nodes, worst first"]
assert table["rows"][0][table["columns"].index("answers: 99 % up to")] == worst
levels = seen["tables"]["By level: sums, of times the longest"]["rows"]
assert [row[0] for row in levels] == list(range(len(levels))) and [row[1] for row in levels[:3]] == [1, 4, 16]
assert sum(row[1] for row in levels) <= len(nodes) - 1 and levels[0][1] == 1
missing = job["missing"][0]["host"]
assert missing in seen["text"]
EOF
}

@test "a page with code of somebody else: the policy keeps it from running, and the look at the console sees that" {
    cd "$BATS_FILE_TMPDIR"
    python3 - <<'EOF'
import json
seen = json.load(open("seen.json"))[1]
assert seen["title"] != "run" and seen["ready"] == "yes"
assert any("Content Security Policy" in line for line in seen["console"]), seen["console"]
EOF
}

@test "a page of a job of which little or nonsense is known has no error either" {
    cd "$BATS_FILE_TMPDIR"
    python3 - <<'EOF'
import json
for i, seen in enumerate(json.load(open("seen.json"))[2:]):
    assert seen["console"] == [] and seen["ready"] == "yes", (i, seen["console"])
    assert seen["scroll_width"] <= seen["width"], i
EOF
}

@test "the pictures for papers are drawn from --csv" {
    "$report/make_job" 12 >job.json
    run -0 "$COPPER_BIN/copper" report --csv figures job.json
    [ "$output" = "" ] && [ ! -e copper-report.html ]
    plot=${BATS_TEST_DIRNAME}/../../sim/plot
    "$plot" "answers" <figures/answers.csv >answers.svg
    "$plot" --linear "start" <figures/start.csv >start.svg
    "$plot" --shares "where" <figures/where.csv >where.svg
    python3 - <<'EOF'
import csv, json, xml.etree.ElementTree as tree
for name, words in (("answers", ("microseconds", "percent", "parent")), ("start", ("seconds", "a second", "storage operations")),
                    ("where", ("on the node: no such file", "objects"))):
    shown = [e.text for e in tree.parse(name + ".svg").iter() if e.text]
    assert all(w in shown or any(w in s for s in shown) for w in words), (name, shown)
job = json.load(open("job.json"))
rows = list(csv.DictReader(open("figures/nodes.csv", newline="")))
assert [int(r["rank"]) for r in rows] == list(range(12)) and rows[4]["state"] == "missing"
assert {r["counter"]: int(r["value"]) for r in csv.DictReader(open("figures/counters.csv", newline=""))} == job["counters"]
paths = list(csv.DictReader(open("figures/paths.csv", newline="")))
assert "/lus/</script><img src=x onerror=alert(1)>" in [r["path"] for r in paths]
EOF
}

@test "what is no job is refused in a line with the reason" {
    local copper=$COPPER_BIN/copper
    echo '{"sum": {}}' >other.json
    run -1 "$copper" report other.json
    [[ $output == "copper: report: other.json: these are not the figures of a job"* ]]
    mkdir empty
    run -1 "$copper" report empty
    [ "$output" = "copper: report: empty/job.json: No such file or directory" ]
    run -1 "$copper" report none.json
    [ "$output" = "copper: report: none.json: No such file or directory" ]
    run -1 "$copper" report -v "$BATS_TEST_TMPDIR/nothing"
    run -2 "$copper" report one two
    run -1 "$copper" report -o none/page.html <(echo '{"report": 1, "counters": {}}')
    [[ $output == "copper: report: none/page.html: No such file"* ]]
    run -0 --separate-stderr "$copper" report -o - <(echo '{"report": 1, "counters": {}}')
    [[ $output == "<!doctype html>"* ]]
}
