/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside pfsemu: how the quirks of pfs.h are shown. Any thread. */
#ifndef CU_TESTS_PFS_QUIRK_H
#define CU_TESTS_PFS_QUIRK_H

#include "pfs_tree.h"

#include <dirent.h>

/* The attributes as this mount shows them: of what parent's child or a node has. */
void cu_pfs_quirk_attr(fuse_req_t req, struct stat *st);
/* As openat(fd, name, O_PATH | O_NOFOLLOW) by the quirks of names. */
int cu_pfs_quirk_open(int fd, const char *name);
/* A listed name: false when it is not to be listed; st is what is said beside it. */
bool cu_pfs_quirk_listed(fuse_req_t req, const struct dirent *found, struct stat *st);
#define CU_PFS_QUIRK_NAME_MAX 1024
/* The made-up name of that number in that directory, from 0; false: it has fewer. */
bool cu_pfs_quirk_made_up(const char *path, uint64_t number, char name[CU_PFS_QUIRK_NAME_MAX]);

#endif
