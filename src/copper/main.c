/* SPDX-License-Identifier: BSD-3-Clause */
/* The copper program: the table of commands, and the search for a command by its name. */
#include "copper/cli.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static const struct cu_command *const commands[] = {
    &cu_command_status, &cu_command_stats, &cu_command_stop,   &cu_command_refresh,
    &cu_command_doctor, &cu_command_run,   &cu_command_config, &cu_command_epilogue,
    &cu_command_trace,  &cu_command_job,   &cu_command_path,   &cu_command_env,
    &cu_command_leaks,  &cu_command_stage, &cu_command_report, &cu_command_top,
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

/* How many letters must be changed, added or left out; with two that stand in the wrong order as
 * one. Words longer than the table are as far as can be. */
static unsigned distance(const char *a, const char *b)
{
    enum { MAX = 16 };
    unsigned d[MAX + 1][MAX + 1];
    size_t m = strlen(a), n = strlen(b);

    if (m > MAX || n > MAX)
        return MAX;
    for (size_t i = 0; i <= m; i++)
        d[i][0] = (unsigned)i;
    for (size_t j = 0; j <= n; j++)
        d[0][j] = (unsigned)j;
    for (size_t i = 1; i <= m; i++) {
        for (size_t j = 1; j <= n; j++) {
            unsigned best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);

            if (d[i - 1][j] + 1 < best)
                best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best)
                best = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    }
    return d[m][n];
}

static int refuse(const char *word)
{
    const char *meant = NULL;
    unsigned least = 3; /* more is another word */

    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        unsigned n = distance(word, commands[i]->name);

        if (!commands[i]->hidden && n < least) {
            least = n;
            meant = commands[i]->name;
        }
    }
    if (strcmp(word, "launch") == 0 || strcmp(word, "start") == 0)
        return cu_cli_fail(CU_EXIT_USAGE,
                           "there is no command \"%s\": a job is started with "
                           "launch_copper.sh",
                           word);
    if (meant)
        return cu_cli_fail(CU_EXIT_USAGE, "there is no command \"%s\": do you mean copper %s?",
                           word, meant);
    return cu_cli_fail(CU_EXIT_USAGE, "there is no command \"%s\": see copper --help", word);
}

static int usage(FILE *out, int status)
{
    fputs("usage: copper COMMAND [OPTION...]\n\n", out);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (!commands[i]->hidden)
            fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\nEach command takes --help, and -v MOUNT for another mount than the default\n"
          "($COPPER_MOUNT, else /tmp/$USER/copper). Starting and stopping a job:\n"
          "launch_copper.sh and stop_copper.sh.\n",
          out);
    return status;
}

static const struct cu_command *find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(name, commands[i]->name) == 0)
            return commands[i];
    return NULL;
}

/* copper help, copper help COMMAND. */
static int help(int argc, char **argv)
{
    const struct cu_command *command;

    if (argc < 2)
        return usage(stdout, CU_EXIT_OK);
    command = find(argv[1]);
    if (!command)
        return refuse(argv[1]);
    cu_cli_help(command);
    return CU_EXIT_OK;
}

static int run(int argc, char **argv)
{
    const char *word = argv[1];
    const struct cu_command *command = find(word);

    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return usage(stdout, CU_EXIT_OK);
    if (strcmp(word, "help") == 0)
        return help(argc - 1, argv + 1);
    if (strcmp(word, "--version") == 0) {
        puts("copper " CU_VERSION);
        return CU_EXIT_OK;
    }
    if (!command)
        return refuse(word);
    return command->run(command, argc - 1, argv + 1);
}

/* A descriptor of ours must not become standard input or output. Those that are closed stay so for
 * who uses them, here (EBADF) and in programs that are executed. */
static void hold_standard(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)open("/dev/null", (fd == 0 ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
}

int main(int argc, char **argv)
{
    int status;

    hold_standard();
    cu_cli_ignore_pipe(); /* a daemon may end during a request */
    /* Job keys must not get into a core file, or to other processes of this user. Programs that are
     * executed from here can be traced again. */
    prctl(PR_SET_DUMPABLE, 0);
    if (argc < 2)
        return usage(stderr, CU_EXIT_USAGE);
    status = run(argc, argv);
    /* A command may have flushed before, and not looked at what came of it. */
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == CU_EXIT_OK)
        return cu_cli_unwritten();
    return status;
}
