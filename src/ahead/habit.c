/* SPDX-License-Identifier: BSD-3-Clause */
/* See habit.h. Invariants: all text in the tables ends with a NUL; a rule is used only when it was
 * seen at least twice, and at least half as often as it was used for a prediction. */
#include "ahead/habit.h"

#include "base/hash.h"

#include <string.h>

#define SEEN_MIN    2u
#define GUESSES_MIN 16u
#define GUESSES_MAX 4096u
#define DIRS_MIN    4u  /* directories looked up before the first prediction */
#define DIRS_MAX    32u /* counts are halved then, so that old ones lose weight */

/* Splits at the first dot that is not in front. False: no dot, or too long to remember. */
static bool split(const char *name, size_t *stem_len)
{
    const char *dot = name[0] ? strchr(name + 1, '.') : NULL;

    if (!dot || (size_t)(dot - name) > CU_HABIT_STEM_MAX || strlen(dot) > CU_HABIT_PART_MAX)
        return false;
    *stem_len = (size_t)(dot - name);
    return true;
}

static struct cu_habit_rule *find_rule(struct cu_habit *h, const char *suffix, const char *sub,
                                       const char *tail)
{
    struct cu_habit_rule *weakest = &h->rules[0];

    for (size_t i = 0; i < CU_HABIT_RULES; i++) {
        struct cu_habit_rule *rule = &h->rules[i];

        if (rule->seen && strcmp(rule->suffix, suffix) == 0 && strcmp(rule->sub, sub) == 0 &&
            strcmp(rule->tail, tail) == 0)
            return rule;
        if (rule->seen < weakest->seen)
            weakest = rule;
    }
    *weakest = (struct cu_habit_rule){0};
    memcpy(weakest->suffix, suffix, strlen(suffix) + 1);
    memcpy(weakest->sub, sub, strlen(sub) + 1);
    memcpy(weakest->tail, tail, strlen(tail) + 1);
    return weakest;
}

void cu_habit_lookup(struct cu_habit *h, uint64_t dir, uint64_t parent, const char *dir_name,
                     const char *name)
{
    struct cu_habit_recent *recent;
    size_t stem_len;

    if (!split(name, &stem_len))
        return;
    for (size_t i = 0; parent && i < CU_HABIT_RECENT; i++) {
        recent = &h->recent[i];
        if (recent->dir == parent && recent->stem[stem_len] == '\0' &&
            strncmp(recent->stem, name, stem_len) == 0 && strlen(dir_name) <= CU_HABIT_PART_MAX) {
            find_rule(h, recent->suffix, dir_name, name + stem_len)->seen++;
            recent->dir = 0; /* once */
        }
    }
    recent = &h->recent[h->recent_next++ % CU_HABIT_RECENT];
    recent->dir = dir;
    memcpy(recent->stem, name, stem_len);
    memset(recent->stem + stem_len, 0, sizeof(recent->stem) - stem_len);
    memcpy(recent->suffix, name + stem_len, strlen(name + stem_len) + 1);
}

bool cu_habit_companion(struct cu_habit *h, const char *name, const char **sub, char *file)
{
    size_t stem_len;

    if (!split(name, &stem_len))
        return false;
    for (size_t i = 0; i < CU_HABIT_RULES; i++) {
        struct cu_habit_rule *rule = &h->rules[i];

        if (rule->seen < SEEN_MIN || strcmp(rule->suffix, name + stem_len) != 0 ||
            (rule->guessed >= GUESSES_MIN && rule->seen < rule->guessed / 2))
            continue;
        if (++rule->guessed >= GUESSES_MAX) {
            rule->guessed /= 2;
            rule->seen /= 2;
        }
        *sub = rule->sub;
        memcpy(file, name, stem_len);
        memcpy(file + stem_len, rule->tail, strlen(rule->tail) + 1);
        return true;
    }
    return false;
}

const char *cu_habit_leader(const struct cu_habit *h, const char *sub, const char *tail)
{
    for (size_t i = 0; i < CU_HABIT_RULES; i++) {
        const struct cu_habit_rule *rule = &h->rules[i];

        if (rule->seen >= SEEN_MIN && strcmp(rule->sub, sub) == 0 && strcmp(rule->tail, tail) == 0)
            return rule->suffix;
    }
    return NULL;
}

static uint64_t hash_of(const char *name, size_t name_len)
{
    return cu_hash_bytes(name, name_len) | 1; /* 0: unused */
}

void cu_habit_found(struct cu_habit *h, const char *name, size_t name_len, bool exists)
{
    uint64_t hash = hash_of(name, name_len);
    uint64_t *slot = &h->absent[(hash >> 8) % CU_HABIT_ABSENT];

    if (!exists)
        *slot = hash;
    else if (*slot == hash)
        *slot = 0;
}

bool cu_habit_absent(const struct cu_habit *h, const char *name, size_t name_len)
{
    uint64_t hash = hash_of(name, name_len);

    return h->absent[(hash >> 8) % CU_HABIT_ABSENT] == hash;
}

static struct cu_habit_dirs *dirs_of(struct cu_habit *h, uint64_t name)
{
    return &h->dirs[(name >> 8) % CU_HABIT_DIRS];
}

static void count_dir(struct cu_habit_dirs *dirs)
{
    if (dirs->looked_up >= DIRS_MAX) {
        dirs->looked_up /= 2;
        dirs->listed /= 2;
    }
    dirs->looked_up++;
}

void cu_habit_dir(struct cu_habit *h, const char *name, size_t name_len)
{
    uint64_t hash = hash_of(name, name_len);
    struct cu_habit_dirs *dirs = dirs_of(h, hash);

    if (dirs->name != hash) {
        *dirs = (struct cu_habit_dirs){.name = hash};
        count_dir(&h->new_dirs);
    }
    count_dir(dirs);
}

void cu_habit_listed(struct cu_habit *h, const char *name, size_t name_len)
{
    uint64_t hash = hash_of(name, name_len);
    struct cu_habit_dirs *dirs = dirs_of(h, hash);

    if (dirs->name != hash || dirs->listed >= dirs->looked_up)
        return;
    dirs->listed++;
    if (dirs->looked_up == 1 && h->new_dirs.listed < h->new_dirs.looked_up)
        h->new_dirs.listed++;
}

bool cu_habit_lists(const struct cu_habit *h, const char *name, size_t name_len)
{
    uint64_t hash = hash_of(name, name_len);
    const struct cu_habit_dirs *dirs = &h->dirs[(hash >> 8) % CU_HABIT_DIRS];

    if (dirs->name == hash)
        return dirs->listed * 4 >= dirs->looked_up * 3;
    return h->new_dirs.looked_up >= DIRS_MIN && h->new_dirs.listed * 4 >= h->new_dirs.looked_up * 3;
}
