/* SPDX-License-Identifier: BSD-3-Clause */
/* Views of listings (proto/dirview.h). A view is shared with the core, so that it is built only
 * once as long as the listing is cached. That of a large listing is built on a thread of its own
 * (loop/crew.h); requests that need it wait as if the core had not answered yet, and then get the
 * same value again.
 *
 * Invariant: at most one view of a listing is being built at a time, however many requests wait for
 * it. A job whose front was destroyed frees itself. */
#include "front/view.h"

#include "base/list.h"
#include "front/state.h"
#include "loop/crew.h"
#include "proto/dirview.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct making {
    struct cu_crew_job job;
    struct cu_list link; /* front->views; unlinked when the front was destroyed */
    struct cu_front *front;
    struct cu_value value; /* with references */
    struct cu_dirview *view;
    int rc;
    uint64_t *cookies; /* of the waiting request */
    uint32_t count, capacity;
    size_t path_len;
    char path[]; /* of the directory */
};

static void making_free(struct making *m)
{
    cu_value_clear(&m->value);
    cu_dirview_unref(m->view);
    free(m->cookies);
    free(m);
}

/* On the thread. */
static void work(struct cu_crew_job *job)
{
    struct making *m = CU_LIST_ENTRY(job, struct making, job);

    m->rc = cu_dirview_make(m->value.bytes, &m->view);
}

static void done(struct cu_crew_job *job)
{
    struct making *m = CU_LIST_ENTRY(job, struct making, job);
    struct cu_front *front = m->front;

    if (!front) {
        making_free(m);
        return;
    }
    cu_list_remove(&m->link);
    if (m->rc == 0)
        cu_core_viewed(front->config.core, m->path, m->path_len, m->view, uv_hrtime());
    else if (m->rc == -ENOMEM)
        CU_FRONT_COUNT(front, no_memory);
    if (m->rc < 0) {
        cu_value_clear(&m->value);
        m->value.error = m->rc == -EINVAL ? EIO : -m->rc;
    }
    m->value.view = m->view;
    m->view = NULL;
    for (uint32_t i = 0; i < m->count; i++)
        cu_front_reply(front, m->cookies[i], CU_WHERE_HERE, &m->value);
    making_free(m);
    front->config.events.kick(front->config.events.context);
}

static struct making *find(const struct cu_front *front, const struct cu_buf *bytes)
{
    cu_list_for_each (link, &front->views) {
        struct making *m = CU_LIST_ENTRY(link, struct making, link);

        if (m->value.bytes == bytes)
            return m;
    }
    return NULL;
}

static struct making *begin(struct cu_front *front, const char *path, size_t path_len,
                            const struct cu_value *value)
{
    struct making *m = calloc(1, sizeof(*m) + path_len);

    if (!m)
        return NULL;
    m->job = (struct cu_crew_job){.work = work, .done = done};
    m->front = front;
    m->path_len = path_len;
    memcpy(m->path, path, path_len);
    cu_value_copy(&m->value, value);
    cu_list_push_back(&front->views, &m->link);
    cu_crew_run(front->config.aside, &m->job);
    return m;
}

static int wait_for(struct making *m, struct cu_front_request *r)
{
    uint32_t larger = m->capacity ? 2 * m->capacity : 4;
    uint64_t *moved;

    if (m->count == m->capacity) {
        moved = realloc(m->cookies, larger * sizeof(*moved));
        if (!moved)
            return -ENOMEM;
        m->cookies = moved;
        m->capacity = larger;
    }
    m->cookies[m->count++] = cu_front_owe(r, 0);
    return 0;
}

int cu_front_view(struct cu_front *front, const char *path, size_t path_len,
                  const struct cu_value *value, struct cu_front_request *r,
                  struct cu_dirview **view)
{
    struct making *m;
    int rc;

    *view = cu_dirview_ref(value->view);
    if (*view)
        return 0;
    if (!front->config.aside || front->closing || !cu_dirview_is_large(value->bytes)) {
        rc = cu_dirview_make(value->bytes, view);
        if (rc == 0)
            cu_core_viewed(front->config.core, path, path_len, *view, uv_hrtime());
        return rc == -EINVAL ? -EIO : rc;
    }
    m = find(front, value->bytes);
    if (!m)
        m = begin(front, path, path_len, value);
    if (!m)
        return -ENOMEM;
    rc = r ? wait_for(m, r) : 0;
    return rc < 0 ? rc : -EAGAIN;
}

void cu_front_views_close(struct cu_front *front)
{
    struct cu_list *link;

    while ((link = cu_list_pop_front(&front->views)))
        CU_LIST_ENTRY(link, struct making, link)->front = NULL;
}
