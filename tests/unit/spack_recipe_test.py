#!/usr/bin/env python3
# The Spack recipe is executed with a stand-in for Spack's own modules: its directives are calls that exist there,
# each library that the build looks for is a dependency, and CMake takes the arguments that it makes.
#
# usage: spack_recipe_test.py TOP
# SPDX-License-Identifier: BSD-3-Clause
import inspect
import os
import re
import subprocess
import sys
import tempfile
import types

# The names of packages in Spack's repository, by pkg-config's name.
PACKAGES = {"libuv": "libuv", "fuse3": "libfuse", "libsodium": "libsodium", "jansson": "jansson", "libxxhash": "xxhash",
            "ncursesw": "ncurses"}


class Recorder:
    """Spack's directives, with the parameters that they have there."""

    def __init__(self):
        self.calls = []

    def directive(self, name, signature):
        known = inspect.signature(eval(f"lambda {signature}: None"))  # pylint: disable=eval-used

        def call(*args, **kwargs):
            self.calls.append((name, known.bind(*args, **kwargs).arguments))

        return call

    def of(self, name):
        return [arguments for called, arguments in self.calls if called == name]


class CMakePackage:
    """As much of Spack's class as a recipe may use."""

    def __init__(self, variants):
        self.variants = variants

    @staticmethod
    def define(name, value):
        if isinstance(value, bool):
            return f"-D{name}:BOOL={'ON' if value else 'OFF'}"
        return f"-D{name}:STRING={value}"

    def define_from_variant(self, name, variant=None):
        return self.define(name, self.variants[variant or name.lower()])


def load(path, recorder):
    package = types.ModuleType("spack.package")
    exported = {
        "CMakePackage": CMakePackage,
        "version": recorder.directive("version", "ver, checksum=None, *, branch=None, tag=None, commit=None, sha256=None"),
        "variant": recorder.directive("variant", "name, default=None, description='', values=None, when=None"),
        "depends_on": recorder.directive("depends_on", "spec, when=None, type=('build', 'link'), patches=None"),
        "conflicts": recorder.directive("conflicts", "conflict_spec, when=None, msg=None"),
        "license": recorder.directive("license", "license_identifier, checked_by=None, when=None"),
        "generator": recorder.directive("generator", "*names, default=None"),
    }
    vars(package).update(exported, __all__=list(exported))
    sys.modules["spack"] = types.ModuleType("spack")
    sys.modules["spack.package"] = package
    space = {"__name__": "recipe"}
    with open(path) as text:
        exec(compile(text.read(), path, "exec"), space)  # pylint: disable=exec-used
    return space["Copper"]


def check_dependencies(top, recorder):
    with open(os.path.join(top, "CMakeLists.txt")) as text:
        cmake = text.read()
    there = {re.split("[@+~ ]", call["spec"])[0] for call in recorder.of("depends_on")}
    wanted = re.findall(r"pkg_check_modules\(\w+ (?:REQUIRED )?IMPORTED_TARGET ([a-z0-9]+)", cmake)
    assert wanted, "no library is looked for"
    for name in wanted:
        assert PACKAGES[name] in there, f"{name} is looked for, and {PACKAGES[name]} is no dependency"
    least = re.search(r"fuse3>=([0-9.]+)", cmake).group(1)
    assert f"libfuse@{least}:" in [call["spec"] for call in recorder.of("depends_on")], "libfuse's version"
    least = re.search(r"cmake_minimum_required\(VERSION ([0-9.]+)", cmake).group(1)
    assert f"cmake@{least}:" in [call["spec"] for call in recorder.of("depends_on")], "CMake's version"
    release = re.search(r"project\(copper VERSION ([0-9.]+)", cmake).group(1)
    assert release in [call["ver"] for call in recorder.of("version")], "the version"


def configure(top, arguments):
    with tempfile.TemporaryDirectory(prefix="copper-spack.") as build:
        done = subprocess.run(["cmake", "-S", top, "-B", build, "-G", "Ninja", "-DCMAKE_INSTALL_PREFIX=/opt/x",
                               *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "not used by the project" not in done.stderr, done.stderr
        with open(os.path.join(build, "CMakeCache.txt")) as text:
            cache = text.read()
        targets = subprocess.run(["ninja", "-C", build, "-t", "targets", "all"], capture_output=True, text=True).stdout
    for argument in arguments:
        assert argument[2:] in cache.splitlines(), f"{argument}: the cache says otherwise"
    assert "\ncopperd: " in targets and "_test: " not in targets, "what is built"
    return targets


def main():
    top = os.path.abspath(sys.argv[1])
    recorder = Recorder()
    recipe = load(os.path.join(top, "packaging", "spack", "package.py"), recorder)
    check_dependencies(top, recorder)
    variants = {call["name"]: call["default"] for call in recorder.of("variant")}
    headers = os.path.exists("/usr/include/slurm/spank.h")
    for value in (False, True):
        targets = configure(top, recipe(dict(variants, slurm=value)).cmake_args())
        assert ("spank_copper.so: " in targets) == (value and headers), f"+slurm is {value}"
    print(f"{len(recorder.calls)} directives, {len(variants)} variants")


main()
