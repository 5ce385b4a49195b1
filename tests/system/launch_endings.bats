# How launches and stops end where something is wrong: nodes that are not there, output that cannot be
# written, launchers that are killed, limits, names with blanks. Nothing is left in any of them.
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
    rsh=
    renew_after_failure stop_always
}

stop_always() {
    stop --all -H "$nodes" >/dev/null && nothing_left
}

# left_out_is NODE NAME: what status says there.
left_out_is() {
    [[ $(copper "$1" status --all) == *"left out    $2"* ]]
}

# take_port NODE PORT: until give_port, another program has it.
take_port() {
    coproc PORT { on "$1" python3 -c '
import socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("", int(sys.argv[1])))
s.listen()
print("taken", flush=True)
sys.stdin.read()' "$2" 3>&-; }
    port_pid=$PORT_PID
    exec {port_in}>&"${PORT[1]}"
    read -r _ <&"${PORT[0]}"
}

give_port() {
    exec {port_in}>&-
    eval "exec ${PORT[1]}>&-"
    wait "$port_pid" || true
}

@test "--allow-missing: goes on without a node that is down, and says who is up" {
    "$CLUSTER_BIN/cluster" kill "$CLUSTER_DIR" node3
    run -0 --separate-stderr launch -H "$nodes" --allow-missing 1
    [[ ${lines[0]} == "copper: 3 of 4 nodes ready at $mount in "* ]]
    [ "${lines[1]}" = "copper: up: node[1-2,4]" ]
    [ "${lines[2]}" = "copper: missing: node3" ]
    [[ $stderr == *"copper: went on without node3: no answer from rsh: "* ]]
    for node in node1 node2 node4; do
        run -0 on "$node" cat "$mount/etc/hostname"
        left_out_is "$node" node3
    done
    run -0 copper login stats --all
    [[ ${lines[0]} == "3 nodes; "* ]]
    run -0 copper login status --wait --timeout 5
    run -0 stop
    [ "$output" = "copper: stopped on 3 nodes; the launch had gone on without node3" ]
    "$CLUSTER_BIN/cluster" restart "$CLUSTER_DIR" node3
}

@test "--allow-missing: the first node, which would be the root, is down; stopped from a node" {
    "$CLUSTER_BIN/cluster" kill "$CLUSTER_DIR" node1
    without_root() { [ "$status" = 0 ] && [[ $output == *"copper: up: node[2-4]"*"copper: missing: node1"* ]]; }
    # Who misses a parent looks for another one after a quarter of the time.
    launch_until without_root "$(limit 20)" -H "$nodes" --allow-missing 2 -k 1
    run -0 on node4 cat "$mount/etc/hostname"
    run -0 on node3 env COPPER_RSH="$CLUSTER_BIN/rsh" "$COPPER_BIN/stop_copper.sh"
    [ "$output" = "copper: stopped on 3 nodes" ]
    "$CLUSTER_BIN/cluster" restart "$CLUSTER_DIR" node1
}

@test "--allow-missing: a node whose port is taken" {
    take_port node2 21007
    without_it() {
        [ "$status" = 0 ] && [[ $output == *"copper: up: node[1,3-4]"* ]] &&
            [[ $output == *"went on without node2: port 21007 is in use on this host"* ]]
    }
    launch_until without_it "$(limit 20)" -H "$nodes" --allow-missing 1 -p 21007
    give_port
    run -0 stop
}

@test "--allow-missing: a node that says nothing is left out at the time limit" {
    rsh_that "node2) [ \"\$2\" != $COPPER_BIN/copperd ] || exec sleep 600 ;;"
    left_out() {
        [ "$status" = 0 ] && [[ $output == *"copper: missing: node2"* ]] &&
            [[ $output == *"went on without node2: no answer from rsh"* ]]
    }
    launch_until left_out "$(limit 6)" -H "$nodes" --allow-missing 1
    rsh=
    run -0 stop
}

@test "--allow-missing: more are missing than may be" {
    "$CLUSTER_BIN/cluster" kill "$CLUSTER_DIR" node2
    "$CLUSTER_BIN/cluster" kill "$CLUSTER_DIR" node3
    run -1 launch -H "$nodes" --allow-missing 1
    [[ $output == *"copper: node2: no answer from rsh"* && $output == *"copper: node3: no answer from rsh"* ]]
    [[ $output != *"ready at"* ]]
    "$CLUSTER_BIN/cluster" restart "$CLUSTER_DIR" node2
    "$CLUSTER_BIN/cluster" restart "$CLUSTER_DIR" node3
    run -2 launch -H "$nodes" --allow-missing all
    [ "$output" = 'copper: --allow-missing: "all" is not a number of nodes; allowed is 0 to 100' ]
}

@test "output that cannot be written: what was done stays done, with a warning and exit 0" {
    # shellcheck disable=SC2016
    run -0 on login env COPPER_RSH="$CLUSTER_BIN/rsh" sh -c '"$1" -H "$2" >/dev/full' sh \
        "$COPPER_BIN/launch_copper.sh" "$nodes"
    [ "$output" = "copper: standard output: No space left on device; Copper runs all the same" ]
    run -0 on node4 cat "$mount/etc/hostname"
    # shellcheck disable=SC2016
    run -0 on login env COPPER_RSH="$CLUSTER_BIN/rsh" sh -c '"$1" >/dev/full' sh \
        "$COPPER_BIN/stop_copper.sh"
    [ "$output" = "copper: standard output: No space left on device; what was to be stopped is" ]
    nothing_left
}

@test "closed standard descriptors, in each combination: hosts are found, and no file of Copper's takes their place" {
    local how
    for how in '<&-' '>&-' '<&- >&-' '<&- 2>&-' '>&- 2>&-' '<&- >&- 2>&-'; do
        echo "$how"
        run -0 on login sh -c "'$COPPER_BIN/launch_copper.sh' -s $PATIENCE $how"
        case $how in
        *' 2>&-') ;;
        *'>&-') [ "$output" = "copper: standard output: Bad file descriptor; Copper runs all the same" ] ;;
        *) [[ $output == "copper: 1 node ready at "* ]] ;;
        esac
        run -0 on login sh -c "'$COPPER_BIN/stop_copper.sh'"
        [ "$output" = "copper: stopped on 1 node" ]
    done
}

@test "fusermount3 is not on the nodes' PATH: stop takes the mounts away all the same" {
    rsh_that "*) host=\$1; shift; exec $CLUSTER_BIN/rsh \$host env PATH=/nonexistent \"\$@\" ;;"
    # shellcheck disable=SC2016
    run -0 as_user alice login sh -c 'COPPER_RSH=$1 $2/launch_copper.sh -H node1,node2' sh "$rsh" "$COPPER_BIN"
    # shellcheck disable=SC2016
    run -0 as_user alice login sh -c 'COPPER_RSH=$1 $2/stop_copper.sh' sh "$rsh" "$COPPER_BIN"
    [ "$output" = "copper: stopped on 2 nodes" ]
    run -1 on node2 grep ' /tmp/alice/.* fuse.copper ' /proc/self/mountinfo
}

@test "a mount that stays is no stop: the node is named, and a later stop takes it away" {
    # shellcheck disable=SC2016
    local words='COPPER_RSH=$1/rsh $2/stop_copper.sh $3'
    # shellcheck disable=SC2016
    as_user alice login sh -c 'COPPER_RSH=$1/rsh $2/launch_copper.sh -H node1,node2' sh "$CLUSTER_BIN" "$COPPER_BIN"
    on node2 mount --bind /bin/false /usr/bin/fusermount3
    run -1 as_user alice login sh -c "$words" sh "$CLUSTER_BIN" "$COPPER_BIN"
    on node2 umount /usr/bin/fusermount3
    [ "${lines[0]}" = "copper: stopped on 1 node" ]
    [[ ${lines[1]} == *"1 node: node2: /tmp/alice/copper: cannot be unmounted: "* ]]
    run -0 as_user alice login sh -c "$words" sh "$CLUSTER_BIN" "$COPPER_BIN" "-H node2"
    run -1 on node2 grep ' /tmp/alice/.* fuse.copper ' /proc/self/mountinfo
}

@test "fusermount3's own words are shown" {
    printf '#!/bin/sh\necho "fusermount3: too many FUSE filesystems mounted" >&2\nexit 1\n' >"$CLUSTER_DIR/home/refuses"
    chmod 755 "$CLUSTER_DIR/home/refuses"
    on node2 mount --bind "$CLUSTER_DIR/home/refuses" /usr/bin/fusermount3
    # shellcheck disable=SC2016
    run -1 as_user alice login sh -c 'COPPER_RSH=$1/rsh $2/launch_copper.sh -H node1,node2' sh "$CLUSTER_BIN" "$COPPER_BIN"
    on node2 umount /usr/bin/fusermount3
    [[ $output == *"copper: node2: cannot mount on /tmp/alice/copper: fusermount3: too many FUSE filesystems mounted"* ]]
}

# doctor_says TEXT: on node2, for alice; the line is a bad one.
doctor_says() {
    run -1 as_user alice node2 "$COPPER_BIN/copper" doctor
    [[ $'\n'$output == *$'\n'"BAD  "$1* ]] || {
        echo "$output"
        return 1
    }
}

@test "doctor names each thing that fusermount3 lacks, and a stop shows fusermount3's own words" {
    local conf=$CLUSTER_DIR/home/fuse.conf etc=$CLUSTER_DIR/home/etc helper=/usr/bin/fusermount3
    run -0 as_user alice node2 "$COPPER_BIN/copper" doctor
    [[ $output == *"ok   $helper"*"ok   "*"/etc/fuse.conf: "*" of 1000 mounts (mount_max), no user_allow_other"*"ok   /etc/mtab can be read"* ]]
    on node2 mount --bind "$helper" "$helper"
    on node2 mount -o remount,bind,nosuid "$helper"
    doctor_says "$helper: is on a file system that is mounted nosuid"
    on node2 umount "$helper"
    run -1 as_user alice node2 setpriv --no-new-privs "$COPPER_BIN/copper" doctor
    [[ $output == *"BAD  $helper: has no rights here: this process has no_new_privs set"* ]]
    printf 'user_allow_other\nmount_max = 0\n' >"$conf"
    on node2 mount --bind "$conf" /etc/fuse.conf
    doctor_says "/etc/fuse.conf: mount_max is 0, and there are "
    # shellcheck disable=SC2016
    run -1 as_user alice login sh -c 'COPPER_RSH=$1/rsh $2/launch_copper.sh -H node1,node2' sh "$CLUSTER_BIN" "$COPPER_BIN"
    [[ $output == *"copper: node2: "*"fusermount3: too many FUSE filesystems mounted; mount_max="* ]]
    echo user_allow_other >"$conf"
    run -0 as_user alice node2 "$COPPER_BIN/copper" doctor
    [[ $output == *", user_allow_other: all groups see the view"* ]]
    on node2 umount /etc/fuse.conf
    # shellcheck disable=SC2016
    as_user alice login sh -c 'COPPER_RSH=$1/rsh $2/launch_copper.sh -H node1,node2' sh "$CLUSTER_BIN" "$COPPER_BIN"
    on node2 cp -a /etc "$etc"
    rm "$etc/mtab"
    on node2 mount --bind "$etc" /etc
    doctor_says "/etc/mtab: No such file or directory: fusermount3 needs it to unmount"
    # shellcheck disable=SC2016
    run -1 as_user alice login sh -c 'COPPER_RSH=$1/rsh $2/stop_copper.sh' sh "$CLUSTER_BIN" "$COPPER_BIN"
    [[ $output == *"node2: /tmp/alice/copper: cannot be unmounted: "*"fusermount3: "*"/etc/mtab: No such file or directory"* ]]
    on node2 umount /etc
    # shellcheck disable=SC2016
    run -0 as_user alice login sh -c 'COPPER_RSH=$1/rsh $2/stop_copper.sh -H node2' sh "$CLUSTER_BIN" "$COPPER_BIN"
}

@test "too few open files: one line, nothing done; of processes as few as there are" {
    # shellcheck disable=SC2016
    run -1 on login env COPPER_RSH="$CLUSTER_BIN/rsh" bash -c 'ulimit -n 20; "$1" -H "$2"' sh \
        "$COPPER_BIN/launch_copper.sh" "$nodes"
    [ "$output" = "copper: this shell allows 20 open files (ulimit -n), and 64 are needed: nothing was done" ]
    nothing_left
    # A sanitizer takes more address space than any limit.
    [ -z "$(sanitizers)" ] || return 0
    # shellcheck disable=SC2016
    run -0 as_user alice login bash -c 'ulimit -v 50000; COPPER_RSH=$1/rsh $2/launch_copper.sh -H node1,node2' sh \
        "$CLUSTER_BIN" "$COPPER_BIN"
    # shellcheck disable=SC2016
    as_user alice login sh -c 'COPPER_RSH=$1/rsh $2/stop_copper.sh' sh "$CLUSTER_BIN" "$COPPER_BIN"
}

@test "low limits: one line, which names the limit, on the launch host and on a node" {
    local limit before
    # Sanitizers need processes and memory of their own.
    [ -z "$(sanitizers)" ] || return 0
    # shellcheck disable=SC2016
    for limit in "-u 1" "-s 128"; do
        run -1 as_user alice login bash -c "ulimit $limit"'; COPPER_RSH=$1/rsh exec $2/launch_copper.sh -H node1,node2' sh \
            "$CLUSTER_BIN" "$COPPER_BIN"
        echo "$limit: $output"
        [[ $output =~ ^"copper: this shell allows "[0-9]+[^$'\n']*" (ulimit ${limit% *}"[^$'\n']*"needed: nothing was done"$ ]]
    done
    for limit in "-n 16" "-v 900000" "-d 900000" "-s 128"; do
        rsh_that "node2) shift; exec $CLUSTER_BIN/rsh node2 \"ulimit $limit; exec \$*\" ;;"
        run -1 as_user alice login env COPPER_RSH="$rsh" "$COPPER_BIN/launch_copper.sh" -H node1,node2
        echo "$limit: $output"
        [[ $output == *"copper: node2: this node allows "*" (ulimit "*", and "*" are needed" ]]
        [ "${#lines[@]}" = 2 ]
    done
    # Files have an end, too: a daemon that cannot write its own says so, one whose log is full goes on.
    rsh_that "node2) shift; exec $CLUSTER_BIN/rsh node2 \"ulimit -f 0; exec \$*\" ;;"
    run -1 as_user alice login env COPPER_RSH="$rsh" "$COPPER_BIN/launch_copper.sh" -H node1,node2
    echo "$output"
    [[ $output == *"copper: node2: /tmp/copper-"*": File too large" ]]
    rsh_that "node2) shift; exec $CLUSTER_BIN/rsh node2 \"ulimit -f 4; exec \$*\" ;;"
    run -0 as_user alice login env COPPER_RSH="$rsh" "$COPPER_BIN/launch_copper.sh" -H node1,node2 -l 1 -s "$PATIENCE"
    before=$(daemon node2)
    run -0 as_user alice node2 find /tmp/alice/copper/usr/include -maxdepth 1
    [ "$(daemon node2)" = "$before" ]
    run -0 as_user alice login env COPPER_RSH="$rsh" "$COPPER_BIN/stop_copper.sh"
    [ "$output" = "copper: stopped on 2 nodes" ]
    on_all sh -c 'rm -rf /tmp/copper-*/logs'
}

@test "blanks, quotes and commands in names reach no shell: mount, run directory, prefix" {
    local name prefix="$CLUSTER_DIR/home/my copper's \$(touch x)"
    for name in "a b" "a;touch x" "it's" '$(touch x)' '"q"!' 'back\slash' -rf ünï-日本 '~' '%s*{a,b}' "'\"\`\$(x)\\ ;&"; do
        run -0 launch -H node1,node2 -v "/tmp/root/$name"
        [[ $output == "copper: 2 nodes ready at /tmp/root/"* ]]
        run -0 on node2 cat "/tmp/root/$name/etc/hostname"
        run -0 stop -v "/tmp/root/$name"
        [ "$output" = "copper: stopped on 2 nodes" ]
    done
    # What no line of a file can hold is refused, and named.
    run -2 launch -H node1 -v $'/tmp/root/new\nline'
    [ "$output" = 'copper: -v: "/tmp/root/new\x0aline" is not a mount directory; allowed is an absolute path other than /, without control characters' ]
    run -2 on login env COPPER_RUN_DIR=$'/tmp/new\nline' "$COPPER_BIN/launch_copper.sh" -H node1
    [[ $output == 'copper: COPPER_RUN_DIR: "/tmp/new\x0aline" is not a directory; allowed is an absolute path, without control characters' ]]
    DESTDIR=$CLUSTER_DIR/home/blank cmake --install "$COPPER_BIN" --prefix /opt/copper >/dev/null
    mv "$CLUSTER_DIR/home/blank/opt/copper" "$prefix"
    run -0 on login env COPPER_RSH="$CLUSTER_BIN/rsh" COPPER_RUN_DIR="/tmp/run 'dir'" "$prefix/bin/launch_copper.sh" -H "$nodes"
    run -0 on node2 ls -A "/tmp/run 'dir'"
    [[ $output == *.lock* ]]
    run -0 on login env COPPER_RSH="$CLUSTER_BIN/rsh" COPPER_RUN_DIR="/tmp/run 'dir'" "$prefix/bin/stop_copper.sh"
    [ "$output" = "copper: stopped on 4 nodes" ]
    [ -z "$(on_all sh -c 'find / -xdev -maxdepth 3 -name x 2>/dev/null; rm -rf "/tmp/run '"'dir'"'"' | grep -v 'node[0-9]: $')" ]
    [ ! -e "$CLUSTER_DIR/home/x" ]
}

# alice_runs TEXT: a shell of alice's; $1 and $2 of the text are launch and stop, $3 a directory that all nodes see.
alice_runs() {
    as_user alice login env COPPER_RSH="$CLUSTER_BIN/rsh" bash -c "$1" bash "$COPPER_BIN/launch_copper.sh" \
        "$COPPER_BIN/stop_copper.sh" "$CLUSTER_DIR/home/alice"
}

# shellcheck disable=SC2016 # of the shell there
@test "what the user's shell has set: umask, PATH, HOME, limits, a working directory that is gone, closed descriptors" {
    local text
    mkdir -p "$CLUSTER_DIR/home/alice"
    chmod 777 "$CLUSTER_DIR/home/alice"
    for text in 'umask 777' 'umask 000' 'PATH=' 'PATH="/a b:/nowhere"' 'unset PATH HOME USER LOGNAME' 'exec <&- 2>&-' \
        'ulimit -f 4' 'export TMPDIR=/nowhere LC_ALL=no.where LANG=x SHELL=/nowhere' \
        'd="$3/it'"'"'s (gone) ü"; mkdir "$d"; cd "$d"; rmdir "$d"' \
        'export COPPER_INPUT_BY=file COPPER_SHARED=$3; umask 777' 'export COPPER_INPUT_BY=file COPPER_SHARED=$3 TMPDIR=/proc' \
        'export COPPER_INPUT_BY=file COPPER_SHARED=$3 TMPDIR="$3/a b,c"; mkdir -p "$TMPDIR"; "$1" --version >/dev/null' 'export COPPER_INPUT_BY=file; HOME=alice; cd "$3/.."'; do
        run -0 alice_runs "$text"'; "$1" -H node1,node2 && "$2"'
        echo "$text: $output"
        [[ $output == *"copper: 2 nodes ready at /tmp/alice/copper in "*"copper: stopped on 2 nodes" ]]
    done
    # What cannot be is said in one line, and nothing is left.
    if [ -z "$(sanitizers)" ]; then # which write a file at each start
        run -1 alice_runs 'ulimit -f 0; "$1" -H node1,node2'
        [[ $output == "copper: /tmp/copper-"*".job: File too large" ]]
    fi
    run -1 alice_runs 'export COPPER_INPUT_BY=file HOME=/nowhere; "$1" -H node1,node2'
    [[ ${lines[1]} == 'copper: this launcher needs a directory that all nodes see: "/nowhere" cannot be written here; set COPPER_SHARED to another' ]]
    run -1 alice_runs 'export COPPER_RUN_DIR=/tmp/$(printf %090d 1); "$1" -H node1,node2'
    [[ $output == 'copper: COPPER_RUN_DIR: "/tmp/'*'..." has 95 bytes; allowed are 85, as there are sockets in it' ]]
}

# shellcheck disable=SC2016 # of the shell there
@test "signals that the user's shell ignores: nohup and trap are obeyed, and an interrupted launch leaves no file" {
    local signal
    mkfifo "$CLUSTER_DIR/home/begun"
    rsh_that "node2) [ \"\$2\" != $COPPER_BIN/copperd ] || { echo x >$CLUSTER_DIR/home/begun; read -r _ <$CLUSTER_DIR/home/go; } ;;"
    mkfifo "$CLUSTER_DIR/home/go"
    for signal in HUP TERM USR1 XCPU; do
        run on login env COPPER_RSH="$rsh" timeout "$PATIENCE" sh -c 'trap "" $4; "$1" -H "$2" -s 600 & pid=$!
            read -r x <"$3/begun"; kill -$4 $pid; echo >"$3/go"; wait $pid' sh \
            "$COPPER_BIN/launch_copper.sh" node1,node2 "$CLUSTER_DIR/home" "$signal"
        echo "$signal: $output"
        [[ $status = 0 && $output == "copper: 2 nodes ready"* ]]
        run -0 stop
    done
    # The launchers are shells, which could not catch it.
    run on login env COPPER_RSH="$rsh" COPPER_INPUT_BY=file COPPER_SHARED="$CLUSTER_DIR/home" TMPDIR="$CLUSTER_DIR/home" timeout "$PATIENCE" \
        sh -c 'trap "" TERM HUP; "$1" -H "$2" -s 600 & pid=$!
            read -r x <"$3/begun"; kill -INT $pid; wait $pid' sh \
        "$COPPER_BIN/launch_copper.sh" node1,node2 "$CLUSTER_DIR/home"
    echo "$output"
    [[ $output == *"copper: interrupted: stopping what was started" ]]
    [ -z "$(find "$CLUSTER_DIR/home" -name '.copper.*' -o -name 'copper-launch.*')" ]
    rm "$CLUSTER_DIR/home/begun" "$CLUSTER_DIR/home/go"
    nothing_left
}

@test "host lists of other systems and hands: a byte order mark, CRLF, capitals, comments, repeats, the longest name" {
    local list=$CLUSTER_DIR/home/hosts longest
    printf '\xef\xbb\xbfnode1\r\n# all\r\n\r\n  NODE2 # the second\r\nnode1\r\nnode2\r\n' >"$list"
    run -0 launch -H "$list"
    [[ $output == "copper: 2 nodes ready"* ]]
    run -0 stop
    longest=$(printf '%061d.%061d.%061d.%061d.abcde' 1 2 3 4)
    run -1 launch -H "node1,node2,$longest"
    [[ $output == *"copper: $longest: no answer from rsh"* ]]
    rm "$list"
}

@test "SIGQUIT, SIGXCPU and the like are an interruption; after SIGKILL the daemons end by themselves" {
    local signal
    mkfifo "$CLUSTER_DIR/home/begun"
    chmod 666 "$CLUSTER_DIR/home/begun"
    rsh_that "node4) [ \"\$2\" != $COPPER_BIN/copperd ] || { echo x >$CLUSTER_DIR/home/begun; exec sleep 600; } ;;"
    for signal in QUIT XCPU USR2; do
        # shellcheck disable=SC2016
        run on login env COPPER_RSH="$rsh" sh -c '"$1" -H "$2" -s 600 & pid=$!
            read -r x <"$3"; kill -$4 $pid; wait $pid' sh \
            "$COPPER_BIN/launch_copper.sh" "$nodes" "$CLUSTER_DIR/home/begun" "$signal"
        [[ $output == *"copper: interrupted: stopping what was started"* ]]
        nothing_left
    done
    # shellcheck disable=SC2016
    run on login env COPPER_RSH="$rsh" sh -c '"$1" -H "$2" -s 2 & pid=$!
        read -r x <"$3"; kill -KILL $pid; wait $pid' sh \
        "$COPPER_BIN/launch_copper.sh" "$nodes" "$CLUSTER_DIR/home/begun"
    traceless node1 node2 node3 node4
    rm "$CLUSTER_DIR/home/begun"
    on login sh -c 'rm /tmp/copper-0/*.job; rmdir /tmp/copper-0'
}

# From the launch host, and from one that does not know the job.
@test "a stop while the launch waits for a node ends the launch, and says so" {
    local from ended
    mkfifo "$CLUSTER_DIR/home/begun"
    rsh_that "node4) [ \"\$2\" != $COPPER_BIN/copperd ] || { echo x >$CLUSTER_DIR/home/begun; exec sleep 600; } ;;"
    for from in login other; do
        launch -H "$nodes" -s 600 >"$CLUSTER_DIR/launch.out" 2>&1 3>&- &
        read -r _ <"$CLUSTER_DIR/home/begun"
        until_true copper node1 status >/dev/null
        if [ "$from" = login ]; then
            stop
        else
            on login env COPPER_RUN_DIR="$CLUSTER_DIR/home/other.run" COPPER_RSH="$CLUSTER_BIN/rsh" \
                "$COPPER_BIN/stop_copper.sh" --all -v "$mount" -H "$nodes"
        fi
        ended=0
        wait $! || ended=$?
        [ "$ended" = 1 ]
        run -0 cat "$CLUSTER_DIR/launch.out"
        [[ $output == *"copper: the job was stopped while it was being launched"* ]]
        nothing_left
    done
    rm "$CLUSTER_DIR/home/begun"
}

# late_after WHEN: SIGKILL of the launcher while node4's start hangs, which goes on after it; WHEN: a command
# that runs in between. Its remote shell is one that the launcher's end does not end.
late_after() {
    local fifo status
    for fifo in begun go ended; do
        mkfifo -m 666 "$CLUSTER_DIR/home/$fifo"
    done
    rsh_that "node4) [ \"\$2\" != $COPPER_BIN/copperd ] || exec setsid sh -c 'exec 2>/dev/null >&2
        echo x >$CLUSTER_DIR/home/begun; read -r x <$CLUSTER_DIR/home/go
        $CLUSTER_BIN/rsh \"\$@\"; echo \$? >$CLUSTER_DIR/home/ended' sh \"\$@\" ;;"
    # shellcheck disable=SC2016
    run on login env COPPER_RSH="$rsh" sh -c '"$1" -H "$2" -s '"$(limit 3)"' & pid=$!
        read -r x <"$3"; kill -KILL $pid; wait $pid' sh \
        "$COPPER_BIN/launch_copper.sh" "$nodes" "$CLUSTER_DIR/home/begun"
    "$@"
    echo x >"$CLUSTER_DIR/home/go"
    read -r status <"$CLUSTER_DIR/home/ended"
    [ "$status" = 0 ]
    rm "$CLUSTER_DIR/home/"{begun,go,ended}
}

@test "a node that starts after SIGKILL of the launcher ends by itself, with the others there and without" {
    late_after true
    traceless node4 node1 node2 node3
    on login sh -c 'rm /tmp/copper-0/*.job'
    late_after traceless node1 node2 node3
    traceless node4
    on login sh -c 'rm /tmp/copper-0/*.job; rmdir /tmp/copper-0'
}

# in_job ID NODE COMMAND...: as a script of that PBS job does, in a session of its own.
in_job() {
    local id=$1 node=$2
    shift 2
    on "$node" env PBS_JOBID="$id" PBS_NODEFILE="$CLUSTER_DIR/home/pbs" COPPER_RSH="${rsh:-$CLUSTER_BIN/rsh}" \
        setsid --wait sh -c "$@"
}

@test "two jobs of one user: the second job's stop takes nothing from the first" {
    printf 'node1\nnode2\n' >"$CLUSTER_DIR/home/pbs"
    mkfifo "$CLUSTER_DIR/home/end"
    in_job 1.server node1 '"$0" -H node1,node2 && read -r _ <"$1"' "$COPPER_BIN/launch_copper.sh" \
        "$CLUSTER_DIR/home/end" >"$BATS_TEST_TMPDIR/first" 3>&- &
    until_true grep -q "2 nodes ready" "$BATS_TEST_TMPDIR/first"
    for node in node1 node2; do
        run -1 in_job 2.server "$node" '"$0"' "$COPPER_BIN/stop_copper.sh"
        [[ $output == "copper: Copper at $mount (2 nodes) was launched by pbs 1.server, not by this one, and goes on: stop_copper.sh --all stops it" ]]
    done
    run -1 in_job 2.server node1 '"$0" -H node1,node2' "$COPPER_BIN/launch_copper.sh"
    [[ $output == *"launched by pbs 1.server): stop it with stop_copper.sh --all or use -v, such as -v /tmp/%u/copper-%j" ]]
    # stop_copper.sh --all, as it says: in the second job, on a node whose job file is not there.
    run -0 in_job 2.server node2 '"$0" --all' "$COPPER_BIN/stop_copper.sh"
    [ "$output" = "copper: stopped on 2 nodes" ]
    nothing_left
    echo end >"$CLUSTER_DIR/home/end"
    in_job 1.server node1 '"$0" -H node1,node2 && read -r _ <"$1"' "$COPPER_BIN/launch_copper.sh" \
        "$CLUSTER_DIR/home/end" >"$BATS_TEST_TMPDIR/again" 3>&- &
    until_true grep -q "2 nodes ready" "$BATS_TEST_TMPDIR/again"
    # A mount of its own, which its stop takes away, and nothing else.
    mkfifo "$CLUSTER_DIR/home/end2"
    in_job 2.server node1 '"$0" -H node1,node2 -v /tmp/%u/copper-%j && read -r _ <"$1"' "$COPPER_BIN/launch_copper.sh" \
        "$CLUSTER_DIR/home/end2" >"$BATS_TEST_TMPDIR/second" 3>&- &
    until_true grep -q "2 nodes ready at /tmp/root/copper-2.server" "$BATS_TEST_TMPDIR/second"
    run -0 on node2 cat "$mount/etc/hostname" /tmp/root/copper-2.server/etc/hostname
    run -1 in_job 1.server node2 'COPPER_MOUNT=/tmp/%u/copper-2.server "$0"' "$COPPER_BIN/stop_copper.sh"
    [[ $output == *"was launched by pbs 2.server"* ]]
    run -0 in_job 2.server node2 '"$0" status -v /tmp/%u/copper-%j' "$COPPER_BIN/copper"
    run -0 in_job 2.server node2 'COPPER_MOUNT=/tmp/%u/copper-%j "$0"' "$COPPER_BIN/stop_copper.sh"
    [ "$output" = "copper: stopped on 2 nodes" ]
    run -0 on node2 cat "$mount/etc/hostname"
    run -0 in_job 1.server node1 '"$0"' "$COPPER_BIN/stop_copper.sh"
    [ "$output" = "copper: stopped on 2 nodes" ]
    for end in end end2; do
        echo end >"$CLUSTER_DIR/home/$end"
        rm "$CLUSTER_DIR/home/$end"
    done
}

@test "stop_copper.sh -H takes nothing from another job, on its launch host or elsewhere, frozen or not; --all does" {
    local others="was launched by pbs 1.server, not by this one, and goes on: stop_copper.sh --all -H HOSTS stops it" node
    printf 'node1\nnode2\nnode3\n' >"$CLUSTER_DIR/home/pbs"
    mkfifo "$CLUSTER_DIR/home/end"
    in_job 1.server node1 '"$0" && read -r _ <"$1"' "$COPPER_BIN/launch_copper.sh" \
        "$CLUSTER_DIR/home/end" >"$BATS_TEST_TMPDIR/first" 3>&- &
    until_true grep -q "3 nodes ready" "$BATS_TEST_TMPDIR/first"
    # Where its description is, and where it is not; for hosts of its own, and for others, too.
    for node in node1 node4; do
        run -1 in_job 2.server "$node" '"$0" -H node1,node2,node4' "$COPPER_BIN/stop_copper.sh"
        [ "$output" = "copper: Copper at $mount (2 nodes) $others" ]
        run -1 on "$node" env COPPER_RSH="$CLUSTER_BIN/rsh" "$COPPER_BIN/stop_copper.sh" -H node3
        [ "$output" = "copper: Copper at $mount (1 node) $others" ]
        run -0 in_job 2.server "$node" '"$0" -H node4' "$COPPER_BIN/stop_copper.sh"
        [ "$output" = "copper: nothing runs at $mount" ]
    done
    on node3 kill -STOP "$(daemon node3)"
    run -1 in_job 2.server node4 '"$0" -H node3' "$COPPER_BIN/stop_copper.sh"
    [ "$output" = "copper: Copper at $mount (1 node) $others" ]
    run -1 in_job 2.server node3 '"$0"' "$COPPER_BIN/stop_copper.sh"
    [[ $output == *"(1 node) was launched by pbs 1.server, not by this one"* ]]
    on node3 kill -CONT "$(daemon node3)"
    run -1 in_job 2.server node2 '"$0" stop' "$COPPER_BIN/copper"
    [ "$output" = "copper: Copper at $mount was launched by pbs 1.server, not by this one, and goes on: copper stop --all stops it" ]
    for node in node1 node2 node3; do
        run -0 on "$node" cat "$mount/etc/hostname"
    done
    # Its own job may name hosts, from any of them; whoever says --all, all.
    run -0 in_job 1.server node3 '"$0" -H node2' "$COPPER_BIN/stop_copper.sh"
    [ "$output" = "copper: stopped on 1 node" ]
    run -0 in_job 2.server node4 '"$0" --all -H node3' "$COPPER_BIN/stop_copper.sh"
    [ "$output" = "copper: stopped on 1 node" ]
    run -0 on node1 cat "$mount/etc/hostname"
    run -1 in_job 2.server node1 '"$0" stop --all' "$COPPER_BIN/copper"
    [[ $output == "copper: stopped on 1 nodes"*"2 nodes did not answer"* ]]
    echo end >"$CLUSTER_DIR/home/end"
    rm "$CLUSTER_DIR/home/end"
}

@test "two sessions without a scheduler: the second one's stop takes nothing from the first; --all does" {
    local second="$COPPER_BIN/stop_copper.sh"
    in_session() {
        on login env COPPER_RSH="$CLUSTER_BIN/rsh" setsid --wait sh -c "$@"
    }
    mkfifo "$CLUSTER_DIR/home/end"
    # shellcheck disable=SC2016
    in_session '"$0" -H node1,node2 && read -r _ <"$1"' "$COPPER_BIN/launch_copper.sh" "$CLUSTER_DIR/home/end" \
        >"$BATS_TEST_TMPDIR/first" 3>&- &
    until_true grep -q "2 nodes ready" "$BATS_TEST_TMPDIR/first"
    # shellcheck disable=SC2016
    run -1 in_session '"$0"' "$second"
    [ "$output" = "copper: Copper at $mount (2 nodes) was launched by another session, not by this one, and goes on: stop_copper.sh --all stops it" ]
    # A launch there is refused, and names the command that helps; one elsewhere is this session's own.
    # shellcheck disable=SC2016
    run -1 in_session '"$0" -H node1,node2' "$COPPER_BIN/launch_copper.sh"
    [[ $output == *"a job with 2 nodes already runs on $mount (since "*"): stop it with stop_copper.sh --all or use -v" ]]
    # shellcheck disable=SC2016
    run -0 in_session '"$0" -H node1,node2 -v /tmp/root/second && "$1" && exit 1; "$1" -v /tmp/root/second' \
        "$COPPER_BIN/launch_copper.sh" "$second"
    [[ $output == *"was launched by another session"*"copper: stopped on 2 nodes"* ]]
    for node in node1 node2; do
        run -0 on "$node" cat "$mount/etc/hostname"
        run -1 on "$node" grep ' /tmp/root/second ' /proc/self/mountinfo
    done
    # shellcheck disable=SC2016
    run -0 in_session '"$0" --all' "$second"
    [ "$output" = "copper: stopped on 2 nodes" ]
    nothing_left
    # Its job is gone for the first session, too; when a session has ended, whoever comes may stop its job.
    echo end >"$CLUSTER_DIR/home/end"
    rm "$CLUSTER_DIR/home/end"
    # shellcheck disable=SC2016
    run -0 in_session '"$0" -H node1,node2' "$COPPER_BIN/launch_copper.sh"
    # shellcheck disable=SC2016
    run -0 in_session '"$0"' "$second"
    [ "$output" = "copper: stopped on 2 nodes" ]
}

@test "launchers that end at once, have no first line, buffer all they say, or end with CRLF and a status" {
    local launcher=$CLUSTER_DIR/home/launcher program=$COPPER_BIN/launch/rsh.sh
    by() {
        run "$1" on login env COPPER_RSH="$CLUSTER_BIN/rsh" COPPER_LAUNCHER="$launcher" "$COPPER_BIN/$2" -H "$nodes"
        echo "$output"
    }
    printf '#!/bin/sh\nexit 0\n' >"$launcher"
    chmod +x "$launcher"
    by -1 launch_copper.sh
    [[ $output == *"copper: $launcher has ended without a word about any host"* && $output != *"copper: node1: "* ]]
    # shellcheck disable=SC2016
    for script in "exec $program "'"$@"' '#!/bin/sh\nt=$('"$program"' "$@"); echo "$t"; exit 3' \
        "#!/bin/sh\n$program "'"$@" | sed -u "s/$/\r/"'; do
        printf '%b\n' "$script" >"$launcher"
        by -0 launch_copper.sh
        [[ $output == *"copper: 4 nodes ready at "* ]]
        by -0 stop_copper.sh
        [[ $output == *"copper: stopped on 4 nodes"* ]]
    done
}

@test "the stop of a job whose daemons are dead takes nothing from the next one on its nodes" {
    mkfifo "$CLUSTER_DIR/home/end" "$CLUSTER_DIR/home/end2"
    in_job 1.server node1 '"$0" -H node1,node2 && read -r _ <"$1"' "$COPPER_BIN/launch_copper.sh" \
        "$CLUSTER_DIR/home/end2" >"$BATS_TEST_TMPDIR/first" 3>&- &
    until_true grep -q "2 nodes ready" "$BATS_TEST_TMPDIR/first"
    for node in node1 node2; do
        kill_for_good "$node"
    done
    in_job 2.server node2 '"$0" -H node1,node2 && read -r _ <"$1"' "$COPPER_BIN/launch_copper.sh" \
        "$CLUSTER_DIR/home/end" >"$BATS_TEST_TMPDIR/second" 3>&- &
    until_true grep -q "2 nodes ready" "$BATS_TEST_TMPDIR/second"
    run in_job 1.server node1 '"$0"' "$COPPER_BIN/stop_copper.sh"
    echo "$output"
    [[ $output != *"stopped on"* ]]
    for node in node1 node2; do
        run -0 on "$node" cat "$mount/etc/hostname"
    done
    run -0 in_job 2.server node2 '"$0"' "$COPPER_BIN/stop_copper.sh"
    [ "$output" = "copper: stopped on 2 nodes" ]
    for end in end end2; do
        echo end >"$CLUSTER_DIR/home/$end"
        rm "$CLUSTER_DIR/home/$end"
    done
}

@test "the job's session is over: its daemons end on all nodes" {
    printf 'node1\nnode2\nnode3\nnode4\n' >"$CLUSTER_DIR/home/pbs"
    # shellcheck disable=SC2016
    run -0 in_job 3.server node1 '"$0"' "$COPPER_BIN/launch_copper.sh"
    [[ $output == "copper: 4 nodes ready"* ]]
    nothing_left
}

@test "a job that ends without a stop: the log says what was read past the trees because of -M" {
    local large=$CLUSTER_DIR/home/large said="were read by nodes themselves, past the trees, as files above -M: "
    mkfifo "$CLUSTER_DIR/home/end"
    dd if=/dev/zero of="$large" bs=1M count=3 status=none
    # shellcheck disable=SC2016
    in_job 6.server node1 '"$0" -H node1,node2,node3 -M 1MB -l 3 -d /tmp/past && read -r _ <"$1"' \
        "$COPPER_BIN/launch_copper.sh" "$CLUSTER_DIR/home/end" >"$BATS_TEST_TMPDIR/first" 3>&- &
    until_true grep -q "3 nodes ready" "$BATS_TEST_TMPDIR/first"
    for node in node2 node3; do
        run -0 on "$node" cksum "$mount$large"
    done
    # One alone is ended by a signal; the others by the end of the job's session, of which the root tells.
    on node3 kill "$(daemon node3)"
    traceless node3
    run -0 on node3 sh -c 'cat /tmp/past/*'
    [[ $output == *"on this node 3.0 MB $said$large 3.0 MB; -M 3MB would have avoided this"* ]]
    echo end >"$CLUSTER_DIR/home/end"
    nothing_left
    run -0 on node1 sh -c 'cat /tmp/past/*'
    [[ $output == *"3.0 MB $said$large 3.0 MB; -M 3MB would have avoided this"* ]]
    run -0 on node2 sh -c 'cat /tmp/past/*'
    [[ $output != *"$said"* ]]
    rm "$CLUSTER_DIR/home/end" "$large"
    run -0 on_all rm -rf /tmp/past
}

@test "the -M that a stop names avoids what was read past the trees" {
    local one=$CLUSTER_DIR/home/one two=$CLUSTER_DIR/home/two file enough=1MB
    head -c 3145729 /dev/urandom >"$one" # one byte over 3 MiB
    head -c 1500000 /dev/urandom >"$two"
    for _ in first again; do
        launch -H node1,node2 -M "$enough"
        for file in "$one" "$two"; do
            on node2 cmp "$mount$file" "$file"
        done
        run -0 stop
        echo "$output"
        [ "$enough" != 1MB ] || {
            [[ $output == *"copper: 4.4 MB were read by nodes themselves, past the trees, as files above -M: $one 3.0 MB, $two 1.4 MB; -M "*B" would have avoided this"* ]]
            [[ $output =~ "; -M "([0-9]+[KMG]B) ]]
            enough=${BASH_REMATCH[1]}
        }
    done
    [ "$enough" != 1MB ]
    [[ $output != *"past the trees"* ]]
    rm "$one" "$two"
}

@test "the node of the job's session dies: the others serve on, the epilogue leaves them, stop_copper.sh -H ends them" {
    mkfifo "$CLUSTER_DIR/home/end"
    # shellcheck disable=SC2016
    in_job 4.server node1 '"$0" -H node1,node2,node3 && read -r _ <"$1"' "$COPPER_BIN/launch_copper.sh" \
        "$CLUSTER_DIR/home/end" >"$BATS_TEST_TMPDIR/first" 3>&- &
    until_true grep -q "3 nodes ready" "$BATS_TEST_TMPDIR/first"
    "$CLUSTER_BIN/cluster" kill "$CLUSTER_DIR" node1
    rm "$CLUSTER_DIR/home/end"
    run -0 on node3 cat "$mount/etc/hostname"
    run -0 on node3 "$COPPER_BIN/copper" epilogue root
    [[ $output == *"copper: $mount: its daemon (pid "*") lives, left alone"* ]]
    run -0 stop --all -H node2,node3
    [ "$output" = "copper: stopped on 2 nodes" ]
    traceless node2 node3
    "$CLUSTER_BIN/cluster" restart "$CLUSTER_DIR" node1
}

# launch_leased MS: job 5.server on node1, node2 and node3, whose daemons ask each so many ms; node1 has the session. It
# ends with the fifo "end". Ten minutes are ten of these. A kernel answers a datagram once a second, unless it is told
# otherwise.
launch_leased() {
    mkfifo "$CLUSTER_DIR/home/end"
    on node1 sysctl -qw net.ipv4.icmp_ratelimit=0
    # shellcheck disable=SC2016
    rsh_that "*) host=\$1; shift; exec $CLUSTER_BIN/rsh \$host env COPPER_LEASE_MS=$1 \"\$@\" ;;"
    # shellcheck disable=SC2016
    in_job 5.server node1 '"$0" -H node1,node2,node3 -l 1 -d /tmp/lease -s "$2" && read -r _ <"$1"' \
        "$COPPER_BIN/launch_copper.sh" "$CLUSTER_DIR/home/end" "$PATIENCE" >"$BATS_TEST_TMPDIR/first" 3>&- &
    until_true grep -q "3 nodes ready" "$BATS_TEST_TMPDIR/first"
}

# leased_ended NODE...: node1 is dead, and these have ended because of that.
leased_ended() {
    rm "$CLUSTER_DIR/home/end"
    traceless "$@" || {
        on_all sh -c 'tail -n 60 /tmp/lease/*' || true
        sanitizers_are_silent
        return 1
    }
    "$CLUSTER_BIN/cluster" restart "$CLUSTER_DIR" node1
}

# said NODE TEXT: how often, in its log.
said() {
    on "$1" sh -c 'cat /tmp/lease/* | grep -c "$1"; true' sh "$2"
}

answered_since() {
    [ "$(said "$1" "the host of the job.s session, answers")" -ge "$2" ]
}

@test "the host of the job's session does not answer: the others end; they do not while only its daemon is dead" {
    launch_leased 200
    kill_for_good node1 # node2 is root now
    until_true answered_since node2 12
    # A network that suppresses the answers to datagrams carries those to connections.
    on node1 sh -c 'nft add table inet fw; nft "add chain inet fw c { type filter hook output priority 0; }"
        nft add rule inet fw c icmp type destination-unreachable drop'
    until_true answered_since node2 $(($(said node2 "session, answers") + 12))
    run -0 on node3 cat "$mount/etc/hostname"
    "$CLUSTER_BIN/cluster" kill "$CLUSTER_DIR" node1
    leased_ended node2 node3
    run -0 on_all sh -c 'rm -rf /tmp/lease'
}

@test "the host of the job's session is dead: daemons that die and begin again after that end all the same" {
    launch_leased 1000
    "$CLUSTER_BIN/cluster" kill "$CLUSTER_DIR" node1
    on node2 kill -9 "$(daemon node2)"
    on node3 kill -9 "$(daemon node3)"
    leased_ended node2 node3
    for node in node2 node3; do
        [ "$(said "$node" "was killed by signal 9")" = 1 ]
    done
    run -0 on_all sh -c 'rm -rf /tmp/lease'
}

@test "copper epilogue takes away what is dead, and nothing that lives" {
    # shellcheck disable=SC2016
    local words='COPPER_RSH=$1/rsh $2/launch_copper.sh -H node1,node2 -v $3'
    as_user alice node1 sh -c "$words" sh "$CLUSTER_BIN" "$COPPER_BIN" /tmp/alice/dead
    for node in node1 node2; do
        kill_for_good "$node"
    done
    as_user alice node1 sh -c "$words" sh "$CLUSTER_BIN" "$COPPER_BIN" /tmp/alice/live
    run -0 on node1 "$COPPER_BIN/copper" epilogue alice
    [[ $output == *"copper: /tmp/alice/dead: taken away"* && $output == *"copper: /tmp/alice/live: its daemon (pid "*") lives, left alone"* ]]
    [ "$(on node1 grep -c ' /tmp/alice/.* fuse.copper ' /proc/self/mountinfo)" = 1 ]
    run -0 as_user alice node1 cat /tmp/alice/live/etc/hostname
    # shellcheck disable=SC2016
    as_user alice node1 sh -c 'COPPER_RSH=$1/rsh $2/stop_copper.sh -v /tmp/alice/live' sh "$CLUSTER_BIN" "$COPPER_BIN"
    # Killed when the mount had gone and its directory had not.
    on node2 umount -l /tmp/alice/dead
    on node2 test -d /tmp/alice/dead
    run -0 on node2 "$COPPER_BIN/copper" epilogue alice
    run -1 on node2 test -e /tmp/alice/dead
    for node in node1 node2; do
        run -0 on "$node" "$COPPER_BIN/copper" epilogue alice
        [ "$output" = "copper: nothing of alice is here" ]
        run -1 on "$node" grep ' /tmp/alice/.* fuse.copper ' /proc/self/mountinfo
    done
    run -1 as_user alice node1 "$COPPER_BIN/copper" epilogue root
    [ "$output" = "copper: epilogue: is for root, or for oneself" ]
}
