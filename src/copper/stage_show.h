/* SPDX-License-Identifier: BSD-3-Clause */
/* How a stage goes on, for people and for programs. */
#ifndef CU_COPPER_STAGE_SHOW_H
#define CU_COPPER_STAGE_SHOW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct cu_stage_show {
    const char *path; /* borrowed */
    bool json;        /* lines on standard output, else a bar on the terminal of standard error */
    bool quiet;       /* neither: standard error is no terminal, and no lines are wanted */
    int64_t begun_ms, shown_ms;
    uint64_t begun_bytes; /* that were there at the first look */
};

/* json: was asked for. */
void cu_stage_show_begin(struct cu_stage_show *show, const char *path, bool json);
/* stage: of a result; silent: nodes that did not answer. */
void cu_stage_show_progress(struct cu_stage_show *show, const json_t *stage, uint64_t silent);
/* Removes the bar. */
void cu_stage_show_end(struct cu_stage_show *show);
/* The last line: what is where now. state: one word. */
void cu_stage_show_result(const struct cu_stage_show *show, const json_t *stage, uint64_t silent,
                          const char *state);

#endif
