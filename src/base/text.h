/* SPDX-License-Identifier: BSD-3-Clause */
/* Untrusted bytes as text: names of files and hosts, lines of remote commands, and other data from
 * storage, peers or users. Two forms, both UTF-8 without a character that moves a cursor, ends a
 * line, or changes the direction of reading: C0 and C1 controls, DEL, line and paragraph
 * separators, and the marks of bidirectional text and of language. Such a byte, and each that is
 * not UTF-8, is written as \xHH.
 *
 *   line  for people: terminal, log, error text. What is printable stays as it is, so a line that
 *         was made of lines is the same again. A name that holds a text such as "\x1b" is not told
 *         from one that holds that byte.
 *   name  for programs (JSON): a backslash is written as \\, so that the bytes can be had back. */
#ifndef CU_BASE_TEXT_H
#define CU_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Size of the buffer that either form of len bytes needs at most, with the NUL. */
#define CU_TEXT_BYTES(len) (4 * (len) + 1)

/* Writes the line form of bytes[0..len) and a NUL into out; what does not fit into size (>= 4)
 * bytes is cut at a character, with "..." at the end. Returns the length. out must not overlap
 * bytes. */
size_t cu_text_line(char *out, size_t size, const char *bytes, size_t len);
/* The same for the name form. */
size_t cu_text_name(char *out, size_t size, const char *bytes, size_t len);
/* Converts a name form back to its bytes, writes them and a NUL into out. The length, or -EINVAL: a
 * backslash that begins neither \\ nor \xHH, or \x00; -ENAMETOOLONG: they do not fit into size
 * bytes. */
__attribute__((warn_unused_result)) int cu_text_unname(const char *text, char *out, size_t size);

/* Can it stand in a line between blanks, and with its NUL in size bytes: printable ASCII, not
 * empty? NULL cannot. */
bool cu_text_is_word(const char *text, size_t size);

/* Length of the byte order mark that some editors put in front of UTF-8; 0: there is none. */
size_t cu_text_mark(const char *text, size_t size);

#define CU_TEXT_SIZE_MAX 32u
/* "12.3 MB" of 1,024s into out, which is returned. */
const char *cu_text_size(uint64_t bytes, char out[CU_TEXT_SIZE_MAX]);

#endif
