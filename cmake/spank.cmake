# Slurm's plugin, where Slurm's headers are. Slurm's own programs load it, so it has no sanitizer and needs no
# library of ours: what it uses of src/ is compiled into it, and only its hooks can be seen from outside.
# SPDX-License-Identifier: BSD-3-Clause
option(CU_SLURM "Build Slurm's plugin if Slurm's headers are there" ON)
find_path(CU_SLURM_INCLUDE slurm/spank.h)
if(CU_SLURM AND CU_SLURM_INCLUDE)
  file(GLOB cu_spank CONFIGURE_DEPENDS src/spank/*.c)
  # Compiled once more, for the plugin. Not told to clang-tidy, which would look at each file twice: clang 14
  # takes the va_list of the second for uninitialised.
  add_library(spank_shared OBJECT src/base/error.c src/base/path.c src/base/text.c
    src/host/mountinfo.c src/host/mounts.c src/host/process.c src/host/readfile.c src/host/rundir.c
    src/host/session.c)
  set_target_properties(spank_shared PROPERTIES POSITION_INDEPENDENT_CODE ON EXPORT_COMPILE_COMMANDS OFF)
  add_library(spank_copper MODULE ${cu_spank} $<TARGET_OBJECTS:spank_shared>)
  set_target_properties(spank_copper PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
  foreach(target spank_shared spank_copper)
    target_include_directories(${target} PRIVATE src)
    target_include_directories(${target} SYSTEM PRIVATE ${CU_SLURM_INCLUDE})
    target_compile_definitions(${target} PRIVATE _GNU_SOURCE _FILE_OFFSET_BITS=64)
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wmissing-prototypes
      $<$<BOOL:${CU_WERROR}>:-Werror> -ffunction-sections -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.)
  endforeach()
  target_link_options(spank_copper PRIVATE -Wl,--gc-sections -Wl,--as-needed
    -Wl,--version-script=${CMAKE_SOURCE_DIR}/src/spank/exports)
  target_link_libraries(spank_copper PRIVATE ${CMAKE_DL_LIBS})
  install(TARGETS spank_copper LIBRARY DESTINATION ${CMAKE_INSTALL_BINDIR}/../lib/slurm)
endif()
