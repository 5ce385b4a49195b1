/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages as bytes and back. One set of bounds (proto/msg_bounds.h) serves both ways: the encoder
 * refuses with -EINVAL exactly what the decoder of the other end would refuse with -EBADMSG, so
 * that an error shows at the sender and not as a lost connection at the receiver.
 *
 * Invariants: nothing is allocated or used before the head's lengths were checked against the
 * bounds of its type. A payload is referenced, never copied. What is decoded encodes to the same
 * bytes. */
#include "proto/msg.h"

#include "base/path.h"
#include "proto/auth.h"
#include "proto/fields.h"
#include "proto/msg_bounds.h"
#include "proto/wire.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define ANSWER_PAYLOAD   1u /* there are bytes (ATTR: a content), perhaps none of them: not NULL */
#define ANSWER_UNCHANGED 2u
#define ANSWER_PARTIAL   4u
#define ANSWER_CUT       8u

static void put_want(struct cu_writer *w, const struct cu_msg_want *want)
{
    cu_wire_put_u8(w, (uint8_t)want->kind);
    cu_wire_put_u8(w, want->flags);
    cu_wire_put_u8(w, want->tree);
    cu_wire_put_u8(w, 0);
    cu_wire_put_u32(w, want->generation);
    cu_wire_put_u64(w, want->chunk);
    cu_fields_put_version(w, &want->version);
    cu_wire_put_u16(w, want->path_len);
    cu_wire_put_u16(w, want->piece);
    cu_wire_put_bytes(w, want->path, want->path_len);
}

static int get_want(struct cu_reader *r, struct cu_msg_want *want)
{
    unsigned reserved;

    want->kind = (enum cu_kind)cu_wire_get_u8(r);
    want->flags = cu_wire_get_u8(r);
    want->tree = cu_wire_get_u8(r);
    reserved = cu_wire_get_u8(r);
    want->generation = cu_wire_get_u32(r);
    want->chunk = cu_wire_get_u64(r);
    cu_fields_get_version(r, &want->version);
    want->path_len = cu_wire_get_u16(r);
    want->piece = (uint16_t)cu_wire_get_u16(r);
    want->path = cu_wire_get_bytes(r, want->path_len);
    return cu_reader_done(r) && reserved == 0 && cu_msg_bounds_want(want) ? 0 : -EBADMSG;
}

/* The one payload of a kind: what is large and travels behind the fields. */
static struct cu_buf **payload_of(struct cu_msg_answer *answer)
{
    return answer->kind == CU_KIND_ATTR ? &answer->value.content : &answer->value.bytes;
}

static uint64_t hash_of(const struct cu_buf *bytes, uint64_t hash)
{
    return bytes ? hash : 0;
}

static void put_answer(struct cu_writer *w, const struct cu_msg_answer *answer,
                       const struct cu_buf *payload)
{
    const struct cu_value *v = &answer->value;
    const struct cu_buf *target = !v->error && answer->kind == CU_KIND_ATTR ? v->bytes : NULL;
    unsigned flags = payload ? ANSWER_PAYLOAD : 0;

    if (!v->error && v->unchanged)
        flags |= ANSWER_UNCHANGED;
    if (!v->error && v->partial)
        flags |= ANSWER_PARTIAL;
    if (!v->error && v->cut)
        flags |= ANSWER_CUT;
    cu_wire_put_u8(w, (uint8_t)answer->kind);
    cu_wire_put_u8(w, (uint8_t)flags);
    cu_wire_put_u16(w, target ? (uint16_t)target->size : 0);
    cu_wire_put_u32(w, answer->generation);
    cu_wire_put_u32(w, v->age_ms);
    cu_wire_put_u64(w, answer->key);
    if (v->error)
        return;
    switch (answer->kind) {
    case CU_KIND_ATTR:
        cu_fields_put_attr(w, &v->attr);
        cu_wire_put_u64(w, hash_of(v->bytes, v->hash));
        cu_wire_put_u64(w, hash_of(v->content, v->content_hash));
        if (target)
            cu_wire_put_bytes(w, target->data, target->size);
        break;
    case CU_KIND_DIR:
    case CU_KIND_DATA:
    case CU_KIND_HOLES:
        cu_fields_put_version(w, &v->version);
        cu_wire_put_u64(w, hash_of(v->bytes, v->hash));
        break;
    case CU_KIND_XATTR:
        cu_wire_put_u64(w, hash_of(v->bytes, v->hash));
        break;
    case CU_KIND_STATFS:
        cu_fields_put_statfs(w, &v->statfs);
        break;
    }
}

static int get_target(struct cu_reader *r, size_t size, struct cu_value *v)
{
    const void *target = size ? cu_wire_get_bytes(r, size) : NULL;

    if (!target)
        return size ? -EBADMSG : 0;
    v->bytes = cu_buf_copy(target, size);
    return v->bytes ? 0 : -ENOMEM;
}

static int get_payload(struct cu_msg_answer *answer, bool there, struct cu_buf *bulk)
{
    struct cu_buf **payload = payload_of(answer);

    if (!there)
        return bulk ? -EBADMSG : 0;
    if (answer->kind == CU_KIND_STATFS || answer->value.error)
        return -EBADMSG;
    *payload = bulk ? cu_buf_ref(bulk) : cu_buf_new(0);
    return *payload ? 0 : -ENOMEM;
}

static int get_value(struct cu_reader *r, enum cu_kind kind, size_t target_len, struct cu_value *v)
{
    switch (kind) {
    case CU_KIND_ATTR:
        cu_fields_get_attr(r, &v->attr);
        v->hash = cu_wire_get_u64(r);
        v->content_hash = cu_wire_get_u64(r);
        return get_target(r, target_len, v);
    case CU_KIND_DIR:
    case CU_KIND_DATA:
    case CU_KIND_HOLES:
        cu_fields_get_version(r, &v->version);
        v->hash = cu_wire_get_u64(r);
        break;
    case CU_KIND_XATTR:
        v->hash = cu_wire_get_u64(r);
        break;
    case CU_KIND_STATFS:
        cu_fields_get_statfs(r, &v->statfs);
        break;
    }
    return target_len ? -EBADMSG : 0;
}

static int get_answer(struct cu_reader *r, int error, struct cu_buf *bulk,
                      struct cu_msg_answer *answer)
{
    struct cu_value *v = &answer->value;
    unsigned flags;
    size_t target_len;
    int rc;

    answer->kind = (enum cu_kind)cu_wire_get_u8(r);
    flags = cu_wire_get_u8(r);
    target_len = cu_wire_get_u16(r);
    answer->generation = cu_wire_get_u32(r);
    v->age_ms = cu_wire_get_u32(r);
    answer->key = cu_wire_get_u64(r);
    v->error = error;
    v->unchanged = flags & ANSWER_UNCHANGED;
    v->partial = flags & ANSWER_PARTIAL;
    v->cut = flags & ANSWER_CUT;
    if (flags & ~(ANSWER_PAYLOAD | ANSWER_UNCHANGED | ANSWER_PARTIAL | ANSWER_CUT) ||
        !cu_msg_bounds_kind(answer->kind) || target_len >= CU_PATH_MAX)
        return -EBADMSG;
    if (error && (v->unchanged || v->partial || v->cut || target_len))
        return -EBADMSG;
    rc = get_payload(answer, flags & ANSWER_PAYLOAD, bulk);
    if (rc == 0 && !error)
        rc = get_value(r, answer->kind, target_len, v);
    if (rc)
        return rc;
    if (hash_of(v->bytes, v->hash) != v->hash ||
        hash_of(v->content, v->content_hash) != v->content_hash)
        return -EBADMSG;
    return cu_reader_done(r) && cu_msg_bounds_answer(answer) ? 0 : -EBADMSG;
}

static int get_ready(struct cu_reader *r, struct cu_msg *msg)
{
    msg->ready.first = cu_wire_get_u32(r);
    msg->ready.count = cu_wire_get_u32(r);
    if (msg->ready.count > CU_MSG_READY_MAX)
        return -EBADMSG;
    msg->ready.bits = cu_wire_get_bytes(r, CU_MSG_BOUNDS_READY(msg->ready.count));
    return cu_reader_done(r) && cu_msg_bounds_msg(msg) ? 0 : -EBADMSG;
}

static int get_check(struct cu_reader *r, struct cu_buf *bulk, struct cu_msg *msg)
{
    unsigned reserved;

    msg->check.list = cu_buf_ref(bulk);
    msg->check.generation = cu_wire_get_u32(r);
    msg->check.tree = cu_wire_get_u8(r);
    reserved = cu_wire_get_u8(r);
    msg->check.now = cu_wire_get_u16(r);
    return cu_reader_done(r) && reserved == 0 && cu_msg_bounds_msg(msg) ? 0 : -EBADMSG;
}

static int get_refresh(struct cu_reader *r, struct cu_msg *msg)
{
    unsigned reserved;

    msg->refresh.generation = cu_wire_get_u32(r);
    msg->refresh.path_len = cu_wire_get_u16(r);
    reserved = cu_wire_get_u16(r);
    msg->refresh.path = cu_wire_get_bytes(r, msg->refresh.path_len);
    return cu_reader_done(r) && reserved == 0 && cu_msg_bounds_msg(msg) ? 0 : -EBADMSG;
}

/* Writes the fields and names the payload, borrowed. */
static struct cu_buf *put_meta(struct cu_writer *w, const struct cu_msg *msg)
{
    const struct cu_value *v = &msg->answer.value;
    struct cu_buf *payload = NULL;

    switch (msg->type) {
    case CU_MSG_WANT:
        put_want(w, &msg->want);
        break;
    case CU_MSG_ANSWER:
        if (!v->error)
            payload = msg->answer.kind == CU_KIND_ATTR ? v->content : v->bytes;
        put_answer(w, &msg->answer, payload);
        break;
    case CU_MSG_JOIN:
        cu_wire_put_u64(w, msg->join.trees);
        break;
    case CU_MSG_READY:
        cu_wire_put_u32(w, msg->ready.first);
        cu_wire_put_u32(w, msg->ready.count);
        cu_wire_put_bytes(w, msg->ready.bits, CU_MSG_BOUNDS_READY(msg->ready.count));
        break;
    case CU_MSG_REFRESH:
        cu_wire_put_u32(w, msg->refresh.generation);
        cu_wire_put_u16(w, (uint16_t)msg->refresh.path_len);
        cu_wire_put_u16(w, 0);
        cu_wire_put_bytes(w, msg->refresh.path, msg->refresh.path_len);
        break;
    case CU_MSG_CHECK:
        cu_wire_put_u32(w, msg->check.generation);
        cu_wire_put_u8(w, msg->check.tree);
        cu_wire_put_u8(w, 0);
        cu_wire_put_u16(w, msg->check.now);
        payload = msg->check.list;
        break;
    case CU_MSG_CHECKED:
        payload = msg->check.list;
        break;
    case CU_MSG_CONTROL:
    case CU_MSG_RESULT:
        payload = msg->control.json;
        break;
    case CU_MSG_PING:
    case CU_MSG_PONG:
    case CU_MSG_BYE:
        break;
    }
    return payload && payload->size ? payload : NULL;
}

int cu_msg_encode(const struct cu_msg *msg, struct cu_buf **head, struct cu_buf **bulk)
{
    unsigned char scratch[CU_MSG_HEAD + CU_MSG_META_MAX];
    struct cu_buf *payload;
    struct cu_writer w;
    uint32_t meta_len;

    *head = NULL;
    *bulk = NULL;
    if (!cu_msg_bounds_msg(msg))
        return -EINVAL;
    cu_writer_init(&w, scratch + CU_MSG_HEAD, CU_MSG_META_MAX);
    payload = put_meta(&w, msg);
    if (w.failed)
        return -EINVAL;
    meta_len = (uint32_t)w.at;
    cu_writer_init(&w, scratch, CU_MSG_HEAD);
    cu_wire_put_u32(&w, meta_len);
    cu_wire_put_u32(&w, payload ? (uint32_t)payload->size : 0);
    cu_wire_put_u8(&w, (uint8_t)msg->type);
    cu_wire_put_u8(&w, 0);
    cu_wire_put_u16(&w, msg->type == CU_MSG_ANSWER ? (uint16_t)msg->answer.value.error : 0);
    cu_wire_put_u32(&w, 0);
    cu_wire_put_u64(&w, msg->id);
    *head = cu_buf_new(CU_MSG_HEAD + meta_len + CU_AUTH_TAG_BYTES);
    if (!*head)
        return -ENOMEM;
    (*head)->size = CU_MSG_HEAD + meta_len;
    memcpy((*head)->data, scratch, (*head)->size);
    *bulk = cu_buf_ref(payload);
    return 0;
}

int cu_msg_decode_head(const void *bytes, struct cu_msg_head *head)
{
    unsigned flags, reserved;
    struct cu_reader r;

    cu_reader_init(&r, bytes, CU_MSG_HEAD);
    head->meta_len = cu_wire_get_u32(&r);
    head->bulk_len = cu_wire_get_u32(&r);
    head->type = (enum cu_msg_type)cu_wire_get_u8(&r);
    flags = cu_wire_get_u8(&r);
    head->error = cu_wire_get_u16(&r);
    reserved = cu_wire_get_u32(&r);
    head->id = cu_wire_get_u64(&r);
    return flags == 0 && reserved == 0 && cu_msg_bounds_head(head) ? 0 : -EBADMSG;
}

int cu_msg_decode(const struct cu_msg_head *head, const void *meta, struct cu_buf *bulk,
                  struct cu_msg *msg)
{
    struct cu_reader r;
    int rc = 0;

    *msg = (struct cu_msg){0};
    if (!cu_msg_bounds_head(head) || (bulk ? bulk->size : 0) != head->bulk_len)
        return -EBADMSG;
    msg->type = head->type;
    msg->id = head->id;
    cu_reader_init(&r, meta, head->meta_len);
    switch (head->type) {
    case CU_MSG_WANT:
        rc = get_want(&r, &msg->want);
        break;
    case CU_MSG_ANSWER:
        rc = get_answer(&r, head->error, bulk, &msg->answer);
        break;
    case CU_MSG_JOIN:
        msg->join.trees = cu_wire_get_u64(&r);
        break;
    case CU_MSG_READY:
        rc = get_ready(&r, msg);
        break;
    case CU_MSG_REFRESH:
        rc = get_refresh(&r, msg);
        break;
    case CU_MSG_CHECK:
        rc = get_check(&r, bulk, msg);
        break;
    case CU_MSG_CHECKED:
        msg->check.list = cu_buf_ref(bulk);
        rc = cu_msg_bounds_msg(msg) ? 0 : -EBADMSG;
        break;
    case CU_MSG_CONTROL:
    case CU_MSG_RESULT:
        msg->control.json = cu_buf_ref(bulk);
        break;
    case CU_MSG_PING:
    case CU_MSG_PONG:
    case CU_MSG_BYE:
        break;
    }
    if (rc)
        cu_msg_clear(msg);
    return rc;
}

void cu_msg_clear(struct cu_msg *msg)
{
    if (msg->type == CU_MSG_ANSWER)
        cu_value_clear(&msg->answer.value);
    else if (msg->type == CU_MSG_CONTROL || msg->type == CU_MSG_RESULT)
        cu_buf_unref(msg->control.json);
    else if (msg->type == CU_MSG_CHECK || msg->type == CU_MSG_CHECKED)
        cu_buf_unref(msg->check.list);
    *msg = (struct cu_msg){0};
}

const char *cu_msg_type_name(enum cu_msg_type type)
{
    return cu_msg_bounds_name(type);
}
