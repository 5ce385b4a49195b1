#!/bin/sh
# The same seed is the same run, event for event; another seed is another: same_seed.sh COPPER_SIM
# SPDX-License-Identifier: BSD-3-Clause
set -eu
hashes() { "$1" seeds --from "$2" --count 8 --nodes 24 --verbose 2>/dev/null | grep hash; }
a=$(hashes "$1" 1)
b=$(hashes "$1" 1)
[ "$a" = "$b" ] || { echo "two runs of the same seeds differ"; exit 1; }
[ "$(printf '%s\n' "$a" | awk '{print $4}' | sort -u | wc -l)" -eq 8 ] || {
    echo "different seeds give the same run"
    exit 1
}
