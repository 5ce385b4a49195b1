/* SPDX-License-Identifier: BSD-3-Clause */
/* The description of a job: every option, the key, and the host list in rank order. The launcher
 * makes it once, each daemon gets it on standard input, and the launch host keeps it (0600) so that
 * status, stats and stop find the job. Text, one "name value" a line, the hosts last:
 *
 *   exit 93                    (for a shell that reads it as commands, see below)
 *   copper-job 3
 *   id 32 hex digits            key 64 hex digits
 *   mount /tmp/alice/copper     (and all other options, see job.c's table)
 *   hosts 4
 *   node[1-3]                  (short, as base/hostlist.h has it)
 *   login
 *
 * When others can read the launcher's network traffic, "munge CREDENTIAL" replaces the line with
 * the key (host/munge.h).
 *
 * A start-up file of the shell at the other end may start another shell (exec zsh), which takes
 * standard input for its commands. So whatever is sent there begins with a line at which every
 * shell ends, with a status that tells why, before it has seen the key.
 *
 * Unknown names are refused: both ends are the same version. */
#ifndef CU_PROTO_JOB_H
#define CU_PROTO_JOB_H

#include "base/error.h"
#include "base/parse.h"
#include "proto/handshake.h"

#include <stdbool.h>
#include <stdint.h>

#define CU_JOB_TEXT_MAX    16777216u /* 16 MiB */
#define CU_JOB_CORES_MAX   1024u
#define CU_JOB_MISSING_MAX 100u                /* all of them are named in one answer */
#define CU_JOB_CACHE_MIN   (UINT64_C(1) << 20) /* refuses "-m 8" that was meant in GB */

/* The first line of all that is sent to standard input on another host. A command of its own: with
 * words behind it on that line, zsh -i and tcsh do not end there. */
#define CU_JOB_SHELL_LINE   "exit 93\n"
#define CU_JOB_SHELL_STATUS 93

/* What a daemon says when its start failed and another attempt may succeed: parts of error texts,
 * for which the launcher looks. */
#define CU_JOB_PORT_TAKEN "is in use on this host"
#define CU_JOB_NO_INPUT   "no job description arrives on standard input"

struct cu_job {
    uint8_t id[CU_JOB_ID_BYTES];
    uint8_t key[CU_KEY_BYTES];
    char *mount_dir;                 /* -v, normal form */
    char *log_dir;                   /* -d */
    int log_level;                   /* -l 1..6 */
    bool log_to_file, log_to_stdout; /* -t */
    bool log_collect;                /* --log-collect: gathered when the job is stopped */
    uint32_t trees;                  /* -T 1..CU_TREES_MAX, at most the number of hosts counts */
    uint64_t max_cacheable_bytes;    /* -M */
    uint32_t ready_timeout_s;        /* -s 1..86400 */
    bool cores_given;                /* -b */
    unsigned cores[CU_JOB_CORES_MAX];
    uint32_t core_count;
    uint32_t enoent_ttl_ms; /* -E 0..86400000 */
    char *network;          /* -n: transport, "tcp" or "tcp:INTERFACE" */
    char *address;          /* rule of base/netname.h; NULL: each node finds its own */
    uint64_t cache_bytes;   /* -m, 0: chosen by the daemon from the node's memory */
    uint32_t fanout;        /* -k 1..1024, 0: CU_TREE_FANOUT */
    uint16_t port;          /* -p 1024..65535; 0 only before the launcher chose one */
    bool encrypt;           /* --encrypt */
    bool profile;           /* -P */
    bool full_paths;        /* -A */
    uint32_t spin_us;       /* 0..1000: a daemon looks for events so long before it sleeps */
    uint32_t top_paths;     /* -N 0..10000 */
    uint32_t snapshot_s;    /* -I 0..86400, 0: none */
    uint32_t
        allow_missing; /* --allow-missing 0..CU_JOB_MISSING_MAX: nodes that need not be there */
    bool confirm; /* the launcher reports the end of the launch; without this report the daemons end
                   */
    bool rewrite_links; /* --symlinks rewrite: absolute links stay in the view */
    bool relay;         /* the launch host reaches no daemon, only hosts through its launcher */
    char *owner;        /* who launched it, as host/session.h has it; NULL: not known */
    char *lease;        /* session with whose end the job ends; NULL: none */
    char *slurm;        /* Slurm's job with which it ends, as host/slurmjob.h has it; NULL: none */
    char *left_out;     /* ranks that the launch went on without, "3,7-9"; NULL: none */
    char *learn;        /* --learn: name of the recipe; NULL: none */
    bool learn_wait;    /* --learn-wait: a node is ready when the recipe's content is here */
    char *recipe;       /* file of that recipe, as the launch host has found it; NULL: none */
    uint64_t storage_rate; /* --storage-rate: bytes a second that are asked for in advance at most;
                              0: no bound */
    uint64_t begin_ms;     /* when it was launched, since 1970; 0: not known */
    char *report_dir;      /* where the job's report goes (-P); NULL: log_dir */
    uint32_t group;        /* primary group of who launched it; 0: root's, or not known */
    char *serve;           /* --serve, a list of proto/serve.h; NULL: all but secrets */
    char *listings;        /* rules of proto/listings.h; NULL: none. The site's file only */
    struct cu_hosts hosts; /* rank order */
};

#define CU_JOB_RECIPE_MAX 100u /* bytes of a recipe's name */

/* Can this be the name of a recipe, which is that of a file without its suffix? */
bool cu_job_is_recipe_name(const char *name);
/* Makes a part of such a name of text: what it may not have becomes '_'. */
void cu_job_make_recipe_name(char *text);
/* `learn auto`, of a job that has no name of its own: its commands tell the recipe's name. */
bool cu_job_learns_by_command(const struct cu_job *job);
/* How long a node that has come waits for its recipe before it counts as ready, at most; 0: it does
 * not wait. */
uint64_t cu_job_learn_ms(const struct cu_job *job);
/* How long the launch takes at most: a node that comes within ready_timeout_s can wait then. */
uint64_t cu_job_launch_ms(const struct cu_job *job);

/* All defaults of the option table; strings are owned; id, key and hosts are empty. Logs go to
 * run_dir/logs. 0, -ENOMEM, -EINVAL (one of both is no absolute path, or the mount is "/"). On
 * error job is freed. */
__attribute__((warn_unused_result)) int cu_job_init(struct cu_job *job, const char *mount_dir,
                                                    const char *run_dir);
void cu_job_free(struct cu_job *job);
/* Sets one option by the name it has in the text ("mount", "fanout", ...). For the command line:
 * label is how the user wrote it ("-k"), put into the message. 0, or -EINVAL with err:
 * `-k: "0" is not a fan-out; allowed is 1 to 1024`. -ENOMEM. On error the option is as before.
 * Names: mount log_dir log_level log_type log_collect trees max_cacheable_bytes ready_timeout_s
 * cores enoent_ttl_ms network address cache_bytes fanout port encrypt profile full_paths top_paths
 * snapshot_s listings serve group allow_missing confirm owner lease slurm left_out relay learn
 * learn_wait spin recipe symlinks storage_rate begin_ms report_dir; the value of a bool is "yes"
 * or "no", of symlinks "keep" or "rewrite". What is "chosen" when 0 cannot be set to 0. */
__attribute__((warn_unused_result)) int cu_job_set(struct cu_job *job, const char *name,
                                                   const char *value, const char *label,
                                                   struct cu_error *err);
/* New text (with trailing newline), NULL when out of memory. Contains the key: treat as secret. */
char *cu_job_encode(const struct cu_job *job);
/* Can this be a description of any version, and not what is left of one? */
bool cu_job_begins(const char *text, size_t size);
/* Bytes of any origin. id, key, mount, log_dir and hosts must be there, others have their defaults;
 * the environment has no say. 0, -EINVAL with err (which never shows the key), -ENOMEM. On error
 * job is freed. */
__attribute__((warn_unused_result)) int cu_job_decode(const char *text, size_t size,
                                                      struct cu_job *job, struct cu_error *err);
/* Rank of the host called name: the exact name, or else the one entry with the same first label
 * ("node3" and "node3.site.org"; addresses have no first label). -ENOENT when none,
 * -ENOTUNIQ when several. */
__attribute__((warn_unused_result)) int64_t cu_job_rank_of(const struct cu_job *job,
                                                           const char *name);

#endif
