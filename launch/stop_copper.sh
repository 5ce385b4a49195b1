#!/bin/sh
# Stops Copper on all nodes of the job: stop_copper.sh --help, stop_copper.sh(1).
# The copper program does all the work; this script finds it in the installation.
# SPDX-License-Identifier: BSD-3-Clause
set -u

here=$(dirname -- "$(readlink -f -- "$0")")
# Beside the programs first: above their directory there may be one that others may write to.
for parts in "$here/launch" "$here/../libexec/copper" "$here/../lib/copper"; do
    [ -f "$parts/rsh.sh" ] && break
done
parts=$(cd -- "$parts" && pwd) || exit 1
exec "$here/copper" job stop --parts "$parts" --copper "$here/copper" "$@"
