/* SPDX-License-Identifier: BSD-3-Clause */
/* One log for the process, written a line at a time with one write(2), so that lines of threads and
 * of daemons that share standard output do not mix. Logging must not cause failures itself: a
 * repeated line is counted instead of written, a full disk is ignored, and a reader of standard
 * output that has stopped costs lines, but does not block the daemon. The text is one printable
 * line, whatever bytes a path in it contains.
 *
 * A log directory may hang, so the calling thread only puts its line into a queue. A thread that
 * lives as long as there is something in it writes; where it hangs, the queue fills, and what comes
 * then is counted. Invariants: at most one writer is of the present epoch (`writing`); one of an
 * earlier epoch owns its sink and touches nothing else. */
#include "host/log.h"

#include "base/error.h"
#include "base/path.h"
#include "base/text.h"
#include "host/clock.h"
#include "host/logline.h"
#include "host/logplace.h"
#include "host/logrepeat.h"
#include "host/logring.h"
#include "host/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_MAX   CU_LOG_TEXT_MAX
#define HOST_BYTES 256u

#define QUEUE_BYTES (256u << 10)
#define BATCH_BYTES 16384u
#define HANGS_NS    (5 * UINT64_C(1000000000))
#define CLOSE_MS    5000 /* what an orderly end waits for a directory that hangs, or is slow */

static int threshold = CU_LOG_NONE; /* atomic */

/* Where lines go. The writer's, while there is one. */
struct sink {
    int file_fd;
    bool to_stdout;
    uint64_t lost; /* lines that standard output did not take */
    char host[HOST_BYTES];
};

static struct {
    pthread_mutex_t mutex; /* guards all below */
    struct sink *sink;     /* NULL: closed */
    char host[HOST_BYTES];
    struct cu_logring *kept;       /* the newest lines; NULL: none */
    struct cu_log_repeats repeats; /* of warnings and worse */
    struct cu_log_places places;   /* the same */
    char queue[QUEUE_BYTES];
    size_t head, used;
    uint64_t dropped; /* lines for which the queue had no room, not told yet */
    uint64_t lost;    /* all such lines */
    bool writing;
    bool joinable; /* there is a thread that has written, or writes, and was not joined */
    pthread_t thread;
    uint64_t taken_ns; /* monotonic, when the writer took its last batch */
    bool at_fork;      /* handlers are set */
    unsigned epoch;    /* of the writer that is */
    int idle_fd;       /* descriptor on which a flush waits for the writer's end; -1: none */
} state = {.mutex = PTHREAD_MUTEX_INITIALIZER, .idle_fd = -1};

/* A line that stands for lines that could not be written. */
static size_t make_lost(char note[CU_LOGLINE_BYTES], const char *host, uint64_t lost)
{
    return cu_logline_make(&(struct cu_logline){.level = CU_LOG_WARN,
                                                .host = host,
                                                .text = "lines were not written here",
                                                .name = "lost",
                                                .count = lost},
                           note, NULL);
}

/* --- the writer ------------------------------------------------------------------------------- */

static void write_file(const struct sink *sink, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(sink->file_fd, bytes, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        bytes += n;
        len -= (size_t)n;
    }
}

static void write_stdout(struct sink *sink, const char *line, size_t len)
{
    struct pollfd ready = {.fd = STDOUT_FILENO, .events = POLLOUT};
    char note[CU_LOGLINE_BYTES];
    ssize_t n;

    if (poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0) {
        sink->lost++;
        return;
    }
    if (sink->lost > 0) {
        n = (ssize_t)make_lost(note, sink->host, sink->lost);
        if (write(STDOUT_FILENO, note, (size_t)n) == n)
            sink->lost = 0;
        if (poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0) {
            sink->lost++;
            return;
        }
    }
    if (write(STDOUT_FILENO, line, len) < 0)
        sink->lost++;
}

static void write_lines(struct sink *sink, const char *lines, size_t size)
{
    if (sink->file_fd >= 0)
        write_file(sink, lines, size);
    for (size_t at = 0, len; sink->to_stdout && at < size; at += len) {
        len = (size_t)((const char *)memchr(lines + at, '\n', size - at) - (lines + at)) + 1;
        write_stdout(sink, lines + at, len);
    }
}

/* Mutex held. Whole lines, as many as fit; a line is shorter than a batch. */
static size_t take_batch(char *batch)
{
    size_t size = 0, whole = 0;

    while (size < state.used && size < BATCH_BYTES) {
        batch[size] = state.queue[(state.head + size) % QUEUE_BYTES];
        if (batch[size++] == '\n')
            whole = size;
    }
    state.head = (state.head + whole) % QUEUE_BYTES;
    state.used -= whole;
    state.taken_ns = (uint64_t)cu_clock_ns();
    return whole;
}

static void sink_free(struct sink *sink)
{
    if (!sink)
        return;
    if (sink->file_fd >= 0)
        close(sink->file_fd);
    free(sink);
}

struct writer {
    struct sink *sink;
    unsigned epoch;
    char batch[BATCH_BYTES];
};

static void *run_writer(void *argument)
{
    struct writer *writer = argument;
    bool mine = true;
    size_t size;

    pthread_mutex_lock(&state.mutex);
    while ((mine = writer->epoch == state.epoch) && (size = take_batch(writer->batch)) > 0) {
        pthread_mutex_unlock(&state.mutex);
        write_lines(writer->sink, writer->batch, size);
        pthread_mutex_lock(&state.mutex);
    }
    if (mine) {
        state.writing = false;
        if (state.idle_fd >= 0)
            (void)!write(state.idle_fd, &(uint64_t){1}, sizeof(uint64_t));
    }
    pthread_mutex_unlock(&state.mutex);
    if (!mine)
        sink_free(writer->sink);
    free(writer);
    return NULL;
}

/* Mutex held. The thread has nothing left to do but to end. */
static void join_ended(void)
{
    if (state.joinable && !state.writing)
        state.joinable = pthread_join(state.thread, NULL) != 0;
}

/* Mutex held. Without memory or threads the lines wait for the next one. */
static void start_writer(void)
{
    struct writer *writer;
    sigset_t all, before;
    pthread_attr_t attr;

    if (state.writing || state.used == 0 || !(writer = malloc(sizeof(*writer))))
        return;
    join_ended();
    writer->sink = state.sink;
    writer->epoch = state.epoch;
    state.taken_ns = (uint64_t)cu_clock_ns();
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the loop's */
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 256u << 10);
    state.writing = pthread_create(&state.thread, &attr, run_writer, writer) == 0;
    state.joinable = state.writing;
    pthread_attr_destroy(&attr);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!state.writing)
        free(writer);
}

/* Mutex held. */
static bool put(const char *line, size_t len)
{
    if (len > QUEUE_BYTES - state.used)
        return false;
    for (size_t i = 0; i < len; i++)
        state.queue[(state.head + state.used + i) % QUEUE_BYTES] = line[i];
    state.used += len;
    return true;
}

/* Mutex held. */
static void enqueue(const char *line, size_t len)
{
    char note[CU_LOGLINE_BYTES];
    size_t n;

    if (state.dropped > 0) {
        n = make_lost(note, state.host, state.dropped);
        if (n + len <= QUEUE_BYTES - state.used && put(note, n))
            state.dropped = 0;
    }
    if (state.dropped > 0 || !put(line, len)) {
        state.dropped++;
        state.lost++;
    }
    start_writer();
}

static void before_fork(void)
{
    pthread_mutex_lock(&state.mutex);
    join_ended();
    if (state.joinable)
        state.joinable = pthread_detach(state.thread) != 0; /* the child has no such thread */
}

static void after_fork(void)
{
    pthread_mutex_unlock(&state.mutex);
}

/* After a fork the writer thread and its queue belong to the parent. */
static void in_child(void)
{
    state.epoch++;
    state.writing = state.joinable = false;
    state.head = state.used = 0;
    state.idle_fd = -1;
    pthread_mutex_unlock(&state.mutex);
}

/* --- lines ------------------------------------------------------------------------------------ */

/* Mutex held. name: of count; NULL: none. */
static void emit(enum cu_log_level level, const char *text, const char *name, uint64_t count)
{
    char line[CU_LOGLINE_BYTES];
    uint64_t us;
    size_t len = cu_logline_make(&(struct cu_logline){.level = level,
                                                      .host = state.host,
                                                      .text = text,
                                                      .name = count > 0 ? name : NULL,
                                                      .count = count},
                                 line, &us);

    cu_logring_add(state.kept, us, line, len - 1);
    if (state.sink && (state.sink->file_fd >= 0 || state.sink->to_stdout))
        enqueue(line, len);
}

/* Mutex held. Counts of lines that do not come again; at UINT64_MAX all. */
static void tell_repeats(uint64_t now_ns)
{
    struct cu_log_told told;

    while (cu_log_repeats_due(&state.repeats, now_ns, &told))
        emit(told.level, told.text, "more", told.more);
}

/* Mutex held. The same, of places. */
static void tell_others(uint64_t now_ns)
{
    struct cu_log_told told;

    while (cu_log_places_due(&state.places, now_ns, &told))
        emit(told.level, told.text, "others", told.more - 1);
}

/* Mutex held. Is a warning to be written? With *more, how often it was left out. */
static bool passes(enum cu_log_level level, const void *place, const char *text, uint64_t now_ns,
                   uint64_t *more)
{
    struct cu_log_told other;
    bool writes = cu_log_repeats_take(&state.repeats, level, text, now_ns, more, &other);

    if (other.text)
        emit(other.level, other.text, "more", other.more);
    if (!writes)
        return false;
    writes = cu_log_places_take(&state.places, place, level, text, now_ns, &other);
    if (other.text)
        emit(other.level, other.text, "others", other.more - 1);
    return writes;
}

static void write_text(enum cu_log_level level, const void *place, const char *text)
{
    uint64_t more = 0, now_ns;

    pthread_mutex_lock(&state.mutex);
    now_ns = (uint64_t)cu_clock_ns(); /* under the mutex: not before another thread's time */
    tell_others(now_ns);
    if (level < CU_LOG_WARN || passes(level, place, text, now_ns, &more))
        emit(level, text, "more", more);
    tell_repeats(now_ns);
    pthread_mutex_unlock(&state.mutex);
}

bool cu_log_enabled(enum cu_log_level level)
{
    int from = __atomic_load_n(&threshold, __ATOMIC_RELAXED);

    return from < CU_LOG_NONE && level < CU_LOG_NONE && (int)level >= from;
}

void cu_log_write(enum cu_log_level level, const char *format, ...)
{
    int saved_errno = errno;
    char text[2 * TEXT_MAX], line[TEXT_MAX];
    va_list args;
    int n;

    if (!cu_log_enabled(level))
        return;
    va_start(args, format);
    n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (n > 0) {
        cu_text_line(line, sizeof(line), text, strlen(text));
        write_text(level, format, line);
    }
    errno = saved_errno;
}

/* In a directory of another user, the name may be a link, a pipe or a file that others can read. */
static int open_file(const char *path, int *fd, struct cu_error *err)
{
    struct cu_error why = {""};
    const char *name = NULL;
    int dir = cu_trust_open_parent(path, &name, &why);

    if (dir < 0)
        return cu_error_set(err, dir, "log file %s: %s", path, why.text);
    *fd = cu_trust_open_file(dir, name, CU_TRUST_APPEND);
    close(dir);
    if (*fd < 0)
        return cu_error_set(err, *fd, "log file %s: %s", path, cu_trust_file_error(*fd));
    return 0;
}

int cu_log_open(const struct cu_log_config *config, struct cu_error *err)
{
    struct cu_logring *kept = NULL;
    struct sink *sink;
    int fd = -1;

    cu_log_close();
    if (config->level < CU_LOG_DEBUG || config->level > CU_LOG_NONE)
        return cu_error_set(err, -EINVAL, "log level %d: allowed is 1 to 6", (int)config->level);
    if (config->level == CU_LOG_NONE)
        return 0;
    if (config->file_path) {
        int rc = open_file(config->file_path, &fd, err);

        if (rc != 0)
            return rc;
    }
    sink = calloc(1, sizeof(*sink));
    if (sink && config->keep_bytes > 0)
        kept = cu_logring_create(config->keep_bytes);
    if (!sink || (config->keep_bytes > 0 && !kept)) {
        free(sink);
        if (fd >= 0)
            close(fd);
        return cu_error_set(err, -ENOMEM, "out of memory");
    }
    sink->file_fd = fd;
    sink->to_stdout = config->to_stdout;
    if (config->host)
        cu_text_line(sink->host, sizeof(sink->host), config->host, strlen(config->host));
    pthread_mutex_lock(&state.mutex);
    if (!state.at_fork)
        state.at_fork = pthread_atfork(before_fork, after_fork, in_child) == 0;
    state.sink = sink;
    state.kept = kept;
    memcpy(state.host, sink->host, sizeof(state.host));
    pthread_mutex_unlock(&state.mutex);
    __atomic_store_n(&threshold, (int)config->level, __ATOMIC_RELAXED);
    return 0;
}

void cu_log_kept(cu_logring_fn *fn, void *context)
{
    pthread_mutex_lock(&state.mutex); /* the ring stays */
    cu_logring_each(state.kept, fn, context);
    pthread_mutex_unlock(&state.mutex);
}

uint64_t cu_log_lost(void)
{
    uint64_t lost;

    pthread_mutex_lock(&state.mutex);
    lost = state.lost;
    pthread_mutex_unlock(&state.mutex);
    return lost;
}

bool cu_log_hangs(void)
{
    bool hangs;

    pthread_mutex_lock(&state.mutex);
    hangs = state.writing && (uint64_t)cu_clock_ns() - state.taken_ns >= HANGS_NS;
    pthread_mutex_unlock(&state.mutex);
    return hangs;
}

bool cu_log_flush(int wait_ms)
{
    struct pollfd idle = {.events = POLLIN};
    bool all;

    pthread_mutex_lock(&state.mutex);
    start_writer();
    if (state.writing && state.idle_fd < 0)
        state.idle_fd = eventfd(0, EFD_CLOEXEC);
    idle.fd = state.writing ? state.idle_fd : -1;
    pthread_mutex_unlock(&state.mutex);
    if (idle.fd >= 0)
        while (poll(&idle, 1, wait_ms) < 0 && errno == EINTR)
            ;
    pthread_mutex_lock(&state.mutex);
    if (state.idle_fd >= 0)
        close(state.idle_fd);
    state.idle_fd = -1;
    join_ended();
    all = !state.writing && state.used == 0;
    pthread_mutex_unlock(&state.mutex);
    return all;
}

void cu_log_close(void)
{
    __atomic_store_n(&threshold, CU_LOG_NONE, __ATOMIC_RELAXED);
    pthread_mutex_lock(&state.mutex);
    tell_repeats(UINT64_MAX);
    tell_others(UINT64_MAX);
    pthread_mutex_unlock(&state.mutex);
    (void)cu_log_flush(CLOSE_MS);
    pthread_mutex_lock(&state.mutex);
    if (!state.writing)
        sink_free(state.sink);
    else if (state.joinable)
        pthread_detach(state.thread);
    state.sink = NULL; /* else the writer's, when it comes back */
    cu_logring_destroy(state.kept);
    state.kept = NULL;
    state.epoch++;
    state.writing = state.joinable = false;
    state.head = state.used = 0;
    state.repeats = (struct cu_log_repeats){0};
    state.places = (struct cu_log_places){0};
    state.dropped = state.lost = 0;
    pthread_mutex_unlock(&state.mutex);
}
