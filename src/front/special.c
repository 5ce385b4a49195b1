/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel is told not to keep the name `metrics`: it looks it up for each path that leads there,
 * and holds one reference to each file that it got, until nobody has it open any more. Numbers are
 * made of the clock, so that those of a dead daemon's files are not given out again. */
#include "front/special.h"

#include "base/buf.h"
#include "front/request.h"
#include "front/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BIT       (UINT64_C(1) << 63)
#define DIRECTORY BIT
#define DIR_NAME  (CU_SPECIAL_PATH + 1)
#define FILE_NAME "metrics"
#define FILE_INO  (UINT32_MAX - 1) /* in its directory's listing */

struct special_file {
    struct cu_list link;
    uint64_t nodeid;
    struct timespec made;
    struct cu_buf *text; /* reference */
};

void cu_specials_init(struct cu_specials *s)
{
    *s = (struct cu_specials){.last = DIRECTORY};
    cu_list_init(&s->files);
}

static void drop(struct cu_specials *s, struct special_file *file)
{
    cu_list_remove(&file->link);
    cu_buf_unref(file->text);
    free(file);
    s->count--;
}

static struct special_file *oldest(struct cu_specials *s)
{
    return CU_LIST_ENTRY(s->files.next, struct special_file, link);
}

void cu_specials_free(struct cu_specials *s)
{
    while (s->files.next && !cu_list_empty(&s->files))
        drop(s, oldest(s));
}

bool cu_special_is(uint64_t nodeid)
{
    return (nodeid & BIT) != 0;
}

static struct special_file *find(struct cu_specials *s, uint64_t nodeid)
{
    cu_list_for_each (link, &s->files) {
        struct special_file *file = CU_LIST_ENTRY(link, struct special_file, link);

        if (file->nodeid == nodeid)
            return file;
    }
    return NULL;
}

static struct special_file *make(struct cu_front *front)
{
    struct cu_specials *s = &front->specials;
    struct special_file *file = calloc(1, sizeof(*file));
    uint64_t number = BIT | uv_hrtime();

    if (file)
        file->text = front->config.events.metrics(front->config.events.context);
    if (!file || !file->text) {
        free(file);
        return NULL;
    }
    s->last = number > s->last ? number : s->last + 1;
    file->nodeid = s->last;
    clock_gettime(CLOCK_REALTIME, &file->made);
    cu_list_push_back(&s->files, &file->link);
    if (++s->count > CU_SPECIAL_FILES_MAX)
        drop(s, oldest(s));
    return file;
}

/* file NULL: of the directory. */
static struct stat stat_of(const struct special_file *file)
{
    struct stat st = {
        .st_ino = UINT32_MAX,
        .st_mode = S_IFDIR | 0500,
        .st_nlink = 2,
        .st_uid = geteuid(),
        .st_gid = getegid(),
        .st_blksize = 4096,
    };

    if (!file)
        return st;
    st.st_ino = FILE_INO;
    st.st_mode = S_IFREG | 0400;
    st.st_nlink = 1;
    st.st_size = (off_t)file->text->size;
    st.st_blocks = (st.st_size + 511) / 512;
    st.st_atim = st.st_mtim = st.st_ctim = file->made;
    return st;
}

static void reply_file(struct cu_front *front, fuse_req_t fuse)
{
    struct special_file *file = make(front);
    struct fuse_entry_param entry = {.attr_timeout = CU_FRONT_FOREVER_S};

    if (!file) {
        CU_FRONT_COUNT(front, no_memory);
        cu_front_refuse(fuse, ENOMEM);
        return;
    }
    entry.ino = file->nodeid;
    entry.attr = stat_of(file);
    if (fuse_reply_entry(fuse, &entry) < 0)
        drop(&front->specials, file);
}

bool cu_special_lookup(struct cu_front *front, fuse_req_t fuse, uint64_t parent, const char *name)
{
    struct fuse_entry_param entry = {.entry_timeout = CU_FRONT_FOREVER_S,
                                     .attr_timeout = CU_FRONT_FOREVER_S};

    if (!front->config.events.metrics ||
        !(cu_special_is(parent) || (parent == CU_INODE_ROOT && strcmp(name, DIR_NAME) == 0)))
        return false;
    if (parent == CU_INODE_ROOT) {
        entry.ino = DIRECTORY;
        entry.attr = stat_of(NULL);
        fuse_reply_entry(fuse, &entry);
    } else if (parent != DIRECTORY) {
        cu_front_refuse(fuse, ENOTDIR);
    } else if (strcmp(name, FILE_NAME) == 0) {
        reply_file(front, fuse);
    } else {
        fuse_reply_entry(fuse, &entry); /* no such name */
    }
    return true;
}

void cu_special_getattr(struct cu_front *front, fuse_req_t fuse, uint64_t nodeid)
{
    const struct special_file *file = find(&front->specials, nodeid);
    struct stat st = stat_of(file);

    if (!file && nodeid != DIRECTORY)
        cu_front_refuse(fuse, ESTALE);
    else
        fuse_reply_attr(fuse, &st, CU_FRONT_FOREVER_S);
}

void cu_special_read(struct cu_front *front, fuse_req_t fuse, uint64_t nodeid, size_t size,
                     uint64_t offset)
{
    const struct special_file *file = find(&front->specials, nodeid);

    if (!file) {
        cu_front_refuse(fuse, nodeid == DIRECTORY ? EISDIR : ESTALE);
        return;
    }
    if (offset > file->text->size)
        offset = file->text->size;
    if (size > file->text->size - offset)
        size = file->text->size - (size_t)offset;
    fuse_reply_buf(fuse, (const char *)file->text->data + offset, size);
}

void cu_special_readdir(fuse_req_t fuse, uint64_t nodeid, size_t size, uint64_t offset, bool plus)
{
    static const char *const names[] = {".", "..", FILE_NAME};
    char reply[1024];
    size_t used = 0;

    if (nodeid != DIRECTORY) {
        cu_front_refuse(fuse, ENOTDIR);
        return;
    }
    if (size > sizeof(reply))
        size = sizeof(reply);
    for (uint64_t i = offset; i < sizeof(names) / sizeof(names[0]); i++) {
        struct fuse_entry_param entry = {.attr = stat_of(NULL)}; /* number 0: not looked up */
        size_t need;

        if (i == 2)
            entry.attr = (struct stat){.st_ino = FILE_INO, .st_mode = S_IFREG};
        need = plus ? fuse_add_direntry_plus(fuse, reply + used, size - used, names[i], &entry,
                                             (off_t)i + 1)
                    : fuse_add_direntry(fuse, reply + used, size - used, names[i], &entry.attr,
                                        (off_t)i + 1);
        if (need > size - used)
            break;
        used += need;
    }
    fuse_reply_buf(fuse, reply, used);
}

void cu_special_seek(struct cu_front *front, fuse_req_t fuse, uint64_t nodeid, uint64_t offset,
                     int whence)
{
    const struct special_file *file = find(&front->specials, nodeid);

    if (!file)
        cu_front_refuse(fuse, nodeid == DIRECTORY ? EINVAL : ESTALE);
    else if (offset >= file->text->size)
        cu_front_refuse(fuse, ENXIO);
    else
        fuse_reply_lseek(fuse, whence == SEEK_DATA ? (off_t)offset : (off_t)file->text->size);
}

void cu_special_forget(struct cu_front *front, uint64_t nodeid)
{
    struct special_file *file = cu_special_is(nodeid) ? find(&front->specials, nodeid) : NULL;

    if (file)
        drop(&front->specials, file);
}
