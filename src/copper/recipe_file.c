/* SPDX-License-Identifier: BSD-3-Clause */
/* A file is replaced by a rename, so a reader never sees a part of one. Jobs that end at the same
 * time bring it up to date one after the other: who does holds a lock on a file beside it. The
 * kernel drops the lock with the process, however it dies, so the file may stay; it does, because
 * on a network file system a process cannot tell at once that a name leads to another file now. */
#include "copper/recipe_file.h"

#include "base/hash.h"
#include "control/recorded.h"
#include "copper/cli.h"
#include "host/clock.h"
#include "host/readfile.h"
#include "host/replace.h"
#include "host/trust.h"
#include "proto/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define ASK_MS      15000
#define LOCK_MS     10000 /* the holder reads and writes one file, or was stopped */
#define LOCK_TRY_MS 20
#define SHOWN       64 /* bytes of a job's name that cannot be a recipe's */

static const char *set_in_environment(const char *name)
{
    const char *value = getenv(name);

    return value && value[0] != '\0' ? value : NULL;
}

/* The home directory, which a batch job's environment may lack; NULL: there is none. */
static const char *home(void)
{
    const char *dir = set_in_environment("HOME");
    const struct passwd *user = dir ? NULL : getpwuid(geteuid());

    return user && user->pw_dir[0] == '/' ? user->pw_dir : dir;
}

int cu_recipe_file_path(const char *name, char out[CU_PATH_MAX], struct cu_error *err)
{
    const char *dir = set_in_environment("COPPER_RECIPES"), *sub = "";
    char path[2 * CU_PATH_MAX], cwd[CU_PATH_MAX];
    int len = 0;

    if (strchr(name, '/')) {
        if (name[0] != '/' && !getcwd(cwd, sizeof(cwd)))
            return cu_error_set(err, -errno, "working directory: %s", strerror(errno));
        len = snprintf(path, sizeof(path), "%s%s%s", name[0] == '/' ? "" : cwd,
                       name[0] == '/' ? "" : "/", name);
    } else {
        if (!cu_job_is_recipe_name(name))
            return cu_error_set(
                err, -EINVAL,
                "\"%.120s\" is not the name of a recipe; allowed are up to %u "
                "letters, digits and . _ + -, not . in front, or a file with a slash",
                name, CU_JOB_RECIPE_MAX);
        if (!dir && (dir = set_in_environment("XDG_DATA_HOME")))
            sub = "/copper/recipes";
        if (!dir && (dir = home()))
            sub = "/.local/share/copper/recipes";
        if (!dir)
            return cu_error_set(err, -EINVAL,
                                "recipes are kept in $COPPER_RECIPES, or below $HOME: neither is "
                                "set, and this user has no home directory");
        if (dir[0] != '/')
            return cu_error_set(err, -EINVAL, "recipes: \"%.64s\" is not an absolute path", dir);
        len = snprintf(path, sizeof(path), "%s%s/%s.recipe", dir, sub, name);
    }
    if (len >= CU_PATH_MAX || cu_path_normalise(path, out) < 0)
        return cu_error_set(err, -ENAMETOOLONG, "recipe %.64s: the path is too long", name);
    return 0;
}

/* The scheduler's name of the job as the name of a recipe; false: there is none. One that cannot be
 * the name of a recipe is shown as far as it can, and told from others by its hash. */
static bool job_name(char out[CU_JOB_RECIPE_MAX + 1])
{
    static const char *const names[] = {"SLURM_JOB_NAME", "PBS_JOBNAME", "LSB_JOBNAME", "JOB_NAME",
                                        "FLUX_JOB_NAME"};
    const char *value = NULL;

    for (size_t i = 0; !value && i < sizeof(names) / sizeof(names[0]); i++)
        value = set_in_environment(names[i]);
    if (!value)
        return false;
    snprintf(out, CU_JOB_RECIPE_MAX + 1, "%s", value);
    if (cu_job_is_recipe_name(value))
        return true;
    out[SHOWN] = '\0';
    cu_job_make_recipe_name(out);
    snprintf(out + strlen(out), CU_JOB_RECIPE_MAX + 1 - SHOWN, "-%016" PRIx64,
             cu_hash_bytes(value, strlen(value)));
    return true;
}

/* The daemons read the recipe as they read all files: it must be served. */
static void say_if_hidden(const struct cu_job *job, const char *path)
{
    struct cu_serve *serve = cu_serve_create(job->serve);

    if (serve && cu_serve_judge(serve, path, strlen(path)) != CU_SERVE_ALL)
        cu_cli_fail(CU_EXIT_FAILED,
                    "--learn: %s is not served (--serve): what the job touches is recorded there, "
                    "and nothing is asked for in advance",
                    path);
    cu_serve_destroy(serve);
}

int cu_recipe_file_choose(struct cu_job *job, struct cu_error *err)
{
    char path[CU_PATH_MAX], name[CU_JOB_RECIPE_MAX + 1];
    const char *learn = job->learn;
    bool is_auto = learn && strcmp(learn, "auto") == 0;
    int rc;

    if (!learn || strcmp(learn, "off") == 0)
        return 0;
    if (is_auto) {
        if (!job_name(name))
            return 0; /* not in a job that has a name */
        learn = name;
    }
    rc = cu_recipe_file_path(learn, path, err);
    if (rc != 0 && is_auto) { /* this user may not even know of it */
        cu_cli_say(stderr, "--learn auto: %s: there is no recipe", err->text);
        return 0;
    }
    if (rc != 0)
        return rc;
    say_if_hidden(job, path);
    return cu_job_set(job, "recipe", path, "--learn", err);
}

static bool is_own(const struct stat *st)
{
    return S_ISREG(st->st_mode) && st->st_uid == geteuid();
}

int cu_recipe_file_read(const char *path, struct cu_recipe **recipe, struct cu_error *err)
{
    char *bytes = NULL;
    size_t size = 0;
    struct stat st;
    int rc, fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    *recipe = NULL;
    if (fd < 0)
        rc = errno == ELOOP ? -EPERM : -errno; /* a link */
    else if (fstat(fd, &st) != 0)
        rc = -errno;
    else if (!is_own(&st) || (st.st_mode & (S_IWGRP | S_IWOTH)))
        rc = -EPERM;
    else
        rc = cu_readfile_all(fd, CU_RECIPE_BYTES_MAX, &bytes, &size);
    if (fd >= 0)
        close(fd);
    if (rc == -EFBIG)
        rc = -EBADMSG;
    if (rc == 0)
        rc = cu_recipe_decode(bytes, size, recipe);
    free(bytes);
    if (rc == -EPERM)
        return cu_error_set(err, rc, "%s: is not a file that only you can write", path);
    if (rc == -EBADMSG)
        return cu_error_set(err, rc, "%s: is damaged, or no recipe", path);
    if (rc == -ENOTSUP)
        return cu_error_set(err, rc, "%s: is a recipe of another version of Copper", path);
    return rc == 0 ? 0 : cu_error_set(err, rc, "%s: %s", path, strerror(-rc));
}

static int write_all(int fd, const struct cu_buf *bytes)
{
    size_t at = 0;

    while (at < bytes->size) {
        ssize_t n = write(fd, bytes->data + at, bytes->size - at);

        if (n <= 0)
            return n < 0 ? -errno : -ENOSPC;
        at += (size_t)n;
    }
    return fsync(fd) != 0 ? -errno : 0;
}

/* Opens the directory of path. 0, or -errno with err. */
static int open_dir(const char *path, struct cu_trust_dir *dir, struct cu_error *err)
{
    char parent[CU_PATH_MAX];

    snprintf(parent, sizeof(parent), "%.*s", (int)cu_path_parent_len(path, strlen(path)), path);
    return cu_trust_open_dir(parent, CU_TRUST_WAY, true, dir, err);
}

/* Only a file of this user is replaced: not a device, a pipe, or a link to what is elsewhere. */
static int judge_replaced(int dir_fd, const char *name)
{
    struct stat st;

    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? 0 : -errno;
    return is_own(&st) ? 0 : -EPERM;
}

static int replace(int dir_fd, const char *name, const struct cu_buf *bytes)
{
    struct cu_replace replace;
    int rc = judge_replaced(dir_fd, name), fd = -1;

    if (rc == 0)
        rc = fd = cu_replace_begin(&replace, dir_fd, name);
    if (fd < 0)
        return rc;
    rc = write_all(fd, bytes);
    if (close(fd) != 0 && rc == 0)
        rc = -errno;
    return cu_replace_end(&replace, rc);
}

int cu_recipe_file_write(const char *path, const struct cu_recipe *recipe, struct cu_error *err)
{
    uint32_t left_out = cu_recipe_count(recipe) - cu_recipe_fits(recipe);
    struct cu_buf *bytes = cu_recipe_encode(recipe);
    struct cu_trust_dir dir;
    int rc;

    if (!bytes)
        return cu_error_set(err, -ENOMEM, "%s: out of memory", path);
    rc = open_dir(path, &dir, err);
    if (rc == 0) {
        rc = replace(dir.fd, strrchr(path, '/') + 1, bytes);
        close(dir.fd);
        if (rc != 0)
            cu_error_set(err, rc, "%s: %s", path, cu_trust_file_error(rc));
    }
    if (rc == 0 && left_out > 0)
        cu_cli_say(stderr, "%s: has no room for the last %u paths", path, left_out);
    cu_buf_unref(bytes);
    return rc;
}

/* 0; -EBUSY: another process has had the lock all the time; -errno. A file system without locks
 * has none to wait for. */
static int wait_for_lock(int fd)
{
    int64_t deadline_ms = cu_clock_ms() + LOCK_MS;

    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == ENOSYS || errno == EOPNOTSUPP || errno == ENOLCK)
            return 0;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return -errno;
        if (cu_clock_ms() >= deadline_ms)
            return -EBUSY;
        (void)poll(NULL, 0, LOCK_TRY_MS);
    }
    return 0;
}

int cu_recipe_file_lock(const char *path, struct cu_error *err)
{
    char name[CU_PATH_MAX + 8];
    struct cu_trust_dir dir = {.fd = -1};
    int rc = open_dir(path, &dir, err), fd;

    if (rc != 0)
        return rc;
    snprintf(name, sizeof(name), ".%s.lock", strrchr(path, '/') + 1);
    fd = cu_trust_open_file(dir.fd, name, CU_TRUST_APPEND);
    rc = fd < 0 ? fd : wait_for_lock(fd);
    close(dir.fd);
    if (rc == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return rc == -EBUSY
               ? cu_error_set(err, rc, "%s: another process has been writing it for %d s", path,
                              LOCK_MS / 1000)
               : cu_error_set(err, rc, "%s: its lock, %s: %s", path, name, cu_trust_file_error(rc));
}

/* As cu_recipe_file_update, by who has the lock. */
static int update(const char *path, const struct cu_recipe *used, struct cu_recipe **old,
                  struct cu_error *err)
{
    struct cu_recipe *next = NULL;
    int rc = cu_recipe_file_read(path, old, err);

    if (rc == -EBADMSG || rc == -ENOTSUP)
        cu_cli_say(stderr, "%s; it is replaced", err->text);
    if (rc == -ENOENT || rc == -EBADMSG || rc == -ENOTSUP)
        rc = 0;
    if (rc == 0 && (rc = cu_recipe_update(*old, used, &next)) != 0)
        cu_error_set(err, rc, "%s: out of memory", path);
    if (rc == 0)
        rc = cu_recipe_file_write(path, next, err);
    cu_recipe_free(next);
    return rc;
}

int cu_recipe_file_update(const char *path, const struct cu_recipe *used, struct cu_recipe **old,
                          struct cu_error *err)
{
    int fd = cu_recipe_file_lock(path, err), rc;

    *old = NULL;
    if (fd < 0)
        return fd;
    rc = update(path, used, old, err);
    close(fd);
    return rc;
}

int cu_recipe_file_ask(struct cu_client *client, struct cu_recipe **recipe,
                       char name[CU_JOB_RECIPE_MAX + 1], struct cu_error *err)
{
    json_t *request = json_pack("{s:s,s:b}", "op", "recipe", "all", 1), *result = NULL;
    int rc = request ? cu_client_call(client, request, ASK_MS, &result, err)
                     : cu_error_set(err, -ENOMEM, "out of memory");

    json_decref(request);
    *recipe = NULL;
    name[0] = '\0';
    if (rc != 0)
        return rc;
    *recipe = cu_recorded_read(json_object_get(result, "recipe"));
    if (cu_job_is_recipe_name(cu_cli_text(result, "name"))) /* peers': no path to anywhere */
        snprintf(name, CU_JOB_RECIPE_MAX + 1, "%s", cu_cli_text(result, "name"));
    json_decref(result);
    return *recipe ? 0 : cu_error_set(err, -EBADMSG, "%s: sends no recipe", client->name);
}

/* What the recipe had the job's nodes ask for, and how much of it was for nothing. */
static void print_use(const struct cu_recipe *old, const struct cu_recipe *used)
{
    struct cu_recipe_use use = cu_recipe_compare(old, used);
    char all[32], wasted[32];

    cu_cli_say(stdout, "recipe: of the %llu paths and %s in it, %llu paths and %s were not used",
               (unsigned long long)use.entries, cu_cli_size(use.bytes, all),
               (unsigned long long)(use.entries - use.used_entries),
               cu_cli_size(use.bytes - use.used_bytes, wasted));
}

void cu_recipe_file_take(struct cu_client *client, struct cu_recipe_taken *taken)
{
    struct cu_error err;

    if (cu_recipe_file_ask(client, &taken->used, taken->name, &err) != 0)
        cu_cli_say(stderr, "the recipe is not kept: %s", err.text);
}

void cu_recipe_file_keep(struct cu_recipe_taken *taken, const char *path)
{
    struct cu_recipe *old = NULL;
    char told[CU_PATH_MAX];
    struct cu_error err;
    int rc = 0;

    /* A job that did nothing says nothing about the next. */
    if (!taken->used || cu_recipe_count(taken->used) == 0 || (!path && taken->name[0] == '\0'))
        goto out;
    if (!path) {
        rc = cu_recipe_file_path(taken->name, told, &err);
        path = told;
    }
    if (rc == 0)
        rc = cu_recipe_file_update(path, taken->used, &old, &err);
    if (rc == 0 && old)
        print_use(old, taken->used);
    if (rc != 0)
        cu_cli_say(stderr, "the recipe is not kept: %s", err.text);
out:
    cu_recipe_free(taken->used);
    cu_recipe_free(old);
    taken->used = NULL;
}
