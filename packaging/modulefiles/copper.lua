-- SPDX-License-Identifier: BSD-3-Clause
-- Lmod: Copper from the tree in which this file lies: PREFIX/share/modulefiles/copper/VERSION.lua.
local prefix = myFileName():gsub("/[^/]+/[^/]+/[^/]+/[^/]+$", "")

help([[
Copper: a read-only cooperative caching file system for the nodes of a job.

    launch_copper.sh      mounts it on all nodes of the job at /tmp/$USER/copper
    copper status         shows it
    stop_copper.sh        ends it

A path P on storage is read through Copper as /tmp/$USER/copper/P. See launch_copper.sh(1).
]])
whatis("Name: copper")
whatis("Version: " .. myModuleVersion())
whatis("Description: read-only cooperative caching file system for HPC jobs")

conflict("copper")
prepend_path("PATH", pathJoin(prefix, "bin"))
-- What was not set had a default that must stay: an empty last element says so to man; bash's completion
-- looks in these two.
prepend_path("MANPATH", pathJoin(prefix, "share/man"))
append_path("MANPATH", "")
prepend_path("XDG_DATA_DIRS", pathJoin(prefix, "share"))
append_path("XDG_DATA_DIRS", "/usr/local/share")
append_path("XDG_DATA_DIRS", "/usr/share")
