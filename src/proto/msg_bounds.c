/* SPDX-License-Identifier: BSD-3-Clause */
/* The allowed values of messages, the same for sender and receiver. */
#include "proto/msg_bounds.h"

#include "base/path.h"
#include "proto/check.h"
#include "proto/control.h"
#include "proto/dir.h"
#include "proto/fields.h"
#include "proto/holes.h"
#include "proto/piece.h"
#include "proto/xattr.h"

#include <string.h>
#include <sys/stat.h>

#define ERRNO_MAX    4095 /* of the kernel */
#define NSEC_PER_SEC 1000000000u

#define WANT_FIXED      (20u + CU_FIELDS_VERSION_BYTES)
#define ANSWER_FIXED    20u
#define ANSWER_META_MAX (ANSWER_FIXED + CU_FIELDS_ATTR_BYTES + 16u + CU_PATH_MAX - 1u)
#define READY_FIXED     8u
#define REFRESH_FIXED   8u
#define CHECK_FIXED     8u

_Static_assert(WANT_FIXED + CU_TREE_PATH_MAX - 1 <= CU_MSG_META_MAX, "WANT fits");
_Static_assert(ANSWER_META_MAX <= CU_MSG_META_MAX, "ANSWER fits");
_Static_assert(READY_FIXED + CU_MSG_BOUNDS_READY(CU_MSG_READY_MAX) <= CU_MSG_META_MAX,
               "READY fits");
_Static_assert(CU_DIR_BYTES_MAX <= CU_MSG_BULK_MAX, "a listing fits");

/* The allowed values of the head of each type. */
static const struct bounds {
    const char *name;
    uint32_t meta_min, meta_max, bulk_min, bulk_max;
    bool paired; /* has an id */
} bounds_of[] = {
    [CU_MSG_WANT] = {"WANT", WANT_FIXED + 1, WANT_FIXED + CU_TREE_PATH_MAX - 1, 0, 0, true},
    [CU_MSG_ANSWER] = {"ANSWER", ANSWER_FIXED, ANSWER_META_MAX, 0, CU_DIR_BYTES_MAX, true},
    [CU_MSG_JOIN] = {"JOIN", 8, 8, 0, 0, false},
    [CU_MSG_PING] = {"PING", 0, 0, 0, 0, true},
    [CU_MSG_PONG] = {"PONG", 0, 0, 0, 0, true},
    [CU_MSG_READY] = {"READY", READY_FIXED, READY_FIXED + CU_MSG_BOUNDS_READY(CU_MSG_READY_MAX), 0,
                      0, false},
    [CU_MSG_CONTROL] = {"CONTROL", 0, 0, 1, CU_CONTROL_REQUEST_MAX, true},
    [CU_MSG_RESULT] = {"RESULT", 0, 0, 1, CU_CONTROL_JSON_MAX, true},
    [CU_MSG_BYE] = {"BYE", 0, 0, 0, 0, false},
    [CU_MSG_REFRESH] = {"REFRESH", REFRESH_FIXED + 1, REFRESH_FIXED + CU_PATH_MAX - 1, 0, 0, false},
    [CU_MSG_CHECK] = {"CHECK", CHECK_FIXED, CHECK_FIXED, 1, CU_CHECK_BYTES_MAX, false},
    [CU_MSG_CHECKED] = {"CHECKED", 0, 0, CU_CHECK_ANSWER, CU_CHECK_ANSWERS_MAX, false},
};

static bool type_is_valid(unsigned type)
{
    return type >= CU_MSG_WANT && type <= CU_MSG_CHECKED;
}

bool cu_msg_bounds_kind(unsigned kind)
{
    return kind >= CU_KIND_ATTR && kind < CU_KIND_COUNT;
}

bool cu_msg_bounds_head(const struct cu_msg_head *head)
{
    const struct bounds *b;

    if (!type_is_valid(head->type))
        return false;
    b = &bounds_of[head->type];
    if (head->meta_len < b->meta_min || head->meta_len > b->meta_max)
        return false;
    if (head->bulk_len < b->bulk_min || head->bulk_len > b->bulk_max)
        return false;
    if (head->error > (head->type == CU_MSG_ANSWER ? ERRNO_MAX : 0))
        return false;
    return head->id == 0 || b->paired;
}

static unsigned want_flags(enum cu_kind kind)
{
    unsigned flags = CU_WANT_LATER | CU_WANT_NOW;

    if (kind == CU_KIND_ATTR)
        flags |= CU_WANT_CONTENT;
    else if (kind == CU_KIND_DATA)
        flags |= CU_WANT_HOME;
    return flags;
}

bool cu_msg_bounds_want(const struct cu_msg_want *want)
{
    if (!cu_msg_bounds_kind(want->kind) || want->tree >= CU_TREES_MAX)
        return false;
    if (want->flags & ~want_flags(want->kind))
        return false;
    if ((want->flags & CU_WANT_LATER) && (want->flags & CU_WANT_NOW))
        return false;
    if ((want->chunk || want->piece) && want->kind != CU_KIND_DATA)
        return false;
    if (!cu_piece_is_valid(want->piece) || !cu_fields_version_is_valid(&want->version))
        return false;
    if ((want->kind == CU_KIND_XATTR || want->kind == CU_KIND_STATFS) &&
        !cu_version_is_none(&want->version))
        return false;
    return cu_path_is_normal(want->path, want->path_len);
}

static bool target_is_valid(const struct cu_buf *target)
{
    int error = cu_target_error(target);

    if (error)
        return error <= ERRNO_MAX;
    return target->size > 0 && target->size < CU_PATH_MAX &&
           !memchr(target->data, '\0', target->size);
}

/* The kernel fails a lookup with EIO when the type or the size is impossible. */
static bool attr_is_valid(const struct cu_value *value)
{
    const struct cu_attr *a = &value->attr;
    const struct cu_buf *target = value->bytes, *content = value->content;

    if (a->mode > (S_IFMT | 07777) || a->size > INT64_MAX)
        return false;
    if (!S_ISREG(a->mode) && !S_ISDIR(a->mode) && !S_ISLNK(a->mode) && !S_ISCHR(a->mode) &&
        !S_ISBLK(a->mode) && !S_ISFIFO(a->mode) && !S_ISSOCK(a->mode))
        return false;
    if (a->atime.nsec >= NSEC_PER_SEC || a->mtime.nsec >= NSEC_PER_SEC ||
        a->ctime.nsec >= NSEC_PER_SEC)
        return false;
    if (target && (!S_ISLNK(a->mode) || !target_is_valid(target)))
        return false;
    if (content &&
        (!S_ISREG(a->mode) || content->size != a->size || content->size > CU_MSG_CONTENT_MAX))
        return false;
    return true;
}

bool cu_msg_bounds_answer(const struct cu_msg_answer *answer)
{
    const struct cu_value *v = &answer->value;
    size_t size = v->bytes ? v->bytes->size : 0;

    if (!cu_msg_bounds_kind(answer->kind) || v->error < 0 || v->error > ERRNO_MAX)
        return false;
    if (v->error)
        return true;
    if (v->partial && answer->kind != CU_KIND_DIR)
        return false;
    if (v->cut && (!v->partial || v->unchanged))
        return false;
    if (v->unchanged && (answer->kind != CU_KIND_DIR || v->bytes))
        return false;
    if (v->content && answer->kind != CU_KIND_ATTR)
        return false;
    switch (answer->kind) {
    case CU_KIND_ATTR:
        return attr_is_valid(v);
    case CU_KIND_DIR:
        return size <= CU_DIR_BYTES_MAX && cu_fields_version_is_valid(&v->version);
    case CU_KIND_DATA:
        return size <= CU_MSG_CHUNK_MAX && cu_fields_version_is_valid(&v->version);
    case CU_KIND_XATTR:
        return size <= CU_XATTR_BYTES_MAX;
    case CU_KIND_STATFS:
        return !v->bytes;
    case CU_KIND_HOLES:
        return cu_holes_is_valid(v->bytes);
    }
    return false;
}

static bool ready_is_valid(uint32_t first, uint32_t count, const uint8_t *bits)
{
    if (count > CU_MSG_READY_MAX || first > CU_MSG_READY_MAX - count)
        return false;
    return count % 8 == 0 || bits[count / 8] >> (count % 8) == 0;
}

static bool refresh_is_valid(uint32_t generation, const char *path, size_t path_len)
{
    return generation > 0 && path_len > 0 && path_len < CU_PATH_MAX &&
           cu_path_is_normal(path, path_len);
}

bool cu_msg_bounds_msg(const struct cu_msg *msg)
{
    if (!type_is_valid(msg->type) || (msg->id && !bounds_of[msg->type].paired))
        return false;
    switch (msg->type) {
    case CU_MSG_WANT:
        return cu_msg_bounds_want(&msg->want);
    case CU_MSG_ANSWER:
        return cu_msg_bounds_answer(&msg->answer);
    case CU_MSG_READY:
        return ready_is_valid(msg->ready.first, msg->ready.count, msg->ready.bits);
    case CU_MSG_REFRESH:
        return refresh_is_valid(msg->refresh.generation, msg->refresh.path, msg->refresh.path_len);
    case CU_MSG_CONTROL:
    case CU_MSG_RESULT:
        return msg->control.json && msg->control.json->size > 0 &&
               msg->control.json->size <= bounds_of[msg->type].bulk_max;
    case CU_MSG_CHECK:
        return msg->check.tree < CU_TREES_MAX && msg->check.now <= CU_CHECK_MAX &&
               cu_check_is_valid(msg->check.list);
    case CU_MSG_CHECKED:
        return msg->check.generation == 0 && msg->check.tree == 0 && msg->check.now == 0 &&
               cu_check_answers_are_valid(msg->check.list);
    case CU_MSG_JOIN:
    case CU_MSG_PING:
    case CU_MSG_PONG:
    case CU_MSG_BYE:
        return true;
    }
    return false;
}

const char *cu_msg_bounds_name(unsigned type)
{
    return type_is_valid(type) ? bounds_of[type].name : "?";
}
