#!/bin/sh
# Launcher over ssh, whatever COPPER_RSH says.
# carries: sealed
# SPDX-License-Identifier: BSD-3-Clause
unset COPPER_RSH
exec "$(dirname -- "$(readlink -f -- "$0")")/rsh.sh" "$@"
