/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/assess/number.h"

#include <ctype.h>

struct number number_read(struct bytes text)
{
	struct number number = { 0 };
	bool is_negative = false;
	size_t at = 0, digits;

	while (at < text.size && isspace(text.data[at]))
		at++;
	if (at < text.size && (text.data[at] == '-' || text.data[at] == '+'))
		is_negative = text.data[at++] == '-';
	for (digits = at; at < text.size && isdigit(text.data[at]); at++) {
		int digit = text.data[at] - '0';

		/* Counted downwards: the lowest number has no positive twin. */
		if (__builtin_mul_overflow(number.value, 10, &number.value)
		    || __builtin_sub_overflow(number.value, digit, &number.value)) {
			number.is_beyond = true;
			number.value = INT64_MIN;
		}
		if (number.is_beyond)
			number.value = INT64_MIN;
	}
	if (at == digits)
		return number;
	number.used = at;
	if (!is_negative && number.value == INT64_MIN) {
		number.is_beyond = true;
		number.value = INT64_MAX;
	} else if (!is_negative) {
		number.value = -number.value;
	}
	return number;
}
