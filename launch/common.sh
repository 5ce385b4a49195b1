#!/bin/sh
# What the launchers share: sourced by them ("parts" is its directory), does nothing by itself.
# The protocol stands in docs/launchers.md.
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh disable=SC2034

# line WORD...: all of them in one, as a shell on another host reads them, whichever shell that is.
line() {
    "$COPPER_PROGRAM" job quote "$@"
}

# What runs on each node where one call starts all, for sh -c: "$on_node" HOW INPUT RUN_DIR COMMAND...
# HOW is "start" or "run" (the command ends, and how it did is told) or "stay" (it runs on, and tells
# of itself); INPUT is a file with its standard input, "-": that which it has; RUN_DIR is COPPER_RUN_DIR
# or "-". What counts of all that arrives here are the lines "@copper HOST STATUS TEXT" and copperd's
# own, so nothing that a login or a launcher prints does. One line without single quotes and "!", for
# the shells that it may have to pass.
# shellcheck disable=SC2016
on_node='h=${SLURMD_NODENAME:-$(uname -n)}; '\
'[ -z "${SLURMD_NODENAME:-}" ] || export COPPER_NODE="$h"; i=$1 r=$2; shift 2; '\
'[ "$r" = - ] || export COPPER_RUN_DIR="$r"; '\
'if [ "$i" = - ]; then :; elif [ -r "$i" ]; then exec <"$i"; else '\
'echo "@copper $h 1 $i cannot be read here: COPPER_SHARED must name a directory that all nodes see" >&2; '\
'exit 0; fi; '\
'if [ -x "$1" ]; then :; else '\
'echo "@copper $h 127 cannot run $1: Copper must be at the same path on every node" >&2; exit 0; fi; '\
'if [ "$0" = stay ]; then echo "@copper $h - " >&2; exec "$@" --foreground; fi; '\
't=$("$@" 2>&1); s=$?; t=$(echo "$t" | tail -n 1); [ "$s$t" = 0 ] || [ "$t" ] || t="ended with status $s"; '\
'echo "@copper $h $s $t" >&2'

# begin WORD...: the launcher's arguments. Sets files (a directory that goes with the launcher), hosts
# (a file with a host a line), count, mode, how, and run_dir.
begin() {
    mode=$1
    how=$1
    run_dir=${COPPER_RUN_DIR:--}
    files=$(mktemp -d "${TMPDIR:-/tmp}/copper-launch.XXXXXX") || exit 1
    shared=
    id=$(grep '^id ' "$COPPER_INPUT")
    trap 'rm -rf -- "$files"; [ -z "$shared" ] || rm -f -- "$shared"; job_is_over' EXIT
    trap 'exit 143' TERM INT HUP
    trap '' PIPE # the reader may have had enough
    hosts=$files/hosts
    cat >"$hosts"
    count=$(wc -l <"$hosts")
    [ "$mode" != start ] || [ "$COPPER_OUTPUT" = no ] || how=stay
}

# For launchers whose commands end with the job: in front of all they print.
stays() {
    [ "$mode" = start ] || return 0
    how=stay
    echo stay
    # Whoever reads the launch's output must see its end before that of the job.
    [ "$COPPER_OUTPUT" = yes ] || exec 2>/dev/null 3>/dev/null
}

# The launch host's description of the job, and the key in it, go when the daemons do that end with the
# job: here may be none that removes it. The next job's stays.
job_is_over() {
    if [ "$how" = stay ] && [ -n "${COPPER_JOB:-}" ] && [ -n "$id" ]; then
        ! grep -qxF -e "$id" "$COPPER_JOB" 2>/dev/null || rm -f -- "$COPPER_JOB"
    fi
}

# share: for launchers that give standard input to no command, or to one only: sets input to a copy
# of it, for this user only, in a directory that all nodes see. It goes when all have it.
share() {
    input=-
    [ "$mode" = start ] || return 0
    shared=$(mktemp "${COPPER_SHARED:-${HOME:-}}/.copper.XXXXXX") || exit 1
    cat "$COPPER_INPUT" >"$shared" || exit 1
    input=$shared
}

# report TROUBLE SCRIPT...: from what commands and launcher print to the lines of the protocol. What
# begins with TROUBLE (a pattern of sed) is the launcher's own; each SCRIPT (of sed) makes a line of it.
report() {
    own=$1
    shift
    for script; do
        set -- "$@" -e "$script;t"
        shift
    done
    sed -u -n -e 's/^.*@copper \([^ ]\{1,\} [-0-9]\{1,\} .*\)$/\1/p;t' \
        -e 's/^.*copperd: \([^ :]\{1,\}\): \(.*\)$/\1 1 \2/p;t' \
        "$@" -e "s/^$own.*\$/- - &/p" | told
}

# told: passes all on. The shared copy goes with the last of the nodes that have it.
told() {
    if [ -z "$shared" ]; then
        cat
        return
    fi
    left=$count
    while IFS= read -r said; do
        case $how,$said in
        stay,*" - " | start,*" "[0-9]*) left=$((left - 1)) ;;
        esac
        [ "$left" != 0 ] || rm -f -- "$shared"
        printf '%s\n' "$said"
    done
}

# What shells over ssh say of a host that they do not reach, as a script for report; all label it.
# shellcheck disable=SC2034
said_by_ssh='s/^\([^ :]*\): \(ssh: .*\|.*Permission denied.*\|.*Host key.*\|.*closed by .*\|.*timed out.*\)$/\1 - \2/p'
