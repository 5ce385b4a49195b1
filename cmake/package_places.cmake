# Run by cpack between installation and packaging. Debian's zsh looks for completion functions of packages
# elsewhere than others.
# SPDX-License-Identifier: BSD-3-Clause
if(CPACK_GENERATOR STREQUAL "DEB")
  file(RENAME ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr/share/zsh/site-functions
    ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr/share/zsh/vendor-completions)
endif()
