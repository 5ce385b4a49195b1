/* SPDX-License-Identifier: BSD-3-Clause */
/* What is served, by name. */
#include "proto/serve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static enum cu_serve_what judge(const char *list, const char *path)
{
    struct cu_serve *serve = cu_serve_create(list);
    enum cu_serve_what what;

    assert_non_null(serve);
    what = cu_serve_judge(serve, path, strlen(path));
    cu_serve_destroy(serve);
    return what;
}

static void secrets_are_not_served(void **state)
{
    static const char *const secret[] = {
        "/run",
        "/run/user/1000/gnupg",
        "/var",
        "/var/run/munge",
        "/var/tmp/x",
        "/root",
        "/root/.ssh/id_rsa",
        "/tmp/ssh-XXXX1234",
        "/tmp/ssh-XXXX1234/agent.1",
        "/tmp/krb5cc_1000",
        "/tmp/krb5cc_1000_abc",
        "/tmp/.X11-unix",
        "/tmp/.X0-lock",
        "/tmp/copper-1000",
        "/tmp/copper-1000.AbCdEf/1.job",
        "/home/alice/.ssh",
        "/home/alice/.ssh/id_rsa",
        "/gpfs/home/.snapshots/daily/alice/.gnupg/x",
        "/home/alice/.netrc",
        "/.netrc",
        "/home/alice/.config/gcloud/credentials.db",
        "/home/alice/.local/share/keyrings",
        "/home/alice/.kube/config",
        "/home/alice/.docker",
        "/home/alice/.copper.aB3xYz", /* a launcher's */
        "/home/alice/.cargo/credentials.toml",
        "/home/alice/.cache/huggingface/token",
        "/home/alice/.config/BraveSoftware/x",
        "/home/alice/.local/share/kwalletd",
        /* as storage that ignores case takes it */
        "/home/alice/.SSH/id_rsa",
        "/home/alice/.Ssh",
        "/home/alice/.CONFIG/GCloud",
        "/home/alice/.local/Share/KeyRings",
        "/home/alice/.XAUTHORITY",
        "/home/alice/.\xc5\xbfsh", /* long s */
        "/home/alice/.\xc3\x9fh",  /* sharp s */
        "/home/alice/.\xe2\x84\xaa"
        "ube",                                  /* Kelvin */
        "/home/alice/.con\xef\xac\x81g/gcloud", /* ligature */
        "/home/alice/.s\xe2\x80\x8dsh/x",       /* joiner */
        "/home/alice/\xe2\x81\xa0.ssh",         /* word joiner */
        "/home/alice/.local/\xc2\xadshare/keyr\xcd\x8fings",
        "/home/alice/.ssh\xf3\xa0\x81\x81",
    };
    static const char *const served[] = {
        "/",
        "/home",
        "/home/alice",
        "/home/alice/.config",
        "/home/alice/.config/pip",
        "/home/alice/.local/share",
        "/home/alice/.local/lib",
        "/home/alice/ssh",
        "/home/alice/.sshx",
        "/home/alice/x.ssh",
        "/tmp",
        "/tmp/alice",
        "/tmp/copper-test",
        "/tmp/env/ssh-agent",
        "/lus/run",
        "/lus/var/x",
        "/lus/root",
        "/lus/tmp/krb5cc_1",
        "/running",
        "/keyrings",
        "/usr/lib/python3/dist-packages/keyrings",
        "/etc/hosts",
        "/home/alice/.copper",
        "/home/alice/.copper-test",
        "/home/alice/.cargo/bin",
        "/home/alice/.cache/huggingface/hub",
        "/home/alice/\xe2\x80\x8d",
        "/home/alice/.\xc3\xa4sh",
        "/home/alice/.\xe2\x80",
        "/home/alice/\xf3\xa0\x81",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++)
        if (judge(NULL, secret[i]) != CU_SERVE_NOT)
            fail_msg("%s is served", secret[i]);
    for (size_t i = 0; i < sizeof(served) / sizeof(served[0]); i++)
        if (judge(NULL, served[i]) != CU_SERVE_ALL)
            fail_msg("%s is not served", served[i]);
    for (unsigned i = 0; i == 0 || cu_serve_secrets(i - 1) != NULL; i++)
        assert_true(cu_serve_secrets(i) != NULL || i > 5);
}

static void a_list_says_what_is_served(void **state)
{
    static const char list[] = "/lus/project,/opt//sw/,/home";

    (void)state;
    assert_int_equal(judge(list, "/"), CU_SERVE_WAY);
    assert_int_equal(judge(list, "/lus"), CU_SERVE_WAY);
    assert_int_equal(judge(list, "/opt"), CU_SERVE_WAY);
    assert_int_equal(judge(list, "/lus/project"), CU_SERVE_ALL);
    assert_int_equal(judge(list, "/lus/project/x/y"), CU_SERVE_ALL);
    assert_int_equal(judge(list, "/lus/projects"), CU_SERVE_NOT);
    assert_int_equal(judge(list, "/lus/other"), CU_SERVE_NOT);
    assert_int_equal(judge(list, "/opt/sw/bin"), CU_SERVE_ALL);
    assert_int_equal(judge(list, "/usr"), CU_SERVE_NOT);
    assert_int_equal(judge(list, "/home/alice/.ssh"), CU_SERVE_NOT);
}

/* The longer of the two decides: the secret's name, or the path of the list. */
static void a_secret_is_served_when_it_is_asked_for(void **state)
{
    (void)state;
    assert_int_equal(judge("/,/var/lib/env", "/var"), CU_SERVE_WAY);
    assert_int_equal(judge("/,/var/lib/env", "/var/lib"), CU_SERVE_WAY);
    assert_int_equal(judge("/,/var/lib/env", "/var/log"), CU_SERVE_NOT);
    assert_int_equal(judge("/,/var/lib/env", "/var/lib/env/bin"), CU_SERVE_ALL);
    assert_int_equal(judge("/,/var/lib/env", "/var/lib/env/.ssh"), CU_SERVE_NOT);
    assert_int_equal(judge("/,/var/lib/env", "/usr"), CU_SERVE_ALL);
    assert_int_equal(judge("/run", "/run/user"), CU_SERVE_ALL);
    assert_int_equal(judge("/tmp", "/tmp/krb5cc_0"), CU_SERVE_NOT);
    assert_int_equal(judge("/home/alice/.aws", "/home/alice/.aws/x"), CU_SERVE_ALL);
    assert_int_equal(judge("/home/alice/.aws", "/home/alice/.ssh"), CU_SERVE_NOT);
    assert_int_equal(judge("/root", "/root/.ssh"), CU_SERVE_NOT);
    assert_int_equal(judge("/root,/root/.ssh", "/root/.ssh/x"), CU_SERVE_ALL);
}

/* What is listed is what is served. */
static void listings_agree_with_lookups(void **state)
{
    static const char *const lists[] = {NULL, "/lus/project", "/,/var/lib", "/tmp,/home/a/.ssh"};
    static const char *const dirs[] = {"/",
                                       "/tmp",
                                       "/home",
                                       "/home/a",
                                       "/home/a/.config",
                                       "/lus",
                                       "/lus/project",
                                       "/var",
                                       "/home/a/.local/share",
                                       "/home/a/.local/SHARE",
                                       "/home/a/.cargo",
                                       "/home/a/.CONFIG",
                                       "/home/a/.cache/huggingface"};
    static const char *const names[] = {"run",
                                        "var",
                                        "lib",
                                        ".ssh",
                                        "ssh-x",
                                        "x",
                                        "tmp",
                                        "lus",
                                        "project",
                                        "gcloud",
                                        "home",
                                        "a",
                                        ".aws",
                                        "krb5cc",
                                        "keyrings",
                                        ".config",
                                        "root",
                                        "KeyRings",
                                        "token",
                                        "credentials",
                                        "credentials.toml",
                                        "\xe2\x81\xa0.ssh",
                                        ".SSH",
                                        ".copper.abcdef",
                                        "GCloud"};

    (void)state;
    for (size_t l = 0; l < sizeof(lists) / sizeof(lists[0]); l++) {
        struct cu_serve *serve = cu_serve_create(lists[l]);

        assert_non_null(serve);
        for (size_t d = 0; d < sizeof(dirs) / sizeof(dirs[0]); d++) {
            size_t len = strlen(dirs[d]);
            enum cu_serve_what what = cu_serve_judge(serve, dirs[d], len);

            for (size_t n = 0; n < sizeof(names) / sizeof(names[0]) && what != CU_SERVE_NOT; n++) {
                char path[128];
                bool served;

                snprintf(path, sizeof(path), "%s/%s", len == 1 ? "" : dirs[d], names[n]);
                served = cu_serve_judge(serve, path, strlen(path)) != CU_SERVE_NOT;
                if (cu_serve_lists(serve, dirs[d], len, what, names[n]) != served)
                    fail_msg("%s with list %zu", path, l);
            }
        }
        cu_serve_destroy(serve);
    }
}

/* Below a path that is as long as any of a list can be: it is reached in several steps. */
static void listings_agree_with_lookups_in_long_paths(void **state)
{
    static const char *const names[] = {".ssh", ".SSH", "x", "gcloud", ".copper.ab", "krb5cc",
                                        "run",  ".aws", "a", "token",  "keyrings"};
    static const char *const ends[] = {"/a", "/.config", "/share", "/huggingface", "/tmp"};
    struct cu_serve *serve = cu_serve_create(NULL), *lus = cu_serve_create("/lus");
    char dir[9000], path[9100];

    (void)state;
    assert_true(serve && lus);
    for (size_t len = 4080; len < 8000; len += len < 4100 ? 1 : 1000) {
        for (size_t e = 0; e < sizeof(ends) / sizeof(ends[0]); e++) {
            memset(dir, 'd', len);
            memcpy(dir, "/lus/", 5);
            for (size_t at = 200; at < len - 1; at += 200)
                dir[at] = '/';
            strcpy(dir + len, ends[e]);
            for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
                int path_len = snprintf(path, sizeof(path), "%s/%s", dir, names[n]);
                bool there = cu_serve_judge(serve, path, (size_t)path_len) != CU_SERVE_NOT;

                assert_int_equal(cu_serve_lists(serve, dir, strlen(dir), CU_SERVE_ALL, names[n]),
                                 there);
                assert_int_equal(cu_serve_lists(lus, dir, strlen(dir), CU_SERVE_ALL, names[n]),
                                 there);
            }
        }
    }
    cu_serve_destroy(serve);
    cu_serve_destroy(lus);
}

static void bad_lists(void **state)
{
    static const char *const bad[] = {",", "/a,", ",/a", "/a,,/b", "a", "/a,b", "/a\n", "/a,/\x7f"};
    char many[400] = "/a";

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(cu_serve_check(bad[i]), -EINVAL);
    for (unsigned i = 1; i < CU_SERVE_PATHS_MAX; i++)
        strcat(many, ",/a");
    assert_int_equal(cu_serve_check(many), 0);
    assert_int_equal(judge(many, "/a"), CU_SERVE_ALL);
    strcat(many, ",/a");
    assert_int_equal(cu_serve_check(many), -EINVAL);
    assert_null(cu_serve_create(many));
    assert_null(cu_serve_create("a"));
    assert_int_equal(cu_serve_judge(NULL, "/run", 4), CU_SERVE_ALL);
    cu_serve_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_not_served),
        cmocka_unit_test(a_list_says_what_is_served),
        cmocka_unit_test(a_secret_is_served_when_it_is_asked_for),
        cmocka_unit_test(listings_agree_with_lookups),
        cmocka_unit_test(listings_agree_with_lookups_in_long_paths),
        cmocka_unit_test(bad_lists),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
