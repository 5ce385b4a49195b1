#!/bin/sh
# Mounts Copper on all nodes of the job: launch_copper.sh --help, launch_copper.sh(1).
# The copper program does all the work; this script finds it in the installation.
# SPDX-License-Identifier: BSD-3-Clause
set -u

# Starts no process where it can be avoided: copper says when there is none to be had (ulimit -u), and makes
# these paths whole.
case $0 in
*/*) here=${0%/*} ;;
*) here=. ;;
esac
[ ! -h "$0" ] || here=$(dirname -- "$(readlink -f -- "$0")")
# Beside the programs first: above their directory there may be one that others may write to.
for parts in "$here/launch" "$here/../libexec/copper" "$here/../lib/copper"; do
    [ -f "$parts/rsh.sh" ] && break
done
exec "$here/copper" job launch \
    --parts "$parts" --copperd "$here/copperd" --copper "$here/copper" "$@"
