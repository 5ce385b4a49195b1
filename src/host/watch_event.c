/* SPDX-License-Identifier: BSD-3-Clause */
/* From a call that was stopped to an event: strings are in the memory of the thread, what is
 * relative to what is in /proc. None of it touches the file systems that the thread uses. */
#include "base/path.h"
#include "host/readfile.h"
#include "host/watch_memory.h"
#include "host/watch_state.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SPACES_MAX 256u

/* /proc/PID/NAME as text; "": there is none. */
static void read_link(pid_t pid, const char *name, char *out, size_t size)
{
    char path[64];
    ssize_t n;

    snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    n = readlink(path, out, size - 1);
    out[n > 0 ? n : 0] = '\0';
}

static int open_of(pid_t pid, const char *name, int flags)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    return open(path, flags | O_CLOEXEC);
}

/* NULL: too many, no memory, or the thread has ended. */
static const struct cu_watch_space *space_of(struct cu_watch *watch, pid_t pid)
{
    struct cu_watch_space *space;
    char name[sizeof(space->name)];

    read_link(pid, "ns/mnt", name, sizeof(name));
    for (space = watch->spaces; space; space = space->next)
        if (strcmp(space->name, name) == 0)
            return space;
    if (name[0] == '\0' || watch->space_count == SPACES_MAX)
        return NULL;
    space = calloc(1, sizeof(*space));
    if (!space)
        return NULL;
    space->root = open_of(pid, "root", O_PATH | O_DIRECTORY);
    space->mounts = open_of(pid, "mountinfo", O_RDONLY);
    if (space->root < 0) {
        if (space->mounts >= 0)
            close(space->mounts);
        free(space);
        return NULL;
    }
    memcpy(space->name, name, sizeof(name));
    space->number = watch->space_count++;
    space->next = watch->spaces;
    watch->spaces = space;
    return space;
}

/* Where a relative path begins; false: not known. */
static bool base_of(pid_t pid, int dir, char out[CU_PATH_MAX])
{
    char name[32];

    if (dir == AT_FDCWD)
        snprintf(name, sizeof(name), "cwd");
    else
        snprintf(name, sizeof(name), "fd/%d", dir);
    read_link(pid, name, out, CU_PATH_MAX);
    return out[0] == '/';
}

static void find_process(struct cu_watch *watch, struct cu_watch_event *event)
{
    char text[2048], path[64];
    const char *at;
    size_t bit = (size_t)event->thread;

    if (bit >= CU_WATCH_PIDS ||
        (event->kind != CU_WATCH_EXEC && (watch->known[bit / 8] >> bit % 8 & 1)))
        return;
    snprintf(path, sizeof(path), "/proc/%d/status", event->thread);
    if (cu_readfile_small(NULL, path, text, sizeof(text)) < 0 && text[0] == '\0')
        return;
    at = strstr(text, "\nTgid:");
    event->process = at ? (pid_t)strtol(at + 6, NULL, 10) : 0;
    at = strstr(text, "\nPPid:");
    event->parent = at ? (pid_t)strtol(at + 6, NULL, 10) : 0;
    watch->known[bit / 8] |= (uint8_t)(1u << bit % 8);
}

static void find_flags(const struct cu_watch *watch, const struct cu_watch_call *call,
                       struct cu_watch_event *event)
{
    const uint64_t *args = (const uint64_t *)watch->call->data.args;
    struct open_how how = {0};
    uint64_t flags = call->flags >= 0 ? args[call->flags] : 0;

    if (call->how >= 0 &&
        cu_watch_read(event->thread, args[call->how], &how, sizeof(how.flags)) == 0)
        flags = how.flags;
    event->follows = !call->link;
    if (call->kind == CU_WATCH_OPEN) {
        event->follows =
            !(flags & O_NOFOLLOW) && (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL);
        event->reads = (flags & O_ACCMODE) != O_WRONLY && !(flags & (O_TRUNC | O_PATH));
    } else if (flags & AT_SYMLINK_NOFOLLOW) {
        event->follows = false;
    }
}

struct cu_watch_event *cu_watch_describe(struct cu_watch *watch, bool *unread)
{
    const uint64_t *args = (const uint64_t *)watch->call->data.args;
    const struct cu_watch_call *call = cu_watch_call_of(watch->call->data.nr);
    char name[CU_PATH_MAX], base[CU_PATH_MAX] = "";
    pid_t pid = (pid_t)watch->call->pid;
    struct cu_watch_words words = {0};
    struct cu_watch_event *event = NULL;
    int len = call ? cu_watch_read_text(pid, args[call->path], name, sizeof(name)) : -EINVAL;

    *unread = call && len < 0 && len != -EFAULT && len != -ENAMETOOLONG && len != -ESRCH;
    if (len <= 0 ||
        (name[0] != '/' && !base_of(pid, call->dir >= 0 ? (int)args[call->dir] : AT_FDCWD, base)))
        return NULL;
    if (call->words >= 0)
        cu_watch_read_words(pid, args[call->words], args[call->words + 1], &words);
    event = calloc(1, sizeof(*event) + strlen(base) + (size_t)len + 2 + words.size);
    if (event) {
        event->kind = call->kind;
        event->thread = pid;
        event->relative = name[0] != '/';
        event->space = space_of(watch, pid);
        event->path = event->bytes;
        sprintf(event->path, "%s%s%s", base, event->relative ? "/" : "", name);
        event->words = event->path + strlen(event->path) + 1;
        if (words.size > 0)
            memcpy(event->words, words.bytes, words.size);
        event->arguments_size = words.arguments_size;
        event->environment_size = words.size - words.arguments_size;
        find_process(watch, event);
        find_flags(watch, call, event);
        if (!event->space) {
            free(event);
            event = NULL;
            *unread = true;
        }
    }
    free(words.bytes);
    return event;
}
