#!/bin/sh
# Launcher in a job of Grid Engine: qrsh -inherit, one call a host, of a parallel environment with
# control_slaves. Its commands are the job's: they end with it.
# carries: clear
# SPDX-License-Identifier: BSD-3-Clause
command -v qrsh >/dev/null || {
    echo "- - in a job of Grid Engine, but there is no qrsh on the PATH: COPPER_LAUNCHER=ssh?"
    exit 1
}
if [ "$1" = start ] && [ "$COPPER_OUTPUT" = no ]; then
    COPPER_OUTPUT=yes # in the foreground; what they print goes nowhere
    # Whoever reads the launch's output must see its end before that of the job.
    exec 2>/dev/null 3>/dev/null
fi
export COPPER_OUTPUT COPPER_RSH="qrsh -inherit"
exec "$(dirname -- "$(readlink -f -- "$0")")/rsh.sh" "$@"
