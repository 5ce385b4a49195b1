#!/bin/sh
# tests/pool: each test is in the report of its build, whatever became of it; the long ones come first.
#
# usage: pool_test.sh TOP
# SPDX-License-Identifier: BSD-3-Clause
set -eu
top=$1
dir=$(mktemp -d)
trap 'rm -r "$dir"' EXIT
cd "$dir"
mkdir -p build/one build/two
preset='{"name": "NAME", "generator": "Ninja", "binaryDir": "${sourceDir}/build/NAME"}'
test='{"name": "NAME", "configurePreset": "NAME"}'
cat >CMakePresets.json <<END
{"version": 6, "configurePresets": [$(echo "$preset" | sed s/NAME/one/g), $(echo "$preset" | sed s/NAME/two/g)],
 "testPresets": [$(echo "$test" | sed s/NAME/one/g), $(echo "$test" | sed s/NAME/two/g)]}
END
cat >build/one/CTestTestfile.cmake <<'END'
add_test(unit.good true)
add_test(unit.bad sh -c "echo said it; exit 1")
add_test(unit.skips sh -c "exit 77")
set_tests_properties(unit.skips PROPERTIES SKIP_RETURN_CODE 77)
add_test(unit.not_there /nonexistent)
add_test(system.partly echo "ok 1 # skip")
set_tests_properties(system.partly PROPERTIES COST 50)
# As its name is a part of another one's.
add_test(unit.good_too false)
END
cat >build/two/CTestTestfile.cmake <<'END'
add_test(unit.good true)
set_tests_properties(unit.good PROPERTIES COST 100 LABELS unit)
add_test(sim.left_out false)
END
"$top/tests/pool" 1 one -- two -L unit >said # one at a time: they end in the order in which they begin
for mode in ci full; do
    python3 "$top/tests/junit.py" build/one/report.xml $mode | sed 's/ (.*//' | sort >one.$mode
done
python3 "$top/tests/junit.py" build/two/report.xml ci >two
printf '%s\t%s\n' fail system.partly fail unit.bad fail unit.good_too fail unit.not_there fail unit.skips \
    pass unit.good | diff - one.ci
printf '%s\t%s\n' fail unit.bad fail unit.good_too pass system.partly pass unit.good \
    skip unit.not_there skip unit.skips | diff - one.full
printf 'pass\tunit.good\n' | diff - two
[ "$(sed -n '1,2s/^[12].7 \([^ ]*\) \([^ ]*\) .*/\1 \2/p' said | xargs)" = "two: unit.good one: system.partly" ]
grep -q '^said it' said
"$top/tests/pool" 3 one >said
python3 "$top/tests/junit.py" build/one/report.xml ci | sed 's/ (.*//' | sort | diff - one.ci
