# Launchers over a real sshd on each node, as an ordinary user whose home all nodes share: ssh, clush,
# pdsh, MPICH's Hydra, Open MPI.
# SPDX-License-Identifier: BSD-3-Clause

setup_file() {
    load launch.bash
    skip_unless_root_fuse
    for tool in sshd ssh ssh-keygen; do
        [ -x "$(command -v "$tool")" ] || [ -x "/usr/sbin/$tool" ] || skip "needs $tool"
    done
    cluster_up -n 4
    set_up_nodes
}

set_up_nodes() {
    sshd_up
}

# sshd_up: on all nodes, for alice, with a key in her home.
sshd_up() {
    local dir=$CLUSTER_DIR/home/sshd node
    mkdir "$dir"
    ssh-keygen -q -t ed25519 -N '' -f "$dir/host"
    printf '%s\n' "HostKey $dir/host" "UsePAM no" "StrictModes no" "KexAlgorithms curve25519-sha256" "MaxStartups 100" \
        "AuthorizedKeysFile .ssh/authorized_keys" "PidFile none" "PasswordAuthentication no" >"$dir/config"
    # shellcheck disable=SC2016
    as_user alice login sh -ec 'mkdir -m 700 ~/.ssh
        ssh-keygen -q -t ed25519 -N "" -f ~/.ssh/id_ed25519
        cp ~/.ssh/id_ed25519.pub ~/.ssh/authorized_keys
        printf "%s\n" "StrictHostKeyChecking no" "UserKnownHostsFile /dev/null" "LogLevel ERROR" >~/.ssh/config
        chmod 600 ~/.ssh/config
        # What a login prints must not count.
        echo "echo Welcome to the cluster" >~/.bashrc'
    for node in node1 node2 node3 node4; do
        # What sanitizers are told reaches daemons that sshd starts, too.
        sed "s/%NODE%/$node/g" "$CLUSTER_DIR/environment" 2>/dev/null | xargs -r echo SetEnv |
            cat "$dir/config" - >"$dir/config.$node"
        on "$node" sh -c 'mkdir -p -m 755 /run/sshd && exec /usr/sbin/sshd -f "$1"' sh "$dir/config.$node"
    done
}

teardown_file() {
    load launch.bash
    cluster_down
}

setup() {
    load launch.bash
    view=/tmp/alice/copper
}

teardown() {
    renew_after_failure open_and_stop
}

open_and_stop() {
    on node4 nft flush ruleset && by ssh stop_copper.sh -H "$nodes" >/dev/null && nothing_left
}

# by LAUNCHER PROGRAM [ARGUMENT...]: as alice on the login node.
by() {
    local launcher=$1 program=$2
    shift 2
    as_user alice login env COPPER_LAUNCHER="$launcher" "${settings[@]}" timeout "$PATIENCE" "$COPPER_BIN/$program" "$@" </dev/null
}

# works LAUNCHER [HOW]: launch, read, a second daemon is refused, a failure is named with its reason, stop; and
# nothing of it is left in the home that all share. HOW the stop reaches the nodes: "frozen": first through the
# tree, which waits some seconds for a frozen daemon, and then by the launcher to that one; else by the launcher to all.
works() {
    local launcher=$1 how=${2:-all} node
    run -0 by "$launcher" launch_copper.sh -H "$nodes" -s "$PATIENCE"
    echo "$output"
    [[ $output =~ ^"copper: 4 nodes ready at $view in "[0-9.]+" s"$ ]]
    for node in node1 node2 node3 node4; do
        [ "$(as_user alice "$node" cat "$view/etc/hostname")" = "$(cat /etc/hostname)" ]
    done
    # As where this host reaches no port of the nodes: asked by the launcher.
    as_user alice login sh -c 'sed -i "s/^relay no$/relay yes/" /tmp/copper-*/*.job && grep -qx "relay yes" /tmp/copper-*/*.job'
    run -0 by "$launcher" copper stats --nodes
    [[ $output == "4 nodes"*$'\n'"node4 "* ]]
    as_user alice login sh -c 'sed -i "s/^relay yes$/relay no/" /tmp/copper-*/*.job'
    if [ "$how" = frozen ]; then
        on node3 kill -STOP "$(daemon node3)"
        run -0 by "$launcher" stop_copper.sh
    else
        # The job is stopped from another login, which knows of no daemon that answers.
        as_user alice login sh -c 'rm /tmp/copper-*/*.job'
        run -0 by "$launcher" stop_copper.sh -H "$nodes"
    fi
    echo "$output"
    [ "$output" = "copper: stopped on 4 nodes" ]
    nothing_left
    # One host is none, on another the mount is not possible.
    as_user alice node2 sh -c 'mkdir -m 700 -p /tmp/alice && touch /tmp/alice/copper'
    run -1 by "$launcher" launch_copper.sh -H "$nodes" -s 20
    echo "$output"
    as_user alice node2 rm /tmp/alice/copper
    [[ $output == *"copper: node2: "*"$view"* && $output != *"node3: "* && $output != *Welcome* ]]
    nothing_left
    [ -z "$(as_user alice login sh -c 'ls -A ~ | grep "^\.copper"')" ]
}

@test "ssh" {
    settings=(X=1)
    works ssh frozen
    run -1 by ssh launch_copper.sh -H node1,node9
    [[ $output == *"copper: node9: no answer from rsh: "*"node9"* ]]
}

@test "ssh: nodes start others; where they may not, the launching host does" {
    settings=(COPPER_RSH_PARTS=2 COPPER_DEBUG=1)
    works ssh
    run -1 by ssh launch_copper.sh -H node1,node2,node9
    [[ $output == *"copper: node9: no answer from rsh: "*"node9"* && $output != *"node2: "* ]]
    as_user alice login sh -c 'printf "%s\n" "Match exec \"[ \$(uname -n) != login ]\"" "IdentityFile /dev/null" "IdentitiesOnly yes" >>~/.ssh/config'
    run -0 by ssh launch_copper.sh -H "$nodes"
    [[ $output == *"copper: node1 cannot start node2: no answer from rsh: "*"Permission denied"* ]]
    [[ ${lines[-1]} == "copper: 4 nodes ready at $view in "* ]]
    run -0 by ssh stop_copper.sh
    as_user alice login sh -c 'sed -i "/^Match/,\$d" ~/.ssh/config'
}

@test "clush" {
    command -v clush >/dev/null || skip "needs clush"
    settings=(X=1)
    works clush
    run -1 by clush launch_copper.sh -H node1,node9
    [[ $output == *"copper: node9: ssh: "* && $output != *"node1: "* ]]
}

@test "pdsh" {
    command -v pdsh >/dev/null || skip "needs pdsh"
    settings=(X=1)
    works pdsh
    run -1 by pdsh launch_copper.sh -H node1,node9
    [[ $output == *"copper: node9: ssh: "* && $output != *"node1: "* ]]
    # The description of the job, with its key, is shared through a directory that all nodes see.
    settings=(COPPER_SHARED=/tmp)
    run -1 by pdsh launch_copper.sh -H node1,node2
    [[ $output == *"copper: node1: /tmp/.copper."*"COPPER_SHARED must name a directory that all nodes see"* ]]
}

@test "MPICH's mpiexec" {
    command -v mpiexec.hydra >/dev/null || skip "needs mpiexec.hydra"
    # The user's limits and placement are for programs of the job.
    settings=(COPPER_MPIEXEC=mpiexec.hydra MPIEXEC_TIMEOUT=1 HYDRA_BINDING=core HYDRA_USE_PREPEND=1 I_MPI_PERHOST=2)
    works mpiexec frozen
    # Hydra does not end when it does not reach a host; the launch does.
    run -1 by mpiexec launch_copper.sh -H node1,node9 -s 600
    [[ $output == *"copper: node9: ssh: Could not resolve hostname node9: "* && $output != *"node1: "* ]]
}

@test "Open MPI's mpirun, also where it is the mpiexec" {
    command -v mpirun.openmpi >/dev/null || skip "needs mpirun.openmpi"
    settings=(OMPI_MCA_rmaps=rank_file OMPI_MCA_rmaps_base_n_pernode=2 OMPI_MCA_hwloc_base_binding_policy=core)
    works prterun
    settings=(COPPER_MPIEXEC=mpiexec.openmpi)
    run -0 by mpiexec launch_copper.sh -H node1,node2
    [[ $output == "copper: 2 nodes ready"* ]]
}

# goes_on LAUNCHER: without hosts that ssh does not reach, and at once, not at the time limit; each is named with the
# reason, and nothing else is said. When fewer may be missing, they are what is said.
goes_on() {
    local line
    run --separate-stderr by "$1" launch_copper.sh -H "$nodes,node9" --allow-missing 2 -s 600
    echo "$1: $output" "$stderr"
    [ "$status" = 0 ]
    [[ $output == "copper: 3 of 5 nodes ready at $view in "*"copper: up: node[1-3]"*"copper: missing: node[4,9]" ]]
    # shellcheck disable=SC2154 # bats
    [ "${#stderr_lines[@]}" = 2 ]
    [[ ${stderr_lines[0]} == "copper: went on without node4: "*"ssh: connect to host node4 port 22: Connection refused" ]]
    [[ ${stderr_lines[1]} == "copper: went on without node9: "*"ssh: Could not resolve hostname node9: "*[a-z] ]]
    run -0 by "$1" stop_copper.sh
    [ "$output" = "copper: stopped on 3 nodes; the launch had gone on without node[4,9]" ]
    run --separate-stderr by "$1" launch_copper.sh -H "$nodes,node9" --allow-missing 1 -s 600
    echo "$output" "$stderr"
    [ "$status" = 1 ]
    [[ $stderr == *"copper: node"[49]": "*"ssh: "* && $stderr != *"node1: "* && $stderr != *Terminated* ]]
}

@test "--allow-missing: with each launcher, hosts that ssh does not reach" {
    local launcher
    settings=(COPPER_MPIEXEC=mpiexec.hydra)
    on node4 nft -f - <<'END'
table inet filter {
    chain input { type filter hook input priority 0; tcp dport 22 reject with tcp reset; }
}
END
    for launcher in ssh clush pdsh mpiexec prterun; do
        case $launcher in
        mpiexec) there_is mpiexec.hydra || continue ;;
        prterun) there_is mpirun.openmpi || continue ;;
        *) there_is "$launcher" || continue ;;
        esac
        goes_on "$launcher"
    done
    on node4 nft flush ruleset
    nothing_left
    skip_what_is_missing
}

log_is_whole() {
    grep -q "2 nodes ready" "$1" && grep -q ' node="node1" ' "$1" && grep -q ' node="node2" ' "$1"
}

@test "-t stdout: with each launcher, the log of all nodes" {
    local launcher
    settings=(COPPER_MPIEXEC=mpiexec.hydra)
    for launcher in ssh clush pdsh mpiexec prterun; do
        case $launcher in
        mpiexec) there_is mpiexec.hydra || continue ;;
        prterun) there_is mpirun.openmpi || continue ;;
        *) there_is "$launcher" || continue ;;
        esac
        by "$launcher" launch_copper.sh -l 1 -t stdout -H node1,node2 >"$CLUSTER_DIR/home/log" 2>&1 3>&-
        by "$launcher" stop_copper.sh
        # The launcher passes the last lines on after the daemons have ended.
        until_true log_is_whole "$CLUSTER_DIR/home/log" || cat "$CLUSTER_DIR/home/log"
        log_is_whole "$CLUSTER_DIR/home/log"
        run ! grep -i 'broken pipe\|write error' "$CLUSTER_DIR/home/log"
    done
    skip_what_is_missing
}

# without_input LAUNCHER: the job description does not come by standard input; the launch shares it through a
# file, says so, and leaves nothing of it in the home that all share.
without_input() {
    run -0 --separate-stderr by "$1" launch_copper.sh -H "$nodes"
    echo "$output" "$stderr"
    [[ $output == "copper: 4 nodes ready at $view in "* ]]
    [[ $stderr == "copper: node"[1-4]": no job description arrives on standard input: sharing it through a file in the home directory" ]]
    [ "$(as_user alice node4 cat "$view/etc/hostname")" = "$(cat /etc/hostname)" ]
    [ -z "$(as_user alice login sh -c 'ls -A ~ | grep "^\.copper"')" ]
    run -0 by "$1" stop_copper.sh
    [ "$output" = "copper: stopped on 4 nodes" ]
    nothing_left
}

@test "standard input does not reach the daemons: ssh -n, rc files that read it, pdsh" {
    local rc=$CLUSTER_DIR/home/alice/.bashrc
    settings=(COPPER_RSH="ssh -n")
    without_input rsh
    # Told before, or where no directory is shared: no second attempt.
    settings+=(COPPER_INPUT_BY=file)
    run -0 --separate-stderr by rsh launch_copper.sh -H node1,node2
    [ -z "$stderr" ]
    by rsh stop_copper.sh
    settings=(COPPER_RSH="ssh -n" COPPER_SHARED=/tmp)
    run -1 by rsh launch_copper.sh -H node1,node2
    echo "$output"
    [[ $output == *"copper: node1: /tmp/.copper."*" cannot be read here: No such file or directory (COPPER_SHARED must name a directory that all nodes see)"* ]]
    nothing_left
    settings=(X=1)
    cp "$rc" "$BATS_TEST_TMPDIR/rc"
    echo 'read -r line' >>"$rc"
    without_input ssh
    if there_is clush; then
        echo 'cat >/dev/null' >>"$rc"
        without_input clush
    fi
    cat "$BATS_TEST_TMPDIR/rc" >"$rc"
    if there_is pdsh; then
        settings=(COPPER_RSH="pdsh -N -S -R ssh -w")
        without_input rsh
    fi
    skip_what_is_missing
}

# login_shell PATH: alice's, on all nodes. The file stays the same: it is mounted there.
login_shell() {
    sed "/^alice:/s|[^:]*\$|$1|" "$CLUSTER_DIR/etc/passwd" >"$BATS_TEST_TMPDIR/passwd"
    cat "$BATS_TEST_TMPDIR/passwd" >"$CLUSTER_DIR/etc/passwd"
}

@test "login shells that are no POSIX shells: tcsh and fish, also of the nodes that start others" {
    local shell before parts view="/tmp/alice/it's a \$HOME!" home=$CLUSTER_DIR/home/alice
    before=$(sed -n 's/^alice:.*://p' "$CLUSTER_DIR/etc/passwd")
    # What their start-up files print must not count, either.
    as_user alice login sh -c 'echo "echo Welcome to the cluster" | tee ~/.cshrc >~/.profile.fish
        mkdir -p ~/.config/fish && mv ~/.profile.fish ~/.config/fish/config.fish'
    for shell in tcsh fish; do
        there_is "$shell" || continue
        login_shell "$(command -v "$shell")"
        # shellcheck disable=SC2016 # of the shell there
        run -0 as_user alice login ssh node1 "sh -c 'cat /proc/\$PPID/comm'; true"
        [ "${lines[-1]}" = "$shell" ]
        for parts in 0 2; do
            settings=(COPPER_RSH_PARTS="$parts" COPPER_RUN_DIR="/tmp/alice-run of $shell")
            run -0 by ssh launch_copper.sh -H "$nodes" -v "$view"
            echo "$shell, $parts: $output"
            [[ $output == "copper: 4 nodes ready at "*" in "* ]]
            [ "$(as_user alice node4 cat "$view/etc/hostname")" = "$(cat /etc/hostname)" ]
            run -0 by ssh stop_copper.sh -v "$view"
            [ "$output" = "copper: stopped on 4 nodes" ]
        done
        settings=(X=1)
        if command -v clush >/dev/null; then
            run -0 by clush launch_copper.sh -H "$nodes"
            [[ $output == "copper: 4 nodes ready at "*" in "* ]]
            run -0 by clush stop_copper.sh
            [ "$output" = "copper: stopped on 4 nodes" ]
        fi
        nothing_left
    done
    login_shell "$before"
    rm -r "$home/.cshrc" "$home/.config"
    skip_what_is_missing
}

@test "start-up files that start another shell: the reason, and the job's key is not read as a command" {
    local shell launcher seen=$CLUSTER_DIR/home/seen key reason with late line
    local home=$CLUSTER_DIR/home/alice rc=$CLUSTER_DIR/home/alice/.bashrc
    cp "$rc" "$BATS_TEST_TMPDIR/rc"
    mkdir -m 1777 "$seen"
    # What is sent, kept where no shell of alice's writes.
    printf '#!/bin/sh\ncase $* in "${LATE:-none} "*copperd*) exec sleep 600 ;; esac\ntee "%s/$$" | exec ssh "$@"\n' \
        "$seen" >"$CLUSTER_DIR/home/tee-ssh"
    chmod 755 "$CLUSTER_DIR/home/tee-ssh"
    reason='a start-up file of the login shell there starts another shell (as "exec zsh" does), which takes'
    for shell in zsh "zsh -i" dash "dash -i" bash "bash --norc -i" "bash -v" tcsh "tcsh -i" fish "fish -i"; do
        there_is "${shell%% *}" || continue
        for launcher in rsh late parts clush; do
            settings=(COPPER_RSH="$CLUSTER_DIR/home/tee-ssh" COPPER_RSH_PARTS=0)
            case $shell,$launcher in
            *,parts) settings[1]=COPPER_RSH_PARTS=2 ;;
            zsh,late) settings+=(LATE=node4) ;;
            zsh,clush) there_is clush || continue ;;
            *,clush | *,late) continue ;;
            esac
            echo "exec $shell" | cat "$BATS_TEST_TMPDIR/rc" - >"$rc"
            case $launcher in clush) with=clush ;; *) with=rsh ;; esac
            run -1 by "$with" launch_copper.sh -H "$nodes"
            cat "$BATS_TEST_TMPDIR/rc" >"$rc"
            echo "$shell, $launcher: $output"
            # Of the four each has this reason: the launch names those that have ended in its time, its stop the others.
            [[ ${lines[0]} == "copper: not all of 4 nodes are ready after "* ]]
            late=$((4 - $(grep -c '^copper: node[1-4]: ' <<<"$output")))
            [ "$late" = 0 ] || [[ ${lines[-1]} == "copper: $late node"*" could not be cleaned: node"[1-4]": "* ]]
            [ "$launcher" != late ] || [[ ${lines[-1]} == *"stop_copper.sh -H node4" ]]
            for line in "${lines[@]:1}"; do
                [[ $line == *": node"[1-4]": $reason"* ]]
            done
            [[ ! $output =~ (key|copper-job|copper-part) ]]
            if [ "$launcher" != clush ]; then
                key=$(cat "$seen"/* | sed -n 's/^key //p' | head -n 1)
                [ ${#key} = 64 ]
                [[ $output != *$key* ]]
                run ! grep -rF -e "$key" "$home"
                rm "$seen"/*
            fi
            run ! grep -rE '(^|[^a-z])key [0-9a-f]|copper-(job|part) ' "$home"
            nothing_left
        done
    done
    # A daemon that was launched before is not taken for one that has been stopped.
    cp "$BATS_TEST_TMPDIR/rc" "$rc"
    settings=(X=1)
    run -0 by ssh launch_copper.sh -H node1,node2
    as_user alice login sh -c 'rm /tmp/copper-*/*.job'
    echo "exec dash" >>"$rc"
    run -1 by ssh stop_copper.sh -H node1,node2
    echo "$output"
    [[ $output == *"node1: $reason"* ]]
    # As where standard input does not reach it.
    settings=(COPPER_RSH="ssh -n")
    run -1 by rsh stop_copper.sh -H node1,node2
    echo "$output"
    [[ $output == *"node1: its shell has not run the command"* ]]
    settings=(X=1)
    cp "$BATS_TEST_TMPDIR/rc" "$rc"
    run -0 by ssh stop_copper.sh -H node1,node2
    [ "$output" = "copper: stopped on 2 nodes" ]
    skip_what_is_missing
}

@test "clush with the site's topology.conf: a gateway reaches the other nodes, the login node does not" {
    command -v clush >/dev/null || skip "needs clush"
    local home=$CLUSTER_DIR/home/alice
    local conf=$home/.config/clustershell
    as_user alice login mkdir -p "$conf"
    printf '%s\n' '[routes]' 'login: node1' 'node1: node[2-4]' >"$conf/topology.conf"
    # A gateway of ClusterShell takes no other output for its own.
    mv "$home/.bashrc" "$BATS_TEST_TMPDIR/rc"
    cp "$home/.ssh/config" "$BATS_TEST_TMPDIR/config"
    printf '%s\n' 'Match host node2,node3,node4 exec "[ $(uname -n) = login ]"' 'ProxyCommand false' >>"$home/.ssh/config"
    run ! as_user alice login ssh node2 true
    settings=(CLUSTERSHELL_CFGDIR="$conf")
    works clush
    run -1 by clush launch_copper.sh -H node1,node2,node9
    echo "$output"
    [[ $output == *node9* && $output != *"node1: "* ]]
    cat "$BATS_TEST_TMPDIR/config" >"$home/.ssh/config"
    cp "$BATS_TEST_TMPDIR/rc" "$home/.bashrc"
    rm -r "$home/.config"
}

@test "a launcher of the site's own, outside the prefix, by path and in copper.conf" {
    local own=$CLUSTER_DIR/home/own prefix=$CLUSTER_DIR/home/sw
    # The example of docs/launchers.md, as it stands there.
    sed -n '/^```sh$/,/^```$/p' "$BATS_TEST_DIRNAME/../../docs/launchers.md" | sed '/^```/d' >"$own"
    chmod 755 "$own"
    settings=(X=1)
    run -0 by "$own" launch_copper.sh -H "$nodes"
    [[ $output == "copper: 4 nodes ready"* ]]
    run -0 by "$own" stop_copper.sh
    [ "$output" = "copper: stopped on 4 nodes" ]
    cmake --install "$COPPER_BIN" --prefix "$prefix" >/dev/null
    mkdir "$prefix/etc"
    echo "launcher = $own" >"$prefix/etc/copper.conf"
    echo "exec >>$CLUSTER_DIR/home/used; echo used" >"$CLUSTER_DIR/home/note"
    sed -i "2i echo used >>$CLUSTER_DIR/home/used.\$(id -un)" "$own"
    chmod 777 "$CLUSTER_DIR/home"
    COPPER_BIN=$prefix/bin
    run -0 by "" launch_copper.sh -H "$nodes"
    [[ $output == "copper: 4 nodes ready"* ]]
    run -0 by "" stop_copper.sh
    [ "$output" = "copper: stopped on 4 nodes" ]
    [ "$(cat "$CLUSTER_DIR/home/used.alice")" = used ]
    # The environment goes before the file; what is none is named.
    run -0 by ssh launch_copper.sh -H node1
    run -0 by ssh stop_copper.sh
    [ "$(cat "$CLUSTER_DIR/home/used.alice")" = used ]
    echo "launcher = none" >"$prefix/etc/copper.conf"
    run -2 by "" launch_copper.sh -H node1
    [[ $output == "copper: $prefix/etc/copper.conf: launcher: \"none\" is not a launcher in "* ]]
    run -2 by none2 launch_copper.sh -H node1
    [[ $output == 'copper: COPPER_LAUNCHER: "none2" is not a launcher in '* ]]
}
