# What a job tells about itself: latencies, summed over the nodes. With the real launcher and daemons.
# SPDX-License-Identifier: BSD-3-Clause

setup_file() {
    load launch.bash
    skip_unless_root_fuse
    cluster_up -n 4
    tree=$CLUSTER_DIR/home/tree
    export tree
    mkdir -p "$tree/many"
    for i in $(seq 40); do head -c 20000 /dev/urandom >"$tree/many/f$i"; done
    launch -H "$nodes" -k 1 -l 2 -P -d "$CLUSTER_DIR/home/log"
    for node in node1 node3 node4; do
        on "$node" sh -c "cat $mount$tree/many/* >/dev/null; ls -l $mount$tree/many >/dev/null; ! ls $mount$tree/none"
    done
}

teardown_file() {
    load launch.bash
    stop_all
    cluster_down
}

setup() {
    load launch.bash
}

# The answers of all four nodes are read before and after the sum; where a node was not used between, they are equal.
@test "latencies of all nodes add up exactly, and tell where answers were" {
    local i
    until_true at_rest copper node1 stats --nodes --json
    for i in 1 2 3 4; do copper "node$i" stats --latency --json >"$BATS_TEST_TMPDIR/$i"; done
    copper node2 stats --all --latency --json >"$BATS_TEST_TMPDIR/sum"
    for i in 1 2 3 4; do copper "node$i" stats --latency --json >"$BATS_TEST_TMPDIR/$i.after"; done
    python3 - "$BATS_TEST_TMPDIR" <<'EOF'
import collections, json, sys

def load(name):
    return json.load(open(sys.argv[1] + "/" + name))

def rows(result):
    return {(r["op"], r["answer"]): r for r in result["latency"]}

def kernel(row):
    return not row[0].startswith("storage_")

sum_ = load("sum")
assert sum_["answered"] == 4
total = rows(sum_)
parts = collections.defaultdict(lambda: {"count": 0, "errors": 0, "max_us": 0, "buckets": collections.Counter()})
for i in "1234":
    node = load(i)
    for key, row in rows(node).items():
        assert row == rows(load(i + ".after"))[key], (i, key, "is not at rest")
        part = parts[key]
        part["count"] += row["count"]
        part["errors"] += row["errors"]
        part["max_us"] = max(part["max_us"], row["max_us"])
        part["buckets"].update(dict(map(tuple, row["buckets"])))
        assert row["p50_us"] <= row["p90_us"] <= row["p99_us"] <= row["max_us"]
        assert sum(n for _, n in row["buckets"]) == row["count"] > 0
    requests = sum(n for name, n in node["counters"].items()
                   if name.startswith("fuse_") and name != "fuse_forget")
    assert requests == sum(r["count"] for k, r in rows(node).items() if kernel(k)), i
assert set(parts) == set(total)
for key, part in parts.items():
    row = total[key]
    for name in ("count", "errors", "max_us"):
        assert row[name] == part[name], (key, name)
    assert dict(map(tuple, row["buckets"])) == part["buckets"], key
assert not any(k[1] == "storage" for k in rows(load("4"))) and ("read", "parent") in rows(load("4"))
assert ("lookup", "storage") in rows(load("1")) and ("storage_read", "call") in rows(load("1"))
assert not any(k[0].startswith("storage") for k in rows(load("3")))
counters = sum_["sum"]
assert counters["read_ahead_used"] + counters["read_ahead_wasted"] <= counters["read_ahead"]
assert counters["requests_waiting"] == 0 and counters["requests_waiting_most"] > 0
EOF
}

@test "latencies as a table, of a node and of all" {
    run -0 copper node4 stats --latency
    [[ $output =~ "Latency (us)"\ +answer\ +count\ +errors\ +mean\ +p50\ +p90\ +p99\ +max ]]
    [[ $output =~ lookup\ +parent\ +[0-9]+\ +0\ +[0-9]+ ]]
    run -0 copper node4 stats --all --latency
    [[ $output =~ storage_stat\ +call\ +[0-9]+\ +0 ]]
    run -0 copper node4 stats
    [[ $output != *"Latency"* ]]
}

@test "MOUNT/.copper/metrics: valid, as copper stats --prometheus, of one moment, and hidden" {
    local file=$mount/.copper/metrics one
    run -0 on node4 ls -a "$mount/.copper"
    [ "$output" = $'.\n..\nmetrics' ]
    run -0 on node4 sh -c "ls -a $mount; find $mount -maxdepth 1"
    [[ $output != *".copper"* ]]
    run -0 on node4 stat -c '%A %U %F' "$mount/.copper" "$file"
    [ "$output" = $'dr-x------ root directory\n-r-------- root regular file' ]
    run ! on node4 sh -c "echo x >$file"
    run ! on node4 ls "$mount/.copper/nothing"
    run ! on node4 ls "$file/x"
    # An open file keeps its state; another open has another.
    run -0 on node4 sh -c "exec 3<$file; ls $mount/none2; one=\$(cat <&3); two=\$(cat $file)
        [ \${#one} -gt 1000 ] && [ \"\$one\" != \"\$two\" ] && [ \$(stat -c %s $file) -gt 1000 ] && ! getfattr -d $file | grep ."
    on node4 cat "$file" >"$BATS_TEST_TMPDIR/file"
    copper node4 stats --prometheus >"$BATS_TEST_TMPDIR/command"
    copper node4 stats --all --prometheus >"$BATS_TEST_TMPDIR/all"
    copper node4 stats --nodes --prometheus >"$BATS_TEST_TMPDIR/nodes"
    copper node4 stats --json --latency >"$BATS_TEST_TMPDIR/json"
    /usr/bin/python3 - "$BATS_TEST_TMPDIR" <<'EOF'
import json, re, sys
from prometheus_client.parser import text_string_to_metric_families

def load(name):
    families = {}
    for family in text_string_to_metric_families(open(sys.argv[1] + "/" + name).read()):
        assert family.name not in families, family.name
        families[family.name] = family
    return families

file, command, all_, nodes = map(load, ("file", "command", "all", "nodes"))
stats = json.load(open(sys.argv[1] + "/json"))
# What `promtool check metrics` wants of names: base units, written out; of all: a help text; of counters, and of nothing
# else: _total.
assert all(f.documentation and not re.search("_(s|ms|us|sec|kb|mb|b)(_|$)", f.name) for families in (file, command, all_, nodes) for f in families.values())
metric = {name: "copper_" + re.sub("_[mu]s$", "_seconds", name) for name in stats["counters"]}
assert set(file) == set(command) == set(metric.values()) | {"copper_answer_seconds", "copper_answer_errors"}
for name, value in stats["counters"].items():
    full, unit = metric[name], {"_ms": 1e3, "_us": 1e6}.get(name[-3:], 1)
    sample, = command[full].samples
    assert sample.labels == {"host": "node4"}
    if name.startswith(("storage_", "child", "asked", "evict")):
        assert sample.value == value, name
    if name.endswith(("_longest_us", "_busy_us", "_user_ms")):
        assert 0 <= sample.value <= value / unit <= sample.value + 60, name
        assert sample.value > 0 or name == "cpu_user_ms", name
    assert command[full].type in ("counter", "gauge")
    assert (sample.name == full + "_total") == (command[full].type == "counter")
    assert all_[full].samples[0].labels == {}
    assert [s.labels["host"] for s in sorted(nodes[full].samples, key=lambda s: s.labels["host"])] == ["node1", "node2", "node3", "node4"]
assert command["copper_cached_bytes"].type == "gauge" and command["copper_fuse_lookup"].type == "counter"
rows = {(r["op"], r["answer"]): r for r in stats["latency"]}
buckets = {}
for s in command["copper_answer_seconds"].samples:
    key = s.labels["op"], s.labels["answer"]
    if s.name.endswith("_bucket"):
        buckets.setdefault(key, []).append((float(s.labels["le"]), s.value))
assert ("read", "parent") in buckets
for key, list_ in buckets.items():
    assert list_ == sorted(list_) and [v for _, v in list_] == sorted(v for _, v in list_) and list_[-1][0] == float("inf")
    if key[0] == "read":
        assert list_[-1][1] == rows[key]["count"]
        for le, n in list_[:-1]:
            assert n == sum(c for high, c in rows[key]["buckets"] if high < le * 1e6), (key, le)
EOF
}

@test "getfattr tells where a file comes from; an attribute of storage is shown first" {
    local f=$mount$tree/many/f1 g=$tree/many/f2 i
    attr() { on "$1" getfattr --only-values -n "user.copper.$2" "$3"; }
    [ "$(attr node4 source "$f")" = node3 ]
    [ "$(attr node4 level "$f")" = 3 ]
    [ "$(attr node4 cached "$f")" = 20000 ]
    [ "$(attr node1 source "$f")" = storage ]
    [ "$(attr node1 level "$f")" = 0 ]
    [ "$(attr node4 version "$f")" = "$(attr node1 version "$f")" ]
    [[ "$(attr node4 version "$f")" =~ ^20000\ [0-9]+\.[0-9]{9}\ [0-9]+\.[0-9]{9}$ ]]
    [ "$(attr node4 cached "$mount$tree/many")" -gt 50 ]
    run -0 on node4 getfattr -d "$f"
    [ -z "$output" ]
    run -1 on node4 getfattr -n user.copper.nothing "$f"
    if setfattr -n user.copper.source -v mine "$g" 2>/dev/null; then
        copper node4 refresh "$tree/many"
        [ "$(attr node4 source "$mount$g")" = mine ]
        [ "$(attr node4 level "$mount$g")" = 3 ]
        setfattr -x user.copper.source "$g"
    fi
}

@test "--watch: a line an interval, until nobody reads or the job is over" {
    run -0 on node4 sh -c "$COPPER_BIN/copper stats --watch 1 | head -n 2"
    [ "${#lines[@]}" = 2 ]
    [[ ${lines[0]} =~ ^"a second"\ +requests ]]
    [[ ${lines[1]} =~ ^[0-9:]{8}\ +[0-9]+\ +[0-9]+ ]]
    run -0 on node4 sh -c "$COPPER_BIN/copper report -o - | head -n 1"
    [[ $output == '<!'* ]]
    [ "${#lines[@]}" = 1 ]
    run -0 on node4 sh -c "$COPPER_BIN/copper stats --all --watch=1 --json | head -n 1"
    python3 -c 'import json, sys; r = json.load(sys.stdin); assert 0 < r["seconds"] and r["waiting"] == 0' <<<"$output"
    run -2 copper node4 stats --watch 0
    [[ $output == *'--watch: "0" is not a number of seconds; allowed is 1 to 3600' ]]
    run -2 copper node4 stats --prometheus --json
}

@test "the log is silent about names that do not exist" {
    local i log before
    for log in "$CLUSTER_DIR"/home/log/copperd-*; do cp "$log" "$BATS_TEST_TMPDIR"; done
    for i in 1 2 3; do
        on node4 sh -c "! stat $mount$tree/absent.$i $mount$tree/many/absent.$i $mount$tree/absent.$i/x"
        on node4 sh -c "! getfattr -n user.absent $mount$tree/many/f$i"
    done
    for log in "$CLUSTER_DIR"/home/log/copperd-*; do
        before=$(wc -l <"$BATS_TEST_TMPDIR/${log##*/}")
        # On a busy machine a connection may break meanwhile, and that is told.
        run -1 grep -v -e 'connect' -e 'cannot join' <(sed "1,${before}d" "$log")
    done
    python3 - "$CLUSTER_DIR"/home/log/copperd-* <<'EOF'
import re, sys
line = re.compile(r'time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z level=(info|warn|error) node="node\d" text="(\\.|[^"\\])*"( more=\d+)?\n')
seen = 0
for name in sys.argv[1:]:
    for text in open(name):
        assert line.fullmatch(text), text
        seen += 1
assert seen >= 4
EOF
}

# Of a job at rest: what is asked before and after the page is equal.
@test "copper report of a job that runs: its figures are those of copper stats --json" {
    command -v chromium >/dev/null || skip "chromium is not installed"
    cd "$BATS_TEST_TMPDIR"
    until_true at_rest copper node1 stats --nodes --json
    copper node1 stats --nodes --json >before
    copper node1 report -o - >page.html
    copper node1 stats --nodes --json >after
    "$BATS_TEST_DIRNAME/../report/look" page.html >seen
    python3 - <<'EOF'
import json
before, after, seen = (json.load(open(name)) for name in ("before", "after", "seen"))
assert seen["console"] == [] and seen["ready"] == "yes"
moves = {name for name in after["sum"] if before["sum"][name] != after["sum"][name]}
assert not [name for name in moves if name.startswith(("fuse_", "hit_", "storage_", "kernel_"))], moves
wanted = {name: value for name, value in after["sum"].items() if value and name not in moves}
assert {name: value for name, value in seen["counters"].items() if name not in moves} == wanted and len(wanted) > 20
hits = sum(after["sum"][name] for name in after["sum"] if name.startswith("hit_"))
assert seen["cards"]["operations_without"] == hits
assert seen["cards"]["bytes_with"] == after["sum"]["storage_bytes"]
table = seen["tables"]["Nodes, worst first"]
host, level, requests = (table["columns"].index(name) for name in ("node", "level", "requests of the kernel"))
nodes = {node["host"]: node["counters"] for node in after["nodes"]}
assert {row[host]: row[level] for row in table["rows"]} == {"node1": 0, "node2": 1, "node3": 2, "node4": 3}
# The job was launched with -P: what it records is there already.
assert seen["charts"] == 5 and "/tree/many" in seen["tables"]["Most requests"]["rows"][0][0]
assert seen["tables"]["Slowest: time that processes waited"]["rows"] and seen["tables"]["Most bytes"]["rows"]
for row in table["rows"]:
    assert row[requests] == sum(v for k, v in nodes[row[host]].items() if k.startswith("fuse_") and k != "fuse_forget"), row
EOF
}

# collected JOB.LOG LOG...: it has the lines of these logs of nodes, each once, but for what came after the stop was
# asked for, in the order of their time.
collected() {
    python3 - "$@" <<'EOF'
import re, sys

line = re.compile(r'time=(\S+Z) level=(info|warn|error) node="(\w+)" text="(\\.|[^"\\])*"( more=\d+)?\n')
lines = list(open(sys.argv[1]))
times = [line.fullmatch(text)[1] for text in lines]
assert times == sorted(times), times
for name in sys.argv[2:]:
    own = list(open(name))
    node = line.fullmatch(own[0])[3]
    theirs = [text for text in lines if line.fullmatch(text)[3] == node]
    assert len(theirs) >= 2 and theirs == own[:len(theirs)], (node, theirs, own)
    lines = [text for text in lines if line.fullmatch(text)[3] != node]
assert not lines, lines
EOF
}

# report [STATS.JSON]: the newest report in the directory that -d gave, checked. As a word of a command its status is lost:
# so made=$(report).
report() {
    local made
    made=$(ls -td "$CLUSTER_DIR"/home/log/copper-*/ | head -n 1)
    "$BATS_TEST_DIRNAME/report_check.py" "$BATS_TEST_DIRNAME/../../docs" "${made}job.json" "$@" >&2 || return 1
    echo "${made}job.json"
}

@test "the end of a job: what it saved, and -P: one report of all nodes" {
    local stats made
    stats=$(copper node3 stats --all --latency --json)
    echo "$stats" >"$BATS_TEST_TMPDIR/stats"
    run -0 stop --log-collect
    [[ $output == *"copper: stopped on 4 nodes"* ]]
    [[ $output == *"copper: log: $CLUSTER_DIR/home/log/copper-"*"/job.log, "*" lines of all nodes"* ]]
    collected "$CLUSTER_DIR"/home/log/copper-*/job.log "$CLUSTER_DIR"/home/log/copperd-*
    [[ $output == *"copper: report: $CLUSTER_DIR/home/log/copper-"*/report.html* ]]
    if command -v chromium >/dev/null; then
        "$BATS_TEST_DIRNAME/../report/look" "$CLUSTER_DIR"/home/log/copper-*/report.html >"$BATS_TEST_TMPDIR/seen"
        python3 - "$BATS_TEST_TMPDIR" <<'EOF'
import json, sys

seen, stats = (json.load(open(sys.argv[1] + "/" + name)) for name in ("seen", "stats"))
assert seen["console"] == [] and seen["ready"] == "yes" and seen["charts"] == 5
for name in ("fuse_lookup", "fuse_read", "hit_parent", "hit_storage", "storage_stat", "storage_bytes", "kernel_bytes"):
    assert seen["counters"][name] == stats["sum"][name], name
assert "/tree/many" in seen["tables"]["Most requests"]["rows"][0][0]
assert all("/many/f" in row[0] for row in seen["tables"]["Most bytes"]["rows"])
assert seen["tables"]["Slowest: time that processes waited"]["rows"] and "Names that do not exist" in seen["tables"]
EOF
    fi
    [ -z "$(find "$CLUSTER_DIR/home/log" -name '*.profile.json*')" ]
    [ "$(stat -c %a "$CLUSTER_DIR"/home/log/copper-*/job.json)" = 600 ]
    made=$(report "$BATS_TEST_TMPDIR/stats")
    python3 - "$made" "$tree" <<'EOF'
import json, sys

r, tree = json.load(open(sys.argv[1])), sys.argv[2]
assert r["answered"] == r["node_count"] == 4 and not r["missing"] and 0 < r["seconds"] < 3600
assert [row[4:6] for row in r["nodes"]["rows"]] == [[[-1], [0]], [[0], [1]], [[1], [2]], [[2], [3]]]
rows = {row["path"]: row for row in r["paths"]["by_bytes"]["rows"]}
assert rows[tree + "/many/f7"]["value"] == 60000 and rows[tree + "/many/f7"]["nodes"] == 3
names = {row["name"]: row for row in r["paths"]["missing_names"]["rows"]}
assert (names["none"]["value"], names["none"]["nodes"]) == (3, 3)
assert r["distinct"]["relative_error"] == 0 and r["distinct"]["paths"] >= 45
EOF
    python3 - "$output" "$stats" <<'EOF'
import json, re, sys

lines = sys.argv[1].splitlines()
at = next(i for i, line in enumerate(lines) if line.startswith("copper: stopped on"))
assert re.fullmatch(r"copper: stopped on 4 nodes after [\d.]+ (s|min .*)", lines[at]), lines
said = re.fullmatch(r"copper: saved ([\d,]+) operations on storage and [\d.]+ [KMB]+: programs got ([\d,]+) objects and "
                    r"[\d.]+ [KMB]+, storage was asked for ([\d,]+) and [\d.]+ [KMB]+", lines[at + 1])
saved, objects, asked = (int(n.replace(",", "")) for n in said.groups())
c = json.loads(sys.argv[2])["sum"]
assert objects >= sum(c[n] for n in ("hit_here", "hit_negative", "hit_flight", "hit_parent", "hit_storage")) > 30
assert asked >= c["storage_stat"] + c["storage_readdir"] + c["storage_read"] and saved == objects - asked > 0
EOF
    [[ $output != *advice* ]]
}

@test "--log-collect: a launch that fails keeps the log of the nodes that ran" {
    local go=$CLUSTER_DIR/home/go pid status=0
    stop
    # node4 is not started before the daemons are waited for, and then it fails.
    # shellcheck disable=SC2016 # of that script
    printf '#!/bin/sh\n[ "$1" != node4 ] || { until [ -e %s ]; do sleep 0.1; done; echo broken >&2; exit 1; }\nexec %s "$@"\n' "$go" "$CLUSTER_BIN/rsh" >"$go.rsh"
    chmod +x "$go.rsh"
    rsh=$go.rsh launch -H "$nodes" -l 2 --log-collect -d "$CLUSTER_DIR/home/failed" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
    pid=$!
    until_true waited_for
    touch "$go"
    wait "$pid" || status=$?
    [ "$status" = 1 ]
    output=$(<"$BATS_TEST_TMPDIR/out")
    echo "$output"
    [[ $output == *"copper: node4: "*"broken"* ]]
    [[ $output == *"copper: log: $CLUSTER_DIR/home/failed/copper-"*"/job.log, "* ]]
    grep -q ' node="node1" ' "$CLUSTER_DIR"/home/failed/copper-*/job.log
    without_traces all_traces
}

# waited_for: a launch waits for nodes at node1.
waited_for() {
    { copper node1 doctor --json 2>/dev/null || true; } | python3 -c 'import json, sys; sys.exit(all(r["request"]["op"] != "wait" for r in json.load(sys.stdin).get("daemon", {}).get("requests", [])))'
}

# searches: a Python, read through Copper, that imports and loads along search paths whose last entries have nearly all.
# It ends when the daemon knows its environment. What ld.so tries goes to a file for each node.
searches() {
    on "$1" env PYTHONPATH="$mount$tree/p1:$mount$tree/p2:$mount$tree/p3:/nowhere" LD_LIBRARY_PATH="$mount$tree/l1:$mount$tree/l2:$mount$tree/l3" \
        PYTHONDONTWRITEBYTECODE=1 LD_DEBUG=libs LD_DEBUG_OUTPUT="$CLUSTER_DIR/home/tried.$1" "$mount/usr/bin/python3" - "$COPPER_BIN/copper" "$mount" <<'EOF'
import ctypes, json, os, subprocess, sys, time
import early, m1, m2, m3, m4, m5
for i in range(20):
    ctypes.CDLL(f"libcu{i}.so")
    assert not os.path.exists(f"{sys.argv[2]}/usr/bin/cu{i}")
while json.loads(subprocess.check_output([sys.argv[1], "stats", "--json", "-v", sys.argv[2]], env={}))["counters"]["searchers"] == 0:
    time.sleep(0.02)
EOF
}

@test "search paths: what was looked up in vain in each entry, as ld.so itself tells, and the order that saves most" {
    local node i library made
    stop
    mkdir -p "$tree"/{p,l}{1,2,3}
    library=$(ldconfig -p | sed -n 's/.*libz\.so\.1 .*=> //p' | head -n 1)
    for i in $(seq 0 19); do cp "$library" "$tree/l3/libcu$i.so"; done
    cp "$library" "$tree/l1/libcu0.so"
    touch "$tree"/p1/unused.py "$tree"/p2/early.py "$tree"/p3/m{1,2,3,4,5}.py
    launch -H "$nodes" -k 1 -E 600000 -P -A -d "$CLUSTER_DIR/home/log"
    for node in node2 node3 node4; do searches "$node"; done
    run -0 stop
    [[ $output == *"copper: advice: put $mount$tree/l3 first in LD_LIBRARY_PATH: saves "*" lookups on 3 nodes"* ]]
    made=$(report)
    grep -qE '^### LD.*, of [1-3] processes' "${made%/*}/summary.md"
    python3 - "$made" "$mount" "$tree" "$CLUSTER_DIR"/home/tried.* <<'EOF'
import csv, json, os, re, sys

report, mount, tree, tried = json.load(open(sys.argv[1])), sys.argv[2], sys.argv[3], sys.argv[4:]
lists = {v["variable"]: v for v in report["search"]}
vain, found = {}, {}
assert len({name.split(".")[-2] for name in tried}) == 3
for node in {name.split(".")[-2] for name in tried}:
    names = {f for t in tried if t.split(".")[-2] == node for f in re.findall(r"trying file=(\S+)", open(t).read())}
    asked = {(d, f[len(d) + 1:].split("/")[0]) for f in names for d in [f"{mount}{tree}/l{i}" for i in (1, 2, 3)] if f.startswith(d + "/")}
    for d, name in asked:
        into = found if os.path.exists(f"{d[len(mount):]}/{name}") else vain
        into[d] = into.get(d, 0) + 1
value = lists["LD_LIBRARY_PATH"]
assert 1 <= value["processes"] <= 3
assert [e["entry"] for e in value["entries"]] == [f"{mount}{tree}/l{i}" for i in (1, 2, 3)]
for e in value["entries"]:
    assert (e["path"], e["vain"], e["found"], e["nodes"]) == (e["entry"][len(mount):], vain[e["entry"]], found.get(e["entry"], 0), 3), (e, vain, found)
# 19 of 20 libraries are in the third alone; the other one would be found there, too.
assert vain[f"{mount}{tree}/l1"] >= 57 and value["vain"] == sum(vain.values())
assert [e["better"] for e in value["entries"]] == [2, None, 1], value
assert value["move"] == {"entry": f"{mount}{tree}/l3", "before": f"{mount}{tree}/l1", "first": True, "saves": 57 + 57 - 3, "nodes": 3, "wait_us": value["move"]["wait_us"]}, value["move"]
idle, waited = vain[f"{mount}{tree}/l2"] - 57, value["move"]["wait_us"]
assert value["vain"] - value["vain_better"] == 57 + 57 - 3 + idle
value = lists["PYTHONPATH"]
# Python lists each entry, and looks up what is there: in the others nothing is looked up in vain.
assert [(e["vain"], e["found"], e["listings"], e["better"]) for e in value["entries"]] == [(0, 0, 3, None), (3, 3, 3, 1), (3, 15, 3, 2), (0, 0, 0, 3)], value
assert [e["path"] for e in value["entries"]] == [f"{tree}/p{i}" for i in (1, 2, 3)] + [None] and value["move"] is None
assert [(a["kind"], a["saves"]) for a in report["advice"]] == [("search_path", 111)] and report["advice"][0]["seconds"] == waited / 1e6 > 0
# Its PATH has no directory of the view, although somebody has searched there.
assert any(row["path"] == "/usr/bin" for row in report["paths"]["missing_directories"]["rows"]) and "PATH" not in lists
rows = list(csv.DictReader(open(os.path.dirname(sys.argv[1]) + "/search.csv")))
assert [(r["variable"], r["entry"], int(r["vain"])) for r in rows] == [(v["variable"], e["entry"], e["vain"]) for v in report["search"] for e in v["entries"]]
EOF
}

# answered COUNT: so many nodes answer node1.
answered() {
    copper node1 stats --all --json | grep -q "\"answered\": *$1\b"
}

# The last one: it launches anew, with a node that is not there, and files above -M; then another one dies.
@test "each key of --json is in docs/stats.schema.json, and the other way round" {
    local node dead='' log made
    stop
    launch -H "$nodes,nowhere" --allow-missing 1 -M 16KB -T 2 -k 2 -P -N 5 -I 1 --log-collect -d "$CLUSTER_DIR/home/log"
    on node2 sh -c "cat $mount$tree/many/* >/dev/null"
    copper node2 stats --json --latency >"$BATS_TEST_TMPDIR/node"
    copper node2 stats --json --nodes --latency >"$BATS_TEST_TMPDIR/job"
    python3 - "$BATS_TEST_DIRNAME/../../docs/stats.schema.json" "$BATS_TEST_TMPDIR" <<'EOF'
import json, sys

schema = json.load(open(sys.argv[1]))
seen = set()

def check(value, rule, where):
    if "$ref" in rule:
        where = rule["$ref"].rsplit("/", 1)[1]
        rule = schema["$defs"][where]
    kind = {"object": dict, "array": list, "integer": int, "string": str}[rule["type"]]
    assert type(value) is kind, (where, value)
    if kind is int:
        assert value >= rule["minimum"], where
    elif kind is list:
        for item in value:
            check(item, rule["items"], where + "[]")
    elif kind is dict:
        for name in rule.get("required", []):
            assert name in value, (where, name)
        for name, member in value.items():
            if "properties" in rule:
                assert name in rule["properties"], (where, name)
                seen.add((where, name))
                check(member, rule["properties"][name], where + "." + name)
            else:
                check(member, rule["additionalProperties"], where)

def described(rule, where):
    for name, member in rule.get("properties", {}).items():
        yield where, name
        yield from described(member, where + "." + name)
    if "items" in rule:
        yield from described(rule["items"], where + "[]")

for name in "node", "job":
    check(json.load(open(sys.argv[2] + "/" + name)), schema["$defs"][name], name)
left = {key for name, rule in schema["$defs"].items() for key in described(rule, name)} - seen
assert not left, left
EOF
    for node in node2 node3 node4; do
        [[ "$(field "$node" trees)" == *'"root"'* ]] || dead=$node
    done
    # shellcheck disable=SC2016 # of the shell there
    on "$dead" sh -c 'kill -9 $("$0" super) $("$0")' "$CLUSTER_BIN/daemons"
    until_true answered 3
    until_true test -s "$CLUSTER_DIR/home/log/node1.stats.jsonl"
    run -0 stop
    [[ $output == *"copper: report: "* ]]
    # What the report has is in no file of a node, but of one that has not answered.
    [ -z "$(find "$CLUSTER_DIR/home/log" -name '*.stats.jsonl' ! -name "$dead.*" -o -name '*.profile.json' ! -name "$dead.*")" ]
    [[ $output == *"copper: log: no answer from $dead"* ]]
    log=$(ls -t "$CLUSTER_DIR"/home/log/copper-*/job.log | head -n 1)
    grep -q " text=\"from here on without the log of $dead: no answer\"$" "$log"
    run ! grep -q 'level=info' "$log"
    # No node has written a log of its own this time.
    [ "$(find "$CLUSTER_DIR/home/log" -name 'copperd-*.log' | wc -l)" = 4 ]
    made=$(report)
    python3 - "$made" "$dead" <<'EOF'
import json, sys

r = json.load(open(sys.argv[1]))
assert [n["host"] for n in r["missing"]] == [sys.argv[2]] and [n["host"] for n in r["left_out"]] == ["nowhere"], (r["missing"], r["left_out"])
assert r["answered"] == 3 and r["node_count"] == 5 and r["options"]["trees"] == 2
assert r["past_trees"]["bytes"] == r["counters"]["bypass_bytes"] == r["paths"]["past_trees"]["total"]
EOF
}
