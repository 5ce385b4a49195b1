/* SPDX-License-Identifier: BSD-3-Clause */
/* One pass over the text for each question: it is asked once per mount, when mounts change. */
#include "proto/listings.h"

#include "base/path.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

struct rule {
    const char *where, *what;
    size_t where_len, what_len;
};

/* The rule at the beginning of text, which is its length, too; 0: text has none. */
static size_t take(const char *text, struct rule *rule)
{
    size_t len = strcspn(text, ",");
    const char *colon = memrchr(text, ':', len);

    if (len == 0)
        return 0;
    *rule = (struct rule){.where = text, .where_len = len};
    if (!colon)
        return len;
    rule->where_len = (size_t)(colon - text);
    rule->what = colon + 1;
    rule->what_len = len - rule->where_len - 1;
    return len;
}

static enum cu_listings_word word_of(const struct rule *rule)
{
    static const char *const names[] = {
        [CU_LISTINGS_TRUSTED] = "trusted",     [CU_LISTINGS_PARTIAL] = "partial",
        [CU_LISTINGS_UNSTAMPED] = "unstamped", [CU_LISTINGS_UNTRUSTED] = "untrusted",
        [CU_LISTINGS_NUMBERED] = "numbered",   [CU_LISTINGS_UNNUMBERED] = "unnumbered",
    };

    for (unsigned i = CU_LISTINGS_TRUSTED; rule->what && i <= CU_LISTINGS_UNNUMBERED; i++)
        if (strlen(names[i]) == rule->what_len && memcmp(names[i], rule->what, rule->what_len) == 0)
            return (enum cu_listings_word)i;
    return CU_LISTINGS_UNSAID;
}

static bool where_is_valid(const struct rule *rule)
{
    if (rule->where_len == 0)
        return false;
    if (rule->where[0] == '/')
        return cu_path_is_normal(rule->where, rule->where_len);
    for (size_t i = 0; i < rule->where_len; i++)
        if (rule->where[i] <= ' ' || rule->where[i] > '~' || rule->where[i] == '/')
            return false;
    return true;
}

int cu_listings_check(const char *rules)
{
    while (*rules != '\0') {
        struct rule rule;
        size_t len = take(rules, &rule);

        if (len == 0 || word_of(&rule) == CU_LISTINGS_UNSAID || !where_is_valid(&rule))
            return -EINVAL;
        rules += len;
        if (*rules == ',' && *++rules == '\0')
            return -EINVAL;
    }
    return 0;
}

/* Of the rules about numbers, or of the others. */
static enum cu_listings_word find(const char *rules, const char *type, const char *point,
                                  size_t point_len, bool numbers)
{
    enum cu_listings_word found = CU_LISTINGS_UNSAID;
    size_t found_len = 0; /* of the path; 0: a type */
    struct rule rule;
    size_t len;

    while (rules && (len = take(rules, &rule)) > 0) {
        bool path = rule.where[0] == '/';
        enum cu_listings_word word = word_of(&rule);

        rules += len;
        rules += *rules == ',';
        if ((word >= CU_LISTINGS_NUMBERED) != numbers)
            continue;
        if (path && rule.where_len > found_len &&
            cu_path_within(point, point_len, rule.where, rule.where_len)) {
            found = word;
            found_len = rule.where_len;
        } else if (!path && found_len == 0 && strlen(type) == rule.where_len &&
                   memcmp(type, rule.where, rule.where_len) == 0) {
            found = word;
        }
    }
    return found;
}

enum cu_listings_word cu_listings_find(const char *rules, const char *type, const char *point,
                                       size_t point_len)
{
    return find(rules, type, point, point_len, false);
}

enum cu_listings_word cu_listings_find_numbers(const char *rules, const char *type,
                                               const char *point, size_t point_len)
{
    return find(rules, type, point, point_len, true);
}
