/* SPDX-License-Identifier: BSD-3-Clause */
/* Nodes, rights, and the memory of lookups. A node is known by (path, dev, ino). */
#include "pfs_quirk.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BUCKETS    (1U << 17)
#define LAST_SLOTS (1U << 16) /* threads that share a slot may turn a stat into an fstat */
#define GROUPS_MAX 64

struct cu_pfs_config cu_pfs_config;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct cu_pfs_node *table[BUCKETS]; /* guarded by lock */
static struct cu_pfs_node root = {.lookups = 1, .fd = -1, .path = "/"};
static _Atomic uint64_t last[LAST_SLOTS];

struct cu_pfs_node *cu_pfs_node_of(fuse_ino_t ino)
{
    return ino == FUSE_ROOT_ID ? &root : (struct cu_pfs_node *)(uintptr_t)ino;
}

void cu_pfs_root_set(int fd)
{
    root.fd = fd;
}

char *cu_pfs_path_join(const struct cu_pfs_node *parent, const char *name)
{
    size_t parent_len = parent == &root ? 0 : strlen(parent->path);
    size_t name_len = strlen(name);
    char *path = malloc(parent_len + name_len + 2);

    if (path) {
        memcpy(path, parent->path, parent_len);
        path[parent_len] = '/';
        memcpy(path + parent_len + 1, name, name_len + 1);
    }
    return path;
}

static uint32_t bucket_of(dev_t dev, ino_t ino)
{
    uint64_t hash = ((uint64_t)ino ^ ((uint64_t)dev << 40)) * 0x9e3779b97f4a7c15U;

    return (uint32_t)(hash >> 32) % BUCKETS;
}

struct cu_pfs_node *cu_pfs_node_get(const struct cu_pfs_node *parent, const char *name, int fd,
                                    const struct stat *st)
{
    char *path = cu_pfs_path_join(parent, name);
    struct cu_pfs_node **head = &table[bucket_of(st->st_dev, st->st_ino)];
    struct cu_pfs_node *node;
    size_t size;

    if (!path) {
        close(fd);
        return NULL;
    }
    size = strlen(path) + 1;
    pthread_mutex_lock(&lock);
    for (node = *head; node; node = node->next) {
        if (node->ino == st->st_ino && node->dev == st->st_dev && strcmp(node->path, path) == 0)
            break;
    }
    if (node) {
        close(fd);
    } else if ((node = calloc(1, sizeof *node + size))) {
        node->next = *head;
        node->dev = st->st_dev;
        node->ino = st->st_ino;
        node->fd = fd;
        memcpy(node->path, path, size);
        *head = node;
    } else {
        close(fd);
    }
    if (node)
        node->lookups++;
    pthread_mutex_unlock(&lock);
    free(path);
    return node;
}

void cu_pfs_node_forget(struct cu_pfs_node *node, uint64_t lookups)
{
    struct cu_pfs_node **link;

    if (node == &root)
        return;
    pthread_mutex_lock(&lock);
    node->lookups -= lookups;
    if (node->lookups == 0) {
        for (link = &table[bucket_of(node->dev, node->ino)]; *link != node; link = &(*link)->next)
            ;
        *link = node->next;
        close(node->fd);
        free(node);
    }
    pthread_mutex_unlock(&lock);
}

struct cu_pfs_proc cu_pfs_proc(const struct cu_pfs_node *node)
{
    struct cu_pfs_proc proc;

    snprintf(proc.path, sizeof proc.path, "/proc/self/fd/%d", node->fd);
    return proc;
}

/* The raw system call is per thread, what libc makes of it is per process. */
static void set_groups(size_t n, const gid_t *groups)
{
    if (syscall(SYS_setgroups, n, groups) != 0)
        abort();
}

void cu_pfs_user_enter(fuse_req_t req)
{
    const struct fuse_ctx *ctx = fuse_req_ctx(req);
    gid_t groups[GROUPS_MAX];
    int n;

    if (!cu_pfs_config.switch_user || ctx->uid == 0)
        return;
    n = fuse_req_getgroups(req, GROUPS_MAX, groups);
    set_groups(n < 0 ? 0 : n > GROUPS_MAX ? GROUPS_MAX : (size_t)n, groups);
    setfsgid(ctx->gid);
    setfsuid(ctx->uid);
}

void cu_pfs_user_leave(fuse_req_t req)
{
    int error = errno;

    if (cu_pfs_config.switch_user && fuse_req_ctx(req)->uid != 0) {
        setfsuid(0);
        setfsgid(0);
        set_groups(0, NULL);
    }
    errno = error;
}

int cu_pfs_find(fuse_req_t req, const struct cu_pfs_node *parent, const char *name,
                struct fuse_entry_param *entry)
{
    struct cu_pfs_node *node;
    int fd = cu_pfs_quirk_open(parent->fd, name);

    if (fd < 0)
        return -errno;
    *entry = (struct fuse_entry_param){.attr_timeout = cu_pfs_config.cache_s,
                                       .entry_timeout = cu_pfs_config.cache_s};
    if (fstatat(fd, "", &entry->attr, AT_EMPTY_PATH) != 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    node = cu_pfs_node_get(parent, name, fd, &entry->attr);
    if (!node)
        return -ENOMEM;
    entry->ino = (fuse_ino_t)(uintptr_t)node;
    cu_pfs_quirk_attr(req, &entry->attr);
    return 0;
}

void cu_pfs_reply_attr(fuse_req_t req, const struct cu_pfs_node *node)
{
    struct stat st;

    if (fstatat(node->fd, "", &st, AT_EMPTY_PATH) != 0) {
        fuse_reply_err(req, errno);
        return;
    }
    cu_pfs_quirk_attr(req, &st);
    fuse_reply_attr(req, &st, cu_pfs_config.cache_s);
}

void cu_pfs_reply_entry(fuse_req_t req, const struct cu_pfs_node *parent, const char *name)
{
    struct fuse_entry_param entry;
    int rc;

    cu_pfs_user_enter(req);
    rc = cu_pfs_find(req, parent, name, &entry);
    cu_pfs_user_leave(req);
    if (rc != 0)
        fuse_reply_err(req, -rc);
    else if (fuse_reply_entry(req, &entry) != 0)
        cu_pfs_node_forget(cu_pfs_node_of(entry.ino), 1);
}

static uint64_t key_of(pid_t tid, const struct cu_pfs_node *node)
{
    return (uint64_t)(uintptr_t)node ^ ((uint64_t)tid * 0x9e3779b97f4a7c15U);
}

void cu_pfs_last_set(fuse_req_t req, const struct cu_pfs_node *node)
{
    pid_t tid = fuse_req_ctx(req)->pid;

    atomic_store(&last[(uint32_t)tid % LAST_SLOTS], node ? key_of(tid, node) : 0);
}

bool cu_pfs_last_take(fuse_req_t req, const struct cu_pfs_node *node)
{
    pid_t tid = fuse_req_ctx(req)->pid;

    return atomic_exchange(&last[(uint32_t)tid % LAST_SLOTS], 0) == key_of(tid, node);
}

void cu_pfs_open_flags(struct fuse_file_info *fi)
{
    bool cached = cu_pfs_config.cache_s > 0 && cu_pfs_quirk(CU_PFS_QUIRK_SIZE0) == 0;

    fi->direct_io = !cached;
    fi->keep_cache = cached;
}
