#!/bin/sh
# Launcher inside of a Slurm job. What it reads, runs and writes: see rsh.sh. A line "- - TEXT" is about
# no host: srun's own trouble.
#
# A daemon that leaves its step is killed with the step where Slurm tracks processes by cgroup, and
# outlives the job where it does not. So the daemons stay in the foreground of one step of their own,
# and srun stays here, until the job ends or Copper is stopped.
# carries: clear
# SPDX-License-Identifier: BSD-3-Clause
set -u

here=$(dirname -- "$(readlink -f -- "$0")")
mode=$1

# The job's own options and the site's defaults must not change what these steps are: one task a
# node, which shares the node with all others and is not ended because another one has ended.
unset SLURM_NTASKS SLURM_NPROCS SLURM_NTASKS_PER_NODE SLURM_NTASKS_PER_CORE SLURM_NTASKS_PER_GPU \
    SLURM_NTASKS_PER_SOCKET SLURM_CPUS_PER_TASK SRUN_CPUS_PER_TASK SLURM_CPUS_PER_GPU \
    SLURM_MEM_PER_CPU SLURM_MEM_PER_GPU SLURM_MEM_PER_NODE SLURM_GPUS SLURM_GPUS_PER_NODE \
    SLURM_GPUS_PER_TASK SLURM_GRES SLURM_EXCLUSIVE SLURM_EXACT SLURM_HOSTFILE SLURM_HINT \
    SLURM_THREADS_PER_CORE SLURM_TIMELIMIT SLURM_IMMEDIATE SLURM_SRUN_REDUCE_TASK_EXIT_MSG
share="--overlap --export=ALL -c 1 --mem=0 -m block --cpu-bind=none --mpi=none \
--kill-on-bad-exit=0 --wait=0 --no-kill --job-name=copper"

if [ "$mode" = run ]; then
    # A step a node: a dead node then holds up nobody else.
    COPPER_RSH="srun $share -N 1 -n 1 -w" exec "$here/rsh.sh" "$@"
fi

program=$2
# The launch host's description of the job, and the key in it, go when the step with the daemons does:
# here may be no daemon that removes it. The next job's stays.
id=$(grep '^id ' "$COPPER_INPUT")
job_is_over() {
    [ -z "${COPPER_JOB:-}" ] || ! grep -qxF -e "$id" "$COPPER_JOB" 2>/dev/null || rm -f -- "$COPPER_JOB"
}
# Lists of hosts are longer than an argument may be (128 KiB) above some nine thousand names, so they
# stand in files until the step runs.
files=$(mktemp -d "${TMPDIR:-/tmp}/copper-srun.XXXXXX") || exit 1
trap 'rm -rf -- "$files"; job_is_over' EXIT
trap 'exit 143' TERM INT HUP
cat >"$files/wanted"
# Task i runs on the i-th of these: Slurm's order, not that of our list.
scontrol show hostnames "${SLURM_JOB_NODELIST:-${SLURM_NODELIST:-}}" >"$files/job"
awk 'FILENAME == ARGV[1] { wanted[$0]; next } $0 in wanted' "$files/wanted" "$files/job" >"$files/placed"
awk -v job="$SLURM_JOB_ID" 'FILENAME == ARGV[1] { placed[$0]; next }
    !($0 in placed) { print $0 " 1 not a node of the Slurm job " job }' \
    "$files/placed" "$files/wanted" >"$files/outside"
if [ ! -s "$files/placed" ] || [ -s "$files/outside" ]; then
    cat "$files/outside"
    exit 0
fi
placed=$(cat "$files/placed")
count=$(wc -l <"$files/placed")

# srun leaves a second process behind it that kills the step with SIGKILL when srun itself is killed.
# That is how a batch script ends: the daemons would have no time to take their mounts away. Without
# that process the step gets SIGTERM with the job, and time.
let_step_outlive() {
    second=$(pgrep -P "$1" -x srun) && kill -9 "$second"
}

# "srun 17" first, then: "3: text" is said by task 3, "srun: error: n[2-3]: tasks 1-2: Exited with exit
# code 1" by srun.
report() {
    srun_pid=
    while IFS= read -r line; do
        case $line in
        "srun "*)
            srun_pid=${line#srun }
            ;;
        *[0-9]": started")
            rm -rf -- "$files"
            [ -z "$srun_pid" ] || let_step_outlive "$srun_pid"
            srun_pid=
            ;;
        "srun: error: "*": task"*)
            hosts=${line#srun: error: }
            for host in $(scontrol show hostnames "${hosts%%: task*}"); do
                printf '%s 1 \n' "$host"
            done
            ;;
        "srun: "*)
            printf -- '- - %s\n' "$line"
            ;;
        *[0-9]": "?*)
            task=${line%%: *}
            task=${task##* }
            host=$(printf '%s\n' "$placed" | sed -n "$((task + 1))p")
            printf '%s - %s\n' "$host" "${line#*: }"
            ;;
        esac
    done
}

trap '' PIPE # the reader may have had enough
echo stay
# Whoever reads the launch's output must see its end before that of the job.
[ "$COPPER_OUTPUT" = yes ] || exec 2>/dev/null 3>/dev/null
{
    # shellcheck disable=SC2016,SC2086 # the node's own name; options are words
    srun $share --label -N "$count" -n "$count" -w "$files/placed" sh -c \
        'echo started >&2; exec "$0" --foreground --node "$SLURMD_NODENAME"' "$program" \
        <"$COPPER_INPUT" 2>&1 >&3 3>&- &
    echo "srun $!"
    wait "$!"
} | report
