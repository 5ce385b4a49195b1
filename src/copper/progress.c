/* SPDX-License-Identifier: BSD-3-Clause */
/* The line that counts seconds is written by a thread of its own, so that the waiting code need not
 * know of it and no wait is interrupted. Nothing is shown when standard error is not a terminal. */
#include "copper/progress.h"

#include "host/clock.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static struct {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t change;
    bool runs;     /* of the thread that begins and ends */
    bool over;     /* guarded by mutex */
    char what[96]; /* written before the thread is there */
} progress;

/* Bytes of the text that fit into a line, and leave the cursor in it; no part of a character. */
static size_t fits(const char *text)
{
    struct winsize size;
    size_t len = strlen(text), at = 0;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        return len;
    for (size_t columns = 1; at < len && columns < size.ws_col; columns++)
        do
            at++;
        while (at < len && ((unsigned char)text[at] & 0xc0) == 0x80);
    return at;
}

void cu_progress_put(const char *text)
{
    fprintf(stderr, "\r\033[K%.*s", (int)fits(text), text);
    fflush(stderr);
}

void cu_progress_clear(void)
{
    fputs("\r\033[K", stderr);
}

static void *show(void *unused)
{
    int64_t now_ns = cu_clock_ns();
    struct timespec next = {.tv_sec = now_ns / CU_CLOCK_NS_PER_S,
                            .tv_nsec = now_ns % CU_CLOCK_NS_PER_S};
    unsigned seconds = 0;
    char line[128];

    (void)unused;
    pthread_mutex_lock(&progress.mutex);
    while (!progress.over) {
        next.tv_sec++;
        while (!progress.over &&
               pthread_cond_timedwait(&progress.change, &progress.mutex, &next) == 0)
            ;
        if (progress.over)
            break;
        snprintf(line, sizeof(line), "copper: %s, %u s ", progress.what, ++seconds);
        cu_progress_put(line);
    }
    pthread_mutex_unlock(&progress.mutex);
    if (seconds > 0)
        cu_progress_clear();
    return NULL;
}

void cu_progress_begin(const char *what)
{
    pthread_condattr_t clock;
    sigset_t all, before;

    if (progress.runs || isatty(STDERR_FILENO) != 1)
        return;
    snprintf(progress.what, sizeof(progress.what), "%s", what);
    progress.over = false;
    pthread_mutex_init(&progress.mutex, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&progress.change, &clock);
    pthread_condattr_destroy(&clock);
    sigfillset(&all); /* signals are for the other thread */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    progress.runs = pthread_create(&progress.thread, NULL, show, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void cu_progress_end(void)
{
    if (!progress.runs)
        return;
    pthread_mutex_lock(&progress.mutex);
    progress.over = true;
    pthread_cond_signal(&progress.change);
    pthread_mutex_unlock(&progress.mutex);
    pthread_join(progress.thread, NULL);
    pthread_cond_destroy(&progress.change);
    pthread_mutex_destroy(&progress.mutex);
    progress.runs = false;
}
