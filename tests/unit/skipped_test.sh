#!/bin/sh
# A unit test that skips has not passed: without /dev/fuse the front's tests are "skipped" for ctest, and "fail" for
# tests/run --ci.
#
# usage: skipped_test.sh BUILD JUNIT.PY
# SPDX-License-Identifier: BSD-3-Clause
set -eu
build=$1 junit=$2
[ -c /dev/fuse ] || { echo "needs /dev/fuse, to take it away" && exit 77; }
unshare --mount true 2>/dev/null || { echo "needs mount namespaces" && exit 77; }
dir=$(mktemp -d)
trap 'rm -r "$dir"' EXIT
# Another directory to run in: the one that runs this test writes into the build's.
echo "subdirs(\"$build/tests\")" >"$dir/CTestTestfile.cmake"
cat >"$dir/without" <<'END'
#!/bin/sh
# An empty directory over /dev, but for what programs need.
set -eu
mkdir "$1/dev"
mount -t tmpfs none "$1/dev"
for name in null zero full random urandom; do
    touch "$1/dev/$name"
    mount --bind "/dev/$name" "$1/dev/$name"
done
mount --rbind "$1/dev" /dev
[ ! -e /dev/fuse ]
ctest --test-dir "$1" -R '^unit\.front_(ahead_|read_|)test$' --output-junit "$1/report.xml" >"$1/said" 2>&1 || true
END
unshare --mount sh "$dir/without" "$dir"
for mode in ci full; do
    said=$(python3 "$junit" "$dir/report.xml" $mode | cut -f 1 | sort | uniq -c | tr -s ' ')
    [ "$mode: $said" = "ci:  3 fail" ] || [ "$mode: $said" = "full:  3 skip" ] || {
        echo "$mode: $said"
        cat "$dir/said"
        exit 1
    }
done
