# Readers that check every byte while something happens to the daemons below them. After lib.bash.
# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause

# slow_storage_up NODES: $WORK/pfs, at whose speed the reading takes some seconds, in which the faults
# happen; the cluster; and the seed of the moments.
slow_storage_up() {
    bed_up "$1"
    mkdir "$WORK/out"
    /usr/bin/python3 -I "$SYSTEM_DIR/reader" make "$WORK/source" 400 24000000
    pfs set latency_us 1000
    pfs set data_latency_us 1000
    pfs set bandwidth_bytes 20000000
    SEED=${SEED:-$RANDOM}
    export SEED
    echo "# seed $SEED: SEED=$SEED repeats the moments" >&3
}

# start_readers NODE...: starts one reader on each node. Each reads in an order of its own many small files,
# as an import does, with a large one in between. Sets $readers, by node. Returns when each has begun. None of them
# ends before readers_finish: how fast a machine reads decides nothing.
start_readers() {
    local node
    declare -gA readers=()
    for node in "$@"; do
        rm -f "$WORK/out/$node.progress"
        touch "$WORK/out/$node.progress.held"
        on "$node" timeout "$PATIENCE" /usr/bin/python3 -I "$SYSTEM_DIR/reader" read \
            "$MOUNT$WORK/pfs" "$((SEED + ${#readers[@]} % 3))" "$WORK/out/$node.progress" \
            >"$WORK/out/$node" 2>"$WORK/out/$node.err" 3>&- &
        readers[$node]=$!
    done
    for node in "$@"; do
        until_true test -s "$WORK/out/$node.progress"
    done
}

# progress NODE: sets $finished, how much of $all its reader has done, and $percent.
progress() {
    read -r finished all <"$WORK/out/$1.progress"
    percent=$((finished * 100 / all))
}

reader_has() {
    progress "$1"
    [ "$percent" -ge "$2" ]
}

# some_moment NODE FROM SPAN: when its reader has done FROM to FROM + SPAN percent of its work.
some_moment() {
    local at=$((RANDOM % $3 + $2))
    echo "# fault when the reader on $1 has done $at %" >&3
    local end=$((SECONDS + PATIENCE))
    until reader_has "$1" "$at"; do # each look is short
        [ "$SECONDS" -lt "$end" ]
        nap 0.02
    done
}

# are_reading NODE...: succeeds when the readers there have begun and not ended.
are_reading() {
    local node finished all percent
    for node in "$@"; do
        progress "$node"
        [ "$finished" -lt "$all" ] && kill -0 "${readers[$node]}" || {
            echo "the reader on $node had done $finished of $all when the fault came: it hit nobody"
            return 1
        }
    done
}

# hit "NODE..." COMMAND...: the command is a fault for the readers there: they were reading when it came,
# and had not finished all when it had come.
hit() {
    local hit
    read -ra hit <<<"$1"
    shift
    are_reading "${hit[@]}"
    "$@"
    are_reading "${hit[@]}"
}

# readers_finish [NODE...]: those of all nodes but these end well; prints the longest call.
readers_finish() {
    local node excused=" $* " worst=0 what='' ms
    for node in "${!readers[@]}"; do
        rm -f "$WORK/out/$node.progress.held"
    done
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
