# Slurm's plugin: --copper of srun, sbatch and salloc, with the real Slurm. It is installed as a site installs it,
# and named in plugstack.conf.
# SPDX-License-Identifier: BSD-3-Clause

setup_file() {
    load launch.bash
    skip_unless_root_fuse
    for tool in srun sbatch slurmd slurmctld munged; do
        command -v "$tool" >/dev/null || skip "needs $tool"
    done
    [ -f "$COPPER_BIN/spank_copper.so" ] || skip "needs Slurm's headers (libslurm-dev)"
    cluster_up -n 3
    export sw=$CLUSTER_DIR/home/sw
    cmake --install "$COPPER_BIN" --prefix "$sw" >/dev/null
    # A busy machine may need more than the default for these launches, which have no -s.
    mkdir "$sw/etc"
    echo 'ready_timeout_s = 150' >"$sw/etc/copper.conf"
    chmod -R go+rX "$sw"
    echo "optional $sw/lib/slurm/spank_copper.so" >"$CLUSTER_DIR/home/plugstack.conf"
    "$CLUSTER_BIN/cluster" slurm up "$CLUSTER_DIR" PlugStackConfig="$CLUSTER_DIR/home/plugstack.conf" 3>&-
}

teardown_file() {
    load launch.bash
    cluster_down
}

setup() {
    load launch.bash
    bats_require_minimum_version 1.5.0
    work=$CLUSTER_DIR/home/s
    mkdir -p "$work"
    chmod 777 "$work"
    plugin
}

teardown() {
    all_free
    rm -rf "$work"
    nothing_left
}

# plugin [ARGUMENT...]: what the site says in plugstack.conf.
plugin() {
    echo "optional $sw/lib/slurm/spank_copper.so $*" >"$CLUSTER_DIR/home/plugstack.conf"
}

# When no job is there any more, epilogues included.
all_free() {
    on login sh -c 'scancel -u root; scancel -u alice'
    until_true on login sh -c '[ -z "$(squeue -h)" ] && [ "$(sinfo -h -N -t idle -o %N | wc -l)" = 3 ]'
}

# slurm COMMAND...: on the login node, with Copper's programs in PATH.
slurm() {
    on login timeout "$PATIENCE" env PATH="$sw/bin:$PATH" "$@"
}

# batch OPTION... : runs standard input as a job, prints its output; fails as the job does. Not "sbatch --wait",
# which looks every ten seconds; and the script may never begin. "job" is its number.
batch() {
    { printf '#!/bin/sh\n'; cat; } >"$work/job"
    rm -f "$work/out"
    job=$(slurm sbatch --parsable -o "$work/out" "$@" "$work/job")
    until_true over "$job"
    cat "$work/out"
    [[ $(on login scontrol show job -o "$job") == *" JobState=COMPLETED "* ]]
}

# over JOB: has it ended?
over() {
    [[ $(on login scontrol show job -o "$1") =~ \ JobState=(COMPLETED|FAILED|CANCELLED|NODE_FAIL|TIMEOUT)\  ]]
}

pending() {
    [[ $(on login scontrol show job -o "$1") == *" JobState=PENDING "* ]]
}

# shellcheck disable=SC2016 # of the shells there
see='echo "$(uname -n) ${COPPER_MOUNT-unset} $(cat "$COPPER_MOUNT/etc/hostname" 2>&1)"'

# seen NODE...: the output has what "see" prints with a mount, on these nodes, and nothing else of it.
seen() {
    diff <(grep '^node[0-9]' <<<"$output" | sort) <(printf "%s $mount $(cat /etc/hostname)\n" "$@" | sort)
}

@test "srun --copper: mounted before the first task, nothing after the job" {
    run -0 --separate-stderr slurm env PYTHONPATH=/p srun -N3 -n3 --copper sh -c "$see; echo \$PYTHONPATH"
    seen node1 node2 node3
    [ "$(grep -cx /p <<<"$output")" = 3 ]
    # Slurm may say that the job waits for nodes.
    [[ $(grep -v '^srun: job ' <<<"$stderr") == "copper: 3 nodes ready at $mount in "* ]]
    all_free
    nothing_left
    # As an ordinary user, and where the tasks get no environment.
    run -0 --separate-stderr on --user alice login timeout "$PATIENCE" srun -Q -N2 -n2 --export=NONE --copper=required \
        /bin/sh -c 'id -un; cat "$COPPER_MOUNT/etc/hostname"'
    [ "$(sort <<<"$output")" = "$(printf '%s\n' alice alice "$(cat /etc/hostname)" "$(cat /etc/hostname)" | sort)" ]
    all_free
    run -0 on_all sh -c 'ls -A /tmp/alice 2>/dev/null
        grep " - fuse.copper " /proc/self/mountinfo | grep /tmp/alice; true'
    [ -z "$output" ]
}

@test "#SBATCH --copper: mounted before the script, shared by its steps, options taken" {
    run -0 batch -N 3 <<END
#SBATCH --copper="-M 1GB"
$see
srun -n3 sh -c '$see'
srun -N1 -n1 -w node2 sh -c '$see' & srun -N1 -n1 -w node3 sh -c '$see' & wait
srun --copper=off -n3 sh -c '"$CLUSTER_BIN/daemons" | wc -l'
copper status --json | grep max_cacheable_bytes
END
    seen node1 node1 node2 node3 node2 node3
    [ "$(grep -c '^copper: 3 nodes ready' <<<"$output")" = 1 ]
    [ "$(grep -cx 1 <<<"$output")" = 3 ]
    [[ $output == *'"max_cacheable_bytes": 1073741824,'* ]]
}

# Jobs that share nodes.
@test "a mount for each job: %j where no shell is" {
    run batch -N 2 <<'END'
#SBATCH --copper="-v /tmp/%u/copper-%j"
echo "$COPPER_MOUNT"; [ "$COPPER_MOUNT" = "/tmp/root/copper-$SLURM_JOB_ID" ] || exit 1
srun -n2 sh -c 'cat "$COPPER_MOUNT/etc/hostname"'
copper status -v "$COPPER_MOUNT" | grep ready
END
    echo "$output"
    [ "$(grep -cx "$(cat /etc/hostname)" <<<"$output")" = 2 ]
    [[ $output == *"2 of 2 nodes ready"* ]]
}

# As it stands there but for the sizes and the names of directories.
@test "the job script of docs/sites.md" {
    mkdir -p "$work/env/lib/python3.11/site-packages"
    echo 'where = __file__' >"$work/env/lib/python3.11/site-packages/mine.py"
    echo 'import mine, os; os.write(1, f"{os.uname().nodename} {mine.where}\n".encode())' >"$work/app.py"
    run -0 batch < <(sed -n '/^#SBATCH --copper/,/^```/p; /^#SBATCH -N 512/p' "$BATS_TEST_DIRNAME/../../docs/sites.md" |
        awk '/--copper/ { wanted = 1; print size } /-N 512/ { size = $0 } /^```/ { wanted = 0 } wanted' |
        sed "s|/lustre/project|$work|g; s/512/3/; s/node=8/node=2/")
    cat "$work/job"
    [ "$(grep -c "^node[1-3] $mount$work/env/lib/python3.11/site-packages/mine.py$" <<<"$output")" = 6 ]
}

@test "steps at once, of which none was told by sbatch: one launch" {
    run -0 batch -N 3 <<END
srun --overlap -n3 --copper sh -c '$see' & srun --overlap -n3 --copper sh -c '$see' &
srun --overlap -N1 -n1 --copper=required -w node1 sh -c '$see' & wait
END
    seen node1 node2 node3 node1 node2 node3 node1
    [ "$(grep -c '^copper: ' <<<"$output")" = 1 ]
}

@test "salloc, and a heterogeneous job: all steps and components have it" {
    run -0 slurm salloc -Q -N2 --copper sh -c 'srun -Q -n2 sh -c "$1"; srun -Q -N1 -n1 -w node2 sh -c "$1"
        srun -Q -n1 --copper=off -w node1 echo off' sh "$see"
    seen node1 node2 node2
    [ "$(grep -c '^copper: 2 nodes ready' <<<"$output")" = 1 ]
    [[ $output == *$'\noff' ]]
    all_free
    run -0 slurm srun -Q -N1 --copper : -N2 sh -c "$see"
    seen node1 node2 node3
    [[ $output == *"copper: 3 nodes ready"* ]]
    all_free
    run -0 batch --copper -N1 : -N2 <<END
srun --het-group=0,1 sh -c '$see'
END
    seen node1 node2 node3
}

@test "a launch that fails: one line, and the job goes on without; with required it does not" {
    on node2 sh -c 'mkdir -p -m 700 /tmp/root; touch /tmp/root/copper'
    why="not all of 3 nodes are ready after * s: node2: *"
    run -0 batch -N 3 --copper <<END
$see
srun -n3 true
COPPER_MOUNT=/nowhere srun -n1 -N1 -w node3 sh -c 'echo "\${COPPER_MOUNT-unset}"'
END
    echo "$output"
    # shellcheck disable=SC2053 # a pattern
    [[ ${lines[0]} == "copper: the job goes on without Copper: "$why ]]
    [[ ${lines[1]} == "node1 unset "* ]]
    [ "${lines[-1]}" = unset ]
    [ "$(grep -c 'copper: ' <<<"$output")" = 1 ]
    run -1 batch -N 3 --copper=required <<<'echo is run'
    # shellcheck disable=SC2053
    [[ ${lines[0]} == "copper: the job needs Copper (--copper=required), and it cannot start: "$why ]]
    [[ $output != *"is run"* ]]
    run -1 slurm srun -Q -N3 --copper=required echo is run
    # shellcheck disable=SC2053
    [[ ${lines[0]} == "copper: the job needs Copper "*": "$why ]]
    [[ $output != *$'\n'"is run"* ]]
    # The allocation of that srun does not stay.
    all_free
    on node2 rm -r /tmp/root
    # Mounted by the job, and gone on one node when another step begins.
    run batch -N 3 --copper=required <<END
srun --copper=off -n1 -N1 -w node2 sh -c 'copper stop --here >/dev/null'
srun -n3 sh -c '$see'
END
    [ "$status" != 0 ]
    seen node1 node3
    [[ $output == *"copper: node2: nothing is mounted at $mount, and the job needs it (--copper=required)"* ]]
}

@test "a wrong option is refused when the job is submitted" {
    run ! slurm sbatch -N1 --copper=maybe --wrap true
    [[ $output == *'--copper: "maybe" is not known; allowed is on, off or required, and then options of'* ]]
    run ! slurm sbatch -N1 --copper="-T x" --wrap true
    [[ $output == *'--copper: -T: "x" is not a number of trees; allowed is 1 to 64'* ]]
    [ -z "$(on login squeue -h)" ]
}

@test "a job's end says what was read past the trees because of -M: with stop_copper.sh, without, of srun alone" {
    local line="were read by nodes themselves, past the trees, as files above -M: $work/large "
    dd if=/dev/urandom of="$work/large" bs=1M count=3 status=none
    run -0 batch -N 2 --copper="-M 1MB" <<END
srun -n2 sh -c 'wc -c <"\$COPPER_MOUNT$work/large"'
stop_copper.sh
END
    echo "$output"
    [ "$(grep -cx 3145728 <<<"$output")" = 2 ]
    [[ $output == *"copper: stopped on 2 nodes"* && $output == *"$line"*"; -M "*"B would have avoided this"* ]]
    [ "$(grep -c "$line" <<<"$output")" = 1 ]
    # As an ordinary user, with a mount that the option names.
    cat >"$work/mine" <<END
#!/bin/sh
#SBATCH -N2 -o $work/out --copper="-M 1MB -v /tmp/%u/copper-%j"
srun -n2 sh -c 'wc -c <"\$COPPER_MOUNT$work/large"'
srun -n2 sh -c 'wc -c <"\$COPPER_MOUNT$work/large"'
END
    rm -f "$work/out"
    job=$(on --user alice login timeout "$PATIENCE" sbatch --parsable "$work/mine")
    until_true over "$job"
    run cat "$work/out"
    echo "$output"
    [[ ${lines[-1]} == "copper: "*" $line"*"; -M "*"B would have avoided this" ]]
    [ "$(grep -c "$line" <<<"$output")" = 1 ]
    all_free
    # The line is made when the first task ends: all have read then.
    run -0 slurm srun -Q -N2 --copper="-M 1MB" sh -c "wc -c <\$COPPER_MOUNT$work/large; : >$work/read.\$SLURM_PROCID
        until [ -e $work/read.0 ] && [ -e $work/read.1 ]; do sleep 0.1; done"
    echo "$output"
    [ "$(grep -c "$line" <<<"$output")" = 1 ]
    all_free
    # A step of salloc is not the job's end.
    run -0 slurm salloc -Q -N2 --copper="-M 1MB" srun -Q sh -c "wc -c <\$COPPER_MOUNT$work/large"
    echo "$output"
    [ "$(grep -c "$line" <<<"$output")" = 0 ]
}

@test "a site switches it on for all, a user off; a script that launches itself has its own options" {
    plugin on
    run -0 batch -N 2 <<END
srun -n2 sh -c '$see'
launch_copper.sh -M 1GB || exit 1
srun -n2 sh -c '$see'
copper status --json | grep max_cacheable_bytes
stop_copper.sh
srun -n1 -N1 sh -c 'echo "\${COPPER_MOUNT-unset}"'
END
    seen node1 node2 node1 node2
    [[ $output == *"copper: stopped on 2 nodes"*"copper: 2 nodes ready"*'bytes": 1073741824,'*"stopped on 2 nodes"* ]]
    [ "${lines[-1]}" = unset ]
    run -0 batch -N 2 --copper=off <<END
srun -n1 -N1 sh -c 'echo "\${COPPER_MOUNT-unset}"'
END
    [ "$output" = unset ]
    run -0 slurm srun -Q -N2 -n2 sh -c "$see"
    seen node1 node2
    all_free
    plugin always
    run slurm srun -Q -N1 -n1 true
    [[ $output == *'copper: plugstack.conf: "always" is not known; allowed is '* ]]
}

@test "what the plugin executes runs as the user, also for the epilogue" {
    mkdir -p "$work/sw/bin"
    for name in copper launch_copper.sh; do
        printf '#!/bin/sh\necho "$*: $(id -u) $(id -ru) $(id -g) $(id -G)" >>%s/log\n' "$work" >"$work/sw/bin/$name"
    done
    chmod -R a+rx "$work/sw"
    touch "$work/log"
    chmod 666 "$work/log"
    plugin on "prefix=$work/sw"
    run -0 on --user alice login timeout "$PATIENCE" srun -N1 -w node1 true
    printf '#!/bin/sh\ntrue\n' >"$work/job"
    job=$(on --user alice login timeout "$PATIENCE" sbatch --parsable -o /dev/null -N1 -w node1 "$work/job")
    until_true over "$job"
    run -0 slurm srun -N1 -w node1 --uid=alice --gid="$(on node1 id -g alice)" true
    all_free
    who="$(id -u alice 2>/dev/null || on node1 id -u alice)"
    cat "$work/log"
    [ "$(grep -c '^--once: ' "$work/log")" = 3 ]
    [ "$(grep -c '^epilogue alice: ' "$work/log")" -ge 3 ]
    [ "$(grep -c '^job past: ' "$work/log")" -ge 3 ]
    run ! grep -vE "(--once|job past|epilogue alice): $who $who |^epilogue root: 0 0 " "$work/log"
}

@test "cancelled while it runs, and while it launches: nothing stays" {
    mkfifo "$work/ready"
    printf '#!/bin/sh\necho ready >%s/ready\nsleep 600\n' "$work" >"$work/job"
    job=$(slurm sbatch --parsable -N 3 --copper -o /dev/null "$work/job")
    read -r -t "$PATIENCE" said <"$work/ready"
    [ "$said" = ready ]
    [ -n "$(traces node3)" ]
    on login scancel "$job"
    all_free
    nothing_left
    # The launch waits for a node whose daemon stands still.
    printf '#!/bin/sh\n[ "$1" != start ] || { echo begun >%s/ready; sleep 600; }\n' "$work" >"$work/launcher"
    chmod +x "$work/launcher"
    job=$(slurm env COPPER_LAUNCHER="$work/launcher" sbatch --parsable -N 3 --copper="-s 600" -o "$work/out" "$work/job")
    read -r -t "$PATIENCE" said <"$work/ready"
    [ "$said" = begun ]
    on login scancel "$job"
    all_free
    nothing_left
}

@test "a job that is requeued has it again" {
    mkfifo "$work/ready" "$work/go"
    printf '#!/bin/sh\n%s >%s/ready\nread -r _ <%s/go\n' "$see" "$work" "$work" >"$work/job"
    job=$(slurm sbatch --parsable --requeue -N 3 --copper=required -o "$work/out" "$work/job")
    read -r -t "$PATIENCE" output <"$work/ready"
    seen node1
    on login scontrol requeue "$job"
    until_true pending "$job"
    on login scontrol update "jobid=$job" StartTime=now
    read -r -t "$PATIENCE" output <"$work/ready"
    seen node1
    echo >"$work/go"
}
