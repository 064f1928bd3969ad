/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Its log lines come by a pipe, so that a helper which outlives this process holds nothing of it
 * open.
 */
#include "collectors/jobs/helper_process.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#include "collectors/jobs/helper_client.h"
#include "core/bytes.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/require.h"

enum {
	LOOK_MS = 5000, /* is one there? */
	RETRY_MS = 1000,
	RETRY_MAX_MS = 60 * 1000,
	STEADY_MS = 60 * 1000,
	PARTING_MS = 500,
	LINES_SIZE = 8 * 1024,
};

struct helper_process {
	uv_loop_t *loop;
	const char *program, *data_directory;
	uv_timer_t timer;
	uv_process_t *process; /* NULL: none of ours runs */
	uv_pipe_t *lines;      /* what it logs; NULL: nobody does */
	char lines_buffer[LINES_SIZE];
	uint64_t started_ms, retry_ms;
	bool is_stopping;
};

static void on_closed(uv_handle_t *handle)
{
	free(handle);
}

/* ---- its log lines ---- */

static void close_lines(struct helper_process *process)
{
	if (process->lines != NULL)
		uv_close((uv_handle_t *)process->lines, on_closed);
	process->lines = NULL;
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
	struct helper_process *process = handle->data;

	(void)suggested;
	*out = uv_buf_init(process->lines_buffer, LINES_SIZE);
}

/* Whole lines, as each was one write to the pipe and finds room here. */
static void on_lines(uv_stream_t *stream, ssize_t got, const uv_buf_t *read)
{
	struct helper_process *process = stream->data;

	if (got > 0)
		(void)!write(STDERR_FILENO, read->base, (size_t)got);
	else if (got < 0)
		close_lines(process);
}

/* ---- starting ---- */

static void on_timer(uv_timer_t *timer);
static void finish(struct helper_process *process);

static uint64_t longer(uint64_t retry_ms)
{
	return 2 * retry_ms > RETRY_MAX_MS ? RETRY_MAX_MS : 2 * retry_ms;
}

static void retry(struct helper_process *process)
{
	uv_timer_start(&process->timer, on_timer, process->retry_ms, LOOK_MS);
	process->retry_ms = longer(process->retry_ms);
}

static void on_exit_of(uv_process_t *handle, int64_t code, int number)
{
	struct helper_process *process = handle->data;

	if (process->is_stopping) {
		finish(process);
		return;
	}
	uv_close((uv_handle_t *)handle, on_closed);
	process->process = NULL;
	if (clock_monotonic_ms() - process->started_ms > STEADY_MS)
		process->retry_ms = RETRY_MS;
	if (code != 0 || number != 0)
		log_write(LOG_WARN, "helper-restart",
		    LOG_FIELDS(LOG_NUMBER("code", (uint64_t)code),
			LOG_NUMBER("signal", (uint64_t)number)),
		    "fettle-helper ended; it is started again in %llu seconds",
		    (unsigned long long)process->retry_ms / 1000);
	retry(process);
}

static int spawn(struct helper_process *process)
{
	enum log_level level;
	enum log_format format;
	const char *arguments[] = { process->program, "--data", process->data_directory,
		"--log-format", NULL, NULL, NULL };
	uv_stdio_container_t stdio[] = {
		{ .flags = UV_IGNORE },
		{ .flags = UV_IGNORE },
		{ .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
		    .data.stream = (uv_stream_t *)process->lines },
	};
	uv_process_options_t options = {
		.exit_cb = on_exit_of,
		.file = process->program,
		.args = (char **)(uintptr_t)arguments,
		.cwd = "/",
		.flags = UV_PROCESS_DETACHED, /* a Ctrl-C at the terminal is not meant for it */
		.stdio_count = 3,
		.stdio = stdio,
	};

	log_configuration(&level, &format);
	arguments[4] = log_format_name(format);
	if (level != LOG_INFO)
		arguments[5] = level == LOG_DEBUG ? "--verbose" : "--quiet";
	return uv_spawn(process->loop, process->process, &options);
}

static void start(struct helper_process *process)
{
	int error;

	close_lines(process);
	process->lines = memory_new(sizeof(*process->lines));
	process->process = memory_new(sizeof(*process->process));
	REQUIRE(uv_pipe_init(process->loop, process->lines, 0) == 0);
	process->lines->data = process->process->data = process;
	process->started_ms = clock_monotonic_ms();
	error = spawn(process);
	if (error == 0) {
		(void)uv_read_start((uv_stream_t *)process->lines, on_room, on_lines);
		return;
	}
	log_warn("helper-missing", "%s cannot be started: %s; jobs wait", process->program,
	    uv_strerror(error));
	uv_close((uv_handle_t *)process->process, on_closed);
	process->process = NULL;
	close_lines(process);
	retry(process);
}

static void on_timer(uv_timer_t *timer)
{
	struct helper_process *process = timer->data;

	if (process->process == NULL && helper_client_find(process->data_directory) < 0)
		start(process);
}

struct helper_process *helper_process_new(uv_loop_t *loop, const char *program,
    const char *data_directory)
{
	struct helper_process *process = memory_new(sizeof(*process));

	process->loop = loop;
	process->program = program;
	process->data_directory = data_directory;
	process->retry_ms = RETRY_MS;
	uv_timer_init(loop, &process->timer);
	process->timer.data = process;
	uv_timer_start(&process->timer, on_timer, 0, LOOK_MS);
	return process;
}

/* ---- stopping ---- */

static void on_timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void finish(struct helper_process *process)
{
	if (process->process != NULL)
		uv_close((uv_handle_t *)process->process, on_closed);
	process->process = NULL;
	close_lines(process);
	uv_close((uv_handle_t *)&process->timer, on_timer_closed);
}

static void on_parted(uv_timer_t *timer)
{
	finish(timer->data);
}

void helper_process_stop(struct helper_process *process)
{
	pid_t pid;

	if (process == NULL)
		return;
	process->is_stopping = true;
	pid = helper_client_find(process->data_directory);
	if (pid < 0 && process->process != NULL)
		pid = process->process->pid; /* it does not listen yet */
	if (pid > 1)
		(void)kill(pid, SIGTERM);
	if (process->process == NULL)
		finish(process);
	else
		uv_timer_start(&process->timer, on_parted, PARTING_MS, 0);
}
