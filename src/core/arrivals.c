/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers of parents and of storage: which flight they belong to, and which event they are. */
#include "core/arrivals.h"

#include "base/hash.h"
#include "core/bypass.h"
#include "core/cache.h"
#include "core/object.h"
#include "core/pieces.h"
#include "core/state.h"
#include "core/waiters.h"
#include "proto/check.h"
#include "proto/piece.h"

#include <errno.h>

/* Must this node check the checksum? For its kernel, and for waiters that get a part, which has a
 * checksum of its own. */
static bool has_trusting_waiter(const struct flight *flight)
{
    cu_list_for_each (link, &flight->waiters) {
        const struct waiter *waiter = CU_LIST_ENTRY(link, struct waiter, link);

        if (!waiter->child || cu_pieces_part(flight->object, waiter))
            return true;
    }
    return false;
}

/* Errors that are a property of the path, and so are cached for a while. */
static bool lasting(const struct object *object, int error)
{
    return !cu_kind_of_version((enum cu_kind)object->kind) &&
           (error == ENOENT || error == ENOTDIR || error == EACCES || error == ELOOP ||
            error == ENAMETOOLONG || (error == E2BIG && object->kind == CU_KIND_DIR) ||
            ((error == EOPNOTSUPP || error == ENOTSUP) && object->kind == CU_KIND_XATTR));
}

static enum cu_flight_event classify(const struct object *object, const struct cu_value *value,
                                     bool stored)
{
    if (!stored && (value->error == ENOMEM || value->error == EBUSY))
        return CU_EVENT_BUSY;
    if (value->error && !lasting(object, value->error))
        return CU_EVENT_FAILED;
    if (value->unchanged &&
        (object->kind != CU_KIND_DIR || cu_version_is_none(&cu_object_dir(object)->version)))
        return CU_EVENT_CORRUPT;
    return stored ? CU_EVENT_STORED : CU_EVENT_ANSWER;
}

/* The file changed: the attr that led to it is out of date here, too. */
static void drop_stale_attr(struct cu_core *core, const struct object *data)
{
    struct cu_request request = cu_object_request(data);
    struct cu_version version;
    struct object *attr;

    COUNT(core, stale_versions);
    request.kind = CU_KIND_ATTR;
    attr = cu_cache_find(core, &request);
    if (!attr || attr->state != CU_FLIGHT_FILLED || attr->error)
        return;
    version = cu_version_of(cu_object_attr(attr));
    if (cu_version_equal(&version, &cu_object_data(data)->version))
        cu_flight_drop(core, attr);
}

/* This node's kernel must not get bytes whose checksum was not checked. */
static bool arrives_whole(struct object *object, const struct cu_value *value)
{
    const struct cu_buf *bytes = value->bytes;

    if (!bytes || !has_trusting_waiter(object->flight))
        return true;
    object->verified = cu_buf_hash(bytes) == value->hash;
    return object->verified;
}

static void result(struct cu_core *core, struct object *object, const struct cu_value *value,
                   bool stored)
{
    enum cu_flight_event event = classify(object, value, stored);

    if (!value->unchanged)
        object->verified = false;
    if (event == CU_EVENT_ANSWER && !arrives_whole(object, value))
        event = CU_EVENT_CORRUPT;
    if (value->error == ESTALE && cu_kind_of_version((enum cu_kind)object->kind))
        drop_stale_attr(core, object);
    cu_flight_step(core, object, event, &(struct flight_input){.value = value});
}

static uint32_t piece_of(const struct object *object)
{
    return object->kind == CU_KIND_DATA ? cu_object_data(object)->piece : CU_PIECE_WHOLE;
}

static bool chunk_fits(const struct cu_core *core, const struct data_object *data,
                       const struct cu_value *value)
{
    uint32_t chunk_bytes = core->config.chunk_bytes;
    uint64_t at = data->chunk * chunk_bytes + cu_piece_start(chunk_bytes, data->piece);
    uint64_t size = cu_piece_bytes(chunk_bytes, data->piece), rest = data->version.size - at;

    if (rest < size)
        size = rest;
    return core->config.scaled || (value->bytes ? value->bytes->size : 0) == size;
}

/* Checks an answer of a parent against the request. */
static bool fits(const struct cu_core *core, const struct object *object,
                 const struct cu_msg_answer *answer)
{
    const struct cu_value *value = &answer->value;

    if (answer->kind != (enum cu_kind)object->kind ||
        answer->key != cu_object_key_of(object, piece_of(object)))
        return false;
    if (value->error)
        return true;
    switch (answer->kind) {
    case CU_KIND_ATTR:
        return !value->content || object->flight->content;
    case CU_KIND_DIR:
        return !value->unchanged ||
               (!cu_version_is_none(&value->version) &&
                cu_version_equal(&value->version, &cu_object_dir(object)->version));
    case CU_KIND_DATA:
        return cu_version_equal(&value->version, &cu_object_data(object)->version) &&
               chunk_fits(core, cu_object_data(object), value);
    case CU_KIND_HOLES:
        return cu_version_equal(&value->version, &cu_object_data(object)->version);
    case CU_KIND_XATTR:
    case CU_KIND_STATFS:
        return true;
    }
    return false;
}

static struct flight *asked_of(const struct cu_core *core, uint32_t rank, uint64_t id)
{
    struct flight *flight = cu_slot_find(core, id);

    return flight && flight->object->state == CU_FLIGHT_ASKING && flight->asked == rank ? flight
                                                                                        : NULL;
}

void cu_arrival_answer(struct cu_core *core, uint32_t rank, uint64_t id,
                       const struct cu_msg_answer *answer)
{
    struct flight *flight = asked_of(core, rank, id);

    if (!flight)
        return; /* late: the request went to another parent since */
    if (fits(core, flight->object, answer)) {
        result(core, flight->object, &answer->value, false);
        return;
    }
    COUNT(core, wrong_answers);
    cu_neighbors_distrust(
        core, rank); /* the flight is moved to another parent, like all requests to this one */
}

/* The parent did not confirm the version that a CHECK asked about: those who wait for the listing
 * get a WANT for it. */
static void unconfirmed(struct cu_core *core, struct flight *flight)
{
    cu_list_for_each_safe (link, &flight->waiters) {
        struct waiter *waiter = CU_LIST_ENTRY(link, struct waiter, link);

        if (waiter->check)
            cu_waiter_fail(core, waiter, EBUSY);
    }
    flight->check = false;
    cu_flight_step(core, flight->object,
                   cu_list_empty(&flight->waiters) ? CU_EVENT_FAILED : CU_EVENT_REROUTE,
                   &(struct flight_input){0});
}

void cu_arrival_checked(struct cu_core *core, uint32_t rank, const struct cu_buf *answers)
{
    for (uint32_t i = 0; i < cu_check_answers(answers); i++) {
        struct cu_check_answer answer = cu_check_get_answer(answers, i);
        struct flight *flight = asked_of(core, rank, answer.id);

        if (!flight)
            continue; /* as above */
        if (!flight->check) {
            COUNT(core, wrong_answers);
            cu_neighbors_distrust(core, rank);
            break;
        }
        if (answer.age_ms == CU_CHECK_ASK)
            unconfirmed(core, flight);
        else
            result(core, flight->object,
                   &(struct cu_value){.unchanged = true, .age_ms = answer.age_ms}, false);
    }
    cu_renew_flush(core);
}

void cu_arrival_unasked(struct cu_core *core, uint32_t rank, const struct cu_buf *questions)
{
    struct cu_check_question question;
    struct cu_check_reader reader;

    cu_check_reader_init(&reader, questions);
    while (cu_check_next(&reader, &question) > 0) {
        struct flight *flight = asked_of(core, rank, question.id);

        if (flight)
            unconfirmed(core, flight);
    }
}

void cu_arrival_unsent(struct cu_core *core, uint32_t rank, uint64_t id)
{
    struct flight *flight = asked_of(core, rank, id);

    if (flight)
        cu_flight_step(core, flight->object, CU_EVENT_BUSY, &(struct flight_input){0});
}

/* Errors after which another node's storage may still have the file. This node reads without the
 * trees, or is the root of another tree than the path's, and its local file systems (/tmp, the
 * system image) may differ from those of the node that read the file's attributes. */
static bool strays(int error)
{
    return error && error != ENOMEM && error != EINVAL && error != EOVERFLOW;
}

void cu_arrival_stored(struct cu_core *core, uint64_t id, const struct cu_value *value)
{
    struct flight *flight = cu_slot_find(core, id);

    if (!flight || flight->object->state != CU_FLIGHT_READING || !flight->issued)
        return;
    if (flight->again || /* along the route as it is now */
        (strays(value->error) && cu_flight_send_home(core, flight))) {
        cu_flight_step(core, flight->object, CU_EVENT_REROUTE, &(struct flight_input){0});
        return;
    }
    if (flight->bypass && value->bytes)
        cu_bypass_count(core, flight->object, value->bytes->size);
    result(core, flight->object, value, true);
}
