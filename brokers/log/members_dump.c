/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Read whole in one transaction: a hundred thousand members are some megabytes and a fraction of a
 * second, and a list of who is let in is to be of one moment.
 */
#include "brokers/log/members_dump.h"

#include <stdlib.h>

#include "brokers/log/tables.h"
#include "core/kv.h"
#include "core/record.h"

static const char *const tables[] = { LOG_TABLE_NAMES };

struct dump {
	enum log_table table;
	const ProtobufCMessageDescriptor *descriptor;
	enum status (*visit_member)(void *visitor, const Fettle__Member *member);
	enum status (*visit_enrolment)(void *visitor, const Fettle__Enrolment *enrolment);
	void *visitor;
};

static enum status visit(const struct dump *dump, const void *message)
{
	if (message == NULL)
		return STATUS_CORRUPT;
	return dump->visit_member != NULL ? dump->visit_member(dump->visitor, message)
	                                  : dump->visit_enrolment(dump->visitor, message);
}

static enum status read_table(struct kv_txn *txn, const struct dump *dump)
{
	struct kv_cursor *cursor = NULL;
	struct arena arena = { 0 };
	struct bytes key, value;
	enum status status = kv_cursor_open(txn, dump->table, &cursor);

	while (
	    status == STATUS_OK && (status = kv_cursor_next(cursor, &key, &value)) == STATUS_OK) {
		arena_reset(&arena);
		status = visit(dump, record_unpack(dump->descriptor, value, &arena));
		if (status == STATUS_NOT_FOUND) /* which ends the loop alike */
			status = STATUS_CORRUPT;
	}
	kv_cursor_close(cursor);
	arena_fini(&arena);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status read_log(const char *data, const struct dump *dump)
{
	const struct kv_options options = { .tables = tables, .format = LOG_FORMAT };
	char *directory = text_format("%s/log", data);
	struct kv *kv;
	struct kv_txn *txn;
	enum status status = kv_open(directory, &options, &kv);

	free(directory);
	if (status != STATUS_OK)
		return status;
	status = kv_read_begin(kv, &txn);
	if (status == STATUS_OK) {
		status = read_table(txn, dump);
		kv_abort(&txn);
	}
	kv_close(kv);
	return status;
}

enum status log_members_dump(const char *data,
    enum status (*visit_member)(void *visitor, const Fettle__Member *member), void *visitor)
{
	const struct dump dump = { .table = TABLE_MEMBER,
		.descriptor = &fettle__member__descriptor,
		.visit_member = visit_member,
		.visitor = visitor };

	return read_log(data, &dump);
}

enum status log_enrolments_dump(const char *data,
    enum status (*visit_enrolment)(void *visitor, const Fettle__Enrolment *enrolment),
    void *visitor)
{
	const struct dump dump = { .table = TABLE_ENROLMENT,
		.descriptor = &fettle__enrolment__descriptor,
		.visit_enrolment = visit_enrolment,
		.visitor = visitor };

	return read_log(data, &dump);
}
