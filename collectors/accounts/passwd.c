/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of a stored password nothing leaves this file but a word of its own.
 */
#include "collectors/accounts/passwd.h"

#include <errno.h>
#include <stdlib.h>

#include "collectors/small_file.h"
#include "collectors/sorted_list.h"
#include "core/hashmap.h"

enum { SHADOW_COLUMNS = 9, PASSWD_COLUMNS = 7, GROUP_COLUMNS = 4 };

/* One line of the shadow file, borrowed from it. */
struct shadow {
	struct bytes columns[SHADOW_COLUMNS];
	UT_hash_handle hh; /* by the name, the first of them */
};

struct reading {
	const struct survey_input *input;
	struct sheet *sheet;
	struct arena arena;
	struct shadow *shadows;
	void (*on_user)(void *data, const char *name, const char *home);
	void *data;
};

/* ---- columns ---- */

/* How many there are; MOST at most, and the last has no more then either. */
static size_t split(struct bytes line, struct bytes *columns, size_t most)
{
	size_t count = 0;

	for (;;) {
		const uint8_t *end = line.size == 0 ? NULL : memchr(line.data, ':', line.size);
		size_t size = end == NULL ? line.size : (size_t)(end - line.data);

		columns[count++] = BYTES(line.data, size);
		if (end == NULL || count == most)
			return count;
		line = BYTES(end + 1, line.size - size - 1);
	}
}

static bool parse_number(struct bytes text, int64_t *out)
{
	*out = 0;
	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] < '0' || text.data[i] > '9' || *out > UINT32_MAX)
			return false;
		*out = 10 * *out + (text.data[i] - '0');
	}
	return text.size > 0 && *out <= UINT32_MAX;
}

/* ---- passwords ---- */

static bool has_prefix(struct bytes text, const char *prefix)
{
	return bytes_start_with(text, bytes_of_text(prefix));
}

static const char *class_of_hash(struct bytes hash)
{
	static const struct {
		const char *prefix, *class;
	} classes[] = {
		{ "$y$", "hash:yescrypt" },
		{ "$gy$", "hash:gost-yescrypt" },
		{ "$7$", "hash:scrypt" },
		{ "$6$", "hash:sha512" },
		{ "$5$", "hash:sha256" },
		{ "$2", "hash:bcrypt" },
		{ "$sha1", "hash:sha1" },
		{ "$md5", "hash:sunmd5" },
		{ "$1$", "hash:md5" },
		{ "$3$", "hash:nt" },
		{ "_", "hash:bsdi" },
	};

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (has_prefix(hash, classes[i].prefix))
			return classes[i].class;
	return hash.size == 13 ? "hash:des" : "hash:unknown";
}

/* What crypt(3) cannot have written lets nobody in: "*", "!", "!!", "!*", "*LK*". */
static const char *class_of(struct bytes password)
{
	size_t locks = 0;

	while (
	    locks < password.size && (password.data[locks] == '!' || password.data[locks] == '*'))
		locks++;
	if (password.size == 0)
		return "empty";
	if (locks == 0)
		return class_of_hash(password);
	password = BYTES(password.data + locks, password.size - locks);
	return password.size >= 13 || has_prefix(password, "$") ? "locked" : "none";
}

static void set_shadow_status(struct sheet *sheet, int error)
{
	if (error == 0)
		sheet_present(sheet, "account", bytes_of_text("shadow"), NULL, 0);
	else
		sheet_unread(sheet, "account", bytes_of_text("shadow"), error);
}

static void read_shadow(struct reading *reading, struct buffer *file)
{
	int error = survey_read(reading->input, "/etc/shadow", file);
	struct bytes rest = buffer_bytes(file), line;

	set_shadow_status(reading->sheet, error);
	while (error == 0 && small_file_line(&rest, &line)) {
		struct shadow *shadow = arena_take(&reading->arena, sizeof(*shadow)), *found;
		struct bytes *name = &shadow->columns[0];

		if (split(line, shadow->columns, SHADOW_COLUMNS) < 2 || name->size == 0)
			continue;
		HASH_FIND(hh, reading->shadows, name->data, name->size, found);
		if (found == NULL)
			HASH_ADD_KEYPTR(hh, reading->shadows, name->data, name->size, shadow);
	}
}

/* ---- users ---- */

struct fields {
	struct fact_field items[8];
	size_t count;
};

static void add(struct fields *fields, struct fact_field field)
{
	fields->items[fields->count++] = field;
}

static void add_days(struct fields *fields, const char *name, struct bytes text)
{
	int64_t days;

	if (parse_number(text, &days))
		add(fields, FACT_FIELD_NUMBER(name, days));
}

/* "x" in passwd refers to shadow; anything else is the password itself. */
static void add_password(const struct reading *reading, struct fields *fields,
    const struct bytes *columns)
{
	struct shadow *shadow;

	HASH_FIND(hh, reading->shadows, columns[0].data, columns[0].size, shadow);
	if (!bytes_equal(columns[1], bytes_of_text("x")))
		add(fields, FACT_FIELD_TEXT("password", class_of(columns[1])));
	else if (shadow != NULL)
		add(fields, FACT_FIELD_TEXT("password", class_of(shadow->columns[1])));
	if (shadow == NULL)
		return;
	add_days(fields, "expires", shadow->columns[7]);
	add_days(fields, "last_change", shadow->columns[2]);
}

static void take_user(const struct reading *reading, struct bytes line)
{
	struct bytes columns[PASSWD_COLUMNS];
	struct fields fields = { .count = 0 };
	int64_t uid, gid;
	char *name, *home;

	if (split(line, columns, PASSWD_COLUMNS) < PASSWD_COLUMNS || columns[0].size == 0
	    || !parse_number(columns[2], &uid) || !parse_number(columns[3], &gid))
		return;
	add(&fields, FACT_FIELD_NUMBER("uid", uid));
	add(&fields, FACT_FIELD_NUMBER("gid", gid));
	add(&fields, FACT_FIELD_SLICE("gecos", columns[4]));
	add(&fields, FACT_FIELD_SLICE("home", columns[5]));
	add(&fields, FACT_FIELD_SLICE("shell", columns[6]));
	add_password(reading, &fields, columns);
	sheet_present(reading->sheet, "user", columns[0], fields.items, fields.count);
	name = text_copy_bytes(columns[0]);
	home = text_copy_bytes(columns[5]);
	if (home[0] == '/')
		reading->on_user(reading->data, name, home);
	free(name);
	free(home);
}

static void look_at_users(const struct reading *reading)
{
	struct buffer file = { 0 };
	int error = survey_read(reading->input, "/etc/passwd", &file);
	struct bytes rest = buffer_bytes(&file), line;

	if (error != 0) {
		sheet_fail(reading->sheet, "user/", FACT_FAILED, strerror(error));
		sheet_fail(reading->sheet, "authorized_key/", FACT_FAILED,
		    "nobody knows which users there are");
	}
	while (error == 0 && small_file_line(&rest, &line))
		take_user(reading, line);
	buffer_fini(&file);
}

/* ---- groups ---- */

static void take_group(struct sheet *sheet, struct bytes line)
{
	struct bytes columns[GROUP_COLUMNS];
	struct buffer members = { 0 };
	struct fact_field fields[2];
	int64_t gid;

	if (split(line, columns, GROUP_COLUMNS) < GROUP_COLUMNS || columns[0].size == 0
	    || !parse_number(columns[2], &gid))
		return;
	sorted_list_join(columns[3], ',', ",", &members);
	fields[0] = FACT_FIELD_NUMBER("gid", gid);
	fields[1] = FACT_FIELD_SLICE("members", buffer_bytes(&members));
	sheet_present(sheet, "group", columns[0], fields, 2);
	buffer_fini(&members);
}

static void look_at_groups(const struct reading *reading)
{
	struct buffer file = { 0 };
	int error = survey_read(reading->input, "/etc/group", &file);
	struct bytes rest = buffer_bytes(&file), line;

	if (error != 0)
		sheet_fail(reading->sheet, "group/", FACT_FAILED, strerror(error));
	while (error == 0 && small_file_line(&rest, &line))
		take_group(reading->sheet, line);
	buffer_fini(&file);
}

void passwd_look(const struct survey_input *input, struct sheet *sheet,
    void (*on_user)(void *data, const char *name, const char *home), void *data)
{
	static const char *const watched[] = { "passwd", "group", "shadow", NULL };
	struct reading reading = { .input = input,
		.sheet = sheet,
		.on_user = on_user,
		.data = data };
	struct buffer shadow = { 0 };

	survey_watch(input, sheet, "/etc", watched);
	read_shadow(&reading, &shadow);
	look_at_users(&reading);
	look_at_groups(&reading);
	HASH_CLEAR(hh, reading.shadows);
	arena_fini(&reading.arena);
	if (shadow.size > 0)
		explicit_bzero(shadow.data, shadow.size);
	buffer_fini(&shadow);
}
