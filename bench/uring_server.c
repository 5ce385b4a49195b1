/* SPDX-License-Identifier: BSD-3-Clause */
/* The file system of uring.c: one thread, which answers through the device or through a ring of
 * io_uring. In the ring each core of the machine has entries of its own; the
 * kernel gives a request to one of the core that asks. FORGET and INTERRUPT come through the device
 * all the same. */
#include "uring.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#define BUFFER_BYTES (READ_BYTES + 4096)

enum inode { ROOT = 1, SMALL = 2, LARGE = 3, NAMED = 4 };

struct reply {
    const void *bytes;
    size_t size;
    int error;
    bool kept; /* not answered now */
};

void die(const char *what)
{
    fprintf(stderr, "uring: %s: %s\n", what, strerror(errno));
    exit(1);
}

void pin(int core)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(core, &set);
    if (sched_setaffinity(0, sizeof(set), &set) < 0)
        die("sched_setaffinity");
}

/* --- the file system -------------------------------------------------------------------------- */

static struct fuse_attr attr_of(uint64_t inode)
{
    return (struct fuse_attr){
        .ino = inode,
        .size = inode == LARGE ? FILE_BYTES : 0,
        .mode = inode == ROOT ? S_IFDIR | 0755 : S_IFREG | 0644,
        .nlink = 1,
        .blksize = 4096,
    };
}

static void lookup(const char *name, struct reply *reply)
{
    static struct fuse_entry_out entry;

    memset(&entry, 0, sizeof(entry));
    entry.nodeid = strcmp(name, "small") == 0   ? SMALL
                   : strcmp(name, "large") == 0 ? LARGE
                                                : NAMED; /* many links: nothing to forget */
    entry.attr = attr_of(entry.nodeid);
    entry.attr_valid = entry.nodeid == SMALL ? 0 : 1000;
    reply->bytes = &entry;
    reply->size = sizeof(entry);
}

static void answer(struct server *s, const struct fuse_in_header *in, const void *args,
                   const char *name, struct reply *reply)
{
    static struct fuse_attr_out attr;
    static struct fuse_open_out open;

    *reply = (struct reply){0};
    ++*s->asked;
    if (in->opcode == FUSE_LOOKUP) {
        lookup(name, reply);
        reply->kept = s->held && strncmp(name, HELD, strlen(HELD)) == 0;
    } else if (in->opcode == FUSE_GETATTR) {
        memset(&attr, 0, sizeof(attr));
        attr.attr = attr_of(in->nodeid);
        attr.attr_valid = in->nodeid == SMALL ? 0 : 1000;
        reply->bytes = &attr;
        reply->size = sizeof(attr);
    } else if (in->opcode == FUSE_OPEN) {
        memset(&open, 0, sizeof(open));
        open.open_flags = in->nodeid == LARGE ? FOPEN_DIRECT_IO : FOPEN_KEEP_CACHE;
        reply->bytes = &open;
        reply->size = sizeof(open);
    } else if (in->opcode == FUSE_READ) {
        const struct fuse_read_in *read = args;

        reply->bytes = s->bytes + read->offset;
        reply->size = read->size;
        if (read->size > READ_BYTES || read->offset > FILE_BYTES - read->size)
            reply->error = -EINVAL;
    } else if (in->opcode != FUSE_RELEASE) {
        reply->error = -ENOSYS;
    }
    if (reply->error != 0)
        reply->size = 0;
}

static void keep(struct server *s, uint64_t unique, int slot)
{
    unsigned number = s->held->count++;

    s->held->unique[number % CORES_MAX] = unique;
    s->held->slot[number % CORES_MAX] = slot;
    if (write(s->told, "", 1) != 1)
        die("tell");
}

/* --- through the device ----------------------------------------------------------------------- */

static void say(struct server *s, uint64_t unique, const struct reply *reply)
{
    static _Alignas(4096) char copy[READ_BYTES];
    struct fuse_out_header out = {
        .len = (uint32_t)(sizeof(out) + reply->size), .error = reply->error, .unique = unique};
    struct iovec iov[2] = {{&out, sizeof(out)}, {(void *)(uintptr_t)reply->bytes, reply->size}};

    if (s->copies && reply->size == READ_BYTES)
        iov[1].iov_base = memcpy(copy, reply->bytes, READ_BYTES);
    if (writev(s->device, iov, reply->size > 0 ? 2 : 1) < 0 && errno != ENOENT)
        die("answer");
}

static void say_init(struct server *s, const struct fuse_in_header *in)
{
    const struct fuse_init_in *asked = (const void *)(in + 1);
    struct fuse_init_out init = {.major = FUSE_KERNEL_VERSION,
                                 .minor = FUSE_KERNEL_MINOR_VERSION,
                                 .max_readahead = READ_BYTES,
                                 .flags = FUSE_ASYNC_READ | FUSE_PARALLEL_DIROPS | FUSE_BIG_WRITES |
                                          FUSE_MAX_PAGES | FUSE_INIT_EXT,
                                 .max_background = 64,
                                 .max_write = READ_BYTES,
                                 .time_gran = 1,
                                 .max_pages = READ_BYTES / 4096};
    struct reply reply = {.bytes = &init, .size = sizeof(init)};

    if (s->wants_ring) {
        if (!(asked->flags2 & (FUSE_OVER_IO_URING >> 32)))
            exit(SKIP);
        init.flags2 = (uint32_t)(FUSE_OVER_IO_URING >> 32);
    }
    say(s, in->unique, &reply);
}

/* Takes one request; false: there is none. */
static bool take(struct server *s)
{
    static _Alignas(8) char buffer[BUFFER_BYTES];
    const struct fuse_in_header *in = (const void *)buffer;
    struct reply reply;
    ssize_t got = read(s->device, buffer, sizeof(buffer));

    if (got < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOENT))
        return errno != EAGAIN;
    if (got < 0 && (errno == ENODEV || errno == ECONNABORTED)) {
        s->ended = true;
        return false;
    }
    if (got < (ssize_t)sizeof(*in))
        die("read a request");
    if (in->opcode == FUSE_INIT) {
        say_init(s, in);
        return true;
    }
    if (in->opcode == FUSE_FORGET || in->opcode == FUSE_BATCH_FORGET ||
        in->opcode == FUSE_INTERRUPT)
        return true;
    answer(s, in, in + 1, (const char *)(in + 1), &reply);
    if (reply.kept)
        keep(s, in->unique, -1);
    else
        say(s, in->unique, &reply);
    return true;
}

/* --- through the ring ------------------------------------------------------------------------- */

/* Puts the reply where the kernel takes it. */
static void put(struct server *s, unsigned i, uint64_t unique, const struct reply *reply)
{
    struct slot *slot = &s->slots[i];
    struct fuse_out_header out = {
        .len = (uint32_t)(sizeof(out) + reply->size), .error = reply->error, .unique = unique};

    if (reply->size > 0 && !(s->given && reply->size == READ_BYTES))
        memcpy(slot->iov[1].iov_base, reply->bytes, reply->size);
    memcpy(slot->head->in_out, &out, sizeof(out));
    slot->head->ring_ent_in_out.payload_sz = (uint32_t)reply->size;
    ring_command(&s->ring, s->device, FUSE_IO_URING_CMD_COMMIT_AND_FETCH, NULL, slot->queue,
                 slot->head->ring_ent_in_out.commit_id, i);
}

static void answer_slot(struct server *s, unsigned i)
{
    struct slot *slot = &s->slots[i];
    const struct fuse_in_header *in = (const void *)slot->head->in_out;
    struct reply reply;

    answer(s, in, slot->head->op_in, slot->iov[1].iov_base, &reply);
    if (reply.kept)
        keep(s, in->unique, (int)i);
    else
        put(s, i, in->unique, &reply);
}

static void drain_ring(struct server *s)
{
    struct io_uring_cqe cqe;
    bool more = true;

    while (more) {
        for (more = false; ring_next(&s->ring, &cqe); more = true) {
            if (cqe.res == -ENOTCONN || cqe.res == -ECONNABORTED || cqe.res == -ECANCELED)
                s->ended = true;
            else if (cqe.res < 0)
                fprintf(stderr, "uring: entry %llu: %s\n", (unsigned long long)cqe.user_data,
                        strerror(-cqe.res));
            else
                answer_slot(s, (unsigned)cqe.user_data);
        }
        if (s->ended)
            return;
        if (more)
            ring_enter(&s->ring, 0); /* the answers leave, and what is next arrives */
    }
}

/* --- serving ---------------------------------------------------------------------------------- */

static bool is_held(const struct server *s, unsigned slot)
{
    for (unsigned i = 0; s->held && i < s->held->count; i++)
        if (s->held->slot[i] == (int)slot)
            return true;
    return false;
}

static void begin_ring(struct server *s)
{
    if (s->ring.fd < 0 && ring_open(&s->ring) < 0)
        exit(SKIP);
    for (unsigned i = 0; i < SLOTS * s->cores; i++) {
        if (is_held(s, i))
            continue;
        ring_command(&s->ring, s->device, FUSE_IO_URING_CMD_REGISTER, s->slots[i].iov,
                     s->slots[i].queue, 0, i);
        if (s->ring.queued == RING_ENTRIES)
            ring_enter(&s->ring, 0);
    }
    ring_enter(&s->ring, 0);
    drain_ring(s);
}

static void watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        die("epoll");
}

static void turn(struct server *s, int epoll)
{
    struct epoll_event events[2];
    int n = epoll_wait(epoll, events, 2, -1);

    for (int i = 0; i < n && !s->ended; i++) {
        if (events[i].data.fd == s->device) {
            while (take(s))
                ;
        } else {
            drain_ring(s);
        }
    }
}

static void serve(struct server *s, bool fresh)
{
    struct pollfd readable = {.fd = s->device, .events = POLLIN};
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    watch(epoll, s->device);
    if (fresh && poll(&readable, 1, -1) == 1)
        take(s);
    if (s->wants_ring) {
        begin_ring(s);
        watch(epoll, s->ring.fd);
    } else if (s->sleeps_in_call) {
        fcntl(s->device, F_SETFL, O_RDWR);
    }
    while (!s->ended) {
        if (!s->sleeps_in_call) {
            turn(s, epoll);
        } else if (s->wants_ring) {
            ring_enter(&s->ring, 1);
            drain_ring(s);
        } else {
            take(s);
        }
    }
}

/* A process has to find shared memory again that its parent had: not while it is measured. */
static void touch(const volatile char *at, size_t size)
{
    for (size_t i = 0; i < size; i += 4096)
        (void)at[i];
}

pid_t server_start(const struct server *s, bool fresh, void (*first)(struct server *))
{
    struct server own = *s;
    pid_t pid = fork();

    if (pid < 0)
        die("fork");
    if (pid > 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pin(0);
    touch(own.bytes, FILE_BYTES);
    for (unsigned i = 0; own.wants_ring && i < SLOTS * own.cores; i++)
        touch(own.slots[i].iov[1].iov_base, READ_BYTES + sizeof(*own.slots[i].head));
    if (first)
        first(&own);
    serve(&own, fresh);
    _exit(0);
}

void server_answer_held(struct server *s, unsigned number)
{
    struct reply reply = {0};

    lookup(HELD, &reply);
    if (s->held->slot[number] < 0) {
        say(s, s->held->unique[number], &reply);
        return;
    }
    if (s->ring.fd < 0 && ring_open(&s->ring) < 0)
        exit(SKIP);
    put(s, (unsigned)s->held->slot[number], s->held->unique[number], &reply);
    ring_enter(&s->ring, 0);
}

/* --- for all servers -------------------------------------------------------------------------- */

static void make_slots(struct server *s)
{
    size_t each = READ_BYTES + 4096;
    char *at = mmap(NULL, each * SLOTS * s->cores, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    if (at == MAP_FAILED)
        die("memory");
    for (unsigned i = 0; i < SLOTS * s->cores; i++, at += each) {
        struct slot *slot = &s->slots[i];

        slot->head = (void *)(at + READ_BYTES);
        slot->iov[0] = (struct iovec){slot->head, sizeof(*slot->head)};
        slot->iov[1] = (struct iovec){at, READ_BYTES};
        slot->queue = (uint16_t)(i % s->cores);
    }
}

void server_init(struct server *s, const char *way)
{
    *s = (struct server){.device = -1,
                         .wants_ring = strncmp(way, "ring", 4) == 0,
                         .sleeps_in_call =
                             strcmp(way, "device_read") == 0 || strcmp(way, "ring_wait") == 0,
                         .copies = strcmp(way, "device_copied") == 0,
                         .given = strcmp(way, "ring_given") == 0,
                         .ring.fd = -1,
                         .cores = (unsigned)sysconf(_SC_NPROCESSORS_CONF)};
    if (s->cores > CORES_MAX) {
        fprintf(stderr, "uring: more than %u cores\n", CORES_MAX);
        exit(SKIP);
    }
    s->bytes = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (s->bytes == MAP_FAILED)
        die("memory");
    memset(s->bytes, 1, FILE_BYTES);
    s->asked =
        mmap(NULL, sizeof(*s->asked), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (s->asked == MAP_FAILED)
        die("memory");
    if (s->wants_ring)
        make_slots(s);
}

void server_mount(struct server *s, const char *dir)
{
    char options[128];

    s->device = open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (s->device < 0)
        die("/dev/fuse");
    snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", s->device);
    if (mount("bench-uring", dir, "fuse.bench-uring", MS_NOSUID | MS_NODEV, options) < 0)
        die(dir);
}

void server_unmount(const struct server *s, const char *dir)
{
    if (umount2(dir, MNT_FORCE | MNT_DETACH) < 0)
        die("unmount");
    close(s->device);
}
