/* SPDX-License-Identifier: BSD-3-Clause */
/* Which directories copper run serves, for each source that tells it of one and each reason against
 * one. A file system of a type that only the site names stands for the shared one. */
#include "copper/candidates.h"
#include "copper/choice.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "own_mounts.h"

#define TYPE "ramfs"
#define USER 12345u

static char top[64], lus[80], view[80];
static const char *types = TYPE;

/* The text with "@" as the shared file system; until the eighth call after it. */
static const char *at(const char *text)
{
    static char texts[8][8192];
    static unsigned next;
    char *out = texts[next = (next + 1) % 8];
    size_t len = 0;

    out[0] = '\0';
    for (; *text; text++)
        len += (size_t)snprintf(out + len, sizeof(texts[0]) - len, "%.*s", *text == '@' ? 80 : 1,
                                *text == '@' ? lus : text);
    return out;
}

/* A file below lus, with the directories above it; "DIR/": a directory alone. */
static void put(const char *path, const char *text)
{
    char name[256];
    int fd;

    snprintf(name, sizeof(name), "%s", at(path));
    for (char *slash = strchr(name + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(name, 0755);
        *slash = '/';
    }
    if (name[strlen(name) - 1] == '/')
        return;
    fd = open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
    assert_true(fd >= 0);
    text = at(text);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static int set_up(void **state)
{
    static const char *const dirs[] = {"@/py/lib/", "@/conda/lib/", "@/conda/bin/", "@/mods/",
                                       "@/libs/",   "@/progs/",     "@/venv/lib/",  "@/app/tmp/"};
    char made[] = "/tmp/copper-choice.XXXXXX";

    (void)state;
    if (geteuid() != 0)
        return 0;
    own_mounts();
    if (!mkdtemp(made) || chmod(made, 0755) != 0)
        return -1;
    snprintf(top, sizeof(top), "%s", made);
    snprintf(lus, sizeof(lus), "%s/lus", top);
    snprintf(view, sizeof(view), "%s/view", top);
    if (mkdir(lus, 0755) != 0 || mkdir(view, 0755) != 0 || mount("none", lus, TYPE, 0, NULL) != 0 ||
        chmod(lus, 0755) != 0)
        return -1;
    for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
        put(dirs[i], "");
    put("@/py/bin/python3", "program");
    put("@/venv/pyvenv.cfg", "home = @/py/bin\nversion = 3\n");
    put("@/venv/bin/tool", "#!@/py/bin/python3\n");
    put("@/scripts/direct", "#! @/py/bin/python3 -I\n");
    put("@/scripts/by-env", "#!/usr/bin/env -S A=b python3 -I\n");
    put("@/scripts/twice", "#!@/progs/again\n");
    put("@/progs/again", "#!@/py/bin/python3\n");
    put("@/app/app.py", "");
    if (mkdir(at("@/links"), 0755) != 0 || symlink("../scripts/direct", at("@/links/tool")) != 0)
        return -1;
    /* As Copper's mount: all there is, once more. */
    return mount("/", view, NULL, MS_BIND | MS_REC, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    if (top[0] == '\0')
        return 0;
    (void)umount2(view, MNT_DETACH);
    (void)umount2(lus, MNT_DETACH);
    return rmdir(view) || rmdir(lus) || rmdir(top);
}

static int set_up_each(void **state)
{
    (void)state;
    for (size_t i = 0; cu_candidates_lists[i]; i++)
        unsetenv(cu_candidates_lists[i]);
    unsetenv("VIRTUAL_ENV");
    unsetenv("CONDA_PREFIX");
    unsetenv("HOME");
    unsetenv("TMPDIR");
    types = TYPE;
    return chdir("/");
}

static void set(const char *name, const char *value)
{
    assert_int_equal(setenv(name, at(value), 1), 0);
}

/* The options of a command line; each may be NULL. */
struct given {
    const char *keep, *over, *over_too;
    const char *argv[4]; /* the command: none when the first is NULL */
};

static void choose(const struct given *given, struct cu_choice *choice)
{
    struct cu_error err = {""};
    struct cu_origin *origin = cu_origin_create(view, types, &err);
    char words[4][256], *argv[5] = {words[0]};

    assert_non_null(origin);
    words[0][0] = '\0';
    for (size_t i = 0; i < 4 && given->argv[i]; i++) {
        snprintf(words[i], sizeof(words[i]), "%s", at(given->argv[i]));
        argv[i] = words[i];
        argv[i + 1] = NULL;
    }
    cu_choice_init(choice, origin);
    if (given->keep)
        assert_int_equal(cu_choice_keep(choice, at(given->keep), "--not", &err), 0);
    if (given->over)
        assert_int_equal(cu_choice_name(choice, origin, at(given->over), &err), 0);
    if (given->over_too)
        assert_int_equal(cu_choice_name(choice, origin, at(given->over_too), &err), 0);
    if (!given->over)
        assert_int_equal(cu_candidates_offer(choice, origin, argv), 0);
    assert_int_equal(cu_choice_finish(choice, origin), 0);
    cu_origin_destroy(origin);
}

/* The choice is this: "+ @/DIR (why)" for each that is bound, "=" kept, "-" left; with newlines. */
static void is(const struct given *given, const char *expected)
{
    char found[4096] = "";
    struct cu_choice choice;
    size_t len = 0;

    choose(given, &choice);
    for (size_t i = 0; i < choice.count; i++)
        len += (size_t)snprintf(found + len, sizeof(found) - len, "%s%c %s (%s)", i > 0 ? "\n" : "",
                                "+=-"[choice.entries[i].what], choice.entries[i].path,
                                choice.entries[i].why);
    cu_choice_free(&choice);
    assert_string_equal(found, at(expected));
}

static const struct given nothing;

#define NEEDS_MOUNTS()                                                                             \
    (void)state;                                                                                   \
    if (geteuid() != 0)                                                                            \
    skip()

static void each_variable_is_a_source(void **state)
{
    NEEDS_MOUNTS();
    is(&nothing, "");
    set("VIRTUAL_ENV", "@/venv");
    is(&nothing, "+ @/py (base of the virtual environment)\n+ @/venv (VIRTUAL_ENV)");
    set_up_each(NULL);
    set("CONDA_PREFIX", "@/conda");
    is(&nothing, "+ @/conda (CONDA_PREFIX)");
    for (size_t i = 0; cu_candidates_lists[i]; i++) {
        char expected[128];

        set_up_each(NULL);
        set(cu_candidates_lists[i], "libs::@/nothing:/usr/lib:@/app/app.py:@/libs:@/libs");
        snprintf(expected, sizeof(expected), "+ @/libs (%s)", cu_candidates_lists[i]);
        is(&nothing, expected);
    }
    /* Of PATH the installation, where there is one. */
    set_up_each(NULL);
    set("PATH", "/usr/bin:@/progs:@/conda/bin:@/venv/bin");
    is(&nothing, "+ @/conda (PATH)\n+ @/progs (PATH)\n"
                 "+ @/py (base of the virtual environment)\n+ @/venv (PATH)");
    /* What is not of a network, or goes through the mount already. */
    set_up_each(NULL);
    set("VIRTUAL_ENV", "/usr");
    set("PYTHONPATH", view);
    is(&nothing, "");
}

static void the_program_and_the_script_are_sources(void **state)
{
    NEEDS_MOUNTS();
    is(&(struct given){.argv = {"@/venv/bin/tool"}},
       "+ @/py (base of the virtual environment)\n+ @/venv (the program)");
    is(&(struct given){.argv = {"@/scripts/direct"}},
       "+ @/py (the interpreter)\n+ @/scripts (the program)");
    is(&(struct given){.argv = {"@/links/tool"}},
       "+ @/links (the program)\n+ @/py (the interpreter)\n+ @/scripts (the program)");
    is(&(struct given){.argv = {"@/scripts/twice"}},
       "+ @/progs (the interpreter)\n+ @/py (the interpreter)\n+ @/scripts (the program)");
    set("PATH", "@/scripts:@/py/bin");
    is(&(struct given){.argv = {"by-env"}}, "+ @/py (the interpreter)\n+ @/scripts (the program)");
    set_up_each(NULL);
    is(&(struct given){.argv = {"/usr/bin/python3", "-u", "@/app/app.py"}}, "+ @/app (the script)");
    is(&(struct given){.argv = {"/usr/bin/python3", "-m", "@/app/app.py"}}, "");
    is(&(struct given){.argv = {"/usr/bin/python3", "-c", "@/app/app.py"}}, "");
    is(&(struct given){.argv = {"/usr/bin/cat", "@/app/app.py"}}, "");
}

static void the_site_names_types(void **state)
{
    NEEDS_MOUNTS();
    set("VIRTUAL_ENV", "@/venv");
    types = NULL;
    is(&nothing, "");
    types = "otherfs";
    is(&nothing, "");
    types = "otherfs," TYPE;
    is(&nothing, "+ @/py (base of the virtual environment)\n+ @/venv (VIRTUAL_ENV)");
}

static void where_a_job_writes_is_left(void **state)
{
    static const struct given app = {.argv = {"/usr/bin/python3", "@/app/app.py"}};

    NEEDS_MOUNTS();
    assert_int_equal(chdir(at("@/app/tmp")), 0);
    is(&app, "- @/app (the working directory is in it; wanted as the script)");
    set_up_each(NULL);
    set("HOME", "@/app");
    is(&app, "- @/app (the home directory is in it; wanted as the script)");
    set_up_each(NULL);
    set("TMPDIR", "@/app/tmp");
    is(&app, "- @/app (TMPDIR is in it; wanted as the script)");
    /* Of an installation the parts are bound. */
    set_up_each(NULL);
    set("HOME", "@/conda");
    set("CONDA_PREFIX", "@/conda");
    is(&nothing, "+ @/conda/bin (CONDA_PREFIX)\n+ @/conda/lib (CONDA_PREFIX)");
    /* But what the user names is. */
    is(&(struct given){.over = "@/conda"}, "+ @/conda (--over)");
    /* A whole file system, if the user may write there. */
    set_up_each(NULL);
    set("PYTHONPATH", "@");
    is(&nothing, "- @ (it is a whole file system; wanted as PYTHONPATH)");
    assert_int_equal(seteuid(USER), 0);
    is(&nothing, "+ @ (PYTHONPATH)");
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(lus, 01777), 0);
    assert_int_equal(seteuid(USER), 0);
    is(&nothing, "- @ (it is a whole file system; wanted as PYTHONPATH)");
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(lus, 0755), 0);
}

static void what_is_kept_is_kept(void **state)
{
    NEEDS_MOUNTS();
    set("VIRTUAL_ENV", "@/venv");
    is(&(struct given){.keep = "@/venv/lib"}, "+ @/py (base of the virtual environment)\n"
                                              "+ @/venv (VIRTUAL_ENV)\n= @/venv/lib (--not)");
    is(&(struct given){.keep = "@/py"},
       "- @/py/bin (--not; wanted as base of the virtual environment)\n"
       "- @/py/lib (--not; wanted as base of the virtual environment)\n+ @/venv (VIRTUAL_ENV)");
    is(&(struct given){.keep = "@"},
       "- @/py/bin (--not; wanted as base of the virtual environment)\n"
       "- @/py/lib (--not; wanted as base of the virtual environment)\n"
       "- @/venv/bin (--not; wanted as VIRTUAL_ENV)\n- @/venv/lib (--not; wanted as VIRTUAL_ENV)");
    /* Named both ways: what is kept wins; and what is named below it is bound again. */
    is(&(struct given){.keep = "@/app", .over = "@/app"}, "");
    is(&(struct given){.keep = "@/app", .over = "@", .over_too = "@/app/tmp"},
       "+ @ (--over)\n= @/app (--not)\n+ @/app/tmp (--over)");
}

static void what_cannot_be_named(void **state)
{
    static const char *const wrong[] = {"/", "@/nothing", "@/app/app.py", "relative"};
    struct cu_error err = {""};
    struct cu_choice choice;
    struct cu_origin *origin;

    NEEDS_MOUNTS();
    origin = cu_origin_create(view, types, &err);
    assert_non_null(origin);
    cu_choice_init(&choice, origin);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(cu_choice_name(&choice, origin, at(wrong[i]), &err), -EINVAL);
        assert_non_null(strstr(err.text, at(wrong[i])));
    }
    assert_int_equal(cu_choice_name(&choice, origin, view, &err), -EINVAL);
    assert_non_null(strstr(err.text, "below Copper's mount"));
    assert_int_equal(cu_choice_keep(&choice, at("@/nothing"), "--rw", &err), -EINVAL);
    assert_int_equal(cu_choice_keep(&choice, at("@/app/app.py"), "--rw", &err), -EINVAL);
    assert_int_equal(choice.count, 0);
    cu_choice_free(&choice);
    cu_origin_destroy(origin);
}

/* PYTHONPATH with count directories below @/parent, which are made. */
static void name_many(const char *parent, unsigned count)
{
    char list[8192];
    size_t len = 0;

    for (unsigned i = 0; i < count; i++) {
        char dir[128];

        snprintf(dir, sizeof(dir), "%s/%s/%02u/", lus, parent, i);
        put(dir, "");
        len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", i > 0 ? ":" : "", dir);
    }
    assert_true(len < sizeof(list));
    assert_int_equal(setenv("PYTHONPATH", list, 1), 0);
}

static size_t count_of(const struct cu_choice *choice, enum cu_choice_what what)
{
    size_t count = 0;

    for (size_t i = 0; i < choice->count; i++)
        count += choice->entries[i].what == what;
    return count;
}

static void too_many_are_merged_or_left(void **state)
{
    struct cu_choice choice;

    NEEDS_MOUNTS();
    /* As many as may be are not merged. */
    name_many("many", CU_CHOICE_MAX);
    assert_int_equal(seteuid(USER), 0);
    choose(&nothing, &choice);
    assert_int_equal(count_of(&choice, CU_CHOICE_BOUND), CU_CHOICE_MAX);
    assert_int_equal(choice.count, CU_CHOICE_MAX);
    cu_choice_free(&choice);
    assert_int_equal(seteuid(0), 0);
    name_many("many", CU_CHOICE_MAX + 6);
    assert_int_equal(seteuid(USER), 0);
    is(&nothing, "+ @/many (holds several of them)");
    assert_int_equal(seteuid(0), 0);
    /* Not into one in which the user may write: root may, and who has the mode. */
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(chmod(at("@/many"), i == 0 ? 0755 : 0777), 0);
        if (i == 1)
            assert_int_equal(seteuid(USER), 0);
        choose(&nothing, &choice);
        assert_int_equal(count_of(&choice, CU_CHOICE_BOUND), CU_CHOICE_MAX);
        assert_int_equal(count_of(&choice, CU_CHOICE_LEFT), 6);
        assert_string_equal(choice.entries[CU_CHOICE_MAX].path, at("@/many/64"));
        assert_string_equal(choice.entries[CU_CHOICE_MAX].why,
                            "there are 64 others; wanted as PYTHONPATH");
        cu_choice_free(&choice);
    }
    assert_int_equal(seteuid(0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_variable_is_a_source, set_up_each),
        cmocka_unit_test_setup(the_program_and_the_script_are_sources, set_up_each),
        cmocka_unit_test_setup(the_site_names_types, set_up_each),
        cmocka_unit_test_setup(where_a_job_writes_is_left, set_up_each),
        cmocka_unit_test_setup(what_is_kept_is_kept, set_up_each),
        cmocka_unit_test_setup(what_cannot_be_named, set_up_each),
        cmocka_unit_test_setup(too_many_are_merged_or_left, set_up_each),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
