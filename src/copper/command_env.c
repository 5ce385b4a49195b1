/* SPDX-License-Identifier: BSD-3-Clause */
/* copper env: settings of variables with the mount's prefix, for a shell to read. Only entries that
 * lie on a file system of a network, and that Copper shows, get it. */
#include "copper/candidates.h"
#include "copper/cli.h"
#include "copper/launch_options.h"
#include "copper/origin.h"
#include "copper/prefix.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum shell {
    SHELL_SH,
    SHELL_CSH,
    SHELL_FISH,
    SHELL_UNKNOWN,
};

static enum shell find_shell(const char *given)
{
    static const struct {
        const char *name;
        enum shell shell;
    } shells[] = {{"bash", SHELL_SH},  {"sh", SHELL_SH},    {"zsh", SHELL_SH},
                  {"ksh", SHELL_SH},   {"dash", SHELL_SH},  {"csh", SHELL_CSH},
                  {"tcsh", SHELL_CSH}, {"fish", SHELL_FISH}};
    const char *name = given ? given : getenv("SHELL");

    if (name && !given && strrchr(name, '/'))
        name = strrchr(name, '/') + 1;
    for (size_t i = 0; name && i < sizeof(shells) / sizeof(shells[0]); i++)
        if (strcmp(shells[i].name, name) == 0)
            return shells[i].shell;
    return given ? SHELL_UNKNOWN : SHELL_SH;
}

/* The value as one word, whatever is in it. */
static void print_quoted(enum shell shell, const char *value)
{
    putchar('\'');
    for (; *value != '\0'; value++) {
        if (*value == '\'')
            fputs(shell == SHELL_FISH ? "\\'" : "'\\''", stdout);
        else if ((*value == '\\' && shell == SHELL_FISH) ||
                 ((*value == '!' || *value == '\n') && shell == SHELL_CSH))
            printf("\\%c", *value);
        else
            putchar(*value);
    }
    putchar('\'');
}

static void print_setting(enum shell shell, const char *name, const char *value)
{
    switch (shell) {
    case SHELL_SH:
    case SHELL_UNKNOWN:
        printf("export %s=", name);
        break;
    case SHELL_CSH:
        printf("setenv %s ", name);
        break;
    case SHELL_FISH:
        printf("set -gx --path %s ", name);
        break;
    }
    print_quoted(shell, value);
    puts(shell == SHELL_FISH ? "" : ";");
}

static bool is_name(const char *name)
{
    if (!isalpha((unsigned char)*name) && *name != '_')
        return false;
    while (*name != '\0' && (isalnum((unsigned char)*name) || *name == '_'))
        name++;
    return *name == '\0';
}

static int print_one(const struct cu_cli_options *options, const struct cu_origin *origin,
                     enum shell shell, const char *name)
{
    const char *value = getenv(name);
    char *changed = NULL;

    if (!is_name(name))
        return cu_cli_fail(CU_EXIT_USAGE, "env: \"%s\" is not the name of a variable", name);
    if (value && cu_prefix_list(origin, options->mount, options->undo, value, &changed) < 0)
        return cu_cli_fail(CU_EXIT_FAILED, "env: out of memory");
    if (changed)
        print_setting(shell, name, changed);
    free(changed);
    return CU_EXIT_OK;
}

static int run(const struct cu_command *command, int argc, char **argv)
{
    struct cu_cli_options options;
    struct cu_origin *origin;
    struct cu_error err;
    enum shell shell;
    int status = cu_cli_parse(command, argc, argv, &options);

    if (status >= 0)
        return status;
    shell = find_shell(options.shell);
    if (shell == SHELL_UNKNOWN)
        return cu_cli_fail(CU_EXIT_USAGE,
                           "--shell: \"%s\" is not a shell; allowed is bash, zsh, csh, fish",
                           options.shell);
    origin = cu_origin_of_site(options.mount, &err);
    if (!origin)
        return cu_cli_fail(CU_EXIT_FAILED, "env: %s", err.text);
    status = CU_EXIT_OK;
    for (int i = options.first; status == CU_EXIT_OK && i < argc; i++)
        status = print_one(&options, origin, shell, argv[i]);
    for (size_t i = 0; options.first >= argc && status == CU_EXIT_OK; i++) {
        if (!cu_candidates_lists[i])
            break;
        status = print_one(&options, origin, shell, cu_candidates_lists[i]);
    }
    cu_origin_destroy(origin);
    return status;
}

const struct cu_command cu_command_env = {
    .name = "env",
    .synopsis = "[-v MOUNT] [--undo] [--shell SHELL] [VARIABLE...]",
    .summary = "Prints variables such as PATH with the mount's prefix, for eval",
    .details =
        "eval \"$(copper env)\" sets PATH, LD_LIBRARY_PATH, PYTHONPATH, PERL5LIB and R_LIBS:\n"
        "each entry that lies on a shared file system gets the prefix. A variable in which\n"
        "nothing changes is not printed.\n",
    .options = "vuS",
    .operands = true,
    .run = run,
};
