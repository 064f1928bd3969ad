/* SPDX-License-Identifier: Apache-2.0 */
/*
 * small_file.h - a small file, read in one go.
 */
#ifndef COLLECTORS_SMALL_FILE_H
#define COLLECTORS_SMALL_FILE_H

#include "core/bytes.h"

/*
 * Appends the file PATH to OUT.  0, or an errno: EFBIG where it has more than LIMIT bytes, ENOTSUP
 * where it is no regular file (nothing is waited for).  OUT may have a part of it then.
 */
int small_file_read(const char *path, size_t limit, struct buffer *out);

/* Takes one line, without its end, off the front of REST.  False where nothing is left. */
bool small_file_line(struct bytes *rest, struct bytes *line);
/* The word at the front of LINE, up to a blank, which goes with the blanks before it.  Empty at the
 * end of LINE. */
struct bytes small_file_word(struct bytes *line);
/* TEXT without the blanks and line ends around it. */
struct bytes small_file_trim(struct bytes text);

#endif
