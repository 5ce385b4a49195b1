/* SPDX-License-Identifier: BSD-3-Clause */
/* What FUSE over io_uring saves: a small file system that answers at once, from one thread, through
 * the device (read, writev) or through a ring, and clients that ask it.
 *
 *   uring check DIR              status 77: the kernel does not offer it
 *   uring measure DIR WAY WHAT WHERE CLIENTS COUNT
 *       WAY    device, ring: sleeps in epoll, as a daemon's loop does; device_read, ring_wait:
 *              sleeps in the call that brings the next request; ring_given: as ring, but the bytes
 *              of a file need not be copied into the ring's memory first
 *              device_copied: as device, but the bytes of a file are copied first, to one buffer
 *       WHAT   lookup (of names never asked for), getattr, read (128 KiB each, direct)
 *       WHERE  same, other: the clients' core and the server's
 *     prints "REQUESTS_A_SECOND MEDIAN_US SERVER_CPU_US CLIENT_CPU_US", the last two for a request
 *   uring death DIR device|ring: see uring_death.c
 *
 * DIR is the mount point. All processes go before others (nice -19). */
#include "uring.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

void uring_death(struct server *s, const char *dir);

#define CLIENTS_MAX 16

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu_of(pid_t pid)
{
    struct timespec t;
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) < 0)
        die("processor time");
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* --- the clients ------------------------------------------------------------------------------ */

struct work {
    const char *dir, *what;
    unsigned clients, count;
    int core;
    double *seconds; /* of each request; shared */
    double *cpu;     /* of each client; shared */
};

static void one_request(const char *what, int fd, char *memory, unsigned i)
{
    struct stat st;
    char name[32];
    ssize_t rc;

    if (what[0] == 'l') {
        snprintf(name, sizeof(name), "%d.%u", (int)getpid(), i);
        rc = lstat(name, &st);
    } else if (what[0] == 'g') {
        rc = fstat(fd, &st);
    } else {
        rc = pread(fd, memory, READ_BYTES, (off_t)(i % (FILE_BYTES / READ_BYTES) * READ_BYTES));
        if (rc >= 0 && rc != (ssize_t)READ_BYTES)
            rc = -1;
    }
    if (rc < 0)
        die(what);
}

static void client(const struct work *w, unsigned number, int ready, int gate)
{
    char *memory = aligned_alloc(4096, READ_BYTES), byte;
    double start, cpu;
    int fd;

    pin(w->core);
    if (chdir(w->dir) < 0 || !memory)
        die(w->dir);
    memset(memory, 1, READ_BYTES);
    fd = open(w->what[0] == 'r' ? "large" : "small", O_RDONLY);
    if (fd < 0)
        die("open");
    for (unsigned i = 0; i < w->count / 10; i++)
        one_request(w->what, fd, memory, w->count + i);
    if (write(ready, "", 1) != 1 || read(gate, &byte, 1) != 0)
        die("gate");
    cpu = cpu_of(0);
    for (unsigned i = 0; i < w->count; i++) {
        start = now();
        one_request(w->what, fd, memory, i);
        w->seconds[number * w->count + i] = now() - start;
    }
    w->cpu[number] = cpu_of(0) - cpu;
    _exit(0);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void measure(struct server *s, struct work *w)
{
    size_t all = (size_t)w->clients * w->count;
    double start, used, cpu = 0;
    int ready[2], gate[2], status;
    pid_t server, pid[CLIENTS_MAX];
    char byte;

    server_mount(s, w->dir);
    server = server_start(s, true, NULL); /* before the gate: it must not hold it open */
    w->seconds = mmap(NULL, (all + w->clients) * sizeof(double), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (w->seconds == MAP_FAILED || pipe2(ready, O_CLOEXEC) < 0 || pipe2(gate, O_CLOEXEC) < 0)
        die("memory");
    w->cpu = w->seconds + all;
    for (unsigned i = 0; i < w->clients; i++) {
        pid[i] = fork();
        if (pid[i] < 0)
            die("fork");
        if (pid[i] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            close(gate[1]);
            client(w, i, ready[1], gate[0]);
        }
    }
    for (unsigned i = 0; i < w->clients; i++)
        if (read(ready[0], &byte, 1) != 1)
            die("clients");
    used = cpu_of(server);
    start = now();
    close(gate[1]);
    for (unsigned i = 0; i < w->clients; i++)
        if (waitpid(pid[i], &status, 0) < 0 || status != 0)
            die("a client failed");
    start = now() - start;
    used = cpu_of(server) - used;
    if (*s->asked < all) {
        fprintf(stderr, "uring: the kernel answered %s by itself\n", w->what);
        exit(1);
    }
    for (unsigned i = 0; i < w->clients; i++)
        cpu += w->cpu[i];
    qsort(w->seconds, all, sizeof(double), by_size);
    printf("%.0f %.2f %.2f %.2f\n", (double)all / start, w->seconds[all / 2] * 1e6,
           used / (double)all * 1e6, cpu / (double)all * 1e6);
    server_unmount(s, w->dir);
    waitpid(server, &status, 0);
}

/* Does the kernel offer it? The server ends where it does not; else the client is answered. */
static int check(struct server *s, const char *dir)
{
    struct stat st;
    int status, unused;
    pid_t server, asks;

    server_mount(s, dir);
    server = server_start(s, true, NULL);
    asks = fork();
    if (server < 0 || asks < 0)
        die("fork");
    if (asks == 0)
        _exit(stat(dir, &st) == 0 ? 0 : 1);
    if (wait(&status) < 0)
        die("wait");
    server_unmount(s, dir);
    while (wait(&unused) > 0)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int usage(void)
{
    fprintf(stderr, "usage: uring check DIR | measure DIR WAY WHAT same|other CLIENTS COUNT |"
                    " death DIR device|ring\n");
    return 2;
}

int main(int argc, char **argv)
{
    struct server s;

    if (argc < 3)
        return usage();
    setpriority(PRIO_PROCESS, 0, -19);
    server_init(&s, argc > 3 ? argv[3] : "ring");
    if (strcmp(argv[1], "check") == 0 && argc == 3)
        return check(&s, argv[2]);
    if (strcmp(argv[1], "death") == 0 && argc == 4) {
        uring_death(&s, argv[2]);
        return 0;
    }
    if (strcmp(argv[1], "measure") == 0 && argc == 8) {
        struct work w = {.dir = argv[2],
                         .what = argv[4],
                         .core = strcmp(argv[5], "other") == 0,
                         .clients = (unsigned)atoi(argv[6]),
                         .count = (unsigned)atoi(argv[7])};

        if (w.clients < 1 || w.clients > CLIENTS_MAX || w.count < 1)
            return usage();
        measure(&s, &w);
        return 0;
    }
    return usage();
}
