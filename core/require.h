/* SPDX-License-Identifier: Apache-2.0 */
/*
 * require.h - for a programmer's mistake, never for input.  Kept in release builds: a role that
 * goes on after one could acknowledge what it does not have.
 */
#ifndef CORE_REQUIRE_H
#define CORE_REQUIRE_H

_Noreturn void require_failed(const char *file, int line, const char *condition);

#define REQUIRE(condition) ((condition) ? (void)0 : require_failed(__FILE__, __LINE__, #condition))

#endif
