/* SPDX-License-Identifier: Apache-2.0 */
#include "core/job_id.h"

#include <sodium.h>
#include <stdlib.h>

#include "core/require.h"

enum { ASSET_SIZE = 16 };

static void append_sized(struct buffer *out, const char *text)
{
	struct bytes bytes = bytes_of_text(text == NULL ? "" : text);

	buffer_append_u32(out, (uint32_t)bytes.size);
	buffer_append(out, bytes);
}

static const char *or_empty(const char *text)
{
	return text == NULL ? "" : text;
}

static int compare_packages(const void *a, const void *b)
{
	const Fettle__JobPackage *one = *(Fettle__JobPackage *const *)a;
	const Fettle__JobPackage *other = *(Fettle__JobPackage *const *)b;
	int order = strcmp(or_empty(one->name), or_empty(other->name));

	return order != 0 ? order : strcmp(or_empty(one->version), or_empty(other->version));
}

static void append_packages(struct buffer *out, const Fettle__JobAction *action)
{
	size_t count = action->n_packages;
	Fettle__JobPackage **sorted = memory_new((count + 1) * sizeof(*sorted));

	if (count > 0)
		memcpy(sorted, action->packages, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), compare_packages);
	buffer_append_u32(out, (uint32_t)count);
	for (size_t i = 0; i < count; i++) {
		append_sized(out, sorted[i]->name);
		append_sized(out, sorted[i]->version);
	}
	free(sorted);
}

void job_id_make(struct bytes asset, const Fettle__JobAction *action, uint64_t generation,
    uint8_t out[JOB_ID_SIZE])
{
	struct buffer all = { 0 };

	_Static_assert(JOB_ID_SIZE == crypto_hash_sha256_BYTES, "a job's id is a SHA-256");
	REQUIRE(asset.size == ASSET_SIZE);
	buffer_append(&all, asset);
	buffer_append_u32(&all, (uint32_t)action->kind);
	append_sized(&all, action->manager);
	append_packages(&all, action);
	buffer_append_u64(&all, generation);
	crypto_hash_sha256(out, all.data, all.size);
	buffer_fini(&all);
}
