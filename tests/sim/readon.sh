#!/bin/sh
# Reading on makes the first start faster, reads no object twice, and wastes little: readon.sh COPPER_SIM
# SIM_DIR. The traces have the names beside those that are read.
# SPDX-License-Identifier: BSD-3-Clause
set -eu
for trace in import_scipy perl; do
    for off in --no-readon ''; do
        # shellcheck disable=SC2086 # an option, or none
        "$1" run --exact --machine "$2/machines/aurora.machine" --trace "$2/traces/$trace.trace" --scale 64 \
            --max 10G --processes 1 --nodes 16 $off
    done | awk -v trace="$trace" '
        { v[$1, $1 == "nodes" ? ++n : n] = $2 }
        END {
            wasted = v["read_on_unused_bytes", 2]
            print trace, v["run1", 1], "s without,", v["run1", 2], "s with;", v["read_on", 2], "read on,",
                v["read_on_used", 2], "used;", wasted, "bytes wasted"
            exit !(n == 2 && v["read_on", 1] == 0 && v["read_on_used", 2] > 100 &&
                v["run1", 2] < 0.95 * v["run1", 1] && wasted < 4e6 &&
                v["storage_reads", 2] == v["unique_objects", 2] && v["violations", 2] == 0)
        }'
done
