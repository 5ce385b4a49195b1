#!/bin/sh
# Launcher for hosts that are reached by $COPPER_RSH HOST COMMAND... (default: ssh), one call a host.
# The protocol stands in docs/launchers.md.
#
# As many remote shells run at once as the cores, the memory and the limits of this machine carry. The
# command's words are quoted for the shell at the other end, but for COPPER_RSH=srun, which runs them
# as they are, and where COPPER_RSH_EXECUTES is set.
# carries: as COPPER_RSH does
# SPDX-License-Identifier: BSD-3-Clause
set -u

here=$(dirname -- "$(readlink -f -- "$0")")
for program in "${COPPER_PROGRAM:-}" "$here/../../bin/copper" "$here/../copper"; do
    [ ! -x "$program" ] || exec "$program" job each "$@"
done
echo "- - rsh.sh: there is no copper program beside $here"
exit 1
