/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A transaction is over for whoever reads of it when the last file that it touched has been told
 * of, together with whose that is: until then it goes on.
 */
#include "collectors/files/files_private.h"

bool settle_wants_owners(const struct files *files)
{
	return files->owners == NULL || files->owners_stale || !owners_are_current(files->owners);
}

struct owners *settle_ask_owners(struct files *files)
{
	struct owners *owners = owners_new(files->context->root);
	struct buffer path = { 0 };

	for (size_t i = 0; i < files->tree.count; i++) {
		if (!files->tree.files[i]->is_watched)
			continue;
		buffer_clear(&path);
		tree_path(files->tree.files[i], &path);
		owners_want(owners, buffer_text(&path));
	}
	buffer_fini(&path);
	files->owners_stale = false;
	return owners;
}

void settle_on_transaction(void *data, enum transaction_state state, const char *detail)
{
	struct files *files = data;

	if (files->is_stopping)
		return;
	files->settling = SETTLED;
	if (state == TRANSACTION_RUNNING) {
		/* One whose end was not told yet goes on in this one, and so do its files. */
		if (files->transaction_said != TRANSACTION_RUNNING)
			files->transaction_ms = uv_now(files->context->loop);
		report_transaction(files, state, detail);
	} else if (state == TRANSACTION_UNKNOWN) {
		report_transaction(files, state, detail);
	} else {
		files->settling = SETTLING_EVENTS;
		files_pump(files);
	}
}

static bool has_other_owner(const struct tree_file *file, const struct owners *before,
    const struct owners *after)
{
	struct buffer path = { 0 };
	bool is_other;

	tree_path(file, &path);
	is_other = !owners_agree(owners_find(before, buffer_text(&path)),
	    owners_find(after, buffer_text(&path)));
	buffer_fini(&path);
	return is_other;
}

/*
 * Of what was never looked at nothing false was said.  What was not touched and is whose it was
 * before is as it was.  BEFORE and AFTER may be the same.
 */
void settle_await(struct files *files, const struct owners *before, const struct owners *after)
{
	files->settling = SETTLING_LOOKS;
	for (size_t i = 0; i < files->tree.count && files->transaction_ms > 0; i++) {
		struct tree_file *file = files->tree.files[i];
		bool is_touched = file->is_watched && file->looked_ms > 0
		               && (file->looked_ms >= files->transaction_ms
				   || (before != after && has_other_owner(file, before, after)));

		if (file->due_ms == 0 && !is_touched)
			continue;
		files->awaited += !file->is_awaited;
		file->is_awaited = true;
		due_at(files, file, 1);
	}
}

void settle_without(struct files *files, struct tree_file *file)
{
	if (file->is_awaited)
		files->awaited--;
	file->is_awaited = false;
}

void settle_finish(struct files *files)
{
	files->settling = SETTLED;
	report_transaction(files, TRANSACTION_IDLE, NULL);
}
