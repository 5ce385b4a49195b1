/* SPDX-License-Identifier: BSD-3-Clause */
/* copper trace: recipes as people see them. A recipe is given by its name, or by its file when a
 * slash stands in it. */
#include "base/text.h"
#include "control/client.h"
#include "control/shown.h"
#include "copper/cli.h"
#include "copper/progress.h"
#include "copper/reach.h"
#include "copper/recipe_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* CU_EXIT_OK: path is that recipe's file. */
static int find_file(const char *name, char path[CU_PATH_MAX])
{
    struct cu_error err;
    int rc = cu_recipe_file_path(name, path, &err);

    if (rc == 0)
        return CU_EXIT_OK;
    return cu_cli_fail(rc == -EINVAL ? CU_EXIT_USAGE : CU_EXIT_FAILED, "trace: %s", err.text);
}

static int read_recipe(const char *name, struct cu_recipe **recipe)
{
    char path[CU_PATH_MAX];
    struct cu_error err;
    int status = find_file(name, path);

    *recipe = NULL;
    if (status == CU_EXIT_OK && cu_recipe_file_read(path, recipe, &err) != 0)
        return cu_cli_fail(CU_EXIT_FAILED, "%s", err.text);
    return status;
}

/* CU_EXIT_OK: *fd keeps others from writing the file until it is closed. */
static int lock(const char *path, int *fd)
{
    struct cu_error err;

    *fd = cu_recipe_file_lock(path, &err);
    return *fd < 0 ? cu_cli_fail(CU_EXIT_FAILED, "%s", err.text) : CU_EXIT_OK;
}

static int write_recipe(const char *path, const struct cu_recipe *recipe)
{
    struct cu_error err;

    if (cu_recipe_file_write(path, recipe, &err) != 0)
        return cu_cli_fail(CU_EXIT_FAILED, "%s", err.text);
    cu_cli_say(stdout, "%s: %u paths", path, cu_recipe_fits(recipe));
    return CU_EXIT_OK;
}

static int record(const struct cu_cli_options *options, char **names)
{
    struct cu_recipe *recipe = NULL;
    char told[CU_JOB_RECIPE_MAX + 1], path[CU_PATH_MAX];
    struct cu_client client;
    struct cu_error err;
    int rc, fd = -1, status = find_file(names[0], path);

    if (status != CU_EXIT_OK)
        return status;
    cu_progress_begin("asking all nodes");
    rc = cu_reach_mount(options->mount, &client, &err);
    if (rc == 0) {
        rc = cu_recipe_file_ask(&client, &recipe, told, &err);
        cu_client_close(&client);
    }
    cu_progress_end();
    status = rc == 0 ? lock(path, &fd) : cu_cli_fail(CU_EXIT_FAILED, "%s", err.text);
    if (status == CU_EXIT_OK)
        status = write_recipe(path, recipe);
    if (fd >= 0)
        close(fd);
    cu_recipe_free(recipe);
    return status;
}

/* What is written may be one of those that are read. */
static int merge(const struct cu_cli_options *options, char **names)
{
    struct cu_recipe *all = cu_recipe_new(), *more = NULL;
    char path[CU_PATH_MAX];
    int fd = -1, rc, status = find_file(names[0], path);

    (void)options;
    if (status == CU_EXIT_OK)
        status = lock(path, &fd);
    for (size_t i = 1; status == CU_EXIT_OK && names[i]; i++) {
        status = read_recipe(names[i], &more);
        rc = status == CU_EXIT_OK && all ? cu_recipe_merge(all, more) : -ENOMEM;
        if (status == CU_EXIT_OK && rc == -E2BIG)
            status = cu_cli_fail(CU_EXIT_FAILED, "%s: with these, there are more than %u paths",
                                 names[i], CU_RECIPE_ENTRIES_MAX);
        else if (status == CU_EXIT_OK && rc != 0)
            status = cu_cli_fail(CU_EXIT_FAILED, "%s: out of memory", names[i]);
        cu_recipe_free(more);
    }
    if (status == CU_EXIT_OK)
        status = write_recipe(path, all);
    if (fd >= 0)
        close(fd);
    cu_recipe_free(all);
    return status;
}

/* --- show ------------------------------------------------------------------------------------- */

static void print_entry(const struct cu_recipe_entry *e)
{
    char name[CU_TEXT_BYTES(CU_TREE_PATH_MAX)];
    uint64_t bytes = cu_recipe_bytes(e);

    cu_text_name(name, sizeof(name), e->path, e->path_len);
    printf("%s%s%s", e->what & CU_RECIPE_LISTING ? "listing" : "name", bytes > 0 ? "+bytes" : "",
           e->unused > 0 ? " (not used lately)" : "");
    if (bytes > 0)
        printf(" %" PRIu64 "/%" PRIu64, bytes, e->size);
    printf(" %s\n", name);
}

static int print_json(const struct cu_recipe *recipe)
{
    json_t *paths = json_array(), *all;
    int status;

    for (uint32_t i = 0; i < cu_recipe_count(recipe); i++) {
        struct cu_recipe_entry e = cu_recipe_get(recipe, i);
        json_t *parts = json_array();

        for (uint32_t p = 0; p < e.part_count; p++) {
            uint64_t offset = e.parts[p].first * CU_RECIPE_CHUNK;
            uint64_t length = e.parts[p].count * CU_RECIPE_CHUNK;

            json_array_append_new(parts,
                                  json_pack("[I, I]", (json_int_t)offset, (json_int_t)length));
        }
        json_array_append_new(paths, json_pack("{s:o, s:b, s:b, s:I, s:o, s:i}", "path",
                                               cu_shown_name(e.path, e.path_len), "listing",
                                               (e.what & CU_RECIPE_LISTING) != 0, "content",
                                               (e.what & CU_RECIPE_CONTENT) != 0, "size",
                                               (json_int_t)e.size, "parts", parts, "unused_runs",
                                               e.unused));
    }
    all = json_pack("{s:o}", "paths", paths);
    status = cu_cli_print_json(all);
    json_decref(all);
    return status;
}

static int show(const struct cu_cli_options *options, char **names)
{
    struct cu_recipe *recipe;
    uint64_t bytes = 0, unused = 0;
    char size[32];
    int status = read_recipe(names[0], &recipe);

    if (status != CU_EXIT_OK)
        return status;
    if (options->json) {
        status = print_json(recipe);
        cu_recipe_free(recipe);
        return status;
    }
    for (uint32_t i = 0; i < cu_recipe_count(recipe); i++) {
        struct cu_recipe_entry e = cu_recipe_get(recipe, i);

        bytes += cu_recipe_bytes(&e);
        unused += e.unused > 0;
    }
    printf("# %u paths, %s of content; %" PRIu64 " paths not used in the last run\n",
           cu_recipe_count(recipe), cu_cli_size(bytes, size), unused);
    for (uint32_t i = 0; i < cu_recipe_count(recipe); i++) {
        struct cu_recipe_entry e = cu_recipe_get(recipe, i);

        print_entry(&e);
    }
    cu_recipe_free(recipe);
    return CU_EXIT_OK;
}

/* --- the command ------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    int min, max; /* words that follow */
    const char *needs;
    int (*run)(const struct cu_cli_options *options, char **names);
} actions[] = {
    {"record", 1, 1, "the name of the recipe to write", record},
    {"show", 1, 1, "the name of a recipe", show},
    {"merge", 2, 1000, "the name of the recipe to write, and those to merge", merge},
};

/* The action, then names. */
static int run(const struct cu_command *command, int argc, char **argv)
{
    size_t action = 0, count = sizeof(actions) / sizeof(actions[0]);
    struct cu_cli_options options;
    const char *name;
    int status = cu_cli_parse(command, argc, argv, &options), words;

    if (status >= 0)
        return status;
    name = options.first < argc ? argv[options.first] : "";
    while (action < count && strcmp(actions[action].name, name) != 0)
        action++;
    if (action == count)
        return cu_cli_fail(CU_EXIT_USAGE,
                           "trace: \"%s\" is no action; allowed are record, show and merge", name);
    words = argc - options.first - 1;
    if (words < actions[action].min || words > actions[action].max)
        return cu_cli_fail(CU_EXIT_USAGE, "trace %s: needs %s; see copper trace --help", name,
                           actions[action].needs);
    return actions[action].run(&options, argv + options.first + 1);
}

const struct cu_command cu_command_trace = {
    .name = "trace",
    .synopsis = "record [-v MOUNT] NAME | show [--json] NAME | merge TO NAME...",
    .summary = "Writes, shows and merges recipes: what a program's start touches",
    .details =
        "A NAME with a slash is a file, else a recipe of a job that learns (launch_copper.sh).\n",
    .options = "vj",
    .operands = true,
    .run = run,
};
