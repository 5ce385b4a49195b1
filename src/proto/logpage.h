/* SPDX-License-Identifier: BSD-3-Clause */
/* A page of the log of a job: the first lines behind a place in it, of a node or of many, in the
 * order of their time. Pages of disjoint nodes are merged and cut to the page's size: the first
 * lines of all are among the first lines of each. So whoever reads a log, page by page, gets all of
 * it, while no node holds more than a few pages. docs/protocol.md has its encoding. */
#ifndef CU_PROTO_LOGPAGE_H
#define CU_PROTO_LOGPAGE_H

#include "base/keyed.h"

#define CU_LOGPAGE_LINE_MAX 2048u        /* bytes of a line */
#define CU_LOGPAGE_LINES    4096u        /* of a page */
#define CU_LOGPAGE_BYTES    (512u << 10) /* of a page, encoded */
#define CU_LOGPAGE_AT_BYTES 16u
#define CU_LOGPAGE_AT_TEXT  (2 * CU_LOGPAGE_AT_BYTES)

/* Where a line stands. Lines of a node are numbered from 1 on, also those that it does not keep. No
 * line of a node has an earlier time than the one before it. */
struct cu_logpage_at {
    uint64_t us; /* since 1970, by the node's clock */
    uint32_t rank;
    uint32_t number;
};

struct cu_logpage {
    struct cu_keyed_kind kind;
    struct cu_keyed lines; /* key: where it stands, and the text; total: lines from there on, those
                              that the page has no room for included */
    size_t bytes;          /* of the lines that were added */
};

/* Below 0, 0 or above, as for strcmp. */
int cu_logpage_compare(const struct cu_logpage_at *a, const struct cu_logpage_at *b);
/* 32 hex digits and a NUL. */
void cu_logpage_at_text(const struct cu_logpage_at *at, char out[CU_LOGPAGE_AT_TEXT + 1]);
/* False: it is not such a text. */
bool cu_logpage_at_read(const char *text, struct cu_logpage_at *at);

/* Empty. NULL: out of memory. */
struct cu_logpage *cu_logpage_new(void);
/* NULL does nothing. */
void cu_logpage_free(struct cu_logpage *page);
/* Adds a line, without newline, at most CU_LOGPAGE_LINE_MAX bytes; it is only counted where it
 * comes behind a full page. Lines of a node come in order. 0 or -ENOMEM. */
__attribute__((warn_unused_result)) int cu_logpage_add(struct cu_logpage *page,
                                                       const struct cu_logpage_at *at,
                                                       const char *line, size_t len);
/* Adds all of from, which is empty then, and cuts. 0 or -ENOMEM: both are as they were. */
__attribute__((warn_unused_result)) int cu_logpage_merge(struct cu_logpage *page,
                                                         struct cu_logpage *from);
size_t cu_logpage_count(const struct cu_logpage *page);
/* Lines behind the page's end. */
uint64_t cu_logpage_left(const struct cu_logpage *page);
/* The i-th line and its length; borrowed. */
const char *cu_logpage_line(const struct cu_logpage *page, size_t i, struct cu_logpage_at *at,
                            size_t *len);

/* A new buffer; NULL: out of memory. */
struct cu_buf *cu_logpage_encode(const struct cu_logpage *page);
/* Bytes of any origin. 0 with a new page, -EBADMSG, -ENOTSUP (another version), -ENOMEM. */
__attribute__((warn_unused_result)) int cu_logpage_decode(const void *bytes, size_t size,
                                                          struct cu_logpage **page);

#endif
