/* SPDX-License-Identifier: BSD-3-Clause */
#include "host/mountinfo.h"

#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

/* Blank, tab, newline and backslash are written as \ooo. In place. */
static void unescape(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0'; to++) {
        if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' &&
            from[2] <= '7' && from[3] >= '0' && from[3] <= '7') {
            *to = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
}

/* Next blank-separated word, NUL-terminated and unescaped; "": none left. */
static char *word(char **at)
{
    char *start = *at;

    *at = start + strcspn(start, " ");
    if (**at == ' ')
        *(*at)++ = '\0';
    unescape(start);
    return start;
}

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue" */
static bool parse(char *line, struct cu_mountinfo *mount)
{
    char *tail = strstr(line, " - ");
    const char *id, *parent, *device;
    unsigned major_number, minor_number;

    if (!tail)
        return false;
    *tail = '\0';
    tail += 3;
    id = word(&line);
    parent = word(&line);
    device = word(&line);
    mount->root = word(&line);
    mount->point = word(&line);
    mount->type = word(&tail);
    mount->source = word(&tail);
    mount->options = word(&tail);
    if (sscanf(id, "%u", &mount->id) != 1 || sscanf(parent, "%u", &mount->parent) != 1 ||
        sscanf(device, "%u:%u", &major_number, &minor_number) != 2)
        return false;
    mount->dev = makedev(major_number, minor_number);
    return mount->point[0] != '\0' && mount->type[0] != '\0';
}

bool cu_mountinfo_next(char **at, struct cu_mountinfo *mount)
{
    while (**at != '\0') {
        char *line = *at;

        *at += strcspn(line, "\n");
        if (**at == '\n')
            *(*at)++ = '\0';
        if (parse(line, mount))
            return true;
    }
    return false;
}

/* The option's place in the list, or NULL. */
static const char *find(const char *options, const char *name)
{
    const struct mntent entry = {.mnt_opts = (char *)(uintptr_t)options};

    return hasmntopt(&entry, name);
}

bool cu_mountinfo_has(const char *options, const char *name)
{
    const char *at = find(options, name);

    return at && at[strlen(name)] != '=';
}

const char *cu_mountinfo_value(const char *options, const char *name, size_t *len)
{
    const char *at = find(options, name);

    while (at && at[strlen(name)] != '=') {
        at = strchr(at, ',');
        at = at ? find(at + 1, name) : NULL;
    }
    if (!at)
        return NULL;
    at += strlen(name) + 1;
    *len = strcspn(at, ",");
    return at;
}
