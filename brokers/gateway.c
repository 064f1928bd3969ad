/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gateway - faces the endpoints: authenticates them, bounds what they send, and relays.
 *
 * It reads no frame and remembers no session, so its death loses nothing.  To the log it says who
 * sent a frame (the authenticated agent) and by which route an answer finds back.  When the log has
 * no room it stops reading; when an agent has none, the frame is dropped and counted, because every
 * frame to an agent is one that the link sends again.
 */
#include <stdlib.h>

#include "brokers/admission.h"
#include "brokers/front/peers.h"
#include "brokers/front/guard.h"
#include "brokers/roles.h"
#include "core/clock.h"
#include "core/keys.h"
#include "core/link.h"
#include "core/log.h"

enum {
	FRONT_HIGH_WATER_MARK = 32,
	BACK_HIGH_WATER_MARK = 128, /* frames: what is on its way to the log must fit in memory */
	MUTE_MS = 10 * 1000,
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
	struct peers *peers;
	struct key_pair keys;
	uv_timer_t retry, sweep;
	struct buffer waiting_header, waiting_frame; /* a frame that the log had no room for */
	bool is_waiting, is_shedding;
	uint64_t waiting_since_ms;
	struct socket_options back_options;
	uint64_t relayed, answered, anonymous, undelivered, cut, shed;
};

/* ---- towards the log ---- */

static enum status to_log(struct gateway *gateway, struct bytes header, struct bytes frame)
{
	const struct bytes parts[] = { header, frame };

	return socket_send(gateway->back, parts, 2);
}

/* By inproc libzmq does not connect again to a log of this process that was started again. */
static void reopen_if_stuck(struct gateway *gateway)
{
	uint64_t now_ms = clock_monotonic_ms();
	struct socket *fresh;

	if (now_ms - gateway->waiting_since_ms < REOPEN_MS)
		return;
	gateway->waiting_since_ms = now_ms;
	if (strncmp(gateway->back_options.endpoint, "inproc://", 9) != 0
	    || socket_open(gateway->sockets, &gateway->back_options, &fresh) != STATUS_OK)
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

static void refuse_anonymous(struct gateway *gateway)
{
	cut_off(gateway);
	if (gateway->anonymous++ == 0)
		log_warn("gateway-anonymous", "dropped a message of a peer that is not "
					      "authenticated or not of our protocol");
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

static void on_agent_message(void *data, const struct bytes *parts, size_t count, const char *user)
{
	struct gateway *gateway = data;
	uint8_t header[HEADER_ID + ROUTE_MAX];
	uint64_t now_ms = clock_monotonic_ms();

	if (!bytes_from_hex(user, header, HEADER_ID)) {
		refuse_anonymous(gateway);
		return;
	}
	if (count != 2 || parts[0].size > ROUTE_MAX) {
		peers_cut_off(gateway->peers, header, now_ms);
		refuse_anonymous(gateway);
		return;
	}
	guard_delivered(gateway->guard, socket_source(gateway->front), parts[1].size, header);
	if (!peers_may_pass(gateway->peers, header, parts[1].size, now_ms)) {
		cut_off(gateway);
		return;
	}
	memcpy(header + HEADER_ID, parts[0].data, parts[0].size);
	relay(gateway, BYTES(header, HEADER_ID + parts[0].size), parts[1]);
}

/* ---- under pressure ---- */

/* Ends the shedding once all is read: what comes from now on waits again. */
static struct ledger_front front_state(void *self)
{
	struct gateway *gateway = self;
	bool has_input = socket_has_input(gateway->front);

	if (gateway->is_shedding && !has_input) {
		gateway->is_shedding = false;
		socket_pause(gateway->front, true);
	}
	return (struct ledger_front){ .is_read = !gateway->is_waiting || gateway->is_shedding,
		.is_drained = !gateway->is_waiting && !has_input };
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

static void on_sweep(uv_timer_t *sweep)
{
	struct gateway *gateway = sweep->data;

	peers_sweep(gateway->peers, clock_monotonic_ms());
}

/* ---- towards the agents ---- */

static void on_log_message(void *data, const struct bytes *parts, size_t count, const char *user)
{
	struct gateway *gateway = data;
	struct bytes out[2];

	(void)user;
	if (count != 2 || parts[0].size <= HEADER_ID)
		return;
	out[0] = BYTES(parts[0].data + HEADER_ID, parts[0].size - HEADER_ID);
	out[1] = parts[1];
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

static enum status open_back(struct gateway *gateway, const char *endpoint)
{
	gateway->back_options = (struct socket_options){ .type = SOCKET_DEALER,
		.endpoint = endpoint,
		.high_water_mark = BACK_HIGH_WATER_MARK,
		.on_message = on_log_message,
		.data = gateway };
	return socket_open(gateway->sockets, &gateway->back_options, &gateway->back);
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
		.endpoint = socket_endpoint(gateway->front),
		.limits = { .mute_ms = MUTE_MS,
		    .frame_max = LINK_FRAME_MAX,
		    .queue_frames = FRONT_HIGH_WATER_MARK,
		    .held_max = set->held_max,
		    .connections_max = connections_max(set),
		    .strangers_max = set->strangers_max,
		    .strangers_per_address = set->strangers_per_address },
		.front_state = front_state,
		.on_flooded = on_flooded,
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
		LOG_NUMBER("undelivered", gateway->undelivered), LOG_NUMBER("ended", ended),
		LOG_NUMBER("cut", gateway->cut), LOG_NUMBER("shed", gateway->shed)),
	    "stopped");
	admission_close(gateway->admission);
	guard_free(gateway->guard);
	sockets_free(gateway->sockets);
	uv_close((uv_handle_t *)&gateway->retry, NULL);
	uv_close((uv_handle_t *)&gateway->sweep, NULL);
}

static void finish(void *self)
{
	struct gateway *gateway = self;

	buffer_fini(&gateway->waiting_header);
	buffer_fini(&gateway->waiting_frame);
	peers_free(gateway->peers);
	free(gateway);
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
		status = sockets_new(host->sockets, host->loop, NULL, NULL, &gateway->sockets);
	if (status != STATUS_OK) {
		free(gateway);
		return status;
	}
	uv_timer_init(host->loop, &gateway->retry);
	uv_timer_init(host->loop, &gateway->sweep);
	gateway->retry.data = gateway->sweep.data = gateway;
	gateway->peers = peers_new(&(struct peers_limits){ .bytes_per_second = set->agent_bytes,
	    .messages_per_second = set->agent_messages });
	status = admission_open(gateway->sockets, &gateway->admission);
	if (status == STATUS_OK)
		status = open_front(gateway,
		    endpoints->gateway != NULL ? endpoints->gateway : set->listen);
	if (status == STATUS_OK)
		status = open_back(gateway,
		    endpoints->log_agents != NULL ? endpoints->log_agents : set->log);
	if (status != STATUS_OK) {
		*self = gateway; /* to be taken down */
		return status;
	}
	open_guard(gateway, host->loop, set);
	role_announce(host, socket_endpoint(gateway->front));
	log_write(LOG_INFO, "gateway-ready",
	    LOG_FIELDS(LOG_TEXT("listen", socket_endpoint(gateway->front)),
		LOG_TEXT("server_key", gateway->keys.public_key)),
	    "agents may connect");
	*self = gateway;
	return STATUS_OK;
}

const struct role gateway_role = {
	.name = "gateway",
	.summary = "faces the endpoints: authenticates, bounds and relays",
	.start = start,
	.stop = stop,
	.finish = finish,
};
