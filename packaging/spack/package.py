# Spack recipe of Copper, for a site's own repository: copy it to REPO/packages/copper/package.py.
# A test executes it with a stand-in for Spack's modules; Spack itself has not run it.
# SPDX-License-Identifier: BSD-3-Clause
from spack.package import *

try:  # Spack 1.0 has the build systems in its repository of packages
    from spack_repo.builtin.build_systems.cmake import CMakePackage, generator
except ImportError:
    pass


class Copper(CMakePackage):
    """Read-only cooperative caching file system for HPC jobs: a daemon on each node shows a view of /
    in which files come from memory; only a tree's root reads the parallel file system."""

    # A site sets these to where it keeps the source.
    homepage = "file:///opt/src/copper"
    git = "file:///opt/src/copper"

    license("BSD-3-Clause")
    version("main", branch="main")
    version("0.1.0", tag="v0.1.0")

    variant("slurm", default=False, description="The Slurm plugin for --copper")

    depends_on("c", type="build")
    depends_on("cmake@3.20:", type="build")
    depends_on("ninja", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("libfuse@3.10:")
    depends_on("libuv@1.38:")
    depends_on("libsodium")
    depends_on("jansson")
    depends_on("ncurses")
    depends_on("xxhash")
    depends_on("slurm", when="+slurm")

    generator("ninja")

    conflicts("platform=darwin", msg="Copper is for Linux")

    def cmake_args(self):
        return [
            self.define("CU_TESTS", False),
            self.define("CU_WERROR", False),
            self.define_from_variant("CU_SLURM", "slurm"),
        ]
