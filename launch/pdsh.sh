#!/bin/sh
# Launcher by one call of pdsh, with the site's way to a host (PDSH_RCMD_TYPE, else ssh). It passes no
# standard input to its commands, so that is shared through a file.
# carries: file
# SPDX-License-Identifier: BSD-3-Clause
set -u

parts=$(dirname -- "$(readlink -f -- "$0")")
# shellcheck source=launch/common.sh
. "$parts/common.sh"

begin "$@"
shift
[ "$how" != stay ] || {
    stays
    export FANOUT="$count" # all at once: none ends before the job
}
share
export PDSH_SSH_ARGS_APPEND="-o BatchMode=yes ${PDSH_SSH_ARGS_APPEND:-}"
pdsh -R "${PDSH_RCMD_TYPE:-ssh}" -w "^$hosts" \
    "$(line sh -c "$on_node" "$how" "$input" "$run_dir" "$@")" </dev/null 2>&1 >&3 3>&- |
    report 'pdsh@[^:]*: [^:]*$' 's/^pdsh@[^:]*: \([^ :]*\): .*exit.* code.*$/\1 1 /p' \
        's/^pdsh@[^:]*: \([^ :]*\): \(.*\)$/\1 1 \2/p' "$said_by_ssh" &
finish
