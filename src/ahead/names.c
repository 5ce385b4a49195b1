/* SPDX-License-Identifier: BSD-3-Clause */
/* Names that usually follow a name. Learned companions (habit.h): after foo.py a process looks up
 * __pycache__/foo.cpython-311.pyc. A symbolic link: its target, when that is in the same directory;
 * other targets are left to the kernel's path walk. A file that will be read by a user who is not
 * its owner: its ACL, which the kernel asks for at open; one round trip serves both. */
#include "ahead/internal.h"

#include "base/path.h"

#include <string.h>

#define TARGET_MAX 255u /* bytes of a name */

void cu_ahead_asked(struct cu_ahead *a, const struct cu_ahead_name *name, bool acl)
{
    if (acl && cu_ahead_content(a, name->name, name->name_len))
        cu_ahead_emit(a, &(struct cu_ahead_want){.kind = CU_KIND_XATTR,
                                                 .path = name->path,
                                                 .path_len = name->path_len});
}

void cu_ahead_looked_up(struct cu_ahead *a, struct cu_ahead_dir *dir,
                        const struct cu_ahead_name *name)
{
    const struct cu_ahead_ports *ports = &a->config.ports;
    struct cu_ahead_place place = cu_ahead_place_of(a, dir);
    char file[CU_HABIT_NAME_MAX + 1], path[CU_TREE_PATH_MAX];
    struct cu_ahead_name sub = {.path = path, .dir_len = name->dir_len};
    int len;

    cu_habit_lookup(&a->habit, place.id, place.above ? cu_ahead_place_of(a, place.above).id : 0,
                    place.name, name->name);
    if (!cu_habit_companion(&a->habit, name->name, &sub.name, file))
        return;
    sub.name_len = strlen(sub.name);
    len = cu_path_join(name->path, name->dir_len, sub.name, sub.name_len, path, sizeof(path));
    if (len < 0)
        return;
    sub.path_len = (size_t)len;
    if (ports->absent(ports->context, &sub))
        return;
    cu_ahead_emit_name(a, dir, name->path, name->dir_len, sub.name, sub.name_len);
    cu_ahead_emit_name(a, NULL, path, sub.path_len, file, strlen(file));
}

void cu_ahead_link(struct cu_ahead *a, const struct cu_ahead_node *node)
{
    const char *name = node->target ? (const char *)node->target->data : "";
    char path[CU_TREE_PATH_MAX];
    int len;

    if (!node->target || node->target->size == 0 || node->target->size > TARGET_MAX ||
        name[0] == '.' || memchr(name, '/', node->target->size))
        return;
    len = cu_ahead_dir_path(a, node->dir, path);
    if (len > 0)
        cu_ahead_emit_name(a, node->dir, path, (size_t)len, name, node->target->size);
}
