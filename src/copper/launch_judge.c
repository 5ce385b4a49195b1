/* SPDX-License-Identifier: BSD-3-Clause */
/* Which host is at fault when nodes do not join, by what was found about each. A node that runs and
 * has no parent does not know whether the fault is its own. So each daemon tells whom it does not
 * reach, and it is compared with what this host reaches: a daemon that this host does not reach, or
 * none of the nodes below it, is named; those that wait for it are not.
 *
 * Silence of the launcher proves nothing: on a busy host its command takes long. It is told where
 * nothing else is known. */
#include "copper/cli.h"
#include "copper/launch_state.h"

#include <stdio.h>

#define WAITS                                                                                      \
    "still waits for its recipe (--learn-wait): with a larger -s it has more time, without "       \
    "--learn-wait it is ready at once"

/* Was it heard what its daemon says, or why it says nothing? */
static bool is_known(const struct cu_launch_found *host)
{
    return host->looked && !host->silent;
}

/* The host that was asked last over the network, and was not reached. */
static bool is_unreached(const struct cu_launch *l, size_t i)
{
    return l->unreached_host == i && l->unreached_at[0] != '\0';
}

/* Neither this host reaches it, or no node below it has. */
static bool is_at_fault(const struct cu_launch *l, size_t i)
{
    const struct cu_launch_found *host = &l->found[i];

    if (is_known(host))
        return !host->answers || (host->accusers > 0 && !host->serves);
    return host->accusers > 0 && is_unreached(l, i);
}

/* Host i is at fault. accuser: one of those that do not reach it, or NULL. A daemon that has
 * answered through the launcher can be one that this host does not reach. */
static void say_fault(struct cu_launch *l, size_t i, const char *accuser, const char *at)
{
    struct cu_launch_found *host = &l->found[i];
    bool here = is_known(host) && !host->answers;
    char from[200] = "this host";

    if (!here && is_unreached(l, i)) {
        here = true;
        at = l->unreached_at;
    }
    if (!here && host->accusers == 1)
        snprintf(from, sizeof(from), "%.150s", accuser);
    else if (!here)
        snprintf(from, sizeof(from), "%u nodes", host->accusers);
    else if (host->accusers > 0)
        snprintf(from, sizeof(from), "this host and %u node%s", host->accusers,
                 host->accusers == 1 ? "" : "s");
    snprintf(host->text, sizeof(host->text), "its daemon cannot be reached from %s: %s", from, at);
}

/* No daemon is reached from here: the fault lies on the way, not in each of them. */
static bool none_answers(const struct cu_launch *l)
{
    size_t looked = 0;

    for (size_t i = 0; i < l->job->hosts.count; i++) {
        if (l->found[i].looked && l->found[i].answers)
            return false;
        looked += l->found[i].looked;
    }
    return looked > 1 && !l->not_ready;
}

/* By what host i has said, or why it has said nothing. False: nothing is known. */
static bool judge_host(struct cu_launch *l, size_t i)
{
    struct cu_launch_found *found = &l->found[i];
    size_t parent = found->parent < 0 ? 0 : (size_t)found->parent;

    if (!is_known(found))
        return false;
    if (!found->answers)
        say_fault(l, i, NULL, found->at);
    else if (found->parent < 0 && found->text[0] != '\0')
        return true;
    else if (found->parent < 0) {
        if (found->waits) /* that is no reason why another one is not ready */
            snprintf(found->text, sizeof(found->text), WAITS);
        return false;
    } else if (!is_at_fault(l, parent))
        snprintf(found->text, sizeof(found->text), "it does not reach its parent %s", found->at);
    else if (l->found[parent].answers || !is_known(&l->found[parent]))
        say_fault(l, parent, l->job->hosts.names[i], found->at);
    return true;
}

void cu_launch_judge(struct cu_launch *l)
{
    size_t count = l->job->hosts.count;
    bool none = none_answers(l), known = none;

    for (size_t i = 0; !none && i < count; i++)
        if (l->found[i].answers && l->found[i].parent >= 0)
            l->found[l->found[i].parent].accusers++;
    for (size_t i = 0; !none && i < count; i++)
        known = judge_host(l, i) || known;
    for (size_t i = 0; !known && i < count; i++)
        if (l->found[i].silent)
            snprintf(l->found[i].text, sizeof(l->found[i].text), "%s", l->found[i].at);
    for (size_t i = 0; known && i < count; i++)
        l->found[i].excused = l->found[i].text[0] == '\0';
}
