# A launch whose nodes do not reach each other: the message names the host that is at fault, where it was tried
# and the error, not those that wait for it. Seven nodes: node5 has node1 above it, node6 and node7 below it.
# SPDX-License-Identifier: BSD-3-Clause

setup_file() {
    load launch.bash
    skip_unless_root_fuse
    command -v nft >/dev/null || skip "needs nft"
    cluster_up -n 7
}

teardown_file() {
    load launch.bash
    cluster_down
}

setup() {
    load launch.bash
    nodes="node[1-7]"
    port=21007
    soon=$(limit 4)
}

teardown() {
    renew_after_failure open_and_stop
}

open_and_stop() {
    for node in node1 node5 login; do
        on "$node" nft flush ruleset || return 1
    done
    stop --all -H "$nodes" >/dev/null && nothing_left
}

# filter NODE HOOK RULE: a firewall on that node; HOOK is input or output.
filter() {
    on "$1" nft -f - <<END
table inet fw {
    chain c {
        type filter hook $2 priority 0;
        $3
    }
}
END
}

# has TEXT...: the output has each of these patterns.
has() {
    local text
    for text; do
        # shellcheck disable=SC2053 # a pattern
        [[ $output == *$text* ]] || return 1
    done
}

# names NODE: the output says something about that node alone.
names() {
    local node
    for node in node1 node2 node3 node4 node5 node6 node7; do
        case $node,$output in
        "$1",*"copper: $node: "*) ;;
        "$1",* | *"copper: $node: "*) return 1 ;;
        esac
    done
}

# fails NODE TEXT...: the launch, with a message that names that node and none of its neighbors, and has each TEXT.
fails() {
    local wanted=("$@")
    has_failed() {
        [ "$status" = 1 ] && [[ $output != *"could not be cleaned"* ]] && names "${wanted[0]}" && has "${wanted[@]:1}"
    }
    launch_until has_failed "$soon" -H "$nodes" -p "$port"
    nothing_left
}

# goes_on COUNT TEXT...: the launch, without at most so many nodes, and says each TEXT.
goes_on() {
    local wanted=("$@")
    has_gone_on() {
        [ "$status" = 0 ] && has "${wanted[@]:1}"
    }
    launch_until has_gone_on "$((soon + 2))" -H "$nodes" -p "$port" --allow-missing "$1"
}

@test "a firewall before a node drops, rejects, or resets: the node is named, with address, port and error" {
    filter node5 input "tcp dport $port drop"
    fails node5 "copper: node5: its daemon cannot be reached from this host and 2 nodes: node5 port $port: 10.77.0.5: Connection timed out" \
        "copper: 2 nodes below could not join"
    on node5 nft flush ruleset
    [ -z "$(sanitizers)" ] || return 0 # the rest is the same code, and takes long
    filter node5 input "tcp dport $port reject with tcp reset"
    fails node5 "from this host and 2 nodes: node5 port $port: 10.77.0.5: Connection refused"
    on node5 nft flush ruleset
    filter node5 input "tcp dport $port reject with icmp type host-prohibited"
    fails node5 "from this host and 2 nodes: node5 port $port: 10.77.0.5: No route to host"
}

@test "the launch host is let through, and other nodes are not" {
    filter node5 input "ip saddr != 10.77.0.254 tcp dport $port reject with tcp reset"
    fails node5 "copper: node5: its daemon cannot be reached from 2 nodes: node5 10.77.0.5:$port: Connection refused"
}

@test "nothing gets out of a node" {
    filter node5 output "tcp dport $port drop"
    fails node5 "copper: node5: it does not reach its parent node1 10.77.0.1:$port: "
    on node5 nft flush ruleset
    [ -z "$(sanitizers)" ] || return 0
    # Neither in nor out.
    filter node5 input "tcp dport $port drop; tcp sport $port drop"
    fails node5 "copper: node5: its daemon cannot be reached from this host and 2 nodes: *Connection timed out"
}

@test "the root is behind a firewall" {
    filter node1 input "tcp dport $port reject with tcp reset"
    # Whether the launch has also asked it through the launcher in its time is not seen.
    fails node1 "copper: node1: its daemon cannot be reached from this host and 2 nodes: node1 port $port: 10.77.0.1: Connection refused"
}

# asked ARGUMENT...: copper on the login node, where the remote shell is known.
asked() {
    on login env COPPER_RSH="$CLUSTER_BIN/rsh" "$COPPER_BIN/copper" "$@"
}

# A login node may start programs on the nodes, and reach none of their ports.
@test "the launch host reaches no daemon: launch, status, stats, refresh and stop go through the launcher" {
    filter login output "tcp dport $port drop"
    run -0 launch -H "$nodes" -p "$port"
    echo "$output"
    [[ $output == "copper: 7 nodes ready at $mount in "* ]]
    run -0 asked status --all
    [[ $output == *"7 of 7 nodes ready"* ]]
    run -0 asked stats --nodes
    [[ $output == "7 nodes"*"node7 "* ]]
    run -0 asked refresh /etc
    [ "$output" = "copper: /etc: refreshed on 7 nodes" ]
    run -0 asked doctor
    [[ $output == *"daemon on node1: 7 of 7 nodes ready"* ]]
    run -1 launch -H "$nodes"
    [[ $output == *"a job with 7 nodes already runs on $mount"* ]]
    run -0 launch -H "$nodes" --once
    run -0 stop
    [ "$output" = "copper: stopped on 7 nodes" ]
    nothing_left
    run -1 asked status
    [[ $output == *"nothing is mounted at $mount"* ]]
    # One of them fails: it is named.
    on node5 sh -c 'mkdir -p -m 700 /tmp/root; touch /tmp/root/copper'
    run -1 launch -H "$nodes" -p "$port"
    on node5 rm -r /tmp/root
    [[ $output == *"copper: node5: "*"/tmp/root/copper"* ]]
    [[ $output != *"copper: node"[1-4]": "* ]]
    # Refused, not dropped; and a node that the others do not reach.
    on login nft flush ruleset
    filter login output "tcp dport $port reject with tcp reset"
    filter node5 input "tcp dport $port drop; tcp sport $port drop"
    goes_on 3 "copper: went on without node5: it does not reach its parent node1 10.77.0.1:$port: Connection timed out"
    run -0 asked status --all
    [[ $output == *"left out    node5"* ]]
    run -0 stop
    [[ $output == "copper: stopped on "[4-6]" nodes; the launch had gone on without "*node5* ]]
}

@test "--allow-missing: a node behind a firewall is gone on without, and why is said" {
    filter node5 input "tcp dport $port drop; tcp sport $port drop"
    goes_on 1 "copper: missing: node5" \
        "copper: went on without node5: its daemon cannot be reached from this host*: node5 port $port: 10.77.0.5: Connection timed out"
    run -0 on node6 cat "$mount/etc/hostname"
}
