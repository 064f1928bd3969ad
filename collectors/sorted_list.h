/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sorted_list.h - a list whose order means nothing, so that it reads the same however it was
 * written.
 */
#ifndef COLLECTORS_SORTED_LIST_H
#define COLLECTORS_SORTED_LIST_H

#include "core/bytes.h"

/*
 * Appends the items of LIST, which are SEPARATOR apart, without blanks around them, empty ones left
 * out, each once, sorted, GLUE apart.
 */
void sorted_list_join(struct bytes list, char separator, const char *glue, struct buffer *out);

#endif
