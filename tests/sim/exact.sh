#!/bin/sh
# Without faults storage is read once per object, whatever the job's shape: exact.sh COPPER_SIM
# [all|small]
# SPDX-License-Identifier: BSD-3-Clause
set -eu
shapes="1,1,1 2,1,2 7,2,2 16,3,4 64,4,1 64,1,1 65,4,3"
[ "${2-all}" = small ] || shapes="$shapes 200,8,4 333,12,7 1000,12,1 2000,2,2"
# With bulk trees and without: files from 8 KiB on, stripes of a chunk.
for shape in $shapes; do
    nodes=${shape%%,*}
    rest=${shape#*,}
    for content in always never predict; do
        [ $content = never ] && bulk=0 || bulk=8K
        "$1" run --exact --bulk $bulk --stripe 1 --nodes "$nodes" --fanout "${rest%,*}" \
            --trees "${rest#*,}" --processes 2 --chunk 4096 --inline 2048 --max 24576 --content $content >out.$$ || {
            echo "shape $shape content $content"
            rm -f out.$$
            exit 1
        }
        awk -v shape="$shape $content" '
            $1 == "storage_reads" { reads = $2 }
            $1 == "unique_objects" { objects = $2 }
            END {
                print shape, "reads", reads, "objects", objects
                exit !(reads == objects && objects > 100)
            }' out.$$
        rm -f out.$$
    done
done
