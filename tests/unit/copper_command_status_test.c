/* SPDX-License-Identifier: BSD-3-Clause */
/* What copper status prints of a daemon's answer. The daemon is replaced: its answer is a text. */
#include "control/client.h"
#include "copper/cli.h"
#include "copper/reach.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ANSWER                                                                                     \
    "\"ok\":true,\"mount\":\"/m\",\"job\":\"0123456789\",\"nodes\":1,\"ready\":1,\"root\":true,"   \
    "\"host\":\"node0\",\"trees\":[],\"inode_bytes\":1048576,\"recovery_bytes\":536870912"

static const char *answer; /* of the daemon */
static char said[8192];

int __wrap_cu_reach_mount(const char *mount_dir, struct cu_client *client, struct cu_error *err);
int __wrap_cu_client_call(struct cu_client *client, const json_t *request, int timeout_ms,
                          json_t **result, struct cu_error *err);
void __wrap_cu_client_close(struct cu_client *client);

int __wrap_cu_reach_mount(const char *mount_dir, struct cu_client *client, struct cu_error *err)
{
    (void)client;
    (void)err;
    assert_string_equal(mount_dir, "/m");
    return 0;
}

int __wrap_cu_client_call(struct cu_client *client, const json_t *request, int timeout_ms,
                          json_t **result, struct cu_error *err)
{
    (void)client;
    (void)timeout_ms;
    (void)err;
    assert_string_equal(json_string_value(json_object_get(request, "op")), "status");
    *result = json_loads(answer, 0, NULL);
    assert_non_null(*result);
    return 0;
}

void __wrap_cu_client_close(struct cu_client *client)
{
    (void)client;
}

/* Its output in said. */
static void status(const char *text)
{
    char *words[] = {(char *)"status", (char *)"-v", (char *)"/m", NULL};
    FILE *file = tmpfile();
    int out = dup(STDOUT_FILENO), rc;
    size_t n;

    answer = text;
    assert_non_null(file);
    fflush(stdout);
    assert_true(out >= 0 && dup2(fileno(file), STDOUT_FILENO) >= 0);
    rc = cu_command_status.run(&cu_command_status, 3, words);
    fflush(stdout);
    dup2(out, STDOUT_FILENO);
    close(out);
    rewind(file);
    n = fread(said, 1, sizeof(said) - 1, file);
    said[n] = '\0';
    fclose(file);
    assert_int_equal(rc, CU_EXIT_OK);
}

static void a_full_recovery_area_is_shown(void **state)
{
    (void)state;
    status("{" ANSWER ",\"recovery_full\":0}");
    assert_non_null(strstr(said, "names       "));
    assert_null(strstr(said, "recovery    full"));
    status("{" ANSWER ",\"recovery_full\":12345}");
    assert_non_null(strstr(said,
                           "\nrecovery    full: 12345 records left out, whose files' users get "
                           "an error should the daemon die\n"));
}

static void what_a_daemon_does_not_say_is_left_out(void **state)
{
    (void)state;
    status("{\"ok\":true}");
    assert_non_null(strstr(said, "mount       "));
    assert_null(strstr(said, "recovery"));
    assert_null(strstr(said, "restarts"));
    assert_null(strstr(said, "missing"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_recovery_area_is_shown),
        cmocka_unit_test(what_a_daemon_does_not_say_is_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
