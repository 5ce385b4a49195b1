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
    until [ "$(pfs hanging)" -ge 1 ]; do :; done
    for i in {1..30}; do
        on node3 timeout "$PATIENCE" cat "$leaf/f$i" | cmp - "$source/f$i"
    done
    [ "$(pfs hanging)" -le 12 ]
    pfs unhang
    wait "$reader"
    cmp "$WORK/read" "$source/large"
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
    # 60 calls are more than what a file system may have; they are all there when this is said.
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

# The probe is the one in statfs(2), while the daemon is frozen; what it holds open is counted.
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
