# Daemons die, freeze and lose their links while all nodes read: processes on the other nodes finish
# with right bytes and without an error, and who comes back is used again. The tree of the eight
# nodes is 1 - (2 - (3 - 4, 5), 6 - (7, 8)): node4 is at depth 3.
# How long the longest single call took is printed, not asserted; what hangs fails.
# SPDX-License-Identifier: BSD-3-Clause

bats_require_minimum_version 1.5.0
load lib.bash
load readers.bash
DEATHS_EXPECTED=yes

setup_file() {
    can_run || return 0
    slow_storage_up 8
}

teardown_file() {
    bed_down
}

setup() {
    skip_unless_built
    RANDOM=$((SEED + BATS_TEST_NUMBER))
    job_up -k 2 -M 1G -E 600000
}

teardown() {
    "$CLUSTER_BIN/cluster" heal "$CLUSTER_DIR" # after a test that failed, too
    job_down
}

# reading "NODE..." COMMAND...: on all nodes when the command is run. It hits the readers on the nodes named.
reading() {
    start_readers node{1..8}
    some_moment "${1%% *}" 5 35
    hit "$@"
}

# thaw NODE PID: readers there, which nobody could help, end, too.
thaw() {
    on "$1" kill -CONT "$2"
    wait "${readers[$1]}"
}

cut_off() {
    "$CLUSTER_BIN/cluster" cut "$CLUSTER_DIR" "$@"
}

heal() {
    "$CLUSTER_BIN/cluster" heal "$CLUSTER_DIR" "$@"
}

@test "a parent is killed: those below it go on, and use it again when it is back" {
    reading "node3 node4 node5" kill_for_good node2
    readers_finish node2
    start_daemon node2
    until_true parent_is node3 node2
    parent_is node2 node1
    # It serves again, and to those below it.
    on node2 cat "$MOUNT$WORK/pfs/d0/f0" | cmp - "$WORK/source/d0/f0"
}

@test "a parent is frozen: those below it go on, and use it again when it thaws" {
    local frozen
    frozen=$(daemon node3)
    reading "node3 node4" on node3 kill -STOP "$frozen"
    readers_finish node3
    until_true parent_is node4 node2
    thaw node3 "$frozen"
    until_true parent_is node4 node3
}

@test "a parent is cut off: its packets vanish, then come again" {
    reading "node2 node3 node4 node5" cut_off node2
    # Nobody it can reach lives: it reads storage itself, and its processes finish, too.
    readers_finish
    until_true parent_is node3 node1
    heal node2
    until_true parent_is node3 node2
    until_true parent_is node2 node1
}

@test "only the link between a node and its parent is cut: the node asks its grandparent" {
    reading "node4" cut_off node3 node4
    readers_finish
    until_true parent_is node4 node2
    until_true parent_is node3 node2
    heal node3 node4
    until_true parent_is node4 node3
}

@test "only the link between the root and its child is cut: the child reads storage" {
    reading "node2 node3 node4 node5" cut_off node1 node2
    readers_finish
    until_true parent_is node2 None
    until_true parent_is node3 node2
    heal node1 node2
    until_true parent_is node2 node1
}

@test "the root is cut off: another takes over, and gives back" {
    reading "node2 node6" cut_off node1
    readers_finish
    until_true parent_is node2 None
    until_true parent_is node6 node2
    heal node1
    until_true parent_is node2 node1
    until_true parent_is node6 node1
}

@test "the root is killed: another takes over, and gives back" {
    reading "node2 node6" kill_for_good node1
    readers_finish node1
    start_daemon node1
    until_true parent_is node2 node1
    until_true parent_is node6 node1
}

@test "the root and its successor are frozen at once" {
    local one two
    one=$(daemon node1) two=$(daemon node2)
    reading "node2 node6" on node1 kill -STOP "$one"
    hit "node3 node6" on node2 kill -STOP "$two"
    readers_finish node1 node2
    until_true parent_is node6 node3
    until_true parent_is node3 None
    thaw node1 "$one"
    thaw node2 "$two"
    until_true parent_is node3 node2
    until_true parent_is node6 node1
}

@test "the root and its successor are cut off at once: their packets vanish" {
    reading "node2 node6" cut_off node1
    hit "node3 node6" cut_off node2
    # The two read storage themselves, each for itself.
    readers_finish
    until_true parent_is node6 node3
    until_true parent_is node3 None
    heal
    until_true parent_is node2 node1
    until_true parent_is node3 node2
    until_true parent_is node6 node1
}

@test "the nodes of the root and its successor lose power" {
    reading "node2 node6" "$CLUSTER_BIN/cluster" kill "$CLUSTER_DIR" node1
    hit "node3 node6" "$CLUSTER_BIN/cluster" kill "$CLUSTER_DIR" node2
    readers_finish node1 node2
    until_true parent_is node3 None
    "$CLUSTER_BIN/cluster" restart "$CLUSTER_DIR" node1
    "$CLUSTER_BIN/cluster" restart "$CLUSTER_DIR" node2
    start_daemon node1
    start_daemon node2
    until_true parent_is node3 node2
    until_true parent_is node6 node1
    on node1 cat "$MOUNT$WORK/pfs/d0/f0" | cmp - "$WORK/source/d0/f0"
}

# A file of 160 MiB with 16 chunks of data, one in every ninth MiB: stripes of all its trees in turn.
make_bulk() {
    local i
    truncate -s 160M "$1"
    for i in {0..15}; do
        dd if=/dev/urandom of="$1" bs=256K seek=$((i * 36)) count=1 conv=notrunc status=none
    done
}

# bulk_is_right FIRST LAST NODE...: these of its chunks are the same there.
bulk_is_right() {
    local first=$1 last=$2 node right pid pids=()
    local sums='for i in $(seq "$2" "$3"); do
        dd if="$1" bs=256K skip=$((i * 36)) count=1 status=none | cksum
    done'
    shift 2
    right=$(sh -c "$sums" sh "$WORK/source/bulk" "$first" "$last")
    for node in "$@"; do
        on "$node" timeout "$PATIENCE" sh -c "$sums" sh "$MOUNT$WORK/pfs/bulk" "$first" "$last" \
            >"$WORK/out/$node" 3>&- &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid"
    done
    for node in "$@"; do
        [ "$(<"$WORK/out/$node")" = "$right" ]
    done
}

@test "a large file has trees of its own, with any -T and on several cores: all nodes read a part of it, once, and one may die" {
    local options read
    make_bulk "$WORK/source/bulk"
    for options in "-T 1 -b 0" "-T 3 -b 0" "-T 1 -b 0,1"; do
        job_down
        # shellcheck disable=SC2086
        job_up -k 2 -M 1G -E 600000 $options
        stats_to "$BATS_TEST_TMPDIR/before"
        bulk_is_right 0 7 node{1..8}
        stats_to "$BATS_TEST_TMPDIR/after"
        run -0 figures who "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after" storage_read
        [ "$output" = "$(printf 'node%s\n' {1..8})" ]
        # A reader that goes on gets the next two chunks, too.
        read=$(figures sum "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after" storage_bytes)
        [ "$read" -ge $((8 << 18)) ] && [ "$read" -le $((32 << 18)) ]
    done
    kill_for_good node5
    bulk_is_right 8 15 node{1..4} node{6..8}
    start_daemon node5
    until_true parent_is node5 node2
}

lookups() {
    jq_get "$(copper "$1" stats --json)" counters.fuse_lookup
}

lookups_reach() {
    [ "$(lookups "$1")" -ge "$2" ]
}

@test "a node without a living ancestor reads storage under a budget of its own" {
    local i before frozen pids=()
    frozen=$(daemon node1)
    on node1 kill -STOP "$frozen"
    on node2 stat -c %n "$MOUNT$WORK/pfs/d0" >/dev/null
    until_true parent_is node2 None
    copper login status >/dev/null # asks the frozen one first, then others
    before=$(lookups node2)
    for i in 0 1 2 3 4 5 6 7 8 9; do
        pfs hang "/d0/f$i" stat
    done
    for i in 0 1 2 3 4 5 6 7 8 9; do
        on node2 timeout "$PATIENCE" cat "$MOUNT$WORK/pfs/d0/f$i" >"$WORK/out/f$i" 3>&- &
        pids+=($!)
    done
    # All ten have come to the daemon; four are let through to storage.
    until_true lookups_reach node2 $((before + 10))
    until_true hanging_are 4
    [ "$(jq_get "$(copper node2 doctor --json)" daemon.storage.pending)" = 4 ]
    pfs unhang
    for i in "${pids[@]}"; do
        wait "$i"
    done
    for i in 0 1 2 3 4 5 6 7 8 9; do
        cmp "$WORK/out/f$i" "$WORK/source/d0/f$i"
    done
    on node1 kill -CONT "$frozen"
}
