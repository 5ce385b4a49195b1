#!/bin/sh
# Launcher in a PBS job: PALS's mpiexec where it is installed, which reaches the nodes without ssh and whose
# commands end with the job; else the remote shell.
# carries: as COPPER_RSH does
# SPDX-License-Identifier: BSD-3-Clause
parts=$(dirname -- "$(readlink -f -- "$0")")
[ -n "${COPPER_RSH:-}" ] || ! "$parts/mpiexec.sh" is pals || exec "$parts/mpiexec.sh" "$@"
exec "$parts/rsh.sh" "$@"
