/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading extended attributes. An attribute that cannot be read, or that does not fit any more,
 * fails alone. Attributes that decide about access come first, so that they always fit. */
#include "storage/ops.h"

#include "base/error.h"
#include "base/hash.h"
#include "proto/xattr.h"

#include <endian.h>
#include <errno.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#define XATTR_BYTES 65536u /* the kernel's bound of a list and of a value */

/* What the kernel itself asks for. */
static const char *const first[] = {"system.posix_acl_access", "system.posix_acl_default",
                                    "security.capability"};
#define FIRST_COUNT (sizeof(first) / sizeof(first[0]))

static bool is_first(const char *name)
{
    for (size_t i = 0; i < FIRST_COUNT; i++)
        if (strcmp(name, first[i]) == 0)
            return true;
    return false;
}

static int add_error(struct cu_storage_job *job, const char *name, int error)
{
    struct cu_xattr pair = {
        .name = name, .name_len = (uint16_t)strlen(name), .error = (uint16_t)error};

    job->counts.xattrs_over += error == E2BIG;
    return cu_xattr_append(&job->value.bytes, &pair);
}

/* The kernel asks for these itself, and would refuse the file where one cannot be read: storage
 * has not done so. */
static bool is_left_out(const char *name, int error)
{
    return error == ENODATA ||
           ((error == EACCES || error == EPERM || error == EOPNOTSUPP) && is_first(name));
}

/* A named entry of an ACL whose user or group has no number here: an idmapped mount, or a user
 * namespace, does not map it. */
static bool is_nobodys(const struct posix_acl_xattr_entry *entry)
{
    uint16_t tag = le16toh(entry->e_tag);

    return (tag == ACL_USER || tag == ACL_GROUP) &&
           le32toh(entry->e_id) == (uint32_t)ACL_UNDEFINED_ID;
}

/* Leaves such entries out of an ACL; its size then. Where storage is, they match no process. The
 * kernel takes no ACL that has one from FUSE, and would refuse the file. Anything that is no ACL
 * stays as it is. */
static size_t without_nobodys(char *acl, size_t size)
{
    size_t kept = sizeof(struct posix_acl_xattr_header);

    for (size_t at = kept; at + sizeof(struct posix_acl_xattr_entry) <= size;
         at += sizeof(struct posix_acl_xattr_entry)) {
        struct posix_acl_xattr_entry entry;

        memcpy(&entry, acl + at, sizeof(entry));
        if (is_nobodys(&entry))
            continue;
        memcpy(acl + kept, &entry, sizeof(entry));
        kept += sizeof(entry);
    }
    return kept;
}

static bool is_acl(const char *name, const char *value, size_t size)
{
    struct posix_acl_xattr_header header;

    if (!is_first(name) || strcmp(name, "security.capability") == 0 || size < sizeof(header) ||
        (size - sizeof(header)) % sizeof(struct posix_acl_xattr_entry) != 0)
        return false;
    memcpy(&header, value, sizeof(header));
    return le32toh(header.a_version) == POSIX_ACL_XATTR_VERSION;
}

/* One attribute onto value.bytes. One that has gone is left out; what else cannot be read keeps
 * its name and has an errno. */
static int add(struct cu_storage_job *job, const char *on_disk, const char *name, char *value)
{
    struct cu_xattr pair = {.name = name, .name_len = (uint16_t)strlen(name), .value = value};
    ssize_t n = lgetxattr(on_disk, name, value, XATTR_BYTES);
    int r;

    if (n < 0 && is_left_out(name, errno))
        return 0;
    if (n < 0) /* the kernel reads none over XATTR_BYTES */
        return errno == EINTR
                   ? -EINTR
                   : add_error(job, name, errno == ERANGE ? E2BIG : cu_error_shown(errno));
    if (is_acl(name, value, (size_t)n))
        n = (ssize_t)without_nobodys(value, (size_t)n);
    pair.value_len = (uint32_t)n;
    r = cu_xattr_append(&job->value.bytes, &pair);
    return r == -E2BIG ? add_error(job, name, E2BIG) : r;
}

/* names: n bytes, each name with its NUL. */
static int add_all(struct cu_storage_job *job, const char *on_disk, const char *names, ssize_t n,
                   char *value)
{
    int r = 0;

    for (int round = 0; round < 2; round++) {
        for (ssize_t at = 0; at < n && r == 0; at += (ssize_t)strlen(names + at) + 1)
            if (is_first(names + at) == (round == 0))
                r = add(job, on_disk, names + at, value);
    }
    return r;
}

int cu_storage_read_xattrs(struct cu_storage_job *job, const char *on_disk)
{
    char *names = malloc((size_t)2 * XATTR_BYTES), *value;
    ssize_t n;
    int r = 0;

    if (!names)
        return -ENOMEM;
    value = names + XATTR_BYTES;
    job->counts.xattr++;
    n = llistxattr(on_disk, names, XATTR_BYTES);
    if (n < 0 && (errno == E2BIG || errno == ERANGE)) {
        for (size_t i = 0; i < FIRST_COUNT && r == 0; i++)
            r = add(job, on_disk, first[i], value);
        if (r == 0)
            r = add_error(job, "", E2BIG);
    } else {
        r = n < 0 ? -errno : add_all(job, on_disk, names, n, value);
    }
    if (r == 0 && job->value.bytes)
        job->value.hash = cu_hash_bytes(job->value.bytes->data, job->value.bytes->size);
    free(names);
    return r;
}
