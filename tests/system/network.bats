# Nodes with two networks: eth0, to which their names lead, and hsn0, with names that end in -hsn0. The login
# node is on the first one only.
# SPDX-License-Identifier: BSD-3-Clause

setup_file() {
    load launch.bash
    skip_unless_root_fuse
    cluster_up -n 3 --second hsn0
    cp "$CLUSTER_DIR/etc/hosts" "$CLUSTER_DIR/hosts.first"
    mkdir "$CLUSTER_DIR/home/data"
    head -c 4000000 /dev/urandom >"$CLUSTER_DIR/home/data/file"
}

teardown_file() {
    load launch.bash
    cluster_down
}

setup() {
    load launch.bash
    nodes=node1,node2,node3
}

teardown() {
    local node
    stop --all -H "$nodes" >/dev/null
    names <"$CLUSTER_DIR/hosts.first"
    for node in node1 node2 node3; do
        on "$node" nft flush ruleset
        on "$node" ip link set hsn0 up
        on "$node" ip link set eth0 up
    done
    nothing_left
}

# names <HOSTS: all nodes have one file.
names() {
    cat >"$CLUSTER_DIR/etc/hosts"
}

# launch_from NODE ARGUMENT..., stop_from NODE...
launch_from() {
    local node=$1
    shift
    on "$node" env COPPER_RSH="$CLUSTER_BIN/rsh" "$COPPER_BIN/launch_copper.sh" -s "$PATIENCE" "$@"
}

stop_from() {
    on "$1" env COPPER_RSH="$CLUSTER_BIN/rsh" "$COPPER_BIN/stop_copper.sh"
}

# at NODE PORT: local addresses of its connections between daemons.
at() {
    on "$1" ss -Htn state established "( sport = :$2 or dport = :$2 )" | awk '{ print $3 }' |
        sed 's/^\[::ffff:\(.*\)\]:/\1:/; s/:[0-9]*$//' | sort -u | grep -v '^10\.77\.0\.254$'
}

# bytes NODE INTERFACE: that it has received and sent.
bytes() {
    on "$1" awk -v name="$2:" '$1 == name { print $2 + $10 }' /proc/net/dev
}

# block NODE RULE: what comes in by RULE is dropped.
block() {
    on "$1" nft "add table inet shut; add chain inet shut in { type filter hook input priority 0; };
        add rule inet shut in $2 drop"
}

@test "the fastest network is taken; nothing goes over the other, which drops the port" {
    local node before after
    for node in node1 node2 node3; do block "$node" 'iifname "eth0" tcp dport 23011'; done
    run -0 launch_from node3 -H "$nodes" -p 23011
    [[ $output == "copper: 3 nodes ready"* ]]
    run -0 copper node2 status
    [[ $output == *"network     hsn0, 10.99.0.2, 10 Gb/s, hosts as %h-hsn0"* ]]
    run -0 copper node2 doctor
    [[ $output == *"ok   network: hsn0, 10.99.0.2"* ]]
    [ "$(field node1 network)" = "hsn0, 10.99.0.1, 10 Gb/s, hosts as %h-hsn0" ]
    [ "$(at node1 23011)" = 10.99.0.1 ]
    [ "$(at node2 23011)" = 10.99.0.2 ]
    before=$(bytes node2 eth0)
    after=$(bytes node2 hsn0)
    on node2 cmp "$CLUSTER_DIR/home/data/file" "$mount$CLUSTER_DIR/home/data/file"
    [ $(($(bytes node2 eth0) - before)) -lt 4000 ]
    [ $(($(bytes node2 hsn0) - after)) -gt 4000000 ]
    run -0 stop_from node3
    [ "$output" = "copper: stopped on 3 nodes" ]
}

@test "a login node on the first network only: launch, status and stop; data takes the fast one" {
    run -0 --separate-stderr launch -H "$nodes" -p 23012
    [ -z "$stderr" ]
    [ "$(at node2 23012)" = 10.99.0.2 ]
    run -0 copper login status
    [[ $output == *"3 of 3 nodes ready"* ]]
    run -0 stop
    [ "$output" = "copper: stopped on 3 nodes" ]
}

@test "-n overrules, and listens and connects there only" {
    run -0 launch -H "$nodes" -n tcp:eth0 -p 23013
    [[ $(copper node2 status) == *"network     eth0, 10.77.0.2, 10 Gb/s, hosts as %h"* ]]
    [ "$(at node2 23013)" = 10.77.0.2 ]
    run -0 stop
    run -0 launch_from node3 -H "$nodes" -n tcp:hsn0 -p 23013
    [ "$(at node2 23013)" = 10.99.0.2 ]
    [ "$(on node2 ss -Htln 'sport = :23013' | awk '{ print $4 }')" = 10.99.0.2:23013 ]
    run -0 stop_from node3
    [ "$output" = "copper: stopped on 3 nodes" ]
}

@test "-n names an interface that one node lacks: one line, at once" {
    on node2 ip link set hsn0 down
    run -1 timeout "$PATIENCE" "$CLUSTER_BIN/cluster" run "$CLUSTER_DIR" node3 env COPPER_RSH="$CLUSTER_BIN/rsh" \
        "$COPPER_BIN/launch_copper.sh" -H "$nodes" -n tcp:hsn0 -s 3600
    echo "$output"
    [ "$(grep -c hsn0 <<<"$output")" = 1 ]
    [[ $output == *'node2: -n: this node has no network interface "hsn0" that is up and has an address; it has eth0'* ]]
}

@test "-n from a launch host that is not on that network: through the launcher, or said soon with each address" {
    run -0 launch -H "$nodes" -n tcp:hsn0 -p 23020
    [[ $output == "copper: 3 nodes ready"* ]]
    run -0 stop
    [ "$output" = "copper: stopped on 3 nodes" ]
    # A launcher that starts daemons and runs nothing else.
    printf '#!/bin/sh\n[ "$1" = start ] || { sed "s/$/ 1 refused/"; exit; }\nexec %s/launch/rsh.sh "$@"\n' \
        "$COPPER_BIN" >"$CLUSTER_DIR/home/starts"
    chmod +x "$CLUSTER_DIR/home/starts"
    run -1 timeout "$PATIENCE" "$CLUSTER_BIN/cluster" run "$CLUSTER_DIR" login env COPPER_RSH="$CLUSTER_BIN/rsh" \
        COPPER_LAUNCHER="$CLUSTER_DIR/home/starts" "$COPPER_BIN/launch_copper.sh" -H "$nodes" -n tcp:hsn0 -p 23020 -s 3600
    stop --all -H "$nodes"
    [[ $output == *"this host reaches no daemon of the job: node1 port 23020: 10.77.0.1: Connection refused; 10.99.0.1: Network is unreachable"* ]]
}

@test "a node without the fast network: its parent is reached by the other, and this is shown" {
    on node1 ip link set hsn0 down
    run -0 launch -H "$nodes"
    echo "$output"
    [[ $(copper node1 status) == *"network     eth0, 10.77.0.1"* ]]
    run -0 copper node2 status
    [[ $output == *"parent node1 was not reached there: data takes node1 10.77.0.1:"* ]]
    run -1 copper node2 doctor
    [[ $output == *"BAD  network: hsn0, 10.99.0.2"*"parent node1 was not reached there"* ]]
    on node2 cmp "$CLUSTER_DIR/home/data/file" "$mount$CLUSTER_DIR/home/data/file"
}

@test "no names on the fast network: by number; else it is said at launch" {
    grep -v hsn0 "$CLUSTER_DIR/hosts.first" | names
    run -0 --separate-stderr launch -H "$nodes" -p 23014
    [ -z "$stderr" ]
    [[ $(copper node2 status) == *"network     hsn0, 10.99.0.2, 10 Gb/s, hosts as 10.99.0.0/24"* ]]
    [ "$(at node2 23014)" = 10.99.0.2 ]
    run -0 stop
    on node1 sh -c 'ip addr flush dev hsn0; ip addr add 10.99.0.71/24 dev hsn0'
    run -0 --separate-stderr launch -H "$nodes"
    [[ $stderr == "copper: node1: network: eth0, 10.77.0.1"*"hsn0, 10 Gb/s is faster, but no name of this node as %h-hsn0 leads there"* ]]
    run -1 copper node1 doctor
    [[ $output == *"BAD  network: eth0, 10.77.0.1"*'with --address (copper.conf(5))'* ]]
    run -0 stop
    run -1 --separate-stderr launch_from node3 -H "$nodes" -n tcp:hsn0 -s 3600
    on node1 sh -c 'ip addr flush dev hsn0; ip addr add 10.99.0.1/24 dev hsn0'
    [[ $stderr == *"node1: -n tcp:hsn0: neither node1 nor node1 as %h-hsn0 leads to this node's address there, 10.99.0.71"* ]]
}

@test "the site's rule, and the user's: address in copper.conf, --address" {
    local prefix=$CLUSTER_DIR/home/sw
    cmake --install "$COPPER_BIN" --prefix "$prefix" >/dev/null
    mkdir "$prefix/etc"
    sed 's/\(node[0-9]\)-hsn0/fast-\1/' "$CLUSTER_DIR/hosts.first" | names
    echo 'address = fast-%h' >"$prefix/etc/copper.conf"
    COPPER_BIN=$prefix/bin
    run -0 launch -H "$nodes"
    [[ $(copper node2 status) == *"network     hsn0, 10.99.0.2, 10 Gb/s, hosts as fast-%h"* ]]
    run -0 stop
    run -0 launch -H "$nodes" --address 10.99.0.0/24
    [[ $(copper node2 status) == *"network     hsn0, 10.99.0.2, 10 Gb/s, hosts as 10.99.0.0/24"* ]]
    run -0 stop
    echo 'address = %h.nowhere' >"$prefix/etc/copper.conf"
    run -0 --separate-stderr launch -H "$nodes"
    [[ $stderr == *"node1: network: eth0, 10.77.0.1"*"the rule %h.nowhere (--address) leads to no address of this node"* ]]
    run -0 stop
    echo 'address = fast' >"$prefix/etc/copper.conf"
    run -2 launch -H "$nodes"
    [[ $output == *'copper.conf:1: address: "fast" is not a rule for addresses; allowed is a host name with %h in it'* ]]
}

# slow NODE DEVICE: what the driver of a tap device reports, 10 Mb/s; that of veth devices reports 10 Gb/s.
slow() {
    on "$1" python3 - "$2" <<'END'
import ctypes, fcntl, socket, struct, sys
SIOCETHTOOL, ETHTOOL_SSET = 0x8946, 2
command = ctypes.create_string_buffer(struct.pack("=IIIH30x", ETHTOOL_SSET, 0, 0, 10), 44)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    fcntl.ioctl(s, SIOCETHTOOL, struct.pack("16sQ16x", sys.argv[1].encode(), ctypes.addressof(command)))
END
}

@test "by link speed: the names lead to a slow network that reaches nobody" {
    local node
    for node in node1 node2 node3; do
        on "$node" ip link set hsn0 down
        on "$node" sh -c 'ip tuntap add mode tap tap0 && ip addr add "10.66.0.${1#node}/24" dev tap0 && ip link set tap0 up' sh "$node"
        slow "$node" tap0
    done
    sed 's/^10\.77\.0\.\([123]\) node.*/10.66.0.\1 node\1\n10.77.0.\1 node\1-eth0/' "$CLUSTER_DIR/hosts.first" | names
    run -0 launch_from node1 -H "$nodes" -p 23015
    [[ $(copper node2 status) == *"network     eth0, 10.77.0.2, 10 Gb/s, hosts as %h-eth0"* ]]
    [ "$(at node2 23015)" = 10.77.0.2 ]
    run -0 stop_from node1
    # Nobody looks for a faster one when -n names this one.
    run -1 launch_from node1 -H "$nodes" -n tcp:tap0 -s "$(limit 4)"
    [[ $output == *"node2: its daemon cannot be reached from this host: node2 port "*": 10.66.0.2: Connection timed out"* ]]
    for node in node1 node2 node3; do on "$node" ip link del tap0; done
}

@test "a name with several addresses, of which the first do not answer" {
    { for i in 1 2 3; do printf '10.77.0.20%d node%d\n10.77.0.21%d node%d\n' $i $i $i $i; done
        cat "$CLUSTER_DIR/hosts.first"; } | names
    [ "$(on node2 getent ahostsv4 node1 | grep -c STREAM)" = 3 ]
    run -0 launch -H "$nodes" -n tcp:eth0 -p 23016
    [ "$(at node2 23016)" = 10.77.0.2 ]
    run -0 copper login status
    [[ $output == *"3 of 3 nodes ready"* ]]
    run -0 stop
    [ "$output" = "copper: stopped on 3 nodes" ]
    # On the data network, too.
    { for i in 1 2 3; do printf '10.99.0.20%d node%d-hsn0\n' $i $i; done; cat "$CLUSTER_DIR/etc/hosts"; } >"$CLUSTER_DIR/hosts.new"
    names <"$CLUSTER_DIR/hosts.new"
    run -0 launch -H "$nodes" -p 23016
    [ "$(at node2 23016)" = 10.99.0.2 ]
}

# ipv6 NODE: a second address on eth0.
ipv6() {
    on "$1" sh -c 'echo 0 >/proc/sys/net/ipv6/conf/all/disable_ipv6 && echo 0 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6 &&
        ip -6 addr replace "fd77::$1/64" dev eth0 nodad' sh "$2"
}

@test "IPv6 filtered, and IPv6 only" {
    local node i=0
    for node in node1 node2 node3; do ipv6 "$node" $((++i)); done
    ipv6 login 254
    sed 's/^10\.77\.0\.\([0-9]*\) \(.*\)/fd77::\1 \2\n&/; /hsn0/d' "$CLUSTER_DIR/hosts.first" | names
    for node in node1 node2 node3; do on "$node" ip link set hsn0 down; done
    for node in node1 node2 node3; do block "$node" 'ip6 nexthdr tcp'; done
    run -0 launch -H "$nodes" -p 23017
    [ "$(at node2 23017)" = 10.77.0.2 ]
    run -0 stop
    [ "$output" = "copper: stopped on 3 nodes" ]

    for node in node1 node2 node3; do
        on "$node" nft flush ruleset
        on "$node" ip -4 addr flush dev eth0
    done
    sed '/^10\./d' "$CLUSTER_DIR/etc/hosts" >"$CLUSTER_DIR/hosts.new"
    names <"$CLUSTER_DIR/hosts.new"
    for how in tcp tcp:eth0; do
        run -0 launch -H "$nodes" -n "$how" -p 23018
        [[ $(copper node2 status) == *"network     eth0, fd77::2, 10 Gb/s, hosts as %h"* ]]
        [ "$(at node2 23018)" = '[fd77::2]' ]
        on node2 cmp "$CLUSTER_DIR/home/data/file" "$mount$CLUSTER_DIR/home/data/file"
        run -0 copper login status
        [[ $output == *"3 of 3 nodes ready"* ]]
        run -0 stop
        [ "$output" = "copper: stopped on 3 nodes" ]
    done
    # Addresses in place of names; a remote shell that takes them.
    mkdir -p "$CLUSTER_DIR/home/bin"
    printf '#!/bin/sh\nhost=node${1#fd77::}\nshift\nexec %s/rsh "$host" "$@"\n' "$CLUSTER_BIN" >"$CLUSTER_DIR/home/bin/rsh6"
    chmod 755 "$CLUSTER_DIR/home/bin/rsh6"
    rsh=$CLUSTER_DIR/home/bin/rsh6
    printf '[fd77::1]:16\r\nFD77:0::2 slots=16\r\n' >"$CLUSTER_DIR/home/hosts6"
    run -0 launch -H "$CLUSTER_DIR/home/hosts6"
    run -0 copper login status --all
    [[ $output == *"2 of 2 nodes ready"*"node        fd77::1 (rank 0)"* ]]
    run -0 stop
    [ "$output" = "copper: stopped on 2 nodes" ]
    on node2 sh -c 'mkdir -p -m 700 /tmp/root; touch /tmp/root/copper'
    run -1 launch -H 'fd77::[1-3]'
    on node2 rm -r /tmp/root
    [[ $output == *"copper: fd77::2: /tmp/root/copper is not a directory"* ]]
    rsh=
    for node in node1 node2 node3; do on "$node" ip addr add "10.77.0.${node#node}/24" dev eth0; done
}

@test "a launch host behind a login node that translates addresses: launch, status, stop" {
    on login sh -c 'ip netns add far && ip link add far0 type veth peer name up0 netns far &&
        ip addr add 10.88.0.1/24 dev far0 && ip link set far0 up &&
        ip netns exec far sh -c "ip link set lo up; ip addr add 10.88.0.2/24 dev up0; ip link set up0 up; ip route add default via 10.88.0.1" &&
        echo 1 >/proc/sys/net/ipv4/ip_forward &&
        nft "add table ip far; add chain ip far out { type nat hook postrouting priority 100; }; add rule ip far out oifname eth0 masquerade"'
    far() {
        on login ip netns exec far env COPPER_RSH="$CLUSTER_BIN/rsh" PATH="$COPPER_BIN:$PATH" "$@"
    }
    run -0 far launch_copper.sh -H "$nodes" -p 23019
    [[ $output == "copper: 3 nodes ready"* ]]
    run -0 far copper status --all
    [[ $output == *"3 of 3 nodes ready"* ]]
    run -0 far stop_copper.sh
    [ "$output" = "copper: stopped on 3 nodes" ]
    on login sh -c 'nft delete table ip far; ip netns del far'
}
