# What is installed besides the programs. Nothing knows the prefix: scripts find the rest from where they
# are, modulefiles from where they lie, so the whole tree may be moved.
#
# In the build tree the scripts stand beside the programs and work from there, too.
# SPDX-License-Identifier: BSD-3-Clause
set(CU_SCRIPTS launch_copper.sh stop_copper.sh)
file(GLOB cu_launchers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/launch/*.sh)
foreach(script ${CU_SCRIPTS})
  list(REMOVE_ITEM cu_launchers ${CMAKE_SOURCE_DIR}/launch/${script})
  configure_file(launch/${script} ${CMAKE_BINARY_DIR}/${script} COPYONLY)
  install(PROGRAMS launch/${script} DESTINATION ${CMAKE_INSTALL_BINDIR})
endforeach()
foreach(launcher ${cu_launchers})
  get_filename_component(name ${launcher} NAME)
  configure_file(${launcher} ${CMAKE_BINARY_DIR}/launch/${name} COPYONLY)
endforeach()
# Not CMAKE_INSTALL_LIBEXECDIR: launch_copper.sh must find it from bin, wherever that is.
install(PROGRAMS ${cu_launchers} DESTINATION ${CMAKE_INSTALL_BINDIR}/../libexec/copper)

file(GLOB cu_man1 CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/man/*.1)
file(GLOB cu_man5 CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/man/*.5)
file(GLOB cu_man7 CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/man/*.7)
file(GLOB cu_man8 CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/man/*.8)
install(FILES ${cu_man1} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${cu_man5} DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
install(FILES ${cu_man7} DESTINATION ${CMAKE_INSTALL_MANDIR}/man7)
install(FILES ${cu_man8} DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)

install(FILES packaging/completion/copper
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
foreach(script ${CU_SCRIPTS})
  install(FILES packaging/completion/copper RENAME ${script}
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
endforeach()

install(FILES packaging/completion/_copper DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
file(GLOB cu_fish CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/packaging/completion/*.fish)
install(FILES ${cu_fish} DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)

install(FILES packaging/modulefiles/copper.lua RENAME ${PROJECT_VERSION}.lua
  DESTINATION ${CMAKE_INSTALL_DATADIR}/modulefiles/copper)
install(FILES packaging/modulefiles/copper.tcl RENAME ${PROJECT_VERSION}
  DESTINATION ${CMAKE_INSTALL_DATADIR}/modulefiles/copper)
