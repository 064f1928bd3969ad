/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One look at a time: programs are asked, then a thread looks, then the sheet is reported piece by
 * piece.  What moves meanwhile makes for one more look after it.
 */
#include "collectors/survey/survey.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "collectors/pace.h"
#include "collectors/small_file.h"
#include "core/log.h"
#include "core/require.h"

enum { FACTS_PER_TURN = 128 /* of the loop, which has other things to do as well */ };

struct question {
	struct survey *survey;
	struct child *child; /* while it runs */
};

struct survey {
	const struct survey_kind *kind;
	const struct collector_context *context;
	struct survey_input input;
	struct child_result answers[SURVEY_PROGRAMS_MAX];
	struct arena arena; /* of what was asked and answered */
	struct pace pace;
	struct watch *watch;
	uv_poll_t alarm;
	int alarm_fd; /* -1: none */
	struct question questions[SURVEY_PROGRAMS_MAX];
	unsigned children; /* that run */
	uv_work_t work;
	bool is_working; /* a thread looks */
	uv_idle_t idle;  /* runs while there is something to report */
	bool is_busy;    /* any of these */
	bool look_again; /* something moved meanwhile */
	bool is_stopping;

	struct sheet *sheet, *last; /* the last one knows what its watches are for */
	size_t scope, at;           /* to be reported next */
	struct observer_pass *pass;

	unsigned open_handles;
	void (*on_stopped)(void *data);
	void *data;
};

/* ---- reporting ---- */

static void end_look(struct survey *survey)
{
	uv_idle_stop(&survey->idle);
	sheet_free(survey->last);
	survey->last = survey->sheet;
	sheet_forget_facts(survey->last);
	survey->sheet = NULL;
	survey->is_busy = false;
	if (survey->look_again)
		pace_poke(&survey->pace);
	survey->look_again = false;
}

/* There was no room: the observer asks again. */
static void give_up(struct survey *survey)
{
	if (survey->pass != NULL)
		observer_pass_abandon(&survey->pass);
	end_look(survey);
}

static enum lane lane_of(const struct survey *survey)
{
	return survey->kind->lane == 0 ? LANE_DELTA : survey->kind->lane;
}

/* What the scope's own fact says, which is gone where all is well. */
static enum status report_failure(struct survey *survey)
{
	const struct collector *collector = survey->kind->collector;
	const char *scope = collector->scopes[survey->scope];
	struct fact fact = { .key = BYTES(scope, strlen(scope) - 1) };

	fact.status = sheet_failure(survey->sheet, survey->scope, &fact.reason);
	if (fact.status == FACT_NONE)
		return observer_unset(survey->context->observer, collector->name, lane_of(survey),
		    fact.key);
	return observer_set(survey->context->observer, collector->name, lane_of(survey), &fact);
}

static bool is_barred(const struct survey *survey)
{
	const char *reason;
	enum fact_status status = sheet_failure(survey->sheet, survey->scope, &reason);

	return status != FACT_NONE && status != FACT_ABSENT;
}

static void end_scope(struct survey *survey)
{
	enum status status = STATUS_OK;

	if (survey->pass != NULL)
		status = observer_pass_end(&survey->pass);
	if (status == STATUS_OK)
		status = report_failure(survey);
	survey->scope++;
	survey->at = 0;
	if (status != STATUS_OK)
		give_up(survey);
}

static void report_in_scope(struct survey *survey)
{
	const struct collector *collector = survey->kind->collector;
	const struct fact *fact;

	if (is_barred(survey)) {
		end_scope(survey);
		return;
	}
	if (survey->pass == NULL)
		survey->pass = observer_pass_begin(survey->context->observer, collector->name,
		    lane_of(survey), bytes_of_text(collector->scopes[survey->scope]), BYTES_NONE);
	fact = sheet_next(survey->sheet, survey->scope, &survey->at);
	if (fact == NULL)
		end_scope(survey);
	else if (observer_pass_set(survey->pass, fact) != STATUS_OK)
		give_up(survey);
}

static void report_others(struct survey *survey)
{
	const struct fact *fact = sheet_next(survey->sheet, survey->scope, &survey->at);

	if (fact == NULL
	    || observer_set(survey->context->observer, survey->kind->collector->name, LANE_DELTA,
		   fact)
		   != STATUS_OK)
		end_look(survey);
}

static void on_idle(uv_idle_t *idle)
{
	struct survey *survey = idle->data;

	for (int i = 0; i < FACTS_PER_TURN && survey->is_busy; i++)
		if (survey->kind->collector->scopes[survey->scope] != NULL)
			report_in_scope(survey);
		else
			report_others(survey);
}

/* ---- looking ---- */

static void finish_stop(struct survey *survey);

static void on_work(uv_work_t *work)
{
	struct survey *survey = work->data;

	survey->kind->look(&survey->input, survey->sheet);
}

static void on_worked(uv_work_t *work, int cancelled)
{
	struct survey *survey = work->data;

	(void)cancelled; /* only by a stop */
	survey->is_working = false;
	arena_fini(&survey->arena); /* one block of it may be a whole answer */
	if (survey->is_stopping) {
		finish_stop(survey);
		return;
	}
	sheet_release_watches(survey->sheet, survey->last);
	survey->scope = survey->at = 0;
	REQUIRE(uv_idle_start(&survey->idle, on_idle) == 0);
}

static void ask_or_look(struct survey *survey);

static void on_child_end(void *data, const struct child_result *result)
{
	struct question *question = data;
	struct survey *survey = question->survey;
	struct child_result *answer = &survey->answers[question - survey->questions];

	question->child = NULL;
	survey->children--;
	*answer = *result;
	answer->output = arena_bytes(&survey->arena, result->output);
	answer->errors = arena_bytes(&survey->arena, result->errors);
	if (survey->children > 0)
		return;
	if (survey->is_stopping)
		finish_stop(survey);
	else
		ask_or_look(survey);
}

static bool ask(struct survey *survey)
{
	const struct survey_kind *kind = survey->kind;
	struct question *question;
	struct child_request request;

	if (kind->ask == NULL || !kind->ask(&survey->input, &survey->arena, &request))
		return false;
	REQUIRE(survey->input.answers_count < SURVEY_PROGRAMS_MAX);
	question = &survey->questions[survey->input.answers_count++];
	question->survey = survey;
	survey->children++;
	question->child = child_run(survey->context->loop, &request, on_child_end, question);
	return true;
}

static void ask_or_look(struct survey *survey)
{
	bool is_first = survey->input.answers_count == 0;

	if (ask(survey)) {
		while (survey->kind->is_together && !is_first && ask(survey))
			continue;
		return;
	}
	survey->sheet = sheet_new(survey->kind->collector->scopes, survey->watch);
	survey->is_working = true;
	REQUIRE(uv_queue_work(survey->context->loop, &survey->work, on_work, on_worked) == 0);
}

static void on_due(void *data)
{
	struct survey *survey = data;

	if (survey->is_busy) {
		survey->look_again = true;
		return;
	}
	survey->is_busy = true;
	survey->input.answers_count = 0;
	ask_or_look(survey);
}

static void on_event(void *data, const struct watch_event *event)
{
	struct survey *survey = data;

	if (event->is_lost || survey->last == NULL || sheet_concerns(survey->last, event))
		pace_poke(&survey->pace);
}

/* ---- the alarm ---- */

static void on_alarm(uv_poll_t *alarm, int status, int events)
{
	struct survey *survey = alarm->data;

	(void)events;
	if (status < 0)
		uv_poll_stop(alarm);
	pace_poke(&survey->pace);
}

/* Where a file cannot be polled, the re-read has to do. */
static void open_alarm(struct survey *survey)
{
	char *path = text_format("%s%s", survey->context->root, survey->kind->alarm_path);
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd >= 0 && uv_poll_init(survey->context->loop, &survey->alarm, fd) == 0) {
		survey->alarm_fd = fd;
		survey->alarm.data = survey;
		REQUIRE(uv_poll_start(&survey->alarm, UV_PRIORITIZED, on_alarm) == 0);
	} else {
		log_debug("survey-unwatched", "%s cannot be polled", path);
		if (fd >= 0)
			close(fd);
	}
	free(path);
}

/* ---- the collector's table ---- */

enum status survey_start(const struct survey_kind *kind, uint64_t reread_ms,
    const struct collector_context *context, const void *settings, void **self)
{
	struct survey *survey = memory_new(sizeof(*survey));
	struct pace pace = { .quiet_ms = kind->quiet_ms,
		.most_ms = kind->most_ms,
		.reread_ms = reread_ms,
		.on_due = on_due,
		.data = survey };

	survey->kind = kind;
	survey->context = context;
	survey->input = (struct survey_input){ .root = context->root,
		.settings = settings,
		.answers = survey->answers };
	survey->work.data = survey->idle.data = survey;
	survey->alarm_fd = -1;
	survey->watch = watch_new(context->loop, on_event, survey);
	REQUIRE(uv_idle_init(context->loop, &survey->idle) == 0);
	if (kind->alarm_path != NULL)
		open_alarm(survey);
	pace_init(&survey->pace, context->loop, &pace);
	pace_now(&survey->pace);
	*self = survey;
	return STATUS_OK;
}

void survey_refresh(void *self)
{
	pace_now(&((struct survey *)self)->pace);
}

static void on_closed(void *data)
{
	struct survey *survey = data;
	void (*on_stopped)(void *data) = survey->on_stopped;
	void *stopped_data = survey->data;

	if (--survey->open_handles > 0)
		return;
	if (survey->alarm_fd >= 0)
		close(survey->alarm_fd);
	sheet_free(survey->sheet);
	sheet_free(survey->last);
	arena_fini(&survey->arena);
	free(survey);
	on_stopped(stopped_data);
}

static void on_handle_closed(uv_handle_t *handle)
{
	on_closed(handle->data);
}

static void finish_stop(struct survey *survey)
{
	bool has_watch = survey->watch != NULL, has_alarm = survey->alarm_fd >= 0;

	survey->open_handles = 2U + has_watch + has_alarm;
	if (has_watch)
		watch_close(&survey->watch, on_closed, survey);
	if (has_alarm)
		uv_close((uv_handle_t *)&survey->alarm, on_handle_closed);
	uv_close((uv_handle_t *)&survey->idle, on_handle_closed);
	pace_close(&survey->pace, on_closed);
}

void survey_stop(void *self, void (*on_stopped)(void *data), void *data)
{
	struct survey *survey = self;

	survey->on_stopped = on_stopped;
	survey->data = data;
	survey->is_stopping = true;
	if (survey->pass != NULL)
		observer_pass_abandon(&survey->pass);
	for (size_t i = 0; i < SURVEY_PROGRAMS_MAX; i++)
		if (survey->questions[i].child != NULL)
			child_stop(survey->questions[i].child);
	if (survey->is_working)
		(void)uv_cancel((uv_req_t *)&survey->work);
	else if (survey->children == 0)
		finish_stop(survey);
}

/* ---- for looks ---- */

int survey_read(const struct survey_input *input, const char *path, struct buffer *out)
{
	char *full_path = text_format("%s%s", input->root, path);
	int error = small_file_read(full_path, SHEET_FILE_MAX, out);

	free(full_path);
	return error;
}

static int is_name(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

int survey_list(const struct survey_input *input, const char *path, struct arena *arena,
    const char ***names, size_t *count)
{
	char *full_path = text_format("%s%s", input->root, path);
	struct dirent **entries = NULL;
	int got = scandir(full_path, &entries, is_name, compare_names);
	int error = got < 0 ? errno : 0;

	free(full_path);
	*count = got < 0 ? 0 : (size_t)got;
	*names = arena_take(arena, *count * sizeof(**names));
	for (size_t i = 0; i < *count; i++) {
		(*names)[i] = arena_text(arena, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return error;
}

void survey_watch(const struct survey_input *input, struct sheet *sheet, const char *path,
    const char *const *names)
{
	char *full_path = text_format("%s%s", input->root, path);

	sheet_watch(sheet, full_path, names);
	free(full_path);
}

void survey_watch_file(const struct survey_input *input, struct sheet *sheet, const char *path)
{
	char *full_path = text_format("%s%s", input->root, path);

	sheet_watch_file(sheet, full_path);
	free(full_path);
}

void survey_describe(const char *program, const struct child_result *result, struct buffer *out)
{
	struct bytes rest = result->errors, line;

	buffer_append_format(out, "%s ", program);
	child_describe(result, out);
	if (small_file_line(&rest, &line)) {
		buffer_append_text(out, ": ");
		log_escape(out, line);
	}
}
