#!/bin/sh
# Mounts Copper on all nodes of the job: launch_copper.sh --help, launch_copper.sh(1).
# The copper program does all the work; this script finds it in the installation.
# SPDX-License-Identifier: BSD-3-Clause
set -u

here=$(dirname -- "$(readlink -f -- "$0")")
# Beside the programs first: above their directory there may be one that others may write to.
for parts in "$here/launch" "$here/../libexec/copper" "$here/../lib/copper"; do
    [ -f "$parts/rsh.sh" ] && break
done
parts=$(cd -- "$parts" && pwd) || exit 1
exec "$here/copper" job launch \
    --parts "$parts" --copperd "$here/copperd" --copper "$here/copper" "$@"
