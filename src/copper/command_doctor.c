/* SPDX-License-Identifier: BSD-3-Clause */
/* copper doctor: what could keep Copper from working on this node, each with what to do about it.
 */
#include "base/text.h"
#include "control/client.h"
#include "copper/cli.h"
#include "copper/doctor_fuse.h"
#include "copper/progress.h"
#include "copper/reach.h"
#include "host/memory.h"
#include "host/nspace.h"
#include "host/rundir.h"
#include "host/trust.h"
#include "proto/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define STUCK_MS 5000u /* a call takes less than this on healthy storage */

static void check_kernel(struct cu_finding *f)
{
    struct utsname name;
    unsigned major = 0, minor = 0;

    uname(&name);
    f->good = sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
              (major > 5 || (major == 5 && minor >= 14));
    snprintf(f->text, sizeof(f->text), "Linux %.60s%s", name.release,
             f->good ? "" : ": needs 5.14 or later");
}

static void check_run_dir(struct cu_finding *f)
{
    char path[CU_PATH_MAX];
    struct cu_error err;

    f->good = cu_rundir_make(getuid(), path, &err) == 0;
    snprintf(f->text, sizeof(f->text), f->good ? "run directory %.400s" : "%.480s",
             f->good ? path : err.text);
    if (f->good && !getenv("COPPER_RUN_DIR"))
        rmdir(path); /* as far as it is empty */
}

/* Checks that no other user can replace the mount directory, or has done so. */
static bool check_way(const char *mount, struct cu_finding *f)
{
    char parent[CU_PATH_MAX];
    struct cu_trust_dir dir;
    struct cu_error err;
    size_t len = cu_path_parent_len(mount, strlen(mount));
    int rc;

    memcpy(parent, mount, len);
    parent[len] = '\0';
    rc = cu_trust_open_dir(parent, CU_TRUST_WAY, false, &dir, &err);
    if (rc == 0)
        close(dir.fd);
    f->good = rc == 0 || rc == -ENOENT;
    if (!f->good)
        snprintf(f->text, sizeof(f->text), "mount directory %.150s: %.300s", mount, err.text);
    return f->good;
}

static void check_mount(const char *mount, struct cu_finding *f)
{
    struct stat st;
    int error;

    if (!check_way(mount, f))
        return;
    error = stat(mount, &st) == 0 ? 0 : errno;
    f->good = error == 0 || error == ENOENT;
    snprintf(f->text, sizeof(f->text), "mount directory %.380s%s%s", mount,
             error == ENOENT ? ": not there yet"
             : error != 0    ? ": "
                             : "",
             error == ENOTCONN               ? "a dead daemon's mount: run stop_copper.sh"
             : error != 0 && error != ENOENT ? strerror(error)
                                             : "");
}

/* What copper run needs beyond a mount. Where it is not there, paths below the mount still work. */
static void check_namespaces(struct cu_finding *f)
{
    struct cu_error err;

    f->good = true;
    if (cu_nspace_try(&err) == 0)
        snprintf(f->text, sizeof(f->text), "original paths (copper run): can be served");
    else
        snprintf(f->text, sizeof(f->text),
                 "original paths (copper run): cannot be served: %.380s; paths below the mount can",
                 err.text);
}

/* The daemon's own view, a new reference; NULL when there is none. */
static json_t *check_daemon(const char *mount, struct cu_finding *f)
{
    json_t *request = json_pack("{s:s}", "op", "doctor");
    json_t *result = NULL;
    struct cu_client client;
    struct cu_error err;
    int rc = cu_reach_mount(mount, &client, &err);

    f->good = true;
    if (rc == 0)
        rc = cu_client_call(&client, request, CU_CLIENT_ANSWER_MS, &result, &err);
    if (rc == 0)
        snprintf(f->text, sizeof(f->text), "daemon on %.100s: %llu of %llu nodes ready there",
                 cu_cli_text(result, "host"), (unsigned long long)cu_cli_number(result, "ready"),
                 (unsigned long long)cu_cli_number(result, "nodes"));
    else if (rc == -ENOENT)
        snprintf(f->text, sizeof(f->text), "daemon: none runs for this mount");
    else
        snprintf(f->text, sizeof(f->text), "daemon: %.480s", err.text);
    f->good = rc == 0 || rc == -ENOENT;
    cu_client_close(&client);
    json_decref(request);
    return result;
}

/* Is a call to storage stuck? */
static void check_storage(const json_t *daemon, struct cu_finding *f)
{
    const json_t *storage = json_object_get(daemon, "storage");
    unsigned long long calls = cu_cli_number(storage, "pending");
    unsigned long long oldest_ms = cu_cli_number(storage, "oldest_ms");

    f->good = oldest_ms < STUCK_MS;
    if (!storage)
        snprintf(f->text, sizeof(f->text), "storage: nobody asks it");
    else if (f->good)
        snprintf(f->text, sizeof(f->text), "storage: %llu calls under way", calls);
    else
        snprintf(f->text, sizeof(f->text),
                 "storage: %llu calls under way, the oldest hangs since %llu s: %.380s", calls,
                 oldest_ms / 1000, cu_cli_text(storage, "oldest_path"));
}

/* Can files be written in the log directory? */
static void check_log(const json_t *daemon, struct cu_finding *f)
{
    const json_t *log = json_object_get(daemon, "log");
    unsigned long long lost = cu_cli_number(log, "lost");

    f->good = lost == 0 && !json_is_true(json_object_get(log, "hangs"));
    if (!log)
        snprintf(f->text, sizeof(f->text), "log: none");
    else if (f->good)
        snprintf(f->text, sizeof(f->text), "log: written");
    else
        snprintf(f->text, sizeof(f->text),
                 "log: its directory hangs or did, %llu lines are lost: choose a local one with -d",
                 lost);
}

/* Does data take the fastest network? */
static void check_network(const json_t *daemon, struct cu_finding *f)
{
    const char *note = json_string_value(json_object_get(daemon, "network_note"));

    f->good = !note;
    snprintf(f->text, sizeof(f->text), "network: %.200s%s%.280s",
             daemon ? cu_cli_text(daemon, "network") : "no daemon uses it", note ? "; " : "",
             note ? note : "");
}

/* Does the cache fit into the memory that this node or its control group gives? */
static void check_memory(const json_t *daemon, struct cu_finding *f)
{
    const char *note = json_string_value(json_object_get(daemon, "memory_note"));
    bool of_group;
    uint64_t limit = cu_memory_limit(NULL, &of_group);
    char cache[CU_TEXT_SIZE_MAX], limit_text[CU_TEXT_SIZE_MAX];

    cu_text_size(cu_cli_number(daemon, "cache_bytes"), cache);
    cu_text_size(limit, limit_text);
    f->good = !note;
    if (note)
        snprintf(f->text, sizeof(f->text), "memory: %.480s", note);
    else if (daemon)
        snprintf(f->text, sizeof(f->text), "memory: a cache of %s", cache);
    else
        snprintf(f->text, sizeof(f->text),
                 "memory: %s, as %s allows; a cache has %s unless -m says more or less", limit_text,
                 of_group ? "this control group" : "this node",
                 cu_text_size(cu_memory_default_cache(NULL), cache));
}

/* Are there parents that this node does not reach? */
static void check_parents(const json_t *daemon, struct cu_finding *f)
{
    const json_t *list = json_object_get(daemon, "unreached"), *first = json_array_get(list, 0);
    size_t count = json_array_size(list);

    f->good = count == 0;
    if (count == 0)
        snprintf(f->text, sizeof(f->text), "parents: %s",
                 daemon ? "none that cannot be reached" : "no daemon has any");
    else
        snprintf(f->text, sizeof(f->text), "parents: %zu cannot be reached: %.200s: %.200s", count,
                 cu_cli_text(first, "at"), cu_cli_text(first, "error"));
}

/* Names from the environment and from storage are in the texts. */
static void make_printable(struct cu_finding *findings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct cu_error line;

        cu_text_line(line.text, sizeof(line.text), findings[i].text, strlen(findings[i].text));
        memcpy(findings[i].text, line.text, sizeof(line.text));
    }
}

/* Reports for each file system whether its listings and inode numbers are trusted. */
static void print_file_systems(const json_t *daemon)
{
    const json_t *list = json_object_get(daemon, "file_systems"), *entry;
    size_t i;

    json_array_foreach (list, i, entry) {
        bool partial = json_is_true(json_object_get(entry, "partial"));
        bool unstamped = json_is_true(json_object_get(entry, "unstamped"));

        printf("ok   %s (%s): ", cu_cli_text(entry, "path"), cu_cli_text(entry, "type"));
        if (!json_is_true(json_object_get(entry, "served")))
            printf("not served: a view of Copper's, or made of one");
        else if (!partial && !unstamped)
            printf("listings are complete");
        if (partial)
            printf("may have names that it does not list: each is asked for");
        if (partial && unstamped)
            printf("; ");
        if (unstamped)
            printf("may change without a stamp: listed again after -E");
        if (json_is_true(json_object_get(entry, "served")) &&
            json_is_true(json_object_get(entry, "unnumbered")))
            printf("; inode numbers are made of paths");
        printf("\n");
    }
}

/* The kernel lets in only processes of the user and the primary group that mounted. */
static void check_group(const json_t *daemon, struct cu_finding *f)
{
    gid_t mounted = (gid_t)cu_cli_number(daemon, "group"), mine = getgid();
    const struct group *g = getgrgid(mounted);
    char name[64];

    snprintf(name, sizeof(name), "%.60s", g ? g->gr_name : "?");
    f->good = !daemon || mounted == mine || json_is_true(json_object_get(daemon, "allow_other"));
    g = getgrgid(mine);
    if (!daemon)
        snprintf(f->text, sizeof(f->text), "group: nothing is mounted");
    else if (f->good)
        snprintf(f->text, sizeof(f->text), "group %s sees the view%s", name,
                 mounted == mine ? "" : ", and so do the others");
    else
        snprintf(f->text, sizeof(f->text),
                 "group: the view was mounted with primary group %s (%lu), this process has %.60s "
                 "(%lu): Permission denied. Launch with the group that the programs have (newgrp, "
                 "sg), or have the administrator put user_allow_other into /etc/fuse.conf",
                 name, (unsigned long)mounted, g ? g->gr_name : "?", (unsigned long)mine);
}

/* By name: what the job shows of "/". */
static void print_served(const json_t *daemon)
{
    const char *list = json_string_value(json_object_get(daemon, "serve")), *text;

    if (!daemon)
        return;
    if (list)
        printf("ok   served (--serve): %s\n", list);
    printf("ok   not served%s\n",
           list ? ", where this list does not name it:" : " (--serve asks for it):");
    for (unsigned i = 0; (text = cu_serve_secrets(i)) != NULL; i++)
        printf("     %s\n", text);
}

static int print_json(const struct cu_finding *findings, size_t count, json_t *daemon)
{
    json_t *object = json_object(), *list = json_array();
    int status;

    for (size_t i = 0; i < count; i++)
        json_array_append_new(
            list, json_pack("{s:b,s:s}", "good", findings[i].good, "text", findings[i].text));
    json_object_set_new(object, "findings", list);
    if (daemon)
        json_object_set(object, "daemon", daemon);
    status = cu_cli_print_json(object);
    json_decref(object);
    return status;
}

static int run(const struct cu_command *command, int argc, char **argv)
{
    struct cu_cli_options options;
    struct cu_finding findings[CU_DOCTOR_FUSE + 11], *rest = findings + CU_DOCTOR_FUSE;
    const size_t count = sizeof(findings) / sizeof(findings[0]);
    int status = cu_cli_parse(command, argc, argv, &options);
    bool good = true;
    json_t *daemon;

    if (status >= 0)
        return status;
    check_namespaces(&rest[9]); /* before there is a second thread */
    cu_progress_begin("looking");
    cu_doctor_fuse(findings);
    check_kernel(&rest[0]);
    check_run_dir(&rest[1]);
    check_mount(options.mount, &rest[2]);
    daemon = check_daemon(options.mount, &rest[3]);
    check_storage(daemon, &rest[4]);
    check_group(daemon, &rest[5]);
    check_log(daemon, &rest[6]);
    check_network(daemon, &rest[7]);
    check_parents(daemon, &rest[8]);
    check_memory(daemon, &rest[10]);
    make_printable(findings, count);
    cu_progress_end();
    if (options.json) {
        status = print_json(findings, count, daemon);
    } else {
        status = CU_EXIT_OK;
        for (size_t i = 0; i < count; i++)
            printf("%-4s %s\n", findings[i].good ? "ok" : "BAD", findings[i].text);
        print_file_systems(daemon);
        print_served(daemon);
    }
    for (size_t i = 0; i < count; i++)
        good = good && findings[i].good;
    json_decref(daemon);
    return status == CU_EXIT_OK && !good ? CU_EXIT_FAILED : status;
}

const struct cu_command cu_command_doctor = {
    .name = "doctor",
    .synopsis = "[--json] [-v MOUNT]",
    .summary = "Checks what could keep Copper from working on this node",
    .details = "Exits 1 when something is bad.\n",
    .options = "vj",
    .run = run,
};
