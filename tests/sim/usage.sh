#!/bin/sh
# Help, errors that name option, value and what is allowed, and JSON that is JSON: usage.sh COPPER_SIM
# SPDX-License-Identifier: BSD-3-Clause
set -u
sim=$1
fail() {
    echo "$*"
    exit 1
}
# refused WORDS ARGUMENT...: exit 2, nothing on stdout, the words on stderr.
refused() {
    words=$1
    shift
    out=$("$sim" "$@" 2>err.$$)
    code=$?
    err=$(cat err.$$)
    rm -f err.$$
    [ $code -eq 2 ] && [ -z "$out" ] || fail "$*: exit $code, stdout \"$out\""
    case $err in
    *"$words"*) ;;
    *) fail "$*: \"$err\" does not say \"$words\"" ;;
    esac
}
"$sim" --help | grep -q 'copper-sim seeds' || fail "--help names no commands"
"$sim" run --help | grep -q -- '--nodes N' || fail "run --help lists no options"
"$sim" seeds --help | grep -q -- '--from S' || fail "seeds --help lists no options"
"$sim" run --help | grep -q -- '--from' && fail "run --help lists an option of seeds"
refused usage
refused 'walk: no such command' walk
refused '--from: no such option' run --from 3
refused '--nodes "0": allowed is 1 to 100000' run --nodes 0
refused '--nodes "many": allowed is' run --nodes=many
refused '--threads "18": allowed is 1 to 17' run --threads 18
refused '0 threads: allowed is 1 to 17' run --set threads=0
refused '--seed: a value is missing' run --seed
refused '--direct=1: takes no value' run --direct=1
refused '--set "nic=3": allowed is' run --set nic=3
refused '--content "maybe": allowed is always, never or predict' run --content maybe
refused '/none: ' run --machine /none
refused '/none: ' run --trace /none
refused 'chunks of 5000 bytes' run --nodes 2 --chunk 5000
refused '9 trees' run --nodes 2 --trees 9
for command in "run --nodes 3" "seeds --count 1 --nodes 3"; do
    # shellcheck disable=SC2086
    "$sim" $command --json | python3 -c '
import json, sys
got = json.load(sys.stdin)
assert got["events"] > 0 and got.get("violations", got.get("failed")) == 0, got' || fail "$command --json"
done
# Both forms have the same figures.
"$sim" run --nodes 3 | awk '{ print $1 }' | sort >lines.$$
"$sim" run --nodes 3 --json | python3 -c 'import json, sys; print("\n".join(json.load(sys.stdin)))' | sort |
    diff lines.$$ - || fail "figures differ"
rm -f lines.$$
