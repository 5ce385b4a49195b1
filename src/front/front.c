/* SPDX-License-Identifier: BSD-3-Clause */
/* The mount: its beginning, the loop that takes requests from the kernel, what the kernel is told
 * to forget, and its end. The operations are in the other files of src/front.
 *
 * Everything runs on the loop thread, except the notifications to the kernel (front/invalidate.h).
 * Invariants: no call here touches a path below the mount, because it would wait for this thread
 * itself; each request is answered exactly once, also when the mount ends. */
#include "front/front.h"

#include "ahead/ahead.h"
#include "base/list.h"
#include "front/ahead.h"
#include "front/device.h"
#include "front/forget.h"
#include "front/link.h"
#include "front/lookup.h"
#include "front/names.h"
#include "front/ops.h"
#include "front/replay.h"
#include "front/returned.h"
#include "front/state.h"
#include "front/takeover.h"
#include "front/view.h"
#include "host/capture.h"
#include "host/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define BATCH_MAX 64 /* requests taken before the core's effects are carried out */

/* --- libfuse's messages ----------------------------------------------------------------------- */

static _Thread_local char fuse_said[256]; /* last message, for the text of a failed mount */

__attribute__((format(printf, 2, 0))) static void on_fuse_log(enum fuse_log_level level,
                                                              const char *format, va_list args)
{
    size_t len;

    (void)level;
    vsnprintf(fuse_said, sizeof(fuse_said), format, args);
    len = strlen(fuse_said);
    if (len > 0 && fuse_said[len - 1] == '\n')
        fuse_said[len - 1] = '\0';
    cu_log_warn("%s", fuse_said);
}

/* --- the loop --------------------------------------------------------------------------------- */

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct cu_front *front = poll->data;
    int taken = 0, rc;

    (void)status, (void)events; /* an error of the descriptor shows when it is read */
    cu_front_timing_begin(front);
    cu_front_returned_begin(front);
    do {
        rc = cu_front_take(front);
    } while (rc == 1 && ++taken < BATCH_MAX && !cu_turn_spent(front->config.turn));
    cu_front_requests_interrupt(front);
    if (rc < 0) {
        front->gone = true;
        uv_poll_stop(poll);
    }
    front->config.events.kick(front->config.events.context);
    if (rc < 0 && front->config.events.unmounted)
        front->config.events.unmounted(front->config.events.context);
}

/* --- create and destroy ----------------------------------------------------------------------- */

static void free_config(struct cu_front *front)
{
    free((char *)front->config.mount_dir);
    for (size_t i = 0; i < CU_FRONT_HIDDEN_MAX; i++)
        free((char *)front->config.hidden_paths[i]);
}

static int copy_config(struct cu_front *front, const struct cu_front_config *config)
{
    front->config = *config;
    memset(front->config.hidden_paths, 0, sizeof(front->config.hidden_paths));
    front->config.mount_dir = strdup(config->mount_dir);
    if (!front->config.mount_dir)
        return -ENOMEM;
    for (size_t i = 0; i < CU_FRONT_HIDDEN_MAX && config->hidden_paths[i]; i++) {
        front->config.hidden_paths[i] = strdup(config->hidden_paths[i]);
        if (!front->config.hidden_paths[i])
            return -ENOMEM;
        front->hidden_len[i] = strlen(config->hidden_paths[i]);
    }
    return 0;
}

static void on_inode_free(void *context, struct cu_inode *inode)
{
    if (S_ISDIR(inode->attr.mode))
        cu_ahead_dir_clear(((struct cu_front *)context)->ahead, &inode->dir.ahead);
}

struct fuse_session *cu_front_session(const char *mount_dir, bool allow_other, void *userdata,
                                      struct cu_error *err)
{
    char *argv[] = {(char *)"copperd",
                    (char *)"-o",
                    (char *)"ro,nosuid,nodev,default_permissions,fsname=copper,subtype=copper",
                    (char *)"-o",
                    (char *)"allow_other",
                    NULL};
    struct fuse_args args = FUSE_ARGS_INIT(allow_other ? 5 : 3, argv);
    struct fuse_session *session;
    struct cu_capture capture;
    char helper_said[256];
    int flags, rc;

    fuse_said[0] = '\0';
    fuse_set_log_func(on_fuse_log);
    session = fuse_session_new(&args, &cu_front_ops, sizeof(cu_front_ops), userdata);
    fuse_opt_free_args(&args);
    if (!session) {
        cu_error_set(err, -EINVAL, "libfuse refuses the mount's options: %s", fuse_said);
        return NULL;
    }
    cu_capture_begin(&capture);
    rc = fuse_session_mount(session, mount_dir);
    cu_capture_end(&capture, helper_said, sizeof(helper_said));
    if (rc != 0) {
        cu_error_set(err, -EIO, "cannot mount on %s: %s", mount_dir,
                     helper_said[0] ? helper_said
                     : fuse_said[0] ? fuse_said
                                    : "fusermount3 failed");
        fuse_session_destroy(session);
        return NULL;
    }
    flags = fcntl(fuse_session_fd(session), F_GETFL);
    if (flags >= 0 && fcntl(fuse_session_fd(session), F_SETFL, flags | O_NONBLOCK) == 0)
        return session;
    cu_error_set(err, -errno, "cannot set up the FUSE device: %s", strerror(errno));
    fuse_session_unmount(session);
    fuse_session_destroy(session);
    return NULL;
}

static int open_session(struct cu_front *front, struct cu_error *err)
{
    char device[32];

    snprintf(device, sizeof(device), "/dev/fd/%d",
             front->config.device_fd); /* the text that libfuse logged */
    front->session =
        cu_front_session(front->config.device_fd > 0 ? device : front->config.mount_dir,
                         front->config.allow_other && front->config.device_fd <= 0, front, err);
    if (!front->session)
        return -EIO;
    front->fd = fuse_session_fd(front->session);
    if (cu_front_device_hook(front) != 0)
        return cu_error_set(err, -ENOMEM, "out of memory");
    return 0;
}

static void free_session(struct cu_front *front)
{
    if (!front->session)
        return;
    fuse_session_unmount(front->session);
    fuse_session_destroy(front->session);
}

/* Frees all else but the struct of the front itself, which contains libuv's handle. */
static void free_parts(struct cu_front *front)
{
    cu_front_returned_free(front);
    cu_specials_free(&front->specials);
    free(front->own_buffer);
    if (front->inodes.by_id.segments) {
        cu_front_stale_free(front);
        cu_inodes_free(&front->inodes);
    }
    cu_ahead_destroy(front->ahead);
    cu_negatives_free(&front->negatives);
    free(front->scratch);
    free_config(front);
}

struct cu_front *cu_front_create(const struct cu_front_config *config, struct cu_error *err)
{
    struct cu_front *front = calloc(1, sizeof(*front));
    int rc;

    if (!front) {
        cu_error_set(err, -ENOMEM, "out of memory");
        return NULL;
    }
    front->fd = -1;
    front->counters = cu_core_counters(config->core);
    cu_list_init(&front->returned);
    cu_list_init(&front->views);
    cu_list_init(&front->links);
    cu_list_init(&front->stale);
    cu_list_init(&front->forgets.jobs);
    cu_front_requests_init(&front->requests);
    cu_specials_init(&front->specials);
    if (copy_config(front, config) < 0 || cu_front_ahead_init(front) < 0 ||
        cu_inodes_init(&front->inodes, on_inode_free, front) < 0 || cu_front_take_over(front) < 0) {
        cu_error_set(err, -ENOMEM, "out of memory");
        goto fail;
    }
    if (open_session(front, err) < 0)
        goto fail;
    rc = uv_poll_init(config->loop, &front->poll, front->fd);
    if (rc < 0) {
        cu_error_set(err, rc, "cannot watch the FUSE device: %s", uv_strerror(rc));
        goto fail;
    }
    front->poll.data = front;
    front->open_handles = 1;
    if (cu_front_forgets_init(front) < 0) {
        cu_error_set(err, -ENOMEM, "cannot start a thread");
        cu_front_destroy(front);
        return NULL;
    }
    cu_front_names_count(front);
    rc = uv_poll_start(&front->poll, UV_READABLE, on_readable);
    if (rc == 0)
        return front;
    cu_error_set(err, rc, "cannot watch the FUSE device: %s", uv_strerror(rc));
    cu_front_destroy(front);
    return NULL;
fail:
    free_session(front);
    free_parts(front);
    free(front);
    return NULL;
}

uint64_t cu_front_inodes(const struct cu_front *front)
{
    return front->inodes.count;
}

/* The thread may be inside a notification that waits for a directory's lock, held by a process that
 * waits for us: requests are answered (with ENOTCONN) until the thread is through. */
static void end_invalidator(struct cu_front *front)
{
    struct pollfd fds[2] = {
        {.fd = cu_invalidator_stop(front->invalidator), .events = POLLIN},
        {.fd = front->gone ? -1 : front->fd, .events = POLLIN},
    };

    for (;;) {
        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[0].revents)
            break;
        if (fds[1].revents && cu_front_take(front) < 0)
            fds[1].fd = -1;
    }
    cu_invalidator_destroy(front->invalidator);
}

static void end(struct cu_front *front)
{
    front->closing = true;
    cu_front_views_close(front);
    cu_front_links_close(front);
    cu_front_replay_close(front);
    uv_poll_stop(&front->poll);
    cu_front_requests_free(front);
    if (front->invalidator)
        end_invalidator(front);
    cu_front_requests_free(front);
    cu_front_forgets_close(front);
    uv_close((uv_handle_t *)&front->poll, cu_front_closed); /* before the descriptor is */
    free_session(front);
}

void cu_front_destroy(struct cu_front *front)
{
    int saved = errno;

    if (!front)
        return;
    end(front);
    free_parts(front);
    errno = saved;
}

void cu_front_end(struct cu_front *front)
{
    if (front)
        end(front);
}
