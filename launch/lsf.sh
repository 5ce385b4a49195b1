#!/bin/sh
# Launcher in an LSF job: one call of blaunch for all hosts, or of jsrun where LSF is of that kind (CSM).
# The commands are part of the job and end with it. Neither program reliably passes its standard input to
# all commands, so it is shared through a file. jsrun does not share cores: it takes one per node.
# carries: file
# SPDX-License-Identifier: BSD-3-Clause
set -u

parts=$(dirname -- "$(readlink -f -- "$0")")
# shellcheck source=launch/common.sh
. "$parts/common.sh"

begin "$@"
shift
stays
share
if command -v jsrun >/dev/null; then
    jsrun --nrs "$count" --rs_per_host 1 --tasks_per_rs 1 --cpu_per_rs 1 --bind none \
        sh -c "$on_node" "$how" "$input" "$run_dir" "$@" </dev/null 2>&1 >&3 3>&- |
        report '\(Error\|jsrun\)' &
elif command -v blaunch >/dev/null; then
    # It joins its words for a shell of its own, unless an option says that there is none.
    blaunch -n -no-shell -u "$hosts" sh -c "$on_node" "$how" "$input" "$run_dir" "$@" \
        </dev/null 2>&1 >&3 3>&- |
        report '\(blaunch\|Host\|The RES\)' &
else
    problem "in an LSF job, but there is neither blaunch nor jsrun on the PATH: COPPER_LAUNCHER=ssh?"
    exit 1
fi
finish
