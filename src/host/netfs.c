/* SPDX-License-Identifier: BSD-3-Clause */
/* A file system in user space (FUSE) is one of a network unless it is known to be local: the
 * parallel file systems that have such clients are many, and the local ones few. */
#include "host/netfs.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static const char *const kinds[] = {
    "9p",      "acfs", "afs",      "beegfs",  "beegfs_nodev", "ceph",        "cifs",
    "coda",    "daos", "gfs2",     "gpfs",    "lustre",       "lustre_lite", "mmfs",
    "nfs",     "nfs4", "ocfs2",    "openafs", "orangefs",     "panfs",       "pvfs2",
    "quobyte", "smb3", "virtiofs", "wekafs",  "yas3fs",
};

/* FUSE, and on this node alone. */
static const char *const local[] = {
    "fuse.copper",        "fuse.erofsfuse",    "fuse.fuse-overlayfs", "fuse.gvfsd-fuse",
    "fuse.lxcfs",         "fuse.portal",       "fuse.snapfuse",       "fuse.squashfuse",
    "fuse.squashfuse_ll", "fuse.unionfs-fuse", "fuse.archivemount",   "fuse.encfs",
    "fuse.gocryptfs",
};

static bool is_in(const char *const *list, size_t count, const char *type)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], type) == 0)
            return true;
    return false;
}

static bool is_named(const char *list, const char *type)
{
    size_t len = strlen(type);

    while (list && *list != '\0') {
        size_t word = strcspn(list, ",");

        if (word == len && strncmp(list, type, len) == 0)
            return true;
        list += word + (list[word] == ',');
    }
    return false;
}

bool cu_netfs_is(const char *type, const char *source, const char *more)
{
    if (is_named(more, type) || is_in(kinds, sizeof(kinds) / sizeof(kinds[0]), type))
        return true;
    if (strcmp(type, "fuse") == 0)
        return strcmp(source, "copper") != 0;
    return strncmp(type, "fuse.", 5) == 0 && !is_in(local, sizeof(local) / sizeof(local[0]), type);
}

int cu_netfs_check(const char *more)
{
    if (*more == '\0')
        return -EINVAL;
    while (*more != '\0') {
        size_t len = strcspn(more, ",");

        if (len == 0 || strcspn(more, " \t/=") < len || (more[len] == ',' && more[len + 1] == '\0'))
            return -EINVAL;
        more += len + (more[len] == ',');
    }
    return 0;
}
