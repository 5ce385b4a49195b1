/* SPDX-License-Identifier: BSD-3-Clause */
/* Only root mounts without help. Everybody else needs fusermount3 with root's rights, and all that
 * it insists on: each of these checks is a way in which it fails, in the order in which it does. */
#include "copper/doctor_fuse.h"

#include "host/group.h"
#include "host/mountinfo.h"
#include "host/mounts.h"
#include "host/readfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define FUSE_CONF       "/etc/fuse.conf"
#define MTAB            "/etc/mtab" /* what fusermount3 reads to count mounts, and to unmount */
#define MOUNTS_DEFAULT  1000        /* fusermount3's own, without a mount_max */
#define CAP_SYS_ADMIN_N 21          /* linux/capability.h */

static void check_device(struct cu_finding *f)
{
    int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

    f->good = fd >= 0;
    snprintf(f->text, sizeof(f->text), "/dev/fuse%s%s", f->good ? "" : ": ",
             f->good           ? " can be used"
             : errno == ENOENT ? "not there: the administrator must load the fuse module"
                               : strerror(errno));
    if (fd >= 0)
        close(fd);
}

/* May programs that this process starts become root's? The bounding set is what a container leaves.
 */
static bool may_have_admin(void)
{
    char text[8192];
    const char *line;

    if (cu_readfile_small(NULL, "/proc/self/status", text, sizeof(text)) <= 0 ||
        !(line = strstr(text, "\nCapBnd:")))
        return true;
    return (strtoull(line + 8, NULL, 16) >> CAP_SYS_ADMIN_N & 1) != 0;
}

/* Why the program at path does not get root's rights when this process starts it, or NULL. */
static const char *why_powerless(const char *path)
{
    struct statvfs fs;
    struct stat st;
    bool capable = getxattr(path, "security.capability", NULL, 0) > 0;

    if (stat(path, &st) != 0)
        return strerror(errno);
    if (access(path, X_OK) != 0)
        return "this user may not run it (a group of its own, such as fuse?)";
    if (!capable && ((st.st_mode & S_ISUID) == 0 || st.st_uid != 0))
        return "is not set-user-id root, so users cannot mount";
    if (statvfs(path, &fs) == 0 && (fs.f_flag & ST_NOSUID) != 0)
        return "is on a file system that is mounted nosuid, so it has no rights: users cannot "
               "mount";
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
        return "has no rights here: this process has no_new_privs set (by a container or a "
               "service)";
    if (!may_have_admin())
        return "has no rights here: the container withholds CAP_SYS_ADMIN";
    return NULL;
}

static void check_helper(struct cu_finding *f)
{
    char path[CU_PATH_MAX];
    const char *why;

    if (cu_mounts_helper(path) != 0) {
        f->good = geteuid() == 0;
        snprintf(f->text, sizeof(f->text), "fusermount3%s",
                 f->good ? ": not there, not needed by root"
                         : ": not there: the package fuse3 must be installed");
        return;
    }
    why = geteuid() != 0 ? why_powerless(path) : NULL;
    f->good = !why;
    snprintf(f->text, sizeof(f->text), "%.380s%s%s", path, why ? ": " : "", why ? why : "");
}

/* All FUSE mounts of the node, as fusermount3 counts them, and whether one is this user's own of
 * Copper.
 */
static unsigned count_mounts(bool *ours)
{
    struct cu_mountinfo mount;
    char *text = NULL, *at;
    const char *user;
    unsigned count = 0;
    size_t size = 0, len;
    int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);

    *ours = false;
    if (fd < 0)
        return 0;
    if (cu_readfile_all(fd, CU_MOUNTS_TEXT_MAX, &text, &size) != 0)
        text = NULL;
    close(fd);
    at = text;
    while (at && cu_mountinfo_next(&at, &mount)) {
        count += strcmp(mount.type, "fuse") == 0 || strcmp(mount.type, "fuseblk") == 0 ||
                 strncmp(mount.type, "fuse.", 5) == 0 || strncmp(mount.type, "fuseblk.", 8) == 0;
        user = cu_mountinfo_value(mount.options, "user_id", &len);
        *ours = *ours || (strcmp(mount.type, CU_MOUNTS_TYPE) == 0 && user &&
                          strtoul(user, NULL, 10) == geteuid());
    }
    free(text);
    return count;
}

/* The limit in the text of fuse.conf; it must be written as fusermount3 reads it. */
static int mount_max(const char *conf)
{
    int max = MOUNTS_DEFAULT, value;

    for (const char *line = conf; line && line[0] != '\0';) {
        if (sscanf(line + strspn(line, " \t"), "mount_max = %i", &value) == 1)
            max = value;
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return max;
}

static void check_conf(struct cu_finding *f)
{
    char conf[8192] = "";
    bool ours, others;
    unsigned count = count_mounts(&ours);
    int max, rc = (int)cu_readfile_small(NULL, FUSE_CONF, conf, sizeof(conf));

    max = mount_max(conf);
    others = rc > 0 && cu_group_allows_other(conf);
    f->good = geteuid() == 0 || max < 0 || count < (unsigned)max || ours;
    if (geteuid() == 0)
        snprintf(f->text, sizeof(f->text), FUSE_CONF ": does not bind root");
    else if (!f->good)
        snprintf(f->text, sizeof(f->text),
                 FUSE_CONF
                 ": mount_max is %d, and there are %u FUSE mounts: the administrator must "
                 "raise it",
                 max, count);
    else
        snprintf(f->text, sizeof(f->text), "%s: %u of %d mounts (mount_max), %s",
                 rc > 0 ? FUSE_CONF : "no " FUSE_CONF, count, max,
                 others ? "user_allow_other: all groups see the view"
                        : "no user_allow_other: processes of one primary group see the view");
}

static void check_mtab(struct cu_finding *f)
{
    int fd = open(MTAB, O_RDONLY | O_CLOEXEC);

    f->good = geteuid() == 0 || fd >= 0;
    if (fd >= 0)
        snprintf(f->text, sizeof(f->text), MTAB " can be read");
    else if (f->good)
        snprintf(f->text, sizeof(f->text), MTAB ": not needed by root");
    else
        snprintf(f->text, sizeof(f->text),
                 MTAB
                 ": %s: fusermount3 needs it to unmount: the administrator must make it a link "
                 "to /proc/self/mounts",
                 strerror(errno));
    if (fd >= 0)
        close(fd);
}

void cu_doctor_fuse(struct cu_finding findings[CU_DOCTOR_FUSE])
{
    check_device(&findings[0]);
    check_helper(&findings[1]);
    check_conf(&findings[2]);
    check_mtab(&findings[3]);
}
