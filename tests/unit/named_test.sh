#!/bin/sh
# Each module of src/ has a unit test of its name, or a line in covered_by.txt with tests that exist;
# each line there is of a module that exists.
#
# usage: named_test.sh TOP
# SPDX-License-Identifier: BSD-3-Clause
set -eu
cd "$1/tests"
table=unit/covered_by.txt
bad=0

say() {
    echo "$*"
    bad=1
}

for path in ../src/*/*.c; do
    module=$(basename "$path" .c)
    room=$(basename "$(dirname "$path")")
    [ "$module" != main ] || continue
    [ ! -e "unit/${room}_${module}_test.c" ] || continue
    [ "$module" != "$room" ] || [ ! -e "unit/${room}_test.c" ] || continue
    grep -q "^${room}/${module}[[:space:]]" $table ||
        say "src/$room/$module.c has no test: write tests/unit/${room}_${module}_test.c, or a line \"$room/$module unit.X system.Y\" in tests/$table"
done

lines=0
while read -r module tests; do
    case $module in '#'* | '') continue ;; esac
    lines=$((lines + 1))
    [ -e "../src/$module.c" ] || say "$table: there is no src/$module.c"
    [ -n "$tests" ] || say "$table: $module: no test"
    for test in $tests; do
        case $test in
        unit.*) file=unit/${test#unit.}.c ;;
        system.*) file=system/${test#system.}.bats ;;
        *) file=/nonexistent ;;
        esac
        [ -e "$file" ] || say "$table: $module: there is no $test"
    done
done <$table
[ "$lines" -gt 0 ] || say "$table: is empty"
exit $bad
