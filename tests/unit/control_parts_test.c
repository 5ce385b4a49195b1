/* SPDX-License-Identifier: BSD-3-Clause */
/* Surveys, recipes and pages of logs in results: what is large is read, merged and written beside
 * the loop. */
#include "commands_beside.h"

#include "control/bulk.h"
#include "control/logged.h"
#include "control/recorded.h"
#include "control/surveyed.h"

#include <pthread.h>

#define PATHS 4000u /* of a child's recipe: more text than is read at once */
#define LINES 1000u

static pthread_t loop_thread;
static unsigned on_loop, beside; /* how much of what takes long was done there */

static void takes_long(void)
{
    if (!pthread_equal(pthread_self(), loop_thread))
        __atomic_add_fetch(&beside, 1, __ATOMIC_RELAXED);
    else if (!node.looking)
        on_loop++;
}

#define LONG(type, name, parameters, arguments)                                                    \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        takes_long();                                                                              \
        return __real_##name arguments;                                                            \
    }

LONG(struct cu_survey *, cu_surveyed_read,
     (const json_t *text, const struct cu_survey_limits *limits), (text, limits))
LONG(json_t *, cu_surveyed_json, (const struct cu_survey *survey), (survey))
LONG(int, cu_survey_merge, (struct cu_survey * survey, struct cu_survey *from), (survey, from))
LONG(struct cu_recipe *, cu_recorded_read, (const json_t *text), (text))
LONG(json_t *, cu_recorded_json, (const struct cu_recipe *recipe), (recipe))
LONG(int, cu_recipe_merge, (struct cu_recipe * into, const struct cu_recipe *from), (into, from))
LONG(struct cu_logpage *, cu_logged_read, (const json_t *text), (text))
LONG(json_t *, cu_logged_json, (const struct cu_logpage *page), (page))

size_t __real_json_dumpb(const json_t *json, char *text, size_t size, size_t flags);
size_t __wrap_json_dumpb(const json_t *json, char *text, size_t size, size_t flags);

size_t __wrap_json_dumpb(const json_t *json, char *text, size_t size, size_t flags)
{
    size_t all = __real_json_dumpb(json, text, size, flags);

    if (all >= CU_BULK_BYTES)
        takes_long();
    return all;
}

/* --- a root with two children, 1 and 3 -------------------------------------------------------- */

static const struct cu_survey_limits limits = {.nodes = 4, .trees = 1, .top = 10};
static void add_row(struct cu_survey *survey, uint32_t rank)
{
    unsigned char key[CU_SURVEY_KEY_BYTES];

    cu_survey_key(rank, key);
    assert_non_null(cu_keyed_at(&survey->lists[CU_SURVEY_NODES], key, sizeof(key)));
}

static unsigned taken_count;

static struct cu_survey *make_survey(struct cu_commands_taken *taken)
{
    struct cu_survey *survey = cu_survey_new(&limits);

    (void)taken;
    takes_long();
    assert_non_null(survey);
    add_row(survey, 0);
    return survey;
}

static void free_taken(struct cu_commands_taken *taken)
{
    takes_long();
    __atomic_sub_fetch(&taken_count, 1, __ATOMIC_RELAXED);
    free(taken);
}

static struct cu_commands_taken *survey_of_root(void *context)
{
    struct cu_commands_taken *taken = calloc(1, sizeof(*taken));

    (void)context;
    assert_non_null(taken);
    *taken = (struct cu_commands_taken){.make = make_survey, .free = free_taken};
    __atomic_add_fetch(&taken_count, 1, __ATOMIC_RELAXED);
    return taken;
}

static int log_of_root(void *context, const struct cu_logpage_at *after, struct cu_logpage *page)
{
    (void)context, (void)after;
    return cu_logpage_add(page, &(struct cu_logpage_at){.us = 1, .number = 1}, "own", 3);
}

static int start_beside_loop(void **state)
{
    (void)state;
    loop_thread = pthread_self();
    start_loop();
    own_recipe = cu_recipe_new();
    assert_non_null(own_recipe);
    assert_int_equal(cu_recipe_note(own_recipe, "/own", 4, CU_RECIPE_ATTR, 0), 0);
    own_survey = survey_of_root;
    own_log = log_of_root;
    start_beside(0, aside, 4);
    node.job.profile = true;
    node.job.top_paths = 10;
    node.job.log_level = 3;
    join_child(1);
    join_child(3);
    on_loop = beside = 0;
    return 0;
}

static int stop_beside_loop(void **state)
{
    int r;

    stop_node(state);
    r = stop_loop();
    assert_int_equal(taken_count, 0);
    recipe_lent = 0;
    cu_recipe_free(own_recipe);
    own_recipe = NULL;
    return r;
}

/* A child's result for itself, and for 2 if it is 1, with this member (taken). */
static void send_result(uint32_t child, const char *member, json_t *text)
{
    json_t *result = json_pack("{s:b, s:s, s:{}, s:o}", "ok", 1, "ranks", child == 1 ? "1-2" : "3",
                               "sum", member, text);
    char *line = json_dumps(result, 0);

    assert_non_null(line);
    assert_true(strlen(line) > CU_BULK_BYTES);
    json_decref(result);
    result_from(cu_peer_child(child), node.outbox[0].id, line);
    free(line);
}

static void ask(const char *text)
{
    request(text);
    assert_null(node.reply);
    assert_int_equal(node.sent_count, 2);
}

static void turn(void)
{
    uv_run(&loop, UV_RUN_ONCE);
}

static void check_beside(void)
{
    assert_int_equal(on_loop, 0);
    assert_true(__atomic_load_n(&beside, __ATOMIC_RELAXED) > 0);
}

static json_t *reply(void)
{
    assert_null(node.reply);
    while (node.reply == NULL)
        turn();
    check_beside();
    assert_true(ok());
    return node.reply;
}

/* --- what they send --------------------------------------------------------------------------- */

static void send_recipe(uint32_t child)
{
    struct cu_recipe *recipe = cu_recipe_new();
    char path[64];

    assert_non_null(recipe);
    for (unsigned i = 0; i < PATHS; i++) {
        int len = snprintf(path, sizeof(path), "/%u/%08x/%u", child, i * 2654435761u, i);

        assert_int_equal(cu_recipe_note(recipe, path, (size_t)len, CU_RECIPE_ATTR, 0), 0);
    }
    send_result(child, "recipe", __real_cu_recorded_json(recipe));
    cu_recipe_free(recipe);
}

static void send_page(uint32_t child)
{
    struct cu_logpage *page = cu_logpage_new();
    char line[128];

    assert_non_null(page);
    memset(line, 'x', sizeof(line));
    for (unsigned i = 0; i < LINES; i++)
        assert_int_equal(cu_logpage_add(page,
                                        &(struct cu_logpage_at){10 + i, .rank = child, .number = i},
                                        line, sizeof(line)),
                         0);
    send_result(child, "page", __real_cu_logged_json(page));
    cu_logpage_free(page);
}

static void send_survey(uint32_t child)
{
    struct cu_survey *survey = cu_survey_new(&limits);
    char path[64];

    assert_non_null(survey);
    for (uint32_t rank = child; rank <= child + (child == 1); rank++)
        add_row(survey, rank);
    for (unsigned i = 0; i < 1500; i++) {
        int len = snprintf(path, sizeof(path), "/%04u/%08x", i, i * 2654435761u);
        struct cu_keyed_entry *entry =
            cu_keyed_at(&survey->lists[CU_SURVEY_BY_REQUESTS], path, (size_t)len);

        assert_non_null(entry);
        entry->weight = 1;
        for (unsigned n = 0; n < CU_SURVEY_PATH_NUMBER_COUNT; n++)
            entry->numbers[n] = UINT32_MAX;
    }
    send_result(child, "survey", __real_cu_surveyed_json(survey));
    cu_survey_free(survey);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void recipes(void **state)
{
    struct cu_recipe *recipe;

    (void)state;
    ask("{\"op\":\"recipe\",\"all\":true}");
    send_recipe(1);
    send_recipe(3);
    recipe = __real_cu_recorded_read(json_object_get(reply(), "recipe"));
    assert_non_null(recipe);
    assert_int_equal(cu_recipe_count(recipe), 2 * PATHS + 1);
    assert_int_equal(recipe_lent, 0);
    cu_recipe_free(recipe);
}

static void who_asked_for_recipes_may_go(void **state)
{
    (void)state;
    ask("{\"op\":\"recipe\",\"all\":true}");
    send_recipe(1);
    cu_commands_gone(node.commands, &asker);
    while (cu_commands_busy(node.commands))
        turn();
    assert_null(node.reply);
    assert_int_equal(recipe_lent, 0);
    check_beside();
}

static void pages(void **state)
{
    struct cu_logpage *page;

    (void)state;
    ask("{\"op\":\"log\",\"all\":true,\"asked\":true}");
    send_page(1);
    send_page(3);
    page = __real_cu_logged_read(json_object_get(reply(), "page"));
    assert_non_null(page);
    assert_int_equal(cu_logpage_count(page), 2 * LINES + 1);
    assert_int_equal(number("silent_count"), 0);
    cu_logpage_free(page);
}

static void surveys(void **state)
{
    struct cu_survey *survey;

    (void)state;
    ask("{\"op\":\"stats\",\"all\":true,\"survey\":true}");
    send_survey(1);
    send_survey(3);
    survey = __real_cu_surveyed_read(json_object_get(reply(), "survey"), &limits);
    assert_non_null(survey);
    assert_int_equal(survey->lists[CU_SURVEY_NODES].count, 4);
    assert_non_null(json_object_get(node.reply, "facts"));
    cu_survey_free(survey);
}

static void begin_stop(void)
{
    ask("{\"op\":\"stop\",\"all\":true}");
    send_survey(1);
    send_survey(3);
    cu_commands_peer_down(node.commands, cu_peer_child(1), node.now_ns);
    cu_commands_peer_down(node.commands, cu_peer_child(3), node.now_ns);
    assert_int_equal(node.stops, 0);
}

static void stops(void **state)
{
    const struct cu_commands_origin origin = {.owner = &asker, .id = 7};
    struct cu_survey *survey;

    (void)state;
    begin_stop();
    while (node.stops == 0)
        turn();
    survey = __real_cu_surveyed_read(json_object_get(node.stop_result, "survey"), &limits);
    assert_non_null(survey);
    assert_int_equal(survey->lists[CU_SURVEY_NODES].count, 4);
    cu_survey_free(survey);
    assert_false(cu_commands_busy(node.commands));
    cu_commands_answer(node.commands, &origin, json_incref(node.stop_result));
    assert_true(cu_commands_busy(node.commands));
    assert_int_equal(json_integer_value(json_object_get(reply(), "stopped")), 4);
    assert_false(cu_commands_busy(node.commands));
}

static void a_stop_goes_on_without_its_asker(void **state)
{
    (void)state;
    begin_stop();
    cu_commands_gone(node.commands, &asker);
    while (node.stops == 0)
        turn();
    assert_null(node.stop_origin.owner);
    assert_null(node.reply);
    check_beside();
}

static void a_stop_meets_another(void **state)
{
    (void)state;
    begin_stop();
    while (cu_commands_lingers(node.commands)) /* until its result is being completed */
        turn();
    assert_int_equal(node.stops, 0);
    cu_commands_stopping(node.commands); /* a signal came first */
    while (node.reply == NULL)
        turn();
    assert_false(ok());
    assert_int_equal(node.stops, 0);
    check_beside();
}

static void the_end_comes_first(void **state)
{
    (void)state;
    ask("{\"op\":\"recipe\",\"all\":true}");
    send_recipe(1);
    request_as(&other_asker, 8, "{\"op\":\"stop\",\"all\":true}");
}

#define TEST_BESIDE(name) cmocka_unit_test_setup_teardown(name, start_beside_loop, stop_beside_loop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_BESIDE(recipes),
        TEST_BESIDE(who_asked_for_recipes_may_go),
        TEST_BESIDE(pages),
        TEST_BESIDE(surveys),
        TEST_BESIDE(stops),
        TEST_BESIDE(a_stop_goes_on_without_its_asker),
        TEST_BESIDE(a_stop_meets_another),
        TEST_BESIDE(the_end_comes_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
