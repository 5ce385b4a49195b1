# An ordinary user whose primary group at launch is not the one that a remote command gives him: the
# kernel lets a process into a FUSE mount only with the group that mounted.
# SPDX-License-Identifier: BSD-3-Clause

bats_require_minimum_version 1.5.0
load lib.bash

GROUP=54321

setup_file() {
    can_run || return 0
    work_up
    echo content >"$WORK/file"
    echo secret >"$WORK/secret"
    chmod 644 "$WORK/file" "$WORK/secret"
    cluster_up -n 3
    "$CLUSTER_BIN/cluster" hosts "$CLUSTER_DIR" >"$CLUSTER_DIR/job-hosts"
    # node1 and node2 know alice as a member of the project, node3 does not. node2's fuse.conf allows it.
    # shellcheck disable=SC2016
    on_all sh -c 'cp /etc/group /tmp/group; cp /etc/gshadow /tmp/gshadow
        [ "$(hostname)" = node3 ] || { echo "project:x:'$GROUP':alice" >>/tmp/group; echo "project:!::alice" >>/tmp/gshadow; }
        mount --bind /tmp/group /etc/group; mount --bind /tmp/gshadow /etc/gshadow' >/dev/null
    # shellcheck disable=SC2016
    on login sh -c 'cp /etc/group /tmp/group; echo "project:x:'$GROUP':alice" >>/tmp/group
        mount --bind /tmp/group /etc/group'
    on node2 sh -c 'echo user_allow_other >/tmp/fuse.conf; chmod 644 /tmp/fuse.conf
        [ -e /etc/fuse.conf ] && mount --bind /tmp/fuse.conf /etc/fuse.conf'
    alice login project env COPPER_RSH="$CLUSTER_BIN/rsh" "$COPPER_BUILD/launch_copper.sh" \
        -H "$CLUSTER_DIR/job-hosts" -v /tmp/alice/mnt -s "$PATIENCE"
}

teardown_file() {
    [ -n "${CLUSTER_DIR:-}" ] || return 0
    alice login project env COPPER_RSH="$CLUSTER_BIN/rsh" "$COPPER_BUILD/stop_copper.sh" -v /tmp/alice/mnt
    cluster_down
    work_down
}

setup() {
    skip_unless_built
    [ -e /etc/fuse.conf ] || skip "needs /etc/fuse.conf"
}

# alice NODE GROUP COMMAND...: as alice, with that primary group (project, or alice) and all of hers
alice() {
    local node=$1 group=$2 id
    shift 2
    id=$(id -g alice 2>/dev/null || on "$node" id -g alice)
    [ "$group" != project ] || id=$GROUP
    on "$node" setpriv --reuid=alice --regid="$id" --groups="$(on "$node" id -g alice),$GROUP" \
        env HOME="$(on "$node" sh -c 'getent passwd alice | cut -d: -f6')" USER=alice "$@"
}

@test "daemons that a remote command starts mount with the group of the launch" {
    [ "$(alice node1 project cat "/tmp/alice/mnt$WORK/file")" = content ]
    [ "$(jq_get "$(alice node1 project "$COPPER_BUILD/copper" status --json -v /tmp/alice/mnt)" group)" = $GROUP ]
    # It has gone on as if nothing had been: a daemon with a job, that stop finds.
    [ "$(jq_get "$(alice node1 project "$COPPER_BUILD/copper" status --json -v /tmp/alice/mnt)" ready)" = 3 ]
    run -0 alice node1 project "$COPPER_BUILD/copper" doctor -v /tmp/alice/mnt
    [[ $output == *"group project sees the view"* ]]
}

@test "another group is refused by the kernel, and copper doctor says why" {
    run ! alice node1 alice cat "/tmp/alice/mnt$WORK/file"
    [[ $output == *"Permission denied"* ]]
    run -1 alice node1 alice "$COPPER_BUILD/copper" doctor -v /tmp/alice/mnt
    [[ $output == *"mounted with primary group project ($GROUP)"* ]]
    # Where she is not a member the daemon keeps the group that it has.
    [ "$(alice node3 alice cat "/tmp/alice/mnt$WORK/file")" = content ]
    run -1 alice node3 project "$COPPER_BUILD/copper" doctor -v /tmp/alice/mnt
    [[ $output == *"this process has "*"($GROUP)"* ]]
}

@test "where fuse.conf allows it every group of the user sees the view, and nobody else" {
    for group in alice project; do
        [ "$(alice node2 "$group" cat "/tmp/alice/mnt$WORK/file")" = content ]
        run -0 alice node2 "$group" ls "/tmp/alice/mnt$WORK"
    done
    # Also of what the kernel has cached.
    for path in "" "$WORK" "$WORK/file" "$WORK/secret"; do
        run ! on node2 setpriv --reuid=nobody --regid=nogroup --clear-groups ls "/tmp/alice/mnt$path"
        run ! on node2 setpriv --reuid=nobody --regid=$GROUP --clear-groups cat "/tmp/alice/mnt$path"
    done
    run ! on node2 cat "/tmp/alice/mnt$WORK/secret" # root, of what it has not
    run -0 alice node2 project "$COPPER_BUILD/copper" doctor -v /tmp/alice/mnt
}
