/* SPDX-License-Identifier: BSD-3-Clause */
/* A name may be of any bytes, and a path of thousands: so the text has memory of its own. */
#include "control/shown.h"

#include "base/text.h"

#include <stdlib.h>

json_t *cu_shown_name(const char *bytes, size_t len)
{
    size_t room = CU_TEXT_BYTES(len) + 3; /* the least that the text form takes */
    char *text = malloc(room);
    json_t *string;

    if (!text)
        return NULL;
    cu_text_name(text, room, bytes, len);
    string = json_string(text);
    free(text);
    return string;
}
