# What lies below "/" is more than one file system: their inode numbers stay apart, the view is never
# found in itself, kernel file systems are not shown wherever they are mounted, and a listing proves
# only what its file system lets it prove.
# SPDX-License-Identifier: BSD-3-Clause

bats_require_minimum_version 1.5.0
load lib.bash

# fill DIR WORD: a small tree whose inode numbers depend on the order alone.
fill() {
    mkdir -p "$1"/{d/e,inc,lib}
    echo "$2" >"$1/file"
    ln "$1/file" "$1/hard"
    echo "$2" >"$1/d/e/deep"
    echo "#define WORD \"$2\"" >"$1/inc/${3:-$2}.h"
    echo "const char *word(void) { return \"$2\"; }" | gcc -shared -fPIC -x c -o "$1/lib/lib.so" -
}

# twins: two file systems whose files have the same numbers, but not the same content.
twins() {
    mkdir "$WORK/storage" "$WORK/storage"/{one,two}
    truncate -s 16M "$WORK/one.img"
    mkfs.ext4 -q "$WORK/one.img"
    mount -o loop "$WORK/one.img" "$WORK/storage/one"
    fill "$WORK/storage/one" one
    sync -f "$WORK/storage/one" # another namespace may have it mounted, too
    umount "$WORK/storage/one"
    cp "$WORK/one.img" "$WORK/two.img"
    mount -o loop "$WORK/one.img" "$WORK/storage/one"
    mount -o loop "$WORK/two.img" "$WORK/storage/two"
    # In place: the numbers stay.
    (
        cd "$WORK/storage/two" || return
        echo two >file
        echo two >d/e/deep
        echo '#define WORD "two"' >inc/one.h
        mv inc/one.h inc/two.h
        gcc -shared -fPIC -x c -o lib/lib.so - <<<'const char *word(void) { return "two"; }'
    )
}

setup_file() {
    can_run || return 0
    work_up
    twins
    mkdir "$WORK/storage"/{bound,kernel} "$WORK/storage/kernel"/{proc,sys,pts,cgroup,tmp} "$WORK/out"
    mount -t tmpfs tmpfs "$WORK/storage/kernel/tmp"
    mount -t proc proc "$WORK/storage/kernel/proc"
    mount -t sysfs sysfs "$WORK/storage/kernel/sys"
    mount -t devpts devpts "$WORK/storage/kernel/pts"
    mount -t cgroup2 cgroup2 "$WORK/storage/kernel/cgroup"
    echo in >"$WORK/storage/kernel/tmp/in"
    mkdir "$WORK/source" "$WORK/odd"
    pfs_up "$WORK/source" "$WORK/odd" --quirk hidden --quirk nocase --quirk still_dirs
    cluster_up -n 4
    # On the roots, as systemd does it: what is mounted below /tmp is seen below the other one, too.
    # shellcheck disable=SC2016
    on_all sh -c 'mount --make-shared /tmp && mount --bind /tmp "$1"' sh "$WORK/storage/bound"
    job_up -k 2 -T 2 -E 300
}

teardown_file() {
    DEATHS_EXPECTED=yes job_down
    pfs_down
    cluster_down
    umount "$WORK/storage"/{one,two} "$WORK/storage/kernel"/* 2>/dev/null
    work_down
}

setup() {
    skip_unless_built
    storage=$WORK/storage
    view=$MOUNT$storage
    out=$WORK/out/$BATS_TEST_NUMBER
    mkdir "$out"
}

@test "two file systems of equal inode numbers: tar, cp, rsync and diff lose and confuse nothing" {
    [ "$(stat -c %i "$storage/one/file")" = "$(stat -c %i "$storage/two/file")" ]
    [ "$(stat -c %i "$storage/one/d/e")" = "$(stat -c %i "$storage/two/d/e")" ]
    # shellcheck disable=SC2016
    on node4 sh -ec 'cd "$1"
        tar cf - one two | tar xf - -C "$2"
        mkdir "$2/cp" "$2/rsync"
        cp -a one two "$2/cp"
        ! command -v rsync >/dev/null || rsync -aH one two "$2/rsync"' sh "$view" "$out"
    for copy in "$out" "$out/cp" "$out/rsync"; do
        [ -e "$copy/one" ] || continue
        diff -r "$storage/one" "$copy/one"
        diff -r "$storage/two" "$copy/two"
        [ "$(stat -c %h "$copy/two/file")" = 2 ]
    done
    run -1 on node4 diff -r "$view/one" "$view/two"
    [[ $output == *"-one"* || $output == *"< one"* ]]
}

@test "find and du see no loop, dlopen takes the right library, gcc keeps both directories" {
    mkdir "$out/nest"
    run -0 on node4 find "$view/one" "$view/two" -name deep
    [ "${#lines[@]}" = 2 ]
    [ "$(on node4 find "$view" -path '*/kernel' -prune -o -path '*/bound' -prune -o -name deep -print | wc -l)" = 2 ]
    run -0 on node4 /usr/bin/python3 -c '
import ctypes, sys
for path in sys.argv[1:]:
    word = ctypes.CDLL(path).word
    word.restype = ctypes.c_char_p
    print(word().decode())' "$view/one/lib/lib.so" "$view/two/lib/lib.so"
    [ "$output" = "one"$'\n'"two" ]
    printf '#include "one.h"\n#include "two.h"\n' | on node4 gcc -w -E -I "$view/one/inc" -I "$view/two/inc" -
    [ "$(on node4 du -s "$view/one/d" "$view/two/d" | wc -l)" = 2 ]
}

# Numbers by stat and by listing, of all below the two and of the mount points.
numbers() {
    on "$1" /usr/bin/python3 -c '
import os, sys
tops = sys.argv[1:]
for top in tops:
    for entry in sorted(os.scandir(top), key=lambda e: e.name):
        if entry.name in ("bound", "kernel", "lost+found"):
            continue
        assert entry.inode() == os.lstat(entry.path).st_ino, entry.path
        print(entry.path, entry.inode())
        if entry.is_dir(follow_symlinks=False):
            tops.append(entry.path)
    here = {e: os.lstat(top + "/" + e).st_ino for e in (".", "..")}
    print(top, here["."], here[".."])' "$view"
}

@test "a number is the same in stat and listing, on all nodes, and after a daemon's death" {
    numbers node4 >"$out/first"
    for node in node1 node2 node3; do
        numbers "$node" >"$out/other"
        diff "$out/first" "$out/other"
    done
    # No number stands for two files, but for the hard links.
    [ "$(grep -v 'hard ' "$out/first" | awk 'NF == 2 {print $2}' | sort | uniq -d | wc -l)" = 0 ]
    [ "$(awk '$1 ~ /one.(file|hard)$/ {print $2}' "$out/first" | sort -u | wc -l)" = 1 ]
    on node4 kill -9 "$(daemon node4)"
    until_true copper node4 status >/dev/null
    numbers node4 >"$out/other"
    diff "$out/first" "$out/other"
}

@test "numbers of two file systems are the same after a root's death, on all other nodes" {
    local node
    numbers node4 >"$out/first"
    # The root of each of the trees, one after the other.
    for root in node1 node3; do
        kill_for_good $root
        run copper node2 refresh "$storage"
        [[ $output == *"refreshed on 3 nodes"* ]]
        for node in node1 node2 node3 node4; do
            [ $node != $root ] || continue
            numbers $node >"$out/other"
            diff "$out/first" "$out/other"
        done
        start_daemon $root
        until_true copper $root status >/dev/null
    done
    numbers node1 >"$out/other"
    diff "$out/first" "$out/other"
}

@test "the view is not found in itself from a mount namespace, by whatever path it is reached there" {
    local propagation
    mkdir "$storage/there" "$storage/again"
    echo here >"$storage/there/file"
    until_true on node1 test -e "$view/there/file"
    until_true on node1 test -d "$view/again"
    # Mounts that stay in the namespace, and ones that the others get, the daemon among them.
    for propagation in private unchanged; do
        # shellcheck disable=SC2016
        on node1 timeout "$PATIENCE" unshare --mount --propagation $propagation sh -ec '
            view=$1 storage=$2
            mount --bind "$view" "$storage/there"
            mount --rbind / "$storage/again"
            # The view by its new name, and by the new name of all; it is the view.
            [ -d "$storage/there/usr" ] && [ -d "$storage/again$view/usr" ]
            # Within it there is no other one, by any name.
            for seen in "$view" "$storage/there" "$storage/again$view" "$storage/again$storage/there"; do
                [ ! -e "$seen$view" ]
                [ ! -e "$seen$storage/there/usr" ]
                [ ! -e "$seen$storage/again$view/usr" ]
                [ ! -e "$seen$storage/again$storage/there/usr" ]
            done
            # Forty readers of what would be a view in the view.
            for i in $(seq 40); do
                cat "$view$storage/there$storage/there/usr/lib/os-release" "$view$storage/again$view/etc/passwd" &
            done 2>/dev/null
            wait
            [ "$(find "$view$storage/there" | wc -l)" -le 2 ]
            # Else what is below goes from everywhere.
            mount --make-rslave "$storage/again"
            umount -l "$storage/again"
            umount "$storage/there"' sh "$MOUNT" "$storage"
        until_true on node1 test -e "$view/there/file"
    done
}

@test "the view is not found in itself, by another way, and forty readers of it do not hang" {
    # It is there, on each node.
    on node1 test -d "$storage/bound/copper-test/mnt/usr"
    # shellcheck disable=SC2016
    on_all sh -c 'echo here >"$1/bound/copper-test/file"' sh "$storage"
    run -0 on node4 ls -A "$view/bound/copper-test"
    [ "$output" = file ]
    # shellcheck disable=SC2016
    on node4 timeout "$PATIENCE" sh -c 'for i in $(seq 40); do
            stat "$1/mnt/x$i/usr/bin" "$1/mnt" "$1/mnt/usr/lib/os-release" >/dev/null 2>&1 &
            find "$1" >/dev/null &
        done
        wait' sh "$view/bound/copper-test"
    # shellcheck disable=SC2016
    on node1 timeout "$PATIENCE" sh -c 'for i in $(seq 40); do cat "$1/mnt/usr/lib/os-release" & done 2>/dev/null; wait' \
        sh "$view/bound/copper-test"
    run on node1 stat "$view/bound/copper-test/mnt"
    [[ $output == *"No such file"* ]]
}

@test "a view mounted later, or a part of one, or an overlay over one, is not entered either" {
    mkdir "$storage/late" "$storage/late"/{part,over,upper,work}
    # From now on names in it are answered from its listing.
    run on node4 stat "$view/late/none"
    run on node4 stat "$view/late/none2"
    # A bind mount of the view, and an overlay over it, on the root of each tree.
    # shellcheck disable=SC2016
    on_all sh -ec 'mount --bind "$2$1/one" "$1/late/part"
        mount -t overlay overlay -o "lowerdir=$2$1/one:$1/two" "$1/late/over"' sh "$storage" "$MOUNT"
    [ "$(on node1 cat "$storage/late/over/file")" = one ]
    for name in over part; do
        run on node4 timeout "$PATIENCE" cat "$view/late/$name/file"
        [[ $output == *"No such file"* ]]
    done
    copper node1 refresh "$storage/late" >/dev/null
    run -0 on node4 timeout "$PATIENCE" ls "$view/late"
    [ "$output" = "upper"$'\n'"work" ]
    # shellcheck disable=SC2016
    on_all sh -c 'umount "$1/late/part" "$1/late/over"' sh "$storage"
    # It is a directory again, once -E has passed.
    until_true on node4 test -d "$view/late/part"
    until_true on node4 test -d "$view/late/over"
}

@test "a second view, of the same user or of another, is not found in the first, nor the other way round" {
    local second=/tmp/copper-test/second
    on login env COPPER_RSH="$CLUSTER_BIN/rsh" "$COPPER_BUILD/launch_copper.sh" -H node1,node2 -v "$second" \
        -s "$PATIENCE" -E 300 >/dev/null
    as_user alice login env COPPER_RSH="$CLUSTER_BIN/rsh" "$COPPER_BUILD/launch_copper.sh" -H node1,node2 \
        -v /tmp/alice-view -s "$PATIENCE" -E 300 >/dev/null
    on node1 test -d "$second/usr"
    # shellcheck disable=SC2016
    on node1 timeout "$PATIENCE" sh -c 'for i in $(seq 10); do
            for view in "$1" "$2"; do
                find "$view/tmp" >/dev/null &
                cat "$view$1/etc/passwd" "$view$2/etc/passwd" "$view/tmp/alice-view/etc/passwd" 2>/dev/null &
            done
        done
        wait' sh "$MOUNT" "$second" >"$out/said"
    [ ! -s "$out/said" ]
    run on node1 stat "$MOUNT$second" "$second$MOUNT" "$MOUNT/tmp/alice-view" "$second/tmp/alice-view"
    [ "$(grep -c "No such file" <<<"$output")" = 4 ]
    run as_user alice node1 stat /tmp/alice-view/tmp/alice-view /tmp/alice-view/etc/passwd
    [ "$(grep -c "No such file" <<<"$output")" = 1 ]
    on login env COPPER_RSH="$CLUSTER_BIN/rsh" "$COPPER_BUILD/stop_copper.sh" -v "$second"
    as_user alice login env COPPER_RSH="$CLUSTER_BIN/rsh" "$COPPER_BUILD/stop_copper.sh" -v /tmp/alice-view
}

@test "a directory that has become a link into the view does not hold up the workers" {
    mkdir -p "$storage/turn/dir" "$storage/turn/target"
    echo real >"$storage/turn/dir/first"
    echo wrong >"$storage/turn/target/second"
    [ "$(on node4 cat "$view/turn/dir/first")" = real ]
    rm -r "$storage/turn/dir"
    ln -s "$view/turn/target" "$storage/turn/dir"
    # The kernel still holds the directory, so that storage is asked for names below a link.
    # shellcheck disable=SC2016
    on node4 timeout "$PATIENCE" sh -c 'for i in $(seq 40); do
            cat "$1/new$i" "$1/new$i/below" 2>/dev/null &
        done
        cat "$1/second"
        wait' sh "$view/turn/dir" >"$out/said" 2>&1
    [[ $(<"$out/said") == *"symbolic links"* ]]
    run copper node1 doctor
    [[ $output == *"storage: 0 calls under way"* ]]
}

@test "proc, sysfs, devpts and cgroup are not shown wherever they are mounted" {
    run -0 on node4 ls -A "$view/kernel"
    [ "$output" = tmp ]
    for name in proc sys pts cgroup proc/self/environ; do
        run on node4 stat "$view/kernel/$name"
        [[ $output == *"No such file"* ]]
    done
    [ "$(on node4 cat "$view/kernel/tmp/in")" = in ]
}

@test "names that no listing shows are found, before and after others are not" {
    local odd=$MOUNT$WORK/odd
    mkdir "$WORK/source/.snapdir" "$WORK/source/Dir"
    echo hidden >"$WORK/source/.snapdir/f"
    echo File >"$WORK/source/Dir/File"
    run on node4 stat "$odd/none" "$odd/none2" "$odd/Dir/none"
    [ "$(on node4 cat "$odd/.snapdir/f")" = hidden ]
    [ "$(on node3 cat "$odd/DIR/fILE")" = File ]
    run -0 on node4 ls -A "$odd"
    [ "$output" = Dir ]
    run -0 copper node4 doctor
    [[ $output == *"$WORK/odd (fuse.pfsemu): may have names that it does not list"*"listed again"* ]]
    [[ $output == *"ok   / ("*"): listings are complete"* ]]
    [[ $output == *"$MOUNT (fuse.copper): not served"* ]]
}

@test "a lookup triggers an automount, after others have failed; and shows it, not its place" {
    grep -qw autofs /proc/filesystems || skip "the kernel has no autofs"
    mkdir "$storage/auto"
    mkfifo "$out/stop"
    exec 8<>"$out/stop"
    # On each node, for each can be a root.
    for node in node1 node2 node3 node4; do
        on "$node" "$SYSTEM_DIR/automounter" "$storage/auto" alice bob carol <"$out/stop" >"$out/$node" 3>&- 8>&- &
    done
    for node in node1 node2 node3 node4; do until_true grep -q ready "$out/$node"; done
    run on node4 stat "$view/auto/nobody" "$view/auto/none"
    [[ $output == *"No such file"*"No such file"* ]]
    run -0 on node4 ls "$view/auto"
    [ "$(on node4 cat "$view/auto/alice/in")" = alice ]
    [ "$(on node4 stat -c %a "$view/auto/bob")" = 1777 ] # of the tmpfs; the place's mode is another
    [ "$(on node3 cat "$view/auto/carol/in")" = carol ]
    # What has gone again is mounted again, whatever is asked of it.
    on_all umount -l "$storage/auto/carol"
    [ "$(on node3 stat -f -c %b "$view/auto/carol")" -gt 0 ]
    run copper node4 doctor
    [[ $output == *"$storage/auto (autofs): may have names"* ]]
    for node in node1 node2 node3 node4; do echo >&8; done
    exec 8>&-
    wait
}

found_on() {
    on "$1" test -e "$2"
}

@test "a new name is found within -E where directories never change their stamps" {
    local odd=$MOUNT$WORK/odd
    mkdir "$WORK/source/new"
    until_true found_on node4 "$odd/new"
    for node in node4 node1 node3; do
        run on "$node" stat "$odd/new/$node"
        [ "$status" = 1 ]
        run on "$node" ls "$odd/new"
    done
    for node in node4 node1 node3; do
        echo "$node" >"$WORK/source/new/$node"
        until_true found_on "$node" "$odd/new/$node"
    done
    rm "$WORK/source/new/node1"
}

# Every number that a node shows of these: by stat, by listing, and as the parent of a directory.
all_numbers() {
    on "$1" /usr/bin/python3 -c '
import os, sys
def fail(error): raise error
for top in sys.argv[1:]:
    for path, dirs, files in os.walk(top, onerror=fail):
        for entry in sorted(os.scandir(path), key=lambda e: e.name):
            assert entry.inode() == os.lstat(entry.path).st_ino, entry.path
            print(entry.path, entry.inode())
        for name in dirs:
            assert os.stat(path + "/" + name + "/..").st_ino == os.stat(path).st_ino, name' "${@:2}"
}

@test "overlays: where their files have numbers of several file systems, paths make them; else hard links stay" {
    local i dir node
    # one and two have files of equal numbers.
    mkdir -p "$storage"/{mixed,single} "$storage"/one/layers/{a,b/d}
    echo text >"$storage/one/layers/a/file"
    ln "$storage/one/layers/a/file" "$storage/one/layers/a/hard"
    cp "$storage/one/layers/a/file" "$storage/one/layers/b/d"
    for i in 1 2 3; do
        # The kernel counts directories of such an overlay as they are seen.
        on node$i sh -ec 'mount -t overlay overlay -o "lowerdir=$1/one/d:$1/two,xino=off" "$1/mixed"
            find "$1/mixed" -mindepth "$2" >/dev/null
            mount -t overlay overlay -o "lowerdir=$1/one/layers/a:$1/one/layers/b,xino=off" "$1/single"' \
            sh "$storage" "$i"
    done
    # Who has listed what is above knows of them after -E.
    for node in node1 node4 node2; do
        until_true on $node test -e "$view/mixed/file"
        until_true on $node test -e "$view/single/file"
    done
    for dir in mixed single; do
        for node in node1 node4 node2; do all_numbers "$node" "$view/$dir" >"$out/$dir.$node"; done
        diff "$out/$dir.node1" "$out/$dir.node4"
        diff "$out/$dir.node1" "$out/$dir.node2"
    done
    [ "$(cut -d ' ' -f 2 "$out/mixed.node1" | sort | uniq -d)" = "" ]
    [ "$(cut -d ' ' -f 2 "$out/single.node1" | sort | uniq -d | wc -l)" = 1 ] # file and hard
    on node4 tar cf - -C "$view" mixed single | tar xf - -C "$out"
    for dir in mixed single; do on node1 diff -r "$storage/$dir" "$out/$dir"; done
    [ "$(stat -c %h "$out/single/hard" "$out/mixed/hard")" = $'2\n1' ]
    run -0 copper node1 doctor
    [[ $output == *"$storage/mixed (overlay): listings are complete; inode numbers are made of paths"* ]]
    [[ $output == *"$storage/single (overlay): listings are complete"$'\n'* ]]
    for i in 1 2 3; do on node$i umount -l "$storage/mixed" "$storage/single"; done # files are kept open
}

# Owners, modes, sizes, contents and ACLs; of a name that no entry of an ACL has here, nothing.
shown() {
    # shellcheck disable=SC2016
    on "$1" sh -c 'cd "$1" && find . -printf "%p %y %m %U %G %s %n %T@ %C@\n" | sort
        find . | sort | xargs getfacl -np | grep -v "group:4294967295:"
        for file in $(find . -type f | sort); do cat "$file" 2>&1; done' sh "$2"
}

@test "idmapped mounts: owners, modes and ACLs are the mount's, and a name that it does not map keeps nobody out" {
    local dir=$storage/idmap id
    mkdir -p "$dir"/{on/d,low,high}
    for id in 0 1000 10001 4294967294; do
        echo $id >"$dir/on/$id"
        chown $id:$id "$dir/on/$id"
        chmod 640 "$dir/on/$id"
    done
    ln "$dir/on/1000" "$dir/on/d/hard"
    setfacl -m u:1000:r,g:10001:rw "$dir/on/0"
    setfacl -d -m g:10001:rwx "$dir/on/d"
    on node1 "$SYSTEM_DIR/idmapped" "$dir/on" "$dir/low" 0:10001:1 1000:0:1 || skip "no idmapped mounts here"
    for id in node2 node3 node4; do on $id "$SYSTEM_DIR/idmapped" "$dir/on" "$dir/low" 0:10001:1 1000:0:1; done
    on_all "$SYSTEM_DIR/idmapped" "$dir/on" "$dir/high" 0:100000:65536
    for id in on low high; do
        until_true on node4 test -e "$view/idmap/$id/0"
        diff <(shown node1 "$dir/$id") <(shown node4 "$view/idmap/$id")
    done
    [ "$(on node4 stat -c %u "$view/idmap/"{on,low,high}/1000)" = $'1000\n0\n101000' ]
    on_all umount -l "$dir/low" "$dir/high" # files are kept open
}

@test "btrfs subvolumes have numbers of their own" {
    command -v mkfs.btrfs >/dev/null || skip "needs mkfs.btrfs"
    grep -qw btrfs /proc/filesystems || skip "the kernel has no btrfs"
    truncate -s 120M "$WORK/btrfs.img"
    mkfs.btrfs -q "$WORK/btrfs.img"
    mkdir "$storage/btrfs"
    on node1 sh -ec 'mount -o loop "$1/../btrfs.img" "$1/btrfs"
        cd "$1/btrfs"
        btrfs subvolume create v1 >/dev/null
        btrfs subvolume create v2 >/dev/null
        mkdir plain
        for v in v1 v2; do mkdir $v/d; echo $v >$v/d/f; ln $v/d/f $v/g; done' sh "$storage"
    [ "$(on node1 stat -c %i "$storage/btrfs/v1/g")" = "$(on node1 stat -c %i "$storage/btrfs/v2/g")" ]
    local dev
    dev=$(on node1 findmnt -no SOURCE "$storage/btrfs")
    for node in node2 node3 node4; do on "$node" mount "$dev" "$storage/btrfs"; done
    for node in node1 node4; do until_true on $node test -e "$view/btrfs/v1/g"; done
    view=$view/btrfs numbers node4 >"$out/first"
    view=$view/btrfs numbers node1 >"$out/other"
    diff "$out/first" "$out/other"
    [ "$(grep -v '/g ' "$out/first" | awk 'NF == 2 {print $2}' | sort | uniq -d | wc -l)" = 0 ]
    on node4 tar cf - -C "$view/btrfs" v1 v2 | tar xf - -C "$out"
    [ "$(cat "$out/v2/g" "$out/v1/g")" = $'v2\nv1' ]
    on_all umount -l "$storage/btrfs"
}
