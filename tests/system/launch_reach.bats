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
}

teardown() {
    for node in node1 node5; do
        on "$node" nft flush ruleset
    done
    stop -H "$nodes" >/dev/null
    nothing_left
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

# fails: the launch, with a message that names node5 and none of its neighbors.
fails() {
    run -1 launch -H "$nodes" -p "$port" -s "$(limit 4)"
    echo "$output"
    [[ $output == *"copper: node5: "* ]]
    for node in node1 node2 node3 node4 node6 node7; do
        [[ $output != *"copper: $node: "* ]]
    done
    [[ $output != *"could not be cleaned"* ]]
    nothing_left
}

@test "a firewall before a node drops, rejects, or resets: the node is named, with address, port and error" {
    filter node5 input "tcp dport $port drop"
    fails
    [[ $output == *"copper: node5: its daemon cannot be reached from this host and 2 nodes: node5 port $port: 10.77.0.5: Connection timed out"* ]]
    [[ $output == *"copper: 2 nodes below could not join"* ]]
    on node5 nft flush ruleset
    [ -z "$(sanitizers)" ] || return 0 # the rest is the same code, and takes long
    filter node5 input "tcp dport $port reject with tcp reset"
    fails
    [[ $output == *"from this host and 2 nodes: node5 port $port: 10.77.0.5: Connection refused"* ]]
    on node5 nft flush ruleset
    filter node5 input "tcp dport $port reject with icmp type host-prohibited"
    fails
    [[ $output == *"from this host and 2 nodes: node5 port $port: 10.77.0.5: No route to host"* ]]
}

@test "the launch host is let through, and other nodes are not" {
    filter node5 input "ip saddr != 10.77.0.254 tcp dport $port reject with tcp reset"
    fails
    [[ $output == *"copper: node5: its daemon cannot be reached from 2 nodes: node5 10.77.0.5:$port: Connection refused"* ]]
}

@test "nothing gets out of a node" {
    filter node5 output "tcp dport $port drop"
    fails
    [[ $output == *"copper: node5: it does not reach its parent node1 10.77.0.1:$port: "* ]]
    on node5 nft flush ruleset
    [ -z "$(sanitizers)" ] || return 0
    # Neither in nor out.
    filter node5 input "tcp dport $port drop; tcp sport $port drop"
    fails
    [[ $output == *"copper: node5: its daemon cannot be reached from this host and 2 nodes: "*"Connection timed out"* ]]
}

@test "the root is behind a firewall; the launch host reaches no node at all" {
    filter node1 input "tcp dport $port reject with tcp reset"
    run -1 launch -H "$nodes" -p "$port" -s "$(limit 4)"
    echo "$output"
    [[ $output == *"copper: node1: its daemon cannot be reached from this host and 2 nodes: node1 port $port: 10.77.0.1: Connection refused"* ]]
    [[ $output != *"copper: node"[2-7]": "* ]]
    on node1 nft flush ruleset
    on login nft add table inet fw
    on login nft add chain inet fw c "{ type filter hook output priority 0; }"
    on login nft add rule inet fw c tcp dport "$port" reject with tcp reset
    run -1 launch -H "$nodes" -p "$port" -s "$(limit 4)"
    on login nft flush ruleset
    echo "$output"
    [[ $output == *"copper: this host reaches no daemon of the job: node1 port $port: 10.77.0.1: Connection refused"* ]]
    [[ $output != *"copper: node"[1-7]": "* ]]
}

@test "--allow-missing: a node behind a firewall is gone on without, and why is said" {
    filter node5 input "tcp dport $port drop; tcp sport $port drop"
    run -0 launch -H "$nodes" -p "$port" --allow-missing 1 -s "$(limit 8)"
    echo "$output"
    [[ $output == *"copper: missing: node5"* ]]
    [[ $output == *"copper: went on without node5: its daemon cannot be reached from this host"*": node5 port $port: 10.77.0.5: Connection timed out"* ]]
    run -0 on node6 cat "$mount/etc/hostname"
}
