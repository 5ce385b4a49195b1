/* SPDX-License-Identifier: BSD-3-Clause */
/* Read-ahead is asked for in the kernel's own windows, because one call reads no more than one of
 * them. It does not wait, so the first byte of an earlier window is read before the next one is
 * asked for: at most WINDOWS are under way, and the job's own reads find room beside them.
 *
 * Listings come last. With a listing the kernel gets attributes of the names in it, and then asks
 * no more for them: a recipe that is recorded meanwhile would lose these names. */
#include "copperd/warm.h"

#include "ahead/ahead.h"
#include "base/hash.h"
#include "host/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WINDOWS       8u
#define LISTING_BYTES (256u * 1024)

/* openat2 of Linux 5.6: older C libraries lack it. */
#define OPENAT2        437
#define NO_CROSSING    0x01u
#define NO_MAGIC_LINKS 0x02u
#define NO_LINKS       0x04u
#define BENEATH        0x08u

struct how {
    uint64_t flags, mode, resolve;
};

struct window {
    int fd; /* owned */
    off_t at;
};

struct walk {
    const struct cu_warm_config *config;
    struct cu_warm_result *result;
    int root;
    struct window ahead[WINDOWS]; /* a ring */
    uint64_t begun, waited;       /* windows */
    char path[PATH_MAX];          /* of the entry, relative to root */
};

bool cu_warm_takes(const struct cu_recipe_entry *e, uint64_t salt)
{
    if (!(e->what & CU_RECIPE_CONTENT) && e->part_count == 0)
        return true;
    return e->unused == 0 && cu_hash_seeded(e->path, e->path_len, salt) % CU_WARM_LEFT_OUT != 0;
}

static int open_entry(const struct walk *w, int flags)
{
    const struct how how = {.flags = (uint64_t)flags | O_CLOEXEC | O_NOFOLLOW,
                            .resolve = NO_CROSSING | NO_MAGIC_LINKS | NO_LINKS | BENEATH};

    return (int)syscall(OPENAT2, w->root, w->path, &how, sizeof(how));
}

static bool is_over(struct walk *w)
{
    if (cu_clock_ms() < w->config->deadline_ms)
        return false;
    w->result->cut = true;
    return true;
}

/* Until at most `left` windows are under way. */
static void settle(struct walk *w, uint64_t left)
{
    char byte;

    while (w->begun - w->waited > left) {
        struct window *window = &w->ahead[w->waited++ % WINDOWS];

        while (pread(window->fd, &byte, 1, window->at) < 0 && errno == EINTR)
            ;
        close(window->fd);
    }
}

/* False: a bound is reached. */
static bool read_ahead(struct walk *w, int fd, uint64_t from, uint64_t to)
{
    for (uint64_t at = from; at < to; at += CU_AHEAD_WINDOW) {
        uint64_t bytes = to - at < CU_AHEAD_WINDOW ? to - at : CU_AHEAD_WINDOW;
        int copy;

        if (w->result->bytes + bytes > w->config->bytes_max)
            w->result->cut = true;
        if (w->result->cut || is_over(w))
            return false;
        settle(w, WINDOWS - 1);
        copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (copy < 0 || readahead(fd, (off_t)at, bytes) < 0) {
            if (copy >= 0)
                close(copy);
            return false;
        }
        w->ahead[w->begun++ % WINDOWS] = (struct window){copy, (off_t)at};
        w->result->bytes += bytes;
    }
    return true;
}

static void warm_file(struct walk *w, const struct cu_recipe_entry *e, uint64_t size)
{
    int fd = open_entry(w, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    bool more = fd >= 0;

    if (more && e->what & CU_RECIPE_CONTENT)
        more = read_ahead(w, fd, 0, e->size < size ? e->size : size);
    for (uint32_t i = 0; more && i < e->part_count; i++) {
        uint64_t from = e->parts[i].first * CU_RECIPE_CHUNK;
        uint64_t to = from + e->parts[i].count * CU_RECIPE_CHUNK;

        more = read_ahead(w, fd, from, to < size ? to : size);
    }
    if (fd >= 0)
        close(fd);
}

/* The kernel keeps a listing that was read to its end. */
static void warm_listing(struct walk *w)
{
    static char entries[LISTING_BYTES];
    int fd = open_entry(w, O_RDONLY | O_DIRECTORY);

    if (fd < 0)
        return;
    while (syscall(SYS_getdents64, fd, entries, sizeof(entries)) > 0 && !is_over(w))
        ;
    close(fd);
}

static void warm_entry(struct walk *w, const struct cu_recipe_entry *e)
{
    int fd = open_entry(w, O_PATH), rc;
    char target[PATH_MAX];
    struct stat st;

    if (fd < 0)
        return;
    rc = fstat(fd, &st);
    if (rc == 0)
        w->result->names++;
    if (rc == 0 && S_ISLNK(st.st_mode) && readlinkat(fd, "", target, sizeof(target)) < 0)
        w->result->names--;
    close(fd);
    if (rc < 0)
        return;
    if (S_ISREG(st.st_mode) && (e->what & CU_RECIPE_CONTENT || e->part_count > 0))
        warm_file(w, e, (uint64_t)st.st_size);
}

/* False: it is the mount's root, or too long. */
static bool name_entry(struct walk *w, const struct cu_recipe_entry *e)
{
    if (e->path_len <= 1 || e->path_len >= sizeof(w->path))
        return false;
    memcpy(w->path, e->path + 1, e->path_len - 1u);
    w->path[e->path_len - 1] = '\0';
    return true;
}

void cu_warm_run(const struct cu_recipe *recipe, const struct cu_warm_config *config,
                 struct cu_warm_result *result)
{
    struct walk w = {.config = config, .result = result};
    uint32_t count = cu_recipe_count(recipe);

    *result = (struct cu_warm_result){0};
    w.root = open(config->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (w.root < 0)
        return;
    for (uint32_t i = 0; i < count && !is_over(&w); i++) {
        struct cu_recipe_entry e = cu_recipe_get(recipe, i);

        if (cu_warm_takes(&e, config->salt) && name_entry(&w, &e))
            warm_entry(&w, &e);
    }
    settle(&w, 0);
    for (uint32_t i = 0; i < count && !is_over(&w); i++) {
        struct cu_recipe_entry e = cu_recipe_get(recipe, i);

        if (e.what & CU_RECIPE_LISTING && name_entry(&w, &e))
            warm_listing(&w);
    }
    close(w.root);
}
