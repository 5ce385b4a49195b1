/* SPDX-License-Identifier: BSD-3-Clause */
/* A job's figures as one HTML page, with all that it needs. */
#ifndef CU_COPPER_REPORT_PAGE_H
#define CU_COPPER_REPORT_PAGE_H

#include "base/error.h"

#include <jansson.h>
#include <stdio.h>

/* Writes the page. The same job makes the same page. job: as report_job.h has it; its texts may be
 * anything. 0; -EIO: out did not take it, or no memory. */
__attribute__((warn_unused_result)) int cu_report_page(const json_t *job, FILE *out);
/* The same into a file, which is replaced at once: a reader never sees a part of one. What is there
 * and is no file, such as a pipe or /dev/stdout, is written to. */
__attribute__((warn_unused_result)) int cu_report_page_file(const json_t *job, const char *path,
                                                            struct cu_error *err);

#endif
