# The page of copper report: head, style, body and code of report/, as arrays of C. At build time, and with nothing
# but CMake.
#
# cmake -DTOP=SOURCE_DIR -DOUT=FILE.c -P report.cmake
# SPDX-License-Identifier: BSD-3-Clause
function(array name)
  set(all "")
  foreach(file ${ARGN})
    file(READ ${TOP}/report/${file} hex HEX)
    string(APPEND all "${hex}")
  endforeach()
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," all "${all}")
  file(APPEND ${OUT}.new "const unsigned char ${name}[] = {${all}};\nconst size_t ${name}_size = sizeof(${name});\n")
endfunction()

file(WRITE ${OUT}.new "/* Made by cmake/report.cmake. */\n#include \"copper/report_parts.h\"\n")
array(cu_report_head head.html)
array(cu_report_style uplot/uPlot.min.css page.css)
array(cu_report_body body.html uplot/LICENSE data.html)
array(cu_report_script uplot/uPlot.iife.min.js page.js)
array(cu_report_tail tail.html)
file(RENAME ${OUT}.new ${OUT})
