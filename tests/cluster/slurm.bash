# Slurm in the test cluster: sourced by cluster. munged and slurmd on every node, slurmctld on login.
# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: BSD-3-Clause

# Each node gets a part of the machine's cgroup (v1) tree as its own, so that the slurmd do not
# share job directories. Without a freezer: proctrack/linuxproc.
readonly slurm_cgroup_root=/sys/fs/cgroup/freezer
# The same of the tree that confines jobs to their cores.
readonly slurm_cpuset_root=/sys/fs/cgroup/cpuset

slurm_main() {
    local verb=$1
    shift
    open_dir "$1"
    shift
    case $verb in
    up) slurm_up "$@" ;;
    down) slurm_down ;;
    *) die "slurm up DIR [--names PREFIX] [--constrain-cores] [NAME=VALUE...], slurm down DIR" ;;
    esac
}

slurm_on() {
    "$dir/noderun" "$dir" "$@"
}

# slurm_nodes PREFIX CPUS: what slurm.conf says of the nodes. With a prefix, Slurm calls them by names that no
# name service knows, and has their addresses.
slurm_nodes() {
    local node rest="CPUs=$2 RealMemory=1000 State=UNKNOWN"
    if [ -z "$1" ]; then
        echo "NodeName=$(paste -sd, "$dir/hosts") $rest"
        return
    fi
    while IFS= read -r node; do
        echo "NodeName=$1$node NodeHostName=$node NodeAddr=$(address_of "$(interface_of "$node")") $rest"
    done <"$dir/hosts"
}

slurm_write_config() {
    local nodes track=proctrack/cgroup called='' task=task/none cpus=4
    mkdir -p "$dir/slurm/log" "$dir/slurm/state"
    printf 'CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n' >"$dir/slurm/cgroup.conf"
    while [[ ${1:-} == --* ]]; do
        case $1 in
        --names)
            called=$2
            shift
            ;;
        --constrain-cores)
            [ -e "$slurm_cpuset_root/tasks" ] || die "slurm up --constrain-cores needs $slurm_cpuset_root"
            task=task/cgroup cpus=$(nproc)
            echo ConstrainCores=yes >>"$dir/slurm/cgroup.conf"
            ;;
        *) die "slurm up: $1" ;;
        esac
        shift
    done
    nodes=$(sed "s/^/$called/" "$dir/hosts" | paste -sd,)
    [ -e "$slurm_cgroup_root/tasks" ] || track=proctrack/linuxproc
    head -c 1024 /dev/urandom >"$dir/slurm/munge.key"
    chmod 400 "$dir/slurm/munge.key"
    cat >"$dir/slurm/slurm.conf" <<END
ClusterName=cluster
SlurmctldHost=login($login_address)
SlurmUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=/run/munge/munge.socket.2
ProctrackType=$track
TaskPlugin=$task
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,batch_sched_delay=0,bf_interval=1
ReturnToService=2
KillWait=3
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
StateSaveLocation=$dir/slurm/state
SlurmctldLogFile=$dir/slurm/log/slurmctld
SlurmctldPidFile=/run/slurmctld.pid
SlurmdLogFile=$dir/slurm/log/slurmd.%n
SlurmdPidFile=/run/slurmd.pid
SlurmdSpoolDir=/run/slurmd
$(printf '%s\n' "$@")
$(slurm_nodes "$called" "$cpus")
PartitionName=all Nodes=$nodes Default=YES MaxTime=INFINITE State=UP
END
}

# slurm_start_node NODE: its directories, munged, and slurmd (login: slurmctld).
slurm_start_node() {
    local node=$1 cgroup name
    cgroup=$slurm_cgroup_root/$(basename "$dir")/$node
    if [ "$node" != login ] && [ -e "$slurm_cgroup_root/tasks" ]; then
        mkdir -p "$cgroup"
        slurm_on "$node" mount -n --bind "$cgroup" "$slurm_cgroup_root"
    fi
    if [ "$node" != login ] && grep -q ConstrainCores "$dir/slurm/cgroup.conf"; then
        cgroup=$slurm_cpuset_root/$(basename "$dir")/$node
        mkdir -p "$cgroup"
        for name in "$(dirname "$cgroup")" "$cgroup"; do
            cat "$slurm_cpuset_root/cpuset.cpus" >"$name/cpuset.cpus"
            cat "$slurm_cpuset_root/cpuset.mems" >"$name/cpuset.mems"
        done
        slurm_on "$node" mount -n --bind "$cgroup" "$slurm_cpuset_root"
    fi
    # shellcheck disable=SC2016
    slurm_on "$node" /bin/sh -ec '
        mount -n --bind "$1/slurm" /etc/slurm
        mkdir -m 755 /run/munge
        mkdir -m 700 -p /var/log/munge
        munged --force --key-file="$1/slurm/munge.key" --socket=/run/munge/munge.socket.2 \
            --pid-file=/run/munge/munged.pid --log-file=/var/log/munge/munged.log \
            --seed-file=/run/munge/seed --num-threads=2
        if [ "$2" = login ]; then
            exec slurmctld -f /etc/slurm/slurm.conf
        fi
        exec slurmd -f /etc/slurm/slurm.conf
    ' sh "$dir" "$node" >"$dir/slurm/log/start.$node" 2>&1 </dev/null
}

slurm_up() {
    local node pids=() total end
    for node in munged slurmctld slurmd srun; do
        command -v "$node" >/dev/null || die "slurm up needs $node"
    done
    [ ! -e "$dir/slurm" ] || die "$dir: slurm is up"
    [ -d /etc/slurm ] || die "slurm up needs a directory /etc/slurm to mount over"
    slurm_write_config "$@"
    while IFS= read -r node; do
        slurm_start_node "$node" &
        pids+=($!)
    done < <(cat "$dir/hosts"; echo login)
    for node in "${pids[@]}"; do
        wait "$node" || { cat "$dir"/slurm/log/start.* >&2; die "slurm did not start"; }
    done
    # A job on all nodes waits until all have registered: the first answer of a Slurm that works.
    total=$(wc -l <"$dir/hosts")
    end=$((SECONDS + 150))
    slurm_on login timeout 150 srun -Q -N "$total" -n "$total" true </dev/null ||
        { tail -n 5 "$dir"/slurm/log/* >&2; die "slurm runs no job"; }
    until [ "$(slurm_on login sinfo -h -N -t idle -o %N | wc -l)" = "$total" ]; do
        [ "$SECONDS" -lt "$end" ] || die "slurm: not all nodes are idle"
    done
}

slurm_down() {
    local node
    [ -e "$dir/slurm" ] || return 0
    while IFS= read -r node; do
        pid_of "$node" || continue
        # shellcheck disable=SC2016
        slurm_on "$node" /bin/sh -c '
            pids=$(cat /run/slurmctld.pid /run/slurmd.pid /run/munge/munged.pid 2>/dev/null)
            [ -z "$pids" ] || kill $pids
            [ -z "$pids" ] || "$2" wait 60 $pids
            umount -n /etc/slurm
            umount -n "$1" 2>/dev/null
            ! grep -q ConstrainCores "$4" || umount -n "$3" 2>/dev/null
            rm -rf /run/munge /run/slurmd' sh "$slurm_cgroup_root" "$here/keeper" "$slurm_cpuset_root" \
            "$dir/slurm/cgroup.conf" || true
    done < <(cat "$dir/hosts"; echo login)
    slurm_clean
    rm -rf "$dir/slurm"
}

# The cgroups of the nodes, once no process is in them.
slurm_clean() {
    local root top
    for root in "$slurm_cgroup_root" "$slurm_cpuset_root"; do
        top=$root/$(basename "$dir")
        [ ! -d "$top" ] || find "$top" -depth -type d -exec rmdir {} \; 2>/dev/null || true
    done
}
