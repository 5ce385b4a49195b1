/* SPDX-License-Identifier: BSD-3-Clause */
/* A name continues a list when it differs from the one before it in one number only, at any
 * position ("x1000c0s3b0n0"). A range is extended only when its reader would expand it to exactly
 * this text, so that leading zeros are kept.
 *
 * What comes out is gone through again, as long as it becomes shorter: "r1n[0-7]" and "r2n[0-7]"
 * are "r[1-2]n[0-7]". The reader's last bracket runs fastest, so the order stays only when the new
 * bracket is in front of the others. */
#include "base/hostlist.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX 9 /* as the reader has it (hosts.c) */

struct number {
    size_t at, len; /* in the name */
};

static size_t digits(const char *text)
{
    size_t n = 0;

    while (isdigit((unsigned char)text[n]))
        n++;
    return n;
}

/* The number in a that another one replaces in b; false when they differ otherwise. */
static bool find_number(const char *a, const char *b, struct number *number)
{
    size_t at = 0, a_len, b_len, front = strcspn(a, "[");

    while (a[at] != '\0' && a[at] == b[at])
        at++;
    while (at > 0 && isdigit((unsigned char)a[at - 1]))
        at--;
    a_len = digits(a + at);
    b_len = digits(b + at);
    *number = (struct number){.at = at, .len = a_len};
    return at < front && a_len > 0 && b_len > 0 && a_len <= DIGITS_MAX && b_len <= DIGITS_MAX &&
           strcmp(a + at + a_len, b + at + b_len) == 0;
}

/* Has name the same text as model around a number at the same place? */
static bool belongs(const char *name, const char *model, const struct number *number)
{
    size_t len;

    if (strncmp(name, model, number->at) != 0)
        return false;
    len = digits(name + number->at);
    return len > 0 && len <= DIGITS_MAX &&
           strcmp(name + number->at + len, model + number->at + number->len) == 0;
}

/* Is the number in name what the reader makes of the range from first with so much added? */
static bool goes_on(const char *name, const char *first, size_t at, unsigned long more)
{
    char text[24];
    size_t first_len = digits(first + at), len = digits(name + at);
    unsigned long value = strtoul(first + at, NULL, 10) + more;
    int n = snprintf(text, sizeof(text), "%0*lu", first[at] == '0' ? (int)first_len : 1, value);

    return len <= DIGITS_MAX && (size_t)n == len && memcmp(text, name + at, len) == 0;
}

static char *put(char *to, const char *from, size_t len)
{
    memcpy(to, from, len);
    return to + len;
}

/* The count names from names on, which all belong together, as "prefix[...]suffix". */
static char *put_group(char *to, char *const *names, size_t count, const struct number *number)
{
    const char *suffix = names[0] + number->at + number->len;
    size_t next;

    to = put(to, names[0], number->at);
    *to++ = '[';
    for (size_t i = 0; i < count; i = next) {
        const char *first = names[i] + number->at;

        for (next = i + 1; next < count && goes_on(names[next], names[i], number->at, next - i);)
            next++;
        if (i > 0)
            *to++ = ',';
        to = put(to, first, digits(first));
        if (next - i > 1) {
            const char *last = names[next - 1] + number->at;

            *to++ = '-';
            to = put(to, last, digits(last));
        }
    }
    *to++ = ']';
    return put(to, suffix, strlen(suffix));
}

/* Puts together what goes together among the count words; they become words in to, and fewer. */
static size_t put_all(char **words, size_t count, char *to)
{
    size_t made = 0, next;

    for (size_t i = 0; i < count; i = next) {
        const char *word = words[i];
        char *start = to;
        struct number number;

        next = i + 1;
        if (next == count || !find_number(word, words[next], &number)) {
            to = put(to, word, strlen(word));
        } else {
            while (next < count && belongs(words[next], word, &number))
                next++;
            to = put_group(to, words + i, next - i, &number);
        }
        *to++ = '\0';
        words[made++] = start;
    }
    return made;
}

char *cu_hostlist_text(const struct cu_hosts *hosts, char separator)
{
    size_t size = 1, count = hosts->count, before;
    char *text = NULL, *from, *to, *swap;
    char **words = calloc(count + 1, sizeof(*words));

    for (size_t i = 0; i < count; i++)
        size += strlen(hosts->names[i]) + 2; /* with what is between; brackets are around two */
    from = malloc(size);
    to = malloc(size);
    if (!words || !from || !to)
        goto out;
    if (count > 0)
        memcpy(words, hosts->names, count * sizeof(*words));
    do {
        before = count;
        count = put_all(words, count, to);
        swap = from;
        from = to;
        to = swap;
    } while (count < before);
    text = swap = to;
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            *swap++ = separator;
        swap = put(swap, words[i], strlen(words[i]));
    }
    *swap = '\0';
    to = NULL;
out:
    free(words);
    free(from);
    free(to);
    return text;
}
