#!/bin/sh
# Launcher inside of a Slurm job: one step for all nodes (one for each component of a heterogeneous job).
#
# A daemon that leaves its step is killed with the step where Slurm tracks processes by cgroup, and
# outlives the job where it does not. So the daemons stay in the foreground of one step of their own,
# and srun stays here, until the job ends or Copper is stopped.
# carries: clear
# SPDX-License-Identifier: BSD-3-Clause
set -u

parts=$(dirname -- "$(readlink -f -- "$0")")
# shellcheck source=launch/common.sh
. "$parts/common.sh"

# Each step is one task a node, which shares the node with all others and is not ended because another one has ended.
# Without a number of cores a step has all that the job has there, which is what -b may name.
share="--overlap --export=ALL --mem=0 -m block --cpu-bind=none --mpi=none \
--kill-on-bad-exit=0 --wait=0 --no-kill --job-name=copper --label"

begin "$@"
shift

# The nodes of the job, of each component, in Slurm's order: task i runs on the i-th. Above some nine thousand names
# a list of hosts exceeds the maximum length of an argument (128 KiB), so lists are kept in files until the step runs.
"$parts/hosts.sh" slurm_lists >"$files/lists" 2>/dev/null || {
    problem "Slurm does not tell the nodes of the job $SLURM_JOB_ID"
    exit 1
}
groups=
[ "$(wc -l <"$files/lists")" = 1 ] || groups=$(seq 0 $(($(wc -l <"$files/lists") - 1)))
for group in ${groups:-""}; do
    IFS= read -r list
    scontrol show hostnames "$list" >"$files/job.$group" </dev/null
done <"$files/lists"
# srun gets what tells the job and the cluster.
forget 'SLURM_\|SRUN_' 'SLURM_\(JOB_ID\|JOBID\|HET_SIZE\|HET_JOB_ID\|PACK_SIZE\|PACK_JOB_ID\|CONF\|CONF_SERVER\|JWT\|'\
'CLUSTERS\|CLUSTER_NAME\|WORKING_CLUSTER\)'
# Users call nodes by longer names, or in capitals: "HOST NODE" for each whose name without domain is that of one
# node of the job, whatever its case. A node is called by its address where its name is none (hosts.sh): "ADDRESS
# NODE".
cat "$files"/job.* | awk '
    function label(name) { sub(/[.].*/, "", name); return tolower(name) }
    FILENAME == "-" { of_job[$0]; l = label($0); one[l] = seen[l]++ ? "" : $0; next }
    $0 in of_job { next }
    $0 !~ /^[0-9.]*$/ && one[label($0)] != "" { print $0, one[label($0)]; next }
    { print "? ?" }' - "$hosts" >"$files/called"
: >"$files/addresses"
! grep -q '^? ' "$files/called" || scontrol show node -o 2>/dev/null |
    sed -n 's/^NodeName=\([^ ]*\) .*NodeAddr=\([^ ]*\) .*/\2 \1/p' >"$files/addresses"
awk 'FILENAME != ARGV[3] { node[$1] = $2; next } { print $0 in node ? node[$0] : $0 }' \
    "$files/addresses" "$files/called" "$hosts" >"$files/wanted"
# A node that is down or does not respond blocks a step for all nodes, so no step has it: commands that run
# after a failure, and a launch that may go on without it, must reach the others.
sinfo -h -N -o '%N %T' 2>/dev/null | sed -n 's/^\([^ ]*\) \(down.*\|[^ ]*\*\|powered_down.*\)$/\1/p' |
    sort -u >"$files/dead"
for group in ${groups:-""}; do
    awk 'FILENAME == ARGV[1] { dead[$0]; next } FILENAME == ARGV[2] { wanted[$0]; next }
        $0 in wanted && !($0 in dead)' "$files/dead" "$files/wanted" "$files/job.$group" \
        >"$files/placed.$group"
done
cat "$files"/placed.* >"$files/placed"
cat "$files"/job.* | awk -v job="$SLURM_JOB_ID" 'FILENAME == ARGV[1] { dead[$0]; next }
    FILENAME == "-" { of_job[$0]; next }
    $0 in dead { print $0 " 1 is down or does not respond, as Slurm says"; next }
    !($0 in of_job) { print $0 " 1 not a node of the Slurm job " job }' \
    "$files/dead" - "$files/wanted" >"$files/outside"
exec 5<"$files/addresses" # open, for the directory goes before the last line has come
named=
[ ! -s "$files/addresses" ] || named=yes # who reads the lines knows the other names itself
# An awk that waits for many lines before it looks at the first one.
by_line=
case $(awk -W version </dev/null 2>&1) in mawk*) by_line='-W interactive' ;; esac

# srun has a second process that kills the step with SIGKILL when srun itself is killed. At the end of a
# batch script this happens, and the daemons would have no time to unmount. Without that process the step
# gets SIGTERM at the end of the job, and has time to unmount.
let_step_outlive() {
    second=$(cat /proc/[0-9]*/stat 2>/dev/null |
        awk -v parent="$1" '$2 == "(srun)" && $4 == parent { print $1; exit }')
    [ -n "$second" ] && kill -9 "$second"
}

# step GROUP COMMAND...
step() {
    group=$1
    shift
    tasks=$(wc -l <"$files/placed.$group")
    [ "$tasks" -gt 0 ] || return 0
    # shellcheck disable=SC2086 # options are words
    srun $share ${group:+--het-group=$group} -N "$tasks" -n "$tasks" -w "$files/placed.$group" "$@" \
        <"$COPPER_INPUT" 2>&1 >&3 3>&- 5<&- &
    echo "srun $!"
    wait "$!"
}

# "srun 17" once a step, then what the tasks say, each of itself; "srun: error: n[2-3]: tasks 1-2: Exited
# with exit code 1" by srun.
made() {
    all=$(wc -l <"$files/placed")
    left=$all
    pids=
    while IFS= read -r said; do
        case $said in
        "srun "*)
            pids="$pids ${said#srun }"
            continue
            ;;
        *"@copper "*" - ")
            left=$((left - 1))
            # srun's second process exists now; that of a second step perhaps a little later
            if [ -n "$pids" ] && { [ $((left % 64)) = 0 ] || [ $((all - left)) -le 4 ]; }; then
                rest=
                for pid in $pids; do
                    let_step_outlive "$pid" || rest="$rest $pid"
                done
                pids=$rest
            fi
            [ "$left" != 0 ] || rm -rf -- "$files"
            ;;
        "srun: error: Task launch for "*" failed on node "*)
            said=${said#*failed on node }
            printf '@copper %s 1 srun: %s\n' "${said%%:*}" "${said#*: }"
            continue
            ;;
        "srun: error: "*": task"*)
            said=${said#srun: error: }
            for node in $(scontrol show hostnames "${said%%: task*}"); do
                printf '@copper %s 1 \n' "$node"
            done
            continue
            ;;
        esac
        printf '%s\n' "$said"
    done
}

# as_called: translates a node's name to that of the host list.
as_called() {
    if [ -z "$named" ]; then
        cat
        return
    fi
    # shellcheck disable=SC2086 # options are words
    awk $by_line 'BEGIN { while ((getline <"/dev/fd/5") > 0) if (!($2 in host)) host[$2] = $1 }
        { end = index($0, " "); node = substr($0, 1, end - 1)
            print (node in host ? host[node] substr($0, end) : $0); fflush() }'
}

as_called <"$files/outside"
[ -s "$files/placed" ] || exit 0
[ "$mode" = run ] || [ "$(wc -l <"$files/outside")" -le "${COPPER_ALLOW_MISSING:-0}" ] || exit 0
stays
pass
for group in ${groups:-""}; do
    step "$group" sh -c "$on_node" "$how" "$input" "$run_dir" "$@" &
done | made | report 'srun: ' 's/^srun: cluster configuration lacks support for cpu binding$//' | as_called &
finish
