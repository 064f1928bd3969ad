/* SPDX-License-Identifier: Apache-2.0 */
#include "core/job_id.h"

#include <stdlib.h>

#include "core/job_action.h"

static void append_sized(struct buffer *out, const char *text)
{
	struct bytes bytes = bytes_of_text(text == NULL ? "" : text);

	buffer_append_u32(out, (uint32_t)bytes.size);
	buffer_append(out, bytes);
}

void job_id_compute(struct bytes asset, const Fettle__JobAction *action, uint64_t generation,
    uint8_t out[JOB_ID_SIZE])
{
	Fettle__JobPackage **packages = job_action_sorted(action);
	struct buffer text = { 0 };

	buffer_append_text(&text, "fettle job 1");
	buffer_append(&text, asset);
	buffer_append_u32(&text, (uint32_t)action->kind);
	append_sized(&text, action->manager);
	buffer_append_u32(&text, (uint32_t)action->n_packages);
	for (size_t i = 0; i < action->n_packages; i++) {
		append_sized(&text, packages[i]->name);
		append_sized(&text, packages[i]->version);
	}
	buffer_append_u64(&text, generation);
	hash_sha256(buffer_bytes(&text), out);
	buffer_fini(&text);
	free(packages);
}
