/* SPDX-License-Identifier: BSD-3-Clause */
/* The log directory may be on slow storage, so a worker writes. While a write is under way, ticks
 * of the timer are skipped: when storage hangs, a queue would only grow. */
#include "copperd/snapshot.h"

#include "host/log.h"
#include "host/trust.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct cu_snapshot {
    struct cu_snapshot_config config; /* path is our own */
    uv_timer_t timer;
    uv_work_t work;
    char *target; /* what is written to: path, or the file that is going to replace it */
    bool busy;
    bool again; /* taken while busy: one more, with what counts then */
    bool ours;  /* all of the file is; the worker's while busy */
    bool discarded;
    void *taken;         /* the same; what text is made of */
    struct cu_buf *text; /* while busy: the worker's */
    int error;           /* of the last write; the worker's while busy */
};

/* Worker. 0 or positive errno. */
static int write_to(struct cu_snapshot *snapshot, int fd)
{
    const struct cu_buf *text = snapshot->text;
    struct iovec parts[2] = {{.iov_base = snapshot->text->data, .iov_len = text->size},
                             {.iov_base = "\n", .iov_len = 1}};
    struct stat st;
    ssize_t written;

    if (fstat(fd, &st) < 0)
        return errno;
    if ((uint64_t)st.st_size >= CU_SNAPSHOT_FILE_MAX)
        return EFBIG;
    if (st.st_size == 0 && !snapshot->config.replace)
        snapshot->ours = true;
    written = writev(fd, parts, 2);
    if (written < 0)
        return errno;
    return (size_t)written == text->size + 1 ? 0 : ENOSPC;
}

/* Worker. */
static void write_file(uv_work_t *work)
{
    struct cu_snapshot *snapshot = work->data;
    bool replace = snapshot->config.replace;
    const char *name = NULL;
    int dir, fd;

    snapshot->error = 0;
    snapshot->text = snapshot->config.make(snapshot->taken);
    if (!snapshot->text)
        return;
    dir = fd = cu_trust_open_parent(snapshot->target, &name, NULL);
    if (dir >= 0)
        fd = cu_trust_open_file(dir, name, replace ? CU_TRUST_REPLACE : CU_TRUST_APPEND);
    if (fd < 0) {
        snapshot->error = -fd;
        goto out;
    }
    snapshot->error = write_to(snapshot, fd);
    if (close(fd) < 0 && snapshot->error == 0)
        snapshot->error = errno;
    if (!replace)
        goto out;
    if (snapshot->error == 0 &&
        renameat(dir, name, dir, strrchr(snapshot->config.path, '/') + 1) < 0)
        snapshot->error = errno;
    if (snapshot->error != 0)
        unlinkat(dir, name, 0);
    else
        snapshot->ours = true;
out:
    if (dir >= 0)
        close(dir);
}

/* Worker. The name in a directory that is still the user's. */
static void remove_file(uv_work_t *work)
{
    struct cu_snapshot *snapshot = work->data;
    const char *name = NULL;
    int dir = cu_trust_open_parent(snapshot->config.path, &name, NULL);

    snapshot->error = dir < 0 ? -dir : 0;
    if (dir < 0)
        return;
    if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
        snapshot->error = errno;
    close(dir);
}

static void on_removed(uv_work_t *work, int status)
{
    struct cu_snapshot *snapshot = work->data;

    (void)status;
    snapshot->busy = false;
    if (snapshot->error != 0)
        cu_log_warn("%s: is left behind: %s", snapshot->config.path,
                    cu_trust_file_error(-snapshot->error));
}

void cu_snapshot_discard(struct cu_snapshot *snapshot)
{
    if (!snapshot)
        return;
    snapshot->discarded = true;
    snapshot->again = false;
    uv_timer_stop(&snapshot->timer);
    if (!snapshot->busy && snapshot->ours)
        snapshot->busy =
            uv_queue_work(snapshot->config.loop, &snapshot->work, remove_file, on_removed) == 0;
}

static void on_written(uv_work_t *work, int status)
{
    struct cu_snapshot *snapshot = work->data;

    (void)status;
    snapshot->busy = false;
    cu_buf_unref(snapshot->text);
    snapshot->text = NULL;
    if (snapshot->discarded) {
        cu_snapshot_discard(snapshot);
    } else if (snapshot->error != 0) {
        cu_log_warn("no more snapshots: %s: %s", snapshot->target,
                    cu_trust_file_error(-snapshot->error));
        uv_timer_stop(&snapshot->timer);
    } else if (snapshot->again) {
        cu_snapshot_take(snapshot); /* from here on the worker's again */
    }
}

void cu_snapshot_take(struct cu_snapshot *snapshot)
{
    if (!snapshot || snapshot->discarded)
        return;
    snapshot->again = snapshot->busy;
    if (snapshot->busy)
        return;
    snapshot->taken = snapshot->config.take(snapshot->config.context);
    if (!snapshot->taken)
        return;
    /* It fails for want of a callback alone. */
    snapshot->busy =
        uv_queue_work(snapshot->config.loop, &snapshot->work, write_file, on_written) == 0;
    assert(snapshot->busy);
}

bool cu_snapshot_busy(const struct cu_snapshot *snapshot)
{
    return snapshot && snapshot->busy;
}

static void on_timer(uv_timer_t *timer)
{
    struct cu_snapshot *snapshot = timer->data;

    if (!snapshot->busy)
        cu_snapshot_take(snapshot);
}

struct cu_snapshot *cu_snapshot_create(const struct cu_snapshot_config *config)
{
    struct cu_snapshot *snapshot = calloc(1, sizeof(*snapshot));
    char *path = strdup(config->path), *target = NULL;
    uint64_t every_ms = (uint64_t)config->seconds * 1000;

    if (asprintf(&target, "%s%s", config->path, config->replace ? ".new" : "") < 0)
        target = NULL;
    if (!snapshot || !path || !target || uv_timer_init(config->loop, &snapshot->timer) < 0) {
        free(target);
        free(path);
        free(snapshot);
        return NULL;
    }
    snapshot->config = *config;
    snapshot->config.path = path;
    snapshot->target = target;
    snapshot->timer.data = snapshot;
    snapshot->work.data = snapshot;
    if (every_ms > 0)
        uv_timer_start(&snapshot->timer, on_timer, every_ms, every_ms);
    uv_unref((uv_handle_t *)&snapshot->timer);
    return snapshot;
}
