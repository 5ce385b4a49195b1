/* SPDX-License-Identifier: BSD-3-Clause */
/* The launcher is chosen by the environment variables of the job's scheduler, in the order in which
 * launch/hosts.sh looks for the job's hosts: both must find the same scheduler. */
#include "copper/launcher_choice.h"

#include "base/path.h"
#include "copper/launch_options.h"
#include "host/trust.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENV_LAUNCHER "COPPER_LAUNCHER"
#define ENV_RSH      "COPPER_RSH"
#define ENV_INPUT_BY "COPPER_INPUT_BY"
#define BY_FILE      "file"
#define AUTO         "auto"

static const struct {
    const char *variable, *launcher;
} schedulers[] = {{"SLURM_JOB_ID", "srun"}, {"PBS_NODEFILE", "pbs"}, {"FLUX_JOB_ID", "flux"},
                  {"FLUX_URI", "flux"},     {"LSB_JOBID", "lsf"},    {"PE_HOSTFILE", "sge"},
                  {"OAR_NODEFILE", "oar"},  {"OAR_NODE_FILE", "oar"}};

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value && value[0] != '\0' ? value : NULL;
}

/* Is this in a Flux instance on this host? Then it is the innermost, whatever job is around it. A
 * FLUX_URI whose socket is not here was inherited from elsewhere. */
static bool is_in_flux(void)
{
    static const char local[] = "local://";
    const char *uri = variable("FLUX_URI");
    struct stat st;

    return uri && strncmp(uri, local, strlen(local)) == 0 && stat(uri + strlen(local), &st) == 0 &&
           S_ISSOCK(st.st_mode);
}

/* A user's COPPER_RSH takes precedence, except in Slurm: there a daemon that was not started by
 * srun outlives its job, or dies with the shell that started it. */
const char *cu_launcher_automatic(const char **why)
{
    bool in_flux = is_in_flux();

    for (size_t i = 0; i < sizeof(schedulers) / sizeof(schedulers[0]); i++) {
        if (!variable(schedulers[i].variable) ||
            (in_flux && strcmp(schedulers[i].launcher, "flux") != 0))
            continue;
        *why = i > 0 && variable(ENV_RSH) ? ENV_RSH : schedulers[i].variable;
        return *why == schedulers[i].variable ? schedulers[i].launcher : "rsh";
    }
    *why = variable(ENV_RSH) ? ENV_RSH : "";
    return "rsh";
}

bool cu_launcher_is_automatic(const char *name)
{
    return !name || name[0] == '\0' || strcmp(name, AUTO) == 0;
}

bool cu_launcher_is_choice(const char *text)
{
    if (text[0] == '/')
        return strlen(text) < CU_PATH_MAX;
    for (const char *at = text; *at != '\0'; at++)
        if (!isalnum((unsigned char)*at) && *at != '_' && *at != '-')
            return false;
    return text[0] != '\0';
}

/* NAME or path to a program, or -EINVAL. */
static int program_of(const char *parts, const char *name, char program[CU_PATH_MAX])
{
    struct stat st;
    int len = name[0] == '/' ? snprintf(program, CU_PATH_MAX, "%s", name)
                             : snprintf(program, CU_PATH_MAX, "%s/%s.sh", parts, name);

    return cu_launcher_is_choice(name) && len < CU_PATH_MAX && stat(program, &st) == 0 &&
                   S_ISREG(st.st_mode) && access(program, X_OK) == 0
               ? 0
               : -EINVAL;
}

int cu_launcher_trust(const char *program, struct cu_error *err)
{
    char path[CU_PATH_MAX];
    int rc = cu_path_normalise(program, path);

    if (rc >= 0)
        rc = cu_trust_as_program(path, err);
    if (rc == -ENOENT || rc == -EINVAL || rc == -ENAMETOOLONG)
        return cu_error_set(err, -EINVAL, "%s: is not there", program);
    return rc < 0 ? -EINVAL : 0;
}

/* All of them source common.sh. */
static int trust_part(const char *parts, const char *program, struct cu_error *err)
{
    char common[CU_PATH_MAX];
    int rc = cu_launcher_trust(program, err);

    if (rc == 0 && snprintf(common, sizeof(common), "%s/common.sh", parts) < (int)sizeof(common) &&
        access(common, F_OK) == 0)
        rc = cu_launcher_trust(common, err);
    return rc;
}

int cu_launcher_find(const char *parts, char program[CU_PATH_MAX], struct cu_error *err)
{
    const char *name = variable(ENV_LAUNCHER), *why;

    if (cu_launcher_is_automatic(name))
        name = cu_launcher_automatic(&why);
    if (program_of(parts, name, program) == 0)
        return name[0] == '/' ? 0 : trust_part(parts, program, err);
    return cu_error_set(err, -EINVAL,
                        ENV_LAUNCHER ": \"%.200s\" is not a launcher in %.300s, nor the absolute "
                                     "path of a program",
                        name, parts);
}

int cu_launcher_settle(const char *parts, struct cu_error *err)
{
    char choice[CU_PATH_MAX] = "", program[CU_PATH_MAX], site[CU_PATH_MAX];

    if (!variable(ENV_LAUNCHER) && cu_launch_site_path(site) == 0 &&
        cu_launch_site_launcher(site, choice, err) != 0)
        return -EINVAL;
    if (choice[0] == '\0')
        return cu_launcher_find(parts, program, err);
    if (!cu_launcher_is_automatic(choice) && program_of(parts, choice, program) != 0)
        return cu_error_set(err, -EINVAL,
                            "%.200s: launcher: \"%.200s\" is not a launcher in %.300s, nor the "
                            "absolute path of a program",
                            site, choice, parts);
    return setenv(ENV_LAUNCHER, choice, 1) == 0 ? 0 : cu_error_set(err, -ENOMEM, "out of memory");
}

bool cu_launcher_shares_input(void)
{
    return variable(ENV_INPUT_BY) && strcmp(variable(ENV_INPUT_BY), BY_FILE) == 0;
}

void cu_launcher_share_input(void)
{
    (void)setenv(ENV_INPUT_BY, BY_FILE, 1); /* without memory the next attempt fails as the last */
}

/* A line "# carries: WORD" in the launcher: "clear", "sealed", "file" (by no network of its own),
 * or "as COPPER_RSH does", where that may be srun. */
int cu_launcher_in_clear(const char *parts, struct cu_error *err)
{
    char program[CU_PATH_MAX], line[256];
    const char *rsh = getenv(ENV_RSH), *name = rsh ? rsh : "ssh", *slash;
    size_t len = strcspn(name, " \t");
    bool is_clear = false, is_rsh = false, says = false;
    FILE *file;
    int rc = cu_launcher_find(parts, program, err);

    if (rc != 0)
        return rc;
    file = fopen(program, "re");
    if (!file)
        return cu_error_set(err, -EINVAL, "%s: %s", program, strerror(errno));
    while (!says && fgets(line, sizeof(line), file)) {
        says = strncmp(line, "# carries: ", 11) == 0;
        is_clear = is_clear || strcmp(line, "# carries: clear\n") == 0;
        is_rsh = is_rsh || strcmp(line, "# carries: as COPPER_RSH does\n") == 0;
    }
    fclose(file);
    slash = memrchr(name, '/', len);
    if (slash) {
        len -= (size_t)(slash + 1 - name);
        name = slash + 1;
    }
    return !says || is_clear || (is_rsh && len == 4 && memcmp(name, "srun", 4) == 0);
}
