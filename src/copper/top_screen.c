/* SPDX-License-Identifier: BSD-3-Clause */
#include "copper/top_screen.h"

#include "base/path.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const places[] = {"screen.so", "../lib/copper/screen.so"}; /* built, installed */

const struct cu_screen_ops *cu_top_screen(struct cu_error *err)
{
    char self[PATH_MAX], path[2 * PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    const struct cu_screen_ops *ops;
    void *object;

    if (len < 0) {
        (void)cu_error_set(err, -errno, "/proc/self/exe: %s", strerror(errno));
        return NULL;
    }
    self[len] = '\0';
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        snprintf(path, sizeof(path), "%.*s/%s", (int)cu_path_parent_len(self, (size_t)len), self,
                 places[i]);
        if (access(path, R_OK) != 0)
            continue;
        object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        ops = object ? dlsym(object, CU_SCREEN_SYMBOL) : NULL;
        if (ops && ops->version == CU_SCREEN_VERSION)
            return ops;
        if (object)
            (void)cu_error_set(err, -ENOEXEC,
                               "top: %s is not of this version of copper: install both anew, or "
                               "use --once",
                               path);
        else
            (void)cu_error_set(err, -ENOEXEC, "top: %s; install ncurses, or use --once", dlerror());
        return NULL;
    }
    (void)cu_error_set(err, -ENOENT,
                       "top: there is no screen.so beside this copper: it was built where ncurses' "
                       "headers are not, or not installed whole; use --once");
    return NULL;
}
