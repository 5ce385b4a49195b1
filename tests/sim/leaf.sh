#!/bin/sh
# A bound for the caches of nodes without children holds, although large files have trees of their own, which
# the trace does not use: leaf.sh COPPER_SIM SIM_DIRECTORY
# SPDX-License-Identifier: BSD-3-Clause
set -eu
cached() {
    "$sim" run --exact --machine "$dir/machines/aurora.machine" --trace "$dir/traces/import_numpy.trace" \
        --scale 64 --max 10G --nodes 32 "$@" | awk '$1 == "cached_bytes" { print $2 }'
}
sim=$1 dir=$2
all=$(cached) bound=$(cached --leaf-cache 150K) with_bulk=$(cached --leaf-cache 150K --bulk 1M)
echo "cached_bytes: $all, leaves bound $bound, leaves bound and files over bulk trees $with_bulk"
# at least half of the nodes have no children
[ "$bound" -lt $((all * 3 / 4)) ] && [ "$with_bulk" -gt $((all * 3 / 4)) ]
