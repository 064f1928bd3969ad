/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A private key is redacted line by line and only as long as the lines look like the body of one: a
 * comment that pretends to open a key hides nothing of what follows.
 */
#include "collectors/redact/redact.h"

#include <ctype.h>

#include "collectors/redact/line.h"
#include "collectors/redact/path_class.h"
#include "collectors/redact/stored_hash.h"

enum { KEY_LINE_LEAST = 16 };

struct redactor {
	enum path_class class;
	struct buffer *out;
	bool has_replaced;
	bool is_in_key;   /* between BEGIN and END */
	bool has_body;    /* something was written for the body of this key, or for this block */
	bool is_in_block; /* of YAML */
	size_t block_indent;
};

static const uint8_t *find(struct bytes text, const char *what)
{
	return text.size == 0 ? NULL : memmem(text.data, text.size, what, strlen(what));
}

static struct bytes rest_of(struct bytes text, const uint8_t *from)
{
	return BYTES(from, text.size - (size_t)(from - text.data));
}

static struct bytes trim(struct bytes text)
{
	while (text.size > 0 && isspace(text.data[0]))
		text = BYTES(text.data + 1, text.size - 1);
	while (text.size > 0 && isspace(text.data[text.size - 1]))
		text.size--;
	return text;
}

static void emit(struct redactor *redactor, struct bytes text)
{
	buffer_append(redactor->out, text);
}

static void replace(struct redactor *redactor)
{
	buffer_append_text(redactor->out, REDACTED);
	redactor->has_replaced = true;
}

/* Once for a run of lines; true if it wrote something. */
static bool replace_once(struct redactor *redactor)
{
	bool is_first = !redactor->has_body;

	redactor->has_replaced = true;
	redactor->has_body = true;
	if (is_first)
		replace(redactor);
	return is_first;
}

/* The end of "-----BEGIN ... PRIVATE KEY-----", PGP's and OpenVPN's included; or NULL. */
static const uint8_t *find_key_start(struct bytes line)
{
	static const char *const marks[] = { "PRIVATE KEY", "Static key", "SECRET KEY", NULL };
	const uint8_t *begin = find(line, "-BEGIN ");

	if (begin == NULL)
		begin = find(line, "- BEGIN ");
	for (size_t i = 0; begin != NULL && marks[i] != NULL; i++) {
		const uint8_t *mark = find(rest_of(line, begin), marks[i]), *end;

		if (mark == NULL)
			continue;
		end = find(rest_of(line, mark), "--");
		if (end == NULL)
			return NULL;
		while (end < line.data + line.size && *end == '-')
			end++;
		return end;
	}
	return NULL;
}

/*
 * Base64 or hexadecimal, and nothing that could be a setting: neither with its value nor, such as
 * the name of a kernel module, alone.  So a last line that is short stays, which is a few bytes.
 */
static bool is_key_body(const struct redactor *redactor, struct bytes line)
{
	line = trim(line);
	if (line.size < KEY_LINE_LEAST
	    && !(redactor->has_body && line.size > 0 && line.data[line.size - 1] == '='))
		return false;
	for (size_t i = 0; i < line.size; i++) {
		uint8_t c = line.data[i];

		if (c == '=' && i + 3 < line.size && line.data[i + 1] != '=' && i != 0)
			return false;
		if (!isalnum(c) && c != '+' && c != '/' && c != '=')
			return false;
	}
	return true;
}

/* The key on the line itself, as JSON has it: up to END, or up to the quote. */
static void redact_key_line(struct redactor *redactor, struct bytes line, const uint8_t *start)
{
	struct bytes body = rest_of(line, start);
	const uint8_t *end = find(body, "-----END");
	size_t size;

	emit(redactor, BYTES(line.data, (size_t)(start - line.data)));
	for (size = 0; size < body.size && body.data + size != end; size++)
		if (end == NULL && (body.data[size] == '"' || body.data[size] == '\''))
			break;
	if (trim(BYTES(body.data, size)).size > 0)
		replace(redactor);
	else
		size = 0;
	redactor->is_in_key = end == NULL && size == body.size;
	redactor->has_body = size > 0;
	emit(redactor, BYTES(body.data + size, body.size - size));
}

/* False where the line is none of a key's and still to be handled. */
static bool continue_key(struct redactor *redactor, struct bytes line, bool *is_silent)
{
	if (!redactor->is_in_key)
		return false;
	if (is_key_body(redactor, line)) {
		*is_silent = !replace_once(redactor);
		return true;
	}
	/* Headers ("Proc-Type: ...") and the blank line below them belong to it, and stay. */
	redactor->is_in_key = trim(line).size == 0 || find(line, ": ") != NULL;
	return false;
}

static size_t indent_of(struct bytes line)
{
	size_t at = 0;

	while (at < line.size && (line.data[at] == ' ' || line.data[at] == '\t'))
		at++;
	return at;
}

static bool continue_block(struct redactor *redactor, struct bytes line, bool *is_silent)
{
	if (!redactor->is_in_block)
		return false;
	if (trim(line).size == 0)
		return false;
	if (indent_of(line) <= redactor->block_indent) {
		redactor->is_in_block = false;
		return false;
	}
	if (!redactor->has_body)
		emit(redactor, BYTES(line.data, indent_of(line)));
	*is_silent = !replace_once(redactor);
	return true;
}

static void redact_any(struct redactor *redactor, struct bytes line)
{
	const uint8_t *key = find_key_start(line);
	struct line_result result;

	if (key != NULL) {
		redact_key_line(redactor, line, key);
		return;
	}
	result = line_redact(line, redactor->class, redactor->out);
	redactor->has_replaced |= result.has_replaced;
	if (result.opens_block) {
		redactor->is_in_block = true;
		redactor->has_body = false;
		redactor->block_indent = indent_of(line);
	}
}

/* Emptiness, locks, "x" and the algorithm stay. */
static void redact_stored(struct redactor *redactor, struct bytes field)
{
	size_t keep = 0;

	while (keep < field.size && (field.data[keep] == '!' || field.data[keep] == '*'))
		keep++;
	emit(redactor, BYTES(field.data, keep));
	field = BYTES(field.data + keep, field.size - keep);
	keep = stored_hash_algorithm(field);
	emit(redactor, BYTES(field.data, keep));
	field = BYTES(field.data + keep, field.size - keep);
	if (field.size <= 1 || bytes_equal(field, bytes_of_text("LK*"))
	    || bytes_equal(field, bytes_of_text(REDACTED)))
		emit(redactor, field);
	else
		replace(redactor);
}

/* A list with commas, each as above. */
static void redact_stored_list(struct redactor *redactor, struct bytes field)
{
	const uint8_t *comma;

	while (field.size > 0 && (comma = memchr(field.data, ',', field.size)) != NULL) {
		redact_stored(redactor, BYTES(field.data, (size_t)(comma - field.data)));
		emit(redactor, BYTES(",", 1));
		field = rest_of(field, comma + 1);
	}
	redact_stored(redactor, field);
}

/* Which fields of a line with colons hold a password, as bits. */
static unsigned secret_fields(enum path_class class)
{
	switch (class) {
	case PATH_CLASS_SHADOW:
		return 1U << 1;
	case PATH_CLASS_OPASSWD:
		return 1U << 3;
	case PATH_CLASS_SMBPASSWD:
		return 1U << 2 | 1U << 3;
	case PATH_CLASS_PGPASS:
		return 1U << 4;
	default:
		return 0;
	}
}

static void redact_fields(struct redactor *redactor, struct bytes line)
{
	unsigned secret = secret_fields(redactor->class);

	for (unsigned i = 0;; i++) {
		const uint8_t *colon = line.size == 0 ? NULL : memchr(line.data, ':', line.size);
		bool is_last = colon == NULL || (redactor->class == PATH_CLASS_PGPASS && i == 4);
		struct bytes field = is_last ? line : BYTES(line.data, (size_t)(colon - line.data));

		if (i < 32 && (secret >> i & 1U) != 0)
			redact_stored_list(redactor, field);
		else
			emit(redactor, field);
		if (is_last)
			return;
		emit(redactor, BYTES(":", 1));
		line = rest_of(line, colon + 1);
	}
}

/* Word number INDEX (from 0) of a line, empty where there are fewer. */
static struct bytes word_of(struct bytes line, unsigned index)
{
	for (;; index--) {
		size_t size = 0;

		line = BYTES(line.data + indent_of(line), line.size - indent_of(line));
		while (size < line.size && line.data[size] != ' ' && line.data[size] != '\t')
			size++;
		if (index == 0)
			return BYTES(line.data, size);
		line = BYTES(line.data + size, line.size - size);
	}
}

/* "com2sec NAME SOURCE COMMUNITY", "createUser NAME METHOD secret METHOD secret". */
static bool redact_snmp(struct redactor *redactor, struct bytes line)
{
	struct bytes directive = word_of(line, 0), from;

	if (bytes_equal(directive, bytes_of_text("createUser"))
	    || bytes_equal(directive, bytes_of_text("usmUser")))
		from = word_of(line, 2);
	else if (bytes_equal(directive, bytes_of_text("com2sec"))
		 || bytes_equal(directive, bytes_of_text("com2sec6")))
		from = word_of(line, bytes_equal(word_of(line, 1), bytes_of_text("-Cn")) ? 5 : 3);
	else
		return false;
	if (from.size == 0 || bytes_equal(from, bytes_of_text("public"))
	    || bytes_equal(from, bytes_of_text("private")))
		return false;
	emit(redactor, BYTES(line.data, (size_t)(from.data - line.data)));
	replace(redactor);
	return true;
}

static void redact_by_class(struct redactor *redactor, struct bytes line)
{
	struct bytes text = trim(line);
	bool is_comment = text.size == 0 || text.data[0] == '#';

	if (redactor->class == PATH_CLASS_SNMP && redact_snmp(redactor, line))
		return;
	if (redactor->class == PATH_CLASS_SECRETS && !is_comment
	    && !bytes_equal(text, bytes_of_text(REDACTED)))
		replace(redactor);
	else if (secret_fields(redactor->class) != 0 && !is_comment
		 && memchr(line.data, ':', line.size) != NULL)
		redact_fields(redactor, line);
	else
		redact_any(redactor, line);
}

/* END is what ended it: "", "\n" or "\r\n". */
static void redact_line(struct redactor *redactor, struct bytes line, struct bytes end)
{
	bool is_silent = false;

	if (!continue_key(redactor, line, &is_silent)
	    && !continue_block(redactor, line, &is_silent))
		redact_by_class(redactor, line);
	if (!is_silent)
		emit(redactor, end);
}

bool redact_content(const char *path, const char *real_path, struct bytes content,
    struct buffer *out)
{
	struct redactor redactor = { .class = path_class_of(path, real_path), .out = out };

	if (redactor.class == PATH_CLASS_KEY) {
		if (content.size > 0)
			replace(&redactor);
		return redactor.has_replaced;
	}
	while (content.size > 0) {
		const uint8_t *end = memchr(content.data, '\n', content.size);
		size_t size = end == NULL ? content.size : (size_t)(end - content.data) + 1;
		size_t text = end == NULL ? size : size - 1;

		if (text < size && text > 0 && content.data[text - 1] == '\r')
			text--;
		redact_line(&redactor, BYTES(content.data, text),
		    BYTES(content.data + text, size - text));
		content = BYTES(content.data + size, content.size - size);
	}
	return redactor.has_replaced;
}
