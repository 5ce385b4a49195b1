#!/bin/sh
# Launcher in an OAR job: oarsh is ssh to the nodes of the job.
# carries: as COPPER_RSH does
# SPDX-License-Identifier: BSD-3-Clause
[ -n "${COPPER_RSH:-}" ] || ! command -v oarsh >/dev/null || export COPPER_RSH="oarsh -o BatchMode=yes"
exec "$(dirname -- "$(readlink -f -- "$0")")/rsh.sh" "$@"
