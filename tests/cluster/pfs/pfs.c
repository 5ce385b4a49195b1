/* SPDX-License-Identifier: BSD-3-Clause */
/* pfsemu [options] SOURCE MOUNTPOINT: mounts, reports that, and serves until it gets the command to
 * quit, SIGTERM or SIGINT, its owner dies, or the mount is removed. */
#include "pfs_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

struct options {
    const char *control;
    const char *queue;
    const char *source;
    double cache_s;
    pid_t owner;
    bool foreground;
};

static const char usage[] =
    "usage: pfsemu [-f] [--control SOCKET] [--owner PID] [--cache SECONDS] [--queue FILE]\n"
    "              [--set NAME=NUMBER]... [--quirk NAME[=NUMBER]]... SOURCE MOUNTPOINT...\n";

#define MOUNTS_MAX 256

static struct cu_pfs_mount mounts[MOUNTS_MAX]; /* set before threads start */
static unsigned n_mounts;
static const char *control_path;

static void unmount_all(void)
{
    for (unsigned i = 0; i < n_mounts; i++) {
        if (!mounts[i].session)
            continue;
        fuse_session_exit(mounts[i].session);
        if (umount2(mounts[i].mountpoint, MNT_DETACH) != 0)
            fuse_session_unmount(mounts[i].session);
    }
}

/* Detaches the mounts, which ends the sessions; operations that hang are let go. Any thread. */
static void quit(void)
{
    cu_pfs_fault_remove(NULL, true);
    unmount_all();
    /* Nodes' mount namespaces may still hold the file system: the process's end aborts it. */
    if (control_path)
        unlink(control_path);
    _exit(0);
}

static void *wait_signal(void *argument)
{
    int number;

    sigwait(argument, &number);
    quit();
    return NULL;
}

static void *wait_owner(void *argument)
{
    struct pollfd poll_fd = {.fd = *(int *)argument, .events = POLLIN};

    while (poll(&poll_fd, 1, -1) < 0 && errno == EINTR)
        ;
    quit();
    return NULL;
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
    (void)userdata;
    conn->want &= ~(unsigned)(FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO);
    if (cu_pfs_config.cache_s <= 0)
        conn->want &= ~(unsigned)FUSE_CAP_AUTO_INVAL_DATA;
    conn->max_background = 256;
    conn->max_readahead = 1U << 20;
}

static int fail(const char *what, int error)
{
    fprintf(stderr, "pfsemu: %s: %s\n", what, strerror(error));
    return 1;
}

static bool set_option(char *word)
{
    char *value = strchr(word, '=');

    if (!value)
        return false;
    *value++ = '\0';
    return cu_pfs_set(word, strtoull(value, NULL, 10)) == 0;
}

static bool parse(int argc, char **argv, struct options *options)
{
    static const struct option longs[] = {
        {"control", required_argument, NULL, 'c'},
        {"owner", required_argument, NULL, 'o'},
        {"cache", required_argument, NULL, 'k'},
        {"queue", required_argument, NULL, 'q'},
        {"set", required_argument, NULL, 's'},
        {"quirk", required_argument, NULL, 'Q'},
        {NULL, 0, NULL, 0},
    };
    int letter;

    while ((letter = getopt_long(argc, argv, "+f", longs, NULL)) != -1) {
        if (letter == 'f')
            options->foreground = true;
        else if (letter == 'c')
            options->control = optarg;
        else if (letter == 'o')
            options->owner = (pid_t)strtol(optarg, NULL, 10);
        else if (letter == 'k')
            options->cache_s = strtod(optarg, NULL);
        else if (letter == 'q')
            options->queue = optarg;
        else if (letter == 'Q' && cu_pfs_quirk_set(optarg) == 0)
            continue;
        else if (letter != 's' || !set_option(optarg))
            return false;
    }
    if (argc - optind < 2 || argc - optind > MOUNTS_MAX)
        return false;
    options->source = argv[optind];
    for (int i = optind + 1; i < argc; i++) {
        struct cu_pfs_mount *mount = &mounts[n_mounts];
        *mount = (struct cu_pfs_mount){.index = n_mounts, .mountpoint = realpath(argv[i], NULL)};
        if (!mount->mountpoint) {
            perror(argv[i]);
            return false;
        }
        n_mounts++;
    }
    return true;
}

/* The parent waits here until the child says (a byte on the pipe) that the mount is there. */
static int detach(void)
{
    int fds[2];
    char byte;
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC) != 0 || (pid = fork()) < 0)
        return -1;
    if (pid > 0) {
        close(fds[1]);
        _exit(read(fds[0], &byte, 1) == 1 ? 0 : 1);
    }
    close(fds[0]);
    setsid();
    return fds[1];
}

/* Each node holds a descriptor. */
static void raise_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (geteuid() == 0 && limit.rlim_max < 1048576)
        limit.rlim_cur = limit.rlim_max = 1048576;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* Storage that hides names, changes without a stamp or reports no sizes does not behave like a
 * parallel file system. It gets a file system type of its own, so that software that decides by
 * type can recognise it. */
static struct fuse_session *create_session(struct cu_pfs_mount *mount)
{
    bool odd = cu_pfs_quirk(CU_PFS_QUIRK_HIDDEN) || cu_pfs_quirk(CU_PFS_QUIRK_NOCASE) ||
               cu_pfs_quirk(CU_PFS_QUIRK_STILL_DIRS) || cu_pfs_quirk(CU_PFS_QUIRK_SIZE0) ||
               cu_pfs_quirk(CU_PFS_QUIRK_CTIME_DRIFT);
    bool renumbers = cu_pfs_quirk(CU_PFS_QUIRK_INO_DRIFT) || cu_pfs_quirk(CU_PFS_QUIRK_INO_EPOCH) ||
                     cu_pfs_quirk(CU_PFS_QUIRK_INO_PER_MOUNT);
    char options[64];
    char *argv[] = {(char *)"pfsemu", (char *)"-o", options, NULL};
    struct fuse_args args = FUSE_ARGS_INIT(geteuid() == 0 ? 3 : 1, argv);
    struct fuse_lowlevel_ops ops = {.init = op_init};

    snprintf(options, sizeof(options), "fsname=pfsemu,subtype=%s,allow_other,suid,dev",
             odd         ? "pfsemu"
             : renumbers ? "cvmfs2"
                         : "dfuse");
    cu_pfs_ops_read(&ops);
    cu_pfs_ops_write(&ops);
    return fuse_session_new(&args, &ops, sizeof ops, mount);
}

static int start_threads(const struct options *options, sigset_t *signals)
{
    static int owner_fd;
    pthread_t thread;
    int rc = pthread_create(&thread, NULL, wait_signal, signals);

    if (rc == 0 && options->owner != 0) {
        owner_fd = (int)syscall(SYS_pidfd_open, options->owner, 0);
        if (owner_fd < 0)
            return -errno;
        rc = pthread_create(&thread, NULL, wait_owner, &owner_fd);
    }
    if (rc == 0 && options->control)
        return cu_pfs_control_start(options->control, quit);
    return -rc;
}

static void *serve_mount(void *argument)
{
    const struct cu_pfs_mount *mount = argument;
#ifdef PFS_FUSE_312
    struct fuse_loop_config *loop = fuse_loop_cfg_create();

    fuse_loop_cfg_set_max_threads(loop, 200); /* each operation that hangs holds one */
    fuse_loop_cfg_set_idle_threads(loop, 64);
#else
    struct fuse_loop_config config = {.max_idle_threads = 64}, *loop = &config;
#endif
    fuse_session_loop_mt(mount->session, loop);
    quit();
    return NULL;
}

/* Serves; returns when a mount is gone. */
static int serve(const struct options *options, int ready_fd)
{
    pthread_t thread;
    sigset_t signals;
    int rc;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    rc = start_threads(options, &signals);
    if (rc != 0) {
        unmount_all();
        return fail("start", -rc);
    }
    control_path = options->control;
    if (ready_fd >= 0) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (write(ready_fd, "r", 1) != 1)
            return 1;
        close(ready_fd);
        for (int fd = 0; fd < 3; fd++)
            dup2(null, fd);
        if (chdir("/") != 0)
            return 1;
    }
    for (unsigned i = 1; i < n_mounts; i++) {
        if (pthread_create(&thread, NULL, serve_mount, &mounts[i]) != 0)
            quit();
    }
    serve_mount(&mounts[0]);
    return 0;
}

int main(int argc, char **argv)
{
    struct options options = {0};
    int ready_fd = -1;
    int source_fd;
    int rc;

    if (!parse(argc, argv, &options)) {
        fputs(usage, stderr);
        return 2;
    }
    umask(0);
    raise_limit();
    cu_pfs_config.cache_s = options.cache_s;
    cu_pfs_config.switch_user = geteuid() == 0;
    source_fd = open(options.source, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (source_fd < 0)
        return fail(options.source, errno);
    cu_pfs_root_set(source_fd);
    rc = cu_pfs_shape_init(options.queue);
    if (rc != 0)
        return fail(options.queue, -rc);
    if (!options.foreground && (ready_fd = detach()) < 0)
        return fail("fork", errno);
    for (unsigned i = 0; i < n_mounts; i++) {
        mounts[i].session = create_session(&mounts[i]);
        if (!mounts[i].session ||
            fuse_session_mount(mounts[i].session, mounts[i].mountpoint) != 0) {
            unmount_all();
            return 1;
        }
    }
    return serve(&options, ready_fd);
}
