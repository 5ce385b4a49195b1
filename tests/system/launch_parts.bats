# A long host list is cut into parts, and the first host of a part starts the others of it. COPPER_RSH_PARTS
# makes parts of a short list. Whatever goes wrong there, the launching host does the rest itself.
# SPDX-License-Identifier: BSD-3-Clause

setup_file() {
    load launch.bash
    skip_unless_root_fuse
    cluster_up -n 6
}

teardown_file() {
    load launch.bash
    cluster_down
}

setup() {
    load launch.bash
    nodes=node1,node2,node3,node4,node5,node6
    calls=$CLUSTER_DIR/home/calls
    : >"$calls"
    chmod 666 "$calls"
}

teardown() {
    renew_after_failure stop_all
}

# rsh_where CASES: an rsh that notes "FROM TO WHAT" for each call, and behaves differently in some cases;
# CASES is the body of a `case` on that.
rsh_where() {
    mkdir -p "$CLUSTER_DIR/home/bin"
    rsh=$CLUSTER_DIR/home/bin/rsh-$BATS_TEST_NUMBER
    # shellcheck disable=SC2016 # of the script that is written
    printf '#!/bin/sh\ncall="$(uname -n) $1 $(basename "$2") $3 $4"\necho "$call" >>%s\ncase $call in\n%s\nesac\nexec %s/rsh "$@"\n' \
        "$calls" "$1" "$CLUSTER_BIN" >"$rsh"
    chmod 755 "$rsh"
}

# in_parts PROGRAM [ARGUMENT...]: from the login node, with the hosts in two parts.
in_parts() {
    local program=$1
    shift
    on login env COPPER_RSH="$rsh" COPPER_RSH_PARTS=2 COPPER_DEBUG=1 "$COPPER_BIN/$program" "$@"
}

# called FROM TO: how often.
called() {
    grep -c "^$1 $2 " "$calls" || true
}

all_serve() {
    local node
    for node in ${nodes//,/ }; do
        run -0 on "$node" cat "$mount/etc/hostname"
    done
}

@test "the first host of a part starts the others, and stops them, too" {
    rsh_where ''
    run -0 in_parts launch_copper.sh -H "$nodes"
    [[ $output =~ ^"copper: 6 nodes ready at $mount in "[0-9.]+" s"$ ]]
    all_serve
    [ "$(wc -l <"$calls")" = 6 ]
    grep -qx 'login node1 copper job part' "$calls"
    grep -qx 'login node4 copper job part' "$calls"
    for pair in 'node1 node2' 'node1 node3' 'node4 node5' 'node4 node6'; do
        grep -qx "$pair copperd --node ${pair#* }" "$calls"
    done
    # A stop that knows of no job goes to each host.
    on login sh -c 'rm /tmp/copper-0/*.job'
    : >"$calls"
    run -0 in_parts stop_copper.sh -H "$nodes"
    [ "$output" = "copper: stopped on 6 nodes" ]
    [ "$(called login node1) $(called login node2) $(called node4 node6)" = "1 0 1" ]
}

@test "the job's text reaches every node through the standard input of shells, and no argument" {
    local key
    rsh_where '*" job part"*) tr "\0" " " </proc/$$/cmdline >>'"$CLUSTER_DIR/home/seen"'; env >>'"$CLUSTER_DIR/home/seen"' ;;'
    run -0 in_parts launch_copper.sh -H "$nodes"
    key=$(on login sh -c 'cat /tmp/copper-0/*.job' | sed -n 's/^key //p')
    [ ${#key} = 64 ]
    grep -q 'job part' "$CLUSTER_DIR/home/seen"
    run ! grep -q "$key" "$CLUSTER_DIR/home/seen"
    rm "$CLUSTER_DIR/home/seen"
}

@test "a node that may not start others: the launching host starts them, and only the debug output says so" {
    rsh_where '"node1 "*) echo "Host key verification failed." >&2; exit 255 ;;'
    run -0 --separate-stderr in_parts launch_copper.sh -H "$nodes"
    [[ $output =~ ^"copper: 6 nodes ready at $mount in "[0-9.]+" s"$ ]]
    [[ $stderr == *"copper: node1 cannot start node2: no answer from rsh: Host key verification failed."* ]]
    [ "$(called login node2) $(called login node3) $(called login node5)" = "1 1 0" ]
    all_serve
    run -0 stop
    : >"$calls"
    run -0 --separate-stderr on login env COPPER_RSH="$rsh" COPPER_RSH_PARTS=2 "$COPPER_BIN/launch_copper.sh" -H "$nodes"
    [ -z "$stderr" ]
}

@test "the remote shell of a part's first host does not know the program, or reads the input" {
    rsh_where '"login node1 copper job"*) exit 127 ;;
"login node4 copper job"*) dd bs=20 count=1 of=/dev/null 2>/dev/null ;;'
    run -0 --separate-stderr in_parts launch_copper.sh -H "$nodes"
    [[ $stderr == *"copper: node1 did not start 3 hosts of its part: "* ]]
    [[ $stderr == *"copper: node4 did not start 3 hosts of its part: copper: the head of a part: "* ]]
    all_serve
}

@test "the first host of a part is down: it is named, and the others of the part are up" {
    "$CLUSTER_BIN/cluster" kill "$CLUSTER_DIR" node4
    rsh_where ''
    run -0 in_parts launch_copper.sh -H "$nodes" --allow-missing 1
    [[ $output == *"copper: 5 of 6 nodes ready at $mount in "* ]]
    [[ $output == *"copper: up: node[1-3,5-6]"* ]]
    [[ $output == *"copper: missing: node4"* ]]
    run -0 stop
    run -1 in_parts launch_copper.sh -H "$nodes"
    [[ $output == *"copper: node4: no answer from rsh: "* ]]
    "$CLUSTER_BIN/cluster" restart "$CLUSTER_DIR" node4
}

@test "a part that falls silent is done by the launching host" {
    rsh_where '"login node1 copper job"*) exec sleep 600 ;;
"node4 node6 "*) exec sleep 600 ;;'
    run -0 --separate-stderr in_parts launch_copper.sh -H "$nodes" -s 60
    [[ $stderr == *"copper: node1 did not start 3 hosts of its part: it was silent for too long"* ]]
    [[ $stderr == *"copper: node4 did not start 1 host of its part: it was silent for too long"* ]]
    all_serve
}

@test "all parts are silent from the beginning: the launching host does them all" {
    rsh_where '*" copper job part") exec sleep 600 ;;'
    run -0 --separate-stderr in_parts launch_copper.sh -H "$nodes" -s 60
    [[ $stderr == *"copper: node1 did not start 3 hosts of its part: it was silent for too long"* ]]
    [[ $stderr == *"copper: node4 did not start 3 hosts of its part: it was silent for too long"* ]]
    all_serve
}

@test "a daemon that a lost shell has started is found by the next try" {
    rsh_where '"node1 node2 "*) '"$CLUSTER_BIN"'/rsh "$@"; exit 255 ;;'
    run -0 in_parts launch_copper.sh -H "$nodes"
    [ "$(called login node2)" = 1 ]
    all_serve
}

@test "two names of one host in the list: said at once, and not waited for" {
    rsh_where '"login alias "*) shift; exec '"$CLUSTER_BIN"'/rsh node1 "$@" ;;'
    run -1 on login env COPPER_RSH="$rsh" COPPER_RSH_PARTS=0 "$COPPER_BIN/launch_copper.sh" -H node1,alias -s 600
    [[ $output == *"already running here for this job, as another of its hosts"* ]]
    nothing_left
}

@test "a failure behind a part's first host is that host's own, and nothing is left" {
    on node6 sh -c 'mkdir -m 700 -p /tmp/root && touch /tmp/root/copper'
    rsh_where ''
    run -1 in_parts launch_copper.sh -H "$nodes"
    on node6 rm /tmp/root/copper
    [[ $output == *"copper: node6: "* ]]
    [ "$(grep -c "^login node6 copperd" "$calls" || true)" = 0 ]
    nothing_left
}

# no_shells: no remote shell that a node has started runs there.
no_shells() {
    # shellcheck disable=SC2016
    ! on_all sh -c 'cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\0" " "' | grep -q 'sleep 60[0]'
}

@test "interrupted, or killed: shells that nodes have started end, and nothing is left" {
    local signal
    mkfifo "$CLUSTER_DIR/home/begun"
    chmod 666 "$CLUSTER_DIR/home/begun"
    rsh_where '"node4 node6 copperd"*) echo x >'"$CLUSTER_DIR/home/begun"'; exec sleep 600 ;;
"login node6 copperd"*) exec sleep 600 ;;'
    for signal in TERM KILL; do
        # shellcheck disable=SC2016
        run on login env COPPER_RSH="$rsh" COPPER_RSH_PARTS=2 sh -c '"$1" -H "$2" -s 2 & pid=$!
            read -r x <"$3"; kill -$4 $pid; wait $pid' sh \
            "$COPPER_BIN/launch_copper.sh" "$nodes" "$CLUSTER_DIR/home/begun" "$signal"
        until_true no_shells
        for node in ${nodes//,/ }; do traceless "$node"; done
        on login sh -c 'rm -f /tmp/copper-0/*.job; rmdir /tmp/copper-0 2>/dev/null || true'
    done
    rm "$CLUSTER_DIR/home/begun"
}

@test "COPPER_RSH_PARTS=0: each host from here; nonsense is refused" {
    rsh_where ''
    run -0 on login env COPPER_RSH="$rsh" COPPER_RSH_PARTS=0 "$COPPER_BIN/launch_copper.sh" -H "$nodes"
    [ "$(grep -c '^login ' "$calls")" = 6 ]
    run -0 stop
    run -1 on login env COPPER_RSH="$rsh" COPPER_RSH_PARTS=many "$COPPER_BIN/launch_copper.sh" -H "$nodes"
    [[ $output == *"COPPER_RSH_PARTS"* ]]
}

@test "a host that was not tried is said so, and is not cleaned; with the root up, and without" {
    local hung first names="$nodes" i
    for i in {1..30}; do names+=,z$i; done
    # z1 to z30 are stubs, whose starts hang. The descriptors are enough for sixteen hosts at once.
    for hung in none node1; do
        rsh_where '"login z"*" copperd "*|"login '$hung' copperd "*) exec sleep 600 ;;
"login z"*) echo "copper: nothing runs on this node"; exit 0 ;;'
        : >"$calls"
        # shellcheck disable=SC2016
        run -1 on login env COPPER_RSH="$rsh" COPPER_RSH_PARTS=0 bash -c 'ulimit -n 64; "$0" -H "$1" -s "$2"' \
            "$COPPER_BIN/launch_copper.sh" "$names" "$(limit 4)"
        [[ $output =~ "copper: "([0-9]+)" hosts were not tried yet: z["([0-9]+)"-30]" ]]
        first=${BASH_REMATCH[2]}
        [ "${BASH_REMATCH[1]}" = $((31 - first)) ]
        # A start that has ended makes room for one more; on a busy machine, fewer have ended.
        [ "$first" -le "$([ "$hung" = none ] && echo 17 || echo 16)" ]
        [[ $output == *"copper: z$((first - 1)): no answer from rsh"* && $output != *"z$first: "* && $output != *"cleaned"* ]]
        grep -q "^login z$((first - 1)) copper stop" "$calls"
        for ((i = first; i <= 30; i++)); do
            [ "$(called login "z$i")" = 0 ]
        done
        nothing_left
    done
}

@test "a remote shell that fails once is tried once more, and not a third time" {
    local once=$CLUSTER_DIR/home/once broken=$CLUSTER_DIR/home/broken
    : >"$once"
    chmod 666 "$once"
    rsh_where '"login node2 copperd "*) [ -s '"$once"' ] || {
    echo x >'"$once"'; echo "ssh: connect to host node2 port 22: Connection refused" >&2; exit 255; } ;;
"login node3 copperd "*) [ ! -e '"$broken"' ] || { echo "Connection closed" >&2; exit 255; } ;;'
    run -0 --separate-stderr on login env COPPER_RSH="$rsh" COPPER_RSH_PARTS=0 "$COPPER_BIN/launch_copper.sh" -H "$nodes"
    [[ $output =~ ^"copper: 6 nodes ready at $mount in "[0-9.]+" s"$ ]]
    [ -z "$stderr" ]
    [ "$(called login node2) $(called login node3)" = "2 1" ]
    run -0 stop
    : >"$calls"
    touch "$broken"
    run -1 on login env COPPER_RSH="$rsh" COPPER_RSH_PARTS=0 "$COPPER_BIN/launch_copper.sh" -H "$nodes"
    rm "$broken"
    [[ $output == *"copper: node3: no answer from rsh: Connection closed"* ]]
    [ "$(grep -c '^login node3 copperd ' "$calls")" = 2 ]
}

@test "limits that are just large enough for a few hosts at once: all are started" {
    local names="$nodes" i count
    for i in {1..30}; do names+=,z$i; done
    rsh_where '"login z"*) exit 255 ;;'
    # shellcheck disable=SC2016
    run -0 on login env COPPER_RSH="$rsh" COPPER_RSH_PARTS=0 bash -c 'ulimit -n 64; "$0" -H "$1" --allow-missing 30' \
        "$COPPER_BIN/launch_copper.sh" "$names"
    [[ $output == *"copper: 6 of 36 nodes ready at "* && $output == *"copper: up: node[1-6]"* ]]
    run -0 stop
    # Sanitizers need processes of their own.
    [ -z "$(sanitizers)" ] || return 0
    # In a namespace of his own, the limit is on this launch, whatever else the user has. The first that is not
    # refused is enough for the launch.
    rsh_where ''
    for ((count = 8; count <= 60; count++)); do
        # shellcheck disable=SC2016
        run as_user alice login unshare --user --map-current-user bash -c \
            'ulimit -u '$count'; COPPER_RSH=$1 COPPER_RSH_PARTS=0 "$0" -H "$2"' \
            "$COPPER_BIN/launch_copper.sh" "$rsh" "$nodes"
        echo "$count: $output"
        [[ $output == *"(ulimit -u"*": nothing was done" ]] || break
    done
    [[ $output =~ ^"copper: 6 nodes ready at /tmp/alice/copper in "[0-9.]+" s"$ ]]
    [ "$count" -gt 8 ]
    # shellcheck disable=SC2016
    run -0 as_user alice login sh -c 'COPPER_RSH=$1 "$0" -H "$2"' "$COPPER_BIN/stop_copper.sh" "$rsh" "$nodes"
}
