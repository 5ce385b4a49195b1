/* SPDX-License-Identifier: BSD-3-Clause */
/* The log comes page by page, each merged in the tree, and is written as it comes: no node and not
 * this process holds more than some pages, whatever the length of the log. What is not there is
 * said in the file, at its place: lines that a node did not keep (their numbers lack), nodes that
 * do not answer, and what comes behind the end when the time is over.
 *
 * While the daemons run, the log goes to a file without a name in /tmp, which does not hang. Where
 * it belongs may hang (a dead file server, a reader that does not read): that is looked at when the
 * job is stopped. */
#include "copper/joblog.h"

#include "base/path.h"
#include "base/text.h"
#include "control/logged.h"
#include "copper/cli.h"
#include "copper/jobdir.h"
#include "copper/progress.h"
#include "host/clock.h"
#include "host/logline.h"
#include "host/replace.h"
#include "host/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define PAGE_MS 15000 /* more than a daemon takes, whoever is silent */
#define ALL_MS  60000
#define NAME    "job.log"

struct cu_joblog_taken {
    struct cu_client *client; /* while the daemons run */
    struct cu_joblog wish;
    char job[2 * CU_JOB_ID_BYTES + 1];
    struct utsname self;
    FILE *out;      /* without a name; NULL: there is no log to collect */
    uint32_t *last; /* owned: number of the last line of each rank */
    size_t ranks;
    struct cu_logpage_at at; /* of the last line */
    uint64_t lines, left_out;
    bool early;    /* it ends before its end, as was said */
    char *lacking; /* owned: nodes of which the last page knew nothing, "": none */
};

/* A line of this process. */
static void note(struct cu_joblog_taken *c, const char *text, uint64_t lost)
{
    char line[CU_LOGLINE_BYTES];
    size_t len = cu_logline_make(&(struct cu_logline){.level = CU_LOG_WARN,
                                                      .host = c->self.nodename,
                                                      .text = text,
                                                      .name = lost > 0 ? "lost" : NULL,
                                                      .count = lost},
                                 line, NULL);

    fwrite(line, 1, len, c->out);
}

/* The lines of that rank between its last one and this one are not there: said with this line's
 * time and node. */
static int count_gap(struct cu_joblog_taken *c, const struct cu_logpage_at *at, const char *line)
{
    const char *node = strstr(line, " node=\""), *end = node ? strchr(node + 7, '"') : NULL;
    uint32_t gap;

    if (at->rank >= CU_HOSTS_MAX)
        return -EBADMSG;
    if (at->rank >= c->ranks) {
        size_t ranks = (size_t)at->rank + 1024;
        uint32_t *grown = realloc(c->last, ranks * sizeof(*grown));

        if (!grown)
            return -ENOMEM;
        memset(grown + c->ranks, 0, (ranks - c->ranks) * sizeof(*grown));
        c->last = grown;
        c->ranks = ranks;
    }
    gap = at->number - c->last[at->rank] - 1;
    c->last[at->rank] = at->number;
    if (gap == 0)
        return 0;
    c->left_out += gap;
    fprintf(c->out, "%.*s level=warn%.*s text=\"lines were not kept here\" lost=%" PRIu32 "\n",
            (int)strcspn(line, " "), line, end ? (int)(end + 1 - node) : 0, end ? node : "", gap);
    return 0;
}

/* Which nodes are silent, where that changes. */
static void note_silent(struct cu_joblog_taken *c, const json_t *result)
{
    const char *lacking = cu_cli_text(result, "lacking");
    char text[CU_LOGLINE_BYTES];
    char *copy;

    if (c->lacking && strcmp(c->lacking, lacking) == 0)
        return;
    if (lacking[0] != '\0')
        snprintf(text, sizeof(text), "from here on without the log of %s: no answer", lacking);
    else
        snprintf(text, sizeof(text), "from here on with the log of %s",
                 c->lacking ? c->lacking : "all nodes");
    if (lacking[0] != '\0' || c->lacking)
        note(c, text, 0);
    copy = strdup(lacking);
    if (copy) {
        free(c->lacking);
        c->lacking = copy;
    }
}

/* 0 or -errno: the file in /tmp has no room, or worse. */
static int flush(struct cu_joblog_taken *c)
{
    int rc = fflush(c->out) != 0 ? -errno : ferror(c->out) ? -EIO : 0;

    if (rc != 0) {
        __fpurge(c->out);
        clearerr(c->out);
    }
    return rc;
}

/* Lines of other nodes may be anything; here they are lines. */
static int write_page(struct cu_joblog_taken *c, const struct cu_logpage *page)
{
    size_t lines = 0;
    int rc = 0, flushed;

    for (size_t i = 0; rc == 0 && i < cu_logpage_count(page); i++) {
        char line[CU_TEXT_BYTES(CU_LOGPAGE_LINE_MAX)];
        struct cu_logpage_at at;
        size_t len;
        const char *bytes = cu_logpage_line(page, i, &at, &len);

        cu_text_line(line, sizeof(line), bytes, len);
        rc = cu_logpage_compare(&at, &c->at) <= 0 ? -EBADMSG : count_gap(c, &at, line);
        if (rc != 0)
            break;
        fprintf(c->out, "%s\n", line);
        c->at = at;
        lines++;
    }
    flushed = flush(c);
    if (flushed == 0)
        c->lines += lines;
    return rc != 0 ? rc : flushed;
}

/* The next page. 1: and there is more; 0: that was all, or there is no log to collect; -errno with
 * err. */
static int take_page(struct cu_joblog_taken *c, uint64_t *left, struct cu_error *err)
{
    json_t *request = json_pack("{s:s, s:b, s:b}", "op", "log", "all", 1, "asked", c->wish.asked);
    char after[CU_LOGPAGE_AT_TEXT + 1];
    struct cu_logpage *page = NULL;
    json_t *result = NULL;
    int rc;

    cu_logpage_at_text(&c->at, after);
    if (!request || json_object_set_new(request, "after", json_string(after)) != 0)
        rc = cu_error_set(err, -ENOMEM, "out of memory");
    else
        rc = cu_client_call(c->client, request, PAGE_MS, &result, err);
    if (rc != 0 || !json_is_true(json_object_get(result, "collects")))
        goto out;
    page = cu_logged_read(json_object_get(result, "page"));
    if (!page)
        rc = cu_error_set(err, -EBADMSG, "%s: sends no log", c->client->name);
    if (rc == 0 && !c->out && !(c->out = tmpfile()))
        rc = cu_error_set(err, -errno, "a temporary file in /tmp: %s", strerror(errno));
    if (rc != 0)
        goto out;
    snprintf(c->job, sizeof(c->job), "%s", cu_cli_text(result, "job"));
    note_silent(c, result);
    rc = write_page(c, page);
    if (rc == -EBADMSG)
        cu_error_set(err, rc, "%s: sends a log that is none", c->client->name);
    else if (rc != 0)
        cu_error_set(err, rc, "a temporary file in /tmp: %s", strerror(-rc));
    *left = cu_logpage_left(page);
    if (rc == 0)
        rc = *left > 0 && cu_logpage_count(page) > 0;
out:
    cu_logpage_free(page);
    json_decref(result);
    json_decref(request);
    return rc;
}

static void say_failed(const char *what, const char *why)
{
    cu_progress_end();
    cu_cli_say(stderr, "%s: %s", what, why);
    cu_progress_begin("stopping");
}

static void free_taken(struct cu_joblog_taken *c)
{
    if (c->out)
        fclose(c->out);
    free(c->last);
    free(c->lacking);
    free(c);
}

struct cu_joblog_taken *cu_joblog_take(struct cu_client *client, const struct cu_joblog *wish)
{
    struct cu_joblog_taken *c = calloc(1, sizeof(*c));
    int64_t deadline_ms = cu_clock_ms() + ALL_MS;
    struct cu_error err = {""};
    uint64_t left = 0;
    int rc = 0;

    if (c) {
        *c = (struct cu_joblog_taken){.client = client, .wish = *wish};
        uname(&c->self);
        do {
            rc = take_page(c, &left, &err);
        } while (rc > 0 && cu_clock_ms() < deadline_ms);
    }
    if (c && c->out) {
        if (rc < 0)
            say_failed("the log ends early", err.text);
        c->early = rc < 0;
        if (rc < 0)
            note(c, err.text, 0);
        else if (left > 0)
            note(c, "the log ends here: the time for it was over", left);
        (void)flush(c);
        if (rc >= 0)
            c->left_out += left;
        return c; /* what is there is kept */
    }
    if (!c || rc < 0)
        say_failed("the log is not collected", c ? err.text : "out of memory");
    if (c)
        free_taken(c);
    return NULL;
}

/* --- where it belongs ------------------------------------------------------------------------- */

static int copy(FILE *from, int to)
{
    char bytes[65536];
    off_t at = 0;
    ssize_t n;

    while ((n = pread(fileno(from), bytes, sizeof(bytes), at)) > 0) {
        for (ssize_t done = 0; done < n;) {
            ssize_t written = write(to, bytes + done, (size_t)(n - done));

            if (written < 0 && errno != EINTR)
                return -errno;
            done += written > 0 ? written : 0;
        }
        at += n;
    }
    return n < 0 ? -errno : 0;
}

/* 0; -errno with err. */
static int write_stdout(struct cu_joblog_taken *c, struct cu_error *err)
{
    int rc = fflush(stdout) != 0 ? -errno : copy(c->out, STDOUT_FILENO);

    return rc == 0 ? 0 : cu_error_set(err, rc, "standard output: %s", strerror(-rc));
}

static int write_given(struct cu_joblog_taken *c, const char *file, struct cu_error *err)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600);
    int rc = fd < 0 ? -errno : copy(c->out, fd);

    if (fd >= 0 && close(fd) != 0 && rc == 0)
        rc = -errno;
    return rc == 0 ? 0 : cu_error_set(err, rc, "%s: %s", file, strerror(-rc));
}

/* In the job's directory it gets its name when it is complete. */
static int write_usual(struct cu_joblog_taken *c, char path[CU_PATH_MAX + 16], struct cu_error *err)
{
    struct cu_replace replace;
    struct cu_trust_dir dir;
    char in[CU_PATH_MAX];
    int rc = cu_jobdir_open(c->wish.parent, c->job, in, &dir, err), fd;

    if (rc != 0)
        return rc;
    snprintf(path, CU_PATH_MAX + 16, "%s/" NAME, in);
    rc = fd = cu_replace_begin(&replace, dir.fd, NAME);
    if (fd >= 0) {
        rc = copy(c->out, fd);
        if (close(fd) != 0 && rc == 0)
            rc = -errno;
        rc = cu_replace_end(&replace, rc);
    }
    close(dir.fd);
    return rc == 0 ? 0 : cu_error_set(err, rc, "%s: %s", path, cu_trust_file_error(rc));
}

static void say(const struct cu_joblog_taken *c, const char *path)
{
    FILE *out = path ? stdout : stderr;

    cu_cli_say(out, "log: %s%s%" PRIu64 " lines%s", path ? path : "", path ? ", " : "", c->lines,
               c->early || c->left_out > 0 || (c->lacking && c->lacking[0]) ? "" : " of all nodes");
    if (c->left_out > 0)
        cu_cli_say(stderr, "log: %" PRIu64 " more lines are left out: it says where", c->left_out);
    if (c->lacking && c->lacking[0] != '\0')
        cu_cli_say(stderr, "log: no answer from %s", c->lacking);
}

void cu_joblog_keep(struct cu_joblog_taken *taken)
{
    char usual[CU_PATH_MAX + 16];
    const char *file = taken ? taken->wish.file : NULL, *path = file ? file : usual;
    struct cu_error err;
    int rc;

    if (!taken)
        return;
    cu_progress_end();
    if (file && strcmp(file, "-") == 0) {
        path = NULL;
        rc = write_stdout(taken, &err);
    } else {
        rc = file ? write_given(taken, file, &err) : write_usual(taken, usual, &err);
    }
    if (rc != 0)
        cu_cli_say(stderr, "the log is not collected: %s", err.text);
    else
        say(taken, path);
    free_taken(taken);
}
