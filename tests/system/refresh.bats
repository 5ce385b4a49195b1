# Refreshing: who uses the view loses nothing, all nodes show the new state when the command returns, and
# what is not below the path stays cached. node3 does without what Linux has later than 5.14.
# SPDX-License-Identifier: BSD-3-Clause

bats_require_minimum_version 1.5.0
load lib.bash

NODES="node1 node2 node3 node4"

setup_file() {
    can_run || return 0
    bed_up 4
    old_kernel_on node3
    # -E is longer than the tests take: what is seen is seen because of the refresh, and nothing else is asked for again.
    job_up -T 2 -k 1 -E 3600000
}

teardown_file() {
    job_down
    bed_down
}

known_is() {
    [ "$(on node4 cat "$leaf/known")" = "$1" ]
}

setup() {
    skip_unless_built
    own_directory
    copper node1 refresh "$WORK/pfs" # a listing without this directory is believed for -E
}

teardown() {
    local fd
    for fd in ${SITTERS:-}; do exec {fd}>&- || true; done
}

# furnish: what tests/system/sitter wants
furnish() {
    mkdir "$source/home" "$source/point"
    touch "$source/home/inhabitant"
    cp /bin/sleep "$source/program"
    head -c 300000 /dev/urandom >"$source/library"
    chmod 755 "$source/library"
}

# sit NODE: starts a sitter there; $sitter_NODE is its input, and what it says goes to a pipe.
sit() {
    mkfifo "$WORK/in.$dir.$1" "$WORK/out.$dir.$1"
    on "$1" unshare -m "$SYSTEM_DIR/sitter" "$leaf" <"$WORK/in.$dir.$1" >"$WORK/out.$dir.$1" 2>&1 3>&- &
    exec {to}>"$WORK/in.$dir.$1" {from}<"$WORK/out.$dir.$1"
    declare -g "to_$1=$to" "from_$1=$from"
    SITTERS="${SITTERS:-} $to $from"
    says "$1" ready
}

says() {
    local from="from_$1" line
    read -r -t "$PATIENCE" -u "${!from}" line
    [ "$line" = "$2" ] || { echo "$1: $line"; return 1; }
}

all_sit_well() {
    local node to
    for node in node2 node3 node4; do
        to="to_$node"
        echo >&"${!to}"
        says "$node" ok
    done
}

@test "refresh takes nothing from who uses the view, of / and of a path" {
    [ "$(jq_get "$(copper node3 doctor --json)" daemon.names_expire)" = False ]
    furnish
    for node in node2 node3 node4; do sit "$node"; done
    all_sit_well
    copper node1 refresh
    all_sit_well
    # All of it is looked at again: the sitters' names are found by others, too.
    for node in $NODES; do on "$node" ls -lR "$leaf" >/dev/null; done
    all_sit_well
    copper node4 refresh "$WORK/pfs/$dir"
    for node in $NODES; do on "$node" ls -lR "$leaf" >/dev/null; done
    all_sit_well
}

@test "a changed file and listing take nothing from who uses the rest" {
    furnish
    echo old >"$source/changed"
    echo old >"$source/home/changed"
    ln -s home "$source/link"
    for node in node2 node3 node4; do
        on "$node" cat "$leaf/changed" "$leaf/link/changed"
        sit "$node"
    done
    echo newer >"$source/changed"
    echo newest >"$source/new"
    echo newer >"$source/home/changed.new"
    mv "$source/home/changed.new" "$source/home/changed"
    rm "$source/link"
    ln -s "./home/" "$source/link"
    copper node3 refresh "$WORK/pfs/$dir"
    for node in $NODES; do
        [ "$(on "$node" cat "$leaf/changed" "$leaf/new" "$leaf/home/changed")" = $'newer\nnewest\nnewer' ]
        [ "$(on "$node" readlink "$leaf/link")" = ./home/ ]
    done
    all_sit_well
}

@test "refresh's return means that every node's kernel shows the new state" {
    mkdir "$source/d" "$source/e"
    for name in a b gone; do echo old >"$source/d/$name"; done
    ln -s a "$source/d/link"
    for round in 1 2 3; do
        for node in $NODES; do
            on "$node" sh -c 'cd "$1"; ls -lR . >/dev/null; cat d/a d/link; ls d/new e/new 2>&1; true' sh "$leaf"
        done
        echo "round $round" >"$source/d/a"
        rm -f "$source/d/link" "$source/d/gone"
        ln -s b "$source/d/link"
        echo "new $round" >"$source/d/new"
        echo "new $round" >"$source/e/new"
        copper "node$round" refresh "$WORK/pfs/$dir"
        for node in $NODES; do
            [ "$(on "$node" cat "$leaf/d/a")" = "round $round" ]
            [ "$(on "$node" cat "$leaf/d/new" "$leaf/e/new")" = $"new $round"$'\n'"new $round" ]
            [ "$(on "$node" readlink "$leaf/d/link")" = b ]
            [ "$(on "$node" ls "$leaf/d")" = $'a\nb\nlink\nnew' ]
            [ "$(on "$node" stat -c %s "$leaf/d/a")" = "$(stat -c %s "$source/d/a")" ]
            run ! on "$node" ls "$leaf/d/gone"
        done
        rm "$source/d/new" "$source/e/new" "$source/d/link"
        ln -s a "$source/d/link"
        touch "$source/d/gone"
        copper "node$round" refresh "$WORK/pfs/$dir"
    done
}

@test "a directory that was removed or replaced on storage is seen so" {
    mkdir "$source/d" "$source/r"
    echo one >"$source/d/f"
    for node in $NODES; do on "$node" cat "$leaf/d/f"; on "$node" ls "$leaf/r"; done
    mv "$source/d" "$WORK/source/away$dir"
    mkdir "$source/d"
    echo another >"$source/d/f"
    rmdir "$source/r"
    copper node2 refresh
    for node in $NODES; do
        [ "$(on "$node" cat "$leaf/d/f")" = another ]
        run ! on "$node" ls "$leaf/r"
    done
}

# finds FILE TEXT: all nodes do.
finds() {
    local node
    for node in $NODES; do
        [ "$(on "$node" cat "$leaf/$1")" = "$2" ] || { echo "$node: $1"; return 1; }
    done
}

@test "a path that did not exist, or was something else, is found; so is what was not on the way to it" {
    local node
    mkdir "$source/d"
    echo file >"$source/kind"
    for node in $NODES; do
        on "$node" sh -c 'cd "$1" && ls -l . d && ls d/new far/away/f kind/f 2>/dev/null; cat kind' sh "$leaf"
    done
    echo one >"$source/d/new"
    copper node3 refresh "$WORK/pfs/$dir/d/new"
    finds d/new one
    for node in $NODES; do
        [ "$(on "$node" ls "$leaf/d")" = new ]
        [ "$(on "$node" stat -c '%y' "$leaf/d")" = "$(stat -c '%y' "$source/d")" ]
    done
    mkdir -p "$source/far/away"
    echo two >"$source/far/away/f"
    copper node4 refresh "$WORK/pfs/$dir/far/away/f"
    finds far/away/f two
    # A directory where a file was, and back.
    rm "$source/kind"
    mkdir "$source/kind"
    echo three >"$source/kind/f"
    copper node2 refresh "$WORK/pfs/$dir/kind/f"
    finds kind/f three
    rm -r "$source/kind"
    echo four >"$source/kind"
    copper node1 refresh "$WORK/pfs/$dir/kind"
    finds kind four
    # Gone, and there again.
    rm "$source/d/new"
    copper node1 refresh "$WORK/pfs/$dir/d/new"
    for node in $NODES; do
        run ! on "$node" cat "$leaf/d/new"
        [ -z "$(on "$node" ls "$leaf/d")" ]
    done
    echo five >"$source/d/new"
    copper node1 refresh "$WORK/pfs/$dir/d/new"
    finds d/new five
}

@test "a path over symbolic links: the links and what they lead to are refreshed, as any user writes it" {
    local view=$leaf path name
    mkdir -p "$source/one/sub" "$source/two/sub"
    ln -s one "$source/link"
    ln -s "$WORK/pfs/$dir/link/sub" "$source/far"
    copper node1 refresh "$WORK/pfs/$dir"
    for path in link/sub/f far/f link/../one/sub/f; do
        # Absolute on storage, absolute in the view, relative in the view.
        for name in "$WORK/pfs/$dir/$path" "$view/$path" "./$path"; do
            echo "old $name" >"$source/one/sub/f"
            copper node2 refresh "$WORK/pfs/$dir/one/sub/f"
            for node in $NODES; do on "$node" cat "$view/one/sub/f" "$view/link/sub/f" >/dev/null; done
            echo "new $name" >"$source/one/sub/f"
            on node3 sh -c 'cd "$1" && "$2" refresh -v "$3" "$4"' sh "$view" "$COPPER_BUILD/copper" "$MOUNT" "$name"
            for node in $NODES; do
                [ "$(on "$node" cat "$view/link/sub/f")" = "new $name" ]
            done
        done
    done
    # A link that leads elsewhere now.
    echo two >"$source/two/sub/f"
    rm "$source/link"
    ln -s two "$source/link"
    copper node1 refresh "$WORK/pfs/$dir/link/sub"
    for node in $NODES; do [ "$(on "$node" cat "$view/link/sub/f")" = two ]; done
    run -1 copper node1 refresh ""
    [[ $output == *"No such file or directory"* ]]
    ln -s round "$source/round"
    run -1 copper node1 refresh "$WORK/pfs/$dir/round/x"
    [[ $output == *"symbolic links"* ]]
}

@test "a path on storage that hangs is refreshed as it is written" {
    mkdir "$source/stuck"
    pfs hang "/$dir/stuck" lookup
    run -0 copper node1 refresh "$WORK/pfs/$dir/stuck/../stuck/x"
    pfs unhang
    [[ $output == *"/stuck/x: storage does not answer: links in it are not followed"* ]]
    [[ $output == *"$WORK/pfs/$dir/stuck/x: refreshed on 4 nodes"* ]]
}

@test "a kernel that waits for storage ends the refresh after its time, and is told when storage has answered" {
    local reader
    echo old >"$source/known"
    copper node1 refresh "$WORK/pfs/$dir"
    [ "$(on node4 cat "$leaf/known")" = old ]
    pfs hang "/$dir/absent" lookup
    touch "$source/absent"
    copper node1 refresh "$WORK/pfs/$dir" # the listing of before would answer
    on node4 stat "$leaf/absent" >"$WORK/said" 2>&1 3>&- &
    reader=$!
    until_true hanging_are 1
    [ "$(on node4 cat "$leaf/known")" = old ] # the kernel has a name there to be told of
    echo newer >"$source/known"
    run timeout "$PATIENCE" "$CLUSTER_BIN/cluster" run "$CLUSTER_DIR" node1 \
        "$COPPER_BUILD/copper" refresh -v "$MOUNT" "$WORK/pfs/$dir"
    pfs unhang
    wait "$reader"
    [ "$status" = 1 ]
    [[ $output == *"$WORK/pfs/$dir: 1 node did not answer: node4"* ]]
    until_true known_is newer
}

@test "who has a changed file open goes on with its old bytes" {
    local going=() pids=()
    head -c 40000 /dev/urandom >"$source/file"
    cp "$source/file" "$WORK/was"
    for node in node2 node3; do
        on "$node" cmp "$leaf/file" "$WORK/was"
        # The content is asked for after the refresh, of a file whose name leads to another by then.
        mkfifo "$WORK/go.$node"
        # shellcheck disable=SC2016
        on "$node" sh -c 'exec 5<"$1"; read -r _ <"$2"; cmp - "$3" <&5 && echo same' sh \
            "$leaf/file" "$WORK/go.$node" "$WORK/was" >"$WORK/said.$node" 2>&1 3>&- &
        pids+=($!)
    done
    for node in node2 node3; do
        exec {go}>"$WORK/go.$node"
        going+=("$go")
    done
    head -c 50000 /dev/urandom >"$source/file"
    copper node1 refresh
    for node in $NODES; do on "$node" cmp "$leaf/file" "$source/file"; done
    for go in "${going[@]}"; do
        echo >&"$go"
        exec {go}>&-
    done
    wait "${pids[@]}"
    [ "$(cat "$WORK/said.node2" "$WORK/said.node3")" = $'same\nsame' ]
}

@test "with two trees a refresh of a path leaves other paths cached, everywhere" {
    mkdir "$source/a" "$source/b"
    for name in 1 2 3 4 5 6 7 8; do
        echo "$name" >"$source/a/$name"
        echo "$name" >"$source/b/$name"
    done
    read_all() {
        # shellcheck disable=SC2016
        for node in $NODES; do on "$node" sh -c 'cat "$1"/*; stat "$1"/* >/dev/null; ls -l "$1"' sh "$leaf/$1" >/dev/null; done
    }
    for round in 1 2 3; do
        read_all a
        read_all b
        copper "node$round" refresh "$WORK/pfs/$dir/a"
        read_all a
        pfs reset
        read_all b
        pfs paths >"$WORK/asked"
        run ! grep -P "\t/$dir/b/" "$WORK/asked"
    done
    for node in $NODES; do
        [ "$(jq_get "$(copper "$node" status --json)" generation)" = \
            "$(jq_get "$(copper node1 status --json)" generation)" ]
    done
}
