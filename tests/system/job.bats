# A whole job: many processes on many nodes start Python, and storage serves each object once.
# SPDX-License-Identifier: BSD-3-Clause

bats_require_minimum_version 1.5.0
load lib.bash

setup_file() {
    can_run || return 0
    work_up
    mkdir "$WORK/pfs"
    # The machine's own Python, as if it was installed on the parallel file system.
    pfs_up --nodes 8 /usr "$WORK/pfs"
    cluster_up -n 8
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

# python4 CODE: on each node four processes at once; interpreter's modules, packages and libraries
# all come through the mount.
python4() {
    local prefix=$MOUNT$WORK/pfs
    on_all env -i PYTHONHOME="$prefix" PYTHONDONTWRITEBYTECODE=1 \
        LD_LIBRARY_PATH="$prefix/lib/x86_64-linux-gnu" CODE="$1" PREFIX="$prefix" /bin/sh -c '
            for i in 1 2 3 4; do /usr/bin/python3 -s -c "$CODE" & pids="$pids $!"; done
            for pid in $pids; do wait "$pid" || exit 1; done'
}

numpy='
import os, numpy
assert numpy.__file__.startswith(os.environ["PREFIX"]), numpy.__file__
assert os.__file__.startswith(os.environ["PREFIX"]), os.__file__
assert numpy.dot(numpy.arange(1000.0), numpy.ones(1000)) == 499500.0
'

# What lies above the file system that counts is asked for first.
begin_counting() {
    on_all stat -c '' "$MOUNT$WORK/pfs" >/dev/null
    until_true at_rest copper login stats --nodes --json
    pfs reset
    stats_to "$before"
    began=$SECONDS
}

# Sets $reopened: a file that was not read for 10 s is closed: on a slow machine it is opened again, so often.
end_counting() {
    until_true at_rest copper login stats --nodes --json
    stats_to "$after"
    reopened=$(((SECONDS - began) / 10))
    pfs counts >"$BATS_TEST_TMPDIR/counts"
    pfs twice >"$BATS_TEST_TMPDIR/twice"
    pfs paths >"$BATS_TEST_TMPDIR/paths"
}

@test "8 nodes x 4 processes import numpy: each object is read once, by the root alone" {
    job_up -k 2 -M 1G -E 600000
    begin_counting
    python4 "$numpy"
    end_counting
    run -0 figures once "$BATS_TEST_TMPDIR/twice" $((1 + reopened))
    run -0 figures agree "$before" "$after" "$BATS_TEST_TMPDIR/counts" "$reopened"
    run -0 figures who "$before" "$after" storage_
    [ "$output" = node1 ]
    # It was no small thing, and most of it was not asked of the root.
    [ "$(figures sum "$before" "$after" storage_stat)" -gt 200 ]
    [ "$(figures sum "$before" "$after" storage_bytes)" -gt 10000000 ]
    [ "$(figures sum "$before" "$after" fuse_lookup)" -gt 1600 ]

    run -0 figures grown "$before" "$after" bad_messages
    [ -z "$output" ]
    # Nobody is turned away, the commands that look at the job from outside included; but a machine on
    # which a connection takes 100 ms makes them ask a second node, in vain.
    until_true looked_at_in_peace

    # The same again: the kernels have it all. Where a round touched the mark up to which a kernel had read
    # ahead, the next one may still go on with that, but not for ever.
    for round in 2 3 4 5 6; do
        until_true at_rest copper login stats --nodes --json
        stats_to "$before"
        pfs reset
        reclaimed=$(refaults)
        python4 "$numpy"
        reclaimed=$(($(refaults) - reclaimed))
        end_counting
        run -0 figures grown "$before" "$after" fuse_
        echo "requests of round $round: ${output:-none}; pages that came back: $reclaimed"
        for kind in lookup getattr open opendir getxattr listxattr statfs access; do
            [ "$(figures sum "$before" "$after" "fuse_$kind")" = 0 ]
        done
        [ -z "$(<"$BATS_TEST_TMPDIR/paths")" ]
        # A kernel that has taken pages away asks for them again, and counts them.
        asked=$(figures sum "$before" "$after" fuse_read fuse_readlink fuse_readdir)
        [ "$asked" -gt "$reclaimed" ] || break
    done
    [ "$asked" -le "$reclaimed" ]
}

looked_at_in_peace() {
    stats_to "$before"
    stats_to "$after"
    [ -z "$(figures grown "$before" "$after" handshakes_refused)" ]
}

# roots TREES HOST...: as above with several trees, whose roots are these hosts.
roots() {
    local trees=$1
    shift
    job_up -k 2 -M 1G -E 600000 -T "$trees"
    begin_counting
    python4 "$numpy"
    end_counting
    # Parts of one large file belong to different trees: each root opens it.
    run -0 figures once "$BATS_TEST_TMPDIR/twice" $((trees * (1 + reopened)))
    run -0 figures agree "$before" "$after" "$BATS_TEST_TMPDIR/counts" "$reopened"
    run -0 figures who "$before" "$after" storage_
    [ "$output" = "$(printf '%s\n' "$@")" ]
}

@test "two trees: two roots share the work, nothing is read twice" {
    roots 2 node1 node5
}

@test "three trees: three roots share the work, nothing is read twice" {
    roots 3 node1 node3 node5
}

# numpy_on NODE: one process, which asks of a file, too, whether it is a terminal.
numpy_on() {
    local prefix=$MOUNT$WORK/pfs
    on "$1" "$COPPER_BUILD/copper" run -v "$MOUNT" env PYTHONHOME="$prefix" PYTHONDONTWRITEBYTECODE=1 \
        LD_LIBRARY_PATH="$prefix/lib/x86_64-linux-gnu" PREFIX="$prefix" "${@:2}" /usr/bin/python3 -s -c \
        "$numpy"'
assert not os.isatty(os.open(os.__file__, os.O_RDONLY))'
}

@test "copper run: a warm import asks nothing at all, and terminals are still terminals" {
    job_up -k 2 -M 1G -E 600000
    numpy_on node8
    for round in 2 3 4 5 6; do # as above
        stats_to "$before"
        reclaimed=$(refaults)
        numpy_on node8
        reclaimed=$(($(refaults) - reclaimed))
        stats_to "$after"
        run -0 figures grown "$before" "$after" fuse_
        echo "requests of round $round: ${output:-none}; pages that came back: $reclaimed"
        [[ $output != *ioctl* ]]
        asked=$(awk '{ sum += $NF } END { print sum + 0 }' <<<"$output")
        [ "$asked" -gt "$reclaimed" ] || break
    done
    [ "$asked" -le "$reclaimed" ]
    # Without the library it is asked.
    stats_to "$before"
    numpy_on node8 LD_PRELOAD=
    stats_to "$after"
    [ "$(figures sum "$before" "$after" fuse_ioctl)" -gt 0 ]

    # shellcheck disable=SC2016 # of the shell there
    run -0 on node8 env LD_PRELOAD=libm.so.6 ASAN_OPTIONS=verify_asan_link_order=0 \
        "$COPPER_BUILD/copper" run -v "$MOUNT" sh -c 'echo $LD_PRELOAD'
    [ "$output" = "$(realpath "$COPPER_BUILD")/isatty.so:libm.so.6" ]
    run -0 on node8 "$COPPER_BUILD/copper" run -v "$MOUNT" "$SYSTEM_DIR/terminal" test -t 0
    run -1 on node8 "$COPPER_BUILD/copper" run -v "$MOUNT" test -t 0 <"$WORK/pfs/bin/env"
    run -7 on node8 "$COPPER_BUILD/copper" run -v "$MOUNT" sh -c 'exit 7'
    run -127 on node8 "$COPPER_BUILD/copper" run -v "$MOUNT" no-such-program
    [ "$output" = "copper: run: no-such-program: No such file or directory" ]
    run -126 on node8 "$COPPER_BUILD/copper" run -v "$MOUNT" /etc
    run -0 on login "$COPPER_BUILD/copper" run -v "$MOUNT" true # no node, but a job is known
}

@test "import torch: each object is read once" {
    job_up -k 2 -M 1G -E 600000
    begin_counting
    local prefix=$MOUNT$WORK/pfs node pids=() pid
    for node in node1 node4 node7 node8; do
        on "$node" env -i PYTHONHOME="$prefix" PYTHONDONTWRITEBYTECODE=1 PREFIX="$prefix" \
            LD_LIBRARY_PATH="$prefix/lib/x86_64-linux-gnu" /usr/bin/python3 -s -c '
import os, torch
assert torch.__file__.startswith(os.environ["PREFIX"]), torch.__file__
assert float(torch.ones(10, 10).matmul(torch.ones(10, 10)).sum()) == 1000.0
' 3>&- &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid"; done
    end_counting
    run -0 figures once "$BATS_TEST_TMPDIR/twice" $((1 + reopened))
    run -0 figures agree "$before" "$after" "$BATS_TEST_TMPDIR/counts" "$reopened"
    run -0 figures who "$before" "$after" storage_
    [ "$output" = node1 ]
    [ "$(figures sum "$before" "$after" storage_bytes)" -gt 50000000 ]
}
