#!/bin/sh
# Prints the hosts of the job, one a line: Slurm's, PBS's, else localhost. Repeats do not matter.
set -u

if [ -n "${SLURM_JOB_ID:-}" ]; then
    list=${SLURM_JOB_NODELIST:-${SLURM_NODELIST:-}}
    if [ -z "$list" ]; then
        echo "copper: SLURM_JOB_ID is set, but SLURM_JOB_NODELIST is not" >&2
        exit 1
    fi
    exec scontrol show hostnames "$list"
elif [ -n "${PBS_NODEFILE:-}" ]; then
    if [ ! -r "$PBS_NODEFILE" ]; then
        echo "copper: PBS_NODEFILE: \"$PBS_NODEFILE\" cannot be read" >&2
        exit 1
    fi
    exec cat -- "$PBS_NODEFILE"
else
    echo localhost
fi
