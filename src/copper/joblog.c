/* SPDX-License-Identifier: BSD-3-Clause */
/* The log comes page by page, each merged in the tree, and is written as it comes: no node and not
 * this process holds more than some pages, whatever the length of the log. What is not there is
 * said in the file, at its place: lines that a node did not keep (their numbers lack), nodes that
 * do not answer, and what comes behind the end when the time is over. */
#include "copper/joblog.h"

#include "base/path.h"
#include "base/text.h"
#include "control/logged.h"
#include "copper/cli.h"
#include "copper/jobdir.h"
#include "copper/progress.h"
#include "host/clock.h"
#include "host/logline.h"
#include "host/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define PAGE_MS 15000 /* more than a daemon takes, whoever is silent */
#define ALL_MS  60000
#define NAME    "job.log"

struct collector {
    struct cu_client *client;
    const struct cu_joblog *wish;
    struct utsname self;
    FILE *out;
    struct cu_trust_dir dir; /* fd -1: out is not in the job's directory */
    char path[CU_PATH_MAX + 16], next[64];
    uint32_t *last; /* owned: number of the last line of each rank */
    size_t ranks;
    struct cu_logpage_at at; /* of the last line */
    uint64_t lines, left_out;
    char *lacking; /* owned: nodes of which the last page knew nothing, "": none */
};

/* A line of this process. */
static void note(struct collector *c, const char *text, uint64_t lost)
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

static int open_file(struct collector *c, const char *job, struct cu_error *err)
{
    const char *file = c->wish->file;
    int fd;

    if (file && strcmp(file, "-") == 0) {
        c->out = stdout;
        return 0;
    }
    if (file) {
        snprintf(c->path, sizeof(c->path), "%s", file);
        fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600);
        if (fd < 0)
            return cu_error_set(err, -errno, "%s: %s", file, strerror(errno));
    } else {
        char dir[CU_PATH_MAX];
        int rc = cu_jobdir_open(c->wish->parent, job, dir, &c->dir, err);

        if (rc != 0)
            return rc;
        snprintf(c->path, sizeof(c->path), "%s/" NAME, dir);
        snprintf(c->next, sizeof(c->next), "." NAME ".%ld", (long)getpid());
        fd = cu_trust_open_file(c->dir.fd, c->next, CU_TRUST_REPLACE);
        if (fd < 0)
            return cu_error_set(err, fd, "%s: %s", c->path, cu_trust_file_error(fd));
    }
    c->out = fdopen(fd, "w");
    if (c->out)
        return 0;
    close(fd);
    return cu_error_set(err, -ENOMEM, "out of memory");
}

/* Closes the file, which gets its name when it is complete. -errno with err. */
static int close_file(struct collector *c, int rc, struct cu_error *err)
{
    errno = 0;
    if (c->out && (fflush(c->out) != 0 || ferror(c->out)) && rc == 0)
        rc = cu_error_set(err, errno != 0 ? -errno : -EIO, "%s: %s",
                          c->out == stdout ? "standard output" : c->path,
                          strerror(errno != 0 ? errno : EIO));
    if (c->out && c->out != stdout)
        fclose(c->out);
    if (c->dir.fd < 0)
        return rc;
    if (rc == 0 && renameat(c->dir.fd, c->next, c->dir.fd, NAME) != 0)
        rc = cu_error_set(err, -errno, "%s: %s", c->path, strerror(errno));
    if (rc != 0)
        unlinkat(c->dir.fd, c->next, 0);
    close(c->dir.fd);
    return rc;
}

/* The lines of that rank between its last one and this one are not there: said with this line's
 * time and node. */
static int count_gap(struct collector *c, const struct cu_logpage_at *at, const char *line)
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
static void note_silent(struct collector *c, const json_t *result)
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

/* Lines of other nodes may be anything; here they are lines. */
static int write_page(struct collector *c, const struct cu_logpage *page)
{
    for (size_t i = 0; i < cu_logpage_count(page); i++) {
        char line[CU_TEXT_BYTES(CU_LOGPAGE_LINE_MAX)];
        struct cu_logpage_at at;
        size_t len;
        const char *bytes = cu_logpage_line(page, i, &at, &len);
        int rc;

        if (cu_logpage_compare(&at, &c->at) <= 0)
            return -EBADMSG;
        cu_text_line(line, sizeof(line), bytes, len);
        rc = count_gap(c, &at, line);
        if (rc != 0)
            return rc;
        fprintf(c->out, "%s\n", line);
        c->at = at;
        c->lines++;
    }
    return ferror(c->out) ? -EIO : 0;
}

/* The next page. 1: and there is more; 0: that was all, or there is no log to collect; -errno with
 * err. */
static int take_page(struct collector *c, uint64_t *left, struct cu_error *err)
{
    json_t *request = json_pack("{s:s, s:b, s:b}", "op", "log", "all", 1, "asked", c->wish->asked);
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
    if (rc == 0 && !c->out)
        rc = open_file(c, cu_cli_text(result, "job"), err);
    if (rc != 0)
        goto out;
    note_silent(c, result);
    rc = write_page(c, page);
    if (rc == -EIO)
        rc = 0; /* is told when the file is closed */
    else if (rc != 0)
        cu_error_set(err, rc, "%s: sends a log that is none", c->client->name);
    *left = cu_logpage_left(page);
    if (rc == 0)
        rc = *left > 0 && cu_logpage_count(page) > 0 && !ferror(c->out);
out:
    cu_logpage_free(page);
    json_decref(result);
    json_decref(request);
    return rc;
}

static void say(const struct collector *c)
{
    FILE *out = c->out == stdout ? stderr : stdout;

    cu_cli_say(out, "log: %s%s%" PRIu64 " lines%s", c->out == stdout ? "" : c->path,
               c->out == stdout ? "" : ", ", c->lines,
               c->left_out == 0 && !(c->lacking && c->lacking[0]) ? " of all nodes" : "");
    if (c->left_out > 0)
        cu_cli_say(stderr, "log: %" PRIu64 " more lines are left out: it says where", c->left_out);
    if (c->lacking && c->lacking[0] != '\0')
        cu_cli_say(stderr, "log: no answer from %s", c->lacking);
}

void cu_joblog_keep(struct cu_client *client, const struct cu_joblog *wish)
{
    struct collector c = {.client = client, .wish = wish, .dir = {.fd = -1}};
    int64_t deadline_ms = cu_clock_ms() + ALL_MS;
    struct cu_error err = {""};
    uint64_t left = 0;
    int rc;

    uname(&c.self);
    do {
        rc = take_page(&c, &left, &err);
    } while (rc > 0 && cu_clock_ms() < deadline_ms);
    if (!c.out && rc == 0)
        return; /* nothing to collect */
    cu_progress_end();
    if (c.out && rc < 0) {
        note(&c, err.text, 0);
        cu_cli_say(stderr, "the log ends early: %s", err.text);
        rc = 0; /* what is there is kept */
    } else if (c.out && left > 0) {
        note(&c, "the log ends here: the time for it was over", left);
        c.left_out += left;
    }
    rc = close_file(&c, rc > 0 ? 0 : rc, &err);
    if (rc != 0)
        cu_cli_say(stderr, "the log is not collected: %s", err.text);
    else if (c.out)
        say(&c);
    cu_progress_begin("stopping");
    free(c.last);
    free(c.lacking);
}
