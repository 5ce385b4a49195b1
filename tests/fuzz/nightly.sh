#!/bin/bash
# Builds the fuzz harnesses with clang and runs each for a while, one after the other.
#
#   tests/fuzz/nightly.sh [-m] [-b BUILD_DIR] [SECONDS_PER_HARNESS]   (default: 3600)
#
# What is found grows in BUILD_DIR/found/HARNESS over the nights; -m adds to tests/fuzz/corpus those
# inputs that reach new code. An input that breaks a harness is kept in BUILD_DIR/broken, and the exit
# status is 1.
set -euo pipefail

source_dir=$(cd "$(dirname "$0")/../.." && pwd)
corpus=$source_dir/tests/fuzz/corpus
build=$source_dir/build/fuzz
merge=false

usage() {
    sed -n '2,8s/^# \{0,1\}//p' "$0"
}

while getopts mb:h option; do
    case $option in
    m) merge=true ;;
    b) build=$OPTARG ;;
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
if ! [[ $seconds =~ ^[1-9][0-9]*$ ]]; then
    echo "nightly.sh: SECONDS_PER_HARNESS: \"$seconds\" is not a number of seconds above 0" >&2
    exit 2
fi
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
mkdir -p "$broken"
status=0
for name in "${harnesses[@]}"; do
    program=$build/tests/fuzz/${name}_fuzz
    found=$build/found/$name
    mkdir -p "$found"
    echo "== $name, $seconds s"
    "$program" -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="$broken/$name-" "$found" "$corpus/$name" \
        >"$build/$name.log" 2>&1 || {
        status=1
        echo "$name: broken, see $build/$name.log" >&2
    }
    grep -E '^stat::number_of_executed_units|cov:' "$build/$name.log" | tail -n 2
    if $merge; then
        "$program" -set_cover_merge=1 "$corpus/$name" "$found" >>"$build/$name.log" 2>&1
    fi
done
exit $status
