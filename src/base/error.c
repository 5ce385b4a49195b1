/* Error text for people, made in one step with the error code. The text is one printable line
 * whatever bytes the user's value held: control characters would let a path write to the terminal.
 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void mark_cut(char *text, size_t size)
{
    size_t at = size - 4;

    while (at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80) /* not inside a UTF-8 character */
        at--;
    memcpy(text + at, "...", 4);
}

int cu_error_set(struct cu_error *err, int code, const char *format, ...)
{
    int saved_errno = errno;
    va_list args;
    int n;

    if (err == NULL)
        return code;
    va_start(args, format);
    n = vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    if (n < 0)
        err->text[0] = '\0';
    else if ((size_t)n >= sizeof(err->text))
        mark_cut(err->text, sizeof(err->text));
    for (unsigned char *p = (unsigned char *)err->text; *p != '\0'; p++)
        if (*p < 0x20 || *p == 0x7f)
            *p = '?';
    errno = saved_errno;
    return code;
}
