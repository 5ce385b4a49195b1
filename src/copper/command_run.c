/* SPDX-License-Identifier: BSD-3-Clause */
/* copper run: a command with isatty.so preloaded. The library is the installed file itself and is
 * not read through the mount: the paths below the mount directory belong to the job only as long as
 * it runs, and these processes may run longer. */
#include "control/client.h"
#include "copper/cli.h"
#include "host/trust.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Beside the program first: above its directory there may be one that others may write to. */
static const char *const places[] = {"isatty.so", "../lib/copper/isatty.so"}; /* built, installed */

/* The library as it is on storage, found from where this program is; that may be below the mount. 0
 * or -errno with err. */
static int find_library(const char *mount, char out[CU_PATH_MAX], struct cu_error *err)
{
    char self[CU_PATH_MAX], path[2 * CU_PATH_MAX];
    size_t mount_len = strlen(mount);
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (len < 0)
        return cu_error_set(err, -errno, "/proc/self/exe: %s", strerror(errno));
    self[len] = '\0';
    self[cu_path_parent_len(self, (size_t)len)] = '\0';
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        int rc;

        snprintf(path, sizeof(path), "%s/%s", self, places[i]);
        rc = cu_path_normalise(path, out);
        if (rc < 0)
            return cu_error_set(err, rc, "%s: %s", path, strerror(-rc));
        if (cu_path_within(out, (size_t)rc, mount, mount_len))
            memmove(out, out + mount_len, (size_t)rc - mount_len + 1);
        rc = cu_trust_as_program(out, err);
        if (rc != -ENOENT)
            return rc;
    }
    return cu_error_set(err, -ENOENT, "%s", strerror(ENOENT));
}

/* LD_PRELOAD with the library in front of what was there. 0 or -errno. */
static int preload(const char *library)
{
    const char *before = getenv("LD_PRELOAD");
    char *value = NULL;
    int rc;

    if (!before || before[0] == '\0')
        return setenv("LD_PRELOAD", library, 1) == 0 ? 0 : -errno;
    if (asprintf(&value, "%s:%s", library, before) < 0)
        return -ENOMEM;
    rc = setenv("LD_PRELOAD", value, 1) == 0 ? 0 : -errno;
    free(value);
    return rc;
}

/* Programs must not be started from a mount whose path other users could replace, now or after the
 * unmount.
 * */
static int check_way(const char *mount, struct cu_error *err)
{
    char parent[CU_PATH_MAX];
    struct cu_trust_dir dir;
    size_t len = cu_path_parent_len(mount, strlen(mount));
    int rc;

    memcpy(parent, mount, len);
    parent[len] = '\0';
    rc = cu_trust_open_dir(parent, CU_TRUST_WAY, false, &dir, err);
    if (rc == 0)
        close(dir.fd);
    return rc;
}

/* The library's path, when a job runs. -1, or the exit status. */
static int choose_library(const char *mount, char path[CU_PATH_MAX])
{
    struct cu_client client;
    struct cu_error err;
    int rc;

    if (cu_client_open(mount, &client, &err) != 0)
        return cu_cli_fail(CU_EXIT_NOT_RUN, "%s", err.text);
    cu_client_close(&client);
    if (!client.peer && check_way(mount, &err) != 0)
        return cu_cli_fail(CU_EXIT_NOT_RUN, "run: %s", err.text);
    rc = find_library(mount, path, &err);
    if (rc != 0)
        return cu_cli_fail(CU_EXIT_NOT_RUN, "run: isatty.so of this installation: %s", err.text);
    if (strpbrk(path, ": \n$")) /* $ORIGIN and $LIB are replaced */
        return cu_cli_fail(CU_EXIT_NOT_RUN,
                           "run: %s: LD_PRELOAD takes no name with a blank, a colon or a '$'",
                           path);
    return -1;
}

static int run(const struct cu_command *command, int argc, char **argv)
{
    struct cu_cli_options options;
    char path[CU_PATH_MAX];
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
    .operands = true,
    .run = run,
};
