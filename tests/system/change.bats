# Storage changes or fails under the job: what a reader gets are bytes of one version, or an error;
# never a mixture, never zeros, never a short file.
# SPDX-License-Identifier: BSD-3-Clause

bats_require_minimum_version 1.5.0
load lib.bash

setup_file() {
    can_run || return 0
    bed_up 4
    # A chain: node4 is three levels below the root.
    job_up -k 1 -M 1G -E 500
}

teardown_file() {
    job_down
    bed_down
}

setup() {
    skip_unless_built
    own_directory node1 node2 node3 node4
    probe=$SYSTEM_DIR/changeprobe
}

teardown() {
    [ -z "${PFS_CONTROL:-}" ] || pfs unfail
}

# change_while_read COMMAND...: a leaf has read the first block of "file" when the command is run, then
# goes on; its verdict is $verdict.
change_while_read() {
    local reader
    mkfifo "$WORK/ready$dir" "$WORK/go$dir"
    "$probe" make "$source/file" 1 6000
    on node4 "$probe" read "$leaf/file" "$WORK/ready$dir" "$WORK/go$dir" \
        >"$BATS_TEST_TMPDIR/verdict" 2>&1 3>&- &
    reader=$!
    # Bounded: a reader that failed early opens neither.
    timeout "$PATIENCE" head -n 1 "$WORK/ready$dir" || { cat "$BATS_TEST_TMPDIR/verdict"; return 1; }
    "$@"
    # shellcheck disable=SC2016 # the inner shell's
    timeout "$PATIENCE" sh -c 'echo go >"$1"' sh "$WORK/go$dir"
    wait "$reader" || { cat "$BATS_TEST_TMPDIR/verdict"; return 1; }
    verdict=$(<"$BATS_TEST_TMPDIR/verdict")
    echo "the reader: $verdict"
}

sees() {
    [ "$(on "$1" "$probe" read "$leaf/file")" = "$2" ]
}

same() {
    on "$1" cat "$leaf/file" | cmp -s - "$source/file"
}

@test "truncated while it is read: ESTALE, no zeros; then the new version" {
    change_while_read truncate -s 8192 "$source/file"
    [ "$verdict" = "version 1 then ESTALE" ]
    until_true same node4
    until_true same node2
}

@test "overwritten in place while it is read: ESTALE, no mixture; then the new version" {
    change_while_read "$probe" make "$source/file" 2 6000
    [ "$verdict" = "version 1 then ESTALE" ]
    until_true sees node4 "version 2"
    until_true sees node1 "version 2"
}

@test "appended to while it is read: ESTALE; then the new version" {
    append() { head -c 300000 /dev/urandom >>"$source/file"; }
    change_while_read append
    [ "$verdict" = "version 1 then ESTALE" ]
    until_true same node4
    until_true same node2
}

@test "replaced by rename while it is read: the old one or ESTALE; then the new version" {
    replace() {
        "$probe" make "$source/new" 2 5000
        mv "$source/new" "$source/file"
    }
    change_while_read replace
    [ "$verdict" = "version 1" ] || [ "$verdict" = "version 1 then ESTALE" ]
    [ "$verdict" != "version 1" ] || copper node1 refresh
    until_true sees node4 "version 2"
    until_true sees node3 "version 2"
}

@test "removed while it is read: the old one or ESTALE; then it is gone" {
    change_while_read rm "$source/file"
    [ "$verdict" = "version 1" ] || [ "$verdict" = "version 1 then ESTALE" ]
    [ "$verdict" != "version 1" ] || copper node1 refresh
    until_true sees node4 "no version then ENOENT"
}

shows_newer() {
    [ "$(on node1 cat "$leaf/one/f")" = newer ]
}

@test "paths that are refreshed together wait together for a frozen node" {
    local frozen pid said
    mkdir "$source/one"
    echo old >"$source/one/f"
    ln -s one "$source/link"
    copper node1 refresh "$WORK/pfs/$dir"
    [ "$(on node1 cat "$leaf/link/f")" = old ]
    echo newer >"$source/one/f"
    frozen=$(daemon node4)
    on node4 kill -STOP "$frozen"
    copper node1 refresh "$WORK/pfs/$dir/link/f" >"$WORK/said" 2>&1 3>&- &
    pid=$!
    run until_true shows_newer
    said=$(cat "$WORK/said")
    on node4 kill -CONT "$frozen"
    wait "$pid"
    [ "$status" = 0 ]
    [ "$said" = "" ] # what the link leads to was refreshed while node4 was awaited for the link
    [ "$(grep -c "refreshed on 4 nodes" "$WORK/said")" = 2 ]
    shows_newer
}

@test "what is in a cache stays as it was until copper refresh" {
    "$probe" make "$source/file" 1 300
    sees node4 "version 1"
    "$probe" make "$source/file" 2 400
    sees node4 "version 1"
    copper node3 refresh "$WORK/pfs/$dir"
    until_true sees node4 "version 2"
    until_true sees node2 "version 2"
}

@test "files that are replaced all the time: every reader gets one version of each" {
    local node pids=() storm failed=0
    for ((n = 0; n < 40; n++)); do "$probe" make "$source/$n" 1 100; done
    pfs set latency_us 1000 # time for a change between stat, open and read
    "$probe" storm "$source" 40 120 3>&- &
    storm=$!
    for node in node1 node2 node3 node4; do
        on "$node" sh -c 'for n in $(seq 0 39); do "$0" read "$1/$n" || exit 1; done' \
            "$probe" "$leaf" >"$BATS_TEST_TMPDIR/$node" 2>&1 3>&- &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid" || failed=1
    done
    kill "$storm"
    pfs set latency_us 0
    cat "$BATS_TEST_TMPDIR"/node*
    [ "$failed" = 0 ]
    run -1 grep -hvE '^version [0-9]+( then ESTALE)?$|^(no version|version none) then ESTALE$' \
        "$BATS_TEST_TMPDIR"/node*
    # How many reads were through is a matter of speed; that some were, and that versions did change
    # meanwhile, is what makes this a test.
    [ "$(cat "$BATS_TEST_TMPDIR"/node* | grep -cE '^version [0-9]+$')" -gt 0 ]
    [ "$(cat "$BATS_TEST_TMPDIR"/node* | grep -oE '[0-9]+' | sort -u | wc -l)" -gt 1 ]
}

@test "a file that cannot be read is an error with its errno, not an empty file" {
    head -c 300000 /dev/urandom >"$source/file"
    head -c 3000 /dev/urandom >"$source/small"
    for name in file small; do
        pfs fail "/$dir/$name" EIO read
        run -1 on node4 cat "$leaf/$name"
        [[ $output == *"Input/output error" ]]
        run on node4 cp "$leaf/$name" /tmp/copy
        [ "$status" != 0 ]
        # It is not remembered.
        pfs unfail
        on node4 cat "$leaf/$name" | cmp - "$source/$name"
    done
}

@test "an error in the middle of a file is an error there" {
    change_while_read pfs fail "/$dir/file" EIO read
    [ "$verdict" = "version 1 then EIO" ]
    pfs unfail
    sees node4 "version 1"
}

@test "errors of open, stat and readdir keep their errno and pass" {
    mkdir "$source/d"
    for name in o s d/in; do echo text >"$source/$name"; done
    pfs fail "/$dir/o" EACCES open
    run -1 on node4 cat "$leaf/o"
    [[ $output == *"Permission denied" ]]
    pfs fail "/$dir/s" EIO stat
    run -2 on node4 ls "$leaf/s"
    [[ $output == *"Input/output error" ]]
    pfs fail "/$dir/d" EIO readdir
    run -2 on node4 ls "$leaf/d"
    [[ $output == *"Input/output error" ]]
    pfs unfail
    [ "$(on node4 cat "$leaf/s")" = text ]
    [ "$(on node4 ls "$leaf/d")" = in ]
}

@test "a new name is seen after -E, also when a listing lacks it; listings after refresh" {
    echo text >"$source/old"
    run -0 on node4 ls "$leaf"
    run -2 on node4 ls "$leaf/new"
    run -2 on node3 ls "$leaf/new"
    echo text >"$source/new"
    echo text >"$source/other"
    until_true on node4 test -f "$leaf/new"
    until_true on node3 test -f "$leaf/new"
    until_true on node4 test -f "$leaf/other"
    copper node4 refresh "$WORK/pfs/$dir"
    listed() { [ "$(on "$1" ls "$leaf")" = $'new\nold\nother' ]; }
    until_true listed node4
    until_true listed node2
}

# search NAME: the directories below $leaf that have it, as one process on the leaf sees them.
search() {
    # shellcheck disable=SC2016 # the inner shell's
    on node4 sh -c 'for d in "$1"/d??; do [ ! -e "$d/$2" ] || echo "${d##*/}"; done' sh "$leaf" "$1"
}

counted() {
    copper node4 stats --json |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["counters"].get(sys.argv[1], 0))' "$1"
}

@test "directories that are searched again after -E are asked about together, and what is new in one of them is found" {
    local before
    mkdir "$source"/d{10..29}
    [ -z "$(search a)$(search b)$(search c)" ]
    before=$(counted renewed)
    # Each search that begins after -E renews those that the last one used.
    together() { search d && [ $(($(counted renewed) - before)) -ge 19 ]; }
    until_true together
    [ "$(counted checks)" -gt 0 ]
    [ "$(counted checked)" -ge $(($(counted checks) * 2)) ]
    echo text >"$source/d17/d"
    echo text >"$source/d23/d"
    found() { [ "$(search d)" = $'d17\nd23' ]; }
    until_true found
    rm "$source/d17/d"
    copper node4 refresh "$WORK/pfs/$dir"
    [ "$(search d)" = d23 ]
}
