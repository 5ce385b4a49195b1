# What a job tells about itself: latencies, summed over the nodes. With the real launcher and daemons.
# SPDX-License-Identifier: BSD-3-Clause

setup_file() {
    load launch.bash
    skip_unless_root_fuse
    cluster_up -n 4
    tree=$CLUSTER_DIR/home/tree
    export tree
    mkdir -p "$tree/many"
    for i in 1 2 3 4 5 6 7 8; do head -c 20000 /dev/urandom >"$tree/many/f$i"; done
    launch -H "$nodes" -k 1
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
