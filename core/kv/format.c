/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The format of an environment is one number in a table of its own, made with the environment: so
 * that bytes of another time are told from damaged ones before any of them is read.
 */
#include "core/kv/parts.h"

#include <stdlib.h>

static const char *const tables[] = { "format", NULL };
enum { FORMAT };

static const char key[] = "format";

/* 0: there is none. */
static enum status read_format(struct kv *kv, uint32_t *out)
{
	struct kv_txn *txn = NULL;
	struct bytes value;
	enum status status = kv_open_tables(kv, tables, false);

	*out = 0;
	if (status == STATUS_OK)
		status = kv_transaction_begin(kv, false, &txn);
	if (status == STATUS_OK)
		status = kv_get(txn, FORMAT, bytes_of_text(key), &value);
	if (status == STATUS_OK && value.size == 4)
		*out = bytes_u32(value.data);
	kv_abort(&txn);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status write_format(struct kv *kv, uint32_t format)
{
	struct buffer value = { 0 };
	struct kv_txn *txn = NULL;
	enum status status = kv_open_tables(kv, tables, true);

	buffer_append_u32(&value, format);
	if (status == STATUS_OK)
		status = kv_transaction_begin(kv, true, &txn);
	if (status == STATUS_OK)
		status = kv_put(txn, FORMAT, bytes_of_text(key), buffer_bytes(&value));
	if (status == STATUS_OK)
		status = kv_commit(&txn);
	kv_abort(&txn);
	buffer_fini(&value);
	return status;
}

/* It was made just now, or the machine went down before its number was written. */
static bool has_tables(const struct kv *kv)
{
	MDB_stat stat_ = { .ms_entries = 0 };

	(void)mdb_env_stat(kv->env->lmdb, &stat_);
	return stat_.ms_entries > kv->count;
}

static enum status refuse(const struct kv *kv, uint32_t found, uint32_t wanted)
{
	char *has = found == 0 ? text_copy("none") : text_format("%u", (unsigned)found);

	log_write(LOG_ERROR, "kv-format",
	    LOG_FIELDS(LOG_TEXT("path", kv->env->path), LOG_TEXT("format", has),
		LOG_NUMBER("wanted", wanted)),
	    "this directory was written by another version, in a format that this one does not "
	    "read: run that version, or move the directory away and begin anew "
	    "(docs/backup.md says what that costs); nothing in it was changed");
	free(has);
	return STATUS_INVALID;
}

enum status kv_format_check(struct kv *kv, uint32_t wanted)
{
	uint32_t found;
	enum status status;

	if (wanted == 0)
		return STATUS_OK;
	status = read_format(kv, &found);
	if (status != STATUS_OK || found == wanted)
		return status;
	if (found != 0 || has_tables(kv))
		return refuse(kv, found, wanted);
	return kv->is_writer ? write_format(kv, wanted) : STATUS_NOT_FOUND;
}
