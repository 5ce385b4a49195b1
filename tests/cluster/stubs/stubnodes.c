/* SPDX-License-Identifier: BSD-3-Clause */
/* stubnodes DIR: the daemons of all hosts of a job but one, which is real and has rank 0: what
 * their root sees of them. DIR/pipe says which of them were started or stopped (stubrsh), DIR/job
 * is the job's description.
 *
 * A node that was started, and none of whose ancestors in tree 0 was except the root, is connected
 * to the root: real transport, handshake, messages. It joins, tells which ranks below it are ready
 * as daemons do, and answers requests for all of them. No node has a mount, and none asks for an
 * object. Only one tree (-T 1). While the job runs, DIR/alive has a writer. */
#include "base/buf.h"
#include "base/idset.h"
#include "core/counters.h"
#include "core/tree.h"
#include "net/transport.h"
#include "proto/job.h"

#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#define READY_MS   5 /* as core/ready.c */
#define AGAIN_MS   100
#define PING_MS    5000
#define CONNECT_MS 5000

/* A node that is connected to the root. */
struct speaker {
    uint32_t rank;
    struct cu_transport *transport;
    struct cu_link *link;
    bool up, changed;
    uint64_t messages;
};

static struct {
    uv_loop_t loop;
    uv_pipe_t pipe;
    uv_timer_t ready, again, ping;
    char dir[4096], line[512];
    size_t line_len;
    bool has_job, was_up;
    struct cu_job job;
    struct cu_tree tree;
    struct cu_idset started;
    struct cu_hosts early; /* started before the job was known */
    struct speaker **of;   /* by rank; NULL: does not speak */
    uint32_t speakers;
    int alive;
    uint64_t counters[CU_COUNTER_COUNT];
} s = {.alive = -1};

static void die(const char *what)
{
    fprintf(stderr, "stubnodes: %s\n", what);
    exit(1);
}

static void on_ready(uv_timer_t *timer);

static void be_ready_soon(void)
{
    if (!uv_is_active((uv_handle_t *)&s.ready))
        uv_timer_start(&s.ready, on_ready, READY_MS, 0);
}

static void end_speaker(uint32_t rank)
{
    struct speaker *speaker = s.of[rank];

    s.of[rank] = NULL;
    s.speakers--;
    if (speaker->link)
        cu_link_close(speaker->link);
    cu_transport_destroy(speaker->transport);
    free(speaker);
}

static void send_ready(struct speaker *speaker)
{
    uint32_t count = cu_tree_subtree_size(&s.tree, speaker->rank);
    uint8_t *bits = calloc((count + 7) / 8, 1);
    struct cu_msg msg = {.type = CU_MSG_READY,
                         .ready = {.first = speaker->rank, .count = count, .bits = bits}};

    for (uint32_t i = 0; bits && i < count; i++)
        if (cu_idset_has(&s.started, speaker->rank + i))
            bits[i / 8] |= (uint8_t)(1u << i % 8);
    if (bits && cu_link_send(speaker->link, &msg) == 0)
        speaker->messages++;
    speaker->changed = false;
    free(bits);
}

static void send_bare(struct speaker *speaker, enum cu_msg_type type, uint64_t id)
{
    struct cu_msg msg = {.type = type, .id = id};

    if (type == CU_MSG_JOIN)
        msg.join.trees = 1;
    if (cu_link_send(speaker->link, &msg) == 0)
        speaker->messages++;
}

/* The ranks below a speaker, or all, are no more. */
static void forget(uint32_t first, uint32_t count)
{
    for (uint32_t i = first; i < first + count; i++)
        cu_idset_remove(&s.started, i);
}

static void on_up(void *context, struct cu_link *link, struct cu_peer peer,
                  const struct cu_handshake_result *who)
{
    struct speaker *speaker = context;

    (void)peer;
    (void)who;
    (void)link;
    speaker->up = true;
    send_bare(speaker, CU_MSG_JOIN, 0);
    send_ready(speaker);
}

/* Connected again at the next tick, if it still speaks. */
static void on_down(void *context, struct cu_link *link, struct cu_peer peer, int error)
{
    struct speaker *speaker = context;

    (void)link;
    (void)peer;
    (void)error;
    speaker->link = NULL;
    speaker->up = false;
}

static void answer(struct speaker *speaker, const struct cu_msg *msg)
{
    json_t *request =
        json_loadb((const char *)msg->control.json->data, msg->control.json->size, 0, NULL);
    const char *op = json_string_value(json_object_get(request, "op"));
    uint32_t count = cu_tree_subtree_size(&s.tree, speaker->rank), end = speaker->rank + count;
    bool stops = op && strcmp(op, "stop") == 0;
    struct cu_idset mine;
    struct cu_msg result = {.type = CU_MSG_RESULT, .id = msg->id};
    json_t *text;
    char *ranks, *encoded;

    if (cu_idset_init(&mine, (uint32_t)s.job.hosts.count) != 0)
        die("out of memory");
    for (uint32_t i = speaker->rank; i < end; i++)
        if (cu_idset_has(&s.started, i))
            cu_idset_add(&mine, i);
    ranks = cu_idset_text(&mine);
    text = json_pack("{s:b,s:s,s:{},s:i}", "ok", 1, "ranks", ranks, "sum", "failed", 0);
    encoded = json_dumps(text, JSON_COMPACT);
    result.control.json = cu_buf_new(strlen(encoded));
    memcpy(result.control.json->data, encoded, strlen(encoded));
    if (cu_link_send(speaker->link, &result) == 0)
        speaker->messages++;
    cu_buf_unref(result.control.json);
    free(encoded);
    json_decref(text);
    json_decref(request);
    free(ranks);
    cu_idset_free(&mine);
    if (stops)
        forget(speaker->rank, count);
    be_ready_soon(); /* a connection that is to end does so then, after the answer */
}

static void on_message(void *context, struct cu_link *link, const struct cu_msg *msg)
{
    struct speaker *speaker = context;

    (void)link;
    if (msg->type == CU_MSG_PING)
        send_bare(speaker, CU_MSG_PONG, msg->id);
    else if (msg->type == CU_MSG_CONTROL)
        answer(speaker, msg);
}

static void connect_speaker(struct speaker *speaker)
{
    speaker->link = cu_transport_connect(speaker->transport, 0, s.job.hosts.names[0], s.job.port,
                                         CONNECT_MS, false);
}

static void begin_speaker(uint32_t rank)
{
    struct speaker *speaker = calloc(1, sizeof(*speaker));
    struct cu_transport_config config = {
        .loop = &s.loop,
        .bind_address = "127.0.0.1",
        .counters = s.counters,
        .events = {.context = speaker, .up = on_up, .down = on_down, .message = on_message}};
    struct cu_error err;

    if (!speaker)
        die("out of memory");
    memcpy(config.identity.key, s.job.key, sizeof(config.identity.key));
    memcpy(config.identity.job_id, s.job.id, sizeof(config.identity.job_id));
    randombytes_buf(config.identity.instance, sizeof(config.identity.instance));
    config.identity.rank = rank;
    config.identity.role = CU_ROLE_PEER;
    config.identity.encrypt = s.job.encrypt;
    speaker->rank = rank;
    speaker->transport = cu_transport_create("tcp", &config, &err);
    if (!speaker->transport)
        die(err.text);
    s.of[rank] = speaker;
    s.speakers++;
    connect_speaker(speaker);
}

/* Makes those speak that do now: the first that were started on each way down from the root. */
static void choose(uint32_t rank)
{
    uint32_t children[1024], count, end = rank + cu_tree_subtree_size(&s.tree, rank);

    if (rank > 0 && cu_idset_has(&s.started, rank)) {
        for (uint32_t i = rank + 1; i < end && !s.of[rank]; i++)
            if (s.of[i])
                end_speaker(i);
        if (!s.of[rank])
            begin_speaker(rank);
        else if (!s.of[rank]->link)
            connect_speaker(s.of[rank]);
        else if (s.of[rank]->up && s.of[rank]->changed)
            send_ready(s.of[rank]);
        return;
    }
    if (s.of[rank])
        end_speaker(rank);
    if (s.speakers == 0 && cu_idset_next(&s.started, rank) >= end)
        return;
    count = cu_tree_children(&s.tree, rank, children, 1024);
    for (uint32_t i = 0; i < count; i++)
        choose(children[i]);
}

static void end_job(void)
{
    if (!s.has_job)
        return;
    for (uint32_t i = 0; i < s.job.hosts.count; i++)
        if (s.of[i])
            end_speaker(i);
    free(s.of);
    cu_idset_free(&s.started);
    cu_job_free(&s.job);
    s.has_job = false;
    if (s.alive >= 0)
        close(s.alive);
    s.alive = -1;
}

static void on_ready(uv_timer_t *timer)
{
    (void)timer;
    if (!s.has_job)
        return;
    choose(0);
    s.was_up = s.was_up || s.started.count > 0;
    if (s.was_up && s.started.count == 0)
        end_job(); /* what is started next is of another job */
}

static void on_ping(uv_timer_t *timer)
{
    (void)timer;
    for (uint32_t i = 0; s.has_job && i < s.job.hosts.count; i++)
        if (s.of[i] && s.of[i]->up)
            send_bare(s.of[i], CU_MSG_PING, 1);
}

static void changed(uint32_t rank)
{
    for (;;) {
        if (s.of[rank])
            s.of[rank]->changed = true;
        if (rank == 0)
            break;
        rank = cu_tree_parent(&s.tree, rank);
    }
    be_ready_soon();
}

static void begin_job(void)
{
    char path[sizeof(s.dir) + 16], *text = malloc(CU_JOB_TEXT_MAX);
    struct cu_error err;
    size_t size;
    FILE *in;

    end_job();
    snprintf(path, sizeof(path), "%s/job", s.dir);
    in = fopen(path, "r");
    size = in && text ? fread(text, 1, CU_JOB_TEXT_MAX, in) : 0;
    if (size == 0 || cu_job_decode(text, size, &s.job, &err) != 0)
        die("the job's description cannot be read");
    fclose(in);
    free(text);
    if (s.job.trees > 1 && s.job.hosts.count > 1)
        die("more than one tree");
    s.tree = cu_tree_make((uint32_t)s.job.hosts.count,
                          s.job.fanout > 0 ? s.job.fanout : CU_TREE_FANOUT, 0, 1);
    s.of = calloc(s.job.hosts.count, sizeof(struct speaker *));
    if (!s.of || cu_idset_init(&s.started, (uint32_t)s.job.hosts.count) != 0)
        die("out of memory");
    snprintf(path, sizeof(path), "%s/alive", s.dir);
    s.alive = open(path, O_RDWR | O_CLOEXEC);
    s.has_job = true;
    s.was_up = false;
}

static int64_t rank_of(const char *name)
{
    size_t low = 0, high = s.has_job ? s.job.hosts.count : 0;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = cu_parse_natural_compare(name, s.job.hosts.names[middle]);

        if (order == 0)
            return (int64_t)middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

/* "job", "+HOST", "-HOST". What was started before the job's description came is told again by
 * nobody, so it is kept. */
static void take_line(const char *line)
{
    int64_t rank;

    if (strcmp(line, "job") == 0) {
        begin_job();
        for (size_t i = 0; i < s.early.count; i++)
            if ((rank = rank_of(s.early.names[i])) >= 0 && cu_idset_add(&s.started, (uint32_t)rank))
                changed((uint32_t)rank);
        cu_parse_hosts_free(&s.early);
        return;
    }
    rank = line[0] != '\0' ? rank_of(line + 1) : -1;
    if (rank < 0 && line[0] == '+') {
        s.early.names = realloc(s.early.names, (s.early.count + 1) * sizeof(char *));
        if (!s.early.names || !(s.early.names[s.early.count++] = strdup(line + 1)))
            die("out of memory");
    }
    if (rank < 0)
        return;
    if (line[0] == '+')
        cu_idset_add(&s.started, (uint32_t)rank);
    else
        cu_idset_remove(&s.started, (uint32_t)rank);
    changed((uint32_t)rank);
}

static void on_bytes(uv_stream_t *stream, ssize_t size, const uv_buf_t *bytes)
{
    (void)stream;
    for (ssize_t i = 0; i < size; i++) {
        if (bytes->base[i] != '\n') {
            if (s.line_len + 1 < sizeof(s.line))
                s.line[s.line_len++] = bytes->base[i];
            continue;
        }
        s.line[s.line_len] = '\0';
        s.line_len = 0;
        take_line(s.line);
    }
}

static void give_room(uv_handle_t *handle, size_t size, uv_buf_t *bytes)
{
    static char room[65536];

    (void)handle;
    (void)size;
    *bytes = uv_buf_init(room, sizeof(room));
}

static void on_end(uv_signal_t *signal, int number)
{
    (void)signal;
    (void)number;
    exit(0);
}

int main(int argc, char **argv)
{
    char path[sizeof(s.dir) + 16];
    uv_signal_t end;
    int fd;

    if (argc != 2 || sodium_init() < 0 || uv_loop_init(&s.loop) != 0)
        die("usage: stubnodes DIR");
    snprintf(s.dir, sizeof(s.dir), "%s", argv[1]);
    snprintf(path, sizeof(path), "%s/pipe", s.dir);
    fd = open(path, O_RDWR | O_CLOEXEC); /* it has a writer, always */
    signal(SIGPIPE, SIG_IGN);
    if (fd < 0 || uv_pipe_init(&s.loop, &s.pipe, 0) != 0 || uv_pipe_open(&s.pipe, fd) != 0 ||
        uv_read_start((uv_stream_t *)&s.pipe, give_room, on_bytes) != 0)
        die("the pipe cannot be read");
    uv_timer_init(&s.loop, &s.ready);
    uv_timer_init(&s.loop, &s.again);
    uv_timer_init(&s.loop, &s.ping);
    uv_timer_start(&s.again, on_ready, AGAIN_MS, AGAIN_MS);
    uv_timer_start(&s.ping, on_ping, PING_MS, PING_MS);
    uv_signal_init(&s.loop, &end);
    uv_signal_start(&end, on_end, SIGTERM);
    return uv_run(&s.loop, UV_RUN_DEFAULT);
}
