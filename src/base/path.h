/* SPDX-License-Identifier: BSD-3-Clause */
/* Normalised absolute paths: "/" or "/a/b", no empty, "." or ".." component, no trailing slash.
 * Any byte but '/' and NUL may stand in a name. Works on text alone; symbolic links are the
 * kernel's business.
 *
 * A path below the served root may be longer than a system call accepts (PATH_MAX): processes and
 * Copper reach it in steps. */
#ifndef CU_BASE_PATH_H
#define CU_BASE_PATH_H

#include <stdbool.h>
#include <stddef.h>

#define CU_PATH_MAX      4096  /* with the NUL; the kernel's PATH_MAX */
#define CU_TREE_PATH_MAX 65536 /* with the NUL; its length is a u16 in messages */
#define CU_NAME_MAX      1024  /* what the kernel's FUSE carries; most file systems have 255 */

/* Writes the normal form of an absolute path into out (CU_PATH_MAX bytes). Returns its length, or
 * -EINVAL when path is not absolute, -ENAMETOOLONG when it or a component is too long.
 * ".." above "/" stays "/". */
__attribute__((warn_unused_result)) int cu_path_normalise(const char *path, char *out);
/* The same for a path in a tree; out has CU_TREE_PATH_MAX bytes. */
__attribute__((warn_unused_result)) int cu_path_normalise_tree(const char *path, char *out);
/* Is path[0..len) in normal form, and a tree's? For paths that came over the wire (not
 * NUL-terminated). */
bool cu_path_is_normal(const char *path, size_t len);
/* Appends "/name" to dir (normal form) in out (size bytes); length or -ENAMETOOLONG. */
__attribute__((warn_unused_result)) int cu_path_join(const char *dir, size_t dir_len,
                                                     const char *name, size_t name_len, char *out,
                                                     size_t size);
/* Is path equal to base or below it, component by component? "/x/a-b" is not below "/x/a". */
bool cu_path_within(const char *path, size_t path_len, const char *base, size_t base_len);
/* Length of the parent of a normal path ("/a/b" -> 2, "/a" -> 1, "/" -> 1). */
size_t cu_path_parent_len(const char *path, size_t len);

#endif
