/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/faults.h"

#include <stdlib.h>

#include "tests/simulation/chance.h"
#include "tests/simulation/moment.h"
#include "tests/simulation/trace.h"

enum { COMMITS_UNTIL_DEATH = 6, YEARS_OFF = 10 };

static const char *const names[FAULTS] = {
	[FAULT_CRASH] = "crash",
	[FAULT_RESET] = "reset",
	[FAULT_PARTITION] = "partition",
	[FAULT_DELAY] = "delay",
	[FAULT_STALL] = "stall",
	[FAULT_DISK] = "disk",
	[FAULT_COMMIT] = "commit",
	[FAULT_CLOCK] = "clock",
	[FAULT_ROLLBACK] = "rollback",
};

const char *fault_name(enum fault fault)
{
	return names[fault];
}

static unsigned kind_named(const char *name)
{
	for (unsigned i = 0; i < FAULTS; i++)
		if (strcmp(names[i], name) == 0)
			return 1U << i;
	return 0;
}

unsigned faults_parse(const char *text)
{
	char *copy = text_copy(text), *rest = copy, *name;
	unsigned kinds = 0;

	while ((name = strsep(&rest, ",")) != NULL) {
		unsigned kind = strcmp(name, "all") == 0 ? (1U << FAULTS) - 1 : kind_named(name);

		if (kind == 0) {
			kinds = 0;
			break;
		}
		kinds |= kind;
	}
	free(copy);
	return kinds;
}

/* ---- each ---- */

static uint64_t a_while(uint64_t mean)
{
	return moment_now() + chance_wait(mean);
}

static void crash(struct faults *faults, struct member *member)
{
	uint64_t wait = chance_once_in(10) ? 10 * MOMENT_MINUTE : 5 * MOMENT_S;

	if (chance_once_in(3)) {
		fleet_kill(faults->fleet, member, chance_wait(wait));
		return;
	}
	member->dies_at_commit = 1 + (unsigned)chance_below(COMMITS_UNTIL_DEATH);
	member->dies_after = chance_once_in(2);
}

static void partition(struct member *member)
{
	unsigned ways = 1 + (unsigned)chance_below(NETWORK_OUT | NETWORK_IN);

	node_block(&member->node, ways);
	member->heals_at = a_while(chance_once_in(5) ? 20 * MOMENT_MINUTE : MOMENT_MINUTE);
	trace_event("%s is cut off, ways %u", member->name, ways);
}

static void delay(struct member *member)
{
	uint64_t lag = chance_between(1, 8000) * MOMENT_MS;

	node_set_lag(&member->node, lag);
	member->heals_at = a_while(MOMENT_MINUTE);
	trace_event("%s is slow to reach", member->name);
}

static void stall(struct member *member)
{
	uint64_t until = a_while(20 * MOMENT_S);

	if (member->node.role.busy_until < until)
		member->node.role.busy_until = until;
	trace_event("%s stands still", member->name);
}

static void fill_disk(struct member *member)
{
	struct disk *disk = member->node.role.disks[0];

	if (disk == NULL)
		return;
	disk_set_full(disk, true);
	member->heals_at = a_while(2 * MOMENT_MINUTE);
	trace_event("%s: its disk is full", member->name);
}

static void fail_commit(struct member *member)
{
	member->next_fate = chance_once_in(2) ? DISK_FAILS : DISK_KEEPS_AND_FAILS;
	trace_event("%s: a commit will fail, %s", member->name,
	    member->next_fate == DISK_FAILS ? "and count not" : "and count");
}

static void set_clock(struct member *member)
{
	static const int64_t year_ms = 365LL * 86400 * 1000;
	int64_t most = chance_once_in(4) ? YEARS_OFF * year_ms : 600 * 1000;

	member->node.role.skew_ms = (int64_t)chance_below((uint64_t)(2 * most)) - most;
	trace_event("%s: its clock is off by %lld ms", member->name,
	    (long long)member->node.role.skew_ms);
}

/* Now and then an image of a spool is taken; later it takes the spool's place. */
static void roll_back(struct faults *faults, struct member *member)
{
	struct disk *disk = member->node.role.disks[0];

	if (member->backup == NULL) {
		member->backup = disk_image_take(disk);
		trace_event("%s: its spool is copied", member->name);
		return;
	}
	fleet_kill(faults->fleet, member, chance_wait(10 * MOMENT_S));
	fleet_put_back_spool(faults->fleet, member, member->backup);
	disk_image_free(member->backup);
	member->backup = NULL;
}

static struct member *any_agent(struct fleet *fleet)
{
	return fleet->agents[chance_below(fleet->agents_count)];
}

static struct member *any_member(struct fleet *fleet)
{
	return chance_once_in(2) ? fleet->servers[chance_below(FLEET_SERVERS)] : any_agent(fleet);
}

static void inflict(struct faults *faults, enum fault fault)
{
	struct member *member = any_member(faults->fleet);

	faults->counts[fault]++;
	switch (fault) {
	case FAULT_CRASH:
		crash(faults, member);
		break;
	case FAULT_RESET:
		trace_event("%s loses a connection", member->name);
		network_reset_one(&member->node.role.network);
		break;
	case FAULT_PARTITION:
		partition(member);
		break;
	case FAULT_DELAY:
		delay(member);
		break;
	case FAULT_STALL:
		stall(member);
		break;
	case FAULT_DISK:
		fill_disk(member);
		break;
	case FAULT_COMMIT:
		fail_commit(member);
		break;
	case FAULT_CLOCK:
		set_clock(any_agent(faults->fleet));
		break;
	case FAULT_ROLLBACK:
		roll_back(faults, any_agent(faults->fleet));
		break;
	case FAULTS:
		break;
	}
}

/* ---- when ---- */

static void heal(struct member *member)
{
	member->heals_at = MOMENT_NEVER;
	node_block(&member->node, 0);
	node_set_lag(&member->node, 0);
	if (member->node.role.disks[0] != NULL)
		disk_set_full(member->node.role.disks[0], false);
	trace_event("%s is well again", member->name);
}

static uint64_t next(void *data)
{
	struct faults *faults = data;
	uint64_t at = faults->next_at;

	for (unsigned i = 0; i < fleet_count(faults->fleet); i++)
		if (fleet_member(faults->fleet, i)->heals_at < at)
			at = fleet_member(faults->fleet, i)->heals_at;
	return at;
}

static void act(void *data)
{
	struct faults *faults = data;
	enum fault fault;

	for (unsigned i = 0; i < fleet_count(faults->fleet); i++)
		if (fleet_member(faults->fleet, i)->heals_at <= moment_now())
			heal(fleet_member(faults->fleet, i));
	if (faults->next_at > moment_now())
		return;
	faults->next_at = a_while(faults->every);
	do
		fault = (enum fault)chance_below(FAULTS);
	while ((faults->kinds & (1U << fault)) == 0);
	/* One that changes what the server has to give away: rare, or it hides all else. */
	if (fault != FAULT_ROLLBACK || chance_once_in(4))
		inflict(faults, fault);
}

void faults_init(struct faults *faults, struct fleet *fleet, unsigned kinds, uint64_t every)
{
	*faults = (struct faults){ .fleet = fleet, .kinds = kinds, .every = every };
	faults->next_at = kinds == 0 ? MOMENT_NEVER : a_while(every);
}

struct fleet_driver faults_driver(struct faults *faults)
{
	return (struct fleet_driver){ .next = next, .act = act, .data = faults };
}

void faults_heal(struct faults *faults)
{
	faults->next_at = MOMENT_NEVER;
	for (unsigned i = 0; i < fleet_count(faults->fleet); i++) {
		struct member *member = fleet_member(faults->fleet, i);

		member->dies_at_commit = 0;
		member->next_fate = DISK_KEEPS;
		member->node.role.skew_ms = 0;
		if (!member->node.role.is_running)
			member->node.role.restart_at = moment_now();
		heal(member);
	}
	faults->approved += fleet_approve(faults->fleet);
}
