/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections are read in the order in which they came, and new ones are taken last: whatever an
 * agent that was killed had asked is known before the next one's question is answered.
 */
#include "collectors/helper/helper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "collectors/helper/apply.h"
#include "collectors/helper/attempts.h"
#include "collectors/helper/wire.h"
#include "core/clock.h"
#include "core/job_action.h"
#include "core/job_id.h"
#include "core/log.h"
#include "core/require.h"

#define REFUSED FETTLE__HELPER_STATE__HELPER_STATE_REFUSED
#define UNKNOWN FETTLE__HELPER_STATE__HELPER_STATE_UNKNOWN
#define BUSY FETTLE__HELPER_STATE__HELPER_STATE_BUSY
#define RUNNING FETTLE__HELPER_STATE__HELPER_STATE_RUNNING
#define ENDED FETTLE__HELPER_STATE__HELPER_STATE_ENDED
#define INTERRUPTED FETTLE__HELPER_STATE__HELPER_STATE_INTERRUPTED

static const char nobody_saw[] = "interrupted: nobody saw how it ended";

enum { CONNECTIONS_MAX = 8, READ_SIZE = 16 * 1024, TICK_MS = 1000, IDLE_TICK_MS = 5000 };
/* In the array for poll; connections follow. */
enum { POLL_SIGNAL, POLL_PROCESS, POLL_SOCKET, POLL_CHANGES, POLL_FIRST };

struct connection {
	int fd;
	struct buffer in;
	bool waits; /* to be told when what runs now has ended */
};

struct helper {
	const struct place *place;
	int signals;
	struct connection connections[CONNECTIONS_MAX]; /* in the order in which they came */
	size_t count;
	bool is_applying;
	struct apply apply;
	uint8_t job[JOB_ID_SIZE]; /* of what is being applied, as is the attempt */
	uint64_t attempt;
	int output; /* -1: there is none */
	bool is_ending;
};

/* ---- answers ---- */

static void hang_up(struct connection *connection)
{
	if (connection->fd >= 0)
		close(connection->fd);
	connection->fd = -1;
	buffer_fini(&connection->in);
}

static void forget_closed(struct helper *helper)
{
	size_t kept = 0;

	for (size_t i = 0; i < helper->count; i++)
		if (helper->connections[i].fd >= 0)
			helper->connections[kept++] = helper->connections[i];
	helper->count = kept;
}

/* Whoever does not read what was asked for is cut off, and asks again. */
static void answer(struct connection *connection, const Fettle__HelperReply *reply)
{
	struct buffer out = { 0 };

	wire_append(&out, &reply->base);
	if (send(connection->fd, out.data, out.size, MSG_DONTWAIT | MSG_NOSIGNAL)
	    != (ssize_t)out.size)
		hang_up(connection);
	buffer_fini(&out);
}

static void answer_state(struct connection *connection, struct bytes job, uint64_t attempt,
    Fettle__HelperState state, const char *reason)
{
	Fettle__HelperReply reply = FETTLE__HELPER_REPLY__INIT;

	RECORD_SET_BYTES(&reply, job, job);
	RECORD_SET(&reply, attempt, attempt);
	RECORD_SET(&reply, state, state);
	reply.reason = RECORD_TEXT(reason);
	answer(connection, &reply);
}

static void answer_attempt(struct connection *connection, const Fettle__HelperAttempt *attempt)
{
	Fettle__HelperReply reply = FETTLE__HELPER_REPLY__INIT;

	RECORD_SET_BYTES(&reply, job, record_bytes(attempt->job));
	RECORD_SET(&reply, attempt, attempt->attempt);
	RECORD_SET(&reply, state, attempt->state);
	reply.has_exit_code = attempt->has_exit_code;
	reply.exit_code = attempt->exit_code;
	reply.reason = attempt->reason;
	reply.has_output = attempt->has_output;
	reply.output = attempt->output;
	answer(connection, &reply);
}

/* ---- applying ---- */

static bool is_current(const struct helper *helper, struct bytes job, uint64_t attempt)
{
	return helper->is_applying && helper->attempt == attempt
	    && bytes_equal(BYTES_OF(helper->job), job);
}

/* True where the attempt is known, in whatever state: then it has been answered. */
static bool answer_known(struct helper *helper, struct connection *connection, struct bytes job,
    uint64_t attempt)
{
	struct arena arena = { 0 };
	Fettle__HelperAttempt *known = NULL;
	enum status status;

	if (is_current(helper, job, attempt)) {
		connection->waits = true;
		answer_state(connection, job, attempt, RUNNING, NULL);
		return true;
	}
	status = attempts_read(helper->place->directory, job, attempt, &arena, &known);
	if (status == STATUS_OK && known->state != RUNNING)
		answer_attempt(connection, known);
	else if (status == STATUS_OK || status == STATUS_CORRUPT)
		answer_state(connection, job, attempt, INTERRUPTED, nobody_saw);
	else if (status != STATUS_NOT_FOUND)
		answer_state(connection, job, attempt, BUSY, "the journal cannot be read");
	arena_fini(&arena);
	return status != STATUS_NOT_FOUND;
}

static Fettle__HelperAttempt attempt_of(const struct helper *helper)
{
	Fettle__HelperAttempt attempt = FETTLE__HELPER_ATTEMPT__INIT;

	RECORD_SET_BYTES(&attempt, job, BYTES_OF(helper->job));
	RECORD_SET(&attempt, attempt, helper->attempt);
	return attempt;
}

static enum status write_begun(const struct helper *helper)
{
	Fettle__HelperAttempt attempt = attempt_of(helper);
	uint8_t boot[BOOT_ID_SIZE];

	clock_boot_id(boot);
	RECORD_SET(&attempt, state, RUNNING);
	RECORD_SET(&attempt, begun_ms, clock_wall_ms());
	RECORD_SET_BYTES(&attempt, boot_id, BYTES_OF(boot));
	RECORD_SET(&attempt, pid, (uint64_t)helper->apply.pid);
	RECORD_SET(&attempt, pid_started, helper->apply.started);
	return attempts_write(helper->place->directory, &attempt);
}

static void close_output(struct helper *helper)
{
	if (helper->output >= 0)
		close(helper->output);
	helper->output = -1;
}

/* Nothing runs before the journal says durably that it does. */
static enum status begin(struct helper *helper, const Fettle__HelperRun *run)
{
	int directory = helper->place->directory;
	struct bytes job = record_bytes(run->job);
	enum status status;

	memcpy(helper->job, job.data, JOB_ID_SIZE);
	helper->attempt = run->attempt;
	attempts_prune(directory);
	helper->output = attempts_new_output(directory, job, run->attempt);
	if (helper->output < 0)
		return STATUS_IO;
	status = apply_prepare(run->action, helper->output, &helper->apply);
	if (status == STATUS_OK) {
		status = write_begun(helper);
		if (status != STATUS_OK)
			apply_drop(&helper->apply);
	}
	if (status != STATUS_OK) {
		close_output(helper);
		attempts_remove_output(directory, job, run->attempt);
		return status;
	}
	apply_open_gate(&helper->apply);
	helper->is_applying = true;
	return STATUS_OK;
}

static void write_ended(struct helper *helper, Fettle__HelperAttempt *attempt,
    struct buffer *output)
{
	int directory = helper->place->directory;

	RECORD_SET(attempt, ended_ms, clock_wall_ms());
	attempts_read_output(directory, record_bytes(attempt->job), attempt->attempt, output);
	RECORD_SET_BYTES(attempt, output, buffer_bytes(output));
	/* Where it cannot be kept it was logged, and the next helper will say "interrupted". */
	if (attempts_write(directory, attempt) == STATUS_OK)
		attempts_remove_output(directory, record_bytes(attempt->job), attempt->attempt);
}

static void tell_end(const Fettle__HelperAttempt *attempt)
{
	char id[2 * JOB_ID_SIZE + 1], how[64];

	bytes_to_hex(record_bytes(attempt->job), id);
	if (attempt->state == INTERRUPTED)
		snprintf(how, sizeof(how), "%s", nobody_saw);
	else if (attempt->exit_code < 0)
		snprintf(how, sizeof(how), "ended by signal %d", (int)-attempt->exit_code);
	else
		snprintf(how, sizeof(how), "exited with %d", (int)attempt->exit_code);
	log_write(LOG_INFO, "helper-ended",
	    LOG_FIELDS(LOG_TEXT("job", id), LOG_NUMBER("attempt", attempt->attempt)), "apt-get: %s",
	    how);
}

static void on_end(struct helper *helper)
{
	Fettle__HelperAttempt attempt = attempt_of(helper);
	struct buffer output = { 0 };
	bool was_told_to_end = helper->apply.is_told_to_end;
	int exit_code = 0;

	helper->is_applying = false;
	RECORD_SET(&attempt, state, INTERRUPTED);
	attempt.reason = RECORD_TEXT(nobody_saw);
	if (apply_end(&helper->apply, &exit_code)) {
		attempt.state = ENDED;
		RECORD_SET(&attempt, exit_code, exit_code);
		attempt.reason = was_told_to_end ? RECORD_TEXT("it did not end within an hour")
		                                 : NULL;
	}
	close_output(helper);
	write_ended(helper, &attempt, &output);
	tell_end(&attempt);
	for (size_t i = 0; i < helper->count; i++) {
		struct connection *connection = &helper->connections[i];

		if (connection->fd >= 0 && connection->waits)
			answer_attempt(connection, &attempt);
		connection->waits = false;
	}
	buffer_fini(&output);
}

/* ---- after a start ---- */

static bool is_of_this_boot(const Fettle__HelperAttempt *attempt)
{
	uint8_t boot[BOOT_ID_SIZE];

	clock_boot_id(boot);
	return bytes_equal(record_bytes(attempt->boot_id), BYTES_OF(boot));
}

static void resume(struct helper *helper, const Fettle__HelperAttempt *attempt)
{
	uint64_t since_ms = clock_wall_ms() - attempt->begun_ms;

	memcpy(helper->job, attempt->job.data, JOB_ID_SIZE);
	helper->attempt = attempt->attempt;
	helper->output = attempts_open_output(helper->place->directory, record_bytes(attempt->job),
	    attempt->attempt);
	/* A clock that was set back gives a number beyond any: it has no more time then. */
	helper->apply.deadline_ms -= since_ms < APPLY_TIMEOUT_MS ? since_ms : APPLY_TIMEOUT_MS;
	helper->is_applying = true;
	log_info("helper-found", "what an earlier helper began is running still");
}

/* What was begun and is not known to have ended runs still, or it is over and nobody saw how. */
static void recover(void *data, const Fettle__HelperAttempt *attempt)
{
	struct helper *helper = data;
	Fettle__HelperAttempt over = *attempt;
	struct buffer output = { 0 };

	if (attempt->state != RUNNING)
		return;
	if (!helper->is_applying && is_of_this_boot(attempt)
	    && apply_find((pid_t)attempt->pid, attempt->pid_started, &helper->apply) == STATUS_OK) {
		resume(helper, attempt);
		return;
	}
	RECORD_SET(&over, state, INTERRUPTED);
	over.reason = RECORD_TEXT(nobody_saw);
	write_ended(helper, &over, &output);
	tell_end(&over);
	buffer_fini(&output);
}

/* ---- requests ---- */

static void take_run(struct helper *helper, struct connection *connection,
    const Fettle__HelperRun *run)
{
	struct bytes job = record_bytes(run->job);
	const char *refusal = job_action_check(run->action);

	if (answer_known(helper, connection, job, run->attempt))
		return;
	if (refusal == NULL && clock_wall_ms() >= run->valid_until_ms)
		refusal = "the lease had expired before it was begun";
	if (refusal != NULL) {
		log_warn("helper-refused", "a request is refused: %s", refusal);
		answer_state(connection, job, run->attempt, REFUSED, refusal);
	} else if (helper->is_applying || helper->is_ending) {
		answer_state(connection, job, run->attempt, BUSY, "another is being applied");
	} else if (begin(helper, run) != STATUS_OK) {
		answer_state(connection, job, run->attempt, BUSY, "it cannot be begun now");
	} else {
		connection->waits = true;
		log_info("helper-begun", "apt-get upgrades %zu packages", run->action->n_packages);
		answer_state(connection, job, run->attempt, RUNNING, NULL);
	}
}

static void take_query(struct helper *helper, struct connection *connection,
    const Fettle__HelperQuery *query)
{
	struct bytes job = record_bytes(query->job);

	if (!answer_known(helper, connection, job, query->attempt))
		answer_state(connection, job, query->attempt, UNKNOWN, NULL);
}

/* False: it is no request. */
static bool take_request(struct helper *helper, struct connection *connection,
    const Fettle__HelperRequest *request)
{
	const Fettle__HelperRun *run = request->run;
	const Fettle__HelperQuery *query = request->query;

	if (run != NULL && query == NULL && run->job.len == JOB_ID_SIZE && run->attempt > 0)
		take_run(helper, connection, run);
	else if (query != NULL && run == NULL && query->job.len == JOB_ID_SIZE
		 && query->attempt > 0)
		take_query(helper, connection, query);
	else
		return false;
	return true;
}

static void take_requests(struct helper *helper, struct connection *connection)
{
	enum status status = STATUS_OK;

	while (status == STATUS_OK && connection->fd >= 0) {
		struct arena arena = { 0 };
		void *request = NULL;

		status = wire_take(&connection->in, &fettle__helper_request__descriptor, &arena,
		    &request);
		if (status == STATUS_OK && !take_request(helper, connection, request))
			status = STATUS_REJECT;
		arena_fini(&arena);
	}
	if (status != STATUS_REJECT)
		return;
	log_warn("helper-rubbish", "somebody spoke another protocol to the helper, and is cut off");
	answer_state(connection, BYTES_NONE, 0, REFUSED, "this is no request");
	hang_up(connection);
}

/* ---- connections ---- */

static bool may_ask(const struct helper *helper, int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
		return false;
	if (peer.uid == 0 || peer.uid == helper->place->owner)
		return true;
	log_write(LOG_WARN, "helper-stranger",
	    LOG_FIELDS(LOG_NUMBER("uid", peer.uid), LOG_NUMBER("pid", (uint64_t)peer.pid)),
	    "somebody connected who is neither root nor the owner of the data directory");
	return false;
}

/* Who waits for nothing makes room, the oldest first. */
static void make_room(struct helper *helper)
{
	size_t oldest = 0;

	if (helper->count < CONNECTIONS_MAX)
		return;
	while (oldest + 1 < helper->count && helper->connections[oldest].waits)
		oldest++;
	hang_up(&helper->connections[oldest]);
	forget_closed(helper);
}

static void on_connection(struct helper *helper)
{
	int fd = accept4(helper->place->socket, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (!may_ask(helper, fd)) {
		close(fd);
		return;
	}
	make_room(helper);
	helper->connections[helper->count++] = (struct connection){ .fd = fd };
}

/* All that is there, before anything of a later connection is. */
static void on_readable(struct helper *helper, struct connection *connection)
{
	ssize_t got;

	do {
		uint8_t *room = buffer_extend(&connection->in, READ_SIZE);

		got = recv(connection->fd, room, READ_SIZE, MSG_DONTWAIT);
		connection->in.size -= READ_SIZE - (got > 0 ? (size_t)got : 0);
		if (got > 0)
			take_requests(helper, connection);
	} while (got > 0 && connection->fd >= 0);
	if (connection->fd >= 0 && (got == 0 || (errno != EAGAIN && errno != EINTR)))
		hang_up(connection);
}

/* ---- the loop ---- */

static void on_signal(struct helper *helper)
{
	struct signalfd_siginfo told;

	if (read(helper->signals, &told, sizeof(told)) != (ssize_t)sizeof(told))
		return;
	helper->is_ending = true;
	if (helper->is_applying)
		log_info("helper-ending", "ends once what is being applied has ended");
}

static size_t fill(const struct helper *helper, struct pollfd *polled)
{
	polled[POLL_SIGNAL] = (struct pollfd){ .fd = helper->signals, .events = POLLIN };
	polled[POLL_PROCESS] = (struct pollfd){ .fd = helper->is_applying ? helper->apply.process
		                                                          : -1,
		.events = POLLIN };
	polled[POLL_SOCKET] = (struct pollfd){ .fd = helper->place->socket, .events = POLLIN };
	polled[POLL_CHANGES] = (struct pollfd){ .fd = helper->place->changes, .events = POLLIN };
	for (size_t i = 0; i < helper->count; i++)
		polled[POLL_FIRST + i] = (struct pollfd){ .fd = helper->connections[i].fd,
			.events = POLLIN };
	return POLL_FIRST + helper->count;
}

static void dispatch(struct helper *helper, const struct pollfd *polled)
{
	size_t count = helper->count;

	for (size_t i = 0; i < count; i++)
		if (polled[POLL_FIRST + i].revents != 0)
			on_readable(helper, &helper->connections[i]);
	if (polled[POLL_PROCESS].revents != 0)
		on_end(helper);
	if (polled[POLL_SIGNAL].revents != 0)
		on_signal(helper);
	forget_closed(helper);
	if (polled[POLL_CHANGES].revents != 0)
		place_drain(helper->place);
	if (polled[POLL_SOCKET].revents != 0)
		on_connection(helper);
}

static void on_tick(struct helper *helper)
{
	if (helper->is_applying)
		apply_check_deadline(&helper->apply, clock_monotonic_ms());
	if (helper->output >= 0)
		attempts_trim_output(helper->output);
	if (!place_exists(helper->place))
		helper->is_ending = true;
}

static enum status run(struct helper *helper)
{
	struct pollfd polled[POLL_FIRST + CONNECTIONS_MAX];

	while (helper->is_applying || !helper->is_ending) {
		nfds_t count = fill(helper, polled);
		int ready = poll(polled, count, helper->is_applying ? TICK_MS : IDLE_TICK_MS);

		if (ready < 0 && errno != EINTR) {
			log_error("helper-stopped", "the helper cannot go on: %s", strerror(errno));
			return STATUS_IO;
		}
		if (ready > 0)
			dispatch(helper, polled);
		on_tick(helper);
	}
	return STATUS_OK;
}

static int take_signals(void)
{
	sigset_t wanted;

	sigemptyset(&wanted);
	sigaddset(&wanted, SIGTERM);
	sigaddset(&wanted, SIGINT);
	(void)signal(SIGPIPE, SIG_IGN); /* whoever read the log lines may be gone */
	return sigprocmask(SIG_BLOCK, &wanted, NULL) == 0 ? signalfd(-1, &wanted, SFD_CLOEXEC) : -1;
}

enum status helper_serve(const struct place *place)
{
	struct helper helper = { .place = place,
		.output = -1,
		.apply = { .process = -1, .gate = -1 } };
	enum status status;

	helper.signals = take_signals();
	if (helper.signals < 0) {
		log_error("helper-stopped", "signals cannot be waited for: %s", strerror(errno));
		return STATUS_IO;
	}
	attempts_visit(place->directory, recover, &helper);
	status = run(&helper);
	for (size_t i = 0; i < helper.count; i++)
		hang_up(&helper.connections[i]);
	close(helper.signals);
	return status;
}
