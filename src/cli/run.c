/* copper run: a command with isatty.so preloaded. That is read through the mount, as every process
 * of the job opens it, and set for the command alone: the loader complains when the mount is gone.
 */
#include "cli/cli.h"
#include "cli/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const places[] = {"../lib/copper/isatty.so", "isatty.so"}; /* installed, built */

/* The library as it is on storage, found from where this program is. 0 or -errno. */
static int find_library(const char *mount, char out[CU_PATH_MAX])
{
    char self[CU_PATH_MAX], path[2 * CU_PATH_MAX];
    size_t mount_len = strlen(mount);
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (len < 0)
        return -errno;
    self[len] = '\0';
    self[cu_path_parent_len(self, (size_t)len)] = '\0';
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        int rc;

        snprintf(path, sizeof(path), "%s/%s", self, places[i]);
        rc = cu_path_normalise(path, out);
        if (rc < 0)
            return rc;
        if (access(out, R_OK) != 0)
            continue;
        if (cu_path_within(out, (size_t)rc, mount, mount_len))
            memmove(out, out + mount_len, (size_t)rc - mount_len + 1);
        return 0;
    }
    return -ENOENT;
}

/* LD_PRELOAD with the library in front of what was there. 0 or -errno. */
static int preload(const char *library)
{
    const char *before = getenv("LD_PRELOAD");
    char *value = NULL;
    int rc;

    if (before == NULL || before[0] == '\0')
        return setenv("LD_PRELOAD", library, 1) == 0 ? 0 : -errno;
    if (asprintf(&value, "%s:%s", library, before) < 0)
        return -ENOMEM;
    rc = setenv("LD_PRELOAD", value, 1) == 0 ? 0 : -errno;
    free(value);
    return rc;
}

/* The library's path through the mount of a job that runs. -1, or the exit status. */
static int choose_library(const char *mount, char path[2 * CU_PATH_MAX])
{
    char library[CU_PATH_MAX];
    struct cu_client client;
    struct cu_error err;
    int rc;

    if (cu_client_open(mount, &client, &err) != 0)
        return cu_cli_fail(CU_EXIT_NOT_RUN, "%s", err.text);
    cu_client_close(&client);
    rc = find_library(mount, library);
    if (rc != 0)
        return cu_cli_fail(CU_EXIT_NOT_RUN, "run: isatty.so of this installation: %s",
                           strerror(-rc));
    snprintf(path, 2 * CU_PATH_MAX, "%s%s", mount, library);
    if (strpbrk(path, ": \n") != NULL)
        return cu_cli_fail(CU_EXIT_NOT_RUN,
                           "run: %s: LD_PRELOAD takes no name with a blank or a colon", path);
    if (access(path, R_OK) != 0)
        return cu_cli_fail(CU_EXIT_NOT_RUN,
                           "run: %s: %s: Copper must be mounted on this node, and installed where "
                           "all nodes see it",
                           path, strerror(errno));
    return -1;
}

static int run(const struct cu_command *command, int argc, char **argv)
{
    struct cu_cli_options options;
    char path[2 * CU_PATH_MAX];
    int status = cu_cli_parse(command, argc, argv, &options), rc;

    if (status >= 0)
        return status;
    if (options.first >= argc)
        return cu_cli_fail(CU_EXIT_USAGE, "run: wants a command: see copper run --help");
    status = choose_library(options.mount, path);
    if (status >= 0)
        return status;
    rc = preload(path);
    if (rc != 0)
        return cu_cli_fail(CU_EXIT_NOT_RUN, "run: %s", strerror(-rc));
    execvp(argv[options.first], argv + options.first);
    return cu_cli_fail(errno == ENOENT ? CU_EXIT_NOT_FOUND : CU_EXIT_NOT_RUNNABLE, "run: %s: %s",
                       argv[options.first], strerror(errno));
}

const struct cu_command cu_command_run = {
    .name = "run",
    .synopsis = "[-v MOUNT] COMMAND [ARGUMENT...]",
    .summary = "Runs a command, as a rule the job's mpiexec or srun, with quicker file opens",
    .details =
        "Python's open() asks of each file whether it is a terminal, and the kernel passes that\n"
        "question on to Copper, however often. COMMAND and what it starts answer it themselves:\n"
        "a library of one function is loaded into them (LD_PRELOAD). Exit status: that of\n"
        "COMMAND; 125 nothing is mounted; 126, 127 COMMAND cannot be run, is not there.\n",
    .options = "v",
    .run = run,
};
