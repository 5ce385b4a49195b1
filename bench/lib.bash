# Shared by the benches; each sources this, then calls bench_options "$@" and bench_up. A result is a line
# "NAME VALUE UNIT" on standard output; comments begin with #.
# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause

set -euo pipefail
bench_dir=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# shellcheck source=tests/cluster/lib.bash
. "$bench_dir/../tests/cluster/lib.bash"

runs=5
bench_runs_are='of which the median is taken'
mount=/tmp/copper-bench/mnt
cpu_ms='cpu_user_ms cpu_system_ms'

bench_usage() {
    cat <<END
usage: $(basename "$0") [-p DIR] [-n RUNS]

$bench_text
  -p DIR   where copper was installed or built, not below /tmp ($bench_prefix)
  -n RUNS  $bench_runs_are ($runs)
  --help   this text

Needs root; every node of the test cluster is a set of namespaces on this machine.
END
}

# Sets what the options say; $bench_text describes the bench.
bench_options() {
    bench_prefix=${COPPER_PREFIX:-$(readlink -m "$bench_dir/../build/release")}
    while [ $# -gt 0 ]; do
        case $1 in
        -p | -n) [ $# -gt 1 ] || { bench_usage >&2; exit 2; } ;;
        esac
        case $1 in
        -p) bench_prefix=$(readlink -f "$2") && shift ;;
        -n) runs=$2 && shift ;;
        -h | --help) bench_usage && exit 0 ;;
        *) bench_usage >&2 && exit 2 ;;
        esac
        shift
    done
    copper_bin=$bench_prefix
    [ ! -d "$bench_prefix/bin" ] || copper_bin=$bench_prefix/bin
    [ -x "$copper_bin/launch_copper.sh" ] || { echo "$bench_prefix: no copper there" >&2; exit 2; }
    if [ -z "${PFS_BIN:-}" ] && [ -d "$bench_prefix/tests/cluster" ]; then
        PFS_BIN=$bench_prefix/tests/cluster
    fi
    export PFS_BIN COPPER_RSH=$CLUSTER_BIN/rsh
    work=$(mktemp -d /srv/copper-bench.XXXXXX)
    chmod 755 "$work"
    trap bench_down EXIT
    for program in spawn files tcpstream floor; do
        cc -O2 -D_GNU_SOURCE -o "$work/$program" "$bench_dir/$program.c"
    done
}

# bench_up NODES [options of "cluster up"]
bench_up() {
    local nodes=$1
    shift
    cluster_up -n "$nodes" "$@"
    [ -p "$work/ready" ] || mkfifo "$work/ready"
    : >"$work/gate"
}

bench_down() {
    local status=$?
    cluster_down || true
    pfs_down || true
    rm -rf --one-file-system "$work"
    exit "$status"
}

# Options of every launch, as of -b where the machine has cores for it.
read -ra bench_launch <<<"${COPPER_BENCH_LAUNCH:-}"

# launch [options]: Copper on all nodes; stop.
launch() {
    "$CLUSTER_BIN/cluster" hosts "$CLUSTER_DIR" >"$work/hosts"
    on login "$copper_bin/launch_copper.sh" -H "$work/hosts" -v "$mount" "${bench_launch[@]}" "$@" >"$work/launched"
}

stop() {
    on login "$copper_bin/stop_copper.sh" -v "$mount" >/dev/null
}

stats() {
    on login "$copper_bin/copper" stats -v "$mount" --nodes --json >"$1"
}

# figures COMMAND...: see tests/system/figures.
figures() {
    /usr/bin/python3 -I "$bench_dir/../tests/system/figures" "$@"
}

# Drops the page cache of storage; the pages of the daemons and of the mounts, too, as far as possible.
drop_page_cache() {
    sync
    echo 3 >/proc/sys/vm/drop_caches
}

# ready MEGABYTES: on a virtual machine, memory that was free for a while was returned to the host; getting
# it back costs more than all that is measured here. So this touches that much memory first.
ready() {
    "$work/files" touch "$1"
}

# put NAME VALUE UNIT
put() {
    printf '%s %s %s\n' "$1" "$2" "$3"
}

calc() {
    awk "BEGIN { printf \"%.4g\", $1 }"
}

# median FILE: of the numbers in it, one a line.
median() {
    sort -g "$1" | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int((NR + 2) / 2)]) / 2 }'
}

# spawn NODE [-n RUNS] [-j N] COMMAND...: seconds, one line a run.
spawn() {
    local node=$1
    shift
    on "$node" "$work/spawn" "$@" | awk 'NF == 2 { print $2 - $1 }'
}

# spawn_all PROCESSES COMMAND...: on all nodes at once; seconds from the first start to the last end.
spawn_all() {
    local processes=$1 pids=() node pid gate=$work/gate ready=$work/ready
    shift
    exec 8<>"$ready" 9<"$gate"
    flock -x 9
    for node in $("$CLUSTER_BIN/cluster" hosts "$CLUSTER_DIR"); do
        on "$node" "$work/spawn" -j "$processes" -r "$ready" -g "$gate" "$@" \
            >"$work/span.$node" 8>&- 9>&- &
        pids+=($!)
    done
    for node in "${pids[@]}"; do
        read -r -t 60 -u 8 _
    done
    exec 8>&- 9>&-
    for pid in "${pids[@]}"; do wait "$pid"; done
    cat "$work"/span.* |
        awk 'NF == 2 { if (!n++ || $1 < first) first = $1; if ($2 > last) last = $2 }
            END { print last - first }'
    rm -f "$work"/span.*
}

# The interpreter whose imports are measured; one of a virtual environment brings that one's packages.
bench_python=${COPPER_BENCH_PYTHON:-/usr/bin/python3}
read -ra bench_modules <<<"${COPPER_BENCH_MODULES:-numpy torch}"

# in_python PREFIX: words before "$bench_python ..." so that its library, packages and shared libraries
# come from below PREFIX.
in_python() {
    local base packages libraries=$1/usr/lib/x86_64-linux-gnu:$1/lib/x86_64-linux-gnu
    {
        read -r base
        read -r packages
    } < <("$bench_python" -I -c 'import sys, sysconfig
print(sys.base_prefix)
print(sysconfig.get_path("purelib") if sys.prefix != sys.base_prefix else "")')
    [ "$base" = /usr ] || libraries+=:$1$base/lib
    printf '%s\n' env -i PATH=/usr/bin:/bin HOME=/ OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1 \
        "PYTHONHOME=$1$base" "LD_LIBRARY_PATH=$libraries"
    [ -z "$packages" ] || printf '%s\n' "PYTHONPATH=$1$packages"
}

# daemon_cpu BEFORE AFTER: seconds of CPU that all daemons used between two stats files.
daemon_cpu() {
    # shellcheck disable=SC2086
    calc "$(figures sum "$1" "$2" $cpu_ms) / 1000"
}
