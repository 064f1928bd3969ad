/* SPDX-License-Identifier: Apache-2.0 */
#include "console/content.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "brokers/log/dump.h"
#include "console/file_text.h"
#include "console/intent.h"
#include "core/hash.h"
#include "core/record.h"
#include "core/sublog.h"
#include "processors/assess/policy.h"
#include "processors/detect/detection.h"
#include "processors/detect/watchlist.h"
#include "processors/prioritize/table.h"
#include "proto/intent.pb-c.h"

enum { FILES_MAX = 4096 };

struct content_settings {
	struct setting_list policies, detections;
	char *priority_table, *watchlist;
};

static const struct setting settings_table[] = {
	SETTING_LIST(struct content_settings, policies, "",
	    "directories and files of policies; empty: the shipped ones, and policies/ beside the "
	    "configuration file"),
	SETTING_LIST(struct content_settings, detections, "",
	    "directories and files of detections; empty: the shipped ones, and detections/ beside "
	    "the configuration file"),
	SETTING_TEXT(struct content_settings, watchlist, "",
	    "file of the watch list; empty: the shipped one"),
	SETTING_TEXT(struct content_settings, priority_table, "",
	    "file of the table that says how soon; empty: the shipped one"),
	SETTING_END
};

const struct setting_section content_section = { .name = "content",
	.settings = settings_table,
	.size = sizeof(struct content_settings),
	.help = "what is assessed, and what is alerted about" };

/* ---- the kinds ---- */

/* These return the id that the text gives itself, to be freed; NULL and errors where it is broken.
 */

static char *read_policy(const char *file, struct bytes text, const char *dialect,
    struct yaml_errors *errors)
{
	struct policy *policy = NULL;
	char *id = NULL;

	if (policy_parse(file, text, dialect, &policy, errors) == STATUS_OK)
		id = text_copy(policy->id);
	policy_free(policy);
	return id;
}

static char *read_detection(const char *file, struct bytes text, const char *dialect,
    struct yaml_errors *errors)
{
	struct regex_set *regexes = regex_set_new();
	struct detection *detection = NULL;
	char *id = NULL;

	(void)dialect;
	if (detection_parse(file, text, regexes, &detection, errors) == STATUS_OK)
		id = text_copy(detection->id);
	detection_free(detection);
	regex_set_free(regexes);
	return id;
}

static char *read_watchlist(const char *file, struct bytes text, const char *dialect,
    struct yaml_errors *errors)
{
	struct watchlist *list = NULL;
	char *id = NULL;

	(void)dialect;
	if (watchlist_parse(file, text, &list, errors) == STATUS_OK)
		id = text_copy("watchlist");
	watchlist_free(list);
	return id;
}

static char *read_table(const char *file, struct bytes text, const char *dialect,
    struct yaml_errors *errors)
{
	struct priority_table *table = NULL;
	char *id = NULL;

	(void)dialect;
	if (priority_table_parse(file, text, &table, errors) == STATUS_OK)
		id = text_copy(priority_table_id(table));
	priority_table_free(table);
	return id;
}

/* What there are many of has a folder, and is withdrawn when its file has gone. */
static const struct kind {
	const char *noun;
	const char *place; /* a folder, or a file, below what is shipped */
	bool is_folder;
	uint32_t intent, removal;
	const char *key; /* of its intent; followed by the id, of what there are many */
	char *(*read)(const char *file, struct bytes text, const char *dialect,
	    struct yaml_errors *errors);
} kinds_all[] = {
	{ "policy", "policies", true, FETTLE__KIND__KIND_POLICY, FETTLE__KIND__KIND_POLICY_REMOVED,
	    "policy/", read_policy },
	{ "detection", "detections", true, FETTLE__KIND__KIND_DETECTION,
	    FETTLE__KIND__KIND_DETECTION_REMOVED, "detection/", read_detection },
	{ "watch list", "watchlist.yaml", false, FETTLE__KIND__KIND_WATCHLIST, 0, "watchlist",
	    read_watchlist },
	{ "priority table", "priorities/default.yaml", false, FETTLE__KIND__KIND_PRIORITY_TABLE, 0,
	    "priority-table", read_table },
};

enum { KIND_OF_POLICIES, KIND_OF_DETECTIONS, KIND_OF_WATCHLIST, KIND_OF_TABLE };

static const struct kind *kind_of(uint32_t intent)
{
	for (size_t i = 0; i < sizeof(kinds_all) / sizeof(kinds_all[0]); i++)
		if (kinds_all[i].intent == intent)
			return &kinds_all[i];
	return NULL;
}

/* One file, read and found good. */
struct entry {
	const struct kind *kind;
	char *file, *id, *text, *dialect;
};

/* What a file of it that is gone withdraws. */
struct directory {
	const struct kind *kind;
	char *path;
};

struct content {
	struct entry *entries;
	size_t count;
	struct directory *directories;
	size_t directories_count;
};

/* ---- reading ---- */

static bool has_suffix(const char *name, const char *suffix)
{
	size_t size = strlen(name), suffix_size = strlen(suffix);

	return size > suffix_size && strcmp(name + size - suffix_size, suffix) == 0;
}

static void free_entry(struct entry *entry)
{
	free(entry->file);
	free(entry->id);
	free(entry->text);
	free(entry->dialect);
}

static const struct entry *find_entry(const struct content *content, const struct kind *kind,
    const char *id)
{
	for (size_t i = 0; i < content->count; i++)
		if (content->entries[i].kind == kind && strcmp(content->entries[i].id, id) == 0)
			return &content->entries[i];
	return NULL;
}

static bool is_taken(const struct content *content, const struct entry *entry,
    struct yaml_errors *errors)
{
	const struct entry *other = find_entry(content, entry->kind, entry->id);

	if (other != NULL)
		yaml_error(errors, NULL, (struct yaml_mark){ 0 },
		    "%s: the %s id `%s` is used by %s too; give one of them another", entry->file,
		    entry->kind->noun, entry->id, other->file);
	return other != NULL;
}

static void add_file(struct content *content, const struct kind *kind, const char *path,
    const char *dialect, struct yaml_errors *errors)
{
	char *real = realpath(path, NULL);
	struct entry entry = { .kind = kind,
		.file = real != NULL ? real : text_copy(path),
		.dialect = text_copy(dialect) };

	entry.text = file_text_read(entry.file, errors);
	if (entry.text != NULL)
		entry.id = kind->read(entry.file, bytes_of_text(entry.text), dialect, errors);
	if (entry.id == NULL || is_taken(content, &entry, errors)) {
		free_entry(&entry);
		return;
	}
	content->entries = memory_grow(content->entries,
	    (content->count + 1) * sizeof(*content->entries));
	content->entries[content->count++] = entry;
}

static int is_content_file(const struct dirent *item)
{
	return item->d_name[0] != '.'
	    && (has_suffix(item->d_name, ".yaml") || has_suffix(item->d_name, ".yml"));
}

/* Takes PATH.  What came from a file in it is withdrawn once that has gone, or the whole directory.
 */
static void note_directory(struct content *content, const struct kind *kind, char *path)
{
	content->directories = memory_grow(content->directories,
	    (content->directories_count + 1) * sizeof(*content->directories));
	content->directories[content->directories_count++] = (struct directory){ kind, path };
}

static void add_directory(struct content *content, const struct kind *kind, const char *path,
    struct yaml_errors *errors)
{
	struct dirent **items;
	char *real = realpath(path, NULL);
	int count = scandir(path, &items, is_content_file, alphasort);

	if (count < 0) {
		yaml_error(errors, NULL, (struct yaml_mark){ 0 }, "%s: cannot be read: %s", path,
		    strerror(errno));
		free(real);
		return;
	}
	for (int i = 0; i < count; i++) {
		char *file = text_format("%s/%s", path, items[i]->d_name);

		if (content->count < FILES_MAX)
			add_file(content, kind, file, NULL, errors);
		free(file);
		free(items[i]);
	}
	free(items);
	note_directory(content, kind, real);
}

static bool is_directory(const char *path)
{
	struct stat info;

	return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static enum status finish(struct content *content, struct content **out,
    const struct yaml_errors *errors)
{
	if (errors->count > 0) {
		content_free(content);
		return STATUS_INVALID;
	}
	*out = content;
	return STATUS_OK;
}

/* NAME below PARENT as it would be if it were there: documents name their files by real paths. */
static char *absent_directory(const char *parent, const char *name)
{
	char *real = realpath(parent, NULL);
	char *path = text_format("%s/%s", real != NULL ? real : parent, name);

	free(real);
	return path;
}

/* The places that LIST names; where it is empty what is shipped, and the machine's own. */
static void add_places(struct content *content, const struct kind *kind,
    const struct setting_list *list, const char *shipped, const char *config,
    struct yaml_errors *errors)
{
	char *own = text_format("%s/%s", config, kind->place);
	char *given = text_format("%s/%s", shipped, kind->place);

	for (size_t i = 0; i < list->count; i++) {
		if (is_directory(list->items[i]))
			add_directory(content, kind, list->items[i], errors);
		else
			add_file(content, kind, list->items[i], NULL, errors);
	}
	if (list->count == 0 && is_directory(given))
		add_directory(content, kind, given, errors);
	if (list->count == 0 && is_directory(own))
		add_directory(content, kind, own, errors);
	else if (list->count == 0)
		note_directory(content, kind, absent_directory(config, kind->place));
	free(own);
	free(given);
}

/* The file that the setting names, or where it names none the shipped one, if there is one. */
static void add_one(struct content *content, const struct kind *kind, const char *named,
    const char *shipped, struct yaml_errors *errors)
{
	char *given = text_format("%s/%s", shipped, kind->place);

	if (named[0] != '\0')
		add_file(content, kind, named, NULL, errors);
	else if (access(given, F_OK) == 0)
		add_file(content, kind, given, NULL, errors);
	free(given);
}

enum status content_load(const struct settings *settings, const char *shipped, const char *config,
    struct content **out, struct yaml_errors *errors)
{
	const struct content_settings *set = settings_of(settings, "content");
	struct content *content = memory_new(sizeof(*content));

	add_one(content, &kinds_all[KIND_OF_TABLE], set->priority_table, shipped, errors);
	add_one(content, &kinds_all[KIND_OF_WATCHLIST], set->watchlist, shipped, errors);
	add_places(content, &kinds_all[KIND_OF_DETECTIONS], &set->detections, shipped, config,
	    errors);
	add_places(content, &kinds_all[KIND_OF_POLICIES], &set->policies, shipped, config, errors);
	return finish(content, out, errors);
}

enum status content_load_files(const char *const *files, const char *dialect, struct content **out,
    struct yaml_errors *errors)
{
	struct content *content = memory_new(sizeof(*content));

	for (; *files != NULL; files++)
		add_file(content, &kinds_all[KIND_OF_POLICIES], *files, dialect, errors);
	return finish(content, out, errors);
}

void content_free(struct content *content)
{
	if (content == NULL)
		return;
	for (size_t i = 0; i < content->count; i++)
		free_entry(&content->entries[i]);
	for (size_t i = 0; i < content->directories_count; i++)
		free(content->directories[i].path);
	free(content->entries);
	free(content->directories);
	free(content);
}

size_t content_count(const struct content *content)
{
	size_t policies = 0;

	for (size_t i = 0; i < content->count; i++)
		policies += content->entries[i].kind == &kinds_all[KIND_OF_POLICIES];
	return policies;
}

/* ---- writing ---- */

static const char *intent_key(struct intent *intent, const struct kind *kind, const char *id)
{
	return kind->is_folder ? arena_format(&intent->arena, "%s%s", kind->key, id) : kind->key;
}

static void add_document(struct intent *intent, const struct entry *entry)
{
	Fettle__Document document = FETTLE__DOCUMENT__INIT;
	uint8_t hash[HASH_SIZE];

	hash_bytes(bytes_of_text(entry->text), hash);
	document.id = entry->id;
	document.file = entry->file;
	document.text = entry->text;
	document.dialect = entry->dialect;
	RECORD_SET_BYTES(&document, hash, BYTES_OF(hash));
	intent_add(intent, entry->kind->intent, intent_key(intent, entry->kind, entry->id),
	    &document.base);
}

static void add_removal(struct intent *intent, const struct kind *kind, const char *id)
{
	Fettle__Document document = FETTLE__DOCUMENT__INIT;

	document.id = RECORD_TEXT(id);
	intent_add(intent, kind->removal, intent_key(intent, kind, id), &document.base);
}

/* Takes what is in INTENT. */
static enum status send(struct intent *intent, const char *data, uint64_t *written)
{
	enum status status = intent_send(intent, data, written);

	intent_fini(intent);
	return status;
}

/* What is in force: called for each document of the log's intent. */
struct in_force {
	void (*visit)(void *data, const struct kind *kind, const Fettle__Document *document);
	void *data;
};

static enum status visit_intent(void *data, const struct log_dump_record *dumped)
{
	struct in_force *in_force = data;
	const struct kind *kind = NULL;
	Fettle__Record *record;
	Fettle__Document *document;

	if (dumped->flow > SUBLOG_INTENT)
		return STATUS_CLOSED; /* intent is over; the sub-logs of observations follow */
	record = fettle__record__unpack(NULL, dumped->record.size, dumped->record.data);
	if (record == NULL)
		return STATUS_OK;
	if (record->envelope != NULL)
		kind = kind_of(record->envelope->kind);
	if (kind != NULL) {
		document = fettle__document__unpack(NULL, record->body.len, record->body.data);
		if (document != NULL && document->id != NULL)
			in_force->visit(in_force->data, kind, document);
		if (document != NULL)
			fettle__document__free_unpacked(document, NULL);
	}
	fettle__record__free_unpacked(record, NULL);
	return STATUS_OK;
}

static void each_in_force(const char *data,
    void (*visit)(void *data, const struct kind *kind, const Fettle__Document *document),
    void *visitor)
{
	struct in_force in_force = { .visit = visit, .data = visitor };

	/* No log yet: nothing is in force. */
	if (log_dump(data, visit_intent, &in_force) == STATUS_NOT_FOUND)
		return;
}

struct sweep {
	const struct content *content;
	struct intent *intent;
};

static bool is_in_directory(const char *file, const char *directory)
{
	size_t size = strlen(directory);

	return strncmp(file, directory, size) == 0 && file[size] == '/'
	    && strchr(file + size + 1, '/') == NULL;
}

static void withdraw_if_gone(void *data, const struct kind *kind, const Fettle__Document *document)
{
	struct sweep *sweep = data;
	const struct content *content = sweep->content;
	bool is_ours = false;

	if (!kind->is_folder || find_entry(content, kind, document->id) != NULL)
		return;
	for (size_t i = 0; document->file != NULL && i < content->directories_count; i++)
		is_ours |= content->directories[i].kind == kind
		        && is_in_directory(document->file, content->directories[i].path);
	if (is_ours)
		add_removal(sweep->intent, kind, document->id);
}

enum status content_publish(const struct content *content, const char *data, uint64_t *written)
{
	struct intent intent;
	struct sweep sweep = { .content = content, .intent = &intent };

	intent_init(&intent);
	for (size_t i = 0; i < content->count; i++)
		add_document(&intent, &content->entries[i]);
	each_in_force(data, withdraw_if_gone, &sweep);
	return send(&intent, data, written);
}

struct find_policy {
	const char *id;
	bool is_found;
};

static void compare_id(void *data, const struct kind *kind, const Fettle__Document *document)
{
	struct find_policy *find = data;

	find->is_found |= kind == &kinds_all[KIND_OF_POLICIES]
	               && strcmp(find->id, document->id) == 0;
}

enum status content_withdraw(const char *data, const char *id)
{
	struct intent intent;
	struct find_policy find = { .id = id };
	uint64_t written;

	each_in_force(data, compare_id, &find);
	if (!find.is_found)
		return STATUS_NOT_FOUND;
	intent_init(&intent);
	add_removal(&intent, &kinds_all[KIND_OF_POLICIES], id);
	return send(&intent, data, &written);
}
