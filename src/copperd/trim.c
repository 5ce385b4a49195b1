/* SPDX-License-Identifier: BSD-3-Clause */
/* See trim.h. */
#include "copperd/trim.h"

#include "base/mem.h"

/* Worker. */
static void run(uv_work_t *work)
{
    (void)work;
    cu_mem_return();
}

static void on_done(uv_work_t *work, int status)
{
    struct cu_trim *trim = work->data;

    (void)status;
    trim->busy = false;
    cu_trim_poll(trim);
}

void cu_trim_init(struct cu_trim *trim, uv_loop_t *loop)
{
    *trim = (struct cu_trim){.loop = loop};
    trim->work.data = trim;
    cu_mem_return_later();
}

void cu_trim_poll(struct cu_trim *trim)
{
    if (!trim->busy && cu_mem_owes())
        trim->busy = uv_queue_work(trim->loop, &trim->work, run, on_done) == 0;
}
