#!/bin/sh
# Launcher in an OAR job: oarsh is ssh to the nodes of the job. Plain ssh would start the daemon outside of the
# job's cores, where the node lets it in at all, so it is not tried in its place.
# carries: as COPPER_RSH does
# SPDX-License-Identifier: BSD-3-Clause
if [ -z "${COPPER_RSH:-}" ]; then
    command -v oarsh >/dev/null || {
        echo "- - in an OAR job, but there is no oarsh on the PATH: COPPER_LAUNCHER=ssh?"
        exit 1
    }
    export COPPER_RSH="oarsh -o BatchMode=yes"
fi
exec "$(dirname -- "$(readlink -f -- "$0")")/rsh.sh" "$@"
