#!/bin/sh
# Launcher by one call of Open MPI's mpirun or PRRTE's prterun, which kill all processes when one node is
# lost. So the daemons go into the background.
# carries: file
# SPDX-License-Identifier: BSD-3-Clause
set -u

parts=$(dirname -- "$(readlink -f -- "$0")")
# shellcheck source=launch/common.sh
. "$parts/common.sh"

mpirun=${COPPER_MPIRUN:-}
for name in prterun mpirun.openmpi mpirun; do
    [ -n "$mpirun" ] || mpirun=$(command -v "$name") || :
done
begin "$@"
shift
if [ -z "$mpirun" ]; then
    problem "there is neither prterun nor mpirun on the PATH"
    exit 1
fi
sed 's/$/ slots=1/' "$hosts" >"$files/slots"
[ "$how" != stay ] || stays
share
"$mpirun" --hostfile "$files/slots" -n "$count" --map-by ppr:1:node --bind-to none \
    sh -c "$on_node" "$how" "$input" "$run_dir" "$@" </dev/null 2>&1 >&3 3>&- |
    report '\(ssh\|ORTE\|PRTE\|There are not enough\|An ORTE\|A daemon\|mpirun\)'
