#!/bin/sh
# Launcher in a Flux instance: flux exec, on the brokers of the nodes. It passes its standard input to all
# commands; they end with the instance, or with flux exec.
# carries: sealed
# SPDX-License-Identifier: BSD-3-Clause
set -u

parts=$(dirname -- "$(readlink -f -- "$0")")
# shellcheck source=launch/common.sh
. "$parts/common.sh"

command -v flux >/dev/null || {
    echo "- - in a Flux instance, but there is no flux on the PATH: COPPER_LAUNCHER=ssh?"
    exit 1
}
begin "$@"
shift
# The rank of the broker on each node, by the node's own name: "3: node4".
# It fails when one of them does not answer; the others are used.
flux exec -n -l -r all uname -n >"$files/brokers" 2>"$files/trouble" </dev/null || [ -s "$files/brokers" ] || {
    sed -n '1s/^/- - flux exec: /p' "$files/trouble"
    exit 1
}
awk -F '[: ]+' -v placed="$files/placed" 'FILENAME == ARGV[1] { split($2, label, ".")
        rank[$2] = rank[label[1]] = $1; next }
    { split($1, label, "."); name = $1 in rank ? $1 : label[1] }
    name in rank { printf "%s%s", comma, rank[name] >placed; comma = ","; next }
    { print $1 " 1 not a node of this Flux instance" }' "$files/brokers" "$hosts" >"$files/outside"
cat "$files/outside"
[ -s "$files/placed" ] || exit 0
[ "$mode" = run ] || [ "$(wc -l <"$files/outside")" -le "${COPPER_ALLOW_MISSING:-0}" ] || exit 0
stays
pass
flux exec -r "$(cat "$files/placed")" sh -c "$on_node" "$how" "$input" "$run_dir" "$@" \
    <"$COPPER_INPUT" 2>&1 >&3 3>&- |
    report 'flux-exec' &
finish
