# Who does not have the job's key gets nothing, and whoever else is on the nodes sees nothing of it
# and cannot put himself in the way.
# SPDX-License-Identifier: BSD-3-Clause

bats_require_minimum_version 1.5.0
load lib.bash

setup_file() {
    can_run || return 0
    work_up
    printf 'the word is swordfish-4711 %.0s' {1..4000} >"$WORK/secret"
    cluster_up -n 3
}

teardown_file() {
    cluster_down
    work_down
}

setup() {
    skip_unless_built
}

teardown() {
    rm -rf "$WORK/log"
    job_down
}

# up [options]: a job whose description is in $WORK/job.
up() {
    job_up -k 1 -M 1G -E 600000 -l 1 -d "$WORK/log" "$@"
    on login sh -c 'cat /tmp/copper-0/*.job' >"$WORK/job"
    key=$(sed -n 's/^key //p' "$WORK/job")
    [ ${#key} = 64 ]
}

peer() {
    on login timeout "$PATIENCE" /usr/bin/python3 -I "$SYSTEM_DIR/peer" "$WORK/job" "$@"
}

# look_at_processes FILE: command lines and environments of all processes of the test bed, again and
# again until FILE exists.
look_at_processes() {
    while [ ! -e "$1" ]; do
        cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\0' '\n'
    done >"$1.seen"
}

@test "the key is on no command line, in no environment and in no log, while a job is launched and lives" {
    look_at_processes "$WORK/enough" 3>&- &
    local looker=$!
    up
    on node3 cat "$MOUNT$WORK/secret" | cmp - "$WORK/secret"
    touch "$WORK/enough"
    wait "$looker"
    grep -q copperd "$WORK/enough.seen"
    run ! grep -qi "$key" "$WORK/enough.seen"
    run ! grep -rqi "$key" "$WORK/log"
    [ -n "$(ls "$WORK/log")" ]
}

@test "wrong key, replay, reflection, truncation, garbage, another job, a relay, forged frames: refused" {
    local log before
    up
    run -0 peer node1 refused wrong-key replay reflect truncated garbage other-job \
        unproven relayed forged
    stats_to "$WORK/stats"
    # Truncated are five, garbage three, a reflection two.
    [ "$(figures value "$WORK/stats" node1 handshakes_refused)" -ge 13 ]
    grep -q refused "$WORK"/log/copperd-node1-*.log
    # It lives, and serves who belongs to the job.
    run -0 peer node1 flood 2 10 attr "$WORK/none"
    on node3 cat "$MOUNT$WORK/secret" | cmp - "$WORK/secret"
}

knows_of_both() {
    grep -q "other version of Copper's protocol: 6, here 5" "$WORK/log/copperd-$1"-*.log
}

@test "daemons of two versions refuse each other, say which they have, and each serves its node" {
    up
    on node2 "$COPPER_BUILD/copper" stop --here -v "$MOUNT"
    start_daemon node2 "$COPPER_BUILD/tests/system/copperd-next"
    # node2 tries its parent, node3 its.
    until_true knows_of_both node1
    until_true knows_of_both node3
    until_true parent_is node2 None
    until_true parent_is node3 node1
    # It goes on trying, but says so once.
    until_true grep -q "still cannot connect to node2" "$WORK/log/copperd-node3"-*.log
    [ "$(grep -c "level=warn .*cannot join node2" "$WORK/log/copperd-node3"-*.log)" = 1 ]
    [ "$(grep -c "node2 is no longer connected as parent" "$WORK/log/copperd-node3"-*.log)" = 1 ]
    for node in node1 node2 node3; do
        on "$node" cat "$MOUNT$WORK/secret" | cmp - "$WORK/secret"
    done
    on node2 "$COPPER_BUILD/copper" stop --here -v "$MOUNT"
    start_daemon node2
    until_true parent_is node2 node1
    until_true parent_is node3 node2
}

# sniff SECONDS-FILE: all packets on node2's network, to $WORK/wire until the file exists.
sniff() {
    on node2 /usr/bin/python3 -I -c '
import os, select, socket, sys
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 20)
with open(sys.argv[1], "wb") as out:
    open(sys.argv[2], "w").close()
    while not os.path.exists(sys.argv[3]):
        if select.select([wire], [], [], 0.02)[0]:
            out.write(wire.recv(1 << 17))
' "$WORK/wire" "$WORK/sniffing" "$WORK/sniffed" 3>&- &
    sniffer=$!
    until_true test -e "$WORK/sniffing"
}

# read_under_eyes: node3 reads the secret, through node2, whose network is listened to.
read_under_eyes() {
    rm -f "$WORK"/sniff*
    sniff
    on node3 cat "$MOUNT$WORK/secret" | cmp - "$WORK/secret"
    # Names and attributes, too.
    on node3 stat -c %s "$MOUNT$WORK" >/dev/null
    touch "$WORK/sniffed"
    wait "$sniffer"
    [ "$(stat -c %s "$WORK/wire")" -gt 100000 ]
}

@test "without --encrypt content and names are seen on the wire; with it nothing is" {
    up
    read_under_eyes
    grep -qa swordfish-4711 "$WORK/wire"
    grep -qaF "$WORK/secret" "$WORK/wire"
    job_down
    up --encrypt
    read_under_eyes
    run ! grep -qa swordfish "$WORK/wire"
    run ! grep -qaF copper-test "$WORK/wire"
    # One that does not encrypt is told so, and nothing else.
    run -0 peer node1 refused plain
}

# aside NODE WHAT: bytes that it has moved, or encrypted and decrypted, on threads for that.
aside() {
    stats_to "$WORK/stats"
    figures value "$WORK/stats" "$1" "$2_aside_bytes"
}

@test "with two cores a large file is sent and received on another thread, and arrives as it is; with one it is not" {
    local node sent
    head -c 60000000 /dev/urandom >"$WORK/large"
    up -b 0,1
    grep -q 'threads for bulk data: 1"$' "$WORK/log/copperd-node2"-*.log
    for node in node2 node3; do
        on "$node" cat "$MOUNT$WORK/large" | cmp - "$WORK/large"
    done
    # node2 has it all when node3 asks for many chunks at a time. Whether they come as a stream is the machine's affair.
    [ "$(aside node2 sockets)" -gt 1000000 ]
    # What comes alone is not worth a thread.
    sent=$(aside node2 sockets)
    on node3 cat "$MOUNT$WORK/secret" | cmp - "$WORK/secret"
    [ "$(aside node2 sockets)" = "$sent" ]
    job_down
    up -b 1
    on node3 cat "$MOUNT$WORK/large" | cmp - "$WORK/large"
    [ "$(aside node2 sockets)" = 0 ]
    rm "$WORK/large"
}

@test "--encrypt with two cores: bulk data is encrypted on another thread, and arrives as it is; with one it is not" {
    local node readers=()
    head -c 30000000 /dev/urandom >"$WORK/large"
    mkdir "$WORK/small"
    for node in {1..100}; do
        echo "small file $node" >"$WORK/small/$node"
    done
    up --encrypt -b 0,1
    grep -q 'threads for bulk data: 1"$' "$WORK/log/copperd-node2"-*.log
    # Both directions of node2 are busy; small messages are between the large ones.
    for node in node2 node3; do
        on "$node" cat "$MOUNT$WORK/large" >"$WORK/large.$node" 3>&- &
        readers+=($!)
        on "$node" sh -c "cat '$MOUNT$WORK'/small/*" | cmp - <(cat "$WORK"/small/*)
    done
    wait "${readers[@]}"
    cmp "$WORK/large" "$WORK/large.node2"
    cmp "$WORK/large" "$WORK/large.node3"
    # node2 seals all of it, in pieces that are large enough.
    [ "$(aside node2 crypt)" -gt 20000000 ]
    [ "$(aside node3 crypt)" -gt 0 ]
    # One thread has enough to do with that: the loop keeps the sockets.
    [ "$(aside node2 sockets)" = 0 ]
    job_down
    up --encrypt -b 1
    on node3 cat "$MOUNT$WORK/large" | cmp - "$WORK/large"
    [ "$(aside node2 crypt)" = 0 ]
    [ "$(aside node2 sockets)" = 0 ]
    rm -r "$WORK"/large* "$WORK/small"
}

# An ordinary user of node1 listens at an address that its name has, too, and passes on what he hears,
# changed where he likes: his checksums are right, nothing is secret about them.
rogue() {
    as_user alice node1 /usr/bin/python3 -I "$SYSTEM_DIR/rogue" 10.77.0.200 10.77.0.1 23456 \
        "$WORK/rogue" 3>&- &
    rogue=$!
    until_true test -e "$WORK/rogue/listens"
}

relay_is_told() {
    grep -q "cannot join node1 10.77.0.200.*arrived at another address" "$WORK/log/copperd-node2"-*.log
}

@test "a relay at another address of a host's name learns and changes nothing, and is passed by" {
    local i
    mkdir -p "$WORK/rogue"
    chmod 777 "$WORK/rogue"
    rm -f "$WORK"/rogue/*
    on node1 ip address add 10.77.0.200/32 dev lo
    # shellcheck disable=SC2016
    on node2 sh -c 'cp /etc/hosts /tmp/hosts; { echo "10.77.0.200 node1"; cat /tmp/hosts; } >/etc/hosts'
    rogue
    # One of several addresses has 250 ms at first. Where the relay took longer, nothing has come of it, and the log
    # says that: once more.
    for ((i = 0; i < 10; i++)); do
        [ "$i" = 0 ] || job_down
        rm -f "$WORK"/log/*
        up -p 23456 -n tcp:eth0
        on node2 cat "$MOUNT$WORK/secret" | cmp - "$WORK/secret"
        on node3 cat "$MOUNT$WORK/secret" | cmp - "$WORK/secret"
        until_true parent_is node2 node1
        run ! grep -qa swordfish "$WORK/rogue/heard"
        ! relay_is_told || break
    done
    # It did try, and the log says why that was nothing.
    [ -s "$WORK/rogue/heard" ]
    relay_is_told
    job_down
    # With encryption it may pass on, and what it changes ends the connection.
    rm -f "$WORK/rogue/heard" "$WORK"/log/*
    up -p 23456 -n tcp:eth0 --encrypt
    on node2 cat "$MOUNT$WORK/secret" | cmp - "$WORK/secret"
    [ -s "$WORK/rogue/heard" ]
    run ! grep -qa swordfish "$WORK/rogue/heard"
    touch "$WORK/rogue/end"
    wait "$rogue"
    on node2 cp /tmp/hosts /etc/hosts
    on node1 ip address del 10.77.0.200/32 dev lo
}

@test "who has the key, but is another, does not get a rank that somebody has" {
    up
    run -0 peer node1 claim 1
    until_true parent_is node2 node1
    grep -q "says it is rank 1, which another one has; refused" "$WORK/log/copperd-node1"-*.log
    run ! grep -q "node2 is no longer connected as child" "$WORK/log/copperd-node1"-*.log
    # The node's own next daemon has it at once, before a connection that broke was seen to end.
    on node2 kill -9 "$(daemon node2)"
    until_true parent_is node2 node1
    on node2 cat "$MOUNT$WORK/secret" | cmp - "$WORK/secret"
    # Who comes when it has gone is the first again.
    on node2 "$COPPER_BUILD/copper" stop --here -v "$MOUNT"
    start_daemon node2
    until_true parent_is node2 node1
}

@test "who has the key, and connects again and again, does not fill the log" {
    up
    run -0 peer node1 claims 1 250
    grep -q "says it is rank 1, which another one has; refused" "$WORK/log/copperd-node1"-*.log
    # A minute may end meanwhile.
    [ "$(grep -c "says it is rank 1" "$WORK/log/copperd-node1"-*.log)" -le 200 ]
}

# resident NODE: bytes of its daemon's own memory, in MB.
resident() {
    on "$1" awk '/^RssAnon/ { print int($2 / 1024) }' "/proc/$(daemon "$1")/status"
}

@test "unfinished frames of who has the key take no memory beyond a bound, and no room for long" {
    local before trickler
    up
    peer node1 trickle 3>&- &
    trickler=$!
    before=$(resident node1)
    mkfifo "$WORK/hoard.end"
    peer node1 hoard 20 <"$WORK/hoard.end" >"$WORK/hoarding" 3>&- &
    exec 7>"$WORK/hoard.end"
    until_true grep -q hoarding "$WORK/hoarding"
    [ "$(resident node1)" -lt $((before + 80)) ]
    on node2 cat "$MOUNT$WORK/secret" | cmp - "$WORK/secret"
    exec 7>&-
    wait $!
    grep -q '"closed": 20' "$WORK/hoarding"
    # One that is far below the bound, and sends byte by byte.
    wait "$trickler"
    until_true parent_is node2 node1
    rm "$WORK/hoard.end"
}

@test "requests of who has the key that wait take no memory beyond what they ask" {
    local before most=80
    # A sanitizer keeps what was freed for a while.
    [ -z "$(sanitizers)" ] || most=700
    up
    # A node that does not answer, so that they wait.
    on node3 kill -STOP "$(daemon node3)"
    before=$(resident node1)
    mkfifo "$WORK/waits.end"
    peer node1 waits 150 <"$WORK/waits.end" >"$WORK/waiting" 3>&- &
    exec 7>"$WORK/waits.end"
    until_true grep -q waiting "$WORK/waiting"
    echo "resident $before, then $(resident node1)"
    [ "$(resident node1)" -lt $((before + most)) ]
    on node3 kill -CONT "$(daemon node3)"
    on node2 cat "$MOUNT$WORK/secret" | cmp - "$WORK/secret"
    exec 7>&-
    wait $!
    rm "$WORK/waits.end"
}

@test "the processes that have the key cannot be looked into, not even by others of the same user" {
    up
    # shellcheck disable=SC2016
    as_user alice node1 tee /tmp/look >/dev/null <<'END'
#!/bin/sh
# the remote shell of alice's launch, which looks at who launches
shift
for pid in $(pgrep -u alice -x copper); do
    echo "launcher $(stat -c %U "/proc/$pid/mem")"
done >>/tmp/looked
cat >/tmp/description.$$
"$@" </tmp/description.$$
status=$?
rm /tmp/description.$$
exit "$status"
END
    as_user alice node1 chmod 700 /tmp/look
    # shellcheck disable=SC2016
    run -0 as_user alice node1 sh -c 'COPPER_RSH=/tmp/look "$1/launch_copper.sh" -H node1 -v /tmp/alice/m &&
        for name in copperd copperd-super; do
            for pid in $(pgrep -u alice -x "$name"); do
                echo "$name $(stat -c %U "/proc/$pid/mem")" >>/tmp/looked
            done
            head -c 1 "/proc/$pid/environ" && echo "$name was looked into"
        done
        COPPER_RSH=/tmp/look "$1/stop_copper.sh" -v /tmp/alice/m' sh "$COPPER_BUILD"
    [[ $output != *"was looked into"* ]]
    run -0 on node1 cat /tmp/looked
    for name in launcher copperd copperd-super; do
        grep -qx "$name root" <<<"$output"
    done
    run ! grep -q alice <<<"$output"
    on node1 rm /tmp/look /tmp/looked
}

@test "control socket, job file and their directory are the user's alone" {
    up
    for node in node1 login; do
        run -0 on "$node" stat -c '%a %u' /tmp/copper-0
        [ "$output" = "700 0" ]
    done
    # shellcheck disable=SC2016
    run -0 on node1 sh -c 'stat -c "%a %F" /tmp/copper-0/*.sock'
    [ "$output" = "600 socket" ]
    # shellcheck disable=SC2016
    run -0 on login sh -c 'stat -c %a /tmp/copper-0/*.job'
    [ "$output" = 600 ]
    # Another user, even one who was let into the directory.
    on node1 chmod 755 /tmp/copper-0
    run ! as_user alice node1 /usr/bin/python3 -c '
import glob, socket
s = socket.socket(socket.AF_UNIX)
s.connect(glob.glob("/tmp/copper-0/*.sock")[0])'
    [[ $output == *"PermissionError"* ]]
    on node1 sh -c 'chmod 666 /tmp/copper-0/*.sock'
    run -0 as_user alice node1 /usr/bin/python3 -c '
import glob, socket
s = socket.socket(socket.AF_UNIX)
s.connect(glob.glob("/tmp/copper-0/*.sock")[0])
try:
    s.sendall(b"{\"op\":\"status\"}\n")
    print(len(s.recv(100)))
except ConnectionError:
    print(0)'
    [ "$output" = 0 ]
    on node1 sh -c 'chmod 600 /tmp/copper-0/*.sock; chmod 700 /tmp/copper-0'
}

# harmless FILE...: UTF-8 text without a character that a terminal obeys.
harmless() {
    /usr/bin/python3 -I -c '
import sys, unicodedata
for name in sys.argv[1:]:
    for char in open(name, "rb").read().decode("utf-8"):
        if char != "\n" and unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp"):
            sys.exit("%s: has %r" % (name, char))' "$@"
}

@test "names of files that speak to a terminal reach logs, profiles and standard output as escapes" {
    local name=$'x\e]0;title\a\n2026 INFO forged\r\x7f\xc2\x9b31m\xe2\x80\xae\xff\\'
    mkdir "$WORK/$name"
    echo text >"$WORK/$name/file"
    up -P -N 100 -A
    on node3 cat "$MOUNT$WORK/$name/file"
    copper node3 refresh "$WORK/$name" >"$WORK/said"
    run ! copper node3 refresh --what"$name" 2>>"$WORK/said"
    run ! copper node3 status -v "m$name" 2>>"$WORK/said"
    copper node3 doctor -v "/tmp/$name" >>"$WORK/said" 2>&1 || true
    [ "$(wc -l <"$WORK/said")" -ge 4 ]
    grep -qF 'x\x1b]0;title\x07\x0a2026 INFO forged\x0d\x7f\xc2\x9b31m\xe2\x80\xae\xff\' "$WORK/said"
    job_down
    harmless "$WORK/said" "$WORK"/log/*.log "$WORK"/log/copper-*/*.*
    # A program can have the name back.
    /usr/bin/python3 -I -c '
import json, re, sys
def bytes_of(text):
    return re.sub(rb"\\(x..|\\)", lambda m: m[1] if len(m[1]) == 1 else bytes.fromhex(m[1][1:].decode()),
                  text.encode())
asked = [bytes_of(row["path"]) for row in json.load(open(sys.argv[1]))["paths"]["by_requests"]["rows"]]
wanted = sys.argv[2].encode("utf-8", "surrogateescape")
sys.exit(wanted not in asked and "%r is not in %r" % (wanted, asked))' \
        "$WORK"/log/copper-*/job.json "$WORK/$name/file"
    rm -r "${WORK:?}/$name"
    up
}

# refused_run_dir TEXT: alice cannot launch on node1, and is told why.
refused_run_dir() {
    # shellcheck disable=SC2016
    run ! as_user alice node1 sh -c 'COPPER_RSH=false exec "$1/launch_copper.sh" -v /tmp/alice/m' \
        sh "$COPPER_BUILD"
    [[ $output == *"/tmp/copper-"*"$1"* ]] || {
        echo "$output"
        return 1
    }
}

@test "a run directory of the user's own that is not safe is refused, with the reason" {
    local dir
    dir=/tmp/copper-$(as_user alice node1 id -u)
    up
    as_user alice node1 sh -c 'mkdir /tmp/trap; ln -s /tmp/trap "$1"' sh "$dir"
    refused_run_dir "not a directory"
    [ -z "$(on node1 ls /tmp/trap)" ]
    as_user alice node1 rm "$dir"
    as_user alice node1 touch "$dir"
    refused_run_dir "not a directory"
    as_user alice node1 rm "$dir"
    as_user alice node1 mkdir -m 777 "$dir"
    as_user alice node1 chmod 777 "$dir"
    refused_run_dir "0777"
    as_user alice node1 rmdir "$dir"
    # Without such a thing it works.
    # shellcheck disable=SC2016
    run -0 as_user alice node1 sh -c 'COPPER_RSH=false "$1/launch_copper.sh" -v /tmp/alice/m -s 20 &&
        COPPER_RSH=false "$1/stop_copper.sh" -v /tmp/alice/m' sh "$COPPER_BUILD"
}
