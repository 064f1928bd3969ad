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
#include "brokers/member_reader.h"
#include "brokers/roles.h"
#include "brokers/self_test.h"
#include "core/clock.h"
#include "core/keys.h"
#include "core/link.h"
#include "core/log.h"
#include "core/peers.h"

enum {
	FRONT_HIGH_WATER_MARK = 32,
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
	struct member_reader *members;
	struct enrolment *enrolment; /* NULL: there is none */
	struct key_pair keys;
	struct peers_caller caller; /* towards the log, where it is another process */
	char log_key[SOCKET_KEY_TEXT];
	uv_timer_t retry;
	struct buffer waiting_header, waiting_frame; /* a frame that the log had no room for */
	bool is_waiting;
	uint64_t waiting_since_ms;
	struct socket_options back_options;
	uint64_t relayed, answered, anonymous, undelivered, shut_out;
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
	gateway->is_waiting = false;
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

static void on_agent_message(void *data, const struct bytes *parts, size_t count, const char *user)
{
	struct gateway *gateway = data;
	uint8_t header[HEADER_ID + ROUTE_MAX];
	struct bytes slice;

	if (!take_agent(gateway, user, header))
		return;
	if (count != 2 || parts[0].size > ROUTE_MAX) {
		if (gateway->anonymous++ == 0)
			log_warn("gateway-anonymous", "dropped a message that is not of our "
						      "protocol");
		return;
	}
	memcpy(header + HEADER_ID, parts[0].data, parts[0].size);
	slice = BYTES(header, HEADER_ID + parts[0].size);
	if (to_log(gateway, slice, parts[1]) == STATUS_OK)
		gateway->relayed++;
	else
		wait_for_log(gateway, slice, parts[1]);
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

/* Who is admitted, and from where to be told of it. */
static enum status open_members(struct gateway *gateway, const struct role_host *host,
    const char *endpoint)
{
	const struct member_reader_options options = { .loop = host->loop,
		.sockets = gateway->sockets,
		.endpoint = endpoint,
		.caller = &gateway->caller,
		.list = admission_members(gateway->admission) };

	return member_reader_open(&options, &gateway->members);
}

static enum status open_enrolment(struct gateway *gateway, const char *endpoint)
{
	const struct enrolment_options options = { .sockets = gateway->sockets,
		.zap = admission_zap(gateway->admission),
		.endpoint = endpoint,
		.secret_key = gateway->keys.secret_key,
		.relay = relay_enrolment,
		.data = gateway };

	return endpoint[0] == '\0' ? STATUS_OK : enrolment_open(&options, &gateway->enrolment);
}

static void stop(void *self)
{
	struct gateway *gateway = self;

	log_write(LOG_INFO, "gateway-stopped",
	    LOG_FIELDS(LOG_NUMBER("relayed", gateway->relayed),
		LOG_NUMBER("answered", gateway->answered),
		LOG_NUMBER("anonymous", gateway->anonymous),
		LOG_NUMBER("undelivered", gateway->undelivered),
		LOG_NUMBER("shut_out", gateway->shut_out),
		LOG_NUMBER("refused",
		    gateway->admission == NULL ? 0 : admission_refused(gateway->admission))),
	    "stopped");
	enrolment_close(gateway->enrolment);
	member_reader_close(gateway->members);
	admission_close(gateway->admission);
	sockets_free(gateway->sockets);
	uv_close((uv_handle_t *)&gateway->retry, NULL);
}

static void finish(void *self)
{
	struct gateway *gateway = self;

	peers_caller_fini(&gateway->caller);
	buffer_fini(&gateway->waiting_header);
	buffer_fini(&gateway->waiting_frame);
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
	gateway->retry.data = gateway;
	status = open_all(gateway, host, endpoints, set);
	if (status != STATUS_OK) {
		*self = gateway; /* to be taken down */
		return status;
	}
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
