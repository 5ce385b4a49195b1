/* SPDX-License-Identifier: BSD-3-Clause */
/* What launch_copper.sh's words become, and what is made of a launcher's lines. */
#include "copper/cli.h"
#include "copper/launch_hosts.h"
#include "copper/launch_options.h"
#include "copper/launcher.h"
#include "copper/launcher_choice.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static struct cu_launch_options options;
static struct cu_error err;
static const char *site; /* file with the site's defaults */

static int take(const char *words)
{
    static char text[512];
    char *argv[64] = {(char *)"launch_copper.sh"};
    int argc = 1;

    snprintf(text, sizeof(text), "%s", words);
    for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " "))
        argv[argc++] = word;
    return cu_launch_options(argc, argv, site, &options, &err);
}

static void test_every_option_reaches_the_job(void **state)
{
    const struct cu_job *job = &options.job;

    (void)state;
    assert_int_equal(take("-l 2 -t stdout -d /l -v /m -T 3 -k 4 -M 5K -m 6M -s 7 -b 8,9 -E 10 "
                          "-n tcp:eth0 -p 1111 -P -N 12 -A -I 13 -H a,b --encrypt --listings "
                          "nfs4:partial --serve /a --address %h-ib0 --symlinks rewrite"),
                     0);
    assert_int_equal(job->log_level, 2);
    assert_true(job->log_to_stdout && !job->log_to_file);
    assert_string_equal(job->log_dir, "/l");
    assert_string_equal(job->mount_dir, "/m");
    assert_int_equal(job->trees, 3);
    assert_int_equal(job->fanout, 4);
    assert_int_equal(job->max_cacheable_bytes, 5 * 1024);
    assert_int_equal(job->cache_bytes, 6 * 1024 * 1024);
    assert_int_equal(job->ready_timeout_s, 7);
    assert_int_equal(job->core_count, 2);
    assert_int_equal(job->enoent_ttl_ms, 10);
    assert_string_equal(job->network, "tcp:eth0");
    assert_int_equal(job->port, 1111);
    assert_true(job->profile && job->full_paths && job->encrypt && job->rewrite_links);
    assert_string_equal(job->listings, "nfs4:partial");
    assert_string_equal(job->serve, "/a");
    assert_string_equal(job->address, "%h-ib0");
    assert_int_equal(job->top_paths, 12);
    assert_int_equal(job->snapshot_s, 13);
    assert_string_equal(options.hosts, "a,b");
    cu_job_free(&options.job);
}

static void test_wrong_words_are_named(void **state)
{
    static const struct {
        const char *words, *said;
    } cases[] = {
        {"-k 0", "-k: \"0\" is not a fan-out; allowed is 1 to 1024"},
        {"-s", "-s: needs a value; see launch_copper.sh --help"},
        {"-P --listings", "--listings: needs a value; see launch_copper.sh --help"},
        {"-Pq", "-q: there is no such option; see launch_copper.sh --help"},
        {"--nothing", "--nothing: there is no such option; see launch_copper.sh --help"},
        {"--encrypt=no", "--encrypt=no: there is no such option; see launch_copper.sh --help"},
        {"--help=1", "--help=1: there is no such option; see launch_copper.sh --help"},
        {"--encrypt -PqA", "-q: there is no such option; see launch_copper.sh --help"},
        {"-P more", "\"more\" is too much; see launch_copper.sh --help"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(take(cases[i].words), -EINVAL);
        assert_string_equal(err.text, cases[i].said);
    }
}

static void test_help_stops_the_parsing(void **state)
{
    (void)state;
    assert_int_equal(take("--help -k 0"), 0);
    assert_true(options.help);
    cu_job_free(&options.job);
    assert_int_equal(take("--version"), 0);
    assert_true(options.version);
    cu_job_free(&options.job);
}

/* Makes a directory with directories and links; top becomes its real path. */
static void make_tree(char *top)
{
    char made[] = "/tmp/cu_places.XXXXXX", path[128], *real;

    assert_non_null(mkdtemp(made));
    real = realpath(made, NULL);
    assert_non_null(real);
    snprintf(top, 64, "%s", real);
    free(real);
    for (unsigned i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s", top, i == 0 ? "lus" : "lus/soft");
        assert_int_equal(mkdir(path, 0700), 0);
    }
    snprintf(path, sizeof(path), "%s/link", top);
    assert_int_equal(symlink("lus", path), 0);
    snprintf(path, sizeof(path), "%s/second", top);
    assert_int_equal(symlink("link/soft", path), 0);
    snprintf(path, sizeof(path), "%s/comma", top);
    assert_int_equal(symlink("lus/a,b", path), 0);
    snprintf(path, sizeof(path), "%s/loop", top);
    assert_int_equal(symlink("loop", path), 0);
}

/* text with top for each "@" */
static const char *with_top(const char *text, const char *top)
{
    static char out[2][2048];
    static unsigned next;
    size_t len = 0;

    next = 1 - next;
    for (; *text; text++)
        len += (size_t)snprintf(out[next] + len, sizeof(out[next]) - len, "%.*s",
                                *text == '@' ? 64 : 1, *text == '@' ? top : text);
    return out[next];
}

static void links_in_paths_are_followed(void **state)
{
    static const struct {
        const char *words, *serve, *listings;
    } cases[] = {
        {"--serve @/lus,/opt", "@/lus,/opt", NULL},
        {"--serve @//lus/,@/lus/./soft", "@/lus,@/lus/soft", NULL},
        {"--serve @/link", "@/link,@/lus", NULL},
        {"--serve @/link/soft/new", "@/link/soft/new,@/lus/soft/new", NULL},
        /* of the second link only that it is there */
        {"--serve @/second", "@/second,@/link/soft,@/lus/soft", NULL},
        {"--serve @/second/../x", "@/second/x,@/link/x,@/lus/x", NULL},
        {"--serve @/loop,@/lus", "@/loop,@/lus", NULL},
        {"--listings nfs4:partial,@/second:trusted,@/lus:numbered", NULL,
         "nfs4:partial,@/second:trusted,@/lus/soft:trusted,@/lus:numbered"},
        {"--listings @/link:trusted,@/lus:trusted", NULL, "@/link:trusted,@/lus:trusted"},
    };
    char top[64], command[128];

    (void)state;
    make_tree(top);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(take(with_top(cases[i].words, top)), 0);
        if (cases[i].serve)
            assert_string_equal(options.job.serve, with_top(cases[i].serve, top));
        if (cases[i].listings)
            assert_string_equal(options.job.listings, with_top(cases[i].listings, top));
        cu_job_free(&options.job);
    }
    assert_int_equal(take(with_top("--serve @/comma", top)), -EINVAL);
    assert_string_equal(err.text, "--serve: where the links in it lead is too much for a list, or "
                                  "has a comma in its name");
    snprintf(command, sizeof(command), "rm -r '%s'", top);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a path of our own */
}

static void test_hosts_are_sorted_without_repeats(void **state)
{
    struct cu_hosts hosts;

    (void)state;
    assert_int_equal(cu_launch_hosts("n10,n2,n10", &hosts, &err), 0);
    assert_int_equal(hosts.count, 2);
    assert_string_equal(hosts.names[0], "n2");
    cu_parse_hosts_free(&hosts);
    assert_int_equal(cu_launch_hosts("/dev/null/hosts", &hosts, &err), -EINVAL);
    assert_non_null(strstr(err.text, "-H: \"/dev/null/hosts\" cannot be read"));
    assert_int_equal(cu_launch_hosts("/dev/null", &hosts, &err), -EINVAL);
    assert_string_equal(err.text, "-H /dev/null: holds no host");
}

/* Takes the words where the site's file says that. */
static int take_at_site(const char *text, const char *words)
{
    static char path[] = "/tmp/cu_launch_site.XXXXXX";
    int fd = mkstemp(path), rc;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    site = path;
    rc = take(words);
    unlink(path);
    site = NULL;
    if (rc != 0) /* the file's name is no part of what is compared */
        memmove(err.text, err.text + strlen(path), strlen(err.text + strlen(path)) + 1);
    memcpy(path + strlen(path) - 6, "XXXXXX", 6);
    return rc;
}

static void test_a_site_has_its_own_defaults(void **state)
{
    static const char text[] = "# ours\n\n  fanout = 8 # wide\nready_timeout_s=60\nencrypt = yes\n"
                               "cache_bytes = 2GB";

    (void)state;
    assert_int_equal(take_at_site(text, "-s 5"), 0);
    assert_int_equal(options.job.fanout, 8);
    assert_int_equal(options.job.ready_timeout_s, 5);
    assert_int_equal(options.job.cache_bytes, UINT64_C(2) << 30);
    assert_true(options.job.encrypt);
    cu_job_free(&options.job);
    site = "/nonexistent/copper.conf";
    assert_int_equal(take("-k 3"), 0);
    assert_int_equal(options.job.fanout, 3);
    cu_job_free(&options.job);
    site = NULL;
}

static void chosen(const char *name)
{
    char program[CU_PATH_MAX], expected[64];

    snprintf(expected, sizeof(expected), "/bin/%s", name);
    assert_int_equal(cu_launcher_find("/bin", program, &err), name[0] == '-' ? -EINVAL : 0);
    if (name[0] != '-')
        assert_string_equal(program, expected);
}

static void test_a_launcher_is_a_name_or_a_path(void **state)
{
    (void)state;
    assert_true(cu_launcher_is_choice("auto") && cu_launcher_is_choice("/a b/c.sh"));
    assert_false(cu_launcher_is_choice(""));
    assert_false(cu_launcher_is_choice("../sh"));
    assert_false(cu_launcher_is_choice("a b"));
    assert_int_equal(take_at_site("launcher = clush\n", ""), 0);
    cu_job_free(&options.job);
    assert_int_equal(take_at_site("launcher = a/b\n", ""), -EINVAL);
    assert_non_null(strstr(err.text, "\"a/b\" is not a launcher; allowed is auto"));
    assert_int_equal(setenv("COPPER_LAUNCHER", "/bin/sh", 1), 0);
    chosen("sh");
    setenv("COPPER_LAUNCHER", "/bin/none-such", 1);
    chosen("-");
    assert_non_null(strstr(err.text, "COPPER_LAUNCHER: \"/bin/none-such\" is not a launcher"));
    setenv("COPPER_LAUNCHER", "/tmp", 1); /* can be searched, not run */
    chosen("-");
    assert_non_null(strstr(err.text, "COPPER_LAUNCHER: \"/tmp\" is not a launcher"));
    setenv("COPPER_LAUNCHER", "sh", 1); /* there is no /bin/sh.sh */
    chosen("-");
    unsetenv("COPPER_LAUNCHER");
}

/* Each scheduler's launcher, by its own variable; a remote shell that is given goes before all but
 * Slurm's. */
static void test_the_launcher_is_that_of_the_scheduler(void **state)
{
    static const struct {
        const char *variable, *launcher;
    } cases[] = {{"SLURM_JOB_ID", "srun"}, {"PBS_NODEFILE", "pbs"}, {"FLUX_URI", "flux"},
                 {"LSB_JOBID", "lsf"},     {"PE_HOSTFILE", "sge"},  {"OAR_NODEFILE", "oar"},
                 {"COBALT_JOBID", "rsh"}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char program[CU_PATH_MAX], expected[64];
        const char *why = NULL;

        setenv(cases[i].variable, "1", 1);
        assert_string_equal(cu_launcher_automatic(&why), cases[i].launcher);
        assert_string_equal(why, strcmp(cases[i].launcher, "rsh") == 0 ? "" : cases[i].variable);
        assert_int_equal(cu_launcher_find("/none", program, &err), -EINVAL);
        snprintf(expected, sizeof(expected), "\"%s\" is not", cases[i].launcher);
        assert_non_null(strstr(err.text, expected));
        setenv("COPPER_RSH", "ssh", 1);
        assert_string_equal(cu_launcher_automatic(&why), i == 0 ? "srun" : "rsh");
        assert_string_equal(why, i == 0 ? "SLURM_JOB_ID" : "COPPER_RSH");
        assert_int_equal(cu_launcher_find("/none", program, &err), -EINVAL);
        assert_non_null(strstr(err.text, i == 0 ? "\"srun\" is not" : "\"rsh\" is not"));
        unsetenv("COPPER_RSH");
        unsetenv(cases[i].variable);
    }
}

static void test_a_wrong_line_of_the_site_is_named(void **state)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"\nfanout = 0\n", ":2: fanout: \"0\" is not a fan-out; allowed is 1 to 1024"},
        {"fanout 3\n", ":1: \"fanout 3\" is not \"name = value\""},
        {"fast = yes\n", ":1: fast: there is no option \"fast\""},
        {"fanout = 3\nfanout = 4\n", ":2: fanout: is there twice"},
        {"mount = /x\n", ":1: mount: stands in the environment, as COPPER_MOUNT"},
        {"group = 100\n", ":1: group: is for the launch to say, and no setting"},
        {"lease = 1\n", ":1: lease: is for the launch to say, and no setting"},
        {"encrypt = maybe\n", ":1: encrypt: \"maybe\" is not a switch; allowed is yes or no"},
        {"fanout =\n", ":1: fanout: \"\" is not a fan-out; allowed is 1 to 1024"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(take_at_site(cases[i].text, ""), -EINVAL);
        assert_string_equal(err.text, cases[i].said);
    }
    assert_int_equal(take_at_site("\xef\xbb\xbf# an editor's\r\n\t fanout\t=\t7 # ours\r\n", ""),
                     0);
    assert_int_equal(options.job.fanout, 7);
    cu_job_free(&options.job);
    assert_int_equal(take_at_site("\xef\xbb\xbf"
                                  "fanout = 7\n",
                                  ""),
                     0);
    assert_int_equal(options.job.fanout, 7);
    cu_job_free(&options.job);
    assert_int_equal(take_at_site("fanout = 0\n", "--help"), 0);
    cu_job_free(&options.job);
    site = "/";
    assert_int_equal(take(""), -EINVAL);
    assert_string_equal(err.text, "/ is not a file");
    site = NULL;
}

/* A launcher that writes what it is told. */
static void spawn(struct cu_launcher *s, const struct cu_hosts *hosts, const char *script)
{
    static const char *const command[] = {"command", NULL};
    char dir[] = "/tmp/cu_launch_test.XXXXXX", path[64];
    struct cu_launcher_config config = {
        .parts = dir, .mode = "run", .command = command, .hosts = hosts};
    FILE *out;

    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/rsh.sh", dir);
    out = fopen(path, "w");
    assert_non_null(out);
    fprintf(out, "#!/bin/sh\n%s\n", script);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(chmod(path, 0700), 0);
    unsetenv("SLURM_JOB_ID");
    unsetenv("COPPER_LAUNCHER");
    assert_int_equal(cu_launcher_spawn(s, &config, &err), 0);
    assert_true(cu_launcher_wait(s, 10000));
    unlink(path);
    rmdir(dir);
}

static void test_lines_of_a_launcher(void **state)
{
    struct cu_hosts hosts;
    struct cu_launcher s;

    (void)state;
    assert_int_equal(cu_launch_hosts("n1,n2,n3,n4", &hosts, &err), 0);
    spawn(
        &s, &hosts,
        "echo stay; printf 'n1 0 '; echo fine; echo 'n2 - words'; echo 'n2 1 '\n"
        "echo 'n3 1 first'; echo 'n3 0 again'; echo nonsense; echo '- - trouble'; printf 'n4 0 x'");
    assert_true(s.stay);
    assert_int_equal(s.done, 1);
    assert_int_equal(s.failed, 2);
    assert_string_equal(s.of[0].text, "fine");
    assert_int_equal(s.of[1].state, CU_LAUNCHER_FAILED);
    assert_string_equal(s.of[1].text, "words");
    assert_int_equal(s.of[2].state, CU_LAUNCHER_FAILED);
    assert_int_equal(s.of[3].state, CU_LAUNCHER_RUNS); /* a line without its end is none */
    assert_string_equal(s.text, "trouble");
    cu_launcher_free(&s);
    cu_parse_hosts_free(&hosts);
}

/* To clean after a failure a command goes to each host on which one may have been started. */
static void test_what_was_never_begun_with_is_untouched(void **state)
{
    static const struct {
        const char *script;
        bool untouched[4];
    } cases[] = {
        {"echo begins; echo 'n1 + '; echo 'n2 ? '; echo 'n3 1 lost'", {false, false, false, true}},
        {"echo begins; exit 1", {true, true, true, true}},
        {"echo 'n1 1 lost'", {false, false, false, false}},           /* it does not tell */
        {"echo begins; kill -KILL $$", {false, false, false, false}}, /* it may have known more */
        {"echo begins; exit 143", {false, false, false, false}},      /* a shell's SIGTERM */
        {"echo 'n4 93 '; kill -KILL $$", {false, false, false, true}},
    };
    struct cu_hosts hosts;
    struct cu_launcher s;

    (void)state;
    assert_int_equal(cu_launch_hosts("n1,n2,n3,n4", &hosts, &err), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        spawn(&s, &hosts, cases[i].script);
        for (size_t k = 0; k < 4; k++)
            assert_int_equal(cu_launcher_untouched(&s, k), cases[i].untouched[k]);
        assert_int_equal(s.of[1].tried, false); /* "?" is no beginning yet */
        cu_launcher_free(&s);
    }
    cu_parse_hosts_free(&hosts);
}

static void test_a_launcher_gets_hosts_and_command(void **state)
{
    struct cu_hosts hosts;
    struct cu_launcher s;

    (void)state;
    assert_int_equal(cu_launch_hosts("n1,n2", &hosts, &err), 0);
    spawn(&s, &hosts,
          "while read -r h; do echo \"$h 0 $1 $2 $# $(sh <\"$COPPER_INPUT\"; echo $?)\"; done");
    assert_false(s.stay);
    assert_int_equal(s.done, 2);
    assert_string_equal(s.of[1].text, "run command 2 93");
    cu_launcher_free(&s);
    cu_parse_hosts_free(&hosts);
}

static void test_a_line_that_is_too_long_is_cut(void **state)
{
    struct cu_hosts hosts;
    struct cu_launcher s;

    (void)state;
    assert_int_equal(cu_launch_hosts("n1,n2", &hosts, &err), 0);
    spawn(&s, &hosts, "printf 'n1 1 %05000d\\n' 0; echo 'n2 0 '");
    assert_int_equal(s.failed, 1);
    assert_int_equal(s.done, 1);
    assert_true(strlen(s.of[0].text) < 1024);
    cu_launcher_free(&s);
    cu_parse_hosts_free(&hosts);
}

static void test_sizes_for_people(void **state)
{
    char out[32];

    (void)state;
    assert_string_equal(cu_cli_size(0, out), "0 B");
    assert_string_equal(cu_cli_size(1023, out), "1023 B");
    assert_string_equal(cu_cli_size(1024, out), "1.0 KB");
    assert_string_equal(cu_cli_size(1024 * 1024 - 1, out), "1.0 MB");
    assert_string_equal(cu_cli_size(UINT64_C(5) << 30, out), "5.0 GB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_option_reaches_the_job),
        cmocka_unit_test(test_wrong_words_are_named),
        cmocka_unit_test(test_help_stops_the_parsing),
        cmocka_unit_test(links_in_paths_are_followed),
        cmocka_unit_test(test_a_site_has_its_own_defaults),
        cmocka_unit_test(test_a_launcher_is_a_name_or_a_path),
        cmocka_unit_test(test_the_launcher_is_that_of_the_scheduler),
        cmocka_unit_test(test_a_wrong_line_of_the_site_is_named),
        cmocka_unit_test(test_hosts_are_sorted_without_repeats),
        cmocka_unit_test(test_lines_of_a_launcher),
        cmocka_unit_test(test_what_was_never_begun_with_is_untouched),
        cmocka_unit_test(test_a_launcher_gets_hosts_and_command),
        cmocka_unit_test(test_a_line_that_is_too_long_is_cut),
        cmocka_unit_test(test_sizes_for_people),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
