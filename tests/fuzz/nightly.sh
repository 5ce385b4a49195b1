#!/bin/bash
# Builds the fuzz harnesses with clang and runs each for a while, as many at once as there are processors.
#
#   tests/fuzz/nightly.sh [-m] [-b BUILD_DIR] [-j AT_ONCE] [-n EXECUTIONS] [SECONDS_PER_HARNESS]   (3600)
#
# With -n in rounds, until all harnesses together have reached that many executions. Ends with a table:
# executions, edges covered, inputs kept and processor seconds of each, and the sum.
# What is found grows in BUILD_DIR/found/HARNESS over the nights; -m adds to tests/fuzz/corpus those
# inputs that reach new code. An input that breaks a harness is kept in BUILD_DIR/broken, and the exit
# status is 1.
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail

source_dir=$(cd "$(dirname "$0")/../.." && pwd)
corpus=$source_dir/tests/fuzz/corpus
build=$source_dir/build/fuzz
merge=false
at_once=$(nproc)
wanted=0

usage() {
    sed -n '2,10s/^# \{0,1\}//p' "$0"
}

# number NAME TEXT: is it a whole number above 0?
number() {
    [[ $2 =~ ^[1-9][0-9]{0,14}$ ]] || {
        echo "nightly.sh: $1: \"$2\" is not a number above 0" >&2
        exit 2
    }
}

while getopts mb:j:n:h option; do
    case $option in
    m) merge=true ;;
    b) build=$OPTARG ;;
    j) number -j "$OPTARG" && at_once=$OPTARG ;;
    n) number -n "$OPTARG" && wanted=$OPTARG ;;
    h)
        usage
        exit 0
        ;;
    *)
        usage >&2
        exit 2
        ;;
    esac
done
shift $((OPTIND - 1))
seconds=${1:-3600}
number SECONDS_PER_HARNESS "$seconds"
command -v clang >/dev/null || {
    echo "nightly.sh: needs clang" >&2
    exit 2
}

harnesses=()
for source in "$source_dir"/tests/fuzz/*_fuzz.c; do
    harnesses+=("$(basename "$source" _fuzz.c)")
done
cmake -S "$source_dir" --preset fuzz -B "$build" >/dev/null
cmake --build "$build" --target "${harnesses[@]/%/_fuzz}"

broken=$build/broken
mkdir -p "$broken" "$build/log"
rm -f "$build"/log/*

# one ROUND HARNESS: its log; a broken one leaves a file HARNESS.broken beside it.
one() {
    local name=$2 log=$build/log/$2.$1 found=$build/found/$2
    mkdir -p "$found"
    "$build/tests/fuzz/${name}_fuzz" -max_total_time="$seconds" -max_len=4096 -timeout=30 \
        -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$broken/$name-" "$found" \
        "$corpus/$name" >"$log" 2>&1 || {
        touch "$build/log/$name.broken"
        echo "$name: broken, see $log" >&2
    }
}
export -f one
export build seconds broken corpus

# executions LOG...: their sum.
executions() {
    cat "$@" | awk '/^stat::number_of_executed_units/ {n += $2} END {printf "%d\n", n}'
}

round=0
while :; do
    round=$((round + 1))
    printf '%s\n' "${harnesses[@]}" | xargs -P "$at_once" -I NAME bash -c 'one "$1" "$2"' bash "$round" NAME
    sum=$(executions "$build"/log/*.[0-9]*)
    echo "round $round: $sum executions"
    [ "$sum" -lt "$wanted" ] && ! compgen -G "$build/log/*.broken" >/dev/null || break
done

printf '%-18s %14s %8s %8s %10s\n' harness executions edges inputs seconds
for name in "${harnesses[@]}"; do
    last=$(grep -h '^#.*DONE.*cov:' "$build/log/$name.$round" | tail -n 1)
    printf '%-18s %14d %8s %8d %10d\n' "$name" "$(executions "$build/log/$name".[0-9]*)" \
        "$(sed -n 's/.*cov: \([0-9]*\).*/\1/p' <<<"$last")" \
        "$(find "$build/found/$name" -type f | wc -l)" $((round * seconds))
done
printf '%-18s %14d\n' sum "$sum"
if $merge; then
    for name in "${harnesses[@]}"; do
        "$build/tests/fuzz/${name}_fuzz" -set_cover_merge=1 "$corpus/$name" "$build/found/$name" \
            >>"$build/log/$name.merge" 2>&1
    done
fi
! compgen -G "$build/log/*.broken" >/dev/null
