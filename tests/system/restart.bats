# A node's own daemon dies while its processes use the mount: they wait a little and go on with right
# bytes, as their supervisor starts another daemon that takes over. What ends in the end leaves
# nothing behind.
# SPDX-License-Identifier: BSD-3-Clause

bats_require_minimum_version 1.5.0
load lib.bash
load readers.bash

setup_file() {
    can_run || return 0
    slow_storage_up 3
    # Ordinary users have no way into where these may lie.
    mkdir "$WORK/bin"
    cp -r "$COPPER_BUILD"/{copper,copperd,launch_copper.sh,stop_copper.sh,launch} \
        "$SYSTEM_DIR/holder" "$CLUSTER_BIN"/{rsh,cluster,keeper} "$WORK/bin"
}

teardown_file() {
    bed_down
}

setup() {
    skip_unless_built
    RANDOM=$((SEED + BATS_TEST_NUMBER))
}

# up HOSTS [options of launch_copper.sh]
up() {
    local hosts=$1
    shift
    on login env COPPER_RSH="$CLUSTER_BIN/rsh" "$COPPER_BUILD/launch_copper.sh" -H "$hosts" \
        -v "$MOUNT" -M 1G "$@"
}

# In some tests nothing is there any more.
teardown() {
    on login env COPPER_RSH="$CLUSTER_BIN/rsh" "$COPPER_BUILD/stop_copper.sh" -v "$MOUNT" \
        -H node1,node2,node3
    as_user alice login env COPPER_RSH="$WORK/bin/rsh" "$WORK/bin/stop_copper.sh" -H node1,node2
    until_true nothing_left || {
        left
        return 1
    }
}

left() {
    # shellcheck disable=SC2016
    on_all sh -c '{
        grep -l "^copperd" /proc/[0-9]*/comm
        grep " /tmp/\(copper-test\|alice\)/.* - fuse.copper " /proc/self/mountinfo
        ls -d /tmp/copper-*/*.sock /tmp/copper-*/*.lock /tmp/copper-*/*.job /tmp/copper-test/*
        true; } 2>/dev/null'
}

nothing_left() {
    [ -z "$(left)" ]
}

another_daemon() {
    local pid
    pid=$(daemon "$1")
    [ -n "$pid" ] && [ "$pid" != "$2" ]
}

# given_up NODE: nothing of Copper is there any more. Kills the daemon where there is still one: on a busy machine the
# last deaths may have taken more than the 60 s within which they count.
given_up() {
    local pid
    all_gone "$1" && return
    pid=$(daemon "$1")
    [ -z "$pid" ] || on "$1" kill -9 "$pid" 2>/dev/null || true
    return 1
}

# crash NODE [COMMAND...]: kills the daemon there, and returns when there is another one. It is killed by COMMAND
# where one is given.
crash() {
    local node=$1 pid
    pid=$(daemon "$1")
    shift
    "$@" on "$node" kill -9 "$pid"
    until_true another_daemon "$node" "$pid"
}

@test "one node: a process reads everything while the daemon is killed five times" {
    up node1 --log-collect
    start_readers node1
    for i in 0 1 2 3 4; do
        some_moment node1 $((5 + 12 * i)) 12
        crash node1 hit node1
    done
    readers_finish
    [ "$(jq_get "$(copper node1 status --json)" restarts)" = 5 ]
    [[ $(copper node1 status) == *"restarts    5: "* ]]
    on node1 sh -c "cd '$MOUNT$WORK/pfs' && find . -type f -exec cmp {} '$WORK/source/{}' \;"
    # What the dead have logged is in the log that the last one gives.
    run -0 on login env COPPER_RSH="$CLUSTER_BIN/rsh" "$COPPER_BUILD/stop_copper.sh" -v "$MOUNT" --log-collect=-
    [ "$(grep -c ' node="node1" text="the daemon (pid [0-9]*) was killed by signal 9"$' <<<"$output")" = 5 ]
}

# hold COMMAND...: a holder is started by it (on, as_user alice); the daemon on node1 dies between
# its reads, and while it reads.
hold() {
    coproc "$@" timeout "$PATIENCE" "$WORK/bin/holder" "$MOUNT$WORK/pfs/large0" "$WORK/source/large0" 3>&-
    local from to out=${COPROC[1]} pid=$COPROC_PID said
    exec {from}<&"${COPROC[0]}" {to}>&"$out" {out}>&- # bash closes its own when the process ends
    read -r said <&"$from"
    [ "$said" = ready ]
    for i in 1 2 3 4 5; do
        [ $((i % 2)) = 0 ] || crash node1
        echo >&"$to"
        [ $((i % 2)) = 1 ] || crash node1
        read -r said <&"$from"
        [ "$said" = ok ]
    done
    exec {to}>&-
    read -r said <&"$from"
    [ "$said" = "done" ]
    wait "$pid"
}

@test "open files, maps, and a working directory in the mount outlive the daemon" {
    up node1,node2,node3
    hold on node1
}

@test "an ordinary user: fusermount3, and the same" {
    local MOUNT=/tmp/alice/copper
    as_user alice login env COPPER_RSH="$WORK/bin/rsh" "$WORK/bin/launch_copper.sh" \
        -H node1,node2 -M 1G
    hold as_user alice node1
    as_user alice login env COPPER_RSH="$WORK/bin/rsh" "$WORK/bin/stop_copper.sh"
}

@test "three nodes: the daemons of all die while all read; peers and the dead go on" {
    up node1,node2,node3 -k 1
    start_readers node1 node2 node3
    i=0
    for node in node2 node1 node3 node1 node2 node3; do
        some_moment "$node" $((5 + 7 * i++)) 7
        crash "$node" hit "$node"
    done
    readers_finish
    until_true parent_is node3 node2
    until_true parent_is node2 node1
}

@test "an import of numpy goes on while the daemon is killed" {
    local prefix=$MOUNT/usr
    up node1,node2,node3
    on node2 env -i PYTHONHOME="$prefix" PYTHONDONTWRITEBYTECODE=1 \
        LD_LIBRARY_PATH="$prefix/lib/x86_64-linux-gnu" timeout "$PATIENCE" /bin/sh -c '
            until [ -e "$1/enough" ]; do
                echo begins
                /usr/bin/python3 -s -c "
import numpy, sys
assert numpy.__file__.startswith(sys.argv[1]), numpy.__file__
assert numpy.dot(numpy.arange(1000.0), numpy.ones(1000)) == 499500.0" "$0" || exit 1
            done' "$prefix" "$WORK/out" >"$WORK/out/import" 2>&1 3>&- &
    # The next one has begun, and then some of it is done.
    for i in 1 2 3 4 5; do
        until_true imports_begun "$i"
        sleep "0.0$((RANDOM % 10))"
        crash node2
    done
    touch "$WORK/out/enough"
    wait $! || {
        cat "$WORK/out/import"
        return 1
    }
    [ "$(grep -c begins "$WORK/out/import")" -ge 5 ]
}

imports_begun() {
    [ "$(grep -c begins "$WORK/out/import")" -ge "$1" ]
}

@test "requests that wait for storage are answered by the next daemon" {
    up node1
    on node1 ls "$MOUNT$WORK/pfs" >/dev/null
    pfs hang /d0/f0 stat
    pfs hang /large0 read
    on node1 timeout "$PATIENCE" cat "$MOUNT$WORK/pfs/d0/f0" >"$WORK/out/f0" 3>&- &
    local one=$!
    on node1 timeout "$PATIENCE" cat "$MOUNT$WORK/pfs/large0" >"$WORK/out/large0" 3>&- &
    local two=$!
    until_true hanging_at_least 2
    # The worker that hangs in pfsemu cannot be killed, so the dead daemon is not gone before that.
    on node1 kill -9 "$(daemon node1)"
    pfs unhang
    wait $one
    wait $two
    cmp "$WORK/out/f0" "$WORK/source/d0/f0"
    cmp "$WORK/out/large0" "$WORK/source/large0"
}

hanging_at_least() {
    [ "$(pfs hanging)" -ge "$1" ]
}

@test "a frozen daemon is not a dead one" {
    local pid
    up node1,node2,node3
    pid=$(daemon node2)
    on node2 kill -STOP "$pid"
    on node2 timeout "$PATIENCE" cat "$MOUNT/etc/hostname" >"$WORK/out/hostname" 3>&- &
    [ "$(daemon node2)" = "$pid" ]
    on node2 kill -CONT "$pid"
    wait $!
    cmp "$WORK/out/hostname" /etc/hostname
    [ "$(daemon node2)" = "$pid" ]
}

@test "a daemon that dies again and again is given up: nothing is left of it" {
    up node1,node2,node3 -l 1 -d "$WORK/out/log"
    for _ in 1 2 3 4 5; do
        crash node3
    done
    until_true given_up node3
    run -2 on node3 ls "$MOUNT"
    grep -q "died more than 5 times in 60 s" "$WORK"/out/log/copperd-node3-*.log
    # The others are not concerned.
    on node2 cat "$MOUNT/etc/hostname" | cmp - /etc/hostname
}

all_gone() {
    [ -z "$(on "$1" sh -c 'grep -l "^copperd" /proc/[0-9]*/comm
        grep " /tmp/\(copper-test\|alice\)/.* - fuse.copper " /proc/self/mountinfo
        ls -d /tmp/copper-[0-9]*/*.sock /tmp/copper-[0-9]*/*.lock /tmp/copper-test/* /tmp/alice/copper' 2>/dev/null)" ]
}

# serves NODE: a process there sees its mount.
serves() {
    on "$1" test -d "$MOUNT/etc"
}

@test "in the foreground: status 0 after SIGTERM, 1 and one line when it is given up" {
    local status
    up node1
    on login sh -c 'cat /tmp/copper-0/*.job' >"$WORK/out/job"
    on node1 "$COPPER_BUILD/copper" stop --here -v "$MOUNT"

    on node1 timeout "$PATIENCE" "$COPPER_BUILD/copperd" --foreground --node node1 <"$WORK/out/job" 3>&- &
    until_true serves node1
    crash node1
    serves node1
    on node1 kill "$(supervisor node1)"
    wait $!
    until_true all_gone node1

    on node1 timeout "$PATIENCE" "$COPPER_BUILD/copperd" --foreground --node node1 <"$WORK/out/job" \
        2>"$WORK/out/said" 3>&- &
    until_true serves node1
    for _ in 1 2 3 4 5; do
        crash node1
    done
    until_true given_up node1
    status=0
    wait $! || status=$?
    [ "$status" = 1 ]
    [ "$(<"$WORK/out/said")" = "copperd: node1: the daemon died more than 5 times in 60 s" ]
    until_true all_gone node1
}

@test "a refresh is not lost with the daemon that was told of it" {
    up node1,node2 -E 600000
    echo old >"$WORK/source/changing"
    [ "$(on node2 cat "$MOUNT$WORK/pfs/changing")" = old ]
    echo newer >"$WORK/source/changing"
    [ "$(on node2 cat "$MOUNT$WORK/pfs/changing")" = old ]
    copper node2 refresh
    crash node2
    [ "$(on node2 cat "$MOUNT$WORK/pfs/changing")" = newer ]
    crash node1
    [ "$(on node2 cat "$MOUNT$WORK/pfs/changing")" = newer ]
}

@test "a supervisor that is killed takes its daemon along in good order" {
    up node1,node2,node3
    on node1 kill -9 "$(supervisor node1)"
    until_true all_gone node1
}

@test "SIGTERM, to the supervisor or the daemon, is an orderly end" {
    up node1,node2,node3
    on node1 kill "$(supervisor node1)"
    on node2 kill "$(daemon node2)"
    # The first may have ended the second meanwhile.
    # shellcheck disable=SC2016
    on node3 sh -c 'kill "$1" && { kill "$2" || true; }' sh "$(supervisor node3)" "$(daemon node3)"
    until_true all_gone node1
    until_true all_gone node2
    until_true all_gone node3
}

# stop_in_disorder STOP...: STOP is the beginning of a command that stops the daemon of a node; the
# daemon of node1 is frozen without its supervisor, that of node2 has a frozen supervisor.
stop_in_disorder() {
    on node1 kill -STOP "$(daemon node1)"
    on node1 kill -9 "$(supervisor node1)"
    on node2 kill -STOP "$(supervisor node2)"
    for node in node1 node2; do
        "$@" "$node" "$WORK/bin/copper" stop --here -v "$MOUNT"
        until_true all_gone "$node"
    done
}

# ports NODE: that are listened to there, of all addresses, in hexadecimal.
ports() {
    on "$1" sh -c 'cat /proc/net/tcp /proc/net/tcp6' | awk '$4 == "0A" { sub(".*:", "", $2); print $2 }'
}

# A supervisor that is slow to end is a frozen one here. Asked on the login node the order goes to the
# root first, asked on node3 through node2.
@test "stop returns when no process, port, mount or file is left, also where supervisors are slow" {
    local asker slow
    for asker in login node3; do
        for slow in node1 node2; do
            up node1,node2,node3 -k 1 -p 23457
            ports node1 | grep -qx 5BA1
            on "$slow" kill -STOP "$(supervisor "$slow")"
            run -0 on "$asker" env COPPER_RSH="$CLUSTER_BIN/rsh" "$COPPER_BUILD/stop_copper.sh" -v "$MOUNT"
            # The launch host's description of the job is the launch host's to remove.
            on login rm -f /tmp/copper-0/*.job
            echo "asked on $asker, slow on $slow: $output; left: $(left)"
            [[ $output == *"stopped on 3 nodes"* ]]
            nothing_left
            for node in node1 node2 node3; do
                run ! grep -x 5BA1 <<<"$(ports "$node")"
            done
        done
    done
}

@test "stop where the supervisor is dead and the daemon frozen, and where it is the supervisor" {
    up node1,node2
    stop_in_disorder on
}

@test "an ordinary user stops such daemons, too, also where /proc shows each user his own only" {
    local MOUNT=/tmp/alice/copper
    on_all mount -o remount,hidepid=2 /proc
    as_user alice login env COPPER_RSH="$WORK/bin/rsh" "$WORK/bin/launch_copper.sh" \
        -H node1,node2 -M 1G
    stop_in_disorder as_user alice
    on_all mount -o remount,hidepid=0 /proc
}
