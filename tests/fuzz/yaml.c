/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file is a tree or is refused with a message, never half of each; what is a tree keeps within
 * the bounds that core/yaml.h names, and written out plainly it is the same tree again.
 */
#include "core/yaml.h"

#include "tests/fuzz/fuzz.h"

enum { LEVELS_MAX = 64, NODES_MAX = 100 * 1000, WRITTEN_MAX = 1024 * 1024 };

/* The character at TEXT, which is UTF-8, and how many bytes it has. */
static unsigned character(const uint8_t *text, unsigned *size)
{
	static const unsigned sizes[] = { [0xc] = 2, [0xd] = 2, [0xe] = 3, [0xf] = 4 };
	unsigned code;

	*size = *text < 0x80 ? 1 : sizes[*text >> 4];
	code = *size == 1 ? *text : *text & (0x7fU >> *size);
	for (unsigned i = 1; i < *size; i++)
		code = code << 6 | (text[i] & 0x3f);
	return code;
}

/* Quoted, with all that YAML could take for a line's end escaped. */
static void write_text(struct buffer *out, const char *text)
{
	unsigned size;

	buffer_append_u8(out, '"');
	for (const uint8_t *at = (const uint8_t *)text; *at != '\0'; at += size) {
		unsigned code = character(at, &size);

		if (code < ' ' || code > '~' || code == '"' || code == '\\')
			buffer_append_format(out, "\\U%08x", code);
		else
			buffer_append_u8(out, (uint8_t)code);
	}
	buffer_append_u8(out, '"');
}

/* In flow style: aliases are written out.  Returns how many nodes that makes. */
static size_t write_node(struct buffer *out, const struct yaml_node *node, unsigned level)
{
	static const char
	    *const ends[][2] = { [YAML_SEQUENCE] = { "[", "]" }, [YAML_MAPPING] = { "{", "}" } };
	size_t nodes = 1;

	FUZZ_HOLDS(level <= LEVELS_MAX && node->mark.line >= 1 && node->mark.column >= 1);
	if (node->type == YAML_SCALAR) {
		FUZZ_HOLDS(node->count == 0 && bytes_is_utf8(bytes_of_text(node->text)));
		write_text(out, node->text);
		return nodes;
	}
	buffer_append_text(out, ends[node->type][0]);
	for (size_t i = 0; i < node->count && out->size < WRITTEN_MAX; i++) {
		if (node->type == YAML_MAPPING) {
			FUZZ_HOLDS(node->keys[i]->type == YAML_SCALAR);
			FUZZ_HOLDS(yaml_get(node, node->keys[i]->text) == node->values[i]);
			nodes += write_node(out, node->keys[i], level + 1);
			buffer_append_text(out, ": ");
		}
		nodes += write_node(out, node->values[i], level + 1);
		buffer_append_text(out, ", ");
	}
	buffer_append_text(out, ends[node->type][1]);
	return nodes;
}

static void is_the_same_when_read_again(const struct buffer *written)
{
	struct yaml_errors errors = { 0 };
	struct buffer again = { 0 };
	struct yaml *yaml = NULL;

	FUZZ_HOLDS(yaml_parse("again", buffer_bytes(written), &yaml, &errors) == STATUS_OK);
	write_node(&again, yaml_root(yaml), 0);
	FUZZ_HOLDS(bytes_equal(buffer_bytes(written), buffer_bytes(&again)));
	yaml_free(yaml);
	buffer_fini(&again);
	yaml_errors_fini(&errors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct yaml_errors errors = { 0 };
	struct buffer written = { 0 };
	struct yaml *yaml = NULL;

	if (yaml_parse("input", BYTES(data, size), &yaml, &errors) == STATUS_OK) {
		FUZZ_HOLDS(yaml != NULL && errors.count == 0);
		FUZZ_HOLDS(write_node(&written, yaml_root(yaml), 0) <= NODES_MAX);
		if (written.size < WRITTEN_MAX)
			is_the_same_when_read_again(&written);
	} else {
		FUZZ_HOLDS(yaml == NULL && errors.count > 0);
		FUZZ_HOLDS(bytes_is_utf8(bytes_of_text(yaml_errors_text(&errors))));
	}
	yaml_free(yaml);
	buffer_fini(&written);
	yaml_errors_fini(&errors);
	return 0;
}
