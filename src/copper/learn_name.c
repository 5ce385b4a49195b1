/* SPDX-License-Identifier: BSD-3-Clause */
#include "copper/learn_name.h"

#include "base/hash.h"
#include "control/client.h"
#include "control/shown.h"
#include "copper/candidates.h"
#include "copper/recipe_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TELL_MS   2000
#define SHOWN     32 /* bytes of each of the two names for people */
#define WHOLE_MAX (8 * CU_PATH_MAX)

static void put_name(char out[SHOWN + 1], const char *text)
{
    snprintf(out, SHOWN + 1, "%.*s", SHOWN, text);
    cu_job_make_recipe_name(out);
}

static bool name_of(const struct cu_choice *choice, const struct cu_origin *origin, char **argv,
                    char out[CU_JOB_RECIPE_MAX + 1])
{
    char whole[WHOLE_MAX], program[256], command[256], first[SHOWN + 1], second[SHOWN + 1];

    if (!cu_candidates_identify(choice, origin, argv, whole, sizeof(whole), program, command))
        return false;
    put_name(first, program);
    put_name(second, command);
    snprintf(out, CU_JOB_RECIPE_MAX + 1, "run-%s%s%s-%016" PRIx64, first,
             second[0] != '\0' ? "-" : "", second, cu_hash_bytes(whole, strlen(whole)));
    return cu_job_is_recipe_name(out);
}

void cu_learn_name_tell(const char *mount, const struct cu_choice *choice,
                        const struct cu_origin *origin, char **argv)
{
    char name[CU_JOB_RECIPE_MAX + 1], path[CU_PATH_MAX];
    struct cu_client client;
    json_t *request, *result = NULL;
    struct cu_error err;

    if (!name_of(choice, origin, argv, name) || cu_recipe_file_path(name, path, &err) != 0 ||
        cu_client_open_here(mount, &client, &err) != 0)
        return;
    request = json_pack("{s:s, s:s, s:o}", "op", "learn", "name", name, "path",
                        cu_shown_name(path, strlen(path)));
    if (cu_client_call(&client, request, TELL_MS, &result, &err) == 0)
        json_decref(result);
    json_decref(request);
    cu_client_close(&client);
}
