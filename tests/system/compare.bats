# What a leaf three levels below the root shows is what storage holds: byte for byte, attribute for
# attribute, hole for hole.
# SPDX-License-Identifier: BSD-3-Clause

bats_require_minimum_version 1.5.0
load lib.bash

setup_file() {
    can_run || return 0
    work_up
    # Sanitizers take minutes for a file of 5 GB, and for as many names.
    local huge=--huge entries=50000
    [ -z "$(sanitizers)" ] || huge='' entries=8000
    "$CLUSTER_BIN/mktree" $huge --entries $entries "$WORK/tree"
    # Each node is the root of a part of so large a file, and reads this from storage.
    mkdir "$WORK/huge"
    [ -z "$huge" ] || mv "$WORK/tree/holes/huge" "$WORK/huge"
    sync -f "$WORK" # until then block counts change by themselves
    cluster_up -n 8
    job_up -k 2 -M 8G
}

teardown_file() {
    job_down
    cluster_down
    work_down
}

setup() {
    skip_unless_built
}

@test "the leaf is three levels below the root" {
    for rank in 4 3 2; do
        run -0 copper "node$rank" status --json
        [ "$(jq_get "$output" trees.0.parent)" = "node$((rank - 1))" ]
    done
}

@test "a varied tree, 50,000 names in one directory, a file of 5 GB: the same through a leaf" {
    run -0 on node4 "$CLUSTER_BIN/cmptree" "$WORK/tree" "$MOUNT$WORK/tree"
    [[ $output == *" 0 differences" ]]
    # And it was not found out by looking at storage directly.
    copper node4 stats --json >"$BATS_TEST_TMPDIR/leaf"
    for what in stat readdir readlink open read xattr statfs; do
        [ "$(jq_get "$(<"$BATS_TEST_TMPDIR/leaf")" "counters.storage_$what")" = 0 ]
    done
    run -0 on node4 "$CLUSTER_BIN/cmptree" "$WORK/huge" "$MOUNT$WORK/huge"
    [[ $output == *" 0 differences" ]]
}

@test "and once more from the kernel's caches" {
    run -0 on node4 "$CLUSTER_BIN/cmptree" "$WORK/tree" "$MOUNT$WORK/tree"
    run -0 on node4 "$CLUSTER_BIN/cmptree" "$WORK/huge" "$MOUNT$WORK/huge"
}

@test "md5sum of large files, read in whole by eight nodes at once" {
    local size=300M
    [ -z "$(sanitizers)" ] || size=60M
    head -c $size /dev/urandom >"$WORK/large"
    sum=$(md5sum <"$WORK/large")
    run -0 on_all sh -c "md5sum <'$MOUNT$WORK/large'"
    [ "$(grep -c "$sum" <<<"$output")" = 8 ]
}
