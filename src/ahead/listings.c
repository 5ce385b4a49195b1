/* SPDX-License-Identifier: BSD-3-Clause */
/* Decides when to ask for a listing that no process asks for. Most names that are looked up do not
 * exist (Python and ld.so try one directory after the other). So a directory in which a name was
 * absent is listed, and the listing answers all further lookups in it; at once when the same name
 * was absent in the previous directory, too. A directory that is looked up for the first time is
 * listed when directories of this name usually are (habit.h). */
#include "ahead/internal.h"

bool cu_ahead_lists_first(const struct cu_ahead *a, const struct cu_ahead_dir *dir,
                          const char *name, size_t name_len, uint64_t now_ns)
{
    uint32_t after = a->config.list_after;

    if (a->config.enoent_ttl_ns == 0 || after == CU_AHEAD_LIST_NEVER || now_ns < dir->retry_ns)
        return false;
    return dir->absent >= after || cu_habit_absent(&a->habit, name, name_len);
}

void cu_ahead_absent(struct cu_ahead *a, struct cu_ahead_dir *dir, const char *name,
                     size_t name_len)
{
    cu_habit_found(&a->habit, name, name_len, false);
    if (dir->absent < UINT8_MAX)
        dir->absent++;
}

void cu_ahead_list_failed(struct cu_ahead *a, struct cu_ahead_dir *dir, uint64_t now_ns)
{
    dir->retry_ns = now_ns + a->config.enoent_ttl_ns;
}

void cu_ahead_listed(struct cu_ahead *a, struct cu_ahead_dir *dir)
{
    struct cu_ahead_place place;

    if (dir->listed)
        return;
    dir->listed = true;
    place = cu_ahead_place_of(a, dir);
    if (place.above)
        cu_habit_listed(&a->habit, place.name, place.name_len);
}

void cu_ahead_list(struct cu_ahead *a, const struct cu_ahead_node *node)
{
    if (node->self->listed)
        return;
    if (cu_habit_lists(&a->habit, node->name, node->name_len))
        cu_ahead_emit(a, &(struct cu_ahead_want){
                             .kind = CU_KIND_DIR, .path = node->path, .path_len = node->path_len});
    if (node->first)
        cu_habit_dir(&a->habit, node->name, node->name_len);
}
