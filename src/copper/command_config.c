/* SPDX-License-Identifier: BSD-3-Clause */
/* copper config: what launch_copper.sh would use with the words that follow, and where each setting
 * comes from. It parses them as a launch does, so it cannot differ from one. */
#include "base/text.h"
#include "copper/cli.h"
#include "copper/launch_options.h"
#include "copper/launcher_choice.h"
#include "proto/job_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Settings that are not part of the job: how other hosts are reached. */
static const struct {
    const char *name, *variable;
} ways[] = {{"launcher", "COPPER_LAUNCHER"}, {"", "COPPER_RSH"}};

#define SHOWN_MAX (3 * CU_PATH_MAX) /* bytes of a line */

struct setting {
    const char *name;
    const char *value; /* NULL: chosen by the launch or the daemon */
    const char *from;  /* "default", "environment", "site", "option" */
    char label[64];    /* the option or variable, or "" */
    const char *why;   /* the variable that decides an automatic value, or "" */
};

static bool is_set(const char *variable)
{
    const char *value = getenv(variable);

    return value && value[0] != '\0';
}

/* Settings that the environment has, too. It goes before the site's file, except that the log
 * directory is only by default in the run directory that the environment names. */
static const struct {
    const char *name, *variable;
    bool is_default;
} variables[] = {{"mount", "COPPER_MOUNT", false},
                 {"learn", "COPPER_LEARN", false},
                 {"log_dir", "COPPER_RUN_DIR", true}};

static void find_origin(const struct cu_launch_options *options, unsigned i, struct setting *s)
{
    bool by_site = (options->by_site & UINT64_C(1) << i) != 0;

    s->from = by_site ? "site" : "default";
    s->label[0] = '\0';
    if (options->by_word & UINT64_C(1) << i) {
        s->from = "option";
        cu_launch_option_label(s->name, s->label, sizeof(s->label));
        return;
    }
    for (size_t v = 0; v < sizeof(variables) / sizeof(variables[0]); v++) {
        if (strcmp(s->name, variables[v].name) != 0 || !is_set(variables[v].variable) ||
            (by_site && variables[v].is_default))
            continue;
        s->from = "environment";
        snprintf(s->label, sizeof(s->label), "%s", variables[v].variable);
    }
}

/* launcher: memory for a value. The launcher is named in any case, by the rule of a launch. */
static void find_way(size_t i, const char *site, char launcher[CU_PATH_MAX], struct setting *s)
{
    int rc = 0;

    *s = (struct setting){.name = ways[i].name[0] != '\0' ? ways[i].name : ways[i].variable,
                          .from = "default",
                          .why = ""};
    launcher[0] = '\0';
    if (is_set(ways[i].variable)) {
        s->value = getenv(ways[i].variable);
        s->from = "environment";
        snprintf(s->label, sizeof(s->label), "%s", ways[i].variable);
    } else if (ways[i].name[0] != '\0') {
        rc = cu_launch_site_launcher(site, launcher, NULL);
        if (rc == 0 && launcher[0] != '\0') {
            s->value = launcher;
            s->from = "site";
        }
    }
    if (ways[i].name[0] != '\0' && cu_launcher_is_automatic(s->value))
        s->value = cu_launcher_automatic(&s->why);
}

/* Values of the environment, and the site's path, may be of any bytes. */
static void print_line(const char *text)
{
    char line[CU_TEXT_BYTES(SHOWN_MAX)];

    cu_text_line(line, sizeof(line), text, strlen(text));
    puts(line);
}

/* As a line, or into the list. 0 or -ENOMEM. */
static int show(const struct setting *s, const char *site, json_t *list)
{
    bool is_site = strcmp(s->from, "site") == 0;
    const char *where = is_site ? site : s->label;
    char line[SHOWN_MAX];

    if (list)
        return json_array_append_new(list, json_pack("{s:s,s:s?,s:s,s:s,s:s}", "name", s->name,
                                                     "value", s->value, "from", s->from, "where",
                                                     where, "why", s->why)) == 0
                   ? 0
                   : -ENOMEM;
    snprintf(line, sizeof(line), "%-20s %-24s %s%s%s%s%s%s", s->name,
             s->value ? s->value : "automatic", s->from, where[0] != '\0' ? " " : "", where,
             s->why[0] != '\0' ? " (" : "", s->why, s->why[0] != '\0' ? " is set)" : "");
    print_line(line);
    return 0;
}

static int show_all(const struct cu_launch_options *options, const char *site, json_t *list)
{
    char value[CU_JOB_VALUE_MAX], launcher[CU_PATH_MAX];
    struct setting s;
    int rc = 0;

    for (unsigned i = 0; i < cu_job_option_count() && rc == 0; i++) {
        s.name = cu_job_option_name(i);
        s.value = cu_job_option_format(i, &options->job, value) ? value : NULL;
        if (!cu_job_option_is_setting(i))
            continue;
        s.why = "";
        find_origin(options, i, &s);
        rc = show(&s, site, list);
    }
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]) && rc == 0; i++) {
        find_way(i, site, launcher, &s);
        rc = show(&s, site, list);
    }
    return rc;
}

static int print(const struct cu_launch_options *options, const char *site, bool as_json)
{
    bool there = access(site, F_OK) == 0;
    json_t *list = as_json ? json_array() : NULL, *whole = NULL;
    int status = CU_EXIT_OK;

    if (!as_json) {
        char line[SHOWN_MAX];

        snprintf(line, sizeof(line), "site's file: %s%s", site, there ? "" : " (not there)");
        print_line(line);
        show_all(options, site, NULL);
        return status;
    }
    if (list && show_all(options, site, list) == 0)
        whole = json_pack("{s:s,s:b,s:O}", "site_file", site, "site_file_there", there, "settings",
                          list);
    if (!whole)
        status = cu_cli_fail(CU_EXIT_FAILED, "out of memory");
    else
        status = cu_cli_print_json(whole);
    json_decref(whole);
    json_decref(list);
    return status;
}

/* Takes --json out of the words, wherever it stands: it is no value of an option. */
static bool take_json(int *argc, char **argv)
{
    int kept = 1;

    for (int i = 1; i < *argc; i++)
        if (strcmp(argv[i], "--json") != 0)
            argv[kept++] = argv[i];
    if (kept >= *argc)
        return false;
    *argc = kept;
    argv[kept] = NULL;
    return true;
}

static int run(const struct cu_command *command, int argc, char **argv)
{
    struct cu_launch_options options;
    char site[CU_PATH_MAX];
    struct cu_error err;
    bool as_json = take_json(&argc, argv);
    int rc = cu_launch_site_path(site), status;

    if (rc != 0)
        return cu_cli_fail(CU_EXIT_FAILED, "config: /proc/self/exe: %s", strerror(-rc));
    rc = cu_launch_options(argc, argv, site, &options, &err);
    if (rc != 0)
        return cu_cli_fail(CU_EXIT_USAGE, "%s", err.text);
    if (options.help) {
        cu_cli_help(command);
        status = CU_EXIT_OK;
    } else {
        status = print(&options, site, as_json);
    }
    cu_job_free(&options.job);
    return status;
}

const struct cu_command cu_command_config = {
    .name = "config",
    .synopsis = "[--json] [LAUNCH OPTION...]",
    .summary = "Shows each setting of a launch, and where it comes from",
    .details =
        "  --json         for programs\n"
        "\nAn option goes before the environment, that before the site's file and the default.\n",
    .options = "",
    .run = run,
};
