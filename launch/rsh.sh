#!/bin/sh
# Launcher for hosts that are reached by $COPPER_RSH HOST COMMAND... (default: ssh).
#
# rsh.sh start COMMAND...   runs "COMMAND --node HOST" on each host of standard input
# rsh.sh run COMMAND...     runs COMMAND
#
# Each command gets the file COPPER_INPUT as its input, which may hold the job's key: so each launcher
# says in a line "# carries: ..." whether its network is open to who listens ("clear"). ssh's is not, and
# what else COPPER_RSH names must not be. A launcher whose commands end with the job removes the file
# COPPER_JOB then. For each that has ended a line is written:
# "HOST STATUS TEXT". COPPER_OUTPUT=yes: what a started command prints goes to descriptor 3; it then
# stays in the foreground, which is said first by the line "stay".
# carries: as COPPER_RSH does
# SPDX-License-Identifier: BSD-3-Clause
set -u

at_once=64
newline='
'

remote() {
    host=$1
    shift
    if [ "$host" = localhost ]; then
        "$@"
    elif [ -n "${COPPER_RSH:-}" ]; then
        # shellcheck disable=SC2086 # it may be a command with arguments
        $COPPER_RSH "$host" "$@"
    else
        ssh -o BatchMode=yes "$host" "$@"
    fi <"$COPPER_INPUT"
}

# one HOST MODE COMMAND...
one() {
    host=$1 mode=$2
    shift 2
    program=$1
    if [ "$mode" = start ]; then
        set -- "$@" --node "$host"
        [ "$COPPER_OUTPUT" = no ] || set -- "$@" --foreground
    fi
    # The rest of the environment is the remote host's own.
    [ -z "${COPPER_RUN_DIR:-}" ] || set -- env "COPPER_RUN_DIR=$COPPER_RUN_DIR" "$@"
    if [ "$COPPER_OUTPUT" = yes ]; then
        text=$(remote "$host" "$@" 2>&1 >&3 3>&-)
    else
        text=$(remote "$host" "$@" 2>&1 3>&-)
    fi
    status=$?
    text=${text##*"$newline"} # the last line
    case $status in
    126 | 127) text="cannot run $program: Copper must be at the same path on every node ($text)" ;;
    255) text="no answer from rsh: $text" ;;
    esac
    [ "$status" = 0 ] || [ -n "$text" ] || text="ended with status $status"
    printf '%s %s %s\n' "$host" "$status" "$text"
}

trap '' PIPE # the reader may have had enough
if [ "$1" = one ]; then
    shift
    one "$@"
    exit 0 # xargs gives up at 255
fi
if [ "$1" = start ] && [ "$COPPER_OUTPUT" = yes ]; then
    echo stay
    at_once=0
fi
exec xargs -P "$at_once" -I '{}' "$0" one '{}' "$@"
