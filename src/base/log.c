/* One log for the process, written a line at a time with one write(2), so that lines of threads and
 * of daemons that share standard output do not mix. Logging must not become the fault it reports: a
 * repeated line is counted instead of written, a full disk is ignored, and a reader of standard
 * output that has stopped costs lines, not the daemon's life. The text is one printable line
 * whatever bytes a path in it has. */
#include "base/log.h"

#include "base/error.h"
#include "base/path.h"
#include "base/text.h"
#include "base/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TEXT_MAX 1536u /* of a message, with its NUL */
#define LINE_BYTES                                                                                 \
    2048u /* with time, level, host; below PIPE_BUF, so a pipe takes all or nothing */
#define REPEAT_NS (60 * UINT64_C(1000000000))

static int threshold = CU_LOG_NONE; /* atomic */

static struct {
    pthread_mutex_t mutex; /* guards all below */
    int file_fd;
    bool to_stdout;
    char host[256];
    enum cu_log_level last_level;
    char last[TEXT_MAX]; /* empty: nothing to compare with */
    uint64_t last_ns;    /* monotonic, when it was written */
    uint64_t repeats;    /* since then, not written */
    uint64_t lost;       /* lines that standard output did not take */
} state = {.mutex = PTHREAD_MUTEX_INITIALIZER, .file_fd = -1};

static const char *level_name(enum cu_log_level level)
{
    switch (level) {
    case CU_LOG_DEBUG:
        return "DEBUG";
    case CU_LOG_INFO:
        return "INFO";
    case CU_LOG_WARN:
        return "WARN";
    case CU_LOG_ERROR:
        return "ERROR";
    case CU_LOG_FATAL:
        return "FATAL";
    case CU_LOG_NONE:
        break;
    }
    return "?";
}

static uint64_t monotonic_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static void write_file(const char *line, size_t len)
{
    while (len > 0) {
        ssize_t n = write(state.file_fd, line, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        line += n;
        len -= (size_t)n;
    }
}

static void write_stdout(const char *line, size_t len)
{
    struct pollfd ready = {.fd = STDOUT_FILENO, .events = POLLOUT};
    char note[64];
    int n;

    if (poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0) {
        state.lost++;
        return;
    }
    if (state.lost > 0) {
        n = snprintf(note, sizeof(note), "(%" PRIu64 " lines lost here)\n", state.lost);
        if (write(STDOUT_FILENO, note, (size_t)n) == n)
            state.lost = 0;
        if (poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0) {
            state.lost++;
            return;
        }
    }
    if (write(STDOUT_FILENO, line, len) < 0)
        state.lost++;
}

/* Mutex held. The count goes behind the text: "no route to node7 (3 times more)". */
static void emit(enum cu_log_level level, const char *text, uint64_t more)
{
    char line[LINE_BYTES], count[48] = "";
    struct timespec now;
    struct tm utc;
    int n;

    if (more > 0)
        snprintf(count, sizeof(count), " (%" PRIu64 " times more)", more);
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    n = snprintf(line, sizeof(line), "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ %-5s %s%s%s%s\n",
                 utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
                 utc.tm_sec, now.tv_nsec / 1000000, level_name(level), state.host,
                 state.host[0] != '\0' ? " " : "", text, count);
    if (n <= 0 || (size_t)n >= sizeof(line))
        return; /* the parts' bounds add up to less */
    if (state.file_fd >= 0)
        write_file(line, (size_t)n);
    if (state.to_stdout)
        write_stdout(line, (size_t)n);
}

/* Mutex held. */
static void flush_repeats(void)
{
    if (state.repeats > 0)
        emit(state.last_level, state.last, state.repeats);
    state.repeats = 0;
}

static void write_text(enum cu_log_level level, const char *text)
{
    uint64_t now_ns;

    pthread_mutex_lock(&state.mutex);
    now_ns = monotonic_ns(); /* under the mutex: not before another thread's last_ns */
    if (level == state.last_level && strcmp(text, state.last) == 0) {
        state.repeats++;
        if (now_ns - state.last_ns >= REPEAT_NS) {
            flush_repeats();
            state.last_ns = now_ns;
        }
    } else {
        flush_repeats();
        emit(level, text, 0);
        state.last_level = level;
        snprintf(state.last, sizeof(state.last), "%s", text);
        state.last_ns = now_ns;
    }
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
        write_text(level, line);
    }
    errno = saved_errno;
}

/* A name in a directory of others may be a link, a pipe or a file that another reads. */
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
    int fd = -1;

    cu_log_close();
    if (config->level < CU_LOG_DEBUG || config->level > CU_LOG_NONE)
        return cu_error_set(err, -EINVAL, "log level %d: allowed is 1 to 6", (int)config->level);
    if (config->level == CU_LOG_NONE)
        return 0;
    if (config->file_path != NULL) {
        int rc = open_file(config->file_path, &fd, err);

        if (rc != 0)
            return rc;
    }
    pthread_mutex_lock(&state.mutex);
    state.file_fd = fd;
    state.to_stdout = config->to_stdout;
    state.host[0] = '\0';
    if (config->host != NULL)
        cu_text_line(state.host, sizeof(state.host), config->host, strlen(config->host));
    pthread_mutex_unlock(&state.mutex);
    __atomic_store_n(&threshold, (int)config->level, __ATOMIC_RELAXED);
    return 0;
}

void cu_log_close(void)
{
    __atomic_store_n(&threshold, CU_LOG_NONE, __ATOMIC_RELAXED);
    pthread_mutex_lock(&state.mutex);
    flush_repeats();
    if (state.file_fd >= 0)
        close(state.file_fd);
    state.file_fd = -1;
    state.to_stdout = false;
    state.last[0] = '\0';
    state.lost = 0;
    pthread_mutex_unlock(&state.mutex);
}
