/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gateway - faces the endpoints: authenticates them, bounds what they send, and relays.
 *
 * It reads no frame and remembers no session, so its death loses nothing.  To the log it says who
 * sent a frame (the authenticated agent) and by which route an answer finds back; where the agent's
 * id would stand are zeroes when the gateway itself speaks, of machines that want to be let in.
 * When the log has no room it stops reading; when an agent has none, the frame is dropped and
 * counted, because every frame to an agent is one that the link sends again.
 */
#include <stdlib.h>

#include "brokers/admission.h"
#include "brokers/enrolment.h"
#include "brokers/front/budgets.h"
#include "brokers/front/guard.h"
#include "brokers/member_reader.h"
#include "brokers/roll_call.h"
#include "brokers/roles.h"
#include "brokers/self_test.h"
#include "core/clock.h"
#include "core/keys.h"
#include "core/link.h"
#include "core/log.h"
#include "core/peers.h"

enum {
	FRONT_HIGH_WATER_MARK = 32,
	BACK_HIGH_WATER_MARK = 128, /* frames: what is on its way to the log must fit in memory */
	MUTE_MS = 10 * 1000,
	ASKED_MS = 60 * 1000, /* who waits to be approved asks twice in that time */
	ENROLLING_MAX = 512,
	ENROLLING_PER_ADDRESS = 256,
	FILES_OF_OURS = 256, /* and for what arrives between two looks an eighth of all */
	SWEEP_MS = 5 * 60 * 1000,
	RETRY_MS = 5,
	REOPEN_MS = 2000,
	/* What comes before a relayed frame: the agent's id and the front socket's route. */
	HEADER_ID = HASH_SIZE,
	ROUTE_MAX = 32,
};

struct gateway_settings {
	char *listen;
	char *log;
	char *readers;
	char *log_key;
	char *enrolment;
	uint32_t connections_max;
	uint32_t strangers_max;
	uint32_t strangers_per_address;
	uint64_t held_max;
	uint64_t agent_bytes;
	uint32_t agent_messages;
};

static const struct setting settings[] = {
	SETTING_TEXT(struct gateway_settings, listen, "tcp://127.0.0.1:7117",
	    "where agents connect; tcp://0.0.0.0:7117 for all networks"),
	SETTING_TEXT(struct gateway_settings, log, "tcp://127.0.0.1:7118",
	    "the log's address for gateways, where it runs in another process"),
	SETTING_TEXT(struct gateway_settings, readers, "tcp://127.0.0.1:7119",
	    "the log's address for readers, by which the gateway learns who is admitted"),
	SETTING_TEXT(struct gateway_settings, enrolment, "tcp://127.0.0.1:7121",
	    "where machines ask to be let in; empty: nowhere"),
	SETTING_TEXT(struct gateway_settings, log_key, "",
	    "file of the log's public key; empty: keys/log.pub in the data directory"),
	SETTING_U32(struct gateway_settings, connections_max, 0, 0, 1000000,
	    "connections at once, agents and others; 0: as many as the limit of open files allows"),
	SETTING_U32(struct gateway_settings, strangers_max, 2000, 10, 1000000,
	    "connections at once that have not yet shown to be an agent's"),
	SETTING_U32(struct gateway_settings, strangers_per_address, 1000, 10, 1000000,
	    "of them from one address"),
	SETTING_SIZE(struct gateway_settings, held_max, 64ULL << 20, 8ULL << 20, 1ULL << 40,
	    "bytes of messages held at once, of all agents together"),
	SETTING_SIZE(struct gateway_settings, agent_bytes, 128ULL << 20, 64ULL << 10, 1ULL << 40,
	    "bytes that one agent may send in a second"),
	SETTING_U32(struct gateway_settings, agent_messages, 20000, 10, 100000000,
	    "messages that one agent may send in a second"),
	SETTING_END
};

const struct setting_section gateway_section = { .name = "gateway",
	.settings = settings,
	.size = sizeof(struct gateway_settings),
	.help = "the part that faces the endpoints" };

struct gateway {
	struct sockets *sockets;
	struct socket *front, *back;
	struct admission *admission;
	struct guard *guard;
	struct budgets *budgets;
	struct member_reader *members;
	struct roll_call *roll_call;
	struct enrolment *enrolment; /* NULL: there is none */
	struct key_pair keys;
	struct peers_caller caller; /* towards the log, where it is another process */
	char log_key[SOCKET_KEY_TEXT];
	uv_timer_t retry, sweep;
	struct buffer waiting_header, waiting_frame; /* a frame that the log had no room for */
	bool is_waiting, is_shedding;
	uint64_t waiting_since_ms;
	struct socket_options back_options;
	uint64_t relayed, answered, anonymous, undelivered, shut_out, cut, shed;
};

/* ---- towards the log ---- */

static enum status to_log(struct gateway *gateway, struct bytes header, struct bytes frame)
{
	const struct bytes parts[] = { header, frame };

	if (gateway->back == NULL)
		return STATUS_AGAIN;
	return socket_send(gateway->back, parts, 2);
}

/* NOT_FOUND: the log has no key yet. */
static enum status open_back(struct gateway *gateway, struct socket **out)
{
	enum status status = STATUS_OK;

	if (gateway->caller.server_file != NULL)
		status = peers_server_key(gateway->caller.server_file, gateway->log_key);
	return status == STATUS_OK ? socket_open(gateway->sockets, &gateway->back_options, out)
	                           : status;
}

/*
 * By inproc libzmq does not connect again to a log of this process that was started again; and a
 * log that never ran may have its key by now.
 */
static void reopen_if_stuck(struct gateway *gateway)
{
	uint64_t now_ms = clock_monotonic_ms();
	struct socket *fresh;

	if (now_ms - gateway->waiting_since_ms < REOPEN_MS)
		return;
	gateway->waiting_since_ms = now_ms;
	if ((gateway->back != NULL && !socket_is_inproc(gateway->back_options.endpoint))
	    || open_back(gateway, &fresh) != STATUS_OK)
		return;
	socket_close(gateway->back);
	gateway->back = fresh;
}

static void on_retry(uv_timer_t *retry)
{
	struct gateway *gateway = retry->data;

	if (to_log(gateway, buffer_bytes(&gateway->waiting_header),
		buffer_bytes(&gateway->waiting_frame))
	    != STATUS_OK) {
		reopen_if_stuck(gateway);
		uv_timer_start(&gateway->retry, on_retry, RETRY_MS, 0);
		return;
	}
	gateway->is_waiting = gateway->is_shedding = false;
	gateway->relayed++;
	socket_pause(gateway->front, false);
}

static void wait_for_log(struct gateway *gateway, struct bytes header, struct bytes frame)
{
	buffer_clear(&gateway->waiting_header);
	buffer_clear(&gateway->waiting_frame);
	buffer_append(&gateway->waiting_header, header);
	buffer_append(&gateway->waiting_frame, frame);
	gateway->is_waiting = true;
	gateway->waiting_since_ms = clock_monotonic_ms();
	socket_pause(gateway->front, true);
	uv_timer_start(&gateway->retry, on_retry, RETRY_MS, 0);
}

static void cut_off(struct gateway *gateway)
{
	socket_disconnect(socket_source(gateway->front));
	guard_note_cut(gateway->guard);
	gateway->cut++;
}

static void relay(struct gateway *gateway, struct bytes header, struct bytes frame)
{
	if (gateway->is_shedding)
		gateway->shed++;
	else if (to_log(gateway, header, frame) == STATUS_OK)
		gateway->relayed++;
	else
		wait_for_log(gateway, header, frame);
}

/* Its first message by a key that it offered in a rotation: the log waits to hear of that. */
static void tell_of_first(struct gateway *gateway, const struct member *member)
{
	static const uint8_t header[HEADER_ID + 1]; /* nobody, and no route back */
	Fettle__EnrolRelay message = FETTLE__ENROL_RELAY__INIT;
	struct buffer packed = { 0 };

	RECORD_SET_BYTES(&message, key, BYTES_OF(member->key));
	record_pack(&packed, &message.base);
	if (to_log(gateway, BYTES_OF(header), buffer_bytes(&packed)) == STATUS_OK)
		member_list_told(admission_members(gateway->admission), member);
	buffer_fini(&packed);
}

/* The id of the agent that this message is of; false: of none that is admitted, and it ends. */
static bool take_agent(struct gateway *gateway, const char *user, uint8_t id[HEADER_ID])
{
	int connection = socket_source(gateway->front);
	const struct member *member = admission_check(gateway->admission, user, connection);

	if (member == NULL) {
		gateway->shut_out++;
		socket_disconnect(connection);
		return false;
	}
	if (member->is_awaited)
		tell_of_first(gateway, member);
	memcpy(id, member->agent, HEADER_ID);
	return true;
}

static void refuse_malformed(struct gateway *gateway, const uint8_t agent[HEADER_ID],
    uint64_t now_ms)
{
	budgets_cut_off(gateway->budgets, agent, now_ms);
	cut_off(gateway);
	if (gateway->anonymous++ == 0)
		log_warn("gateway-anonymous", "dropped a message that is not of our protocol");
}

static void on_agent_message(void *data, const struct bytes *parts, size_t count, const char *user)
{
	struct gateway *gateway = data;
	uint8_t header[HEADER_ID + ROUTE_MAX];
	uint64_t now_ms = clock_monotonic_ms();

	if (!take_agent(gateway, user, header))
		return;
	if (count != 2 || parts[0].size > ROUTE_MAX) {
		refuse_malformed(gateway, header, now_ms);
		return;
	}
	guard_delivered(gateway->guard, socket_source(gateway->front), parts[1].size, header);
	if (!budgets_may_pass(gateway->budgets, header, parts[1].size, now_ms)) {
		cut_off(gateway);
		return;
	}
	roll_call_note(gateway->roll_call, socket_source(gateway->front), parts[0]);
	memcpy(header + HEADER_ID, parts[0].data, parts[0].size);
	relay(gateway, BYTES(header, HEADER_ID + parts[0].size), parts[1]);
}

/* ---- under pressure ---- */

/* Ends the shedding once all is read: what comes from now on waits again. */
static struct ledger_front agents_state(struct gateway *gateway)
{
	bool has_input = socket_has_input(gateway->front);

	if (gateway->is_shedding && !has_input) {
		gateway->is_shedding = false;
		socket_pause(gateway->front, true);
	}
	return (struct ledger_front){ .is_read = !gateway->is_waiting || gateway->is_shedding,
		.is_drained = !gateway->is_waiting && !has_input };
}

/* Who wants to enrol is always heard, if only to be told that the log is busy. */
static struct ledger_front front_state(void *self, enum ledger_door door)
{
	struct gateway *gateway = self;

	if (door == LEDGER_AGENTS)
		return agents_state(gateway);
	return (struct ledger_front){ .is_read = true,
		.is_drained = gateway->enrolment == NULL
		           || !enrolment_has_input(gateway->enrolment) };
}

/*
 * The log takes nothing, and the agents' messages fill the memory.  Whoever is cut off leaves them
 * here all the same, so they are read and dropped: every one is sent again.
 */
static void on_flooded(void *self)
{
	struct gateway *gateway = self;

	if (gateway->is_shedding)
		return;
	log_warn("gateway-shedding", "the log takes nothing and agents send more than memory may "
				     "hold: it is dropped, and will be sent again");
	gateway->is_shedding = true;
	socket_pause(gateway->front, false);
}

static void on_endless(void *self, const uint8_t agent[HEADER_ID])
{
	struct gateway *gateway = self;

	budgets_cut_off(gateway->budgets, agent, clock_monotonic_ms());
}

static void on_sweep(uv_timer_t *sweep)
{
	struct gateway *gateway = sweep->data;

	budgets_sweep(gateway->budgets, clock_monotonic_ms());
}

/* ---- towards the agents ---- */

/* Stands where an agent's id would, for what is the gateway's own. */
static const uint8_t nobody[HEADER_ID];

static enum status relay_enrolment(void *data, struct bytes route, struct bytes relay)
{
	struct gateway *gateway = data;
	uint8_t header[HEADER_ID + ENROLMENT_ROUTE_MAX] = { 0 };

	memcpy(header + HEADER_ID, route.data, route.size);
	return to_log(gateway, BYTES(header, HEADER_ID + route.size), relay);
}

static void on_asker(void *data, int connection, size_t size)
{
	struct gateway *gateway = data;

	guard_delivered(gateway->guard, connection, size, NULL);
}

static void on_shut(void *data, int connection)
{
	struct gateway *gateway = data;

	gateway->shut_out++;
	socket_disconnect(connection);
}

static void on_log_message(void *data, const struct bytes *parts, size_t count, const char *user)
{
	struct gateway *gateway = data;
	struct bytes out[2];

	(void)user;
	if (count != 2 || parts[0].size <= HEADER_ID)
		return;
	out[0] = BYTES(parts[0].data + HEADER_ID, parts[0].size - HEADER_ID);
	out[1] = parts[1];
	if (bytes_start_with(parts[0], BYTES_OF(nobody))) {
		if (gateway->enrolment != NULL)
			enrolment_answer(gateway->enrolment, out[0], out[1]);
		return;
	}
	if (socket_send(gateway->front, out, 2) == STATUS_OK)
		gateway->answered++;
	else
		gateway->undelivered++;
}

/* ---- opening ---- */

static enum status open_front(struct gateway *gateway, const char *endpoint)
{
	const struct socket_options options = { .type = SOCKET_ROUTER,
		.endpoint = endpoint,
		.binds = true,
		.high_water_mark = FRONT_HIGH_WATER_MARK,
		.message_max = LINK_FRAME_MAX,
		.faces_strangers = true,
		.is_curve_server = true,
		.secret_key = gateway->keys.secret_key,
		.on_message = on_agent_message,
		.data = gateway };

	return socket_open(gateway->sockets, &options, &gateway->front);
}

static enum status call_log(struct gateway *gateway, const struct role_host *host,
    const char *endpoint, const char *key_file)
{
	enum status status = STATUS_OK;

	gateway->back_options = (struct socket_options){ .type = SOCKET_DEALER,
		.endpoint = endpoint,
		.high_water_mark = BACK_HIGH_WATER_MARK,
		.on_message = on_log_message,
		.data = gateway };
	if (!socket_is_inproc(endpoint)) {
		status = peers_call(host->data, "gateway", "log", key_file, &gateway->caller);
		gateway->back_options.server_key = gateway->log_key;
		gateway->back_options.public_key = gateway->caller.own.public_key;
		gateway->back_options.secret_key = gateway->caller.own.secret_key;
	}
	if (status == STATUS_OK)
		status = open_back(gateway, &gateway->back);
	return status == STATUS_NOT_FOUND && key_file[0] == '\0' ? STATUS_OK : status;
}

static enum status call_agent(void *data, struct bytes route, struct bytes frame)
{
	struct gateway *gateway = data;
	const struct bytes parts[] = { route, frame };

	return socket_send(gateway->front, parts, 2);
}

/* It may have been started again, and then nobody hears of a command before they speak. */
static void on_log(void *data)
{
	struct gateway *gateway = data;

	roll_call_begin(gateway->roll_call);
}

/* Who is admitted, and from where to be told of it. */
static enum status open_members(struct gateway *gateway, const struct role_host *host,
    const char *endpoint)
{
	const struct member_reader_options options = { .loop = host->loop,
		.sockets = gateway->sockets,
		.endpoint = endpoint,
		.caller = &gateway->caller,
		.list = admission_members(gateway->admission),
		.on_log = on_log,
		.data = gateway };

	return member_reader_open(&options, &gateway->members);
}

static enum status open_enrolment(struct gateway *gateway, const char *endpoint)
{
	const struct enrolment_options options = { .sockets = gateway->sockets,
		.zap = admission_zap(gateway->admission),
		.endpoint = endpoint,
		.secret_key = gateway->keys.secret_key,
		.relay = relay_enrolment,
		.on_heard = on_asker,
		.data = gateway };

	return endpoint[0] == '\0' ? STATUS_OK : enrolment_open(&options, &gateway->enrolment);
}

/* How many connections there may be, so that a descriptor is left for everything else. */
static size_t connections_max(const struct gateway_settings *set)
{
	uint64_t files = guard_raise_file_limit(), spare = FILES_OF_OURS + files / 8;
	uint64_t most = files > 2 * spare ? files - spare : files / 2;

	if (set->connections_max == 0)
		return most;
	if (set->connections_max > most)
		log_write(LOG_WARN, "gateway-files",
		    LOG_FIELDS(LOG_NUMBER("connections", most),
			LOG_NUMBER("wanted", set->connections_max), LOG_NUMBER("files", files)),
		    "the limit of open files allows fewer connections than "
		    "gateway.connections_max");
	return set->connections_max < most ? set->connections_max : most;
}

static void open_guard(struct gateway *gateway, uv_loop_t *loop, const struct gateway_settings *set)
{
	const struct guard_options options = { .loop = loop,
		.endpoints = { socket_endpoint(gateway->front),
		    gateway->enrolment == NULL ? NULL : enrolment_endpoint(gateway->enrolment) },
		.limits = { .mute_ms = MUTE_MS,
		    .asked_ms = ASKED_MS,
		    .frame_max = LINK_FRAME_MAX,
		    .queue_frames = FRONT_HIGH_WATER_MARK,
		    .held_max = set->held_max,
		    .connections_max = connections_max(set),
		    .strangers = { { set->strangers_max, set->strangers_per_address },
			{ ENROLLING_MAX, ENROLLING_PER_ADDRESS } } },
		.front_state = front_state,
		.on_flooded = on_flooded,
		.on_endless = on_endless,
		.self = gateway };

	gateway->guard = guard_new(&options);
	uv_timer_start(&gateway->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
}

static void stop(void *self)
{
	struct gateway *gateway = self;
	uint64_t ended = gateway->guard == NULL ? 0 : guard_ended(gateway->guard);

	log_write(LOG_INFO, "gateway-stopped",
	    LOG_FIELDS(LOG_NUMBER("relayed", gateway->relayed),
		LOG_NUMBER("answered", gateway->answered),
		LOG_NUMBER("anonymous", gateway->anonymous),
		LOG_NUMBER("undelivered", gateway->undelivered),
		LOG_NUMBER("shut_out", gateway->shut_out),
		LOG_NUMBER("refused",
		    gateway->admission == NULL ? 0 : admission_refused(gateway->admission)),
		LOG_NUMBER("ended", ended), LOG_NUMBER("cut", gateway->cut),
		LOG_NUMBER("shed", gateway->shed)),
	    "stopped");
	enrolment_close(gateway->enrolment);
	member_reader_close(gateway->members);
	roll_call_free(gateway->roll_call);
	admission_close(gateway->admission);
	guard_free(gateway->guard);
	sockets_free(gateway->sockets);
	uv_close((uv_handle_t *)&gateway->retry, NULL);
	uv_close((uv_handle_t *)&gateway->sweep, NULL);
}

static void finish(void *self)
{
	struct gateway *gateway = self;

	peers_caller_fini(&gateway->caller);
	buffer_fini(&gateway->waiting_header);
	buffer_fini(&gateway->waiting_frame);
	budgets_free(gateway->budgets);
	free(gateway);
}

static void on_round(void *data, bool has_more)
{
	struct gateway *gateway = data;

	(void)has_more;
	if (gateway->members != NULL)
		member_reader_pump(gateway->members);
}

static enum status open_all(struct gateway *gateway, const struct role_host *host,
    const struct role_endpoints *endpoints, const struct gateway_settings *set)
{
	enum status status = admission_open(gateway->sockets, on_shut, gateway,
	    &gateway->admission);

	if (status == STATUS_OK)
		status = open_front(gateway,
		    endpoints->gateway != NULL ? endpoints->gateway : set->listen);
	if (status == STATUS_OK)
		status = self_test(host->loop, gateway->sockets, gateway->admission,
		    socket_endpoint(gateway->front), gateway->keys.public_key);
	if (status == STATUS_OK)
		status = call_log(gateway, host,
		    endpoints->log_agents != NULL ? endpoints->log_agents : set->log, set->log_key);
	if (status == STATUS_OK)
		status = open_members(gateway, host,
		    endpoints->log_readers != NULL ? endpoints->log_readers : set->readers);
	return status == STATUS_OK ? open_enrolment(gateway, set->enrolment) : status;
}

static enum status start(const struct role_host *host, const struct role_endpoints *endpoints,
    void **self)
{
	const struct gateway_settings *set = settings_of(host->settings, "gateway");
	struct gateway *gateway = memory_new(sizeof(*gateway));
	char *keys = text_format("%s/keys", host->data);
	enum status status = keys_load(keys, "server", &gateway->keys);

	free(keys);
	if (status == STATUS_OK)
		status = sockets_new(host->sockets, host->loop, on_round, gateway,
		    &gateway->sockets);
	if (status != STATUS_OK) {
		free(gateway);
		return status;
	}
	uv_timer_init(host->loop, &gateway->retry);
	uv_timer_init(host->loop, &gateway->sweep);
	gateway->roll_call = roll_call_new(
	    &(struct roll_call_options){ .loop = host->loop, .send = call_agent, .data = gateway });
	gateway->retry.data = gateway->sweep.data = gateway;
	gateway->budgets = budgets_new(
	    &(struct budget_limits){ .bytes_per_second = set->agent_bytes,
		.messages_per_second = set->agent_messages });
	status = open_all(gateway, host, endpoints, set);
	if (status != STATUS_OK) {
		*self = gateway; /* to be taken down */
		return status;
	}
	open_guard(gateway, host->loop, set);
	role_announce(host, socket_endpoint(gateway->front));
	log_write(LOG_INFO, "gateway-ready",
	    LOG_FIELDS(LOG_TEXT("listen", socket_endpoint(gateway->front)),
		LOG_TEXT("enrolment",
		    gateway->enrolment == NULL ? "" : enrolment_endpoint(gateway->enrolment)),
		LOG_TEXT("server_key", gateway->keys.public_key)),
	    "agents may connect");
	*self = gateway;
	return STATUS_OK;
}

void gateway_addresses(const struct settings *in_use, const char **listen, const char **enrolment)
{
	const struct gateway_settings *set = settings_of(in_use, "gateway");

	*listen = set->listen;
	*enrolment = set->enrolment;
}

const struct role gateway_role = {
	.name = "gateway",
	.summary = "faces the endpoints: authenticates, bounds and relays",
	.start = start,
	.stop = stop,
	.finish = finish,
};
