/* SPDX-License-Identifier: BSD-3-Clause */
/* See readon.h. Where a recipe is replayed, that tells what is read, and nothing is read on. */
#include "copperd/readon.h"

#include "ahead/readon.h"
#include "copperd/state.h"
#include "front/ahead.h"

#include <stdlib.h>

static void on_read(void *context, const struct cu_ahead_want *want)
{
    const struct cu_daemon *daemon = context;
    struct cu_request what = cu_front_ahead_request(want);

    (void)cu_core_read_on(daemon->core, &what, uv_hrtime());
}

static struct cu_readon_load on_load(void *context)
{
    const struct cu_daemon *daemon = context;
    struct cu_core_read_on load = cu_core_reading_on(daemon->core);

    return (struct cu_readon_load){load.requests, load.bytes, load.used_bytes, load.unused_bytes};
}

static const struct cu_value *on_held(void *context, const struct cu_ahead_want *want)
{
    const struct cu_daemon *daemon = context;
    struct cu_request what = cu_front_ahead_request(want);

    return cu_core_peek(daemon->core, &what, uv_hrtime());
}

static bool on_absent(void *context, const struct cu_ahead_name *name)
{
    const struct cu_daemon *daemon = context;

    return cu_core_absent(daemon->core, name->path, name->path_len, name->dir_len, uv_hrtime());
}

struct cu_readon *cu_daemon_readon(struct cu_daemon *daemon, const struct cu_core_config *limits)
{
    const struct cu_readon_config config = {
        .context = daemon,
        .read = on_read,
        .load = on_load,
        .held = on_held,
        .absent = on_absent,
        .cache_bytes = limits->cache_bytes,
        .chunk_bytes = limits->chunk_bytes,
        .inline_bytes = limits->inline_bytes,
    };

    return cu_readon_create(&config);
}

void cu_daemon_read_on(struct cu_daemon *daemon, uint64_t id, const struct cu_value *value)
{
    struct cu_request what;
    struct cu_ahead_want want;

    if (!daemon->reads_on || daemon->phase != CU_PHASE_SERVING ||
        cu_core_counters(daemon->core)[CU_COUNT_recipe_asked] > 0 ||
        !cu_core_reads(daemon->core, id, &what))
        return;
    want = (struct cu_ahead_want){.kind = what.kind,
                                  .path = what.path,
                                  .path_len = what.path_len,
                                  .version = what.version,
                                  .chunk = what.chunk,
                                  .content = (what.flags & CU_WANT_CONTENT) != 0};
    cu_readon_stored(daemon->readon, &want, value);
}
