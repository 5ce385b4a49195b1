/* SPDX-License-Identifier: BSD-3-Clause */
/* Directories are looked at level by level, so that nodes with the same layers find the same file.
 * What is a mount point is left out by the mount table alone: it may hang. */
#include "storage/devprobe.h"

#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRS_MAX    64u   /* looked at */
#define ENTRIES_MAX 4096u /* of one directory */

struct search {
    const struct cu_fsmap *map;
    const struct cu_fsmap_mount *mount;
    size_t next, count;
    char *dirs[DIRS_MAX]; /* owned */
};

static void add_dir(struct search *search, const char *path)
{
    if (search->count < DIRS_MAX && (search->dirs[search->count] = strdup(path)))
        search->count++;
}

/* One entry: 1 or 0 as cu_devprobe_try; -EAGAIN: it does not tell. */
static int look_at(struct search *search, const char *dir, const char *name)
{
    char path[CU_PATH_MAX];
    struct stat st;
    int len;

    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return -EAGAIN;
    len = cu_path_join(dir, strlen(dir), name, strlen(name), path, sizeof(path));
    if (len < 0 || cu_fsmap_find(search->map, path, (size_t)len) != search->mount ||
        lstat(path, &st) != 0)
        return -EAGAIN;
    if (!S_ISDIR(st.st_mode))
        return st.st_dev != search->mount->info.dev;
    add_dir(search, path);
    return -EAGAIN;
}

static int look_into(struct search *search, const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    int found = -EAGAIN;

    if (!dir) {
        if (fd >= 0)
            close(fd);
        return -EAGAIN;
    }
    for (unsigned left = ENTRIES_MAX; left > 0 && found < 0 && (entry = readdir(dir)); left--)
        found = look_at(search, path, entry->d_name);
    closedir(dir);
    return found;
}

int cu_devprobe_try(const struct cu_fsmap *map, const struct cu_fsmap_mount *mount)
{
    struct search search = {.map = map, .mount = mount};
    int found = -EAGAIN;

    add_dir(&search, mount->info.point);
    while (search.next < search.count && found < 0)
        found = look_into(&search, search.dirs[search.next++]);
    for (size_t i = 0; i < search.count; i++)
        free(search.dirs[i]);
    return found < 0 ? -ENODATA : found;
}
