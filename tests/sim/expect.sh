#!/bin/sh
# A run with a planted mistake must fail, and for the right reason: expect.sh PATTERN COMMAND...
# SPDX-License-Identifier: BSD-3-Clause
pattern=$1
shift
out=$("$@" 2>&1)
code=$?
if [ "$code" -eq 0 ] || [ "$code" -eq 2 ]; then
    printf '%s\nexit code %s: no checker saw it\n' "$out" "$code"
    exit 1
fi
if ! printf '%s\n' "$out" | grep -Eq -- "$pattern"; then
    printf '%s\nseen, but not as "%s"\n' "$out" "$pattern"
    exit 1
fi
printf '%s\n' "$out" | grep -E -- "$pattern" | head -n 1
