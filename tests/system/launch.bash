# Shared by the tests of the launcher. Needs COPPER_BIN, the build directory.
# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause

bats_require_minimum_version 1.5.0
load ../cluster/lib.bash

if [ -z "${COPPER_BIN:-}" ]; then
    echo 'set COPPER_BIN to the build directory' >&2
    return 1
fi
export COPPER_BIN
export mount=/tmp/root/copper
export nodes=node1,node2,node3,node4

# launch [ARGUMENT...]: from the login node, over the test bed's rsh. It ends when all nodes are ready, also on a machine
# that is too busy for the default of -s.
launch() {
    on login env COPPER_RSH="${rsh:-$CLUSTER_BIN/rsh}" "$COPPER_BIN/launch_copper.sh" -s "$PATIENCE" "$@"
}

# launch_until CHECK SECONDS [ARGUMENT...]: runs a launch that takes all of its time (-s), as one node never becomes
# ready. What it can say depends on how far the others came in it: until the command CHECK accepts $status and $output,
# it is tried with more time. Sets $within to the time that it was given.
launch_until() {
    local check=$1 first=$2
    shift 2
    for within in "$first" $((first * 4)) $((first * 16)); do
        run launch "$@" -s "$within"
        # shellcheck disable=SC2154 # run sets it
        echo "$output"
        if $check; then return; fi
        stop --all -H "$nodes" >/dev/null || true
        nothing_left
    done
    return 1
}

stop() {
    on login env COPPER_RSH="${rsh:-$CLUSTER_BIN/rsh}" "$COPPER_BIN/stop_copper.sh" "$@"
}

copper() {
    local node=$1
    shift
    on "$node" "$COPPER_BIN/copper" "$@"
}

# field NODE NAME: of copper status.
field() {
    "$PFS_BIN/jsonget" "$(copper "$1" status --json)" "$2"
}

# Prints what Copper has left on a node: nothing on a clean one, where the user's empty directory may stay.
# shellcheck disable=SC2016 # of the shell there
look_for_traces='
    for comm in /proc/[0-9]*/comm; do
        read -r name <"$comm" || continue
        case $name in copper*) echo "process $name" ;; esac
    done 2>/dev/null
    grep " - fuse.copper " /proc/self/mountinfo | grep " /tmp/root/"
    for file in /tmp/copper-*/*.job /tmp/copper-*/*.sock /tmp/copper-*/*.lock /tmp/root/*; do
        [ ! -e "$file" ] || echo "file $file"
    done
    # The directory itself stays, so that no other user can take its name.
    [ ! -e /tmp/root ] || [ "$(stat -c "%F %a %u" /tmp/root)" = "directory 700 0" ] ||
        echo "/tmp/root is open to others"
    true'

traces() {
    on "$1" sh -c "$look_for_traces"
}

all_traces() {
    on_all sh -c "$look_for_traces"
    on login sh -c "$look_for_traces"
}

# without_traces COMMAND...: it says nothing. A stop returns when mounts and sockets have gone; a process that has
# nothing else to do but end may take a moment for that.
without_traces() {
    local said end=$((SECONDS + PATIENCE))
    while said=$("$@") && [ -n "$said" ]; do
        [ "$SECONDS" -lt "$end" ] || {
            echo "$said"
            return 1
        }
        nap 0.1
    done
}

# traceless NODE...
traceless() {
    local node
    for node in "$@"; do
        without_traces traces "$node" || return 1
    done
}

nothing_left() {
    without_traces all_traces
}

# For teardown: stops what a test has left running.
stop_all() {
    rsh=
    [ -z "$(all_traces)" ] || stop --all -H "$nodes" >/dev/null
    nothing_left
}

# limit SECONDS: a time in which this build can become ready.
limit() {
    [ -z "$(sanitizers)" ] && echo "$1" || echo $(($1 * 4))
}

# gave_up_after SECONDS TEXT: the launch did, at its time limit or, on a busy machine, later: in the first line.
gave_up_after() {
    # shellcheck disable=SC2154 # bats
    [[ ${lines[0]} =~ ^"copper: $2 after "([0-9]+)\.[0-9]+" s" ]] && [ "${BASH_REMATCH[1]}" -ge "$1" ]
}

# rsh_that CASES: writes an rsh that behaves differently for some hosts; CASES is the body of a `case` on
# the host.
rsh_that() {
    mkdir -p "$CLUSTER_DIR/home/bin"
    rsh=$CLUSTER_DIR/home/bin/rsh-$BATS_TEST_NUMBER
    # shellcheck disable=SC2016 # of the script that is written
    printf '#!/bin/sh\ncase $1 in\n%s\nesac\nexec %s/rsh "$@"\n' "$1" "$CLUSTER_BIN" >"$rsh"
    chmod 755 "$rsh"
}
