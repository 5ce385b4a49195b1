#!/bin/sh
# Launcher for hosts that are reached by $COPPER_RSH HOST COMMAND... (default: ssh), one call a host.
# docs/launchers.md describes the protocol.
#
# The number of concurrent remote shells follows from the cores, the memory and the limits of this machine.
# The words of the command are quoted for the shell at the other end; except with COPPER_RSH=srun, which
# runs them as they are, or when COPPER_RSH_EXECUTES is set.
# carries: as COPPER_RSH does
# SPDX-License-Identifier: BSD-3-Clause
set -u

here=$(dirname -- "$(readlink -f -- "$0")")
for program in "${COPPER_PROGRAM:-}" "$here/../../bin/copper" "$here/../copper"; do
    [ ! -x "$program" ] || exec "$program" job each "$@"
done
echo "- - rsh.sh: there is no copper program beside $here"
exit 1
