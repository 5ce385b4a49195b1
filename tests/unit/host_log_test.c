/* SPDX-License-Identifier: BSD-3-Clause */
/* The log: what is written, what is not, and what it refuses to write into. The clock stands still
 * until a test moves it. */
#include "base/error.h"
#include "host/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define AT "time=2024-02-29T12:34:56.789000Z level="

static time_t monotonic_s = 1000; /* atomic: the writer looks at it, too */
static char dir[64], file[128];

static void pass_s(time_t seconds)
{
    __atomic_fetch_add(&monotonic_s, seconds, __ATOMIC_RELAXED);
}

#ifdef __SANITIZE_THREAD__
/* A child that logs starts a writer of its own, as the daemon below its supervisor does. */
const char *__tsan_default_options(void);

const char *__tsan_default_options(void)
{
    return "die_after_fork=0";
}
#endif

int __wrap_clock_gettime(clockid_t clock, struct timespec *now);

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    *now = clock == CLOCK_REALTIME
               ? (struct timespec){.tv_sec = 1709210096, .tv_nsec = 789000000}
               : (struct timespec){.tv_sec = __atomic_load_n(&monotonic_s, __ATOMIC_RELAXED)};
    return 0;
}

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/copper-log-test-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(file, sizeof(file), "%s/a/b/copperd.log", dir);
    return 0;
}

static int remove_dir(void **state)
{
    char command[128];

    (void)state;
    cu_log_close();
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command);
}

static const char *read_fd(int fd)
{
    static char text[1 << 20];
    size_t len = 0;
    ssize_t n;

    while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
        len += (size_t)n;
    text[len] = '\0';
    close(fd);
    return text;
}

static const char *read_log(void)
{
    int fd;

    assert_true(cu_log_flush(10000));
    fd = open(file, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    return read_fd(fd);
}

static void open_log(enum cu_log_level level, const char *host)
{
    const struct cu_log_config config = {.level = level, .file_path = file, .host = host};
    struct cu_error err;

    assert_int_equal(cu_log_open(&config, &err), 0);
}

static void writes_from_its_level_on(void **state)
{
    (void)state;
    open_log(CU_LOG_WARN, "node7");
    assert_false(cu_log_enabled(CU_LOG_INFO));
    assert_true(cu_log_enabled(CU_LOG_WARN));
    assert_true(cu_log_enabled(CU_LOG_FATAL));
    assert_false(cu_log_enabled(CU_LOG_NONE));
    errno = EBUSY;
    cu_log_debug("no");
    cu_log_info("no");
    cu_log_warn("w %d", 1);
    cu_log_error("e");
    cu_log_write(CU_LOG_FATAL, "f");
    assert_int_equal(errno, EBUSY);
    assert_string_equal(read_log(), AT "warn node=\"node7\" text=\"w 1\"\n" AT
                                       "error node=\"node7\" text=\"e\"\n" AT
                                       "fatal node=\"node7\" text=\"f\"\n");
    cu_log_close();
    cu_log_error("closed");
    assert_null(strstr(read_log(), "closed"));
}

static void level_none_makes_no_file(void **state)
{
    struct stat st;

    (void)state;
    open_log(CU_LOG_NONE, NULL);
    cu_log_error("x");
    assert_false(cu_log_enabled(CU_LOG_FATAL));
    assert_int_equal(stat(file, &st), -1);
}

static void file_is_private_and_kept(void **state)
{
    struct stat st;

    (void)state;
    open_log(CU_LOG_DEBUG, NULL);
    cu_log_debug("one");
    open_log(CU_LOG_DEBUG, NULL);
    cu_log_debug("two");
    assert_string_equal(read_log(), AT "debug text=\"one\"\n" AT "debug text=\"two\"\n");
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    *strrchr(file, '/') = '\0';
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
}

static void assert_refused(int expected)
{
    const struct cu_log_config config = {.level = CU_LOG_DEBUG, .file_path = file};
    struct cu_error err = {.text = ""};

    assert_int_equal(cu_log_open(&config, &err), expected);
    assert_non_null(strstr(err.text, file));
    assert_false(cu_log_enabled(CU_LOG_FATAL));
}

static void refuses_links_pipes_and_strangers(void **state)
{
    char target[128];
    struct stat st;

    (void)state;
    snprintf(target, sizeof(target), "%s/target", dir);
    snprintf(file, sizeof(file), "%s/log", dir);
    assert_int_equal(symlink(target, file), 0);
    assert_refused(-EPERM);
    assert_int_equal(stat(target, &st), -1);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(mkfifo(file, 0600), 0);
    assert_refused(-EPERM); /* nobody reads it; waiting for one would hang */
    assert_int_equal(unlink(file), 0);
    assert_int_equal(mkdir(file, 0700), 0);
    assert_refused(-EPERM);
    strcat(file, "/below");
    snprintf(target, sizeof(target), "%s/log", dir);
    assert_int_equal(rmdir(target), 0);
    close(open(target, O_CREAT | O_WRONLY, 0600));
    assert_refused(-ENOTDIR);
}

static void refuses_a_file_of_another(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    snprintf(file, sizeof(file), "%s/log", dir);
    close(open(file, O_CREAT | O_WRONLY, 0666));
    assert_int_equal(chown(file, 12345, 12345), 0);
    assert_refused(-EPERM);
}

static void refuses_an_unknown_level(void **state)
{
    const struct cu_log_config config = {.level = (enum cu_log_level)7};

    (void)state;
    assert_int_equal(cu_log_open(&config, NULL), -EINVAL);
}

/* Other lines between change nothing; information is written each time. */
static void a_warning_is_written_once_a_minute(void **state)
{
    (void)state;
    open_log(CU_LOG_INFO, NULL);
    for (int i = 0; i < 5; i++) {
        cu_log_warn("no route to %s", "node3");
        cu_log_warn("no route to %s", "node4");
    }
    cu_log_error("no route to node3"); /* another level is another line */
    cu_log_info("i");
    cu_log_info("i");
    assert_string_equal(read_log(), AT "warn text=\"no route to node3\"\n" AT
                                       "warn text=\"no route to node4\"\n" AT
                                       "error text=\"no route to node3\"\n" AT
                                       "info text=\"i\"\n" AT "info text=\"i\"\n");
    pass_s(60);
    cu_log_info("later"); /* what does not come again is told, too */
    assert_non_null(strstr(read_log(),
                           "info text=\"later\"\n" AT "warn text=\"no route to node3\" more=4\n" AT
                           "warn text=\"no route to node4\" more=4\n"));
}

static void a_quote_in_a_text_does_not_end_it(void **state)
{
    (void)state;
    open_log(CU_LOG_INFO, "a\"b");
    cu_log_info("\"x\\\" level=fatal");
    assert_string_equal(read_log(), AT "info node=\"a\\\"b\" text=\"\\\"x\\\\\\\" level=fatal\"\n");
}

static void repeats_come_again_after_a_minute(void **state)
{
    (void)state;
    open_log(CU_LOG_INFO, NULL);
    cu_log_warn("x");
    pass_s(59);
    cu_log_warn("x");
    assert_string_equal(read_log(), AT "warn text=\"x\"\n");
    pass_s(1);
    cu_log_warn("x");
    assert_string_equal(read_log(), AT "warn text=\"x\"\n" AT "warn text=\"x\" more=2\n");
    pass_s(59);
    cu_log_warn("x");
    cu_log_close();
    assert_string_equal(read_log(), AT "warn text=\"x\"\n" AT "warn text=\"x\" more=2\n" AT
                                       "warn text=\"x\" more=1\n");
}

static void text_is_one_bounded_line(void **state)
{
    char text[5000];
    const char *log;

    (void)state;
    open_log(CU_LOG_INFO, NULL);
    cu_log_warn("a\nb\x1b[2J");
    assert_string_equal(read_log(), AT "warn text=\"a\\\\x0ab\\\\x1b[2J\"\n");
    memset(text, 'z', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    cu_log_warn("%s", text);
    log = read_log();
    assert_true(strlen(log) < 2048);
    assert_string_equal(log + strlen(log) - 6, "z...\"\n");
}

#define THREADS 4
#define LINES   500

static void *write_lines(void *arg)
{
    for (int i = 0; i < LINES; i++)
        cu_log_info("thread %d line %d end", *(const int *)arg, i);
    return NULL;
}

static void threads_do_not_mix_lines(void **state)
{
    pthread_t threads[THREADS];
    int numbers[THREADS], next[THREADS] = {0}, lines = 0;

    (void)state;
    open_log(CU_LOG_INFO, NULL);
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, &numbers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (const char *p = read_log(); *p != '\0'; p = strchr(p, '\n') + 1, lines++) {
        int thread, line, end = 0;

        assert_int_equal(
            sscanf(p, AT "info text=\"thread %d line %d end\"%n", &thread, &line, &end), 2);
        assert_int_equal(p[end], '\n');
        assert_int_equal(line, next[thread]++);
    }
    assert_int_equal(lines, THREADS * LINES);
}

/* Standard output becomes a pipe; returns its reading end. */
static int redirect_stdout(int *saved)
{
    int ends[2];

    fflush(stdout);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    *saved = dup(STDOUT_FILENO);
    assert_true(*saved >= 0);
    assert_int_equal(dup2(ends[1], STDOUT_FILENO), STDOUT_FILENO);
    close(ends[1]);
    return ends[0];
}

static void restore_stdout(int saved)
{
    cu_log_close();
    dup2(saved, STDOUT_FILENO);
    close(saved);
}

static void writes_to_both(void **state)
{
    const struct cu_log_config config = {
        .level = CU_LOG_INFO, .to_stdout = true, .file_path = file};
    int saved, fd = redirect_stdout(&saved), rc = cu_log_open(&config, NULL);

    (void)state;
    cu_log_info("both");
    assert_true(cu_log_flush(10000));
    restore_stdout(saved);
    assert_int_equal(rc, 0);
    assert_string_equal(read_fd(fd), AT "info text=\"both\"\n");
    assert_string_equal(read_log(), AT "info text=\"both\"\n");
}

static void stopped_reader_costs_lines_only(void **state)
{
    const struct cu_log_config config = {.level = CU_LOG_INFO, .to_stdout = true};
    int saved, fd = redirect_stdout(&saved), rc = cu_log_open(&config, NULL);
    char bytes[1 << 16];
    const char *text, *note;
    unsigned lost = 0;
    ssize_t drained;

    (void)state;
    for (int i = 0; i < 20000; i++) /* a pipe holds 64 KiB; this would block for ever */
        cu_log_info("line %d", i);
    assert_true(cu_log_flush(10000));
    drained = read(fd, bytes, sizeof(bytes));
    cu_log_info("after");
    assert_true(cu_log_flush(10000));
    restore_stdout(saved);
    assert_int_equal(rc, 0);
    assert_true(drained > 0 && bytes[drained - 1] == '\n');
    text = read_fd(fd);
    note = strstr(text, "\n" AT "info text=\"after\"\n");
    assert_non_null(note);
    while (note > text && note[-1] != '\n')
        note--;
    assert_int_equal(sscanf(note, AT "warn text=\"lines were not written here\" lost=%u", &lost),
                     1);
    assert_true(lost > 0);
}

/* write(2) to the log's file hangs, until a byte comes. */
static _Atomic int hang = -1;
static int hung[2]; /* the pipe that it reads from */

ssize_t __wrap_write(int fd, const void *bytes, size_t size);
ssize_t __real_write(int fd, const void *bytes, size_t size);

ssize_t __wrap_write(int fd, const void *bytes, size_t size)
{
    struct stat st, log;
    int from = hang;
    char byte;

    if (from >= 0 && fstat(fd, &st) == 0 && stat(file, &log) == 0 && st.st_ino == log.st_ino &&
        st.st_dev == log.st_dev)
        (void)!read(from, &byte, 1);
    return __real_write(fd, bytes, size);
}

static void a_directory_that_hangs_costs_lines_only(void **state)
{
    const char *text, *note;
    unsigned lost = 0;

    (void)state;
    open_log(CU_LOG_INFO, NULL);
    cu_log_info("before");
    assert_true(cu_log_flush(10000));
    assert_int_equal(pipe(hung), 0);
    hang = hung[0];
    for (int i = 0; i < 20000; i++) /* none of these waits */
        cu_log_info("line %d", i);
    assert_false(cu_log_flush(1));
    assert_true(cu_log_lost() > 0);
    close(hung[1]); /* it wakes up */
    assert_true(cu_log_flush(10000));
    cu_log_info("after");
    text = read_log();
    assert_non_null(strstr(text, AT "info text=\"before\"\n" AT "info text=\"line 0\"\n" AT
                                    "info text=\"line 1\"\n"));
    note = strstr(text, "\n" AT "info text=\"after\"\n");
    assert_non_null(note);
    while (note > text && note[-1] != '\n')
        note--;
    assert_int_equal(sscanf(note, AT "warn text=\"lines were not written here\" lost=%u", &lost),
                     1);
    assert_true(lost > 0);
    hang = -1;
    close(hung[0]);
}

/* Closing waits a second; the writer that is left behind spoils nothing when it comes back. */
static void closing_waits_for_nobody(void **state)
{
    char first[128];

    (void)state;
    open_log(CU_LOG_INFO, NULL);
    cu_log_info("exists");
    assert_true(cu_log_flush(10000));
    assert_int_equal(pipe(hung), 0);
    hang = hung[0];
    cu_log_info("hangs");
    cu_log_close();
    strcpy(first, file);
    strcat(file, ".2");
    open_log(CU_LOG_INFO, NULL);
    cu_log_info("another");
    assert_int_equal(__real_write(hung[1], "12", 2), 2);
    assert_non_null(strstr(read_log(), "another"));
    hang = -1; /* the pipe stays: the writer that was left behind may still be there */
}

/* The child has its own writer, and writes nothing of its parent's again. */
static void a_child_logs_on(void **state)
{
    int status;
    pid_t pid;

    (void)state;
    open_log(CU_LOG_INFO, NULL);
    cu_log_info("parent");
    pid = fork();
    if (pid == 0) {
        cu_log_info("child");
        cu_log_close();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_true(cu_log_flush(10000));
    assert_non_null(strstr(read_log(), "info text=\"child\"\n"));
    assert_null(strstr(strstr(read_log(), "parent") + 1, "parent"));
}

static unsigned count_of(const char *text, const char *part)
{
    unsigned n = 0;

    while ((text = strstr(text, part))) {
        text += strlen(part);
        n++;
    }
    return n;
}

/* After a flush the process may fork: no thread that was just ending has locked the allocator in
 * the child (sanitizers' allocators are not made ready for a fork). */
static void no_thread_is_left_after_a_flush(void **state)
{
    (void)state;
    open_log(CU_LOG_INFO, NULL);
    for (unsigned round = 0; round < 100; round++) {
        int status;
        pid_t pid;

        cu_log_info("round %u", round);
        assert_true(cu_log_flush(60000));
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            alarm(60);
            for (size_t size = 16; size < 2048; size += 16) {
                volatile char *p = malloc(size);

                if (p)
                    *p = 1;
            }
            _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }
}

/* A tree of a thousand bad files is no thousand lines. */
static void one_place_writes_a_few_lines_a_minute(void **state)
{
    const char *text;

    (void)state;
    open_log(CU_LOG_INFO, NULL);
    for (int i = 0; i < 1000; i++) {
        cu_log_warn("file %d is odd", i);
        cu_log_info("file %d is looked at", i);
    }
    cu_log_warn("file %d is odd", 3); /* was written, and is no different line */
    cu_log_warn("another place");
    text = read_log();
    assert_int_equal(count_of(text, "is odd"), 10);
    assert_int_equal(count_of(text, "is looked at"), 1000);
    assert_non_null(strstr(text, AT "warn text=\"file 9 is odd\"\n"));
    assert_non_null(strstr(text, AT "warn text=\"another place\"\n"));
    pass_s(60);
    cu_log_warn("file %d is odd", 1000);
    text = read_log();
    assert_non_null(strstr(text, AT "warn text=\"file 999 is odd\" others=989\n" AT
                                    "warn text=\"file 1000 is odd\"\n"));
    assert_non_null(strstr(text, AT "warn text=\"file 3 is odd\" more=1\n"));
    for (int i = 0; i < 30; i++)
        cu_log_warn("file %d is odd", i + 2000);
    cu_log_close(); /* the count is not lost */
    assert_non_null(strstr(read_log(), AT "warn text=\"file 2029 is odd\" others=20\n"));
}

static void see_kept(void *context, uint64_t us, uint32_t number, const char *line, size_t len)
{
    char *text = context;

    assert_int_equal(us, UINT64_C(1709210096789000));
    snprintf(text + strlen(text), 256, "%u %.*s|", number, (int)len, line);
}

/* Also without a file, and by a child that is gone. */
static void newest_lines_are_kept(void **state)
{
    const struct cu_log_config config = {.level = CU_LOG_INFO, .host = "n\"1", .keep_bytes = 4096};
    struct cu_error err;
    char text[1024] = "";
    pid_t pid;
    int status;

    (void)state;
    assert_int_equal(cu_log_open(&config, &err), 0);
    cu_log_info("one");
    pid = fork();
    if (pid == 0) {
        cu_log_error("two");
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    cu_log_debug("no");
    cu_log_info("three");
    cu_log_kept(see_kept, text);
    assert_string_equal(text, "1 " AT "info node=\"n\\\"1\" text=\"one\"|"
                              "2 " AT "error node=\"n\\\"1\" text=\"two\"|"
                              "3 " AT "info node=\"n\\\"1\" text=\"three\"|");
    open_log(CU_LOG_INFO, NULL);
    cu_log_info("nothing is kept now");
    text[0] = '\0';
    cu_log_kept(see_kept, text);
    assert_string_equal(text, "");
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)
    const struct CMUnitTest tests[] = {
        CASE(writes_from_its_level_on),
        CASE(level_none_makes_no_file),
        CASE(file_is_private_and_kept),
        CASE(refuses_links_pipes_and_strangers),
        CASE(refuses_a_file_of_another),
        CASE(refuses_an_unknown_level),
        CASE(a_warning_is_written_once_a_minute),
        CASE(a_quote_in_a_text_does_not_end_it),
        CASE(repeats_come_again_after_a_minute),
        CASE(text_is_one_bounded_line),
        CASE(threads_do_not_mix_lines),
        CASE(writes_to_both),
        CASE(stopped_reader_costs_lines_only),
        CASE(a_directory_that_hangs_costs_lines_only),
        CASE(closing_waits_for_nobody),
        CASE(a_child_logs_on),
        CASE(newest_lines_are_kept),
        CASE(no_thread_is_left_after_a_flush),
        CASE(one_place_writes_a_few_lines_a_minute),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
