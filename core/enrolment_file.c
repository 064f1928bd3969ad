/* SPDX-License-Identifier: Apache-2.0 */
#include "core/enrolment_file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/hash.h"

enum {
	FILE_MAX = 64 * 1024,
	CHECKSUM_SIZE = 4,
	SECRET_LINE_SIZE = ENROLMENT_SECRET_SIZE + CHECKSUM_SIZE,
	ADDRESS_MAX = 255,
	HIDDEN_DIGITS = 8, /* as many in a row may be of a secret */
};

static const char version[] = "1";

/* ---- its parts ---- */

bool enrolment_file_is_address(const char *text)
{
	size_t size = strlen(text);
	const char *colon = strrchr(text, ':');

	return size <= ADDRESS_MAX && strncmp(text, "tcp://", 6) == 0 && colon > text + 6
	    && colon[1] != '\0' && strspn(colon + 1, "0123456789") == strlen(colon + 1)
	    && strspn(text + 6, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				"-._:[]%")
	           == size - 6;
}

bool enrolment_file_is_name(const char *text)
{
	size_t size = strlen(text);

	if (size == 0 || size > ENROLMENT_NAME_MAX || !bytes_is_utf8(bytes_of_text(text)))
		return false;
	for (size_t i = 0; i < size; i++)
		if (iscntrl((unsigned char)text[i]) != 0)
			return false;
	return true;
}

static void secret_write(const uint8_t secret[ENROLMENT_SECRET_SIZE], struct buffer *out)
{
	uint8_t line[SECRET_LINE_SIZE];
	char hex[2 * SECRET_LINE_SIZE + 1];
	uint32_t checksum = hash_crc32c(BYTES(secret, ENROLMENT_SECRET_SIZE));

	memcpy(line, secret, ENROLMENT_SECRET_SIZE);
	for (size_t i = 0; i < CHECKSUM_SIZE; i++)
		line[ENROLMENT_SECRET_SIZE + i] = (uint8_t)(checksum >> (24 - 8 * i));
	bytes_to_hex(BYTES_OF(line), hex);
	buffer_append_text(out, hex);
	explicit_bzero(line, sizeof(line));
	explicit_bzero(hex, sizeof(hex));
}

static bool secret_parse(const char *text, uint8_t out[ENROLMENT_SECRET_SIZE])
{
	uint8_t line[SECRET_LINE_SIZE];
	bool is_whole = bytes_from_hex(text, line, sizeof(line))
	             && hash_crc32c(BYTES(line, ENROLMENT_SECRET_SIZE))
	                    == bytes_u32(line + ENROLMENT_SECRET_SIZE);

	if (is_whole)
		memcpy(out, line, ENROLMENT_SECRET_SIZE);
	explicit_bzero(line, sizeof(line));
	return is_whole;
}

/* ---- reading ---- */

static const char *take_text(const struct yaml *yaml, const char *key, struct yaml_errors *errors)
{
	return yaml_text(yaml, yaml_root(yaml), key, errors);
}

static void take_addresses(const struct yaml *yaml, const char *key, struct arena *arena,
    const char **out, size_t *count, struct yaml_errors *errors)
{
	const struct yaml_node *list = yaml_expect(yaml, yaml_root(yaml), key, YAML_SEQUENCE,
	    errors);

	if (list == NULL) {
		if (yaml_get(yaml_root(yaml), key) == NULL)
			yaml_error(errors, yaml, yaml_root(yaml)->mark, "`%s` is missing", key);
		return;
	}
	if (list->count == 0 || list->count > ENROLMENT_ADDRESSES_MAX) {
		yaml_error(errors, yaml, list->mark, "`%s` needs 1 to %d addresses", key,
		    ENROLMENT_ADDRESSES_MAX);
		return;
	}
	for (size_t i = 0; i < list->count; i++) {
		const struct yaml_node *item = list->values[i];

		if (item->type != YAML_SCALAR || !enrolment_file_is_address(item->text))
			yaml_error(errors, yaml, item->mark,
			    "an address is tcp://HOST:PORT, and this is none");
		else
			out[(*count)++] = arena_text(arena, item->text);
	}
}

static void take_key(const struct yaml *yaml, struct enrolment_file *out,
    struct yaml_errors *errors)
{
	const char *text = take_text(yaml, "server_key", errors);
	uint8_t key[SOCKET_KEY_SIZE];

	if (text != NULL && socket_key_decode(text, key))
		strcpy(out->server_key, text);
	else
		yaml_error(errors, yaml, yaml_root(yaml)->mark,
		    "`server_key` is to be the server's public key (40 characters of Z85)");
}

static void take_secret(const struct yaml *yaml, struct enrolment_file *out,
    struct yaml_errors *errors)
{
	const char *text = take_text(yaml, "secret", errors);

	if (text == NULL)
		return;
	out->has_secret = secret_parse(text, out->secret);
	if (!out->has_secret) /* without the line itself: it is nearly a secret */
		yaml_error(errors, NULL, yaml_root(yaml)->mark,
		    "%s: the secret is damaged: it has %d hexadecimal digits, of which the last "
		    "%d check the others; copy the file once more",
		    yaml_name(yaml), 2 * SECRET_LINE_SIZE, 2 * CHECKSUM_SIZE);
}

static void take_all(const struct yaml *yaml, struct enrolment_file *out,
    struct yaml_errors *errors)
{
	const char *found = take_text(yaml, "fettle_enrolment", errors), *name;

	if (found == NULL || strcmp(found, version) != 0) {
		yaml_error(errors, yaml, yaml_root(yaml)->mark,
		    found == NULL ? "this is no enrolment file: `fettle enrolment create` makes one"
				  : "this enrolment file is of another version of Fettle");
		return;
	}
	name = take_text(yaml, "name", errors);
	if (name != NULL && enrolment_file_is_name(name))
		out->name = arena_text(&out->arena, name);
	take_addresses(yaml, "enrol", &out->arena, out->endpoints, &out->endpoints_count, errors);
	take_addresses(yaml, "gateways", &out->arena, out->gateways, &out->gateways_count, errors);
	take_key(yaml, out, errors);
	take_secret(yaml, out, errors);
}

/*
 * Messages show the line that they are about, and that may be the one with the secret.  The file's
 * NAME stays readable.
 */
static void hide_digits(struct buffer *text, size_t from, const char *name)
{
	size_t start = from;

	for (size_t at = from; at <= text->size; at++) {
		if (at < text->size && isxdigit(text->data[at]))
			continue;
		if (at - start >= HIDDEN_DIGITS
		    && memmem(name, strlen(name), text->data + start, at - start) == NULL)
			memset(text->data + start, '*', at - start);
		start = at + 1;
	}
}

enum status enrolment_file_parse(const char *name, struct bytes text, struct enrolment_file *out,
    struct yaml_errors *errors)
{
	struct yaml *yaml = NULL;
	unsigned before = errors->count;
	size_t said = errors->text.size;
	enum status status = yaml_parse(name, text, &yaml, errors);

	*out = (struct enrolment_file){ 0 };
	if (status == STATUS_OK && yaml_root(yaml)->type != YAML_MAPPING)
		yaml_error(errors, yaml, yaml_root(yaml)->mark, "this is no enrolment file");
	else if (status == STATUS_OK)
		take_all(yaml, out, errors);
	yaml_free(yaml);
	if (status == STATUS_OK && errors->count > before)
		status = STATUS_INVALID;
	if (status != STATUS_OK)
		enrolment_file_fini(out);
	hide_digits(&errors->text, said, name);
	return status;
}

static enum status complain(struct yaml_errors *errors, const char *path, enum status status,
    const char *what)
{
	yaml_error(errors, NULL, (struct yaml_mark){ 0 }, "%s: %s", path, what);
	return status;
}

static enum status read_all(int fd, struct buffer *out)
{
	ssize_t got = 1;

	while (got > 0 && out->size <= FILE_MAX) {
		uint8_t *at = buffer_extend(out, 4096);

		do
			got = read(fd, at, 4096);
		while (got < 0 && errno == EINTR);
		out->size -= 4096 - (size_t)(got > 0 ? got : 0);
	}
	if (got < 0)
		return status_of_errno(errno);
	return out->size > FILE_MAX ? STATUS_INVALID : STATUS_OK;
}

enum status enrolment_file_read(const char *path, struct enrolment_file *out,
    struct yaml_errors *errors)
{
	bool is_input = strcmp(path, "-") == 0;
	int fd = is_input ? STDIN_FILENO : open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	struct buffer text = { 0 };
	struct stat info = { 0 };
	enum status status;

	*out = (struct enrolment_file){ 0 };
	if (fd < 0)
		return complain(errors, path, status_of_errno(errno), strerror(errno));
	status = read_all(fd, &text);
	if (status != STATUS_OK)
		status = complain(errors, path, status,
		    status == STATUS_INVALID ? "too long for an enrolment file" : strerror(errno));
	else
		status = enrolment_file_parse(is_input ? "standard input" : path,
		    buffer_bytes(&text), out, errors);
	if (status == STATUS_OK && out->has_secret && !is_input && fstat(fd, &info) == 0
	    && (info.st_mode & S_IRWXO) != 0) {
		enrolment_file_fini(out);
		status = complain(errors, path, STATUS_INVALID,
		    "everybody on this machine may read the secret in it; `chmod 600` it, and "
		    "where anybody may have done so, make another");
	}
	if (!is_input)
		close(fd);
	explicit_bzero(text.data, text.size);
	buffer_fini(&text);
	return status;
}

/* ---- writing ---- */

static void write_addresses(const char *key, const char *const *addresses, size_t count,
    struct buffer *out)
{
	buffer_append_format(out, "%s:\n", key);
	for (size_t i = 0; i < count; i++)
		buffer_append_format(out, "  - \"%s\"\n", addresses[i]);
}

/* In single quotes only a quote means anything, and is doubled. */
static void write_name(const char *name, struct buffer *out)
{
	buffer_append_text(out, "name: '");
	for (; *name != '\0'; name++) {
		if (*name == '\'')
			buffer_append_u8(out, '\'');
		buffer_append_u8(out, (uint8_t)*name);
	}
	buffer_append_text(out, "'\n");
}

void enrolment_file_write(const struct enrolment_file *file, bool with_secret, struct buffer *out)
{
	buffer_append_format(out, "fettle_enrolment: %s\n", version);
	if (file->name != NULL)
		write_name(file->name, out);
	write_addresses("enrol", file->endpoints, file->endpoints_count, out);
	write_addresses("gateways", file->gateways, file->gateways_count, out);
	buffer_append_format(out, "server_key: \"%s\"\n", file->server_key);
	if (!with_secret || !file->has_secret)
		return;
	buffer_append_text(out, "secret: \"");
	secret_write(file->secret, out);
	buffer_append_text(out, "\"\n");
}

void enrolment_file_fini(struct enrolment_file *file)
{
	arena_fini(&file->arena);
	explicit_bzero(file, sizeof(*file));
}
