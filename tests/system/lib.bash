# Shared by the system tests: a job of real daemons and mounts on the test cluster. bats files that test the
# running job source this; it sources ../cluster/lib.bash. The programs tested are those of the build in
# COPPER_BUILD.
# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause

SYSTEM_DIR=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# shellcheck source=tests/cluster/lib.bash
. "$SYSTEM_DIR/../cluster/lib.bash"
COPPER_BUILD=${COPPER_BUILD:-${COPPER_BIN:-$SYSTEM_DIR/../../build/release}}
COPPER_BUILD=$(readlink -f "$COPPER_BUILD")
PFS_BIN=$COPPER_BUILD/tests/cluster
MOUNT=/tmp/copper-test/mnt
export COPPER_BUILD PFS_BIN MOUNT SYSTEM_DIR

skip_unless_built() {
    skip_unless_root_fuse
    [ -x "$COPPER_BUILD/copperd" ] || skip "needs a build: COPPER_BUILD=$COPPER_BUILD"
}

# In setup_file, where this bats cannot skip: "can_run || return 0".
can_run() {
    (
        skip() { exit 1; }
        skip_unless_built
    )
}

# A directory that all nodes see, for sources and results: sets and exports WORK.
work_up() {
    WORK=$(mktemp -d /srv/copper-test.XXXXXX)
    chmod 755 "$WORK"
    export WORK
}

work_down() {
    [ -n "${WORK:-}" ] || return 0
    rm -rf --one-file-system "$WORK"
}

# bed_up NODES [options of pfsemu]: the cluster, and $WORK/source as its parallel file system at $WORK/pfs.
bed_up() {
    local nodes=$1
    shift
    work_up
    mkdir "$WORK/source" "$WORK/pfs"
    pfs_up --nodes "$nodes" "$WORK/source" "$WORK/pfs" "$@"
    cluster_up -n "$nodes"
}

# Takes all of it down, also when one of the steps fails.
bed_down() {
    local status=0
    pfs_down || status=1
    cluster_down || status=1
    work_down || status=1
    return $status
}

# jobs_and_bed_down USER...: the jobs that these have launched, too.
jobs_and_bed_down() {
    [ -n "${CLUSTER_DIR:-}" ] || return 0
    local user status=0
    for user; do
        as_user "$user" login env COPPER_RSH="$CLUSTER_BIN/rsh" "$COPPER_BUILD/stop_copper.sh" || status=1
    done
    bed_down && return $status
}

# own_directory [NODE...]: a directory for this test: $source on storage, $leaf through the mount, $dir its name.
# Returns when these nodes see it: a listing without it is believed for -E.
own_directory() {
    local node
    dir=$BATS_TEST_NUMBER
    source=$WORK/source/$dir
    leaf=$MOUNT$WORK/pfs/$dir
    mkdir "$source"
    for node in "$@"; do
        until_true on "$node" test -d "$leaf"
    done
}

# old_kernel_on NODE: sets RSH for job_up: the daemon there uses nothing newer than Linux 5.14.
old_kernel_on() {
    # shellcheck disable=SC2016 # the shell's there
    printf '%s\n' '#!/bin/sh' 'host=$1; shift' "[ \"\$host\" != $1 ] || set -- COPPER_OLD_KERNEL=1 \"\$@\"" \
        'exec "'"$CLUSTER_BIN"'/rsh" "$host" env "$@"' >"$WORK/rsh"
    chmod 755 "$WORK/rsh"
    RSH=$WORK/rsh
}

# hanging_are NUMBER: succeeds when so many calls hang in storage.
hanging_are() {
    [ "$(pfs hanging)" = "$1" ]
}

# job_up [options of launch_copper.sh]: on all nodes of the cluster, from the login node, by $RSH where
# that is set.
job_up() {
    "$CLUSTER_BIN/cluster" hosts "$CLUSTER_DIR" >"$CLUSTER_DIR/job-hosts"
    on login env COPPER_RSH="${RSH:-$CLUSTER_BIN/rsh}" "$COPPER_BUILD/launch_copper.sh" \
        -H "$CLUSTER_DIR/job-hosts" -v "$MOUNT" -s "$PATIENCE" "$@"
}

# Stops the job. Fails when a daemon had died meanwhile, or a sanitizer has said something. A test that
# kills daemons sets DEATHS_EXPECTED=yes: they are restarted then.
job_down() {
    local said died
    [ -n "${CLUSTER_DIR:-}" ] || return 0
    died=$(on_all sh -c \
        'grep -h "^starts" /tmp/copper-*/*.lock 2>/dev/null | grep -vx "starts 1"; true') || true
    said=$(on login env COPPER_RSH="$CLUSTER_BIN/rsh" \
        "$COPPER_BUILD/stop_copper.sh" -v "$MOUNT") || return 1
    echo "$said"
    [[ $said == *"stopped on $(wc -l <"$CLUSTER_DIR/job-hosts") node"* ]] || return 1
    if [ -n "$died" ] && [ "${DEATHS_EXPECTED:-no}" = no ]; then
        echo "daemons have died: $died"
        return 1
    fi
    sanitizers_are_silent
}

copper() {
    local node=$1 command=$2
    shift 2
    on "$node" "$COPPER_BUILD/copper" "$command" -v "$MOUNT" "$@"
}

# parent_is NODE PARENT: in tree 0; None: it is a root. A silent parent is detected within 3 s by a node
# that waits for its answer; by others with their next ping, up to 13 s later.
parent_is() {
    local is
    is=$(jq_get "$(copper "$1" status --json)" trees.0.parent)
    [ "$is" = "$2" ] || {
        echo "parent of $1: $is, not $2"
        return 1
    }
}

# start_daemon NODE [PROGRAM]: by hand, with the launcher's job description.
start_daemon() {
    local job
    job=$(on login sh -c 'cat /tmp/copper-0/*.job')
    printf '%s\n' "$job" | on "$1" timeout "$PATIENCE" "${2:-$COPPER_BUILD/copperd}" --node "$1"
}

# The counters of all nodes into FILE.
stats_to() {
    copper login stats --nodes --json >"$1"
}

# figures COMMAND...: see there.
figures() {
    /usr/bin/python3 -I "$SYSTEM_DIR/figures" "$@"
}

# jq_get JSON a.0.b: the value there.
jq_get() {
    "$PFS_BIN/jsonget" "$1" "$2"
}
