/* SPDX-License-Identifier: Apache-2.0 */
/*
 * osregex.h - the regular expressions of wazuh4 policies, put into PCRE2's language.
 *
 * \w is [A-Za-z0-9_@-], \d a digit, \s only a space, \t a tab, \p punctuation, \. any character;
 * \W \D \S their opposites.  + and * count only after one of these.  | separates alternatives, of
 * the whole expression only; ^ and $ count at their ends.  ( ) do not nest.  \\ \$ \( \) \| \<
 * stand for themselves, as does all else, the plain dot among it; any other escape is an error.
 * Case does not count, which is a flag and not done here.
 */
#ifndef PROCESSORS_ASSESS_OSREGEX_H
#define PROCESSORS_ASSESS_OSREGEX_H

#include "core/bytes.h"

/* False: PROBLEM, in ARENA, says why it is none. */
bool osregex_translate(const char *text, struct buffer *out, struct arena *arena,
    const char **problem);

#endif
