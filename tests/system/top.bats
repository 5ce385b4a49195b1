# copper top: live in a terminal (tmux), and as text. With the real launcher and daemons.
# SPDX-License-Identifier: BSD-3-Clause

setup_file() {
    load launch.bash
    skip_unless_root_fuse
    cluster_up -n 4
    tree=$CLUSTER_DIR/home/tree
    export tree
    mkdir -p "$tree"
    launch -H "$nodes" -k 1 -E 1
}

teardown_file() {
    load launch.bash
    stop_all
    cluster_down
}

setup() {
    load launch.bash
    work=$CLUSTER_DIR/home/work # the nodes see it, too
    rm -rf "$work"
    mkdir "$work"
}

teardown() {
    tmux_ kill-server 2>/dev/null || true
    [ -z "${busy:-}" ] || rm -f "$busy"
    wait
}

tmux_() {
    on node4 env LC_ALL=C.UTF-8 PS1='prompt> ' tmux -S "$work/tmux" -f /dev/null -u "$@"
}

# open WIDTH HEIGHT [COMMAND]: a shell of node4 in a terminal, in which the command was typed.
open() {
    tmux_ new-session -d -x "$1" -y "$2" bash --norc --noprofile -i
    shows 'prompt>'
    keys "stty -a >$work/before; ${3:-$COPPER_BIN/copper top}; echo status \$?" Enter
}

keys() {
    tmux_ send-keys "$@"
}

page() {
    tmux_ capture-pane -p 2>/dev/null
}

# last_line N TEXT: the page's last line, which is its Nth, has the text.
last_line() {
    page | sed -n "$1p;$(($1 + 1))q" | grep -qF -- "$2" && [ "$(page | wc -l)" = "$1" ]
}

has() {
    page | grep -qE -- "$1"
}

has_not() {
    ! has "$1"
}

# shows PATTERN / shows_no PATTERN: soon.
shows() {
    until_true has "$1" || {
        page
        return 1
    }
}

shows_no() {
    until_true has_not "$1" || {
        page
        return 1
    }
}

# The settings of the terminal are those before top. What was typed is seen before it is done, the file when it is.
same_terminal() {
    rm -f "$work/after"
    keys "stty -a >$work/after.; mv $work/after. $work/after" Enter
    until_true test -e "$work/after"
    diff <(sed 's/rows [0-9]*; columns [0-9]*//' "$work/before") \
        <(sed 's/rows [0-9]*; columns [0-9]*//' "$work/after")
}

# A process on node 3 asks for two names that do not exist until the file of that name is removed. One has what a
# terminal would obey.
ask_all_the_time() {
    busy=$work/busy
    touch "$busy"
    on node3 bash -c "while [ -e $busy ]; do [ -e $mount$tree/none ]; [ -e $mount$tree/\$'red\\033[31m' ]; done" 3>&- &
}

@test "copper top: rates, lists, tree, sort, filter, help, a new size; the terminal is as before" {
    ask_all_the_time
    open 80 24
    shows '4 of 4 answer'
    shows '^node3 +[1-9][0-9]* '
    run -0 page
    [[ $output == *"[nodes]"*"by p99"* ]] && [[ $output == *"q quit"* ]]
    keys '>'
    shows 'by requests'
    keys r
    shows 'by requests, reversed'
    keys r p
    shows '\[paths]'
    shows '/tree/red.x1b.31m'
    keys l
    shows '^node3 +node2 +[1-9]'
    keys t
    shows 'node, with all below it'
    run -0 page
    diff <(grep -oE '^ *node[1-4] +[1-4] ' <<<"$output" | tr -s ' ') - <<<$'node1 4 \n node2 3 \n node3 2 \n node4 1 '
    has '^ {6}node4'
    keys n /
    shows 'filter: _'
    keys ode4 Enter
    shows_no 'node3'
    keys Escape
    shows 'node3'
    keys '?'
    shows 'draw the page anew'
    keys x
    shows_no 'draw the page anew'
    keys Space
    shows 'paused'
    tmux_ resize-window -x 120 -y 12
    until_true last_line 12 'q quit'
    keys Space q
    shows 'status 0'
    shows_no 'q quit' # what was there before top
    same_terminal
}

@test "copper top is stopped and goes on, and gives the terminal back at each signal" {
    local signal
    open 80 24
    shows '4 of 4 answer'
    keys C-z
    shows_no 'q quit'
    same_terminal
    keys 'clear; fg; echo status $?' Enter
    shows 'q quit'
    keys C-c
    shows 'status 0'
    for signal in TERM HUP; do
        keys "clear; sh -c 'echo \$\$ >$work/pid; exec $COPPER_BIN/copper top'; echo ended \$?" Enter
        shows '4 of 4 answer'
        on node4 kill -$signal "$(cat "$work/pid")"
        shows "ended $((128 + $(kill -l $signal)))"
        same_terminal
    done
    keys "clear; TERM=dumb $COPPER_BIN/copper top; TERM=no-such $COPPER_BIN/copper top" Enter
    shows 'top: TERM=dumb: this terminal cannot move its cursor; use --once'
    shows 'top: TERM=no-such: this terminal is not known; use --once'
}

@test "copper top without its part for the terminal: missing, not to be loaded, of another version; --once needs none" {
    cp "$COPPER_BIN/copper" "$work/copper"
    open 200 24 true
    shows 'status 0'
    keys "clear; $work/copper top; echo status \$?" Enter
    shows '^copper: top: there is no screen.so beside this copper: .*; use --once'
    shows 'status 1'
    echo 'no library' >"$work/screen.so"
    keys "clear; $work/copper top; echo status \$?" Enter
    shows "^copper: top: $work/screen.so: .*; install ncurses, or use --once"
    shows 'status 1'
    cp "$COPPER_BIN/isatty.so" "$work/screen.so"
    keys "clear; $work/copper top; echo status \$?" Enter
    shows "^copper: top: $work/screen.so is not of this version of copper: "
    shows 'status 1'
    rm "$work/screen.so"
    mkdir -p "$CLUSTER_DIR/home/lib/copper"
    cp "$COPPER_BIN/screen.so" "$CLUSTER_DIR/home/lib/copper/screen.so"
    keys "clear; $work/copper top" Enter
    shows '4 of 4 answer'
    keys q
    rm -r "$CLUSTER_DIR/home/lib"
    run -0 on node4 "$work/copper" top --once
}

@test "copper top --once and --json: one sample, with the same figures; wrong uses are told" {
    ask_all_the_time
    run -0 copper node4 top --once -d 1
    [[ $output == "copper top   job "*"4 of 4 answer"* ]]
    grep -E '^node3 +[1-9]' <<<"$output"
    [[ $output == *'/tree/red\x1b[31m'* ]] && [[ $output != *$'\033'* ]]
    copper node4 top --once --json -n 2 >"$work/json"
    python3 - "$work/json" <<'END'
import json, sys

lines = open(sys.argv[1]).read().splitlines()
assert len(lines) == 2
for line in lines:
    top = json.loads(line)
    assert top["answered"] == top["node_count"] == 4 and 0.8 < top["seconds"] < 60
    assert abs(sum(n["requests"] for n in top["nodes"]) - top["rates"]["requests"]) < 0.01
    assert abs(sum(n["storage"] for n in top["nodes"]) - top["rates"]["storage_operations"]) < 0.01
    nodes = {n["host"]: n for n in top["nodes"]}
    assert set(nodes) == {"node1", "node2", "node3", "node4"}
    assert nodes["node3"]["requests"] > nodes["node1"]["requests"]
    below = {n["host"]: n for n in top["tree"]}
    assert [below[h]["nodes"] for h in sorted(below)] == [4, 3, 2, 1]
    assert abs(below["node1"]["requests"] - top["rates"]["requests"]) < 0.01
    assert below["node3"]["parent"] == "node2" and "parent" not in below["node1"]
    assert any(p["path"].endswith("/tree/none") and p["missing"] > 0 for p in top["paths"]), top["paths"]
    assert top["dead"] == top["silent"] == top["left_out"] == []
    assert top["latency"]["answers"]["count"] > 0
END
    "$BATS_TEST_DIRNAME/top_check.py" "$BATS_TEST_DIRNAME/../../docs/top.schema.json" "$work/json"
    run -2 copper node4 top </dev/null
    [ "$output" = "copper: top: this is not a terminal: use --once" ]
    run -2 copper node4 top --json
    run -2 copper node4 top -d 0
    run -2 copper node4 top -n x
    run -1 copper node4 top --once -v /tmp/nothing
    [[ $output == "copper: nothing is mounted at /tmp/nothing"* ]]
}

@test "copper top marks a killed node as dead in the tree, and says when the job has ended" {
    open 80 24
    shows '4 of 4 answer'
    keys t
    kill_for_good node3
    shows '3 of 4 answer +1 dead: node3'
    shows '^ +node3 .* dead'
    shows '^ +node4 +1 '
    run -1 copper node4 top --once
    [[ $output == *"1 dead: node3"* ]]
    stop --all -H "$nodes" || true
    shows 'copper: top: the job has ended'
    shows 'status 1'
    launch -H "$nodes" -k 1 -E 1
}
