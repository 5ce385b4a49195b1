# Read by cpack, once for each kind of package.
# SPDX-License-Identifier: BSD-3-Clause
if(CPACK_GENERATOR STREQUAL "TGZ")
  set(CPACK_PACKAGING_INSTALL_PREFIX "")
  set(CPACK_INCLUDE_TOPLEVEL_DIRECTORY ON)
else()
  set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
endif()
if(CPACK_GENERATOR STREQUAL "RPM")
  # Directories that are the distribution's.
  foreach(dir lib libexec include share/man share/man/man1 share/man/man5 share/man/man7 share/man/man8
      share/doc share/bash-completion share/bash-completion/completions share/zsh share/zsh/site-functions
      share/fish share/fish/vendor_completions.d share/modulefiles)
    list(APPEND CPACK_RPM_EXCLUDE_FROM_AUTO_FILELIST_ADDITION /usr/${dir})
  endforeach()
endif()
