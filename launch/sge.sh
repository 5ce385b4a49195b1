#!/bin/sh
# Launcher in a job of Grid Engine: qrsh -inherit, one call a host, of a parallel environment with
# control_slaves. Its commands are part of the job and end with it.
# carries: clear
# SPDX-License-Identifier: BSD-3-Clause
command -v qrsh >/dev/null || {
    echo "- - in a job of Grid Engine, but there is no qrsh on the PATH: COPPER_LAUNCHER=ssh?"
    exit 1
}
if [ "$1" = start ] && [ "$COPPER_OUTPUT" = no ]; then
    COPPER_OUTPUT=yes # in the foreground; what they print goes nowhere
    # A reader of the launch's output must see its end before the job ends.
    exec 2>/dev/null 3>/dev/null
fi
export COPPER_OUTPUT COPPER_RSH="qrsh -inherit"
exec "$(dirname -- "$(readlink -f -- "$0")")/rsh.sh" "$@"
