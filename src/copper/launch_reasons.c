/* SPDX-License-Identifier: BSD-3-Clause */
/* Ten thousand hosts can fail, most of them for one reason: hosts with the same reason, apart from
 * their own names in it, share a line. */
#include "base/hostlist.h"
#include "copper/cli.h"
#include "copper/launch_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES_MAX 20u  /* hosts that have a line each, and groups */
#define LIST_MAX  300u /* bytes of host names in a line */
#define NO_GROUP  255u
#define HOST      "HOST" /* in place of a host's name */

struct groups {
    char *shapes[LINES_MAX]; /* owned */
    size_t counts[LINES_MAX];
    size_t count;
    uint8_t *of; /* by host; owned */
};

/* Replaces the host's name in its reason, where it is a whole word. */
static void make_shape(const char *text, const char *host, char *out, size_t size)
{
    static const char in_names[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    size_t len = strlen(host), n = 0;
    bool begins = true;

    while (*text != '\0' && n + sizeof(HOST) < size) {
        if (begins && strncmp(text, host, len) == 0 &&
            (text[len] == '\0' || !strchr(in_names, text[len]))) {
            memcpy(out + n, HOST, sizeof(HOST) - 1);
            n += sizeof(HOST) - 1;
            text += len;
            begins = false;
            continue;
        }
        begins = !strchr(in_names, *text);
        out[n++] = *text++;
    }
    out[n] = '\0';
}

/* The group of that shape, a new one if there is room, or NO_GROUP. */
static size_t find_group(struct groups *groups, const char *shape)
{
    size_t i = 0;

    while (i < groups->count && strcmp(groups->shapes[i], shape) != 0)
        i++;
    if (i < groups->count)
        return i;
    if (groups->count == LINES_MAX || !(groups->shapes[i] = strdup(shape)))
        return NO_GROUP;
    groups->count++;
    return i;
}

static void print_group(const struct cu_launch *l, const struct groups *groups, size_t group,
                        const char *before)
{
    const struct cu_hosts *all = &l->job->hosts;
    struct cu_hosts some = {.names = calloc(groups->counts[group], sizeof(*some.names))};
    char *list = NULL;

    for (size_t i = 0; some.names && i < all->count; i++)
        if (groups->of[i] == group)
            some.names[some.count++] = all->names[i];
    if (some.names)
        list = cu_hostlist_text(&some, ',');
    cu_cli_say(stderr, "%s%zu host%s (%.*s%s): %s", before, groups->counts[group],
               groups->counts[group] == 1 ? "" : "s", (int)LIST_MAX, list ? list : "?",
               list && strlen(list) > LIST_MAX ? "..." : "", groups->shapes[group]);
    free(list);
    free(some.names); /* the names themselves are the job's */
}

/* False when out of memory. */
static bool print_groups(const struct cu_launch *l, const char *before,
                         cu_launch_reason_fn *reason_of)
{
    struct groups groups = {.of = malloc(l->job->hosts.count)};
    char text[CU_LAUNCH_REASON_MAX], shape[CU_LAUNCH_REASON_MAX];
    size_t rest = 0;

    for (size_t i = 0; groups.of && i < l->job->hosts.count; i++) {
        groups.of[i] = NO_GROUP;
        if (!reason_of(l, i, text, sizeof(text)))
            continue;
        make_shape(text, l->job->hosts.names[i], shape, sizeof(shape));
        groups.of[i] = (uint8_t)find_group(&groups, shape);
        if (groups.of[i] == NO_GROUP)
            rest++;
        else
            groups.counts[groups.of[i]]++;
    }
    for (size_t i = 0; i < groups.count; i++) {
        print_group(l, &groups, i, before);
        free(groups.shapes[i]);
    }
    if (rest > 0)
        cu_cli_say(stderr, "%s%zu more, for other reasons", before[0] != '\0' ? before : "and ",
                   rest);
    if (!groups.of)
        return false;
    free(groups.of);
    return true;
}

size_t cu_launch_print_reasons(const struct cu_launch *l, const char *before,
                               cu_launch_reason_fn *reason_of)
{
    char text[CU_LAUNCH_REASON_MAX];
    size_t count = 0, printed = 0;

    for (size_t i = 0; i < l->job->hosts.count; i++)
        count += reason_of(l, i, text, sizeof(text));
    if (count > LINES_MAX && print_groups(l, before, reason_of))
        return count;
    for (size_t i = 0; i < l->job->hosts.count && printed < LINES_MAX; i++)
        if (reason_of(l, i, text, sizeof(text))) {
            cu_cli_say(stderr, "%s%s: %s", before, l->job->hosts.names[i], text);
            printed++;
        }
    return count;
}
