/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setting.h - settings from tables: name, default, lowest, highest, help.
 *
 * A part declares one table; the structure that it fills is all that the part sees.  Values come
 * from, in rising order: the default, the configuration file (YAML, then conf.d/ in order), the
 * environment (FETTLE_SECTION_NAME), the command line (SECTION.NAME=VALUE).  What is unknown or out
 * of range refuses to start and names file, line and column, the variable, or the flag.  The
 * documentation (docs/settings.md) is generated from the tables.
 */
#ifndef CORE_SETTING_H
#define CORE_SETTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/status.h"
#include "core/yaml.h"

enum setting_type {
	SETTING_TYPE_END = 0,
	SETTING_TYPE_U32,      /* uint32_t */
	SETTING_TYPE_BOOL,     /* bool: true/false, yes/no, on/off */
	SETTING_TYPE_SIZE,     /* uint64_t bytes: "64 KiB", "256 MiB", "1G" (of 1024), "4096" */
	SETTING_TYPE_DURATION, /* uint64_t milliseconds: "500ms", "90s", "15m", "36h", "7d", "0" */
	SETTING_TYPE_TEXT,     /* char *, owned; may be "" */
	SETTING_TYPE_LIST,     /* struct setting_list: a YAML sequence of scalars, else "a, b" */
};

struct setting_list {
	char **items;
	size_t count;
};

struct setting {
	const char *name;
	enum setting_type type;
	size_t offset;
	uint64_t fallback, lowest, highest; /* numbers; durations in ms, sizes in bytes */
	const char *fallback_text;          /* texts and lists */
	const char *help;                   /* one line, for the documentation and --help */
};

#define SETTING_U32(structure, field, fallback_, lowest_, highest_, help_) \
	{ \
		.name = #field, .type = SETTING_TYPE_U32, .offset = offsetof(structure, field), \
		.fallback = (fallback_), .lowest = (lowest_), .highest = (highest_), \
		.help = (help_) \
	}
#define SETTING_BOOL(structure, field, fallback_, help_) \
	{ \
		.name = #field, .type = SETTING_TYPE_BOOL, .offset = offsetof(structure, field), \
		.fallback = (fallback_), .highest = 1, .help = (help_) \
	}
#define SETTING_SIZE(structure, field, fallback_, lowest_, highest_, help_) \
	{ \
		.name = #field, .type = SETTING_TYPE_SIZE, .offset = offsetof(structure, field), \
		.fallback = (fallback_), .lowest = (lowest_), .highest = (highest_), \
		.help = (help_) \
	}
#define SETTING_DURATION(structure, field, fallback_, lowest_, highest_, help_) \
	{ \
		.name = #field, .type = SETTING_TYPE_DURATION, \
		.offset = offsetof(structure, field), .fallback = (fallback_), \
		.lowest = (lowest_), .highest = (highest_), .help = (help_) \
	}
#define SETTING_TEXT(structure, field, fallback_, help_) \
	{ \
		.name = #field, .type = SETTING_TYPE_TEXT, .offset = offsetof(structure, field), \
		.fallback_text = (fallback_), .help = (help_) \
	}
#define SETTING_LIST(structure, field, fallback_, help_) \
	{ \
		.name = #field, .type = SETTING_TYPE_LIST, .offset = offsetof(structure, field), \
		.fallback_text = (fallback_), .help = (help_) \
	}
#define SETTING_END \
	{ \
		.name = NULL, .type = SETTING_TYPE_END \
	}

/*
 * One section of the file ("gateway:") and the table behind it.  A section that is a list holds any
 * number of such structures ("siem: [ {name: …}, {name: …} ]"), none by default; each file adds to
 * it, and environment and command line cannot reach into it.
 */
struct setting_section {
	const char *name;
	const struct setting *settings; /* NULL: none */
	size_t size;                    /* of the structure */
	const char *help;
	bool is_list;
};

/*
 * All settings of a program.  SECTIONS ends with a NULL name and lives on.
 * A section that is named in the file but not in SECTIONS is refused like any unknown key.
 */
struct settings;

struct settings_sources {
	const char *file;               /* NULL: none */
	bool file_may_be_missing;       /* a default path, not one that somebody asked for */
	const char *directory;          /* of *.yaml, read in order after FILE; may be missing */
	const char *const *flags;       /* "gateway.listen=tcp://…", ends with NULL; NULL: none */
	const char *const *environment; /* as environ; NULL: none */
};

/*
 * INVALID: ERRORS says what, where, and what would be right, for every mistake and not only the
 * first.  NOT_FOUND, DENIED, IO: a file that was asked for could not be read, ERRORS says so too.
 * A variable FETTLE_SECTION_… of a known section is refused where it names no setting; any other
 * FETTLE_… is somebody else's.
 */
NODISCARD enum status settings_load(const struct setting_section *sections,
    const struct settings_sources *sources, struct settings **out, struct yaml_errors *errors);
void settings_free(struct settings *settings); /* NULL is fine */

/* The filled structure of a section, which must be one of SECTIONS; valid as long as SETTINGS. */
const void *settings_of(const struct settings *settings, const char *section);
/* The same for a section that is a list: how many there are, and the one at INDEX. */
size_t settings_count(const struct settings *settings, const char *section);
const void *settings_at(const struct settings *settings, const char *section, size_t index);

/* One setting, as a file would have it; borrowed for the visit. */
struct setting_description {
	const char *section, *name, *help;
	const char *type;             /* number, switch, size, duration, text or list */
	const char *fallback;         /* "" where it is empty */
	const char *lowest, *highest; /* NULL: there is none */
	bool is_of_list;              /* its section is a list */
};
/* Calls VISIT for each until it returns other than OK, which is then returned. */
NODISCARD enum status settings_describe(const struct setting_section *sections,
    enum status (*visit)(void *data, const struct setting_description *setting), void *data);

/* Markdown tables of all sections, for docs/settings.md. */
void settings_document(const struct setting_section *sections, struct buffer *out);

#endif
