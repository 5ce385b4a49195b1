/* SPDX-License-Identifier: BSD-3-Clause */
/* Receives the kernel's requests in such a way that another daemon can take over when this one
 * dies.
 *
 * The requests of a dead daemon still need an answer, and the kernel sends each request only once.
 * So a request is read straight into the recovery area's buffer, which is emptied when the request
 * was answered or is recorded (cu_front_request_new); the next daemon handles again all requests
 * that it finds in both. When a request was answered already the kernel refuses the second answer
 * with ENOENT, as it does for an interrupted one. That works with every kernel, and needs no
 * FUSE_NOTIFY_RESEND (6.9). */
#include "front/takeover.h"

#include "front/notify.h"
#include "front/state.h"
#include "host/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRIES_MAX 3u   /* daemons that one request may crash before it is answered with an error */
#define ROOM      4096 /* zeros behind a request, so that strings that libfuse reads always end */

/* --- mounting --------------------------------------------------------------------------------- */

int cu_front_mount(const char *mount_dir, bool allow_other, struct cu_error *err)
{
    /* Never destroyed: that would close the device, and lose the mount's name (libfuse frees it
     * when it unmounts). Volatile, for it is only kept. */
    static struct fuse_session *volatile session;

    session = cu_front_session(mount_dir, allow_other, NULL, err);
    return session ? fuse_session_fd(session) : -EIO;
}

int cu_front_take_over(struct cu_front *front)
{
    struct cu_recovery *recovery = front->config.recovery;

    front->buffer = cu_recovery_buffer(recovery);
    if (!front->buffer)
        front->buffer = front->own_buffer = malloc(CU_RECOVERY_BUFFER_BYTES);
    if (!front->buffer)
        return -ENOMEM;
    if (front->config.resumes && cu_recovery_incomplete(recovery))
        cu_log_warn(
            "inodes of the last daemon are lost: processes that use these files get ESTALE, "
            "and the names are looked up again");
    return cu_inodes_keep(&front->inodes, recovery, front->config.resumes);
}

/* --- taking requests -------------------------------------------------------------------------- */

/* Length zero: there is no request in the buffer. */
static void empty_buffer(struct cu_front *front)
{
    __atomic_store_n((uint32_t *)front->buffer, 0, __ATOMIC_RELEASE);
}

static void refuse(struct cu_front *front, const struct fuse_in_header *header, int error)
{
    struct fuse_out_header out = {.len = sizeof(out), .error = -error, .unique = header->unique};

    if (write(front->fd, &out, sizeof(out)) < 0 && errno != ENOENT)
        cu_log_debug("a request is not answered: %s", strerror(errno));
}

/* Requests that have no answer, or that the kernel repeats when needed. */
static bool needs_no_answer(uint32_t opcode)
{
    return opcode == FUSE_FORGET || opcode == FUSE_BATCH_FORGET || opcode == FUSE_INTERRUPT ||
           opcode == FUSE_NOTIFY_REPLY || opcode == FUSE_INIT || opcode == FUSE_DESTROY;
}

/* A storage worker has accessed this mount, for example through a directory that became a symbolic
 * link after its lookup. Its request may need a worker, and all workers may be waiting in this
 * way. */
static bool comes_from_us(const struct cu_front *front, const struct fuse_in_header *header)
{
    return front->config.events.is_ours && !needs_no_answer(header->opcode) &&
           front->config.events.is_ours(front->config.events.context, header->pid);
}

/* Where the kernel lets all users in: only requests of this user are answered, whatever the group.
 * The mode of the top directory decides what others can reach in the kernel's caches, without a
 * request (reply_attr). */
static bool is_foreign(const struct cu_front *front, const struct fuse_in_header *header)
{
    return front->config.allow_other && header->uid != geteuid() &&
           !needs_no_answer(header->opcode);
}

static void process(struct cu_front *front, const void *bytes, size_t size)
{
    struct fuse_buf request = {.mem = (void *)(uintptr_t)bytes, .size = size};
    const struct fuse_in_header *header = bytes;

    if (header->opcode == FUSE_INIT) {
        cu_recovery_set_init(front->config.recovery, bytes, size);
        cu_front_kernel_offers(front, bytes, size);
    }
    if (is_foreign(front, header)) {
        refuse(front, header, EACCES);
        return;
    }
    front->current = &request;
    front->timing.kept = needs_no_answer(header->opcode);
    front->timing.error = 0;
    fuse_session_process_buf(front->session, &request);
    front->current = NULL;
    cu_front_timing_done(front, header->opcode);
}

int cu_front_take(struct cu_front *front)
{
    ssize_t got;

    empty_buffer(front);
    got = read(front->fd, front->buffer, CU_RECOVERY_BUFFER_BYTES);
    if (got < 0 && (errno == EINTR || errno == ENOENT)) /* ENOENT: it was interrupted meanwhile */
        return 1;
    if (got < 0 && errno == EAGAIN)
        return 0;
    if (got < (ssize_t)sizeof(struct fuse_in_header))
        return -ENODEV;
    if (comes_from_us(front, front->buffer))
        refuse(front, front->buffer, ELOOP);
    else
        process(front, front->buffer, (size_t)got);
    empty_buffer(front);
    return fuse_session_exited(front->session) ? -ENODEV : 1;
}

uint32_t cu_front_record(struct cu_front *front)
{
    if (!front->config.recovery || !front->current)
        return 0;
    return cu_recovery_put_request(front->config.recovery, front->current->mem,
                                   front->current->size, front->tries);
}

/* --- taking over ------------------------------------------------------------------------------ */

static bool is_recorded(const struct cu_recovery *recovery, const struct fuse_in_header *header)
{
    struct cu_recovery_request request;
    uint32_t at = 0;

    while (cu_recovery_next_request(recovery, &at, &request)) {
        const struct fuse_in_header *recorded = request.bytes;

        if (request.size >= sizeof(*recorded) && recorded->unique == header->unique)
            return true;
    }
    return false;
}

/* The request left in the buffer by the dead daemon becomes a record like those that wait. */
static void save_buffer(struct cu_front *front)
{
    struct cu_recovery *recovery = front->config.recovery;
    const struct fuse_in_header *header = front->buffer;

    if (header->len >= sizeof(*header) && header->len <= CU_RECOVERY_BUFFER_BYTES &&
        !needs_no_answer(header->opcode) && !is_recorded(recovery, header) &&
        cu_recovery_put_request(recovery, header, header->len, 1) == 0)
        refuse(front, header, EROFS); /* only write requests are so long */
    empty_buffer(front);
}

static void try_again(struct cu_front *front, const struct cu_recovery_request *request)
{
    static union {
        struct fuse_in_header header;
        char bytes[CU_RECOVERY_REQUEST_MAX + ROOM];
    } again;
    struct cu_recovery *recovery = front->config.recovery;

    if (request->size < sizeof(again.header) || request->size > CU_RECOVERY_REQUEST_MAX)
        return;
    memset(&again, 0, sizeof(again));
    memcpy(&again, request->bytes, request->size);
    if (again.header.len != request->size || needs_no_answer(again.header.opcode))
        return;
    front->tries = request->tries;
    if (cu_recovery_trying(recovery) == again.header.unique)
        front->tries++;
    if (front->tries > TRIES_MAX) {
        cu_log_error("request %u of process %u ended %u daemons: it fails with EIO",
                     again.header.opcode, again.header.pid, front->tries);
        refuse(front, &again.header, EIO);
    } else {
        cu_recovery_set_trying(recovery, again.header.unique);
        process(front, &again, request->size);
        cu_recovery_set_trying(recovery, 0);
    }
    front->tries = 0;
}

/* Handles of the requests that wait; new memory. */
static uint32_t *waiting(const struct cu_recovery *recovery, size_t *count)
{
    struct cu_recovery_request request;
    uint32_t at = 0, *handles;
    size_t n = 0;

    for (*count = 0; cu_recovery_next_request(recovery, &at, &request);)
        ++*count;
    handles = calloc(*count + 1, sizeof(*handles));
    for (at = 0; handles && n < *count && cu_recovery_next_request(recovery, &at, &request);)
        handles[n++] = request.handle;
    return handles;
}

static int tell_init(struct cu_front *front)
{
    union {
        struct fuse_in_header header;
        char bytes[CU_RECOVERY_INIT_MAX + ROOM];
    } init = {0};
    const struct fuse_in_header *buffer = front->buffer;
    size_t size = cu_recovery_init(front->config.recovery, &init);

    if (size == 0 && buffer->opcode == FUSE_INIT && buffer->len > 0 &&
        buffer->len <= CU_RECOVERY_INIT_MAX) {
        size = buffer->len;
        memcpy(&init, buffer, size);
    }
    if (size == 0)
        return 0; /* still to come */
    if (size < sizeof(init.header) || init.header.len != size || init.header.opcode != FUSE_INIT)
        return -EINVAL;
    process(front, &init, size);
    return front->initialised ? 0 : -EINVAL;
}

int cu_front_resume(struct cu_front *front)
{
    struct cu_recovery *recovery = front->config.recovery;
    struct cu_recovery_request request;
    uint32_t *handles;
    size_t count;
    int rc = tell_init(front);

    if (rc < 0)
        return rc;
    front->negatives.lost_ns = uv_hrtime() + front->config.enoent_ttl_ns; /* the dead daemon's */
    save_buffer(front);
    handles = waiting(recovery, &count);
    cu_front_timing_begin(front);
    if (!handles)
        return -ENOMEM;
    if (cu_recovery_forgot(recovery))
        cu_front_forget(front, "/", 1, true); /* the dead daemon may not have got to it */
    for (size_t i = 0; i < count; i++) {
        uint32_t at = handles[i];

        if (cu_recovery_next_request(recovery, &at, &request))
            try_again(front, &request);
        cu_recovery_drop(recovery, handles[i]);
    }
    free(handles);
    cu_log_info("took over %llu inodes and %zu requests that wait",
                (unsigned long long)front->inodes.count, count);
    return 0;
}
