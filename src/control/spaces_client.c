/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel's queue of connections is where processes wait while another one makes the namespace.
 * A daemon that died is started again within milliseconds: until then there is no socket, or nobody
 * listens at it, but the lock is held. */
#include "control/spaces_client.h"

#include "host/clock.h"
#include "host/lock.h"
#include "host/rundir.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define WAIT_MS   (CU_SPACES_MAKE_MS + 10000) /* for others that make the same one */
#define AGAIN_MS  5                           /* between two tries */
#define RETURN_MS 20000                       /* for a daemon that is started again */

struct place {
    struct sockaddr_un address;
    char lock[CU_PATH_MAX];
};

static int find_place(const char *mount_dir, struct place *place, struct cu_error *err)
{
    char run_dir[CU_PATH_MAX], path[CU_PATH_MAX];
    int rc = cu_rundir_find(getuid(), run_dir, err);

    if (rc < 0)
        return rc;
    memset(place, 0, sizeof(*place));
    place->address.sun_family = AF_UNIX;
    if (cu_rundir_file(run_dir, mount_dir, "lock", place->lock) < 0 ||
        cu_rundir_file(run_dir, mount_dir, "view", path) < 0 ||
        strlen(path) >= sizeof(place->address.sun_path))
        return cu_error_set(err, -ENAMETOOLONG, "run directory %s: the name is too long", run_dir);
    memcpy(place->address.sun_path, path, strlen(path) + 1);
    return 0;
}

static bool is_held(const char *path)
{
    struct cu_lock_seen lock;
    bool held;

    cu_lock_see(path, &lock);
    held = lock.held;
    cu_lock_unsee(&lock);
    return held;
}

/* A connection; -ENOENT: nobody is there, -errno. Blocks while the queue is full: at most
 * SO_SNDTIMEO. */
static int connect_once(const struct place *place)
{
    const struct timeval limit = {.tv_sec = WAIT_MS / 1000};
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t size = sizeof(peer);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), rc;

    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    do
        rc = connect(fd, (const struct sockaddr *)&place->address, sizeof(place->address)) == 0
                 ? 0
                 : -errno;
    while (rc == -EINTR);
    if (rc == 0 &&
        (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.uid != geteuid()))
        rc = -EPERM; /* the run directory is not created here */
    if (rc == 0)
        return fd;
    close(fd);
    return rc == -ECONNREFUSED ? -ENOENT : rc == -EAGAIN ? -ETIMEDOUT : rc;
}

/* The next packet. 0 or -errno. */
static int await_packet(int fd, int64_t deadline_ms, struct cu_spaces_packet *packet, int *passed)
{
    for (;;) {
        int rc = cu_clock_wait(fd, POLLIN, deadline_ms);

        if (rc == 0)
            rc = cu_spaces_receive(fd, 0, packet, passed);
        if (rc != -EAGAIN && rc != -EINTR)
            return rc;
    }
}

/* One conversation, up to its first answer. 1, 0, or -errno: the daemon ended in between. */
static int ask_once(struct cu_spaces_client *client, const struct place *place, int64_t deadline_ms,
                    int *space)
{
    struct cu_spaces_packet answer;
    int rc = connect_once(place);

    if (rc < 0)
        return rc;
    client->fd = rc;
    rc = cu_spaces_send(client->fd, &client->asked, -1);
    if (rc == 0)
        rc = await_packet(client->fd, deadline_ms, &answer, space);
    if (rc == 0 && answer.what == CU_SPACES_HERE && *space >= 0)
        return 1;
    if (rc == 0 && answer.what == CU_SPACES_MAKE)
        return 0;
    if (rc == 0 && *space >= 0)
        close(*space);
    cu_spaces_close(client);
    return rc == 0 ? -EBADMSG : rc == -EPIPE ? -ECONNRESET : rc;
}

int cu_spaces_ask(struct cu_spaces_client *client, const char *mount_dir,
                  const uint8_t key[CU_SPACES_KEY_BYTES], const uint8_t base[CU_SPACES_KEY_BYTES],
                  int *space, struct cu_error *err)
{
    int64_t start_ms = cu_clock_ms();
    struct place place;
    int rc = find_place(mount_dir, &place, err);

    client->fd = *space = -1;
    if (rc < 0)
        return rc;
    client->asked = (struct cu_spaces_packet){.magic = CU_SPACES_MAGIC, .what = CU_SPACES_ASK};
    memcpy(client->asked.key, key, CU_SPACES_KEY_BYTES);
    memcpy(client->asked.base, base, CU_SPACES_KEY_BYTES);
    for (;;) {
        rc = ask_once(client, &place, start_ms + WAIT_MS, space);
        if (rc >= 0)
            return rc;
        if ((rc != -ENOENT && rc != -ECONNRESET) || !is_held(place.lock) ||
            cu_clock_ms() - start_ms > RETURN_MS)
            break;
        (void)poll(NULL, 0, AGAIN_MS);
    }
    return cu_error_set(err, rc, "%s: %s", mount_dir,
                        rc == -ENOENT || rc == -ECONNRESET ? "no daemon of this node serves it"
                        : rc == -ETIMEDOUT                 ? "the daemon does not answer"
                                                           : strerror(-rc));
}

int cu_spaces_give(struct cu_spaces_client *client, int space)
{
    struct cu_spaces_packet made = client->asked;
    int64_t deadline_ms = cu_clock_ms() + CU_SPACES_ASK_MS;
    int passed = -1, rc;

    made.what = CU_SPACES_MADE;
    rc = cu_spaces_send(client->fd, &made, space);
    if (rc == 0)
        rc = await_packet(client->fd, deadline_ms, &made, &passed);
    if (passed >= 0)
        close(passed);
    return rc == 0 && made.what != CU_SPACES_KEPT ? -EBADMSG : rc;
}

void cu_spaces_close(struct cu_spaces_client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
}
