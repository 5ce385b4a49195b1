/* SPDX-License-Identifier: BSD-3-Clause */
/* A child makes the namespace, so that the caller has changed nothing when that fails half-way. It
 * shares the table of descriptors with the caller, and leaves the descriptor of the namespace in
 * it.
 *
 * Ranks of one job read each other's memory (process_vm_readv(2)): the kernel lets them only within
 * one user namespace. So all mount namespaces of a node have the same one. */
#include "host/nspace.h"

#include "base/path.h"
#include "host/nsmount.h"
#include "host/readfile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <linux/securebits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef NS_GET_NSTYPE
#define NS_GET_NSTYPE _IO(NSIO, 0x3)
#endif
#define CAPABILITIES 64 /* more than there are */

/* What the child has to say, over a pipe. */
struct outcome {
    int rc; /* the descriptor, or -errno */
    struct cu_error err;
};

/* --- why not ---------------------------------------------------------------------------------- */

static long setting(const char *root, const char *path)
{
    char text[32], *end;
    long value;

    if (cu_readfile_small(root, path, text, sizeof(text)) <= 0)
        return -1;
    value = strtol(text, &end, 10);
    return *end == '\0' ? value : -1;
}

static bool is_filtered(const char *root)
{
    char text[8192];
    const char *line;

    if (cu_readfile_small(root, "/proc/self/status", text, sizeof(text)) <= 0)
        return false;
    line = strstr(text, "\nSeccomp:");
    return line && strtol(line + 9, NULL, 10) == 2;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool is_chroot(const char *root)
{
    struct stat own, init;

    return !root && stat("/", &own) == 0 && stat("/proc/1/root/", &init) == 0 &&
           !is_same(&own, &init);
}

int cu_nspace_explain(const char *root, int error, const char *step, struct cu_error *err)
{
    if (setting(root, "/proc/sys/user/max_user_namespaces") == 0)
        return cu_error_set(err, error,
                            "user namespaces are off on this node: the administrator can set "
                            "sysctl user.max_user_namespaces=15000");
    if (setting(root, "/proc/sys/kernel/unprivileged_userns_clone") == 0)
        return cu_error_set(err, error,
                            "user namespaces are for root alone on this node: the administrator "
                            "can set sysctl kernel.unprivileged_userns_clone=1");
    if (setting(root, "/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1)
        return cu_error_set(
            err, error,
            "AppArmor restricts user namespaces on this node: the administrator can add a profile "
            "for copper with \"userns,\", or set sysctl "
            "kernel.apparmor_restrict_unprivileged_userns=0");
    if (error == -ENOSPC)
        return cu_error_set(err, error,
                            "the limit of user namespaces is reached, by number or by depth: the "
                            "administrator can raise user.max_user_namespaces and "
                            "user.max_mnt_namespaces");
    if (is_chroot(root))
        return cu_error_set(err, error,
                            "%s: %s: this process is in a chroot or a container; bind Copper's "
                            "mount there from outside (--bind of apptainer, -v of podman)",
                            step, strerror(-error));
    if (is_filtered(root))
        return cu_error_set(err, error,
                            "%s: %s: a filter of system calls (seccomp), as containers have, "
                            "forbids it; bind Copper's mount there from outside (--bind of "
                            "apptainer, -v of podman)",
                            step, strerror(-error));
    if (error == -ENOSYS)
        return cu_error_set(err, error, "%s: this kernel has no such call: needs Linux 5.14", step);
    return cu_error_set(err, error,
                        "%s: %s: the administrator can allow user and mount namespaces to users",
                        step, strerror(-error));
}

static int explain(int error, const char *step, struct cu_error *err)
{
    return cu_nspace_explain(NULL, error, step, err);
}

/* --- making ----------------------------------------------------------------------------------- */

static int write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC), rc = 0;

    if (fd < 0)
        return -errno;
    if (write(fd, text, strlen(text)) < 0)
        rc = -errno;
    close(fd);
    return rc;
}

/* The user's ids, as they are; no others can be mapped without help of root. */
static int map_ids(uid_t uid, gid_t gid)
{
    char text[64];
    int rc = write_text("/proc/self/setgroups", "deny");

    snprintf(text, sizeof(text), "%lu %lu 1\n", (unsigned long)uid, (unsigned long)uid);
    if (rc == 0)
        rc = write_text("/proc/self/uid_map", text);
    snprintf(text, sizeof(text), "%lu %lu 1\n", (unsigned long)gid, (unsigned long)gid);
    return rc == 0 ? write_text("/proc/self/gid_map", text) : rc;
}

/* Into the user namespace of another mount namespace, where that is not this process's own. */
static int join_user(int fd)
{
    int user = ioctl(fd, NS_GET_USERNS), rc = 0;
    struct stat theirs, ours;

    if (user < 0)
        return -errno;
    if (fstat(user, &theirs) != 0 || stat("/proc/self/ns/user", &ours) != 0)
        rc = -errno;
    else if (theirs.st_ino != ours.st_ino || theirs.st_dev != ours.st_dev)
        rc = setns(user, CLONE_NEWUSER) == 0 ? 1 : -errno;
    close(user);
    return rc;
}

/* Root that may mount needs no user namespace. */
static bool is_privileged(void)
{
    const uint32_t wanted = UINT32_C(1) << CAP_SYS_ADMIN | UINT32_C(1) << CAP_SYS_CHROOT;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    return geteuid() == 0 && syscall(SYS_capget, &header, data) == 0 &&
           (data[0].effective & wanted) == wanted;
}

/* The kernel counts these for the whole user namespace, too, up to what the process that makes it
 * may have at that moment. All may have what the hard limits allow. */
static const int counted_limits[CU_NSPACE_LIMITS] = {RLIMIT_NPROC, RLIMIT_MSGQUEUE,
                                                     RLIMIT_SIGPENDING, RLIMIT_MEMLOCK};

static void raise_limits(void)
{
    for (size_t i = 0; i < CU_NSPACE_LIMITS; i++) {
        struct rlimit limit;

        if (getrlimit((__rlimit_resource_t)counted_limits[i], &limit) != 0)
            continue;
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit((__rlimit_resource_t)counted_limits[i], &limit);
    }
}

/* New namespaces for this process, whose mounts follow those outside and are not seen there. */
static int enter_new(int near_fd, struct cu_error *err)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    int rc;

    prctl(PR_SET_DUMPABLE, 1); /* or the maps would be root's to write */
    if (near_fd >= 0) {
        rc = join_user(near_fd);
        if (rc < 0)
            return explain(rc, "user namespace", err);
        if (unshare(CLONE_NEWNS) != 0)
            return explain(-errno, "mount namespace", err);
    } else if (is_privileged()) {
        if (unshare(CLONE_NEWNS) != 0)
            return explain(-errno, "mount namespace", err);
    } else {
        raise_limits();
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
            return explain(-errno, "user namespace", err);
        rc = map_ids(uid, gid);
        if (rc < 0)
            return explain(rc, "user namespace", err);
    }
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0)
        return explain(-errno, "mount namespace", err);
    return 0;
}

static int make_here(const struct cu_nspace_bind *binds, size_t count, int near_fd,
                     struct cu_error *err)
{
    int rc = enter_new(near_fd, err), fd;

    if (rc == 0)
        rc = cu_nsmount_attach(binds, count, err);
    if (rc < 0)
        return rc;
    fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    return fd >= 0 ? fd : cu_error_set(err, -errno, "/proc/self/ns/mnt: %s", strerror(errno));
}

/* As fork(2), with one table of descriptors for both, and no signal at its end. */
static pid_t fork_sharing_files(void)
{
    return (pid_t)syscall(SYS_clone, (unsigned long)CLONE_FILES, 0ul, 0ul, 0ul, 0ul);
}

int cu_nspace_make(const struct cu_nspace_bind *binds, size_t count, int near_fd,
                   struct cu_error *err)
{
    struct outcome outcome = {.rc = -EIO};
    int fds[2];
    pid_t pid;
    ssize_t n;

    if (pipe2(fds, O_CLOEXEC) != 0)
        return cu_error_set(err, -errno, "no pipe: %s", strerror(errno));
    pid = fork_sharing_files();
    if (pid == 0) {
        outcome.rc = make_here(binds, count, near_fd, &outcome.err);
        n = write(fds[1], &outcome, sizeof(outcome)); /* at once: less than PIPE_BUF */
        _exit(n == (ssize_t)sizeof(outcome) ? 0 : 1);
    }
    if (pid < 0)
        outcome.rc = cu_error_set(&outcome.err, -errno, "no second process: %s", strerror(errno));
    while (pid > 0 && waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
        ;
    close(fds[1]); /* of both: the child has ended, so that a read ends, too */
    if (pid > 0 && read(fds[0], &outcome, sizeof(outcome)) != (ssize_t)sizeof(outcome))
        outcome.rc = cu_error_set(&outcome.err, -EIO, "the process that makes it was killed");
    close(fds[0]);
    if (outcome.rc < 0)
        *err = outcome.err;
    return outcome.rc;
}

int cu_nspace_try(struct cu_error *err)
{
    int fd = cu_nspace_make(NULL, 0, -1, err);

    if (fd < 0)
        return fd;
    close(fd);
    return 0;
}

/* --- joining ---------------------------------------------------------------------------------- */

/* Those of a user namespace would go at exec by themselves, except for uid 0. The bounding set is
 * full in it, whatever it was before. */
static int drop_capabilities(uint64_t bounding)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    for (int i = 0, has = 0; i < CAPABILITIES && has >= 0; i++) {
        has = prctl(PR_CAPBSET_READ, i, 0, 0, 0);
        if (has == 1 && (bounding >> i & 1) == 0 && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) != 0)
            return -errno;
    }
    if (geteuid() == 0 &&
        prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                                     SECBIT_NO_SETUID_FIXUP_LOCKED) != 0)
        return -errno;
    memset(data, 0, sizeof(data));
    return syscall(SYS_capset, &header, data) == 0 ? 0 : -errno;
}

static uint64_t bounding_set(void)
{
    uint64_t set = 0;

    for (int i = 0, has = 0; i < CAPABILITIES && has >= 0; i++) {
        has = prctl(PR_CAPBSET_READ, i, 0, 0, 0); /* an error: there is none with this number */
        set |= (uint64_t)(has == 1) << i;
    }
    return set;
}

/* What follows the first setns that succeeded: no way leads back. */
static int settle(bool ours, uint64_t bounding, const struct stat *root, const char *cwd, int old,
                  struct cu_error *err)
{
    struct stat after;
    int rc;

    if (stat("/", &after) != 0 || !is_same(root, &after))
        return cu_error_set(err, -EPERM, "this process is in a chroot, and the view is not");
    if ((!cwd || chdir(cwd) != 0) && (old < 0 || fchdir(old) != 0))
        return cu_error_set(err, -errno, "the working directory: %s", strerror(errno));
    rc = ours ? drop_capabilities(bounding) : 0;
    return rc < 0 ? cu_error_set(err, rc, "capabilities: %s", strerror(-rc)) : 0;
}

int cu_nspace_join(int fd, bool *begun, struct cu_error *err)
{
    uint64_t bounding = bounding_set();
    char cwd[CU_PATH_MAX];
    bool named = getcwd(cwd, sizeof(cwd)) && cwd[0] == '/';
    int old = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC), rc;
    struct stat root;

    *begun = false;
    if (stat("/", &root) != 0) {
        rc = cu_error_set(err, -errno, "/: %s", strerror(errno));
        goto out;
    }
    rc = join_user(fd);
    *begun = rc == 1;
    if (rc < 0) {
        rc = explain(rc, "user namespace", err);
    } else if (setns(fd, CLONE_NEWNS) != 0) {
        rc = explain(-errno, "mount namespace", err);
    } else {
        bool ours = *begun;

        *begun = true;
        rc = settle(ours, bounding, &root, named ? cwd : NULL, old, err);
    }
out:
    if (old >= 0)
        close(old);
    return rc;
}

/* --- which ------------------------------------------------------------------------------------ */

static int identify(const char *path, uint64_t id[2])
{
    struct stat st;

    if (stat(path, &st) != 0)
        return -errno;
    id[0] = st.st_dev;
    id[1] = st.st_ino;
    return 0;
}

int cu_nspace_here(struct cu_nspace_here *here)
{
    int rc;

    memset(here, 0, sizeof(*here));
    rc = identify("/proc/self/ns/mnt", here->mount);

    here->privileged = is_privileged();
    for (size_t i = 0; !here->privileged && i < CU_NSPACE_LIMITS; i++) {
        struct rlimit limit;

        if (getrlimit((__rlimit_resource_t)counted_limits[i], &limit) != 0)
            return -errno;
        here->limits[i] = limit.rlim_max;
    }
    if (rc == 0)
        rc = identify("/proc/self/ns/user", here->user);
    return rc == 0 ? identify("/", here->root) : rc;
}

bool cu_nspace_is(int fd)
{
    return ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNS;
}
