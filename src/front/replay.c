/* SPDX-License-Identifier: BSD-3-Clause */
/* A recipe (proto/recipe.h) is a file, read as any other: through the tree, so that storage is read
 * once for the whole job. When it is here, the read-ahead library asks for all that it names.
 *
 * It is believed only if it belongs to this user and nobody else can write it. Whatever is wrong
 * with it: nothing is replayed, and the log says why. */
#include "front/replay.h"

#include "ahead/ahead.h"
#include "front/ahead.h"
#include "front/state.h"
#include "host/log.h"
#include "loop/crew.h"
#include "proto/recipe.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOADS    (UINT64_C(1) << 62) /* cookie of a want of the recipe itself */
#define TAG_ATTR UINT32_MAX

struct cu_front_replay {
    struct cu_crew_job job;
    struct cu_front *front; /* NULL: it was destroyed; this frees itself when the job is done */
    struct cu_version version;
    unsigned char *bytes; /* owned: the file's content */
    size_t size;
    uint32_t chunks;          /* of the file, that have not arrived */
    int error;                /* of one of them */
    bool working;             /* the job is under way */
    bool over;                /* events.replayed was called */
    struct cu_recipe *recipe; /* owned, between job and replay */
    int rc;                   /* of the job */
    uint64_t allowed;         /* bytes, for the begin of the replay */
    size_t path_len;
    char path[]; /* of the recipe */
};

static void replay_free(struct cu_front_replay *r)
{
    cu_recipe_free(r->recipe);
    free(r->bytes);
    free(r);
}

static void note_progress(const struct cu_front *front)
{
    uint64_t *counters = cu_core_counters(front->config.core);
    struct cu_ahead_progress progress = cu_ahead_progress(front->ahead);

    counters[CU_COUNT_recipe_objects] = progress.objects;
    counters[CU_COUNT_recipe_done] = progress.done;
}

static void over(struct cu_front *front)
{
    struct cu_front_replay *r = front->replay;

    if (r->over)
        return;
    r->over = true;
    if (front->config.events.replayed)
        front->config.events.replayed(front->config.events.context);
}

/* rc: negative errno. */
static void give_up(struct cu_front *front, int rc, const char *why)
{
    const struct cu_front_replay *r = front->replay;

    if (rc == -ENOENT)
        cu_log_info("recipe %.*s: there is none yet", (int)r->path_len, r->path);
    else
        cu_log_warn("recipe %.*s: %s; nothing is asked for in advance", (int)r->path_len, r->path,
                    why ? why : strerror(-rc));
    over(front);
}

/* --- the file ----------------------------------------------------------------------------------
 */

static void work(struct cu_crew_job *job)
{
    struct cu_front_replay *r = CU_LIST_ENTRY(job, struct cu_front_replay, job);

    r->rc = cu_recipe_decode(r->bytes, r->size, &r->recipe);
}

static void worked(struct cu_crew_job *job)
{
    struct cu_front_replay *r = CU_LIST_ENTRY(job, struct cu_front_replay, job);
    struct cu_front *front = r->front;

    r->working = false;
    if (!front) {
        replay_free(r);
        return;
    }
    if (r->rc == 0 && front->config.events.recipe)
        front->config.events.recipe(front->config.events.context, r->bytes, r->size);
    free(r->bytes);
    r->bytes = NULL;
    if (r->rc < 0) {
        give_up(front, r->rc,
                r->rc == -EBADMSG   ? "is damaged, or no recipe"
                : r->rc == -ENOTSUP ? "is of another version of Copper"
                                    : NULL);
    } else {
        cu_log_info("recipe %.*s: %u paths are asked for", (int)r->path_len, r->path,
                    cu_recipe_count(r->recipe));
        r->rc = cu_ahead_replay(front->ahead, r->recipe, r->allowed);
        assert(r->rc == 0); /* it is the only one */
        r->recipe = NULL;
        note_progress(front);
        if (cu_ahead_replayed(front->ahead))
            over(front);
    }
    front->config.events.kick(front->config.events.context);
}

static void decode(struct cu_front *front)
{
    struct cu_front_replay *r = front->replay;

    r->job = (struct cu_crew_job){.work = work, .done = worked};
    r->working = true;
    if (front->config.aside) {
        cu_crew_run(front->config.aside, &r->job);
    } else {
        work(&r->job);
        worked(&r->job);
    }
}

static int want(struct cu_front *front, const struct cu_request *what, uint32_t tag)
{
    return cu_core_want(front->config.core, what, CU_FRONT_NO_REQUEST | LOADS | tag, uv_hrtime());
}

static void want_chunks(struct cu_front *front)
{
    struct cu_front_replay *r = front->replay;
    uint32_t chunk_bytes = front->config.chunk_bytes;
    uint32_t count = (uint32_t)((r->size + chunk_bytes - 1) / chunk_bytes);
    struct cu_request what = {
        .kind = CU_KIND_DATA, .path = r->path, .path_len = r->path_len, .version = r->version};

    r->chunks = count;
    for (what.chunk = 0; what.chunk < count; what.chunk++) {
        int rc = want(front, &what, (uint32_t)what.chunk);

        if (rc == 0)
            continue;
        r->error = -rc;
        r->chunks--;
    }
    if (r->chunks == 0)
        give_up(front, -r->error, NULL);
}

static const char *untrusted(const struct cu_attr *attr)
{
    if (!S_ISREG(attr->mode))
        return "is no file";
    if (attr->uid != geteuid())
        return "belongs to another user";
    if (attr->mode & (S_IWGRP | S_IWOTH))
        return "can be written by others";
    if (attr->size == 0 || attr->size > CU_RECIPE_BYTES_MAX)
        return "has not the size of a recipe";
    return NULL;
}

static void attr_done(struct cu_front *front, const struct cu_value *value)
{
    struct cu_front_replay *r = front->replay;
    const char *why = value->error ? NULL : untrusted(&value->attr);

    if (value->error || why) {
        give_up(front, -value->error, why);
        return;
    }
    r->version = cu_version_of(&value->attr);
    r->size = (size_t)value->attr.size;
    r->bytes = malloc(r->size);
    if (!r->bytes) {
        give_up(front, -ENOMEM, NULL);
    } else if (value->content && value->content->size == r->size) {
        memcpy(r->bytes, value->content->data, r->size);
        decode(front);
    } else {
        want_chunks(front);
    }
}

static void chunk_done(struct cu_front *front, uint32_t chunk, const struct cu_value *value)
{
    struct cu_front_replay *r = front->replay;
    size_t at = (size_t)chunk * front->config.chunk_bytes;
    const struct cu_buf *bytes = value->bytes;

    assert(r->chunks > 0 && at < r->size);
    if (value->error || !bytes || bytes->size > r->size - at)
        r->error = value->error ? value->error : EIO;
    else
        memcpy(r->bytes + at, bytes->data, bytes->size);
    if (--r->chunks > 0)
        return;
    if (r->error)
        give_up(front, -r->error, NULL);
    else
        decode(front);
}

/* --- the interface ---------------------------------------------------------------------------- */

int cu_front_replay(struct cu_front *front, const char *path, uint64_t bytes)
{
    size_t len = strlen(path);
    struct cu_front_replay *r = calloc(1, sizeof(*r) + len + 1);
    struct cu_request what = {
        .kind = CU_KIND_ATTR, .flags = CU_WANT_CONTENT, .path = path, .path_len = len};

    assert(!front->replay);
    if (!r)
        return -ENOMEM;
    r->front = front;
    r->allowed = bytes;
    r->path_len = len;
    memcpy(r->path, path, len + 1);
    front->replay = r;
    return want(front, &what, TAG_ATTR);
}

void cu_front_replay_allow(struct cu_front *front, uint64_t bytes, uint64_t most)
{
    if (front->replay && !front->closing)
        cu_ahead_replay_allow(front->ahead, bytes, most);
}

int cu_front_fetch(void *context, const struct cu_ahead_want *want, uint32_t tag)
{
    struct cu_front *front = context;
    struct cu_request what = cu_front_ahead_request(want);

    if (front->closing)
        return -ENOTCONN;
    what.flags |= CU_WANT_LATER;
    what.advance = true;
    CU_FRONT_COUNT(front, recipe_asked);
    return cu_core_want(front->config.core, &what, CU_FRONT_NO_REQUEST | tag, uv_hrtime());
}

void cu_front_replay_reply(struct cu_front *front, uint64_t cookie, const struct cu_value *value)
{
    uint32_t tag = (uint32_t)cookie;

    if (!front->replay)
        return;
    if (!(cookie & LOADS)) {
        cu_ahead_fetched(front->ahead, tag, value);
        note_progress(front);
        if (cu_ahead_replayed(front->ahead))
            over(front);
    } else if (tag == TAG_ATTR) {
        attr_done(front, value);
    } else {
        chunk_done(front, tag, value);
    }
}

void cu_front_replay_close(struct cu_front *front)
{
    struct cu_front_replay *r = front->replay;

    front->replay = NULL;
    if (!r)
        return;
    r->front = NULL;
    if (!r->working)
        replay_free(r);
}
