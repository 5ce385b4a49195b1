/* SPDX-License-Identifier: BSD-3-Clause */
/* The paths of a job's files on a node. Any user can create any name in /tmp first. So the run
 * directory is created, then opened without following a link, and only then checked; in a sticky
 * /tmp no other user can replace it afterwards. When another user has taken the name
 * /tmp/copper-UID, a name with a random suffix is used. It is found again by its owner, which
 * cannot be forged. */
#include "host/rundir.h"

#include "base/hash.h"
#include "host/session.h"
#include "host/trust.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define USER_BYTES 256

static bool is_given(void)
{
    const char *given = getenv("COPPER_RUN_DIR");

    return given && given[0] != '\0';
}

/* Has another user taken the name? */
static bool is_squatted(const char *path, uid_t uid)
{
    struct stat st;

    return lstat(path, &st) == 0 && st.st_uid != uid;
}

/* The user's run directory with a random end, the first by name when there are several: into out.
 */
static bool find_other(uid_t uid, char out[CU_PATH_MAX])
{
    char start[40], best[CU_NAME_MAX + 1] = "";
    size_t len = (size_t)snprintf(start, sizeof(start), "copper-%lu.", (unsigned long)uid);
    DIR *dir = opendir("/tmp");
    const struct dirent *entry;
    struct stat st;

    while (dir && (entry = readdir(dir))) {
        if (strncmp(entry->d_name, start, len) != 0 ||
            (best[0] != '\0' && strcmp(entry->d_name, best) > 0) ||
            fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISDIR(st.st_mode) || st.st_uid != uid)
            continue;
        snprintf(best, sizeof(best), "%s", entry->d_name);
    }
    if (dir)
        closedir(dir);
    if (best[0] != '\0')
        snprintf(out, CU_PATH_MAX, "/tmp/%s", best);
    return best[0] != '\0';
}

int cu_rundir_usual(uid_t uid, char out[CU_PATH_MAX])
{
    int len;

    if (uid == CU_RUNDIR_SELF)
        uid = getuid();
    if (is_given()) {
        len = cu_path_normalise(getenv("COPPER_RUN_DIR"), out);
        return len < 0 ? len : 0;
    }
    snprintf(out, CU_PATH_MAX, "/tmp/copper-%lu", (unsigned long)uid);
    return 0;
}

int cu_rundir_path(uid_t uid, char out[CU_PATH_MAX])
{
    struct stat st;
    int rc = cu_rundir_usual(uid, out);

    if (uid == CU_RUNDIR_SELF)
        uid = getuid();
    if (rc == 0 && !is_given() && (lstat(out, &st) != 0 || st.st_uid != uid))
        (void)find_other(uid, out);
    return rc;
}

/* Makes one with a random end, and takes the one that all take. 0 or -errno. */
static int make_other(uid_t uid, char out[CU_PATH_MAX])
{
    char made[64];

    snprintf(made, sizeof(made), "/tmp/copper-%lu.XXXXXX", (unsigned long)uid);
    if (!mkdtemp(made))
        return -errno;
    if (!find_other(uid, out))
        snprintf(out, CU_PATH_MAX, "%s", made);
    else if (strcmp(out, made) != 0)
        rmdir(made);
    return 0;
}

static int check_way(const char *path, struct cu_error *err)
{
    char parent[CU_PATH_MAX];
    struct cu_trust_dir dir;
    struct cu_error why = {""};
    size_t len = cu_path_parent_len(path, strlen(path));
    int rc;

    memcpy(parent, path, len);
    parent[len] = '\0';
    rc = cu_trust_open_dir(parent, CU_TRUST_WAY, false, &dir, &why);
    if (rc < 0)
        return cu_error_set(err, rc, "run directory %s: %s; set COPPER_RUN_DIR to another", path,
                            why.text);
    close(dir.fd);
    return 0;
}

static int check_run_dir(const char *path, uid_t uid, struct cu_error *err)
{
    struct stat st;
    int rc = check_way(path, err), fd;

    if (rc < 0)
        return rc;
    fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        rc = errno == ELOOP || errno == ENOTDIR ? -EPERM : -errno;
        return cu_error_set(err, rc, "run directory %s: %s", path,
                            rc == -EPERM ? "is not a directory; remove it or set COPPER_RUN_DIR"
                                         : strerror(-rc));
    }
    if (fstat(fd, &st) != 0)
        rc = cu_error_set(err, -errno, "run directory %s: %s", path, strerror(errno));
    else if (st.st_uid != uid)
        rc = cu_error_set(err, -EPERM,
                          "run directory %s: belongs to uid %lu, must be of uid %lu; set "
                          "COPPER_RUN_DIR to another",
                          path, (unsigned long)st.st_uid, (unsigned long)uid);
    else if ((st.st_mode & 077) != 0)
        rc = cu_error_set(err, -EPERM, "run directory %s: has mode %04o, must be 0700", path,
                          (unsigned)(st.st_mode & 07777));
    close(fd);
    return rc;
}

static int name_run_dir(uid_t uid, char out[CU_PATH_MAX], struct cu_error *err)
{
    int rc = cu_rundir_path(uid, out);

    if (rc != 0)
        return cu_error_set(err, rc, "COPPER_RUN_DIR: \"%.64s\" is not an absolute path",
                            getenv("COPPER_RUN_DIR"));
    if (strlen(out) > CU_RUNDIR_BYTES_MAX)
        return cu_error_set(err, -ENAMETOOLONG,
                            "COPPER_RUN_DIR: \"%.64s...\" has %zu bytes; allowed are %zu, as there "
                            "are sockets in it",
                            out, strlen(out), CU_RUNDIR_BYTES_MAX);
    return 0;
}

int cu_rundir_find(uid_t uid, char out[CU_PATH_MAX], struct cu_error *err)
{
    struct stat st;
    int rc = name_run_dir(uid, out, err);

    if (rc != 0 || (lstat(out, &st) != 0 && errno == ENOENT))
        return rc;
    return check_run_dir(out, uid == CU_RUNDIR_SELF ? getuid() : uid, err);
}

int cu_rundir_make(uid_t uid, char out[CU_PATH_MAX], struct cu_error *err)
{
    int rc = name_run_dir(uid, out, err);

    if (uid == CU_RUNDIR_SELF)
        uid = getuid();
    if (rc != 0)
        return rc;
    if (mkdir(out, 0700) != 0 && errno != EEXIST)
        rc = -errno;
    else if (!is_given() && is_squatted(out, uid) && uid == geteuid())
        rc = make_other(uid, out);
    if (rc != 0)
        return cu_error_set(err, rc, "run directory %s: cannot make it: %s", out, strerror(-rc));
    return check_run_dir(out, uid, err);
}

int cu_rundir_file(const char *run_dir, const char *mount_dir, const char *suffix,
                   char out[CU_PATH_MAX])
{
    char mount[CU_PATH_MAX];
    int len = cu_path_normalise(mount_dir, mount);
    bool is_socket = strcmp(suffix, "sock") == 0 || strcmp(suffix, "view") == 0;
    size_t limit = is_socket ? sizeof(((struct sockaddr_un *)0)->sun_path) : (size_t)CU_PATH_MAX;

    if (len < 0)
        return len;
    len = snprintf(out, CU_PATH_MAX, "%s/%016llx.%s", run_dir,
                   (unsigned long long)cu_hash_bytes(mount, (size_t)len), suffix);
    return len < 0 || (size_t)len >= limit ? -ENAMETOOLONG : 0;
}

static bool is_dir_name(const char *name)
{
    return name && name[0] != '\0' && !strchr(name, '/') && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

/* $USER, else the name of uid, else its number; room is memory for it. */
static const char *user_name(uid_t uid, char room[USER_BYTES])
{
    const char *user = getenv("USER");
    struct passwd entry, *found = NULL;
    char entry_text[4096];

    if (is_dir_name(user))
        return user;
    if (uid == CU_RUNDIR_SELF)
        uid = getuid();
    getpwuid_r(uid, &entry, entry_text, sizeof(entry_text), &found);
    if (found && is_dir_name(found->pw_name))
        snprintf(room, USER_BYTES, "%s", found->pw_name);
    else
        snprintf(room, USER_BYTES, "%lu", (unsigned long)uid);
    return room;
}

int cu_rundir_mount(const char *given, uid_t uid, char out[CU_PATH_MAX])
{
    char path[CU_PATH_MAX], job[CU_SESSION_MAX], room[USER_BYTES];
    size_t len = 0;
    bool in_job;
    int rc;

    cu_session_job(job);
    for (char *p = job; *p != '\0'; p++)
        if (*p == '/')
            *p = '_';
    in_job = is_dir_name(job);
    while (*given != '\0') {
        bool is_job = in_job && strncmp(given, "%j", 2) == 0;
        bool is_user = strncmp(given, "%u", 2) == 0;
        const char *part = is_job ? job : is_user ? user_name(uid, room) : given;
        size_t size = is_job || is_user ? strlen(part) : 1;

        if (len + size >= sizeof(path))
            return -ENAMETOOLONG;
        memcpy(path + len, part, size);
        len += size;
        given += is_job || is_user ? 2 : 1;
    }
    path[len] = '\0';
    rc = cu_path_normalise(path, out);
    return rc < 0 ? rc : 0;
}

int cu_rundir_default_mount(uid_t uid, char out[CU_PATH_MAX])
{
    const char *given = getenv("COPPER_MOUNT"), *user;
    char room[USER_BYTES];

    if (given && given[0] != '\0')
        return cu_rundir_mount(given, uid, out);
    user = user_name(uid, room);
    if (strlen(user) > CU_NAME_MAX)
        return -ENAMETOOLONG;
    snprintf(out, CU_PATH_MAX, "/tmp/%s/copper", user);
    return 0;
}
