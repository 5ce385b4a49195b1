/* SPDX-License-Identifier: BSD-3-Clause */
/* The order matters. Inherited descriptors are closed before any is opened. The job is read and
 * checked before the fork, so that a bad one fails at once. The lock is taken before anything that
 * a second daemon could disturb. Each step is undone when a later one fails. */
#include "copperd/start.h"

#include "base/text.h"
#include "control/spaces.h"
#include "copperd/daemon.h"
#include "copperd/detach.h"
#include "copperd/job_input.h"
#include "copperd/learn.h"
#include "copperd/lease.h"
#include "copperd/logdir.h"
#include "copperd/needs.h"
#include "copperd/options.h"
#include "copperd/roster.h"
#include "copperd/supervisor.h"
#include "front/front.h"
#include "host/group.h"
#include "host/lock.h"
#include "host/log.h"
#include "host/mountdir.h"
#include "host/mounts.h"
#include "host/process.h"
#include "host/readfile.h"
#include "host/rundir.h"
#include "net/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The resources of a start. */
struct start {
    struct cu_options options;
    struct cu_job job;
    char host[256]; /* for messages: the name in the host list once it is known */
    uint32_t rank;
    char run_dir[CU_PATH_MAX];
    char socket_path[CU_PATH_MAX], spaces_path[CU_PATH_MAX];
    int spaces_store[2];
    struct cu_lock lock;
    struct cu_mountdir mountdir;
    struct cu_needs needs;
    struct cu_detach detach;
    struct cu_network network;
    char real_mount[PATH_MAX];
    int device_fd;   /* -1: not mounted */
    int listener_fd; /* 0: none. The port is ours from the first daemon to after the last */
    struct cu_recovery *recovery;
    struct cu_lease_kept *lease_kept;
    bool allow_other;           /* the mount: the kernel lets everybody in */
    struct cu_error group_note; /* why the group is not the job's; empty: it is */
    /* Secret, and kept over restarts: it lets the next daemon take the rank of the last one, and no
     * other process. */
    uint8_t instance[CU_PUBLIC_BYTES];
};

static int complain(const struct start *start, const struct cu_error *err)
{
    char text[2 * CU_ERROR_TEXT_MAX], line[CU_TEXT_BYTES(sizeof(text))];

    /* Names in it may be of any bytes, and by hand this goes to a terminal. */
    snprintf(text, sizeof(text), "copperd: %s: %s", start->host, err->text);
    cu_text_line(line, sizeof(line), text, strlen(text));
    fprintf(stderr, "%s\n", line);
    return 1;
}

static int read_job(struct start *start, char **argv, struct cu_error *err)
{
    return cu_job_input(start->options.job_path, argv, &start->job, &start->group_note, err);
}

static int find_rank(struct start *start, struct cu_error *err)
{
    int64_t rank =
        cu_roster_rank(&start->job, start->options.node, start->host, getenv("COPPER_NODE"), err);

    if (rank < 0)
        return (int)rank;
    start->rank = (uint32_t)rank;
    snprintf(start->host, sizeof(start->host), "%s", start->job.hosts.names[rank]);
    return 0;
}

/* Lock and mount directory. */
static int claim_mount(struct start *start, const char *job_id, struct cu_error *err)
{
    const char *mount = start->job.mount_dir;
    const struct cu_lock_who who = {
        .mount = mount, .job_id = job_id, .owner = start->job.owner, .rank = start->rank};
    char path[CU_PATH_MAX];
    int rc = cu_rundir_make(getuid(), start->run_dir, err);

    if (rc < 0)
        return rc;
    if (cu_rundir_file(start->run_dir, mount, "lock", path) < 0 ||
        cu_rundir_file(start->run_dir, mount, "sock", start->socket_path) < 0 ||
        cu_rundir_file(start->run_dir, mount, "view", start->spaces_path) < 0)
        return cu_error_set(err, -ENAMETOOLONG, "run directory %s: name too long", start->run_dir);
    rc = cu_lock_take(&start->lock, path, &who, err);
    if (rc == -ENOENT && cu_rundir_make(getuid(), start->run_dir, err) == 0) /* a stop removed it */
        rc = cu_lock_take(&start->lock, path, &who, err);
    if (rc < 0)
        return rc;
    rc = cu_mounts_clean(mount, err);
    if (rc < 0)
        return rc;
    rc = cu_mountdir_make(&start->mountdir, mount, start->lock.dirs_left, err);
    if (rc < 0)
        return rc;
    rc = cu_lock_note(&start->lock, start->mountdir.made);
    return rc < 0 ? cu_error_set(err, rc, "%s: %s", start->lock.path, strerror(-rc)) : 0;
}

/* The launch host's description of the job, when this is that host: a job that its scheduler ended
 * has no stop_copper.sh to remove it, and the key in it. Another job's stays. */
static void remove_job_file(const struct start *start)
{
    char path[CU_PATH_MAX], text[256], line[2 * CU_JOB_ID_BYTES + 8];
    ssize_t len = -1;
    int fd;

    if (start->run_dir[0] == '\0' ||
        cu_rundir_file(start->run_dir, start->job.mount_dir, "job", path) < 0)
        return;
    fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0)
        len = read(fd, text, sizeof(text) - 1);
    if (len >= 0) {
        text[len] = '\0';
        snprintf(line, sizeof(line), "\nid %s\n", start->lock.job_id);
        if (strstr(text, line))
            unlink(path);
        sodium_memzero(text, sizeof(text));
    }
    if (fd >= 0)
        close(fd);
}

/* The lock is released last: while anything is left, a new daemon finds the lock taken. */
static void release_mount(struct start *start)
{
    cu_mountdir_remove(&start->mountdir);
    cu_lock_release(&start->lock);
    /* The launch host keeps the job description there; a directory of the user's own choice stays.
     */
    if (start->run_dir[0] != '\0' && !getenv("COPPER_RUN_DIR"))
        rmdir(start->run_dir);
}

static void log_start(const struct start *start, const char *job_id)
{
    char cores[256];

    cu_log_info("job %s, mount %s", job_id, start->job.mount_dir);
    if (start->group_note.text[0] != '\0')
        cu_log_warn("%s: the view is seen by processes of group %lu only", start->group_note.text,
                    (unsigned long)getgid());
    if (start->needs.bound) {
        cu_cores_text(&start->needs.cores, cores, sizeof(cores));
        cu_log_info("bound to cores %s", cores);
        if (start->needs.bulk_threads > 0)
            cu_log_info("threads for bulk data: %u", start->needs.bulk_threads);
    } else {
        cu_log_info("%s", start->needs.cores_note.text);
    }
    if (start->needs.memory_note.text[0] != '\0')
        cu_log_warn("%s", start->needs.memory_note.text);
}

/* --- the daemon ------------------------------------------------------------------------------- */

static void tell_failure(struct start *start, bool again, const struct cu_error *err)
{
    if (again)
        cu_log_error("cannot carry on: %s", err->text);
    else if (start->options.foreground)
        complain(start, err);
    else
        cu_detach_failed(&start->detach, err);
}

#define FLUSH_LOG_MS 1000

static void wipe(void *context)
{
    struct start *start = context;

    sodium_memzero(start->job.key, sizeof(start->job.key));
    sodium_memzero(start->instance, sizeof(start->instance));
}

static uint64_t spin_ns(const struct start *start)
{
    bool own = (start->needs.bound && cu_cores_are_own(&start->needs.cores, NULL)) ||
               getenv("COPPER_SPIN_ANYWHERE"); /* for measurements */

    return own ? start->job.spin_us * UINT64_C(1000) : 0;
}

/* Runs in a process of its own, which ends here; the supervisor cleans up after a failure. */
static void serve(void *context, bool again)
{
    struct start *start = context;
    struct cu_daemon_config config = {
        .job = &start->job,
        .rank = start->rank,
        .network = &start->network,
        .socket_path = start->socket_path,
        .spaces_path = start->spaces_path,
        .spaces_store = {start->spaces_store[0], start->spaces_store[1]},
        .run_dir = start->run_dir,
        .cache_bytes = start->needs.cache_bytes,
        .memory_note = start->needs.memory_note.text,
        .mountdir = &start->mountdir,
        .real_mount = start->real_mount,
        .device_fd = start->device_fd,
        .listener_fd = start->listener_fd,
        .recovery = start->recovery,
        .resumes = again,
        .allow_other = start->allow_other,
        .lease_kept = start->lease_kept,
        .spin_ns = spin_ns(start),
        .bulk_threads = start->needs.bulk_threads,
        .warmer = again ? NULL : cu_learn_fork(&start->job, wipe, start),
    };
    struct cu_error err = {""};
    struct cu_daemon *daemon = NULL;
    int rc;

    memcpy(config.instance, start->instance, sizeof(config.instance));
    rc = cu_lock_share(&start->lock);

    if (rc < 0)
        cu_error_set(&err, rc, "%s: %s", start->lock.path, strerror(-rc));
    else if (!cu_recovery_open(start->recovery) && again)
        cu_error_set(&err, -EINVAL, "the recovery area is damaged");
    else
        daemon = cu_daemon_create(&config, &err);
    if (!daemon) {
        tell_failure(start, again, &err);
        cu_log_close();
        _exit(1);
    }
    cu_recovery_set_phase(start->recovery, CU_RECOVERY_SERVING);
    if (!again && !start->options.foreground)
        cu_detach_ready(&start->detach);
    cu_daemon_run(daemon);
    remove_job_file(start);
    /* Where the supervisor is a step's task, its end kills us. */
    if (start->options.foreground)
        release_mount(start);
    cu_supervisor_leave(start->recovery);
    if (!start->options.foreground)
        release_mount(start);
    if (!cu_log_flush(FLUSH_LOG_MS) || cu_daemon_hangs(daemon))
        cu_process_close_all(); /* else they end with the process, which says that it has */
    _exit(0);
}

/* --- the supervisor --------------------------------------------------------------------------- */

static void on_started(void *context)
{
    struct start *start = context;

    cu_lock_note_start(&start->lock);
    if (!start->options.foreground)
        cu_process_silence(2); /* the daemon still has it, until it is ready */
}

/* The mount comes last: until a daemon serves it, no path below it may be accessed. */
static int mount_it(struct start *start, struct cu_error *err)
{
    const char *mount = start->job.mount_dir;
    char conf[8192];

    if (!realpath(mount, start->real_mount))
        snprintf(start->real_mount, sizeof(start->real_mount), "%s", mount);
    start->recovery = cu_recovery_create(CU_RECOVERY_BYTES);
    start->lease_kept = cu_lease_keep();
    if (!start->recovery || !start->lease_kept)
        return cu_error_set(err, -ENOMEM, "out of memory");
    start->allow_other = geteuid() != 0 &&
                         cu_readfile_small(NULL, "/etc/fuse.conf", conf, sizeof(conf)) > 0 &&
                         cu_group_allows_other(conf);
    start->device_fd = cu_front_mount(mount, start->allow_other, err);
    if (start->device_fd < 0 && start->allow_other) { /* fusermount3 may have another fuse.conf */
        start->allow_other = false;
        start->device_fd = cu_front_mount(mount, false, err);
    }
    return start->device_fd < 0 ? start->device_fd : 0;
}

/* Cleans up after a daemon that did not end in an orderly way. */
static void clear_away(struct start *start)
{
    const char *mount = start->job.mount_dir;
    enum cu_mounts_what what = CU_MOUNTS_NOTHING;
    struct cu_error err;

    if (!cu_lock_holds(&start->lock))
        return;
    if (cu_mounts_look(mount, &what) == 0 && what == CU_MOUNTS_OURS &&
        cu_mounts_unmount(mount, &err) < 0)
        cu_log_error("%s", err.text);
    unlink(start->socket_path);
    unlink(start->spaces_path);
    if (cu_recovery_phase(start->recovery) != CU_RECOVERY_STARTING)
        remove_job_file(start);
}

static int choose_network(struct start *start, struct cu_error *err)
{
    const struct cu_job *job = &start->job;
    const char *colon = strchr(job->network, ':');
    struct cu_network_config config = {
        .interface = colon ? colon + 1 : NULL,
        .rule = job->address,
        .host = start->host,
        .peer = job->hosts.count > 1 ? job->hosts.names[start->rank == 0 ? 1 : 0] : NULL,
    };

    return cu_network_choose_here(&config, &start->network, err);
}

/* From here on, until this process ends, the port is this job's. */
static int take_port(struct start *start, struct cu_error *err)
{
    const struct cu_network *network = &start->network;
    char address[CU_ADDRESS_TEXT_MAX], text[CU_NETWORK_TEXT_MAX];
    int rc = choose_network(start, err);

    if (rc < 0)
        return rc;
    cu_address_text(&network->address, address);
    rc = cu_transport_tcp_listen(network->given ? address : NULL, start->job.port, err);
    if (rc < 0)
        return rc;
    start->listener_fd = rc;
    cu_network_text(network, text, sizeof(text));
    cu_log_info("network: %s", text);
    if (network->note[0] != '\0')
        cu_log_warn("network: %s", network->note);
    return 0;
}

/* Everything from taking the lock to its release. 0: served; -EALREADY: this job has a daemon here.
 * */
static int supervise(struct start *start, struct cu_error *err)
{
    struct cu_supervisor_config config = {.serve = serve, .started = on_started, .context = start};
    char job_id[2 * CU_JOB_ID_BYTES + 1];
    int rc;

    sodium_bin2hex(job_id, sizeof(job_id), start->job.id, sizeof(start->job.id));
    rc = cu_needs_settle(&start->job, &start->needs, err);
    if (rc < 0)
        goto out;
    rc = claim_mount(start, job_id, err);
    if (rc < 0)
        goto out;
    rc = cu_logdir_open(&start->job, start->host, start->run_dir, job_id, start->options.foreground,
                        err);
    if (rc < 0)
        goto out;
    log_start(start, job_id);
    randombytes_buf(start->instance, sizeof(start->instance));
    rc = take_port(start, err);
    if (rc < 0)
        goto out;
    rc = cu_spaces_store_open(start->spaces_store);
    if (rc < 0) {
        cu_error_set(err, rc, "no pair of sockets: %s", strerror(-rc));
        goto out;
    }
    rc = mount_it(start, err);
    if (rc < 0)
        goto out;
    config.recovery = start->recovery;
    config.device_fd = start->device_fd;
    rc = cu_supervisor_run(&config, err);
    cu_transport_tcp_unlisten(start->listener_fd); /* a daemon that cannot end has a copy */
    if (rc == 1)
        return 0;
    clear_away(start);
out:
    if (start->lock.fd < 0 || cu_lock_holds(&start->lock))
        release_mount(start);
    return rc;
}

int cu_start_main(int argc, char **argv)
{
    static struct start start = {.lock = {.fd = -1}, .detach = {.pipe_fd = -1}, .device_fd = -1};
    struct cu_error err = {""};
    int rc;

    gethostname(start.host, sizeof(start.host) - 1);
    if (cu_options_parse(argc, argv, &start.options, &err) < 0) {
        complain(&start, &err);
        return 2;
    }
    if (start.options.help || start.options.version) {
        fputs(start.options.help ? cu_options_usage : "copperd " CU_VERSION "\n", stdout);
        return fflush(stdout) == 0 ? 0 : 1;
    }
    cu_process_prepare();
    umask(077);
    if (sodium_init() < 0) {
        cu_error_set(&err, -EIO, "the cryptographic library does not start");
        return complain(&start, &err);
    }
    /* As far as the user's limit allows: they are not written to swap space. */
    (void)sodium_mlock(start.job.key, sizeof(start.job.key));
    (void)sodium_mlock(start.instance, sizeof(start.instance));
    if (read_job(&start, argv, &err) < 0 || find_rank(&start, &err) < 0)
        return complain(&start, &err);
    if (!start.options.foreground) {
        if (cu_detach_fork(&start.detach, &err) < 0)
            return complain(&start, &err);
        if (start.detach.child != 0) {
            sodium_memzero(start.job.key, sizeof(start.job.key));
            return cu_detach_wait(&start.detach, &err) < 0 ? complain(&start, &err) : 0;
        }
    }
    rc = chdir("/") == 0 ? supervise(&start, &err) : -errno;
    cu_log_close(); /* with why a daemon was given up, which no process is left to say again */
    if (rc == 0)
        _exit(0);
    /* A remote shell that lost its connection, or was given up, may have started it before. */
    if (rc == -EALREADY && !start.options.foreground) {
        cu_detach_ready(&start.detach);
        _exit(0);
    }
    if (err.text[0] != '\0' && start.options.foreground)
        complain(&start, &err);
    else if (err.text[0] != '\0')
        cu_detach_failed(&start.detach, &err);
    _exit(1);
}
