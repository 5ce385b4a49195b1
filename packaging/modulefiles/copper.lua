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
prepend_path("MANPATH", pathJoin(prefix, "share/man"))
