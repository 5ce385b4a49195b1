/* SPDX-License-Identifier: BSD-3-Clause */
/* The hooks of the control plane: send replies and requests over links and the control socket,
 * begin a stop, and add the daemon's own findings to `doctor`. */
#include "copperd/hooks.h"

#include "control/shown.h"
#include "copperd/learn.h"
#include "copperd/state.h"
#include "copperd/stop.h"
#include "host/log.h"
#include "proto/logpage.h"
#include "storage/served.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SERVED_MAX 64u /* file systems named in an answer */

/* When a result cannot be sent, an error is sent instead, so that the client does not wait until
 * its time limit. */
static void send_result(struct cu_link *link, struct cu_msg *msg)
{
    static const char text[] = "{\"ok\": false, \"error\": \"the result cannot be sent\"}";
    int rc = cu_link_send(link, msg);

    if (rc == 0)
        return;
    cu_log_warn("%s: result not sent: %s", cu_link_name(link), strerror(-rc));
    if (rc == -ENOTCONN)
        return;
    msg->control.json = cu_buf_copy(text, sizeof(text) - 1);
    if (msg->control.json && cu_link_send(link, msg) < 0)
        cu_log_warn("%s: nor that", cu_link_name(link));
    cu_buf_unref(msg->control.json);
}

static void hook_reply(void *context, const struct cu_commands_origin *origin, struct cu_buf *json)
{
    struct cu_msg msg = {.type = CU_MSG_RESULT, .id = origin->id, .control = {.json = json}};

    (void)context;
    if (!origin->is_link) {
        cu_socket_reply(origin->owner, json);
        return;
    }
    send_result(origin->owner, &msg);
}

static int hook_ask(void *context, struct cu_peer peer, uint64_t id, struct cu_buf *json)
{
    struct cu_daemon *daemon = context;
    struct cu_msg msg = {.type = CU_MSG_CONTROL, .id = id, .control = {.json = json}};
    struct cu_link *link = cu_links_get(&daemon->links, peer);
    int rc = link ? cu_link_send(link, &msg) : -ENOTCONN;

    if (rc == 0)
        cu_links_asked(&daemon->links, peer);
    return rc;
}

static void hook_network(void *context, char *text, size_t size, char *note, size_t note_size)
{
    const struct cu_daemon *daemon = context;
    const struct cu_network *network = daemon->config.network;
    const struct cu_job *job = daemon->config.job;
    uint32_t trees = job->trees < job->hosts.count ? job->trees : (uint32_t)job->hosts.count;

    cu_network_text(network, text, size);
    (void)snprintf(note, note_size, "%s", network->note);
    for (uint32_t tree = 0; tree < trees && note[0] == '\0'; tree++) {
        uint32_t rank = cu_core_parent(daemon->core, tree);
        const struct cu_link *link = cu_links_get(&daemon->links, cu_peer_parent(rank));

        if (link && cu_link_is_detour(link))
            (void)snprintf(note, note_size, "parent %s was not reached there: data takes %s",
                           job->hosts.names[rank], cu_link_name(link));
    }
}

static void hook_stop(void *context, const struct cu_commands_origin *origin, json_t *result)
{
    cu_daemon_stop(context, origin, result);
}

struct mount_list {
    json_t *list;
    bool odd; /* those that are not simply served, or the others */
};

static void describe_mount(void *context, const struct cu_fsmap_mount *mount, unsigned traits)
{
    bool odd = (traits & (CU_FS_COPPER | CU_FS_PARTIAL | CU_FS_UNSTAMPED | CU_FS_UNNUMBERED)) != 0;
    const struct mount_list *mounts = context;
    json_t *list = mounts->list;

    if ((traits & CU_FS_KERNEL) || odd != mounts->odd || json_array_size(list) >= SERVED_MAX)
        return;
    json_array_append_new(
        list, json_pack("{s:o, s:o, s:b, s:b, s:b, s:b, s:b}", "path",
                        cu_shown_name(mount->info.point, mount->point_len), "type",
                        cu_shown_name(mount->info.type, strlen(mount->info.type)), "served",
                        !(traits & CU_FS_NOT_SERVED), "partial", (traits & CU_FS_PARTIAL) != 0,
                        "unstamped", (traits & CU_FS_UNSTAMPED) != 0, "own_numbers",
                        mount->space != 0, "unnumbered", (traits & CU_FS_UNNUMBERED) != 0));
}

/* Parents that this node has tried to join in vain: {"host", "at": with address and port, "error"}.
 */
static void add_unreached(const struct cu_daemon *daemon, json_t *result)
{
    const struct cu_hosts *hosts = &daemon->config.job->hosts;
    json_t *list = json_array();

    for (uint32_t rank = 0; rank < daemon->links.node_count; rank++) {
        const struct cu_links_slot *slot =
            &daemon->links.slots[(size_t)rank * CU_SIDES + CU_PARENT];
        const char *refused = cu_handshake_strerror(-slot->failed), *at = slot->failed_at;

        if (slot->up || (slot->failed == 0 && !slot->link) ||
            json_array_size(list) >= CU_COMMANDS_NAMES_MAX)
            continue;
        if (!at)
            at = slot->link ? cu_link_name(slot->link) : hosts->names[rank];
        json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "host", hosts->names[rank], "at",
                                              at, "error",
                                              slot->failed == 0 ? "no answer yet"
                                              : refused         ? refused
                                                                : strerror(slot->failed)));
    }
    if (json_array_size(list) > 0)
        json_object_set(result, "unreached", list);
    json_decref(list);
}

static bool hook_known(void *context)
{
    return cu_storage_knows(((struct cu_daemon *)context)->storage);
}

static void hook_describe(void *context, json_t *result)
{
    struct cu_daemon *daemon = context;
    json_t *storage = json_object(), *peers = json_array(), *mounts = json_array();
    const char *path = NULL;
    uint64_t age_ns = 0, now_ns = uv_hrtime();
    uint32_t pending = cu_storage_pending(daemon->storage, now_ns, &age_ns, &path);

    if (daemon->config.job->serve)
        json_object_set_new(result, "serve", json_string(daemon->config.job->serve));
    json_object_set_new(storage, "pending", json_integer(pending));
    if (pending > 0) {
        json_object_set_new(storage, "oldest_ms", json_integer((json_int_t)(age_ns / 1000000)));
        if (path)
            json_object_set_new(storage, "oldest_path", cu_shown_name(path, strlen(path)));
    }
    json_object_set_new(result, "storage", storage);
    json_object_set_new(
        result, "log",
        json_pack("{s:I, s:b}", "lost", (json_int_t)cu_log_lost(), "hangs", cu_log_hangs()));
    json_object_set_new(result, "file_systems", mounts);
    for (unsigned i = 0; i < 2; i++)
        cu_served_each(cu_storage_served(daemon->storage), describe_mount,
                       &(struct mount_list){.list = mounts, .odd = i == 0});
    for (uint32_t i = 0; i < CU_SIDES * daemon->links.node_count; i++) {
        const struct cu_links_slot *slot = &daemon->links.slots[i];

        if (!slot->up || json_array_size(peers) >= CU_COMMANDS_NAMES_MAX)
            continue;
        json_array_append_new(
            peers,
            json_pack("{s:s, s:s, s:I, s:I}", "name", cu_link_name(slot->link), "is",
                      cu_links_peer(&daemon->links, slot).side == CU_CHILD ? "child" : "parent",
                      "queued_bytes", (json_int_t)cu_link_queued(slot->link), "silent_ms",
                      (json_int_t)((now_ns - cu_link_heard_ns(slot->link)) / 1000000)));
    }
    json_object_set_new(result, "peers", peers);
    add_unreached(daemon, result);
    json_object_set_new(result, "recipe_waits", json_boolean(cu_learn_waits(daemon)));
    json_object_set_new(result, "peer_count", json_integer(daemon->links.up_count));
    if (!daemon->front)
        return;
    json_object_set_new(result, "allow_other", json_boolean(daemon->config.allow_other));
    json_object_set_new(result, "names_expire", json_boolean(cu_front_can_expire(daemon->front)));
    json_object_set_new(result, "names_given_back",
                        json_boolean(cu_front_can_prune(daemon->front)));
    json_object_set_new(result, "inodes", json_integer((json_int_t)cu_front_inodes(daemon->front)));
}

static bool hook_records(void *context)
{
    return ((const struct cu_daemon *)context)->recorder != NULL;
}

static const struct cu_recipe *hook_recorded(void *context)
{
    return cu_recorder_lend(((struct cu_daemon *)context)->recorder);
}

static void hook_returned(void *context)
{
    cu_recorder_return(((struct cu_daemon *)context)->recorder);
}

static void hook_learn(void *context, const char *path)
{
    cu_learn_told(context, path);
}

static bool hook_forgot(void *context, uint64_t *failures)
{
    const struct cu_daemon *daemon = context;

    *failures = 0;
    return !daemon->front || cu_front_forgot(daemon->front, failures);
}

static void on_staged(void *context)
{
    cu_driver_run(&((struct cu_daemon *)context)->driver);
}

struct cu_stager *cu_daemon_stager(struct cu_daemon *daemon, const struct cu_core_config *limits)
{
    const struct cu_stager_config config = {
        .loop = &daemon->loop,
        .core = daemon->core,
        .limits = *limits,
        .rate = daemon->config.job->storage_rate,
        .mount = daemon->config.job->mount_dir,
        .context = daemon,
        .kick = on_staged,
    };

    return cu_stager_create(&config);
}

struct cu_surveyor *cu_daemon_surveyor(struct cu_daemon *daemon,
                                       const struct cu_core_config *limits)
{
    const struct cu_surveyor_config config = {
        .loop = &daemon->loop,
        .core = daemon->core,
        .profile = daemon->profile,
        .latency = &daemon->latency,
        .mount = daemon->config.job->mount_dir,
        .limits = {.nodes = limits->node_count,
                   .trees = limits->tree_count,
                   .top = daemon->config.job->top_paths},
        .rank = daemon->config.rank,
        .restarts = cu_recovery_restarts(daemon->config.recovery),
        .begin_ms = daemon->config.job->begin_ms,
        .interval_s = daemon->config.job->snapshot_s,
    };

    return cu_surveyor_create(&config);
}

static struct cu_commands_taken *hook_survey(void *context)
{
    const struct cu_daemon *daemon = context;

    return daemon->surveyor ? cu_surveyor_take(daemon->surveyor) : NULL;
}

static int hook_stage(void *context, const struct cu_staged_order *order, struct cu_staged *staged)
{
    const struct cu_daemon *daemon = context;

    return cu_stager_take(daemon->stager, order, staged);
}

void cu_daemon_front_asked(void *context, const struct cu_front_asked *asked)
{
    struct cu_daemon *daemon = context;
    const struct cu_sampler_asked hot = {
        .path = asked->path,
        .path_len = asked->path_len,
        .bytes = asked->bytes,
        .missing = asked->op == CU_FRONT_ASKED_LOOKUP && asked->error == ENOENT,
        .from_storage = asked->where == CU_WHERE_STORAGE,
    };

    if (!cu_sampler_asked(daemon->sampler, &hot) && !daemon->profile && !daemon->recorder &&
        daemon->front)
        cu_front_set_asked(daemon->front, NULL); /* nobody looks any more */
    if (daemon->profile) {
        cu_profile_asked(daemon->profile, asked);
        cu_surveyor_asked(daemon->surveyor, asked);
    }
    if (daemon->recorder)
        cu_recorder_asked(daemon->recorder, asked);
}

static void hook_sample(void *context, uint64_t now_ns, struct cu_sample *sample)
{
    struct cu_daemon *daemon = context;

    cu_sampler_take(daemon->sampler, daemon->core, &daemon->latency, daemon->config.rank, now_ns,
                    sample);
    if (daemon->front)
        cu_front_set_asked(daemon->front, cu_daemon_front_asked);
}

struct logged {
    const struct cu_logpage_at *after;
    struct cu_logpage *page;
    uint32_t rank;
    int rc;
};

static void add_logged(void *context, uint64_t us, uint32_t number, const char *line, size_t len)
{
    struct logged *logged = context;
    const struct cu_logpage_at at = {.us = us, .rank = logged->rank, .number = number};

    if (logged->rc == 0 && cu_logpage_compare(&at, logged->after) > 0)
        logged->rc = cu_logpage_add(logged->page, &at, line, len);
}

static int hook_logged(void *context, const struct cu_logpage_at *after, struct cu_logpage *page)
{
    const struct cu_daemon *daemon = context;
    struct logged logged = {.after = after, .page = page, .rank = daemon->config.rank};

    cu_log_kept(add_logged, &logged);
    return logged.rc;
}

const struct cu_commands_hooks cu_daemon_commands_hooks = {
    .reply = hook_reply,
    .ask = hook_ask,
    .stop = hook_stop,
    .network = hook_network,
    .known = hook_known,
    .describe = hook_describe,
    .records = hook_records,
    .recorded = hook_recorded,
    .returned = hook_returned,
    .learn = hook_learn,
    .forgot = hook_forgot,
    .stage = hook_stage,
    .survey = hook_survey,
    .sample = hook_sample,
    .logged = hook_logged,
};
