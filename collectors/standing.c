/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/standing.h"

#include <stdlib.h>

#include "collectors/enrol_client.h"
#include "core/clock.h"
#include "core/log.h"

enum {
	SILENT_MS = 20 * 1000, /* a session that is well is heard of every 15 seconds */
	PATIENCE_MS = 15 * 1000,
	AGAIN_MS = 5 * 60 * 1000,
};

struct standing {
	uv_loop_t *loop;
	struct sockets *sockets;
	const struct enrolment_file *server;
	struct enrol_client *client;
	struct key_pair keys; /* a copy: the question may outlast them */
	uint64_t asked_ms, next_ms;
	bool is_answered;
};

static uint64_t on_reply(void *data, const Fettle__EnrolReply *reply)
{
	struct standing *standing = data;
	const char *reason = reply->reason == NULL ? "" : reply->reason;

	standing->is_answered = true;
	if (reply->outcome == FETTLE__ENROL_OUTCOME__ENROL_OUTCOME_REFUSED)
		log_write(LOG_ERROR, "agent-refused",
		    LOG_FIELDS(LOG_TEXT("public_key", standing->keys.public_key)),
		    "the server does not let this agent in: %s; what is observed stays in the "
		    "spool",
		    reason);
	else if (reply->outcome == FETTLE__ENROL_OUTCOME__ENROL_OUTCOME_PENDING)
		log_write(LOG_WARN, "enrolment-pending",
		    LOG_FIELDS(LOG_TEXT("public_key", standing->keys.public_key)),
		    "an operator has to approve this machine; what is observed waits until then");
	return 0;
}

static void on_silence(void *data, const char *endpoint)
{
	(void)data;
	log_debug("standing-unknown", "no answer from %s either", endpoint);
}

struct standing *standing_new(uv_loop_t *loop, struct sockets *sockets,
    const struct enrolment_file *server)
{
	struct standing *standing = memory_new(sizeof(*standing));

	standing->loop = loop;
	standing->sockets = sockets;
	standing->server = server;
	return standing;
}

static void stop_asking(struct standing *standing)
{
	enrol_client_free(standing->client);
	standing->client = NULL;
	explicit_bzero(&standing->keys, sizeof(standing->keys));
}

void standing_free(struct standing *standing)
{
	if (standing == NULL)
		return;
	stop_asking(standing);
	free(standing);
}

static void ask(struct standing *standing, const struct key_pair *keys, uint64_t now_ms)
{
	const struct enrol_client_options options = { .loop = standing->loop,
		.sockets = standing->sockets,
		.file = standing->server,
		.keys = &standing->keys,
		.root = "",
		.on_reply = on_reply,
		.on_silence = on_silence,
		.data = standing };

	standing->keys = *keys;
	standing->is_answered = false;
	standing->asked_ms = now_ms;
	standing->next_ms = now_ms + clock_jitter_ms(AGAIN_MS);
	if (enrol_client_new(&options, &standing->client) != STATUS_OK)
		standing->client = NULL;
}

void standing_tick(struct standing *standing, const struct key_pair *keys, uint64_t silent_ms,
    uint64_t now_ms)
{
	if (standing->client != NULL
	    && (standing->is_answered || now_ms - standing->asked_ms > PATIENCE_MS))
		stop_asking(standing);
	if (standing->client == NULL && silent_ms >= SILENT_MS && now_ms >= standing->next_ms
	    && standing->server->endpoints_count > 0)
		ask(standing, keys, now_ms);
}
