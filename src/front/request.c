/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests of the kernel under way. They are allocated in blocks that are never moved or freed
 * while the mount is up. So a cookie is an address and a generation: an answer for a request that
 * has ended (its process was killed) finds another generation and is dropped.
 *
 * Invariant: a request is busy until it was answered and the core has delivered all of its
 * values. */
#include "front/request.h"

#include "base/error.h"
#include "base/list.h"
#include "base/path.h"
#include "front/dir.h"
#include "front/holes.h"
#include "front/link.h"
#include "front/lookup.h"
#include "front/ops.h"
#include "front/read.h"
#include "front/replay.h"
#include "front/same.h"
#include "front/state.h"
#include "front/takeover.h"
#include "front/timing.h"
#include "front/xattr.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUB_BITS 12u /* chunks of one read: 1 MiB in 4 KiB chunks is 257 */
#define SUB_MAX  ((1u << SUB_BITS) - 1)

void cu_front_requests_init(struct cu_front_requests *r)
{
    *r = (struct cu_front_requests){0};
    cu_list_init(&r->idle);
    cu_list_init(&r->busy);
}

static int add_block(struct cu_front_requests *r)
{
    struct cu_front_request **blocks, *block;

    if (r->block_count >= (1u << (32 - SUB_BITS)) / CU_FRONT_BLOCK)
        return -ENOMEM;
    blocks = realloc(r->blocks, (r->block_count + 1) * sizeof(struct cu_front_request *));
    if (!blocks)
        return -ENOMEM;
    r->blocks = blocks;
    block = calloc(CU_FRONT_BLOCK, sizeof(*block));
    if (!block)
        return -ENOMEM;
    for (uint32_t i = 0; i < CU_FRONT_BLOCK; i++) {
        block[i].index = r->block_count * CU_FRONT_BLOCK + i;
        cu_list_push_back(&r->idle, &block[i].link);
    }
    r->blocks[r->block_count++] = block;
    return 0;
}

static void release(struct cu_front *front, struct cu_front_request *r)
{
    if (r->kind == CU_FRONT_READ || r->kind == CU_FRONT_READ_SAME)
        cu_front_read_clear(r);
    cu_inodes_unref(&front->inodes, r->inode);
    front->counters[CU_COUNT_requests_waiting]--;
    r->inode = NULL;
    r->generation++;
    cu_list_remove(&r->link);
    cu_list_push_front(&front->requests.idle, &r->link);
}

void cu_front_requests_free(struct cu_front *front)
{
    struct cu_front_requests *r = &front->requests;

    cu_list_for_each_safe (link, &r->busy) {
        struct cu_front_request *request = CU_LIST_ENTRY(link, struct cu_front_request, link);

        if (request->fuse)
            fuse_reply_err(request->fuse, ENOTCONN);
        cu_recovery_drop(front->config.recovery, request->record);
        cu_front_hold_end(request);
        release(front, request);
    }
    for (uint32_t i = 0; i < r->block_count; i++)
        free(r->blocks[i]);
    free(r->blocks);
    cu_front_requests_init(r);
}

static void on_interrupt(fuse_req_t fuse, void *data)
{
    struct cu_front_request *r = data;
    struct cu_front *front = fuse_req_userdata(fuse);

    r->interrupted = true;
    front->requests.interrupted = true;
}

struct cu_front_request *cu_front_request_new(struct cu_front *front, fuse_req_t fuse,
                                              struct cu_inode *inode, enum cu_front_kind kind)
{
    struct cu_front_requests *requests = &front->requests;
    struct cu_front_request *r;

    if (cu_list_empty(&requests->idle) && add_block(requests) < 0) {
        CU_FRONT_COUNT(front, no_memory);
        cu_front_refuse(fuse, ENOMEM);
        return NULL;
    }
    r = CU_LIST_ENTRY(cu_list_pop_front(&requests->idle), struct cu_front_request, link);
    cu_list_push_back(&requests->busy, &r->link);
    r->fuse = fuse;
    r->inode = cu_inode_ref(inode);
    r->number = ++requests->taken;
    r->thread = (uint32_t)fuse_req_ctx(fuse)->pid;
    r->record = cu_front_record(front);
    r->waiting = 0;
    r->kind = kind;
    cu_front_hold_begin(r);
    r->interrupted = false;
    r->where = CU_WHERE_HERE;
    r->error = 0;
    cu_front_timing_keep(front, r);
    if (++front->counters[CU_COUNT_requests_waiting] >
        front->counters[CU_COUNT_requests_waiting_most])
        CU_FRONT_COUNT(front, requests_waiting_most);
    fuse_req_interrupt_func(fuse, on_interrupt, r);
    return r;
}

static enum cu_front_asked_op asked_op(enum cu_front_kind kind)
{
    switch (kind) {
    case CU_FRONT_LOOKUP_LISTING:
    case CU_FRONT_LOOKUP:
        return CU_FRONT_ASKED_LOOKUP;
    case CU_FRONT_READ:
    case CU_FRONT_READ_SAME:
        return CU_FRONT_ASKED_READ;
    case CU_FRONT_READDIR:
        return CU_FRONT_ASKED_LISTING;
    case CU_FRONT_GETATTR:
    case CU_FRONT_READLINK:
    case CU_FRONT_GETXATTR:
    case CU_FRONT_LISTXATTR:
    case CU_FRONT_STATFS:
    case CU_FRONT_SEEK:
        break;
    }
    return CU_FRONT_ASKED_OTHER;
}

static void tell_asked(const struct cu_front *front, const struct cu_front_request *r)
{
    struct cu_front_asked asked = {
        .op = asked_op(r->kind),
        .where = (enum cu_core_where)r->where,
        .error = r->error,
        .thread = r->thread,
        .wait_ns = front->config.latency ? front->timing.now_ns - r->since_ns : 0,
    };
    char path[CU_TREE_PATH_MAX];
    int len = cu_inode_path(r->inode, path);

    if (len > 0 && asked.op == CU_FRONT_ASKED_LOOKUP)
        len = cu_path_join(path, (size_t)len, r->lookup.name, r->lookup.name_len, path,
                           CU_TREE_PATH_MAX);
    if (len < 0)
        return;
    if (asked.op == CU_FRONT_ASKED_READ && r->error == 0)
        asked.bytes = r->read.size;
    if (asked.op == CU_FRONT_ASKED_READ) {
        asked.offset = r->read.offset;
        asked.size = r->inode->attr.size;
    }
    if (asked.op == CU_FRONT_ASKED_LISTING)
        asked.offset = r->dir.offset;
    asked.path = path;
    asked.path_len = (size_t)len;
    front->config.events.asked(front->config.events.context, &asked);
}

void cu_front_set_asked(struct cu_front *front,
                        void (*asked)(void *context, const struct cu_front_asked *asked))
{
    front->config.events.asked = asked;
}

void cu_front_request_end(struct cu_front *front, struct cu_front_request *r)
{
    assert(r->fuse); /* it is answered once */
    cu_front_timing_end(front, r);
    if (front->config.events.asked)
        tell_asked(front, r);
    r->fuse = NULL;
    cu_front_hold_end(r);
    cu_recovery_drop(front->config.recovery, r->record);
    r->record = 0;
    if (r->waiting == 0)
        release(front, r);
}

/* ENOSYS would make the kernel do without the operation for the whole mount. */
static int told(const struct cu_front_request *r, int error)
{
    bool once_for_all =
        r->kind == CU_FRONT_GETXATTR || r->kind == CU_FRONT_LISTXATTR || r->kind == CU_FRONT_SEEK;

    return error == ENOSYS && once_for_all ? EOPNOTSUPP : cu_error_shown(error);
}

void cu_front_refuse(fuse_req_t fuse, int error)
{
    struct cu_front *front = fuse_req_userdata(fuse);

    error = cu_error_shown(error);
    front->timing.error = error;
    fuse_reply_err(fuse, error);
}

void cu_front_request_fail(struct cu_front *front, struct cu_front_request *r, int error)
{
    error = told(r, error);
    fuse_reply_err(r->fuse, error);
    r->error = error;
    cu_front_request_end(front, r);
}

/* --- the core's answers ----------------------------------------------------------------------- */

static void deliver(struct cu_front *front, struct cu_front_request *r, uint32_t sub,
                    const struct cu_value *value)
{
    assert(r->waiting > 0);
    r->waiting--;
    if (!r->fuse) {
        if (r->waiting == 0)
            release(front, r);
        return;
    }
    switch (r->kind) {
    case CU_FRONT_LOOKUP_LISTING:
        cu_front_listing_done(front, r, value);
        break;
    case CU_FRONT_LOOKUP:
        cu_front_lookup_done(front, r, value);
        break;
    case CU_FRONT_GETATTR:
        cu_front_getattr_done(front, r, value);
        break;
    case CU_FRONT_READLINK:
        cu_front_readlink_done(front, r, value);
        break;
    case CU_FRONT_READDIR:
        cu_front_readdir_done(front, r, value);
        break;
    case CU_FRONT_READ:
        cu_front_read_done(front, r, sub, value);
        break;
    case CU_FRONT_READ_SAME:
        cu_front_same_done(front, r, sub, value);
        break;
    case CU_FRONT_GETXATTR:
        cu_front_getxattr_done(front, r, value);
        break;
    case CU_FRONT_LISTXATTR:
        cu_front_listxattr_done(front, r, value);
        break;
    case CU_FRONT_STATFS:
        cu_front_statfs_done(front, r, value);
        break;
    case CU_FRONT_SEEK:
        cu_front_seek_done(front, r, value);
        break;
    }
}

uint64_t cu_front_owe(struct cu_front_request *r, uint32_t sub)
{
    r->waiting++;
    return (uint64_t)(r->generation & INT32_MAX) << 32 | (uint64_t)r->index << SUB_BITS |
           (sub & SUB_MAX);
}

void cu_front_want(struct cu_front *front, struct cu_front_request *r,
                   const struct cu_request *what, uint32_t sub)
{
    uint64_t cookie = cu_front_owe(r, sub);
    struct cu_value failed = {0};
    int rc = -ENOTCONN;

    if (!front->closing)
        rc = cu_core_want(front->config.core, what, cookie, uv_hrtime());
    if (rc < 0) {
        failed.error = -rc;
        deliver(front, r, sub, &failed);
    }
}

int cu_front_look_up(struct cu_front *front, struct cu_front_request *r,
                     const struct cu_core_lookup *lookup, uint32_t *age_ms)
{
    uint64_t cookie = cu_front_owe(r, 0);
    int rc = -ENOTCONN;

    if (!front->closing)
        rc = cu_core_lookup(front->config.core, lookup, cookie, uv_hrtime(), age_ms);
    r->kind = rc == CU_LOOKED_LISTING ? CU_FRONT_LOOKUP_LISTING : CU_FRONT_LOOKUP;
    if (rc < 0 || rc == CU_LOOKED_ABSENT)
        r->waiting--; /* no reply will come */
    return rc;
}

void cu_front_want_own(struct cu_front *front, struct cu_front_request *r, enum cu_kind kind)
{
    char path[CU_TREE_PATH_MAX];
    int len = cu_inode_path(r->inode, path);
    struct cu_request what = {.kind = kind, .path = path};

    if (len < 0) {
        cu_front_request_fail(front, r, -len);
        return;
    }
    what.path_len = (size_t)len;
    cu_front_want(front, r, &what, 0);
}

void cu_front_reply(struct cu_front *front, uint64_t cookie, enum cu_core_where where,
                    const struct cu_value *value)
{
    uint32_t generation = (uint32_t)(cookie >> 32), index = (uint32_t)cookie >> SUB_BITS;
    struct cu_front_request *r;

    if (cookie & CU_FRONT_NO_REQUEST) {
        cu_front_replay_reply(front, cookie, value);
        return;
    }
    if (index / CU_FRONT_BLOCK >= front->requests.block_count)
        return;
    r = &front->requests.blocks[index / CU_FRONT_BLOCK][index % CU_FRONT_BLOCK];
    if ((r->generation & INT32_MAX) != generation || r->waiting == 0)
        return;
    if (cu_front_link_waits(front, cookie, where, &value))
        return;
    if (where > r->where)
        r->where = (uint8_t)where;
    deliver(front, r, (uint32_t)cookie & SUB_MAX, value);
}

/* --- interrupts ------------------------------------------------------------------------------- */

/* A process that handles a signal must not see EINTR from stat(2) or from a mapped page. So only
 * requests of processes that are being killed are ended: the kernel shows SIGKILL, and signals
 * whose default action ends the process, as a pending SIGKILL. */
static bool dying(pid_t pid)
{
    char path[64], line[256];
    unsigned long long pending, all = 0;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
    f = fopen(path, "re");
    if (!f)
        return false;
    while (fgets(line, sizeof(line), f)) {
        if (sscanf(line, "SigPnd: %llx", &pending) == 1 ||
            sscanf(line, "ShdPnd: %llx", &pending) == 1)
            all |= pending;
    }
    fclose(f);
    return all & 1ull << (9 - 1); /* SIGKILL */
}

void cu_front_requests_interrupt(struct cu_front *front)
{
    if (!front->requests.interrupted)
        return;
    front->requests.interrupted = false;
    cu_list_for_each_safe (link, &front->requests.busy) {
        struct cu_front_request *r = CU_LIST_ENTRY(link, struct cu_front_request, link);

        if (!r->interrupted)
            continue;
        r->interrupted = false;
        if (r->fuse && dying(fuse_req_ctx(r->fuse)->pid))
            cu_front_request_fail(front, r, EINTR);
    }
}
