/* SPDX-License-Identifier: BSD-3-Clause */
/* The bounds of messages, inside of proto/msg.c: lengths by type, values by kind. */
#ifndef CU_PROTO_MSG_BOUNDS_H
#define CU_PROTO_MSG_BOUNDS_H

#include "proto/msg.h"

#include <stdbool.h>

#define CU_MSG_BOUNDS_READY(bits) (((bits) + 7u) / 8u) /* bytes of so many */

/* Checks lengths, error and id of a head, before memory of that size is allocated. */
bool cu_msg_bounds_head(const struct cu_msg_head *head);
bool cu_msg_bounds_kind(unsigned kind);
bool cu_msg_bounds_want(const struct cu_msg_want *want);
bool cu_msg_bounds_answer(const struct cu_msg_answer *answer);
/* A whole message. */
bool cu_msg_bounds_msg(const struct cu_msg *msg);
/* "WANT"; "?" for what is no type. */
const char *cu_msg_bounds_name(unsigned type);

#endif
