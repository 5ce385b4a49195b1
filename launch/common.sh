#!/bin/sh
# Shared by the launchers, which source it ("parts" is its directory); does nothing by itself.
# docs/launchers.md describes the protocol.
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh disable=SC2034

# By bytes: in a UTF-8 locale no pattern matches a byte that is no character, as in the comment of a job.
sed() {
    LC_ALL=C command sed "$@"
}
grep() {
    LC_ALL=C command grep "$@"
}
awk() {
    LC_ALL=C command awk "$@"
}

# line WORD...: prints the words as one line, quoted so that any shell on another host reads them as these
# words.
line() {
    "$COPPER_PROGRAM" job quote "$@"
}

# The script that runs on each node when one call starts all commands, for sh -c: "$on_node" HOW INPUT
# RUN_DIR COMMAND... HOW is "start" or "run" (the command ends, and its status is reported) or "stay" (it
# keeps running, and reports by itself). INPUT is a file with its standard input, or "-": it keeps the one
# it has. RUN_DIR is COPPER_RUN_DIR or "-". In the output, only lines "@copper HOST STATUS TEXT" and those
# of copperd are used, so other output of a login or a launcher is ignored; so the command may print such
# lines, too. The script is one line without
# single quotes and "!", because it may pass through several shells.
# shellcheck disable=SC2016
on_node='h=${SLURMD_NODENAME:-$(uname -n)}; '\
'[ -z "${SLURMD_NODENAME:-}" ] || export COPPER_NODE="$h"; i=$1 r=$2; shift 2; '\
'[ "$r" = - ] || export COPPER_RUN_DIR="$r"; '\
'if [ "$i" = - ]; then :; elif [ -r "$i" ]; then exec <"$i"; else '\
'printf "%s\n" "@copper $h 1 $i cannot be read here: COPPER_SHARED must name a directory that all nodes see" >&2; '\
'exit 0; fi; '\
'if [ -x "$1" ]; then :; else '\
'printf "%s\n" "@copper $h 127 cannot run $1: Copper must be at the same path on every node" >&2; exit 0; fi; '\
'if [ "$0" = stay ]; then echo "@copper $h - " >&2; exec "$@" --foreground; fi; '\
't=$("$@" 2>&1); s=$?; case $t in *"@copper "*) printf "%s\n" "$t" >&2 ;; esac; '\
't=$(printf "%s\n" "$t" | tail -n 1); '\
'[ "$s$t" = 0 ] || [ "$t" ] || t="ended with status $s"; '\
'printf "%s\n" "@copper $h $s $t" >&2'

# forget BEGIN [KEPT]: unsets variables whose names begin so, but not KEPT (both of sed): settings of the job, the user and the
# site are for programs of the job, and some of them change how many commands start, where, and what their output is.
forget() {
    for name in $(env | sed -n -e "/^\(${2:-=}\)=/d" -e "s/^\(\($1\)[A-Za-z0-9_]*\)=.*/\1/p"); do
        unset "$name"
    done
}

# problem TEXT...: the protocol's line for what is no single host's. Not echo, of which some read backslashes.
problem() {
    printf '%s\n' "- - $*"
}

# Who ends a launcher sends its signal to all processes of it, and may do so more than once. None of these may end what
# makes a file, of which only that knows the name, nor what removes the files: they would stay.
#
# new_file ARGUMENT...: of mktemp. In $(...) only.
new_file() {
    trap '' TERM INT HUP
    mktemp "$@"
}

# clean: removes all files that the launcher has made. May be called twice.
clean() {
    trap '' TERM INT HUP
    [ -z "$files" ] || rm -rf -- "$files"
    [ -z "$shared" ] || rm -f -- "$shared"
    job_is_over
}

# begin WORD...: the launcher's arguments. Sets files (a directory that goes with the launcher), hosts
# (a file with a host a line), count, mode, how, and run_dir.
begin() {
    mode=$1
    how=$1
    run_dir=${COPPER_RUN_DIR:--}
    files=
    shared=
    id=$(grep '^id ' "$COPPER_INPUT")
    trap clean EXIT
    trap 'clean; exit 143' TERM INT HUP
    files=$(new_file -d "${TMPDIR:-/tmp}/copper-launch.XXXXXX" 2>&1) || {
        said=$files
        files=
        problem "$said"
        exit 1
    }
    trap '' PIPE # the reader may have had enough
    hosts=$files/hosts
    cat 2>/dev/null >"$hosts" || {
        problem "$hosts: cannot be written: is the disk full?"
        exit 1
    }
    count=$(wc -l <"$hosts")
    [ "$mode" != start ] || [ "$COPPER_OUTPUT" = no ] || how=stay
}

# For launchers whose commands end with the job: printed before all other output.
stays() {
    [ "$mode" = start ] || return 0
    how=stay
    echo stay
    # A reader of the launch's output must see its end before the job ends.
    [ "$COPPER_OUTPUT" = yes ] || exec 2>/dev/null 3>/dev/null
}

# When the daemons end with the job, there may be no daemon on the launch host that removes the job's
# description and the key in it: they are removed here. The description of a later job stays.
job_is_over() {
    if [ "$how" = stay ] && [ -n "${COPPER_JOB:-}" ] && [ -n "$id" ]; then
        ! grep -qxF -e "$id" "$COPPER_JOB" 2>/dev/null || rm -f -- "$COPPER_JOB"
    fi
}

# share: for launchers that pass standard input to no command, or to one only. Sets input to a copy of it,
# readable by this user only, in a directory that all nodes see: $COPPER_SHARED, else the home directory. The copy is removed when all nodes have
# read it.
share() {
    input=-
    [ "$mode" = start ] || return 0
    home=${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}
    dir=$(CDPATH='' cd -- "${COPPER_SHARED:-$home}" 2>/dev/null && pwd) || dir=${COPPER_SHARED:-$home}
    if ! { shared=$(new_file "$dir/.copper.XXXXXX" 2>/dev/null) && cat "$COPPER_INPUT" 2>/dev/null >"$shared"; }; then
        problem "this launcher needs a directory that all nodes see: \"$dir\" cannot be written here;" \
            "set COPPER_SHARED to another"
        exit 1
    fi
    input=$shared
}

# pass: for launchers that pass standard input to all commands. Sets input to "-"; where the start of the
# commands uses it up, to a copy.
pass() {
    input=-
    [ "${COPPER_INPUT_BY:-}" != file ] || share
}

# report TROUBLE SCRIPT...: converts the output of commands and launcher to lines of the protocol. Lines
# that begin with TROUBLE (a sed pattern) are messages of the launcher; each SCRIPT (of sed) makes a
# protocol line of them.
report() {
    own=$1
    shift
    for script; do
        set -- "$@" -e "$script;t"
        shift
    done
    exec 2>/dev/null # of a signal that has ended the programs below, see finish
    sed -u -n -e 's/^.*@copper \([^ ]\{1,\} [-0-9]\{1,\} .*\)$/\1/p;t' \
        -e 's/^.*copperd: \([^ :]\{1,\}\): \(.*\)$/\1 1 \2/p;t' \
        "$@" -e "s/^$own.*\$/- - &/p" | told
}

# told: passes all lines on. Removes the shared copy when the last node has read it. Reads to the end, also
# when nobody wants the lines any more: the launcher, which writes them, must not end before the job.
told() {
    if [ -z "$shared" ]; then
        cat 2>/dev/null || cat >/dev/null
        return
    fi
    left=$count
    failed=" "
    while IFS= read -r said; do
        status=${said#* }
        case $how,$status in
        stay,"- " | start,"0 "*) left=$((left - 1)) ;;
        start,[0-9]*" "*) # of a failure there may be several lines
            case $failed in
            *" ${said%% *} "*) ;;
            *) failed="$failed${said%% *} " left=$((left - 1)) ;;
            esac
            ;;
        esac
        [ "$left" != 0 ] || rm -f -- "$shared"
        printf '%s\n' "$said" 2>/dev/null || :
    done
}

# For report: ssh's own lines in the output of programs that put no host before them. Status 255, as ssh's.
bare_ssh='s/^ssh: connect to host \([^ ]*\) port .*$/\1 255 &/p
t
s/^ssh: Could not resolve hostname \([^ :]*\): .*$/\1 255 &/p
t
s/^[^ @:]*@\([^ :]*\): Permission denied.*$/\1 255 &/p'

# finish: waits for the program, which runs in the background: while one runs in the foreground a shell takes no
# signal. Which signal has ended a program ("Terminated") is nobody's business.
finish() {
    exec 2>/dev/null
    wait "$!"
}

# A script for report: matches the messages of remote shells over ssh about unreachable hosts; all of them
# begin with the host's name.
# shellcheck disable=SC2034
said_by_ssh='s/^\([^ :]*\): \(ssh: .*\|.*Permission denied.*\|.*Host key.*\|.*closed by .*\|.*timed out.*\)$/\1 - \2/p'
