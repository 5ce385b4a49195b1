/* SPDX-License-Identifier: BSD-3-Clause */
/* Launchers are scripts, which need programs of the system (sed, mktemp); a PATH of an
 * environment's directories alone has none. The user's own directories still come first. */
#include "copper/shell_state.h"

#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool has_dir(const char *path, const char *dir)
{
    size_t len = strlen(dir);

    for (const char *at = path; (at = strstr(at, dir)); at += len)
        if ((at == path || at[-1] == ':') && (at[len] == ':' || at[len] == '\0'))
            return true;
    return false;
}

static void complete_path(void)
{
    static const char *const system_dirs[] = {"/usr/local/bin", "/usr/bin", "/bin"};

    for (size_t i = 0; i < sizeof(system_dirs) / sizeof(system_dirs[0]); i++) {
        const char *path = getenv("PATH");
        bool empty = !path || path[0] == '\0';
        char *more;

        if (!empty && has_dir(path, system_dirs[i]))
            continue;
        if (asprintf(&more, "%s%s%s", empty ? "" : path, empty ? "" : ":", system_dirs[i]) < 0)
            return; /* the launcher says what it lacks */
        (void)setenv("PATH", more, 1);
        free(more);
    }
}

void cu_shell_state_settle(void)
{
    char here[PATH_MAX];

    umask(umask(077) & 077);
    (void)signal(SIGXFSZ, SIG_IGN);
    complete_path();
    if (!getcwd(here, sizeof(here)) && chdir("/") != 0)
        return; /* then shells say so, and go on */
}
