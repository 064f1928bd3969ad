/* SPDX-License-Identifier: Apache-2.0 */
#include "console/age_text.h"

#include <stddef.h>
#include <stdio.h>

void age_text(uint64_t at_ms, uint64_t now_ms, char out[AGE_TEXT_SIZE])
{
	static const struct {
		uint64_t seconds;
		char letter;
	} units[] = { { UINT64_C(365) * 86400, 'y' }, { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' },
		{ 1, 's' } };
	uint64_t seconds = at_ms > now_ms ? 0 : (now_ms - at_ms) / 1000;
	size_t unit = 0;

	out[0] = '\0';
	if (at_ms == 0)
		return;
	while (unit < sizeof(units) / sizeof(units[0]) - 1 && seconds < units[unit].seconds)
		unit++;
	snprintf(out, AGE_TEXT_SIZE, "%llu%c", (unsigned long long)(seconds / units[unit].seconds),
	    units[unit].letter);
}
