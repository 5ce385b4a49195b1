/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of `copper job`: how a job is described, started and stopped from the launch host. */
#ifndef CU_COPPER_LAUNCH_H
#define CU_COPPER_LAUNCH_H

#include "base/error.h"
#include "base/path.h"
#include "proto/job.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What launch_copper.sh was given, checked. */
struct cu_launch_options {
    struct cu_job job;
    const char *hosts;  /* -H, borrowed, or NULL */
    bool help, version; /* --help, --version: nothing else counts */
};

/* argv[0] is skipped; site: file with the site's defaults, or NULL. 0; -EINVAL with err: nothing to
 * free then. */
__attribute__((warn_unused_result)) int cu_launch_options(int argc, char **argv, const char *site,
                                                          struct cu_launch_options *options,
                                                          struct cu_error *err);
void cu_launch_help(const char *site);
/* What getopt_long refused with c, '?' or ':'. -EINVAL with err. */
int cu_launch_refuse(int c, char **argv, const char *script, struct cu_error *err);
/* Sets what the file says; one that is not there says nothing. -EINVAL with err: "FILE:LINE: ...",
 * -ENOMEM. */
__attribute__((warn_unused_result)) int cu_launch_site(const char *path, struct cu_job *job,
                                                       struct cu_error *err);
/* Reads a host list: text is a file's name or the list itself (-H). 0, -EINVAL with err. */
__attribute__((warn_unused_result)) int cu_launch_hosts(const char *text, struct cu_hosts *hosts,
                                                        struct cu_error *err);
/* The same from a descriptor; source is for messages. */
__attribute__((warn_unused_result)) int
cu_launch_hosts_from(int fd, const char *source, struct cu_hosts *hosts, struct cu_error *err);
/* What `hosts.sh` in the launchers' directory finds (Slurm's, PBS's, or localhost). */
__attribute__((warn_unused_result)) int
cu_launch_hosts_found(const char *parts, struct cu_hosts *hosts, struct cu_error *err);

/* The job's file on the launch host. While fd is open it is locked: a launch is under way. */
struct cu_job_file {
    char path[CU_PATH_MAX];
    int fd;
};

/* Makes id, key and port where not given, and the file (0600). attempt: 0, or how many ports were
 * taken on some node: then one is chosen from all. -EEXIST with err when a job lives on the mount
 * or is being launched; a dead job's file is replaced. */
__attribute__((warn_unused_result)) int cu_job_file_create(struct cu_job *job, unsigned attempt,
                                                           struct cu_job_file *file,
                                                           struct cu_error *err);
/* Lets go of the lock; remove: and takes the file away. */
void cu_job_file_close(struct cu_job_file *file, bool remove);

/* One launcher (launch/NAME.sh) at work on a list of hosts. It runs a command on each and writes a
 * line for each that has ended, "HOST STATUS TEXT", or "stay" first of all when its commands end
 * only with the job ("start" only) and just failures are told. */
struct cu_starters {
    const struct cu_hosts *hosts; /* borrowed */
    struct cu_starter {
        enum { CU_STARTER_RUNS, CU_STARTER_DONE, CU_STARTER_FAILED } state;
        char *text; /* what it said, owned, or NULL */
    } * of;         /* by index in hosts */
    char *text;     /* about no host in particular, owned, or NULL */
    size_t done, failed;
    pid_t pid; /* of the launcher and of its process group; 0 when reaped */
    int fd;    /* its lines; -1 after the end */
    bool stay;
    char line[1024];
    size_t line_len;
};

struct cu_starters_config {
    const char *parts;          /* directory of the launchers */
    const char *mode;           /* "start": the daemon, with its host's name; "run": a command */
    const char *const *command; /* NULL-terminated, words without blanks */
    const struct cu_hosts *hosts;
    const char *input; /* file that each command gets as standard input, or NULL */
    int input_fd;      /* instead of input, when above 0: borrowed */
    const char *job;   /* file that goes when commands end only with the job ("stay"), or NULL */
    bool keep_stdout;  /* what the commands print belongs to the user */
};

__attribute__((warn_unused_result)) int cu_starters_spawn(struct cu_starters *s,
                                                          const struct cu_starters_config *config,
                                                          struct cu_error *err);
/* Would the launcher carry what its commands read over a network in clear? Each launcher says so of
 * itself. 1, 0, or -EINVAL with err. */
__attribute__((warn_unused_result)) int cu_starters_in_clear(const char *parts,
                                                             struct cu_error *err);
/* Takes what lines there are, without waiting. False when the launcher has ended. */
bool cu_starters_take(struct cu_starters *s);
/* Waits for the end; false when no host's command has ended for so long. */
bool cu_starters_wait(struct cu_starters *s, int silence_ms);
/* Ends the launcher and what it started on this host. */
void cu_starters_kill(struct cu_starters *s);
void cu_starters_free(struct cu_starters *s);

struct cu_launch_paths {
    const char *parts;   /* where the launchers are */
    const char *copperd; /* absolute */
    const char *copper;  /* absolute */
    const char *site;    /* the site's defaults, or NULL; need not exist */
};

/* Starts the job of the file on all its hosts and waits; exit status. Prints. again: NULL, or set
 * to true when another port may help: everything was stopped again, and nothing more said. */
int cu_launch_run(const struct cu_job *job, struct cu_job_file *file,
                  const struct cu_launch_paths *paths, bool *again);

/* Which hosts of the job (known) an answer to `stop` leaves to be done one by one, into rest: the
 * silent ones, all when they are too many to be named. -EBADMSG with err, and all in rest, when the
 * answer cannot be true: it names a host that is not of the job, or one twice, or its numbers do
 * not make up the job. -ENOMEM with err. */
__attribute__((warn_unused_result)) int cu_answer_silent(const struct cu_hosts *known,
                                                         const json_t *result,
                                                         struct cu_hosts *rest,
                                                         struct cu_error *err);

struct cu_undo {
    size_t stopped;  /* nodes that were running and are not any more */
    size_t silent;   /* nodes about which nothing is known */
    char first[256]; /* one of them, and why */
    struct cu_error why;
};

/* Stops the job's daemons everywhere: first by its own tree, then one by one through the launcher.
 */
void cu_undo_everywhere(const struct cu_job *job, const struct cu_launch_paths *paths,
                        struct cu_undo *undo);
/* `copper stop --here` on these hosts, added to undo. */
void cu_undo_each(const struct cu_hosts *hosts, const char *mount_dir, const char *job_id,
                  const struct cu_launch_paths *paths, struct cu_undo *undo);

/* Where no job is known: a daemon of this node, if any, tells of its job, which is stopped; else
 * what a dead one left here is taken away. -errno with err. */
__attribute__((warn_unused_result)) int cu_undo_here(const char *mount_dir,
                                                     const struct cu_launch_paths *paths,
                                                     struct cu_undo *undo, struct cu_error *err);

/* Stops the daemon of this node (of job_id only, when given), by asking, else by force, and takes
 * away what it left. 1: a daemon was stopped; 0: none was there; -errno with err. */
__attribute__((warn_unused_result)) int cu_here_stop(const char *mount_dir, const char *job_id,
                                                     struct cu_error *err);

void cu_launch_job_id(const struct cu_job *job, char out[2 * CU_JOB_ID_BYTES + 1]);

#endif
