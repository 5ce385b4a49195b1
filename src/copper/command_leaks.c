/* SPDX-License-Identifier: BSD-3-Clause */
/* copper leaks: runs a command and lists what it reads of shared storage past Copper. This thread
 * lets the command's calls go on (host/watch.h), and never touches a file system: the command may
 * be what serves it. Another one looks at the paths, in order, as far behind as it needs to be. */
#include "base/text.h"
#include "copper/cli.h"
#include "copper/launch_options.h"
#include "copper/leaks.h"
#include "host/watch.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAITING_MAX 100000u /* calls that are not looked at yet; more are left out, and counted */

struct queue {
    struct cu_leaks *leaks;
    pthread_mutex_t mutex;
    pthread_cond_t more;
    struct cu_watch_event *first, **last; /* guarded by mutex, as all below */
    size_t waiting;
    bool closed;
    uint64_t left_out;
};

static void seen(void *context, struct cu_watch_event *event)
{
    struct queue *queue = context;

    pthread_mutex_lock(&queue->mutex);
    if (queue->waiting < WAITING_MAX) {
        *queue->last = event;
        queue->last = &event->next;
        queue->waiting++;
        pthread_cond_signal(&queue->more);
        event = NULL;
    } else {
        queue->left_out++;
    }
    pthread_mutex_unlock(&queue->mutex);
    free(event);
}

static void *work(void *context)
{
    struct queue *queue = context;
    struct cu_watch_event *event;

    for (;;) {
        pthread_mutex_lock(&queue->mutex);
        while (!queue->first && !queue->closed)
            pthread_cond_wait(&queue->more, &queue->mutex);
        event = queue->first;
        if (event) {
            queue->first = event->next;
            if (!queue->first)
                queue->last = &queue->first;
            queue->waiting--;
        }
        pthread_mutex_unlock(&queue->mutex);
        if (!event)
            return NULL;
        cu_leaks_event(queue->leaks, event);
    }
}

static void finish(struct queue *queue, pthread_t thread)
{
    pthread_mutex_lock(&queue->mutex);
    queue->closed = true;
    pthread_cond_signal(&queue->more);
    pthread_mutex_unlock(&queue->mutex);
    (void)pthread_join(thread, NULL);
}

/* --- the report ------------------------------------------------------------------------------- */

struct report {
    const struct cu_leak *const *leaks;
    size_t count;
    uint64_t left_out;
};

static json_t *json_of(const struct report *report)
{
    json_t *files = json_array(), *object;
    char path[CU_TEXT_BYTES(CU_PATH_MAX)], by[CU_TEXT_BYTES(CU_PATH_MAX)];

    for (size_t i = 0; i < report->count; i++) {
        const struct cu_leak *leak = report->leaks[i];

        cu_text_name(path, sizeof(path), leak->path, strlen(leak->path));
        cu_text_name(by, sizeof(by), leak->by, strlen(leak->by));
        (void)json_array_append_new(files, json_pack("{s:s, s:s, s:s, s:I, s:I, s:I}", "path", path,
                                                     "reason", cu_leaks_word(leak->reason), "by",
                                                     by, "reads", (json_int_t)leak->reads, "looks",
                                                     (json_int_t)leak->looks, "absent",
                                                     (json_int_t)leak->absent));
    }
    object = json_pack("{s:o, s:I}", "leaks", files, "left_out", (json_int_t)report->left_out);
    return object;
}

static void print_group(FILE *out, const struct cu_leak *leak)
{
    char by[CU_TEXT_BYTES(CU_PATH_MAX)];

    cu_text_line(by, sizeof(by), leak->by, strlen(leak->by));
    fprintf(out, "%s%s%s\n", cu_leaks_phrase(leak->reason), by[0] != '\0' ? " " : "", by);
}

static void print_table(FILE *out, const struct report *report)
{
    char path[CU_TEXT_BYTES(CU_PATH_MAX)];
    size_t files = 0;

    for (size_t i = 0; i < report->count; i++)
        files += i == 0 || strcmp(report->leaks[i - 1]->path, report->leaks[i]->path) != 0;
    if (report->count == 0)
        fputs("copper: nothing of shared storage was read past Copper\n", out);
    else
        fprintf(out,
                "copper: of shared storage past Copper: %zu path%s\n"
                "    reads    looks  not there  path\n",
                files, files == 1 ? "" : "s");
    for (size_t i = 0; i < report->count; i++) {
        const struct cu_leak *leak = report->leaks[i],
                             *before = i > 0 ? report->leaks[i - 1] : NULL;

        if (!before || before->reason != leak->reason || strcmp(before->by, leak->by) != 0)
            print_group(out, leak);
        cu_text_line(path, sizeof(path), leak->path, strlen(leak->path));
        fprintf(out, "%9llu %8llu %10llu  %s\n", (unsigned long long)leak->reads,
                (unsigned long long)leak->looks, (unsigned long long)leak->absent, path);
    }
    if (report->left_out > 0)
        fprintf(out, "copper: %llu calls could not be looked at\n",
                (unsigned long long)report->left_out);
}

/* To the file, or to standard error. 0 or -errno. */
static int write_report(const struct cu_cli_options *options, FILE *out,
                        const struct report *report)
{
    int rc = 0;

    if (options->json) {
        json_t *object = json_of(report);

        if (!object ||
            json_dumpf(object, out, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII) != 0)
            rc = -EIO;
        json_decref(object);
        fputc('\n', out);
    } else {
        print_table(out, report);
    }
    if (fflush(out) != 0)
        rc = -errno;
    return rc;
}

/* --- the command ------------------------------------------------------------------------------ */

/* As the command ended: by its exit status, or by its signal. */
static int end_as(int status)
{
    const struct rlimit no_core = {0, 0};

    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    (void)setrlimit(RLIMIT_CORE, &no_core); /* the command has written it */
    (void)signal(WTERMSIG(status), SIG_DFL);
    (void)raise(WTERMSIG(status));
    return CU_EXIT_INTERRUPTED + WTERMSIG(status);
}

static int watch(const struct cu_cli_options *options, char **argv, struct queue *queue, FILE *out)
{
    struct cu_watch_counts counts;
    struct report report = {0};
    struct cu_watch *watch;
    struct cu_error err;
    pthread_t thread;
    int status, rc;

    cu_cli_restore_pipe();
    rc = cu_watch_start(argv, &watch, &err);
    cu_cli_ignore_pipe();
    if (rc < 0)
        return cu_cli_fail(CU_EXIT_NOT_RUN, "leaks: the command cannot be watched: %s", err.text);
    rc = pthread_create(&thread, NULL, work, queue);
    status = cu_watch_run(watch, seen, queue, &counts);
    if (rc == 0)
        finish(queue, thread);
    cu_watch_end(watch);
    if (counts.error != 0)
        return cu_cli_fail(counts.error == ENOENT ? CU_EXIT_NOT_FOUND : CU_EXIT_NOT_RUNNABLE,
                           "leaks: %s: %s", argv[0], strerror(counts.error));
    report.leaks = cu_leaks_list(queue->leaks, &report.count);
    report.left_out =
        queue->left_out + queue->waiting + counts.unread + cu_leaks_lost(queue->leaks);
    rc = write_report(options, out, &report);
    if (rc < 0)
        (void)cu_cli_fail(CU_EXIT_FAILED, "leaks: cannot write the list: %s", strerror(-rc));
    return end_as(status);
}

static int run(const struct cu_command *command, int argc, char **argv)
{
    struct queue queue = {.mutex = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};
    char types[CU_LAUNCH_SITE_TYPES_MAX];
    struct cu_cli_options options;
    struct cu_leaks_look *look;
    struct cu_error err;
    FILE *out = stderr;
    int status = cu_cli_parse(command, argc, argv, &options);

    if (status >= 0)
        return status;
    argv += options.first;
    if (!argv[0])
        return cu_cli_fail(CU_EXIT_USAGE, "leaks: wants a command: see copper leaks --help");
    if (cu_launch_site_types(types, &err) < 0)
        return cu_cli_fail(CU_EXIT_NOT_RUN, "leaks: %s", err.text);
    if (options.output) {
        out = fopen(options.output, "we");
        if (!out)
            return cu_cli_fail(CU_EXIT_NOT_RUN, "leaks: %s: %s", options.output, strerror(errno));
    }
    queue.last = &queue.first;
    look = cu_leaks_look_create(types, options.over.values, options.over.count);
    queue.leaks = look ? cu_leaks_create(look, environ) : NULL;
    if (queue.leaks)
        status = watch(&options, argv, &queue, out);
    else
        status = cu_cli_fail(CU_EXIT_NOT_RUN, "leaks: out of memory");
    cu_leaks_destroy(queue.leaks);
    cu_leaks_look_destroy(look);
    if (out != stderr)
        fclose(out);
    return status;
}

const struct cu_command cu_command_leaks = {
    .name = "leaks",
    .synopsis = "[-o FILE] [--json] [--over DIR,...] [--] COMMAND [ARGUMENT...]",
    .summary = "Runs a command and lists what it reads of shared storage past Copper",
    .details =
        "For each file: how often COMMAND and its children read it, or only looked at it, and\n"
        "why they did so by a path without the mount's prefix. Exit status: that of COMMAND;\n"
        "125 it cannot be watched; 126, 127 it cannot be run, is not there.\n",
    .options = "Ojd",
    .operands = true,
    .runs = true,
    .run = run,
};
