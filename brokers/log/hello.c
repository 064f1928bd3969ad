/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/log/hello.h"

static enum hello_verdict judge_returned(const struct hello_facts *facts)
{
	return facts->returns >= HELLO_RETURNS_MAX ? HELLO_CLONE : HELLO_RETURNED;
}

enum hello_verdict hello_judge(const struct hello_facts *facts)
{
	if (!facts->is_known)
		return HELLO_NEW;
	if (facts->is_nameless)
		return HELLO_NAMELESS;
	if (facts->is_older_run && facts->was_said_before && facts->overtaken < HELLO_OVERTAKEN_MAX)
		return HELLO_OVERTAKEN;
	if (facts->is_older_run || facts->is_older_spool)
		return judge_returned(facts);
	if (!facts->is_same_spool)
		return HELLO_OTHER_SPOOL;
	if (!facts->has_instance)
		return HELLO_RESUMED;
	if (facts->is_last_run)
		return facts->is_behind ? HELLO_ROLLED_BACK : HELLO_RESUMED;
	if (!facts->has_later_start || facts->is_behind)
		return HELLO_ROLLED_BACK;
	return HELLO_SUPERSEDED;
}

bool hello_begins_epoch(enum hello_verdict verdict)
{
	return verdict == HELLO_NEW || verdict == HELLO_OTHER_SPOOL || verdict == HELLO_ROLLED_BACK;
}
