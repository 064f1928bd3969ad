/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fact.h - one key and its value on one asset.
 *
 * A key is bytes, "NAMESPACE/REST", neutral to the operating system; beyond 400 bytes it is cut to
 * its first 367, a '#', and 32 hexadecimal digits of its hash.  A namespace alone is a key as well:
 * there where nobody could look into it.  A value is a short list of named
 * fields; its encoding is canonical (fields in the order given), so equal values have one hash.
 */
#ifndef CORE_FACT_H
#define CORE_FACT_H

#include "core/bytes.h"
#include "core/hash.h"
#include "core/status.h"

enum { FACT_KEY_MAX = 400, FACT_FIELDS_MAX = 64, FACT_CONTENT_MAX = 64 * 1024 };

/* The numbers are those of proto/observation.proto. */
enum fact_status {
	FACT_NONE = 0, /* never observed, or unset */
	FACT_PRESENT,
	FACT_ABSENT,
	FACT_UNREADABLE,
	FACT_TRUNCATED,
	FACT_FAILED,
};

/* "present", "absent", "unreadable", "truncated", "failed"; "unset" for FACT_NONE. */
const char *fact_status_text(enum fact_status status);
/* False if TEXT is none of them. */
bool fact_status_parse(const char *text, enum fact_status *out);

enum fact_field_type { FACT_TEXT, FACT_NUMBER, FACT_BLOB };

struct fact_field {
	const char *name;
	enum fact_field_type type;
	struct bytes bytes; /* text (UTF-8, without a NUL) or blob */
	int64_t number;
};

#define FACT_FIELD_TEXT(name_, text_) \
	((struct fact_field){ .name = (name_), .type = FACT_TEXT, .bytes = bytes_of_text(text_) })
/* Text that is borrowed bytes. */
#define FACT_FIELD_SLICE(name_, bytes_) \
	((struct fact_field){ .name = (name_), .type = FACT_TEXT, .bytes = (bytes_) })
#define FACT_FIELD_NUMBER(name_, number_) \
	((struct fact_field){ .name = (name_), .type = FACT_NUMBER, .number = (number_) })
#define FACT_FIELD_BLOB(name_, bytes_) \
	((struct fact_field){ .name = (name_), .type = FACT_BLOB, .bytes = (bytes_) })

/* A fact as a collector reports it and as a rule looks it up.  Everything is borrowed. */
struct fact {
	struct bytes key;
	enum fact_status status;
	const char *reason; /* or NULL */
	const struct fact_field *fields;
	size_t fields_count;
};

/* Appends NAMESPACE, '/' and REST, shortened where it is too long. */
void fact_key(struct buffer *out, const char *name_space, struct bytes rest);

/* Appends the canonical encoding.  A text field that is not UTF-8 is encoded as a blob. */
void fact_value_encode(struct buffer *out, const struct fact_field *fields, size_t count);

/*
 * The fields, in ARENA.  REJECT: not a value, more than FACT_FIELDS_MAX fields, or a field without
 * a name or with a type other than exactly one.
 */
NODISCARD enum status fact_value_decode(struct bytes value, struct arena *arena,
    struct fact_field **fields, size_t *count);

/* Of status, reason left out, and encoded value: what content is addressed by. */
void fact_hash(enum fact_status status, struct bytes value, uint8_t out[HASH_SIZE]);

/* Whether both are there and say the same, or neither is. */
bool fact_field_equal(const struct fact_field *a, const struct fact_field *b);

/* The field of that name, or NULL. */
const struct fact_field *fact_find(const struct fact_field *fields, size_t count, const char *name);

#endif
