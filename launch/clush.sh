#!/bin/sh
# Launcher by one call of ClusterShell's clush, with the site's tree and worker (clush.conf, topology.conf).
# It passes its standard input to all commands.
# carries: sealed
# SPDX-License-Identifier: BSD-3-Clause
set -u

parts=$(dirname -- "$(readlink -f -- "$0")")
# shellcheck source=launch/common.sh
. "$parts/common.sh"

begin "$@"
shift
pass
set -- --hostfile="$hosts" \
    "$(line sh -c "$on_node" "$how" "$input" "$run_dir" "$@")"
[ "$how" != stay ] || {
    stays
    set -- -f "$count" "$@" # all at once: none ends before the job
}
clush "$@" <"$COPPER_INPUT" 2>&1 >&3 3>&- |
    report 'clush: [a-zA-Z]*[eE]rror' 's/^clush: \([^ :]*\): exited with exit code \([1-9][0-9]*\).*$/\1 \2 /p' "$said_by_ssh" &
finish
