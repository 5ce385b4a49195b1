# copper run: a job sees the original paths, served by Copper, as an ordinary user and as root.
# SPDX-License-Identifier: BSD-3-Clause

bats_require_minimum_version 1.5.0
load lib.bash

# Storage holds what a user has there: an interpreter's installation with a virtual environment of it,
# programs with absolute paths in them, and his project. Names that do not exist are asked for again after -E: an
# hour here, as a machine may be slow. So what a test changes on storage it tells Copper (appears).
setup_file() {
    can_run || return 0
    bed_up 2
    local env=$WORK/pfs/env base=$WORK/pfs/base
    mkdir -p "$WORK/source/home"
    chmod 1777 "$WORK/source" "$WORK/source/home"
    # A Python of its own: programs and library on storage, as conda or spack put them there.
    mkdir -p "$WORK/source/base/bin" "$WORK/source/base/lib"
    cp "$(readlink -f /usr/bin/python3)" "$WORK/source/base/bin/python3"
    cp -r "/usr/lib/$(basename "$(readlink -f /usr/bin/python3)")" "$WORK/source/base/lib/"
    "$base/bin/python3" -m venv --without-pip "$env"
    # What pip makes of an entry point: the interpreter by its absolute path.
    mkdir -p "$(echo "$WORK"/source/env/lib/python3.*/site-packages)/tool"
    cat >"$(echo "$WORK"/source/env/lib/python3.*/site-packages)/tool/__init__.py" <<'END'
import os, sys
def main():
    print("from", __file__, "of", sys.prefix, "by", os.readlink("/proc/self/exe"))
END
    printf '%s\n' "#!$env/bin/python3" 'import sys' 'from tool import main' 'sys.exit(main())' >"$WORK/source/env/bin/tool"
    printf '%s\n' "#!/usr/bin/perl" "print 'perl ', __FILE__, qq{\\n};" >"$WORK/source/env/bin/tool.pl"
    ln -s "$env/bin/tool" "$WORK/source/env/bin/tool-link"
    chmod 755 "$WORK"/source/env/bin/tool*
    install -d -o 1 -m 755 "$WORK/source/project"
    chown -R alice: "$WORK/source/project" 2>/dev/null || true
    on node1 chown alice: "$WORK/pfs/project"
    printf '%s\n' 'import sys, os' 'print("app", __file__, os.getcwd(), sys.argv[1:])' >"$WORK/source/project/app.py"
    mkdir "$WORK/source/project/out"
    chmod 777 "$WORK/source/project/out"
    for user in alice root; do
        as_user $user login env COPPER_RSH="$CLUSTER_BIN/rsh" "$COPPER_BUILD/launch_copper.sh" \
            -H node1,node2 -E 3600000 -s "$PATIENCE" >&2
    done
}

teardown_file() {
    jobs_and_bed_down alice root
}

setup() {
    skip_unless_built
    env=$WORK/pfs/env
}

# as USER NODE COMMAND...: with the environment activated.
as() {
    local user=$1 node=$2
    shift 2
    as_user "$user" "$node" env -C "${CWD:-/}" PATH="$env/bin:$PATH" VIRTUAL_ENV="$env" "$@"
}

run_as() {
    as "$1" "$2" "$COPPER_BUILD/copper" run "${@:3}"
}

stats_of() {
    as_user "$1" node1 "$COPPER_BUILD/copper" stats --nodes --json
}

# appears USER DIR COMMAND...: the command's success on node1 shows that Copper sees what has changed on storage in the
# directory.
appears() {
    as_user "$1" node1 "$COPPER_BUILD/copper" refresh "$2"
    until_true as_user "$1" node1 "${@:3}"
}

# asks_for_nothing USER COMMAND...: the command, of what is warm, asks Copper for no name and no attribute, and for no
# page but those that the kernel has taken away of its own accord meanwhile. It does so all the time on some machines,
# and counts what it reads again. Once it may ask for a name that it has dropped, or read on from the mark up to which
# it has read ahead, but not each time.
asks_for_nothing() {
    local user=$1 before=$BATS_TEST_TMPDIR/before after=$BATS_TEST_TMPDIR/after try names pages taken
    for try in 1 2 3 4 5; do
        until_true at_rest stats_of "$user"
        stats_of "$user" >"$before"
        taken=$(refaults)
        run -0 "${@:2}"
        taken=$(($(refaults) - taken))
        stats_of "$user" >"$after"
        names=$(figures sum "$before" "$after" fuse_{lookup,getattr,open,opendir,getxattr,listxattr,statfs,access,ioctl,refused,other})
        pages=$(figures sum "$before" "$after" fuse_{read,readdir,readlink})
        echo "$user, try $try: asked for names and attributes $names times, for pages $pages times; pages that came back: $taken"
        [ "$names" != 0 ] || [ "$pages" -gt "$taken" ] || return 0
    done
    figures grown "$before" "$after" fuse_
    return 1
}

@test "an entry-point script, its interpreter and its modules come through Copper under their own names" {
    local user counts kind try told asked
    for user in alice root; do
        run -0 run_as $user node2 tool
        [ "$output" = "from $(echo "$env"/lib/python3.*/site-packages)/tool/__init__.py of $env by $WORK/pfs/base/bin/python3" ]
        run -0 run_as $user node2 tool-link
        [[ $output == "from $env/lib/"* ]]
        run -0 run_as $user node2 tool.pl
        [ "$output" = "perl $env/bin/tool.pl" ]
        # Once more: storage is asked for nothing. Where the kernel has dropped names or pages meanwhile, it asks for them
        # again, which is answered, but then Copper reads more ahead. So once more, but only if the kernel did ask.
        for try in 1 2 3 4 5; do
            until_true at_rest stats_of $user
            stats_of $user >"$BATS_TEST_TMPDIR/before"
            pfs reset
            run -0 run_as $user node2 tool-link
            run -0 run_as $user node2 tool.pl
            counts=$(pfs counts) asked=0
            stats_of $user >"$BATS_TEST_TMPDIR/after"
            told=$(figures sum "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after" \
                fuse_{lookup,getattr,open,opendir,read,readdir,readlink})
            echo "try $try: $counts, requests of the kernel: $told"
            for kind in stat open read readdir readlink; do
                asked=$((asked + $(jq_get "$counts" $kind)))
            done
            [ "$asked" != 0 ] || break
            [ "$told" -gt 0 ]
        done
        [ "$asked" = 0 ]
    done
}

@test "the same job script gives the same output with and without copper run" {
    local script='pwd; id -u; id -g; umask; ulimit -n; tool; python3 app.py a "b c"; echo done >out/said; cat out/said; ls -l /proc/self/fd | wc -l
        trap "echo term; exit 3" TERM; kill -TERM $$'
    local user CWD=$WORK/pfs/project without
    for user in alice root; do
        run -3 as $user node1 bash -c "$script"
        without=$output
        run -3 run_as $user node1 bash -c "$script"
        [ "$output" = "$without" ]
    done
}

@test "what is bound, and why: --show, --over, --not, --rw" {
    local CWD=$WORK/pfs/project site
    site=$(echo "$env"/lib/python3.*/site-packages)
    run -0 run_as alice node1 --show python3 app.py
    [ "${lines[0]}" = "served    $WORK/pfs/base  (base of the virtual environment)" ]
    [ "${lines[1]}" = "served    $env  (the program)" ]
    [[ ${lines[2]} == "left      $CWD  (the working directory is in it; wanted as the script)" ]]
    [ "${#lines[@]}" = 3 ]
    # From elsewhere the script's directory is served, and outputs below --rw can be written.
    CWD=/
    run -0 run_as alice node1 --show --rw "$WORK/pfs/project/out" python3 "$WORK/pfs/project/app.py"
    [[ $output == *"served    $WORK/pfs/project  (the script)"*"as it is  $WORK/pfs/project/out  (--rw)"* ]]
    run -2 run_as alice node1 --over "$WORK/pfs/project" sh -c "echo x >$WORK/pfs/project/out/file"
    [[ $output == *"Read-only file system"* ]]
    run -0 run_as alice node1 --over "$WORK/pfs/project" --rw "$WORK/pfs/project/out" \
        sh -c "echo x >$WORK/pfs/project/out/file; ! echo y >$WORK/pfs/project/file"
    [ "$(cat "$WORK/source/project/out/file")" = x ]
    run -0 run_as alice node1 --show --not "$env" --not "$WORK/pfs/base" tool
    [[ $output != *served* ]]
    run -0 run_as alice node1 --over "$site,$WORK/pfs/base" grep -c " $WORK/.* fuse.copper " /proc/self/mountinfo
    [ "$output" = 2 ]
    # What cannot be is said before anything is started.
    for wrong in / /nowhere /proc "/tmp/alice/copper$env"; do
        run -125 run_as alice node1 --over "$wrong" echo started
        [[ $output == "copper: run: --over: "*"$wrong"* ]]
        [[ $output != *started* ]]
    done
    run -125 run_as alice node1 --rw /nowhere true
    [ "$output" = "copper: run: --rw: /nowhere: No such file or directory" ]
    mkdir -m 777 "$WORK/source/many"
    mkdir "$WORK"/source/many/{1..65}
    appears alice "$WORK/pfs" test -d "/tmp/alice/copper$WORK/pfs/many/65"
    run -125 run_as alice node1 --over "$(printf "$WORK/pfs/many/%s," {1..65})" echo started
    [ "$output" = "copper: run: --over: $WORK/pfs/many/9: more than 64 directories are named" ]
    # What follows -- is the command's, whatever it looks like.
    # shellcheck disable=SC2016
    run -0 run_as alice node1 --over "$env" --not "$env/bin" -- sh -c 'echo "$0" "$@"' --show -v /m -- --over
    [ "$output" = "--show -v /m -- --over" ]
    # Types of the site: copper.conf of this node's installation.
    local own=$WORK/site
    mkdir -p "$own"/{bin,etc,lib/copper} "$WORK/local"
    cp "$COPPER_BUILD/copper" "$own/bin/"
    cp "$COPPER_BUILD/isatty.so" "$own/lib/copper/"
    run -0 as_user alice node1 env PYTHONPATH="$WORK/local" "$own/bin/copper" run --show true
    [[ $output != *"$WORK/local"* ]]
    echo "network_types = otherfs,$(on node1 findmnt -n -o FSTYPE -T "$WORK/local")" >"$own/etc/copper.conf"
    run -0 as_user alice node1 env PYTHONPATH="$WORK/local" "$own/bin/copper" run --show true
    [[ $output == *"served    $WORK/local  (PYTHONPATH)"* ]]
}

@test "nothing is left of how it came there: ids, groups, capabilities, signals, descriptors" {
    local user
    for user in alice root; do
        # shellcheck disable=SC2016
        local script='/^(Cap|Uid|Gid|NoNewPrivs|Sig[BIC]|Umask)/ { print } END { while ((getline line < "/proc/self/limits") > 0) print line }'
        run -0 as $user node1 awk "$script" /proc/self/status
        local without=$output
        run -0 run_as $user node1 awk "$script" /proc/self/status
        [ "$output" = "$without" ]
    done
    # Rights by a supplementary group, and with root's capabilities away.
    install -d -g 54321 -m 770 "$WORK/source/group"
    echo shared >"$WORK/source/group/file"
    local ids
    ids=(--reuid="$(on node1 id -u alice)" --regid="$(on node1 id -g alice)" --groups=54321)
    run -0 on node1 setpriv "${ids[@]}" env USER=alice HOME=/ PATH="$env/bin:$PATH" "$COPPER_BUILD/copper" run \
        sh -c "cat $WORK/pfs/group/file; id -u; grep -c ' $WORK/.* fuse.copper ' /proc/self/mountinfo"
    [ "$output" = "$(printf '%s\n' shared "$(on node1 id -u alice)" 2)" ]
    # Root without the right to mount is an ordinary user, and gets none of the namespace's rights.
    # shellcheck disable=SC2016
    run -0 on node1 setpriv --bounding-set=-sys_admin env HOME=/ PATH="$env/bin:$PATH" "$COPPER_BUILD/copper" run \
        awk '/^Cap(Prm|Eff|Inh|Amb)/ { print $2 } /\/pfs\/.* fuse.copper / { n++ } END { print n }' /proc/self/status /proc/self/mountinfo
    [ "$output" = "$(printf '%s\n' 0000000000000000{,,,} 2)" ]
    run -143 run_as alice node1 sh -c 'kill -TERM $$'
}

@test "--view overlay: the same files, nothing asked again, and a name that appears is not seen" {
    local user absent=$WORK/pfs/env/absent
    for user in alice root; do
        run -0 run_as $user node1 --view overlay tool
        [ "$output" = "from $(echo "$env"/lib/python3.*/site-packages)/tool/__init__.py of $env by $WORK/pfs/base/bin/python3" ]
        # Named directories: looking for them asks for names that do not exist. Writing does, too.
        run -0 at_once $user 1 --view overlay --over "$env,$WORK/pfs/base" tool
        asks_for_nothing $user at_once $user 1 --view overlay --over "$env,$WORK/pfs/base" tool
        # Its own namespace, with an overlay in the place of each directory.
        run -0 run_as $user node1 --view overlay grep -cE "^.* $WORK/pfs/(env|base) .* - overlay copper " /proc/self/mountinfo
        [ "$output" = 2 ]
        run -2 run_as $user node1 --view both true
        [ "$output" = 'copper: --view: "both" is no kind of view; allowed is bind or overlay' ]
        # What the manual says about names that did not exist.
        run -0 run_as $user node1 --view overlay test ! -e "$absent"
        touch "$WORK/source/env/absent"
        appears $user "$env" test -e "/tmp/$user/copper$absent"
        run -0 run_as $user node1 test -e "$absent"
        run -0 run_as $user node1 --view overlay test ! -e "$absent"
        rm "$WORK/source/env/absent"
        # And about a file that changed.
        echo old >"$WORK/source/env/changing"
        appears $user "$env" grep -qx old "/tmp/$user/copper$env/changing"
        run -0 run_as $user node1 --view overlay cat "$env/changing"
        [ "$output" = old ]
        echo other >"$WORK/source/env/changing.new"
        mv "$WORK/source/env/changing.new" "$WORK/source/env/changing"
        appears $user "$env" grep -qx other "/tmp/$user/copper$env/changing"
        run -0 run_as $user node1 cat "$env/changing"
        [ "$output" = other ]
        run -1 run_as $user node1 --view overlay cat "$env/changing"
        [[ $output == *"Stale file handle"* ]]
        rm "$WORK/source/env/changing"
    done
}

# at_once USER COUNT ARGUMENT...: on node1, so many processes of copper run ARGUMENT... at once.
at_once() {
    # shellcheck disable=SC2016
    as "$1" node1 env PYTHONDONTWRITEBYTECODE=1 sh -c '
        i=0
        while [ $i -lt '"$2"' ]; do
            "$@" &
            i=$((i + 1))
        done
        wait' sh "$COPPER_BUILD/copper" run "${@:3}"
}

@test "8 and 48 processes import what is warm: Copper is asked for nothing" {
    local user count file imports=(python3 -c "import ctypes, json, tool; print(tool.__file__)")
    file=$(echo "$env"/lib/python3.*/site-packages)/tool/__init__.py
    for user in alice root; do
        # Twice: the kernel forgets access lists when a listing tells it of the files that it has them of.
        run -0 at_once $user 1 "${imports[@]}"
        run -0 at_once $user 1 "${imports[@]}"
        for count in 8 48; do
            [ $user = alice ] || [ $count = 8 ] || continue # 48 processes take seconds
            asks_for_nothing $user at_once $user $count "${imports[@]}"
            [ "$(grep -cxF "$file" <<<"$output")" = $count ]
        done
    done
}

@test "who cannot write in a directory that is served is told which one it is, once, and what to do" {
    local project=$WORK/pfs/project said user kind how
    said="copper: $project is served read-only below copper run: copper run --rw $project (or a directory in it) leaves it as it is"
    for kind in bind overlay; do
        for user in alice root; do
            for how in 'import os; os.mkdir("new")' 'import os; os.rename("app.py", "b.py")' 'import os; os.unlink("app.py")' \
                'import tempfile; tempfile.mkdtemp(dir="out")' 'open("out/app.py", "w")' 'import os; os.symlink("x", "y")' \
                'import os; os.open("z", os.O_CREAT | os.O_WRONLY, dir_fd=os.open("out", os.O_RDONLY))'; do
                CWD=$project run -1 --separate-stderr run_as $user node1 --view $kind --over "$project" python3 -c "$how"
                echo "$kind $user $how: $stderr"
                [ "${stderr_lines[0]}" = "$said" ]
                [ "$(grep -c copper: <<<"$stderr")" = 1 ]
                [[ $stderr == *"Read-only file system"* ]]
            done
            CWD=$project run -1 --separate-stderr run_as $user node1 --view $kind --over "$project" bash -c 'echo x >new; : >>app.py; touch out/new; cp app.py out'
            [ "$(grep -cxF "$said" <<<"$stderr")" = 3 ] # bash, touch, cp
        done
        # Where she could not have written anyway there is nothing to leave as it is.
        run -1 --separate-stderr run_as alice node1 --view $kind --over "$env" touch "$env/new"
        [[ $stderr != *"copper run"* ]]
        # Nor for what Python tries, and goes on without.
        CWD=$project run -0 --separate-stderr run_as alice node1 --view $kind --over "$project" python3 -c 'import app'
        [ -z "$stderr" ]
    done
    # What fails for another reason, or by the prefix, is as it was.
    run -1 --separate-stderr run_as alice node1 --over "$env" touch /nowhere/new "/tmp/alice/copper$project/new"
    [[ $stderr != *"copper run"* ]]
}

# What a process inherits, with and without a terminal.
@test "working directory, limits, signals, groups, terminal, descriptors and whatever else is inherited: the same" {
    local user without terminal CWD=$WORK/pfs/project
    for user in alice root; do
        for terminal in "" "$SYSTEM_DIR/terminal"; do
            # shellcheck disable=SC2086
            run -0 as $user node1 $terminal "$SYSTEM_DIR/context" "$SYSTEM_DIR/context" --tell a "b c" ""
            without=$output
            echo "$without"
            [[ $without == *"umask 0037"*"death 10"*"Max open files"*"77"*"99"* ]]
            [ -z "$terminal" ] || [[ $without == *"terminal True"* ]]
            # shellcheck disable=SC2086
            run -0 as $user node1 $terminal "$SYSTEM_DIR/context" "$COPPER_BUILD/copper" run --over "$env" "$SYSTEM_DIR/context" --tell a "b c" ""
            diff <(echo "$without") <(echo "$output")
        done
    done
    # Exit status, and death by a signal as the parent sees it.
    run -77 run_as alice node1 sh -c 'exit 77'
    run -0 as alice node1 python3 -c 'import subprocess, sys; print(subprocess.run(sys.argv[1:]).returncode)' \
        "$COPPER_BUILD/copper" run sh -c 'kill -SEGV $$'
    [ "${lines[-1]}" = -11 ]
}

# The kernel counts some limits for a user namespace as a whole, up to what its maker might have.
@test "a limit of the process that was first is not one of those that join it" {
    local copper=$COPPER_BUILD/copper queue
    queue='import ctypes, os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGRTMIN})
print([ctypes.CDLL(None).sigqueue(os.getpid(), signal.SIGRTMIN, None) for i in range(3)])'
    # Not one namespace is there yet: this is another limit, so it is another namespace.
    run -0 as alice node1 prlimit --sigpending=0:4567 "$copper" run --over "$env/bin" true
    run -0 as alice node1 prlimit --sigpending=4567:4567 "$copper" run --over "$env/bin" python3 -c "$queue"
    [ "$output" = "[0, 0, 0]" ]
    run -0 as alice node1 prlimit --sigpending=1:1 "$copper" run --over "$env/bin" true
    run -0 as alice node1 prlimit --sigpending=4568:4568 "$copper" run --over "$env/bin" python3 -c "$queue"
    [ "$output" = "[0, 0, 0]" ]
    run -0 as alice node1 prlimit --sigpending=2:2 "$copper" run --over "$env/bin" python3 -c "$queue"
    [[ $output == *", -1]" ]] # the machine's other processes of this user count, too
}

# 128 processes at once: a new choice, so the namespace is made while they come.
@test "128 processes join at once one namespace, in which they may read each other's memory" {
    local user reader
    reader=$SYSTEM_DIR/neighbors
    for user in alice root; do
        # shellcheck disable=SC2016
        run -0 as_user $user node2 env PATH="$env/bin:$PATH" COPPER="$COPPER_BUILD/copper" OVER="$env/bin" sh -c '
            i=0
            while [ $i -lt 128 ]; do
                "$COPPER" run --over "$OVER" readlink /proc/self/ns/mnt /proc/self/ns/user &
                i=$((i + 1))
            done
            wait'
        [ "$(grep -c . <<<"$output")" = 256 ]
        [ "$(sort -u <<<"$output" | grep -c .)" = 2 ]
        # Two views share the user namespace, so their ranks may, too.
        run -0 as_user $user node2 "$reader" "$COPPER_BUILD/copper" run --over "$env/bin" -- \
            "$COPPER_BUILD/copper" run --over "$env"
        [ "$output" = "$(printf '%s\n' "read: the neighbor's bytes" traced)" ]
    done
}

# The library's own start-up (PMI) and its way within a node work below it: one copy, no second one.
@test "two ranks of MPICH and of Open MPI read each other's memory" {
    local kind user start word calls
    command -v strace >/dev/null || skip "needs strace"
    for kind in mpich openmpi; do
        for user in alice root; do
            # shellcheck disable=SC2054 # commas of Open MPI
            case $kind in
            mpich) start=(env HYDRA_LAUNCHER=fork mpiexec.hydra -n 2) ;;
            openmpi)
                start=(env OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 mpirun.openmpi --oversubscribe -n 2
                    --mca btl vader,self --mca btl_vader_single_copy_mechanism cma --mca plm isolated)
                ;;
            esac
            for word in "${start[@]}"; do [[ $word != mpi* ]] || command -v "$word" >/dev/null || skip "needs $word"; done
            run -0 as_user $user node2 env PATH="$PATH:$env/bin" HOME=/tmp timeout "$PATIENCE" \
                strace -f -qq -e trace=process_vm_readv -e signal=none -o "/tmp/calls.$user" "${start[@]}" "$COPPER_BUILD/copper" run --over "$env" \
                "$SYSTEM_DIR/mpi_pair" $kind </dev/null
            echo "$kind $user: $output"
            # 8 MiB by the rank's own call, and 8 MiB by the library: it has not copied them twice, by memory that both share.
            calls=$(on node2 awk '{ bytes += $NF } END { print bytes }' "/tmp/calls.$user")
            [ "$calls" -ge $((16777216 - 65536)) ]
            [ "$output" = "read 8388608 8388608 received 8388608" ]
        done
    done
}

# As a job starts them: by the launcher, on all nodes, several ranks a node. Ranks of one node are neighbours.
@test "Hydra over two nodes: ranks below copper run start, use the view, and read each other's memory" {
    local user expected
    command -v mpiexec.hydra >/dev/null || skip "needs mpiexec.hydra"
    expected=$(printf 'read 8388608 8388608 received 8388608\n%.0s' 1 2)
    for user in alice root; do
        run -0 as_user $user node1 env PATH="$PATH:$env/bin" HOME=/tmp HYDRA_LAUNCHER=rsh HYDRA_LAUNCHER_EXEC="$CLUSTER_BIN/rsh" \
            timeout "$PATIENCE" mpiexec.hydra -hosts node1,node2 -ppn 2 -n 4 "$COPPER_BUILD/copper" run --over "$env" \
            "$SYSTEM_DIR/mpi_pair" mpich </dev/null
        [ "$output" = "$expected" ]
        run -0 as_user $user node1 env PATH="$env/bin:$PATH" HOME=/tmp HYDRA_LAUNCHER=rsh HYDRA_LAUNCHER_EXEC="$CLUSTER_BIN/rsh" \
            timeout "$PATIENCE" mpiexec.hydra -hosts node1,node2 -ppn 2 -n 4 "$COPPER_BUILD/copper" run tool </dev/null
        [ "$(sort -u <<<"$output")" = "from $(echo "$env"/lib/python3.*/site-packages)/tool/__init__.py of $env by $WORK/pfs/base/bin/python3" ]
        [ "${#lines[@]}" = 4 ]
    done
}

@test "srun: ranks below copper run start, use the view, and read each other's memory" {
    local user kind expected tool start
    for tool in srun slurmd slurmctld munged mpirun.openmpi mpiexec.hydra; do
        command -v $tool >/dev/null || skip "needs $tool"
    done
    "$CLUSTER_BIN/cluster" slurm up "$CLUSTER_DIR" 3>&-
    expected=$(printf 'read 8388608 8388608 received 8388608\n%.0s' 1 2)
    for user in alice root; do
        for kind in mpich openmpi; do
            # shellcheck disable=SC2054 # commas of Open MPI
            case $kind in
            mpich) start=(srun -Q -N2 -n4 --ntasks-per-node=2 --overcommit --mpi=pmi2) ;;
            openmpi) # its own daemons, by srun
                start=(salloc -Q -N2 -n4 --ntasks-per-node=2 --overcommit mpirun.openmpi -n 4 --map-by ppr:2:node --oversubscribe
                    --mca btl vader,self,tcp --mca btl_vader_single_copy_mechanism cma)
                ;;
            esac
            run -0 as_user $user login env -C / PATH="$PATH:$env/bin" HOME=/tmp OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 \
                timeout "$PATIENCE" "${start[@]}" "$COPPER_BUILD/copper" run --over "$env" "$SYSTEM_DIR/mpi_pair" $kind </dev/null
            echo "$kind $user: $output"
            [ "$output" = "$expected" ]
        done
        run -0 as_user $user login env -C / PATH="$env/bin:$PATH" timeout "$PATIENCE" srun -Q -N2 -n4 --overcommit "$COPPER_BUILD/copper" run tool
        [ "$(sort -u <<<"$output")" = "from $(echo "$env"/lib/python3.*/site-packages)/tool/__init__.py of $env by $WORK/pfs/base/bin/python3" ]
    done
}

@test "the namespace is kept when the daemon dies" {
    local space before
    space=$(run_as alice node1 readlink /proc/self/ns/mnt)
    before=$(as_user alice node1 "$COPPER_BUILD/copper" status --json)
    on node1 kill -9 "$(jq_get "$before" pid)"
    [ "$(run_as alice node1 readlink /proc/self/ns/mnt)" = "$space" ]
    run -0 run_as alice node1 tool
}

# filtered COMMAND...: without the right to make namespaces, as in most containers (seccomp(2)).
@test "where it cannot be done: the reason in one line and 125, or the prefix instead" {
    local said filtered=("$SYSTEM_DIR/filtered" "$COPPER_BUILD/copper")
    run -125 as alice node2 "${filtered[@]}" run --over "$WORK/pfs/base" echo started
    [[ $output == "copper: run: the original paths cannot be served: user namespace: Operation not permitted: a filter of system calls (seccomp)"*"; --prefix-instead runs the command with paths below the mount" ]]
    run -0 as alice node2 "${filtered[@]}" run --prefix-instead --over "$WORK/pfs/base" printenv PATH
    [[ $output == "/tmp/alice/copper$env/bin:"* ]]
    run as alice node2 "${filtered[@]}" doctor # no_new_privs, which a filter needs, is a problem of its own
    [[ $output == *"original paths (copper run): cannot be served: user namespace: Operation not permitted: a filter"* ]]
    run -0 as alice node2 "$COPPER_BUILD/copper" doctor
    [[ $output == *"original paths (copper run): can be served"* ]]
    # A view that another process has made does not help who may not enter it: nothing was begun, so the prefix does.
    local user
    for user in alice root; do
        run -0 as $user node2 "$COPPER_BUILD/copper" run --over "$WORK/pfs/base/lib" true
        run -125 as $user node2 "${filtered[@]}" run --over "$WORK/pfs/base/lib" echo started
        [[ $output == "copper: run: the original paths cannot be served: "*" namespace: Operation not permitted: a filter of system calls (seccomp)"*"; --prefix-instead runs the command with paths below the mount" ]]
        run -0 as $user node2 env PYTHONPATH="/usr/lib:$env/lib" "${filtered[@]}" run --prefix-instead --over "$WORK/pfs/base/lib" printenv PYTHONPATH PATH
        [ "${lines[0]}" = "/usr/lib:/tmp/$user/copper$env/lib" ]
        [[ ${lines[1]} == "/tmp/$user/copper$env/bin:"* ]]
    done
}

# The setting is the kernel's own, of a user namespace in which this root is root.
@test "where user namespaces are off: which setting it is" {
    # shellcheck disable=SC2016
    local off='echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin "$@"'
    local said="user namespaces are off on this node: the administrator can set sysctl user.max_user_namespaces=15000"
    run -125 as root node2 unshare -Ur sh -c "$off" sh "$COPPER_BUILD/copper" run --over "$WORK/pfs/base/lib" echo started
    [ "$output" = "copper: run: the original paths cannot be served: $said; --prefix-instead runs the command with paths below the mount" ]
    run as root node2 unshare -Ur sh -c "$off" sh "$COPPER_BUILD/copper" doctor
    [[ $output == *"original paths (copper run): cannot be served: $said"* ]]
    run -0 as root node2 unshare -Ur sh -c "$off" sh "$COPPER_BUILD/copper" run --prefix-instead --over "$WORK/pfs/base/lib" printenv PATH
    [[ $output == "/tmp/root/copper$env/bin:"* ]]
}

@test "a node without a daemon reads storage, and says so" {
    run -0 --separate-stderr as_user alice login env -C / PATH="$env/bin:$PATH" "$COPPER_BUILD/copper" run tool
    [[ $output == "from $env/lib/"* ]]
    [ "$stderr" = "copper: run: no daemon on this node: storage is read without Copper" ]
    run -125 as_user alice login "$COPPER_BUILD/copper" run --over "$env" tool
}

@test "copper path and copper env" {
    local mount=/tmp/alice/copper shell
    run -0 as_user alice node1 env -C "$WORK/pfs" "$COPPER_BUILD/copper" path "$env/bin/tool-link" "$mount$env/bin" project
    [ "$output" = "$(printf '%s\n' "$mount$env/bin/tool" "$env/bin" "$mount$WORK/pfs/project")" ]
    run -1 as_user alice node1 "$COPPER_BUILD/copper" path /nowhere
    [ "$output" = "copper: path: /nowhere: Copper does not show it: No such file or directory" ]
    run -1 as_user alice node1 "$COPPER_BUILD/copper" path ""
    [ "$output" = 'copper: path: "": No such file or directory' ]
    run -0 as alice node1 "$COPPER_BUILD/copper" env
    [ "$output" = "export PATH='$mount$env/bin:$PATH';" ]
    run -0 as_user alice node1 env PYTHONPATH="/usr/lib:it's $env/lib:$env/lib" LD_LIBRARY_PATH=/lib "$COPPER_BUILD/copper" env --shell csh PYTHONPATH
    [ "$output" = "setenv PYTHONPATH '/usr/lib:it'\\''s $env/lib:$mount$env/lib';" ]
    run -2 as_user alice node1 "$COPPER_BUILD/copper" env --shell cmd
    # Each shell reads what is printed for it, and the way back.
    for shell in bash zsh csh fish; do
        there_is $shell || continue
        run -0 as_user alice node1 env ODD="$env/lib:a'b!c \\d:" "$shell" -c \
            "$(for undo in "" --undo; do
                case $shell in
                fish) echo "$COPPER_BUILD/copper env $undo --shell fish ODD | source; printenv ODD;" ;;
                *) echo "eval \"\`$COPPER_BUILD/copper env $undo --shell $shell ODD\`\"; printenv ODD;" ;;
                esac
            done)"
        echo "$shell: $output"
        [ "$output" = "$(printf '%s\n' "$mount$env/lib:a'b!c \\d:" "$env/lib:a'b!c \\d:")" ]
    done
    skip_what_is_missing
}

# holders NODE NAMESPACE: the processes that are in it, or have a descriptor or a mount of it.
holders() {
    # shellcheck disable=SC2016
    on "$1" sh -c 'find /proc/[0-9]*/ns/mnt /proc/[0-9]*/fd/ -maxdepth 1 -lname "$2" 2>/dev/null
        grep -hF "$1" /proc/[0-9]*/mountinfo 2>/dev/null
        true' sh "$2" "${2/\[/\\[}"
}

@test "stop says who still uses the view, on all nodes, does not wait for them, and nothing holds it after them" {
    local node said status other=/tmp/alice/other pids=() space
    as_user alice login env COPPER_RSH="$CLUSTER_BIN/rsh" "$COPPER_BUILD/launch_copper.sh" -H node1,node2 -v $other -s "$PATIENCE"
    for node in node1 node2; do
        mkfifo "$WORK/to.$node" "$WORK/from.$node"
        as_user alice $node "$COPPER_BUILD/copper" run -v $other --over "$env" sh -c \
            "readlink /proc/self/ns/mnt; read -r line; cat $env/pyvenv.cfg 2>&1; exit 5" <>"$WORK/to.$node" >"$WORK/from.$node" &
        pids+=($!)
    done
    exec {one}<"$WORK/from.node1" {two}<"$WORK/from.node2"
    read -r -t "$PATIENCE" -u "$one" "space[1]"
    read -r -t "$PATIENCE" -u "$two" "space[2]"
    # The command is in it, and a process beside the daemon keeps it.
    [[ $(holders node2 "${space[2]}") == *"/ns/mnt"*"/fd/"* ]]
    run -0 as_user alice login env COPPER_RSH="$CLUSTER_BIN/rsh" "$COPPER_BUILD/stop_copper.sh" -v $other
    [ "${lines[0]}" = "copper: stopped on 2 nodes" ]
    [[ ${lines[1]} == "copper: 2 processes below copper run still use the view, and cannot read on: node"[12]": sh (pid "*"), ..." ]]
    run on_all grep $other /proc/self/mountinfo # on none
    [ -z "$output" ]
    # It is held by these commands alone. They get an error, not bytes of something else, and end as they like.
    for node in 1 2; do
        said=$(holders "node$node" "${space[node]}")
        [[ $said == *"/ns/mnt" && $said != *"/fd/"* ]]
        echo >"$WORK/to.node$node"
    done
    read -r -t "$PATIENCE" -u "$one" said
    [[ $said == *"Transport endpoint is not connected"* ]]
    read -r -t "$PATIENCE" -u "$two" said
    [[ $said == *"Transport endpoint is not connected"* ]]
    for node in 1 2; do
        status=0
        wait "${pids[node - 1]}" || status=$?
        [ "$status" = 5 ]
        said=$(holders "node$node" "${space[node]}")
        [ -z "$said" ]
    done
    rm "$WORK"/to.node[12] "$WORK"/from.node[12]
}
