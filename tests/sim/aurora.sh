#!/bin/sh
# `import numpy` on all of Aurora: storage is read once per object, no node's CPU or NIC is half
# busy, the launch is ready and the run not much longer than on one node: aurora.sh COPPER_SIM SIM_DIR.
# All times are the simulation's, so they are the same on every machine.
set -eu
free_kb=$(awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo)
if [ "$free_kb" -lt 3500000 ]; then
    echo "skipped: needs 3.5 GB of free memory, there are $((free_kb / 1000)) MB"
    exit 77
fi
figures() {
    "$1" run --exact --machine "$2/machines/aurora.machine" --trace "$2/traces/import_numpy.trace" \
        --processes 1 --scale 64 --nodes "$3" --leaf-cache "$4"
}
one=$(figures "$1" "$2" 1 1G)
all=$(figures "$1" "$2" 10624 150K) # a leaf need not keep what its kernel has: memory of this test
printf '%s\n' "$one" "$all" | awk '
    { print; v[$1, $1 == "nodes" ? ++n : n] = $2 }
    END {
        good = v["storage_reads", 2] == v["unique_objects", 2] && v["storage_reads", 2] > 100 &&
            v["busiest_cpu", 2] < 50 && v["busiest_send", 2] < 50 && v["busiest_receive", 2] < 50 &&
            v["ready", 2] > 0 && v["ready", 2] < 3 && v["run1", 2] < 1.5 * v["run1", 1] &&
            v["violations", 2] == 0
        exit !good
    }'
