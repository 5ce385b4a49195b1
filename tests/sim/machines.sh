#!/bin/sh
# Each machine file is read, and its job keeps what is promised: machines.sh COPPER_SIM SIM_DIR
# SPDX-License-Identifier: BSD-3-Clause
set -eu
for job in aurora,256 frontier,256 ethernet64,64; do
    "$1" run --exact --machine "$2/machines/${job%,*}.machine" --trace "$2/traces/import_numpy.trace" \
        --processes 1 --scale 64 --nodes "${job#*,}" | awk -v job="$job" '
        { v[$1] = $2 }
        END {
            print job, v["run1"], "s, ready", v["ready"], "s, CPU", v["busiest_cpu"], "%, reads", v["storage_reads"]
            exit !(v["storage_reads"] == v["unique_objects"] && v["ready"] > 0 && v["ready"] < 3 &&
                v["busiest_cpu"] < 50 && v["violations"] == 0)
        }'
    # Each number says where it is from: a source, or that it is an estimate.
    awk '$1 !~ /^#/ && NF && $0 !~ /# ./ { print FILENAME ":" FNR ": no source: " $0; bad = 1 } END { exit bad }' \
        "$2/machines/${job%,*}.machine"
done
