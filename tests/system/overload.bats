# More is asked of daemons than they can give: queues and memory stay within their bounds, and who
# is slow slows only himself.
# SPDX-License-Identifier: BSD-3-Clause

bats_require_minimum_version 1.5.0
load lib.bash

budget=67108864

setup_file() {
    can_run || return 0
    work_up
    mkdir "$WORK/out"
    /usr/bin/python3 -I "$SYSTEM_DIR/reader" make "$WORK/tree" 500 20000000
    # Below 128 MiB: the nodes are not connected by bulk trees, so that a peer can have node3's rank at node1.
    for i in 0 1 2 3 4; do
        /usr/bin/python3 -I "$SYSTEM_DIR/reader" make "$WORK/big$i" 50 134000000
    done
    cluster_up -n 4
    for i in {0..59}; do
        mkdir -p "$WORK/names/$i"
        (cd "$WORK/names/$i" && touch name{0001..1000})
    done
    cp "$(command -v sleep)" "$WORK/sleeper"
    # node1 is the root, with node2 and node4; node3 is below node2. node4 does without what Linux has
    # later than 5.14.
    old_kernel_on node4
    job_up -k 2 -M 1G -m $((64 << 20)) -E 600000 -l 2 -d "$WORK/log"
    on login sh -c 'cat /tmp/copper-0/*.job' >"$WORK/job"
}

teardown_file() {
    job_down
    cluster_down
    work_down
}

setup() {
    skip_unless_built
}

peer() {
    on login timeout "$PATIENCE" /usr/bin/python3 -I "$SYSTEM_DIR/peer" "$WORK/job" "$@"
}

reads_all() {
    on "$1" timeout "$PATIENCE" /usr/bin/python3 -I "$SYSTEM_DIR/reader" read "$MOUNT$2"
}

# The most memory that the daemon on the node ever had is within its promise: the budget, 10 %, and
# 24 MiB. Sanitizers have memory of their own for each byte of the program's: what is left to judge
# there is what the daemon itself counts.
within_budget() {
    local peak cached
    cached=$(jq_get "$(copper "$1" status --json)" cached_bytes)
    [ "$cached" -le "$budget" ]
    if [ -n "$(sanitizers)" ]; then
        echo "# $1: $((cached >> 20)) MiB cached; resident memory is not judged: sanitizers" >&3
        return 0
    fi
    peak=$(on "$1" sh -c 'grep VmHWM "/proc/$1/status"' sh "$(daemon "$1")" | grep -o '[0-9]*')
    echo "# $1: $((peak / 1024)) MiB at most, allowed $(((budget * 11 / 10 >> 20) + 24))" >&3
    [ $((peak * 1024)) -le $((budget * 11 / 10 + (24 << 20))) ]
}

# still NODE: a peer that asks for much and takes nothing; sets $still, closed by be_gone.
be_still() {
    mkfifo "$WORK/still$BATS_TEST_NUMBER" "$WORK/asked$BATS_TEST_NUMBER"
    peer node1 stall "$@" <"$WORK/still$BATS_TEST_NUMBER" >"$WORK/asked$BATS_TEST_NUMBER" 3>&- &
    still=$!
    exec 7>"$WORK/still$BATS_TEST_NUMBER"
    read -r _ <"$WORK/asked$BATS_TEST_NUMBER"
}

be_gone() {
    exec 7>&-
    wait "$still"
}

@test "ten times the budget is read: memory stays within it, the bytes are right" {
    local i
    for i in 0 1 2 3 4; do
        reads_all node2 "$WORK/big$i"
    done
    within_budget node1
    within_budget node2
}

@test "a file larger than the whole cache is read, twice, by two nodes at once" {
    reads_all node3 "$WORK/big0" >"$WORK/out/3" 3>&- &
    local one=$!
    reads_all node4 "$WORK/big0"
    wait "$one"
    reads_all node4 "$WORK/big0"
    within_budget node1
}

@test "100,000 objects are asked for at once: each is answered once, within the budget" {
    run -0 peer node1 flood 2 100000 attr "$WORK/none"
    echo "$output"
    [ "$(jq_get "$output" answers)" = 100000 ]
    within_budget node1
    # It serves on.
    reads_all node2 "$WORK/tree"
}

@test "100,000 chunks are asked for and not taken: siblings are served, within the budget" {
    be_still 2 100000 data "$WORK/big1/large0"
    reads_all node2 "$WORK/tree"
    reads_all node3 "$WORK/tree"
    reads_all node3 "$WORK/big2"
    within_budget node1
    # What it would have got is parked, not queued.
    run -0 copper node1 doctor --json
    /usr/bin/python3 -I -c '
import json, sys
queued = [peer["queued_bytes"] for peer in json.load(sys.stdin)["daemon"]["peers"]]
print("queued:", queued)
sys.exit(max(queued) > 32 << 20)' <<<"$output"
    be_gone
}

# count NODE COUNTER
count() {
    jq_get "$(copper "$1" stats --json)" "counters.$2"
}

are_few() {
    [ "$(count "$1" inode_bytes)" -le $((budget / 4)) ]
}

walk_names() {
    on "$1" find "$MOUNT$WORK/names" -type f -size -1 | wc -l
}

# keeps PID: has it its working directory, its program and what is mounted by their names?
keeps() {
    [ "$(on node4 readlink "/proc/$1/cwd")" = "$MOUNT$WORK/names/7" ]
    [ "$(on node4 readlink "/proc/$1/exe")" = "$MOUNT$WORK/sleeper" ]
    on node4 grep -q " $MOUNT$WORK/names/9 " /proc/self/mountinfo
}

@test "60,000 names are looked at: what they cost is bounded, also before Linux 6.18, and who uses one keeps it" {
    local user
    on node4 sh -c 'cd "$1/names/7" && exec "$1/sleeper" 1000' sh "$MOUNT$WORK" 3>&- &
    until_true on node4 test -e "$MOUNT$WORK/names/9"
    on node4 mount -t tmpfs none "$MOUNT$WORK/names/9"
    user=$(until_true on node4 pgrep -f "^$MOUNT$WORK/sleeper")
    keeps "$user"
    [ "$(walk_names node4)" = 59000 ] # and what is mounted is empty
    until_true are_few node4
    [ "$(count node4 names_asked_back)" -gt 0 ]
    [ "$(jq_get "$(copper node4 status --json)" recovery_full)" = 0 ]
    keeps "$user"
    # Who looks again finds all of them.
    [ "$(walk_names node4)" = 59000 ]
    keeps "$user"
    on node4 umount "$MOUNT$WORK/names/9"
    on node4 kill "$user"
    [ "$(jq_get "$(copper node2 doctor --json)" daemon.names_given_back)" = True ] || skip "Linux before 6.18"
    [ "$(walk_names node2)" = 60000 ]
    until_true are_few node2
    [ "$(count node2 names_asked_back)" -gt 0 ]
    within_budget node2
    [ "$(walk_names node2)" = 60000 ]
    within_budget node2
}

@test "a frozen child does not slow its siblings" {
    local frozen reader
    frozen=$(daemon node4)
    on node4 timeout "$PATIENCE" cat "$MOUNT$WORK/big3/large0" >"$WORK/out/large" 3>&- &
    reader=$!
    until_true test -s "$WORK/out/large"
    on node4 kill -STOP "$frozen"
    reads_all node2 "$WORK/big3"
    reads_all node3 "$WORK/big3"
    on node4 kill -CONT "$frozen"
    wait "$reader"
    cmp "$WORK/out/large" "$WORK/big3/large0"
    within_budget node1
}

@test "1,000 connections of garbage and of drops at once: an import goes on, and the log stays short" {
    local swarm before began=$SECONDS
    before=$(grep -c refused "$WORK"/log/copperd-node1-*.log) || true
    mkfifo "$WORK/swarm" "$WORK/swarming"
    peer node1 swarm 1000 <"$WORK/swarm" >"$WORK/swarming" 3>&- &
    swarm=$!
    exec 7>"$WORK/swarm" 8<"$WORK/swarming"
    read -r _ <&8
    copper login refresh /
    reads_all node2 "$WORK/tree"
    reads_all node3 "$WORK/big0"
    exec 7>&-
    cat <&8
    exec 8<&-
    wait "$swarm"
    stats_to "$WORK/stats"
    [ "$(figures value "$WORK/stats" node1 handshakes_refused)" -ge 500 ]
    [ $(($(grep -c refused "$WORK"/log/copperd-node1-*.log) - before)) -le $((11 * ((SECONDS - began) / 60 + 2))) ] # ten a minute, and their number
    within_budget node1
}
