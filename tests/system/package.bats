# Packages: what cpack makes of a build, and the .deb's whole life in a Debian of its own.
# SPDX-License-Identifier: BSD-3-Clause

setup_file() {
    bats_require_minimum_version 1.5.0
    load ../cluster/lib.bash
    skip_unless_root_fuse
    export work=$BATS_FILE_TMPDIR
    (cd "$work" && for kind in DEB RPM TGZ; do
        cpack -G "$kind" --config "$COPPER_BIN/CPackConfig.cmake" -B "$work/$kind" >"$work/$kind.log" || cat "$work/$kind.log"
    done)
}

teardown_file() {
    ! mountpoint -q "$work/root" || umount "$work/root"
}

setup() {
    deb=("$work"/DEB/*.deb) rpm=("$work"/RPM/*.rpm) tgz=("$work"/TGZ/*.tar.gz)
}

# names: what an installation holds, of names below its prefix.
names() {
    cmake --install "$COPPER_BIN" --prefix "$work/tree" >/dev/null
    (cd "$work/tree" && find . ! -type d | sort)
}

@test "each kind of package holds what an installation has, with the depends of its programs" {
    names >"$work/names"
    dpkg-deb --fsys-tarfile "${deb[0]}" | tar tf - | sed -n 's|^\./usr/|./|p' | grep -v '/$' |
        sed 's|zsh/vendor-completions|zsh/site-functions|' | sort | diff "$work/names" -
    rpm -qp --queryformat '[%{FILEMODES:perms} %{FILENAMES}\n]' "${rpm[0]}" | grep -v -e ^d -e /.build-id/ |
        sed 's|^[^ ]* /usr/|./|' | sort | diff "$work/names" -
    tar tf "${tgz[0]}" | sed -n 's|^copper-[^/]*/|./|p' | grep -v '/$' | sort | diff "$work/names" -
    for library in fuse3 libfuse3-3 libuv1 libsodium23 libjansson4 libxxhash0 libncursesw6; do
        dpkg-deb -f "${deb[0]}" Depends | grep -qw "$library"
    done
    # Names that RHEL's and SLES's packages provide: libraries by soname, and fuse3. No Slurm, with the plugin in it.
    for need in '/bin/sh' 'fuse3' 'libfuse3\.so\.3' 'libuv\.so\.1' 'libsodium\.so\.' 'libjansson\.so\.4' 'libxxhash\.so\.0' 'libncursesw\.so\.6'; do
        rpm -qRp "${rpm[0]}" | grep -q "^$need"
    done
    run -1 grep -vE '^(/bin/sh|fuse3|lib(c|m|pthread|fuse3|uv|sodium|jansson|xxhash|ncursesw|tinfo)\.so\.|rpmlib|rtld|ld-linux)' \
        <(rpm -qRp "${rpm[0]}")
    [ -z "$output" ]
}

# shellcheck disable=SC2016 # of the shells there
@test "the .deb's files below /usr: bash, zsh, fish and man find what is theirs, with nothing set" {
    local shell
    for shell in zsh fish man; do command -v "$shell" >/dev/null || skip "needs $shell"; done
    [ -f /usr/share/bash-completion/bash_completion ] || skip "needs bash-completion"
    dpkg-deb -x "${deb[0]}" "$work/unpacked"
    cat >"$work/shells" <<'END'
mount -t overlay overlay -o lowerdir="$1/usr:/usr" /usr
echo "zsh $("$2" "$1" "copper sta" | xargs) $("$2" "$1" "launch_copper.sh -t f" | xargs) $("$2" "$1" "stop_copper.sh --al" | xargs)"
echo "fish $(fish -c 'complete -C "copper sta"; complete -C "launch_copper.sh -t f"; complete -C "stop_copper.sh --al"' | cut -f 1 | xargs)"
for command in "copper sta" "launch_copper.sh -t f" "stop_copper.sh --al"; do
    bash --norc -c '. /usr/share/bash-completion/bash_completion
        COMP_WORDS=($1) COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _completion_loader "${COMP_WORDS[0]}"
        function=$(complete -p "${COMP_WORDS[0]}" | sed "s/.*-F \([^ ]*\) .*/\1/")
        "$function" "${COMP_WORDS[0]}" "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}"
        echo "bash $(printf "%s\n" "${COMPREPLY[@]}" | sort | xargs)"' bash "$command"
done
man -w copper launch_copper.sh stop_copper.sh copperd copper.conf copper-launchers spank_copper
END
    run -0 env -u MANPATH -u XDG_DATA_DIRS -u FPATH HOME="$work" LC_ALL=C unshare -m --propagation private \
        bash -e "$work/shells" "$work/unpacked" "$BATS_TEST_DIRNAME/../support/zsh_completes"
    echo "$output"
    [ "${lines[0]}" = "zsh stage stats status file file_and_stdout --all" ]
    [ "${lines[1]}" = "fish stage stats status file file_and_stdout --all" ]
    [ "${lines[2]}, ${lines[3]}, ${lines[4]}" = "bash stage stats status, bash file file_and_stdout, bash --all" ]
    [ "${#lines[@]}" = 12 ]
}

# shellcheck disable=SC2016 # of the shells there
@test "the .tar.gz unpacked below a name with blanks: launched, looked at, stopped; man and completion" {
    local to="$work/a site's place" name
    mkdir -p "$to"
    tar xzf "${tgz[0]}" -C "$to"
    name=$(echo "$to"/copper-*)
    mkdir "$to/mount"
    run -0 env COPPER_RUN_DIR="$work/run" COPPER_MOUNT="$to/mount" sh -ec 'PATH="$1/bin:$PATH"
        trap stop_copper.sh EXIT # in any case: what is mounted lies in a directory that is removed
        launch_copper.sh
        cat "$COPPER_MOUNT/etc/hostname"
        copper status --json | grep "\"mount\""' sh "$name"
    echo "$output"
    [[ ${lines[0]} == "copper: 1 node ready at $to/mount in "* ]]
    [ "${lines[1]}" = "$(cat /etc/hostname)" ]
    [[ ${lines[2]} == *"\"$to/mount\""* ]]
    [[ $output == *"copper: stopped on 1 node"* ]]
    run "$name/bin/copper" doctor
    [[ $status -le 1 && $output == *fusermount3* ]]
    run -0 "$name/bin/copper" config
    [ "${lines[0]}" = "site's file: $name/etc/copper.conf (not there)" ]
    run -0 env MANPATH="$name/share/man" man -w copper-status copper-launchers spank_copper
    [ "${lines[0]}" = "$name/share/man/man1/copper-status.1" ]
    run -0 bash -c '. "$1"; COMP_WORDS=(copper sta) COMP_CWORD=1; _copper copper sta copper
        echo "${COMPREPLY[*]}"' bash "$name/share/bash-completion/completions/copper"
    [ "$output" = "stage stats status" ]
}

# rpm_root COMMAND...: rpm in a root of its own; without the words with which Debian's warns.
rpm_root() {
    rpm --root "$work/rpm" --dbpath /var/lib/rpm "$@" 2>&1 | grep -v -e 'RPM should not be used' -e 'assuming you know' || true
}

@test "the .rpm in an empty root: installed, verified, launched from there, erased, nothing left; no scripts, all of root" {
    local to=$work/rpm
    mkdir "$to"
    [ -z "$(rpm -qp --scripts --triggers "${rpm[0]}")" ]
    run -0 rpm -qp --queryformat '[%{FILEUSERNAME} %{FILEGROUPNAME} %{FILEMODES:perms}\n]' "${rpm[0]}"
    run -1 grep -vE '^root root (l|[-d]rw[-x]r-[-x]r-[-x]$)' <<<"$output"
    # --nodeps: RHEL's names of packages are unknown here.
    [ -z "$(rpm_root -i --nodeps "${rpm[0]}")" ]
    [ -z "$(rpm_root -V --nodeps copper)" ]
    run -0 env COPPER_RUN_DIR="$work/run" COPPER_MOUNT="$to/srv" sh -ec 'PATH="$1/usr/bin:$PATH"
        trap stop_copper.sh EXIT
        mkdir -p "$COPPER_MOUNT"
        launch_copper.sh
        cat "$COPPER_MOUNT/etc/hostname"' sh "$to"
    echo "$output"
    [[ ${lines[0]} == "copper: 1 node ready at $to/srv in "* ]]
    [ "${lines[1]}" = "$(cat /etc/hostname)" ]
    [ "${lines[-1]}" = "copper: stopped on 1 node" ]
    [ -z "$(rpm_root -e --nodeps copper)" ]
    run find "$to" ! -type d ! -path "$to/var/lib/rpm/*"
    [ -z "$output" ]
}

# debian_of_mirror ROOT PACKAGE,...: the least system, and the packages.
debian_of_mirror() {
    local site proxy=
    site=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' | head -n 1)
    eval "$(apt-config shell proxy Acquire::http::Proxy)"
    [ -z "$proxy" ] || export http_proxy=$proxy https_proxy=$proxy
    # As where there is none, to see the other way.
    [ -z "${COPPER_TEST_NO_MIRROR:-}" ] || return 1
    timeout 400 debootstrap --variant=minbase --include="$2" "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$1" "$site"
}

# debian_of_packages ROOT PACKAGE...: the same where only apt knows the way to a mirror, or nobody does: the files
# of those packages that debootstrap would install, as they are on this machine, in memory. A package that is not
# named is not there, so one that the .deb needs and does not name is missed.
debian_of_packages() {
    local root=$1 names name
    shift
    rm -rf --one-file-system "$root"
    mkdir "$root"
    mount -t tmpfs -o mode=755 tmpfs "$root"
    # All that is essential or required, and what those and the named ones depend on.
    names=$(dpkg-query -W -f '${Package} ${Essential} ${Priority}\n' | awk '$2 == "yes" || $NF == "required" { print $1 }')
    # shellcheck disable=SC2086 # words
    names=$(apt-cache depends --recurse --installed --no-recommends --no-suggests --no-conflicts --no-breaks \
        --no-replaces --no-enhances $names "$@" | sed -n 's/^\([a-z0-9][^ :]*\)$/\1/p' | sort -u)
    mkdir -p "$root"/{dev,proc,sys,tmp,root,home,run,srv,opt,etc,usr/{bin,sbin,lib,lib32,lib64,libx32},var/lib/dpkg/info,var/lib/dpkg/updates,var/lib/dpkg/triggers}
    for name in $names; do
        # Also virtual ones are among the names.
        dpkg-query -L "$name" 2>/dev/null || continue
        echo "$name" >>"$root/installed"
    done | sed -n 's|^/||p' | sort -u >"$work/files"
    # Links that no package owns: those of the merged /usr, and alternatives.
    (cd / && find bin sbin lib* -maxdepth 0 -type l && find etc/alternatives -type l && find usr/bin usr/sbin -type l -lname '/etc/alternatives/*') >"$work/links"
    tar -C / --no-recursion -T "$work/links" -cf - | tar -C "$root" -xf -
    tar -C / --no-recursion --ignore-failed-read --exclude=copper -T "$work/files" -cf - 2>/dev/null | tar -C "$root" --keep-directory-symlink -xf -
    cp /etc/passwd /etc/group /etc/shadow /etc/login.defs "$root/etc/"
    # What dpkg itself knows: these packages.
    awk -v names="$root/installed" 'BEGIN { while ((getline name <names) > 0) is[name]; RS = ""; ORS = "\n\n" }
        { split($0, line, "\n"); sub(/^Package: /, "", line[1]) } line[1] in is' /var/lib/dpkg/status >"$root/var/lib/dpkg/status"
    while IFS= read -r name; do
        for name in /var/lib/dpkg/info/"$name".* /var/lib/dpkg/info/"$name":*; do
            [ ! -e "$name" ] || cp "$name" "$root/var/lib/dpkg/info/"
        done
    done <"$root/installed"
    cp /var/lib/dpkg/info/format "$root/var/lib/dpkg/info/"
    chroot "$root" /sbin/ldconfig
}

@test "the .deb in a Debian of its own: installed, launched, imported from, stopped, purged, nothing left" {
    local root=$work/root depends
    depends=$(dpkg-deb -f "${deb[0]}" Depends | sed 's/([^)]*)//g; s/ //g')
    if debian_of_mirror "$root" "python3-minimal,$depends" >"$work/debootstrap.log" 2>&1; then
        echo "# a Debian from the mirror, with debootstrap" >&3
    else
        tail -n 3 "$work/debootstrap.log"
        echo "# a Debian of this machine's packages: debootstrap reaches no mirror" >&3
        debian_of_packages "$root" python3-minimal ${depends//,/ }
    fi
    cp "${deb[0]}" "$root/copper.deb"
    install -m 755 /dev/stdin "$root/life" <<'END'
#!/bin/sh
# One life of the package; root's directory is where it has its own mounts.
set -eu
mount -t proc proc /proc
mount -t tmpfs tmpfs /tmp
chmod 1777 /tmp
[ -e /dev/fuse ] || mknod -m 666 /dev/fuse c 10 229
ip link set lo up 2>/dev/null || true
useradd -m alice
[ -L /etc/mtab ] || ln -sf ../proc/self/mounts /etc/mtab # as init does; fusermount3 looks there before it unmounts
list() { find /bin /etc /home /lib /opt /root /sbin /usr ! -path /etc/ld.so.cache | sort; }
list >/life.before
dpkg -i /copper.deb >/dev/null
mkdir -p /srv/env
echo 'word = "read"' >/srv/env/module.py
echo 'fanout = 7' >/etc/copper.conf
export USER=alice
setpriv --reuid alice --regid alice --clear-groups sh -eu <<'ALICE'
cd /
launch_copper.sh
copper status --json | grep '"fanout": 7'
PYTHONPATH=/tmp/alice/copper/srv/env python3 -c 'import module; print(module.word, module.__file__)'
copper run sh -c 'echo "$LD_PRELOAD"'
stop_copper.sh
ALICE
dpkg --purge copper >/dev/null
rm /etc/copper.conf
rm -r /srv/env
list >/life.after
diff /life.before /life.after && echo "nothing is left"
echo "known: $(dpkg-query -W -f '${Status}' copper 2>/dev/null)"
echo "files: $(find /tmp /var/tmp /run /dev/shm -mindepth 1 -newer /life.before 2>/dev/null | xargs)"
echo "processes: $(cat /proc/[0-9]*/comm | grep ^copper | xargs)"
echo "mounts: $(grep fuse.copper /proc/self/mounts | xargs)"
END
    run unshare -m -p -n -f chroot "$root" /life
    echo "$output"
    [ "$status" = 0 ]
    [[ ${lines[0]} == "copper: 1 node ready at /tmp/alice/copper in "* ]]
    [[ $output == *'"fanout": 7'* ]]
    [[ $output == *"read /tmp/alice/copper/srv/env/module.py"* ]]
    [[ $output == *"/usr/lib/copper/isatty.so"* ]]
    [[ $output == *"copper: stopped on 1 node"* ]]
    # The user's directory stays, so that no other user can take its name.
    [ "${lines[-5]}" = "nothing is left" ]
    [ "${lines[-4]}" = "known: " ]
    [ "${lines[-3]}" = "files: /tmp/alice" ]
    [ "${lines[-2]}" = "processes: " ]
    [ "${lines[-1]}" = "mounts: " ]
}
