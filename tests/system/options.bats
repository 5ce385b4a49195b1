# What options change in the traffic of a job, by what storage and the daemons count. What they change
# on a node is in launch_options.bats.
# SPDX-License-Identifier: BSD-3-Clause

bats_require_minimum_version 1.5.0
load lib.bash

setup_file() {
    can_run || return 0
    work_up
    mkdir "$WORK/source" "$WORK/pfs"
    head -c 3000000 /dev/urandom >"$WORK/source/larger"
    head -c 900000 /dev/urandom >"$WORK/source/smaller"
    head -c 1048576 /dev/urandom >"$WORK/source/equal"
    mkdir "$WORK/source/many"
    for n in {1..60}; do head -c 1000000 /dev/urandom >"$WORK/source/many/$n"; done
    (cd "$WORK/source" && find . -type f -exec md5sum {} +) >"$WORK/sums"
    pfs_up --nodes 4 "$WORK/source" "$WORK/pfs"
    cluster_up -n 4
}

teardown_file() {
    bed_down
}

setup() {
    skip_unless_built
    before=$BATS_TEST_TMPDIR/before after=$BATS_TEST_TMPDIR/after
}

teardown() {
    job_down
}

# opens PATH: how often storage was asked to open it.
opens() {
    pfs paths | awk -F '\t' -v path="$1" '$1 == "open" && $5 == path { n = $2 } END { print n + 0 }'
}

begin_counting() {
    on_all stat -c '' "$MOUNT$WORK/pfs" >/dev/null
    pfs reset
    stats_to "$before"
}

@test "-M: each node reads a larger file itself, a smaller one comes through the tree" {
    job_up -k 1 -M 1MB
    begin_counting
    on_all sh -c "cd '$MOUNT$WORK/pfs' && cat larger smaller equal | md5sum" >"$BATS_TEST_TMPDIR/sums"
    stats_to "$after"
    [ "$(grep -c "$(cd "$WORK/source" && cat larger smaller equal | md5sum)" \
        "$BATS_TEST_TMPDIR/sums")" = 4 ]
    pfs paths | grep -E '^(open|read)'
    [ "$(opens /larger)" = 4 ]
    [ "$(opens /smaller)" = 1 ]
    [ "$(opens /equal)" = 1 ]
    run -0 figures who "$before" "$after" storage_read
    [ "$output" = $'node1\nnode2\nnode3\nnode4' ]
    # Its attributes come through the tree all the same.
    run -0 figures who "$before" "$after" storage_stat
    [ "$output" = node1 ]
    [ "$(figures sum "$before" "$after" storage_bytes)" = $((4 * 3000000 + 900000 + 1048576)) ]
}

@test "-M 0: every file is read by each node itself, no matter how small" {
    job_up -k 1 -M 0
    begin_counting
    on_all cat "$MOUNT$WORK/pfs/many/1" >/dev/null
    [ "$(opens /many/1)" = 4 ]
}

# found NODE NAME: does it exist there, after another name in its directory did not?
found() {
    on "$1" test ! -e "$MOUNT$WORK/pfs/many/none" && on "$1" test -e "$MOUNT$WORK/pfs/many/$2"
}

# job_of_a_site RULES [OPTION...]: a job of programs whose copper.conf says so.
job_of_a_site() {
    local prefix=$WORK/prefix
    [ -d "$prefix" ] || cmake --install "$COPPER_BUILD" --prefix "$prefix" >/dev/null
    mkdir -p "$prefix/etc"
    echo "listings = $1" >"$prefix/etc/copper.conf"
    shift
    "$CLUSTER_BIN/cluster" hosts "$CLUSTER_DIR" >"$CLUSTER_DIR/job-hosts"
    on login env COPPER_RSH="$CLUSTER_BIN/rsh" "$prefix/bin/launch_copper.sh" \
        -H "$CLUSTER_DIR/job-hosts" -v "$MOUNT" -s "$PATIENCE" -k 1 -E 3600000 "$@"
}

@test "listings in copper.conf, and --listings: whether a name that no listing shows is found" {
    pfs quirk nocase
    # By its type (fuse.dfuse) this storage is trusted, though it does not tell case apart.
    mkdir -p "$WORK/source/many/Dir"
    job_up -k 1 -E 3600000
    run found node4 dir
    [ "$status" = 1 ]
    job_down
    # The site knows better: by type, then by path.
    for rules in fuse.dfuse:partial "fuse.dfuse:trusted,$WORK/pfs:partial"; do
        job_of_a_site "$rules"
        for node in node4 node1; do
            found $node dir
            found $node DIR
        done
        run -0 copper node4 doctor
        [[ $output == *"$WORK/pfs (fuse.dfuse): may have names that it does not list"* ]]
        job_down
    done
    # The option goes before the file.
    job_of_a_site fuse.dfuse:partial --listings fuse.dfuse:trusted
    run found node4 dir
    [ "$status" = 1 ]
    run -0 copper node4 doctor
    [[ $output != *"$WORK/pfs (fuse.dfuse): may have names"* ]]
    pfs quirk nocase=0
    rmdir "$WORK/source/many/Dir"
}

@test "listings = unstamped in copper.conf: a new name is found after -E where stamps stand still" {
    pfs quirk still_dirs
    for rules in fuse.dfuse:trusted fuse.dfuse:unstamped; do
        rm -f "$WORK/source/many/new"
        job_of_a_site $rules -E 300
        run on node4 test -e "$MOUNT$WORK/pfs/many/none"
        run on node4 test -e "$MOUNT$WORK/pfs/many/none2"
        : >"$WORK/source/many/new"
        run -0 copper node4 doctor
        if [ $rules = fuse.dfuse:unstamped ]; then
            [[ $output == *"$WORK/pfs (fuse.dfuse): may change without a stamp"* ]]
            until_true on node4 test -e "$MOUNT$WORK/pfs/many/new"
        else
            [[ $output != *"$WORK/pfs (fuse.dfuse): may change"* ]]
        fi
        job_down
    done
    job_up -k 1 # for the end of this test
    pfs quirk still_dirs=0
    rm "$WORK/source/many/new"
}

@test "-m: the cache stays within its bound, and the bytes right" {
    job_up -k 1 -m 16M
    on node4 sh -c "cd '$MOUNT$WORK/pfs' && md5sum --quiet -c '$WORK/sums'"
    stats_to "$after"
    for node in node1 node2 node3 node4; do
        [ "$(figures value "$after" "$node" cached_bytes)" -le $((16 << 20)) ]
        [ "$(figures value "$after" "$node" cached_bytes)" -gt $((8 << 20)) ]
        [ "$(figures value "$after" "$node" evictions)" -gt 100 ]
        # Memory of a sanitized program is not the program's.
        [ -n "$(sanitizers)" ] ||
            [ "$(figures value "$after" "$node" rss_bytes)" -lt $(((16 + 2 + 24) << 20)) ]
    done
    # And again, though little of it is still there.
    on node3 sh -c "cd '$MOUNT$WORK/pfs' && md5sum --quiet -c '$WORK/sums'"
}

# Opens that many names that are not there, in one directory.
ask_for_nothing() {
    on "$1" /usr/bin/python3 -IS -c '
import os, sys
for n in range(int(sys.argv[2])):
    assert not os.path.exists("%s/none%d" % (sys.argv[1], n))' "$MOUNT$WORK/pfs/many" "$2"
}

@test "-E: names that do not exist are asked for again after that time, by one question" {
    job_up -k 1 -E 3000
    begin_counting
    ask_for_nothing node4 200
    stats_to "$after"
    # Storage was asked for the first, then for the listing, never for a name again.
    [ "$(figures sum "$before" "$after" storage_stat)" -le 3 ]
    [ "$(figures sum "$before" "$after" storage_readdir)" = 1 ]
    [ "$(figures sum "$before" "$after" fuse_lookup)" -ge 200 ]
    # Within the time no daemon is asked. (The time can be over on a machine that is very slow.)
    cp "$after" "$before"
    start=$EPOCHREALTIME
    ask_for_nothing node4 200
    stats_to "$after"
    elapsed_ms=$(((${EPOCHREALTIME/./} - ${start/./}) / 1000))
    [ "$(figures sum "$before" "$after" fuse_lookup)" = 0 ] || [ "$elapsed_ms" -gt 1500 ]
    # When it is over, the directory's version is asked for, once.
    asked_again() {
        ask_for_nothing node4 200
        stats_to "$after"
        [ "$(figures sum "$before" "$after" fuse_lookup)" -ge 200 ]
    }
    pfs reset
    until_true asked_again
    echo "storage: $(figures grown "$before" "$after" storage_)"
    [ "$(figures sum "$before" "$after" storage_stat storage_readdir)" = 0 ]
    [ "$(figures sum "$before" "$after" storage_revalidate)" -ge 1 ]
    [ "$(figures sum "$before" "$after" storage_revalidate)" -le 4 ]
    [ "$(pfs counts | /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)["miss"])')" = 0 ]
}

@test "-T: a leaf asks several parents, a root is asked by others" {
    job_up -k 1 -T 4
    begin_counting
    on node4 sh -c "cat '$MOUNT$WORK/pfs/many/'* | md5sum" >"$BATS_TEST_TMPDIR/sum"
    stats_to "$after"
    [ "$(<"$BATS_TEST_TMPDIR/sum")" = "$(cat "$WORK/source/many/"* | md5sum)" ]
    run -0 figures who "$before" "$after" storage_
    [ "$output" = $'node1\nnode2\nnode3\nnode4' ]
    run -0 figures who "$before" "$after" child_wants
    [ "${#lines[@]}" -ge 3 ]
    [ "$(figures sum "$before" "$after" storage_bytes)" = 60000000 ]
}

@test "-k: the tree's depth decides how many nodes a read passes" {
    for fanout in 1 3; do
        job_up -k "$fanout"
        begin_counting
        on node4 cat "$MOUNT$WORK/pfs/many/7" >/dev/null
        stats_to "$after"
        run -0 figures who "$before" "$after" asked_parent
        if [ "$fanout" = 1 ]; then
            [ "$output" = $'node2\nnode3\nnode4' ]
        else
            [ "$output" = node4 ]
        fi
        [ "$fanout" = 3 ] || job_down
    done
}
