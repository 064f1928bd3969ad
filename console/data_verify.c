/* SPDX-License-Identifier: Apache-2.0 */
/*
 * data verify - reads everything that is kept, and says what of it is damaged.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "console/audit_check.h"
#include "console/backup/check.h"
#include "console/backup/environments.h"
#include "console/commands.h"

static const struct output_column columns[] = {
	{ "environment", "ENVIRONMENT", 0, 0 },
	{ "table", "TABLE", 0, 0 },
	{ "key", "KEY", OUTPUT_MIDDLE, 0 },
	{ "what", "WHAT", OUTPUT_CUT, 0 },
	{ "do", NULL, 0, 0 },
	{ .name = NULL },
};

struct report {
	struct output *output;
	uint64_t faults;
	enum status status;
};

/* What to do about damage in an environment of that name. */
static const char *advice(const char *name)
{
	if (environments_is_spool(name))
		return "stop the agent and move its directory away: the agent sends everything "
		       "anew";
	if (strncmp(name, "sinks/", strlen("sinks/")) == 0)
		return "stop the server and move its directory away: the target goes on with what "
		       "the processor still keeps";
	return "stop the server, then: fettle data restore DIR";
}

static void on_fault(void *data, const char *name, const char *table, struct bytes key,
    const char *what)
{
	struct report *report = data;
	char *hex = memory_new(2 * key.size + 1);

	report->faults++;
	bytes_to_hex(key, hex);
	output_text(report->output, name);
	output_text(report->output, table);
	output_text(report->output, hex);
	output_text(report->output, what);
	output_text(report->output, advice(name));
	if (report->status == STATUS_OK)
		report->status = output_row(report->output);
	free(hex);
}

static enum status verify_all(struct check *check, const char *data,
    const struct environments *found)
{
	enum status worst = STATUS_OK;

	for (size_t i = 0; i < found->count; i++) {
		enum status status = check_environment(check, data, found->names[i]);

		if (status != STATUS_OK && worst != STATUS_CORRUPT)
			worst = status;
	}
	return worst;
}

/* Values may be whole, and the chain that they make broken. */
static enum status verify_audit(struct report *report, const char *data,
    const struct environments *found)
{
	struct audit_check check;
	uint8_t key[8];
	enum status status = STATUS_OK;
	char *public_key = text_format("%s/keys/audit.pub", data);
	bool has_audit = access(public_key, F_OK) == 0;

	for (size_t i = 0; has_audit && i < found->count; i++) {
		if (strcmp(found->names[i], "store") != 0)
			continue;
		status = audit_check_store(data, NULL, NULL, &check);
		if (status != STATUS_OK || check.wrong == NULL)
			continue;
		for (unsigned at = 0; at < sizeof(key); at++)
			key[at] = (uint8_t)(check.chain.bad >> (56 - 8 * at));
		on_fault(report, "store", "audit", BYTES_OF(key), check.wrong);
		status = STATUS_CORRUPT;
	}
	free(public_key);
	return status;
}

static int tell(const struct console *console, const struct report *report,
    const struct check *check, size_t environments, enum status status)
{
	if (status == STATUS_OK && report->faults == 0) {
		console_say(console, "%llu entries of %zu environments are whole",
		    (unsigned long long)check->entries, environments);
		return 0;
	}
	if (report->faults == 0)
		return console_fail(status, "not all of %s could be read: %s", console->paths.data,
		    status_text(status));
	return console_fail(STATUS_INVALID,
	    "%llu faults in %s; --format json says what to do about each",
	    (unsigned long long)report->faults, console->paths.data);
}

int data_verify_run(const struct console *console, int argc, char **argv)
{
	struct environments found;
	struct report report = { .faults = 0 };
	struct check check = { .fault = on_fault, .data = &report };
	enum status status = environments_find(console->paths.data, &found);
	int ended;

	(void)argc;
	(void)argv;
	if (status != STATUS_OK)
		return console_fail(status, "%s cannot be read: %s", console->paths.data,
		    status_text(status));
	if (found.count == 0)
		return console_fail(STATUS_NOT_FOUND, "nothing has run in %s yet",
		    console->paths.data);
	report.output = output_new(&console->output, columns);
	status = verify_all(&check, console->paths.data, &found);
	if (status == STATUS_OK)
		status = verify_audit(&report, console->paths.data, &found);
	ended = console_end(&report.output, report.status);
	if (ended == 0)
		ended = tell(console, &report, &check, found.count, status);
	environments_fini(&found);
	return ended;
}
