/* SPDX-License-Identifier: BSD-3-Clause */
/* A program belongs to an installation: PREFIX/bin/NAME to PREFIX, anything else to its directory.
 * So do the program that a link of that name leads to, and the interpreter in its first line. */
#include "copper/candidates.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINKS_MAX       16u
#define INTERPRETER_MAX 3u /* a script whose interpreter is a script */
#define HEAD_MAX        4096

const char *const cu_candidates_lists[] = {"PATH",     "LD_LIBRARY_PATH", "PYTHONPATH",
                                           "PERL5LIB", "R_LIBS",          NULL};

static const char *const launchers[] = {"aprun",   "flux",    "jsrun",   "lrun",    "mpiexec*",
                                        "mpirun*", "orterun", "palsrun", "prterun", "prun",
                                        "srun",    "sbatch",  "salloc",  "pdsh",    "clush",
                                        "ssh",     "qsub",    "bsub",    "blaunch", "ccc_mprun"};

/* Their first operand is a script. */
static const char *const interpreters[] = {
    "python*", "pypy*",   "perl*",  "bash", "sh",   "dash",   "ksh",  "zsh",
    "ruby*",   "Rscript", "julia*", "lua*", "node", "tclsh*", "php*", "octave*"};

struct chooser {
    struct cu_choice *choice;
    const struct cu_origin *origin;
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static bool matches(const char *const *patterns, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (fnmatch(patterns[i], name, 0) == 0)
            return true;
    return false;
}

bool cu_candidates_is_launcher(const char *program)
{
    return matches(launchers, sizeof(launchers) / sizeof(launchers[0]), base_name(program));
}

static bool is_there(const struct chooser *c, const char *dir, const char *name)
{
    char path[CU_PATH_MAX + 32];
    struct stat st;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return cu_origin_stat(c->origin, path, &st) == 0;
}

/* "home = /base/bin" of a virtual environment's pyvenv.cfg: its base is read, too. */
static int offer_base(const struct chooser *c, const char *prefix)
{
    char path[CU_PATH_MAX + 16], text[HEAD_MAX + 1];
    const char *line = text;
    ssize_t len;
    int fd;

    snprintf(path, sizeof(path), "%s/pyvenv.cfg", prefix);
    fd = cu_origin_open(c->origin, path);
    if (fd < 0)
        return 0;
    len = read(fd, text, HEAD_MAX);
    close(fd);
    text[len > 0 ? len : 0] = '\0';
    while (line && sscanf(line, " home = %4095[^\n]", path) != 1) {
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    if (!line || path[0] != '/')
        return 0;
    path[cu_path_parent_len(path, strlen(path))] = '\0';
    return cu_choice_offer_prefix(c->choice, c->origin, path, "base of the virtual environment");
}

/* A directory of programs: the installation that it belongs to, else the directory itself. */
static int offer_programs(const struct chooser *c, const char *dir, const char *why)
{
    char real[CU_PATH_MAX], prefix[CU_PATH_MAX];
    const char *name;
    size_t len;
    int rc;

    if (dir[0] != '/' || cu_origin_is_seen(c->origin, dir) ||
        cu_origin_resolve(c->origin, dir, real) < 0 || !cu_origin_is_shared(c->origin, real))
        return 0;
    name = base_name(real);
    len = cu_path_parent_len(real, strlen(real));
    snprintf(prefix, sizeof(prefix), "%.*s", (int)len, real);
    if (len <= 1 || (strcmp(name, "bin") != 0 && strcmp(name, "sbin") != 0) ||
        !(is_there(c, prefix, "lib") || is_there(c, prefix, "lib64") ||
          is_there(c, prefix, "pyvenv.cfg")))
        return cu_choice_offer(c->choice, c->origin, real, why);
    rc = cu_choice_offer_prefix(c->choice, c->origin, prefix, why);
    return rc == 0 ? offer_base(c, prefix) : rc;
}

/* The file of a program: as execvp(3) finds it. False: it is not there. */
static bool find_program(const struct chooser *c, const char *name, char out[CU_PATH_MAX])
{
    const char *list = getenv("PATH");
    struct stat st;

    if (strchr(name, '/')) {
        int len = name[0] == '/' ? snprintf(out, CU_PATH_MAX, "%s", name)
                                 : snprintf(out, CU_PATH_MAX, "%s/%s", c->choice->cwd, name);

        return len < CU_PATH_MAX && out[0] == '/';
    }
    while (list && *list != '\0') {
        size_t len = strcspn(list, ":");
        char dir[CU_PATH_MAX], real[CU_PATH_MAX], path[2 * CU_PATH_MAX];

        if (len > 0 && len < sizeof(dir) && list[0] == '/') {
            memcpy(dir, list, len);
            dir[len] = '\0';
            snprintf(path, sizeof(path), "%s/%s", dir, name);
            if (cu_origin_resolve(c->origin, path, real) == 0 &&
                cu_origin_stat(c->origin, real, &st) == 0 && S_ISREG(st.st_mode) &&
                (st.st_mode & 0111) != 0)
                return snprintf(out, CU_PATH_MAX, "%s", path) < CU_PATH_MAX;
        }
        list += len + (list[len] == ':');
    }
    return false;
}

/* The directory of path without links, and its last component below it, into out. */
static bool resolve_parent(const struct chooser *c, const char *path, char dir[CU_PATH_MAX],
                           char out[CU_PATH_MAX])
{
    char above[CU_PATH_MAX];
    const char *name = base_name(path);

    snprintf(above, sizeof(above), "%.*s/", (int)(name - path), path);
    return cu_origin_resolve(c->origin, above, dir) == 0 &&
           snprintf(out, CU_PATH_MAX, "%s/%s", strcmp(dir, "/") == 0 ? "" : dir, name) <
               CU_PATH_MAX;
}

/* The program in the first line of a script, into name (CU_PATH_MAX bytes). False: there is none.
 */
static bool read_interpreter(const struct chooser *c, const char *path, char *name)
{
    char head[512];
    char *word, *save = NULL;
    int fd = cu_origin_open(c->origin, path);
    ssize_t len = fd >= 0 ? read(fd, head, sizeof(head) - 1) : -1;

    if (fd >= 0)
        close(fd);
    if (len < 3 || head[0] != '#' || head[1] != '!')
        return false;
    head[len] = '\0';
    head[strcspn(head, "\n")] = '\0';
    word = strtok_r(head + 2, " \t", &save);
    if (word && strcmp(base_name(word), "env") == 0)
        do
            word = strtok_r(NULL, " \t", &save);
        while (word && (word[0] == '-' || strchr(word, '=')));
    if (word)
        snprintf(name, CU_PATH_MAX, "%s", word);
    return word != NULL;
}

/* The installations of a program, of all that its links lead to, and of its interpreters. */
static int offer_program(const struct chooser *c, const char *name)
{
    char path[CU_PATH_MAX], dir[CU_PATH_MAX], at[CU_PATH_MAX], next[CU_PATH_MAX];
    const char *why = "the program";
    int rc = 0;

    for (unsigned depth = 0; depth < INTERPRETER_MAX && find_program(c, name, path); depth++) {
        for (unsigned links = 0; links < LINKS_MAX; links++) {
            if (!resolve_parent(c, path, dir, at))
                return 0;
            rc = offer_programs(c, dir, why);
            if (rc < 0 || cu_origin_follow(c->origin, at, next) != 1)
                break;
            memcpy(path, next, sizeof(path));
        }
        if (rc < 0 || !read_interpreter(c, at, next))
            return rc;
        why = "the interpreter";
        name = next;
    }
    return rc;
}

/* What an interpreter is given: the argument, a script's path unless *option is "-c" or "-m". NULL:
 * nothing, or argv is no interpreter's. */
static const char *given(char **argv, const char **option)
{
    *option = "";
    if (!matches(interpreters, sizeof(interpreters) / sizeof(interpreters[0]), base_name(argv[0])))
        return NULL;
    for (size_t i = 1; argv[i]; i++) {
        if (strcmp(argv[i], "-c") == 0 || strcmp(argv[i], "-m") == 0)
            *option = argv[i];
        else if (argv[i][0] != '-' || (*option)[0] != '\0')
            return argv[i];
    }
    return NULL;
}

/* The script's path, with its directory without links. False: it is none. */
static bool find_script(const struct chooser *c, const char *name, char dir[CU_PATH_MAX],
                        char out[CU_PATH_MAX])
{
    char path[CU_PATH_MAX];
    struct stat st;

    return snprintf(path, sizeof(path), "%s%s%s", name[0] == '/' ? "" : c->choice->cwd,
                    name[0] == '/' ? "" : "/", name) < CU_PATH_MAX &&
           path[0] == '/' && resolve_parent(c, path, dir, out) &&
           cu_origin_stat(c->origin, out, &st) == 0 && !S_ISDIR(st.st_mode);
}

/* The directory of the script that an interpreter is given: modules lie beside it. */
static int offer_script(const struct chooser *c, char **argv)
{
    char dir[CU_PATH_MAX], path[CU_PATH_MAX];
    const char *option, *script = given(argv, &option);

    if (!script || option[0] != '\0' || !find_script(c, script, dir, path))
        return 0;
    return cu_choice_offer(c->choice, c->origin, dir, "the script");
}

static int offer_list(const struct chooser *c, const char *variable)
{
    const char *list = getenv(variable);
    bool programs = strcmp(variable, "PATH") == 0;
    int rc = 0;

    while (rc == 0 && list && *list != '\0') {
        size_t len = strcspn(list, ":");
        char dir[CU_PATH_MAX];

        if (len > 0 && len < sizeof(dir)) {
            memcpy(dir, list, len);
            dir[len] = '\0';
            rc = programs ? offer_programs(c, dir, variable)
                          : cu_choice_offer(c->choice, c->origin, dir, variable);
        }
        list += len + (list[len] == ':');
    }
    return rc;
}

int cu_candidates_offer(struct cu_choice *choice, const struct cu_origin *origin, char **argv)
{
    static const char *const prefixes[] = {"VIRTUAL_ENV", "CONDA_PREFIX"};
    const struct chooser c = {.choice = choice, .origin = origin};
    int rc = offer_program(&c, argv[0]);

    if (rc == 0)
        rc = offer_script(&c, argv);
    for (size_t i = 0; rc == 0 && i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        const char *prefix = getenv(prefixes[i]);

        if (!prefix)
            continue;
        rc = cu_choice_offer_prefix(choice, origin, prefix, prefixes[i]);
        if (rc == 0)
            rc = offer_base(&c, prefix);
    }
    for (size_t i = 0; rc == 0 && cu_candidates_lists[i]; i++)
        rc = offer_list(&c, cu_candidates_lists[i]);
    return rc;
}

bool cu_candidates_identify(const struct cu_choice *choice, const struct cu_origin *origin,
                            char **argv, char *out, size_t size, char program[256],
                            char command[256])
{
    const struct chooser c = {.choice = (struct cu_choice *)(uintptr_t)choice, .origin = origin};
    char path[CU_PATH_MAX], real[CU_PATH_MAX], script[CU_PATH_MAX], dir[CU_PATH_MAX];
    const char *option, *what = given(argv, &option);
    const char *venv = getenv("VIRTUAL_ENV"), *conda = getenv("CONDA_PREFIX");
    int len;

    if (!find_program(&c, argv[0], path) || cu_origin_resolve(origin, path, real) < 0)
        return false;
    if (what && option[0] == '\0')
        what = find_script(&c, what, dir, script) ? script : NULL;
    len = snprintf(out, size, "%s\n%s\n%s\n%s\n%s\n%s\n", path, real, venv ? venv : "",
                   conda ? conda : "", option, what ? what : "");
    snprintf(program, 256, "%.255s", base_name(real));
    snprintf(command, 256, "%.255s", !what || strcmp(option, "-c") == 0 ? option : base_name(what));
    return len > 0 && (size_t)len < size;
}
