/* The log directory may lie on slow storage, so a worker writes; while one line is under way the
 * next is left out: a queue would only grow where storage hangs. */
#include "daemon/snapshot.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct cu_snapshot {
    uv_timer_t timer;
    uv_work_t work;
    char *path;
    struct cu_buf *(*make)(void *context);
    void *context;
    bool busy;
    struct cu_buf *line; /* while busy: the worker's */
    int error;           /* of the last write; the worker's while busy */
};

/* Worker. */
static void write_line(uv_work_t *work)
{
    struct cu_snapshot *snapshot = work->data;
    struct iovec parts[2] = {{.iov_base = snapshot->line->data, .iov_len = snapshot->line->size},
                             {.iov_base = "\n", .iov_len = 1}};
    struct stat st;
    int fd = open(snapshot->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);

    snapshot->error = 0;
    if (fd < 0) {
        snapshot->error = errno;
        return;
    }
    if (fstat(fd, &st) < 0)
        snapshot->error = errno;
    else if ((uint64_t)st.st_size >= CU_SNAPSHOT_FILE_MAX)
        snapshot->error = EFBIG;
    else if (writev(fd, parts, 2) < 0)
        snapshot->error = errno;
    close(fd);
}

static void on_written(uv_work_t *work, int status)
{
    struct cu_snapshot *snapshot = work->data;

    (void)status;
    snapshot->busy = false;
    cu_buf_unref(snapshot->line);
    snapshot->line = NULL;
    if (snapshot->error == 0)
        return;
    cu_log_warn("no more snapshots: %s: %s", snapshot->path, strerror(snapshot->error));
    uv_timer_stop(&snapshot->timer);
}

static void on_timer(uv_timer_t *timer)
{
    struct cu_snapshot *snapshot = timer->data;

    if (snapshot->busy)
        return;
    snapshot->line = snapshot->make(snapshot->context);
    if (snapshot->line == NULL)
        return;
    snapshot->busy = uv_queue_work(timer->loop, &snapshot->work, write_line, on_written) == 0;
    if (!snapshot->busy) {
        cu_buf_unref(snapshot->line);
        snapshot->line = NULL;
    }
}

struct cu_snapshot *cu_snapshot_create(uv_loop_t *loop, const char *path, uint32_t seconds,
                                       struct cu_buf *(*make)(void *context), void *context)
{
    struct cu_snapshot *snapshot = calloc(1, sizeof(*snapshot));

    if (snapshot == NULL)
        return NULL;
    snapshot->path = strdup(path);
    if (snapshot->path == NULL || uv_timer_init(loop, &snapshot->timer) < 0) {
        free(snapshot->path);
        free(snapshot);
        return NULL;
    }
    snapshot->make = make;
    snapshot->context = context;
    snapshot->timer.data = snapshot;
    snapshot->work.data = snapshot;
    uv_timer_start(&snapshot->timer, on_timer, (uint64_t)seconds * 1000, (uint64_t)seconds * 1000);
    uv_unref((uv_handle_t *)&snapshot->timer);
    return snapshot;
}
