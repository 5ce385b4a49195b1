/* The copper program: a table of commands, and nothing else. */
#include "cli/cli.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static const struct cu_command *const commands[] = {
    &cu_command_status,  &cu_command_stats,  &cu_command_stop,
    &cu_command_refresh, &cu_command_doctor, &cu_command_job,
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

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

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* a daemon may go away while it is spoken to */
    if (argc < 2)
        return usage(stderr, CU_EXIT_USAGE);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return usage(stdout, CU_EXIT_OK);
    if (strcmp(argv[1], "--version") == 0) {
        puts("copper " CU_VERSION);
        return CU_EXIT_OK;
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(argv[1], commands[i]->name) == 0) {
            int status = commands[i]->run(commands[i], argc - 1, argv + 1);

            if (fflush(stdout) != 0 && status == CU_EXIT_OK)
                return cu_cli_fail(CU_EXIT_FAILED, "cannot write the output");
            return status;
        }
    }
    return cu_cli_fail(CU_EXIT_USAGE, "there is no command \"%s\": see copper --help", argv[1]);
}
