/* SPDX-License-Identifier: BSD-3-Clause */
/* See readon.h. Invariants: read_on_used <= read_on; read_on_unused_bytes <= read_on_bytes. */
#include "core/readon.h"

#include "core/bypass.h"
#include "core/cache.h"
#include "core/pieces.h"
#include "core/state.h"

void cu_read_on_filled(struct cu_core *core, struct object *object)
{
    object->read_on = true;
    core->counters[CU_COUNT_read_on_bytes] += cu_object_content_bytes(core, object);
    core->counters[CU_COUNT_read_on_unused_bytes] += cu_object_content_bytes(core, object);
}

void cu_read_on_used(struct cu_core *core, struct object *object)
{
    uint64_t *unused = &core->counters[CU_COUNT_read_on_unused_bytes],
             bytes = cu_object_content_bytes(core, object);

    if (!object->read_on)
        return;
    object->read_on = false;
    COUNT(core, read_on_used);
    *unused -= bytes < *unused ? bytes : *unused;
}

static bool is_root(const struct cu_core *core, uint8_t tree)
{
    return core->routes[tree].parent == core->config.rank;
}

bool cu_core_read_on(struct cu_core *core, const struct cu_request *request, uint64_t now_ns)
{
    struct object *object;
    bool begins;

    if (now_ns > core->now_ns)
        core->now_ns = now_ns;
    if (cu_pieces_around(core, request))
        return false;
    object = cu_cache_get(core, request);
    if (!object || object->state != CU_FLIGHT_ABSENT)
        return false;
    begins = is_root(core, object->tree) && !cu_bypass_applies(core, object);
    if (begins) {
        cu_flight_step(core, object, CU_EVENT_WANT,
                       &(struct flight_input){.request = request, .read_on = true});
        cu_lanes_pump(core);
    } else if (!object->bytes) {
        cu_cache_remove(core, object);
    }
    return begins;
}

struct cu_core_read_on cu_core_reading_on(const struct cu_core *core)
{
    uint64_t bytes = core->counters[CU_COUNT_read_on_bytes];
    uint64_t unused = core->counters[CU_COUNT_read_on_unused_bytes];

    return (struct cu_core_read_on){(uint32_t)core->reading_on.requests, core->reading_on.bytes,
                                    bytes - unused, unused};
}

bool cu_core_reads(const struct cu_core *core, uint64_t id, struct cu_request *request)
{
    const struct flight *flight = cu_slot_find(core, id);

    if (!flight || flight->direct || !is_root(core, cu_flight_tree(core, flight)))
        return false;
    *request = cu_object_request(flight->object);
    return true;
}
