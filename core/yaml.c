/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events in, tree out: one frame for each level that is open, and one arena for all that the tree
 * is made of.  Bounds are checked as events come, so that a hostile file costs no more than its
 * refusal; an alias counts for all that it stands for, or nine lines would make a billion nodes.
 */
#include "core/yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#include "core/log.h"

enum {
	TEXT_MAX = 16 * 1024 * 1024,
	LEVELS_MAX = 64,
	NODES_MAX = 100 * 1000,
	ALIASES_MAX = 100,
	TAG_DIRECTIVES_MAX = 100,
	ERRORS_KEPT = 50,
	MESSAGE_MAX = 2000,
	/* Characters of the source line that are shown before and after the place. */
	SHOWN_BEFORE = 80,
	SHOWN_AFTER = 40,
};

struct yaml {
	struct arena arena;
	const char *name;
	struct bytes text;
	struct yaml_node *root;
};

/* ---- places ---- */

/* The size of the line break at AT, by libyaml's idea of one; 0 if there is none. */
static size_t break_size(struct bytes text, size_t at)
{
	const uint8_t *here = text.data + at;
	size_t left = text.size - at;

	if (left >= 2 && here[0] == '\r' && here[1] == '\n')
		return 2;
	if (left >= 1 && (here[0] == '\n' || here[0] == '\r'))
		return 1;
	if (left >= 2 && here[0] == 0xc2 && here[1] == 0x85)
		return 2;
	if (left >= 3 && here[0] == 0xe2 && here[1] == 0x80 && (here[2] | 1) == 0xa9)
		return 3;
	return 0;
}

/* Line NUMBER, from 1, without its break; the last one if there are fewer. */
static struct bytes line_of(struct bytes text, unsigned number)
{
	size_t start = 0;

	for (;;) {
		size_t end = start;

		while (end < text.size && break_size(text, end) == 0)
			end++;
		if (--number == 0 || end == text.size)
			return BYTES(text.data + start, end - start);
		start = end + break_size(text, end);
	}
}

static bool is_character_start(uint8_t byte)
{
	return (byte & 0xc0) != 0x80;
}

static size_t count_characters(struct bytes text)
{
	size_t count = 0;

	for (size_t i = 0; i < text.size; i++)
		count += is_character_start(text.data[i]);
	return count;
}

static struct yaml_mark mark_of_offset(struct bytes text, size_t offset)
{
	struct yaml_mark mark = { .line = 1 };
	size_t start = 0, at = 0;

	if (offset > text.size)
		offset = text.size;
	while (at < offset) {
		size_t size = break_size(text, at);

		at += size == 0 ? 1 : size;
		if (size > 0) {
			mark.line++;
			start = at;
		}
	}
	if (start < offset)
		mark.column = (unsigned)count_characters(BYTES(text.data + start, offset - start));
	mark.column++;
	return mark;
}

static struct yaml_mark mark_of(yaml_mark_t mark)
{
	return (struct yaml_mark){ .line = (unsigned)mark.line + 1,
		.column = (unsigned)mark.column + 1 };
}

/* ---- errors ---- */

void yaml_errors_fini(struct yaml_errors *errors)
{
	buffer_fini(&errors->text);
	errors->count = 0;
}

const char *yaml_errors_text(struct yaml_errors *errors)
{
	size_t size = errors->text.size;
	const char *text;

	if (errors->count > ERRORS_KEPT)
		buffer_append_format(&errors->text, "and %u more\n", errors->count - ERRORS_KEPT);
	text = buffer_text(&errors->text);
	errors->text.size = size; /* the count of the rest may still grow */
	return text;
}

/* The offset in LINE of what is COUNT characters before or after offset AT, or of its end. */
static size_t step_back(struct bytes line, size_t at, size_t count)
{
	while (at > 0 && count > 0)
		count -= is_character_start(line.data[--at]);
	return at;
}

static size_t step_forward(struct bytes line, size_t at, size_t count)
{
	while (at < line.size && count > 0) {
		at++;
		while (at < line.size && !is_character_start(line.data[at]))
			at++;
		count--;
	}
	return at;
}

/* The part of LINE that is around COLUMN, and a caret under that. */
static void append_excerpt(struct buffer *out, struct bytes line, unsigned column)
{
	size_t place = step_forward(line, 0, column - 1);
	size_t from = step_back(line, place, SHOWN_BEFORE);
	size_t to = step_forward(line, place, SHOWN_AFTER);
	size_t start = out->size, width;

	buffer_append_text(out, from > 0 ? "  ..." : "  ");
	log_escape(out, BYTES(line.data + from, place - from));
	width = count_characters(BYTES(out->data + start, out->size - start));
	log_escape(out, BYTES(line.data + place, to - place));
	buffer_append_text(out, to < line.size ? "...\n" : "\n");
	memset(buffer_extend(out, width), ' ', width);
	buffer_append_text(out, "^\n");
}

void yaml_error(struct yaml_errors *errors, const struct yaml *yaml, struct yaml_mark mark,
    const char *format, ...)
{
	char message[MESSAGE_MAX];
	va_list arguments;

	if (errors->count++ >= ERRORS_KEPT)
		return;
	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	if (yaml != NULL) {
		log_escape(&errors->text, bytes_of_text(yaml->name));
		buffer_append_format(&errors->text, ":%u:%u: ", mark.line, mark.column);
	}
	log_escape(&errors->text, bytes_of_text(message));
	buffer_append_text(&errors->text, "\n");
	if (yaml != NULL)
		append_excerpt(&errors->text, line_of(yaml->text, mark.line), mark.column);
}

/* ---- the tree under construction ---- */

struct anchor {
	struct anchor *next;
	const char *name;
	struct yaml_node *node;
	size_t nodes;    /* it and all below it */
	unsigned levels; /* that it spans: 0 for a scalar */
	bool is_complete;
};

/* A sequence or mapping that is still open. */
struct frame {
	struct yaml_node *node;
	struct anchor *anchor; /* NULL: it has none */
	struct yaml_node *key; /* waits for its value; NULL: none does */
	size_t room;           /* of the node's arrays */
	size_t nodes_before;
	unsigned levels;
};

struct builder {
	struct yaml *yaml;
	struct yaml_errors *errors;
	struct anchor *anchors; /* the newest first, because a name may be given again */
	struct frame frames[LEVELS_MAX];
	unsigned depth;
	unsigned aliases;
	unsigned documents;
	size_t nodes;
};

/* Always false, for `return refuse(…)`. */
#define refuse(builder, mark, ...) \
	(yaml_error((builder)->errors, (builder)->yaml, (mark), __VA_ARGS__), false)

static struct frame *top_of(struct builder *builder)
{
	return builder->depth == 0 ? NULL : &builder->frames[builder->depth - 1];
}

static bool count_nodes(struct builder *builder, size_t nodes, struct yaml_mark mark)
{
	builder->nodes += nodes;
	return builder->nodes <= NODES_MAX
	    || refuse(builder, mark, "more than %d values, counting what aliases stand for",
		NODES_MAX);
}

static struct yaml_node **grow(struct arena *arena, struct yaml_node **old, size_t count,
    size_t room)
{
	struct yaml_node **grown = arena_take(arena, room * sizeof(*grown));

	if (count > 0)
		memcpy(grown, old, count * sizeof(*grown));
	return grown;
}

static void append(struct arena *arena, struct frame *frame, struct yaml_node *value)
{
	struct yaml_node *node = frame->node;

	if (node->count == frame->room) {
		frame->room = frame->room == 0 ? 4 : 2 * frame->room;
		node->values = grow(arena, node->values, node->count, frame->room);
		if (node->type == YAML_MAPPING)
			node->keys = grow(arena, node->keys, node->count, frame->room);
	}
	if (node->type == YAML_MAPPING)
		node->keys[node->count] = frame->key;
	node->values[node->count++] = value;
	frame->key = NULL;
}

/* MARK is where NODE is used, which for an alias is not where it was made. */
static bool place(struct builder *builder, struct yaml_node *node, struct yaml_mark mark)
{
	struct frame *frame = top_of(builder);

	if (frame == NULL) {
		builder->yaml->root = node;
		return true;
	}
	if (frame->node->type == YAML_MAPPING && frame->key == NULL) {
		frame->key = node;
		return node->type == YAML_SCALAR
		    || refuse(builder, mark, "a key must be a single value");
	}
	append(&builder->yaml->arena, frame, node);
	return true;
}

static struct yaml_node *new_node(struct builder *builder, enum yaml_type type,
    struct yaml_mark mark)
{
	struct yaml_node *node = arena_take(&builder->yaml->arena, sizeof(*node));

	node->type = type;
	node->mark = mark;
	return node;
}

static struct anchor *new_anchor(struct builder *builder, const yaml_char_t *name,
    struct yaml_node *node)
{
	struct anchor *anchor;

	if (name == NULL)
		return NULL;
	anchor = arena_take(&builder->yaml->arena, sizeof(*anchor));
	*anchor = (struct anchor){ .next = builder->anchors,
		.node = node,
		.nodes = 1,
		.name = arena_text(&builder->yaml->arena, (const char *)name) };
	builder->anchors = anchor;
	return anchor;
}

/* ---- events ---- */

static bool on_document(struct builder *builder, struct yaml_mark mark)
{
	return builder->documents++ == 0
	    || refuse(builder, mark, "a second document begins here; a file holds one");
}

static bool on_scalar(struct builder *builder, const yaml_event_t *event)
{
	struct yaml_mark mark = mark_of(event->start_mark);
	struct bytes text = BYTES(event->data.scalar.value, event->data.scalar.length);
	struct yaml_node *node;
	struct anchor *anchor;
	char *copy;

	if (!count_nodes(builder, 1, mark))
		return false;
	if (memchr(text.data, '\0', text.size) != NULL)
		return refuse(builder, mark, "text cannot hold a NUL character");
	node = new_node(builder, YAML_SCALAR, mark);
	copy = arena_take(&builder->yaml->arena, text.size + 1);
	memcpy(copy, text.data, text.size);
	node->text = copy;
	node->is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	anchor = new_anchor(builder, event->data.scalar.anchor, node);
	if (anchor != NULL)
		anchor->is_complete = true;
	return place(builder, node, mark);
}

static bool on_open(struct builder *builder, enum yaml_type type, struct yaml_mark mark,
    const yaml_char_t *anchor)
{
	size_t nodes_before = builder->nodes;
	struct yaml_node *node;

	if (!count_nodes(builder, 1, mark))
		return false;
	if (builder->depth == LEVELS_MAX)
		return refuse(builder, mark, "nested more than %d levels deep", LEVELS_MAX);
	node = new_node(builder, type, mark);
	if (!place(builder, node, mark))
		return false;
	builder->frames[builder->depth++] = (struct frame){ .node = node,
		.anchor = new_anchor(builder, anchor, node),
		.nodes_before = nodes_before,
		.levels = 1 };
	return true;
}

static int compare_keys(const void *a, const void *b)
{
	const struct yaml_node *left = *(struct yaml_node *const *)a;
	const struct yaml_node *right = *(struct yaml_node *const *)b;
	int order = strcmp(left->text, right->text);

	if (order == 0)
		order = (left->mark.line > right->mark.line) - (left->mark.line < right->mark.line);
	if (order == 0)
		order = (left->mark.column > right->mark.column)
		      - (left->mark.column < right->mark.column);
	return order;
}

/* Told one by one, and parsing goes on: yaml_parse counts the errors in the end. */
static void tell_duplicate_keys(struct builder *builder, const struct yaml_node *mapping)
{
	struct yaml_node **keys;

	if (mapping->count < 2)
		return;
	keys = memory_new(mapping->count * sizeof(struct yaml_node *));
	memcpy(keys, mapping->keys, mapping->count * sizeof(struct yaml_node *));
	qsort(keys, mapping->count, sizeof(struct yaml_node *), compare_keys);
	for (size_t i = 1; i < mapping->count; i++)
		if (strcmp(keys[i - 1]->text, keys[i]->text) == 0)
			yaml_error(builder->errors, builder->yaml, keys[i]->mark,
			    "the key `%.100s` is given twice; it is on line %u already",
			    keys[i]->text, keys[i - 1]->mark.line);
	free(keys);
}

/* What lies in the open frame spans LEVELS. */
static void deepen(struct builder *builder, unsigned levels)
{
	struct frame *frame = top_of(builder);

	if (frame != NULL && frame->levels < levels + 1)
		frame->levels = levels + 1;
}

static bool on_close(struct builder *builder)
{
	struct frame *frame = top_of(builder);

	builder->depth--;
	deepen(builder, frame->levels);
	if (frame->anchor != NULL) {
		frame->anchor->nodes = builder->nodes - frame->nodes_before;
		frame->anchor->levels = frame->levels;
		frame->anchor->is_complete = true;
	}
	if (frame->node->type == YAML_MAPPING)
		tell_duplicate_keys(builder, frame->node);
	return true;
}

static bool on_alias(struct builder *builder, const char *name, struct yaml_mark mark)
{
	const struct anchor *anchor = builder->anchors;

	while (anchor != NULL && strcmp(anchor->name, name) != 0)
		anchor = anchor->next;
	if (anchor == NULL)
		return refuse(builder, mark, "no anchor `&%.100s` stands before this alias", name);
	if (!anchor->is_complete)
		return refuse(builder, mark, "the alias `*%.100s` stands inside its own anchor",
		    name);
	if (++builder->aliases > ALIASES_MAX)
		return refuse(builder, mark, "more than %d aliases", ALIASES_MAX);
	if (builder->depth + anchor->levels > LEVELS_MAX)
		return refuse(builder, mark, "nested more than %d levels deep, by this alias",
		    LEVELS_MAX);
	if (!count_nodes(builder, anchor->nodes, mark))
		return false;
	deepen(builder, anchor->levels);
	return place(builder, anchor->node, mark);
}

static bool on_event(struct builder *builder, const yaml_event_t *event)
{
	struct yaml_mark mark = mark_of(event->start_mark);

	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		return on_document(builder, mark);
	case YAML_SCALAR_EVENT:
		return on_scalar(builder, event);
	case YAML_ALIAS_EVENT:
		return on_alias(builder, (const char *)event->data.alias.anchor, mark);
	case YAML_SEQUENCE_START_EVENT:
		return on_open(builder, YAML_SEQUENCE, mark, event->data.sequence_start.anchor);
	case YAML_MAPPING_START_EVENT:
		return on_open(builder, YAML_MAPPING, mark, event->data.mapping_start.anchor);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return on_close(builder);
	default:
		return true;
	}
}

/* ---- parsing ---- */

/* What libyaml found wrong.  Its reader knows an offset only, because it comes before lines. */
static bool explain(struct builder *builder, const yaml_parser_t *parser)
{
	const char *problem = parser->problem == NULL ? "out of memory" : parser->problem;
	struct yaml_mark mark = mark_of(parser->problem_mark);

	if (parser->error == YAML_READER_ERROR)
		mark = mark_of_offset(builder->yaml->text, parser->problem_offset);
	if (parser->context == NULL || parser->error == YAML_READER_ERROR)
		return refuse(builder, mark, "%s", problem);
	return refuse(builder, mark, "%s, %s that begins on line %u", problem, parser->context,
	    mark_of(parser->context_mark).line);
}

static bool build_from(struct builder *builder, yaml_parser_t *parser)
{
	yaml_event_type_t type = YAML_NO_EVENT;

	while (type != YAML_STREAM_END_EVENT) {
		yaml_event_t event;
		bool is_fine;

		if (!yaml_parser_parse(parser, &event))
			return explain(builder, parser);
		type = event.type;
		is_fine = on_event(builder, &event);
		yaml_event_delete(&event);
		if (!is_fine)
			return false;
	}
	return true;
}

/* Nothing, comments, or "---" alone. */
static bool is_empty(const struct yaml_node *root)
{
	return root == NULL
	    || (root->type == YAML_SCALAR && root->is_plain && root->text[0] == '\0');
}

static void build(struct builder *builder)
{
	struct bytes text = builder->yaml->text;
	yaml_parser_t parser;

	if (!yaml_parser_initialize(&parser)) {
		(void)refuse(builder, mark_of_offset(text, 0), "out of memory");
		return;
	}
	/* Said, not guessed: a byte order mark would make libyaml take the rest for UTF-16. */
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, text.data, text.size);
	if (build_from(builder, &parser) && is_empty(builder->yaml->root))
		builder->yaml->root = new_node(builder, YAML_MAPPING, mark_of_offset(text, 0));
	yaml_parser_delete(&parser);
}

/* libyaml compares each %TAG with all before it: a megabyte of them would keep it busy for long. */
static bool has_many_tag_directives(struct bytes text)
{
	const uint8_t *end = text.data + text.size;
	const uint8_t *at = text.data;
	unsigned count = 0;

	while ((at = memmem(at, (size_t)(end - at), "%TAG", 4)) != NULL) {
		if (++count > TAG_DIRECTIVES_MAX)
			return true;
		at += 4;
	}
	return false;
}

static struct bytes without_byte_order_mark(struct bytes text)
{
	return bytes_start_with(text, BYTES("\xef\xbb\xbf", 3))
	         ? BYTES(text.data + 3, text.size - 3)
	         : text;
}

static struct yaml *new_yaml(const char *name, struct bytes text)
{
	struct yaml *yaml = memory_new(sizeof(*yaml));

	yaml->name = arena_text(&yaml->arena, name);
	yaml->text = arena_bytes(&yaml->arena, without_byte_order_mark(text));
	return yaml;
}

enum status yaml_parse(const char *name, struct bytes text, struct yaml **out,
    struct yaml_errors *errors)
{
	const struct yaml_mark start = { .line = 1, .column = 1 };
	unsigned errors_before = errors->count;
	struct builder builder = { .errors = errors };

	*out = NULL;
	if (text.size > TEXT_MAX) {
		yaml_error(errors, NULL, start, "%s: larger than 16 MiB", name);
		return STATUS_INVALID;
	}
	builder.yaml = new_yaml(name, text);
	if (has_many_tag_directives(builder.yaml->text))
		(void)refuse(&builder, start, "%%TAG is written more than %d times",
		    TAG_DIRECTIVES_MAX);
	else
		build(&builder);
	if (errors->count > errors_before) {
		yaml_free(builder.yaml);
		return STATUS_INVALID;
	}
	*out = builder.yaml;
	return STATUS_OK;
}

/* ---- files ---- */

static enum status refuse_file(struct yaml_errors *errors, const char *path, const char *problem,
    enum status status)
{
	yaml_error(errors, NULL, (struct yaml_mark){ 0 }, "%s: %s", path, problem);
	return status;
}

static enum status refuse_errno(struct yaml_errors *errors, const char *path, int error)
{
	enum status status = status_of_errno(error);
	bool is_listed = status == STATUS_NOT_FOUND || status == STATUS_DENIED;

	return refuse_file(errors, path, strerrordesc_np(error), is_listed ? status : STATUS_IO);
}

/* One byte more than is allowed is enough to tell: a file may grow while it is read. */
static int read_to_end(int file, struct buffer *out)
{
	enum { STEP = 64 * 1024 };

	while (out->size <= TEXT_MAX) {
		ssize_t got = read(file, buffer_extend(out, STEP), STEP);

		out->size -= STEP - (size_t)(got < 0 ? 0 : got);
		if (got == 0)
			break;
		if (got < 0 && errno != EINTR)
			return errno;
	}
	return 0;
}

static enum status read_regular(int file, const char *path, struct buffer *out,
    struct yaml_errors *errors)
{
	struct stat info;
	int error;

	if (fstat(file, &info) != 0)
		return refuse_errno(errors, path, errno);
	if (!S_ISREG(info.st_mode))
		return refuse_file(errors, path, "not a regular file", STATUS_INVALID);
	if (info.st_size > TEXT_MAX)
		return refuse_file(errors, path, "larger than 16 MiB", STATUS_INVALID);
	error = read_to_end(file, out);
	return error == 0 ? STATUS_OK : refuse_errno(errors, path, error);
}

enum status yaml_read(const char *path, struct yaml **out, struct yaml_errors *errors)
{
	struct buffer text = { 0 };
	enum status status;
	int file;

	*out = NULL;
	/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
	file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (file < 0)
		return refuse_errno(errors, path, errno);
	status = read_regular(file, path, &text, errors);
	close(file);
	if (status == STATUS_OK)
		status = yaml_parse(path, buffer_bytes(&text), out, errors);
	buffer_fini(&text);
	return status;
}

void yaml_free(struct yaml *yaml)
{
	if (yaml == NULL)
		return;
	arena_fini(&yaml->arena);
	free(yaml);
}

/* ---- reading the tree ---- */

const char *yaml_name(const struct yaml *yaml)
{
	return yaml->name;
}

const struct yaml_node *yaml_root(const struct yaml *yaml)
{
	return yaml->root;
}

const struct yaml_node *yaml_get(const struct yaml_node *mapping, const char *key)
{
	if (mapping == NULL || mapping->type != YAML_MAPPING)
		return NULL;
	for (size_t i = 0; i < mapping->count; i++)
		if (strcmp(mapping->keys[i]->text, key) == 0)
			return mapping->values[i];
	return NULL;
}

const struct yaml_node *yaml_expect(const struct yaml *yaml, const struct yaml_node *mapping,
    const char *key, enum yaml_type type, struct yaml_errors *errors)
{
	static const char *const names[] = {
		[YAML_SCALAR] = "a single value",
		[YAML_SEQUENCE] = "a list",
		[YAML_MAPPING] = "a mapping",
	};
	const struct yaml_node *value = yaml_get(mapping, key);

	if (value == NULL || value->type == type)
		return value;
	yaml_error(errors, yaml, value->mark, "`%.100s` must be %s, and is %s", key, names[type],
	    names[value->type]);
	return NULL;
}

const char *yaml_text(const struct yaml *yaml, const struct yaml_node *mapping, const char *key,
    struct yaml_errors *errors)
{
	const struct yaml_node *value = yaml_expect(yaml, mapping, key, YAML_SCALAR, errors);

	return value == NULL ? NULL : value->text;
}
