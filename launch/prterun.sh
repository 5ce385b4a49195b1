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
[ "$how" != stay ] || stays
share
# Not minutes, as TCP's own: nothing begins before each host has answered.
if command -v ssh >/dev/null && [ -z "${OMPI_MCA_plm_rsh_agent:-}${PRTE_MCA_plm_ssh_agent:-}" ]; then
    export OMPI_MCA_plm_rsh_args="${OMPI_MCA_plm_rsh_args:--o BatchMode=yes -o ConnectTimeout=10}"
    export PRTE_MCA_plm_ssh_args="${PRTE_MCA_plm_ssh_args:-$OMPI_MCA_plm_rsh_args}"
fi
forget '\(OMPI\|PRTE\)_MCA_\(rmaps\|hwloc\|orte_xml\)'
unreached=$files/unreached begun=$files/begun
: >"$unreached"

# call COMMAND...: one call for all hosts of the list. It starts nothing when ssh does not reach one of them; that one
# is noted then.
call() {
    sed 's/$/ slots=1/' "$hosts" >"$files/slots"
    "$mpirun" --hostfile "$files/slots" -n "$count" --map-by ppr:1:node --bind-to none \
        sh -c "$on_node" "$how" "$input" "$run_dir" "$@" </dev/null 2>&1 >&3 3>&- |
        report '\(ssh\|ORTE\|PRTE\|There are not enough\|An ORTE\|A daemon\|mpirun\)' "$bare_ssh" |
        noted &
    finish
}

noted() {
    while IFS= read -r said; do
        case ${said#* } in
        "255 "*) printf '%s\n' "${said%% *}" >>"$unreached" ;;
        "- "*) [ "${said%% *}" = - ] || : >"$begun" ;;
        *) : >"$begun" ;;
        esac
        printf '%s\n' "$said" 2>/dev/null || :
    done
}

# without_unreached: takes these from the list. Fails when the launch may not go on so; a command after it always does.
without_unreached() {
    [ ! -e "$begun" ] || return 1
    [ "$mode" = run ] || [ "$(sort -u "$unreached" | wc -l)" -le "${COPPER_ALLOW_MISSING:-0}" ] || return 1
    grep -vxFf "$unreached" "$hosts" >"$files/rest"
    mv "$files/rest" "$hosts"
    before=$count
    count=$(wc -l <"$hosts")
    [ "$count" -gt 0 ] && [ "$count" -lt "$before" ]
}

call "$@"
while without_unreached; do
    call "$@"
done
[ "${COPPER_ALLOW_MISSING:-0}" = 0 ] || [ -e "$begun" ] || [ "$mode" != start ] ||
    problem "$mpirun starts nothing when it does not reach all hosts: for --allow-missing use" \
        "COPPER_LAUNCHER=ssh, clush or pdsh, or leave hosts out with -H"
