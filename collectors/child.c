/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end comes when the process has exited and both pipes are at their end.  A grandchild that
 * keeps a pipe open does not hold that up beyond the timeout.
 */
#include "collectors/child.h"

#include <signal.h>
#include <stdlib.h>

#include "core/require.h"

enum { ERRORS_LIMIT = 4 * 1024, READ_SIZE = 64 * 1024, HANDLES = 4 };

struct child {
	uv_process_t process;
	uv_pipe_t output_pipe, errors_pipe;
	uv_timer_t timer;
	struct buffer output, errors;
	size_t output_limit;
	bool has_exited;
	bool is_ending; /* the handles are being closed */
	unsigned pipes_open, handles_open;
	struct child_result result;
	void (*on_end)(void *data, const struct child_result *result);
	void *data;
	char read_buffer[READ_SIZE];
};

static void on_handle_closed(uv_handle_t *handle)
{
	struct child *child = handle->data;

	if (--child->handles_open > 0)
		return;
	child->result.output = buffer_bytes(&child->output);
	child->result.errors = buffer_bytes(&child->errors);
	child->on_end(child->data, &child->result);
	buffer_fini(&child->output);
	buffer_fini(&child->errors);
	free(child);
}

static void close_handle(struct child *child, uv_handle_t *handle)
{
	handle->data = child;
	uv_close(handle, on_handle_closed);
}

static void end(struct child *child)
{
	if (child->is_ending)
		return;
	child->is_ending = true;
	close_handle(child, (uv_handle_t *)&child->process);
	close_handle(child, (uv_handle_t *)&child->output_pipe);
	close_handle(child, (uv_handle_t *)&child->errors_pipe);
	close_handle(child, (uv_handle_t *)&child->timer);
}

/* Its whole session goes; its exit is what ends it then, so that no zombie is left. */
static void kill_because(struct child *child, enum child_end reason)
{
	if (child->is_ending)
		return;
	child->result.end = reason;
	child->pipes_open = 0;
	uv_read_stop((uv_stream_t *)&child->output_pipe);
	uv_read_stop((uv_stream_t *)&child->errors_pipe);
	(void)kill(-child->process.pid, SIGKILL);
	if (child->has_exited)
		end(child);
}

static void on_process_exit(uv_process_t *process, int64_t code, int signal)
{
	struct child *child = process->data;

	child->has_exited = true;
	if (child->result.end == CHILD_EXITED) {
		child->result.end = signal != 0 ? CHILD_SIGNALLED : CHILD_EXITED;
		child->result.code = signal != 0 ? signal : (int)code;
	}
	if (child->pipes_open == 0)
		end(child);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
	struct child *child = handle->data;

	(void)suggested;
	*out = uv_buf_init(child->read_buffer, READ_SIZE);
}

static void on_pipe_end(struct child *child, uv_stream_t *stream)
{
	uv_read_stop(stream);
	child->pipes_open--;
	if (child->pipes_open == 0 && child->has_exited)
		end(child);
}

static void on_output(uv_stream_t *stream, ssize_t got, const uv_buf_t *read)
{
	struct child *child = stream->data;

	if (got < 0) {
		on_pipe_end(child, stream);
		return;
	}
	if ((size_t)got > child->output_limit - child->output.size) {
		kill_because(child, CHILD_TOO_MUCH);
		return;
	}
	buffer_append(&child->output, BYTES(read->base, (size_t)got));
}

/* What exceeds the limit is read and dropped: a talkative child is not to hang. */
static void on_errors(uv_stream_t *stream, ssize_t got, const uv_buf_t *read)
{
	struct child *child = stream->data;
	size_t room = ERRORS_LIMIT - child->errors.size;

	if (got < 0)
		on_pipe_end(child, stream);
	else
		buffer_append(&child->errors,
		    BYTES(read->base, (size_t)got < room ? (size_t)got : room));
}

static void on_timeout(uv_timer_t *timer)
{
	kill_because(timer->data, CHILD_TIMED_OUT);
}

static int spawn(struct child *child, uv_loop_t *loop, const char *const *arguments)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", locale[] = "LC_ALL=C";
	char *environment[] = { path, locale, NULL };
	uv_stdio_container_t stdio[] = {
		{ .flags = UV_IGNORE },
		{ .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
		    .data.stream = (uv_stream_t *)&child->output_pipe },
		{ .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
		    .data.stream = (uv_stream_t *)&child->errors_pipe },
	};
	uv_process_options_t options = {
		.exit_cb = on_process_exit,
		.file = arguments[0],
		.args = (char **)(uintptr_t)arguments,
		.env = environment,
		.cwd = "/",
		.flags = UV_PROCESS_DETACHED,
		.stdio_count = 3,
		.stdio = stdio,
	};

	return uv_spawn(loop, &child->process, &options);
}

static void listen_to(struct child *child, uint64_t timeout_ms)
{
	child->pipes_open = 2;
	REQUIRE(uv_read_start((uv_stream_t *)&child->output_pipe, on_room, on_output) == 0);
	REQUIRE(uv_read_start((uv_stream_t *)&child->errors_pipe, on_room, on_errors) == 0);
	REQUIRE(uv_timer_start(&child->timer, on_timeout, timeout_ms, 0) == 0);
}

struct child *child_run(uv_loop_t *loop, const struct child_request *request,
    void (*on_end)(void *data, const struct child_result *result), void *data)
{
	struct child *child = memory_new(sizeof(*child));
	int error;

	child->on_end = on_end;
	child->data = data;
	child->output_limit = request->output_limit;
	child->handles_open = HANDLES;
	REQUIRE(uv_pipe_init(loop, &child->output_pipe, 0) == 0);
	REQUIRE(uv_pipe_init(loop, &child->errors_pipe, 0) == 0);
	REQUIRE(uv_timer_init(loop, &child->timer) == 0);
	child->process.data = child->timer.data = child;
	child->output_pipe.data = child->errors_pipe.data = child;
	error = spawn(child, loop, request->arguments);
	if (error == 0) {
		listen_to(child, request->timeout_ms);
		return child;
	}
	child->result.end = error == UV_ENOENT ? CHILD_NOT_FOUND : CHILD_NOT_STARTED;
	child->result.code = error;
	end(child);
	return child;
}

void child_stop(struct child *child)
{
	kill_because(child, CHILD_STOPPED);
}

void child_describe(const struct child_result *result, struct buffer *out)
{
	switch (result->end) {
	case CHILD_EXITED:
		buffer_append_format(out, "exited with %d", result->code);
		break;
	case CHILD_SIGNALLED:
		buffer_append_format(out, "was killed by signal %d", result->code);
		break;
	case CHILD_NOT_FOUND:
		buffer_append_text(out, "is not installed");
		break;
	case CHILD_NOT_STARTED:
		buffer_append_format(out, "could not be started: %s", uv_strerror(result->code));
		break;
	case CHILD_TIMED_OUT:
		buffer_append_text(out, "did not end in time");
		break;
	case CHILD_TOO_MUCH:
		buffer_append_text(out, "wrote more than is allowed");
		break;
	case CHILD_STOPPED:
		buffer_append_text(out, "was stopped");
		break;
	}
}
