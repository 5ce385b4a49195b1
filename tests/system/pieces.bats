# Jumps in large files fetch what they ask for, and holes are neither fetched nor kept: bytes counted
# where storage is asked.
# SPDX-License-Identifier: BSD-3-Clause

bats_require_minimum_version 1.5.0
load lib.bash

budget=$((16 << 20))
# What "records" knows.
records='zip20k zip100k zip1m npz hdf5 lmdb columns strides backwards streams small import lmdbmap'

setup_file() {
    can_run || return 0
    work_up
    mkdir "$WORK/source" "$WORK/pfs"
    # Before the first look: a listing is believed for -E. Each test has files of its own.
    for size in 4096 20000 100000; do
        jumper make "$WORK/source/f1-32-$size" $((32 << 20))
        jumper make "$WORK/source/f1-48-$size" $((48 << 20))
    done
    for i in 2 4; do jumper make "$WORK/source/f$i" $((32 << 20)); done
    jumper make "$WORK/source/f3" $((4 << 20))
    jumper make "$WORK/source/f6" $((12 << 20))
    jumper make "$WORK/source/f5" $((40 << 20))
    jumper make "$WORK/source/f7" $((4 << 20))
    jumper library "$WORK/source"
    jumper make "$WORK/source/plain" $((48 << 20))
    for i in $records; do
        /usr/bin/python3 -I "$SYSTEM_DIR/records" make "$WORK/source" "$i" || echo "$i" >>"$WORK/missing"
    done
    cp "$WORK/source/zip100k" "$WORK/source/zip100k.all"
    pfs_up --nodes 4 "$WORK/source" "$WORK/pfs"
    cluster_up -n 4
    # node1 is the root; node4 is below node3.
    job_up -k 2 -M 40M -m $budget -E 600000
}

teardown_file() {
    job_down
    bed_down
}

setup() {
    skip_unless_built
    until_true at_rest copper login stats --nodes --json
    pfs reset
    file=f$BATS_TEST_NUMBER
    path=$MOUNT$WORK/pfs/$file
}

jumper() {
    /usr/bin/python3 -I "$SYSTEM_DIR/jumper" "$@"
}

# through NODE COMMAND FILE ARGUMENT...: the file through the mount, compared with the source.
through() {
    local node=$1 command=$2 file=$3
    shift 3
    on "$node" timeout "$PATIENCE" /usr/bin/python3 -I "$SYSTEM_DIR/jumper" "$command" \
        "$MOUNT$WORK/pfs/$file" "$WORK/source/$file" "$@"
}

fetched() {
    jq_get "$(pfs counts)" read_bytes
}

# fetched_within TIMES ASKED: from storage, since the last reset; and at least what was asked for.
fetched_within() {
    local is
    is=$(fetched)
    echo "# $is bytes from storage for $2 asked"
    [ "$is" -ge "$2" ] && [ "$is" -le $(($1 * $2)) ]
}

@test "jumps fetch at most 4 times what they ask for, in files of any size, at each size of a read" {
    local asked size mb
    for mb in 32 48; do # below and above -M
        for size in 4096 20000 100000; do
            file=f$BATS_TEST_NUMBER-$mb-$size
            pfs reset
            asked=$(through node4 jump "$file" 100 $size $size)
            fetched_within 4 "$asked"
        done
    done
}

@test "the same jumps on all nodes are one read of storage each" {
    local asked node
    asked=$(through node4 jump "$file" 300 4096 7)
    for node in node2 node3 node1; do
        [ "$(through "$node" jump "$file" 300 4096 7)" = "$asked" ]
    done
    fetched_within 4 "$asked"
    run -0 pfs twice
    ! grep -q '^read' <<<"$output"
}

@test "a piece of what is held or read on is not read again" {
    on node4 cmp "$path" "$WORK/source/$file"
    pfs reset
    # Another node, at places in what the root has.
    on node2 /usr/bin/python3 -I -c 'import os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
for at in range(1 << 20, 4 << 20, 300 << 10):
    assert len(os.pread(fd, 4096, at & -4096)) == 4096' "$path"
    [ "$(fetched)" = 0 ]
}

@test "a map that is used at random fetches its pages" {
    local asked
    asked=$(through node4 map "$file" 300 3)
    fetched_within 4 "$asked"
}

@test "with a cache smaller than the file jumps fetch what they ask for, and memory stays within it" {
    local asked cached node
    asked=$(through node4 jump "$file" 6000 4096 11)
    fetched_within 4 "$asked"
    for node in node1 node3 node4; do
        cached=$(jq_get "$(copper "$node" status --json)" cached_bytes)
        [ "$cached" -le $budget ]
        [ -n "$(sanitizers)" ] || [ $(($(on "$node" sh -c 'grep VmHWM "/proc/$1/status"' sh "$(daemon "$node")" |
            grep -o '[0-9]*') * 1024)) -le $((budget * 11 / 10 + (24 << 20))) ]
    done
}

@test "a file read from its beginning to its end is read once, in chunks" {
    on node4 cmp "$path" "$WORK/source/$file"
    [ "$(fetched)" = $((12 << 20)) ]
    [ "$(jq_get "$(pfs counts)" read)" = $((12 * 4)) ]
}

@test "a file that changes while it is read by pieces: bytes of one version, or ESTALE" {
    [ "$(through node4 change "$file")" -gt 3 ]
}

@test "holes: seeks find what storage has, copies are right, and hardly anything is fetched" {
    local size=$((20 << 30))
    jumper sparse "$WORK/sparse" $size 5
    # The view shows where $WORK is, too: this file is on a file system that knows its holes.
    [ "$(on node4 /usr/bin/python3 -I "$SYSTEM_DIR/jumper" holes "$MOUNT$WORK/sparse" "$WORK/sparse")" -gt 100 ]
    stats_to "$WORK/before"
    on node4 cp --sparse=auto "$MOUNT$WORK/sparse" "$WORK/copy"
    stats_to "$WORK/after"
    on node4 tar -S -cf "$WORK/tar" -C "$MOUNT$WORK" sparse
    [ "$(stat -c %s "$WORK/copy")" = $size ]
    cmp <(figures sum "$WORK/before" "$WORK/after" storage_holes) <(echo 0)
    [ "$(figures sum "$WORK/before" "$WORK/after" storage_bytes)" -le $((200 * (1 << 20))) ]
    mkdir "$WORK/untar"
    tar -S -xf "$WORK/tar" -C "$WORK/untar"
    /usr/bin/python3 -I - "$WORK/sparse" "$WORK/copy" "$WORK/untar/sparse" <<'END'
import os, sys
right = os.open(sys.argv[1], os.O_RDONLY)
for path in sys.argv[2:]:
    fd, at = os.open(path, os.O_RDONLY), 0
    for a, b in ((right, fd), (fd, right)):
        at = 0
        while True:
            try:
                at = os.lseek(a, at, os.SEEK_DATA)
            except OSError:
                break
            end = os.lseek(a, at, os.SEEK_HOLE)
            while at < end:
                n = min(1 << 20, end - at)
                assert os.pread(a, n, at) == os.pread(b, n, at), (path, at)
                at += n
END
}

@test "a hole that is read is zeros that nobody keeps" {
    truncate -s 2G "$WORK/hole"
    printf end | dd of="$WORK/hole" bs=1 seek=2000000000 conv=notrunc status=none
    stats_to "$WORK/before"
    on node4 cmp "$MOUNT$WORK/hole" "$WORK/hole"
    stats_to "$WORK/after"
    [ "$(figures sum "$WORK/before" "$WORK/after" storage_bytes)" -le $((32 << 20)) ]
    [ "$(figures sum "$WORK/before" "$WORK/after" storage_holes)" = 1 ]
}

@test "SQLite by key and by index, immutable and read-only: right rows, and hardly more than the pages of them" {
    local asked mode
    for mode in immutable=1 mode=ro; do
        asked=$(through node4 sqlite rows.db "$mode")
        # What is cached of the first is not fetched again for the second.
        echo "# $mode: $(fetched) bytes from storage for $asked in pages, of $(stat -c %s "$WORK/source/rows.db")"
        [ "$(fetched)" -gt 0 ]
        [ "$(fetched)" -le $((4 * asked)) ]
        [ "$(fetched)" -le $(($(stat -c %s "$WORK/source/rows.db") / 3)) ]
    done
}

# use NODE NAME [FILE]: a program of "records" through the mount; the bytes that it needs, or skip.
use() {
    local node=$1 name=$2 file=${3:-$2}
    on "$node" timeout "$PATIENCE" /usr/bin/python3 -I "$SYSTEM_DIR/records" "$name" \
        "$MOUNT$WORK/pfs/$file" "$WORK/source/$file"
}

is_missing() {
    grep -qx "$1" "$WORK/missing" 2>/dev/null
}

# fetch_records TIMES NAME...
fetch_records() {
    local asked name times=$1 failed=
    shift
    for name in "$@"; do
        is_missing "$name" && continue
        pfs reset
        asked=$(use node4 "$name")
        fetched_within "$times" "$asked" || failed+=" $name"
    done
    echo "# more than $times times:$failed"
    [ -z "$failed" ]
}

@test "zip members, npz, HDF5, LMDB, columns, strides, backwards, streams: at most 4 times their bytes" {
    fetch_records 4 zip100k zip1m npz hdf5 lmdb columns strides backwards streams small
}

@test "zip members of 20 KB and modules in a zip file: at most what the kernel reads ahead for each of them" {
    # Python reads a member in three parts, the last of which begins the kernel's next window: 26 pages
    # for a member of 5.
    fetch_records 6 zip20k import
}

@test "LMDB that does not say that it jumps: right values, and at most the window of the kernel for each page" {
    local asked
    is_missing lmdbmap && skip "no python3-lmdb"
    asked=$(use node4 lmdbmap)
    fetched_within 20 "$asked"
}

@test "the same zip members on all nodes at once are fetched once" {
    local node asked pids=()
    for node in node1 node2 node3 node4; do
        use "$node" zip100k zip100k.all >"$WORK/asked.$node" &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid"; done
    asked=$(cat "$WORK/asked.node4")
    fetched_within 4 "$asked"
    run -0 pfs twice
    ! grep -q '^read' <<<"$output"
}

@test "a map that is used at random and does not say so fetches at most the window of the kernel around each page" {
    # 128 KiB, which may begin and end in the middle of a piece of 64 KiB.
    through node4 plain plain 12 9
    echo "# $(fetched) bytes from storage for 12 pages"
    [ "$(fetched)" -ge $((12 * 4096)) ]
    [ "$(fetched)" -le $((12 * 3 * (64 << 10))) ]
}
