/* SPDX-License-Identifier: BSD-3-Clause */
/* The mount table as text, /proc/self/mountinfo: no path is touched, so a mount that hangs or whose
 * daemon is dead costs nothing to ask about.
 *
 * getmntent(3) cannot read it: it knows the fields of /proc/mounts, which has neither a mount's
 * number and its parent's, which tell what covers what, nor its device and the directory that is
 * mounted. Options are looked for with hasmntopt(3). */
#ifndef CU_HOST_MOUNTINFO_H
#define CU_HOST_MOUNTINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Strings are in the text that was read. */
struct cu_mountinfo {
    uint32_t id, parent;
    dev_t dev;
    const char *root;  /* directory of the file system that is mounted */
    const char *point; /* where */
    const char *type, *source;
    const char *options; /* of the file system, comma-separated */
};

/* The next mount of a text that ends with a NUL, and is changed; *at moves on. Malformed lines are
 * skipped. False: there is none. */
bool cu_mountinfo_next(char **at, struct cu_mountinfo *mount);
/* Is the option ("serverino") in the list? */
bool cu_mountinfo_has(const char *options, const char *name);
/* The value of an option ("lowerdir=..."), its length in *len; NULL: none. */
const char *cu_mountinfo_value(const char *options, const char *name, size_t *len);

#endif
