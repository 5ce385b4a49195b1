/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of files exists only where something was read past the trees. When it cannot be made,
 * the bytes are counted all the same, and the files are not named. */
#include "core/bypass.h"

#include "base/topk.h"
#include "core/object.h"
#include "core/state.h"

#define FILES_MAX 64u /* with exact figures; more make them bounds (base/topk.h) */

bool cu_bypass_applies(const struct cu_core *core, const struct object *object)
{
    return object->kind == CU_KIND_DATA &&
           cu_object_data(object)->version.size > core->config.max_cacheable_bytes;
}

void cu_bypass_count(struct cu_core *core, const struct object *object, size_t bytes)
{
    struct cu_request request = cu_object_request(object);

    core->counters[CU_COUNT_bypass_bytes] += bytes;
    if (request.version.size > core->counters[CU_COUNT_bypass_largest])
        core->counters[CU_COUNT_bypass_largest] = request.version.size;
    if (request.version.size > core->counters[CU_COUNT_bypass_fits] &&
        request.version.size <= core->config.cache_bytes / 4 * 3)
        core->counters[CU_COUNT_bypass_fits] = request.version.size;
    if (!core->bypassed)
        core->bypassed = cu_topk_create(FILES_MAX);
    if (core->bypassed && !cu_topk_add(core->bypassed, request.path, request.path_len, bytes))
        COUNT(core, no_memory);
}

uint32_t cu_core_bypassed(const struct cu_core *core, const struct cu_topk_entry **files,
                          uint32_t max)
{
    return core->bypassed ? cu_topk_best(core->bypassed, files, max) : 0;
}

void cu_bypass_free(struct cu_core *core)
{
    cu_topk_destroy(core->bypassed);
    core->bypassed = NULL;
}
