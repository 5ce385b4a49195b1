/* SPDX-License-Identifier: BSD-3-Clause */
/* Quotes words for a remote shell, with single quotes, which sh, csh and fish interpret in the same
 * way, except for three characters. */
#include "copper/shell_quote.h"

#include <stdlib.h>
#include <string.h>

char *cu_shell_quote(const char *word)
{
    static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                               "/._-+,:@%";
    char *quoted = malloc(strlen(word) * 4 + 3), *to = quoted;

    if (!quoted)
        return NULL;
    if (word[0] != '\0' && word[strspn(word, safe)] == '\0')
        return memcpy(quoted, word, strlen(word) + 1);
    *to++ = '\'';
    for (; *word != '\0'; word++) {
        /* Outside of the quotes: a backslash inside is another thing for fish, a '!' for csh. */
        if (*word == '\'' || *word == '!' || *word == '\\') {
            *to++ = '\'';
            *to++ = '\\';
            *to++ = *word;
            *to++ = '\'';
        } else {
            *to++ = *word;
        }
    }
    *to++ = '\'';
    *to = '\0';
    return quoted;
}
