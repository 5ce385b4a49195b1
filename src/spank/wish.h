/* SPDX-License-Identifier: BSD-3-Clause */
/* What the site (plugstack.conf) and the user (--copper) want. */
#ifndef CU_SPANK_WISH_H
#define CU_SPANK_WISH_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define CU_WISH_TEXT_MAX  4096u
#define CU_WISH_WORDS_MAX 128u

struct cu_wish {
    bool on;
    bool required; /* without Copper, the job fails */
    /* Options of launch_copper.sh, in text. */
    char text[CU_WISH_TEXT_MAX];
    size_t at[CU_WISH_WORDS_MAX]; /* where each begins, in text */
    size_t count;
};

/* "[on|off|required] [OPTION...]": words with blanks between them. A word that is missing changes
 * nothing but "on"; options replace those that are there. 0; -EINVAL with err: a first word that is
 * none of these and no option, or too much text. Then wish is as before. */
__attribute__((warn_unused_result)) int cu_wish_take(struct cu_wish *wish, const char *text,
                                                     struct cu_error *err);
/* Option i of launch_copper.sh. Borrowed from wish. */
const char *cu_wish_word(const struct cu_wish *wish, size_t i);
/* The value of the last -v among the options, borrowed; NULL: none. */
const char *cu_wish_mount(const struct cu_wish *wish);

#endif
