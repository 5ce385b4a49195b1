# Listings: a walk of a directory sees each name once, whatever happens meanwhile; and a bound fails
# only what is over it.
# SPDX-License-Identifier: BSD-3-Clause

bats_require_minimum_version 1.5.0
load lib.bash

setup_file() {
    can_run || return 0
    work_up
    export DEATHS_EXPECTED=yes # of daemons, which are started again
    mkdir "$WORK/source" "$WORK/pfs" "$WORK/tmpfs"
    mount -t tmpfs -o size=64m none "$WORK/tmpfs" # it takes attributes without bounds
    pfs_up "$WORK/source" "$WORK/pfs"
    cluster_up -n 3
    # A chain: node3 is two levels below the root.
    job_up -k 1 -E 500 -m 256M # the bound of a listing is 64 MiB then
}

teardown_file() {
    job_down
    pfs_down
    cluster_down
    [ -z "${WORK:-}" ] || umount "$WORK/tmpfs"
    work_down
}

setup() {
    skip_unless_built
    dir=$WORK/$BATS_TEST_NUMBER
    leaf=$MOUNT$dir
    walker=$SYSTEM_DIR/walker
    mkdir "$dir"
    until_true on node3 test -d "$leaf"
}

# pause CALLS DIR...: a walker on node3 stands in the middle of these.
pause() {
    local calls=$1
    shift
    mkfifo "$dir.ready" "$dir.go"
    on node3 timeout "$PATIENCE" "$walker" walk "$calls" "$dir.ready" "$dir.go" "$@" \
        >"$dir.seen" 2>&1 3>&- &
    walks=$!
    timeout "$PATIENCE" cat "$dir.ready" >"$dir.at"
}

# It goes on to the end.
resume() {
    # shellcheck disable=SC2016 # the inner shell's
    timeout "$PATIENCE" sh -c 'echo go >"$1"' sh "$dir.go"
    wait "$walks" || { tail -n 3 "$dir.seen"; return 1; }
}

# same NODE DIR LEAF: the node lists the directory as it is on storage.
same() {
    on "$1" ls -AU "$3" | LC_ALL=C sort | cmp -s - <(LC_ALL=C ls -A "$2")
}

# change DIR AT: a third of the names goes, those that the walker has come to among them; others come.
change() {
    find "$1" -mindepth 1 -name '*[147]' -delete
    xargs -a "$2" -I{} rm -f "$1/{}"
    "$walker" make "$1" 5000 5400
}

@test "a walk goes on while names come and go, and others list the directory after a refresh" {
    "$walker" make "$dir" 0 3000
    ls -A "$dir" >"$dir.before"
    pause 3 "$leaf"
    change "$dir" "$dir.at"
    ls -A "$dir" >"$dir.after"
    copper login refresh "$dir"
    until_true same node3 "$dir" "$leaf"
    same node3 "$dir" "$leaf" # by what the kernel may have kept
    resume
    "$walker" check 1 "$dir.before" "$dir.after" "$dir.seen"
    for _ in 1 2 3; do
        same node3 "$dir" "$leaf"
    done
    [ "$(on node3 "$walker" again "$leaf")" = same ]
}

@test "a walk goes on while names come and go, and others list the directory after -E" {
    "$walker" make "$dir" 0 3000
    ls -A "$dir" >"$dir.before"
    pause 3 "$leaf"
    change "$dir" "$dir.at"
    ls -A "$dir" >"$dir.after"
    until_true on node3 test -e "$leaf/f0005001" # what was listed before is not believed any more
    same node3 "$dir" "$leaf"
    resume
    "$walker" check 1 "$dir.before" "$dir.after" "$dir.seen"
    for _ in 1 2 3; do
        same node3 "$dir" "$leaf"
    done
}

@test "twenty directories open at once, in the middle of which all change" {
    local dirs=() i
    for i in {0..19}; do
        mkdir "$dir/$i"
        "$walker" make "$dir/$i" 0 500
        dirs+=("$leaf/$i")
    done
    ls -A "$dir/0" >"$dir.before"
    pause 2 "${dirs[@]}"
    for i in {0..19}; do
        change "$dir/$i" "$dir.at"
    done
    ls -A "$dir/0" >"$dir.after"
    copper login refresh
    for i in {0..19}; do
        until_true same node3 "$dir/$i" "$leaf/$i"
    done
    resume
    "$walker" check 20 "$dir.before" "$dir.after" "$dir.seen"
    for i in {0..19}; do
        same node3 "$dir/$i" "$leaf/$i"
    done
}

@test "a listing above 4 MiB, and the daemon dies in the middle of it; then it changes" {
    local died
    "$walker" make "$dir" 0 110000 30
    ls -A "$dir" >"$dir.before"
    pause 40 "$leaf"
    same node3 "$dir" "$leaf"
    died=$(daemon node3)
    on node3 kill -9 "$died"
    same node3 "$dir" "$leaf"
    [ "$(daemon node3)" != "$died" ]
    change "$dir" "$dir.at"
    ls -A "$dir" >"$dir.after"
    copper login refresh "$dir"
    until_true same node3 "$dir" "$leaf"
    resume
    "$walker" check 1 "$dir.before" "$dir.after" "$dir.seen"
    same node3 "$dir" "$leaf"
}

# A listing asks nothing.
kept() {
    stats_to "$dir.b"
    same node3 "$dir" "$leaf"
    stats_to "$dir.a"
    [ "$(figures sum "$dir.b" "$dir.a" fuse_readdir fuse_opendir)" = 0 ]
}

@test "a listing that did not change is kept by the kernel, also after a refresh" {
    "$walker" make "$dir" 0 1000
    until_true same node3 "$dir" "$leaf"
    kept
    copper login refresh "$dir"
    until_true kept
    [ "$(figures sum "$dir.b" "$dir.a" listings_unkept)" = 0 ]
}

# Names with sizes and link targets, sums of contents, of a tree that is entered in steps.
found() {
    "${@:2}" sh -c 'cd "$1" && find . -printf "%p %y %s %l\n" | LC_ALL=C sort | sha1sum
        find . -type f -execdir cat {} \; | LC_ALL=C sort | sha1sum
        tar -cf - --sort=name . | sha1sum
        du -a --apparent-size . | LC_ALL=C sort | sha1sum' sh "$1"
}

@test "paths of several times 4,095 bytes: find, tar and du see what is on storage" {
    mkdir "$dir/deep"
    [ "$("$walker" deep "$dir/deep" 80)" -gt 16000 ]
    until_true on node3 test -d "$leaf/deep/$(ls "$dir/deep")" # absence is believed for -E
    found "$leaf/deep" on node3 >"$dir.leaf"
    found "$dir/deep" env >"$dir.storage"
    cmp "$dir.leaf" "$dir.storage"
    copper login refresh "$dir$(find "$dir" -mindepth 40 -maxdepth 40 -type d -printf '/%P')"
}

@test "a path over 65,535 bytes fails alone, and is counted" {
    local levels=$(((65535 - ${#dir}) / 201)) before=$dir.b after=$dir.a
    "$walker" deep "$dir" "$((levels + 2))"
    until_true on node3 test -d "$leaf/$(ls "$dir")" # absence is believed for -E
    stats_to "$before"
    run on node3 sh -c 'cd "$1" && find . -type d | wc -l' sh "$leaf"
    stats_to "$after"
    [[ $output == *"File name too long"* ]]
    [ "${lines[-1]}" = "$((levels + 1))" ]
    [ "$(figures sum "$before" "$after" paths_over)" -gt 0 ]
}

@test "a name of 300 bytes is served, and so are the others" {
    local source=$WORK/source/long pfs=$WORK/pfs/long name
    name=$(printf 'L%.0s' {1..300})
    pfs quirk long_names
    mkdir "$source"
    "$walker" make "$source" 0 20
    until_true on node3 test -d "$MOUNT$pfs"
    [ "$(ls "$pfs" | wc -l)" = 21 ]
    same node3 "$pfs" "$MOUNT$pfs"
    cmp "$pfs/$name" <(on node3 cat "$MOUNT$pfs/$name")
    [ "$(on node3 stat -c '%s %h' "$MOUNT$pfs/$name")" = "$(stat -c '%s %h' "$pfs/$name")" ]
    for path in "$pfs/${name}x" "$dir/$name"; do # errors are storage's own
        run -1 on node3 cat "$MOUNT$path"
        [ "${output##*: }" = "$(cat "$path" 2>&1 | sed 's/.*: //')" ]
    done
    pfs quirk long_names=0
}

@test "a listing over 64 MiB: E2BIG after the names that fit; the others are found" {
    local source=$WORK/source/huge pfs=$WORK/pfs/huge count
    mkdir -p "$source/many"
    echo text >"$source/many/last"
    pfs quirk many_names=70000
    until_true on node3 test -d "$MOUNT$pfs"
    stats_to "$dir.before"
    # shellcheck disable=SC2016
    run -0 on node3 sh -c 'ls -f "$1" 2>"$2" | grep -c "^[0-9]*M*$"' sh "$MOUNT$pfs/many" "$dir.said"
    count=$output
    [ "$count" -gt 50000 ]
    [ "$count" -lt 70000 ]
    grep "Argument list too long" "$dir.said"
    stats_to "$dir.after"
    [ "$(figures sum "$dir.before" "$dir.after" listings_cut)" -gt 0 ]
    [ "$(on node3 cat "$MOUNT$pfs/many/last")" = text ]
    [ "$(on node3 cat "$MOUNT$pfs/many/00069999$(printf 'M%.0s' {1..992})")" = "a long name" ]
    run -1 on node3 cat "$MOUNT$pfs/many/none"
    pfs quirk many_names=0
}

@test "a name in another Unicode form than the listed one is found, after others are not" {
    local source=$WORK/source/form pfs=$WORK/pfs/form composed=$'caf\xc3\xa9' apart=$'cafe\xcc\x81'
    pfs quirk normal
    mkdir "$source"
    echo text >"$source/$apart"
    until_true on node3 test -d "$MOUNT$pfs"
    [ "$(cat "$pfs/$composed")" = text ]
    run on node3 stat "$MOUNT$pfs/none" "$MOUNT$pfs/none2" "$MOUNT$pfs/"$'\xc3\xa9'
    [ "$(grep -c "No such file" <<<"$output")" = 3 ]
    same node3 "$pfs" "$MOUNT$pfs"
    for node in node3 node2 node1; do
        [ "$(on "$node" cat "$MOUNT$pfs/$composed" "$MOUNT$pfs/$apart")" = $'text\ntext' ]
    done
    pfs quirk normal=0
}

@test "an extended attribute over the bounds fails alone" {
    local tmpfs=$WORK/tmpfs
    touch "$tmpfs/large" "$tmpfs/many"
    "$walker" attrs "$tmpfs/large" 25 60000 || skip "no user attributes on tmpfs"
    "$walker" attrs "$tmpfs/many" 7000 1
    setfacl -m u:nobody:r "$tmpfs/many"
    [ "$("$walker" attrs "$tmpfs/many")" = "list E2BIG
user.00000 1" ]
    on node3 "$walker" attrs "$MOUNT$tmpfs/large" >"$dir.large"
    cmp <(cut -d ' ' -f 1 "$dir.large") <("$walker" attrs "$tmpfs/large" | cut -d ' ' -f 1)
    [ "$(grep -c ' 60000$' "$dir.large")" = 17 ]
    [ "$(grep -c ' E2BIG$' "$dir.large")" = 8 ]
    [ "$(on node3 "$walker" attrs "$MOUNT$tmpfs/many")" = "list E2BIG
user.00000 E2BIG" ]
    run -1 on node3 python3 -c 'import os, sys; os.getxattr(sys.argv[1], "security.capability")' "$MOUNT$tmpfs/many"
    [[ $output == *"No data available"* ]]
    cmp <(on node3 getfacl -pc "$MOUNT$tmpfs/many") <(getfacl -pc "$tmpfs/many")
    on node3 cat "$MOUNT$tmpfs/many"
}

@test "an ACL over the kernel's bound fails alone, for all but the owner, and is counted" {
    local tmpfs=$WORK/tmpfs count
    mkdir "$tmpfs/acl"
    for count in 507 508; do # as many named users, owner, group, mask and others: 4,092 and 4,100 bytes
        echo "$count" >"$tmpfs/acl/$count"
        setfacl -M <(printf 'u::rw-\ng::r--\no::---\n' && seq -f 'u:%.0f:r' 20001 $((20000 + count))) "$tmpfs/acl/$count"
        cp -a "$tmpfs/acl/$count" "$tmpfs/acl/own$count"
        chown 1234 "$tmpfs/acl/$count"
    done
    until_true on node3 test -d "$MOUNT$tmpfs/acl"
    stats_to "$dir.before"
    [ "$(on node3 cat "$MOUNT$tmpfs/acl/"{507,own507,own508})" = $'507\n507\n508' ]
    run -1 on node3 cat "$MOUNT$tmpfs/acl/508"
    [[ $output == *"Argument list too long"* ]]
    stats_to "$dir.after"
    [ "$(figures sum "$dir.before" "$dir.after" xattrs_over)" -gt 0 ]
}
