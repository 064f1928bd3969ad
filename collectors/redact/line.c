/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One scan from left to right.  At each place it tries, in this order: a hash that names its own
 * algorithm, the password of a URL, and a name with a value ("key = v", "key: v", "key v",
 * "--key v", "<key>v</key>", '"key": "v"').  How far an unquoted value reaches depends on whether
 * the name was the first thing on the line, a value within a value, or within quotes.
 */
#include "collectors/redact/line.h"

#include <ctype.h>
#include <strings.h>

#include "collectors/redact/redact.h"
#include "collectors/redact/secret_name.h"
#include "collectors/redact/stored_hash.h"

enum {
	PLAIN_DIGITS = 3, /* a number this short is a limit, not a secret */
	/* A line may be looked ahead in for so many times its size; what is left then goes whole.
	 */
	LOOKAHEAD_TIMES = 16,
	LOOKAHEAD_FREE = 64 * 1024,
};

struct scan {
	struct bytes text;
	size_t at;
	enum path_class class;
	bool is_comment;
	bool is_first;      /* no name was seen yet, but for words like "export" */
	bool is_value_side; /* a '=', ':' or quote was seen */
	uint8_t quote;      /* the one that is open, or 0 */
	size_t looked_ahead;
	struct buffer *out;
	struct line_result result;
};

/* From the separator's end; END is where the value ends. */
struct value {
	size_t start, end;
	uint8_t quote; /* around it */
	bool is_yaml;  /* after ':' */
};

static bool is_blank_sign(int c)
{
	return c == ' ' || c == '\t';
}

static bool is_name_sign(int c)
{
	return isalnum(c) || c == '_' || c == '-' || c == '.';
}

/* 0 beyond the end. */
static uint8_t sign(const struct scan *scan, size_t at)
{
	return at < scan->text.size ? scan->text.data[at] : 0;
}

static size_t skip_blanks(const struct scan *scan, size_t at)
{
	while (is_blank_sign(sign(scan, at)))
		at++;
	return at;
}

static struct bytes slice(const struct scan *scan, size_t from, size_t to)
{
	return BYTES(scan->text.data + from, to - from);
}

/* strchr, but a NUL is like any other byte. */
static bool is_any_of(uint8_t c, const char *signs)
{
	return memchr(signs, c, strlen(signs)) != NULL;
}

static bool starts_with_word(struct bytes text, const char *word)
{
	size_t size = strlen(word);

	return text.size >= size && strncasecmp((const char *)text.data, word, size) == 0
	    && (text.size == size || !is_name_sign(text.data[size]));
}

static bool starts_with_any(struct bytes text, const char *const *words)
{
	for (; *words != NULL; words++)
		if (starts_with_word(text, *words))
			return true;
	return false;
}

static void emit_to(struct scan *scan, size_t end)
{
	buffer_append(scan->out, slice(scan, scan->at, end));
	scan->at = end;
}

static void replace_to(struct scan *scan, size_t end)
{
	buffer_append_text(scan->out, REDACTED);
	scan->at = end;
	scan->result.has_replaced = true;
}

/* What stands for a value that is elsewhere: "${NAME}", "{{ name }}". */
static bool is_reference(struct bytes text)
{
	if (text.size < 3 || text.data[text.size - 1] != '}')
		return false;
	return (bytes_start_with(text, BYTES("${", 2)) || bytes_start_with(text, BYTES("{{", 2)))
	    && memchr(text.data, '}', text.size - 1)
	           == (text.data[text.size - 2] == '}' ? text.data + text.size - 2 : NULL);
}

static bool is_short_number(struct bytes text)
{
	for (size_t i = 0; i < text.size; i++)
		if (!isdigit(text.data[i]))
			return false;
	return text.size <= PLAIN_DIGITS;
}

/* Without what ends a statement and without a comment behind the first word. */
static struct bytes essence(struct bytes value)
{
	for (size_t i = 0; i + 1 < value.size; i++)
		if (is_blank_sign(value.data[i])
		    && (value.data[i + 1] == '#' || value.data[i + 1] == ';'))
			value.size = i;
	while (value.size > 0 && is_any_of(value.data[value.size - 1], " \t;,"))
		value.size--;
	return value;
}

static bool is_harmless(struct bytes value)
{
	static const char *const words[] = { "yes", "no", "true", "false", "on", "off", "none",
		"null", "nil", "enabled", "disabled", "{", "[", "(", REDACTED, NULL };

	size_t algorithm;

	value = essence(value);
	if (is_short_number(value) || is_reference(value))
		return true;
	algorithm = stored_hash_algorithm(value);
	value = BYTES(value.data + algorithm, value.size - algorithm);
	if (value.size == 0)
		return true;
	for (const char *const *word = words; *word != NULL; word++)
		if (value.size == strlen(*word)
		    && strncasecmp((const char *)value.data, *word, value.size) == 0)
			return true;
	return false;
}

static bool is_yaml_block(struct bytes value)
{
	value = essence(value);
	return value.size > 0 && value.size <= 3 && is_any_of(value.data[0], "|>")
	    && (value.size == 1 || is_any_of(value.data[1], "+-123456789"));
}

/* "; name=" or "& name=": another pair begins. */
static bool is_next_pair(const struct scan *scan, size_t at)
{
	size_t start = at = skip_blanks(scan, at);

	while (is_name_sign(sign(scan, at)))
		at++;
	return at > start && sign(scan, skip_blanks(scan, at)) == '=';
}

static size_t find_quote(const struct scan *scan, size_t at, uint8_t quote)
{
	for (; at < scan->text.size && scan->text.data[at] != quote; at++)
		if (scan->text.data[at] == '\\' && at + 1 < scan->text.size)
			at++;
	return at < scan->text.size ? at : scan->text.size;
}

/* A value within a value, or within quotes. */
static size_t find_inner_end(const struct scan *scan, size_t at, size_t limit)
{
	for (; at < limit; at++) {
		uint8_t c = scan->text.data[at];

		if (scan->quote == 0 && (is_blank_sign(c) || c == '"' || c == '\''))
			return at;
		if ((c == ';' || c == '&') && is_next_pair(scan, at + 1))
			return at;
		if (c == ',' && scan->class == PATH_CLASS_OPTIONS)
			return at;
	}
	return limit;
}

static size_t find_any(const struct scan *scan, size_t at, const char *signs)
{
	while (at < scan->text.size && !is_any_of(scan->text.data[at], signs))
		at++;
	return at;
}

static size_t trimmed_end(const struct scan *scan)
{
	size_t end = scan->text.size;

	while (end > 0 && is_blank_sign(scan->text.data[end - 1]))
		end--;
	return end;
}

static void bound_value(const struct scan *scan, struct value *value, bool is_json)
{
	size_t start = value->start = skip_blanks(scan, value->start);
	uint8_t c = sign(scan, start);

	if ((c == '"' || c == '\'') && scan->quote != c) {
		value->quote = c;
		value->start = start + 1;
		value->end = find_quote(scan, start + 1, c);
	} else if (is_json) {
		value->end = find_any(scan, start, ",}]");
	} else if (scan->quote != 0) {
		value->end = find_inner_end(scan, start, find_quote(scan, start, scan->quote));
	} else if (scan->is_value_side || scan->class == PATH_CLASS_OPTIONS) {
		value->end = find_inner_end(scan, start, scan->text.size);
	} else {
		value->end = trimmed_end(scan);
	}
	if (value->end < value->start)
		value->end = value->start;
}

static size_t count_words(struct bytes text)
{
	size_t words = 0;

	for (size_t i = 0; i < text.size; i++)
		if (!is_blank_sign(text.data[i]) && (i == 0 || is_blank_sign(text.data[i - 1])))
			words++;
	return words;
}

/* "password hunter2", yet neither prose nor "password required pam_unix.so". */
static bool is_plain_value(const struct scan *scan, size_t start)
{
	static const char *const controls[] = { "required", "requisite", "sufficient", "optional",
		"include", "substack", NULL };
	struct bytes value = essence(slice(scan, start, scan->text.size));

	return value.size > 0 && count_words(value) <= 2
	    && memchr(value.data, '=', value.size) == NULL && !starts_with_any(value, controls)
	    && value.data[0] != '[';
}

/* The word after an option, "--token abc". */
static bool find_option_value(const struct scan *scan, size_t after, struct value *value)
{
	value->start = skip_blanks(scan, after);
	if (sign(scan, value->start) == '-')
		return false;
	bound_value(scan, value, false);
	if (value->quote == 0)
		value->end = find_any(scan, value->start, " \t\"'");
	return true;
}

static bool find_blank_value(const struct scan *scan, size_t name, size_t after,
    enum secret_name kind, struct value *value)
{
	uint8_t c;

	value->start = skip_blanks(scan, after);
	c = sign(scan, value->start);
	if (value->start == after || c == 0 || scan->is_comment)
		return false;
	if (scan->text.data[name] == '-')
		return find_option_value(scan, after, value);
	if (kind == SECRET_NAME_COMMUNITY || c == '"' || c == '\'') {
		if (!scan->is_first && (kind == SECRET_NAME_COMMUNITY || scan->quote != 0))
			return false;
		bound_value(scan, value, false);
		return true;
	}
	if (!scan->is_first || !is_plain_value(scan, value->start))
		return false;
	bound_value(scan, value, false);
	return true;
}

/* The place behind '=', ':', ":=", "=>", "?=", "+=", or 0 where there is none at AT. */
static size_t separator_end(const struct scan *scan, size_t at, bool *is_yaml)
{
	uint8_t c = sign(scan, at), next = sign(scan, at + 1);

	*is_yaml = c == ':' && next != '=';
	if (c == ':' && (next == ':' || (next == '/' && sign(scan, at + 2) == '/')))
		return 0;
	if ((c == ':' || c == '?' || c == '+') && next == '=')
		return at + 2;
	if (c == ':')
		return at + 1;
	if (c != '=' || next == '=')
		return 0;
	return next == '>' ? at + 2 : at + 1;
}

/* The value of the name from NAME to END; false where there is none. */
static bool find_value(const struct scan *scan, size_t name, size_t end, enum secret_name kind,
    struct value *value)
{
	bool is_quoted = scan->quote != 0 && sign(scan, end) == scan->quote;
	size_t after = is_quoted ? end + 1 : end;
	size_t at = skip_blanks(scan, after);
	struct scan outside = *scan;

	if (is_quoted) {
		outside.quote = 0;
		if (starts_with_word(slice(scan, at, scan->text.size), "value"))
			at = skip_blanks(scan, at + strlen("value"));
	}
	if (name > 0 && scan->text.data[name - 1] == '<' && sign(scan, end) == '>') {
		value->start = end + 1;
		value->end = find_any(scan, value->start, "<");
		return true;
	}
	value->start = separator_end(scan, at, &value->is_yaml);
	if (value->start == 0)
		return find_blank_value(&outside, name, after, kind, value);
	bound_value(&outside, value, is_quoted);
	return true;
}

/* A community is one word, and the two that everybody knows are findings, not secrets. */
static bool narrow_community(const struct scan *scan, struct value *value)
{
	struct bytes word;

	if (value->quote == 0)
		value->end = find_any(scan, value->start, " \t;,");
	word = slice(scan, value->start, value->end);
	return !bytes_equal(word, bytes_of_text("public"))
	    && !bytes_equal(word, bytes_of_text("private"));
}

/* It names the file that holds them. */
static bool is_path_of_credentials(struct bytes name, struct bytes value)
{
	return starts_with_word(name, "credentials") && value.size > 0 && value.data[0] == '/';
}

static void redact_value(struct scan *scan, const struct value *value)
{
	size_t keep = stored_hash_algorithm(slice(scan, value->start, value->end));

	emit_to(scan, value->start + keep);
	if (value->end > scan->at)
		replace_to(scan, value->end);
	scan->quote = value->quote != 0 ? value->quote : scan->quote;
}

static bool is_transparent(struct bytes name)
{
	static const char *const words[] = { "export", "set", "setenv", "env", "declare", "local",
		"readonly", "typeset", "enable", "default", NULL };

	for (size_t i = 0; i < name.size; i++)
		if (isalnum(name.data[i]))
			return starts_with_any(name, words);
	return true; /* the dash of a list */
}

static bool names_value(struct scan *scan, size_t end, struct value *value)
{
	struct bytes name = slice(scan, scan->at, end);
	enum secret_name kind = scan->class == PATH_CLASS_NAMELESS ? SECRET_NAME_NOT
	                                                           : secret_name_of(name);
	struct bytes text;

	/* "[credential "x"]" begins a section. */
	if (scan->at > 0 && scan->text.data[scan->at - 1] == '[')
		return false;
	if (kind == SECRET_NAME_NOT || !find_value(scan, scan->at, end, kind, value))
		return false;
	scan->looked_ahead += value->end - scan->at;
	if (kind == SECRET_NAME_COMMUNITY && !narrow_community(scan, value))
		return false;
	text = slice(scan, value->start, value->end);
	if (value->is_yaml && is_yaml_block(text)) {
		scan->result.opens_block = !scan->is_comment;
		return false;
	}
	return !is_harmless(text) && !is_path_of_credentials(name, text);
}

/* "Authorization: Basic dXNlcjpwYXNz", which is a secret only behind such a word. */
static size_t authorization_value(const struct scan *scan, size_t end)
{
	static const char *const schemes[] = { "basic", "bearer", "token", "digest", NULL };
	size_t at = end;

	if (!starts_with_word(slice(scan, scan->at, end), "authorization")
	    && !starts_with_word(slice(scan, scan->at, end), "proxy-authorization"))
		return 0;
	while (at < scan->text.size && is_any_of(scan->text.data[at], " \t:=\"'"))
		at++;
	if (!starts_with_any(slice(scan, at, scan->text.size), schemes))
		return 0;
	while (is_name_sign(sign(scan, at)))
		at++;
	at = skip_blanks(scan, at);
	return at < scan->text.size ? at : 0;
}

static bool try_name(struct scan *scan)
{
	size_t start = scan->at, end = start, secret;
	struct value value = { 0 };

	if (!is_name_sign(sign(scan, start)))
		return false;
	while (is_name_sign(sign(scan, end)))
		end++;
	secret = authorization_value(scan, end);
	if (secret != 0) {
		emit_to(scan, secret);
		replace_to(scan, find_any(scan, secret, "\"'"));
	} else if (names_value(scan, end, &value)) {
		redact_value(scan, &value);
		scan->is_value_side = true;
	} else {
		emit_to(scan, end);
	}
	scan->is_first = scan->is_first && is_transparent(slice(scan, start, end));
	return true;
}

static bool try_hash(struct scan *scan)
{
	size_t keep, size;

	if (scan->at > 0 && isalnum(scan->text.data[scan->at - 1]))
		return false;
	size = stored_hash_at(slice(scan, scan->at, scan->text.size), &keep);
	if (size == 0)
		return false;
	emit_to(scan, scan->at + keep);
	replace_to(scan, scan->at + size - keep);
	return true;
}

/* "://name:password@" */
static bool try_url(struct scan *scan)
{
	size_t start = scan->at + 3, end, colon, last;

	if (!bytes_start_with(slice(scan, scan->at, scan->text.size), BYTES("://", 3)))
		return false;
	end = last = find_any(scan, start, "/?# \t\"'<>");
	while (last > start && sign(scan, last) != '@')
		last--;
	colon = find_any(scan, start, ":");
	if (last == start || colon >= last || last >= end
	    || is_harmless(slice(scan, colon + 1, last)))
		return false;
	emit_to(scan, colon + 1);
	replace_to(scan, last);
	return true;
}

static void step(struct scan *scan)
{
	uint8_t c = scan->text.data[scan->at];
	size_t size = c == '\\' && scan->at + 1 < scan->text.size ? 2 : 1;
	bool is_apostrophe = c == '\'' && scan->quote == 0 && scan->at > 0
	                  && isalnum(scan->text.data[scan->at - 1]);

	if (c == scan->quote)
		scan->quote = 0;
	else if ((c == '"' || c == '\'') && scan->quote == 0 && !is_apostrophe)
		scan->quote = c;
	if (c == '=' || c == ':' || c == '"')
		scan->is_value_side = true;
	emit_to(scan, scan->at + size);
}

static bool is_comment(struct bytes line)
{
	size_t at = 0;

	while (at < line.size && is_blank_sign(line.data[at]))
		at++;
	return at < line.size
	    && (line.data[at] == '#' || line.data[at] == ';'
		|| bytes_start_with(BYTES(line.data + at, line.size - at), BYTES("//", 2)));
}

struct line_result line_redact(struct bytes line, enum path_class class, struct buffer *out)
{
	struct scan scan = {
		.text = line,
		.class = class,
		.is_comment = is_comment(line),
		.is_first = true,
		.out = out,
	};

	while (scan.at < line.size)
		if (scan.looked_ahead / LOOKAHEAD_TIMES > line.size + LOOKAHEAD_FREE)
			replace_to(&scan, line.size);
		else if (!try_hash(&scan) && !try_url(&scan) && !try_name(&scan))
			step(&scan);
	return scan.result;
}
