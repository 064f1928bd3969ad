/* SPDX-License-Identifier: Apache-2.0 */
#include "core/require.h"

#include <stdlib.h>

#include "core/log.h"

_Noreturn void require_failed(const char *file, int line, const char *condition)
{
	log_error("internal-error", "%s:%d: this must hold and does not: %s; please report it",
	    file, line, condition);
	abort();
}
