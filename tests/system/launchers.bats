# Hosts of each scheduler, and its launcher, against stubs that behave as the manuals say: what needs no
# node, and job sizes that no test bed has.
# SPDX-License-Identifier: BSD-3-Clause

bats_require_minimum_version 1.5.0

setup() {
    [ -n "${COPPER_BIN:-}" ] || skip "needs COPPER_BIN: the build directory"
    top=$BATS_TEST_DIRNAME/../..
    stubs=$BATS_TEST_TMPDIR/bin
    mkdir "$stubs"
}

# stub NAME: a program of that name, with standard input as its shell text.
stub() {
    { echo '#!/bin/sh' && cat; } >"$stubs/$1"
    chmod +x "$stubs/$1"
}

# hosts NAME=VALUE...: of a job with this environment and no other.
hosts() {
    env -i PATH="$stubs:$PATH" "$@" "$top/launch/hosts.sh"
}

# refused TEXT NAME=VALUE...: there is no list, and the reason is said; launch_copper.sh starts nothing.
refused() {
    local text=$1
    shift
    run -1 --separate-stderr hosts "$@"
    [ -z "$output" ] && [[ $stderr == *"$text"* ]]
    run -2 env -i PATH="$stubs:$PATH" COPPER_RUN_DIR="$BATS_TEST_TMPDIR/run" "$@" "$COPPER_BIN/launch_copper.sh"
    [[ $output == *"$text"* && $output != *ready* ]]
}

@test "the hosts of a job: PBS, Flux, LSF, Grid Engine, OAR, Cobalt" {
    local list=$BATS_TEST_TMPDIR/list
    [ "$(hosts)" = localhost ]
    printf 'n1\nn1\nn2\n' >"$list"
    [ "$(hosts PBS_JOBID=1 PBS_NODEFILE="$list" | uniq | xargs)" = "n1 n2" ]
    [ "$(hosts OAR_JOB_ID=1 OAR_NODEFILE="$list" | uniq | xargs)" = "n1 n2" ]
    [ "$(hosts OAR_JOB_ID=1 OAR_NODE_FILE="$list" | uniq | xargs)" = "n1 n2" ]
    [ "$(hosts COBALT_JOBID=1 COBALT_NODEFILE="$list" | uniq | xargs)" = "n1 n2" ]
    # LSF: the batch script's host stands first, once, where it is not a compute host.
    printf 'batch3\nn1\nn1\nn2\nn2\n' >"$list"
    [ "$(hosts LSB_JOBID=1 LSB_DJOB_HOSTFILE="$list" | uniq | xargs)" = "n1 n2" ]
    printf 'n1\nn1\nn2\nn2\n' >"$list"
    [ "$(hosts LSB_JOBID=1 LSB_DJOB_HOSTFILE="$list" | uniq | xargs)" = "n1 n2" ]
    printf 'n1\nn2\n' >"$list"
    [ "$(hosts LSB_JOBID=1 LSB_DJOB_HOSTFILE="$list" | xargs)" = "n1 n2" ]
    [ "$(hosts LSB_JOBID=1 LSB_MCPU_HOSTS='n1 42 n2 42 ' | xargs)" = "n1 n2" ]
    [ "$(hosts LSB_JOBID=1 LSB_HOSTS='n1 n1 n2' | xargs)" = "n1 n1 n2" ]
    printf 'n1.site.org 4 all.q@n1 UNDEFINED\nn2.site.org 4 all.q@n2 UNDEFINED\n' >"$list"
    [ "$(hosts JOB_ID=1 SGE_ROOT=/sge PE_HOSTFILE="$list" | xargs)" = "n1.site.org n2.site.org" ]
    # Flux: nodes of the instance, in Flux's brackets.
    stub flux <<'END'
[ "$*" = "resource list -s all -n -o {nodelist}" ] && echo 'n[1-3]'
END
    [ "$(hosts FLUX_URI=local:///x)" = 'n[1-3]' ]
}

@test "a scheduler that does not tell its hosts is an error, not a job of one node" {
    refused PBS_JOBID PBS_JOBID=1
    refused PBS_NODEFILE PBS_JOBID=1 PBS_NODEFILE="$BATS_TEST_TMPDIR/none"
    refused SLURM_JOB_NODELIST SLURM_JOB_ID=1
    refused LSB_DJOB_HOSTFILE LSB_JOBID=1
    refused PE_HOSTFILE SGE_ROOT=/sge NSLOTS=8
    refused OAR_JOB_ID OAR_JOB_ID=1
    refused COBALT_JOBID COBALT_JOBID=1
}

@test "Slurm: 9,408 hosts of Frontier's name length are one step" {
    seq -f 'frontier%05g' 1 9408 >"$BATS_TEST_TMPDIR/hosts"
    stub scontrol <<END
case \$3 in
'frontier[00001-09408]') cat "$BATS_TEST_TMPDIR/hosts" ;;
*) echo "\$3" ;;
esac
END
    # Each task says that it has started; two fail. The list is a file that has gone afterwards.
    stub srun <<END
while [ "\$1" != -w ]; do
    case \$1 in -N | -n) echo "\$1 \$2" >>"$BATS_TEST_TMPDIR/srun"; shift ;; esac
    shift
done
echo "\$2" >"$BATS_TEST_TMPDIR/file"
cmp "\$2" "$BATS_TEST_TMPDIR/hosts" && echo same >>"$BATS_TEST_TMPDIR/srun"
cat >>"$BATS_TEST_TMPDIR/input"
exec >&2
echo "0000: started"
echo "9407: copperd: frontier09408: no /dev/fuse"
echo "srun: error: frontier09408: task 9407: Exited with exit code 1"
END
    run -0 env PATH="$stubs:$PATH" SLURM_JOB_ID=7 SLURM_JOB_NODELIST='frontier[00001-09408]' \
        COPPER_INPUT=/etc/hostname COPPER_OUTPUT=no "$top/launch/srun.sh" start /opt/copperd \
        <"$BATS_TEST_TMPDIR/hosts"
    [ "$(cat "$BATS_TEST_TMPDIR/srun")" = $'-N 9408\n-n 9408\nsame' ]
    [ ! -e "$(cat "$BATS_TEST_TMPDIR/file")" ]
    [ "${lines[0]}" = stay ]
    [ "$output" = $'stay\nfrontier09408 - copperd: frontier09408: no /dev/fuse\nfrontier09408 1 ' ] || {
        echo "$output"
        return 1
    }
    # One that is not of the job is named, however many there are.
    echo elsewhere >>"$BATS_TEST_TMPDIR/hosts2"
    run -0 env PATH="$stubs:$PATH" SLURM_JOB_ID=7 SLURM_JOB_NODELIST='frontier[00001-09408]' \
        COPPER_INPUT=/etc/hostname COPPER_OUTPUT=no "$top/launch/srun.sh" start /opt/copperd \
        < <(cat "$BATS_TEST_TMPDIR/hosts" "$BATS_TEST_TMPDIR/hosts2")
    [ "$output" = "elsewhere 1 not a node of the Slurm job 7" ]
    run -0 env PATH="$stubs:$PATH" SLURM_JOB_ID=7 SLURM_JOB_NODELIST='frontier[00001-09408]' \
        COPPER_INPUT=/etc/hostname COPPER_OUTPUT=no "$top/launch/srun.sh" start /opt/copperd \
        <"$BATS_TEST_TMPDIR/hosts2"
    [ "$output" = "elsewhere 1 not a node of the Slurm job 7" ]
}
