/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each source in turn writes over what the one before it set, and every value takes the same way:
 * find its section, find its setting, parse, compare with the bounds, store.  A mistake is told
 * with its origin and the rest goes on, so that one start tells all mistakes.
 */
#include "core/setting.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "core/guess.h"
#include "core/quantity.h"
#include "core/require.h"

enum { MESSAGE_MAX = 2000 };

/* The structures of one section: one, or for a list any number. */
struct filled {
	uint8_t *structures;
	size_t count;
};

struct settings {
	const struct setting_section *sections;
	struct filled *filled; /* one for each section */
};

/* Where a value was written: a place in a file, or else what LABEL says. */
struct origin {
	const struct yaml *yaml;
	struct yaml_mark mark;
	const char *label;
};

/* A loading under way. */
struct load {
	struct settings *settings;
	struct yaml_errors *errors;
	enum status status; /* of the first file that could not be read */
};

/* One setting in one structure, and who writes to it. */
struct target {
	struct load *load;
	const char *section;
	const struct setting *setting;
	void *field;
	struct origin origin;
};

/* ---- types ---- */

/* What a value must be, by type; NULL where any text will do. */
static const char *const expected[] = {
	[SETTING_TYPE_U32] = "a whole number, such as `64`",
	[SETTING_TYPE_BOOL] = "`true` or `false`",
	[SETTING_TYPE_SIZE] = "a size, such as `4096`, `64 KiB` or `1G`",
	[SETTING_TYPE_DURATION] = "a duration, such as `500ms`, `90s`, `15m`, `36h` or `7d`",
	[SETTING_TYPE_LIST] = NULL,
};

static bool is_number(const struct setting *setting)
{
	return expected[setting->type] != NULL;
}

static enum quantity quantity_of(const struct setting *setting)
{
	if (setting->type == SETTING_TYPE_SIZE)
		return QUANTITY_SIZE;
	return setting->type == SETTING_TYPE_DURATION ? QUANTITY_DURATION : QUANTITY_COUNT;
}

static bool parse_switch(const char *text, uint64_t *out)
{
	static const char *const names[] = { "false", "true", "no", "yes", "off", "on" };

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcasecmp(names[i], text) == 0) {
			*out = i % 2;
			return true;
		}
	return false;
}

static bool parse_number(const struct setting *setting, const char *text, uint64_t *out)
{
	return setting->type == SETTING_TYPE_BOOL ? parse_switch(text, out)
	                                          : quantity_parse(quantity_of(setting), text, out);
}

static void append_number(struct buffer *out, const struct setting *setting, uint64_t value)
{
	if (setting->type == SETTING_TYPE_BOOL)
		buffer_append_text(out, value ? "true" : "false");
	else
		quantity_format(out, quantity_of(setting), value);
}

static void append_range(struct buffer *out, const struct setting *setting)
{
	append_number(out, setting, setting->lowest);
	if (setting->highest == UINT64_MAX) {
		buffer_append_text(out, " or more");
		return;
	}
	buffer_append_text(out, setting->type == SETTING_TYPE_BOOL ? " or " : " to ");
	append_number(out, setting, setting->highest);
}

/* ---- telling mistakes ---- */

static void complain(struct load *load, struct origin origin, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void complain(struct load *load, struct origin origin, const char *format, ...)
{
	char message[MESSAGE_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	if (origin.yaml != NULL)
		yaml_error(load->errors, origin.yaml, origin.mark, "%s", message);
	else
		yaml_error(load->errors, NULL, origin.mark, "%.200s: %s", origin.label, message);
}

/* ---- tables ---- */

static bool is_end(const struct setting *setting)
{
	return setting == NULL || setting->type == SETTING_TYPE_END;
}

static void check_table(const struct setting_section *section)
{
	REQUIRE(section->settings == NULL || section->size > 0);
	for (const struct setting *setting = section->settings; !is_end(setting); setting++) {
		REQUIRE(setting->type <= SETTING_TYPE_LIST && setting->name != NULL);
		REQUIRE(setting->offset < section->size);
		REQUIRE(!is_number(setting)
			|| (setting->lowest <= setting->fallback
			    && setting->fallback <= setting->highest));
		REQUIRE(setting->type != SETTING_TYPE_U32 || setting->highest <= UINT32_MAX);
	}
}

static const struct setting_section *find_section(struct load *load, struct origin origin,
    const char *name)
{
	const struct setting_section *sections = load->settings->sections;
	struct guess guess = { .wrong = name };
	struct buffer hint = { 0 };

	for (size_t i = 0; sections[i].name != NULL; i++)
		if (strcmp(sections[i].name, name) == 0)
			return &sections[i];
	for (size_t i = 0; sections[i].name != NULL; i++)
		guess_consider(&guess, sections[i].name);
	guess_write(&guess, &hint);
	complain(load, origin, "`%.100s` is not a section%s", name, buffer_text(&hint));
	buffer_fini(&hint);
	guess_fini(&guess);
	return NULL;
}

/* Ends the message about NAME, which is none of SECTION's settings. */
static void write_hint(struct buffer *out, const struct setting_section *section, const char *name)
{
	struct guess guess = { .wrong = name };

	for (const struct setting *setting = section->settings; !is_end(setting); setting++)
		guess_consider(&guess, setting->name);
	guess_write(&guess, out);
	guess_fini(&guess);
}

static const struct setting *find_setting(struct load *load, struct origin origin,
    const struct setting_section *section, const char *name)
{
	struct buffer hint = { 0 };

	for (const struct setting *setting = section->settings; !is_end(setting); setting++)
		if (strcmp(setting->name, name) == 0)
			return setting;
	write_hint(&hint, section, name);
	complain(load, origin, "`%.100s` is not a setting of `%s`%s", name, section->name,
	    buffer_text(&hint));
	buffer_fini(&hint);
	return NULL;
}

static struct filled *filled_of(const struct settings *settings,
    const struct setting_section *section)
{
	return &settings->filled[section - settings->sections];
}

/* ---- storing values ---- */

static void free_list(struct setting_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct setting_list){ 0 };
}

static void add_item(struct setting_list *list, struct bytes text)
{
	list->items = memory_grow(list->items, (list->count + 1) * sizeof(*list->items));
	list->items[list->count++] = text_copy_bytes(text);
}

/* "a, b"; what is empty between commas is no item. */
static void split_list(struct setting_list *list, const char *text)
{
	while (*text != '\0') {
		size_t length = strcspn(text, ","), end = length;

		while (end > 0 && text[end - 1] == ' ')
			end--;
		while (end > 0 && *text == ' ') {
			text++;
			end--;
			length--;
		}
		if (end > 0)
			add_item(list, BYTES(text, end));
		text += length + (text[length] == ',');
	}
}

static void store_number(const struct setting *setting, void *field, uint64_t value)
{
	if (setting->type == SETTING_TYPE_U32)
		*(uint32_t *)field = (uint32_t)value;
	else if (setting->type == SETTING_TYPE_BOOL)
		*(bool *)field = value != 0;
	else
		*(uint64_t *)field = value;
}

static void store_text(void *field, const char *text)
{
	char **stored = field;

	free(*stored);
	*stored = text_copy(text == NULL ? "" : text);
}

static void store_list(void *field, const char *text)
{
	free_list(field);
	split_list(field, text == NULL ? "" : text);
}

static void set_number(const struct target *target, const char *text)
{
	const struct setting *setting = target->setting;
	struct buffer range = { 0 };
	uint64_t value;

	if (!parse_number(setting, text, &value)) {
		complain(target->load, target->origin, "`%s.%s` must be %s, and is `%.100s`",
		    target->section, setting->name, expected[setting->type], text);
	} else if (value < setting->lowest || value > setting->highest) {
		append_range(&range, setting);
		complain(target->load, target->origin, "`%s.%s` must be %s, and is `%.100s`",
		    target->section, setting->name, buffer_text(&range), text);
		buffer_fini(&range);
	} else {
		store_number(setting, target->field, value);
	}
}

static void set_text(const struct target *target, const char *text)
{
	if (target->setting->type == SETTING_TYPE_TEXT)
		store_text(target->field, text);
	else if (target->setting->type == SETTING_TYPE_LIST)
		store_list(target->field, text);
	else
		set_number(target, text);
}

static void fill_defaults(const struct setting_section *section, uint8_t *structure)
{
	for (const struct setting *setting = section->settings; !is_end(setting); setting++) {
		void *field = structure + setting->offset;

		if (setting->type == SETTING_TYPE_TEXT)
			store_text(field, setting->fallback_text);
		else if (setting->type == SETTING_TYPE_LIST)
			store_list(field, setting->fallback_text);
		else
			store_number(setting, field, setting->fallback);
	}
}

static void free_fields(const struct setting_section *section, uint8_t *structure)
{
	for (const struct setting *setting = section->settings; !is_end(setting); setting++) {
		void *field = structure + setting->offset;

		if (setting->type == SETTING_TYPE_TEXT)
			free(*(char **)field);
		else if (setting->type == SETTING_TYPE_LIST)
			free_list(field);
	}
}

/* One more structure of SECTION, with its defaults. */
static uint8_t *add_structure(struct settings *settings, const struct setting_section *section)
{
	struct filled *filled = filled_of(settings, section);
	uint8_t *added;

	filled->structures = memory_grow(filled->structures, (filled->count + 1) * section->size);
	added = filled->structures + filled->count++ * section->size;
	memset(added, 0, section->size);
	fill_defaults(section, added);
	return added;
}

/* ---- files ---- */

static struct origin origin_of(const struct yaml *yaml, const struct yaml_node *node)
{
	return (struct origin){ .yaml = yaml, .mark = node->mark };
}

/* "name:" with nothing after it. */
static bool is_nothing(const struct yaml_node *node)
{
	return node->type == YAML_SCALAR && node->is_plain && node->text[0] == '\0';
}

static void set_sequence(const struct target *target, const struct yaml_node *sequence)
{
	struct setting_list *list = target->field;

	free_list(list);
	for (size_t i = 0; i < sequence->count; i++) {
		const struct yaml_node *item = sequence->values[i];

		if (item->type == YAML_SCALAR)
			add_item(list, bytes_of_text(item->text));
		else
			complain(target->load, origin_of(target->origin.yaml, item),
			    "an item of `%s.%s` must be a single value", target->section,
			    target->setting->name);
	}
}

static void set_node(const struct target *target, const struct yaml_node *value)
{
	bool is_list = target->setting->type == SETTING_TYPE_LIST;

	if (is_list && value->type == YAML_SEQUENCE)
		set_sequence(target, value);
	else if (value->type == YAML_SCALAR)
		set_text(target, value->text);
	else
		complain(target->load, target->origin, "`%s.%s` must be %s", target->section,
		    target->setting->name, is_list ? "a list, such as [a, b]" : "a single value");
}

static void apply_mapping(struct load *load, const struct yaml *yaml,
    const struct setting_section *section, uint8_t *structure, const struct yaml_node *mapping)
{
	for (size_t i = 0; i < mapping->count; i++) {
		const struct yaml_node *key = mapping->keys[i];
		const struct setting *setting = find_setting(load, origin_of(yaml, key), section,
		    key->text);
		struct target target = { .load = load,
			.section = section->name,
			.setting = setting,
			.origin = origin_of(yaml, mapping->values[i]) };

		if (setting == NULL)
			continue;
		target.field = structure + setting->offset;
		set_node(&target, mapping->values[i]);
	}
}

static void apply_entries(struct load *load, const struct yaml *yaml,
    const struct setting_section *section, const struct yaml_node *value)
{
	if (value->type != YAML_SEQUENCE) {
		complain(load, origin_of(yaml, value), "`%s` must be a list of mappings",
		    section->name);
		return;
	}
	for (size_t i = 0; i < value->count; i++) {
		const struct yaml_node *entry = value->values[i];

		if (entry->type == YAML_MAPPING)
			apply_mapping(load, yaml, section, add_structure(load->settings, section),
			    entry);
		else
			complain(load, origin_of(yaml, entry),
			    "an entry of `%s` must be a mapping, such as {name: value}",
			    section->name);
	}
}

static void apply_section(struct load *load, const struct yaml *yaml,
    const struct setting_section *section, const struct yaml_node *value)
{
	if (is_nothing(value))
		return;
	if (section->is_list)
		apply_entries(load, yaml, section, value);
	else if (value->type == YAML_MAPPING)
		apply_mapping(load, yaml, section, filled_of(load->settings, section)->structures,
		    value);
	else
		complain(load, origin_of(yaml, value), "`%s` must be a mapping of settings",
		    section->name);
}

static void apply_yaml(struct load *load, const struct yaml *yaml)
{
	const struct yaml_node *root = yaml_root(yaml);

	if (root->type != YAML_MAPPING) {
		complain(load, origin_of(yaml, root), "the file must be a mapping of sections");
		return;
	}
	for (size_t i = 0; i < root->count; i++) {
		const struct setting_section *section = find_section(load,
		    origin_of(yaml, root->keys[i]), root->keys[i]->text);

		if (section != NULL)
			apply_section(load, yaml, section, root->values[i]);
	}
}

static void note_failure(struct load *load, enum status status)
{
	if (load->status == STATUS_OK)
		load->status = status;
}

static void apply_file(struct load *load, const char *path, bool may_be_missing)
{
	struct yaml_errors *errors = load->errors;
	size_t size_before = errors->text.size;
	unsigned count_before = errors->count;
	struct yaml *yaml;
	enum status status = yaml_read(path, &yaml, errors);

	if (status == STATUS_NOT_FOUND && may_be_missing) {
		errors->text.size = size_before; /* takes back what yaml_read told */
		errors->count = count_before;
		return;
	}
	if (status == STATUS_OK)
		apply_yaml(load, yaml);
	else
		note_failure(load, status);
	yaml_free(yaml);
}

static int is_settings_file(const struct dirent *entry)
{
	static const char suffix[] = ".yaml";
	size_t length = strlen(entry->d_name);

	return entry->d_name[0] != '.' && length >= sizeof(suffix)
	    && strcmp(entry->d_name + length - (sizeof(suffix) - 1), suffix) == 0;
}

/* By bytes: the order must not depend on the locale, as that of alphasort does. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void apply_directory(struct load *load, const char *directory)
{
	struct dirent **entries = NULL;
	int count = scandir(directory, &entries, is_settings_file, by_name);

	if (count < 0 && errno != ENOENT) {
		enum status status = status_of_errno(errno);

		complain(load, (struct origin){ .label = directory }, "%s", strerrordesc_np(errno));
		note_failure(load, status == STATUS_DENIED ? status : STATUS_IO);
	}
	for (int i = 0; i < count; i++) {
		char *path = text_format("%s/%s", directory, entries[i]->d_name);

		apply_file(load, path, false);
		free(path);
		free(entries[i]);
	}
	free(entries);
}

/* ---- environment and command line ---- */

static void apply_text(struct load *load, struct origin origin,
    const struct setting_section *section, const struct setting *setting, const char *text)
{
	uint8_t *structure = filled_of(load->settings, section)->structures;
	struct target target = { .load = load,
		.section = section->name,
		.setting = setting,
		.field = structure + setting->offset,
		.origin = origin };

	if (bytes_is_utf8(bytes_of_text(text)))
		set_text(&target, text);
	else
		complain(load, origin, "`%s.%s` must be UTF-8", section->name, setting->name);
}

/* AT behind WORD as a variable spells it; NULL where something else stands there. */
static const char *skip_word(const char *at, const char *word)
{
	for (; *word != '\0'; word++, at++)
		if (*at != (*word == '-' ? '_' : toupper((unsigned char)*word)))
			return NULL;
	return at;
}

struct variable {
	const struct setting_section *section; /* NULL: of no section */
	const struct setting *setting;         /* NULL: the section has none of that name */
	const char *rest;                      /* of the name, behind the section's */
};

/* NAME is what follows FETTLE_.  A setting that fits wins, then the section of the longest name. */
static struct variable find_variable(const struct setting_section *sections, const char *name)
{
	struct variable best = { .rest = name };

	for (const struct setting_section *section = sections; section->name != NULL; section++) {
		const char *rest = skip_word(name, section->name);

		if (rest == NULL || *rest != '_')
			continue;
		if (rest + 1 > best.rest)
			best = (struct variable){ .section = section, .rest = rest + 1 };
		for (const struct setting *set = section->settings; !is_end(set); set++) {
			const char *end = skip_word(rest + 1, set->name);

			if (end != NULL && *end == '\0')
				return (struct variable){ .section = section, .setting = set };
		}
	}
	return best;
}

static void complain_variable(struct load *load, struct origin origin,
    const struct variable *variable)
{
	char *name = text_copy(variable->rest);
	struct buffer hint = { 0 };

	for (char *at = name; *at != '\0'; at++)
		*at = (char)tolower((unsigned char)*at);
	write_hint(&hint, variable->section, name);
	complain(load, origin, "names no setting of `%s` in upper case%s", variable->section->name,
	    buffer_text(&hint));
	buffer_fini(&hint);
	free(name);
}

static void apply_variable(struct load *load, const char *name, const char *value)
{
	struct origin origin = { .label = name };
	struct variable variable = find_variable(load->settings->sections,
	    name + strlen("FETTLE_"));

	if (variable.section == NULL)
		return;
	if (variable.section->is_list)
		complain(load, origin, "`%s` is a list, which only a file can set",
		    variable.section->name);
	else if (variable.setting == NULL)
		complain_variable(load, origin, &variable);
	else
		apply_text(load, origin, variable.section, variable.setting, value);
}

static void apply_environment(struct load *load, const char *const *environment)
{
	for (; *environment != NULL; environment++) {
		const char *equals = strchr(*environment, '=');
		char *name;

		if (strncmp(*environment, "FETTLE_", strlen("FETTLE_")) != 0 || equals == NULL)
			continue;
		name = text_copy_bytes(BYTES(*environment, (size_t)(equals - *environment)));
		apply_variable(load, name, equals + 1);
		free(name);
	}
}

static void apply_named(struct load *load, struct origin origin, const char *section_name,
    const char *setting_name, const char *value)
{
	const struct setting_section *section = find_section(load, origin, section_name);
	const struct setting *setting;

	if (section == NULL)
		return;
	if (section->is_list) {
		complain(load, origin, "`%s` is a list, which only a file can set", section_name);
		return;
	}
	setting = find_setting(load, origin, section, setting_name);
	if (setting != NULL)
		apply_text(load, origin, section, setting, value);
}

static void apply_flag(struct load *load, const char *flag)
{
	char *name = text_copy(flag);
	char *equals = strchr(name, '=');
	struct origin origin = { .label = "command line" };
	char *dot;

	if (equals != NULL)
		*equals = '\0'; /* first, because a value may hold dots */
	dot = strchr(name, '.');
	if (equals == NULL || dot == NULL) {
		complain(load, origin, "`%.100s` is not SECTION.NAME=VALUE", name);
	} else {
		*dot = '\0';
		apply_named(load, origin, name, dot + 1, equals + 1);
	}
	free(name);
}

/* ---- the whole ---- */

static struct settings *new_settings(const struct setting_section *sections)
{
	struct settings *settings = memory_new(sizeof(*settings));
	size_t count = 0;

	while (sections[count].name != NULL)
		count++;
	settings->sections = sections;
	settings->filled = memory_new(count * sizeof(*settings->filled));
	for (size_t i = 0; i < count; i++) {
		check_table(&sections[i]);
		if (!sections[i].is_list)
			add_structure(settings, &sections[i]);
	}
	return settings;
}

enum status settings_load(const struct setting_section *sections,
    const struct settings_sources *sources, struct settings **out, struct yaml_errors *errors)
{
	unsigned errors_before = errors->count;
	struct load load = { .settings = new_settings(sections), .errors = errors };

	if (sources->file != NULL)
		apply_file(&load, sources->file, sources->file_may_be_missing);
	if (sources->directory != NULL)
		apply_directory(&load, sources->directory);
	if (sources->environment != NULL)
		apply_environment(&load, sources->environment);
	for (size_t i = 0; sources->flags != NULL && sources->flags[i] != NULL; i++)
		apply_flag(&load, sources->flags[i]);
	*out = load.settings;
	if (errors->count == errors_before)
		return STATUS_OK;
	settings_free(load.settings);
	*out = NULL;
	return load.status == STATUS_OK ? STATUS_INVALID : load.status;
}

void settings_free(struct settings *settings)
{
	if (settings == NULL)
		return;
	for (size_t i = 0; settings->sections[i].name != NULL; i++) {
		struct filled *filled = &settings->filled[i];

		for (size_t j = 0; j < filled->count; j++)
			free_fields(&settings->sections[i],
			    filled->structures + j * settings->sections[i].size);
		free(filled->structures);
	}
	free(settings->filled);
	free(settings);
}

static const struct setting_section *section_named(const struct settings *settings,
    const char *name)
{
	const struct setting_section *section = settings->sections;

	while (section->name != NULL && strcmp(section->name, name) != 0)
		section++;
	REQUIRE(section->name != NULL);
	return section;
}

const void *settings_of(const struct settings *settings, const char *section)
{
	const struct setting_section *found = section_named(settings, section);

	REQUIRE(!found->is_list);
	return filled_of(settings, found)->structures;
}

size_t settings_count(const struct settings *settings, const char *section)
{
	return filled_of(settings, section_named(settings, section))->count;
}

const void *settings_at(const struct settings *settings, const char *section, size_t index)
{
	const struct setting_section *found = section_named(settings, section);
	const struct filled *filled = filled_of(settings, found);

	REQUIRE(index < filled->count);
	return filled->structures + index * found->size;
}

/* ---- documentation ---- */

/* TEXT in a cell of a Markdown table, where a bar would begin the next cell. */
static void append_cell(struct buffer *out, const char *text)
{
	for (; text != NULL && *text != '\0'; text++) {
		if (*text == '|')
			buffer_append_u8(out, '\\');
		buffer_append_u8(out, (uint8_t)*text);
	}
}

static const char *const type_names[] = {
	[SETTING_TYPE_U32] = "number",
	[SETTING_TYPE_BOOL] = "switch",
	[SETTING_TYPE_SIZE] = "size",
	[SETTING_TYPE_DURATION] = "duration",
	[SETTING_TYPE_TEXT] = "text",
	[SETTING_TYPE_LIST] = "list",
};

static enum status describe(const struct setting_section *section, const struct setting *setting,
    enum status (*visit)(void *data, const struct setting_description *setting), void *data)
{
	struct setting_description description = { .section = section->name,
		.name = setting->name,
		.help = setting->help,
		.type = type_names[setting->type],
		.is_of_list = section->is_list };
	struct buffer fallback = { 0 }, lowest = { 0 }, highest = { 0 };
	bool has_range = is_number(setting) && setting->type != SETTING_TYPE_BOOL;
	enum status status;

	if (is_number(setting))
		append_number(&fallback, setting, setting->fallback);
	else
		buffer_append_text(&fallback,
		    setting->fallback_text == NULL ? "" : setting->fallback_text);
	append_number(&lowest, setting, setting->lowest);
	append_number(&highest, setting, setting->highest);
	description.fallback = buffer_text(&fallback);
	description.lowest = has_range ? buffer_text(&lowest) : NULL;
	description.highest = has_range && setting->highest != UINT64_MAX ? buffer_text(&highest)
	                                                                  : NULL;
	status = visit(data, &description);
	buffer_fini(&fallback);
	buffer_fini(&lowest);
	buffer_fini(&highest);
	return status;
}

enum status settings_describe(const struct setting_section *sections,
    enum status (*visit)(void *data, const struct setting_description *setting), void *data)
{
	enum status status = STATUS_OK;

	for (size_t i = 0; sections[i].name != NULL; i++)
		for (const struct setting *setting = sections[i].settings;
		     status == STATUS_OK && !is_end(setting); setting++)
			status = describe(&sections[i], setting, visit, data);
	return status;
}

static void append_default(struct buffer *out, const struct setting *setting)
{
	if (is_number(setting)) {
		buffer_append_text(out, "`");
		append_number(out, setting, setting->fallback);
		buffer_append_text(out, "`");
	} else if (setting->fallback_text == NULL || setting->fallback_text[0] == '\0') {
		buffer_append_text(out, "empty");
	} else {
		buffer_append_text(out, "`");
		append_cell(out, setting->fallback_text);
		buffer_append_text(out, "`");
	}
}

static void append_row(struct buffer *out, const struct setting *setting)
{
	buffer_append_format(out, "| `%s` | ", setting->name);
	append_default(out, setting);
	buffer_append_text(out, " | ");
	if (is_number(setting))
		append_range(out, setting);
	else
		buffer_append_text(out, setting->type == SETTING_TYPE_LIST ? "list" : "text");
	buffer_append_text(out, " | ");
	append_cell(out, setting->help);
	buffer_append_text(out, " |\n");
}

void settings_document(const struct setting_section *sections, struct buffer *out)
{
	for (size_t i = 0; sections[i].name != NULL; i++) {
		const struct setting_section *section = &sections[i];

		buffer_append_format(out, "%s## `%s`\n\n", i > 0 ? "\n" : "", section->name);
		if (section->help != NULL)
			buffer_append_format(out, "%s\n\n", section->help);
		if (section->is_list)
			buffer_append_text(out, "A list; each entry holds:\n\n");
		buffer_append_text(out, "| setting | default | range | help |\n"
					"| --- | --- | --- | --- |\n");
		for (const struct setting *setting = section->settings; !is_end(setting); setting++)
			append_row(out, setting);
	}
}
