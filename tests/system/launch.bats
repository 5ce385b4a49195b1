# The launcher: where its hosts come from, what it says, and that it leaves nothing behind.
# SPDX-License-Identifier: BSD-3-Clause

setup_file() {
    load launch.bash
    skip_unless_root_fuse
    cluster_up -n 4
}

teardown_file() {
    load launch.bash
    cluster_down
}

setup() {
    load launch.bash
}

teardown() {
    renew_after_failure stop_all
}

@test "hosts from a list: all nodes serve when the launch has returned" {
    run -0 launch -H "$nodes"
    [[ $output =~ ^"copper: 4 nodes ready at $mount in "[0-9]+\.[0-9][0-9]" s"$ ]]
    for node in node1 node2 node3 node4; do
        run -0 on "$node" cat "$mount/etc/hostname"
        [ "$output" = "$(cat /etc/hostname)" ]
    done
    [ "$(field node1 ready)" = 4 ]
    [ -n "$(traces node1)" ]
    run -0 stop
    [ "$output" = "copper: stopped on 4 nodes" ]
    nothing_left
}

@test "hosts from a file, with comments and repeats" {
    printf '# rack 1\nnode3\nnode1 slots=2\nnode3\n' >"$CLUSTER_DIR/home/hosts"
    run -0 launch -H "$CLUSTER_DIR/home/hosts"
    [[ $output == "copper: 2 nodes ready"* ]]
    [ "$(field node3 rank)" = 1 ]
    traceless node2
}

@test "hosts from PBS, each named once per rank" {
    printf 'node2\nnode2\nnode4\nnode4\n' >"$CLUSTER_DIR/home/pbs"
    run -0 on login env PBS_NODEFILE="$CLUSTER_DIR/home/pbs" COPPER_RSH="$CLUSTER_BIN/rsh" \
        "$COPPER_BIN/launch_copper.sh"
    [[ $output == "copper: 2 nodes ready"* ]]
    [ "$(field node4 rank)" = 1 ]
    run -2 on login env PBS_NODEFILE=/nonexistent "$COPPER_BIN/launch_copper.sh"
    [[ $output == *"PBS_NODEFILE: \"/nonexistent\" cannot be read"* ]]
}

# The README's script, as it stands there but for the sizes, the names of directories, and where the
# modules come from.
@test "the README's job script for PBS, where PBS is a node file and mpiexec is Hydra" {
    [ -f /usr/share/lmod/lmod/init/bash ] || skip "needs Lmod"
    command -v mpiexec.hydra >/dev/null || skip "needs mpiexec.hydra"
    local home=$CLUSTER_DIR/home
    cmake --install "$COPPER_BIN" --prefix "$home/sw" >/dev/null
    mkdir -p "$home/env/lib/python3.11/site-packages"
    echo 'where = __file__' >"$home/env/lib/python3.11/site-packages/mine.py"
    echo 'import mine, os; os.write(1, f"{os.uname().nodename} {mine.where}\n".encode())' >"$home/app.py"
    printf 'node2\nnode2\nnode4\nnode4\n' >"$home/pbs"
    { echo "mpiexec() { mpiexec.hydra \"\$@\"; }; . /usr/share/lmod/lmod/init/bash; module use $home/sw/share/modulefiles"
        sed -n '/^#PBS/,/^```/p' "$BATS_TEST_DIRNAME/../../README.md" |
            sed -e '/^```/d' -e "s|/lus/project|$home|g; s/6144/4/; s/ppn 12/ppn 2/"; } >"$home/job"
    run -0 on login env PBS_JOBID=1 PBS_ENVIRONMENT=PBS_BATCH PBS_NODEFILE="$home/pbs" USER=root \
        COPPER_RSH="$CLUSTER_BIN/rsh" HYDRA_LAUNCHER=rsh HYDRA_LAUNCHER_EXEC="$CLUSTER_BIN/rsh" \
        timeout "$PATIENCE" bash "$home/job" </dev/null
    [[ ${lines[0]} == "copper: 2 nodes ready at $mount in "* ]]
    [ "$(grep -c "^node[24] $mount$home/env/lib/python3.11/site-packages/mine.py$" <<<"$output")" = 4 ]
    [[ $output == *"copper: stopped on 2 nodes"* ]]
}

@test "copper run: Hydra hands it on to all ranks" {
    command -v mpiexec.hydra >/dev/null || skip "needs mpiexec.hydra"
    run -0 launch -H node2,node4
    # shellcheck disable=SC2016 # of the shell there
    run -0 on node2 env HYDRA_LAUNCHER=rsh HYDRA_LAUNCHER_EXEC="$CLUSTER_BIN/rsh" timeout "$PATIENCE" \
        "$COPPER_BIN/copper" run mpiexec.hydra -hosts node2,node4 -n 2 sh -c 'echo "$LD_PRELOAD"' </dev/null
    [ "$output" = "$(printf '%s\n' "$(realpath "$COPPER_BIN")/isatty.so"{,})" ]
}

@test "no scheduler and no -H: this node only, without any rsh" {
    run -0 on node2 env COPPER_RSH=false "$COPPER_BIN/launch_copper.sh"
    [[ $output == "copper: 1 node ready at $mount in "* ]]
    run -0 on node2 cat "$mount/etc/hostname"
    run -0 on node2 env COPPER_RSH=false "$COPPER_BIN/stop_copper.sh"
    [ "$output" = "copper: stopped on 1 node" ]
}

@test "COPPER_RSH may be a command with arguments" {
    rsh="env X=1 $CLUSTER_BIN/rsh"
    run -0 launch -H node1,node2
    [[ $output == "copper: 2 nodes ready"* ]]
}

@test "wrong values: exit 2, one line with option, value and what is allowed, nothing started" {
    local args
    rsh=false
    while IFS='|' read -r args said; do
        # shellcheck disable=SC2086
        run -2 launch -H "$nodes" $args
        [ "${#lines[@]}" = 1 ]
        [ "$output" = "copper: $said" ] || {
            printf '%s\n' "$output" "$said"
            return 1
        }
    done <<'END'
-l 7|-l: "7" is not a log level; allowed is 1 (most) to 5 (least), or 6 (none)
-t screen|-t: "screen" is not a log type; allowed is file, stdout or file_and_stdout
-T 0|-T: "0" is not a number of trees; allowed is 1 to 64
-M 10X|-M: "10X" is not a size; allowed are bytes or a number with K, M, G, KB, MB or GB
-s 0|-s: "0" is not a number of seconds; allowed is 1 to 86400
-b 5-3|-b: "5-3" is not a list of cores; allowed are up to 1024 cores below 4096, as in 48-51 or 48,49
-d logs|-d: "logs" is not a log directory; allowed is an absolute path, without control characters
-v /|-v: "/" is not a mount directory; allowed is an absolute path other than /, without control characters
-E -1|-E: "-1" is not a number of milliseconds; allowed is 0 to 86400000
-n ib|-n: "ib" is not a network; allowed is tcp or tcp:INTERFACE
-N x|-N: "x" is not a number of paths; allowed is 0 to 10000
-I x|-I: "x" is not a number of seconds; allowed is 0 to 86400
-m 8|-m: "8" is not a cache size; allowed are bytes or a number with K, M, G, KB, MB or GB, at least 1M
-k 0|-k: "0" is not a fan-out; allowed is 1 to 1024
-p 80|-p: "80" is not a port; allowed is 1024 to 65535
-z|-z: there is no such option; see launch_copper.sh --help
--fast|--fast: there is no such option; see launch_copper.sh --help
-k|-k: needs a value; see launch_copper.sh --help
-k 2 more|"more" is too much; see launch_copper.sh --help
-H /nonexistent|-H: "/nonexistent" cannot be read: No such file or directory; allowed is a host file or hosts with commas
END
    nothing_left
}

@test "a host that does not exist: named with the reason, exit 1, nothing left" {
    run -1 launch -H node1,node2,nowhere
    [[ $output == *"copper: nowhere: no answer from rsh: "*"no such host"* ]]
    [[ $output != *"ready at"* && $output != *"copper: node1:"* && $output != *"copper: node2:"* ]]
    nothing_left
}

@test "a starter that fails ends the launch at once, with its own words" {
    on node3 sh -c 'mkdir -p -m 700 /tmp/root; touch /tmp/root/copper'
    run -1 launch -H "$nodes"
    [[ $output == *"copper: node3: "*"/tmp/root/copper"* ]]
    on node3 rm -r /tmp/root
    nothing_left
}

@test "a program that is not there is named" {
    rsh_that 'node2) exec '"$CLUSTER_BIN"'/rsh node2 /nonexistent/copperd ;;'
    run -1 launch -H "$nodes"
    [[ $output == *"copper: node2: cannot run $COPPER_BIN/copperd: Copper must be at the same path"* ]]
}

@test "a host that does not answer: named at the time limit, the others stopped again" {
    named() {
        [ "$status" = 1 ] && gave_up_after "$within" "not all of 4 nodes are ready" &&
            [[ $output == *"copper: node3: no answer from rsh"* ]] &&
            [[ $output != *"copper: node1:"* && $output != *"copper: node4:"* ]] &&
            [[ $output == *"copper: 1 node could not be cleaned: node3: "*"; when it is back: stop_copper.sh -H node3" ]]
    }
    rsh_that 'node3) exec sleep 600 ;;'
    launch_until named "$(limit 4)" -H "$nodes"
    nothing_left
}

@test "a node that cannot reach its parent: named as not joined" {
    named() {
        [ "$status" = 1 ] && [[ $output != *"copper: node2:"* ]] &&
            [[ $output == *"copper: node4: its daemon cannot be reached from this host: node4 port "*": 10.77.0.4: Connection timed out"* ]]
    }
    "$CLUSTER_BIN/cluster" cut "$CLUSTER_DIR" node4
    launch_until named "$(limit 4)" -H "$nodes"
    "$CLUSTER_BIN/cluster" heal "$CLUSTER_DIR" node4
    nothing_left
}

@test "interrupted: what was started is stopped" {
    mkfifo "$CLUSTER_DIR/home/reached"
    chmod 666 "$CLUSTER_DIR/home/reached"
    rsh_that "node4) [ \"\$2\" != $COPPER_BIN/copperd ] || { echo x >$CLUSTER_DIR/home/reached; exec sleep 600; } ;;"
    # shellcheck disable=SC2016
    run -143 on login env COPPER_RSH="$rsh" sh -c '"$1" -H "$2" -s 600 & pid=$!
        read -r x <"$3"; kill -TERM $pid; wait $pid' sh \
        "$COPPER_BIN/launch_copper.sh" "$nodes" "$CLUSTER_DIR/home/reached"
    [[ $output == *"copper: interrupted"* ]]
    nothing_left
}

@test "on a terminal: progress is shown, Ctrl-C ends launch and job script and leaves nothing" {
    rsh_that "node4) [ \"\$2\" != $COPPER_BIN/copperd ] || exec sleep 600 ;;"
    printf '#!/bin/sh\n%s -H %s -s 600\necho went on\n' "$COPPER_BIN/launch_copper.sh" "$nodes" \
        >"$CLUSTER_DIR/home/script"
    run -130 on login env COPPER_RSH="$rsh" "$BATS_TEST_DIRNAME/terminal" --interrupt-at '3 started' \
        sh "$CLUSTER_DIR/home/script"
    [[ $output == *"copper: 4 nodes, 3 started, "*"copper: interrupted: stopping what was started"* ]]
    [[ $output != *"went on"* ]]
    nothing_left
}

@test "on a terminal: a stop that takes its time says so" {
    run -0 launch -H node1,node2
    on node2 kill -STOP "$(daemon node2)"
    run -0 on login env COPPER_RSH="$CLUSTER_BIN/rsh" "$BATS_TEST_DIRNAME/terminal" \
        "$COPPER_BIN/stop_copper.sh"
    [[ $output == *"copper: stopping, 1 s "*"copper: stopped on 2 nodes"* ]]
    run -0 on login "$BATS_TEST_DIRNAME/terminal" "$COPPER_BIN/stop_copper.sh"
    [ "$output" = $'copper: nothing runs at /tmp/root/copper\r' ]
}

@test "wrong words for stop_copper.sh and copper: one line, exit 2, and what is meant" {
    local words said
    while IFS='|' read -r words said; do
        # shellcheck disable=SC2086
        run -2 on login "$COPPER_BIN/"$words
        [ "$output" = "copper: $said" ] || {
            printf '%s\n' "$output" "$said"
            return 1
        }
    done <<'END'
stop_copper.sh -x|-x: there is no such option; see stop_copper.sh --help
stop_copper.sh -v|-v: needs a value; see stop_copper.sh --help
stop_copper.sh -v here|-v: "here" is not a mount directory; allowed is an absolute path
stop_copper.sh more|"more" is too much; see stop_copper.sh --help
stop_copper.sh -H ,|-H: holds no host
copper statsu|there is no command "statsu": do you mean copper status?
copper launch|there is no command "launch": a job is started with launch_copper.sh
copper help me|there is no command "me": see copper --help
copper status --fast|status: there is no option --fast: see copper status --help
copper status more|status: "more" is too much: see copper status --help
copper status --timeout|--timeout: needs a value: SECONDS
copper status --timeout 3|--timeout: only with --wait
copper status --wait --timeout 0|--timeout: "0" is not a number of seconds; allowed is 1 to 86400
copper stats --all=yes|--all: takes no value
copper stats -v here|-v: "here" is not a mount directory; allowed is an absolute path
copper run|run: wants a command: see copper run --help
copper stop --all --here|stop: --all and --here exclude each other
END
    run -1 on login "$COPPER_BIN/copper" status
    [ "$output" = "copper: nothing is mounted at $mount: start it with launch_copper.sh" ]
    run -125 on login "$COPPER_BIN/copper" run true
    [ "$output" = "copper: nothing is mounted at $mount: start it with launch_copper.sh" ]
}

@test "a node without room for a run directory, a login node without room for the job" {
    on node2 mount -t tmpfs -o nr_inodes=1 none /tmp
    run -1 launch -H node1,node2
    on node2 umount /tmp
    [ "${#lines[@]}" = 2 ]
    [[ ${lines[1]} == "copper: node2: run directory /tmp/copper-0: "*"No space left on device" ]]
    on login mount -t tmpfs -o nr_inodes=1 none /tmp
    run -1 launch -H node1
    [[ $output == "copper: run directory /tmp/copper-0: "*"No space left on device" ]]
    run -0 stop
    on login umount /tmp
    [ "$output" = "copper: nothing runs at $mount" ]
    # Nor for a launcher's list of hosts: half a list would be another job.
    on login mount -t tmpfs -o size=4k none /mnt
    on login sh -c 'mkdir /mnt/none; head -c 1M /dev/zero >/mnt/full 2>/dev/null; true'
    run -1 on login env TMPDIR=/mnt/none COPPER_LAUNCHER=clush "$COPPER_BIN/launch_copper.sh" -H node1
    on login umount /mnt
    echo "$output"
    [[ $output == *"copper: /mnt/none/copper-launch."*"/hosts: cannot be written: is the disk full?"* && $output != *"cat:"* ]]
}

@test "a second launch on a live mount is refused and harms nothing" {
    run -0 launch -H "$nodes"
    run -1 launch -H node1
    [[ $output =~ "copper: a job with 4 nodes already runs on $mount (since "[-:0-9\ ]+"): stop it with stop_copper.sh or use -v" ]]
    [ "$(field node1 ready)" = 4 ]
    run -0 launch -H "$nodes" -v /tmp/root/other
    [[ $output == "copper: 4 nodes ready at /tmp/root/other"* ]]
    run -0 stop -v /tmp/root/other
    [ "$(field node1 ready)" = 4 ]
}

@test "a launch from elsewhere on used nodes fails and leaves the other job alone" {
    run -0 launch -H "$nodes"
    run -1 on node1 env COPPER_RSH="$CLUSTER_BIN/rsh" "$COPPER_BIN/launch_copper.sh" -H node2,node3
    [[ $output == *"already runs on $mount"* || $output == *"already running on this mount"* ]]
    [ "$(field node1 ready)" = 4 ]
    run -0 on node3 cat "$mount/etc/hostname"
}

@test "the mount is another launch host's: the command that the message names stops it, and the launch succeeds" {
    local hint at where
    # A mount of the user's choice, whose name a shell must not see as it is, and the usual one.
    for where in "/tmp/root/a b's" ""; do
        at=(${where:+-v "$where"})
        on node4 env COPPER_RSH="$CLUSTER_BIN/rsh" "$COPPER_BIN/launch_copper.sh" -H node1,node2 "${at[@]}"
        run -1 launch -H "$nodes" "${at[@]}"
        [[ $output == *"copper: node2: already running on this mount (pid "*", job "*")"* ]]
        hint=$(sed -n 's/^copper: another job has the mount on 2 hosts; .*: stop_copper\.sh/stop_copper.sh/p' <<<"$output")
        echo "$hint"
        [[ $hint == *"-H 'node[1-2]'" ]]
        run -0 on node2 cat "${where:-$mount}/etc/hostname"
        run -0 on login env COPPER_RSH="$CLUSTER_BIN/rsh" PATH="$COPPER_BIN:$PATH" sh -c "$hint"
        [ "$output" = "copper: stopped on 2 nodes" ]
        run -0 launch -H "$nodes" "${at[@]}"
        run -0 stop "${at[@]}"
        on node4 sh -c 'rm -f /tmp/copper-0/*.job'
        nothing_left
    done
}

# not_all_ready NODE: the death of a node has reached the root.
not_all_ready() {
    [[ $(copper "$1" status --all) == *", 3 of 4 nodes ready"* ]]
}

@test "status: of this node, of the root, and when all are ready; JSON where figures are printed" {
    local words
    launch -H "$nodes" -k 1
    run -0 copper node3 status
    [ "${lines[0]}" = "mount       $mount" ]
    [[ ${lines[1]} == *", 2 of 4 nodes ready at or below this node" ]]
    [[ ${lines[2]} == "node        node3 (rank 2), pid $(daemon node3), up "*" s, version "* ]]
    [ "${lines[3]}" = "tree 0      interior, parent node2, children node4" ]
    for words in --all --wait; do
        run -0 copper node3 status "$words"
        [[ ${lines[1]} == *", 4 of 4 nodes ready" ]]
        [ "${lines[3]}" = "tree 0      root, children node2" ]
    done
    for words in "status" "status --all" "status --wait" "stats" "stats --all" "stats --nodes" "doctor"; do
        # shellcheck disable=SC2086
        copper node2 $words --json | python3 -m json.tool >/dev/null
    done
    kill_for_good node4
    until_true not_all_ready node2
    run -1 copper node2 status --wait --timeout 1
    [ "$output" = "copper: the daemon of this node: 1 of 4 nodes are not ready: node4" ]
}

@test "stats: of this node, summed over the job, and a line for each node" {
    launch -H "$nodes" -k 1
    on node3 cat "$mount/etc/hostname" >/dev/null
    run -0 copper node3 stats
    [ "${lines[0]}" = "node3 (rank 2)" ]
    [[ $output == *"Answers, by where they were"*"from the parent"* && $output != *"Storage operations"* ]]
    run -0 copper login stats --all
    [ "${lines[0]}" = "4 nodes" ]
    [[ $output == *"Storage operations"* && $output != *node1* ]]
    run -0 copper node4 stats --nodes
    [ "${lines[0]}" = "4 nodes" ]
    [[ ${lines[-4]} == node1\ * && ${lines[-3]} == node2\ * && ${lines[-1]} == node4\ * ]]
    read -r _ requests here elsewhere storage _ <<<"${lines[-2]}" # node3
    [ "$requests" -gt 0 ]
    [ "$elsewhere" -gt 0 ]
    [ "$here" -ge 0 ]
    [ "$storage" = 0 ]
    copper node2 stats --nodes --json | python3 -c '
import json, sys
answer = json.load(sys.stdin)
names = {name for node in answer["nodes"] for name in node["counters"]}
assert answer["answered"] == 4 and answer["silent"] == [], answer
assert "fuse_lookup" in names
for name in names - {"rss_bytes", "cpu_user_ms", "cpu_system_ms"}:
    total = max if name in ("loop_longest_us", "loop_busy_us", "bypass_largest", "bypass_fits") else sum
    assert answer["sum"][name] == total(n["counters"].get(name, 0) for n in answer["nodes"]), name'
    on node4 kill -STOP "$(daemon node4)"
    run -1 copper node1 stats --all
    on node4 kill -CONT "$(daemon node4)"
    [[ ${lines[0]} == "3 nodes" && $output == *"copper: 1 node did not answer: node4" ]]
}

@test "stopping twice is harmless" {
    run -0 launch -H "$nodes"
    run -0 stop
    run -0 stop
    [ "$output" = "copper: nothing runs at $mount" ]
}

@test "stop from a node stops the whole job" {
    run -0 launch -H "$nodes"
    run -0 on node3 env COPPER_RSH="$CLUSTER_BIN/rsh" "$COPPER_BIN/stop_copper.sh"
    [ "$output" = "copper: stopped on 4 nodes" ]
    run -0 stop
    nothing_left
}

@test "stop reaches a node whose daemon is frozen, and one whose daemon is dead" {
    run -0 launch -H "$nodes"
    kill_for_good node2
    on node4 kill -STOP "$(daemon node4)"
    run -0 stop
    [[ $output == "copper: stopped on "* ]]
    nothing_left
}

@test "stop when every daemon was killed takes the dead mounts away" {
    run -0 launch -H "$nodes"
    for node in node1 node2 node3 node4; do
        kill_for_good "$node"
    done
    run ! on node1 ls "$mount"
    run -0 stop
    nothing_left
}

@test "stop names the nodes that are gone, and the command that stops them later" {
    local view="/tmp/root/it's a \$HOME!" node command
    run -0 launch -H "$nodes" -v "$view"
    for node in node2 node4; do
        "$CLUSTER_BIN/cluster" kill "$CLUSTER_DIR" "$node"
    done
    run -1 stop -v "$view"
    echo "$output"
    [[ $output == *"copper: stopped on 2 nodes"* ]]
    [[ $output == *"no answer from 2 nodes: node2: "*"; when they are back: stop_copper.sh -v "*" -H "* ]]
    for node in node2 node4; do
        "$CLUSTER_BIN/cluster" restart "$CLUSTER_DIR" "$node"
    done
    # As it is given to a shell: these nodes, and this mount.
    command=${output##*they are back: }
    run -0 on login env COPPER_RSH="$CLUSTER_BIN/rsh" PATH="$COPPER_BIN:$PATH" sh -c "$command"
    [ "$output" = "copper: nothing runs at $view" ]
}

@test "the next launch cleans up after a job that was killed" {
    run -0 launch -H "$nodes"
    for node in node1 node2 node3 node4; do
        kill_for_good "$node"
    done
    run -0 launch -H "$nodes"
    [[ $output == "copper: 4 nodes ready"* ]]
    run -0 on node2 cat "$mount/etc/hostname"
}

@test "an installed tree works wherever it is, through a link, with another PATH on the nodes" {
    local prefix=$CLUSTER_DIR/home/moved
    DESTDIR=$CLUSTER_DIR/home/stage cmake --install "$COPPER_BIN" --prefix /opt/copper >/dev/null
    mv "$CLUSTER_DIR/home/stage/opt/copper" "$prefix"
    ln -s "$prefix/bin/launch_copper.sh" "$CLUSTER_DIR/home/launch"
    run -0 on login env -i PATH=/usr/bin:/bin COPPER_RSH="$CLUSTER_BIN/rsh" \
        "$CLUSTER_DIR/home/launch" -H "$nodes"
    [[ $output == "copper: 4 nodes ready"* ]]
    run -0 on node1 readlink "/proc/$(daemon node1)/exe"
    [ "$output" = "$prefix/bin/copperd" ]
    run -0 on login env COPPER_RSH="$CLUSTER_BIN/rsh" "$prefix/bin/stop_copper.sh"
    [ "$output" = "copper: stopped on 4 nodes" ]
    [ -f "$prefix/share/man/man1/launch_copper.sh.1" ]
}

@test "an ordinary user launches, reads and stops" {
    # shellcheck disable=SC2016
    run -0 as_user alice login sh -c 'COPPER_RSH=$1/rsh $2/launch_copper.sh -H node1,node2' sh \
        "$CLUSTER_BIN" "$COPPER_BIN"
    [[ $output == "copper: 2 nodes ready at /tmp/alice/copper"* ]]
    run -0 as_user alice node2 cat /tmp/alice/copper/etc/hostname
    # shellcheck disable=SC2016
    run -0 as_user alice login sh -c 'COPPER_RSH=$1/rsh $2/stop_copper.sh' sh \
        "$CLUSTER_BIN" "$COPPER_BIN"
    [ "$output" = "copper: stopped on 2 nodes" ]
}

# A container's runtime binds the view into a root of its own, in namespaces of the user's; here by hand.
@test "a container of the same user with the view bound in reads it, one of another user does not" {
    local there=$CLUSTER_DIR/home/image view=/tmp/alice/copper
    mkdir -p "$there/lib"
    echo 'word = "read"' >"$there/lib/module.py"
    run -0 as_user alice login env COPPER_RSH="$CLUSTER_BIN/rsh" "$COPPER_BIN/launch_copper.sh" -H node1,node2
    cat >"$there/container" <<'END'
#!/bin/sh
# container VIEW COMMAND...: a root that has system programs and the view, and nothing else of the host
set -eu
root=$(mktemp -d /tmp/container.XXXXXX) view=$1
shift
mount -t tmpfs none "$root"
mkdir -p "$root/usr" "$root/dev" "$root/tmp" "$root$view"
for name in bin lib lib64; do ln -s "usr/$name" "$root/$name"; done
mount --rbind /usr "$root/usr"
mount --rbind "$view" "$root$view"
chroot "$root" "$@"
END
    chmod 755 "$there/container"
    run -0 as_user alice node2 unshare --map-root-user --mount "$there/container" "$view" \
        /usr/bin/env -i PYTHONPATH="$view$there/lib" /usr/bin/python3 -c 'import module, os
print(module.word, module.__file__, os.path.exists("/etc"), os.path.exists("/home"))'
    echo "$output"
    [ "$output" = "read $view$there/lib/module.py False False" ]
    # root of the node is another user.
    run -1 on node2 unshare --mount "$there/container" "$view" /usr/bin/cat "$view/etc/hostname"
    [[ $output == *"$view"*"Permission denied" ]]
    run -0 as_user alice login env COPPER_RSH="$CLUSTER_BIN/rsh" "$COPPER_BIN/stop_copper.sh"
    [ "$output" = "copper: stopped on 2 nodes" ]
    on node2 sh -c 'rm -rf --one-file-system /tmp/container.*'
}
