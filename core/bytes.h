/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bytes.h - borrowed slices, growing buffers, and arenas.
 *
 * Out of memory ends the process (memory_or_die): every role is made to be killed at any moment,
 * and no half-done step can be acknowledged by a dead one.  What hostile input could make large is
 * bounded where it comes in, not here.
 */
#ifndef CORE_BYTES_H
#define CORE_BYTES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Borrowed bytes; data may be NULL only where size is 0. */
struct bytes {
	const uint8_t *data;
	size_t size;
};

#define BYTES(pointer, length) ((struct bytes){ .data = (const void *)(pointer), .size = (length) })
#define BYTES_OF(array) BYTES((array), sizeof(array))
#define BYTES_NONE ((struct bytes){ .data = NULL, .size = 0 })

struct bytes bytes_of_text(const char *text);
bool bytes_equal(struct bytes a, struct bytes b);
/* memcmp order, a shorter one first: LMDB's order of keys. */
int bytes_compare(struct bytes a, struct bytes b);
bool bytes_start_with(struct bytes bytes, struct bytes prefix);
bool bytes_is_utf8(struct bytes bytes);

/* Lower-case hexadecimal; OUT has room for 2 * size + 1. */
void bytes_to_hex(struct bytes bytes, char *out);
/* False where TEXT is not exactly SIZE bytes in hexadecimal. */
bool bytes_from_hex(const char *text, uint8_t *out, size_t size);

/* Never NULL. */
void *memory_new(size_t size);             /* zeroed */
void *memory_grow(void *old, size_t size); /* realloc */
char *text_copy(const char *text);         /* strdup; NULL gives NULL */
char *text_copy_bytes(struct bytes bytes); /* cut at a NUL, always terminated */
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A growing array of bytes that it owns.  All zeroes is an empty one. */
struct buffer {
	uint8_t *data;
	size_t size;
	size_t room;
};

void buffer_fini(struct buffer *buffer);
void buffer_clear(struct buffer *buffer);                   /* keeps the room */
uint8_t *buffer_extend(struct buffer *buffer, size_t size); /* SIZE more bytes, to be filled */
void buffer_append(struct buffer *buffer, struct bytes bytes);
void buffer_append_text(struct buffer *buffer, const char *text);
void buffer_append_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void buffer_append_u8(struct buffer *buffer, uint8_t value);
void buffer_append_u16(struct buffer *buffer, uint16_t value); /* big-endian, so that keys sort */
void buffer_append_u32(struct buffer *buffer, uint32_t value);
void buffer_append_u64(struct buffer *buffer, uint64_t value);
struct bytes buffer_bytes(const struct buffer *buffer);
/* NUL-terminated; valid until the next change. */
const char *buffer_text(struct buffer *buffer);

uint16_t bytes_u16(const uint8_t *at); /* big-endian */
uint32_t bytes_u32(const uint8_t *at);
uint64_t bytes_u64(const uint8_t *at);

/* Memory that is freed all at once.  All zeroes is an empty one. */
struct arena {
	struct arena_block *blocks;
	size_t used; /* bytes handed out since the last reset */
};

void arena_fini(struct arena *arena);
void arena_reset(struct arena *arena);              /* keeps one block */
void *arena_take(struct arena *arena, size_t size); /* zeroed, aligned for any type */
char *arena_text(struct arena *arena, const char *text);
char *arena_format(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
struct bytes arena_bytes(struct arena *arena, struct bytes bytes); /* a copy */

#endif
