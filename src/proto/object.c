/* What can be done with a value without knowing who holds it: versions, copies, release.
 *
 * Invariant: a cleared value is all zero, so that clearing twice is harmless. */
#include "proto/object.h"

#define NSEC_PER_SEC 1000000000u

/* Unsigned, because a time stamp from storage may be anything and signed overflow is undefined. */
static int64_t time_ns(struct cu_time t)
{
    return (int64_t)((uint64_t)t.sec * NSEC_PER_SEC + t.nsec);
}

struct cu_version cu_version_of(const struct cu_attr *attr)
{
    return (struct cu_version){
        .dev = attr->dev,
        .ino = attr->ino,
        .size = attr->size,
        .mtime_ns = time_ns(attr->mtime),
        .ctime_ns = time_ns(attr->ctime),
    };
}

bool cu_version_equal(const struct cu_version *a, const struct cu_version *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
           a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

void cu_value_copy(struct cu_value *to, const struct cu_value *from)
{
    *to = *from;
    cu_buf_ref(to->bytes);
    cu_buf_ref(to->content);
}

void cu_value_clear(struct cu_value *value)
{
    cu_buf_unref(value->bytes);
    cu_buf_unref(value->content);
    *value = (struct cu_value){0};
}
