/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/fleet.h"

#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "brokers/log/members.h"
#include "brokers/roles.h"
#include "collectors/agent.h"
#include "core/clock.h"
#include "core/keys.h"
#include "core/log.h"
#include "core/require.h"
#include "core/yaml.h"
#include "processors/roles.h"
#include "sinks/roles.h"
#include "sinks/sinks.h"
#include "tests/simulation/chance.h"
#include "tests/simulation/moment.h"
#include "tests/simulation/trace.h"

enum { START_AGAIN_S = 5, FLAG_SIZE = 300, SECTIONS_MAX = 16 };

static const struct role_endpoints endpoints = { .gateway = "sim://gateway",
	.log_agents = "inproc://log-agents",
	.log_readers = "inproc://log-readers",
	.verdicts = "inproc://verdicts" };

static struct fleet *running; /* whom the disks' watch tells */

/* ---- settings ---- */

static const struct setting_section *sections(void)
{
	static struct setting_section all[SECTIONS_MAX];
	const struct setting_section *const parts[] = { &gateway_section, &log_section,
		&processor_section, &inventory_section, &detect_section, &dispatch_section,
		&health_section, &sink_section, &agent_section };
	size_t count = 0;

	for (; count < sizeof(parts) / sizeof(parts[0]); count++)
		all[count] = *parts[count];
	for (size_t i = 0; sinks_all[i] != NULL; i++)
		if (sinks_all[i]->settings != NULL)
			all[count++] = (struct setting_section){ .name = sinks_all[i]->name,
				.settings = sinks_all[i]->settings,
				.size = sinks_all[i]->settings_size,
				.is_list = sinks_all[i]->has_targets };
	return all;
}

static struct settings *settings_new(const char *const *flags)
{
	const struct settings_sources sources = { .flags = flags };
	struct yaml_errors errors = { 0 };
	struct settings *settings = NULL;

	REQUIRE(settings_load(sections(), &sources, &settings, &errors) == STATUS_OK);
	return settings;
}

static struct settings *server_settings(void)
{
	static const char *const flags[] = { "gateway.listen=sim://gateway",
		"gateway.enrolment=", "log.keep=3650d", "inventory.resync_pause=1m", NULL };

	return settings_new(flags);
}

static struct settings *agent_settings(const struct fleet *fleet)
{
	char key[FLAG_SIZE], spool[FLAG_SIZE], digest[FLAG_SIZE];
	const char *flags[] = { key, spool, digest, "agent.helper=off",
		fleet->options.has_bundles ? "agent.bundles=on" : "agent.bundles=off", NULL };

	snprintf(key, sizeof(key), "agent.server_key=%s/keys/server.pub", fleet->data);
	snprintf(spool, sizeof(spool), "agent.spool_size=%" PRIu64, fleet->options.spool_size);
	snprintf(digest, sizeof(digest), "agent.digest=%" PRIu64 "m",
	    fleet->options.digest_minutes);
	return settings_new(flags);
}

/* ---- what the disks tell ---- */

static struct member *owner(struct disk *disk)
{
	struct member *member = disk_owner(disk);

	return member == NULL || member->node.role.is_dying ? NULL : member;
}

static enum disk_fate before_commit(struct disk *disk)
{
	struct member *member = owner(disk);
	enum disk_fate fate;

	if (member == NULL)
		return DISK_KEEPS;
	if (member->dies_at_commit == 1 && !member->dies_after) {
		member->dies_at_commit = 0;
		trace_event("%s dies before a commit", member->name);
		node_die(&member->node);
		return DISK_KEEPS;
	}
	fate = member->next_fate;
	member->next_fate = DISK_KEEPS;
	return fate;
}

static bool is_agent(const struct member *member)
{
	return member->directory != NULL;
}

static void after_commit(struct disk *disk)
{
	struct member *member = owner(disk);

	if (member == NULL)
		return;
	if (is_agent(member))
		checker_check_acks(&running->checker, &running->judged[member->number]);
	if (member->dies_at_commit == 0 || --member->dies_at_commit > 0)
		return;
	trace_event("%s dies after a commit", member->name);
	node_die(&member->node);
}

/* What a spool makes durable is what was produced; what the log does is promised. */
static void on_written(struct disk *disk, struct bytes key, struct bytes value)
{
	struct member *member = owner(disk);

	if (member == NULL)
		return;
	if (!is_agent(member)) {
		production_logged(running->checker.production, value);
		return;
	}
	if (production_add(running->checker.production, member->number, (enum lane)key.data[0],
		bytes_u64(key.data + 1), value)
	    != STATUS_OK)
		checker_complain(&running->checker, "I4 agent %u spooled what is no record",
		    member->number);
}

static const struct disk_watch watch = { .before_commit = before_commit,
	.after_commit = after_commit,
	.on_written = on_written };

/* ---- members ---- */

static struct member *member_new(struct fleet *fleet, const char *name, const struct role *role,
    char *directory, struct settings *settings)
{
	struct member *member = memory_new(sizeof(*member));

	snprintf(member->name, sizeof(member->name), "%s", name);
	member->directory = directory;
	member->settings = directory == NULL ? NULL : settings;
	member->heals_at = MOMENT_NEVER;
	node_init(&member->node, member->name, role, directory == NULL ? fleet->data : directory,
	    settings, &endpoints);
	member->node.role.restart_at = MOMENT_NEVER;
	return member;
}

static struct member *server_new(struct fleet *fleet, const char *name, const struct role *role,
    const char *disk)
{
	struct member *member = member_new(fleet, name, role, NULL, fleet->settings);
	char *directory = text_format("%s/%s", fleet->data, disk == NULL ? "" : disk);

	if (disk != NULL)
		node_own_disk(&member->node, directory);
	free(directory);
	return member;
}

static void member_free(struct member *member)
{
	if (member == NULL)
		return;
	node_fini(&member->node);
	machine_fini(&member->machine);
	disk_image_free(member->backup);
	settings_free(member->settings);
	free(member->directory);
	free(member);
}

static bool fact_of(const struct checker_agent *agent, size_t number, struct buffer *key,
    struct buffer *text)
{
	return machine_fact(agent->data, number, key, text);
}

/* An operator's word, before anybody may ask. */
static void admit(struct fleet *fleet, const uint8_t key[SOCKET_KEY_SIZE])
{
	const struct log_members_word word = { .by = "simulation", .now_ms = clock_wall_ms() };
	char *directory = text_format("%s/log", fleet->data);
	struct log_store *store;
	bool changed;

	REQUIRE(log_store_open(directory, &store) == STATUS_OK);
	REQUIRE(log_store_begin(store) == STATUS_OK);
	REQUIRE(log_members_admit(store, key, "simulated", &word, &changed) == STATUS_OK);
	REQUIRE(log_store_commit(store) == STATUS_OK);
	log_store_close(store);
	free(directory);
}

struct member *fleet_add_agent(struct fleet *fleet)
{
	unsigned number = fleet->agents_count;
	char *directory = text_format("%s/%u", fleet->root, number);
	char *keys = text_format("%s/keys", directory), *spool = text_format("%s/spool", directory);
	char name[24];
	struct key_pair pair;
	uint8_t key[SOCKET_KEY_SIZE];
	struct member *member;
	struct checker_agent *judged = &fleet->judged[number];

	REQUIRE(number < FLEET_AGENTS_MAX);
	snprintf(name, sizeof(name), "agent %u", number);
	REQUIRE(keys_load(keys, "agent", &pair) == STATUS_OK);
	REQUIRE(socket_key_decode(pair.public_key, key));
	admit(fleet, key);
	member = member_new(fleet, name, &agent_role, directory, agent_settings(fleet));
	member->number = number;
	machine_init(&member->machine, number, fleet->options.facts);
	member->node.role.data = &member->machine;
	node_own_disk(&member->node, spool);
	disk_follow(disk_of(spool), "record");
	keys_agent_id(key, judged->id);
	judged->spool = disk_directory(disk_of(spool));
	judged->fact = fact_of;
	judged->facts = fleet->options.facts;
	judged->data = &member->machine;
	judged->spool_max = fleet->options.spool_size;
	fleet->agents[fleet->agents_count++] = member;
	fleet->checker.agents_count = fleet->agents_count;
	free(keys);
	free(spool);
	return member;
}

/* ---- the fleet ---- */

static char *make_root(void)
{
	char *root = text_copy(access("/dev/shm", W_OK) == 0 ? "/dev/shm/fettle-sim-XXXXXX"
							     : "/tmp/fettle-sim-XXXXXX");

	REQUIRE(mkdtemp(root) != NULL);
	return root;
}

struct fleet *fleet_new(const struct fleet_options *options)
{
	struct fleet *fleet = memory_new(sizeof(*fleet));
	struct key_pair server;
	char *keys;

	chance_seed(options->seed);
	moment_set(0);
	trace_reset();
	running = fleet;
	disk_watch_all(&watch);
	fleet->options = *options;
	fleet->root = make_root();
	fleet->data = text_format("%s/server", fleet->root);
	keys = text_format("%s/keys", fleet->data);
	REQUIRE(keys_load(keys, "server", &server) == STATUS_OK);
	free(keys);
	fleet->settings = server_settings();
	fleet->checker = (struct checker){ .data = fleet->data,
		.production = production_new(),
		.agents = fleet->judged };
	fleet->servers[FLEET_LOG] = server_new(fleet, "log", &log_role, "log");
	disk_follow(fleet_disk(fleet, "log"), "record");
	fleet->servers[FLEET_GATEWAY] = server_new(fleet, "gateway", &gateway_role, NULL);
	fleet->servers[FLEET_PROCESSOR] = server_new(fleet, "processor", &processor_role, "state");
	fleet->servers[FLEET_STORE] = server_new(fleet, "store", &sink_role, "store");
	for (unsigned i = 0; i < options->agents; i++)
		(void)fleet_add_agent(fleet);
	return fleet;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(path);
}

void fleet_free(struct fleet *fleet)
{
	const struct disk_watch nothing = { 0 };

	disk_watch_all(&nothing);
	for (unsigned i = fleet_count(fleet); i-- > 0;)
		if (fleet_member(fleet, i)->node.role.is_running)
			node_stop(&fleet_member(fleet, i)->node);
	for (unsigned i = fleet_count(fleet); i-- > 0;)
		member_free(fleet_member(fleet, i));
	network_end_all();
	disk_forget_all();
	settings_free(fleet->settings);
	production_free(fleet->checker.production);
	checker_fini(&fleet->checker);
	(void)nftw(fleet->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(fleet->root);
	free(fleet->data);
	free(fleet);
	running = NULL;
}

unsigned fleet_count(const struct fleet *fleet)
{
	return FLEET_SERVERS + fleet->agents_count;
}

struct member *fleet_member(struct fleet *fleet, unsigned index)
{
	return index < FLEET_SERVERS ? fleet->servers[index] : fleet->agents[index - FLEET_SERVERS];
}

static void start_member(struct member *member)
{
	bool has_started = node_start(&member->node);

	trace_event("%s %s", member->name, has_started ? "starts" : "does not start");
	member->node.role.restart_at = has_started ? MOMENT_NEVER
	                                           : moment_now() + START_AGAIN_S * MOMENT_S;
}

void fleet_start(struct fleet *fleet)
{
	for (unsigned i = 0; i < fleet_count(fleet); i++)
		if (!fleet_member(fleet, i)->is_off)
			start_member(fleet_member(fleet, i));
}

struct disk *fleet_disk(const struct fleet *fleet, const char *name)
{
	char *directory = text_format("%s/%s", fleet->data, name);
	struct disk *disk = disk_of(directory);

	free(directory);
	return disk;
}

void fleet_kill(struct fleet *fleet, struct member *member, uint64_t wait)
{
	(void)fleet;
	if (member->node.role.is_running) {
		trace_event("%s dies", member->name);
		node_die(&member->node);
		node_bury(&member->node);
	}
	member->node.role.restart_at = moment_now() + wait;
}

/* ---- time passes ---- */

/* When MEMBER next wants something; one that ended by itself is started again by its supervisor. */
static uint64_t due_of(struct member *member)
{
	struct role_thread *role = &member->node.role;

	if (role->is_running)
		return node_due(&member->node);
	if (member->is_off)
		return MOMENT_NEVER;
	if (role->restart_at == MOMENT_NEVER)
		role->restart_at = moment_now() + chance_wait(START_AGAIN_S * MOMENT_S);
	return role->restart_at;
}

static uint64_t next_moment(struct fleet *fleet, const struct fleet_driver *driver)
{
	uint64_t next = network_next();

	for (unsigned i = 0; i < fleet_count(fleet); i++) {
		uint64_t due = due_of(fleet_member(fleet, i));

		if (due < next)
			next = due;
	}
	if (driver != NULL && driver->next(driver->data) < next)
		next = driver->next(driver->data);
	return next;
}

static void run_one(struct fleet *fleet)
{
	unsigned due[FLEET_SERVERS + FLEET_AGENTS_MAX], count = 0;
	struct member *member;

	for (unsigned i = 0; i < fleet_count(fleet); i++)
		if (due_of(fleet_member(fleet, i)) <= moment_now())
			due[count++] = i;
	if (count == 0)
		return;
	count = due[chance_below(count)];
	member = fleet_member(fleet, count);
	trace_number(moment_now());
	trace_number(count);
	if (member->node.role.is_running)
		node_turn(&member->node);
	else
		start_member(member);
}

bool fleet_run(struct fleet *fleet, uint64_t until, const struct fleet_driver *driver)
{
	while (fleet->checker.complained == 0) {
		uint64_t next = next_moment(fleet, driver);

		if (next > until) {
			moment_set(until);
			return true;
		}
		if (next > moment_now())
			moment_set(next);
		if (driver != NULL && driver->next(driver->data) <= moment_now())
			driver->act(driver->data);
		if (network_next() <= moment_now())
			network_turn();
		run_one(fleet);
		fleet->steps++;
	}
	return false;
}

/* ---- what the run wants to know, and to do ---- */

static bool is_spool_empty(const struct checker_agent *agent)
{
	struct checker_spool spool;

	if (checker_read_spool(agent->spool, &spool) != STATUS_OK)
		return false;
	for (unsigned lane = 1; lane < LANE_END; lane++)
		if (spool.lanes[lane].records > 0)
			return false;
	return true;
}

bool fleet_is_quiet(const struct fleet *fleet)
{
	struct checker look = { .data = fleet->data,
		.production = fleet->checker.production,
		.agents = fleet->judged,
		.is_quiet = true };
	bool is_quiet = true;

	for (unsigned i = 0; i < fleet->agents_count; i++)
		is_quiet = is_quiet
		        && (fleet->judged[i].is_gone || is_spool_empty(&fleet->judged[i]));
	if (is_quiet)
		is_quiet = checker_is_read(&look);
	checker_fini(&look);
	return is_quiet;
}

unsigned fleet_approve(struct fleet *fleet)
{
	const struct log_members_word word = { .by = "simulation", .now_ms = clock_wall_ms() };
	struct member *log = fleet->servers[FLEET_LOG];
	char *directory = text_format("%s/log", fleet->data);
	struct log_store *store;
	unsigned approved = 0;

	if (log->node.role.is_running)
		node_stop(&log->node);
	REQUIRE(log_store_open(directory, &store) == STATUS_OK);
	REQUIRE(log_store_begin(store) == STATUS_OK);
	for (unsigned i = 0; i < fleet->agents_count; i++) {
		bool changed = false;

		REQUIRE(
		    log_members_approve(store, fleet->judged[i].id, &word, &changed) == STATUS_OK);
		approved += changed;
	}
	REQUIRE(log_store_commit(store) == STATUS_OK);
	log_store_close(store);
	free(directory);
	start_member(log);
	return approved;
}

static void complain_of_spool(struct fleet *fleet, unsigned agent)
{
	struct checker_spool spool;

	if (checker_read_spool(fleet->judged[agent].spool, &spool) != STATUS_OK)
		return;
	for (unsigned lane = 1; lane < LANE_END; lane++)
		if (spool.lanes[lane].records > 0)
			checker_complain(&fleet->checker,
			    "I1 agent %u, epoch %" PRIu64 ", lane %u: %" PRIu64
			    " records wait; sent up to %" PRIu64 ", acknowledged up to %" PRIu64,
			    agent, spool.epoch, lane, spool.lanes[lane].records,
			    spool.lanes[lane].sequence, spool.lanes[lane].acked);
}

void fleet_complain_of_unrest(struct fleet *fleet)
{
	checker_complain(&fleet->checker, "I1 it does not come to rest");
	for (unsigned i = 0; i < fleet_count(fleet); i++)
		if (!fleet_member(fleet, i)->node.role.is_running)
			checker_complain(&fleet->checker, "I1 %s does not run",
			    fleet_member(fleet, i)->name);
	for (unsigned i = 0; i < fleet->agents_count; i++)
		complain_of_spool(fleet, i);
	(void)checker_is_read(&fleet->checker);
}

static void keep_what_is_there(struct fleet *fleet, struct member *member)
{
	static const char *const tables[] = { "record", NULL };
	const struct kv_options options = { .tables = tables };
	struct kv *kv;
	struct kv_txn *txn = NULL;
	struct kv_cursor *cursor = NULL;
	struct bytes key, value;
	enum status status = kv_open(fleet->judged[member->number].spool, &options, &kv);

	if (status != STATUS_OK)
		return;
	status = kv_read_begin(kv, &txn);
	if (status == STATUS_OK)
		status = kv_cursor_open(txn, 0, &cursor);
	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, BYTES_NONE, &key, &value);
	for (; status == STATUS_OK; status = kv_cursor_next(cursor, &key, &value))
		production_keep(fleet->checker.production, member->number, value);
	kv_cursor_close(cursor);
	kv_abort(&txn);
	kv_close(kv);
}

void fleet_put_back_spool(struct fleet *fleet, struct member *member,
    const struct disk_image *image)
{
	REQUIRE(!member->node.role.is_running);
	trace_event("%s: its spool is one of before", member->name);
	disk_image_put(member->node.role.disks[0], image);
	production_begin_life(fleet->checker.production, member->number);
	keep_what_is_there(fleet, member);
}
