# --learn: what a job has touched is on all nodes of the next one before anybody asks. With the real
# launcher, daemons and Python.
# SPDX-License-Identifier: BSD-3-Clause

setup_file() {
    load launch.bash
    skip_unless_root_fuse
    cluster_up -n 4
    # Modules, a small and a large one, a package, and directories in which names are missing.
    root=$CLUSTER_DIR/home/env
    export root
    mkdir -p "$root/site/pack/sub" "$root/empty"
    for name in a b c; do echo "$name = 1" >"$root/site/pack/$name.py"; done
    printf 'import pack.a, pack.b, pack.sub.deep\n' >"$root/site/start.py"
    touch "$root/site/pack/__init__.py" "$root/site/pack/sub/__init__.py"
    echo "deep = 1" >"$root/site/pack/sub/deep.py"
    head -c 3000000 /dev/urandom >"$root/site/large.bin"
    ln -s pack/c.py "$root/site/link.py"
}

teardown_file() {
    load launch.bash
    cluster_down
}

setup() {
    load launch.bash
    recipes=$CLUSTER_DIR/home/recipes.$BATS_TEST_NUMBER
    export COPPER_RECIPES=$recipes
}

teardown() {
    stop_all
}

learn() {
    launch -H "$nodes" -k 1 "$@"
}

# start NODE: imports the package, reads parts of the large file and the link's target.
start() {
    on "$1" env PYTHONDONTWRITEBYTECODE=1 python3 -IS -c '
import sys
sys.path[:0] = [sys.argv[1] + "/empty", sys.argv[1] + "/site"]
import start
with open(sys.argv[1] + "/site/large.bin", "rb") as f:
    f.seek(2 << 20)
    assert len(f.read(1 << 18)) == 1 << 18
assert open(sys.argv[1] + "/site/link.py").read() == "c = 1\n"
' "$mount$root"
}

# count NODE COUNTER
count() {
    copper "$1" stats --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["counters"].get(sys.argv[1], 0))' "$2"
}

# Of all nodes, from storage.
reads() {
    local node sum=0
    for node in node{1..4}; do
        sum=$((sum + $(count "$node" storage_read)))
    done
    echo "$sum"
}

count_is_above() {
    [ "$(count "$1" "$2")" -gt "$3" ]
}

replay_is_over() {
    [ "$(count "$1" recipe_objects)" -gt 0 ] && [ "$(count "$1" recipe_done)" = "$(count "$1" recipe_objects)" ]
}

@test "the second job asks its parents for nothing, and storage is read once" {
    local before reads node
    learn --learn test
    start node4
    [ ! -e "$recipes" ]
    run -0 stop
    [ "$output" = "copper: stopped on 4 nodes" ]
    [ "$(stat -c %a "$recipes/test.recipe")" = 600 ]
    run -0 copper login trace show test
    [[ $output == *" $root/site/pack/sub/deep.py"* && $output == *"/3000000 $root/site/large.bin"* ]]
    [[ $output == *"listing $root/empty"* ]]
    learn --learn test --learn-wait -E 600000
    [ "$(count node4 recipe_asked)" -gt 10 ]
    before=$(count node4 asked_parent)
    reads=$(reads)
    start node4
    start node2
    [ "$(count node4 asked_parent)" = "$before" ]
    [ "$(reads)" = "$reads" ]
    # Each node reads a part of a library from storage, whichever asks for it.
    on node4 cmp "$mount$root/site/large.bin" "$root/site/large.bin"
    for node in node{1..4}; do
        [ "$(count "$node" storage_read)" -gt 0 ]
    done
}

# With a byte a second a replay asks for one chunk and what comes before it, and then for nothing.
@test "a rate towards storage holds the replay back, and nobody who asks; its progress is shown" {
    local ended
    learn --learn test4
    on node2 cat "$mount$root/site/large.bin" >/dev/null
    start node4
    stop
    learn --learn test4 --storage-rate 1
    until_true count_is_above node3 recipe_bytes 0
    start node4
    run -0 on node3 cat "$mount$root/site/large.bin"
    [ "$(count node3 recipe_done)" -lt "$(count node3 recipe_objects)" ]
    [ "$(count node3 recipe_bytes)" -le 600000 ]
    stop
    run -130 on login env COPPER_RSH="$CLUSTER_BIN/rsh" "$BATS_TEST_DIRNAME/terminal" --interrupt-at 'objects), ' \
        "$COPPER_BIN/launch_copper.sh" -H "$nodes" -v "$mount" --learn test4 --learn-wait --storage-rate 1 -s 600
    [[ $output == *"copper: 4 nodes, 4 started, recipe "*" % ("*" of "*" objects), "*" s "* ]]
    learn --learn test4 --learn-wait --storage-rate 1 -s 600 >"$CLUSTER_DIR/launch.out" 2>&1 3>&- &
    until_true count_is_above node4 recipe_bytes 0
    stop
    ended=0
    wait $! || ended=$?
    [ "$ended" = 1 ]
    run -0 cat "$CLUSTER_DIR/launch.out"
    [[ $output == *"copper: the job was stopped while it was being launched"* ]]
    nothing_left
    run -2 learn --storage-rate fast
    [[ $output == *'--storage-rate: "fast" is not bytes a second; allowed are bytes or a number with K, M, G, KB, MB or GB, 0 for no bound'* ]]
    nothing_left
}

# Nothing of the recipe comes in time, and node3 begins after half of it. It waits as long as the others do, and the
# launch waits for it.
@test "a node that starts late waits for the recipe, too, and is not missing for that" {
    local within
    within=$(limit 10)
    learn --learn late
    start node4
    stop
    printf '%s\n' '#!/bin/sh' "case \$1\$* in node3*copperd*) sleep $((within * 6 / 10)) ;; esac" \
        "exec $CLUSTER_BIN/rsh \"\$@\"" >"$CLUSTER_DIR/home/late"
    chmod 755 "$CLUSTER_DIR/home/late"
    rsh=$CLUSTER_DIR/home/late run -0 learn --learn late --learn-wait --storage-rate 1 -s "$within"
    [[ $output == "copper: 4 nodes ready at "* ]]
    [ "$(count node3 recipe_done)" -lt "$(count node3 recipe_objects)" ]
}

# node3 begins when the time for that is over, so the launch ends before it has waited for its recipe.
@test "a node that began too late and waits for its recipe is told so" {
    learn --learn later
    start node4
    stop
    printf '%s\n' '#!/bin/sh' "case \$1\$* in node3*copperd*) sleep \$((\$(cat $CLUSTER_DIR/home/within) * 6 / 5)) ;; esac" \
        "exec $CLUSTER_BIN/rsh \"\$@\"" >"$CLUSTER_DIR/home/later"
    chmod 755 "$CLUSTER_DIR/home/later"
    waits_is_said() {
        [[ $output == *"copper: node3: still waits for its recipe (--learn-wait): with a larger -s "* ]]
    }
    for within in 5 20 80; do
        echo "$within" >"$CLUSTER_DIR/home/within"
        rsh=$CLUSTER_DIR/home/later run -1 learn --learn later --learn-wait --storage-rate 1 -s "$within"
        echo "$output"
        if waits_is_said; then break; fi
    done
    waits_is_said
    [[ $output != *"did not join"* ]]
    nothing_left
}

@test "without --learn-wait the launch does not wait; what comes later is right" {
    learn --learn test2
    start node3
    stop
    learn --learn test2
    start node4
    start node1
    # What came because of the recipe was used, and node3 has used nothing of it.
    until_true replay_is_over node3
    until_true replay_is_over node4
    start node4
    [ "$(count node4 recipe_used)" -le "$(count node4 recipe_sent)" ]
    [ "$(count node4 recipe_unused_bytes)" -le "$(count node4 recipe_bytes)" ]
    [ "$(count node3 recipe_sent)" -gt 10 ]
    [ "$(count node3 recipe_used)" = 0 ]
    [ "$(count node3 recipe_unused_bytes)" = "$(count node3 recipe_bytes)" ]
    start node3
    [ "$(count node3 recipe_used)" -gt 10 ]
    [ "$(count node3 recipe_unused_bytes)" -lt "$(count node3 recipe_bytes)" ]
    run -0 copper node3 stats --prometheus
    [[ $output == *"copper_recipe_sent_total"* && $output == *"copper_recipe_unused_bytes"* ]]
    run -0 stop
    [[ $output =~ "copper: recipe: of the "[0-9]+" paths and "[0-9.]+" "[KM]"B in it, "[0-9]+" paths and 0 B were not used"$'\n'"copper: stopped on 4 nodes" ]]
}

# A listing gives the kernel the names that are here with their attributes, and it asks for none of them.
@test "names that a listing brings count as used" {
    mkdir "$root/listed"
    touch "$root"/listed/{a,b,c}
    learn --learn test6
    on node4 ls -l "$mount$root/listed"
    stop
    learn --learn test6
    until_true replay_is_over node4
    on node4 ls -l "$mount$root/listed"
    run -0 stop
    [[ $output == *" in it, 0 paths and 0 B were not used"* ]]
    run -0 copper login trace show test6
    [[ $output == *" $root/listed/a"* && $output == *" $root/listed/c"* ]]
}

# requests: that processes of node4 have made so far for names, links, listings and content.
requests() {
    copper node4 stats --json | python3 -c 'import json, sys
counters = json.load(sys.stdin)["counters"]
print(sum(counters[f"fuse_{name}"] for name in ("lookup", "getattr", "readlink", "read", "readdir")))'
}

# read_many: how many of these it takes to read many files on node4.
read_many() {
    local before
    before=$(requests)
    on node4 sh -c 'cat "$1"/site/many/* | cksum; readlink "$1/site/link.py"' _ "$mount$root"
    echo $(($(requests) - before))
}

@test "with --learn-wait the kernel has it, too: few requests are made" {
    local i first cold warm
    mkdir "$root/site/many"
    for i in {1..160}; do echo "file $i" >"$root/site/many/$i"; done
    learn --learn kernel
    mapfile -t first < <(read_many)
    cold=${first[2]}
    stop
    learn --learn kernel --learn-wait -E 600000
    [ "$(count node4 warmed_names)" -gt 120 ]
    [ "$(count node4 warmed_bytes)" -gt 800 ]
    run -1 on node4 pgrep copperd-warm
    mapfile -t warm < <(read_many)
    [ "${warm[*]:0:2}" = "${first[*]:0:2}" ]
    [ $((4 * warm[2])) -lt "$cold" ]
    stop
    run -0 copper login trace show kernel
    [ "$(grep -c "/site/many/[0-9]*$" <<<"$output")" = 160 ] # also those that were left out
    rm -r "$root/site/many"
    learn --learn kernel --learn-wait
    [ "$(count node4 warmed_names)" -lt 80 ]
}

@test "what has changed since is read as it is now" {
    learn --learn test3
    start node4
    stop
    echo "changed = 1; a = 1" >"$root/site/pack/a.py"
    rm "$root/site/pack/b.py"
    learn --learn test3 --learn-wait
    run -0 on node4 cat "$mount$root/site/pack/a.py"
    [ "$output" = "changed = 1; a = 1" ]
    run -1 on node4 cat "$mount$root/site/pack/b.py"
    echo "b = 1" >"$root/site/pack/b.py"
    echo "a = 1" >"$root/site/pack/a.py"
}

@test "a damaged recipe, one of others, and none: the job runs, and the log says why" {
    mkdir -m 700 "$recipes"
    head -c 3000 /dev/urandom >"$recipes/bad.recipe"
    learn --learn bad --learn-wait -l 3 -d "$CLUSTER_DIR/home/log.$BATS_TEST_NUMBER"
    start node4
    run -0 stop
    [[ $output == *"bad.recipe: is damaged, or no recipe; it is replaced"*"stopped on 4 nodes"* ]]
    grep -q 'bad.recipe: is damaged, or no recipe; nothing is asked for in advance' \
        "$CLUSTER_DIR/home/log.$BATS_TEST_NUMBER"/copperd-node4*
    run -0 copper login trace show bad
    chmod 666 "$recipes/bad.recipe"
    learn --learn bad --learn-wait -l 3 -d "$CLUSTER_DIR/home/log.$BATS_TEST_NUMBER"
    start node4
    run -0 stop
    [[ $output == *"the recipe is not kept: "*"is not a file that only you can write"* ]]
    grep -q 'bad.recipe: can be written by others' "$CLUSTER_DIR/home/log.$BATS_TEST_NUMBER"/copperd-node4*
}

# run_script NODE NAME: below copper run; it imports the package through the mount.
run_script() {
    printf 'import sys\nsys.path[:0] = ["%s/site"]\nimport start\n' "$mount$root" >"$CLUSTER_DIR/home/$2"
    on "$1" env PYTHONDONTWRITEBYTECODE=1 COPPER_RECIPES="$recipes" "$COPPER_BIN/copper" run -- python3 -IS "$CLUSTER_DIR/home/$2"
}

@test "auto without a job's name: below copper run interpreter, prefix and command tell" {
    local first
    learn --learn auto
    run_script node2 train.py
    run_script node3 train.py
    run_script node3 other.py
    stop
    run -0 ls "$recipes"
    [[ $output =~ ^run-python3[.0-9]*-train\.py-[0-9a-f]{16}\.recipe$ ]]
    first=$output
    run -0 copper login trace show "$recipes/$first"
    [[ $output == *" $root/site/pack/sub/deep.py"* ]]
    # A later job has another name, or none, and the same command: what it reads is there without being asked for.
    learn --learn auto --learn-wait
    [ "$(count node4 recipe_objects)" = 0 ]
    run_script node4 train.py
    until_true replay_is_over node4
    [ "$(count node4 recipe_asked)" -gt 5 ]
    run -0 stop
    [[ $output == *"copper: recipe: of the "*" paths and "*" in it, "* ]]
    # Another command has a recipe of its own, and so has the same one in another prefix.
    learn --learn auto
    run_script node4 other.py
    [ "$(count node4 recipe_objects)" = 0 ]
    stop
    learn --learn auto
    VIRTUAL_ENV=$root run_script node1 train.py
    stop
    run -0 ls "$recipes"
    [ "${#lines[@]}" = 3 ]
    # A job's own name comes first; without a command that tells, nothing is kept.
    SLURM_JOB_NAME=mine learn --learn auto
    run_script node2 train.py
    stop
    learn --learn auto
    start node2
    stop
    run -0 ls "$recipes"
    [ "${#lines[@]}" = 4 ]
    [[ $output == "mine.recipe"$'\n'"run-"* ]]
}

@test "auto: the scheduler's name of the job; off; COPPER_LEARN" {
    learn --learn off
    run -1 copper login trace record x
    [[ $output == *"this job records nothing: launch it with --learn NAME"* ]]
    stop
    SLURM_JOB_NAME='../my job' COPPER_LEARN=auto learn
    start node2
    run -0 copper node3 trace record "$CLUSTER_DIR/home/now.recipe"
    stop
    run -0 ls "$recipes"
    [[ $output =~ ^_\._my_job-[0-9a-f]{16}\.recipe$ ]]
    # Each name has a recipe of its own, whatever of it can stand in that of a file.
    for name in 模型 训练 'a b' 'a.b' a_b "$(printf %0120d 1)" "$(printf %0120d 2)"; do
        SLURM_JOB_NAME=$name COPPER_LEARN=auto learn
        start node2
        stop
    done
    run -0 ls "$recipes"
    [ "${#lines[@]}" = 8 ]
    [[ $output == *"a.b.recipe"*"a_b.recipe"* ]]
}

@test "without a recipe the root reads a package on; other nodes, and who only looks, read nothing more" {
    local i used
    mkdir "$root/site/whole" "$root/site/other"
    for i in {1..20}; do
        echo "n = $i" >"$root/site/whole/m$i.py"
        echo "n = $i" >"$root/site/other/m$i.py"
    done
    python3 -m compileall -q "$root/site/whole" "$root/site/other"
    learn
    on node4 find "$mount$root/site/other" -ls >/dev/null
    [ "$(count node1 read_on)" = 0 ]
    run -0 on node4 env PYTHONDONTWRITEBYTECODE=1 python3 -IS -c '
import importlib, sys
sys.path[:0] = [sys.argv[1] + "/site"]
print(sum(importlib.import_module(f"whole.m{i}").n for i in range(1, 21)))' "$mount$root"
    [ "$output" = 210 ]
    used=$(count node1 read_on_used)
    [ "$used" -ge 10 ] && [ "$used" -le "$(count node1 read_on)" ]
    [ "$(count node1 read_on_unused_bytes)" -lt "$(count node1 read_on_bytes)" ]
    [ "$(count node2 read_on)" = 0 ] && [ "$(count node4 read_on)" = 0 ]
    run -0 copper login stats --all
    [[ $output == *"read by roots before anybody asked"* ]]
}

@test "a recipe where nothing is served is said at the launch" {
    COPPER_RECIPES=/var/recipes run -0 --separate-stderr learn --learn hidden
    [[ $stderr == *"--learn: /var/recipes/hidden.recipe is not served (--serve): "*"nothing is asked for in advance"* ]]
    stop || true
    run -0 --separate-stderr learn --learn seen
    [ -z "$stderr" ]
    stop
    run -0 --separate-stderr learn --learn-wait
    [ "$stderr" = "copper: --learn-wait: there is nothing to wait for without --learn NAME" ]
    stop
    COPPER_LEARN=off run -0 --separate-stderr learn --learn-wait
    [ -z "$stderr" ]
}

@test "trace: merge, and what is wrong" {
    learn --learn one
    on node2 cat "$mount$root/site/pack/a.py"
    stop
    learn --learn two
    on node3 cat "$mount$root/site/pack/c.py"
    stop
    run -0 copper login trace merge both one two
    run -0 copper login trace show both
    [[ $output == *"pack/a.py"*"pack/c.py"* ]]
    run -0 copper login trace show --json both
    python3 -c 'import json, sys; assert len(json.load(sys.stdin)["paths"]) > 5' <<<"$output"
    run -2 copper login trace merge both
    run -2 copper login trace paint one
    [[ $output == *'"paint" is no action; allowed are record, show and merge'* ]]
    run -1 copper login trace show three
    [[ $output == *"three.recipe: No such file or directory"* ]]
    # A name that no launch takes; a file that is none.
    for name in "" .. "my model" "$(printf %0101d 1)"; do
        run -2 copper login trace merge "$name" one two
        [[ $output == *"is not the name of a recipe; allowed are"* ]]
    done
    mkfifo "$recipes/pipe"
    ln -s one.recipe "$recipes/two.link"
    for name in pipe two.link; do
        run -1 copper login trace merge "$recipes/$name" one two
        [ "$output" = "copper: $recipes/$name: is there and not a file of this user alone" ]
    done
    [ -p "$recipes/pipe" ] && [ -L "$recipes/two.link" ]
    run -2 learn --learn a/b
    [[ $output == *'--learn: "a/b" is not the name of a recipe; allowed is auto, or up to 100 letters'* ]]
    run -2 learn --learn .x
    nothing_left
}
