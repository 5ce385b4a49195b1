/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of the page that copper report writes, made of report/ by cmake/report.cmake. */
#ifndef CU_COPPER_REPORT_PARTS_H
#define CU_COPPER_REPORT_PARTS_H

#include <stddef.h>

extern const unsigned char cu_report_head[], cu_report_style[], cu_report_body[],
    cu_report_script[], cu_report_tail[];
extern const size_t cu_report_head_size, cu_report_style_size, cu_report_body_size,
    cu_report_script_size, cu_report_tail_size;

#endif
