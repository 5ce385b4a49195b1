# Another user (games, here called the neighbour) prepares places where alice works, so that Copper runs his programs
# or connects to his hosts: directories beside an installation, host lists, temporary directories.
# SPDX-License-Identifier: BSD-3-Clause

bats_require_minimum_version 1.5.0
load lib.bash

setup_file() {
    can_run || return 0
    work_up
    chmod 755 "$WORK"
    mkdir "$WORK/bin"
    cp "$CLUSTER_BIN"/{rsh,cluster,keeper} "$WORK/bin"
    cluster_up -n 2
}

teardown_file() {
    cluster_down
    work_down
}

setup() {
    skip_unless_built
}

teardown() {
    if on node1 test -x /tmp/b/stop_copper.sh; then
        on node1 rm -rf /tmp/etc
        alice /tmp/b/stop_copper.sh >/dev/null
    fi
    on_all sh -c 'rm -rf /tmp/alice /tmp/copper-* /tmp/b /tmp/etc /tmp/lib /tmp/libexec /tmp/trap /tmp/node1* /tmp/caught; true' \
        >/dev/null
    sanitizers_are_silent
}

# alice COMMAND...: on node1. built: as what she built in /tmp/b.
alice() {
    as_user alice node1 env COPPER_RSH="$WORK/bin/rsh" "$@"
}

neighbour() {
    as_user games node1 sh -c "$1"
}

built() {
    on node1 mkdir -p /tmp/b
    on node1 cp -r "$COPPER_BUILD"/{copper,copperd,isatty.so,launch_copper.sh,stop_copper.sh,launch} /tmp/b
    on node1 chown -R alice /tmp/b
}

# trap_at FILE: a program of the neighbour's, which notes who ran it.
trap_at() {
    # shellcheck disable=SC2016
    neighbour 'mkdir -p "$(dirname '"$1"')"; printf "#!/bin/sh\nid -un >>/tmp/caught\n" >'"$1; chmod 755 $1"
}

nobody_was_caught() {
    run ! on node1 cat /tmp/caught
    [[ $output == *"No such file"* ]]
}

@test "an installation in a directory of all users takes no program, library or setting that others put beside it" {
    built
    for dir in libexec/copper lib/copper; do
        for name in rsh hosts common mpiexec; do
            trap_at "/tmp/$dir/$name.sh"
        done
    done
    neighbour "mkdir -p /tmp/lib/copper; echo no library >/tmp/lib/copper/isatty.so"
    alice /tmp/b/launch_copper.sh -s "$PATIENCE"
    # shellcheck disable=SC2016
    run -0 alice /tmp/b/copper run sh -c 'echo "$LD_PRELOAD"'
    [ "$output" = /tmp/b/isatty.so ]
    alice rm /tmp/b/isatty.so
    run -125 alice /tmp/b/copper run true
    [[ $output == *"/tmp/lib/copper belongs to another user"* ]]
    alice /tmp/b/stop_copper.sh
    # The site's file names a program, too.
    trap_at /tmp/trap
    neighbour 'mkdir -p /tmp/etc; echo "launcher = /tmp/trap" >/tmp/etc/copper.conf'
    for command in launch_copper.sh stop_copper.sh "copper config"; do
        # shellcheck disable=SC2086
        run -2 alice /tmp/b/$command
        [[ $output == *"/tmp/etc belongs to another user (uid $(id -u games))"* ]]
    done
    on node1 chown -R alice /tmp/etc
    on node1 chmod 666 /tmp/etc/copper.conf
    run -2 alice /tmp/b/launch_copper.sh
    [[ $output == *"/tmp/etc/copper.conf has mode 0666: others may change it (chmod go-w)"* ]]
    on node1 sh -c 'rm /tmp/etc/copper.conf; mkfifo /tmp/etc/copper.conf; chown alice /tmp/etc/copper.conf'
    run -2 alice timeout "$PATIENCE" /tmp/b/launch_copper.sh
    [[ $output == *"/tmp/etc/copper.conf is not a file"* ]]
    on node1 rm -r /tmp/etc /tmp/b/launch
    run -2 alice /tmp/b/launch_copper.sh
    [[ $output == *"/tmp/libexec/copper belongs to another user"* ]]
    nobody_was_caught
}

@test "a word after -H that is a file of another user where alice works is refused" {
    local home
    built
    neighbour 'echo node2 >/tmp/node1; mkfifo /tmp/node1,node2'
    for word in node1 node1,node2; do
        # shellcheck disable=SC2016
        run -2 alice sh -c 'cd /tmp && timeout '"$PATIENCE"' /tmp/b/launch_copper.sh -H "$1"' sh "$word"
        [[ $output == *"-H: the file \"$word\" here belongs to another user (uid $(id -u games)); if it is meant, write ./$word"* ]]
    done
    # shellcheck disable=SC2016
    home=$(alice sh -c 'echo node2 >~/hosts; echo $HOME')
    neighbour "ln -sfn $home/hosts /tmp/node1"
    run -2 alice sh -c 'cd /tmp && /tmp/b/launch_copper.sh -H node1'
    [[ $output == *"belongs to another user"* ]]
    # A list of her own is taken, and one that is meant.
    run -0 alice sh -c 'cd && echo localhost >list && /tmp/b/launch_copper.sh -H list'
}

@test "the lists of hosts that launchers write lie where nobody else can exchange them" {
    built
    neighbour 'mkdir -m 777 /tmp/trap; chmod 777 /tmp/trap'
    # shellcheck disable=SC2016
    alice sh -c 'printf "#!/bin/sh\necho \"\$TMPDIR\" >>/tmp/b/seen\nexec /tmp/b/launch/rsh.sh \"\$@\"\n" >/tmp/b/noting; chmod 755 /tmp/b/noting'
    run -0 alice env TMPDIR=/tmp/trap COPPER_LAUNCHER=/tmp/b/noting /tmp/b/launch_copper.sh
    [[ $output == *"TMPDIR: /tmp/trap belongs to another user (uid $(id -u games)); used is /tmp/copper-$(alice id -u)"* ]]
    [ "$(alice sort -u /tmp/b/seen)" = "/tmp/copper-$(alice id -u)" ]
    alice sh -c 'mkdir -m 700 /tmp/b/mine; rm /tmp/b/seen; TMPDIR=/tmp/b/mine COPPER_LAUNCHER=/tmp/b/noting /tmp/b/stop_copper.sh -H node1'
    [ "$(alice cat /tmp/b/seen)" = /tmp/b/mine ]
}

@test "a job description that another user has put in the launcher's place is not taken" {
    built
    neighbour 'mkdir /tmp/trap; printf "exit 93\ncopper-job 3\n" >/tmp/trap/job; chmod 644 /tmp/trap/job'
    for how in "--job /tmp/trap/job" "</tmp/trap/job"; do # as launchers with COPPER_SHARED do
        run -1 alice sh -c "/tmp/b/copperd $how"
        [[ $output == *"the job description is not a file of this user alone (uid $(id -u games))"* ]]
    done
}

@test "what a user leaves in his run directory does not hold up root's epilogue" {
    # shellcheck disable=SC2016
    neighbour 'mkdir -m 700 "/tmp/copper-$(id -u)" && cd "/tmp/copper-$(id -u)" &&
        mkfifo a.job b.lock && ln -s a.job c.job && ln -s /dev/zero d.job && ln -s / e.lock && mkdir f.job'
    run on node1 timeout "$PATIENCE" "$COPPER_BUILD/copper" epilogue games
    [ "$status" -lt 2 ]
    # A link is not followed, a directory not removed, as much as the user may do.
    [ "$(on node1 sh -c 'cd /tmp/copper-*/ && echo *')" = "c.job d.job e.lock f.job" ]
}

# The view of copper run: neither the socket that hands it out nor a process in it gives it to another user.
@test "a neighbour gets at no view of copper run, and set-user-id programs give nothing in it" {
    local pid socket daemon stranger running
    built
    cp "$SYSTEM_DIR/stranger" "$WORK/bin"
    stranger=$WORK/bin/stranger
    alice /tmp/b/launch_copper.sh -s "$PATIENCE"
    coproc alice /tmp/b/copper run --over /usr/share sh -c 'echo $$; read -r _'
    running=$COPROC_PID # bash forgets it when the process ends
    read -r -t "$PATIENCE" -u "${COPROC[0]}" pid
    # shellcheck disable=SC2016
    socket=$(alice sh -c 'echo /tmp/copper-$(id -u)/*.view')
    daemon=$(alice /tmp/b/copper status --json)
    # As far as he is let in by the modes, the kernel still says who he is.
    on node1 sh -c 'chmod 755 "${1%/*}" && chmod 666 "$1"' sh "$socket"
    for victim in "$pid" "$(jq_get "$daemon" pid)"; do
        run -0 as_user games node1 "$stranger" "$victim" "$socket"
        [ -z "$output" ]
    done
    # The same ways work for root, and most of them for herself: it is not that they never do.
    run -0 on node1 "$stranger" "$pid" "$socket"
    [ "$output" = "$(printf '%s\n' root directory mounts users descriptors descriptor memory trace 'enter users' 'enter mounts')" ]
    run -0 alice "$stranger" "$pid" "$socket"
    [[ $output == socket$'\n'root* ]]
    on node1 sh -c 'chmod 600 "$1" && chmod 700 "${1%/*}"' sh "$socket"
    on node1 sh -c 'cp /usr/bin/id /tmp/b/id && chown root /tmp/b/id && chmod 4755 /tmp/b/id'
    run -0 alice /tmp/b/id -u
    [ "$output" = 0 ]
    run -0 alice /tmp/b/copper run --over /usr/share /tmp/b/id -u
    [ "$output" = "$(alice id -u)" ]
    echo >&"${COPROC[1]}"
    wait "$running"
}
