/* SPDX-License-Identifier: BSD-3-Clause */
/* Figures in files: one line after the other, or the newest state alone. */
#include "copperd/snapshot.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A snapshot lives as long as its process: what the tests made stays, in here. */
static struct place {
    char dir[32];
    char path[64];
    uv_loop_t loop;
    uint32_t made;
    uint32_t stop_at; /* the loop is stopped when so many were made */
    struct cu_snapshot *snapshot;
} places[8];
static unsigned place_count;
static pthread_t loop_thread;

static int place_up(void **state)
{
    struct place *place = &places[place_count++];

    loop_thread = pthread_self();
    strcpy(place->dir, "/tmp/copper-unit-XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    strcpy(stpcpy(place->path, place->dir), "/file");
    assert_int_equal(uv_loop_init(&place->loop), 0);
    *state = place;
    return 0;
}

static int place_down(void **state)
{
    struct place *place = *state;
    char left[80];

    snprintf(left, sizeof(left), "%s.new", place->path);
    assert_int_equal(access(left, F_OK), -1);
    unlink(place->path);
    assert_int_equal(rmdir(place->dir), 0);
    return 0;
}

static void *take(void *context)
{
    struct place *place = context;
    uint32_t *taken = malloc(sizeof(*taken));

    assert_non_null(taken);
    assert_true(pthread_equal(pthread_self(), loop_thread));
    *taken = ++place->made;
    if (place->made == place->stop_at)
        uv_stop(&place->loop);
    return taken;
}

/* Not where requests wait. */
static struct cu_buf *make(void *context)
{
    uint32_t *taken = context;
    char text[16];

    if (pthread_equal(pthread_self(), loop_thread))
        snprintf(text, sizeof(text), "on the loop");
    else
        snprintf(text, sizeof(text), "%u", *taken);
    free(taken);
    return cu_buf_copy(text, strlen(text));
}

static struct cu_snapshot *create(struct place *place, bool replace, uint32_t seconds)
{
    const struct cu_snapshot_config config = {
        .loop = &place->loop,
        .path = place->path,
        .seconds = seconds,
        .replace = replace,
        .take = take,
        .make = make,
        .context = place,
    };

    place->snapshot = cu_snapshot_create(&config);
    assert_non_null(place->snapshot);
    return place->snapshot;
}

static void run_until_idle(struct place *place, const struct cu_snapshot *snapshot)
{
    while (cu_snapshot_busy(snapshot))
        uv_run(&place->loop, UV_RUN_ONCE);
}

static void check_file(const struct place *place, const char *text)
{
    char got[64] = "";
    FILE *file = fopen(place->path, "r");

    assert_non_null(file);
    got[fread(got, 1, sizeof(got) - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(got, text);
}

static void test_lines(void **state)
{
    struct place *place = *state;
    struct cu_snapshot *snapshot = create(place, false, 0);

    for (int i = 0; i < 3; i++) {
        cu_snapshot_take(snapshot);
        run_until_idle(place, snapshot);
    }
    check_file(place, "1\n2\n3\n");
}

static void test_replace(void **state)
{
    struct place *place = *state;
    struct cu_snapshot *snapshot = create(place, true, 0);

    cu_snapshot_take(snapshot);
    run_until_idle(place, snapshot);
    check_file(place, "1\n");
    cu_snapshot_take(snapshot);
    run_until_idle(place, snapshot);
    check_file(place, "2\n");
}

/* What is taken while a write is under way is not lost: one more is made, with the newest. */
static void test_taken_while_busy(void **state)
{
    struct place *place = *state;
    struct cu_snapshot *snapshot = create(place, true, 0);

    cu_snapshot_take(snapshot);
    cu_snapshot_take(snapshot);
    cu_snapshot_take(snapshot);
    assert_int_equal(place->made, 1);
    run_until_idle(place, snapshot);
    assert_int_equal(place->made, 2);
    check_file(place, "2\n");
}

static void nothing(uv_timer_t *timer)
{
    (void)timer;
}

static void test_timer(void **state)
{
    struct place *place = *state;
    struct cu_snapshot *snapshot = create(place, false, 1);
    uv_timer_t keeps_alive;

    uv_timer_init(&place->loop, &keeps_alive);
    assert_int_equal(uv_timer_start(&keeps_alive, nothing, 3600000, 0), 0);
    place->stop_at = 2;
    uv_run(&place->loop, UV_RUN_DEFAULT);
    run_until_idle(place, snapshot);
    check_file(place, "1\n2\n");
}

static void test_cannot_be_written(void **state)
{
    struct place *place = *state;
    struct cu_snapshot *snapshot;

    assert_int_equal(mkdir(place->path, 0700), 0);
    snapshot = create(place, true, 0);
    cu_snapshot_take(snapshot);
    run_until_idle(place, snapshot); /* a directory cannot be replaced: nothing else is left */
    assert_int_equal(rmdir(place->path), 0);
    cu_snapshot_take(NULL);
    assert_false(cu_snapshot_busy(NULL));
}

static void append_to(const struct place *place, const char *text)
{
    FILE *file = fopen(place->path, "a");

    assert_non_null(file);
    assert_int_not_equal(fputs(text, file), EOF);
    assert_int_equal(fclose(file), 0);
}

/* Nothing is left of it, also of the write under way; lines of others stay. */
static void test_discarded(void **state)
{
    struct place *place = *state;

    for (int i = 0; i < 4; i++) {
        struct cu_snapshot *snapshot = create(place, i & 1, 0);

        cu_snapshot_take(snapshot);
        if (i & 2)
            run_until_idle(place, snapshot);
        cu_snapshot_discard(snapshot);
        cu_snapshot_take(snapshot);
        run_until_idle(place, snapshot);
        assert_int_equal(access(place->path, F_OK), -1);
    }
    assert_int_equal(place->made, 4);
    cu_snapshot_discard(create(place, true, 1)); /* has written nothing */
    assert_false(cu_snapshot_busy(place->snapshot));
    cu_snapshot_discard(NULL);

    append_to(place, "theirs\n");
    cu_snapshot_take(create(place, false, 0));
    cu_snapshot_discard(place->snapshot);
    run_until_idle(place, place->snapshot);
    check_file(place, "theirs\n5\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, place_up, place_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_lines), TEST(test_replace),           TEST(test_taken_while_busy),
        TEST(test_timer), TEST(test_cannot_be_written), TEST(test_discarded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
