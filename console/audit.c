/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit list and export - who did what, and when: as the store has chained it.
 */
#include <ctype.h>
#include <stdlib.h>

#include "console/audit_file.h"
#include "console/commands.h"
#include "console/store_access.h"
#include "core/keys.h"
#include "core/record.h"
#include "sinks/store/audit_reader.h"
#include "sinks/verdict_json.h"

const struct argp_option audit_list_options[] = {
	{ "principal", 'p' << 8, "TEXT", 0, "of whom this is in the name", 0 },
	{ "action", 'a' << 8, "TEXT", 0, "what begins so: \"job\", \"denied\", \"intent policy\"",
	    0 },
	{ "asset", 's' << 8, "ASSET", 0, "of one asset, by name or id", 0 },
	{ 0 },
};

static const struct output_column columns[] = {
	{ "sequence", "NO", OUTPUT_RIGHT, 0 },
	{ "at", "TIME", 0, 0 },
	{ "principal", "WHO", OUTPUT_CUT, 15 },
	{ "action", "DID", OUTPUT_CUT, 15 },
	{ "subject", "WHAT", OUTPUT_MIDDLE, 20 },
	{ "asset", "ASSET", OUTPUT_CUT, 10 },
	{ "asset_id", NULL, 0, 0 },
	{ "detail", "DETAIL", OUTPUT_CUT, 20 },
	{ "hash", NULL, 0, 0 },
	{ "id", NULL, 0, 0 },
	{ .name = NULL },
};

struct list {
	const struct console *console;
	const struct asset_table *assets;
	struct output *output; /* NULL: they are only counted */
	struct bytes asset;
	const char *principal, *action;
	uint64_t matching, passed_over;
};

static bool is_wanted(const struct list *list, const Fettle__AuditEntry *entry)
{
	return entry->at_ms >= list->console->since_ms
	    && (list->principal == NULL
		|| (entry->principal != NULL && strstr(entry->principal, list->principal) != NULL))
	    && (list->action == NULL
		|| (entry->action != NULL
		    && strncmp(entry->action, list->action, strlen(list->action)) == 0))
	    && (list->asset.size == 0 || bytes_equal(list->asset, record_bytes(entry->asset)));
}

static bool is_words(struct bytes bytes)
{
	for (size_t i = 0; i < bytes.size; i++)
		if (bytes.data[i] < 0x20 || bytes.data[i] == 0x7f)
			return false;
	return bytes_is_utf8(bytes);
}

/* A key as it is, and an id in hexadecimal. */
static void show_subject(struct output *output, struct bytes subject)
{
	char *hex;

	if (subject.size == 0) {
		output_null(output);
	} else if (is_words(subject)) {
		output_bytes(output, subject);
	} else {
		hex = memory_new(2 * subject.size + 1);
		bytes_to_hex(subject, hex);
		output_text(output, hex);
		free(hex);
	}
}

static void show_id(struct output *output, struct bytes id)
{
	if (id.size == 0)
		output_null(output);
	else
		output_id(output, id);
}

static enum status show(const struct list *list, const Fettle__AuditEntry *entry)
{
	struct output *output = list->output;

	output_number(output, entry->sequence);
	output_time(output, entry->at_ms);
	output_text(output, entry->principal);
	output_text(output, entry->action);
	show_subject(output, record_bytes(entry->subject));
	if (entry->asset.len > 0) {
		asset_table_output(list->assets, output, record_bytes(entry->asset));
	} else {
		output_null(output);
		output_null(output);
	}
	output_text(output, entry->detail);
	show_id(output, record_bytes(entry->hash));
	show_id(output, record_bytes(entry->id));
	return output_row(output);
}

static enum status visit(void *visitor, const struct audit_row *row)
{
	struct list *list = visitor;

	if (row->entry == NULL || !is_wanted(list, row->entry))
		return STATUS_OK;
	if (list->output == NULL) {
		list->matching++;
		return STATUS_OK;
	}
	if (list->passed_over > 0) {
		list->passed_over--;
		return STATUS_OK;
	}
	return show(list, row->entry);
}

/* The newest --limit of them, the newest last. */
static enum status list_all(struct list *list)
{
	struct audit_reader *reader;
	enum status status = audit_reader_open(list->console->paths.data, &reader);

	if (status != STATUS_OK)
		return status;
	status = audit_reader_each(reader, 1, visit, list);
	if (list->console->limit > 0 && list->matching > list->console->limit)
		list->passed_over = list->matching - list->console->limit;
	list->output = output_new(&list->console->output, columns);
	if (status == STATUS_OK)
		status = audit_reader_each(reader, 1, visit, list);
	audit_reader_close(reader);
	if (status == STATUS_OK && list->matching == 0)
		console_say(list->console, "nothing of that kind was entered");
	return status;
}

int audit_list_run(const struct console *console, int argc, char **argv)
{
	struct list list = { .console = console,
		.principal = console_option(console, "principal"),
		.action = console_option(console, "action") };
	struct store_access access;
	enum status status;
	int code = store_access_open(&access, console);

	(void)argc;
	(void)argv;
	if (code != 0)
		return code;
	if (!store_access_asset(&access, console, &list.asset)) {
		store_access_fini(&access);
		return CONSOLE_NEGATIVE;
	}
	list.assets = &access.assets;
	status = list_all(&list);
	store_access_fini(&access);
	return console_end(&list.output, status);
}

/* ---- export ---- */

struct export
{
	const struct console *console;
	struct audit_file_head head;
	struct chain chain;
	bool has_begun;
};

/* Takes OBJECT. */
static enum status write_line(const struct export *export, json_t *object)
{
	FILE *stream = export->console->output.stream;
	char *text = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
	bool is_written = text != NULL && fprintf(stream, "%s\n", text) > 0;

	free(text);
	json_decref(object);
	return is_written ? STATUS_OK : STATUS_IO;
}

static enum status begin(struct export *export, uint64_t from, struct bytes previous)
{
	export->has_begun = true;
	export->head.from = from;
	if (previous.size == sizeof(export->head.previous))
		memcpy(export->head.previous, previous.data, previous.size);
	return write_line(export, audit_file_head(&export->head));
}

static enum status write_row(void *visitor, const struct audit_row *row)
{
	struct export *export = visitor;
	enum status status = STATUS_OK;

	if (row->entry == NULL)
		return STATUS_CORRUPT;
	if (!export->has_begun && row->entry->at_ms < export->console->since_ms) {
		export->chain.sequence = row->entry->sequence;
		chain_hash(row->entry, export->chain.hash);
		return STATUS_OK;
	}
	if (!export->has_begun)
		status = begin(export, row->entry->sequence, record_bytes(row->entry->previous));
	export->chain.sequence = row->entry->sequence;
	chain_hash(row->entry, export->chain.hash);
	if (status == STATUS_OK)
		status = write_line(export, audit_file_entry(row->entry));
	if (status == STATUS_OK && row->checkpoint != NULL)
		status = write_line(export, audit_file_checkpoint(row->checkpoint));
	return status;
}

static enum status write_all(struct export *export)
{
	struct audit_reader *reader;
	enum status status = audit_reader_open(export->console->paths.data, &reader);

	if (status != STATUS_OK)
		return status;
	status = audit_reader_each(reader, 1, write_row, export);
	audit_reader_close(reader);
	if (status == STATUS_OK && !export->has_begun)
		status = begin(export, export->chain.sequence + 1, BYTES_OF(export->chain.hash));
	if (status == STATUS_OK)
		status = write_line(export,
		    audit_file_end(export->chain.sequence, export->chain.hash));
	return status == STATUS_OK && fflush(export->console->output.stream) != 0 ? STATUS_IO
	                                                                          : status;
}

int audit_export_run(const struct console *console, int argc, char **argv)
{
	struct export export = { .console = console };
	char *path = text_format("%s/keys/audit.pub", console->paths.data);
	enum status status = keys_load_signing_public(path, export.head.key);

	(void)argc;
	(void)argv;
	if (status == STATUS_OK)
		status = write_all(&export);
	free(path);
	return status == STATUS_OK
	         ? 0
	         : console_fail(status, "the audit of %s was not exported whole: %s",
		     console->paths.data, status_text(status));
}
