#%Module1.0
# Environment Modules: Copper from the tree in which this file lies:
# PREFIX/share/modulefiles/copper/VERSION.
# SPDX-License-Identifier: BSD-3-Clause
set prefix [file normalize [file join [file dirname $ModulesCurrentModulefile] .. .. ..]]

proc ModulesHelp {} {
    puts stderr {
Copper: a read-only cooperative caching file system for the nodes of a job.

    launch_copper.sh      mounts it on all nodes of the job at /tmp/$USER/copper
    copper status         shows it
    stop_copper.sh        ends it

A path P on storage is read through Copper as /tmp/$USER/copper/P. See launch_copper.sh(1).
}
}
module-whatis {Copper: read-only cooperative caching file system for HPC jobs}

conflict copper
prepend-path PATH [file join $prefix bin]
# What was not set had a default that must stay: an empty last element says so to man; bash's completion
# looks in these two.
prepend-path MANPATH [file join $prefix share man]
append-path MANPATH {}
prepend-path XDG_DATA_DIRS [file join $prefix share]
append-path XDG_DATA_DIRS /usr/local/share
append-path XDG_DATA_DIRS /usr/share
