/* SPDX-License-Identifier: Apache-2.0 */
/*
 * number.h - decimal integers in text that may be anything.
 */
#ifndef PROCESSORS_ASSESS_NUMBER_H
#define PROCESSORS_ASSESS_NUMBER_H

#include "core/bytes.h"

struct number {
	int64_t value;  /* at the end of the range where it is beyond */
	bool is_beyond; /* of 64 bits */
	size_t used;    /* bytes read, blanks and sign among them; 0: no number stands there */
};

/* What stands at the start: blanks, a sign, digits.  Leading zeros count for nothing. */
struct number number_read(struct bytes text);

#endif
