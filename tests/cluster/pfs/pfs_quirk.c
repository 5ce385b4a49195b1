/* SPDX-License-Identifier: BSD-3-Clause */
/* Quirks: how the emulated storage differs from a local file system. Nodes inside are always those
 * of the source; only answers to the kernel are changed here. */
#include "pfs_quirk.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define LONG_NAME_BYTES 300 /* more than NAME_MAX, less than FUSE's 1024 */
#define MANY_NAME_BYTES 1000
#define MANY_DIGITS     8        /* its number, first */
#define INO_FACTOR      1000003U /* odd: no two inodes of one mount become the same number */
#define STILL_TIME      1700000000

static pthread_once_t long_once = PTHREAD_ONCE_INIT;
static char long_name[LONG_NAME_BYTES + 1];
static int long_fd = -1;    /* what the long name shows, in each directory; set once */
static struct stat long_st; /* set once */

static void make_long(void)
{
    static const char content[] = "a long name\n";

    memset(long_name, 'L', LONG_NAME_BYTES);
    long_fd = memfd_create("long", MFD_CLOEXEC);
    if (long_fd < 0 || write(long_fd, content, sizeof content - 1) < 0 ||
        fchmod(long_fd, 0644) != 0 || fstat(long_fd, &long_st) != 0)
        abort(); /* a quirk that is not there would be worse */
}

static void make_many(uint64_t number, char name[CU_PFS_QUIRK_NAME_MAX])
{
    memset(name, 'M', MANY_NAME_BYTES);
    snprintf(name, CU_PFS_QUIRK_NAME_MAX, "%0*u", MANY_DIGITS, (unsigned)number);
    name[MANY_DIGITS] = 'M';
    name[MANY_NAME_BYTES] = '\0';
}

bool cu_pfs_quirk_made_up(const char *path, uint64_t number, char name[CU_PFS_QUIRK_NAME_MAX])
{
    const char *last = strrchr(path, '/');

    pthread_once(&long_once, make_long);
    if (cu_pfs_quirk(CU_PFS_QUIRK_LONG_NAMES) > 0) {
        if (number == 0)
            memcpy(name, long_name, sizeof long_name);
        return number == 0;
    }
    if (!last || strcmp(last, "/many") != 0 || number >= cu_pfs_quirk(CU_PFS_QUIRK_MANY_NAMES))
        return false;
    make_many(number, name);
    return true;
}

/* Of any directory: who looks a made-up name up knows where it is. */
static bool is_made_up(const char *name)
{
    char many[CU_PFS_QUIRK_NAME_MAX];
    uint64_t number = strtoull(name, NULL, 10);

    pthread_once(&long_once, make_long);
    if (cu_pfs_quirk(CU_PFS_QUIRK_LONG_NAMES) > 0 && strcmp(name, long_name) == 0)
        return true;
    if (number >= cu_pfs_quirk(CU_PFS_QUIRK_MANY_NAMES))
        return false;
    make_many(number, many);
    return strcmp(name, many) == 0;
}

static ino_t ino_of(fuse_req_t req, ino_t ino)
{
    const struct cu_pfs_mount *mount = fuse_req_userdata(req);
    uint64_t salt = cu_pfs_quirk(CU_PFS_QUIRK_INO_EPOCH);

    if (cu_pfs_quirk(CU_PFS_QUIRK_INO_DRIFT) > 0)
        salt += (uint64_t)time(NULL);
    if (salt > 0)
        ino = ino * INO_FACTOR + salt % INO_FACTOR;
    /* so that the number of a file on one mount is that of another file on another mount */
    if (cu_pfs_quirk(CU_PFS_QUIRK_INO_PER_MOUNT) > 0)
        ino += mount->index + 1;
    return ino;
}

void cu_pfs_quirk_attr(fuse_req_t req, struct stat *st)
{
    const struct cu_pfs_mount *mount = fuse_req_userdata(req);
    uint64_t blksize = cu_pfs_quirk(CU_PFS_QUIRK_BLKSIZE);

    if (long_fd >= 0 && st->st_dev == long_st.st_dev && st->st_ino == long_st.st_ino)
        st->st_nlink = 1;
    st->st_ino = ino_of(req, st->st_ino);
    if (S_ISREG(st->st_mode) && blksize > 0)
        st->st_blksize = (blksize_t)blksize;
    if (S_ISREG(st->st_mode) && cu_pfs_quirk(CU_PFS_QUIRK_SIZE0) > 0)
        st->st_size = st->st_blocks = 0;
    if (S_ISREG(st->st_mode) && st->st_size > (off_t)cu_pfs_quirk(CU_PFS_QUIRK_SHORT_SIZES))
        st->st_size -= (off_t)cu_pfs_quirk(CU_PFS_QUIRK_SHORT_SIZES);
    if (S_ISLNK(st->st_mode) && cu_pfs_quirk(CU_PFS_QUIRK_EMPTY_LINKS) > 0)
        st->st_size = 0;
    if (S_ISDIR(st->st_mode) && cu_pfs_quirk(CU_PFS_QUIRK_STILL_DIRS) > 0) {
        st->st_mtim = st->st_ctim = (struct timespec){.tv_sec = STILL_TIME};
        st->st_size = 4096;
    }
    if (cu_pfs_quirk(CU_PFS_QUIRK_CTIME_DRIFT) > 0)
        clock_gettime(CLOCK_REALTIME, &st->st_ctim);
    st->st_ctim.tv_sec += (time_t)cu_pfs_quirk(CU_PFS_QUIRK_AHEAD);
    if (cu_pfs_quirk(CU_PFS_QUIRK_COARSE) > 0 ||
        (mount->index > 0 && cu_pfs_quirk(CU_PFS_QUIRK_CUT_ON) == mount->index))
        st->st_atim.tv_nsec = st->st_mtim.tv_nsec = st->st_ctim.tv_nsec = 0;
}

/* The composed letter of the name taken apart, as a normalising file system keeps it. */
static int open_normal(int fd, const char *name)
{
    const char *letter = strstr(name, "\xc3\xa9");
    char apart[LONG_NAME_BYTES];

    if (!letter || snprintf(apart, sizeof apart, "%.*se\xcc\x81%s", (int)(letter - name), name,
                            letter + 2) >= (int)sizeof apart) {
        errno = ENOENT;
        return -1;
    }
    return openat(fd, apart, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

/* The name in fd that is this one but for its case. */
static int open_nocase(int fd, const char *name)
{
    int dir_fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = dir_fd < 0 ? NULL : fdopendir(dir_fd);
    const struct dirent *found;
    int got = -1;

    if (!dir) {
        if (dir_fd >= 0)
            close(dir_fd);
        errno = ENOENT;
        return -1;
    }
    while ((found = readdir(dir)) && strcasecmp(found->d_name, name) != 0)
        ;
    if (found)
        got = openat(fd, found->d_name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    else
        errno = ENOENT;
    closedir(dir);
    return got;
}

int cu_pfs_quirk_open(int fd, const char *name)
{
    int got;

    if (is_made_up(name)) {
        char path[32];
        snprintf(path, sizeof path, "/proc/self/fd/%d", long_fd);
        return open(path, O_PATH | O_CLOEXEC);
    }
    got = openat(fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (got < 0 && errno == ENOENT && cu_pfs_quirk(CU_PFS_QUIRK_NOCASE) > 0)
        got = open_nocase(fd, name);
    if (got < 0 && errno == ENOENT && cu_pfs_quirk(CU_PFS_QUIRK_NORMAL) > 0)
        got = open_normal(fd, name);
    return got;
}

bool cu_pfs_quirk_listed(fuse_req_t req, const struct dirent *found, struct stat *st)
{
    if (cu_pfs_quirk(CU_PFS_QUIRK_HIDDEN) > 0 &&
        (strncmp(found->d_name, ".snap", 5) == 0 || strcmp(found->d_name, ".zfs") == 0))
        return false;
    *st = (struct stat){.st_ino = ino_of(req, found->d_ino)};
    if (cu_pfs_quirk(CU_PFS_QUIRK_NO_DTYPE) == 0)
        st->st_mode = (mode_t)found->d_type << 12;
    return true;
}
