#!/bin/sh
# Installs what Copper needs on Debian 12: to build and run it, and with --tests to test it for real
# (Python with numpy and torch as the workload, Slurm, linters). Does nothing when all is there.
# SPDX-License-Identifier: BSD-3-Clause
set -eu

build="gcc cmake ninja-build pkg-config libfuse3-dev fuse3 libuv1-dev libsodium-dev libjansson-dev
    libxxhash-dev libncurses-dev"
tests="git clang clang-format clang-tidy libclang-rt-14-dev shellcheck mandoc libcmocka-dev bats
    python3 python3-pip python3-numpy python3-torch attr acl rsync btrfs-progs iproute2 nftables strace util-linux procps
    python3-prometheus-client python3-h5py python3-lmdb chromium
    slurmctld slurmd slurm-client slurm-wlm-basic-plugins libslurm-dev munge mpich openmpi-bin clustershell pdsh openssh-client
    openssh-server lmod man-db tcl bash-completion tmux zsh fish tcsh debootstrap rpm"

case "${1-}" in
--tests) wanted="$build $tests" ;;
'') wanted=$build ;;
*)
    echo "usage: debian-deps.sh [--tests]" >&2
    exit 2
    ;;
esac

missing=
for package in $wanted; do
    case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true) in
    *"ok installed") ;;
    *) missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0

sudo=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || {
        echo "debian-deps.sh: these packages are missing, and there is neither root nor sudo to install them:$missing" >&2
        exit 1
    }
    sudo=sudo
fi
echo "installing:$missing"
$sudo apt-get update -qq
# shellcheck disable=SC2086 # a list of words
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
