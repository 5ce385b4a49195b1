#!/bin/sh
# Prints the hosts of the job, one per line, as reported by the scheduler; localhost where there is none.
# Repeats are harmless. A scheduler that is recognised but does not report its hosts is an error: otherwise
# the job would run on one node without a message.
# SPDX-License-Identifier: BSD-3-Clause
set -u

# By bytes: in a UTF-8 locale no pattern matches a byte that is no character, as in the comment of a job. Nothing of
# the environment here reaches the job (common.sh does the same for each command, as there it does).
LC_ALL=C
export LC_ALL

# fail VARIABLE TEXT
fail() {
    printf '%s\n' "copper: $1: $2" >&2
    exit 1
}

# from_file VARIABLE FILE: its name and a file with a host a line.
readable() {
    [ -r "$2" ] || fail "$1" "\"$2\" cannot be read"
}

# lsf_hosts: of standard input, a line a slot. LSF's list begins with the host of the batch script, once, also
# where that is no compute host. That is so where jobs start with jsrun; elsewhere its name tells, when no other
# host has such a name.
lsf_hosts() {
    apart=no
    ! command -v jsrun >/dev/null || apart=yes
    awk -v apart=$apart 'function is_front(name) { return name ~ /^(batch|login|launch)/ }
        NF { n++; line[n] = $1; seen[$1]++; others += n > 1 && !is_front($1) }
        END { front = is_front(line[1]) && others == n - 1
            first = n > 1 && seen[line[1]] == 1 && (apart == "yes" || front) ? 2 : 1
            for (i = first; i <= n; i++) print line[i] }'
}

# lead_somewhere: does the name service know the names? Some of a long list, from all of its parts: a job may
# have nodes of several kinds, and each look may take a round trip.
lead_somewhere() {
    # shellcheck disable=SC2046 # a name a word
    getent ahosts $(printf '%s\n' "$names" | awk '{ name[NR] = $1 }
        END { step = NR > 32 ? NR / 32 : 1
            for (at = 1; at < NR; at += step) print name[int(at)]
            print name[NR] }') >/dev/null
}

# slurm_lists: the nodes of the job as Slurm has them, "n[1-3]"; of each component of a heterogeneous job a line.
slurm_lists() {
    component=0
    while [ "$component" -lt "${SLURM_HET_SIZE:-1}" ]; do
        name=SLURM_JOB_NODELIST
        [ -z "${SLURM_HET_SIZE:-}" ] || name=SLURM_JOB_NODELIST_HET_GROUP_$component
        eval "list=\${$name:-}"
        # srun's own name for it, where no batch script is around it
        [ -n "$list" ] || eval "list=\${SLURM_JOB_NODELIST_PACK_GROUP_$component:-}"
        [ -n "$list" ] || [ "$name" != SLURM_JOB_NODELIST ] || list=${SLURM_NODELIST:-}
        [ -n "$list$scontrol" ] || fail "$name" "is not set, though SLURM_JOB_ID is: use -H"
        [ -n "$scontrol" ] || fail SLURM_JOB_ID "is set, but there is no scontrol on the PATH: use -H"
        # A shell that has only the job's number: on a node, over ssh, or beside the one of salloc.
        [ -n "$list" ] || [ "$name" != SLURM_JOB_NODELIST ] ||
            list=$(scontrol show job -o "$SLURM_JOB_ID" 2>/dev/null | sed -n 's/^.* NodeList=\([^ (]*\) .*$/\1/p')
        [ -n "$list" ] || fail "$name" "is not set, though SLURM_JOB_ID is: use -H"
        printf '%s\n' "$list"
        component=$((component + 1))
    done
}

# slurm_hosts: the nodes of all components of the job. Where their names lead nowhere, their addresses,
# as Slurm has them.
slurm_hosts() {
    lists=$(slurm_lists) || exit 1
    printf '%s\n' "$lists" | while IFS= read -r list; do
        names=$(scontrol show hostnames "$list") || exit 1
        if lead_somewhere; then
            printf '%s\n' "$names"
        else
            # Of all, of which those of the job: the list may be longer than an argument.
            scontrol show node -o | sed -n 's/^NodeName=\([^ ]*\) .*NodeAddr=\([^ ]*\) .*/\1 \2/p' |
                { printf '%s\n' "$names" | sed 's/^/. /'; cat; } |
                awk '$1 == "." { of_job[$2] = $2; next } $1 in of_job { of_job[$1] = $2 }
                    END { for (node in of_job) print of_job[node] }'
        fi
    done
}

# in_flux: is this a shell of a Flux instance on this host? It may be inside of another scheduler's job, and is then
# what the job's programs run in. A FLUX_URI whose socket is not here was inherited from elsewhere.
in_flux() {
    case ${FLUX_URI:-} in
    local://*) [ -S "${FLUX_URI#local://}" ] ;;
    *) false ;;
    esac
}

# flux_hosts: FLUX_URI identifies the Flux instance of the job.
flux_hosts() {
    command -v flux >/dev/null || fail "FLUX_JOB_ID or FLUX_URI" "is set, but there is no flux on the PATH: use -H"
    exec flux resource list -s all -n -o '{nodelist}'
}
scontrol=$(command -v scontrol)

if [ "${1:-}" = slurm_lists ]; then # for srun.sh
    slurm_lists
elif in_flux; then
    flux_hosts
elif [ -n "${SLURM_JOB_ID:-}" ]; then
    slurm_hosts
elif [ -n "${PBS_NODEFILE:-}" ]; then
    readable PBS_NODEFILE "$PBS_NODEFILE"
    exec cat -- "$PBS_NODEFILE"
elif [ -n "${FLUX_JOB_ID:-}${FLUX_URI:-}" ]; then
    flux_hosts
elif [ -n "${LSB_JOBID:-}" ]; then
    if [ -n "${LSB_DJOB_HOSTFILE:-}" ]; then
        readable LSB_DJOB_HOSTFILE "$LSB_DJOB_HOSTFILE"
        lsf_hosts <"$LSB_DJOB_HOSTFILE"
    elif [ -n "${LSB_MCPU_HOSTS:-}" ]; then # "host slots host slots"
        # shellcheck disable=SC2086 # words
        printf '%s\n' $LSB_MCPU_HOSTS | awk 'NR % 2 { host = $1; next } { print host } $1 > 1 { print host }' | lsf_hosts
    elif [ -n "${LSB_HOSTS:-}" ]; then
        # shellcheck disable=SC2086 # words
        printf '%s\n' $LSB_HOSTS | lsf_hosts
    else
        fail LSB_DJOB_HOSTFILE "is not set, though LSB_JOBID is: use -H"
    fi
elif [ -n "${PE_HOSTFILE:-}" ]; then # "host slots queue processors"
    readable PE_HOSTFILE "$PE_HOSTFILE"
    exec awk 'NF { print $1 }' "$PE_HOSTFILE"
elif [ -n "${OAR_NODEFILE:-${OAR_NODE_FILE:-}}" ]; then
    readable OAR_NODEFILE "${OAR_NODEFILE:-${OAR_NODE_FILE:-}}"
    exec cat -- "${OAR_NODEFILE:-${OAR_NODE_FILE:-}}"
elif [ -n "${COBALT_NODEFILE:-}" ]; then
    readable COBALT_NODEFILE "$COBALT_NODEFILE"
    exec cat -- "$COBALT_NODEFILE"
else
    # A job of one node needs no list; of these we know nothing but that they have one.
    for name in PBS_JOBID OAR_JOB_ID COBALT_JOBID; do
        eval "[ -z \"\${$name:-}\" ]" || fail "$name" "is set, but no list of the job's hosts: use -H"
    done
    if [ -n "${SGE_ROOT:-}" ] && [ "${NSLOTS:-1}" -gt 1 ] 2>/dev/null; then
        fail PE_HOSTFILE "is not set, though NSLOTS is $NSLOTS: use -H"
    fi
    echo localhost
fi
