#!/bin/sh
# Launcher by one call of mpiexec: PALS's, or Hydra's of MPICH and its kin.
#
# PALS kills all processes of an application when the application ends, so the daemons stay in its
# foreground until the job ends. Hydra kills all processes when one node is lost, so there the daemons go
# into the background. Neither passes its standard input to more than one command, so it is shared through a
# file.
# carries: file
# SPDX-License-Identifier: BSD-3-Clause
set -u

parts=$(dirname -- "$(readlink -f -- "$0")")
# shellcheck source=launch/common.sh
. "$parts/common.sh"

# Which implementation is this mpiexec? COPPER_MPIEXEC names another one than that of the PATH.
mpiexec=$(command -v "${COPPER_MPIEXEC:-mpiexec}") || mpiexec=
kind=none
case $(readlink -f -- "$mpiexec" 2>/dev/null) in
*/pals/*) kind=pals ;;
?*)
    case $("$mpiexec" --version </dev/null 2>&1) in
    *HYDRA* | *Intel*MPI*) kind=hydra ;;
    *Open*MPI* | *OpenRTE* | *PRRTE* | *prterun*) kind=prte ;;
    *PALS* | *pals*) kind=pals ;;
    esac
    ;;
esac
if [ "$1" = is ]; then
    [ "$kind" = "$2" ]
    exit
fi
[ "$kind" != prte ] || COPPER_MPIRUN=$mpiexec exec "$parts/prterun.sh" "$@"

begin "$@"
shift
case $kind in
none)
    problem "${mpiexec:-mpiexec}: is not there, or of no kind that is known (PALS, Hydra, Open MPI)"
    exit 1
    ;;
pals)
    forget PALS_
    export PALS_CPU_BIND=none PALS_PMI=none PALS_TRANSFER=false PALS_ABORT_ON_FAILURE=false \
        PALS_LABEL=false PALS_LINE_BUFFER=true
    list=--hostfile options="-n $count --ppn 1"
    # Daemons need no VNI, of which a node has few.
    ! "$mpiexec" --help 2>&1 </dev/null | grep -q -e --no-vni || options="--no-vni $options"
    stays
    ;;
hydra)
    # How hosts are reached stays.
    forget 'HYDRA_\|MPIEXEC_\|I_MPI_' '\(I_MPI_\)\?HYDRA_\(LAUNCHER\|BOOTSTRAP\|RMK\|IFACE\|PORT\)[A-Z_]*\|I_MPI_ROOT'
    list=-f options="-n $count -ppn 1 -bind-to none -disable-auto-cleanup"
    [ "$how" != stay ] || stays
    ;;
esac
share
# shellcheck disable=SC2086 # options are words
"$mpiexec" "$list" "$hosts" $options sh -c "$on_node" "$how" "$input" "$run_dir" "$@" </dev/null 2>&1 >&3 3>&- |
    report '\(\[mpiexec\|\[proxy\|mpiexec\|ssh\)' "$bare_ssh" &
finish
