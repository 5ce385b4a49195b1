/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages about a launch: which hosts are not ready, and why, as far as known. */
#include "base/hostlist.h"
#include "copper/cli.h"
#include "copper/launch_state.h"
#include "copper/shell_quote.h"
#include "host/clock.h"
#include "host/lock.h"
#include "host/rundir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HINT_MAX 400u /* bytes of host names in a command that is shown */

/* Has the launcher ended without a word about any host? */
static bool says_nothing(const struct cu_launch *l)
{
    if (l->launcher.fd >= 0 || l->interrupted != 0)
        return false;
    for (size_t i = 0; i < l->job->hosts.count; i++)
        if (l->launcher.of[i].tried)
            return false;
    return true;
}

/* Writes why this node is not ready into out; false when no reason is known. */
static bool reason_of(const struct cu_launch *l, size_t i, char *out, size_t size)
{
    const struct cu_launcher_host *s = &l->launcher.of[i];
    const struct cu_launch_found *found = l->found ? &l->found[i] : NULL;

    if (s->state == CU_LAUNCHER_FAILED) {
        snprintf(out, size, "%s", s->text ? s->text : "its starter failed");
        return true;
    }
    if (!cu_launcher_tried(&l->launcher, i) || says_nothing(l))
        return false; /* all of them are one line */
    if (s->state == CU_LAUNCHER_RUNS && !l->launcher.stay && l->fail_ms == 0) {
        snprintf(out, size, "no answer from %s",
                 getenv("COPPER_LAUNCHER") ? getenv("COPPER_LAUNCHER") : "rsh");
        return true;
    }
    if (found && found->text[0] != '\0') {
        snprintf(out, size, "%s", found->text);
        return true;
    }
    if (found && found->excused)
        return false;
    if (cu_launch_is_missing(l, i) ||
        (i == 0 && !l->not_ready && !l->asked && l->launcher.failed == 0)) {
        const char *why = s->text;

        if (!why && i == 0 && !l->not_ready)
            why = l->last.text;
        if (l->unreached_ms != 0 && why == l->last.text && strchr(l->job->network, ':')) {
            snprintf(out, size,
                     "runs, but is not reached from this host: %s (with -n %s it listens on that "
                     "network only, and the launch host must be there, too)",
                     why, l->job->network);
            return true;
        }
        snprintf(out, size, "did not join: %s",
                 why && why[0] != '\0' ? why : "it runs, but did not report to its parent");
        return true;
    }
    return false;
}

/* The hosts with that mark, short, as far as a line goes. New text, NULL when out of memory. */
static char *list_of(const struct cu_launch *l, bool (*is)(const struct cu_launch *l, size_t i),
                     size_t *count)
{
    const struct cu_hosts *all = &l->job->hosts;
    struct cu_hosts some = {.names = calloc(all->count, sizeof(*some.names))};
    char *text;

    *count = 0;
    if (!some.names)
        return NULL;
    for (size_t i = 0; i < all->count; i++)
        if (is(l, i))
            some.names[some.count++] = all->names[i];
    *count = some.count;
    text = cu_hostlist_text(&some, ',');
    free(some.names); /* the names themselves are the job's */
    return text;
}

static bool is_untried(const struct cu_launch *l, size_t i)
{
    return !cu_launcher_tried(&l->launcher, i);
}

static bool is_left_out(const struct cu_launch *l, size_t i)
{
    return l->left_out && l->left_out[i];
}

static bool is_up(const struct cu_launch *l, size_t i)
{
    return !is_left_out(l, i);
}

static void print_untried(const struct cu_launch *l)
{
    size_t count;
    char *list = list_of(l, is_untried, &count);

    if (count > 0)
        cu_cli_say(stderr, "%zu host%s not tried yet: %.300s%s", count,
                   count == 1 ? " was" : "s were", list ? list : "?",
                   list && strlen(list) > 300 ? "..." : "");
    free(list);
}

static bool is_taken(const struct cu_launch *l, size_t i)
{
    const struct cu_launcher_host *s = &l->launcher.of[i];

    return s->state == CU_LAUNCHER_FAILED && s->text && strstr(s->text, CU_LOCK_TAKEN);
}

/* The job that has the mount there is not known here, so a plain stop_copper.sh would find nothing.
 * Says the command that stops it, as it can be given to a shell. */
static void print_taken(const struct cu_launch *l)
{
    char usual[CU_PATH_MAX];
    size_t count;
    char *list = list_of(l, is_taken, &count);
    char *hosts = list && strlen(list) <= HINT_MAX ? cu_shell_quote(list) : NULL;
    char *mount = cu_shell_quote(l->job->mount_dir);
    bool is_usual =
        cu_rundir_default_mount(getuid(), usual) == 0 && strcmp(usual, l->job->mount_dir) == 0;

    if (count > 0 && mount)
        cu_cli_say(stderr,
                   "another job has the mount on %zu host%s; choose another mount with -v, or stop "
                   "it there: stop_copper.sh --all%s%s -H %s",
                   count, count == 1 ? "" : "s", is_usual ? "" : " -v ", is_usual ? "" : mount,
                   hosts ? hosts : "HOSTS");
    free(list);
    free(hosts);
    free(mount);
}

/* When no daemon at all is reached from here. */
static bool print_unreachable(const struct cu_launch *l)
{
    const struct cu_launch_found *root = l->found;

    if (!root || !root->looked || root->answers || root->text[0] != '\0')
        return false;
    cu_cli_say(stderr, "this host reaches no daemon of the job: %s", root->at);
    return true;
}

static void print_reasons(const struct cu_launch *l)
{
    size_t missing = cu_launch_print_reasons(l, "", reason_of), waiting = 0;

    for (size_t i = 0; i < l->job->hosts.count; i++)
        waiting += l->found && l->found[i].excused && cu_launch_is_missing(l, i);
    if (missing > 0 && waiting > 0)
        cu_cli_say(stderr, "%zu node%s below could not join", waiting, waiting == 1 ? "" : "s");
    print_untried(l);
    print_taken(l);
    if (says_nothing(l) && !l->launcher.text)
        cu_cli_say(stderr, "%s has ended without a word about any host",
                   getenv("COPPER_LAUNCHER") ? getenv("COPPER_LAUNCHER") : "the launcher");
    else if (l->launcher.text)
        cu_cli_say(stderr, "%s", l->launcher.text);
    else if (missing == 0 && !print_unreachable(l))
        cu_cli_say(stderr, "%s", l->last.text[0] != '\0' ? l->last.text : "no node has answered");
}

void cu_launch_print_failure(const struct cu_launch *l)
{
    double seconds = (double)(cu_clock_ms() - l->start_ms) / 1000;

    if (l->job->hosts.count == 1)
        cu_cli_say(stderr, "the node is not ready after %.1f s:", seconds);
    else
        cu_cli_say(stderr, "not all of %zu nodes are ready after %.1f s:", l->job->hosts.count,
                   seconds);
    print_reasons(l);
}

static void print_list(const char *what, const struct cu_launch *l,
                       bool (*is)(const struct cu_launch *l, size_t i))
{
    size_t count;
    char *list = list_of(l, is, &count);

    if (list)
        printf("copper: %s: %s\n", what,
               list); /* of letters, digits, '.', '-', '_', and brackets */
    free(list);
}

/* Data that takes a slow network, and a cache that is less than was asked for, are told by the node
 * at which all of it begins. */
static void print_notes(const struct cu_launch *l)
{
    const char *memory = json_string_value(json_object_get(l->answer, "memory_note"));
    const char *note = json_string_value(json_object_get(l->answer, "network_note"));

    if (note)
        cu_cli_say(stderr, "%s: network: %s; %s", cu_cli_text(l->answer, "host"),
                   cu_cli_text(l->answer, "network"), note);
    if (memory)
        cu_cli_say(stderr, "%s: memory: %s", cu_cli_text(l->answer, "host"), memory);
}

static bool reason_left_out(const struct cu_launch *l, size_t i, char *out, size_t size)
{
    if (!is_left_out(l, i))
        return false;
    if (!reason_of(l, i, out, size))
        snprintf(out, size, "it was not ready in time");
    return true;
}

void cu_launch_print_success(const struct cu_launch *l)
{
    double seconds = (double)(cu_clock_ms() - l->start_ms) / 1000;
    size_t count = l->job->hosts.count;

    print_notes(l);
    if (l->left_out_count == 0) {
        cu_cli_say(stdout, "%zu node%s ready at %s in %.2f s", count, count == 1 ? "" : "s",
                   l->job->mount_dir, seconds);
        return;
    }
    cu_cli_say(stdout, "%zu of %zu nodes ready at %s in %.2f s", count - l->left_out_count, count,
               l->job->mount_dir, seconds);
    print_list("up", l, is_up);
    print_list("missing", l, is_left_out);
    cu_launch_print_reasons(l, "went on without ", reason_left_out);
    print_taken(l);
}
