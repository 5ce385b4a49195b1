/* SPDX-License-Identifier: BSD-3-Clause */
/* No quotes and no escapes: the text passes through Slurm's options, environment and #SBATCH lines,
 * and a shell would read it differently each time. */
#include "spank/wish.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BLANKS " \t\n"

/* Splits text into its words, each with a NUL behind it. */
static int split(struct cu_wish *wish, const char *text, struct cu_error *err)
{
    size_t used = 0;

    wish->count = 0;
    for (text += strspn(text, BLANKS); *text != '\0'; text += strspn(text, BLANKS)) {
        size_t len = strcspn(text, BLANKS);

        if (wish->count == CU_WISH_WORDS_MAX || used + len + 1 > sizeof(wish->text))
            return cu_error_set(err, -EINVAL, "more than %u words or %u bytes", CU_WISH_WORDS_MAX,
                                CU_WISH_TEXT_MAX);
        wish->at[wish->count++] = used;
        memcpy(wish->text + used, text, len);
        wish->text[used + len] = '\0';
        used += len + 1;
        text += len;
    }
    return 0;
}

const char *cu_wish_word(const struct cu_wish *wish, size_t i)
{
    return wish->text + wish->at[i];
}

/* The first word, when it is none of the options. */
static int take_first(struct cu_wish *wish, struct cu_error *err)
{
    const char *word = wish->count > 0 ? cu_wish_word(wish, 0) : "on";

    wish->on = strcmp(word, "off") != 0;
    if (word[0] == '-' || wish->count == 0)
        return 0;
    if (strcmp(word, "required") == 0)
        wish->required = true;
    else if (strcmp(word, "on") != 0 && strcmp(word, "off") != 0)
        return cu_error_set(err, -EINVAL,
                            "\"%.64s\" is not known; allowed is on, off or required, and then "
                            "options of launch_copper.sh",
                            word);
    else
        wish->required = false;
    wish->count--;
    memmove(wish->at, wish->at + 1, wish->count * sizeof(wish->at[0]));
    return 0;
}

int cu_wish_take(struct cu_wish *wish, const char *text, struct cu_error *err)
{
    struct cu_wish next = *wish;
    int rc = split(&next, text, err);

    if (rc == 0)
        rc = take_first(&next, err);
    if (rc != 0)
        return rc;
    if (next.count > 0 && cu_wish_word(&next, 0)[0] != '-')
        return cu_error_set(err, -EINVAL, "\"%.64s\" is not an option of launch_copper.sh",
                            cu_wish_word(&next, 0));
    if (next.count == 0) { /* those that were there stay */
        memcpy(next.text, wish->text, sizeof(next.text));
        memcpy(next.at, wish->at, sizeof(next.at));
        next.count = wish->count;
    }
    *wish = next;
    return 0;
}

const char *cu_wish_mount(const struct cu_wish *wish)
{
    const char *mount = NULL;

    for (size_t i = 0; i < wish->count; i++) {
        const char *word = cu_wish_word(wish, i);

        if (strcmp(word, "-v") == 0 && i + 1 < wish->count)
            mount = cu_wish_word(wish, ++i);
        else if (strncmp(word, "-v", 2) == 0 && word[2] != '\0')
            mount = word + 2;
    }
    return mount;
}
