/* SPDX-License-Identifier: BSD-3-Clause */
/* Asks for a small file's content together with its attributes when files with its suffix are
 * mostly read after a lookup (predict.h): "stat, then read" then costs one round trip. */
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
