/* SPDX-License-Identifier: BSD-3-Clause */
/* The records of proto/object.h on the wire, field by field in the order of the structs. Apart from
 * msg.c, because they stand in more than one message. Reading and writing do not check the values.
 */
#include "proto/fields.h"

#define NSEC_PER_SEC 1000000000u

static void put_time(struct cu_writer *w, const struct cu_time *t)
{
    cu_wire_put_i64(w, t->sec);
    cu_wire_put_u32(w, t->nsec);
}

static void get_time(struct cu_reader *r, struct cu_time *t)
{
    t->sec = cu_wire_get_i64(r);
    t->nsec = cu_wire_get_u32(r);
}

void cu_fields_put_version(struct cu_writer *w, const struct cu_version *version)
{
    cu_wire_put_u64(w, version->size);
    put_time(w, &version->mtime);
    put_time(w, &version->ctime);
}

void cu_fields_get_version(struct cu_reader *r, struct cu_version *version)
{
    version->size = cu_wire_get_u64(r);
    get_time(r, &version->mtime);
    get_time(r, &version->ctime);
}

bool cu_fields_version_is_valid(const struct cu_version *version)
{
    return version->size <= INT64_MAX && version->mtime.nsec < NSEC_PER_SEC &&
           version->ctime.nsec < NSEC_PER_SEC;
}

void cu_fields_put_attr(struct cu_writer *w, const struct cu_attr *attr)
{
    cu_wire_put_u32(w, attr->mode);
    cu_wire_put_u32(w, attr->nlink);
    cu_wire_put_u32(w, attr->uid);
    cu_wire_put_u32(w, attr->gid);
    cu_wire_put_u64(w, attr->ino);
    cu_wire_put_u64(w, attr->rdev);
    cu_wire_put_u64(w, attr->size);
    cu_wire_put_u64(w, attr->blocks);
    cu_wire_put_u32(w, attr->blksize);
    put_time(w, &attr->atime);
    put_time(w, &attr->mtime);
    put_time(w, &attr->ctime);
}

void cu_fields_get_attr(struct cu_reader *r, struct cu_attr *attr)
{
    attr->mode = cu_wire_get_u32(r);
    attr->nlink = cu_wire_get_u32(r);
    attr->uid = cu_wire_get_u32(r);
    attr->gid = cu_wire_get_u32(r);
    attr->ino = cu_wire_get_u64(r);
    attr->rdev = cu_wire_get_u64(r);
    attr->size = cu_wire_get_u64(r);
    attr->blocks = cu_wire_get_u64(r);
    attr->blksize = cu_wire_get_u32(r);
    get_time(r, &attr->atime);
    get_time(r, &attr->mtime);
    get_time(r, &attr->ctime);
}

void cu_fields_put_statfs(struct cu_writer *w, const struct cu_statfs *statfs)
{
    cu_wire_put_u64(w, statfs->bsize);
    cu_wire_put_u64(w, statfs->frsize);
    cu_wire_put_u64(w, statfs->blocks);
    cu_wire_put_u64(w, statfs->bfree);
    cu_wire_put_u64(w, statfs->bavail);
    cu_wire_put_u64(w, statfs->files);
    cu_wire_put_u64(w, statfs->ffree);
    cu_wire_put_u64(w, statfs->namemax);
}

void cu_fields_get_statfs(struct cu_reader *r, struct cu_statfs *statfs)
{
    statfs->bsize = cu_wire_get_u64(r);
    statfs->frsize = cu_wire_get_u64(r);
    statfs->blocks = cu_wire_get_u64(r);
    statfs->bfree = cu_wire_get_u64(r);
    statfs->bavail = cu_wire_get_u64(r);
    statfs->files = cu_wire_get_u64(r);
    statfs->ffree = cu_wire_get_u64(r);
    statfs->namemax = cu_wire_get_u64(r);
}
