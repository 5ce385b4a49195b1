/* SPDX-License-Identifier: BSD-3-Clause */
/* The orderly end: unmount, remove the mount directory if Copper created it, answer the request,
 * send BYE, wait until the last bytes are sent, leave the loop. Workers may hang in storage and are
 * never waited for.
 *
 * The answer comes after the unmount. A daemon through which a `stop` was handed up stays,
 * unmounted, until the answer has come down again and its parent has ended. Its connections are
 * closed last, after the end of its supervisor. So when the client that asked for the stop sees the
 * end of its connection, nothing is left on any node. */
#include "copperd/stop.h"

#include "base/list.h"
#include "control/bypassed.h"
#include "control/inuse.h"
#include "copperd/hooks.h"
#include "copperd/state.h"
#include "copperd/supervisor.h"
#include "host/log.h"
#include "host/mounts.h"

#include <string.h>

#define FLUSH_MS  1000u
#define LINGER_MS (8000u + CU_COMMANDS_END_MS) /* longer than a handed-up request may take */
#define LOOK_MS   2u /* libuv has no callback for an empty queue of another module */
#define NS_PER_MS 1000000ull

static uint64_t queued(const struct cu_daemon *daemon)
{
    uint64_t bytes = cu_socket_queued(daemon->socket);

    for (uint32_t i = 0; i < 2 * daemon->links.node_count; i++) {
        if (daemon->links.slots[i].up)
            bytes += cu_link_queued(daemon->links.slots[i].link);
    }
    if (daemon->stop_origin.owner && daemon->stop_origin.is_link)
        bytes += cu_link_queued(daemon->stop_origin.owner);
    return bytes;
}

static void say_goodbye(struct cu_daemon *daemon)
{
    const struct cu_msg bye = {.type = CU_MSG_BYE};

    for (uint32_t i = 0; i < 2 * daemon->links.node_count; i++) {
        struct cu_links_slot *slot = &daemon->links.slots[i];

        if (slot->up && cu_link_send(slot->link, &bye) < 0)
            cu_log_debug("%s: no goodbye", cu_link_name(slot->link));
    }
    daemon->phase = CU_PHASE_FLUSHING;
    daemon->stop_limit_ns = uv_hrtime() + FLUSH_MS * NS_PER_MS;
}

static void on_look(uv_timer_t *timer)
{
    struct cu_daemon *daemon = timer->data;
    bool late = uv_hrtime() >= daemon->stop_limit_ns;

    if (daemon->phase == CU_PHASE_LINGERING &&
        (late || (!cu_commands_lingers(daemon->commands) && !cu_commands_busy(daemon->commands))))
        say_goodbye(daemon);
    else if (daemon->phase == CU_PHASE_FLUSHING &&
             (late || (queued(daemon) == 0 && !cu_snapshot_busy(daemon->profile_file) &&
                       !cu_snapshot_busy(daemon->stats_file))))
        uv_stop(&daemon->loop);
}

static struct cu_daemon *unmounting(struct cu_crew_job *job)
{
    return CU_LIST_ENTRY(job, struct cu_daemon, unmount);
}

/* On the thread. */
static void unmount(struct cu_crew_job *job)
{
    struct cu_daemon *daemon = unmounting(job);
    enum cu_mounts_what what = CU_MOUNTS_NOTHING;
    const char *dir = daemon->config.job->mount_dir;
    struct cu_error err;

    if (cu_mounts_look(dir, &what) == 0 && what == CU_MOUNTS_OURS &&
        cu_mounts_unmount(dir, &err) < 0) {
        cu_log_error("%s", err.text);
        daemon->mount_left = true;
    }
    cu_mountdir_remove(daemon->config.mountdir);
}

static void answer(struct cu_daemon *daemon)
{
    json_t *in_use;

    if (!daemon->stop_origin.owner || !daemon->stop_result)
        return;
    if (cu_commands_lingers(daemon->commands))
        json_object_set_new(daemon->stop_result, "lingers", json_true());
    if (daemon->mount_left) {
        json_t *failed = json_object_get(daemon->stop_result, "failed");

        json_object_set_new(daemon->stop_result, "failed",
                            json_integer(json_integer_value(failed) + 1));
    }
    in_use = json_incref(json_object_get(daemon->stop_result, "in_use"));
    cu_inuse_add(&in_use, daemon->stop_in_use);
    if (in_use)
        json_object_set_new(daemon->stop_result, "in_use", in_use);
    cu_commands_answer(daemon->commands, &daemon->stop_origin, daemon->stop_result);
    daemon->stop_result = NULL;
}

static void on_looked(void *context, json_t *in_use)
{
    struct cu_daemon *daemon = context;

    daemon->stop_in_use = in_use;
    if (in_use)
        cu_log_info("processes of copper run still use the view: %s",
                    json_string_value(json_object_get(in_use, "first")));
    cu_spaces_give_up(daemon->spaces);
    daemon->phase = CU_PHASE_LINGERING;
    daemon->stop_limit_ns = uv_hrtime() + LINGER_MS * NS_PER_MS;
    if (json_object_get(daemon->stop_result, "survey")) {
        cu_snapshot_discard(daemon->profile_file);
        cu_snapshot_discard(daemon->stats_file);
    } else { /* nobody else keeps it */
        cu_snapshot_take(daemon->profile_file);
    }
    cu_socket_unlisten(daemon->socket);
    cu_transport_unlisten(daemon->transport);
    answer(daemon);
    uv_timer_start(&daemon->stop_timer, on_look, 0, LOOK_MS);
}

static void on_unmounted(struct cu_crew_job *job)
{
    struct cu_daemon *daemon = unmounting(job);

    cu_spaces_unlisten(daemon->spaces);
    daemon->stop_look = (struct cu_inuse_look){
        .spaces = daemon->spaces,
        .host = daemon->config.job->hosts.names[daemon->config.rank],
        .context = daemon,
        .done = on_looked,
    };
    cu_inuse_look(daemon->aside, &daemon->stop_look);
}

/* Who asks for a stop is told. Without that: of all nodes where they end together, else of this. */
static void log_bypassed(struct cu_daemon *daemon)
{
    json_t *all = json_object_get(daemon->stop_result, "bypassed");
    json_t *own = all ? NULL : cu_bypassed_own(daemon->core);
    char text[CU_PATH_MAX];

    if (cu_bypassed_text(all ? all : own, text, sizeof(text)) > 0)
        cu_log_warn("%s%s", all ? "" : "on this node ", text);
    json_decref(own);
}

/* While the mount goes, others are still served: the kernel needs 3 us for each name it holds. */
static void on_begin(uv_timer_t *timer)
{
    struct cu_daemon *daemon = timer->data;

    cu_log_info("stopping");
    if (!daemon->stop_origin.owner)
        log_bypassed(daemon);
    cu_stager_close(daemon->stager);
    cu_warmer_end(daemon->warmer);
    cu_commands_stopping(daemon->commands);
    cu_front_end(daemon->front);
    daemon->front = NULL;
    /* Processes that wait in the mount continue when the last holder of the FUSE device has closed
     * it. */
    cu_supervisor_tell(daemon->config.recovery, CU_RECOVERY_GIVEN_UP);
    daemon->unmount = (struct cu_crew_job){.work = unmount, .done = on_unmounted};
    cu_crew_run(daemon->aside, &daemon->unmount);
}

void cu_daemon_stop(struct cu_daemon *daemon, const struct cu_commands_origin *origin,
                    json_t *result)
{
    switch (daemon->phase) {
    case CU_PHASE_SERVING:
        daemon->phase = CU_PHASE_STOP_WANTED;
        cu_recovery_set_phase(daemon->config.recovery, CU_RECOVERY_STOPPING);
        if (origin)
            daemon->stop_origin = *origin;
        daemon->stop_result = json_incref(result);
        uv_timer_start(&daemon->stop_timer, on_begin, 0, 0);
        return;
    case CU_PHASE_STOP_WANTED:
        return;
    case CU_PHASE_LINGERING:
    case CU_PHASE_FLUSHING:
        uv_stop(&daemon->loop);
        return;
    }
}
