/* SPDX-License-Identifier: BSD-3-Clause */
/* copper path: the other name of a path. A path below the mount becomes the original one, any other
 * the one below the mount. */
#include "copper/cli.h"
#include "copper/launch_options.h"
#include "copper/origin.h"
#include "copper/prefix.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int translate(const struct cu_origin *origin, const char *mount, const char *given)
{
    char cwd[CU_PATH_MAX] = "", joined[2 * CU_PATH_MAX], path[CU_PATH_MAX], out[CU_PATH_MAX];
    struct stat st;
    int rc;

    if (given[0] == '\0') /* a variable that is not set, and not the working directory */
        return cu_cli_fail(CU_EXIT_FAILED, "path: \"\": %s", strerror(ENOENT));
    if (given[0] != '/' && !getcwd(cwd, sizeof(cwd)))
        return cu_cli_fail(CU_EXIT_FAILED, "path: %s: there is no working directory", given);
    if (snprintf(joined, sizeof(joined), "%s%s%s", cwd, given[0] == '/' ? "" : "/", given) >=
            (int)sizeof(joined) ||
        cu_path_normalise(joined, path) < 0)
        return cu_cli_fail(CU_EXIT_FAILED, "path: %s: the path is too long", given);
    if (cu_prefix_remove(mount, path, out) == 0) {
        rc = cu_origin_resolve(origin, path, joined);
        if (rc == 0)
            rc = cu_origin_stat_seen(origin, joined, &st);
        if (rc < 0)
            return cu_cli_fail(CU_EXIT_FAILED, "path: %s: Copper does not show it: %s", given,
                               strerror(-rc));
        if (snprintf(out, sizeof(out), "%s%s", mount, joined) >= (int)sizeof(out))
            return cu_cli_fail(CU_EXIT_FAILED, "path: %s: the path is too long", given);
    }
    puts(out);
    return CU_EXIT_OK;
}

static int run(const struct cu_command *command, int argc, char **argv)
{
    struct cu_cli_options options;
    struct cu_origin *origin;
    struct cu_error err;
    int status = cu_cli_parse(command, argc, argv, &options);

    if (status >= 0)
        return status;
    if (options.first >= argc)
        return cu_cli_fail(CU_EXIT_USAGE, "path: wants a path: see copper path --help");
    origin = cu_origin_of_site(options.mount, &err);
    if (!origin)
        return cu_cli_fail(CU_EXIT_FAILED, "path: %s", err.text);
    status = CU_EXIT_OK;
    for (int i = options.first; i < argc; i++) {
        int rc = translate(origin, options.mount, argv[i]);

        status = rc != CU_EXIT_OK ? rc : status;
    }
    cu_origin_destroy(origin);
    return status;
}

const struct cu_command cu_command_path = {
    .name = "path",
    .synopsis = "[-v MOUNT] PATH...",
    .summary = "Prints a path as Copper shows it, or the original of such a path",
    .details = "Links are followed, as an absolute one leads out of the mount. Exits 1 for a path\n"
               "that Copper does not show.\n",
    .options = "v",
    .operands = true,
    .run = run,
};
