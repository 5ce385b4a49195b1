/* SPDX-License-Identifier: BSD-3-Clause */
/* Host lists, whatever wrote them: a person, Slurm (brackets), PBS (one line a slot, so a node
 * repeats a hundred times) or a machine file of some MPI. The result is the rank order of the job,
 * so it must not depend on the order of the input. Names are used as arguments of ssh and in file
 * names, so only plain host names and addresses are accepted. */
#include "base/error.h"
#include "base/hostlist.h"
#include "base/parse.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names are gathered with repeats up to here, then compacted: linear in the size of a PBS file. */
#define GATHER_MAX       ((size_t)2 * CU_HOSTS_MAX)
#define RANGE_DIGITS_MAX 9
#define SHOWN            64 /* bytes of a word in an error */

struct gather {
    struct cu_hosts *hosts;
    size_t capacity;
    bool as_given; /* order and repeats stay, and there is no more room than that */
    struct cu_error *err;
    unsigned line;
    const char *word; /* for errors */
    int word_len;
};

static bool is_name_byte(char c)
{
    return isalnum((unsigned char)c) || c == '.' || c == '-' || c == '_';
}

/* An IPv6 address into its usual form, with which those of interfaces are compared. */
static bool make_address(const char *text, size_t len, char out[INET6_ADDRSTRLEN])
{
    char given[INET6_ADDRSTRLEN];
    struct in6_addr address;

    if (len >= sizeof(given) || !memchr(text, ':', len))
        return false;
    memcpy(given, text, len);
    given[len] = '\0';
    return inet_pton(AF_INET6, given, &address) == 1 &&
           inet_ntop(AF_INET6, &address, out, INET6_ADDRSTRLEN);
}

bool cu_parse_is_host(const char *name, size_t len)
{
    char address[INET6_ADDRSTRLEN];

    if (make_address(name, len, address))
        return true;
    if (len == 0 || len > CU_HOST_NAME_MAX || name[0] == '-' || name[0] == '.')
        return false;
    for (size_t i = 0; i < len; i++)
        if (!is_name_byte(name[i]))
            return false;
    return true;
}

static int refuse(const struct gather *g, const char *why)
{
    char shown[CU_TEXT_BYTES(SHOWN)];

    cu_text_line(shown, sizeof(shown), g->word,
                 (size_t)(g->word_len < SHOWN ? g->word_len : SHOWN));
    return cu_error_set(g->err, -EINVAL, "host list, line %u: \"%s%s\" %s", g->line, shown,
                        g->word_len > SHOWN ? "..." : "", why);
}

static int compare_names(const void *a, const void *b)
{
    const char *p = *(char *const *)a, *q = *(char *const *)b;
    int order = cu_parse_natural_compare(p, q);

    return order != 0 ? order : strcmp(q, p); /* in small letters first */
}

static void sort_unique(struct cu_hosts *hosts)
{
    size_t kept = 0;

    if (hosts->count == 0)
        return;
    qsort(hosts->names, hosts->count, sizeof(*hosts->names), compare_names);
    for (size_t i = 1; i < hosts->count; i++) {
        if (cu_parse_natural_compare(hosts->names[kept], hosts->names[i]) == 0)
            free(hosts->names[i]);
        else
            hosts->names[++kept] = hosts->names[i];
    }
    hosts->count = kept + 1;
}

static char *copy_name(const char *name, size_t len)
{
    char *copy = malloc(len + 1);

    if (copy) {
        memcpy(copy, name, len);
        copy[len] = '\0';
    }
    return copy;
}

static int make_room(struct gather *g)
{
    struct cu_hosts *hosts = g->hosts;
    size_t capacity = g->capacity > 0 ? g->capacity * 2 : 64;
    char **names;

    if (hosts->count < g->capacity)
        return 0;
    if (g->as_given)
        return refuse(g, "makes too many hosts");
    if (hosts->count == GATHER_MAX) {
        sort_unique(hosts);
        return hosts->count > CU_HOSTS_MAX ? refuse(g, "makes more than 100000 hosts") : 0;
    }
    if (capacity > GATHER_MAX)
        capacity = GATHER_MAX;
    names = realloc(hosts->names, capacity * sizeof(*names));
    if (!names)
        return cu_error_set(g->err, -ENOMEM, "out of memory for the host list");
    hosts->names = names;
    g->capacity = capacity;
    return 0;
}

static int add_name(struct gather *g, const char *name, size_t len)
{
    struct cu_hosts *hosts = g->hosts;
    const char *last = hosts->count > 0 ? hosts->names[hosts->count - 1] : NULL;
    char address[INET6_ADDRSTRLEN];
    int rc;

    if (!cu_parse_is_host(name, len))
        return refuse(g, "is not a host name; allowed are letters, digits, '.', '-' and '_', and "
                         "IPv6 addresses");
    if (make_address(name, len, address)) {
        if (strncmp(address, "fe80:", 5) == 0)
            return refuse(g, "is an address of one link only, which the other hosts do not reach");
        name = address;
        len = strlen(address);
    }
    if (!g->as_given && last && strncmp(last, name, len) == 0 && last[len] == '\0')
        return 0;
    rc = make_room(g);
    if (rc != 0)
        return rc;
    hosts->names[hosts->count] = copy_name(name, len);
    if (!hosts->names[hosts->count])
        return cu_error_set(g->err, -ENOMEM, "out of memory for the host list");
    hosts->count++;
    return 0;
}

struct range {
    unsigned long first, last;
    int width; /* of a number written with leading zeros, else 1 */
};

static int take_number(const char **at, const char *end, unsigned long *value)
{
    const char *p = *at;
    unsigned long v = 0;

    while (p < end && isdigit((unsigned char)*p) && p - *at < RANGE_DIGITS_MAX)
        v = v * 10 + (unsigned long)(*p++ - '0');
    if (p == *at)
        return -EINVAL;
    *at = p;
    *value = v;
    return 0;
}

/* "N" or "N-M" in brackets; *at is moved behind it and behind a ','. */
static int take_range(const char **at, const char *end, struct range *range)
{
    const char *start = *at;

    if (take_number(at, end, &range->first) != 0)
        return -EINVAL;
    range->width = *start == '0' ? (int)(*at - start) : 1;
    range->last = range->first;
    if (*at < end && **at == '-') {
        (*at)++;
        if (take_number(at, end, &range->last) != 0)
            return -EINVAL;
    }
    if (*at < end) {
        if (**at != ',' || *at + 1 == end)
            return -EINVAL;
        (*at)++;
    }
    return range->first <= range->last ? 0 : -EINVAL;
}

/* name[0..len) is what is expanded so far, rest[0..rest_len) what is not. Each level adds a digit
 * to the name, so the depth is bounded by the length of a name. */
static int expand(struct gather *g, char name[CU_HOST_NAME_MAX + 1], size_t len, const char *rest,
                  size_t rest_len)
{
    const char *open = memchr(rest, '[', rest_len);
    size_t plain = open ? (size_t)(open - rest) : rest_len;
    const char *close, *at;

    if (len + plain > CU_HOST_NAME_MAX)
        return refuse(g, "is too long for a host name");
    memcpy(name + len, rest, plain);
    len += plain;
    if (!open)
        return add_name(g, name, len);
    close = memchr(open, ']', rest_len - plain);
    if (!close || close == open + 1)
        return refuse(g, "has a '[' without its list");
    for (at = open + 1; at < close;) {
        struct range range;

        if (take_range(&at, close, &range) != 0)
            return refuse(g, "has no list of numbers in its brackets, as in node[01-16,20]");
        for (unsigned long i = range.first; i <= range.last; i++) {
            char number[24];
            int n = snprintf(number, sizeof(number), "%0*lu", range.width, i);
            int rc;

            if (len + (size_t)n > CU_HOST_NAME_MAX)
                return refuse(g, "is too long for a host name");
            memcpy(name + len, number, (size_t)n);
            rc = expand(g, name, len + (size_t)n, close + 1, rest_len - (size_t)(close + 1 - rest));
            if (rc != 0)
                return rc;
        }
    }
    return 0;
}

/* Is at[0..len) ":N"? */
static bool is_slots(const char *at, size_t len)
{
    for (size_t i = 1; i < len; i++)
        if (!isdigit((unsigned char)at[i]))
            return false;
    return len > 1 && at[0] == ':';
}

/* "node1", "node1:4", "node[1-3]:4", "2001:db8::1", "[2001:db8::1]:4". */
static int take_host_word(struct gather *g)
{
    char name[CU_HOST_NAME_MAX + 1];
    size_t len = (size_t)g->word_len, rest;
    const char *word = g->word, *colon = memchr(word, ':', len);
    const char *close = word[0] == '[' ? memchr(word, ']', len) : NULL;

    if (close && memchr(word, ':', (size_t)(close - word))) { /* no list of numbers */
        rest = len - (size_t)(close + 1 - word);
        if (rest > 0 && !is_slots(close + 1, rest))
            return refuse(g, "has no number of slots behind the ']'");
        return add_name(g, word + 1, (size_t)(close - word) - 1);
    }
    rest = colon ? len - (size_t)(colon - word) : 0;
    if (rest > 1 && memchr(colon + 1, ':', rest - 1)) /* two of them: an address */
        return expand(g, name, 0, word, len);
    if (colon && !is_slots(colon, rest))
        return refuse(g, "has no number of slots behind the ':'");
    return expand(g, name, 0, word, len - rest);
}

/* Length of the word at p: up to a blank or a comma, which are part of the word in brackets. */
static size_t word_length(const char *p, size_t size)
{
    bool in_brackets = false;
    size_t n;

    for (n = 0; n < size; n++) {
        if (p[n] == '[')
            in_brackets = true;
        else if (p[n] == ']')
            in_brackets = false;
        else if (isspace((unsigned char)p[n]) || (p[n] == ',' && !in_brackets))
            break;
    }
    return n;
}

static int take_line(struct gather *g, const char *line, size_t size)
{
    bool have_host = false;

    for (size_t at = 0; at < size;) {
        int rc;

        if (isspace((unsigned char)line[at]) || line[at] == ',') {
            at++;
            continue;
        }
        g->word = line + at;
        g->word_len = (int)word_length(line + at, size - at);
        at += (size_t)g->word_len;
        /* "slots=2", "binding=user:0,1" belong to the host before them */
        if (have_host && isalpha((unsigned char)*g->word) &&
            memchr(g->word, '=', (size_t)g->word_len)) {
            while (at < size && !isspace((unsigned char)line[at]))
                at++;
            continue;
        }
        rc = take_host_word(g);
        if (rc != 0)
            return rc;
        have_host = true;
    }
    return 0;
}

int cu_parse_hosts(const char *text, size_t size, struct cu_hosts *hosts, struct cu_error *err)
{
    struct gather g = {.hosts = hosts, .err = err};
    size_t mark = cu_text_mark(text, size);
    int rc = 0;

    memset(hosts, 0, sizeof(*hosts));
    if (size > INT32_MAX)
        return cu_error_set(err, -EINVAL, "host list: over 2 GiB");
    text += mark;
    size -= mark;
    while (size > 0 && rc == 0) {
        const char *end = memchr(text, '\n', size);
        size_t line = end ? (size_t)(end - text) : size;
        const char *comment = memchr(text, '#', line);

        g.line++;
        rc = take_line(&g, text, comment ? (size_t)(comment - text) : line);
        line += end != NULL;
        text += line;
        size -= line;
    }
    if (rc == 0) {
        sort_unique(hosts);
        if (hosts->count > CU_HOSTS_MAX)
            rc = refuse(&g, "makes more than 100000 hosts");
    }
    if (rc != 0)
        cu_parse_hosts_free(hosts);
    return rc;
}

int cu_hostlist_append(struct cu_hosts *hosts, size_t count_max, const char *word, size_t len)
{
    char name[CU_HOST_NAME_MAX + 1];
    struct gather g = {.hosts = hosts, .capacity = count_max, .as_given = true, .word = word};

    return expand(&g, name, 0, word, len);
}

void cu_parse_hosts_free(struct cu_hosts *hosts)
{
    for (size_t i = 0; i < hosts->count; i++)
        free(hosts->names[i]);
    free(hosts->names);
    memset(hosts, 0, sizeof(*hosts));
}
