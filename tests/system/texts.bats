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
        <(sed -n 's/^\.It \([a-z_]*\) Ta \(Fl\|\\&\) .*/\1/p' "$top/man/copper.conf.5" | grep -vx -e launcher -e network_types | sort)
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

# in_bash WORD...: what bash's completion makes of the last word, one a line.
in_bash() {
    # shellcheck disable=SC2016 # of that bash
    bash -c '. "$1"; shift; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        "_${1%.sh}" "$1" "${@: -1}" "${@: -2:1}"; printf "%s\n" "${COMPREPLY[@]}"' bash \
        "$top/packaging/completion/copper" "$@" | sort -u
}

# in_zsh WORD..., in_fish WORD...: the same.
in_zsh() {
    # "-" is itself a command of zsh, which copper run may be followed by.
    "$top/tests/support/zsh_completes" "$top/packaging/completion" "$*" | grep -vx -e -
}

in_fish() {
    # shellcheck disable=SC2016 # of that fish
    HOME=$BATS_TEST_TMPDIR fish -N -c 'for file in $argv[1]/*.fish; source $file; end
        complete -C "$argv[2]"' "$top/packaging/completion" "$*" | cut -f 1 | sort -u
}

# taken WORD...: the options that its help names. config takes those of a launch, too.
taken() {
    { "$COPPER_BIN/$1" "${@:2}" --help
        [ "$*" != "copper config" ] || "$COPPER_BIN/launch_copper.sh" --help; } | options | grep -vx -- -h
}

@test "completion offers each option that the help names, and no other" {
    "$COPPER_BIN/copper" --help | sed -n 's/^  \([a-z]*\) .*/\1/p' >"$BATS_TEST_TMPDIR/commands"
    for shell in bash zsh fish; do
        command -v "$shell" >/dev/null || skip "needs $shell"
        for program in launch_copper.sh stop_copper.sh; do
            diff -u <(taken "$program") <("in_$shell" "$program" -)
        done
        while read -r command; do
            diff -u <(taken copper "$command") <("in_$shell" copper "$command" -)
        done <"$BATS_TEST_TMPDIR/commands"
        diff <("in_$shell" copper "" | grep -v '^-') <(sort "$BATS_TEST_TMPDIR/commands" - <<<help)
        diff <("in_$shell" copper help '' | grep -v '^-') <(sort "$BATS_TEST_TMPDIR/commands")
        [ "$("in_$shell" launch_copper.sh -t f)" = $'file\nfile_and_stdout' ]
        [ "$("in_$shell" copper config -t f)" = $'file\nfile_and_stdout' ]
    done
    [ "$(in_bash launch_copper.sh -d "$top/pack")" = "$top/packaging" ]
    [ "$(in_bash copper stats -v "$top/pack")" = "$top/packaging" ]
}

@test "the messages in docs/sites.md are those that programs print" {
    sed -n '/^| symptom/,/^$/p' "$top/docs/sites.md" | cut -d '|' -f 2 | grep -o '`[^`]*`' | tr -d '`' |
        grep -v -e '^-' >"$BATS_TEST_TMPDIR/messages"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/messages")" -gt 20 ]
    # The sources, with what the compiler joins joined.
    cat "$top"/src/*/*.c "$top"/launch/*.sh | tr '\n' ' ' | sed 's/" *"//g; s/\\"/"/g' >"$BATS_TEST_TMPDIR/sources"
    while IFS= read -r message; do
        case $message in
        "no network interface"*) message="no network interface" ;;
        # the C library's
        "Transport endpoint is not connected" | "Permission denied" | "No such file or directory" | \
            "Stale file handle" | "Read-only file system") continue ;;
        esac
        grep -qF -e "$message" "$BATS_TEST_TMPDIR/sources" || { echo "nothing prints: $message"; false; }
    done <"$BATS_TEST_TMPDIR/messages"
}

@test "the launcher of the manual page is that of docs/launchers.md" {
    command -v mandoc >/dev/null || skip "needs mandoc"
    diff <(sed -n '/^```sh$/,/^```$/p' "$top/docs/launchers.md" | sed '/^```/d') \
        <(mandoc -T ascii -O width=200 "$top/man/copper-launchers.7" | col -bx | sed -n '/#!\/bin\/sh/,/^ *wait$/p' |
            sed 's/^     //')
    # The order in which schedulers are looked for.
    diff <(sed -n '/schedulers\[\] = {/,/};/p' "$top/src/copper/launcher_choice.c" | grep -oE '[A-Z_]+", "[a-z]+' |
        sed 's/", "/ /') \
        <(sed -n 's/^\.It Ev \([A-Z].*\) Ta \([a-z]*\) Ta .*/\1 \2/p' "$top/man/copper-launchers.7" |
            awk '{ for (i = 1; i < NF; i++) if ($i != ",") print $i, $NF }')
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
