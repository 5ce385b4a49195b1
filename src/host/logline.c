/* SPDX-License-Identifier: BSD-3-Clause */
#include "host/logline.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static const char *level_name(enum cu_log_level level)
{
    switch (level) {
    case CU_LOG_DEBUG:
        return "debug";
    case CU_LOG_INFO:
        return "info";
    case CU_LOG_WARN:
        return "warn";
    case CU_LOG_ERROR:
        return "error";
    case CU_LOG_FATAL:
        return "fatal";
    case CU_LOG_NONE:
        break;
    }
    return "?";
}

/* key="text": a quote and a backslash in it have a backslash before them. As much as fits before
 * end; a pair is not cut. */
static char *put_quoted(char *at, const char *end, const char *key, const char *text)
{
    at += snprintf(at, (size_t)(end - at), " %s=\"", key);
    for (; *text != '\0' && at + 3 < end; text++) {
        if (*text == '"' || *text == '\\')
            *at++ = '\\';
        *at++ = *text;
    }
    *at++ = '"';
    return at;
}

size_t cu_logline_make(const struct cu_logline *line, char out[CU_LOGLINE_BYTES], uint64_t *us)
{
    const char *end = out + CU_LOGLINE_BYTES - 32; /* behind it: the count and the newline */
    struct timespec now;
    struct tm utc;
    char *at = out;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    at += snprintf(at, CU_LOGLINE_BYTES, "time=%04d-%02d-%02dT%02d:%02d:%02d.%06ldZ level=%s",
                   utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
                   utc.tm_sec, now.tv_nsec / 1000, level_name(line->level));
    if (line->host[0] != '\0')
        at = put_quoted(at, end, "node", line->host);
    at = put_quoted(at, end, "text", line->text);
    if (line->name)
        at += snprintf(at, (size_t)(out + CU_LOGLINE_BYTES - at), " %s=%" PRIu64, line->name,
                       line->count);
    *at++ = '\n';
    if (us)
        *us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
    return (size_t)(at - out);
}
