#!/bin/sh
# Mounts Copper on all nodes of the job: launch_copper.sh --help, launch_copper.sh(1).
# The copper program does all the work; this script finds it in the installation.
# SPDX-License-Identifier: BSD-3-Clause
set -u

here=$(dirname -- "$(readlink -f -- "$0")")
for parts in "$here/../libexec/copper" "$here/../lib/copper" "$here/launch"; do
    [ -f "$parts/rsh.sh" ] && break
done
parts=$(cd -- "$parts" && pwd) || exit 1
exec "$here/copper" job launch \
    --parts "$parts" --copperd "$here/copperd" --copper "$here/copper" "$@"
