# Scripts and manual pages: what a checker finds, and that they say what the programs do.
# SPDX-License-Identifier: BSD-3-Clause

setup() {
    top=$BATS_TEST_DIRNAME/../..
    [ -n "${COPPER_BIN:-}" ] || skip "needs COPPER_BIN: the build directory"
}

# The options in a text, one a line.
options() {
    grep -oE '(^|[ |,[(])-[A-Za-z](,| |$)|--[a-z-]+' | tr -d ' ,|[(' | sort -u
}

@test "scripts are clean for shellcheck" {
    command -v shellcheck >/dev/null || skip "needs shellcheck"
    cd "$top"
    shellcheck launch/*.sh
    shellcheck -x -s bash packaging/completion/copper tests/system/launch.bash
}

@test "manual pages are clean for mandoc" {
    command -v mandoc >/dev/null || skip "needs mandoc"
    for page in "$top"/man/*; do
        [ -z "$(mandoc -T lint -W warning "$page")" ]
    done
}

@test "each option of a program stands in its manual page, and no other" {
    command -v mandoc >/dev/null || skip "needs mandoc"
    for name in launch_copper.sh stop_copper.sh; do
        diff <("$COPPER_BIN/$name" --help | options) \
            <(mandoc -T ascii -O width=200 "$top/man/$name.1" | col -bx |
                sed '/^ENVIRONMENT/,$d' | grep -E '^ +-' | cut -c 1-40 | options)
    done
}

@test "each name of a site's defaults stands in the manual page, and no other" {
    # The mount directory and the ways to other hosts stand in the environment, or have a paragraph of their own.
    diff <("$COPPER_BIN/copper" config | sed 1d | cut -d ' ' -f 1 | grep -vx -e mount -e launcher -e COPPER_RSH | sort) \
        <(sed -n 's/^\.It \([a-z_]*\) Ta Fl .*/\1/p' "$top/man/copper.conf.5" | sort)
}

@test "each command has a manual page and completion" {
    "$COPPER_BIN/copper" --help | sed -n 's/^  \([a-z]*\) .*/\1/p' >"$BATS_TEST_TMPDIR/commands"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/commands")" -ge 5 ]
    while read -r command; do
        [ -f "$top/man/copper-$command.1" ]
        grep -q "\[$command\]" "$top/packaging/completion/copper"
        "$COPPER_BIN/copper" "$command" --help | grep -q "^usage: copper $command "
    done <"$BATS_TEST_TMPDIR/commands"
}

@test "completion offers what the launcher takes" {
    # shellcheck disable=SC2016
    offered=$(bash -c '. "$1"; COMP_WORDS=(launch_copper.sh -) COMP_CWORD=1
        _launch_copper launch_copper.sh - launch_copper.sh; printf "%s\n" "${COMPREPLY[@]}"' bash \
        "$top/packaging/completion/copper" | sort -u)
    diff <("$COPPER_BIN/launch_copper.sh" --help | options | grep -vx -- -h) <(echo "$offered")
}

@test "completion offers the commands and what each takes" {
    offered() {
        # shellcheck disable=SC2016
        bash -c '. "$1"; shift; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
            "_${1%.sh}" "$1" "${@: -1}" "${@: -2:1}"; printf "%s\n" "${COMPREPLY[@]}"' bash \
            "$top/packaging/completion/copper" "$@" | sort -u
    }
    "$COPPER_BIN/copper" --help | sed -n 's/^  \([a-z]*\) .*/\1/p' >"$BATS_TEST_TMPDIR/commands"
    diff <(offered copper '') <(sort "$BATS_TEST_TMPDIR/commands" - <<<$'help\n--help\n--version')
    diff <(offered copper help '') <(sort "$BATS_TEST_TMPDIR/commands")
    while read -r command; do
        diff <(offered copper "$command" -) \
            <("$COPPER_BIN/copper" "$command" --help | sed -n 's/^  \(--[a-z-]*\) .*/\1/p' | sort)
    done <"$BATS_TEST_TMPDIR/commands"
    diff <("$COPPER_BIN/stop_copper.sh" --help | options | grep -vx -- -h) <(offered stop_copper.sh -)
    [ "$(offered launch_copper.sh -t f)" = $'file\nfile_and_stdout' ]
    [ "$(offered launch_copper.sh -d "$top/pack")" = "$top/packaging" ]
    [ "$(offered copper stats -v "$top/pack")" = "$top/packaging" ]
}

@test "each option of a command stands in its manual page, and no other" {
    command -v mandoc >/dev/null || skip "needs mandoc"
    "$COPPER_BIN/copper" --help | sed -n 's/^  \([a-z]*\) .*/\1/p' >"$BATS_TEST_TMPDIR/commands"
    while read -r command; do
        diff <("$COPPER_BIN/copper" "$command" --help | sed -n 's/^  \(--[a-z-]*\) .*/\1/p' |
            grep -vx -- --help | sort) \
            <(sed -n 's/^\.It.* Fl -\([a-z-]*\).*/--\1/p' "$top/man/copper-$command.1" | sort)
    done <"$BATS_TEST_TMPDIR/commands"
}

@test "the modulefile for Tcl finds the tree it lies in" {
    command -v tclsh >/dev/null || skip "needs tclsh"
    run tclsh - <<END
proc module-whatis {text} {}
proc conflict {name} {}
proc prepend-path {name path} { puts "\$name \$path" }
proc append-path {name path} {}
set ModulesCurrentModulefile /opt/x/share/modulefiles/copper/0.1.0
source $top/packaging/modulefiles/copper.tcl
END
    [ "$output" = $'PATH /opt/x/bin\nMANPATH /opt/x/share/man\nXDG_DATA_DIRS /opt/x/share' ]
}
