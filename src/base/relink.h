/* SPDX-License-Identifier: BSD-3-Clause */
/* Targets of symbolic links, for a view of "/" that is mounted elsewhere: there an absolute target,
 * or one with too many "..", leads out of the view. The same target relative to the link's own
 * directory stays inside, whatever name the view has, and leads to the original path where the view
 * is bound over it. Works on text alone. */
#ifndef CU_BASE_RELINK_H
#define CU_BASE_RELINK_H

#include <stddef.h>

/* dir: the directory that the link is in, normal form, and no part of it is a link. target: as
 * readlink(2) shows it. Writes the target that stays inside to out (CU_PATH_MAX bytes), with a NUL,
 * and the normal path it leads to, links on the way aside, to path (CU_TREE_PATH_MAX bytes). Its
 * length, or
 * 0: the target stays as it is. It is relative and stays inside; or it is "/"; or ".." follows on a
 *    name so that, where that name is a link, it could lead out of the view all the same;
 * -ENAMETOOLONG: the target is longer than a system call takes. */
__attribute__((warn_unused_result)) int
cu_relink(const char *dir, size_t dir_len, const char *target, size_t len, char *out, char *path);

#endif
