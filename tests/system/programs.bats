# Programs that nobody here wrote, below copper run: the same job script with and without Copper does the same, as
# an ordinary user and as root.
# SPDX-License-Identifier: BSD-3-Clause

bats_require_minimum_version 1.5.0
load lib.bash

# A wheel with an entry point, as from an index.
wheel() {
    /usr/bin/python3 -I - "$1" <<'END'
import sys, zipfile
name = "greeter-1.0.dist-info/"
with zipfile.ZipFile(sys.argv[1] + "/greeter-1.0-py3-none-any.whl", "w") as z:
    z.writestr("greeter/__init__.py", "from .words import WORD\n\ndef main():\n    import sys\n    print(WORD, __file__, sys.argv[0], sys.executable)\n")
    z.writestr("greeter/words.py", 'WORD = "hello"\n')
    z.writestr(name + "METADATA", "Metadata-Version: 2.1\nName: greeter\nVersion: 1.0\n")
    z.writestr(name + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    z.writestr(name + "entry_points.txt", "[console_scripts]\ngreet = greeter:main\n")
    z.writestr(name + "RECORD", "")
END
}

# What gcc needs of a C library, below $1.
sysroot() {
    local file
    echo '#include <stdio.h>' | gcc -M -x c - | tr -s ' \\' '\n' | grep '^/usr/include' |
        while read -r file; do install -D -m 644 "$file" "$1$file"; done
    for file in Scrt1.o crti.o crtn.o libc.so libc_nonshared.a libc.so.6 ld-linux-x86-64.so.2 ld-linux-aarch64.so.1 libgcc_s.so.1; do
        file=$(gcc -print-file-name=$file)
        [[ $file != /* ]] || install -D -m 755 "$file" "$1$(realpath -s "$file")"
    done
    ln -s usr/lib "$1/lib"
    [ ! -d "$1/usr/lib64" ] || ln -s usr/lib64 "$1/lib64"
}

setup_file() {
    can_run || return 0
    bed_up 2
    local sw=$WORK/pfs/sw home=$WORK/pfs/home user
    mkdir -p "$sw"/{perl,tcl/greeter,lua,lib,bin,sysroot} "$home"
    chmod 777 "$home"
    # A Python below the home directory with all that belongs to it, as conda puts it there.
    mkdir -p "$home/conda/bin" "$home/conda/lib"
    cp "$(readlink -f /usr/bin/python3)" "$home/conda/bin/python3.real"
    ln -s python3.real "$home/conda/bin/python3"
    cp -r "/usr/lib/$(basename "$(readlink -f /usr/bin/python3)")" "$home/conda/lib/"
    # A virtual environment of it, and a package that pip has installed there.
    "$home/conda/bin/python3" -m venv --without-pip "$sw/venv"
    wheel "$WORK"
    /usr/bin/pip3 --python "$sw/venv/bin/python3" install --quiet --no-index --disable-pip-version-check "$WORK"/greeter-*.whl
    ln -s "$sw/venv" "$sw/current"
    printf '%s\n' 'package Greeter; use Cwd (); sub main { print "perl ", Cwd::realpath(__FILE__), "\n" } 1;' >"$sw/perl/Greeter.pm"
    printf '%s\n' 'package ifneeded greeter 1.0 [list source [file join $dir greeter.tcl]]' >"$sw/tcl/greeter/pkgIndex.tcl"
    printf '%s\n' 'package provide greeter 1.0' 'proc greet {} { puts "tcl [info library]" }' >"$sw/tcl/greeter/greeter.tcl"
    printf '%s\n' 'return { main = function() print("lua", debug.getinfo(1, "S").source) end }' >"$sw/lua/greeter.lua"
    echo 'const char *word(void) { return "library"; }' | gcc -shared -fPIC -x c -o "$sw/lib/libword.so" -
    printf '%s\n' '#include <stdio.h>' 'const char *word(void);' 'int main(void) { puts(word()); return 0; }' >"$sw/main.c"
    gcc -o "$sw/bin/word" "$sw/main.c" -L"$sw/lib" -lword -Wl,-rpath,"$sw/lib"
    # The loader puts the directory of the program in its place.
    # shellcheck disable=SC2016
    gcc -o "$sw/bin/origin" "$sw/main.c" -L"$sw/lib" -lword -Wl,-rpath,'$ORIGIN/../lib'
    printf '%s\n' '#include <stdio.h>' 'int main(void) { puts("compiled"); return 0; }' >"$sw/hello.c"
    sysroot "$sw/sysroot"
    # Java is no package of the tests: 180 MB. Where it is there, it is used.
    if command -v javac >/dev/null; then
        mkdir "$sw/java"
        printf 'class Hello { public static void main(String[] a) { System.out.println("java " + Hello.class.getResource("Hello.class")); } }\n' >"$WORK/Hello.java"
        javac -d "$sw/java" "$WORK/Hello.java"
    fi
    job_script >"$WORK/pfs/job.sh"
    for user in alice root; do
        as_user $user login env COPPER_RSH="$CLUSTER_BIN/rsh" "$COPPER_BUILD/launch_copper.sh" \
            -H node1,node2 -s "$PATIENCE" >&2
    done
}

# The job: what it prints is what a user of these programs would see.
job_script() {
    cat <<'END'
set -eu
. "$SW/venv/bin/activate"
export PERL5LIB=$SW/perl TCLLIBPATH=$SW/tcl LUA_PATH="$SW/lua/?.lua"
export PYTHONDONTWRITEBYTECODE=1
out=$(mktemp -d)
cd "$out"
command -v python3 greet
greet
"$SW/current/bin/greet"
python3 - <<'PROGRAM'
import json, os, sys, sysconfig, traceback
print(sys.prefix, sys.base_prefix, sys.executable, os.readlink("/proc/self/exe"))
print(json.__file__, sysconfig.get_path("purelib"), sorted(os.listdir(sysconfig.get_path("purelib"))))
try:
    json.loads("{")
except ValueError:
    traceback.print_exc(file=sys.stdout)
PROGRAM
"$CONDA/bin/python3" -m json.tool <<<'{"a": [1, 2]}'
"$CONDA/bin/python3" -c 'import subprocess, sys; print(subprocess.run([sys.executable, "-c", "import ssl, sqlite3, sys; print(sys.prefix)"], capture_output=True, text=True).stdout)'
perl -MGreeter -e 'Greeter::main(); print "$INC{q(Greeter.pm)}\n"'
echo 'package require greeter; greet' | tclsh
lua5.3 -e 'require("greeter").main()'
"$SW/bin/word"
ldd "$SW/bin/word" | grep libword | sed 's/ (.*//'
"$SW/bin/origin"
LD_DEBUG=files "$SW/bin/origin" 2>&1 | sed -n 's/.*calling init: \(.*libword.*\)/origin \1/p'
gcc --sysroot="$SW/sysroot" -o hello "$SW/hello.c"
./hello
gcc --sysroot="$SW/sysroot" -M "$SW/hello.c" | tr -s ' \\' '\n' | grep "$SW"
[ ! -e "$SW/java" ] || java -cp "$SW/java" Hello
tar --owner=0 --group=0 --sort=name -C "$SW" -cf - venv lib perl | cksum
find "$SW" "$CONDA/bin" -type l -printf '%p %l\n' | sort
diff -r "$SW/venv" "$SW/current/" && echo same
cp -a "$SW/lib" . && cmp lib/libword.so "$SW/lib/libword.so"
echo result >"$HOME/result"
cat "$HOME/result"
cd /
rm -r "$out"
END
}

teardown_file() {
    jobs_and_bed_down alice root
}

setup() {
    skip_unless_built
    sw=$WORK/pfs/sw
    conda=$WORK/pfs/home/conda
}

# job USER [WAY...]: the job script on node2.
job() {
    local user=$1
    shift
    as_user "$user" node2 env -C / SW="$sw" CONDA="$conda" HOME="$WORK/pfs/home" PATH="$conda/bin:/usr/local/bin:/usr/bin:/bin" \
        "$@" bash "$WORK/pfs/job.sh"
}

@test "the same job script with and without copper run does the same, as an ordinary user and as root" {
    local user without
    for user in root alice; do
        rm -f "$WORK/source/home/result"
        run -0 job $user
        without=$output
        [[ $without == *"hello $sw/venv/lib/python3."*"$sw/venv/bin/greet $sw/venv/bin/python3"* ]]
        [[ $without == *$'\n'"origin $sw/bin/../lib/libword.so"$'\n'* ]]
        [[ $without == *$'\nlibrary\n'*$'\ncompiled\n'*$'\nsame\nresult' ]]
        # By what the environment tells, and with all of it named.
        run -0 job $user "$COPPER_BUILD/copper" run
        diff <(echo "$without") <(echo "$output")
        run -0 job $user "$COPPER_BUILD/copper" run --over "$sw,$conda"
        diff <(echo "$without") <(echo "$output")
        rm -f "$WORK/source/home/result"
    done
}

# By what these programs read themselves, not by what they print.
@test "below copper run none of them reads these directories of storage past Copper" {
    local user
    for user in root alice; do
        run -0 job $user "$COPPER_BUILD/copper" leaks -o "/tmp/list.$user" "$COPPER_BUILD/copper" run --over "$sw,$conda"
        [[ $output == *$'\nsame\nresult' ]]
        rm -f "$WORK/source/home/result"
        run -0 on node2 cat "/tmp/list.$user"
        echo "$output"
        [[ $output != *"$sw/"* && $output != *"$conda"* ]]
        [[ $output == *"$WORK/pfs/job.sh"* ]]
    done
    # Without it they do.
    run -0 job alice "$COPPER_BUILD/copper" leaks -o /tmp/list.alice
    run -0 on node2 cat /tmp/list.alice
    [[ $output == *"$conda/bin/python3"* && $output == *"$sw/lib/libword.so"* && $output == *"$sw/sysroot/usr/include/stdio.h"* ]]
}
