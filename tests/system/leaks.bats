# What leads out of the mount's prefix: absolute links, which --symlinks rewrite keeps inside, and what
# copper leaks lists of a program's reads past Copper.
# SPDX-License-Identifier: BSD-3-Clause

bats_require_minimum_version 1.5.0
load lib.bash

setup_file() {
    can_run || return 0
    bed_up 2
    local top=$WORK/source
    mkdir -p "$top"/env/{bin,lib,links} "$top"/base/{bin,lib}
    echo python >"$top/base/bin/python3"
    ln -s "$WORK/pfs/base/bin/python3" "$top/env/bin/python3"
    ln -s "$WORK/pfs/env/bin/python3" "$top/env/bin/python"
    ln -s "$WORK/pfs/env/lib" "$top/env/lib64"
    echo library >"$top/env/lib/lib.so"
    # shellcheck disable=SC2046 # words
    (
        cd "$top/env/links" || return
        ln -s ../lib/lib.so relative
        ln -s "../../../../../..$WORK/pfs/env/lib/lib.so" over
        ln -s "$WORK/pfs/base/../env/lib/lib.so" up
        ln -s /nowhere/at/all dangling
        ln -s / root
        ln -s /proc/version proc
        ln -s /sys sys
        ln -s /root/secret secret
        ln -s "$MOUNT$WORK/pfs/env" view
        ln -s "$WORK/pfs/a/../../pfs/env/lib/lib.so" climbs
    )
    ln -s "$WORK/pfs/env" "$top/top"
    programs_up
    job_up -k 1 --symlinks rewrite
    # An ordinary user's, as it is by default.
    as_user alice login env COPPER_RSH="$CLUSTER_BIN/rsh" "$COPPER_BUILD/launch_copper.sh" -H node1,node2 -s "$PATIENCE" >&2
}

# Programs with absolute paths in them.
programs_up() {
    local app=$WORK/source/app there=$WORK/pfs/app site
    mkdir -p "$app"/{bin,lib,data,extra}
    /usr/bin/python3 -m venv --without-pip --copies "$app/venv"
    sed -i "s|$app|$there|g" "$app/venv/pyvenv.cfg"
    site=$(echo "$app"/venv/lib/python3.*/site-packages)
    echo 'def main(): print("tool")' >"$site/tool.py"
    echo 'NAME = "extra"' >"$app/extra/extra_module.py"
    printf '%s\n' "#!$there/venv/bin/python3" 'from tool import main' 'main()' >"$app/venv/bin/tool"
    echo data >"$app/data/file"
    ln -s "$there/data/file" "$app/data/absolute"
    ln -s file "$app/data/relative"
    printf '%s\n' '#!/bin/sh' "DATA=$there/data" 'cat "$DATA/file"' >"$app/bin/script.sh"
    chmod 755 "$app/venv/bin/tool" "$app/bin/script.sh"
    echo 'int answer(void) { return 42; }' | gcc -shared -fPIC -x c -o "$app/lib/libanswer.so" -
    echo 'int answer(void); int main(void) { return answer(); }' |
        gcc -x c -o "$app/bin/answer" - -L"$app/lib" -lanswer -Wl,-rpath,"$there/lib"
    echo 'int answer(void); int main(void) { return answer(); }' |
        gcc -x c -o "$app/bin/answer-origin" - -L"$app/lib" -lanswer '-Wl,-rpath,$ORIGIN/../lib'
    printf '#include <fcntl.h>\nint main(void) { return open("%s/data/file", O_RDONLY) < 0; }\n' "$there" |
        gcc -static -x c -o "$app/bin/static" -
}

# leaks USER COMMAND...: on node2; lines "REASON BY READS PATH" into $list, of what is below $WORK.
leaks() {
    local user=$1 file=$WORK/source/lists/$BATS_TEST_NUMBER.$BASHPID
    shift
    install -d -m 1777 "$WORK/source/lists"
    run -0 as_user "$user" node2 env PATH="$PATH" PYTHONDONTWRITEBYTECODE=1 "$COPPER_BUILD/copper" leaks --json -o "/tmp/list.$user" "$@"
    on node2 cat "/tmp/list.$user" >"$file"
    list=$(/usr/bin/python3 -I -c '
import json, sys
for leak in json.load(open(sys.argv[1]))["leaks"]:
    print(leak["reason"], leak["by"] or "-", leak["reads"], leak["path"])' "$file")
    echo "$output" "$list"
}

teardown_file() {
    [ -n "${CLUSTER_DIR:-}" ] || return 0
    local status=0
    as_user alice login env COPPER_RSH="$CLUSTER_BIN/rsh" "$COPPER_BUILD/stop_copper.sh" || status=1
    DEATHS_EXPECTED=yes job_down || status=1
    bed_down && return $status
}

setup() {
    skip_unless_built
    env=$MOUNT$WORK/pfs/env
    app=$WORK/pfs/app
    view=/tmp/alice/copper$app
}

# shown NODE PATH: its target, when lstat says the same length, twice: the second time the kernel has it.
shown() {
    # shellcheck disable=SC2016
    on "$1" sh -ec 'for i in 1 2; do
        text=$(readlink "$1")
        [ "$(stat -c %s "$1")" = ${#text} ]
    done
    printf "%s\n" "$text"' sh "$2"
}

@test "absolute links stay in the view, others are as on storage" {
    local node name up
    up=$(dirname "$WORK/pfs" | sed 's|/[^/]*|../|g') # from env and links to "/"
    for node in node1 node2; do
        [ "$(shown $node "$env/bin/python3")" = ../../base/bin/python3 ]
        [ "$(shown $node "$env/bin/python")" = python3 ]
        [ "$(shown $node "$env/lib64")" = lib ]
        [ "$(shown $node "$env/../top")" = env ]
        [ "$(shown $node "$env/links/over")" = ../lib/lib.so ]
        [ "$(shown $node "$env/links/up")" = ../../base/../env/lib/lib.so ]
        [ "$(shown $node "$env/links/dangling")" = "../../../${up}nowhere/at/all" ]
        for name in relative root proc sys secret view climbs; do
            [ "$(shown $node "$env/links/$name")" = "$(readlink "$WORK/source/env/links/$name")" ]
        done
        # Where they lead to, of the view and not of storage.
        [ "$(on $node realpath "$env/bin/python")" = "$MOUNT$WORK/pfs/base/bin/python3" ]
        [ "$(on $node cat "$env/bin/python")" = python ]
        for name in relative over up climbs view/lib/lib.so; do
            # "climbs" leads to storage itself.
            [ $name = climbs ] || [ "$(on $node cat "$env/links/$name")" = library ]
        done
        run -1 on $node cat "$env/links/dangling"
        [ "$(on $node cat "$env/links/proc")" = "$(cat /proc/version)" ]
        run -0 on $node find -L "$env/bin" "$env/lib64" -type l
        [ "$output" = "" ]
    done
    run -0 copper node2 stats --json
    [ "$(jq_get "$output" counters.links_rewritten)" -ge 6 ]
    # What travels is as on storage: node2 has asked node1 for each link once.
    run -0 pfs twice
    [ "$(grep -c readlink <<<"$output")" = 0 ]
}

# As a container or copper run shows it.
@test "where the view is bound they lead to what is there" {
    # shellcheck disable=SC2016
    run -0 on node2 unshare -m sh -ec 'mount --bind "$1$2" "$2"
        realpath "$2/env/bin/python" "$2/env/lib64"
        mkdir -p /tmp/container/base
        mount --bind "$1$2/env" /tmp/container
        cat /tmp/container/lib64/lib.so' sh "$MOUNT" "$WORK/pfs"
    [ "$output" = "$(printf '%s\n' "$WORK/pfs/base/bin/python3" "$WORK/pfs/env/lib" library)" ]
}

@test "a link is shown as before after the death of the daemon" {
    local pid before
    # shellcheck disable=SC2016
    before=$(on node2 sh -c 'for l in "$1"/bin/* "$1"/lib64 "$1"/links/*; do stat -c "%N %s" "$l"; done' sh "$env")
    pid=$(jq_get "$(copper node2 status --json)" pid)
    on node2 kill -9 "$pid"
    # shellcheck disable=SC2016
    [ "$(on node2 sh -c 'for l in "$1"/bin/* "$1"/lib64 "$1"/links/*; do stat -c "%N %s" "$l"; done' sh "$env")" = "$before" ]
    [ "$(shown node2 "$env/bin/python3")" = ../../base/bin/python3 ]
    # The daemon has to ask again, and so has the kernel.
    copper node2 refresh / >/dev/null
    # shellcheck disable=SC2016
    [ "$(on node2 sh -c 'for l in "$1"/bin/* "$1"/lib64 "$1"/links/*; do stat -c "%N %s" "$l"; done' sh "$env")" = "$before" ]
}

@test "copper leaks: each reason, as an ordinary user" {
    local site
    # A script that the kernel gives to the interpreter in its first line, and the interpreter's own tree.
    leaks alice "$view/venv/bin/tool"
    [ "$output" = tool ]
    [[ $list == *"shebang $view/venv/bin/tool 1 $app/venv/bin/python3"* ]]
    [[ $list == *"program $app/venv/bin/python3 "?*" $app/venv/pyvenv.cfg"* ]]
    [[ $list != *"hard-coded"* ]]
    # RPATH; the linker's $ORIGIN stays in the view.
    run -0 as_user alice node2 sh -c "$COPPER_BUILD/copper leaks $view/bin/answer; echo \$?"
    [ "${lines[-1]}" = 42 ]
    [[ $output == *"the RPATH of $view/bin/answer"$'\n'*"        1        0          0  $app/lib/libanswer.so"* ]]
    [[ $output != *hard-coded* ]]
    run -0 as_user alice node2 sh -c "$COPPER_BUILD/copper leaks $view/bin/answer-origin; echo \$?"
    [ "$output" = $'copper: nothing of shared storage was read past Copper\n42' ]
    # Links.
    leaks alice cat "$view/data/absolute"
    [ "$list" = "link $view/data/absolute 1 $app/data/file" ]
    leaks alice cat "$view/data/relative"
    [ "$list" = "" ]
    # A script's own words, in a child of it.
    leaks alice sh "$view/bin/script.sh"
    [ "$output" = data ]
    [ "$(grep ' 1 ' <<<"$list")" = "file $view/bin/script.sh 1 $app/data/file" ]
    # pyvenv.cfg and .pth.
    site=$(echo "$WORK"/source/app/venv/lib/python3.*/site-packages)
    echo "$app/extra" >"$site/more.pth"
    leaks alice "$view/venv/bin/python3" -c 'import extra_module; print(extra_module.NAME)'
    rm "$site/more.pth"
    as_user alice node2 "$COPPER_BUILD/copper" refresh
    [ "$output" = extra ]
    [[ $list == *"file $view/venv/lib/python3."*"/site-packages/more.pth 1 $app/extra/extra_module.py"* ]]
    # Variables, the command line, the working directory, and a static program.
    leaks alice env PYTHONPATH="$app/extra" "$view/venv/bin/python3" -c 'import extra_module'
    [[ $list == *"environment PYTHONPATH 1 $app/extra/extra_module.py"* ]]
    leaks alice cat "$app/data/file"
    [ "$(grep ' 1 ' <<<"$list")" = "command - 1 $app/data/file" ]
    leaks alice env -C "$app/data" cat file
    [ "$(grep ' 1 ' <<<"$list")" = "directory - 1 $app/data/file" ]
    leaks alice "$view/bin/static"
    [ "$list" = "hard-coded - 1 $app/data/file" ]
}

@test "copper leaks: nothing is listed when all comes by the view, or below copper run" {
    local user view=$view
    leaks alice "$view/venv/bin/python3" "$view/venv/bin/tool"
    [ "$output" = tool ]
    [ "$list" = "" ]
    # A view that another process has made, in a namespace of its own. copper run itself looks at the mount point.
    leaks alice "$COPPER_BUILD/copper" run --over "$app" "$app/venv/bin/tool"
    [ "$output" = tool ]
    [ "$(grep -v " 0 $WORK/pfs$" <<<"$list")" = "" ]
    leaks root "$COPPER_BUILD/copper" run -v "$MOUNT" --over "$app" "$app/bin/script.sh"
    [ "$output" = data ]
    [ "$(grep -v " 0 $WORK/pfs$" <<<"$list")" = "" ]
    # What is no storage of a network counts by --over, in threads and their children, too.
    leaks root --over /usr/share /usr/bin/python3 -c '
import threading, subprocess
thread = threading.Thread(target=lambda: subprocess.run(["cat", "/usr/share/common-licenses/BSD"], stdout=subprocess.DEVNULL))
thread.start()
thread.join()'
    [[ $list == *"1 /usr/share/common-licenses/BSD"* ]]
}

# The program's output, status and signals are its own.
@test "copper leaks: the command is as it would be without" {
    local leaks=("$COPPER_BUILD/copper" leaks -o /tmp/list) said
    # shellcheck disable=SC2016
    for user in alice root; do
        leaks=("$COPPER_BUILD/copper" leaks -o "/tmp/list.$user")
        run -7 as_user $user node1 "${leaks[@]}" sh -c 'echo out; echo error >&2; exit 7'
        [ "$output" = $'out\nerror' ]
        run -143 as_user $user node1 sh -c '"$@"' sh "${leaks[@]}" sh -c 'kill -TERM $$'
        run -127 as_user $user node1 "${leaks[@]}" /nowhere
        [ "$output" = "copper: leaks: /nowhere: No such file or directory" ]
        run -126 as_user $user node1 "${leaks[@]}" /etc/passwd
        # A signal to it is one to the command, which ends as it likes.
        run -5 as_user $user node1 sh -c 'mkfifo /tmp/ready.'$user'; "$@" & pid=$!; read -r line </tmp/ready.'$user'; kill -TERM $pid; wait $pid' sh \
            "${leaks[@]}" sh -c 'trap "exit 5" TERM; echo go >/tmp/ready.'$user'; while :; do sleep 1; done' 3>/dev/null
        # What it leaves behind goes on.
        run -0 as_user $user node1 sh -c '"$@"; until grep -q late /tmp/late.'$user'; do sleep 0.1; done 2>/dev/null; cat /tmp/late.'$user sh \
            "${leaks[@]}" sh -c '(sleep 1; cat /etc/hostname >/dev/null && echo late >/tmp/late.'$user') >/dev/null 2>&1 &'
        [ "$output" = late ]
    done
    # One watches at a time; it is said, and nothing is run.
    run -125 as_user alice node1 "${leaks[@]/list.root/list.alice}" "$COPPER_BUILD/copper" leaks echo started
    [ "$output" = "copper: leaks: the command cannot be watched: a filter of system calls (seccomp) cannot be set: another program watches it already" ]
    run -2 as_user alice node1 "$COPPER_BUILD/copper" leaks
    run -125 as_user alice node1 "$COPPER_BUILD/copper" leaks -o /nowhere/list true
    [ "$output" = "copper: leaks: /nowhere/list: No such file or directory" ]
}
