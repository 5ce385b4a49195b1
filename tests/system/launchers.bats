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
    local list=$BATS_TEST_TMPDIR/list words uri
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
    [ "$(hosts LSB_JOBID=1 LSB_MCPU_HOSTS='n1 42 n2 42 ' | uniq | xargs)" = "n1 n2" ]
    [ "$(hosts LSB_JOBID=1 LSB_MCPU_HOSTS='batch3 1 n1 42 n2 42 ' | uniq | xargs)" = "n1 n2" ]
    [ "$(hosts LSB_JOBID=1 LSB_HOSTS='n1 n1 n2' | xargs)" = "n1 n1 n2" ]
    # A compute host with fewer slots than the others, or with such a name, is one all the same.
    printf 'n1\nn2\nn2\n' >"$list"
    [ "$(hosts LSB_JOBID=1 LSB_DJOB_HOSTFILE="$list" | uniq | xargs)" = "n1 n2" ]
    [ "$(hosts LSB_JOBID=1 LSB_MCPU_HOSTS='n1 1 n2 2' | uniq | xargs)" = "n1 n2" ]
    [ "$(hosts LSB_JOBID=1 LSB_MCPU_HOSTS='batch1 1 batch2 42' | uniq | xargs)" = "batch1 batch2" ]
    # Where jobs start with jsrun, the script's host is no compute host, whatever its name.
    stub jsrun </dev/null
    [ "$(hosts LSB_JOBID=1 LSB_DJOB_HOSTFILE="$list" | uniq | xargs)" = n2 ]
    [ "$(hosts LSB_JOBID=1 LSB_MCPU_HOSTS='f1 1 n1 42 n2 42' | uniq | xargs)" = "n1 n2" ]
    rm "$stubs/jsrun"
    printf 'n1.site.org 4 all.q@n1 UNDEFINED\nn2.site.org 4 all.q@n2 UNDEFINED\n' >"$list"
    [ "$(hosts JOB_ID=1 SGE_ROOT=/sge PE_HOSTFILE="$list" | xargs)" = "n1.site.org n2.site.org" ]
    # Flux: nodes of the instance, in Flux's brackets.
    stub flux <<'END'
[ "$*" = "resource list -s all -n -o {nodelist}" ] && echo 'n[1-3]'
END
    [ "$(hosts FLUX_URI=local:///x)" = 'n[1-3]' ]
    # An instance inside of another scheduler's job is what the job's programs run in; not one that the variable was
    # inherited from, whose socket is elsewhere.
    stub scontrol <<'END'
[ "$1 $2" != "show hostnames" ] || printf 'n%s\n' 1 2 3 4
END
    stub getent </dev/null
    python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$BATS_TEST_TMPDIR/local-0"
    printf 'n1\nn2\nn3\nn4\n' >"$list"
    for words in "SLURM_JOB_ID=1 SLURM_JOB_NODELIST=n[1-4]" "PBS_JOBID=1 PBS_NODEFILE=$list"; do
        # shellcheck disable=SC2086
        [ "$(hosts FLUX_URI="local://$BATS_TEST_TMPDIR/local-0" $words)" = 'n[1-3]' ]
        for uri in "local://$BATS_TEST_TMPDIR/local-1" "ssh://n1$BATS_TEST_TMPDIR/local-0"; do
            # shellcheck disable=SC2086
            [ "$(hosts FLUX_URI="$uri" $words | xargs)" = "n1 n2 n3 n4" ]
        done
    done
}

# taken TEXT: how many hosts copper makes of a list; printf's escapes.
taken() {
    # shellcheck disable=SC2059
    COPPER_RUN_DIR=$BATS_TEST_TMPDIR/run "$COPPER_BIN/copper" job create -v "$BATS_TEST_TMPDIR/mount" \
        < <(printf -- "$1") >"$BATS_TEST_TMPDIR/path" && sed -n 's/^hosts //p' "$(cat "$BATS_TEST_TMPDIR/path")"
}

@test "host lists as files have them: Hydra's, Open MPI's, CRLF, repeats; malformed ones are named" {
    local list=$BATS_TEST_TMPDIR/list bad
    [ "$(taken 'n1:4 binding=user:0,1\nn2:4\n')" = 2 ]
    [ "$(taken 'n1 slots=2\nn2 max_slots=4\n')" = 2 ]
    [ "$(taken 'n1\r\nn2\r\nn1\r\n')" = 2 ]
    [ "$(taken 'n1,,n2\n# n3\n\n')" = 2 ]
    [ "$(taken '\xef\xbb\xbfn1\nn2\n')" = 2 ] # a byte order mark
    [ "$(taken 'n[1-2]x[1-2]\n')" = 4 ]
    [ "$(taken '2001:db8::1\n[2001:DB8::1]:4\n::2 slots=2\n')" = 2 ]
    for bad in 'n1,localhost' 'LocalHost.localdomain\nn1' '127.0.0.1,n1' '::1,n1' '' '\n' ':::1' 'fe80::1' 'fe80::1%%eth0' '[::1]4' 'n[1-' 'n[3-1]' 'n[1-9999999]' 'n1;x' '-oProxyCommand=x'; do
        run -2 taken "$bad"
        [[ $output == "copper: host list: "* ]]
    done
    # The columns behind the name do not count, and neither does a carriage return.
    printf 'n1 4 q@n1 <NULL>\r\nn2 4 q@n2 UNDEFINED\r\n' >"$list"
    [ "$(taken "$(hosts JOB_ID=1 SGE_ROOT=/sge PE_HOSTFILE="$list")")" = 2 ]
    printf 'batch\nn1\nn1\nn2\n' >"$list"
    [ "$(hosts LSB_JOBID=1 LSB_DJOB_HOSTFILE="$list" LSB_MCPU_HOSTS='batch 1 n1 2 n2 1' | uniq | xargs)" = "n1 n2" ]
    # A list without a host is an error, whoever gave it.
    : >"$list"
    run -2 env -i PATH="$PATH" PBS_JOBID=1 PBS_NODEFILE="$list" "$COPPER_BIN/launch_copper.sh"
    [[ $output == *"holds no host"* ]]
}

@test "the hosts of a Slurm job: all components, and addresses where names lead nowhere" {
    stub scontrol <<'END'
case "$*" in
"show hostnames n[1-2]") printf 'n1\nn2\n' ;;
"show hostnames n3") echo n3 ;;
"show job -o 1") echo "JobId=1 JobName=x ReqNodeList=(null) ExcNodeList=(null) NodeList=n[1-2] BatchHost=n1 NumNodes=2" ;;
"show job -o 4") for list in 'n[1-2]' n3; do echo "JobId=4 HetJobId=4 NodeList=$list BatchHost=n1"; done ;;
"show job -o "*) echo "slurm_load_jobs error: Invalid job id specified" >&2; exit 1 ;;
"show node -o") for i in 1 2 3 4; do echo "NodeName=n$i Arch=x86_64 NodeAddr=10.0.0.$i NodeHostName=n$i Version=22.05"; done ;;
*) exit 1 ;;
esac
END
    stub getent <<'END'
exit "${UNKNOWN:-0}"
END
    [ "$(hosts SLURM_JOB_ID=1 SLURM_JOB_NODELIST='n[1-2]' | xargs)" = "n1 n2" ]
    [ "$(hosts SLURM_JOB_ID=1 SLURM_JOB_NODELIST='n[1-2]' SLURM_HET_SIZE=2 \
        SLURM_JOB_NODELIST_HET_GROUP_0='n[1-2]' SLURM_JOB_NODELIST_HET_GROUP_1=n3 | xargs)" = "n1 n2 n3" ]
    refused SLURM_JOB_NODELIST_HET_GROUP_1 SLURM_JOB_ID=1 SLURM_HET_SIZE=2 SLURM_JOB_NODELIST='n[1-2]' \
        SLURM_JOB_NODELIST_HET_GROUP_0='n[1-2]'
    [ "$(hosts UNKNOWN=2 SLURM_JOB_ID=1 SLURM_JOB_NODELIST='n[1-2]' | sort | xargs)" = "10.0.0.1 10.0.0.2" ]
    # The job's name, and an administrator's note on a node, are in another encoding than the locale's.
    sed -i -e 's/JobName=x/JobName=Gr\xf6\xdfe/' -e 's/NodeHostName=n\$i/Comment=gr\xf6\xdfer &/' -e 's/NodeName=n\$i/& Owner=\xfc/' "$stubs/scontrol"
    [ "$(hosts LC_ALL=C.UTF-8 UNKNOWN=2 SLURM_JOB_ID=1 SLURM_JOB_NODELIST='n[1-2]' | sort | xargs)" = "10.0.0.1 10.0.0.2" ]
    [ "$(hosts LC_ALL=C.UTF-8 SLURM_JOB_ID=1 | xargs)" = "n1 n2" ]
    # A shell that has only the job's number.
    [ "$(hosts SLURM_JOB_ID=1 | xargs)" = "n1 n2" ]
    [ "$(hosts SLURM_JOB_ID=4 | xargs)" = "n1 n2 n3" ]
    refused SLURM_JOB_NODELIST SLURM_JOB_ID=2
    # The last one's name leads nowhere.
    stub getent <<'END'
shift
for name; do [ "$name" != n2 ] || exit 2; done
END
    [ "$(hosts SLURM_JOB_ID=1 SLURM_JOB_NODELIST='n[1-2]' | sort | xargs)" = "10.0.0.1 10.0.0.2" ]
    # The launcher calls them by their names, and tells of them by their addresses.
    stub srun <<'END'
while [ "$1" != -w ]; do shift; done
echo "placed: $(xargs <"$2")" >&2
printf '%s\n' "1: @copper n2 7 no \\room\\n" "0: @copper n1 0 " >&2
END
    run -0 --separate-stderr env PATH="$stubs:$PATH" LC_ALL=C.UTF-8 SLURM_JOB_NAME=$'Gr\xf6\xdfe' UNKNOWN=2 SLURM_JOB_ID=1 SLURM_JOB_NODELIST='n[1-2]' COPPER_INPUT=/dev/null \
        COPPER_OUTPUT=no "$top/launch/srun.sh" run /bin/true < <(printf '10.0.0.1\n10.0.0.2\n')
    [[ $output == *'10.0.0.2 7 no \room\n'* && $output == *"10.0.0.1 0 "* ]]
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
    # Each task says that it has begun; one fails. The list is a file that has gone afterwards.
    stub srun <<END
echo "\${*%% sh -c *}" >"$BATS_TEST_TMPDIR/arguments"
while [ "\$1" != -w ]; do
    case \$1 in -N | -n) echo "\$1 \$2" >>"$BATS_TEST_TMPDIR/srun"; shift ;; esac
    shift
done
echo "\$2" >"$BATS_TEST_TMPDIR/file"
cmp "\$2" "$BATS_TEST_TMPDIR/hosts" && echo same >>"$BATS_TEST_TMPDIR/srun"
cat >>"$BATS_TEST_TMPDIR/input"
exec >&2
sed = "$BATS_TEST_TMPDIR/hosts" | sed 'N; s/\(.*\)\n\(.*\)/\1: @copper \2 - /'
echo "9407: copperd: frontier09408: no /dev/fuse"
echo "srun: error: frontier09408: task 9407: Exited with exit code 1"
END
    run -0 env PATH="$stubs:$PATH" SLURM_JOB_ID=7 SLURM_JOB_NODELIST='frontier[00001-09408]' \
        COPPER_INPUT=/etc/hostname COPPER_OUTPUT=no "$top/launch/srun.sh" start /opt/copperd \
        <"$BATS_TEST_TMPDIR/hosts"
    [ "$(cat "$BATS_TEST_TMPDIR/srun")" = $'-N 9408\n-n 9408\nsame' ]
    [ ! -e "$(cat "$BATS_TEST_TMPDIR/file")" ]
    [ "${lines[0]}" = stay ]
    [ "$(grep -c '^frontier[0-9]* - $' <<<"$output")" = 9408 ]
    [ "$(tail -n 2 <<<"$output")" = $'frontier09408 1 no /dev/fuse\nfrontier09408 1 ' ]
    # A step has all cores that the job has on the node: no number of them is named.
    run ! grep -qE -- '(^| )(-c|--cpus-per-task|--exact)( |=|$)' "$BATS_TEST_TMPDIR/arguments"
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

# What follows: schedulers that no test bed has, as stubs that behave as their manuals say. A node is a
# name in NODE, which the stub of uname tells; copperd is a script.

# stub_nodes: uname, and a copperd that keeps what it read and which node it ran on. It fails on n2.
stub_nodes() {
    stub uname <<'END'
echo "$NODE"
END
    stub copperd <<END
cat >"$BATS_TEST_TMPDIR/read.\$NODE"
echo "\$NODE \$* COPPER_RUN_DIR=\${COPPER_RUN_DIR:-}" >>"$BATS_TEST_TMPDIR/ran"
echo "noise of a login" >&2
[ "\$NODE" != n2 ] || { echo "copperd: n2: no /dev/fuse" >&2; exit 1; }
END
    printf 'id 0123\nkey 4567\n' >"$BATS_TEST_TMPDIR/job"
    mkdir -p "$BATS_TEST_TMPDIR/shared"
}

# start LAUNCHER [NAME=VALUE...]: on n1, n2 and n3; output are the launcher's lines.
start() {
    local launcher=$1
    shift
    rm -f "$BATS_TEST_TMPDIR/ran"
    run -0 --separate-stderr env -i PATH="$stubs:$PATH" HOME=/nonexistent COPPER_SHARED="$BATS_TEST_TMPDIR/shared" \
        COPPER_RUN_DIR=/run/x COPPER_JOB="$BATS_TEST_TMPDIR/job.kept" COPPER_INPUT="$BATS_TEST_TMPDIR/job" \
        COPPER_OUTPUT=no COPPER_PROGRAM="$COPPER_BIN/copper" NODE=n1 "$@" timeout 60 "$top/launch/$launcher.sh" start "$stubs/copperd" \
        < <(printf 'n1\nn2\nn3\n')
    [ -z "$(ls -A "$BATS_TEST_TMPDIR/shared")" ]
}

# stayed: the daemons stay in the foreground of one call, which gave each the job; n2's failure is told.
stayed() {
    [ "${lines[0]}" = stay ]
    [[ $'\n'$output$'\n' == *$'\nn1 - \n'* && $output == *$'\nn3 - '* ]]
    [[ $'\n'$output$'\n' == *$'\nn2 1 no /dev/fuse\n'* && $output != *noise* ]]
    [ "$(sort "$BATS_TEST_TMPDIR/ran" | xargs -n 3)" = "$(printf 'n%s --foreground COPPER_RUN_DIR=/run/x\n' 1 2 3)" ]
    for node in n1 n2 n3; do
        cmp "$BATS_TEST_TMPDIR/job" "$BATS_TEST_TMPDIR/read.$node"
    done
}

# answers LAUNCHER [NAME=VALUE...]: what a command prints for a launch host that reaches no daemon arrives, and its
# last line and status behind it.
answers() {
    local launcher=$1 node
    shift
    stub asker <<'END'
echo "noise of a login"
echo "@copper - - answer 0 AAAA_$NODE-"
echo "answered 1 open BBBB"
END
    run -0 --separate-stderr env -i PATH="$stubs:$PATH" HOME=/nonexistent COPPER_SHARED="$BATS_TEST_TMPDIR/shared" \
        COPPER_INPUT=/dev/null COPPER_OUTPUT=no COPPER_PROGRAM="$COPPER_BIN/copper" NODE=n1 "$@" timeout 60 \
        "$top/launch/$launcher.sh" run "$stubs/asker" < <(printf 'n1\nn2\nn3\n')
    for node in n1 n2 n3; do
        [ "$(grep -E "^(- - answer 0 AAAA_$node-|$node 0 answered 1 open BBBB)\$" <<<"$output")" = "- - answer 0 AAAA_$node-
$node 0 answered 1 open BBBB" ]
    done
    [[ $output != *noise* ]]
}

@test "PBS with PALS: one mpiexec in the foreground, which gives its input to the first command only" {
    stub_nodes
    mkdir -p "$stubs/pals/1.8/bin"
    ln -s pals/1.8/bin/mpiexec "$stubs/mpiexec"
    stub pals/1.8/bin/mpiexec <<END
[ "\$1" != --help ] || { echo "  --no-vni  do not allocate a VNI"; exit; }
[ "\$PALS_CPU_BIND \$PALS_ABORT_ON_FAILURE \${PALS_PPN:-unset}" = "none false unset" ] || exit 3
[ "\$1 \$3 \$4 \$5 \$6 \$7" = "--hostfile --no-vni -n 3 --ppn 1" ] || exit 4
hosts=\$(cat "\$2")
shift 7
for NODE in \$hosts; do
    export NODE
    if [ "\$NODE" = n1 ]; then "\$@"; else "\$@" </dev/null; fi &
done
wait
END
    mkdir "$BATS_TEST_TMPDIR/t m p"
    start mpiexec PALS_PPN=12 TMPDIR="$BATS_TEST_TMPDIR/t m p"
    stayed
    answers mpiexec
    # In a PBS job it is chosen where it is PALS's; where it is not, ssh is.
    start pbs PBS_NODEFILE=/x PBS_JOBID=1
    stayed
    rm "$stubs/mpiexec"
    stub mpiexec <<'END'
echo "HYDRA build details:"
END
    stub ssh <<'END'
while [ "$1" = -o ]; do shift 2; done
NODE=$1
export NODE
shift
exec sh -c "$*"
END
    start pbs PBS_NODEFILE=/x PBS_JOBID=1
    [[ $output == *"n1 0 "* && $output == *"n2 1 copperd: n2: no /dev/fuse"* && $output != *stay* ]]
    answers pbs PBS_NODEFILE=/x PBS_JOBID=1
}

@test "Flux: brokers by their nodes' names, one flux exec for those of the hosts" {
    stub_nodes
    stub flux <<END
echo "\$*" >>"$BATS_TEST_TMPDIR/flux"
shift
all="0:n0 1:n1 2:n2.site 3:n3"
ranks=all label=no
while :; do
    case \$1 in
    -n) exec </dev/null ;;
    -l) label=yes ;;
    -r) ranks=\$2; shift ;;
    *) break ;;
    esac
    shift
done
cat >"$BATS_TEST_TMPDIR/stdin.\$\$"
for broker in \$all; do
    rank=\${broker%%:*} NODE=\${broker#*:}
    export NODE
    case ,\$ranks, in ,all, | *,\$rank,*) ;; *) continue ;; esac
    if [ "\$label" = yes ]; then echo "\$rank: \$("\$@")"; else
        NODE=\${NODE%.site} "\$@" <"$BATS_TEST_TMPDIR/stdin.\$\$"; fi
done
exit 0
END
    start flux FLUX_URI=local:///x
    stayed
    grep -q "^exec -r 1,2,3 sh -c" "$BATS_TEST_TMPDIR/flux"
    answers flux FLUX_URI=local:///x
    # A broker that is down takes nothing from the others: not from a launch that may go on without it, and not
    # from what is asked or cleaned later.
    sed -i -e 's/^all=.*/all="0:n0 1:n1 2:n2.site" status=0/' -e 's/^ *-r) ranks=/&/' -e 's/^exit 0$/[ "$ranks" != all ]/' "$stubs/flux"
    : >"$BATS_TEST_TMPDIR/flux"
    start flux FLUX_URI=local:///x COPPER_ALLOW_MISSING=1
    [[ $'\n'$output$'\n' == *$'\nn1 - \n'* && $output == *"n3 1 not a node of this Flux instance"* ]]
    grep -q "^exec -r 1,2 sh -c" "$BATS_TEST_TMPDIR/flux"
    start flux FLUX_URI=local:///x
    [ "$output" = "n3 1 not a node of this Flux instance" ]
}

@test "LSF: one blaunch, or jsrun where there is one; Grid Engine: qrsh -inherit to each host" {
    stub_nodes
    stub blaunch <<'END'
[ "$1 $2 $3" = "-n -no-shell -u" ] || exit 2
hosts=$(cat "$4")
shift 4
for NODE in $hosts; do
    export NODE
    "$@" </dev/null &
done
wait
END
    start lsf LSB_JOBID=1
    stayed
    answers lsf LSB_JOBID=1
    stub jsrun <<'END'
[ "$*" != "${*#--nrs 3 --rs_per_host 1 --tasks_per_rs 1 --cpu_per_rs 1 --bind none sh }" ] || exit 2
shift 10
for NODE in n1 n2 n3; do
    export NODE
    "$@" </dev/null &
done
wait
END
    rm "$stubs/blaunch"
    start lsf LSB_JOBID=1
    stayed
    answers lsf LSB_JOBID=1
    stub qrsh <<'END'
[ "$1" = -inherit ] || exit 2
NODE=$2
export NODE
shift 2
exec sh -c "$*"
END
    start sge PE_HOSTFILE=/x
    [ "${lines[0]}" = stay ]
    [[ $output == *"n1 0 "* && $output == *"n3 0 "* && $output == *"n2 1 copperd: n2: no /dev/fuse"* ]]
    grep -q '^n3 --node n3 --foreground COPPER_RUN_DIR=/run/x$' "$BATS_TEST_TMPDIR/ran"
    answers sge PE_HOSTFILE=/x
}

@test "OAR: oarsh to each host; the job's own COPPER_RSH is used where it is set" {
    local list=$BATS_TEST_TMPDIR/list
    stub_nodes
    stub oarsh <<END
echo "\$*" >>"$BATS_TEST_TMPDIR/oarsh"
[ "\$1 \$2" = "-o BatchMode=yes" ] || exit 3
[ -n "\$OAR_JOB_ID" ] || exit 4
NODE=\$3
export NODE
shift 3
exec sh -c "\$*"
END
    stub ssh <<'END'
echo "ssh: must not be used" >&2
exit 255
END
    start oar OAR_JOB_ID=1 OAR_NODEFILE=/x
    echo "$output" "$stderr"
    [[ $output == *"n1 0 "* && $output == *"n3 0 "* && $output == *"n2 1 copperd: n2: no /dev/fuse"* && $output != *stay* ]]
    grep -q '^n3 --node n3 COPPER_RUN_DIR=/run/x$' "$BATS_TEST_TMPDIR/ran"
    for node in n1 n2 n3; do
        cmp "$BATS_TEST_TMPDIR/job" "$BATS_TEST_TMPDIR/read.$node"
    done
    [ "$(wc -l <"$BATS_TEST_TMPDIR/oarsh")" = 3 ]
    answers oar OAR_JOB_ID=1 OAR_NODEFILE=/x
    # A launch in a job of OAR goes that way, with the hosts of the job.
    : >"$BATS_TEST_TMPDIR/oarsh"
    printf 'n1\nn1\nn2\n' >"$list"
    run -1 env -i PATH="$stubs:$PATH" OAR_JOB_ID=1 OAR_NODEFILE="$list" COPPER_RUN_DIR="$BATS_TEST_TMPDIR/run" \
        NODE=n0 "$COPPER_BIN/launch_copper.sh" -v "$BATS_TEST_TMPDIR/m" -s 1 </dev/null
    [ "$(sed -n 's/^-o BatchMode=yes \(n[0-9]\) .*/\1/p' "$BATS_TEST_TMPDIR/oarsh" | sort -u | xargs)" = "n1 n2" ]
    [[ $output != *"must not be used"* ]]
    # What the user has set is used.
    stub mine <<END
echo "\$1" >>"$BATS_TEST_TMPDIR/mine"
END
    start oar OAR_JOB_ID=1 COPPER_RSH=mine
    [ "$(sort "$BATS_TEST_TMPDIR/mine" | xargs)" = "n1 n2 n3" ]
}

# without_scontrol COMMAND...: where this machine has it, too: launchers look in the system's directories.
without_scontrol() {
    # shellcheck disable=SC2016 # of the shell there
    unshare -rm sh -c 'for file in /usr/bin/scontrol /usr/local/bin/scontrol; do
            [ ! -e "$file" ] || mount --bind /dev/null "$file" || exit 99
        done
        exec "$@"' sh "$@"
}

@test "a scheduler without its launcher is said to be so; nothing runs on one node instead" {
    local list=$BATS_TEST_TMPDIR/list bare=$BATS_TEST_TMPDIR/bare tool
    printf 'n1\nn2\n' >"$list"
    mkdir "$bare"
    for tool in sh env awk sed cat grep wc mktemp dirname readlink rm uname tail paste sort seq xargs cut; do
        ln -s "$(command -v "$tool")" "$bare/$tool"
    done
    for words in "LSB_JOBID=1 LSB_MCPU_HOSTS=n1_4_n2_4|neither blaunch nor jsrun" \
        "JOB_ID=1 SGE_ROOT=/x PE_HOSTFILE=$list|there is no qrsh" \
        "OAR_JOB_ID=1 OAR_NODEFILE=$list|there is no oarsh" "FLUX_URI=local:///x|there is no flux"; do
        # shellcheck disable=SC2086
        run -1 env -i PATH="$bare" ${words%%|*} COPPER_RUN_DIR="$BATS_TEST_TMPDIR/run" \
            "$COPPER_BIN/launch_copper.sh" -s 5 -H n1,n2 </dev/null
        echo "$output"
        [[ $output == *"${words##*|}"* && $output != *ready\ at* ]]
    done
    # Neither are there hosts where only the scheduler's own program knows them.
    for words in "FLUX_URI=local:///x|there is no flux" "FLUX_JOB_ID=1|there is no flux" \
        "SLURM_JOB_ID=1 SLURM_JOB_NODELIST=n[1-2]|there is no scontrol"; do
        # shellcheck disable=SC2086
        run -2 without_scontrol env -i PATH="$bare" ${words%%|*} COPPER_RUN_DIR="$BATS_TEST_TMPDIR/run" \
            "$COPPER_BIN/launch_copper.sh" </dev/null
        echo "$output"
        [[ $output == *"${words##*|}"* && $output != *ready\ at* ]]
    done
}

@test "what a command says comes as it is: backslashes, blanks at the end, several lines" {
    local on_node shell
    # shellcheck source=launch/common.sh
    . "$top/launch/common.sh"
    for shell in sh bash; do
        run -0 "$shell" -c "$on_node" run - - /bin/sh -c 'printf "%s\n" "@copper - - \c \n" "C:\new\table\\ "; exit 3'
        [ "${lines[0]}" = "@copper - - \c \n" ]
        [ "${lines[-1]}" = "@copper $(uname -n) 3 C:\new\table\\ " ]
    done
    # Bytes that are no characters of the user's locale: a name on storage, the greeting of a login.
    run -0 env LC_ALL=C.UTF-8 sh -c '. "$1/launch/common.sh"; shared=
        printf "Gr\366\337e @copper n1 1 /t\374: no\nn2: copperd: n2: /\377: no such file\nown: \200\n" | report own: 3>&1' sh "$top"
    [ "$output" = $'n1 1 /t\374: no\nn2 1 /\377: no such file\n- - own: \200' ]
}

@test "a launcher that is told to end while it makes or removes a file leaves none" {
    local shell word dir=$BATS_TEST_TMPDIR/files
    # The signal reaches the group, as that of a launch, or of a program of the group that is ended, too.
    stub mktemp <<END
made=\$($(command -v mktemp) "\$@")
case mktemp\$made in "\$WHEN"*) kill -TERM 0 ;; esac
printf '%s\\n' "\$made"
END
    stub rm <<END
for last; do :; done
case rm\$last in "\$WHEN"*) kill -TERM 0 ;; esac
exec $(command -v rm) "\$@"
END
    stub daemons <<'END'
. "$COPPER_PARTS/common.sh"
begin "$@"
stays
share
echo begun >"$BEGUN"
echo "n1 - " | told &
finish
END
    for shell in sh bash; do
        for word in mktemp"$dir/copper-launch." mktemp"$dir/.copper." rm"$dir/copper-launch." rm"$dir/.copper." rm"$dir/job"; do
            mkdir "$dir"
            printf 'id 0123\n' | tee "$dir/job" >"$dir/input"
            echo n1 | env PATH="$stubs:$PATH" WHEN="$word" BEGUN="$dir/begun" TMPDIR="$dir" COPPER_SHARED="$dir" \
                COPPER_PARTS="$top/launch" COPPER_INPUT="$dir/input" COPPER_JOB="$dir/job" COPPER_OUTPUT=no \
                setsid -w "$shell" "$stubs/daemons" start x || [ $? = 143 ]
            run -0 ls -A "$dir"
            echo "$shell, $word: $output"
            # The job's own file goes once daemons may have been begun, which end with the job.
            case $word in
            mktemp*/copper-launch.) [ "$output" = $'input\njob' ] ;;
            mktemp*) [ "$output" = input ] ;;
            *) [ "$output" = $'begun\ninput' ] ;;
            esac
            rm -r "$dir"
        done
    done
}

@test "words for a remote shell are quoted once, whatever is in them" {
    stub_nodes
    stub ssh <<'END'
while [ "$1" = -o ]; do shift 2; done
shift
exec sh -c "$*"
END
    cat >"$stubs/say" <<'END'
#!/bin/sh
printf '<%s>' "$@"
END
    chmod +x "$stubs/say"
    run -0 env PATH="$stubs:$PATH" COPPER_INPUT=/dev/null COPPER_OUTPUT=no COPPER_PROGRAM="$COPPER_BIN/copper" "$top/launch/rsh.sh" run "$stubs/say" \
        'a b' "it's" '$HOME' 'a;touch x' '*' '"' '' '!x' < <(echo n1)
    [ "$output" = "n1 0 <a b><it's><\$HOME><a;touch x><*><\"><><!x>" ]
}

@test "without MUNGE srun carries the key in clear: that is said, and refused with --encrypt" {
    local run
    stub scontrol <<'END'
[ "$1 $2" = "show hostnames" ] && echo "${3#-}"
END
    stub srun <<END
cat >>"$BATS_TEST_TMPDIR/carried"
echo "srun: error: no step today" >&2
exit 1
END
    # No munged answers here, whatever this machine runs.
    run=(unshare -m sh -c 'mkdir -p /run/munge && mount -t tmpfs none /run/munge && exec "$@"' sh
        env -u COPPER_LAUNCHER -u COPPER_RSH PATH="$stubs:$PATH" COPPER_RUN_DIR="$BATS_TEST_TMPDIR/run"
        SLURM_JOB_ID=7 SLURM_JOB_NODELIST=n1 "$COPPER_BIN/launch_copper.sh" -v "$BATS_TEST_TMPDIR/m" -s 5)
    [ "$EUID" = 0 ] || skip "needs root: a mount namespace"
    run -1 "${run[@]}" --encrypt
    [[ $output == "copper: --encrypt: "*" would carry the job's key over the network in clear, and who listens"* ]]
    [ ! -e "$BATS_TEST_TMPDIR/carried" ]
    run -1 "${run[@]}"
    [ "$(grep -c " carries the job's key over the network in clear: " <<<"$output")" = 1 ]
    grep -qE '^key [0-9a-f]{64}$' "$BATS_TEST_TMPDIR/carried"
}
