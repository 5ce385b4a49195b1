# copper stage: a tree, or what a manifest names, is in the caches of all nodes before anybody asks.
# SPDX-License-Identifier: BSD-3-Clause

bats_require_minimum_version 1.5.0
load lib.bash

setup_file() {
    can_run || return 0
    bed_up 4
}

teardown_file() {
    bed_down
}

setup() {
    skip_unless_built
    own_directory
    tree=$WORK/pfs/$dir
    mkdir -p "$source/lib/pack/sub/empty" "$source/bin"
    for i in {1..150}; do echo "$i = 1" >"$source/lib/pack/m$i.py"; done
    : >"$source/lib/pack/__init__.py"
    head -c 3000000 /dev/urandom >"$source/lib/large.so"
    head -c 700000 /dev/urandom >"$source/lib/pack/sub/middle.so"
}

teardown() {
    pfs unfail
    pfs unhang
    job_down
}

# A chain of four nodes. A listing is believed as long as the test takes.
up() {
    job_up -k 1 -E 600000 -M 1M "$@" >/dev/null
    pfs reset
}

# figure NAME: of the last line of JSON in $output.
figure() {
    grep '^{' <<<"$output" | python3 -c 'import json, sys; print(json.loads(sys.stdin.read().splitlines()[-1])[sys.argv[1]])' "$1"
}

# count NODE COUNTER...: their sum.
count() {
    local node=$1
    shift
    copper "$node" stats --json |
        python3 -c 'import json, sys; c = json.load(sys.stdin)["counters"]; print(sum(c.get(n, 0) for n in sys.argv[1:]))' "$@"
}

storage_calls() {
    count "$1" storage_stat storage_readdir storage_readlink storage_open storage_read storage_holes
}

# checksum DIRECTORY [NODE]: of all names, links, modes and bytes below it, there or on storage.
checksum() {
    ${2:+on "$2"} python3 -I -c '
import hashlib, os, stat, sys
def entries(path):
    for entry in sorted(os.scandir(path), key=lambda e: e.name):
        mode = os.lstat(entry.path).st_mode
        yield entry.name.encode() + b" %o " % mode
        if stat.S_ISLNK(mode):
            yield os.readlink(entry.path).encode()
        elif stat.S_ISREG(mode):
            yield open(entry.path, "rb").read()
        elif stat.S_ISDIR(mode):
            yield from entries(entry.path)
print(hashlib.md5(b"".join(entries(sys.argv[1]))).hexdigest())' "$1"
}

# Starts a stage on node3 that cannot end: a file hangs. Sets $pid and $log; waits until it is known.
stage_hangs() {
    pfs hang "/$dir/lib/large.so"
    log=$WORK/log.$dir
    on node3 "$COPPER_BUILD/copper" stage -v "$MOUNT" "$tree" >"$log" 2>&1 &
    pid=$!
    until_true hanging_are 1
    until_true grep -q '"state":"runs"' "$log"
}

@test "what is staged is read from storage once, and a walk through it asks nobody" {
    ln "$source/lib/large.so" "$source/lib/hard.so"
    ln -s lib/large.so "$source/relative"
    ln -s "$tree/lib/pack" "$source/absolute"
    ln -s nowhere "$source/dangling"
    mkfifo "$source/pipe"
    up
    run -0 copper node3 stage "$tree"
    [ "$(figure state)" = staged ]
    [ "$(figure 'done')" = 4 ] && [ "$(figure errors)" = 0 ] && [ "$(figure over_bytes)" = 0 ]
    [ "$(figure objects)" = "$(figure objects_done)" ] && [ "$(figure objects)" -gt 160 ]
    [ "$(figure bytes)" = "$(find "$source" -type f -printf '%s\n' | paste -sd+ | bc)" ]
    [ "$(figure bytes)" = "$(figure bytes_done)" ]
    run -0 pfs twice
    [[ ! $output =~ (^|$'\n')(stat|readdir|readlink|read)[[:space:]] ]]
    for node in node2 node3 node4; do
        [ "$(storage_calls $node)" = 0 ] # also of large.so, which is above -M
    done
    local asked calls
    asked=$(count node4 asked_parent)
    calls=$(storage_calls node1)
    [ "$(checksum "$MOUNT$tree" node4)" = "$(checksum "$source")" ]
    [ "$(count node4 asked_parent)" = "$asked" ]
    [ "$(checksum "$MOUNT$tree" node2)" = "$(checksum "$source")" ]
    [ "$(storage_calls node1)" = "$calls" ]
    # Again, and as a path below the mount: nothing is missing.
    run -0 copper login stage "$MOUNT$tree/bin/.."
    [ "$(figure 'done')" = 4 ] && [ "$(storage_calls node1)" = "$calls" ]
}

@test "a hole is not fetched, and a sparse file larger than the cache fits" {
    truncate -s 20G "$source/sparse"
    printf data | dd of="$source/sparse" bs=1 seek=10G conv=notrunc status=none
    up -m 64M
    run -0 copper node2 stage "$tree/sparse"
    [ "$(figure bytes)" -lt 1000000 ]
    [ "$(on node4 dd if="$MOUNT$tree/sparse" bs=4 skip=10G iflag=skip_bytes count=1 status=none)" = data ]
}

@test "no more than the rate is asked of storage" {
    up
    run -2 copper node3 stage --rate fast "$tree"
    run -0 copper node3 stage --rate 2M "$tree"
    [ "$(figure bytes)" -gt 3700000 ]
    # The first second's share may come at once.
    python3 -c 'import sys; assert float(sys.argv[1]) * 2**21 >= int(sys.argv[2]) - 2**21 - 2**18' \
        "$(figure seconds)" "$(figure bytes)"
}

# A line that is longer than the terminal cannot be removed from it.
@test "on a narrow terminal the progress takes one line" {
    up
    run -0 on node4 "$SYSTEM_DIR/terminal" --columns 30 "$COPPER_BUILD/copper" stage -v "$MOUNT" --rate 2M "$tree"
    python3 -c '
import sys
lines = sys.argv[1].split("\r\033[K")[1:]
assert any("[" in line for line in lines), lines
assert all(len(line) < 30 for line in lines[:-1]), lines' "$output"
}

@test "a manifest: paths, links on the way, what is missing" {
    ln -s pack "$source/lib/latest"
    ln -s "$tree/bin" "$source/tools"
    echo x >"$source/bin/x"
    printf '%s\n' '# a comment' '' "$tree/lib/latest/m1.py" lib/pack/../pack/sub tools/x >"$source/list"
    up
    run -0 copper node3 stage --manifest "$tree/list"
    [ "$(figure state)" = staged ]
    local asked
    asked=$(count node4 asked_parent)
    [ "$(on node4 cat "$MOUNT$tree/lib/latest/m1.py")" = "1 = 1" ]
    on node4 cmp "$MOUNT$tree/lib/pack/sub/middle.so" "$source/lib/pack/sub/middle.so"
    [ "$(on node4 cat "$MOUNT$tree/bin/x")" = x ]
    [ "$(count node4 asked_parent)" = "$asked" ]
    printf '%s\n' bin/x bin/none lib/none/none >"$source/list2"
    run -1 copper node3 stage --manifest "$tree/list2"
    [[ $output == *"2 paths could not be staged: $tree/"*"none"*": No such file or directory"* ]]
    run -1 copper node3 stage --manifest "$tree/bin"
    [[ $output == *"$tree/bin: Invalid argument"* ]]
    # As find -print0 writes it: any byte may stand in a name.
    echo y >"$source/bin/"$'two\nlines'
    (cd "$source" && find bin -type f -print0) >"$source/list3"
    run -0 copper node3 stage --manifest "$tree/list3"
    [ "$(figure objects)" = 3 ] && [ "$(figure bytes)" -ge 4 ]
    run -2 copper node3 stage --manifest -
    [[ $output == *'each node reads the list itself, so "-" is not standard input; allowed is a file that all nodes see'* ]]
    run -2 copper node3 stage
    run -2 copper node3 stage --manifest "$tree/list" "$tree"
    # A variable that is not set is not the working directory.
    for words in "" "--manifest"; do
        # shellcheck disable=SC2086 # a word or none
        run -1 copper node3 stage $words ""
        [ "$output" = "copper: \"\": No such file or directory" ]
    done
}

# As find(1) prints it: a directory, and then what is in it. Or the other way round, or twice.
@test "what a manifest names several times is staged once" {
    local order
    up
    for order in cat tac "sort -R"; do
        for i in 1 2; do find "$tree" -print; done | $order >"$WORK/source/list.$dir"
        run -0 copper node3 stage --manifest "$WORK/pfs/list.$dir"
        [ "$(figure bytes)" = "$(find "$source" -type f -printf '%s\n' | paste -sd+ | bc)" ]
        # Each name, a listing of each directory, and the manifest.
        [ "$(figure objects)" = $(($(find "$source" | wc -l) + $(find "$source" -type d | wc -l) + 1)) ]
        [ "$(figure objects_done)" = "$(figure objects)" ]
    done
    rm "$WORK/source/list.$dir"
}

@test "each of many stages keeps its claim to the cache" {
    for i in {101..170}; do echo "$i" >"$source/bin/f$i"; done
    up
    run -0 copper node3 stage "$tree"/bin/*
    grep '"state":"staged"' <<<"$output" | python3 -c '
import json, sys
rooms = [json.loads(line)["room"] for line in sys.stdin]
assert len(rooms) == 70 and all(a > b for a, b in zip(rooms, rooms[1:])), rooms'
    # Another look at the same paths takes no more room, and a refresh gives it back.
    local last
    last=$(figure room)
    run -0 copper node3 stage "$tree/bin/f170"
    [ "$(figure room)" = "$last" ]
    copper node3 refresh "$tree/bin"
    run -0 copper node3 stage "$tree/bin/f170"
    [ "$(figure room)" -gt "$last" ]
}

@test "output that cannot be written is said; --timeout is for all paths together" {
    up
    run -1 on node3 sh -c '"$1" stage -v "$2" "$3" >/dev/full' sh "$COPPER_BUILD/copper" "$MOUNT" "$tree/bin"
    [[ $output == *"copper: cannot write the output"* ]]
    stage_hangs
    run -1 copper node2 stage --timeout 3 "$tree/lib" "$tree/lib/pack" "$tree/bin"
    [ "$(grep -c ": is not over after 3 s; it goes on" <<<"$output")" = 3 ]
    # The time is over when the second one begins: it is asked about once.
    [ "$(grep -c "\"path\":\"$tree/lib/pack\"" <<<"$output")" = 1 ]
    pfs unhang
    wait "$pid"
    run -0 copper node2 stage "$tree" # which waits for what went on
}

@test "unreadable files, hidden paths: the others are staged, and the first is named" {
    up
    pfs fail "/$dir/lib/pack/m7.py" EACCES open
    pfs fail "/$dir/lib/large.so" EIO read
    pfs fail "/$dir/bin" EACCES readdir
    run -1 copper node4 stage "$tree"
    [ "$(figure state)" = failed ] && [ "$(figure errors)" = 3 ] && [ "$(figure failed)" = 4 ]
    [[ $output == *"3 paths could not be staged: $tree/"*", and others"* ]]
    pfs unfail
    # What was refused is believed as long as an absent name; other errors are not kept.
    copper node4 refresh "$tree/bin"
    run -0 copper node4 stage "$tree"
    [ "$(checksum "$MOUNT$tree" node3)" = "$(checksum "$source")" ]
    run -1 copper node4 stage /proc/self
    [[ $output == *"/proc: No such file or directory, or it is not served"* ]]
    run -1 copper node4 stage "$MOUNT$MOUNT"
}

@test "what does not fit is said, nothing is displaced, and a refresh makes room" {
    mkdir "$source/big"
    for i in {1..12}; do head -c 5000000 /dev/urandom >"$source/big/$i"; done
    up -m 48M
    run -1 copper node3 stage "$tree/big"
    [[ $output == *"$tree/big: does not fit: of 57.2 MB, "*" MB are staged, and "*" files with "*" MB are not"* ]]
    [ "$(figure full)" = 4 ] && [ "$(count node4 evictions)" = 0 ]
    run -1 copper node3 stage "$tree/lib"
    [[ $output == *"does not fit"* ]]
    copper node3 refresh "$tree/big"
    run -0 copper node3 stage "$tree/lib"
}

# hang_all_but FILE...: the names of the others in $source/many hang. One process tells all: pfsctl takes too long.
hang_all_but() {
    python3 -IS -c '
import os, socket, sys
control, source, shown, *but = sys.argv[1:]
for name in sorted(set(os.listdir(source)) - set(but)):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.connect(control)
        s.sendall(b"".join(word.encode() + b"\0" for word in ("hang", shown + "/" + name, "stat")))
        s.shutdown(socket.SHUT_WR)
        assert s.recv(3) == b"ok\n"
' "$PFS_CONTROL" "$source/many" "/$dir/many" "$@"
}

hanging_at_least() {
    [ "$(pfs hanging)" -ge "$1" ]
}

# All that the stage asks for hangs, so whoever waited behind it would wait for ever: at the root, whose storage
# has no place free for it, and at each node on the way, whose windows are for what is answered.
@test "what a process asks for overtakes a stage, also what the stage has asked for before" {
    local i file pid log
    mkdir "$source/many"
    for i in {1..400}; do echo "$i" >"$source/many/f$i"; done
    echo asked >"$source/asked"
    up
    hang_all_but f200 f250 f300 f350 f400
    log=$WORK/log.$dir
    on node3 "$COPPER_BUILD/copper" stage -v "$MOUNT" "$tree/many" >"$log" 2>&1 3>&- &
    pid=$!
    until_true hanging_at_least 12 # three quarters of the lane of 16
    for node in node4 node2; do
        run -0 on "$node" timeout "$PATIENCE" cat "$MOUNT$tree/asked"
        [ "$output" = asked ]
    done
    for file in f200 f250 f300 f350 f400; do
        run -0 on node4 timeout "$PATIENCE" cat "$MOUNT$tree/many/$file"
        [ "$output" = "${file#f}" ]
    done
    # Of node4's own stage, and of those on the way: asked for again, as somebody waits.
    for node in node4 node3 node2; do [ "$(count $node asked_now)" -gt 0 ]; done
    run ! grep -q '"state":"staged"' "$log"
    pfs unhang
    wait "$pid" || : # on a slow machine some names were given up, as others hung
    run -0 copper node3 stage "$tree/many"
    [ "$(figure state)" = staged ] && [ "$(figure errors)" = 0 ]
    [ "$(figure objects)" = "$(figure objects_done)" ] && [ "$(figure objects)" -ge 400 ]
    run -0 pfs twice
    [[ ! $output =~ (^|$'\n')(stat|readdir|readlink|read)[[:space:]] ]]
}

@test "a second stage waits for the first; who asks for the same joins; each can be ended" {
    up
    stage_hangs
    run -0 copper node2 stage --no-wait "$tree/bin"
    [ "$(figure state)" = begun ] && [ "$(figure queued)" = 4 ]
    run -1 copper node2 stage --timeout 1 "$tree"
    [[ $output == *"is not over after 1 s; it goes on"* ]]
    # shellcheck disable=SC2016 # of the shell there
    on node3 sh -c 'for comm in /proc/[0-9]*/comm; do
        read -r name <$comm
        [ "$name" != copper ] || kill -INT "$(basename "$(dirname "$comm")")"
    done'
    local ended=0
    wait "$pid" || ended=$?
    [ "$ended" = 130 ]
    [[ $(cat "$log") == *"$tree: ended; what is staged so far stays"* ]]
    pfs unhang
    run -0 copper node4 stage "$tree" "$tree/bin"
    [ "$(checksum "$MOUNT$tree" node3)" = "$(checksum "$source")" ]
}

@test "a node dies meanwhile and comes back; a file changes meanwhile" {
    DEATHS_EXPECTED=yes
    up
    stage_hangs
    on node2 sh -c "kill -9 $(on node2 "$CLUSTER_BIN/daemons")"
    printf changed >"$source/lib/large.so"
    pfs unhang
    wait "$pid"
    output=$(cat "$log")
    [ "$(figure state)" = staged ] && [ "$(figure 'done')" = 4 ]
    local asked
    asked=$(count node2 asked_parent)
    on node2 sh -c "cat $MOUNT$tree/lib/pack/*.py >/dev/null"
    [ "$(count node2 asked_parent)" = "$asked" ]
}

@test "the job is stopped meanwhile" {
    up
    stage_hangs
    job_down
    local ended=0
    wait "$pid" || ended=$?
    [ "$ended" = 1 ]
    [[ $(cat "$log") == *copper:* ]]
    pfs unhang
    job_up -k 1
}
