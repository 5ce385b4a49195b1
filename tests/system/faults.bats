# Daemons die, freeze and lose their links while all nodes read: processes on the other nodes finish
# with right bytes and without an error, and who comes back is used again. The tree of the eight
# nodes is 1 - (2 - (3 - 4, 5), 6 - (7, 8)): node4 is at depth 3.
# How long the longest single call took is printed, not asserted; what hangs fails.

bats_require_minimum_version 1.5.0
load lib.bash
DEATHS_EXPECTED=yes

setup_file() {
    can_run || return 0
    work_up
    mkdir "$WORK/pfs" "$WORK/out"
    /usr/bin/python3 -I "$SYSTEM_DIR/reader" make "$WORK/source" 400 24000000
    pfs_up "$WORK/source" "$WORK/pfs"
    cluster_up -n 8
    # At this speed the reading takes some seconds, in which the fault happens.
    pfs set latency_us 1000
    pfs set data_latency_us 1000
    pfs set bandwidth_bytes 20000000
    SEED=${SEED:-$RANDOM}
    export SEED
    echo "# seed $SEED: SEED=$SEED repeats the moments" >&3
}

teardown_file() {
    pfs_down
    cluster_down
    work_down
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

# pid NODE: of the daemon that serves there.
pid() {
    jq_get "$(copper "$1" status --json)" pid
}

# kill_for_good NODE: the daemon, and its supervisor, which would start another one. The daemon is
# frozen first: it would unmount when its supervisor dies.
kill_for_good() {
    # shellcheck disable=SC2016
    on "$1" sh -c 'kill -STOP "$1"
        kill -9 $(grep -lx copperd-super /proc/[0-9]*/comm | cut -d / -f 3) "$1"' sh "$(pid "$1")"
}

# start_readers: on all nodes, each in its own order, one as an import does (many small files), with
# a large one in between. Sets $readers, by node.
start_readers() {
    local n
    readers=()
    for n in 1 2 3 4 5 6 7 8; do
        on "node$n" timeout 60 /usr/bin/python3 -I "$SYSTEM_DIR/reader" read \
            "$MOUNT$WORK/pfs" "$((SEED + n % 3))" \
            >"$WORK/out/node$n" 2>"$WORK/out/node$n.err" 3>&- &
        readers[n]=$!
    done
}

# thaw NODE PID: readers there, which nobody could help, end, too.
thaw() {
    on "$1" kill -CONT "$2"
    wait "${readers[${1#node}]}"
}

# Some moment of the reading: 0.2 to 2.2 s after its beginning.
some_moment() {
    local ms=$((RANDOM % 2000 + 200))
    echo "# fault after $ms ms" >&3
    sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
}

# readers_finish [NODE-NUMBER...]: those of all nodes but these end well; prints the longest call.
readers_finish() {
    local n dead=" $* " status worst=0 what=
    for n in 1 2 3 4 5 6 7 8; do
        [[ $dead != *" $n "* ]] || continue
        status=0
        wait "${readers[n]}" || status=$?
        if [ "$status" != 0 ]; then
            echo "node$n: exit $status"
            head "$WORK/out/node$n.err"
            return 1
        fi
        local result ms
        result=$(<"$WORK/out/node$n")
        [ "$(jq_get "$result" files)" = 401 ]
        ms=$(jq_get "$result" longest_ms)
        if [ "$ms" -gt "$worst" ]; then
            worst=$ms what="node$n: $(jq_get "$result" longest_what)"
        fi
    done
    echo "# longest call $worst ms ($what)" >&3
}

# parent NODE: in tree 0, as copper status tells; None: it is a root. That a parent is silent is found
# within 3 s by who waits for an answer, by others when they ping it next, up to 13 s later.
parent() {
    jq_get "$(copper "$1" status --json)" trees.0.parent
}

parent_is() {
    local is
    is=$(parent "$1")
    [ "$is" = "$2" ] || {
        echo "parent of $1: $is, not $2"
        return 1
    }
}

# A daemon by hand, with the launcher's job description.
restart_daemon() {
    local job
    job=$(on login sh -c 'cat /tmp/copper-0/*.job')
    printf '%s\n' "$job" | on "$1" timeout 30 "$COPPER_BUILD/copperd" --node "$1"
}

@test "a parent is killed: those below it go on, and use it again when it is back" {
    start_readers
    some_moment
    kill_for_good node2
    readers_finish 2
    restart_daemon node2
    until_true 30 parent_is node3 node2
    parent_is node2 node1
    # It serves again, and to those below it.
    on node2 cat "$MOUNT$WORK/pfs/d0/f0" | cmp - "$WORK/source/d0/f0"
}

@test "a parent is frozen: those below it go on, and use it again when it thaws" {
    local frozen
    frozen=$(pid node3)
    start_readers
    some_moment
    on node3 kill -STOP "$frozen"
    readers_finish 3
    until_true 30 parent_is node4 node2
    thaw node3 "$frozen"
    until_true 30 parent_is node4 node3
}

@test "a parent is cut off: its packets vanish, then come again" {
    start_readers
    some_moment
    "$CLUSTER_BIN/cluster" cut "$CLUSTER_DIR" node2
    # Nobody it can reach lives: it reads storage itself, and its processes finish, too.
    readers_finish
    until_true 30 parent_is node3 node1
    "$CLUSTER_BIN/cluster" heal "$CLUSTER_DIR" node2
    until_true 30 parent_is node3 node2
    until_true 30 parent_is node2 node1
}

@test "only the link between a node and its parent is cut: the node asks its grandparent" {
    start_readers
    some_moment
    "$CLUSTER_BIN/cluster" cut "$CLUSTER_DIR" node3 node4
    readers_finish
    until_true 30 parent_is node4 node2
    until_true 30 parent_is node3 node2
    "$CLUSTER_BIN/cluster" heal "$CLUSTER_DIR" node3 node4
    until_true 30 parent_is node4 node3
}

@test "the root is killed: another takes over, and gives back" {
    start_readers
    some_moment
    kill_for_good node1
    readers_finish 1
    restart_daemon node1
    until_true 30 parent_is node2 node1
    until_true 30 parent_is node6 node1
}

@test "the root and its successor are frozen at once" {
    local one two
    one=$(pid node1) two=$(pid node2)
    start_readers
    some_moment
    on node1 kill -STOP "$one"
    on node2 kill -STOP "$two"
    readers_finish 1 2
    until_true 30 parent_is node6 node3
    until_true 30 parent_is node3 None
    thaw node1 "$one"
    thaw node2 "$two"
    until_true 30 parent_is node3 node2
    until_true 30 parent_is node6 node1
}

@test "the root and its successor are cut off at once: their packets vanish" {
    start_readers
    some_moment
    "$CLUSTER_BIN/cluster" cut "$CLUSTER_DIR" node1
    "$CLUSTER_BIN/cluster" cut "$CLUSTER_DIR" node2
    # The two read storage themselves, each for itself.
    readers_finish
    until_true 30 parent_is node6 node3
    until_true 30 parent_is node3 None
    "$CLUSTER_BIN/cluster" heal "$CLUSTER_DIR"
    until_true 30 parent_is node2 node1
    until_true 30 parent_is node3 node2
    until_true 30 parent_is node6 node1
}

@test "the nodes of the root and its successor lose power" {
    start_readers
    some_moment
    "$CLUSTER_BIN/cluster" kill "$CLUSTER_DIR" node1
    "$CLUSTER_BIN/cluster" kill "$CLUSTER_DIR" node2
    readers_finish 1 2
    until_true 30 parent_is node3 None
    "$CLUSTER_BIN/cluster" restart "$CLUSTER_DIR" node1
    "$CLUSTER_BIN/cluster" restart "$CLUSTER_DIR" node2
    restart_daemon node1
    restart_daemon node2
    until_true 30 parent_is node3 node2
    until_true 30 parent_is node6 node1
    on node1 cat "$MOUNT$WORK/pfs/d0/f0" | cmp - "$WORK/source/d0/f0"
}

lookups() {
    jq_get "$(copper "$1" stats --json)" counters.fuse_lookup
}

lookups_reach() {
    [ "$(lookups "$1")" -ge "$2" ]
}

hanging_are() {
    [ "$(pfs hanging)" = "$1" ]
}

@test "a node without a living ancestor reads storage under a budget of its own" {
    local i before frozen pids=()
    frozen=$(pid node1)
    on node1 kill -STOP "$frozen"
    on node2 stat -c %n "$MOUNT$WORK/pfs/d0" >/dev/null
    until_true 30 parent_is node2 None
    copper login status >/dev/null # asks the frozen one first, then others
    before=$(lookups node2)
    for i in 0 1 2 3 4 5 6 7 8 9; do
        pfs hang "/d0/f$i" stat
    done
    for i in 0 1 2 3 4 5 6 7 8 9; do
        on node2 timeout 60 cat "$MOUNT$WORK/pfs/d0/f$i" >"$WORK/out/f$i" 3>&- &
        pids+=($!)
    done
    # All ten have come to the daemon; four are let through to storage.
    until_true 30 lookups_reach node2 $((before + 10))
    until_true 30 hanging_are 4
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
