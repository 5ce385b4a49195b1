/* SPDX-License-Identifier: BSD-3-Clause */
/* The site's defaults: PREFIX/etc/copper.conf, lines of "name = value" with the names and values of
 * the job's text (proto/job.c), so that one table says what is allowed. The mount directory cannot
 * be set there: copper and stop_copper.sh do not read the file, and must use the same one. */
#include "copper/launch_options.h"
#include "proto/job_options.h"

#include "base/text.h"
#include "copper/launcher_choice.h"
#include "host/netfs.h"
#include "host/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SITE_NAMES_MAX 64
#define LAUNCHER       "launcher"      /* not the job's: stop_copper.sh needs it, too */
#define NETWORK_TYPES  "network_types" /* of copper run on each node */

struct site {
    const char *path;
    unsigned line;
    struct cu_job *job;
    uint64_t *set; /* bit i: option i of proto/job_options.h */
    struct cu_error *err;
    char *seen[SITE_NAMES_MAX]; /* owned */
    size_t seen_count;
};

static char *trim(char *text)
{
    char *end = text + strlen(text);

    while (end > text && strchr(" \t\r\n", end[-1]))
        end--;
    *end = '\0';
    return text + strspn(text, " \t");
}

/* A value has no '#', so one begins a comment wherever it stands. */
static int take_line(struct site *s, char *line)
{
    char label[CU_ERROR_TEXT_MAX];
    char *name, *value, *equals;
    int option, rc;

    line[strcspn(line, "#")] = '\0';
    name = trim(line);
    if (name[0] == '\0')
        return 0;
    equals = strchr(name, '=');
    if (!equals)
        return cu_error_set(s->err, -EINVAL, "%s:%u: \"%.64s\" is not \"name = value\"", s->path,
                            s->line, name);
    *equals = '\0';
    name = trim(name);
    value = trim(equals + 1);
    snprintf(label, sizeof(label), "%.200s:%u: %.64s", s->path, s->line, name);
    if (strcmp(name, "mount") == 0)
        return cu_error_set(s->err, -EINVAL, "%s: stands in the environment, as COPPER_MOUNT",
                            label);
    option = cu_job_option_find(name, strlen(name));
    if (option >= 0 && !cu_job_option_is_setting((unsigned)option))
        return cu_error_set(s->err, -EINVAL, "%s: is for the launch to say, and no setting", label);
    for (size_t i = 0; i < s->seen_count; i++)
        if (strcmp(s->seen[i], name) == 0)
            return cu_error_set(s->err, -EINVAL, "%s: is there twice", label);
    if (s->seen_count == SITE_NAMES_MAX || !(s->seen[s->seen_count] = strdup(name)))
        return cu_error_set(s->err, -ENOMEM, "out of memory");
    s->seen_count++;
    if (strcmp(name, LAUNCHER) == 0)
        return cu_launcher_is_choice(value)
                   ? 0
                   : cu_error_set(s->err, -EINVAL,
                                  "%s: \"%.64s\" is not a launcher; allowed is auto, a name, or "
                                  "an absolute path",
                                  label, value);
    if (strcmp(name, NETWORK_TYPES) == 0)
        return cu_netfs_check(value) == 0
                   ? 0
                   : cu_error_set(s->err, -EINVAL,
                                  "%s: \"%.64s\" is not a list of file system types; allowed are "
                                  "types as in /proc/mounts, with commas",
                                  label, value);
    rc = cu_job_set(s->job, name, value, label, s->err);
    if (rc == 0 && option >= 0)
        *s->set |= UINT64_C(1) << option;
    return rc;
}

int cu_launch_site_path(char out[CU_PATH_MAX])
{
    char self[CU_PATH_MAX], path[CU_PATH_MAX + 32];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    int rc;

    if (len < 0)
        return -errno;
    self[len] = '\0';
    len = (ssize_t)cu_path_parent_len(self, (size_t)len); /* PREFIX/bin */
    self[cu_path_parent_len(self, (size_t)len)] = '\0';   /* PREFIX */
    snprintf(path, sizeof(path), "%s/etc/copper.conf", strcmp(self, "/usr") == 0 ? "" : self);
    rc = cu_path_normalise(path, out);
    return rc < 0 ? rc : 0;
}

/* The file names programs that are run, and is refused where others may have written it. 0 and
 * *file, NULL when it is not there; -EINVAL with err. */
static int open_file(const char *path, FILE **file, struct cu_error *err)
{
    char head[3]; /* a byte order mark */
    int rc = cu_trust_as_program(path, err), fd;

    *file = NULL;
    if (rc != 0)
        return rc == -ENOENT ? 0 : -EINVAL;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    *file = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (*file) {
        ssize_t n = pread(fd, head, sizeof(head), 0);

        if (n > 0)
            (void)lseek(fd, (off_t)cu_text_mark(head, (size_t)n), SEEK_SET);
        return 0;
    }
    rc = cu_error_set(err, -EINVAL, "%s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return rc;
}

int cu_launch_site(const char *path, struct cu_job *job, uint64_t *set, struct cu_error *err)
{
    struct site s = {.path = path, .job = job, .set = set, .err = err};
    FILE *in = NULL;
    char *line = NULL;
    size_t size = 0;
    int rc = open_file(path, &in, err);

    if (!in)
        return rc;
    errno = 0;
    while (rc == 0 && getline(&line, &size, in) >= 0) {
        s.line++;
        rc = take_line(&s, line);
    }
    if (rc == 0 && ferror(in))
        rc = cu_error_set(err, -EINVAL, "%s: %s", path, strerror(errno));
    while (s.seen_count > 0)
        free(s.seen[--s.seen_count]);
    free(line);
    fclose(in);
    return rc;
}

static int read_value(const char *path, const char *name, char *out, size_t size,
                      struct cu_error *err)
{
    FILE *in = NULL;
    char *line = NULL;
    size_t room = 0;
    int rc = open_file(path, &in, err);

    out[0] = '\0';
    while (in && out[0] == '\0' && getline(&line, &room, in) >= 0) {
        char *equals;

        line[strcspn(line, "#")] = '\0';
        equals = strchr(line, '=');
        if (!equals)
            continue;
        *equals = '\0';
        if (strcmp(trim(line), name) == 0)
            snprintf(out, size, "%s", trim(equals + 1));
    }
    free(line);
    if (in)
        fclose(in);
    return rc;
}

int cu_launch_site_launcher(const char *path, char launcher[CU_PATH_MAX], struct cu_error *err)
{
    return read_value(path, LAUNCHER, launcher, CU_PATH_MAX, err);
}

int cu_launch_site_types(char types[CU_LAUNCH_SITE_TYPES_MAX], struct cu_error *err)
{
    char path[CU_PATH_MAX];

    types[0] = '\0';
    return cu_launch_site_path(path) == 0
               ? read_value(path, NETWORK_TYPES, types, CU_LAUNCH_SITE_TYPES_MAX, err)
               : 0;
}
