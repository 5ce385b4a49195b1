# Storage that fails or hangs: the true errno reaches the reader, nothing wrong is remembered, other
# paths go on, and a call that hangs is named and holds up nobody's end. (What changes while it is
# read is in change.bats.)
# SPDX-License-Identifier: BSD-3-Clause

bats_require_minimum_version 1.5.0
load lib.bash

setup_file() {
    can_run || return 0
    bed_up 3
}

teardown_file() {
    bed_down
}

setup() {
    skip_unless_built
    own_directory
    # A chain: node3 is two levels below the root.
    job_up -k 1 -M 1G -E 300
}

teardown() {
    pfs unfail
    pfs unhang
    job_down
}

# says ERRNO-TEXT COMMAND...: it fails on the leaf, with this.
says() {
    local text=$1
    shift
    run on node3 timeout "$PATIENCE" "$@"
    [ "$status" != 0 ] && [[ $output == *"$text"* ]] || {
        echo "$*: $status: $output, must be: $text"
        return 1
    }
}

succeeds() {
    on node3 timeout "$PATIENCE" "$@" >/dev/null 2>&1
}

@test "EIO, EACCES, ESTALE, ENOENT of each operation reach the reader, and pass when they are over" {
    local errno text
    # All names are there before the first look: a listing is believed for -E.
    for errno in EIO EACCES ESTALE ENOENT; do
        for kind in stat open read; do
            seq 40000 >"$source/$errno-$kind"
        done
        mkdir "$source/$errno-d"
        touch "$source/$errno-d/in"
        ln -s target "$source/$errno-l"
    done
    while read -r errno text; do
        for kind in stat open read; do
            pfs fail "/$dir/$errno-$kind" "$errno" "$kind"
        done
        pfs fail "/$dir/$errno-d" "$errno" readdir
        pfs fail "/$dir/$errno-l" "$errno" readlink
        says "$text" stat "$leaf/$errno-stat"
        [ "$errno" = ENOENT ] || says "$text" ls "$leaf/$errno-d"
        [ "$errno" = ENOENT ] || [ "$errno" = ESTALE ] || says "$text" cat "$leaf/$errno-read"
        [ "$errno" = ENOENT ] || [ "$errno" = ESTALE ] || says "$text" cat "$leaf/$errno-open"
        pfs unfail
        # What was an answer about a name is believed for -E; other errors not at all.
        for kind in stat open read; do
            until_true succeeds cat "$leaf/$errno-$kind"
            on node3 cat "$leaf/$errno-$kind" | cmp - "$source/$errno-$kind"
        done
        until_true succeeds ls "$leaf/$errno-d"
        [ "$(on node3 ls "$leaf/$errno-d")" = in ]
        [ "$(on node3 readlink "$leaf/$errno-l")" = target ]
    done <<'END'
EIO Input/output error
EACCES Permission denied
ESTALE Stale file handle
ENOENT No such file or directory
END
}

@test "a link that cannot be read is there; who reads it gets the errno, and the target later" {
    local errno text
    # All fail before the first look: its neighbours are looked at in advance.
    for errno in EIO EACCES EINVAL ENOENT; do
        ln -s target "$source/$errno"
        pfs fail "/$dir/$errno" "$errno" readlink
    done
    while read -r errno text; do
        [ "$(on node3 stat -c "%F %s" "$leaf/$errno")" = "symbolic link 6" ]
        says "$text" readlink -v "$leaf/$errno"
    done <<'END'
EIO Input/output error
EACCES Permission denied
EINVAL Invalid argument
ENOENT No such file or directory
END
    [ "$(on node3 ls -l "$leaf" 2>/dev/null | wc -l)" = 5 ]
    pfs unfail
    for errno in EIO EACCES EINVAL ENOENT; do
        until_true succeeds readlink "$leaf/$errno"
        [ "$(on node3 readlink "$leaf/$errno")" = target ]
    done
}

# tried_right: each of the calls gives what it gives on storage. Where storage cannot say where holes are, all
# is data.
tried_right() {
    on node3 "$SYSTEM_DIR/errnos" try "$leaf" >"$WORK/through" &&
        diff <(sed 's/lseek: .*/lseek: True/' "$WORK/direct") "$WORK/through"
}

@test "unusual errnos of each call are those of storage, and all is well as soon as storage is" {
    local line
    "$SYSTEM_DIR/errnos" make "$source" >"$WORK/faults"
    on node3 "$SYSTEM_DIR/errnos" try "$WORK/pfs/$dir" >"$WORK/well"
    while read -r line; do
        # shellcheck disable=SC2086
        pfs $line
    done <"$WORK/faults"
    on node3 "$SYSTEM_DIR/errnos" try "$WORK/pfs/$dir" >"$WORK/direct"
    run ! diff "$WORK/well" "$WORK/direct"
    tried_right
    tried_right
    pfs unfail
    cp "$WORK/well" "$WORK/direct"
    until_true tried_right
}

@test "a name that is listed and gone: ENOENT, and the file when it is back" {
    echo one >"$source/f"
    [ "$(on node3 ls "$leaf")" = f ]
    mv "$source/f" "$WORK/aside"
    says "No such file" cat "$leaf/f"
    mv "$WORK/aside" "$source/f"
    until_true succeeds cat "$leaf/f"
    [ "$(on node3 cat "$leaf/f")" = one ]
}

@test "a directory that changes all the time is listed: names of one moment or another, no error" {
    local changer i
    for i in {1..300}; do echo >"$source/stays$i"; done
    (
        i=0
        while [ ! -e "$WORK/enough" ]; do
            touch "$source/comes$((i % 50))"
            rm -f "$source/comes$(((i + 25) % 50))"
            i=$((i + 1))
        done
    ) 3>&- &
    changer=$!
    for i in {1..20}; do
        on "node$((i % 3 + 1))" ls "$leaf" >"$WORK/listed"
        [ "$(grep -c '^stays' "$WORK/listed")" = 300 ]
        [ "$(sort "$WORK/listed" | uniq -d | wc -l)" = 0 ]
        copper login refresh "$WORK/pfs/$dir" >/dev/null
    done
    touch "$WORK/enough"
    wait "$changer"
    copper login refresh "$WORK/pfs/$dir"
    diff <(on node3 ls "$leaf") <(ls "$source")
}

@test "a call that hangs: others go on, copper doctor names it, it ends when storage wakes up" {
    local i pids=()
    for i in {1..40}; do seq 9000 >"$source/f$i"; done
    # More than the root has slots for: what hangs long does not count.
    for i in {1..20}; do
        pfs hang "/$dir/f$i" stat
        on node3 timeout "$PATIENCE" cat "$leaf/f$i" >"$WORK/out$i" 3>&- &
        pids+=($!)
    done
    until_true hanging_are 20
    for i in {21..40}; do
        on node3 timeout "$PATIENCE" cat "$leaf/f$i" | cmp - "$source/f$i"
    done
    doctor_names_it() {
        run copper node1 doctor
        [[ $output == *"BAD"*"storage"*"$WORK/pfs/$dir/f"* ]]
    }
    until_true doctor_names_it
    echo "$output"
    pfs unhang
    for i in "${pids[@]}"; do wait "$i"; done
    for i in {1..20}; do cmp "$WORK/out$i" "$source/f$i"; done
    run -0 copper node1 doctor
}

@test "a call that hangs does not hold up the stop, and a reader of it can be killed" {
    local reader
    seq 9000 >"$source/f"
    pfs hang "/$dir/f" read
    # shellcheck disable=SC2016
    on node3 sh -c 'echo $$ >"$1"; exec cat "$2"' sh "$WORK/reader" "$leaf/f" 3>&- &
    reader=$!
    until_true hanging_are 1
    on node3 kill -9 "$(<"$WORK/reader")"
    run ! wait "$reader"
    run -0 on login timeout "$PATIENCE" env COPPER_RSH="$CLUSTER_BIN/rsh" \
        "$COPPER_BUILD/stop_copper.sh" -v "$MOUNT"
    [[ $output == *"stopped on 3 nodes"* ]]
    run ! on node1 mountpoint -q "$MOUNT"
    pfs unhang
    job_up
}
