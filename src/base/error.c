/* SPDX-License-Identifier: BSD-3-Clause */
/* Error text for people, made in one step with the error code. The text is one printable line
 * whatever bytes the user's value held: control characters would let a path write to the terminal.
 */
#include "base/error.h"

#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Of include/linux/errno.h, which programs cannot include. */
#define KERNEL_ERRNO_FIRST 512
#define KERNEL_ENOTSUPP    524
#define KERNEL_EOPENSTALE  518
#define KERNEL_EBADHANDLE  521
#define KERNEL_EJUKEBOX    528

int cu_error_shown(int error)
{
    if (error > 0 && error < KERNEL_ERRNO_FIRST)
        return error;
    switch (error) {
    case KERNEL_ENOTSUPP:
        return EOPNOTSUPP;
    case KERNEL_EOPENSTALE:
    case KERNEL_EBADHANDLE:
        return ESTALE;
    case KERNEL_EJUKEBOX:
        return EAGAIN;
    default:
        return EIO;
    }
}

int cu_error_set(struct cu_error *err, int code, const char *format, ...)
{
    int saved_errno = errno;
    char text[2 * CU_ERROR_TEXT_MAX]; /* more than fits, so that what is cut shows it */
    va_list args;

    if (!err)
        return code;
    va_start(args, format);
    if (vsnprintf(text, sizeof(text), format, args) < 0)
        text[0] = '\0';
    va_end(args);
    cu_text_line(err->text, sizeof(err->text), text, strlen(text));
    errno = saved_errno;
    return code;
}
