# The mount as a file system: what it refuses, what it answers, and for whom.
# SPDX-License-Identifier: BSD-3-Clause

bats_require_minimum_version 1.5.0
load lib.bash

setup_file() {
    can_run || return 0
    work_up
    make_source "$WORK/source"
    make_special "$WORK/special"
    cluster_up -n 4
    job_up -k 1
}

teardown_file() {
    job_down
    cluster_down
    umount "$WORK/special/noexec"
    work_down
}

setup() {
    skip_unless_built
}

make_source() {
    mkdir -p "$1/dir" "$1/closed"
    pushd "$1" >/dev/null || return
    head -c 700001 /dev/urandom >file
    echo small >small
    : >empty
    echo x >closed/in
    chmod 700 closed
    (umask 077 && echo secret >secret)
    ln -s file link
    ln -s nowhere dangling
    ln -s loop loop
    echo linked >hard1
    ln hard1 dir/hard2
    truncate -s 3M sparse
    printf data | dd of=sparse bs=1 seek=1000000 conv=notrunc status=none
    mkfifo fifo
    printf '#!/bin/sh\necho ran "$@"\n' >script
    cp /bin/echo program
    chmod 755 script program
    cp "$(ldconfig -p | sed -n 's/.*libz\.so\.1 .*=> //p;T;q')" library.so
    echo attributes >attributes
    setfattr -n user.colour -v red attributes
    echo 'of alice' >mine
    popd >/dev/null || return
}

# What is not opened like any file.
make_special() {
    mkdir -p "$1/noexec"
    mount -t tmpfs -o noexec,nosuid none "$1/noexec"
    mkfifo "$1/fifo"
    mknod "$1/null" c 1 3
    mknod "$1/disk" b 7 0
    cp /usr/bin/id "$1/noexec/id"
    cp /usr/bin/id "$1/suid"
    cp /usr/bin/id "$1/unreadable"
    chmod 755 "$1" "$1/noexec" "$1/noexec/id"
    chmod 4755 "$1/suid"
    chmod 111 "$1/unreadable"
}

# Files and their content as they are on storage, in a word.
state_of() {
    (cd "$1" && find . -printf '%p %y %m %U %G %s %T@ %C@ %i %n %l\n' | sort
        find . -type f -exec md5sum {} + | sort) | md5sum
}

probe() {
    on node4 "$SYSTEM_DIR/fsprobe" "$1" "$MOUNT$WORK/source" "$WORK/source" "$MOUNT"
}

@test "everything that changes something fails with EROFS, and changes nothing" {
    before=$(state_of "$WORK/source")
    probe refuse
    [ "$(state_of "$WORK/source")" = "$before" ]
    on node4 grep -q " $MOUNT ro,nosuid,nodev.* - fuse.copper " /proc/self/mountinfo
}

@test "shell commands that write fail, too" {
    for command in 'cp /etc/hostname new' 'touch file' 'rm -f file' 'rm -rf dir' 'mv file new' \
        'echo >>file' 'mkdir new' 'chmod 777 file' 'dd if=/dev/zero of=file count=1' 'ln file new'
    do
        run on node4 sh -c "cd '$MOUNT$WORK/source' && $command"
        [ "$status" != 0 ]
        [[ $output == *"Read-only file system"* ]]
    done
}

@test "private and shared maps" { probe map; }

@test "numpy.memmap" { probe memmap; }

@test "sendfile, copy_file_range, splice" { probe copy; }

@test "reads at, over and beyond the end, vectors, O_DIRECT; a file is no terminal" { probe read; }

@test "flock and fcntl locks" { probe lock; }

@test "statfs and extended attributes are the source's" { probe attributes; }

@test "hard links are one inode, numbers are the source's, links say what they say" { probe links; }

@test "listings have numbers and types and can be rewound" { probe listing; }

@test "SEEK_HOLE and SEEK_DATA answer legally" { probe seek; }

@test "access(2)" { probe access; }

@test "sockets are refused, a FIFO is the node's own, devices are EACCES" {
    on node4 "$SYSTEM_DIR/fsprobe" special "$MOUNT$WORK/special" "$WORK/special"
}

@test "time of birth is not there; that storage is mounted noexec is not seen; modes are storage's" {
    [ "$(on node4 stat -c '%w %W' "$MOUNT$WORK/source/file")" = "- 0" ]
    run -126 on node4 sh -c "'$WORK/special/noexec/id'"
    run -0 on node4 "$MOUNT$WORK/special/noexec/id" -u
    [ "$output" = 0 ]
    [ "$(stat -c %a "$WORK/special/suid")" = 4755 ]
    [ "$(on node4 stat -c %a "$MOUNT$WORK/special/suid")" = 4755 ]
}

@test "a program, a script and a library run from the mount; cp copies" {
    dir=$MOUNT$WORK/source
    run -0 on node4 "$dir/program" one two
    [ "$output" = "one two" ]
    run -0 on node4 "$dir/script" one
    [ "$output" = "ran one" ]
    on node4 /usr/bin/python3 -I -c '
import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
assert library.crc32(0, b"123456789", 9) & 0xffffffff == 0xcbf43926
assert any(sys.argv[1] in line for line in open("/proc/self/maps"))' "$dir/library.so"
    on node4 sh -c "cp -a '$dir' /tmp/copy && diff -r --no-dereference '$dir/dir' /tmp/copy/dir"
    on node4 cat /tmp/copy/file | cmp - "$WORK/source/file"
    on node4 rm -rf /tmp/copy
}

@test "counters by ioctl are those of copper stats; unknown requests are ENOTTY" {
    cc -I "$SYSTEM_DIR/../../include" -o "$WORK/counters" "$SYSTEM_DIR/counters.c"
    probe ioctl
    on node3 "$WORK/counters" "$MOUNT" >/dev/null # the mount's top has been opened before
    copper node3 stats --json >"$BATS_TEST_TMPDIR/stats"
    on node3 "$WORK/counters" "$MOUNT" >"$BATS_TEST_TMPDIR/ioctl"
    # Nothing happens on node3 between the two, but what they cause themselves.
    run -0 /usr/bin/python3 -I - "$BATS_TEST_TMPDIR/stats" "$BATS_TEST_TMPDIR/ioctl" <<'PY'
import json, sys
counters = json.load(open(sys.argv[1]))["counters"]
version, count, *values = map(int, open(sys.argv[2]).read().split())
assert version == 1 and count == len(values)
names = list(counters)[:count]
assert names[0] == "fuse_lookup" and "no_memory" in names
own = ("fuse_ioctl", "fuse_opendir", "fuse_lookup", "fuse_getattr")
# What the kernel forgets, and how long the loop took, may grow at any time.
grows = ("fuse_forget", "loop_longest_us", "loop_busy_us", "requests_waiting_most")
wrong = [(n, counters[n], v) for n, v in zip(names, values)
         if (v < counters[n] if n in grows else counters[n] != v) and n not in own and "bytes" not in n]
assert not wrong, wrong
PY
}

@test "drop by ioctl: this node asks its parent again, storage is not asked" {
    path=$MOUNT$WORK/source/file
    cc -I "$SYSTEM_DIR/../../include" -o "$WORK/counters" "$SYSTEM_DIR/counters.c"
    on node4 cmp "$path" "$WORK/source/file"
    stats_to "$BATS_TEST_TMPDIR/0"
    on node4 cmp "$path" "$WORK/source/file"
    stats_to "$BATS_TEST_TMPDIR/1"
    [ "$(figures sum "$BATS_TEST_TMPDIR/"{0,1} fuse_lookup)" = 0 ]
    on node4 "$WORK/counters" "$MOUNT" drop
    forgotten() {
        on node4 cmp "$path" "$WORK/source/file" && stats_to "$BATS_TEST_TMPDIR/2" &&
            [ "$(figures sum "$BATS_TEST_TMPDIR/"{1,2} fuse_lookup)" -gt 0 ]
    }
    until_true forgotten # the kernel forgets a moment later
    # A listing that is asked for ahead may go further up.
    run -0 figures who "$BATS_TEST_TMPDIR/"{1,2} asked_parent
    [[ $'\n'$output$'\n' == *$'\nnode4\n'* ]]
    [ "$(figures sum "$BATS_TEST_TMPDIR/"{1,2} storage_open storage_read storage_stat)" = 0 ]
}

@test "the mount below itself, /proc, /sys and /dev do not exist and are not listed" {
    for path in "$MOUNT" "$MOUNT/etc" /proc /proc/self/status /sys /sys/kernel /dev /dev/null; do
        run -2 on node4 ls -d "$MOUNT$path"
        [[ $output == *"No such file or directory"* ]]
    done
    run -0 on node4 ls -a "$MOUNT"
    grep -qx etc <<<"$output"
    run -1 grep -xE 'proc|sys|dev' <<<"$output"
    on node4 test -d "$MOUNT${MOUNT%/*}"
    run -0 on node4 ls "$MOUNT${MOUNT%/*}"
    run -1 grep -x mnt <<<"$output"
}

@test "a second job, mounted at x/a on a shared file system, shows x/a-b" {
    # Made before: a node that made it takes it away when it stops, and these nodes share one kernel,
    # which then detaches what the others have mounted there.
    mkdir -p "$WORK/x/a-b" "$WORK/x/a"
    echo text >"$WORK/x/a-b/file"
    MOUNT=$WORK/x/a
    job_up
    run -0 on node2 cat "$MOUNT$WORK/x/a-b/file"
    [ "$output" = text ]
    run -0 on node2 ls "$MOUNT$WORK/x"
    [ "$output" = a-b ]
    run -2 on node2 ls "$MOUNT$WORK/x/a"
    job_down
    [ "$(ls "$WORK/x")" = $'a\na-b' ]
}

@test "an ordinary user: fusermount3, his rights, nobody else's" {
    chown 10001 "$WORK/source/mine"
    chmod 400 "$WORK/source/mine"
    "$CLUSTER_BIN/cluster" hosts "$CLUSTER_DIR" >"$WORK/hosts"
    # The build, and these tests, may lie where ordinary users have no way in.
    mkdir "$WORK/bin"
    cp -r "$COPPER_BUILD"/{copper,copperd,launch_copper.sh,stop_copper.sh,launch} "$SYSTEM_DIR/fsprobe" \
        "$CLUSTER_BIN"/{rsh,cluster,keeper} "$WORK/bin"
    as_user alice login env COPPER_RSH="$WORK/bin/rsh" "$WORK/bin/launch_copper.sh" -H "$WORK/hosts"
    mount=/tmp/alice/copper
    as_user alice node4 "$WORK/bin/fsprobe" user "$mount$WORK/source" "$WORK/source"
    run as_user alice node4 cp "$mount$WORK/source/secret" /tmp/copy
    [ "$status" != 0 ]
    # Set-user-id does not count; a program without the right to read it is not run: its daemon may not read it.
    [ "$(as_user alice node4 "$WORK/special/suid" -u)" = 0 ]
    [ "$(as_user alice node4 "$mount$WORK/special/suid" -u)" = 10001 ]
    [ "$(as_user alice node4 "$WORK/special/unreadable" -u)" = 10001 ]
    run -126 as_user alice node4 sh -c "'$mount$WORK/special/unreadable' -u"
    [[ $output == *"Permission denied"* ]]
    run on node4 ls "$mount"
    [ "$status" != 0 ]
    as_user alice login env COPPER_RSH="$WORK/bin/rsh" "$WORK/bin/stop_copper.sh"
    run on_all grep /tmp/alice /proc/self/mountinfo # on none
    [ -z "$output" ]
}

# README says which ways of starting Python go through the mount.
@test "a virtual environment: what goes through the mount, and what leads to the original paths" {
    local env=$WORK/env site leaf
    site=$env/lib/$(/usr/bin/python3 -c 'import sys; print("python%d.%d" % sys.version_info[:2])')/site-packages
    leaf=$MOUNT$env
    /usr/bin/python3 -m venv --without-pip "$env"
    mkdir "$site/pkg" "$WORK/elsewhere"
    echo 'print(__file__)' >"$site/pkg/__init__.py"
    : >"$site/pkg/__main__.py"
    echo 'print(__file__)' >"$WORK/elsewhere/other.py"
    echo "$WORK/elsewhere" >"$site/elsewhere.pth"
    printf '#!%s/bin/python3\nimport pkg\n' "$env" >"$env/bin/tool"
    chmod +x "$env/bin/tool"
    until_true on node4 test -d "$leaf" # absence is believed for -E
    run -0 on node4 env PYTHONPATH="$MOUNT$site" /usr/bin/python3 -m pkg
    [ "$output" = "$MOUNT$site/pkg/__init__.py" ]
    run -0 on node4 "$leaf/bin/python3" -c 'import pkg, other'
    [ "$output" = "$MOUNT$site/pkg/__init__.py"$'\n'"$WORK/elsewhere/other.py" ]
    run -0 on node4 "$leaf/bin/python3" "$leaf/bin/tool"
    [ "$output" = "$MOUNT$site/pkg/__init__.py" ]
    run -0 on node4 "$leaf/bin/tool"
    [ "$output" = "$site/pkg/__init__.py" ]
    # shellcheck disable=SC2016
    run -0 on node4 bash -c '. "$1/bin/activate" && python3 -c "import pkg"' bash "$leaf"
    [ "$output" = "$site/pkg/__init__.py" ]
    run ! on node4 env PYTHONPATH="$MOUNT$site" /usr/bin/python3 -c 'import other'
    rm -r "$env" "$WORK/elsewhere"
}
