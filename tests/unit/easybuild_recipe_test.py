#!/usr/bin/env python3
# The EasyBuild recipe is executed as EasyBuild executes it, with plain names: its version is the project's, what the
# build looks for are dependencies here and in packaging/debian-deps.sh, CMake takes its options, and the files that
# it expects are those of an installation.
#
# usage: easybuild_recipe_test.py TOP BUILD
# SPDX-License-Identifier: BSD-3-Clause
import os
import re
import subprocess
import sys
import tempfile

# By pkg-config's name: the dependency's name in EasyBuild (None: of the system), and Debian's package.
PACKAGES = {
    "libuv": ("libuv", "libuv1-dev"),
    "fuse3": (None, "libfuse3-dev"),
    "libsodium": ("libsodium", "libsodium-dev"),
    "jansson": ("Jansson", "libjansson-dev"),
    "libxxhash": ("xxHash", "libxxhash-dev"),
    "ncursesw": ("ncurses", "libncurses-dev"),
}


def text_of(*path):
    with open(os.path.join(*path)) as file:
        return file.read()


def load(path):
    space = {}
    exec(compile(text_of(path), path, "exec"), space)  # pylint: disable=exec-used
    for name in ("easyblock", "name", "version", "homepage", "description", "toolchain", "sources", "moduleclass"):
        assert space.get(name), f"{name} is not set"
    return space


def check_names(path, recipe, cmake):
    release = re.search(r"project\(copper VERSION ([0-9.]+)", cmake).group(1)
    assert recipe["version"] == release, f"version {recipe['version']}: the project has {release}"
    assert os.path.basename(path) == f"{recipe['name']}-{release}.eb", path
    assert recipe["sources"][0] % {"version": release} == f"copper-{release}.tar.gz", recipe["sources"]


def check_dependencies(recipe, cmake, debian):
    wanted = re.findall(r"pkg_check_modules\(\w+ (?:REQUIRED )?IMPORTED_TARGET ([a-z0-9]+)", cmake)
    wanted = [name for name in wanted if name != "cmocka"]  # CU_TESTS=OFF
    assert wanted, "no library is looked for"
    there = {each[0] for each in recipe["dependencies"]}
    system = {each for names in recipe["osdependencies"] for each in names}
    for name in wanted:
        library, package = PACKAGES[name]
        assert package in debian, f"{name} is looked for, and debian-deps.sh has no {package}"
        if library:
            assert library in there, f"{name} is looked for, and {library} is no dependency"
        else:
            assert package in system, f"{name} is looked for, and {package} is no dependency of the system"
    needless = there - {PACKAGES[name][0] for name in wanted}
    assert not needless, f"{needless} are dependencies, and nothing looks for them"
    builders = {each[0]: each[1] for each in recipe["builddependencies"]}
    assert {"binutils", "CMake", "Ninja", "pkgconf"} <= set(builders), builders
    least = re.search(r"cmake_minimum_required\(VERSION ([0-9.]+)", cmake).group(1)
    assert [int(n) for n in builders["CMake"].split(".")] >= [int(n) for n in least.split(".")], "CMake's version"


def check_options(top, recipe):
    options = recipe["configopts"].split()
    with tempfile.TemporaryDirectory(prefix="copper-easybuild.") as build:
        done = subprocess.run(["cmake", "-S", top, "-B", build, "-G", recipe["generator"],
                               "-DCMAKE_INSTALL_PREFIX=/opt/x", *options], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "not used by the project" not in done.stderr, done.stderr
        cache = text_of(build, "CMakeCache.txt")
    for option in options:
        name, value = option[2:].split("=")
        assert re.search(rf"^{name}:\w+={value}$", cache, re.M), f"{option}: the cache says otherwise"


def check_files(build, recipe):
    with tempfile.TemporaryDirectory(prefix="copper-easybuild.") as prefix:
        subprocess.run(["cmake", "--install", build, "--prefix", prefix], check=True, capture_output=True)
        for name in recipe["sanity_check_paths"]["files"]:
            assert os.path.isfile(os.path.join(prefix, name)), f"{name} is not installed"
        for name in [*recipe["sanity_check_paths"]["dirs"], *recipe["modextrapaths"].values()]:
            assert os.path.isdir(os.path.join(prefix, name)), f"{name} is not installed"
        for command in recipe["sanity_check_commands"]:
            subprocess.run(command, shell=True, check=True, capture_output=True,
                           env=dict(os.environ, PATH=f"{prefix}/bin:/usr/bin:/bin"))


def main():
    top, build = (os.path.abspath(path) for path in sys.argv[1:3])
    recipes = os.path.join(top, "packaging", "easybuild")
    names = os.listdir(recipes)
    cmake = text_of(top, "CMakeLists.txt")
    debian = re.search(r'^build="(.*?)"', text_of(top, "packaging", "debian-deps.sh"), re.M | re.S).group(1).split()
    assert names, "no recipe"
    for name in names:
        path = os.path.join(recipes, name)
        recipe = load(path)
        check_names(path, recipe, cmake)
        check_dependencies(recipe, cmake, debian)
        check_options(top, recipe)
        check_files(build, recipe)
    print(f"{len(names)} recipe, {len(recipe['dependencies'])} libraries")


main()
