# What leads out of the mount's prefix: absolute links, which --symlinks rewrite keeps inside.
# SPDX-License-Identifier: BSD-3-Clause

bats_require_minimum_version 1.5.0
load lib.bash

setup_file() {
    can_run || return 0
    bed_up 2
    local top=$WORK/source
    mkdir -p "$top"/env/{bin,lib,links} "$top"/base/{bin,lib}
    echo python >"$top/base/bin/python3"
    ln -s "$WORK/pfs/base/bin/python3" "$top/env/bin/python3"
    ln -s "$WORK/pfs/env/bin/python3" "$top/env/bin/python"
    ln -s "$WORK/pfs/env/lib" "$top/env/lib64"
    echo library >"$top/env/lib/lib.so"
    # shellcheck disable=SC2046 # words
    (
        cd "$top/env/links" || return
        ln -s ../lib/lib.so relative
        ln -s "../../../../../..$WORK/pfs/env/lib/lib.so" over
        ln -s "$WORK/pfs/base/../env/lib/lib.so" up
        ln -s /nowhere/at/all dangling
        ln -s / root
        ln -s /proc/version proc
        ln -s /sys sys
        ln -s /root/secret secret
        ln -s "$MOUNT$WORK/pfs/env" view
        ln -s "$WORK/pfs/a/../../pfs/env/lib/lib.so" climbs
    )
    ln -s "$WORK/pfs/env" "$top/top"
    job_up -k 1 --symlinks rewrite
}

teardown_file() {
    DEATHS_EXPECTED=yes job_down
    bed_down
}

setup() {
    skip_unless_built
    env=$MOUNT$WORK/pfs/env
}

# shown NODE PATH: its target, when lstat says the same length, twice: the second time the kernel has it.
shown() {
    # shellcheck disable=SC2016
    on "$1" sh -ec 'for i in 1 2; do
        text=$(readlink "$1")
        [ "$(stat -c %s "$1")" = ${#text} ]
    done
    printf "%s\n" "$text"' sh "$2"
}

@test "absolute links stay in the view, others are as on storage" {
    local node name up
    up=$(dirname "$WORK/pfs" | sed 's|/[^/]*|../|g') # from env and links to "/"
    for node in node1 node2; do
        [ "$(shown $node "$env/bin/python3")" = ../../base/bin/python3 ]
        [ "$(shown $node "$env/bin/python")" = python3 ]
        [ "$(shown $node "$env/lib64")" = lib ]
        [ "$(shown $node "$env/../top")" = env ]
        [ "$(shown $node "$env/links/over")" = ../lib/lib.so ]
        [ "$(shown $node "$env/links/up")" = ../../base/../env/lib/lib.so ]
        [ "$(shown $node "$env/links/dangling")" = "../../../${up}nowhere/at/all" ]
        for name in relative root proc sys secret view climbs; do
            [ "$(shown $node "$env/links/$name")" = "$(readlink "$WORK/source/env/links/$name")" ]
        done
        # Where they lead to, of the view and not of storage.
        [ "$(on $node realpath "$env/bin/python")" = "$MOUNT$WORK/pfs/base/bin/python3" ]
        [ "$(on $node cat "$env/bin/python")" = python ]
        for name in relative over up climbs view/lib/lib.so; do
            # "climbs" leads to storage itself.
            [ $name = climbs ] || [ "$(on $node cat "$env/links/$name")" = library ]
        done
        run -1 on $node cat "$env/links/dangling"
        [ "$(on $node cat "$env/links/proc")" = "$(cat /proc/version)" ]
        run -0 on $node find -L "$env/bin" "$env/lib64" -type l
        [ "$output" = "" ]
    done
    run -0 copper node2 stats --json
    [ "$(jq_get "$output" counters.links_rewritten)" -ge 6 ]
    # What travels is as on storage: node2 has asked node1 for each link once.
    run -0 pfs twice
    [ "$(grep -c readlink <<<"$output")" = 0 ]
}

# As a container or copper run shows it.
@test "where the view is bound they lead to what is there" {
    # shellcheck disable=SC2016
    run -0 on node2 unshare -m sh -ec 'mount --bind "$1$2" "$2"
        realpath "$2/env/bin/python" "$2/env/lib64"
        mkdir -p /tmp/container/base
        mount --bind "$1$2/env" /tmp/container
        cat /tmp/container/lib64/lib.so' sh "$MOUNT" "$WORK/pfs"
    [ "$output" = "$(printf '%s\n' "$WORK/pfs/base/bin/python3" "$WORK/pfs/env/lib" library)" ]
}

@test "a link is shown as before after the death of the daemon" {
    local pid before
    # shellcheck disable=SC2016
    before=$(on node2 sh -c 'for l in "$1"/bin/* "$1"/lib64 "$1"/links/*; do stat -c "%N %s" "$l"; done' sh "$env")
    pid=$(jq_get "$(copper node2 status --json)" pid)
    on node2 kill -9 "$pid"
    # shellcheck disable=SC2016
    [ "$(on node2 sh -c 'for l in "$1"/bin/* "$1"/lib64 "$1"/links/*; do stat -c "%N %s" "$l"; done' sh "$env")" = "$before" ]
    [ "$(shown node2 "$env/bin/python3")" = ../../base/bin/python3 ]
    # The daemon has to ask again, and so has the kernel.
    copper node2 refresh / >/dev/null
    # shellcheck disable=SC2016
    [ "$(on node2 sh -c 'for l in "$1"/bin/* "$1"/lib64 "$1"/links/*; do stat -c "%N %s" "$l"; done' sh "$env")" = "$before" ]
}
