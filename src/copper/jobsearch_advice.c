/* SPDX-License-Identifier: BSD-3-Clause */
#include "copper/jobsearch.h"

#include "copper/cli.h"

#include <inttypes.h>
#include <stdio.h>

#define LOOKUPS_MIN UINT64_C(100) /* less is no reason to change anything */

static size_t put_move(const json_t *value, const json_t *move, char *out, size_t size)
{
    const char *variable = cu_cli_text(value, "variable");
    bool named = variable[0] != '\0', first = json_is_true(json_object_get(move, "first"));
    int len = snprintf(out, size, "%s%s %s%s%s%s: saves %" PRIu64 " lookups on %" PRIu64 " node%s",
                       named ? "put " : "search ", cu_cli_text(move, "entry"),
                       first && named ? "first" : "before ",
                       first && named ? "" : cu_cli_text(move, "before"), named ? " in " : "",
                       named ? variable : "", cu_cli_number(move, "saves"),
                       cu_cli_number(move, "nodes"), cu_cli_number(move, "nodes") == 1 ? "" : "s");

    return len < 0 ? 0 : (size_t)len < size ? (size_t)len : size - 1;
}

static size_t put_idle(const json_t *value, const json_t *entry, uint64_t requests, char *out,
                       size_t size)
{
    int len =
        snprintf(out, size,
                 "leave %s out of %s, nothing was found in it: saves %" PRIu64
                 " requests on %" PRIu64 " node%s",
                 cu_cli_text(entry, "entry"), cu_cli_text(value, "variable"), requests,
                 cu_cli_number(entry, "nodes"), cu_cli_number(entry, "nodes") == 1 ? "" : "s");

    return len < 0 ? 0 : (size_t)len < size ? (size_t)len : size - 1;
}

/* Is this the best so far, and enough? Then it is noted. */
static bool is_better(uint64_t saves, uint64_t us, uint64_t *best_saves, uint64_t *best_us)
{
    if (saves < LOOKUPS_MIN || us < *best_us || (us == *best_us && saves <= *best_saves))
        return false;
    *best_saves = saves;
    *best_us = us;
    return true;
}

size_t cu_jobsearch_advice(const json_t *search, char *out, size_t size, uint64_t *saves,
                           uint64_t *us)
{
    const json_t *value, *entry;
    size_t len = 0, i, k;

    out[0] = '\0';
    *saves = *us = 0;
    json_array_foreach (search, i, value) {
        const json_t *move = json_object_get(value, "move");

        if (is_better(cu_cli_number(move, "saves"), cu_cli_number(move, "wait_us"), saves, us))
            len = put_move(value, move, out, size);
        if (cu_cli_text(value, "variable")[0] == '\0')
            continue;
        json_array_foreach (json_object_get(value, "entries"), k, entry) {
            uint64_t requests = cu_cli_number(entry, "vain") + cu_cli_number(entry, "listings");

            if (json_is_null(json_object_get(entry, "better")) &&
                is_better(requests, cu_cli_number(entry, "wait_us"), saves, us))
                len = put_idle(value, entry, requests, out, size);
        }
    }
    return len;
}
