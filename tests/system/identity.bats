# What identifies a file holds on every node, and a change is a change of bytes. Each node mounts
# storage itself, with a device number of its own; inode numbers are each mount's own, too.
# SPDX-License-Identifier: BSD-3-Clause

bats_require_minimum_version 1.5.0
load lib.bash

setup_file() {
    can_run || return 0
    work_up
    mkdir "$WORK/source" "$WORK/pfs" "$WORK/source/far"
    # A file system that takes files of 2^63 - 1 bytes.
    mount -t tmpfs tmpfs "$WORK/source/far"
    pfs_up --nodes 4 "$WORK/source" "$WORK/pfs" --quirk ino_per_mount
    # A cloud drive, whose files say size 0.
    mkdir "$WORK/docs" "$WORK/drive"
    seq 100000 >"$WORK/docs/large"
    echo "a document" >"$WORK/docs/small"
    : >"$WORK/docs/empty"
    truncate -s 20M "$WORK/docs/over"
    echo "longer than it says" >"$WORK/docs/cut"
    "$PFS_BIN/pfsemu" --owner $$ --control "$WORK/drive.control" --quirk size0 "$WORK/docs" "$WORK/drive" 3>&-
    # One whose ctimes say nothing.
    mkdir "$WORK/drift"
    "$PFS_BIN/pfsemu" --owner $$ --quirk ctime_drift "$WORK/docs" "$WORK/drift" 3>&-
    seq 1500000 >"$WORK/docs/over-M"
    # One whose numbers are trusted, by its type.
    mkdir "$WORK/home" "$WORK/trusted" "$WORK/over" "$WORK/over/lower" "$WORK/over/none" "$WORK/over/seen"
    "$PFS_BIN/pfsemu" --owner $$ --control "$WORK/trusted.control" "$WORK/home" "$WORK/trusted" 3>&-
    cluster_up -n 4
    on_all mount -t overlay overlay -o "lowerdir=$WORK/over/lower:$WORK/over/none" "$WORK/over/seen"
    # A chain for each of two trees, so that chunks of a file have two roots.
    # Files over 4 MiB are not asked for as a whole ahead.
    job_up -k 1 -T 2 -M 8M -E 500
}

teardown_file() {
    DEATHS_EXPECTED=yes job_down
    pfs_down
    cluster_down
    [ -z "${WORK:-}" ] || umount "$WORK/source/far" "$WORK/drive" "$WORK/drift" "$WORK/trusted"
    [ -z "${PFS_NODES:-}" ] || rm -rf --one-file-system "$PFS_NODES"
    work_down
}

setup() {
    skip_unless_built
    own_directory node1 node2 node3 node4
    top=$WORK/pfs/$dir
    probe=$SYSTEM_DIR/changeprobe
}

teardown() {
    [ -z "${PFS_CONTROL:-}" ] || { pfs quirk ino_drift=0 && pfs quirk ino_per_mount; }
}

# versions FILE [map]: what the nodes read of it, one line when all read the same.
versions() {
    on_all "$probe" "${2:-read}" "$1" | cut -d ' ' -f 2- | sort -u
}

@test "nodes with device and inode numbers of their own read large files, files of two trees, and maps" {
    "$probe" make "$source/large" 1 3000 # 12 MB: over -M
    "$probe" make "$source/trees" 1 1900 # 7.8 MB
    [ "$(on_all stat -c %d "$WORK/pfs/$dir/large" | cut -d ' ' -f 2 | sort -u | wc -l)" = 4 ]
    [ "$(on_all stat -c %i "$WORK/pfs/$dir/large" | cut -d ' ' -f 2 | sort -u | wc -l)" = 4 ]
    for file in large trees; do
        [ "$(versions "$leaf/$file")" = "version 1" ]
        [ "$(versions "$leaf/$file" map)" = "version 1" ]
        on node4 cmp "$leaf/$file" "$WORK/pfs/$dir/$file"
    done
}

@test "a file of each node's own, small or large, is that of one root on all nodes" {
    local n=1 size
    for node in node1 node2 node3 node4; do
        on "$node" mkdir /tmp/own
        for size in 1 1900 3000; do
            on "$node" "$probe" make "/tmp/own/$size" "$n" "$size"
        done
        n=$((n + 1))
    done
    for size in 1 1900 3000; do
        run versions "$MOUNT/tmp/own/$size"
        echo "$size blocks: $output"
        # Of two trees: the root of the path's.
        [ "$output" = "version 1" ] || [ "$output" = "version 3" ]
    done
    # A file that only that root has.
    for node in node1 node3; do on "$node" "$probe" make /tmp/own/only 1 3000; done
    [ "$(versions "$MOUNT/tmp/own/only")" = "version 1" ]
}

# change_while_read HOW BLOCKS COMMAND...: as in change.bats; HOW: read or map. $first blocks are read before.
change_while_read() {
    local reader how=$1 blocks=$2
    shift 2
    mkfifo "$WORK/ready$dir" "$WORK/go$dir"
    "$probe" make "$source/file" 1 "$blocks"
    on node4 "$probe" "$how" "$leaf/file" "$WORK/ready$dir" "$WORK/go$dir" "${first:-1}" \
        >"$BATS_TEST_TMPDIR/verdict" 2>&1 3>&- &
    reader=$!
    timeout "$PATIENCE" head -n 1 "$WORK/ready$dir" || { cat "$BATS_TEST_TMPDIR/verdict"; return 1; }
    "$@"
    # shellcheck disable=SC2016 # the inner shell's
    timeout "$PATIENCE" sh -c 'echo go >"$1"' sh "$WORK/go$dir"
    wait "$reader" || { cat "$BATS_TEST_TMPDIR/verdict"; return 1; }
    verdict=$(<"$BATS_TEST_TMPDIR/verdict")
    rm -f "$WORK/ready$dir" "$WORK/go$dir" "$source"/*
    # Of all nodes, but where a test has taken one away.
    copper "${asked:-node1}" refresh "$top" || [ -n "${asked:-}" ]
    echo "$how of $blocks blocks, $*: $verdict"
}

@test "a link, another mode, owner, name or attribute changes nothing for readers and maps" {
    there_and_back() { mv "$source/file" "$source/x" && mv "$source/x" "$source/file"; }
    # A package manager that hard-links from its cache, and removes an environment.
    conda() { ln "$source/file" "$source/a" && ln "$source/file" "$source/b" && rm "$source/a"; }
    change_while_read read 1900 ln "$source/file" "$source/other"
    [ "$verdict" = "version 1" ]
    change_while_read map 1900 chmod 640 "$source/file"
    [ "$verdict" = "version 1" ]
    change_while_read map 3000 ln "$source/file" "$source/other"
    [ "$verdict" = "version 1" ]
    change_while_read read 3000 chmod 640 "$source/file"
    [ "$verdict" = "version 1" ]
    change_while_read read 1900 chown 1234:1234 "$source/file"
    [ "$verdict" = "version 1" ]
    change_while_read read 1900 there_and_back
    [ "$verdict" = "version 1" ]
    change_while_read read 1900 setfattr -n user.a -v b "$source/file"
    [ "$verdict" = "version 1" ]
    change_while_read map 1900 conda
    [ "$verdict" = "version 1" ]
}

@test "a link or another mode, after 70 MB were read, and after the reader's daemon has died: nothing changes" {
    local first how blocks
    # Where numbers are storage's own: only they show that it is the same file, when not all that was
    # read is compared.
    source=$WORK/home/$dir top=$WORK/trusted/$dir leaf=$MOUNT$WORK/trusted/$dir
    mkdir "$source"
    until_true on node4 test -d "$leaf"
    killed_and() {
        on node4 kill -9 "$(daemon node4)"
        "$@"
        until_true copper node4 status >/dev/null
    }
    # More than the parts that are compared: 256, of up to 256 KiB; of a map pages.
    for how in read map; do
        [ $how = map ] && first=2000 || first=17000
        change_while_read $how 24000 chmod 640 "$source/file"
        [ "$verdict" = "version 1" ]
        change_while_read $how 24000 ln "$source/file" "$source/other"
        [ "$verdict" = "version 1" ]
    done
    # Once each: a daemon that dies more than five times in a minute is not started again.
    first=2000
    change_while_read read 3000 killed_and chmod 640 "$source/file"
    [ "$verdict" = "version 1" ]
    first=1
    change_while_read map 1900 killed_and ln "$source/file" "$source/other"
    [ "$verdict" = "version 1" ]
}

@test "a file that is renamed, or below a directory that is, is read on" {
    # Where a file keeps its number: on the file system that the nodes share.
    top=$source leaf=$MOUNT$source
    aside() { mv "$source/file" "$source/old" && echo new >"$source/file"; }
    change_while_read read 1900 aside
    [ "$verdict" = "version 1" ]
    change_while_read map 3000 mv "$source/file" "$source/elsewhere"
    [ "$verdict" = "version 1" ]
    mkdir "$source/env"
    source=$source/env leaf=$leaf/env
    until_true on node4 test -d "$leaf"
    change_while_read map 1900 mv "$source" "${source%/env}/env.old"
    [ "$verdict" = "version 1" ]
}

@test "a rewrite in place is noticed, though size and mtime are as before and the mode has changed" {
    # rewrite BLOCKS [MODE]
    rewrite() {
        touch -r "$source/file" "$source/stamps"
        "$probe" make "$source/file" 2 "$1"
        touch -r "$source/stamps" "$source/file"
        [ $# = 1 ] || chmod "$2" "$source/file"
    }
    change_while_read read 1900 rewrite 1900
    [ "$verdict" = "version 1 then ESTALE" ]
    change_while_read read 1900 rewrite 1900 640
    [ "$verdict" = "version 1 then ESTALE" ]
    change_while_read read 3000 rewrite 3000 640
    [ "$verdict" = "version 1 then ESTALE" ]
}

@test "stamps of whole seconds: a rewrite within the second of the first write is not mixed with it" {
    local ahead
    pfs quirk coarse
    rewrite() { "$probe" make "$source/file" 2 1900; }
    early() { [ "$(date +%1N)" -lt 3 ]; }
    for ahead in 0 5; do # seconds that storage's clock is ahead
        pfs quirk ahead=$ahead
        until_true early # both writes, were they not kept apart, would carry one stamp
        change_while_read read 1900 rewrite
        [[ $verdict == "version 1 then ESTALE" || $verdict == "version "[12] ]]
    done
    pfs quirk coarse=0
    pfs quirk ahead=0
}

@test "another file of the same size and mtime is put in its place, after the reader's daemon has died" {
    killed() {
        on node4 kill -9 "$(daemon node4)"
        "$probe" make "$source/new" 2 1900
        touch -r "$source/file" "$source/new"
        chmod 600 "$source/new"
        mv "$source/new" "$source/file"
        until_true copper node4 status >/dev/null
    }
    # Where inode numbers are storage's own, and where they are made of paths.
    change_while_read read 1900 killed
    [ "$verdict" = "version 1 then ESTALE" ]
    top=$source leaf=$MOUNT$source
    change_while_read read 1900 killed
    [ "$verdict" = "version 1 then ESTALE" ]
}

@test "a node that sees whole seconds of a stamp, where others see all of it" {
    local file
    # node3 is the root of one of the trees: of chunks, not of the path, or the other way round.
    pfs quirk cut_on=3
    "$probe" make "$source/large" 1 3000
    "$probe" make "$source/trees" 1 1900
    for file in large trees; do
        [ "$(versions "$leaf/$file")" = "version 1" ]
        [ "$(versions "$leaf/$file" map)" = "version 1" ]
    done
    pfs quirk cut_on=0
}

@test "storage that renumbers inodes with time: a file stays readable, open or not" {
    pfs quirk ino_drift
    waits() {
        local before
        before=$(stat -c %i "$WORK/pfs/$dir/file")
        other() { [ "$(stat -c %i "$WORK/pfs/$dir/file")" != "$before" ]; }
        until_true other
    }
    change_while_read read 1900 waits
    [ "$verdict" = "version 1" ]
    change_while_read map 3000 waits
    [ "$verdict" = "version 1" ]
    "$probe" make "$source/file" 1 750
    [ "$(versions "$leaf/file")" = "version 1" ]
    waits
    copper node1 refresh "$WORK/pfs/$dir"
    [ "$(versions "$leaf/file")" = "version 1" ]
}

# renumbered COMMAND...: all that may be done with a file before and after the command.
renumbered() {
    local how blocks
    for how in read map; do
        for blocks in 1900 3000; do
            change_while_read $how $blocks "$@"
            [ "$verdict" = "version 1" ]
        done
    done
    # Known, and not open; then asked for again.
    "$probe" make "$source/file" 1 750
    "$probe" make "$source/over-M" 1 3000
    for how in read map read; do
        [ "$(versions "$leaf/file" $how)" = "version 1" ]
        [ "$(versions "$leaf/over-M" $how)" = "version 1" ]
        [ $how = read ] || copper node1 refresh "$top"
        "$@"
    done
}

@test "storage that renumbers inodes at a remount: files stay readable, open or not, mapped or not" {
    local epoch=0 control=$PFS_CONTROL
    other_epoch() {
        local before
        before=$(stat -c %i "$top")
        "$PFS_BIN/pfsctl" "$control" quirk ino_epoch=$((++epoch))
        [ "$(stat -c %i "$top")" != "$before" ]
    }
    renumbered other_epoch
    pfs quirk ino_epoch=0
    # The same where numbers are trusted.
    control=$WORK/trusted.control source=$WORK/home/$dir top=$WORK/trusted/$dir leaf=$MOUNT$WORK/trusted/$dir
    mkdir "$source"
    until_true on node4 test -d "$leaf"
    renumbered other_epoch
}

@test "storage is mounted anew during the job, on some nodes or on all: files stay readable, open or not" {
    local nodes=node1
    source=$WORK/over/lower top=$WORK/over/seen leaf=$MOUNT$WORK/over/seen
    remount() {
        local node before
        for node in $nodes; do
            before=$(on "$node" stat -c %d "$top")
            # The new one is there before the old one goes, so that it has another device number.
            on "$node" mount -t overlay overlay -o "lowerdir=$WORK/over/lower:$WORK/over/none" /mnt
            on "$node" umount -l "$top"
            on "$node" mount --bind /mnt "$top"
            on "$node" umount /mnt
            [ "$(on "$node" stat -c %d "$top")" != "$before" ]
        done
    }
    renumbered remount
    nodes="node1 node2 node3 node4"
    renumbered remount
}

@test "no number of a chunk is cut: a file of 2^63 - 1 bytes" {
    local file=$WORK/source/far/file seen=$MOUNT$WORK/pfs/far/file
    truncate -s $(((1 << 63) - 1)) "$file"
    printf a | dd of="$file" bs=1 conv=notrunc status=none
    # chunk 2^32, the first that 32 bits do not hold; and the last byte
    printf b | dd of="$file" bs=1 oflag=seek_bytes seek=$((1 << 50)) conv=notrunc status=none
    printf c | dd of="$file" bs=1 oflag=seek_bytes seek=$(((1 << 63) - 2)) conv=notrunc status=none
    # A lookup that asks ahead of an end so far away comes back.
    [ "$(on node4 stat -c %s "$seen")" = $(((1 << 63) - 1)) ]
    at() {
        on node4 timeout "$PATIENCE" dd if="$seen" bs=1 count=1 iflag=skip_bytes skip="$1" status=none
    }
    [ "$(at 0)" = a ]
    [ "$(at $((1 << 50)))" = b ]
    [ "$(at $(((1 << 63) - 2)))" = c ]
    [ "$(at $(((1 << 50) + 1)) | od -An -tx1 | tr -d ' ')" = 00 ]
}

@test "files that say size 0 and have content: the content, or an errno, and never an empty file" {
    local drive=$MOUNT$WORK/drive
    for file in small large; do
        for node in node1 node4; do
            on "$node" cat "$drive/$file" | cmp - "$WORK/docs/$file"
            [ "$(on "$node" stat -c %s "$drive/$file")" = "$(stat -c %s "$WORK/docs/$file")" ]
            # Storage says of such a file that it has no block: it is data all the same.
            on "$node" /usr/bin/python3 -I -c 'import os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
assert os.lseek(fd, 0, os.SEEK_DATA) == 0
assert os.lseek(fd, 0, os.SEEK_HOLE) == os.fstat(fd).st_size' "$drive/$file"
        done
    done
    [ "$(on node4 stat -c %s "$drive/empty")" = 0 ]
    run on node4 cat "$drive/over"
    [[ $status != 0 && $output == *"too large"* ]]
}

@test "files that have more content than they say: an errno, and never less of it" {
    local drive=$MOUNT$WORK/drive
    "$PFS_BIN/pfsctl" "$WORK/drive.control" quirk size0=0
    "$PFS_BIN/pfsctl" "$WORK/drive.control" quirk short_sizes=5
    run ! on node4 cat "$drive/cut"
    [[ $output == *"Stale file handle"* ]]
    "$PFS_BIN/pfsctl" "$WORK/drive.control" quirk short_sizes=0
    "$PFS_BIN/pfsctl" "$WORK/drive.control" quirk size0
    copper node1 refresh "$WORK/drive"
    on node4 cat "$drive/cut" | cmp - "$WORK/docs/cut"
}

@test "files whose ctime is another each time: they are read, and a change of them is seen" {
    local drift=$MOUNT$WORK/drift file
    for file in small large over-M; do
        on_all cat "$drift/$file" >/dev/null
        on node4 cat "$drift/$file" | cmp - "$WORK/docs/$file"
    done
    [ "$(on node4 stat -c %Z "$drift/small")" = "$(stat -c %Y "$WORK/docs/small")" ]
    echo "another document" >"$WORK/docs/small"
    copper node1 refresh "$WORK/drift"
    on node4 cat "$drift/small" | cmp - "$WORK/docs/small"
}

@test "the root dies: files that nodes know stay readable, and maps" {
    local how asked=
    "$probe" make "$source/known" 1 750
    "$probe" make "$source/large" 1 3000
    on_all stat "$leaf/known" "$leaf/large" >/dev/null
    # Of some it has shown whole seconds of their stamps, and no other node does.
    pfs quirk cut_on=1
    for i in 1 2 3 4; do "$probe" make "$source/cut$i" 1 100; done
    # shellcheck disable=SC2016
    on_all sh -c 'stat "$1"/cut[1234] >/dev/null' sh "$leaf"
    kill_for_good node1
    pfs quirk cut_on=0
    for file in known large cut1 cut2 cut3 cut4; do
        for node in node2 node3 node4; do
            for how in map read; do
                [ "$(on "$node" "$probe" $how "$leaf/$file")" = "version 1" ]
            done
        done
    done
    start_daemon node1
    # One that is mapped when the root dies.
    until_true parent_is node1 None
    asked=node2
    change_while_read map 1900 kill_for_good node1
    [ "$verdict" = "version 1" ]
    start_daemon node1
    until_true parent_is node1 None
    change_while_read map 3000 kill_for_good node1
    [ "$verdict" = "version 1" ]
    start_daemon node1
}

# numbers NODE DIR: of all below it, by stat and by listing.
numbers() {
    on "$1" /usr/bin/python3 -c '
import os, sys
tops = sys.argv[1:]
for top in tops:
    print(top + "/.", os.lstat(top).st_ino)
    for entry in sorted(os.scandir(top), key=lambda e: e.name):
        number = os.lstat(entry.path).st_ino
        assert entry.inode() == number, (entry.path, entry.inode(), number)
        if entry.is_dir(follow_symlinks=False):
            tops.append(entry.path)
        else:
            print(entry.path, number)' "$2"
}

# set_up DIR: files whose numbers are close together, so that one node's number of a file is another
# node's number of another file; with hard links, for which tar and cp look at the number.
set_up() {
    mkdir "$1" "$1/d"
    for i in $(seq 10 29); do
        echo "$i" >"$1/$i"
        ln "$1/$i" "$1/d/$i"
    done
    gcc -shared -fPIC -x c -o "$1/lib10.so" - <<<'const char *word(void) { return "word-10"; }'
    for i in $(seq 11 17); do LC_ALL=C sed "s/word-10/word-$i/" "$1/lib10.so" >"$1/lib$i.so"; done
}

# copied NODE NAME: all of it, right.
copied() {
    local to=$WORK/out.$dir.$2
    mkdir "$to" "$to/tar" "$to/cp" "$to/rsync"
    # shellcheck disable=SC2016
    on "$1" sh -ec 'cd "$1"
        tar cf - "$3" | tar xf - -C "$2/tar"
        cp -a "$3" "$2/cp"
        ! command -v rsync >/dev/null || rsync -aH "$3" "$2/rsync"' sh "$leaf" "$to" "$2"
    for by in tar cp rsync; do
        [ ! -e "$to/$by/$2" ] || diff -r "$source/$2" "$to/$by/$2"
    done
    run -0 on "$1" /usr/bin/python3 -c '
import ctypes, sys
for i in range(10, 18):
    word = ctypes.CDLL(sys.argv[1] + "/lib%d.so" % i).word
    word.restype = ctypes.c_char_p
    print(word().decode())' "$leaf/$2"
    [ "$output" = "$(seq -f "word-%g" 10 17)" ]
}

@test "inode numbers of each mount's own: one for a file and none for two, with two roots, and after a root's death" {
    local nodes="node1 node2 node3 node4" count
    set_up "$source/set"
    until_true on node4 test -d "$leaf/set"
    for node in $nodes; do
        numbers "$node" "$leaf/set" >"$BATS_TEST_TMPDIR/$node"
        diff "$BATS_TEST_TMPDIR/node1" "$BATS_TEST_TMPDIR/$node"
    done
    count=$(wc -l <"$BATS_TEST_TMPDIR/node1")
    [ "$count" = 50 ]
    [ "$(cut -d ' ' -f 2 "$BATS_TEST_TMPDIR/node1" | sort -u | wc -l)" = "$count" ]
    [ "$(on node4 stat -c %h "$leaf/set/10")" = 2 ]
    copied node4 set
    run -0 copper node4 doctor
    [[ $output == *"$WORK/pfs (fuse.cvmfs2): listings are complete; inode numbers are made of paths"* ]]

    # The root of one of the trees; what was asked of it is asked of another one.
    kill_for_good node3
    run copper node2 refresh "$top"
    [[ $output == *"refreshed on 3 nodes"* ]]
    set_up "$source/late"
    for node in node1 node2 node4; do
        numbers "$node" "$leaf/set" >"$BATS_TEST_TMPDIR/again"
        diff "$BATS_TEST_TMPDIR/node1" "$BATS_TEST_TMPDIR/again"
        until_true on "$node" test -d "$leaf/late"
        numbers "$node" "$leaf/late" >"$BATS_TEST_TMPDIR/late.$node"
        diff "$BATS_TEST_TMPDIR/late.node1" "$BATS_TEST_TMPDIR/late.$node"
    done
    copied node2 late
    start_daemon node3
}
