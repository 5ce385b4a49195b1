# Another user of the same nodes (games, here called the neighbour) takes the names, ports and files
# that alice's job uses, or waits for them to come free. He gets nothing but, at most, a refusal.
# SPDX-License-Identifier: BSD-3-Clause

bats_require_minimum_version 1.5.0
load lib.bash

setup_file() {
    can_run || return 0
    work_up
    # Ordinary users have no way into where these may lie.
    mkdir "$WORK/bin"
    cp -r "$COPPER_BUILD"/{copper,copperd,isatty.so,launch_copper.sh,stop_copper.sh,launch} \
        "$CLUSTER_BIN"/{rsh,cluster,keeper} "$WORK/bin"
    cluster_up -n 2
}

teardown_file() {
    cluster_down
    work_down
}

setup() {
    skip_unless_built
    export LAUNCHED=
}

teardown() {
    [ -z "$LAUNCHED" ] || alice login stop_copper.sh >/dev/null
    on_all sh -c 'rm -rf /tmp/alice /tmp/copper-* /tmp/trap /tmp/logs; true' >/dev/null
    sanitizers_are_silent
}

# alice NODE PROGRAM ARGUMENT...: of Copper, or another one.
alice() {
    local node=$1
    shift
    as_user alice "$node" env COPPER_RSH="$WORK/bin/rsh" "PATH=$WORK/bin:$PATH" "$@"
}

# neighbour NODE COMMAND
neighbour() {
    as_user games "$1" sh -c "$2"
}

up() {
    up_on node1,node2 "$@"
}

# up_on HOSTS [option]
up_on() {
    local hosts=$1
    shift
    LAUNCHED=yes
    alice login launch_copper.sh -H "$hosts" -s "$PATIENCE" "$@"
}

# directory NODE PATH: mode, owner and what is in it.
directory() {
    # shellcheck disable=SC2016
    on "$1" sh -c 'stat -c "%F %a %U" "$1"; ls -A "$1"' sh "$2"
}

@test "the mount's name is nobody else's after the stop: programs that live on get no code of others" {
    local from to pid
    up
    # A program that began below copper run, and looks into the mount when the job is over.
    coproc alice node1 timeout "$PATIENCE" copper run env PYTHONPATH="/tmp/alice/copper$WORK" \
        /usr/bin/python3 -c '
import os, sys
print(os.environ["LD_PRELOAD"], flush=True)
sys.stdin.readline()
try:
    import trap
    print("ran the code of somebody else", flush=True)
except ImportError:
    print("no such module", flush=True)
os.execv("/bin/echo", ["echo", "a new program"])' 3>&- 2>&1
    exec {from}<&"${COPROC[0]}" {to}>&"${COPROC[1]}"
    pid=$COPROC_PID
    read -r said <&"$from"
    [ "$said" = "$WORK/bin/isatty.so" ]
    alice login stop_copper.sh
    [ "$(directory node1 /tmp/alice)" = "directory 700 alice" ]
    run ! neighbour node1 "rmdir /tmp/alice"
    run ! neighbour node1 "mv /tmp/alice /tmp/mine"
    run ! neighbour node1 "mkdir -p /tmp/alice/copper$WORK"
    run ! neighbour node1 "ls /tmp/alice"
    echo >&"$to"
    read -r said <&"$from"
    [ "$said" = "no such module" ]
    read -r said <&"$from"
    [ "$said" = "a new program" ]
    exec {to}>&-
    wait "$pid" || true
    # The next job has the same place.
    up
    [ "$(alice node1 cat /tmp/alice/copper/etc/hostname)" = "$(</etc/hostname)" ]
}

# refused TEXT [option]: alice cannot launch on node1, and is told why in one line that names the node.
refused() {
    local text=$1
    shift
    run -1 up_on node1 "$@"
    [[ ${#lines[@]} = 2 && ${lines[1]} == "copper: node1: "*"$text"* ]] || {
        echo "$output"
        return 1
    }
}

@test "a mount's name that the neighbour took first, or could exchange, is refused with the reason" {
    neighbour node1 "mkdir -m 755 /tmp/alice"
    refused "/tmp/alice belongs to another user (uid $(id -u games)); choose another mount with -v"
    neighbour node1 "rmdir /tmp/alice; mkdir -p /tmp/trap/copper; chmod 777 /tmp/trap/copper; ln -s trap /tmp/alice"
    refused "/tmp/alice is a symbolic link in a directory that anybody may write to"
    neighbour node1 "rm /tmp/alice"
    # In a directory of the neighbour, however deep; in one that he may write to.
    refused "/tmp/trap belongs to another user" -v /tmp/trap/copper/m
    on node1 sh -c 'chown -R alice /tmp/trap; chmod 777 /tmp/trap; mkdir -m 700 /tmp/trap/u; chown alice /tmp/trap/u'
    refused "/tmp/trap has mode 0777: others may exchange what is in it" -v /tmp/trap/u/m
    # What is alice's own, but open, is told, not repaired.
    alice node1 mkdir -m 775 /tmp/alice
    alice node1 chmod 775 /tmp/alice
    refused "/tmp/alice has mode 0775"
    run -1 alice node1 copper doctor
    [[ $output == *"BAD  mount directory /tmp/alice/copper: /tmp/alice has mode 0775"* ]]
    alice node1 chmod 755 /tmp/alice
    up
}

@test "copper run starts nothing with a mount that others could exchange" {
    up
    on node1 chmod 777 /tmp/alice
    run -125 alice node1 copper run true
    [[ $output == "copper: run: /tmp/alice has mode 0777: "* ]]
    on node1 chmod 700 /tmp/alice
    run -0 alice node1 copper run true
}

@test "where the neighbour has taken the run directory's name, another one is used and found again" {
    local uid
    uid=$(alice node1 id -u)
    for node in login node1; do
        neighbour "$node" "mkdir -m 755 /tmp/copper-$uid; mkdir -m 755 /tmp/copper-$uid.aaaaaa"
    done
    up -l 1
    for node in login node1; do
        [ "$(on "$node" sh -c "stat -c '%a %U' /tmp/copper-$uid.*/ | sort")" = $'700 alice\n755 games' ]
    done
    # Logs that would have gone into it.
    on node1 sh -c "ls /tmp/copper-$uid.*/logs/copperd-node1-*.log"
    on node2 sh -c "ls /tmp/copper-$uid/logs/copperd-node2-*.log"
    [ -z "$(on node1 ls -A "/tmp/copper-$uid")" ]
    [[ $(alice login copper status --all) == *"2 of 2 nodes ready"* ]]
    # The name comes free in the middle of the job.
    neighbour node1 "rmdir /tmp/copper-$uid"
    [[ $(alice node1 copper status --all) == *"2 of 2 nodes ready"* ]]
    run -1 up
    [[ $output == *"already runs on /tmp/alice/copper"* ]]
    run -0 alice login stop_copper.sh
    [ "$output" = "copper: stopped on 2 nodes" ]
}

# files NODE DIRECTORY: names and sizes of what is alice's there.
files() {
    on "$1" find "$2" -maxdepth 1 -user alice -type f -printf '%f %m\n' | sort
}

@test "-d in a directory of the neighbour: what he has put there is not written to, nor waited for" {
    neighbour node1 "mkdir -m 777 /tmp/logs; chmod 777 /tmp/logs"
    # alice's files that he would like to have overwritten, or his own, which he reads.
    alice node1 sh -c 'echo precious >~/precious; chmod 644 ~/precious'
    for name in node1.stats.jsonl node1.profile.json; do
        for how in "ln -s ~alice/precious" "mkfifo" "mkdir" "touch"; do
            neighbour node1 "${how/\~alice/$(alice node1 sh -c 'echo $HOME')} /tmp/logs/$name"
            refused "/tmp/logs/$name is there and not a file of this user alone" -d /tmp/logs -I 1 -P
            neighbour node1 "rm -rf /tmp/logs/$name"
        done
    done
    on node1 ln "$(alice node1 sh -c 'echo $HOME')/precious" /tmp/logs/node1.profile.json 2>/dev/null ||
        on node1 sh -c 'touch /tmp/logs/x; chown alice /tmp/logs/x; ln /tmp/logs/x /tmp/logs/node1.profile.json'
    refused "/tmp/logs/node1.profile.json is there and not a file of this user alone" -d /tmp/logs -P
    on node1 rm -f /tmp/logs/node1.profile.json /tmp/logs/x
    # His link instead of the directory.
    neighbour node1 "ln -s /tmp/alice /tmp/logs/there"
    refused "/tmp/logs/there is a symbolic link and belongs to another user" -d /tmp/logs/there -l 1
    # With nothing of his in the way it is written, for alice alone; what he puts there later is not.
    up -d /tmp/logs -l 1 -I 1 -P
    until_true on node1 test -s /tmp/logs/node1.stats.jsonl
    until_true on node1 test -s /tmp/logs/node1.profile.json
    [ "$(files node1 /tmp/logs | sed 's/-[0-9a-f]*\.log/-ID.log/')" = "copperd-node1-ID.log 600
node1.profile.json 600
node1.stats.jsonl 600" ]
    neighbour node1 "mkfifo /tmp/logs/node1.profile.json.new"
    alice login stop_copper.sh
    # The report has them now.
    [ "$(files node1 /tmp/logs | sed 's/-[0-9a-f]*\.log/-ID.log/')" = "copperd-node1-ID.log 600" ]
    [ "$(alice node1 sh -c 'cat ~/precious')" = precious ]
}

# port: of the job.
port() {
    alice login sh -c 'sed -n "s/^port //p" /tmp/copper-*/*.job'
}

# take_ports NODE FIRST LAST: the neighbour listens there on all of these that are free, $taken of
# them, until let_ports_go.
take_ports() {
    local said
    coproc as_user games "$1" /usr/bin/python3 -I -c '
import resource, socket, sys, time
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
taken = []
for port in range(int(sys.argv[1]), int(sys.argv[2]) + 1):
    s = socket.socket(socket.AF_INET6)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        s.bind(("::", port))
        s.listen()
        taken.append(s)
    except OSError:
        s.close()
print(len(taken), flush=True)
sys.stdin.readline()' "$2" "$3" 3>&-
    taker=$COPROC_PID
    exec {taker_from}<&"${COPROC[0]}" {taker_to}>&"${COPROC[1]}"
    read -r said <&"$taker_from"
    taken=$said
}

let_ports_go() {
    echo >&"$taker_to"
    exec {taker_to}>&- {taker_from}<&-
    wait "$taker" || true
}

@test "the port is the job's while its daemon is killed and started again" {
    local port super old
    up -k 1
    port=$(port)
    old=$(daemon node1)
    super=$(supervisor node1)
    # The moment between two daemons, held on.
    on node1 kill -STOP "$super"
    on node1 kill -9 "$old"
    take_ports node1 "$port" "$port"
    on node1 kill -CONT "$super"
    let_ports_go
    [ "$taken" = 0 ]
    [ "$(alice node1 cat /tmp/alice/copper/etc/hostname)" = "$(</etc/hostname)" ]
    [[ $(alice node1 copper status) == *"restarts    1: "* ]]
    # From the other node it is reached there.
    until_true eval '[[ $(alice login copper status --all) == *"2 of 2 nodes ready"* ]]'
}

@test "all of the usual ports are taken: another one is used, and said; a port that was asked for is not exchanged" {
    local port
    take_ports node1 20000 31999
    [ "$taken" -gt 11000 ]
    run -0 up
    port=$(port)
    [[ ${lines[0]} =~ ^"copper: node1: port "[23][0-9]{4}" is in use: trying another"$ ]]
    [[ ${lines[1]} == "copper: 2 nodes ready at "* ]]
    [ "$port" -lt 20000 ] || [ "$port" -gt 31999 ]
    alice login stop_copper.sh
    refused "port 20001 is in use on this host: choose another with -p" -p 20001
    let_ports_go
    [ -z "$(on node2 sh -c 'ls /tmp/copper-*/*.lock 2>/dev/null')" ]
}

@test "at a name's first address somebody else listens, and says nothing: the next one is used, and it is logged" {
    local eth name
    eth=$(on node1 sh -c 'ip -o addr show to 10.77.0.1 | cut -d " " -f 2')
    on node1 ip addr add 10.77.0.3/24 dev "$eth"
    # The file of all nodes, which is bound: it must stay the same file.
    cp "$CLUSTER_DIR/etc/hosts" "$WORK/hosts"
    { echo 10.77.0.3 node1; cat "$WORK/hosts"; } >"$CLUSTER_DIR/etc/hosts"
    coproc as_user games node1 /usr/bin/python3 -I -c '
import socket, sys
s = socket.socket()
s.bind(("10.77.0.3", 20202))
s.listen()
kept = [s, print("listens", flush=True)]
sys.stdin.readline()' 3>&-
    taker=$COPROC_PID
    exec {taker_from}<&"${COPROC[0]}" {taker_to}>&"${COPROC[1]}"
    read -r name <&"$taker_from"
    up -n "tcp:$eth" -p 20202 -l 1
    [[ $(alice node2 copper status) == *"tree 0      interior, parent node1"* ||
        $(alice node2 copper status) == *"parent node1"* ]]
    on node2 sh -c 'cat /tmp/copper-*/logs/copperd-node2-*.log' >"$WORK/log"
    grep "cannot join node1 10.77.0.3:20202: no proof of the job's key in time" "$WORK/log"
    alice login copper status
    # Both have a first address at which nobody is: commands from outside go on to the next, as daemons do.
    { printf '10.77.0.%s\n' "250 node1" "251 node2"; cat "$WORK/hosts"; } >"$CLUSTER_DIR/etc/hosts"
    alice login copper status
    run -0 alice login stop_copper.sh
    [[ $output == *"stopped on 2 nodes"* ]]
    let_ports_go
    on node1 ip addr del 10.77.0.3/24 dev "$eth"
    cat "$WORK/hosts" >"$CLUSTER_DIR/etc/hosts"
}

# not_there NODE PATH...: in alice's view, neither as a name to look up nor as one that is listed.
not_there() {
    local node=$1
    shift
    # shellcheck disable=SC2016
    alice "$node" sh -c '
        for path; do
            said=$(LC_ALL=C ls -d "/tmp/alice/copper$path" 2>&1) && bad="$bad $path" # it is found
            case $said in
            *": No such file or directory") ;;
            *) bad="$bad $said" ;;
            esac
            listed=$(ls -A "/tmp/alice/copper${path%/*}" 2>&1)
            ! printf "%s\n" "$listed" | grep -qxF -- "${path##*/}" || bad="$bad $path is listed"
        done
        echo "$bad"
        [ -z "$bad" ]' sh "$@"
}

@test "secrets are not served, to no node, by no name in the view, unless --serve asks for them" {
    local home
    home=$(alice node1 sh -c 'echo $HOME')
    alice node1 sh -c 'mkdir -p ~/.ssh ~/.config/gcloud ~/bin ~/.config/pip /tmp/ssh-XX12 /tmp/krb5cc_10001_a /tmp/env
        echo secret | tee ~/.ssh/id_rsa ~/.netrc ~/.config/gcloud/token /tmp/krb5cc_10001 /tmp/ssh-XX12/agent.1 >/dev/null
        ln -sfn .ssh ~/link; ln -sfn ../.ssh/id_rsa ~/bin/key; echo open | tee ~/bin/open ~/.config/pip/open /tmp/env/open >/dev/null'
    up
    for node in node1 node2; do # the root, which reads storage, and one that asks it
        not_there "$node" /run /var /root "$home/.ssh" "$home/.netrc" "$home/.config/gcloud" \
            /tmp/krb5cc_10001 /tmp/krb5cc_10001_a /tmp/ssh-XX12 "/tmp/copper-$(alice "$node" id -u)"
        for path in "$home/.ssh/id_rsa" "$home/link/id_rsa" "$home/bin/key" /tmp/ssh-XX12/agent.1; do
            run -1 alice "$node" cat "/tmp/alice/copper$path"
        done
        for path in "$home/bin/open" "$home/.config/pip/open" /tmp/env/open; do
            [ "$(alice "$node" cat "/tmp/alice/copper$path")" = open ]
        done
        run ! alice "$node" grep -rs secret "/tmp/alice/copper$home" /tmp/alice/copper/tmp
    done
    run -0 alice node2 copper doctor
    [[ $output == *"not served (--serve asks for it):"*"/run, /var, /root"*".ssh"* ]]
    alice login stop_copper.sh
    up --serve "/,$home/.ssh,/var/log"
    [ "$(alice node2 cat "/tmp/alice/copper$home/link/id_rsa")" = secret ]
    alice node2 ls /tmp/alice/copper/var/log >/dev/null
    [ "$(alice node2 ls -A /tmp/alice/copper/var)" = log ]
    not_there node2 /run "$home/.netrc" /var/lib
}

@test "--serve, and serve in copper.conf: nothing else is there, not even as a name" {
    local home
    home=$(alice node1 sh -c 'echo $HOME')
    alice node1 sh -c 'mkdir -p ~/bin; echo open >~/bin/open; echo open >~/other
        ln -s bin ~/tools'
    up --serve "/usr/lib/,$home/tools" # where a link leads is served, too
    [ "$(alice node2 ls -A /tmp/alice/copper/usr)" = lib ]
    [ "$(alice node2 ls -A "/tmp/alice/copper$home")" = bin$'\n'tools ]
    [ "$(alice node2 cat "/tmp/alice/copper$home/tools/open")" = open ]
    cmp <(alice node2 ls -A /tmp/alice/copper/usr/lib) <(ls -A /usr/lib)
    not_there node2 /etc /usr/bin "$home/other"
    run -1 alice node2 cat "/tmp/alice/copper$home/other"
    [[ $(alice node2 copper doctor) == *"served (--serve): /usr/lib,$home/tools,$home/bin"* ]]
    alice login stop_copper.sh
    mkdir -p "${WORK}/etc"
    echo 'serve = /etc' >"$WORK/etc/copper.conf"
    up
    [ "$(alice node2 ls -A /tmp/alice/copper)" = etc ]
    rm -r "${WORK:?}/etc"
    run -2 alice login launch_copper.sh --serve lus
    [[ $output == 'copper: --serve: "lus" is not a list of what is served; allowed are up to 64 absolute paths'* ]]
}

@test "stop from a node asks each silent host of the job, and no other" {
    local frozen
    up -k 1
    frozen=$(daemon node2)
    on node2 kill -STOP "$frozen"
    printf '#!/bin/sh\necho "$1" >>%s/contacted\nexec %s/rsh "$@"\n' "$WORK" "$WORK/bin" >"$WORK/bin/noting"
    chmod 755 "$WORK/bin/noting"
    touch "$WORK/contacted"
    chmod 666 "$WORK/contacted"
    run -0 as_user alice node1 env COPPER_RSH="$WORK/bin/noting" "$WORK/bin/stop_copper.sh"
    [ "$(sort -u "$WORK/contacted")" = node2 ]
    until_true eval '[ -z "$(daemon node2)" ]'
}
