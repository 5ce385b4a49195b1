# What hangs costs only itself: one file, one file system, the log directory, the mount of a frozen
# daemon.
# SPDX-License-Identifier: BSD-3-Clause

bats_require_minimum_version 1.5.0
load lib.bash

setup_file() {
    can_run || return 0
    work_up
    mkdir "$WORK/source" "$WORK/pfs" "$WORK/other-source" "$WORK/other" "$WORK/source/logs"
    # Stopped as a whole with SIGSTOP; it tells its process id, and nobody else's.
    (
        exec "$PFS_BIN/pfsemu" -f --owner $$ "$WORK/other-source" "$WORK/other" 3>&-
    ) &
    OTHER=$!
    export OTHER
    until_true mountpoint -q "$WORK/other"
    pfs_up --nodes 3 "$WORK/source" "$WORK/pfs"
    cluster_up -n 3
    # A chain: node3 is two levels below the root.
    job_up -k 1 -M 1G -t file -l 2 -d "$WORK/pfs/logs"
}

teardown_file() {
    [ -z "${OTHER:-}" ] || kill -CONT "$OTHER"
    pfs unhang
    job_down
    [ -z "${OTHER:-}" ] || kill "$OTHER"
    bed_down
}

setup() {
    skip_unless_built
    own_directory node1 node2 node3
}

@test "a file whose reads hang holds a bounded number of calls; other files are read" {
    local reader i
    head -c 40000000 /dev/urandom >"$source/large"
    for i in {1..30}; do seq "$i" 9000 >"$source/f$i"; done
    pfs hang "/$dir/large" read
    on node3 timeout "$PATIENCE" cat "$leaf/large" >"$WORK/read" 3>&- &
    reader=$!
    until_true hanging_at_least 1
    for i in {1..30}; do
        on node3 timeout "$PATIENCE" cat "$leaf/f$i" | cmp - "$source/f$i"
    done
    [ "$(pfs hanging)" -le 12 ]
    pfs unhang
    wait "$reader"
    cmp "$WORK/read" "$source/large"
}

hanging_at_least() {
    [ "$(pfs hanging)" -ge "$1" ]
}

# All that is asked for of them is more than a child's window.
@test "64 files whose reads hang hold up no other file, and are read when storage wakes up" {
    local i readers=()
    seq 100000 >"$source/h0"
    for i in {1..64}; do
        cp "$source/h0" "$source/h$i"
        pfs hang "/$dir/h$i" read
    done
    for i in {1..10}; do seq "$i" 90000 >"$source/f$i"; done
    for i in {1..64}; do
        on node3 timeout "$PATIENCE" cat "$leaf/h$i" >"$WORK/out$i" 3>&- &
        readers+=($!)
    done
    until_true hanging_at_least 64
    for i in {1..10}; do
        on node3 timeout "$PATIENCE" cat "$leaf/f$i" | cmp - "$source/f$i"
    done
    pfs unhang
    for i in "${readers[@]}"; do wait "$i"; done
    for i in {1..64}; do cmp "$WORK/out$i" "$source/h0"; done
}

generation_grew() {
    [ "$(jq_get "$(copper node3 status --json)" generation)" -gt "$1" ]
}

@test "a name that hangs does not take its directory with it when something there is refreshed" {
    local refresh generation i pids=() status=0
    for i in {1..9}; do seq "$i" 9000 >"$source/f$i"; done
    on node3 cat "$leaf/f2" "$leaf/f3" >/dev/null
    generation=$(jq_get "$(copper node3 status --json)" generation)
    pfs hang "/$dir/f1" stat
    on node3 timeout "$PATIENCE" cat "$leaf/f1" >"$WORK/out1" 3>&- &
    pids=($!)
    until_true hanging_are 1
    echo new >"$source/f2"
    copper node1 refresh "$WORK/pfs/$dir/f2" >"$WORK/said" 2>&1 3>&- &
    refresh=$!
    until_true generation_grew "$generation"
    # In the background: who waits for the directory's lock cannot be killed.
    for i in {3..9}; do
        on node3 cat "$leaf/f$i" >"$WORK/out$i" 3>&- &
        pids+=($!)
    done
    for i in {3..9}; do
        until_true cmp -s "$WORK/out$i" "$source/f$i" || status=1
    done
    pfs unhang
    for i in "${pids[@]}"; do wait "$i"; done
    [ "$status" = 0 ]
    wait "$refresh"
    cmp "$WORK/out1" "$source/f1"
    [ "$(on node3 cat "$leaf/f2")" = new ]
}

@test "a file system that hangs as a whole: others are read, and it when it wakes up" {
    local i readers=()
    for i in {1..60}; do seq "$i" 9000 | tee "$source/f$i" >"$WORK/other-source/f$i"; done
    on node3 ls "$MOUNT$WORK/other" >/dev/null
    kill -STOP "$OTHER"
    for i in {1..60}; do
        on node3 timeout "$PATIENCE" cat "$MOUNT$WORK/other/f$i" >"$WORK/out$i" 3>&- &
        readers+=($!)
    done
    doctor_names_it() {
        run copper node1 doctor
        [[ $output == *"BAD"*"storage"*"$WORK/other"* ]]
    }
    until_true doctor_names_it
    for i in {1..60}; do
        on node3 timeout "$PATIENCE" cat "$leaf/f$i" | cmp - "$source/f$i"
    done
    kill -CONT "$OTHER"
    for i in "${readers[@]}"; do wait "$i"; done
    for i in {1..60}; do cmp "$WORK/out$i" "$source/f$i"; done
}

# victims NAME: a directory in $source with one for each kind of call.
victims() {
    local kind
    mkdir "$source/$1"
    for kind in stat open read fstat lseek getxattr; do
        seq 40000 >"$source/$1/$kind"
        truncate -s 3M "$source/$1/$kind"
        setfattr -n user.colour -v red "$source/$1/$kind"
    done
    for kind in readdir entries statfs; do
        mkdir "$source/$1/$kind"
        touch "$source/$1/$kind/in"
    done
    ln -s target "$source/$1/readlink"
}

# sh -c "$call" sh KIND PATH: makes that call of storage; prints what it got.
# shellcheck disable=SC2016
call='
case $1 in
stat) exec stat -c %s "$2" ;;
open | read | fstat) exec md5sum <"$2" ;;
lseek) exec /usr/bin/python3 -Ic "import os, sys
print(os.lseek(os.open(sys.argv[1], os.O_RDONLY), 0, os.SEEK_HOLE))" "$2" ;;
getxattr) exec /usr/bin/python3 -Ic "import os, sys
print(os.getxattr(sys.argv[1], \"user.colour\"))" "$2" ;;
readdir | entries) exec ls "$2" ;;
statfs) exec stat -f -c %l "$2" ;;
readlink) exec readlink "$2" ;;
esac'

# hang_all NAME KIND...: each of these calls hangs, for a process on node3 whose output is $WORK/NAME-KIND, or for
# what is read ahead.
hang_all() {
    local name=$1 kind
    shift
    hung=()
    for kind; do
        pfs hang "/$dir/$name/$kind" "$kind"
    done
    for kind; do
        on node3 timeout "$PATIENCE" sh -c "$call" sh "$kind" "$leaf/$name/$kind" \
            >"$WORK/$name-$kind" 2>/dev/null 3>&- &
        hung+=($!)
    done
    until_true hanging_at_least $#
}

# wake_up NAME KIND...: and the processes have got what storage says.
wake_up() {
    local name=$1 kind
    shift
    pfs unhang
    for kind in "${hung[@]}"; do wait "$kind"; done
    for kind; do
        sh -c "$call" sh "$kind" "$WORK/pfs/$dir/$name/$kind" | diff - "$WORK/$name-$kind"
    done
}

# go_on N...: what others do meanwhile.
go_on() {
    local i
    for i; do
        on node3 timeout "$PATIENCE" cat "$leaf/f$i" | cmp - "$source/f$i"
        on node2 timeout "$PATIENCE" cat "$leaf/f$i" | cmp - "$source/f$i"
    done
    [ "$(on node3 timeout "$PATIENCE" ls "$leaf/d$1")" = in ]
    [ "$(on node3 timeout "$PATIENCE" readlink "$leaf/l$1")" = target ]
    on node3 timeout "$PATIENCE" stat -f "$leaf/d$1" >/dev/null
    stats_to "$WORK/stats"
    # Not of the directory in which a lookup hangs: the kernel holds its lock.
    copper login refresh "$WORK/pfs/$dir/d$1"
    copper login refresh "$WORK/pfs/$dir/f$1"
}

# stop_hanging: while all that hangs hangs on.
stop_hanging() {
    run -0 on login timeout "$PATIENCE" env COPPER_RSH="$CLUSTER_BIN/rsh" \
        "$COPPER_BUILD/stop_copper.sh" -v "$MOUNT"
    [[ $output == *"stopped on 3 nodes"* ]]
    pfs unhang
    wait "${hung[@]}" || true # ENOTCONN
}

@test "each call of storage hangs, at the root and at a leaf: all else goes on, and the stop does" {
    local i name hung kinds=(stat open read fstat lseek getxattr readdir entries statfs readlink)
    for i in {1..6}; do
        seq "$i" 90000 >"$source/f$i"
        mkdir "$source/d$i"
        touch "$source/d$i/in"
        ln -s target "$source/l$i"
    done
    for name in a b c d; do victims $name; done
    hang_all a "${kinds[@]}"
    go_on 1 2
    wake_up a "${kinds[@]}"
    hang_all b "${kinds[@]}"
    stop_hanging
    # What the leaf reads itself.
    job_up -k 1 -M 64K
    hang_all c open read fstat
    go_on 3 4
    wake_up c open read fstat
    hang_all d open read fstat
    stop_hanging
    rm "$WORK"/source/logs/* # of the job before: the next test takes the only one of node1
    job_up -k 1 -M 1G -t file -l 2 -d "$WORK/pfs/logs"
}

# garbage PORT: connects to node1 and says what is no handshake, which is a line in its log.
garbage() {
    on node3 bash -c 'exec 4<>"/dev/tcp/node1/$1"; head -c 64 /dev/zero >&4; cat <&4 >/dev/null' \
        bash "$1"
}

@test "a log directory that hangs: node, tree and stop go on; it is named; the lines come when it wakes up" {
    local port log i
    port=$(on login sh -c 'cat /tmp/copper-0/*.job' | sed -n 's/^port[ =]*//p')
    [ -n "$port" ]
    log=$(basename "$WORK"/source/logs/copperd-node1-*)
    pfs hang "/logs/$log" change
    garbage "$port" || true
    until_true hanging_are 1
    for i in {1..10}; do seq "$i" 9000 >"$source/f$i"; done
    for i in {1..10}; do
        on node3 timeout "$PATIENCE" cat "$leaf/f$i" | cmp - "$source/f$i"
    done
    log_is_named() {
        run copper node1 doctor
        [[ $output == *"BAD"*"log: its directory hangs"* ]]
    }
    until_true log_is_named
    pfs unhang
    until_true grep -q "refused" "$WORK/source/logs/$log"
    run copper node1 doctor
    [[ $output == *"ok"*"log: written"* ]]
    # And the stop, while it hangs.
    pfs hang "/logs/$log" change
    run -0 on login timeout "$PATIENCE" env COPPER_RSH="$CLUSTER_BIN/rsh" \
        "$COPPER_BUILD/stop_copper.sh" -v "$MOUNT"
    [[ $output == *"stopped on 3 nodes"* ]]
    run ! on node1 mountpoint -q "$MOUNT"
    until_true hanging_are 1 # what it said last
    pfs unhang
    job_up -k 1 -M 1G -t file -l 2 -d "$WORK/pfs/logs"
}

# processes NODE: those of Copper there.
processes() {
    on "$1" sh -c 'grep -ls "^copperd" /proc/[0-9]*/comm | cut -d / -f 3 | sort -n'
}

@test "all that daemon and supervisor hold open is closed where a program is started" {
    # shellcheck disable=SC2016
    on node1 sh -c '
        for pid in $(grep -ls "^copperd" /proc/[0-9]*/comm | cut -d / -f 3); do
            for fd in /proc/$pid/fd/*; do
                n=${fd##*/}
                [ "$n" -gt 2 ] && [ -e "/proc/$pid/fdinfo/$n" ] || continue
                flags=$(sed -n "s/^flags:[[:space:]]*//p" "/proc/$pid/fdinfo/$n")
                [ $((flags & 02000000)) != 0 ] || { echo "$pid $n $(readlink "$fd")"; bad=1; }
            done
        done
        [ -z "$bad" ]'
}

not_mounted_at() {
    on_all sh -c '! mountpoint -q "$1"' sh "$1"
}

@test "where recipe, log and report go hangs: the job is stopped all the same, and they are kept later" {
    local second=/tmp/copper-test/second stopping
    mkdir -m 700 "$source/kept"
    echo text >"$source/file"
    export COPPER_RECIPES=$WORK/pfs/$dir/kept
    on login env COPPER_RSH="$CLUSTER_BIN/rsh" "$COPPER_BUILD/launch_copper.sh" -H "$CLUSTER_DIR/job-hosts" \
        -v "$second" -s "$PATIENCE" --learn hangs --log-collect -l 2 -P -d "$COPPER_RECIPES"
    on node3 cat "$second$WORK/pfs/$dir/file"
    pfs hang "/$dir/kept"
    on login env COPPER_RSH="$CLUSTER_BIN/rsh" "$COPPER_BUILD/stop_copper.sh" -v "$second" >"$WORK/stopped" 2>&1 3>&- &
    stopping=$!
    until_true not_mounted_at "$second"
    kill -0 "$stopping" # it waits to write
    pfs unhang
    wait "$stopping"
    run -0 cat "$WORK/stopped"
    [[ $output == *"copper: log: $COPPER_RECIPES/copper-"*"copper: report: $COPPER_RECIPES/copper-"*"copper: stopped on 3 nodes"* ]]
    [ -s "$source/kept/hangs.recipe" ]
    grep -q 'node="node3"' "$source"/kept/copper-*/job.log
    # A pipe that is full, and nobody who reads.
    on login env COPPER_RSH="$CLUSTER_BIN/rsh" "$COPPER_BUILD/launch_copper.sh" -H "$CLUSTER_DIR/job-hosts" \
        -v "$second" -s "$PATIENCE" --log-collect -l 2
    mkfifo "$WORK/slow"
    exec 5<>"$WORK/slow"
    head -c 65536 /dev/zero >&5
    on login env COPPER_RSH="$CLUSTER_BIN/rsh" "$COPPER_BUILD/stop_copper.sh" -v "$second" --log-collect - \
        >"$WORK/slow" 2>/dev/null 3>&- 5>&- &
    stopping=$!
    until_true not_mounted_at "$second"
    kill -0 "$stopping"
    exec 6<"$WORK/slow" 5>&-
    cat <&6 >"$WORK/stopped"
    exec 6<&-
    wait "$stopping"
    grep -aq 'node="node3"' "$WORK/stopped"
}

# The last test: the job ends on node1. The probe is the one in statfs(2), while the daemon is frozen; what it holds open is counted.
# shellcheck disable=SC2016
probe_holds='
    until [ -n "$held" ]; do
        [ -e /tmp/over ] && exit 1
        for pid in $(grep -ls "^copperd" /proc/[0-9]*/comm | cut -d / -f 3); do
            case $(cat "/proc/$pid/syscall" 2>/dev/null) in
            "$1 "*) held=$(ls "/proc/$pid/fd" | wc -l) ;;
            esac
        done
    done
    echo "$held"'

@test "a probe of a mount that hangs keeps nothing of who started it" {
    local frozen starter number
    number=$(echo '#include <sys/syscall.h>'$'\n''SYS_statfs' | cpp -P | tail -1) ||
        skip "needs a C preprocessor"
    frozen=$(processes node1)
    # shellcheck disable=SC2086
    on node1 kill -STOP $frozen
    # shellcheck disable=SC2016
    on node1 sh -c 'COPPER_RUN_DIR=/tmp/elsewhere timeout "$0" "$1" -v "$2" -s 20; touch /tmp/over' \
        "$PATIENCE" "$COPPER_BUILD/launch_copper.sh" "$MOUNT" >"$WORK/said" 2>&1 3>&- &
    starter=$!
    run on node1 sh -c "$probe_holds" sh "$number"
    wait "$starter"
    # shellcheck disable=SC2086
    on node1 kill -CONT $frozen
    grep "another run directory is there" "$WORK/said"
    [ "$status" = 0 ]
    [ "$output" = 1 ]
    until_true on node3 test -d "$leaf"
}
