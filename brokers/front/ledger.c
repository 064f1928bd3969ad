/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/front/ledger.h"

#include <stdlib.h>

#include "core/hashmap.h"

enum {
	/* Of one message in ZMTP 3.1: CURVE's command name, nonce, tag and flags, and the frame's
	   own head, which is longer above 255 bytes. */
	CURVE_OVERHEAD = 33,
	SHORT_HEAD = 2,
	LONG_HEAD = 9,
	SHORT_BODY_MAX = 255,
	TABLE_GROWTH = 256,
	AGENT_ID = 16,
};

struct entry {
	uint64_t cookie; /* 0: none of ours */
	uint64_t since_ms, seen_ms;
	uint64_t received;
	uint64_t fresh, delivered; /* since the last look */
	uint64_t pending;          /* received and not delivered */
	uint64_t queued, held;     /* of which the kernel has; and the rest */
	uint32_t look;             /* that saw it last */
	bool has_spoken;           /* as an agent */
	bool has_asked;            /* at the second door */
	bool is_suspect, is_shut;
	enum ledger_door door;
	uint8_t agent[AGENT_ID];
	uint8_t address[LEDGER_ADDRESS];
};

/* How many connections of one address, or of one agent. */
struct group {
	uint8_t name[LEDGER_ADDRESS];
	size_t count;
	UT_hash_handle hh;
};

struct ledger {
	struct ledger_limits limits;
	struct entry *table; /* by descriptor */
	size_t size;
	uint32_t look;
	uint64_t now_ms;
	bool was_drained[LEDGER_DOORS];
	struct ledger_totals totals;
	/* During a judgement. */
	enum ledger_door door; /* whose crowd is being looked at */
	ledger_shut shut;
	void *self;
};

static const char *const reasons[LEDGER_REASONS] = {
	[LEDGER_KEEP] = "none",
	[LEDGER_MUTE] = "mute",
	[LEDGER_BABBLES] = "babbles",
	[LEDGER_ENDLESS] = "endless",
	[LEDGER_HOLDS_MOST] = "holds_most",
	[LEDGER_CROWD] = "crowd",
	[LEDGER_FULL] = "full",
	[LEDGER_TWINS] = "twins",
};

const char *ledger_reason_text(enum ledger_reason reason)
{
	return reasons[reason];
}

struct ledger *ledger_new(const struct ledger_limits *limits)
{
	struct ledger *ledger = memory_new(sizeof(*ledger));

	ledger->limits = *limits;
	return ledger;
}

void ledger_free(struct ledger *ledger)
{
	if (ledger == NULL)
		return;
	free(ledger->table);
	free(ledger);
}

static struct entry *entry_at(struct ledger *ledger, int fd)
{
	size_t index = (size_t)fd, size = index + TABLE_GROWTH;

	if (index >= ledger->size) {
		ledger->table = memory_grow(ledger->table, size * sizeof(*ledger->table));
		memset(ledger->table + ledger->size, 0,
		    (size - ledger->size) * sizeof(*ledger->table));
		ledger->size = size;
	}
	return &ledger->table[index];
}

uint64_t ledger_cookie(const struct ledger *ledger, int fd)
{
	return (size_t)fd < ledger->size ? ledger->table[fd].cookie : 0;
}

const struct ledger_totals *ledger_totals(const struct ledger *ledger)
{
	return &ledger->totals;
}

/* ---- what comes ---- */

static uint64_t wire_size(size_t payload)
{
	uint64_t body = payload + CURVE_OVERHEAD;

	return body + (body > SHORT_BODY_MAX ? LONG_HEAD : SHORT_HEAD);
}

/* A message may come before the first look at its connection: the next look finds both. */
void ledger_delivered(struct ledger *ledger, int fd, size_t size, const uint8_t agent[AGENT_ID])
{
	struct entry *entry;

	if (fd < 0)
		return;
	entry = entry_at(ledger, fd);
	entry->delivered += wire_size(size);
	entry->has_spoken = agent != NULL;
	entry->has_asked = agent == NULL;
	if (agent != NULL)
		memcpy(entry->agent, agent, AGENT_ID);
}

void ledger_begin(struct ledger *ledger, uint64_t now_ms)
{
	ledger->look++;
	ledger->now_ms = now_ms;
	ledger->totals = (struct ledger_totals){ 0 };
}

/* Another connection has the descriptor: what was delivered since the last look passes for its own.
 */
static void take_over(struct ledger *ledger, struct entry *entry,
    const struct ledger_connection *connection)
{
	struct entry fresh = { .cookie = connection->cookie,
		.since_ms = ledger->now_ms,
		.has_spoken = entry->delivered > 0 && connection->door == LEDGER_AGENTS,
		.has_asked = entry->delivered > 0 && connection->door == LEDGER_ENROLMENT,
		.door = connection->door,
		.delivered = entry->delivered };

	memcpy(fresh.agent, entry->agent, AGENT_ID);
	memcpy(fresh.address, connection->address, LEDGER_ADDRESS);
	*entry = fresh;
}

void ledger_see(struct ledger *ledger, int fd, const struct ledger_connection *connection)
{
	struct entry *entry = entry_at(ledger, fd);

	if (entry->cookie != connection->cookie)
		take_over(ledger, entry, connection);
	entry->look = ledger->look;
	entry->fresh = connection->received - entry->received;
	entry->pending += entry->fresh;
	entry->received = connection->received;
	entry->queued = connection->queued;
}

/* ---- judging ---- */

/*
 * Heartbeats count as received and are never delivered, so the difference would drift.  Where
 * everything whole had been read at the last look, and now again, with a message between, what is
 * left unfinished came since.
 */
static void settle(struct entry *entry, bool was_read_out)
{
	entry->pending -= entry->delivered < entry->pending ? entry->delivered : entry->pending;
	if (was_read_out && entry->delivered > 0 && entry->pending > entry->fresh)
		entry->pending = entry->fresh;
	entry->held = entry->pending > entry->queued ? entry->pending - entry->queued : 0;
}

static void shut(struct ledger *ledger, size_t fd, enum ledger_reason reason)
{
	struct entry *entry = &ledger->table[fd];

	if (entry->is_shut)
		return;
	entry->is_shut = true;
	ledger->shut(ledger->self, &(struct ledger_end){ .fd = (int)fd,
				       .reason = reason,
				       .address = entry->address,
				       .agent = entry->has_spoken ? entry->agent : NULL });
}

static bool is_here(const struct ledger *ledger, const struct entry *entry)
{
	return entry->cookie != 0 && entry->look == ledger->look && !entry->is_shut;
}

/*
 * More than whole messages can add up to while they wait to be read.  That holds however busy the
 * door is: one at which somebody always has something to say is never seen read out.
 */
static uint64_t most_that_waits(const struct ledger *ledger, enum ledger_door door)
{
	return door == LEDGER_ENROLMENT
	         ? LEDGER_ASKING_BYTES
	         : (ledger->limits.queue_frames + 2) * wire_size(ledger->limits.frame_max);
}

static enum ledger_reason judge_stranger(const struct ledger *ledger, const struct entry *entry,
    struct ledger_front front)
{
	uint64_t patience = entry->has_asked ? ledger->limits.asked_ms : ledger->limits.mute_ms;

	if (entry->held
	    > (front.is_drained ? LEDGER_STRANGER_BYTES : most_that_waits(ledger, entry->door)))
		return LEDGER_BABBLES;
	if (front.is_drained && ledger->now_ms - entry->since_ms > patience)
		return LEDGER_MUTE;
	return LEDGER_KEEP;
}

/*
 * Much may arrive between the question whether all is read and the one for its size.  So who seems
 * to hold an endless message is suspected first, and judged when it delivered nothing until the
 * front was read out once more.
 */
static enum ledger_reason judge_agent(const struct ledger *ledger, struct entry *entry,
    struct ledger_front front)
{
	uint64_t frame = wire_size(ledger->limits.frame_max);
	bool was_suspect = entry->is_suspect;

	if (entry->held > most_that_waits(ledger, entry->door))
		return LEDGER_ENDLESS;
	entry->is_suspect = entry->held > 2 * frame
	                 && (front.is_drained || (was_suspect && entry->delivered == 0));
	return entry->is_suspect && was_suspect && front.is_drained && entry->delivered == 0
	         ? LEDGER_ENDLESS
	         : LEDGER_KEEP;
}

static void judge_one(struct ledger *ledger, size_t fd, struct ledger_front front)
{
	struct entry *entry = &ledger->table[fd];
	enum ledger_reason reason;

	if (entry->has_asked && entry->delivered > 0)
		entry->since_ms = ledger->now_ms;
	reason = entry->has_spoken ? judge_agent(ledger, entry, front)
	                           : judge_stranger(ledger, entry, front);
	ledger->totals.connections++;
	ledger->totals.strangers += !entry->has_spoken;
	ledger->totals.enrolling += entry->door == LEDGER_ENROLMENT;
	ledger->totals.has_suspect |= entry->is_suspect;
	entry->delivered = 0;
	if (reason != LEDGER_KEEP)
		shut(ledger, fd, reason);
	else
		ledger->totals.held += entry->held;
}

/* ---- all together ---- */

struct choice {
	size_t fd;
	uint64_t rank; /* the highest goes first */
};

static int higher_first(const void *one, const void *other)
{
	uint64_t left = ((const struct choice *)one)->rank,
		 right = ((const struct choice *)other)->rank;

	return left < right ? 1 : left > right ? -1 : 0;
}

/* Those here for which RANK is not 0, the highest first; to be freed. */
static struct choice *rank_all(const struct ledger *ledger,
    uint64_t (*rank)(const struct ledger *ledger, const struct entry *entry), size_t *count)
{
	struct choice *choices = memory_new((ledger->totals.connections + 1) * sizeof(*choices));

	*count = 0;
	for (size_t fd = 0; fd < ledger->size; fd++) {
		const struct entry *entry = &ledger->table[fd];
		uint64_t value = is_here(ledger, entry) ? rank(ledger, entry) : 0;

		if (value > 0)
			choices[(*count)++] = (struct choice){ fd, value };
	}
	qsort(choices, *count, sizeof(*choices), higher_first);
	return choices;
}

static uint64_t by_held(const struct ledger *ledger, const struct entry *entry)
{
	(void)ledger;
	return entry->held;
}

static void relieve_memory(struct ledger *ledger)
{
	struct choice *choices;
	size_t count;

	if (ledger->totals.held <= ledger->limits.held_max)
		return;
	choices = rank_all(ledger, by_held, &count);
	for (size_t i = 0; i < count && ledger->totals.held > ledger->limits.held_max; i++) {
		ledger->totals.held -= choices[i].rank;
		shut(ledger, choices[i].fd, LEDGER_HOLDS_MOST);
	}
	free(choices);
}

/* The newest first, and strangers before agents. */
static uint64_t by_right_to_stay(const struct ledger *ledger, const struct entry *entry)
{
	(void)ledger;
	return entry->since_ms + 1 + (entry->has_spoken ? 0 : UINT64_MAX / 2);
}

static void relieve_table(struct ledger *ledger)
{
	struct choice *choices;
	size_t count;

	if (ledger->totals.connections <= ledger->limits.connections_max)
		return;
	choices = rank_all(ledger, by_right_to_stay, &count);
	for (size_t i = 0; i < count && count - i > ledger->limits.connections_max; i++)
		shut(ledger, choices[i].fd, LEDGER_FULL);
	free(choices);
}

/* ---- groups: strangers of one address, connections of one agent ---- */

static size_t count_in(struct group **groups, const uint8_t name[LEDGER_ADDRESS], int change)
{
	struct group *group;

	HASH_FIND(hh, *groups, name, LEDGER_ADDRESS, group);
	if (group == NULL) {
		group = memory_new(sizeof(*group));
		memcpy(group->name, name, LEDGER_ADDRESS);
		HASH_ADD(hh, *groups, name, LEDGER_ADDRESS, group);
	}
	group->count = change < 0 ? group->count - 1 : group->count + (size_t)change;
	return group->count;
}

static void free_groups(struct group **groups)
{
	struct group *group, *next;

	HASH_ITER (hh, *groups, group, next) {
		HASH_DEL(*groups, group);
		free(group);
	}
}

/* The longest here first: an honest one has become an agent, or has asked, long before. */
static uint64_t stranger_by_age(const struct ledger *ledger, const struct entry *entry)
{
	return entry->has_spoken || entry->door != ledger->door
	         ? 0
	         : ledger->now_ms - entry->since_ms + 1;
}

static uint64_t agent_by_age(const struct ledger *ledger, const struct entry *entry)
{
	return entry->has_spoken ? ledger->now_ms - entry->since_ms + 1 : 0;
}

/* The address as strangers are counted by it. */
static void crowd_of(const struct entry *entry, uint8_t out[LEDGER_ADDRESS])
{
	static const uint8_t v4[12] = { [10] = 0xff, [11] = 0xff };

	memcpy(out, entry->address, LEDGER_ADDRESS);
	if (memcmp(out, v4, sizeof(v4)) != 0)
		memset(out + LEDGER_ADDRESS / 2, 0, LEDGER_ADDRESS / 2);
}

/* How many are left where no address has more than SHARE. */
static size_t left_of(const struct group *addresses, size_t share)
{
	size_t left = 0;

	for (const struct group *at = addresses; at != NULL; at = at->hh.next)
		left += at->count < share ? at->count : share;
	return left;
}

/* Of CHOICES, in their order, those go whose address has more than SHARE, until LEFT are left. */
static void cut_crowd(struct ledger *ledger, const struct choice *choices, size_t count,
    struct group **addresses, size_t share, size_t left)
{
	size_t here = left_of(*addresses, SIZE_MAX);

	for (size_t i = 0; i < count && here > left; i++) {
		const struct entry *entry = &ledger->table[choices[i].fd];
		uint8_t address[LEDGER_ADDRESS];

		crowd_of(entry, address);
		if (entry->is_shut || count_in(addresses, address, 0) <= share)
			continue;
		(void)count_in(addresses, address, -1);
		here--;
		shut(ledger, choices[i].fd, LEDGER_CROWD);
	}
}

/*
 * Where there are too many, the address with the most gives first, of its own the oldest: who comes
 * from elsewhere gets in, however many wait.
 */
static void relieve_strangers(struct ledger *ledger, enum ledger_door door)
{
	const struct ledger_crowd *limit = &ledger->limits.strangers[door];
	struct group *addresses = NULL;
	struct choice *choices;
	size_t count, share = limit->per_address;

	if (ledger->totals.strangers <= limit->per_address
	    && ledger->totals.strangers <= limit->most)
		return;
	ledger->door = door;
	choices = rank_all(ledger, stranger_by_age, &count);
	for (size_t i = 0; i < count; i++) {
		uint8_t address[LEDGER_ADDRESS];

		crowd_of(&ledger->table[choices[i].fd], address);
		(void)count_in(&addresses, address, 1);
	}
	if (share > limit->most)
		share = limit->most;
	while (share > 0 && left_of(addresses, share - 1) >= limit->most)
		share--;
	cut_crowd(ledger, choices, count, &addresses, share, 0);
	if (share > 0)
		cut_crowd(ledger, choices, count, &addresses, share - 1, limit->most);
	free_groups(&addresses);
	free(choices);
}

/* Of one agent's connections the newest stay. */
static void relieve_twins(struct ledger *ledger)
{
	struct group *agents = NULL;
	bool has_twins = false;
	struct choice *choices;
	size_t count;

	for (size_t fd = 0; fd < ledger->size; fd++)
		if (is_here(ledger, &ledger->table[fd]) && ledger->table[fd].has_spoken)
			has_twins |= count_in(&agents, ledger->table[fd].agent, 1)
			           > LEDGER_PEER_CONNECTIONS;
	choices = has_twins ? rank_all(ledger, agent_by_age, &count) : NULL;
	for (size_t i = 0; choices != NULL && i < count; i++) {
		const uint8_t *agent = ledger->table[choices[i].fd].agent;

		if (count_in(&agents, agent, 0) > LEDGER_PEER_CONNECTIONS) {
			(void)count_in(&agents, agent, -1);
			shut(ledger, choices[i].fd, LEDGER_TWINS);
		}
	}
	free_groups(&agents);
	free(choices);
}

static void forget_gone(struct ledger *ledger)
{
	for (size_t fd = 0; fd < ledger->size; fd++)
		if (ledger->table[fd].look != ledger->look)
			ledger->table[fd] = (struct entry){ 0 };
}

void ledger_judge(struct ledger *ledger, const struct ledger_front fronts[LEDGER_DOORS],
    ledger_shut on_shut, void *self)
{
	ledger->shut = on_shut;
	ledger->self = self;
	forget_gone(ledger);
	for (size_t fd = 0; fd < ledger->size; fd++)
		if (is_here(ledger, &ledger->table[fd])) {
			enum ledger_door door = ledger->table[fd].door;

			settle(&ledger->table[fd],
			    fronts[door].is_drained && ledger->was_drained[door]);
			judge_one(ledger, fd, fronts[door]);
		}
	for (int door = 0; door < LEDGER_DOORS; door++)
		ledger->was_drained[door] = fronts[door].is_drained;
	/* What is not read is not its senders' fault, and stays where it is whoever goes. */
	if (fronts[LEDGER_AGENTS].is_read)
		relieve_memory(ledger);
	relieve_table(ledger);
	for (int door = 0; door < LEDGER_DOORS; door++)
		relieve_strangers(ledger, (enum ledger_door)door);
	relieve_twins(ledger);
}
