#!/bin/sh
# Makes a copy of a source of the core with one mistake in it: plant.sh NAME SOURCE_DIR OUTPUT.
# sim/plants/NAME.sed is a sed script; its first line is "# FILE". A script that changes nothing any
# more is an error: the mistake must be planted anew.
# SPDX-License-Identifier: BSD-3-Clause
set -eu
script=$(dirname "$0")/$1.sed
file=$2/$(sed -n '1s/^# //p' "$script")
sed -f "$script" "$file" >"$3"
if cmp -s "$file" "$3"; then
    echo "plant.sh: $1 does not fit $file any more" >&2
    rm -f "$3"
    exit 1
fi
