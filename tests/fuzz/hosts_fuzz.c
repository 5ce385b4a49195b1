/* SPDX-License-Identifier: BSD-3-Clause */
/* Host lists of users and schedulers: the names that come out are names, in order, without repeats,
 * and written one a line they give the same list. */
#include "fuzz.h"

#include "base/error.h"
#include "base/hostlist.h"
#include "base/parse.h"

static char *join(const struct cu_hosts *hosts, size_t *size)
{
    char *text, *at;

    *size = 0;
    for (size_t i = 0; i < hosts->count; i++)
        *size += strlen(hosts->names[i]) + 1;
    at = text = malloc(*size ? *size : 1);
    FUZZ_CHECK(text);
    for (size_t i = 0; i < hosts->count; i++) {
        size_t len = strlen(hosts->names[i]);

        memcpy(at, hosts->names[i], len);
        at[len] = '\n';
        at += len + 1;
    }
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_copy(data, size), *joined, *compact;
    struct cu_hosts hosts, again;
    struct cu_error err = {""};
    size_t joined_size;

    if (cu_parse_hosts(text, size, &hosts, &err)) {
        FUZZ_CHECK(err.text[0] != '\0' && hosts.count == 0);
        free(text);
        return 0;
    }
    FUZZ_CHECK(hosts.count <= CU_HOSTS_MAX);
    for (size_t i = 0; i < hosts.count; i++) {
        FUZZ_CHECK(cu_parse_is_host(hosts.names[i], strlen(hosts.names[i])));
        FUZZ_CHECK(i == 0 || cu_parse_natural_compare(hosts.names[i - 1], hosts.names[i]) < 0);
    }
    joined = join(&hosts, &joined_size);
    FUZZ_CHECK(cu_parse_hosts(joined, joined_size, &again, &err) == 0);
    FUZZ_CHECK(again.count == hosts.count);
    for (size_t i = 0; i < hosts.count; i++)
        FUZZ_CHECK(strcmp(hosts.names[i], again.names[i]) == 0);
    cu_parse_hosts_free(&again);
    compact = cu_hostlist_text(&hosts, '\n');
    FUZZ_CHECK(compact && strlen(compact) <= joined_size + 1);
    FUZZ_CHECK(cu_parse_hosts(compact, strlen(compact), &again, &err) == 0);
    FUZZ_CHECK(again.count == hosts.count);
    for (size_t i = 0; i < hosts.count; i++)
        FUZZ_CHECK(strcmp(hosts.names[i], again.names[i]) == 0);
    cu_parse_hosts_free(&again);
    cu_parse_hosts_free(&hosts);
    free(compact);
    free(joined);
    free(text);
    return 0;
}
