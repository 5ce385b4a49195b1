# Functions for the system tests; bats files source this. A test file says
#   setup_file() { skip_unless_cluster; cluster_up -n 4; }   teardown_file() { cluster_down; }
# CLUSTER_DIR is exported, so COPPER_RSH="$CLUSTER_BIN/rsh" works. The nodes die with the test.
# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause

CLUSTER_BIN=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
export CLUSTER_BIN
PATH=/usr/bin:$PATH # before a user's own Python, whose shim may take longer to start than a test

# Skips the test, with the reason, where nodes cannot be had.
skip_unless_cluster() {
    local tool
    [ "$EUID" = 0 ] || skip "needs root: nodes are network namespaces"
    for tool in ip nft nsenter unshare setpriv; do
        command -v "$tool" >/dev/null || skip "needs $tool"
    done
    unshare --net --uts --ipc --pid --mount --fork true 2>/dev/null ||
        skip "needs namespaces (unshare fails)"
}

skip_unless_root_fuse() {
    skip_unless_cluster
    [ -c /dev/fuse ] || skip "needs /dev/fuse"
    command -v fusermount3 >/dev/null || skip "needs fusermount3"
}

# there_is TOOL: fails when it is not there. A test that goes on without it ends with skip_what_is_missing, so that it
# does not count as passed.
there_is() {
    command -v "$1" >/dev/null || {
        MISSING+=" $1"
        return 1
    }
}

skip_what_is_missing() {
    [ -z "${MISSING:-}" ] || skip "needs$MISSING for the rest of it"
}

# cluster_up [options of "cluster up"]: sets and exports CLUSTER_DIR. The nodes also see these sources
# and the build, where they lie below a directory that is private to each node.
cluster_up() {
    local shown=() path
    for path in "$CLUSTER_BIN/../.." "${COPPER_BIN:-}" "${COPPER_BUILD:-}" "${PFS_BIN:-}"; do
        path=$(readlink -f "${path:-/}")
        case $path in
        /tmp/* | /var/tmp/* | /var/log/* | /run/* | /dev/shm/*) shown+=(--bind "$path") ;;
        esac
    done
    [ -z "${PFS_NODES:-}" ] || shown+=(--mount "$PFS_NODES/%NODE%:$PFS_MOUNT")
    CLUSTER_DIR=$("$CLUSTER_BIN/cluster" up --owner $$ "${shown[@]}" "$@" 3>&-) || return 1
    CLUSTER_UP=$(printf '%q ' --owner $$ "${shown[@]}" "$@")
    export CLUSTER_DIR CLUSTER_UP
    [ -z "$(sanitizers)" ] || hear_sanitizers
}

# cluster_renew: the nodes as cluster_up has made them, without what a test has left on them that has failed.
cluster_renew() {
    local -a how
    eval "how=($CLUSTER_UP)"
    "$CLUSTER_BIN/cluster" down "$CLUSTER_DIR"
    "$CLUSTER_BIN/cluster" up -d "$CLUSTER_DIR" "${how[@]}" 3>&- >/dev/null || return 1
    [ -z "$(sanitizers)" ] || hear_sanitizers
}

# renew_after_failure COMMAND...: the end of a teardown. The command cleans up after a test; where that fails, or the test
# has failed, the next one begins with new nodes, for which the file may have a function set_up_nodes.
renew_after_failure() {
    local status=0
    "$@" || status=1
    [ "$status" = 0 ] && [ -n "${BATS_TEST_COMPLETED:-}" ] || {
        cluster_renew || return 1
        ! declare -F set_up_nodes >/dev/null || set_up_nodes
    }
    return $status
}

# Fails when a sanitizer has reported an error on a node.
cluster_down() {
    local status=0
    [ -n "${CLUSTER_DIR:-}" ] || return 0
    sanitizers_are_silent || status=1
    "$CLUSTER_BIN/cluster" down "$CLUSTER_DIR"
    [ -z "${SANITIZERS_SAID:-}" ] || rm -rf --one-file-system "$SANITIZERS_SAID"
    unset CLUSTER_DIR CLUSTER_UP SANITIZERS_SAID
    return $status
}

# What the build under test was made with: "address,undefined", "thread"; empty: nothing.
sanitizers() {
    sed -n 's/^CU_SANITIZE:STRING=//p' "${COPPER_BUILD:-${COPPER_BIN:-/}}/CMakeCache.txt" 2>/dev/null
}

# A daemon has no standard error, so the reports of sanitizers go to files that all nodes and users see,
# also when a test hides /tmp.
hear_sanitizers() {
    local to name
    to=${SANITIZERS_SAID:-$(mktemp -d /srv/sanitizers.XXXXXX)}
    export SANITIZERS_SAID=$to
    chmod 1777 "$to"
    for name in ASAN LSAN UBSAN; do
        printf '%s_OPTIONS=log_path=%s\n' "$name" "$to/said.%NODE%"
    done >"$CLUSTER_DIR/environment"
    # Without the second that each process waits at its end: a stop takes it for a daemon that does not end.
    printf 'TSAN_OPTIONS=log_path=%s:die_after_fork=0:atexit_sleep_ms=0\n' "$to/said.%NODE%" >>"$CLUSTER_DIR/environment"
}

# Fails with the reports since the last call.
sanitizers_are_silent() {
    local said=${SANITIZERS_SAID:-/nonexistent}/said
    compgen -G "$said.*" >/dev/null || return 0
    head -n 200 "$said".*
    rm "$said".*
    return 1
}

# Seconds after which something counts as hanging. Not a measure of speed: a test machine may be slow and
# busy.
export PATIENCE=150

# nap SECONDS: as sleep, without a process where bats has a directory for a pipe that nobody writes to.
nap() {
    local REPLY pipe=${BATS_RUN_TMPDIR:-/nonexistent}/nap
    [ -p "$pipe" ] || mkfifo "$pipe" 2>/dev/null || {
        sleep "$1"
        return
    }
    read -rt "$1" <>"$pipe" || true
}

# until_true COMMAND...: repeats the command until it succeeds; fails when that takes too long.
until_true() {
    local began=$SECONDS looked pause_ms
    looked=${EPOCHREALTIME/[^0-9]/}
    until "$@"; do
        [ $((SECONDS - began)) -lt "$PATIENCE" ] || return 1
        # The machine is for what is waited for: a look may have a third of the time, and most start several processes.
        pause_ms=$(((${EPOCHREALTIME/[^0-9]/} - looked) / 500))
        [ $((SECONDS - began)) -lt 2 ] || [ $pause_ms -ge 150 ] || pause_ms=150
        [ $pause_ms -ge 20 ] || pause_ms=20
        [ $pause_ms -le 1000 ] || pause_ms=1000
        nap $((pause_ms / 1000)).$(((pause_ms % 1000) / 100))$(((pause_ms % 100) / 10))
        looked=${EPOCHREALTIME/[^0-9]/}
    done
}

# on NODE COMMAND...  on_all COMMAND...  as_user NAME NODE COMMAND...
on() {
    "$CLUSTER_DIR/noderun" "$CLUSTER_DIR" "$@"
}

as_user() {
    local user=$1
    shift
    "$CLUSTER_DIR/noderun" "$CLUSTER_DIR" --user "$user" "$@"
}

on_all() {
    "$CLUSTER_DIR/noderun" "$CLUSTER_DIR" --all "$@"
}

# at_rest COMMAND...: the command prints the counters of all nodes (`copper stats --nodes --json`). Succeeds when nothing
# is under way, nor has been since the last look: what a process asked for is read ahead after its end, too.
at_rest() {
    local seen
    seen=$("$@" | /usr/bin/python3 -I -c '
import json, sys
counters = json.load(sys.stdin)["sum"]
if counters["requests_waiting"] == counters["storage_waiting"] == 0:
    print(*(value for name, value in counters.items() if name.startswith(("fuse_", "storage_"))))')
    [ -n "$seen" ] && [ "$seen" = "${REST:-}" ] && return
    REST=$seen
    return 1
}

# Pages of files that this machine has taken away of its own accord and read again since it runs.
refaults() {
    awk '/^workingset_refault_file/ { print $2 }' /proc/vmstat
}

# daemon NODE, supervisor NODE: the pid of Copper's there, of each where there are several mounts.
daemon() {
    on "$1" "$CLUSTER_BIN/daemons"
}

supervisor() {
    on "$1" "$CLUSTER_BIN/daemons" super
}

# kill_for_good NODE: the daemon, and its supervisor, which would start another one: as the end of a batch job
# may. The daemon is frozen first: it would unmount when its supervisor dies.
kill_for_good() {
    local daemon
    daemon=$(daemon "$1")
    on "$1" kill -STOP "$daemon"
    on "$1" kill -9 "$(supervisor "$1")" "$daemon"
}

# pfs_up SOURCE MOUNTPOINT [options of pfsemu]: the emulated parallel file system. Call it before
# cluster_up: the nodes see the mounts there are when they start (below /tmp with --bind only).
# pfs COMMAND...: its control commands.
# pfs_up --nodes N ...: node1 to nodeN each have it mounted themselves, with a device number of their own,
# as on a site; one process serves them all and counts what all of them do.
pfs_up() {
    local mounts=() nodes=0 source mountpoint
    if [ "$1" = --nodes ]; then
        nodes=$2
        shift 2
    fi
    source=$1 mountpoint=$2
    shift 2
    if [ "$nodes" -gt 0 ]; then
        PFS_NODES=$(mktemp -d /srv/pfs.XXXXXX)
        export PFS_NODES
        chmod 755 "$PFS_NODES"
        mapfile -t mounts < <(seq -f "$PFS_NODES/node%g" "$nodes")
        mkdir "${mounts[@]}"
    fi
    PFS_CONTROL=$(mktemp -u "${TMPDIR:-/tmp}/pfs.XXXXXX")
    PFS_MOUNT=$mountpoint
    export PFS_CONTROL PFS_MOUNT
    "${PFS_BIN:+$PFS_BIN/}pfsemu" --control "$PFS_CONTROL" --owner $$ "$@" \
        "$source" "$mountpoint" "${mounts[@]}" 3>&-
}

pfs() {
    "${PFS_BIN:+$PFS_BIN/}pfsctl" "$PFS_CONTROL" "$@"
}

pfs_down() {
    [ -n "${PFS_CONTROL:-}" ] || return 0
    # One that was killed leaves a dead mount.
    pfs quit 2>/dev/null || umount -l "$PFS_MOUNT" ${PFS_NODES:+"$PFS_NODES"/*}
    rm -f "$PFS_CONTROL"
    [ -z "${PFS_NODES:-}" ] || rm -rf --one-file-system "$PFS_NODES"
    unset PFS_CONTROL PFS_MOUNT PFS_NODES
}
