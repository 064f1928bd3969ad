/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/detect/source.h"

#include <string.h>

static const char *const change_fields[] = { "Key", "Before", "After", "Status", "Before.Status",
	"After.Status", "Changed", "Expected", "Package", "Writer", "Asset.Name", "Asset.System",
	NULL };
static const char *const file_event_fields[] = { "TargetFilename", NULL };

static const struct source sources[] = {
	{
	    .product = "fettle",
	    .category = "change",
	    .fields = change_fields,
	    .has_value_fields = true,
	    .is_strict = true,
	    .key_field = "Key",
	    .key_prefix = "",
	},
	{
	    .product = "linux",
	    .category = "file_event",
	    .fields = file_event_fields,
	    .is_files_only = true,
	    .key_field = "TargetFilename",
	    .key_prefix = "file",
	},
};

enum { SOURCES = sizeof(sources) / sizeof(sources[0]) };

const char *source_names(void)
{
	return "product: fettle, category: change, and product: linux, category: file_event";
}

const struct source *source_find(const char *product, const char *category, const char *service)
{
	if (product == NULL || category == NULL || service != NULL)
		return NULL;
	for (unsigned i = 0; i < SOURCES; i++)
		if (strcmp(product, sources[i].product) == 0
		    && strcmp(category, sources[i].category) == 0)
			return &sources[i];
	return NULL;
}

static bool is_value_field(const char *field)
{
	return (strncmp(field, "Before.", 7) == 0 && field[7] != '\0')
	    || (strncmp(field, "After.", 6) == 0 && field[6] != '\0');
}

bool source_has_field(const struct source *source, const char *field)
{
	for (const char *const *known = source->fields; *known != NULL; known++)
		if (strcmp(field, *known) == 0)
			return true;
	return source->has_value_fields && is_value_field(field);
}

const char *const *source_words(const char *field)
{
	static const char *const switches[] = { "true", "false", NULL };
	static const char *const statuses[] = { "unset", "present", "absent", "unreadable",
		"truncated", "failed", NULL };

	if (strcmp(field, "Expected") == 0)
		return switches;
	if (strcmp(field, "Status") == 0 || strcmp(field, "Before.Status") == 0
	    || strcmp(field, "After.Status") == 0)
		return statuses;
	return NULL;
}
