/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds a daemon to talk to, and frames requests and results. A daemon that does not answer in time
 * counts as missing: every step has a time limit, and so has the whole conversation. */
#include "control/client.h"

#include "base/path.h"
#include "base/text.h"
#include "control/dial.h"
#include "host/clock.h"
#include "host/rundir.h"
#include "proto/control.h"
#include "proto/msg.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define ANY_MAX       32   /* ranks tried: some of a live job's answer */
#define ANY_TRIES_MAX 64   /* addresses of these */
#define ANY_SLOW_MS   100  /* for each but the last, before the next is tried, too */
#define ANY_PROOF_MS  1500 /* for each to prove the key: a frozen daemon's kernel still accepts */
#define ANY_MS        5000 /* for all */

void cu_client_close(struct cu_client *client)
{
    cu_channel_close(&client->channel);
}

int cu_client_open_here(const char *mount_dir, struct cu_client *client, struct cu_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char run_dir[CU_PATH_MAX], path[CU_PATH_MAX];
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t size = sizeof(peer);
    int rc;

    *client = (struct cu_client){.channel.fd = -1};
    snprintf(client->name, sizeof(client->name), "the daemon of this node");
    rc = cu_rundir_path(getuid(), run_dir);
    if (rc != 0)
        return cu_error_set(err, rc, "COPPER_RUN_DIR: allowed is an absolute path");
    if (cu_rundir_file(run_dir, mount_dir, "sock", path) != 0 ||
        strlen(path) >= sizeof(address.sun_path))
        return cu_error_set(err, -ENAMETOOLONG, "run directory %s: the name is too long", run_dir);
    memcpy(address.sun_path, path, strlen(path));
    client->channel.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->channel.fd < 0)
        return cu_error_set(err, -errno, "socket: %s", strerror(errno));
    if (connect(client->channel.fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        rc = errno == ECONNREFUSED ? -ENOENT : -errno;
        cu_client_close(client);
        return cu_error_set(err, rc, "%s: %s", path, strerror(-rc));
    }
    /* The run directory is not created here, so it may belong to another user. */
    if (getsockopt(client->channel.fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
        peer.uid != getuid()) {
        cu_client_close(client);
        return cu_error_set(err, -EPERM, "%s: belongs to another user", path);
    }
    return 0;
}

/* The handshake on a connected channel; from there on frames are sealed where the job wants it,
 * else they have tags. */
static int prove_key(struct cu_channel *channel, const struct cu_job *job, int64_t deadline_ms)
{
    struct cu_handshake_config config = {
        .rank = CU_RANK_NONE, .role = CU_ROLE_CLIENT, .encrypt = job->encrypt};
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t address_size = sizeof(address);
    struct cu_handshake h;
    uint8_t hello[CU_HELLO_BYTES], in[CU_CHALLENGE_BYTES], out[CU_CHALLENGE_BYTES];
    size_t out_len;
    int rc;

    if (sodium_init() < 0)
        return -EIO;
    memcpy(config.key, job->key, sizeof(config.key));
    memcpy(config.job_id, job->id, sizeof(config.job_id));
    randombytes_buf(config.secret, sizeof(config.secret));
    randombytes_buf(config.instance, sizeof(config.instance));
    if (getpeername(channel->fd, (struct sockaddr *)&address, &address_size) == 0)
        cu_handshake_set_address(&config, (const struct sockaddr *)&address);
    cu_handshake_client_start(&h, &config, hello);
    rc = cu_channel_write(channel, hello, sizeof(hello), deadline_ms);
    while (rc == 0 && cu_handshake_expects(&h) > 0) {
        int fed;

        rc = cu_channel_read_all(channel, in, cu_handshake_expects(&h), deadline_ms);
        if (rc != 0)
            break;
        out_len = 0;
        fed = cu_handshake_feed(&h, in, out, &out_len);
        rc = cu_channel_write(channel, out, out_len, deadline_ms);
        if (fed < 0)
            rc = fed;
    }
    if (rc == 0 && h.result.encrypt)
        rc = cu_channel_encrypt(channel, h.result.key_send, h.result.key_receive, deadline_ms);
    else if (rc == 0)
        rc = cu_channel_authenticate(channel, job->key, h.result.key_send, h.result.key_receive);
    cu_handshake_wipe(&h);
    explicit_bzero(&config, sizeof(config));
    return rc;
}

/* Another program may listen at one of a host's addresses: then the next is tried. */
int cu_client_open_rank(const struct cu_job *job, uint32_t rank, int timeout_ms,
                        struct cu_client *client, struct cu_error *err)
{
    int64_t deadline_ms = cu_clock_ms() + timeout_ms;
    const char *host = job->hosts.names[rank], *refused;
    struct cu_dial dial;
    int rc = cu_dial_resolve(job, host, &dial, err);

    *client = (struct cu_client){.channel.fd = -1, .peer = true};
    snprintf(client->name, sizeof(client->name), "%s port %u", host, (unsigned)job->port);
    if (rc != 0)
        return rc;
    rc = -EHOSTUNREACH;
    while (cu_dial_left(&dial) > 0 && rc != 0) {
        int64_t until_ms = deadline_ms;

        rc = cu_dial_start(&dial);
        client->channel.fd = rc < 0 ? -1 : rc;
        if (cu_dial_left(&dial) > 0) /* half of the time left, so that one that never answers does
                                        not use up all of it */
            until_ms -= cu_clock_left_ms(deadline_ms) / 2;
        if (rc >= 0)
            rc = cu_clock_wait(client->channel.fd, POLLOUT, until_ms);
        if (rc == 0)
            rc = cu_dial_result(client->channel.fd);
        if (rc == 0)
            rc = prove_key(&client->channel, job, until_ms);
        if (rc == 0)
            break;
        cu_client_close(client);
        refused = cu_handshake_strerror(rc);
        if (err)
            cu_dial_explain(&dial, job->port, refused ? refused : strerror(-rc), err);
    }
    return rc;
}

/* Finds the first of up to ANY_MAX ranks, spread over the job, that proves the key, at any of its
 * addresses. Addresses are tried one after the other, the next when the one before has failed or is
 * slow: a daemon counts a connection that is dropped without a handshake as a stranger. */
struct search {
    const struct cu_job *job;
    size_t ranks, next;  /* how many are tried, and the next of them */
    struct cu_dial dial; /* of the one before it */
    size_t begun, open;
    int64_t next_ms; /* when another address is tried */
    struct pollfd polls[ANY_TRIES_MAX];
    const char *hosts[ANY_TRIES_MAX]; /* whom each leads to */
};

static bool may_try_another(const struct search *search)
{
    return search->begun < ANY_TRIES_MAX &&
           (cu_dial_left(&search->dial) > 0 || search->next < search->ranks);
}

static void try_another(struct search *search, int64_t now_ms)
{
    const struct cu_hosts *hosts = &search->job->hosts;
    int fd;

    if (cu_dial_left(&search->dial) == 0 &&
        cu_dial_resolve(search->job, hosts->names[search->next++ * hosts->count / search->ranks],
                        &search->dial, NULL) != 0)
        return;
    fd = cu_dial_start(&search->dial);
    if (fd < 0)
        return;
    search->hosts[search->begun] = search->dial.host;
    search->polls[search->begun++] = (struct pollfd){.fd = fd, .events = POLLOUT};
    search->open++;
    search->next_ms = now_ms + ANY_SLOW_MS;
}

/* The i-th can be written to, or has failed. Closed, when it is not the one. */
static void look_at(struct search *search, size_t i, struct cu_client *client, int64_t deadline_ms)
{
    int64_t proof_ms = cu_clock_ms() + ANY_PROOF_MS;

    if (deadline_ms < proof_ms)
        proof_ms = deadline_ms;
    client->channel.fd = search->polls[i].fd;
    search->polls[i].fd = -1;
    search->open--;
    search->next_ms = 0;
    if (cu_dial_result(client->channel.fd) != 0 ||
        prove_key(&client->channel, search->job, proof_ms) != 0)
        cu_channel_close(&client->channel);
    else
        snprintf(client->name, sizeof(client->name), "%s port %u", search->hosts[i],
                 (unsigned)search->job->port);
}

int cu_client_open_any(const struct cu_job *job, struct cu_client *client, struct cu_error *err)
{
    int64_t deadline_ms = cu_clock_ms() + ANY_MS, now_ms;
    struct search search = {.job = job};
    bool more;

    search.ranks = job->hosts.count < ANY_MAX ? job->hosts.count : ANY_MAX;
    *client = (struct cu_client){.channel.fd = -1, .peer = true};
    while (client->channel.fd < 0 && ((more = may_try_another(&search)) || search.open > 0)) {
        now_ms = cu_clock_ms();
        if (now_ms >= deadline_ms)
            break;
        if (more && now_ms >= search.next_ms) {
            try_another(&search, now_ms);
            continue;
        }
        if (poll(search.polls, search.begun,
                 cu_clock_left_ms(more && search.next_ms < deadline_ms ? search.next_ms
                                                                       : deadline_ms)) < 0)
            break;
        for (size_t i = 0; i < search.begun && client->channel.fd < 0; i++)
            if (search.polls[i].fd >= 0 && search.polls[i].revents != 0)
                look_at(&search, i, client, deadline_ms);
    }
    for (size_t i = 0; i < search.begun; i++)
        if (search.polls[i].fd >= 0)
            close(search.polls[i].fd);
    if (client->channel.fd < 0)
        return cu_error_set(err, -ENOENT, "no daemon of the job answers");
    return 0;
}

int cu_client_read_job(const char *path, struct cu_job *job, struct cu_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    char *text = NULL;
    ssize_t n = 0;
    int rc;

    memset(job, 0, sizeof(*job)); /* may be freed, whatever happens */
    if (fd < 0)
        return cu_error_set(err, errno == ENOENT ? -ENOENT : -EIO, "%s: %s", path, strerror(errno));
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > CU_JOB_TEXT_MAX ||
        st.st_uid != getuid()) {
        rc = cu_error_set(err, -EINVAL, "%s: is not a job description of this user", path);
        goto out;
    }
    text = malloc((size_t)st.st_size + 1);
    if (!text) {
        rc = cu_error_set(err, -ENOMEM, "out of memory");
        goto out;
    }
    n = read(fd, text, (size_t)st.st_size);
    rc = n < 0 ? cu_error_set(err, -EIO, "%s: %s", path, strerror(errno))
               : cu_job_decode(text, (size_t)n, job, err);
    explicit_bzero(text, (size_t)st.st_size);
out:
    free(text);
    close(fd);
    return rc;
}

static int send_frame(struct cu_client *client, const char *text, int64_t deadline_ms)
{
    struct cu_msg msg = {.type = CU_MSG_CONTROL, .id = client->id};
    int rc;

    msg.control.json = cu_buf_copy(text, strlen(text));
    if (!msg.control.json)
        return -ENOMEM;
    rc = cu_channel_send(&client->channel, &msg, deadline_ms);
    cu_msg_clear(&msg);
    return rc;
}

int cu_client_send(struct cu_client *client, const json_t *request, struct cu_error *err)
{
    int64_t deadline_ms = cu_clock_ms() + CU_CLIENT_OPEN_MS;
    char *text = json_dumps(request, JSON_COMPACT);
    int rc;

    if (!text)
        return cu_error_set(err, -ENOMEM, "out of memory");
    client->id++;
    if (client->peer) {
        rc = send_frame(client, text, deadline_ms);
    } else {
        rc = cu_channel_write(&client->channel, text, strlen(text), deadline_ms);
        if (rc == 0)
            rc = cu_channel_write(&client->channel, "\n", 1, deadline_ms);
    }
    free(text);
    return rc == 0 ? 0 : cu_error_set(err, rc, "%s: %s", client->name, strerror(-rc));
}

struct awaited {
    uint64_t id;
    struct cu_buf *text; /* of the RESULT with this id, a reference */
};

/* cu_frame_fn. Other messages, and answers to older requests, are passed over. */
static int on_message(void *context, const struct cu_msg *msg)
{
    struct awaited *awaited = context;

    if (msg->type == CU_MSG_RESULT && msg->id == awaited->id && !awaited->text)
        awaited->text = cu_buf_ref(msg->control.json);
    return 0;
}

/* What comes next; 1 and *text when the answer is among it, else 0. */
static int receive_frames(struct cu_client *client, int64_t deadline_ms, struct cu_buf **text)
{
    struct awaited awaited = {.id = client->id};
    int rc = cu_channel_receive(&client->channel, on_message, &awaited, deadline_ms);

    *text = awaited.text;
    return awaited.text ? 1 : rc;
}

/* One line, without its newline. */
static int receive_line(struct cu_client *client, int64_t deadline_ms, struct cu_buf **text)
{
    size_t room = 65536;
    struct cu_buf *line = cu_buf_new(room);

    if (line)
        line->size = 0;
    while (line) {
        ssize_t n = cu_channel_read(&client->channel, line->data + line->size, room - line->size,
                                    deadline_ms);

        if (n < 0) {
            cu_buf_unref(line);
            return (int)n;
        }
        line->size += (size_t)n;
        if (line->data[line->size - 1] == '\n') {
            line->size--;
            *text = line;
            return 1;
        }
        if (line->size == room) {
            struct cu_buf *more = room < CU_CONTROL_JSON_MAX ? cu_buf_new(room * 2) : NULL;

            if (more) {
                memcpy(more->data, line->data, line->size);
                more->size = line->size;
            }
            cu_buf_unref(line);
            line = more;
            room *= 2;
        }
    }
    return -ENOMEM;
}

/* Results of other daemons are shown to users and programs: control characters are escaped in each
 * text. A text for which that fails becomes empty. */
static void make_printable(json_t *value)
{
    const char *key, *text = json_string_value(value);
    json_t *part;
    size_t i;

    if (text) {
        size_t len = json_string_length(value), room = CU_TEXT_BYTES(len) + 3;
        char *line = malloc(room);

        if (line)
            cu_text_line(line, room, text, len);
        if (!line || json_string_set(value, line) != 0)
            (void)json_string_set(value, "");
        free(line);
    }
    json_array_foreach (value, i, part)
        make_printable(part);
    json_object_foreach (value, key, part)
        make_printable(part);
}

int cu_client_receive(struct cu_client *client, int timeout_ms, json_t **result,
                      struct cu_error *err)
{
    int64_t deadline_ms = cu_clock_ms() + timeout_ms;
    struct cu_buf *text = NULL;
    int rc = 0;

    *result = NULL;
    while (rc == 0)
        rc = client->peer ? receive_frames(client, deadline_ms, &text)
                          : receive_line(client, deadline_ms, &text);
    if (!text)
        return cu_error_set(err, rc, "%s: %s", client->name,
                            rc == -ETIMEDOUT    ? "no answer"
                            : rc == -ECONNRESET ? "ended before it answered"
                                                : strerror(-rc));
    *result = json_loadb((const char *)text->data, text->size, 0, NULL);
    cu_buf_unref(text);
    if (!json_is_object(*result)) {
        json_decref(*result);
        *result = NULL;
        return cu_error_set(err, -EBADMSG, "%s: the answer is not understood", client->name);
    }
    make_printable(*result);
    return 0;
}

int cu_client_take(struct cu_client *client, int timeout_ms, json_t **result, struct cu_error *err)
{
    int rc = cu_client_receive(client, timeout_ms, result, err);

    if (rc == 0 && !json_is_true(json_object_get(*result, "ok"))) {
        const char *error = json_string_value(json_object_get(*result, "error"));

        (void)cu_error_set(err, -EREMOTEIO, "%s: %s", client->name,
                           error ? error : "refused without a reason");
        json_decref(*result);
        *result = NULL;
        rc = -EREMOTEIO;
    }
    return rc;
}

int cu_client_call(struct cu_client *client, const json_t *request, int timeout_ms, json_t **result,
                   struct cu_error *err)
{
    int rc = cu_client_send(client, request, err);

    return rc == 0 ? cu_client_take(client, timeout_ms, result, err) : rc;
}

bool cu_client_await_end(struct cu_client *client)
{
    int64_t deadline_ms = cu_clock_ms() + CU_CLIENT_END_MS;
    uint8_t ignored[512];

    while (cu_clock_wait(client->channel.fd, POLLIN, deadline_ms) == 0) {
        ssize_t n = recv(client->channel.fd, ignored, sizeof(ignored), MSG_DONTWAIT);

        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            return true;
    }
    return false;
}
