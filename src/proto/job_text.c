/* SPDX-License-Identifier: BSD-3-Clause */
/* The job as text and back. The text is made by the launcher but read from a pipe or a file, so the
 * decoder checks everything: one pass, line by line, nothing allocated before its length is known
 * to be in the input, each name at most once. The key passes through one buffer, which is wiped,
 * and never into a message. */
#include "base/hostlist.h"
#include "proto/job_options.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_WORD     "copper-job "
#define VERSION_LINE   FIRST_WORD "3"
#define NAME_MAX_SHOWN 32

/* Two passes over one writer: first with size 0 for the length, then into memory of that length; a
 * growing buffer would leave copies of the key behind. */
struct text {
    char *at; /* NULL in the first pass */
    size_t size, len;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(t->at ? t->at + t->len : NULL, t->at ? t->size - t->len : 0, format, args);
    va_end(args);
    if (n > 0)
        t->len += (size_t)n;
}

static void put_hex(struct text *t, const char *name, const uint8_t *bytes, size_t size)
{
    char hex[2 * CU_KEY_BYTES + 1];

    put(t, "%s %s\n", name, sodium_bin2hex(hex, sizeof(hex), bytes, size));
    sodium_memzero(hex, sizeof(hex));
}

/* hosts: the list as text. */
static void put_job(struct text *t, const struct cu_job *job, const char *hosts)
{
    char value[CU_JOB_VALUE_MAX];

    put(t, CU_JOB_SHELL_LINE VERSION_LINE "\n");
    put_hex(t, "id", job->id, sizeof(job->id));
    put_hex(t, "key", job->key, sizeof(job->key));
    for (unsigned i = 0; i < cu_job_option_count(); i++)
        if (cu_job_option_format(i, job, value))
            put(t, "%s %s\n", cu_job_option_name(i), value);
    put(t, "hosts %zu\n%s\n", job->hosts.count, hosts);
}

char *cu_job_encode(const struct cu_job *job)
{
    struct text t = {NULL, 0, 0};
    char *hosts = cu_hostlist_text(&job->hosts, '\n');

    if (!hosts)
        return NULL;
    put_job(&t, job, hosts);
    t.size = t.len + 1;
    t.at = malloc(t.size);
    t.len = 0;
    if (t.at)
        put_job(&t, job, hosts);
    free(hosts);
    return t.at;
}

struct decoder {
    const char *at, *end;
    struct cu_job *job;
    struct cu_error *err;
    unsigned line;
    uint64_t seen; /* bit per option */
    bool seen_id, seen_key;
    char value[CU_JOB_VALUE_MAX]; /* of the line at hand; may hold the key */
};

static int refuse(const struct decoder *d, const char *why)
{
    return cu_error_set(d->err, -EINVAL, "job description, line %u: %s", d->line, why);
}

/* Next line without its newline; every line has one. NULL when there is none, refused already. */
static const char *take_line(struct decoder *d, size_t *len)
{
    size_t left = (size_t)(d->end - d->at);
    const char *line = d->at;
    const char *newline = left > 0 ? memchr(line, '\n', left) : NULL;

    d->line++;
    *len = 0;
    if (!newline) {
        (void)refuse(d, left > 0 ? "is cut off" : "the text ends too early");
        return NULL;
    }
    *len = (size_t)(newline - line);
    d->at = newline + 1;
    return line;
}

static int take_hex(struct decoder *d, bool *seen, uint8_t *bytes, size_t size)
{
    if (*seen)
        return refuse(d, "id or key is there twice");
    *seen = true;
    if (strlen(d->value) != 2 * size)
        return refuse(d, "id or key has the wrong length; allowed are 32 and 64 hex digits");
    /* sodium's digits may be upper-case, and ours not: there is one text for a job. */
    if (strspn(d->value, "0123456789abcdef") != 2 * size ||
        sodium_hex2bin(bytes, size, d->value, 2 * size, NULL, NULL, NULL) != 0)
        return refuse(d, "id or key is not of hex digits (0-9, a-f)");
    return 0;
}

static int take_option(struct decoder *d, const char *name, size_t len)
{
    char label[96];
    int i = cu_job_option_find(name, len);

    if (i < 0) {
        /* a damaged text may have the key in the place of a name */
        bool shown = len <= NAME_MAX_SHOWN;

        for (size_t k = 0; k < len && shown; k++)
            shown = (name[k] >= 'a' && name[k] <= 'z') || name[k] == '_';
        return cu_error_set(d->err, -EINVAL, "job description, line %u: unknown name%s%.*s%s",
                            d->line, shown ? " \"" : "", shown ? (int)len : 0, name,
                            shown ? "\"" : "");
    }
    snprintf(label, sizeof(label), "job description, line %u: %s", d->line, cu_job_option_name(i));
    if (d->seen >> i & 1)
        return cu_error_set(d->err, -EINVAL, "%s: is there twice", label);
    d->seen |= UINT64_C(1) << i;
    return cu_job_set(d->job, cu_job_option_name(i), d->value, label, d->err);
}

/* All lines up to "hosts N". */
static int take_fields(struct decoder *d, uint64_t *host_count)
{
    for (;;) {
        size_t len, name_len;
        const char *line = take_line(d, &len), *space;
        int rc;

        if (!line)
            return -EINVAL;
        space = memchr(line, ' ', len);
        if (!space || space == line)
            return refuse(d, "is not \"name value\"");
        name_len = (size_t)(space - line);
        len -= name_len + 1;
        if (len >= sizeof(d->value))
            return refuse(d, "value is too long");
        memcpy(d->value, space + 1, len);
        d->value[len] = '\0';
        if (name_len == 5 && memcmp(line, "hosts", 5) == 0) {
            if (cu_parse_u64(d->value, 1, CU_HOSTS_MAX, host_count) != 0)
                return refuse(d, "hosts: allowed is 1 to 100000");
            return 0;
        }
        if (name_len == 2 && memcmp(line, "id", 2) == 0)
            rc = take_hex(d, &d->seen_id, d->job->id, CU_JOB_ID_BYTES);
        else if (name_len == 3 && memcmp(line, "key", 3) == 0)
            rc = take_hex(d, &d->seen_key, d->job->key, CU_KEY_BYTES);
        else
            rc = take_option(d, line, name_len);
        if (rc != 0)
            return rc;
    }
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Rank order is as given; only a sorted copy can show a repeat in reasonable time. */
static int refuse_repeats(struct decoder *d, const struct cu_hosts *hosts)
{
    char **sorted = malloc(hosts->count * sizeof(*sorted));
    int rc = 0;

    if (!sorted)
        return cu_error_set(d->err, -ENOMEM, "job description: out of memory");
    memcpy(sorted, hosts->names, hosts->count * sizeof(*sorted));
    qsort(sorted, hosts->count, sizeof(*sorted), compare_strings);
    for (size_t i = 1; i < hosts->count && rc == 0; i++)
        if (strcmp(sorted[i - 1], sorted[i]) == 0)
            rc =
                cu_error_set(d->err, -EINVAL, "job description: host %s is there twice", sorted[i]);
    free(sorted);
    return rc;
}

static int take_hosts(struct decoder *d, uint64_t count)
{
    struct cu_hosts *hosts = &d->job->hosts;

    hosts->names = count > 0 ? calloc((size_t)count, sizeof(*hosts->names)) : NULL;
    if (!hosts->names)
        return cu_error_set(d->err, -ENOMEM, "job description: out of memory");
    while (hosts->count < count) {
        size_t len;
        const char *line = take_line(d, &len);
        int rc;

        if (!line)
            return -EINVAL;
        rc = cu_hostlist_append(hosts, (size_t)count, line, len);
        if (rc == -ENOMEM)
            return cu_error_set(d->err, rc, "job description: out of memory");
        if (rc != 0)
            return refuse(d, "is no list of hosts, or of too many");
    }
    if (d->at != d->end)
        return refuse(d, "there is text behind the last host");
    return refuse_repeats(d, hosts);
}

/* Both lines, so that a text of another version, or without its beginning, is told by its line. */
static int take_head(struct decoder *d)
{
    size_t len;
    const char *line = take_line(d, &len);

    if (line && (len + 1 != strlen(CU_JOB_SHELL_LINE) || memcmp(line, CU_JOB_SHELL_LINE, len) != 0))
        return refuse(d, "is not \"exit 93\": not a job of this version of Copper");
    if (line)
        line = take_line(d, &len);
    if (line && (len != strlen(VERSION_LINE) || memcmp(line, VERSION_LINE, len) != 0))
        return refuse(d, "is not \"" VERSION_LINE "\": not a job of this version of Copper");
    return line ? 0 : -EINVAL;
}

static int decode(struct decoder *d)
{
    uint64_t host_count = 0;
    int rc = take_head(d);

    if (rc == 0)
        rc = take_fields(d, &host_count);
    if (rc != 0)
        return rc;
    if (!d->seen_id || !d->seen_key || !d->job->mount_dir || !d->job->log_dir)
        return refuse(d, "id, key, mount or log_dir is missing");
    return take_hosts(d, host_count);
}

bool cu_job_begins(const char *text, size_t size)
{
    static const char begin[] = CU_JOB_SHELL_LINE FIRST_WORD;

    return size >= strlen(begin) && memcmp(text, begin, strlen(begin)) == 0;
}

int cu_job_set_constants(struct cu_job *job)
{
    memset(job, 0, sizeof(*job));
    job->log_level = 6;
    job->log_to_file = true;
    job->trees = 1;
    job->max_cacheable_bytes = UINT64_C(10) << 20;
    job->ready_timeout_s = 20;
    job->enoent_ttl_ms = 2000;
    job->top_paths = 10;
    job->storage_rate = UINT64_C(4) << 30;
    job->network = strdup("tcp");
    return job->network ? 0 : -ENOMEM;
}

int cu_job_decode(const char *text, size_t size, struct cu_job *job, struct cu_error *err)
{
    struct decoder d = {.at = text, .end = text + size, .job = job, .err = err};
    int rc = cu_job_set_constants(job);

    if (rc != 0)
        rc = cu_error_set(err, rc, "job description: out of memory");
    else if (size > CU_JOB_TEXT_MAX)
        rc = cu_error_set(err, -EINVAL, "job description: has %zu bytes; allowed are %u", size,
                          CU_JOB_TEXT_MAX);
    else if (size > 0 && memchr(text, '\0', size))
        rc = cu_error_set(err, -EINVAL, "job description: has a NUL byte");
    else
        rc = decode(&d);
    explicit_bzero(d.value, sizeof(d.value));
    if (rc != 0)
        cu_job_free(job);
    return rc;
}
