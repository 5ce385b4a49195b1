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

parts=$(dirname -- "$(readlink -f -- "$0")")
for program in "${COPPER_PROGRAM:-}" "$parts/../../bin/copper" "$parts/../copper"; do
    [ ! -x "$program" ] || break
done
[ -x "$program" ] || {
    printf '%s\n' "- - rsh.sh: there is no copper program beside $parts"
    exit 1
}
[ "$1 ${COPPER_INPUT_BY:-}" = "start file" ] || exec "$program" job each "$@"

# Standard input does not reach the command: the daemon reads a file.
# shellcheck source=launch/common.sh
. "$parts/common.sh"
begin "$@"
share
COPPER_INPUT=/dev/null "$program" job each "$@" --job "$input" <"$hosts" | told &
finish
