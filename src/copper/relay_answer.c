/* SPDX-License-Identifier: BSD-3-Clause */
/* Lines come from another host and its start-up files: all of them are checked. */
#include "base/parse.h"
#include "copper/relay.h"
#include "proto/control.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX ((size_t)CU_CONTROL_JSON_MAX / 3 * 4 + 4)

static bool append(struct cu_relay_answer *answer, const char *piece)
{
    size_t len = strlen(piece);

    while (len > 0 && piece[len - 1] == ' ')
        len--;
    if (len > CU_RELAY_PIECE || answer->size + len > TEXT_MAX)
        return false;
    if (answer->size + len + 1 > answer->room) {
        size_t room = 2 * (answer->size + len + 1);
        char *more = realloc(answer->text, room);

        if (!more)
            return false;
        answer->text = more;
        answer->room = room;
    }
    memcpy(answer->text + answer->size, piece, len);
    answer->size += len;
    answer->text[answer->size] = '\0';
    return true;
}

/* Takes "WORD " from the front of *at. */
static bool take_word(const char **at, const char *word)
{
    size_t len = strlen(word);

    if (strncmp(*at, word, len) != 0 || (*at)[len] != ' ')
        return false;
    *at += len + 1;
    return true;
}

bool cu_relay_take(struct cu_relay_answer *answer, const char *line)
{
    bool last = take_word(&line, CU_RELAY_LAST);
    char *end;
    unsigned long long n;

    if (!last && !take_word(&line, CU_RELAY_PART))
        return false;
    if (line[0] < '0' || line[0] > '9')
        return false;
    n = strtoull(line, &end, 10);
    if (end[0] != ' ')
        return false;
    line = end + 1;
    if (last && take_word(&line, CU_RELAY_ENDED))
        answer->ended = true;
    else if (last && !take_word(&line, CU_RELAY_OPEN))
        return false;
    if (answer->complete)
        return true; /* a launcher that prints a line twice */
    if (n != answer->pieces || !append(answer, line))
        answer->broken = true;
    answer->pieces++;
    answer->complete = last;
    return true;
}

char *cu_relay_text(const struct cu_relay_answer *answer)
{
    size_t room = answer->size / 4 * 3 + 4, len = 0;
    char *text = answer->complete && !answer->broken ? malloc(room) : NULL;

    if (text && sodium_base642bin((unsigned char *)text, room - 1, answer->text, answer->size, NULL,
                                  &len, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0) {
        free(text);
        text = NULL;
    }
    if (text)
        text[len] = '\0';
    return text;
}

void cu_relay_clear(struct cu_relay_answer *answer)
{
    free(answer->text);
    *answer = (struct cu_relay_answer){0};
}
