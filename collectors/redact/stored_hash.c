/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forms: crypt(5) "$id$...", RFC 2307 "{SCHEME}...", GRUB's "grub.pbkdf2.HASH. ..." and RFC 5803
 * "SCRAM-SHA-256$...".
 */
#include "collectors/redact/stored_hash.h"

#include <ctype.h>
#include <strings.h>

/* What follows the last '$': shorter than any real hash, longer than names in a script. */
enum { CRYPT_LEAST = 13, CRYPT_MOST = 1024, MARK_MOST = 32 };

static const char *const crypt_ids[] = { "1", "2", "2a", "2b", "2x", "2y", "3", "5", "6", "7", "8",
	"9", "y", "gy", "sm3", "md5", "sha1", "apr1", "argon2i", "argon2d", "argon2id", "scrypt",
	"pbkdf2", "pbkdf2-sha1", "pbkdf2-sha256", "pbkdf2-sha512", "bcrypt-sha256", "P", "H",
	NULL };

static const char *const schemes[] = { "SHA", "SSHA", "MD5", "SMD5", "CRYPT", "BLF", "PBKDF2",
	"ARGON2", "SCRAM", "PLAIN", "CLEARTEXT", "CRAM", "NTLM", "LANMAN", NULL };

static bool is_crypt_sign(int c)
{
	return isalnum(c) || (c != 0 && strchr("./$=,+-_", c) != NULL);
}

static bool is_scheme_hash_sign(int c)
{
	return c > ' ' && c != 0x7f && strchr("\"':;,<>", c) == NULL;
}

static bool is_dotted_sign(int c)
{
	return isalnum(c) || c == '.';
}

static size_t run(struct bytes text, size_t from, bool (*is_sign)(int c))
{
	size_t at = from;

	while (at < text.size && is_sign(text.data[at]))
		at++;
	return at - from;
}

/* The size of "$id$", 0 if there is none. */
static size_t crypt_mark(struct bytes text)
{
	size_t at = 1;

	if (text.size < 3 || text.data[0] != '$')
		return 0;
	while (at < text.size && at < MARK_MOST && (isalnum(text.data[at]) || text.data[at] == '-'))
		at++;
	return at > 1 && at < text.size && text.data[at] == '$' ? at + 1 : 0;
}

/* Of the first SIZE bytes, which have one. */
static size_t last_dollar(struct bytes text, size_t size)
{
	while (text.data[size - 1] != '$')
		size--;
	return size - 1;
}

static size_t crypt_at(struct bytes text, size_t *keep)
{
	size_t mark = crypt_mark(text), size;

	if (mark == 0)
		return 0;
	/* A line of nothing but '$' and ids is not to be read through at each of them. */
	text.size = text.size < CRYPT_MOST ? text.size : CRYPT_MOST;
	size = run(text, mark, is_crypt_sign);
	if (mark + size - last_dollar(text, mark + size) <= CRYPT_LEAST)
		return 0;
	for (const char *const *id = crypt_ids; *id != NULL; id++)
		if (strlen(*id) == mark - 2 && memcmp(*id, text.data + 1, mark - 2) == 0) {
			*keep = mark;
			return mark + size;
		}
	return 0;
}

/* The size of "{SCHEME}". */
static size_t scheme_mark(struct bytes text)
{
	const uint8_t *close;

	if (text.size < 3 || text.data[0] != '{')
		return 0;
	close = memchr(text.data, '}', text.size < MARK_MOST ? text.size : MARK_MOST);
	if (close == NULL)
		return 0;
	for (const char *const *scheme = schemes; *scheme != NULL; scheme++)
		if (strlen(*scheme) < text.size
		    && strncasecmp((const char *)text.data + 1, *scheme, strlen(*scheme)) == 0)
			return (size_t)(close - text.data) + 1;
	return 0;
}

/* The size of START, the name of a hash, and END. */
static size_t named_mark(struct bytes text, const char *start, char end)
{
	const uint8_t *stop;
	size_t length = strlen(start);

	if (!bytes_start_with(text, bytes_of_text(start)))
		return 0;
	stop = memchr(text.data + length, end, text.size - length);
	return stop == NULL || stop - text.data >= MARK_MOST ? 0 : (size_t)(stop - text.data) + 1;
}

static bool is_scram_sign(int c)
{
	return is_crypt_sign(c) || c == ':';
}

static size_t marked_at(struct bytes text, size_t mark, bool (*is_sign)(int c), size_t *keep)
{
	size_t size = mark == 0 ? 0 : run(text, mark, is_sign);

	*keep = mark;
	return size == 0 ? 0 : mark + size;
}

size_t stored_hash_at(struct bytes text, size_t *keep)
{
	size_t size;

	if ((size = crypt_at(text, keep)) > 0
	    || (size = marked_at(text, scheme_mark(text), is_scheme_hash_sign, keep)) > 0)
		return size;
	size = marked_at(text, named_mark(text, "grub.pbkdf2.", '.'), is_dotted_sign, keep);
	if (size > 0)
		return size;
	return marked_at(text, named_mark(text, "SCRAM-SHA-", '$'), is_scram_sign, keep);
}

size_t stored_hash_algorithm(struct bytes field)
{
	size_t mark;

	if ((mark = crypt_mark(field)) > 0 || (mark = scheme_mark(field)) > 0
	    || (mark = named_mark(field, "grub.pbkdf2.", '.')) > 0)
		return mark;
	return named_mark(field, "SCRAM-SHA-", '$');
}
