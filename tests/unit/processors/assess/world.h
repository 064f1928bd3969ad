/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world.h - the facts of one asset as a table in a test.
 */
#ifndef TESTS_UNIT_PROCESSORS_ASSESS_WORLD_H
#define TESTS_UNIT_PROCESSORS_ASSESS_WORLD_H

#include <stdio.h>

#include "core/fact.h"
#include "processors/assess/lookup.h"
#include "tests/support/scratch.h" /* cmocka */

enum { WORLD_FIELDS = 16 };

struct world_file {
	const char *path;        /* NULL ends a table */
	enum fact_status status; /* FACT_NONE is taken for FACT_PRESENT */
	const char *content;     /* NULL: not observed */
	size_t content_size;     /* 0: CONTENT is a text */
	const char *type;        /* NULL: "file" */
	unsigned mode;           /* 0: 0644 */
	const char *owner;       /* NULL: "root"; then the uid is 0.  "": the id has no name */
	const char *group;       /* the same */
	const char *link;        /* NULL: PATH is no symbolic link */
	const char *reason;
	bool is_bare; /* no field at all */
};

struct world {
	const struct world_file *files;
	enum status broken; /* what every lookup returns, unless OK */
	unsigned lookups;
	struct fact fact;
	struct fact_field fields[WORLD_FIELDS];
	char key[512], mode[12];
};

static inline void world_add(struct world *world, struct fact_field field)
{
	world->fields[world->fact.fields_count++] = field;
}

static inline void world_add_name(struct world *world, const char *field, const char *name)
{
	if (name == NULL)
		world_add(world, FACT_FIELD_TEXT(field, "root"));
	else if (*name != '\0')
		world_add(world, FACT_FIELD_TEXT(field, name));
}

static inline void world_describe(struct world *world, const struct world_file *file)
{
	const char *content = file->content == NULL ? "" : file->content;
	size_t size = file->content_size != 0 ? file->content_size : strlen(content);

	world_add(world, FACT_FIELD_TEXT("type", file->type == NULL ? "file" : file->type));
	snprintf(world->mode, sizeof(world->mode), "%04o", file->mode == 0 ? 0644 : file->mode);
	world_add(world, FACT_FIELD_TEXT("mode", world->mode));
	world_add(world, FACT_FIELD_NUMBER("uid", file->owner == NULL ? 0 : 1000));
	world_add(world, FACT_FIELD_NUMBER("gid", file->group == NULL ? 0 : 42));
	world_add_name(world, "owner", file->owner);
	world_add_name(world, "group", file->group);
	world_add(world, FACT_FIELD_NUMBER("size", (int64_t)size));
	if (file->content != NULL)
		world_add(world, FACT_FIELD_BLOB("content", BYTES(content, size)));
}

static inline enum status world_get(void *self, struct bytes key, const struct fact **out)
{
	struct world *world = self;

	world->lookups++;
	if (world->broken != STATUS_OK)
		return world->broken;
	for (const struct world_file *file = world->files; file->path != NULL; file++) {
		snprintf(world->key, sizeof(world->key), "file/%s", file->path + 1);
		if (!bytes_equal(key, bytes_of_text(world->key)))
			continue;
		/* Borrowed until the next call only: what an evaluator kept of it is now wrong. */
		memset(world->fields, 0, sizeof(world->fields));
		world->fact = (struct fact){ .key = bytes_of_text(world->key),
			.status = file->status == FACT_NONE ? FACT_PRESENT : file->status,
			.reason = file->reason,
			.fields = world->fields };
		if (world->fact.status != FACT_ABSENT && world->fact.status != FACT_FAILED
		    && !file->is_bare)
			world_describe(world, file);
		if (file->link != NULL)
			world_add(world, FACT_FIELD_TEXT("link", file->link));
		*out = &world->fact;
		return STATUS_OK;
	}
	return STATUS_NOT_FOUND;
}

#define WORLD(files_) ((struct world){ .files = (files_) })
#define WORLD_LOOKUP(world_) ((struct lookup){ .self = (world_), .get = world_get })

#endif
