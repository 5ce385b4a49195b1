# What an administrator installs and a newcomer loads: the tree, moved after its installation, through
# its modulefiles, as an ordinary user on a node of its own.
# SPDX-License-Identifier: BSD-3-Clause

setup_file() {
    load launch.bash
    skip_unless_root_fuse
    cluster_up -n 1
    export prefix=$CLUSTER_DIR/home/sw/copper
    mkdir -p "$CLUSTER_DIR/home/sw"
    cmake --install "$COPPER_BIN" --prefix "$CLUSTER_DIR/home/made" >/dev/null
    mv "$CLUSTER_DIR/home/made" "$prefix"
    chmod -R go+rX "$CLUSTER_DIR/home/sw"
}

teardown_file() {
    load launch.bash
    cluster_down
}

setup() {
    load launch.bash
    [ -f /usr/share/lmod/lmod/init/bash ] || skip "needs Lmod"
    # Lmod takes the Lua file where both are there.
    tcl=$CLUSTER_DIR/home/sw/tcl
    rm -rf "$tcl"
    cp -r "$prefix" "$tcl"
    rm "$tcl"/share/modulefiles/copper/*.lua
}

# session PREFIX COMMANDS: in a shell of alice on node1 that knows the modules of PREFIX.
session() {
    # shellcheck disable=SC2016 # for that shell
    as_user alice node1 bash --noprofile --norc -c '. /usr/share/lmod/lmod/init/bash
        module use "$1/share/modulefiles"
        eval "$2"' bash "$1" "$2"
}

# shellcheck disable=SC2016 # for session
life='module load copper && launch_copper.sh && copper status && cat /tmp/alice/copper/etc/hostname &&
    stop_copper.sh && module unload copper && ! command -v copper launch_copper.sh'

# lives PREFIX
lives() {
    run -0 session "$1" "$life"
    echo "$output"
    [[ ${lines[0]} == "copper: 1 node ready at /tmp/alice/copper in "* ]]
    [[ ${lines[1]} == "mount       /tmp/alice/copper" ]]
    [[ ${lines[2]} == "job         "*", 1 of 1 nodes ready" ]]
    [ "${lines[-2]}" = "$(cat /etc/hostname)" ]
    [[ $output == *"copper: stopped on 1 node"* ]]
    traceless node1
    run -0 on node1 find /tmp/alice -printf "%p %m %u\n"
    [ "$output" = "/tmp/alice 700 alice" ]
}

@test "Lmod, Lua: load, launch, look, stop, unload" {
    lives "$prefix"
}

@test "Lmod, Tcl: load, launch, look, stop, unload" {
    lives "$tcl"
}

@test "nothing that is installed knows where it was built" {
    # Debuggers want it, in the programs.
    local kind=--binary-files=text
    ! grep -q '^CMAKE_BUILD_TYPE:.*=Debug$' "$COPPER_BIN/CMakeCache.txt" || kind=-I
    run -1 grep -rlF "$kind" -e "$(readlink -f "$COPPER_BIN")" \
        -e "$(readlink -f "$BATS_TEST_DIRNAME/../..")" --exclude copper.conf "$prefix"
    [ -z "$output" ]
}

@test "the site's defaults are those of the launch, its wrong line is named" {
    mkdir "$prefix/etc"
    printf '# of the site\nfanout = 7\ncache_bytes = 64MB # small nodes\n' >"$prefix/etc/copper.conf"
    run -0 session "$prefix" 'module load copper && launch_copper.sh -m 32M && copper status --json &&
        stop_copper.sh && launch_copper.sh --help'
    [[ $output == *'"fanout": 7'*'"cache_bytes": 33554432'* ]]
    [ "${lines[-1]}" = "This site's own defaults stand in $prefix/etc/copper.conf." ]
    run -0 session "$prefix" 'module load copper && COPPER_MOUNT=/m copper config -m 32M'
    [ "${lines[0]}" = "site's file: $prefix/etc/copper.conf" ]
    grep -qE "^fanout +7 +site $prefix/etc/copper.conf$" <<<"$output"
    grep -qE '^cache_bytes +33554432 +option -m$' <<<"$output"
    grep -qE '^mount +/m +environment COPPER_MOUNT$' <<<"$output"
    grep -qE '^trees +1 +default$' <<<"$output"
    grep -qE '^port +automatic +default$' <<<"$output"
    grep -qE '^launcher +rsh +default$' <<<"$output"
    run -0 session "$prefix" 'module load copper && SLURM_JOB_ID=7 COPPER_RSH=r copper config'
    grep -qE '^launcher +srun +default \(SLURM_JOB_ID is set\)$' <<<"$output"
    echo 'launcher = auto' >>"$prefix/etc/copper.conf"
    run -0 session "$prefix" 'module load copper && PBS_NODEFILE=/n COPPER_RSH=r copper config'
    grep -qE "^launcher +rsh +site $prefix/etc/copper.conf \(COPPER_RSH is set\)$" <<<"$output"
    run -0 session "$prefix" 'module load copper && SLURM_JOB_ID=7 COPPER_LAUNCHER=/l copper config'
    grep -qE '^launcher +/l +environment COPPER_LAUNCHER$' <<<"$output"
    run -0 session "$prefix" 'module load copper && copper config --encrypt --json -T 2'
    [ "$(python3 -c 'import json, sys
print([s["from"] + s["where"] for s in json.load(sys.stdin)["settings"] if s["name"] == "encrypt"][0])' <<<"$output")" = \
        option--encrypt ]
    echo 'fanout = many' >"$prefix/etc/copper.conf"
    run -2 session "$prefix" 'module load copper && copper config'
    [ "$output" = "copper: $prefix/etc/copper.conf:1: fanout: \"many\" is not a fan-out; allowed is 1 to 1024" ]
    run -2 session "$prefix" 'module load copper && launch_copper.sh'
    [ "$output" = "copper: $prefix/etc/copper.conf:1: fanout: \"many\" is not a fan-out; allowed is 1 to 1024" ]
    traceless node1
    rm -r "${prefix:?}/etc"
}

# shellcheck disable=SC2016 # for session
@test "option, environment, site's file, default: in this order, in copper config and in the launch" {
    local words launched='for f in /tmp/copper-*/*.job; do sed -n "s/^\(learn\|mount\|log_dir\) /\1=/p" "$f"; stop_copper.sh -v "$(sed -n "s/^mount //p" "$f")" >/dev/null; done'
    mkdir "$prefix/etc"
    printf 'learn = of-the-site\nlog_dir = /tmp/alice-logs\n' >"$prefix/etc/copper.conf"
    # "the environment | the options | the value | where it comes from"
    while IFS='|' read -r words options value origin; do
        run -0 session "$prefix" "module load copper && export $words && copper config $options"
        grep -qE "^${value%%=*} +${value#*=} +$origin( |\$)" <<<"$output"
        run -0 session "$prefix" "module load copper && export $words && launch_copper.sh $options >/dev/null && { $launched; }"
        echo "$words, $options:" "$output"
        grep -qx "$value" <<<"$output"
    done <<'END'
X=||learn=of-the-site|site
COPPER_LEARN=||learn=of-the-site|site
COPPER_LEARN=mine||learn=mine|environment COPPER_LEARN
COPPER_LEARN=mine|--learn given|learn=given|option --learn
X=||mount=/tmp/alice/copper|default
COPPER_MOUNT=/tmp/alice/own||mount=/tmp/alice/own|environment COPPER_MOUNT
COPPER_MOUNT=/tmp/alice/own|-v /tmp/alice/given|mount=/tmp/alice/given|option -v
COPPER_RUN_DIR=/tmp/copper-alice-run||log_dir=/tmp/alice-logs|site
COPPER_RUN_DIR=/tmp/copper-alice-run|-d /tmp/alice-more|log_dir=/tmp/alice-more|option -d
END
    rm "$prefix/etc/copper.conf"
    run -0 session "$prefix" 'module load copper && COPPER_RUN_DIR=/tmp/run-alice copper config'
    grep -qE '^log_dir +/tmp/run-alice/logs +environment COPPER_RUN_DIR$' <<<"$output"
    # The mount is nothing for the file.
    echo 'mount = /tmp/x' >"$prefix/etc/copper.conf"
    run -2 session "$prefix" 'module load copper && copper config'
    [ "$output" = "copper: $prefix/etc/copper.conf:1: mount: stands in the environment, as COPPER_MOUNT" ]
    rm -r "${prefix:?}/etc"
    traceless node1
}

@test "what copper run loads is found where it was installed" {
    # shellcheck disable=SC2016 # of the shell there
    run -0 session "$prefix" 'module load copper && launch_copper.sh >/dev/null &&
        copper run sh -c '"'"'echo "$LD_PRELOAD"'"'"' && stop_copper.sh >/dev/null'
    [ "$output" = "$prefix/lib/copper/isatty.so" ]
}

@test "manual pages are found, and the system's still are" {
    command -v man >/dev/null || skip "needs man"
    for tree in "$prefix" "$tcl"; do
        run -0 session "$tree" 'unset MANPATH; module load copper; man -w launch_copper.sh copperd copper-status ls copper-launchers
            module unload copper; echo "${MANPATH-unset}"
            export MANPATH=/usr/share/man; module load copper; man -w copper ls
            module unload copper; echo "$MANPATH"'
        echo "$output"
        [ "${lines[0]}" = "$tree/share/man/man1/launch_copper.sh.1" ]
        [ "${lines[1]}" = "$tree/share/man/man8/copperd.8" ]
        [ "${lines[2]}" = "$tree/share/man/man1/copper-status.1" ]
        [[ ${lines[3]} == /usr/share/man/man1/ls.1* ]]
        [ "${lines[4]}" = "$tree/share/man/man7/copper-launchers.7" ]
        [ "${lines[5]}" = unset ]
        [ "${lines[6]}" = "$tree/share/man/man1/copper.1" ]
        [[ ${lines[7]} == /usr/share/man/man1/ls.1* ]]
        [ "${lines[8]}" = /usr/share/man ]
    done
}

@test "bash finds the completion, and the system's still" {
    [ -f /usr/share/bash-completion/bash_completion ] || skip "needs bash-completion"
    for tree in "$prefix" "$tcl"; do
        # shellcheck disable=SC2016
        run -0 session "$tree" 'unset XDG_DATA_DIRS; module load copper
            . /usr/share/bash-completion/bash_completion
            for name in copper launch_copper.sh stop_copper.sh umount; do
                complete -r "$name" 2>/dev/null
                _completion_loader "$name"
                complete -p "$name"
            done
            COMP_WORDS=(copper sta) COMP_CWORD=1
            _copper copper sta copper
            printf "%s\n" "${COMPREPLY[@]}" | sort
            module unload copper; echo "${XDG_DATA_DIRS-unset}"'
        echo "$output"
        [[ ${lines[0]} == *"-F _copper copper" ]]
        [[ ${lines[1]} == *"-F _launch_copper launch_copper.sh" ]]
        [[ ${lines[2]} == *"-F _stop_copper stop_copper.sh" ]]
        [[ ${lines[3]} == *umount ]]
        [ "${lines[4]} ${lines[5]} ${lines[6]}" = "stage stats status" ]
        [ "${lines[7]}" = unset ]
    done
}

@test "help and whatis say what it is" {
    for tree in "$prefix" "$tcl"; do
        run -0 session "$tree" 'module whatis copper; module help copper'
        [[ $output == *"read-only cooperative caching file system for HPC jobs"* ]]
        [[ $output == *"launch_copper.sh      mounts it on all nodes"* ]]
    done
}

@test "what only the tests need is not needed to install" {
    # shellcheck disable=SC2016 # of the script that is written
    printf '#!/bin/sh\ncase "$*" in *cmocka*) exit 1 ;; esac\nexec pkg-config "$@"\n' \
        >"$BATS_TEST_TMPDIR/pkg-config"
    chmod 755 "$BATS_TEST_TMPDIR/pkg-config"
    export PKG_CONFIG=$BATS_TEST_TMPDIR/pkg-config
    cmake -S "$BATS_TEST_DIRNAME/../.." -B "$BATS_TEST_TMPDIR/without" -G Ninja -DCU_TESTS=OFF
    run ! cmake -S "$BATS_TEST_DIRNAME/../.." -B "$BATS_TEST_TMPDIR/with" -G Ninja
    [[ $output == *"-DCU_TESTS=OFF"* ]]
}
