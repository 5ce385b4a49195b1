# Readers that check every byte while something happens to the daemons below them. After lib.bash.
# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause

# slow_storage_up NODES: $WORK/pfs, at whose speed the reading takes some seconds, in which the faults
# happen; the cluster; and the seed of the moments.
slow_storage_up() {
    work_up
    mkdir "$WORK/pfs" "$WORK/out"
    /usr/bin/python3 -I "$SYSTEM_DIR/reader" make "$WORK/source" 400 24000000
    pfs_up --nodes "$1" "$WORK/source" "$WORK/pfs"
    cluster_up -n "$1"
    pfs set latency_us 1000
    pfs set data_latency_us 1000
    pfs set bandwidth_bytes 20000000
    SEED=${SEED:-$RANDOM}
    export SEED
    echo "# seed $SEED: SEED=$SEED repeats the moments" >&3
}

slow_storage_down() {
    pfs_down
    cluster_down
    work_down
}

# some_moment FROM_MS SPAN_MS
some_moment() {
    local ms=$((RANDOM % $2 + $1))
    echo "# fault after $ms ms" >&3
    sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
}

# start_readers NODE...: one on each, in an order of its own, as an import does (many small files),
# with a large one in between. Sets $readers, by node.
start_readers() {
    local node
    declare -gA readers=()
    for node in "$@"; do
        on "$node" timeout "$PATIENCE" /usr/bin/python3 -I "$SYSTEM_DIR/reader" read \
            "$MOUNT$WORK/pfs" "$((SEED + ${#readers[@]} % 3))" \
            >"$WORK/out/$node" 2>"$WORK/out/$node.err" 3>&- &
        readers[$node]=$!
    done
}

# readers_finish [NODE...]: those of all nodes but these end well; prints the longest call.
readers_finish() {
    local node excused=" $* " worst=0 what='' ms
    for node in "${!readers[@]}"; do
        [[ $excused != *" $node "* ]] || continue
        wait "${readers[$node]}" || {
            echo "$node: exit $?"
            head "$WORK/out/$node.err"
            return 1
        }
        [ "$(jq_get "$(<"$WORK/out/$node")" files)" = 401 ]
        ms=$(jq_get "$(<"$WORK/out/$node")" longest_ms)
        if [ "$ms" -gt "$worst" ]; then
            worst=$ms what="$node: $(jq_get "$(<"$WORK/out/$node")" longest_what)"
        fi
    done
    echo "# longest call $worst ms ($what)" >&3
}
