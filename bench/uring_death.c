/* SPDX-License-Identifier: BSD-3-Clause */
/* What becomes of requests when their server is killed and another one, which is forked by the same
 * holder of the device, goes on. Each line is "CASE WORDS":
 *
 *   taken      the server has taken it; the next one answers it under its number, in the ring out
 *              of memory that both have at the same address
 *   elsewhere  the same, but the next server has other memory (ring only)
 *   between    it is asked while there is no server
 *   asleep     it is asked while the server does not run, which is killed then
 *   after      another one, on the same core, when the next server serves
 *
 * Of between and asleep it is told, too, whether another request on the same core brings it. */
#include "uring.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

void uring_death(struct server *s, const char *dir);

#define CORE      0
#define PATIENCE  1000 /* ms; a request takes some 50 us */
#define PATH_SIZE 512

struct client {
    pid_t pid;
    int result; /* errno, when it has been answered */
};

static struct client ask(const char *dir, const char *name)
{
    struct client c;
    char path[PATH_SIZE];
    int ends[2];

    if (pipe(ends) < 0)
        die("pipe");
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    c.pid = fork();
    if (c.pid < 0)
        die("fork");
    if (c.pid == 0) {
        struct stat st;
        int result;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pin(CORE);
        result = lstat(path, &st) < 0 ? errno : 0;
        if (write(ends[1], &result, sizeof(result)) != sizeof(result))
            _exit(1);
        _exit(0);
    }
    close(ends[1]);
    c.result = ends[0];
    return c;
}

/* Words for what has become of it within so many ms. */
static const char *fate(struct client *c, int ms)
{
    static char words[64];
    struct pollfd readable = {.fd = c->result, .events = POLLIN};
    int result;

    if (poll(&readable, 1, ms) != 1)
        return "waits";
    if (read(c->result, &result, sizeof(result)) != sizeof(result))
        return "dead";
    if (result == 0)
        return "answered";
    snprintf(words, sizeof(words), "fails: %s", strerror(result));
    return words;
}

static void end(struct client *c)
{
    waitpid(c->pid, NULL, 0);
    close(c->result);
}

static void end_server(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void answer_held(struct server *s)
{
    server_answer_held(s, 0);
}

static void answer_elsewhere(struct server *s)
{
    struct slot *slot = &s->slots[s->held->slot[0]];
    struct fuse_uring_req_header *head = slot->head, *other = calloc(1, sizeof(*head));

    if (!other)
        die("memory");
    *other = *head;
    if (mprotect(slot->iov[1].iov_base, READ_BYTES + sizeof(*head), PROT_NONE) < 0)
        die("mprotect");
    slot->head = other;
    slot->iov[1].iov_base = malloc(READ_BYTES);
    server_answer_held(s, 0);
}

static pid_t begin(struct server *s, const char *dir)
{
    struct client first;
    pid_t pid;

    s->held->count = 0;
    server_mount(s, dir);
    pid = server_start(s, true, NULL);
    first = ask(dir, "first");
    if (strcmp(fate(&first, 10 * PATIENCE), "answered") != 0)
        die("the first server does not serve");
    end(&first);
    return pid;
}

static void finish(struct server *s, const char *dir, pid_t pid, struct client *c)
{
    server_unmount(s, dir);
    end(c);
    waitpid(pid, NULL, 0);
}

static void tell_after(const char *dir, const char *name)
{
    struct client after = ask(dir, "after");

    printf("%s_after %s\n", name, fate(&after, PATIENCE));
    end(&after);
}

static void taken(struct server *s, const char *dir, const char *name, int told,
                  void (*first)(struct server *))
{
    pid_t pid = begin(s, dir);
    struct client c = ask(dir, HELD);
    char byte;

    if (read(told, &byte, 1) != 1)
        die("nothing is held");
    end_server(pid);
    printf("%s_before %s\n", name, fate(&c, PATIENCE));
    pid = server_start(s, false, first);
    printf("%s %s\n", name, fate(&c, PATIENCE));
    tell_after(dir, name);
    finish(s, dir, pid, &c);
}

/* With asleep, the server is there, but stopped, when the request is made. */
static void unseen(struct server *s, const char *dir, const char *name, bool asleep)
{
    pid_t pid = begin(s, dir);
    struct client c;
    const char *words;

    if (asleep) {
        kill(pid, SIGSTOP);
        waitpid(pid, NULL, WUNTRACED);
    } else {
        end_server(pid);
    }
    c = ask(dir, "unseen");
    printf("%s_before %s\n", name, fate(&c, PATIENCE));
    if (asleep)
        end_server(pid);
    pid = server_start(s, false, NULL);
    words = fate(&c, PATIENCE);
    printf("%s %s\n", name, words);
    if (strcmp(words, "waits") == 0) {
        tell_after(dir, name);
        printf("%s_brought %s\n", name, fate(&c, PATIENCE));
    }
    finish(s, dir, pid, &c);
}

void uring_death(struct server *s, const char *dir)
{
    int ends[2];

    s->held =
        mmap(NULL, sizeof(*s->held), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (s->held == MAP_FAILED || pipe(ends) < 0)
        die("memory");
    s->told = ends[1];
    setvbuf(stdout, NULL, _IOLBF, 0);
    taken(s, dir, "taken", ends[0], answer_held);
    if (s->wants_ring)
        taken(s, dir, "elsewhere", ends[0], answer_elsewhere);
    unseen(s, dir, "between", false);
    unseen(s, dir, "asleep", true);
}
