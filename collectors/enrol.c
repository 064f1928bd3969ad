/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/enrol.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "collectors/enrol_client.h"
#include "collectors/identity.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/record.h"
#include "core/require.h"

enum { APPROVAL_MS = 2000, BUSY_MS = 2000 };

struct enrolling {
	const struct enrol_options *options;
	struct enrol_result *result;
	uv_loop_t loop;
	uv_timer_t deadline;
	struct socket_context *context;
	struct sockets *sockets;
	struct enrol_client *client;
	struct key_pair keys;
	enum status status;
	bool wants_new_key, has_ended, was_told_pending;
};

static void tell(const struct enrolling *enrolling, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void tell(const struct enrolling *enrolling, const char *format, ...)
{
	va_list arguments;
	char text[512];

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	enrolling->options->on_progress(enrolling->options->progress_data, text);
}

/* ---- asking ---- */

static void end(struct enrolling *enrolling, enum status status)
{
	if (enrolling->has_ended)
		return;
	enrolling->has_ended = true;
	enrolling->status = status;
	enrol_client_free(enrolling->client);
	sockets_free(enrolling->sockets);
	uv_close((uv_handle_t *)&enrolling->deadline, NULL);
}

/* Not within the client's own call, in which it is not to be freed. */
static void on_ended(uv_timer_t *deadline)
{
	struct enrolling *enrolling = deadline->data;

	end(enrolling, enrolling->status);
}

static uint64_t end_soon(struct enrolling *enrolling, enum status status)
{
	enrolling->status = status;
	uv_timer_start(&enrolling->deadline, on_ended, 0, 0);
	return 0;
}

static uint64_t on_pending(struct enrolling *enrolling, const Fettle__EnrolReply *reply)
{
	if (!enrolling->options->waits_for_approval)
		return end_soon(enrolling, STATUS_AGAIN);
	if (!enrolling->was_told_pending)
		tell(enrolling,
		    "waiting for an operator: fettle agents approve %.12s, on the server",
		    enrolling->result->agent);
	enrolling->was_told_pending = true;
	enrolling->status = STATUS_AGAIN; /* should the time run out */
	/* Somebody waits at a terminal, and few at a time do. */
	return reply->retry_ms > 0 && reply->retry_ms < APPROVAL_MS ? reply->retry_ms : APPROVAL_MS;
}

static uint64_t on_reply(void *data, const Fettle__EnrolReply *reply)
{
	struct enrolling *enrolling = data;
	struct enrol_result *result = enrolling->result;

	if (record_bytes(reply->agent).size == HASH_SIZE)
		bytes_to_hex(record_bytes(reply->agent), result->agent);
	snprintf(result->reason, sizeof(result->reason), "%s",
	    reply->reason == NULL ? "" : reply->reason);
	switch (reply->outcome) {
	case FETTLE__ENROL_OUTCOME__ENROL_OUTCOME_ADMITTED:
		return end_soon(enrolling, STATUS_OK);
	case FETTLE__ENROL_OUTCOME__ENROL_OUTCOME_PENDING:
		return on_pending(enrolling, reply);
	case FETTLE__ENROL_OUTCOME__ENROL_OUTCOME_BUSY:
		return reply->retry_ms > 0 ? reply->retry_ms : BUSY_MS;
	default:
		enrolling->wants_new_key = reply->wants_new_key;
		return end_soon(enrolling, STATUS_DENIED);
	}
}

static void on_silence(void *data, const char *endpoint)
{
	tell(data,
	    "no answer from %s: is it running and reachable, and is the file of this very server?",
	    endpoint);
}

static void on_deadline(uv_timer_t *deadline)
{
	struct enrolling *enrolling = deadline->data;

	end(enrolling, enrolling->status);
}

static enum status open_client(struct enrolling *enrolling)
{
	const struct enrol_client_options options = { .loop = &enrolling->loop,
		.sockets = enrolling->sockets,
		.file = enrolling->options->file,
		.keys = &enrolling->keys,
		.root = enrolling->options->root,
		.on_reply = on_reply,
		.on_silence = on_silence,
		.data = enrolling };

	return enrol_client_new(&options, &enrolling->client);
}

static enum status ask(struct enrolling *enrolling)
{
	uint64_t wait_ms = enrolling->options->wait_ms;
	enum status status = socket_context_new(&enrolling->context);

	if (status != STATUS_OK)
		return status;
	REQUIRE(uv_loop_init(&enrolling->loop) == 0);
	uv_timer_init(&enrolling->loop, &enrolling->deadline);
	enrolling->deadline.data = enrolling;
	enrolling->status = STATUS_CLOSED;
	enrolling->has_ended = false;
	if (wait_ms != UINT64_MAX)
		uv_timer_start(&enrolling->deadline, on_deadline, wait_ms, 0);
	status = sockets_new(enrolling->context, &enrolling->loop, NULL, NULL, &enrolling->sockets);
	if (status == STATUS_OK)
		status = open_client(enrolling);
	if (status != STATUS_OK)
		end(enrolling, status);
	uv_run(&enrolling->loop, UV_RUN_DEFAULT);
	uv_loop_close(&enrolling->loop);
	socket_context_free(enrolling->context);
	return enrolling->status;
}

/* ---- before and after ---- */

static enum status load_keys(struct enrolling *enrolling, bool wants_new_key)
{
	char *keys = text_format("%s/keys", enrolling->options->data);
	char *server = text_format("%s/server.key", keys);
	bool was_copied;
	enum status status = access(server, F_OK) == 0 ? STATUS_EXISTS : STATUS_OK;

	if (status == STATUS_OK)
		status = identity_settle(enrolling->options->data, enrolling->options->root,
		    &was_copied);
	if (status == STATUS_OK && wants_new_key)
		status = identity_put_aside(enrolling->options->data, enrolling->options->root);
	if (status == STATUS_OK)
		status = keys_load(keys, "agent", &enrolling->keys);
	free(keys);
	free(server);
	return status;
}

static enum status keep_server(const struct enrol_options *options)
{
	char *key_path = text_format("%s/keys/server.pub", options->data);
	char *path = text_format("%s/keys/server.yaml", options->data);
	struct buffer text = { 0 };
	enum status status = keys_write_line(key_path, 0644, options->file->server_key);

	enrolment_file_write(options->file, false, &text);
	text.size--; /* its last line end, which is written anyway */
	if (status == STATUS_OK)
		status = keys_write_line(path, 0644, buffer_text(&text));
	if (status == STATUS_OK)
		status = identity_enrolled(options->data);
	buffer_fini(&text);
	free(key_path);
	free(path);
	return status;
}

enum status enrol(const struct enrol_options *options, struct enrol_result *result)
{
	struct enrolling enrolling = { .options = options, .result = result };
	enum status status = load_keys(&enrolling, options->wants_new_key);

	*result = (struct enrol_result){ 0 };
	if (status == STATUS_OK)
		status = ask(&enrolling);
	/* The server has seen this key on another machine: ours is the copy, and steps aside. */
	if (status == STATUS_DENIED && enrolling.wants_new_key) {
		tell(&enrolling, "another machine has this key: making one of our own");
		status = load_keys(&enrolling, true);
		if (status == STATUS_OK)
			status = ask(&enrolling);
	}
	if (status == STATUS_OK || status == STATUS_AGAIN) {
		enum status kept = keep_server(options);

		status = kept == STATUS_OK ? status : kept;
	}
	explicit_bzero(&enrolling.keys, sizeof(enrolling.keys));
	return status;
}

static enum status read_logged(const char *path, struct enrolment_file *out)
{
	struct yaml_errors errors = { 0 };
	enum status status = enrolment_file_read(path, out, &errors);

	if (status != STATUS_OK)
		log_write(LOG_ERROR, "enrolment-file", LOG_FIELDS(LOG_TEXT("file", path)), "%s",
		    yaml_errors_text(&errors));
	yaml_errors_fini(&errors);
	return status;
}

enum status enrol_server(const char *data, struct enrolment_file *out)
{
	char *path = text_format("%s/keys/server.yaml", data);
	enum status status = access(path, F_OK) == 0 ? read_logged(path, out) : STATUS_NOT_FOUND;

	free(path);
	return status;
}

/* ---- at the start of a service ---- */

static void log_progress(const void *data, const char *text)
{
	(void)data;
	log_info("enrolling", "%s", text);
}

static enum status enrol_by(const char *data, const char *root, const char *path)
{
	struct enrolment_file file;
	struct enrol_result result;
	struct enrol_options options = { .data = data,
		.root = root,
		.file = &file,
		.wait_ms = UINT64_MAX,
		.on_progress = log_progress };
	enum status status = read_logged(path, &file);

	if (status != STATUS_OK)
		return status;
	status = enrol(&options, &result);
	if (status == STATUS_OK)
		log_write(LOG_INFO, "enrolled", LOG_FIELDS(LOG_TEXT("agent", result.agent)),
		    "the server has let this machine in");
	else if (status == STATUS_AGAIN)
		log_write(LOG_WARN, "enrolment-pending",
		    LOG_FIELDS(LOG_TEXT("agent", result.agent)),
		    "an operator has to approve this machine; what is observed waits until then");
	else if (status == STATUS_DENIED)
		log_write(LOG_ERROR, "enrolment-refused", LOG_FIELDS(LOG_TEXT("file", path)),
		    "the server does not let this machine in: %s", result.reason);
	enrolment_file_fini(&file);
	return status == STATUS_AGAIN ? STATUS_OK : status;
}

enum status enrol_at_start(const char *data, const char *root)
{
	char *path = text_format("%s/keys/enrolment", data);
	bool was_copied, has_file = access(path, F_OK) == 0;
	enum status status = identity_settle(data, root, &was_copied);

	if (status == STATUS_OK && has_file && !identity_is_enrolled(data)) {
		status = enrol_by(data, root, path);
	} else if (status == STATUS_OK && identity_awaits(data)) {
		log_error("enrolment-wanted",
		    "this is a copy of another machine and was not let in: run `fettle-agent "
		    "--enrol FILE` with an enrolment file of the server, or put one to "
		    "keys/enrolment in the data directory");
		status = STATUS_NOT_FOUND;
	}
	free(path);
	return status;
}
