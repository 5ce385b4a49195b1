# Each option of launch_copper.sh has an effect that can be seen.
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
    mkdir -p "$CLUSTER_DIR/home/t"
}

teardown() {
    rm -rf "$CLUSTER_DIR/home/t"
    renew_after_failure stop_all
}

# listening NODE: the addresses that copperd listens on there.
listening() {
    on "$1" ss -Hltnp | grep copperd | awk '{ print $4 }'
}

# in_job NAME: its value in the job that the login node keeps.
in_job() {
    on login sh -c 'cat /tmp/copper-0/*.job' | sed -n "s/^$1 //p"
}

@test "a job of 10,624 hosts: a time limit by their number unless -s is given, and a text below 1 KiB" {
    local count seconds path
    # made HOST-LIST [ARGUMENT...]: the job for them, in $path
    made() {
        path=$(echo "$1" | COPPER_RUN_DIR=$BATS_TEST_TMPDIR/run "$COPPER_BIN/copper" job create \
            -v /tmp/root/many "${@:2}")
    }
    while read -r count seconds; do
        made "frontier[00001-$(printf %05d "$count")]"
        grep -qx "ready_timeout_s $seconds" "$path"
        rm "$path"
    done <<<$'1 20\n99 20\n100 21\n9408 114\n10624 126'
    made 'frontier[00001-10624]' -s 33
    grep -qx "ready_timeout_s 33" "$path"
    [ "$(stat -c %s "$path")" -lt 1024 ]
    grep -q 'frontier\[00001-10624\]' "$path"
    grep -qx 'hosts 10624' "$path"
    rm "$path"
}

@test "-d, -l: log files in the directory, at the level" {
    launch -H node1,node2 -d "$CLUSTER_DIR/home/t" -l 1
    stop
    run -0 find "$CLUSTER_DIR/home/t" -name 'copperd-node?-*.log' -size +0
    [ "${#lines[@]}" = 2 ]
    rm -r "$CLUSTER_DIR/home/t"
    launch -H node1,node2 -d "$CLUSTER_DIR/home/t" -l 5
    stop
    [ -z "$(find "$CLUSTER_DIR/home/t" -type f -size +0)" ]
}

@test "--once: what runs already is not launched again, a launch under way is waited for" {
    # node2's daemon waits for the word, and so does the first launch.
    mkfifo "$CLUSTER_DIR/home/t/begun" "$CLUSTER_DIR/home/t/go"
    # shellcheck disable=SC2016 # of that script
    printf '#!/bin/sh\n[ "$1" != node2 ] || { echo >%s/begun; cat %s/go >/dev/null; }\nexec %s "$@"\n' \
        "$CLUSTER_DIR/home/t" "$CLUSTER_DIR/home/t" "$CLUSTER_BIN/rsh" >"$CLUSTER_DIR/home/t/rsh"
    chmod +x "$CLUSTER_DIR/home/t/rsh"
    rsh=$CLUSTER_DIR/home/t/rsh launch -H node1,node2 >"$BATS_TEST_TMPDIR/first" 3>&- &
    first=$!
    read -r _ <"$CLUSTER_DIR/home/t/begun"
    launch -H node1,node2 --once >"$BATS_TEST_TMPDIR/second" 2>&1 3>&- &
    second=$!
    # The second one holds the job's file open when it waits.
    until_true on login sh -c '[ "$(ls -l /proc/[0-9]*/fd 2>/dev/null | grep -c "/tmp/copper-0/.*\.job$")" -ge 2 ]'
    echo >"$CLUSTER_DIR/home/t/go"
    wait "$first"
    wait "$second"
    [[ $(<"$BATS_TEST_TMPDIR/first") == "copper: 2 nodes ready at "* ]]
    [ -z "$(<"$BATS_TEST_TMPDIR/second")" ]
    run -0 launch -H node1,node2 --once
    [ -z "$output" ]
    run -1 launch -H node1,node2
    [[ $output == *"a job with 2 nodes already runs on $mount"* ]]
    stop
    run -0 launch -H node1 --once
    [[ $output == "copper: 1 node ready at "* ]]
}

@test "no -l: no log" {
    launch -H node1 -d "$CLUSTER_DIR/home/t"
    stop
    [ -z "$(find "$CLUSTER_DIR/home/t" -type f)" ]
}

@test "-t stdout: the nodes' log on the launch's standard output, and in no file" {
    launch -H node1,node2 -d "$CLUSTER_DIR/home/t" -l 1 -t stdout >"$BATS_TEST_TMPDIR/out" 3>&-
    [ "$(field node2 ready)" = 1 ]
    stop
    grep -q ' node="node1" ' "$BATS_TEST_TMPDIR/out"
    grep -q ' node="node2" ' "$BATS_TEST_TMPDIR/out"
    [ -z "$(find "$CLUSTER_DIR/home/t" -type f)" ]
}

@test "-t file_and_stdout: in both" {
    launch -H node1 -d "$CLUSTER_DIR/home/t" -l 1 -t file_and_stdout >"$BATS_TEST_TMPDIR/out" 3>&-
    stop
    grep -q ' node="node1" ' "$BATS_TEST_TMPDIR/out"
    [ -n "$(find "$CLUSTER_DIR/home/t" -name 'copperd-node1-*.log' -size +0)" ]
}

@test "-T: so many trees, each with another root" {
    launch -H "$nodes" -T 2
    run -0 field node1 trees
    [[ $output == *'"tree": 1'* && $output != *'"tree": 2'* ]]
    [[ $(field node3 trees) == *'"tree": 1, "role": "root"'* ]]
}

@test "-k: so many children" {
    launch -H "$nodes" -k 3
    [ "$(field node1 fanout)" = 3 ]
    for node in node2 node3 node4; do
        [[ $(field node1 trees) == *"$node"* ]]
    done
}

@test "-M, -m: sizes" {
    launch -H node1 -M 3MB -m 64M
    [ "$(field node1 max_cacheable_bytes)" = 3145728 ]
    [ "$(field node1 cache_bytes)" = 67108864 ]
}

@test "-M: the end of a job says which files were read past the trees, and which -M would have avoided it" {
    local there=$CLUSTER_DIR/home/t
    head -c 2500K /dev/urandom >"$there/libtorch.so" # no holes
    head -c 1100K /dev/urandom >"$there/small.so"
    launch -H "$nodes" -M 1MB -k 1
    for node in node1 node2 node3; do
        on "$node" cat "$mount$there/libtorch.so" "$mount$there/small.so" >/dev/null
    done
    # node1 is the root: what it read, it would have read for all.
    run -0 copper node4 stats --all
    [[ $output == *"past the trees, above -M"*" 7.0 MB"* ]]
    [[ $output == *"copper: 7.0 MB were read by nodes themselves"*"$there/libtorch.so 4.9 MB, $there/small.so 2.1 MB; -M 3MB would"* ]]
    run -0 copper node4 stats
    [[ $output != *"past the trees"* ]]
    run -0 copper node3 stats --json
    [[ $output == *"\"$there/libtorch.so\": 2560000"* ]]
    run -0 stop
    [ "${lines[0]}" = "copper: stopped on 4 nodes" ]
    [ "${lines[1]}" = "copper: 7.0 MB were read by nodes themselves, past the trees, as files above -M: \
$there/libtorch.so 4.9 MB, $there/small.so 2.1 MB; -M 3MB would have avoided this" ]
    # With that -M there is nothing to say.
    launch -H "$nodes" -M 3MB -k 1
    for node in node1 node2 node3; do
        on "$node" cat "$mount$there/libtorch.so" "$mount$there/small.so" >/dev/null
    done
    run -0 stop
    [ "$output" = "copper: stopped on 4 nodes" ]
    # A size for which the cache has no room is not advised, however little of it is on storage.
    head -c 4K /dev/urandom >"$there/sparse"
    truncate -s 64G "$there/sparse"
    launch -H "$nodes" -M 1MB -k 1
    on node2 head -c 4096 "$mount$there/sparse" >/dev/null
    run -0 stop
    [[ $output == *"files above -M: $there/sparse "*"; none of them has room in the cache (-m)" ]]
}

@test "-b: the daemon runs on these cores" {
    launch -H node1 -b 1
    run -0 on node1 sh -c "grep Cpus_allowed_list /proc/$(daemon node1)/status"
    [ "${lines[0]##*[[:space:]]}" = 1 ]
}

@test "-v: another mount" {
    run -0 launch -H node2 -v /tmp/root/else/where
    [[ $output == *"ready at /tmp/root/else/where in"* ]]
    run -0 on node2 cat /tmp/root/else/where/etc/hostname
    [ "$output" = "$(cat /etc/hostname)" ]
    run -0 stop -v /tmp/root/else/where
    [ "$output" = "copper: stopped on 1 node" ]
}

@test "COPPER_MOUNT, COPPER_RUN_DIR: other defaults, on the nodes, too" {
    run -0 on login env COPPER_MOUNT=/tmp/root/mine COPPER_RUN_DIR=/tmp/run COPPER_RSH="$CLUSTER_BIN/rsh" \
        "$COPPER_BIN/launch_copper.sh" -H node1,node2
    [[ $output == *"ready at /tmp/root/mine in"* ]]
    run -0 on node2 sh -c 'ls /tmp/run/*.sock; ls /tmp/copper-0 2>/dev/null || true'
    [ "${#lines[@]}" = 1 ]
    run -0 on login env COPPER_MOUNT=/tmp/root/mine COPPER_RUN_DIR=/tmp/run COPPER_RSH="$CLUSTER_BIN/rsh" \
        "$COPPER_BIN/stop_copper.sh"
    [ "$output" = "copper: stopped on 2 nodes" ]
}

@test "-E: how long a name is believed not to exist" {
    local there=$CLUSTER_DIR/home/t
    launch -H node1,node2 -E 600000
    run ! on node2 stat "$mount$there/late"
    touch "$there/late"
    run ! on node2 stat "$mount$there/late"
    stop
    rm "$there/late"
    launch -H node1,node2 -E 0
    run ! on node2 stat "$mount$there/late"
    touch "$there/late"
    run -0 on node2 stat "$mount$there/late"
}

@test "-p: the port" {
    launch -H node1 -p 12345
    [[ $(listening node1) == *:12345 ]]
}

@test "-n tcp:INTERFACE: only there; one that does not exist is named" {
    launch -H node1,node2 -n tcp:eth0
    [[ $(listening node2) == 10.77.0.2:* ]]
    stop
    run -1 launch -H node1,node2 -n tcp:nosuch0
    [[ $output == *"copper: node2: "*"nosuch0"* ]]
}

@test "--encrypt: a client that does not encrypt is refused, copper is not" {
    launch -H node1,node2 --encrypt
    [ "$(field login nodes)" = 2 ]
    run -0 copper login stats --all
    [[ $output == "2 nodes"* ]]
    on login sh -c 'sed -i "s/^encrypt yes/encrypt no/" /tmp/copper-0/*.job'
    run -1 copper login status
    on login sh -c 'sed -i "s/^encrypt no/encrypt yes/" /tmp/copper-0/*.job'
}

@test "-I: counters are written again and again" {
    launch -H node1 -I 1 -d "$CLUSTER_DIR/home/t"
    run timeout 150 sh -c 'tail -n +1 -F "$1" 2>/dev/null | head -n 2' sh \
        "$CLUSTER_DIR/home/t/node1.stats.jsonl"
    [ "${#lines[@]}" = 2 ]
    [[ $output == *'"cached_bytes"'* ]]
}

# profile EXPRESSION: of p, the job's report in the directory that -d gave.
profile() {
    python3 -c 'import json, sys
p = json.load(open(sys.argv[1]))
lists = {name: [(e.get("path", e.get("name")), e["value"]) for e in l["rows"]] for name, l in p["paths"].items()}
print(eval(sys.argv[2]))' "$CLUSTER_DIR"/home/t/copper-*/job.json "$1"
}

# tables: of the job's summary, a line `TITLE<tab>FIELDS` for each row of each table of paths, and for each item of the
# list at its end.
tables() {
    awk '/^## /{ title = substr($0, 4); at = 0 }
        title !~ /^(Most|Longest|Directories|Names|Read past|Paths of)/ { next }
        /^\|[-:| ]+\|$/ { at = 1; next }
        at && /^\|/ || /^- / { print title "\t" $0 }' "$CLUSTER_DIR"/home/t/copper-*/summary.md
}

# Two directories with a file each, 5000 and 10 bytes; three names looked for that are in none, one
# of them in both.
ask_on() {
    local there=$CLUSTER_DIR/home/t/tree
    mkdir -p "$there/one" "$there/two"
    head -c 5000 /dev/zero >"$there/one/large"
    head -c 10 /dev/zero >"$there/two/small"
    on "$1" sh -c 'cd "$1" && cat one/large two/small >/dev/null && ! stat one/nosuch two/nosuch one/noneither' \
        sh "$mount$there" 2>/dev/null
}

@test "-P: what was asked on each node, and what was looked for in vain" {
    local there=$CLUSTER_DIR/home/t/tree
    launch -H node1,node2 -P -d "$CLUSTER_DIR/home/t"
    ask_on node2
    [ -z "$(find "$CLUSTER_DIR/home/t" -name '*.json')" ]
    stop
    [ "$(profile "p['paths']['missing_names']['total']")" = 3 ]
    [ "$(profile "lists['by_bytes']")" = "[('$there/one/large', 5000), ('$there/two/small', 10)]" ]
    [ "$(profile "lists['missing_names']")" = "[('nosuch', 2), ('noneither', 1)]" ]
    [ "$(profile "lists['missing_directories']")" = "[('$there/one', 2), ('$there/two', 1)]" ]
    [ "$(profile "p['counters']['kernel_bytes']")" = 5010 ]
    [ "$(profile "[(row[1], row[p['nodes']['columns'].index('kernel_bytes')]) for row in p['nodes']['rows']]")" = \
        "[('node1', 0), ('node2', 5010)]" ]
    [ "$(profile "[(e['path'], e['host'], e['bytes']) for e in p['distinct']['examples']][0]")" = \
        "('$there/one/large', 'node2', 5000)" ]
    [ "$(tables | grep '^Most bytes')" = $'Most bytes\t| 5000 | 1 | .../tree/one/large |\nMost bytes\t| 10 | 1 | .../tree/two/small |' ]
    [ "$(find "$CLUSTER_DIR/home/t" -name '*.json' -o -name '.*.[0-9]*' | wc -l)" = 1 ]
}

@test "-N, -A: so many paths, whole" {
    local there=$CLUSTER_DIR/home/t/tree
    launch -H node1 -P -N 1 -A -d "$CLUSTER_DIR/home/t"
    ask_on node1
    stop
    run -0 tables
    # Which path was waited for longest is another one now and then.
    [ "$(grep '^Most bytes' <<<"$output")" = "Most bytes"$'\t'"| 5000 | 1 | $there/one/large |" ]
    [ "$(cut -f 1 <<<"$output" | sort)" = "Directories searched in vain
Longest waits
Most bytes
Most requests
Names that do not exist
Paths of one node only" ]
    [[ $output != *"..."* ]]
}

# Without a chosen log directory, where the launch was called; what is in the way stays as it is.
@test "-P: the report is where the job was launched; a link in the way is not followed" {
    local here=$CLUSTER_DIR/home/here
    mkdir -p "$here"
    on login sh -c 'cd "$1" && shift && exec "$@"' sh "$here" env COPPER_RSH="$CLUSTER_BIN/rsh" \
        "$COPPER_BIN/launch_copper.sh" -H node1 -P
    ask_on node1
    stop
    [ "$(ls "$here"/copper-*)" = $'job.json\nlatency.csv\nnodes.csv\npaths.csv\nreport.html\nsearch.csv\nsummary.md\ntimeline.csv' ]
    rm -r "$here"
    launch -H node1 -P -d "$here"
    chmod 777 "$here"
    on login setpriv --reuid 65534 --regid 65534 --clear-groups ln -s /etc \
        "$here/copper-$(field node1 job | cut -c 1-8)"
    run -0 stop
    [[ $output == *"the report is not kept: "*"is a symbolic link and belongs to another user"* ]]
    rm -r "$here"
}

# A daemon that ends alone writes what it knows; it is in no report then.
@test "-P with -I: the profile is there before the end" {
    launch -H node1 -P -I 1 -d "$CLUSTER_DIR/home/t"
    ask_on node1
    # shellcheck disable=SC2016
    timeout 150 sh -c 'until grep -q one/large "$1" 2>/dev/null; do sleep 0.1; done' sh \
        "$CLUSTER_DIR/home/t/node1.profile.json"
}

@test "no -P: no profile" {
    launch -H node1 -N 5 -A -d "$CLUSTER_DIR/home/t"
    [ "$(in_job profile)" = no ]
    ask_on node1
    stop
    [ -z "$(find "$CLUSTER_DIR/home/t" -name '*profile*')" ]
}

@test "-s: the launch gives up then" {
    rsh_that 'node1) exec sleep 600 ;;'
    run -1 launch -H node1 -s 1
    gave_up_after 1 "the node is not ready"
    rsh=
}

# shellcheck disable=SC2016 # of the shell there
says_memory() {
    on node1 sh -c 'mount -t tmpfs tmpfs /sys/fs/cgroup && echo "$1" >/sys/fs/cgroup/memory.max' sh "$1"
}

# memory_group BYTES: a control group with that limit for the daemon of node1, which moves into it when it starts ($rsh).
# Where this machine's cannot be made, and with sanitizers, which need much more, the node sees files that say so.
memory_group() {
    group=
    if [ -n "$(sanitizers)" ]; then
        says_memory "$1"
    elif mkdir "/sys/fs/cgroup/memory/copper-test.$$" 2>/dev/null; then
        group=/sys/fs/cgroup/memory/copper-test.$$
        echo "$1" >"$group/memory.limit_in_bytes"
    elif [ -e /sys/fs/cgroup/cgroup.controllers ] && echo +memory 2>/dev/null >/sys/fs/cgroup/cgroup.subtree_control &&
        mkdir "/sys/fs/cgroup/copper-test.$$" 2>/dev/null; then
        group=/sys/fs/cgroup/copper-test.$$
        echo "$1" >"$group/memory.max"
    else
        says_memory "$1"
    fi
    [ -n "$group" ] || return 0
    mkdir -p "$CLUSTER_DIR/home/bin"
    rsh=$CLUSTER_DIR/home/bin/rsh-in-group
    # shellcheck disable=SC2016 # of the shells there
    printf '#!/bin/sh\nhost=$1; shift\nexec %s/rsh "$host" "echo \\$\\$ >%s/cgroup.procs; $*"\n' "$CLUSTER_BIN" "$group" >"$rsh"
    chmod 755 "$rsh"
}

@test "-m above what the control group allows: said at launch, by status and by doctor; the daemon lives" {
    local note='the cache has 192.0 MB, not the 1.0 GB of -m: its control group allows 256.0 MB'
    head -c 240M /dev/urandom >"$CLUSTER_DIR/home/t/large"
    memory_group $((256 << 20))
    run -0 --separate-stderr launch -H node1 -m 1GB -M 1GB
    [ "$stderr" = "copper: node1: memory: $note" ]
    run -0 copper node1 status
    [[ $output == *"cache       0 B of 192.0 MB, "*$'\n'"            $note"* ]]
    run -1 copper node1 doctor
    [[ $output == *"BAD  memory: $note"* ]]
    on node1 cmp "$mount$CLUSTER_DIR/home/t/large" "$CLUSTER_DIR/home/t/large"
    [ "$(field node1 restarts)" = 0 ]
    stop
    # What fits is not mentioned, nor is the default.
    for size in '-m 64MB' ''; do
        # shellcheck disable=SC2086 # words
        run -0 --separate-stderr launch -H node1 $size
        [ -z "$stderr" ]
        run copper node1 doctor
        [[ $output == *"ok   memory: a cache of 64.0 MB"* ]]
        stop
    done
    rsh=
    nothing_left
    [ -z "$group" ] || until_true rmdir "$group"
    [ -n "$group" ] || on node1 umount /sys/fs/cgroup
}
