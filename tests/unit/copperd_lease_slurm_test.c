/* SPDX-License-Identifier: BSD-3-Clause */
/* The end of a job by what Slurm says of it. A script stands for scontrol: it counts its calls, and
 * says what is in a file. */
#include "copperd/lease_slurm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct world {
    char dir[32], text[128];
    uv_loop_t loop;
    struct cu_job job;
    struct cu_lease_kept kept;
    struct cu_lease_config config;
    struct cu_lease_slurm *lease;
    bool root;
    unsigned ticks, ticks_max, over;
};

static bool is_root(void *context)
{
    struct world *w = context;

    if (++w->ticks >= w->ticks_max)
        uv_stop(&w->loop);
    return w->root;
}

static void over(void *context)
{
    struct world *w = context;

    if (++w->over == 3)
        uv_stop(&w->loop);
}

static void path_of(const struct world *w, const char *name, char path[64])
{
    snprintf(path, 64, "%s/%s", w->dir, name);
}

static void put(const struct world *w, const char *name, const char *text)
{
    char path[64], new[64];
    FILE *file;

    path_of(w, name, path);
    path_of(w, "new", new);
    file = fopen(new, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(new, 0755), 0);
    assert_int_equal(rename(new, path), 0);
}

static long calls(const struct world *w)
{
    struct stat st;
    char path[64];

    path_of(w, "calls", path);
    return stat(path, &st) == 0 ? (long)st.st_size : 0;
}

static void build(struct world *w)
{
    char script[256];

    memset(w, 0, sizeof(*w));
    strcpy(w->dir, "/tmp/lease_slurm.XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    snprintf(script, sizeof(script),
             "#!/bin/sh\n[ \"$2\" = job ] || { echo 'ClusterName = blue'; exit; }\n"
             "printf x >>%s/calls\nexec cat %s/says\n",
             w->dir, w->dir);
    put(w, "scontrol", script);
    snprintf(w->text, sizeof(w->text), "slurm blue 17 %s/scontrol", w->dir);
    w->job.slurm = w->text;
    w->root = true;
    uv_loop_init(&w->loop);
    w->config = (struct cu_lease_config){.loop = &w->loop,
                                         .job = &w->job,
                                         .kept = &w->kept,
                                         .tick_ms = 2,
                                         .context = w,
                                         .is_root = is_root,
                                         .over = over};
    w->ticks_max = UINT32_MAX;
}

static void end(struct world *w)
{
    static const char *const names[] = {"scontrol", "says", "calls"};
    char path[64];

    cu_lease_slurm_stop(w->lease);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        path_of(w, names[i], path);
        unlink(path);
    }
    assert_int_equal(rmdir(w->dir), 0);
}

static void run(struct world *w)
{
    w->lease = cu_lease_slurm_start(&w->config);
    assert_non_null(w->lease);
    uv_run(&w->loop, UV_RUN_DEFAULT);
}

/* Ends the loop when there were three answers. */
static void on_look(uv_timer_t *timer)
{
    const struct world *w = timer->data;

    if (calls(w) >= 3)
        uv_stop(timer->loop);
}

static void run_for_three(struct world *w)
{
    uv_timer_t look;

    look.data = w;
    uv_timer_init(&w->loop, &look);
    uv_timer_start(&look, on_look, 1, 1);
    if (!w->lease)
        w->lease = cu_lease_slurm_start(&w->config);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&look, NULL);
    uv_run(&w->loop, UV_RUN_NOWAIT);
}

static void goes_on(struct world *w, unsigned restarts)
{
    char line[128];

    snprintf(line, sizeof(line), "JobId=17 JobState=RUNNING Restarts=%u\n", restarts);
    put(w, "says", line);
}

/* The end is asked for again in each tick. */
static void a_job_that_is_over(void **state)
{
    struct world w;

    (void)state;
    build(&w);
    put(&w, "says", "JobId=17 JobState=COMPLETED Restarts=0\n");
    run(&w);
    assert_int_equal(w.over, 3);
    assert_int_equal(calls(&w), 1);
    end(&w);
}

static void a_job_that_was_started_again(void **state)
{
    struct world w;

    (void)state;
    build(&w);
    goes_on(&w, 2);
    run_for_three(&w);
    assert_int_equal(w.over, 0);
    goes_on(&w, 3);
    uv_run(&w.loop, UV_RUN_DEFAULT);
    assert_int_equal(w.over, 3);
    end(&w);
    /* A daemon that has followed a dead one knows it, too. */
    build(&w);
    w.kept.slurm_runs = 3;
    goes_on(&w, 3);
    run(&w);
    assert_int_equal(w.over, 3);
    end(&w);
}

static void slurm_that_does_not_answer(void **state)
{
    struct world w;

    (void)state;
    build(&w);
    put(&w, "says", "slurm_load_jobs error: Unable to contact slurm controller\n");
    run_for_three(&w);
    assert_int_equal(w.over, 0);
    put(&w, "says", "JobId=17 JobState=TIMEOUT Restarts=0\n");
    uv_run(&w.loop, UV_RUN_DEFAULT);
    assert_int_equal(w.over, 3);
    end(&w);
}

static void only_a_root_asks(void **state)
{
    struct world w;

    (void)state;
    build(&w);
    w.root = false;
    w.ticks_max = 50;
    put(&w, "says", "JobId=17 JobState=COMPLETED Restarts=0\n");
    run(&w);
    assert_int_equal(w.over, 0);
    assert_int_equal(calls(&w), 0);
    w.root = true;
    w.ticks_max = UINT32_MAX;
    uv_run(&w.loop, UV_RUN_DEFAULT);
    assert_int_equal(w.over, 3);
    end(&w);
}

static void one_question_at_a_time(void **state)
{
    char script[256];
    struct world w;

    (void)state;
    build(&w);
    snprintf(script, sizeof(script),
             "#!/bin/sh\n[ \"$2\" = job ] || { echo 'ClusterName = blue'; exit; }\n"
             "printf x >>%s/calls\nwhile [ ! -e %s/says ]; do sleep 0.01; done\ncat %s/says\n",
             w.dir, w.dir, w.dir);
    put(&w, "scontrol", script);
    w.lease = cu_lease_slurm_start(&w.config);
    while (calls(&w) == 0)
        uv_run(&w.loop, UV_RUN_ONCE);
    for (unsigned i = 0; i < 50; i++)
        uv_run(&w.loop, UV_RUN_ONCE); /* ticks */
    assert_int_equal(calls(&w), 1);
    put(&w, "says", "JobId=17 JobState=FAILED Restarts=0\n");
    uv_run(&w.loop, UV_RUN_DEFAULT);
    assert_int_equal(w.over, 3);
    assert_int_equal(calls(&w), 1);
    end(&w);
}

static void nothing_to_watch(void **state)
{
    struct world w;

    (void)state;
    build(&w);
    w.job.slurm = NULL;
    assert_null(cu_lease_slurm_start(&w.config));
    w.job.slurm = (char[]){"session a b 1 2"};
    assert_null(cu_lease_slurm_start(&w.config));
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_that_is_over),
        cmocka_unit_test(a_job_that_was_started_again),
        cmocka_unit_test(slurm_that_does_not_answer),
        cmocka_unit_test(only_a_root_asks),
        cmocka_unit_test(one_question_at_a_time),
        cmocka_unit_test(nothing_to_watch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
