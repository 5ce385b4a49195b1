/* SPDX-License-Identifier: BSD-3-Clause */
/* The state of the daemon, which the loop thread owns; not to be included outside of
 * src/copperd. */
#ifndef CU_COPPERD_STATE_H
#define CU_COPPERD_STATE_H

#include "base/rate.h"
#include "control/commands.h"
#include "control/inuse.h"
#include "control/sampler.h"
#include "control/socket.h"
#include "control/spaces.h"
#include "copperd/daemon.h"
#include "copperd/lease.h"
#include "copperd/lease_slurm.h"
#include "copperd/links.h"
#include "copperd/looptime.h"
#include "copperd/profile.h"
#include "copperd/recorder.h"
#include "copperd/snapshot.h"
#include "copperd/stager.h"
#include "copperd/surveyor.h"
#include "copperd/trim.h"
#include "copperd/warmer.h"
#include "core/core.h"
#include "core/driver.h"
#include "core/latency.h"
#include "front/front.h"
#include "host/loglimit.h"
#include "loop/crew.h"
#include "loop/turn.h"
#include "net/transport.h"
#include "storage/storage.h"

#include <jansson.h>
#include <stdbool.h>
#include <uv.h>

enum cu_daemon_phase {
    CU_PHASE_SERVING,
    CU_PHASE_STOP_WANTED, /* until it is unmounted */
    CU_PHASE_LINGERING,   /* unmounted; a `stop` that was handed up waits for its answer */
    CU_PHASE_FLUSHING,    /* the last messages are being sent */
};

struct cu_daemon {
    struct cu_daemon_config config;
    uv_loop_t loop;
    struct cu_core *core;
    struct cu_transport *transport;
    struct cu_storage *storage;
    struct cu_front *front;         /* NULL before the mount is up and after the unmount */
    struct cu_socket *socket;       /* the control socket */
    struct cu_spaces *spaces;       /* of copper run */
    struct cu_commands *commands;   /* the control plane */
    struct cu_links links;          /* connections to peers */
    struct cu_log_limit peer_lines; /* about who connects and disconnects */
    uv_signal_t sigterm, sigint, sigusr1;
    struct cu_lease *lease;             /* NULL: none; as long as the process */
    struct cu_lease_slurm *lease_slurm; /* the same */
    struct cu_turn turn;                /* bounds what a turn of the loop takes on */
    struct cu_looptime looptime;
    struct cu_latency latency;
    struct cu_trim trim;
    struct cu_driver driver; /* of core */
    uv_timer_t timer;        /* for the core's and the control plane's deadlines */
    uv_idle_t idle;          /* instead of the timer, for what is due at once */
    struct cu_crew *aside;   /* as long as the process */
    struct cu_crew *bulk;    /* the same; NULL: none */
    enum cu_daemon_phase phase;
    struct cu_crew_job unmount;
    uv_timer_t stop_timer;
    uint64_t stop_limit_ns; /* the phase ends then, come what may */
    struct cu_commands_origin
        stop_origin;     /* origin of the stop request; owner NULL: none, or its connection ended */
    json_t *stop_result; /* owned; NULL: there was no request, or it is answered */
    struct cu_inuse_look stop_look;
    json_t *stop_in_use; /* owned; processes that still run in a namespace of copper run, or NULL */
    bool mount_left;     /* the mount could not be removed */
    struct cu_profile *profile;       /* NULL: no -P */
    struct cu_surveyor *surveyor;     /* the same */
    struct cu_stager *stager;         /* as long as the process */
    struct cu_readon *readon;         /* the same */
    bool reads_on;                    /* it is used */
    struct cu_sampler *sampler;       /* for `copper top`; as long as the process */
    struct cu_recorder *recorder;     /* NULL: no --learn */
    uv_timer_t learn_timer;           /* the node counts as ready then, come what may */
    struct cu_warmer *warmer;         /* NULL: there is none, or it has ended */
    bool warmable;                    /* it has a recipe */
    uv_timer_t rate_timer;            /* the replay may ask for more */
    struct cu_rate rate;              /* of that */
    struct cu_snapshot *stats_file;   /* NULL: no -I, or it cannot be written */
    struct cu_snapshot *profile_file; /* NULL: no -P, or it cannot be written */
};

#endif
