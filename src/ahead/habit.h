/* SPDX-License-Identifier: BSD-3-Clause */
/* Lookup patterns of the programs on this node, learned from the names that they look up, so that
 * the next name can be asked for in advance. A wrong prediction costs a request, and never changes
 * an answer. One thread.
 *
 * Companions: after DIR/NAME.a a program looks up DIR/SUB/NAME.b (Python: foo.py, then
 * __pycache__/foo.cpython-311.pyc). Absent names: a name that does not exist in one directory will
 * not exist in the next (Python: __init__.abi3.so). Listed directories: most directories are listed
 * after their lookup (Python: packages), those of certain names never are (__pycache__). */
#ifndef CU_AHEAD_HABIT_H
#define CU_AHEAD_HABIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CU_HABIT_RECENT   8u
#define CU_HABIT_RULES    8u
#define CU_HABIT_ABSENT   256u
#define CU_HABIT_DIRS     64u
#define CU_HABIT_STEM_MAX 63u
#define CU_HABIT_PART_MAX 31u
#define CU_HABIT_NAME_MAX (CU_HABIT_STEM_MAX + CU_HABIT_PART_MAX)

struct cu_habit_recent {
    uint64_t dir; /* number of the directory; 0: unused */
    char stem[CU_HABIT_STEM_MAX + 1];
    char suffix[CU_HABIT_PART_MAX + 1];
};

struct cu_habit_rule {
    char suffix[CU_HABIT_PART_MAX + 1];
    char sub[CU_HABIT_PART_MAX + 1];
    char tail[CU_HABIT_PART_MAX + 1];
    uint32_t seen; /* 0: unused */
    uint32_t guessed;
};

struct cu_habit_dirs {
    uint64_t name; /* hash; 0: unused */
    uint32_t looked_up;
    uint32_t listed;
};

/* All zero to begin with. */
struct cu_habit {
    struct cu_habit_recent recent[CU_HABIT_RECENT];
    uint32_t recent_next;
    struct cu_habit_rule rules[CU_HABIT_RULES];
    uint64_t absent[CU_HABIT_ABSENT];
    struct cu_habit_dirs dirs[CU_HABIT_DIRS]; /* by name */
    struct cu_habit_dirs new_dirs;            /* of all names, each the first time */
};

/* name is looked up in directory dir, whose own name is dir_name in directory parent. Strings end
 * with a NUL; numbers are not 0, except that parent is 0 for the root. */
void cu_habit_lookup(struct cu_habit *h, uint64_t dir, uint64_t parent, const char *dir_name,
                     const char *name);
/* What may be looked up after name: file (CU_HABIT_NAME_MAX + 1 bytes) in subdirectory sub (points
 * into h). False: no prediction. */
bool cu_habit_companion(struct cu_habit *h, const char *name, const char **sub, char *file);
/* The suffix of the files after which those in subdirectory sub with this tail are looked up
 * (points into h); NULL: not known. */
const char *cu_habit_leader(const struct cu_habit *h, const char *sub, const char *tail);
/* name was found to exist or not, somewhere. */
void cu_habit_found(struct cu_habit *h, const char *name, size_t name_len, bool exists);
/* Did the name not exist last time? */
bool cu_habit_absent(const struct cu_habit *h, const char *name, size_t name_len);
/* A directory of this name was looked up for the first time. */
void cu_habit_dir(struct cu_habit *h, const char *name, size_t name_len);
/* A directory of this name was listed for the first time. */
void cu_habit_listed(struct cu_habit *h, const char *name, size_t name_len);
/* Will a directory of this name, which has not been counted yet, be listed? False until enough were
 * counted. */
bool cu_habit_lists(const struct cu_habit *h, const char *name, size_t name_len);

#endif
