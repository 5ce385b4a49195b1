/* SPDX-License-Identifier: BSD-3-Clause */
/* Text that users write on a command line. The kernel's and libc's parsers accept signs, blanks and
 * trailing text, wrap or saturate; here everything but the documented form is refused, so that a
 * typo is reported instead of being used on 10,000 nodes. */
#include "base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

/* Digits at *text; moves it behind them. Saturating: -ERANGE, still moved. */
static int take_digits(const char **text, uint64_t *value)
{
    const char *p = *text;
    uint64_t v = 0;
    int rc = 0;

    if (!isdigit((unsigned char)*p))
        return -EINVAL;
    for (; isdigit((unsigned char)*p); p++) {
        unsigned digit = (unsigned)(*p - '0');

        if (v > (UINT64_MAX - digit) / 10)
            rc = -ERANGE;
        else
            v = v * 10 + digit;
    }
    *text = p;
    *value = v;
    return rc;
}

/* Shift of a unit suffix, or -1. */
static int unit_shift(const char *suffix)
{
    static const struct {
        char letter;
        int shift;
    } units[] = {{'k', 10}, {'m', 20}, {'g', 30}};

    if (suffix[0] == '\0' || strcasecmp(suffix, "b") == 0)
        return 0;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        const char *rest = suffix + 1;

        if (tolower((unsigned char)suffix[0]) == units[i].letter)
            return rest[0] == '\0' || strcasecmp(rest, "b") == 0 || strcasecmp(rest, "ib") == 0
                       ? units[i].shift
                       : -1;
    }
    return -1;
}

int cu_parse_size(const char *text, uint64_t *bytes)
{
    uint64_t value;
    int rc = take_digits(&text, &value);
    int shift;

    if (rc == -EINVAL)
        return rc;
    shift = unit_shift(text);
    if (shift < 0)
        return -EINVAL;
    if (rc != 0 || value > (uint64_t)INT64_MAX >> shift)
        return -ERANGE;
    *bytes = value << shift;
    return 0;
}

int cu_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
    uint64_t v;
    int rc = take_digits(&text, &v);

    if (rc == -EINVAL || *text != '\0')
        return -EINVAL;
    if (rc != 0 || v < min || v > max)
        return -ERANGE;
    *value = v;
    return 0;
}

static int compare_numbers(const unsigned char **a, const unsigned char **b)
{
    const unsigned char *p = *a, *q = *b;
    size_t p_len = 0, q_len = 0;

    while (*p == '0')
        p++;
    while (*q == '0')
        q++;
    while (isdigit(p[p_len]))
        p_len++;
    while (isdigit(q[q_len]))
        q_len++;
    *a = p + p_len;
    *b = q + q_len;
    if (p_len != q_len)
        return p_len < q_len ? -1 : 1;
    return memcmp(p, q, p_len);
}

int cu_parse_natural_compare(const char *a, const char *b)
{
    const unsigned char *p = (const unsigned char *)a, *q = (const unsigned char *)b;

    while (*p != '\0' || *q != '\0') {
        if (isdigit(*p) && isdigit(*q)) {
            int order = compare_numbers(&p, &q);

            if (order != 0)
                return order;
        } else if (tolower(*p) != tolower(*q)) {
            return tolower(*p) < tolower(*q) ? -1 : 1;
        } else {
            p++;
            q++;
        }
    }
    return strcasecmp(a, b); /* "n01" and "n1" are two names */
}
