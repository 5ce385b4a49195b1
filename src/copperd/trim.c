/* SPDX-License-Identifier: BSD-3-Clause */
/* See trim.h. */
#include "copperd/trim.h"

#include "host/process.h"

/* Worker. */
static void run(uv_work_t *work)
{
    (void)work;
    cu_process_trim();
}

static void on_done(uv_work_t *work, int status)
{
    struct cu_trim *trim = work->data;

    (void)status;
    trim->busy = false;
    if (trim->again)
        cu_trim_ask(trim);
}

void cu_trim_init(struct cu_trim *trim, uv_loop_t *loop)
{
    *trim = (struct cu_trim){.loop = loop};
    trim->work.data = trim;
}

void cu_trim_ask(struct cu_trim *trim)
{
    trim->again = trim->busy;
    if (!trim->busy)
        trim->busy = uv_queue_work(trim->loop, &trim->work, run, on_done) == 0;
}
