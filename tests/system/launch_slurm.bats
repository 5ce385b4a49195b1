# The launcher inside a Slurm job: one daemon a node, in a step that outlives the script and dies with
# the job.
# SPDX-License-Identifier: BSD-3-Clause

setup_file() {
    load launch.bash
    skip_unless_root_fuse
    for tool in srun sbatch slurmd slurmctld munged; do
        command -v "$tool" >/dev/null || skip "needs $tool"
    done
    cluster_up -n 4
    "$CLUSTER_BIN/cluster" slurm up "$CLUSTER_DIR" 3>&-
}

teardown_file() {
    load launch.bash
    cluster_down
}

setup() {
    load launch.bash
    work=$CLUSTER_DIR/home/s
    # Jobs have the time of launch(), too, unless they say -s.
    mkdir -p "$work/timed"
    printf '#!/bin/sh\nexec %s/launch_copper.sh -s %s "$@"\n' "$COPPER_BIN" "$PATIENCE" >"$work/timed/launch_copper.sh"
    chmod +x "$work/timed/launch_copper.sh"
    programs=$work/timed:$COPPER_BIN
}

teardown() {
    on login sh -c 'scancel -u root; squeue -h | grep -q . && srun -N4 -n4 -t 1 true || true'
    rm -rf "$work"
    nothing_left
}

# batch OPTION... : runs standard input as a job, prints its output; fails as the job does.
# Not "sbatch --wait", which looks every ten seconds.
batch() {
    local status
    { printf '#!/bin/sh\nPATH=%s:$PATH\n(\n' "$programs"; cat
        printf ')\necho $? >%s/ended\n' "$work"; } >"$work/job"
    mkfifo "$work/ended"
    on login sbatch -Q -o "$work/out" "$@" "$work/job" >/dev/null
    read -r -t "$PATIENCE" status <"$work/ended"
    rm "$work/ended"
    cat "$work/out"
    return "$status"
}

@test "hosts from Slurm: one daemon a node, though the job has two tasks a node" {
    run -0 batch -N 4 --ntasks-per-node=2 <<'END'
said=$(launch_copper.sh 2>&1) || exit 1
echo "$said"
srun -Q -N4 -n4 --overlap cat /tmp/root/copper/etc/hostname
srun -Q -N4 -n4 --overlap sh -c '"$0" | wc -l' "$CLUSTER_BIN/daemons"
copper run srun -Q -N4 -n4 --overlap sh -c 'echo "$LD_PRELOAD"'
stop_copper.sh
END
    [[ ${lines[0]} == "copper: 4 nodes ready at $mount in "* ]]
    [ "$(grep -cx "$(cat /etc/hostname)" <<<"$output")" = 4 ]
    [ "$(grep -cx 1 <<<"$output")" = 4 ]
    [ "$(grep -cxF "$(realpath "$COPPER_BIN")/isatty.so" <<<"$output")" = 4 ]
    [[ $output == *"copper: stopped on 4 nodes"* ]]
    nothing_left
}

@test "another launcher than srun: the daemons end with the batch script, on all nodes" {
    run -0 batch -N 4 <<END
COPPER_LAUNCHER=rsh COPPER_RSH=$CLUSTER_BIN/rsh launch_copper.sh
srun -Q -n1 -N1 --overlap cat $mount/etc/hostname
END
    [[ $output == "copper: 4 nodes ready at $mount in "*"$(cat /etc/hostname)" ]]
    nothing_left
}

# A scontrol for the daemons, in $work/bin, that notes its calls, and fails while $work/broken is there. $work/asked N
# waits for N further calls.
counting_scontrol() {
    mkdir "$work/bin"
    cat >"$work/bin/scontrol" <<END
#!/bin/sh
echo x >>$work/calls
[ ! -e $work/broken ] || { echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1; }
exec $(command -v scontrol) "\$@"
END
    cat >"$work/asked" <<END
#!/bin/sh
calls=\$(cat $work/calls 2>/dev/null | wc -l)
until [ "\$(cat $work/calls 2>/dev/null | wc -l)" -ge \$((calls + \$1)) ]; do sleep 0.1; done
END
    chmod 755 "$work/bin/scontrol" "$work/asked"
    rsh_that "*) host=\$1; shift; exec $CLUSTER_BIN/rsh \$host env COPPER_LEASE_MS=200 \"\$@\" ;;"
}

# A minute is 200 ms here.
@test "another launcher than srun, from salloc's shell on a login node: the daemons end with the job, and not before" {
    counting_scontrol
    run -0 on login timeout "$PATIENCE" env PATH="$work/bin:$COPPER_BIN:$PATH" COPPER_LAUNCHER=rsh COPPER_RSH="$rsh" \
        salloc -Q -N 2 sh -c '
        launch_copper.sh -s 150 || exit 1
        "$0/asked" 3
        copper status --all
        touch "$0/broken"
        "$0/asked" 3
        copper status --all
        rm "$0/broken"' "$work"
    echo "$output"
    [[ $output == "copper: 2 nodes ready at $mount in "*"2 of 2 nodes ready"*"2 of 2 nodes ready"* ]]
    traceless node1 node2 node3 node4
    on login sh -c 'rm -f /tmp/copper-0/*.job; rmdir /tmp/copper-0'
}

@test "another launcher than srun, in a step: the daemons outlive the step and end with the job" {
    counting_scontrol
    run -0 batch -N 2 <<END
srun -Q -n1 -N1 --overlap sh -c 'PATH=$work/bin:\$PATH COPPER_LAUNCHER=rsh COPPER_RSH=$rsh exec launch_copper.sh -s 150'
$work/asked 3
copper status --all
END
    echo "$output"
    [[ $output == *"2 of 2 nodes ready"* ]]
    nothing_left
}

@test "the daemons outlive the script that launched them and die with the job" {
    run -0 batch -N 3 <<'END'
sh -c launch_copper.sh || exit 1
srun -Q -N3 -n3 --overlap cat /tmp/root/copper/etc/hostname
END
    [ "$(grep -cx "$(cat /etc/hostname)" <<<"$output")" = 3 ]
    # The next job starts when the nodes are free: when all steps have ended.
    on login timeout "$PATIENCE" srun -Q -N4 -n4 --exclusive true
    nothing_left
}

@test "a job that is cancelled leaves nothing" {
    mkfifo "$work/ready"
    printf '#!/bin/sh\n%s/timed/launch_copper.sh >%s/ready\nsleep 600\n' "$work" "$work" >"$work/job"
    job=$(on login sbatch --parsable -N 4 -o /dev/null "$work/job")
    read -r -t "$PATIENCE" said <"$work/ready"
    [[ $said == "copper: 4 nodes ready"* ]]
    on login scancel "$job"
    on login timeout "$PATIENCE" srun -Q -N4 -n4 --exclusive true
    nothing_left
}

@test "some nodes of the job only, and one that is not of it" {
    run -1 batch -N 3 <<'END'
launch_copper.sh -H node3,node2 || exit 3
copper status --all
stop_copper.sh
launch_copper.sh -H node2,node9
END
    [[ $output == *"copper: 2 nodes ready"*"2 of 2 nodes ready"*"copper: stopped on 2 nodes"* ]]
    [[ $output == *"copper: node9: not a node of the Slurm job "* ]]
}

@test "a daemon that cannot start is named, with its own words" {
    on node2 sh -c 'mkdir -p -m 700 /tmp/root; touch /tmp/root/copper'
    run -1 batch -N 4 <<'END'
launch_copper.sh -s 150
END
    on node2 rm -r /tmp/root
    [[ $output == *"copper: node2: "*"/tmp/root/copper"* ]]
    [[ $output != *"copper: node3:"* ]]
}

@test "what the job's options and environment say about tasks does not matter" {
    run -0 batch -N 4 -n 8 --cpus-per-task=2 <<'END'
env SLURM_DISTRIBUTION=cyclic SLURM_KILL_BAD_EXIT=1 SLURM_WAIT=1 SLURM_EXACT=1 SLURM_CPUS_PER_TASK=4 \
    SLURM_MEM_PER_NODE=900 SLURM_NTASKS_PER_TRES=2 SLURM_GPU_BIND=closest SLURM_NO_KILL=1 SLURM_CONSTRAINT=none \
    SLURM_RESV_PORTS=1 SLURM_PROLOG=/bin/false SLURM_TASK_PROLOG=/bin/false SLURM_STDINMODE=none SLURM_SRUN_MULTI=1 \
    SLURM_STDERRMODE=/dev/null SRUN_CONTAINER=/nowhere launch_copper.sh || exit 1
# one daemon dies, the others go on
srun -Q -N1 -n1 -w node3 --overlap sh -c 'kill -9 $("$0")' "$CLUSTER_BIN/daemons"
srun -Q -N1 -n1 -w node4 --overlap cat /tmp/root/copper/etc/hostname
stop_copper.sh
END
    [[ $output == *"$(cat /etc/hostname)"* ]]
    nothing_left
}

@test "--allow-missing: goes on without a node that is down, says which; without it, that is the message" {
    run -0 batch -N 4 --no-kill <<'END'
scontrol update nodename=node3 state=down reason=test
launch_copper.sh -s 150 && exit 3
launch_copper.sh -s 150 --allow-missing 1 || exit 1
srun -Q --overlap -N3 -n3 -w node1,node2,node4 cat /tmp/root/copper/etc/hostname
stop_copper.sh
END
    on login scontrol update nodename=node3 state=resume
    echo "$output"
    [[ $output == *"copper: not all of 4 nodes are ready after "*"copper: node3: is down or does not respond, as Slurm says"* ]]
    [[ $output == *"copper: 3 of 4 nodes ready at $mount in "*"copper: up: node[1-2,4]"*"copper: missing: node3"* ]]
    [[ $output == *"copper: went on without node3: is down or does not respond, as Slurm says"* ]]
    [ "$(grep -cx "$(cat /etc/hostname)" <<<"$output")" = 3 ]
    [[ $output == *"copper: stopped on 3 nodes; the launch had gone on without node3" ]]
}

@test "a heterogeneous job gets Copper on all components, and each step all cores of the job" {
    run -0 batch -N 1 -n 1 -c 2 : -N 2 -n 2 <<'END'
launch_copper.sh || exit 1
srun -Q --het-group=0,1 --overlap cat /tmp/root/copper/etc/hostname
scontrol show step "$SLURM_JOB_ID" | tr '\n' ' '
stop_copper.sh
END
    echo "$output"
    [[ $output == *"copper: 3 nodes ready"* ]]
    [ "$(grep -cx "$(cat /etc/hostname)" <<<"$output")" = 3 ]
    # The job has two cores of the first node, so its step has both.
    [[ $output == *" CPUs=2 Tasks=1 Name=copper "* ]]
    [[ $output == *"copper: stopped on 3 nodes"* ]]
}

# sniff FILE: all packets on node2's network, until the file $work/enough exists.
sniff() {
    rm -f "$work/sniffing" "$work/enough"
    on node2 /usr/bin/python3 -I -c '
import os, select, socket, sys
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 20)
with open(sys.argv[1], "wb") as out:
    open(sys.argv[2] + "/sniffing", "w").close()
    while not os.path.exists(sys.argv[2] + "/enough"):
        if select.select([wire], [], [], 0.02)[0]:
            out.write(wire.recv(1 << 17))
' "$1" "$work" 3>&- &
    sniffer=$!
    until [ -e "$work/sniffing" ]; do kill -0 "$sniffer"; done
}

@test "the job's key crosses no network under Slurm: a credential of munge does" {
    sniff "$work/wire"
    run -0 batch -N 4 <<END
launch_copper.sh --encrypt || exit 1
cp /tmp/copper-0/*.job "$work/job.text"
srun -Q -N4 -n4 --overlap cat /tmp/root/copper/etc/hostname
stop_copper.sh
END
    touch "$work/enough"
    wait "$sniffer"
    key=$(sed -n 's/^key //p' "$work/job.text")
    [ ${#key} = 64 ]
    # The description did cross it, and what stands in the key's place.
    grep -qa "copper-job [0-9]" "$work/wire"
    grep -qa "^munge MUNGE:" "$work/wire"
    run ! grep -qai "$key" "$work/wire"
    run -0 /usr/bin/python3 -c 'import sys
sys.exit(bytes.fromhex(sys.argv[1]) in open(sys.argv[2], "rb").read())' "$key" "$work/wire"
    # Whoever heard the credential and is another user, on a node with the same munge, cannot open it.
    grep -ao '^munge MUNGE:[A-Za-z0-9+/=:]*' "$work/wire" | head -n 1 | cut -d " " -f 2 >"$work/credential"
    on login unmunge -i "$work/credential" -o /dev/null
    # shellcheck disable=SC2016
    run ! on login sh -c 'exec setpriv --reuid=65534 --clear-groups unmunge <"$1"' sh "$work/credential"
    [[ $output == *"Unauthorized"* ]]
}

@test "without munge a launch with --encrypt is refused" {
    run -1 batch -N 2 <<'END'
exec unshare -m sh -c 'mount -t tmpfs none /run/munge; exec launch_copper.sh --encrypt'
END
    [[ $output == *"copper: --encrypt: the launcher would carry the job's key over the network in clear"*"MUNGE: "* ]]
    [[ $output != *"ready"* ]]
    nothing_left
}

@test "a launch host that is no node keeps no key when the job has ended" {
    run -0 on login timeout "$PATIENCE" env PATH="$programs:$PATH" salloc -Q -N 2 sh -c '
        launch_copper.sh && ls /tmp/copper-0/*.job && srun -Q --overlap cat /tmp/root/copper/etc/hostname'
    [[ $output == *"2 nodes ready"*".job"* ]]
    on login timeout "$PATIENCE" srun -Q -N4 -n4 --exclusive true
    nothing_left
}

@test "a login node that reaches no port of the nodes: everything goes through srun" {
    on login nft -f - <<'END'
table inet fw {
    chain c {
        type filter hook output priority 0;
        ip daddr 10.77.0.0/24 tcp dport 20000-31999 drop
    }
}
END
    run on login timeout "$PATIENCE" env PATH="$programs:$PATH" salloc -Q -N 4 sh -c '
        launch_copper.sh || exit 1
        copper status --all
        copper stats --nodes
        copper refresh /etc
        srun -Q --overlap cat /tmp/root/copper/etc/hostname
        stop_copper.sh
        launch_copper.sh --once && copper status && launch_copper.sh --once'
    on login nft flush ruleset
    echo "$output"
    [ "$status" = 0 ]
    [[ ${lines[0]} == "copper: 4 nodes ready at $mount in "* ]]
    [[ $output == *"4 of 4 nodes ready"*$'\n'"4 nodes"$'\n'*"copper: /etc: refreshed on 4 nodes"* ]]
    [ "$(grep -cx "$(cat /etc/hostname)" <<<"$output")" = 4 ]
    [[ $output == *$'\n'"copper: stopped on 4 nodes"$'\n'"copper: 4 nodes ready at "*"4 of 4 nodes ready"* ]]
    [ "$(grep -c "4 nodes ready at" <<<"$output")" = 2 ]
    on login timeout "$PATIENCE" srun -Q -N4 -n4 --exclusive true
    nothing_left
}

@test "cleaning after a failure is one step, whatever the number of nodes" {
    on node2 sh -c 'mkdir -p -m 700 /tmp/root; touch /tmp/root/copper'
    # Each call of srun is noted. A busy node may be asked through further ones.
    mkdir "$work/bin"
    cat >"$work/bin/srun" <<END
#!/bin/sh
printf '%s\\n' "\$*" >>$work/calls
exec $(command -v srun) "\$@"
END
    chmod 755 "$work/bin/srun"
    run -1 batch -N 4 <<END
PATH=$work/bin:\$PATH launch_copper.sh
END
    on node2 rm -r /tmp/root
    echo "$output"
    cat "$work/calls"
    [[ $output == *"copper: node2: /tmp/root/copper is not a directory"* && $output != *"srun:"* ]]
    [ "$(grep -c ' stop --here ' "$work/calls")" = 1 ]
    grep -q -e ' -N 4 .* stop --here ' "$work/calls"
    nothing_left
}

@test "hosts with a domain and in capitals are nodes of the job; an interactive shell of a job that is over" {
    run batch -N 3 <<'END'
launch_copper.sh -H node1.cluster,NODE2,node3 || exit 1
copper status --all
stop_copper.sh
END
    echo "$output"
    [[ $output == *"3 of 3 nodes ready"*"copper: stopped on 3 nodes"* ]]
    run -1 on login env SLURM_JOB_ID=77777 SLURM_JOB_NODELIST='node[1-2]' "$COPPER_BIN/launch_copper.sh"
    [[ $output == *"Expired or invalid job 77777"* && $output != *"no answer"* ]]
    nothing_left
}

@test "-t stdout: the log of all nodes in the job's output" {
    run -0 batch -N 2 <<'END'
launch_copper.sh -l 1 -t stdout || exit 1
stop_copper.sh
END
    [[ $output == *' node="node1" '* && $output == *' node="node2" '* ]]
}

@test "COPPER_LAUNCHER: another launcher, and one that does not exist" {
    run -0 batch -N 2 <<END
export COPPER_LAUNCHER=rsh COPPER_RSH=$CLUSTER_BIN/rsh
launch_copper.sh || exit 1
stop_copper.sh
END
    [[ $output == *"copper: 2 nodes ready"* ]]
    run -2 batch -N 2 <<'END'
COPPER_LAUNCHER=none launch_copper.sh
END
    [[ $output == *'COPPER_LAUNCHER: "none" is not a launcher in '* ]]
}

# As where pam_slurm_adopt lets an ssh into the job.
@test "a shell that has only the job's number, also that of a heterogeneous job" {
    local only='env -i PATH="$PATH" SLURM_JOB_ID'
    run -0 batch -N 2 <<END
$only=\$SLURM_JOB_ID launch_copper.sh || exit 1
$only=\$SLURM_JOB_ID copper status --all
$only=\$SLURM_JOB_ID stop_copper.sh
$only=77777 launch_copper.sh -H node1
$only=77777 launch_copper.sh && exit 1
exit 0
END
    echo "$output"
    [[ $output == "copper: 2 nodes ready"*"2 of 2 nodes ready"*$'\n'"copper: stopped on 2 nodes"$'\n'* ]]
    [[ $output == *"copper: Slurm does not tell the nodes of the job 77777"*"copper: no host list: use -H" ]]
    nothing_left
    run -0 batch -N 1 : -N 2 <<END
$only=\$SLURM_JOB_ID launch_copper.sh || exit 1
$only=\$SLURM_JOB_ID stop_copper.sh
END
    [[ $output == "copper: 3 nodes ready"*$'\n'"copper: stopped on 3 nodes" ]]
    nothing_left
}

# The README's script, as it stands there but for the sizes and the names of directories.
@test "the README's job script for Slurm" {
    [ -f /usr/share/lmod/lmod/init/bash ] || skip "needs Lmod"
    cmake --install "$COPPER_BIN" --prefix "$work/sw" >/dev/null
    mkdir -p "$work/env/lib/python3.11/site-packages"
    echo 'where = __file__' >"$work/env/lib/python3.11/site-packages/mine.py"
    echo 'import mine, os; os.write(1, f"{os.uname().nodename} {mine.where}\n".encode())' >"$work/app.py"
    mkdir -p "$work/sw/etc"
    echo "ready_timeout_s = $PATIENCE" >"$work/sw/etc/copper.conf"
    sed -n '/^#SBATCH/,/^```/p' "$BATS_TEST_DIRNAME/../../README.md" | sed -e '/^```/d' \
        -e "s|/lustre/project|$work|g; s/512/4/; s/node=8/node=2/" >"$work/lines"
    { echo '#!/bin/bash'; grep '^#SBATCH' "$work/lines"; echo ". /usr/share/lmod/lmod/init/bash"
        echo "module use $work/sw/share/modulefiles"; grep -v '^#SBATCH' "$work/lines"
        echo "echo ended >$work/ended"; } >"$work/job"
    mkfifo "$work/ended"
    on login env USER=root sbatch -Q -o "$work/out" "$work/job"
    read -r -t "$PATIENCE" _ <"$work/ended"
    run -0 cat "$work/out"
    echo "$output"
    [[ ${lines[0]} == "copper: 4 nodes ready at $mount in "* ]]
    [ "$(grep -c "^node[1-4] $mount$work/env/lib/python3.11/site-packages/mine.py$" <<<"$output")" = 8 ]
    [[ $output == *"copper: stopped on 4 nodes"* ]]
}

# The last tests: Slurm is another one afterwards.
@test "ConstrainCores: -b takes a core that the job owns, one that it does not own is refused" {
    [ -e /sys/fs/cgroup/cpuset/tasks ] || skip "needs a cpuset hierarchy (cgroup v1)"
    [ "$(nproc)" -ge 2 ] || skip "needs two cores"
    "$CLUSTER_BIN/cluster" slurm down "$CLUSTER_DIR"
    "$CLUSTER_BIN/cluster" slurm up "$CLUSTER_DIR" --constrain-cores 3>&-
    cat >"$work/allowed" <<'END'
#!/bin/sh
# allowed WORD: the cores of each node's daemon
srun -Q -N "$SLURM_NNODES" -n "$SLURM_NNODES" --overlap sh -c 'sed -n "s/^Cpus_allowed_list:[[:space:]]*/$1 /p" \
    "/proc/$("$0" | head -n 1)/status"' "$CLUSTER_BIN/daemons" "$1"
END
    chmod +x "$work/allowed"
    run -0 batch -N 2 -n 2 -c 1 <<END
own=\$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status)
echo "own \$own"
launch_copper.sh -b \$((1 - own)) && exit 3
launch_copper.sh -b 0,1 && exit 3
launch_copper.sh -b "\$own" || exit 4
$work/allowed given
stop_copper.sh
launch_copper.sh || exit 5
$work/allowed default
srun -Q -N2 -n2 --overlap cat /tmp/root/copper/etc/hostname
stop_copper.sh
END
    echo "$output"
    own=$(sed -n 's/^own //p' <<<"$output")
    [[ $own == [0-9]* && $own != *[-,]* ]]
    for node in node1 node2; do
        [ "$(grep -c "^copper: $node: -b: cores [01]\(-1\)\? are not all given to this process: it has $own$" <<<"$output")" = 2 ]
    done
    [ "$(grep -cx "given $own" <<<"$output") $(grep -cx "default $own" <<<"$output")" = "2 2" ]
    [ "$(grep -cx "$(cat /etc/hostname)" <<<"$output")" = 2 ]
    [ "$(grep -cx "copper: stopped on 2 nodes" <<<"$output")" = 2 ]
    # A step for one core only would have the first one of the job; -b reaches the last one, too.
    run -0 batch -N 1 -n 1 -c 2 <<END
launch_copper.sh -b 1 || exit 4
$work/allowed given
stop_copper.sh
END
    echo "$output"
    grep -qx 'given 1' <<<"$output"
    nothing_left
}

@test "Slurm's names are known to no name service: NodeAddr is what hosts are called by, and daemons find themselves" {
    "$CLUSTER_BIN/cluster" slurm down "$CLUSTER_DIR"
    "$CLUSTER_BIN/cluster" slurm up "$CLUSTER_DIR" --names slot- 3>&-
    run -2 on login getent ahosts slot-node1
    # A node that cannot mount is named as it is called here; then all work, and the stop reaches all.
    on node2 sh -c 'mkdir -p -m 700 /tmp/root; touch /tmp/root/copper'
    run -0 batch -N 4 <<'END'
scontrol show hostnames | xargs
launch_copper.sh -s 150 && exit 3
srun -Q -N1 -n1 -w slot-node2 --overlap rm -r /tmp/root
launch_copper.sh || exit 4
srun -Q -N4 -n4 --overlap cat /tmp/root/copper/etc/hostname
copper status --all
copper stats --nodes
stop_copper.sh
END
    echo "$output"
    [ "${lines[0]}" = "slot-node1 slot-node2 slot-node3 slot-node4" ]
    [[ $output == *"copper: 10.77.0.2: "*"/tmp/root/copper"* && $output != *"copper: 10.77.0.3: "* ]]
    [[ $output == *"copper: 4 nodes ready at $mount in "* ]]
    [ "$(grep -cx "$(cat /etc/hostname)" <<<"$output")" = 4 ]
    [[ $output == *"4 of 4 nodes ready"* ]]
    [[ $output == *"copper: stopped on 4 nodes"* ]]
    nothing_left
}
