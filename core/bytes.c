/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bytes.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/require.h"

/* ---- slices ---- */

struct bytes bytes_of_text(const char *text)
{
	return text == NULL ? BYTES_NONE : BYTES(text, strlen(text));
}

bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

int bytes_compare(struct bytes a, struct bytes b)
{
	size_t common = a.size < b.size ? a.size : b.size;
	int order = common == 0 ? 0 : memcmp(a.data, b.data, common);

	return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

bool bytes_start_with(struct bytes bytes, struct bytes prefix)
{
	return bytes.size >= prefix.size
	    && (prefix.size == 0 || memcmp(bytes.data, prefix.data, prefix.size) == 0);
}

/* How many bytes the sequence at AT has, by its first byte; 0 if none can begin so. */
static size_t utf8_length(uint8_t first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first <= 0xdf)
		return 2;
	if (first >= 0xe0 && first <= 0xef)
		return 3;
	return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

/* The second byte's range excludes overlong forms, surrogates, and what is beyond U+10FFFF. */
static bool is_utf8_second(uint8_t first, uint8_t second)
{
	uint8_t lowest = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
	uint8_t highest = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;

	return second >= lowest && second <= highest;
}

bool bytes_is_utf8(struct bytes bytes)
{
	size_t at = 0;

	while (at < bytes.size) {
		size_t length = utf8_length(bytes.data[at]);

		if (length == 0 || length > bytes.size - at)
			return false;
		if (length > 1 && !is_utf8_second(bytes.data[at], bytes.data[at + 1]))
			return false;
		for (size_t i = 2; i < length; i++)
			if ((bytes.data[at + i] & 0xc0) != 0x80)
				return false;
		at += length;
	}
	return true;
}

void bytes_to_hex(struct bytes bytes, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < bytes.size; i++) {
		*out++ = digits[bytes.data[i] >> 4];
		*out++ = digits[bytes.data[i] & 15];
	}
	*out = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool bytes_from_hex(const char *text, uint8_t *out, size_t size)
{
	if (strlen(text) != 2 * size)
		return false;
	for (size_t i = 0; i < size; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high * 16 + low);
	}
	return true;
}

uint16_t bytes_u16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

uint32_t bytes_u32(const uint8_t *at)
{
	return (uint32_t)bytes_u16(at) << 16 | bytes_u16(at + 2);
}

uint64_t bytes_u64(const uint8_t *at)
{
	return (uint64_t)bytes_u32(at) << 32 | bytes_u32(at + 4);
}

/* ---- memory ---- */

static void *or_die(void *memory)
{
	if (memory == NULL) {
		fputs("fettle: out of memory; nothing was acknowledged that is not stored\n",
		    stderr);
		abort();
	}
	return memory;
}

void *memory_new(size_t size)
{
	return or_die(calloc(1, size == 0 ? 1 : size));
}

void *memory_grow(void *old, size_t size)
{
	return or_die(realloc(old, size == 0 ? 1 : size));
}

char *text_copy(const char *text)
{
	return text == NULL ? NULL : or_die(strdup(text));
}

char *text_copy_bytes(struct bytes bytes)
{
	return bytes.size == 0 ? text_copy("")
	                       : or_die(strndup((const char *)bytes.data, bytes.size));
}

char *text_format(const char *format, ...)
{
	char *text = NULL;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	return or_die(length < 0 ? NULL : text);
}

/* ---- buffers ---- */

void buffer_fini(struct buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct buffer){ 0 };
}

void buffer_clear(struct buffer *buffer)
{
	buffer->size = 0;
}

uint8_t *buffer_extend(struct buffer *buffer, size_t size)
{
	size_t needed = buffer->size + size;

	if (needed > buffer->room || buffer->data == NULL) {
		size_t room = buffer->room < 64 ? 64 : buffer->room;

		while (room < needed)
			room *= 2;
		buffer->data = memory_grow(buffer->data, room);
		buffer->room = room;
	}
	buffer->size = needed;
	return buffer->data + needed - size;
}

void buffer_append(struct buffer *buffer, struct bytes bytes)
{
	uint8_t *at = buffer_extend(buffer, bytes.size);

	if (bytes.size > 0)
		memcpy(at, bytes.data, bytes.size);
}

void buffer_append_text(struct buffer *buffer, const char *text)
{
	buffer_append(buffer, bytes_of_text(text));
}

void buffer_append_format(struct buffer *buffer, const char *format, ...)
{
	va_list arguments, again;
	int length;

	va_start(arguments, format);
	va_copy(again, arguments);
	length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	REQUIRE(length >= 0);
	/* One more for the NUL that vsnprintf insists on. */
	vsnprintf((char *)buffer_extend(buffer, (size_t)length + 1), (size_t)length + 1, format,
	    again);
	va_end(again);
	buffer->size--;
}

void buffer_append_u8(struct buffer *buffer, uint8_t value)
{
	*buffer_extend(buffer, 1) = value;
}

static void append_big_endian(struct buffer *buffer, uint64_t value, size_t size)
{
	uint8_t *at = buffer_extend(buffer, size);

	for (size_t i = 0; i < size; i++)
		at[i] = (uint8_t)(value >> 8 * (size - 1 - i));
}

void buffer_append_u16(struct buffer *buffer, uint16_t value)
{
	append_big_endian(buffer, value, 2);
}

void buffer_append_u32(struct buffer *buffer, uint32_t value)
{
	append_big_endian(buffer, value, 4);
}

void buffer_append_u64(struct buffer *buffer, uint64_t value)
{
	append_big_endian(buffer, value, 8);
}

struct bytes buffer_bytes(const struct buffer *buffer)
{
	return BYTES(buffer->data, buffer->size);
}

const char *buffer_text(struct buffer *buffer)
{
	*buffer_extend(buffer, 1) = '\0';
	buffer->size--;
	return (const char *)buffer->data;
}

/* ---- arenas ---- */

struct arena_block {
	struct arena_block *next;
	size_t size, used;
	_Alignas(max_align_t) uint8_t data[];
};

enum { ARENA_BLOCK = 8 * 1024 - sizeof(struct arena_block) };

static void free_blocks(struct arena_block *block)
{
	while (block != NULL) {
		struct arena_block *next = block->next;

		free(block);
		block = next;
	}
}

void arena_fini(struct arena *arena)
{
	free_blocks(arena->blocks);
	*arena = (struct arena){ 0 };
}

void arena_reset(struct arena *arena)
{
	if (arena->blocks == NULL)
		return;
	free_blocks(arena->blocks->next);
	arena->blocks->next = NULL;
	arena->blocks->used = 0;
	arena->used = 0;
}

void *arena_take(struct arena *arena, size_t size)
{
	struct arena_block *block = arena->blocks;
	size_t rounded = (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
	void *taken;

	if (block == NULL || block->size - block->used < rounded) {
		size_t room = rounded > ARENA_BLOCK ? rounded : ARENA_BLOCK;

		block = memory_grow(NULL, sizeof(*block) + room);
		*block = (struct arena_block){ .next = arena->blocks, .size = room };
		arena->blocks = block;
	}
	taken = block->data + block->used;
	block->used += rounded;
	arena->used += rounded;
	return memset(taken, 0, size);
}

char *arena_text(struct arena *arena, const char *text)
{
	return text == NULL ? NULL : strcpy(arena_take(arena, strlen(text) + 1), text);
}

char *arena_format(struct arena *arena, const char *format, ...)
{
	va_list arguments, again;
	char *text;
	int length;

	va_start(arguments, format);
	va_copy(again, arguments);
	length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	REQUIRE(length >= 0);
	text = arena_take(arena, (size_t)length + 1);
	vsnprintf(text, (size_t)length + 1, format, again);
	va_end(again);
	return text;
}

struct bytes arena_bytes(struct arena *arena, struct bytes bytes)
{
	uint8_t *copy = arena_take(arena, bytes.size);

	if (bytes.size > 0)
		memcpy(copy, bytes.data, bytes.size);
	return BYTES(copy, bytes.size);
}
