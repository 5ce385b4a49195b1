/* SPDX-License-Identifier: BSD-3-Clause */
/* A small file's content comes along with its attributes when files of its suffix are mostly read
 * after they were looked up (predict.h): "stat, then read" is one trip then. */
#include "ahead/internal.h"

bool cu_ahead_content(const struct cu_ahead *a, const char *name, size_t name_len)
{
    switch (a->config.content) {
    case CU_AHEAD_ALWAYS:
        return true;
    case CU_AHEAD_NEVER:
        return false;
    case CU_AHEAD_BY_SUFFIX:
        break;
    }
    return cu_predict_content(&a->predict, name, name_len);
}

void cu_ahead_new_file(struct cu_ahead *a, const char *name, size_t name_len)
{
    cu_predict_lookup(&a->predict, name, name_len);
}
