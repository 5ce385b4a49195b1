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
# stays in the foreground, which is said first by the line "stay". A launcher that tells when it begins
# with a host, "HOST +", says so first by the line "begins": hosts of which it says nothing were then
# never tried. A start that failed, but not by Copper's own word, is tried once more.
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
