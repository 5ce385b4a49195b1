#!/bin/sh
# Several trees share the sending: where all nodes stage a directory, the one that sends most sends half as much
# with two or four trees as with one, and all have it earlier with four: trees.sh COPPER_SIM SIM_DIRECTORY
# SPDX-License-Identifier: BSD-3-Clause
set -eu
sim=$1 dir=$2
trace=$(mktemp)
trap 'rm -f "$trace"' EXIT
awk 'BEGIN {
    print "d 0 0 /pfs"; print "d 4 0 /env"
    for (i = 0; i < 32; i++) printf "f 8 8388608 /l%03d.so\n", i
    print "L 0 1"
}' >"$trace"
for trees in 1 2 4; do
    "$sim" run --exact --machine "$dir/machines/aurora.machine" --trace "$trace" --stage /pfs/env --scale 64 \
        --max 1G --cache 4G --processes 1 --nodes 64 --trees "$trees"
done | awk '
    { v[$1, $1 == "nodes" ? ++n : n] = $2 }
    END {
        for (i = 1; i <= n; i++) {
            sent[i] = v["run1", i] * v["busiest_send", i] / 100
            print v["trees", i], "trees: staged after", v["replayed", i], "s, sent for", sent[i], "s"
            good += v["violations", i] == 0
        }
        good += sent[1] > 0
        for (i = 2; i <= n; i++) good += sent[i] < 0.6 * sent[1]
        exit !(n == 3 && good == 6 && v["replayed", 3] < v["replayed", 1])
    }'
