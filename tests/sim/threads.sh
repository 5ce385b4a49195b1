#!/bin/sh
# A crew takes over the bytes of large payloads and nothing else: its work is what the loop's thread had, less
# what handing over costs; one that is too small is waited for; without one all is as it was: threads.sh COPPER_SIM
# SPDX-License-Identifier: BSD-3-Clause
set -eu
sim=$1
trace=$(mktemp)
trap 'rm -f "$trace"' EXIT
awk 'BEGIN {
    print "d 0 0 /pfs"; print "f 4 268435456 /a.dat"; print "L 0 1"
    for (i = 0; i < 4; i++) print "R 0 1", i * 67108864, 67108864
}' >"$trace"
# Threads wake at once, and storage and the NIC are fast, so that time is work and queues.
figures() {
    "$sim" run --exact --trace "$trace" --scale 64 --max 1G --set crew_wake_ns=0 --set nic_bytes_per_s=1e12 \
        --set data_bytes_per_s=1e12 --set client_bytes_per_s=1e12 --set data_latency_ns=1000 "$@"
}
same() {
    [ "$(figures --nodes 7 | grep -v '^threads')" = "$(figures --nodes 7 "$@" | grep -v '^threads')" ] || {
        echo "not as without: $*"
        exit 1
    }
}
same --threads 1
same --threads 1 --set crew_bytes=1 --set crew_cpu_ns=1000000
# Nothing is large enough for a job: the same times.
[ "$(figures --nodes 7 --set crew_bytes=1e9 --threads 4 | grep '^run1 ')" = "$(figures --nodes 7 | grep '^run1 ')" ]
for threads in 1 2 4; do
    figures --nodes 2 --threads "$threads"
done | awk '
    { v[$1, $1 == "nodes" ? ++n : n] = $2 }
    END {
        for (i = 1; i <= n; i++) {
            loop[i] = v["run1", i] * v["busiest_cpu", i] / 100
            crew[i] = v["run1", i] * v["busiest_crew", i] / 100 * (v["threads", i] - 1)
            print v["threads", i] + 0, "threads:", v["run1", i], "s; loop", loop[i], "s, crew", crew[i], "s"
            good += v["storage_reads", i] == v["unique_objects", i] && v["violations", i] == 0
        }
        bytes = 268435456 * 0.3e-9 # received, or sent, by one node
        jobs = 1024 * 2 * 2500e-9
        near = 0.03 * loop[1]
        for (i = 2; i <= n; i++) {
            good += (crew[i] - bytes) ^ 2 < near ^ 2
            good += (loop[i] + crew[i] - jobs - loop[1]) ^ 2 < near ^ 2
        }
        exit !(n == 3 && good == 7 && v["run1", 2] < v["run1", 1] && v["run1", 3] <= v["run1", 2])
    }'
# Sixteen children of one node, and one thread for them all, two, four, or as many as directions: jobs wait for a thread.
# With one the loop does some of them, as too many wait.
for threads in 2 3 5 17; do
    figures --nodes 17 --fanout 16 --bulk 0 --threads "$threads"
done | awk '
    { v[$1, $1 == "nodes" ? ++n : n] = $2 }
    END {
        print "16 children:", v["run1", 1], "s with 2 threads,", v["run1", 2], "s with 3,", v["run1", 3], "s with 5,", v["run1", 4], "s with 17"
        good = n == 4 && v["busiest_cpu", 1] + v["busiest_crew", 1] > 100 && v["busiest_crew", 2] > 90
        for (i = 1; i < n; i++) good = good && v["run1", i] > v["run1", i + 1]
        exit !(good && v["run1", 1] > 2.5 * v["run1", 3])
    }'
