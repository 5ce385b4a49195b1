/* SPDX-License-Identifier: BSD-3-Clause */
/* A turn of the loop asks for a bounded number of objects, also when all of them are here already
 * and nothing is waited for. */
#include "copperd/stager.h"

#include "ahead/stage.h"
#include "base/list.h"
#include "base/path.h"
#include "base/rate.h"
#include "base/text.h"
#include "front/ahead.h"
#include "host/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STAGES_MAX  64u    /* that wait or run */
#define KEPT_MAX    64u    /* that are over, and have no claim to the cache any more */
#define CLAIMS_MAX  16384u /* that are over, and all that they put into the cache stays there */
#define ASKERS_MAX  8u     /* of one stage */
#define TURN_STEPS  256u
#define TURN_BYTES  (8u << 20)
#define EPOCH_SHIFT 32u
#define EPOCH_MASK  ((UINT64_C(1) << 29) - 1)
#define ERROR_MAX   4096u

struct stage {
    struct cu_list link;
    char ids[ASKERS_MAX][CU_STAGED_ID + 1];
    uint32_t id_count;
    bool manifest, over;
    uint64_t rate;                   /* bytes a second; 0: no bound */
    struct cu_rate given;            /* of that */
    uint64_t allowed;                /* bytes that it might have asked for so far */
    struct cu_stage *walk;           /* owned; NULL: has not begun, or is over */
    struct cu_stage_figures figures; /* of one that is over */
    char *error;                     /* owned text about the first path that failed; NULL: none */
    size_t path_len;
    char path[];
};

struct cu_stager {
    struct cu_stager_config config;
    struct cu_list stages; /* oldest first; those that are over come first */
    uint32_t waiting, kept;
    uint64_t epoch;   /* of the one that runs: an answer to another one is not for it */
    uv_idle_t idle;   /* the next turn */
    uv_timer_t timer; /* the same, when the rate allows it */
    bool closed;
};

static void schedule(struct cu_stager *stager);

static void stage_free(struct cu_stager *stager, struct stage *stage)
{
    cu_list_remove(&stage->link);
    if (stage->over)
        stager->kept--;
    else
        stager->waiting--;
    cu_stage_destroy(stage->walk);
    free(stage->error);
    free(stage);
}

static struct stage *running(const struct cu_stager *stager)
{
    cu_list_for_each (it, &stager->stages) {
        struct stage *stage = CU_LIST_ENTRY(it, struct stage, link);

        if (!stage->over)
            return stage;
    }
    return NULL;
}

/* --- room --------------------------------------------------------------------------------------
 */

/* The cache shrinks by what waits for children (an eighth at most) and by names. */
static uint64_t room_of_all(const struct cu_stager *stager)
{
    return stager->config.limits.cache_bytes / 4 * 3;
}

/* What stages before this one have put into the cache, but for what this one asks for again. */
static uint64_t claimed(const struct cu_stager *stager, const struct stage *by)
{
    uint64_t bytes = 0;

    cu_list_for_each (it, &stager->stages) {
        const struct stage *stage = CU_LIST_ENTRY(it, struct stage, link);

        if (stage->over && !(stage->manifest == by->manifest &&
                             cu_path_within(stage->path, stage->path_len, by->path, by->path_len)))
            bytes += stage->figures.held;
    }
    return bytes;
}

static uint64_t room_for(const struct cu_stager *stager, const struct stage *stage)
{
    uint64_t all = room_of_all(stager), taken = claimed(stager, stage);

    return all > taken ? all - taken : 0;
}

static bool has_no_claim(const struct stage *stage)
{
    return stage->over && stage->figures.held == 0;
}

/* Those that have no claim are kept for who asks how they ended: the last few of them. One with a
 * claim is not forgotten: later ones would take its room. */
static void forget_some(struct cu_stager *stager)
{
    uint32_t count = 0;

    cu_list_for_each (it, &stager->stages)
        count += has_no_claim(CU_LIST_ENTRY(it, struct stage, link));
    cu_list_for_each_safe (it, &stager->stages) {
        struct stage *stage = CU_LIST_ENTRY(it, struct stage, link);

        if (count <= KEPT_MAX)
            return;
        if (!has_no_claim(stage))
            continue;
        stage_free(stager, stage);
        count--;
    }
}

void cu_stager_refreshed(struct cu_stager *stager, const char *path, size_t path_len)
{
    cu_list_for_each_safe (it, &stager->stages) {
        struct stage *stage = CU_LIST_ENTRY(it, struct stage, link);

        if (stage->over && cu_path_within(stage->path, stage->path_len, path, path_len))
            stage->figures.held = 0;
    }
    forget_some(stager);
}

/* --- one stage ---------------------------------------------------------------------------------
 */

static int fetch(void *context, const struct cu_ahead_want *want, uint32_t tag)
{
    struct cu_stager *stager = context;
    struct cu_request what = cu_front_ahead_request(want);
    uint64_t cookie = CU_STAGER_COOKIE | stager->epoch << EPOCH_SHIFT | tag;

    what.flags |= CU_WANT_LATER;
    return cu_core_want(stager->config.core, &what, cookie, uv_hrtime());
}

static void keep_error(struct stage *stage)
{
    const struct cu_stage_figures *f = &stage->figures;
    char line[ERROR_MAX];

    if (stage->error || !f->error_path)
        return;
    (void)snprintf(line, sizeof(line), "%.*s: %s", (int)sizeof(line) - 128, f->error_path,
                   f->error == ENOENT    ? "No such file or directory, or it is not served"
                   : f->error == ENOBUFS ? "too many directories on one level"
                   : f->error == ENOSPC  ? "not even its names have room in the cache"
                   : f->error == E2BIG   ? "too many names for one listing"
                                         : strerror(f->error));
    stage->error = strdup(line);
}

static void look(struct stage *stage)
{
    if (!stage->walk)
        return;
    stage->figures = cu_stage_figures(stage->walk);
    keep_error(stage);
    stage->figures.error_path = NULL; /* goes with the walk */
}

static void end(struct cu_stager *stager, struct stage *stage)
{
    const struct cu_stage_figures *f = &stage->figures;

    look(stage);
    cu_stage_destroy(stage->walk);
    stage->walk = NULL;
    stage->over = true;
    stager->epoch = (stager->epoch + 1) & EPOCH_MASK;
    stager->waiting--;
    stager->kept++;
    cu_log_info("staged %s: %llu objects, %llu bytes; %llu bytes found no room; %llu paths failed",
                stage->path, (unsigned long long)f->objects_done, (unsigned long long)f->bytes_done,
                (unsigned long long)f->over_bytes, (unsigned long long)f->errors);
    forget_some(stager);
}

/* --- rate ------------------------------------------------------------------------------------- */

/* All nodes ask for the same objects at the same time, so what one asks for is what storage reads.
 * Content that comes along with its name is counted when it is here. Bytes that may be asked for
 * now. */
static uint64_t allowance(const struct cu_stager *stager, struct stage *stage, uint64_t now_ns)
{
    uint64_t chunk_bytes = stager->config.limits.chunk_bytes;
    uint64_t burst = stage->rate > chunk_bytes ? stage->rate : chunk_bytes;
    uint64_t asked = stage->walk ? cu_stage_figures(stage->walk).asked : 0;

    if (stage->rate == 0)
        return TURN_BYTES;
    stage->allowed += cu_rate_take(&stage->given, stage->rate, now_ns);
    if (stage->allowed <= asked)
        return 0;
    if (stage->allowed - asked > burst) /* what is not used is lost */
        stage->allowed = asked + burst;
    return stage->allowed - asked < TURN_BYTES ? stage->allowed - asked : TURN_BYTES;
}

static bool begin(struct cu_stager *stager, struct stage *stage)
{
    const struct cu_core_config *limits = &stager->config.limits;
    struct cu_stage_config config = {.context = stager,
                                     .fetch = fetch,
                                     .chunk_bytes = limits->chunk_bytes,
                                     .max_cacheable_bytes = limits->max_cacheable_bytes,
                                     .room = room_for(stager, stage),
                                     .mount = stager->config.mount,
                                     .manifest = stage->manifest};

    stage->walk = cu_stage_create(&config, stage->path, stage->path_len);
    return stage->walk != NULL;
}

/* --- turns ------------------------------------------------------------------------------------ */

static void on_timer(uv_timer_t *timer)
{
    schedule(timer->data);
}

/* Until a chunk may be asked for. */
static void wait_for_rate(struct cu_stager *stager, const struct stage *stage, uint64_t bytes)
{
    uint64_t lack = stager->config.limits.chunk_bytes - bytes;
    double ms = (double)lack * 1000 / (double)stage->rate;

    if (!uv_is_active((uv_handle_t *)&stager->timer))
        uv_timer_start(&stager->timer, on_timer, ms < 1000 ? (uint64_t)ms + 1 : 1000, 0);
}

static void turn(uv_idle_t *idle)
{
    struct cu_stager *stager = idle->data;
    struct stage *stage = running(stager);
    uint64_t bytes;
    bool again;

    uv_idle_stop(idle);
    if (stager->closed || !stage)
        return;
    bytes = allowance(stager, stage, uv_hrtime());
    if (stage->rate > 0 && bytes < stager->config.limits.chunk_bytes) {
        wait_for_rate(stager, stage, bytes);
        return;
    }
    if (!stage->walk && !begin(stager, stage)) {
        stage->figures.errors++;
        stage->error = strdup("out of memory");
        end(stager, stage);
        schedule(stager);
        return;
    }
    again =
        cu_stage_run(stage->walk, TURN_STEPS, &bytes) || bytes < stager->config.limits.chunk_bytes;
    if (cu_stage_figures(stage->walk).over)
        end(stager, stage);
    if (again || stage->over)
        schedule(stager);
    stager->config.kick(stager->config.context);
}

static void schedule(struct cu_stager *stager)
{
    if (!stager->closed && running(stager))
        uv_idle_start(&stager->idle, turn);
}

void cu_stager_reply(struct cu_stager *stager, uint64_t cookie, const struct cu_value *value)
{
    struct stage *stage = running(stager);

    if (stager->closed || !stage || !stage->walk ||
        (cookie >> EPOCH_SHIFT & EPOCH_MASK) != stager->epoch)
        return;
    cu_stage_answer(stage->walk, (uint32_t)cookie, value);
    schedule(stager);
}

/* --- requests --------------------------------------------------------------------------------- */

static bool is_asker(const struct stage *stage, const char *id, uint32_t *at)
{
    for (*at = 0; *at < stage->id_count; ++*at)
        if (strcmp(stage->ids[*at], id) == 0)
            return true;
    return false;
}

static void add_asker(struct stage *stage, const char *id)
{
    memcpy(stage->ids[stage->id_count], id, CU_STAGED_ID + 1);
    stage->id_count++;
}

static bool same_tree(const struct stage *stage, const struct cu_staged_order *order)
{
    return stage->manifest == order->manifest && strcmp(stage->path, order->path) == 0;
}

/* The stage that the order is about: the asker's, or one of the same tree that is not over. */
static struct stage *find(const struct cu_stager *stager, const struct cu_staged_order *order)
{
    struct stage *found = NULL;
    uint32_t at;

    cu_list_for_each (it, &stager->stages) {
        struct stage *stage = CU_LIST_ENTRY(it, struct stage, link);

        if (is_asker(stage, order->id, &at))
            return stage;
        if (!stage->over && same_tree(stage, order) && stage->id_count < ASKERS_MAX)
            found = stage;
    }
    if (found && !order->cancel)
        add_asker(found, order->id);
    return found;
}

static void cancel(struct cu_stager *stager, struct stage *stage, const char *id)
{
    uint32_t at;

    if (stage->over || !is_asker(stage, id, &at))
        return;
    stage->id_count--;
    memmove(stage->ids[at], stage->ids[stage->id_count], CU_STAGED_ID + 1);
    if (stage->id_count > 0)
        return;
    add_asker(stage, id);
    end(stager, stage);
    schedule(stager);
}

/* One of the same tree that is over: with a new one it has no claim of its own any more. */
static struct stage *earlier(const struct cu_stager *stager, const struct cu_staged_order *order)
{
    cu_list_for_each (it, &stager->stages) {
        struct stage *stage = CU_LIST_ENTRY(it, struct stage, link);

        if (stage->over && same_tree(stage, order))
            return stage;
    }
    return NULL;
}

static struct stage *add(struct cu_stager *stager, const struct cu_staged_order *order)
{
    size_t len = strlen(order->path);
    struct stage *stage = calloc(1, sizeof(*stage) + len + 1), *old;

    if (!stage)
        return NULL;
    while ((old = earlier(stager, order)))
        stage_free(stager, old);
    stage->path_len = len;
    memcpy(stage->path, order->path, len + 1);
    stage->manifest = order->manifest;
    stage->rate = stager->config.rate;
    if (order->rate > 0 && (stage->rate == 0 || order->rate < stage->rate))
        stage->rate = order->rate;
    add_asker(stage, order->id);
    cu_list_push_back(&stager->stages, &stage->link);
    stager->waiting++;
    schedule(stager);
    return stage;
}

int cu_stager_take(struct cu_stager *stager, const struct cu_staged_order *order,
                   struct cu_staged *staged)
{
    struct stage *stage = find(stager, order);
    const struct cu_stage_figures *f;

    if (stage && order->cancel)
        cancel(stager, stage, order->id);
    if (!stage && order->cancel) {
        *staged = (struct cu_staged){.done = true};
        return 0;
    }
    if (!stage && (stager->waiting >= STAGES_MAX || stager->closed))
        return -EBUSY;
    if (!stage && stager->kept >= CLAIMS_MAX)
        return -EUSERS;
    if (!stage)
        stage = add(stager, order);
    if (!stage)
        return -ENOMEM;
    look(stage);
    f = &stage->figures;
    *staged = (struct cu_staged){.queued = !stage->over && stage != running(stager),
                                 .walked = f->walked,
                                 .done = stage->over,
                                 .objects = f->objects,
                                 .objects_done = f->objects_done,
                                 .bytes = f->bytes,
                                 .bytes_done = f->bytes_done,
                                 .over_files = f->over_files,
                                 .over_bytes = f->over_bytes,
                                 .room = room_for(stager, stage),
                                 .errors = f->errors,
                                 .error = stage->error};
    return 0;
}

struct cu_stager *cu_stager_create(const struct cu_stager_config *config)
{
    struct cu_stager *stager = calloc(1, sizeof(*stager));

    if (!stager)
        return NULL;
    stager->config = *config;
    cu_list_init(&stager->stages);
    uv_idle_init(config->loop, &stager->idle);
    uv_timer_init(config->loop, &stager->timer);
    uv_unref((uv_handle_t *)&stager->idle);
    uv_unref((uv_handle_t *)&stager->timer);
    stager->timer.data = stager;
    stager->idle.data = stager;
    return stager;
}

void cu_stager_close(struct cu_stager *stager)
{
    if (!stager)
        return;
    stager->closed = true;
    uv_idle_stop(&stager->idle);
    uv_timer_stop(&stager->timer);
    cu_list_for_each_safe (it, &stager->stages)
        stage_free(stager, CU_LIST_ENTRY(it, struct stage, link));
}
