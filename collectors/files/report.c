/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "collectors/files/files_private.h"

static enum lane lane_of(const struct tree_file *file)
{
	return file->is_watched ? LANE_CRITICAL : LANE_DELTA;
}

/* Its key; to be freed by buffer_fini. */
static struct buffer key_of(const char *path)
{
	struct buffer key = { 0 };

	fact_key(&key, "file", bytes_of_text(path + 1));
	return key;
}

/* What is said where not everything could be observed. */
void report_whole(struct files *files)
{
	struct fact fact = { .key = bytes_of_text("file"), .status = FACT_TRUNCATED };
	struct observer *observer = files->context->observer;

	if (files->barred_reason != NULL) {
		fact.status = FACT_UNREADABLE;
		fact.reason = files->barred_reason;
	} else if (files->tree.is_cut) {
		fact.reason = "there are more files than an agent observes: those beyond 20000";
	} else {
		(void)!observer_unset(observer, files_collector.name, LANE_DELTA, fact.key);
		return;
	}
	(void)!observer_set(observer, files_collector.name, LANE_DELTA, &fact);
}

/* FILE, which a glob meant, is not there any more. */
void report_gone(void *data, struct tree_file *file)
{
	struct files *files = data;
	struct buffer path = { 0 }, key;

	due_not(files, file);
	settle_without(files, file);
	if (file->trail.count > 0)
		places_be_stale(&files->places);
	tree_path(file, &path);
	key = key_of(buffer_text(&path));
	(void)!observer_unset(files->context->observer, files_collector.name, lane_of(file),
	    buffer_bytes(&key));
	buffer_fini(&key);
	buffer_fini(&path);
}

static void tell(struct files *files, const struct item *item, bool is_of_pass)
{
	struct buffer key = key_of(item->path);
	struct fact fact = {
		.key = buffer_bytes(&key),
		.status = item->look.status,
		.reason = item->look.reason,
		.fields = item->look.fields,
		.fields_count = item->look.fields_count,
	};

	if (!is_of_pass)
		(void)!observer_set(files->context->observer, files_collector.name,
		    lane_of(item->file), &fact);
	/* A pass has to have heard of everything, also of what came while it was under way. */
	if (files->pass != NULL && observer_pass_set(files->pass, &fact) != STATUS_OK)
		files_abandon_pass(files);
	buffer_fini(&key);
}

void report_item(struct files *files, const struct item *item, bool is_of_pass)
{
	struct tree_file *file = item->file;

	if (file->is_gone)
		return;
	settle_without(files, file);
	file->cost_ms = item->took_ms > UINT16_MAX ? UINT16_MAX : (uint16_t)item->took_ms;
	if (item->is_of_glob && (item->look.is_gone || item->look.is_directory)) {
		report_gone(files, file);
		tree_remove(&files->tree, file);
	} else {
		tell(files, item, is_of_pass);
	}
}

void report_transaction_again(struct files *files)
{
	bool is_running = files->transaction_said == TRANSACTION_RUNNING;
	bool has_program = is_running && files->transaction_detail != NULL;
	const struct fact_field fields[] = {
		FACT_FIELD_TEXT("state", is_running ? "running" : "idle"),
		FACT_FIELD_TEXT("program", files->transaction_detail),
	};
	struct fact fact = { .key = bytes_of_text("transaction/dpkg"),
		.status = FACT_PRESENT,
		.fields = fields,
		.fields_count = has_program ? 2 : 1 };

	if (files->transaction_said == TRANSACTION_NONE)
		return;
	if (files->transaction_said == TRANSACTION_UNKNOWN) {
		fact.status = FACT_FAILED;
		fact.reason = files->transaction_detail;
		fact.fields_count = 0;
	}
	(void)!observer_set(files->context->observer, files_collector.name, LANE_CRITICAL, &fact);
}

void report_transaction(struct files *files, enum transaction_state state, const char *detail)
{
	free(files->transaction_detail);
	files->transaction_detail = text_copy(detail);
	files->transaction_said = state;
	report_transaction_again(files);
}
