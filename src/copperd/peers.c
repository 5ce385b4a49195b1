/* SPDX-License-Identifier: BSD-3-Clause */
/* What comes in over links and the control socket. A link that is no node's is the copper
 * command's: it may send CONTROL and nothing else. A node may open its connection anew before we
 * saw the old one end: the new one counts when it is of the same instance, which only that node's
 * daemons can prove; any other has to wait until the old one has ended. */
#include "control/shown.h"
#include "copperd/state.h"
#include "host/log.h"
#include "storage/served.h"

#include <errno.h>
#include <string.h>

#define SERVED_MAX 64u /* file systems named in an answer */

void cu_daemon_gone(struct cu_daemon *daemon, const void *owner)
{
    cu_commands_gone(daemon->commands, owner);
    if (daemon->stop_origin.owner == owner)
        daemon->stop_origin.owner = NULL;
}

static void on_up(void *context, struct cu_link *link, const struct cu_handshake_result *who,
                  bool child)
{
    struct cu_daemon *daemon = context;
    uint32_t rank = who->peer_rank;

    if (child && who->role == CU_ROLE_CLIENT) {
        cu_link_set_data(link, NULL);
        return;
    }
    if (rank >= daemon->links.node_count || rank == daemon->config.rank) {
        cu_log_warn("%s: says it is rank %u; refused", cu_link_name(link), rank);
        cu_link_close(link);
        return;
    }
    if (child && !cu_links_may_have(&daemon->links, rank, who->instance)) {
        cu_log_warn("%s: says it is rank %u, which another one has; refused", cu_link_name(link),
                    rank);
        cu_core_counters(daemon->core)[CU_COUNT_ranks_refused]++;
        cu_link_close(link);
        return;
    }
    if (child && cu_links_any(&daemon->links, rank, true) != NULL)
        cu_daemon_lose(daemon, rank, true, 0);
    cu_links_set(&daemon->links, rank, child, link, true);
    if (child)
        cu_links_bind(&daemon->links, rank, who->instance);
    cu_log_info("%s is connected as %s (%s)", daemon->config.job->hosts.names[rank],
                child ? "child" : "parent", cu_link_name(link));
    cu_core_peer_up(daemon->core, rank, child, uv_hrtime());
    cu_daemon_drain(daemon);
}

/* Only a parent answers, and only who was asked has a result: large payloads come when we want
 * them.
 */
static bool on_expects(void *context, struct cu_link *link, const struct cu_msg_head *head)
{
    struct cu_daemon *daemon = context;
    uint32_t rank;
    bool child, known = cu_links_who(&daemon->links, link, &rank, &child);

    if (head->type == CU_MSG_ANSWER)
        return known && !child;
    if (head->type == CU_MSG_RESULT)
        return known && cu_links_is_asked(&daemon->links, rank, child);
    return true;
}

static void on_control(struct cu_daemon *daemon, struct cu_link *link, const struct cu_msg *msg)
{
    const struct cu_commands_origin origin = {.owner = link, .id = msg->id, .is_link = true};
    uint32_t rank;
    bool child;

    if (msg->type == CU_MSG_CONTROL) {
        cu_commands_request(daemon->commands, &origin, msg->control.json->data,
                            msg->control.json->size, uv_hrtime());
    } else if (cu_links_who(&daemon->links, link, &rank, &child)) {
        cu_links_answered(&daemon->links, rank, child);
        cu_commands_result(daemon->commands, rank, child, msg->id, msg->control.json->data,
                           msg->control.json->size, uv_hrtime());
    }
}

static void on_message(void *context, struct cu_link *link, const struct cu_msg *msg)
{
    struct cu_daemon *daemon = context;
    uint32_t rank;
    bool child;

    if (msg->type == CU_MSG_CONTROL || msg->type == CU_MSG_RESULT) {
        on_control(daemon, link, msg);
    } else if (cu_links_who(&daemon->links, link, &rank, &child)) {
        cu_core_message(daemon->core, rank, child, msg, uv_hrtime());
    } else {
        cu_log_warn("%s: a client sent %s; closed", cu_link_name(link),
                    cu_msg_type_name(msg->type));
        cu_daemon_gone(daemon, link);
        cu_link_close(link);
    }
    cu_daemon_drain(daemon);
}

static void on_down(void *context, struct cu_link *link, uint32_t rank, bool child, int error)
{
    struct cu_daemon *daemon = context;
    uint32_t slot_rank;
    bool slot_child;

    cu_daemon_gone(daemon, link);
    if (cu_links_who(&daemon->links, link, &slot_rank, &slot_child)) {
        if (cu_links_get(&daemon->links, slot_rank, slot_child) != NULL)
            cu_log_info("%s is no longer connected as %s: %s",
                        daemon->config.job->hosts.names[rank], child ? "child" : "parent",
                        error != 0 ? strerror(error) : "closed");
        else
            cu_links_failed(&daemon->links, slot_rank, error);
        cu_links_clear(&daemon->links, slot_rank, slot_child);
        cu_commands_peer_down(daemon->commands, rank, child, uv_hrtime());
        cu_core_peer_down(daemon->core, rank, child, error, uv_hrtime());
    }
    cu_daemon_drain(daemon);
}

static void on_drained(void *context, struct cu_link *link)
{
    struct cu_daemon *daemon = context;
    uint32_t rank;
    bool child;

    if (!cu_links_who(&daemon->links, link, &rank, &child) || !child)
        return;
    cu_core_child_queued(daemon->core, rank, cu_link_queued(link), uv_hrtime());
    cu_daemon_drain(daemon);
}

const struct cu_transport_events cu_daemon_transport_events = {
    .up = on_up,
    .message = on_message,
    .expects = on_expects,
    .down = on_down,
    .drained = on_drained,
};

static void on_socket_request(void *context, struct cu_socket_conn *conn, const char *text,
                              size_t size)
{
    struct cu_daemon *daemon = context;
    const struct cu_commands_origin origin = {.owner = conn};

    cu_commands_request(daemon->commands, &origin, text, size, uv_hrtime());
    cu_daemon_drain(daemon);
}

static void on_socket_gone(void *context, struct cu_socket_conn *conn)
{
    cu_daemon_gone(context, conn);
}

const struct cu_socket_events cu_daemon_socket_events = {
    .request = on_socket_request,
    .gone = on_socket_gone,
};

/* A result that cannot be sent is told, so that nobody waits for it until his time is up. */
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
    if (msg->control.json != NULL && cu_link_send(link, msg) < 0)
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

static int hook_ask(void *context, uint32_t rank, bool child, uint64_t id, struct cu_buf *json)
{
    struct cu_daemon *daemon = context;
    struct cu_msg msg = {.type = CU_MSG_CONTROL, .id = id, .control = {.json = json}};
    struct cu_link *link = cu_links_get(&daemon->links, rank, child);
    int rc = link != NULL ? cu_link_send(link, &msg) : -ENOTCONN;

    if (rc == 0)
        cu_links_asked(&daemon->links, rank, child);
    return rc;
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

static void hook_describe(void *context, json_t *result)
{
    struct cu_daemon *daemon = context;
    json_t *storage = json_object(), *peers = json_array(), *mounts = json_array();
    const char *path = NULL;
    uint64_t age_ns = 0, now_ns = uv_hrtime();
    uint32_t pending = cu_storage_pending(daemon->storage, now_ns, &age_ns, &path);

    if (daemon->config.job->serve != NULL)
        json_object_set_new(result, "serve", json_string(daemon->config.job->serve));
    json_object_set_new(storage, "pending", json_integer(pending));
    if (pending > 0) {
        json_object_set_new(storage, "oldest_ms", json_integer((json_int_t)(age_ns / 1000000)));
        if (path != NULL)
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
    for (uint32_t i = 0; i < 2 * daemon->links.node_count; i++) {
        const struct cu_links_slot *slot = &daemon->links.slots[i];

        if (!slot->up || json_array_size(peers) >= CU_COMMANDS_NAMES_MAX)
            continue;
        json_array_append_new(
            peers, json_pack("{s:s, s:s, s:I, s:I}", "name", cu_link_name(slot->link), "is",
                             i % 2 != 0 ? "child" : "parent", "queued_bytes",
                             (json_int_t)cu_link_queued(slot->link), "silent_ms",
                             (json_int_t)((now_ns - cu_link_heard_ns(slot->link)) / 1000000)));
    }
    json_object_set_new(result, "peers", peers);
    json_object_set_new(result, "peer_count", json_integer(daemon->links.up_count));
    if (daemon->front == NULL)
        return;
    json_object_set_new(result, "allow_other", json_boolean(daemon->config.allow_other));
    json_object_set_new(result, "names_expire", json_boolean(cu_front_can_expire(daemon->front)));
    json_object_set_new(result, "names_given_back",
                        json_boolean(cu_front_can_prune(daemon->front)));
    json_object_set_new(result, "inodes", json_integer((json_int_t)cu_front_inodes(daemon->front)));
}

static void hook_dropped(void *context)
{
    struct cu_daemon *daemon = context;

    cu_trim_ask(&daemon->trim);
}

static bool hook_forgot(void *context, uint64_t *failures)
{
    const struct cu_daemon *daemon = context;

    *failures = 0;
    return daemon->front == NULL || cu_front_forgot(daemon->front, failures);
}

const struct cu_commands_hooks cu_daemon_commands_hooks = {
    .reply = hook_reply,
    .ask = hook_ask,
    .stop = hook_stop,
    .describe = hook_describe,
    .dropped = hook_dropped,
    .forgot = hook_forgot,
};
