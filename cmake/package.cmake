# Packages: `cpack -G DEB`, `-G RPM`, `-G TGZ` in the build directory. The first two install below /usr, where
# the site's file is /etc/copper.conf; the third is one tree that may lie anywhere.
# SPDX-License-Identifier: BSD-3-Clause
install(FILES LICENSE NEWS.md README.md docs/stats.schema.json docs/report.schema.json docs/top.schema.json DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/copper)
install(FILES report/uplot/LICENSE RENAME LICENSE.uPlot DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/copper)
install(FILES LICENSE RENAME copyright DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/copper)

set(CPACK_PACKAGE_NAME copper)
set(CPACK_PACKAGE_VENDOR "The Copper developers")
set(CPACK_PACKAGE_CONTACT "The Copper developers <root@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_DESCRIPTION
  "A daemon on each node of a job shows a view of / in which files come from memory: the daemons form trees, and only a tree's root reads the parallel file system.")
set(CPACK_RESOURCE_FILE_LICENSE ${CMAKE_SOURCE_DIR}/LICENSE)
set(CPACK_GENERATOR TGZ)
set(CPACK_STRIP_FILES ON)

# One architecture's name for all kinds of package file.
string(TOLOWER "${CMAKE_SYSTEM_NAME}-${CMAKE_SYSTEM_PROCESSOR}" cu_system)
set(CPACK_PACKAGE_FILE_NAME copper-${PROJECT_VERSION}-${cu_system})

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "fuse3")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "libmunge2, bash-completion, environment-modules | lmod")

set(CPACK_RPM_FILE_NAME RPM-DEFAULT)
set(CPACK_RPM_PACKAGE_LICENSE BSD-3-Clause)
set(CPACK_RPM_PACKAGE_GROUP "System Environment/Base")
set(CPACK_RPM_PACKAGE_REQUIRES "fuse3")
set(CPACK_RPM_PACKAGE_AUTOREQ ON)

# What differs between the kinds is known when cpack runs.
set(CPACK_PROJECT_CONFIG_FILE ${CMAKE_SOURCE_DIR}/cmake/package_kind.cmake)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_SOURCE_DIR}/cmake/package_places.cmake)
include(CPack)
