/* Answers of parents and of storage: which flight they belong to, and which event they are. */
#include "core/internal.h"

#include "base/hash.h"

#include <errno.h>

/* Who needs the checksum to be looked at here: this node's kernel, and who gets a part with a
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

/* Errors that say something about the path, and so are worth remembering for a while. */
static bool lasting(const struct object *object, int error)
{
    return object->kind != CU_KIND_DATA &&
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

/* This node's kernel must not see bytes whose checksum was not looked at. */
static bool arrives_whole(struct object *object, const struct cu_value *value)
{
    const struct cu_buf *bytes = value->bytes;

    if (!bytes || !has_trusting_waiter(object->flight))
        return true;
    object->verified = cu_hash_bytes(bytes->data, bytes->size) == value->hash;
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
    if (value->error == ESTALE && object->kind == CU_KIND_DATA)
        drop_stale_attr(core, object);
    cu_flight_step(core, object, event, &(struct flight_input){.value = value});
}

void cu_flight_answer(struct cu_core *core, uint32_t rank, uint64_t id,
                      const struct cu_value *value)
{
    struct flight *flight = cu_slot_find(core, id);

    if (!flight || flight->object->state != CU_FLIGHT_ASKING || flight->asked != rank)
        return; /* late: asked elsewhere since */
    result(core, flight->object, value, false);
}

void cu_flight_stored(struct cu_core *core, uint64_t id, const struct cu_value *value)
{
    struct flight *flight = cu_slot_find(core, id);

    if (!flight || flight->object->state != CU_FLIGHT_READING || !flight->issued)
        return;
    if (flight->again) { /* along the route as it is now */
        cu_flight_step(core, flight->object, CU_EVENT_REROUTE, &(struct flight_input){0});
        return;
    }
    result(core, flight->object, value, true);
}
